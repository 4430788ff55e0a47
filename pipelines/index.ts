// pipeline(task, model?, options?): finds a model, loads it, returns a function that does the task.
// Holds no task's code.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../src/errors.ts";
import { readJson } from "../src/io/json.ts";
import { type AnyModel, PreTrainedModel } from "../src/models/architecture.ts";
import { classOf } from "../src/models/auto.ts";
import { ARCHITECTURES } from "../src/models/index.ts";
import { hasWeights } from "../src/models/weights.ts";
import { WEIGHT_DTYPES } from "../src/onnx/weight-dtype.ts";
import { findAdapters, headLabels, noAdaptersOf, wantsAdapters, withBase } from "./adapters.ts";
import { delegated, type ForeignCall, type ForeignTask, isForeign, speaksLanguages } from "./delegate.ts";
import { findOnnx } from "./engine.ts";
import { missingPart, notInWorkers, refuseIdle } from "./idle-options.ts";
import { nativeEngines } from "./native.ts";
import { transformersEngines } from "./onnx-engines.ts";
import { type PipelineOptions, parsePipelineOptions } from "./options.ts";
import { type FoundModel, findDefault, findModel } from "./resolve.ts";
import type { ModelServer, ModelServerOptions } from "./serve/index.ts";
import { type InputStream, isStream, streamed } from "./stream.ts";
import {
  AUTO_CLASSES,
  type AutoName,
  type EngineKind,
  type EngineLoaders,
  type LoadedModel,
  type Task,
  type TaskContext,
} from "./task.ts";
import { type AnyTaskName, type CallOf, TASKS, type TaskRow, taskRow } from "./tasks.ts";
import { takeSignal, untilAborted } from "./worker/signals.ts";
import type { InWorkers } from "./worker/types.ts";

export type { AudioInput, Sound } from "./audio.ts";
export { FOREIGN_TASKS, type ForeignCall, type ForeignTask } from "./delegate.ts";
export { type ExportDType, type ExportedModel, type ExportOptions, exportModel } from "./export.ts";
export type { ImageInput } from "./images.ts";
export type { TextPair } from "./inputs.ts";
export type { PipelineOptions } from "./options.ts";
export type { ModelServer, ModelServerOptions, ServedModelInfo } from "./serve/index.ts";
export type { InputStream } from "./stream.ts";
export type { FeatureExtractionOptions, FeatureExtractionPipeline } from "./tasks/feature-extraction.ts";
export type { FilledMask, FillMaskOptions, FillMaskPipeline } from "./tasks/fill-mask.ts";
export type { ImageClassificationOptions, ImageClassificationPipeline } from "./tasks/image-classification.ts";
export type {
  ImageFeatureExtractionOptions,
  ImageFeatureExtractionPipeline,
} from "./tasks/image-feature-extraction.ts";
export type {
  Answer,
  QuestionAnsweringInput,
  QuestionAnsweringOptions,
  QuestionAnsweringPipeline,
} from "./tasks/question-answering.ts";
export type {
  Classification,
  TextClassificationOptions,
  TextClassificationPipeline,
} from "./tasks/text-classification.ts";
export type {
  GeneratedText,
  StreamedToken,
  TextGenerationOptions,
  TextGenerationPipeline,
  TokenStreamOptions,
} from "./tasks/text-generation.ts";
export type {
  SummarizationPipeline,
  Text2TextGenerationPipeline,
  Text2TextOptions,
  Text2TextPipeline,
  TranslationOptions,
  TranslationPipeline,
} from "./tasks/text2text.ts";
export type {
  AggregationStrategy,
  Entity,
  EntityGroup,
  TokenClassificationOptions,
  TokenClassificationPipeline,
} from "./tasks/token-classification.ts";
export type {
  ZeroShotClassification,
  ZeroShotClassificationOptions,
  ZeroShotClassificationPipeline,
} from "./tasks/zero-shot-classification.ts";
export type {
  ZeroShotImageClassificationOptions,
  ZeroShotImageClassificationPipeline,
} from "./tasks/zero-shot-image-classification.ts";
export { type AnyTaskName, type TaskName, taskNames } from "./tasks.ts";
export type { CancelOptions, InWorkers } from "./worker/types.ts";

/** What every pipeline says about itself. */
export interface PipelineInfo {
  readonly task: string;
  /** Repository or folder. */
  readonly model: string;
  /** Commit, or version of the shipped copy; undefined for a folder. */
  readonly revision: string | undefined;
  /** "native": our graph from model.safetensors; "transformers.js": an ONNX file. */
  readonly runtime: LoadedModel["runtime"];
  /** Gives the model's memory back; the pipeline cannot be called afterwards. */
  dispose(): Promise<void>;
}

/**
 * With the model in threads of its own: the caller's thread stays free while it computes, and every call takes a `signal` as well.
 * Calls wait for the next thread that is free, but texts of a language model, which grow together; dispose() finishes what runs and
 * refuses what waits.
 *
 * @throws WORKER_DIED for what a thread did that ended; the next call starts another. DEVICE_TAKEN for a second thread on WebGPU
 * @example
 * ```ts
 * const classify = await pipeline("sentiment-analysis", null, { worker: { count: 2 } });
 * const [best] = await classify("I love this book!", { signal: AbortSignal.timeout(60_000) });
 * best?.label; // "POSITIVE"
 * await classify.dispose();
 * ```
 */
export async function pipeline<Name extends AnyTaskName>(
  task: Name,
  model: string | null | undefined,
  options: PipelineOptions & { worker: true | { count?: number | undefined } },
): Promise<InWorkers<CallOf<Name>> & PipelineInfo>;
/**
 * A function that does a task with a model.
 *
 * Generators and async iterables stream in, and results stream out in their order.
 *
 * @param task one of taskNames(), e.g. "text-classification", also called "sentiment-analysis"
 * @param model a folder, a repository as namespace/name, or a model with `tokenizer` among the options; when absent, the copy shipped
 *   with the package, or the given revision of the task's default repository
 * @example
 * ```ts
 * const classify = await pipeline("sentiment-analysis");
 * await classify("I love this book!"); // [{ label: "POSITIVE", score: 0.9… }]
 * const answers = await classify(["Wonderful.", "A waste of time."]);
 * answers.map(({ label }) => label); // ["POSITIVE", "NEGATIVE"]
 * await classify.dispose();
 * ```
 */
export async function pipeline<Name extends AnyTaskName>(
  task: Name,
  model?: string | AnyModel | null,
  options?: PipelineOptions,
): Promise<CallOf<Name> & PipelineInfo>;
/** A task that transformers.js does on ONNX files, such as "object-detection": options and results have their names in camelCase. */
export async function pipeline(
  task: ForeignTask,
  model: string,
  options?: PipelineOptions,
): Promise<ForeignCall & PipelineInfo>;
export async function pipeline(
  task: AnyTaskName | ForeignTask,
  model?: string | AnyModel | null,
  options?: PipelineOptions,
): Promise<unknown> {
  const parsed = parsePipelineOptions(options);
  if (isForeign(task)) return handedOn(task, model, parsed);
  const { name, row, languages } = taskRow(task);
  refuseIdle(parsed, model, (await row.load()).kind);
  if (isModel(model)) return ofModel(await row.load(), model, parsed, languages);
  const rows: [string, TaskRow][] = Object.entries(TASKS);
  const defaults = rows.flatMap(([of, { defaultModel }]) =>
    defaultModel === undefined ? [] : [{ task: of, name: defaultModel }],
  );
  const wanted = model ?? row.defaultModel;
  if (wanted === undefined) throw noDefault(name);
  const found =
    (model === undefined || model === null) && parsed.revision === undefined
      ? findDefault({ task: name, name: wanted })
      : await findModel(wanted, parsed, defaults);
  const based = await withBase(found, parsed, (base, more) => findModel(base, more, defaults));
  return start(await row.load(), based.found, based.options, languages);
}

/**
 * Models behind HTTP: the Inference API of Hugging Face below /models, OpenAI's below /v1. Its `app` is a Hono app, to be called
 * or mounted; `listen()` gives it a port. Requests that come together are computed together: inputs of one classifier in one run, and
 * texts token by token, each as it would be alone, or nearly where `dtype` holds weights in fewer bits. With `worker` the server
 * answers others while a model computes.
 *
 * @throws UNKNOWN_OPTION, INVALID_OPTION, UNKNOWN_TASK, DUPLICATE_MODEL, and whatever loading a model throws
 * @example
 * ```ts
 * const server = await modelServer({ models: ["pipelines/defaults/text-classification"] });
 * const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"inputs":"I love it!"}' };
 * const answer = await server.app.request("/models/text-classification", request);
 * await answer.json(); // [[{ label: "POSITIVE", score: 0.9… }, { label: "NEGATIVE", score: 0.… }]]
 * await server.close();
 * ```
 */
export async function modelServer(options: ModelServerOptions): Promise<ModelServer> {
  const { startModelServer } = await import("./serve/index.ts");
  // safe because pipeline() itself refuses a task that is none
  return startModelServer((task, model, more) => pipeline(task as "text-classification", model, more), options);
}

const isModel = (model: unknown): model is AnyModel => model instanceof PreTrainedModel;

/** With a model that the caller made, loaded or trained: its weights are taken as they are now. */
async function ofModel<Kind extends EngineKind, Call>(
  task: Task<Kind, Call>,
  model: AnyModel,
  options: PipelineOptions,
  languages: TaskContext["languages"],
): Promise<unknown> {
  const { device = "cpu", threads, batchSize, dtype, tokenizer, imageProcessor } = options;
  const modelClass = classOf(model.config);
  if (!AUTO_CLASSES[task.auto].has(modelClass)) throw wrongTask("your program", modelClass, task);
  const isOfImages = task.kind === "vision" || task.kind === "imageText";
  if (tokenizer === undefined && task.kind !== "vision") throw missingPart("tokenizer");
  if (imageProcessor === undefined && isOfImages) throw missingPart("imageProcessor");
  if (isApart(options)) throw notInWorkers();
  requireHeld("your program", dtype);
  const given = { model, tokenizer, imageProcessor };
  const adapters = await findAdapters(options);
  const more = { adapters, adapter: options.adapter, given };
  const engine = await nativeEngines[task.kind]("", { auto: task.auto, device, threads, dtype, ...more });
  const call = task.create(engine, { batchSize, languages }) as (...args: unknown[]) => unknown; // safe because every task's call is a function
  const info = { task: task.name, model: modelClass, revision: undefined };
  return guarded({ call, runtime: engine.runtime, gathered: task.gathered, dispose: () => engine.dispose() }, info);
}

async function handedOn(task: ForeignTask, model: string | AnyModel | null | undefined, options: PipelineOptions) {
  if (model === null || model === undefined) throw noDefault(task);
  if (typeof model !== "string")
    throw wrongTask("your program", classOf(model.config), { name: task, auto: "AutoModel" });
  if (wantsAdapters(options)) throw noAdaptersOf(task);
  refuseIdle(options, model, undefined);
  const { folder, name, revision } = await findModel(model, options, [], "onnx");
  const { device = "cpu", threads, dtype, batchSize } = options;
  const info = { task, model: name, revision };
  if (isApart(options)) return guarded({ ...(await inWorkers(task, folder, options)), gathered: batchSize ?? 1 }, info);
  return guarded(await delegated(task, folder, { device, threads, dtype, batchSize }), info);
}

async function start<Kind extends EngineKind, Call>(
  task: Task<Kind, Call>,
  { folder, name, revision }: FoundModel,
  options: PipelineOptions,
  languages: TaskContext["languages"],
): Promise<unknown> {
  const info = { task: task.name, model: name, revision };
  const { device = "cpu", threads, batchSize, dtype } = options;
  const gathered = task.gathered === undefined ? undefined : Math.max(task.gathered, batchSize ?? 0);
  const given = { tokenizer: options.tokenizer, imageProcessor: options.imageProcessor };
  const adapters = await findAdapters(options);
  if (isApart(options)) {
    if (options.tokenizer !== undefined || options.imageProcessor !== undefined) throw notInWorkers();
    const there = { ...options, adapters: Object.fromEntries(adapters) };
    return guarded({ ...(await inWorkers(nameOf(task.name, languages), folder, there)), gathered }, info);
  }
  const labels = await headLabels(adapters);
  const loaders = await loadersFor(folder, task, labels !== undefined);
  const isNative = loaders === nativeEngines;
  if (!isNative && wantsAdapters(options)) throw noAdaptersOf(name);
  if (isNative) requireHeld(folder, dtype);
  if (!isNative && task.kind === "text2text" && (await speaksLanguages(folder)))
    return guarded(await delegated(nameOf(task.name, languages), folder, { device, threads, dtype, batchSize }), info);
  const more = { adapters, adapter: options.adapter, labels, given };
  const engine = await loaders[task.kind](folder, { auto: task.auto, device, threads, dtype, ...more });
  const call = task.create(engine, { batchSize, languages });
  const run = call as (...args: unknown[]) => unknown; // safe because every task's call is a function
  return guarded({ call: run, runtime: engine.runtime, gathered, dispose: () => engine.dispose() }, info);
}

const isApart = ({ worker = false }: PipelineOptions): boolean => worker !== false;

/** The same in threads, which are loaded only when they are wanted. */
async function inWorkers(task: string, folder: string, options: PipelineOptions): Promise<Running> {
  const { startWorkers } = await import("./worker/start.ts");
  return startWorkers(task, folder, options);
}

const nameOf = (task: string, languages: TaskContext["languages"]): string =>
  languages === undefined ? task : `${task}_${languages.join("_to_")}`;

interface Running {
  call: (...args: unknown[]) => unknown;
  runtime: LoadedModel["runtime"];
  /** Inputs of a stream that run together. */
  gathered?: number | undefined;
  /** The results of a stream, where its inputs are not simply run together. */
  stream?(inputs: InputStream<unknown>, others: readonly unknown[], gathered?: number): unknown;
  dispose(): Promise<void>;
}

/** The call with what a pipeline says about itself, refused once it was disposed of. Streams are taken apart. */
function guarded({ call, ...running }: Running, info: Pick<PipelineInfo, "task" | "model" | "revision">): unknown {
  let disposed = false;
  const open = <Args extends unknown[], Result>(run: (...args: Args) => Result) => {
    return (...args: Args): Result => {
      if (disposed) throw disposedError(info.task);
      return run(...args);
    };
  };
  const main = open((...args: unknown[]): unknown => {
    const [input, ...others] = args;
    if (isStream(input) && running.stream !== undefined) return running.stream(input, others, running.gathered);
    if (isStream(input)) {
      const results = streamed(input, async (batch) => call(batch, ...others), running.gathered);
      return untilAborted(results, takeSignal(args).signal);
    }
    return call(...args);
  });
  const ways = Object.entries(call).map(([name, way]) => [name, typeof way === "function" ? open(way) : way]);
  const dispose = async (): Promise<void> => {
    if (disposed) return;
    disposed = true;
    await running.dispose();
  };
  return Object.assign(main, Object.fromEntries(ways), info, { runtime: running.runtime, dispose });
}

const configSchema = z.looseObject({ model_type: z.string(), architectures: z.array(z.string()).optional() });

/** Of tasks without a head, which take the body of any model that has such a one. */
const BODIES: ReadonlySet<AutoName> = new Set(["AutoModel", "AutoModelForImageFeatureExtraction"]);

/** Our own graphs where there are safetensors of an architecture we have, transformers.js where there is only ONNX. */
async function loadersFor(
  folder: string,
  task: { name: string; auto: AutoName },
  hasHead: boolean,
): Promise<EngineLoaders> {
  const path = join(folder, "config.json");
  if (!existsSync(path)) throw noModel(folder, "config.json");
  const config = await readJson(path, configSchema);
  const modelClass = config.architectures?.[0];
  const automatic = AUTO_CLASSES[task.auto];
  const does = hasHead || BODIES.has(task.auto) || modelClass === undefined || automatic.has(modelClass);
  const architecture = ARCHITECTURES.find(({ modelType }) => modelType === config.model_type);
  const can = architecture === undefined || Object.keys(architecture.heads).some((name) => automatic.has(name));
  if (!does || !can) throw wrongTask(folder, modelClass ?? config.model_type, task);
  const onnx = findOnnx(folder) !== undefined;
  const weights = hasWeights(folder);
  if (!weights && !onnx) throw noModel(folder, "model.safetensors");
  return weights && (architecture !== undefined || !onnx) ? nativeEngines : transformersEngines;
}

const NEAREST: Partial<Record<string, string>> = {
  fp16: 'CPUs compute floats of 16 bits in 32. For less memory take "q8" or "q4"; abrazo export --dtype fp16 makes a smaller file.',
  q4f16: 'For 4 bits take dtype "q4".',
  bnb4: 'For 4 bits take dtype "q4".',
};

/** Our own graphs hold weights as they are stored, or in 8 or 4 bits. */
function requireHeld(model: string, dtype: PipelineOptions["dtype"] = "fp32"): void {
  if ((WEIGHT_DTYPES as readonly string[]).includes(dtype)) return; // safe because widening a list of literals to look a string up
  throw new AbrazoError({
    code: "UNSUPPORTED_DTYPE",
    message: `The weights of ${model} are run as ${WEIGHT_DTYPES.join(", ")}; there is no ${dtype} of them.`,
    hint: NEAREST[dtype] ?? 'For 8 bits take dtype "q8".',
    data: { model, dtype, known: WEIGHT_DTYPES },
  });
}

function noDefault(task: string): AbrazoError {
  return new AbrazoError({
    code: "NO_DEFAULT_MODEL",
    message: `No default model of ${task} is installed.`,
    hint: `Name one: pipeline("${task}", "namespace/name" or a folder).`,
    data: { task },
  });
}

function noModel(folder: string, file: string): AbrazoError {
  return new AbrazoError({
    code: "FILE_MISSING",
    message: `${folder} has no ${file}.`,
    hint: "A model needs config.json, tokenizer.json, tokenizer_config.json, and model.safetensors or onnx/model.onnx.",
    data: { folder, file },
  });
}

function wrongTask(folder: string, modelClass: string, { name, auto }: { name: string; auto: AutoName }): AbrazoError {
  return new AbrazoError({
    code: "WRONG_TASK",
    message: `The model in ${folder} is a ${modelClass}, which does not do ${name}.`,
    hint: `${name} takes models of ${auto}, such as a ${exampleOf(auto)}.`,
    data: { modelClass, task: name },
  });
}

function exampleOf(auto: AutoName): string {
  const classes = ARCHITECTURES.flatMap(({ heads }) => Object.keys(heads));
  return classes.find((name) => AUTO_CLASSES[auto].has(name)) ?? auto;
}

function disposedError(task: string): AbrazoError {
  return new AbrazoError({
    code: "PIPELINE_DISPOSED",
    message: `This ${task} pipeline was disposed of.`,
    hint: "Make a new one with pipeline().",
  });
}
