// pipeline(task, model?, options?): finds a model, loads it, returns a function that does the task.
// Holds no task's code.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../src/errors.ts";
import { readJson } from "../src/io/json.ts";
import { ARCHITECTURES } from "../src/models/index.ts";
import { hasWeights } from "../src/models/weights.ts";
import { findOnnx, transformersEngines } from "./engine.ts";
import { nativeEngines } from "./native.ts";
import { type PipelineOptions, parsePipelineOptions } from "./options.ts";
import { type FoundModel, findDefault, findModel } from "./resolve.ts";
import { isStream, streamed } from "./stream.ts";
import {
  AUTO_CLASSES,
  type AutoName,
  type EngineKind,
  type EngineLoaders,
  type LoadedModel,
  type Task,
} from "./task.ts";
import { type AnyTaskName, type CallOf, TASKS, type TaskRow, taskRow } from "./tasks.ts";

export { type ExportDType, type ExportedModel, type ExportOptions, exportModel } from "./export.ts";
export type { TextPair } from "./inputs.ts";
export type { PipelineOptions } from "./options.ts";
export type { InputStream } from "./stream.ts";
export type { FeatureExtractionOptions, FeatureExtractionPipeline } from "./tasks/feature-extraction.ts";
export type { FilledMask, FillMaskOptions, FillMaskPipeline } from "./tasks/fill-mask.ts";
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
export type { GeneratedText, TextGenerationOptions, TextGenerationPipeline } from "./tasks/text-generation.ts";
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
export { type AnyTaskName, type TaskName, taskNames } from "./tasks.ts";

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
 * A function that does a task with a model.
 *
 * Generators and async iterables stream in, and results stream out in their order.
 *
 * @param task one of taskNames(), e.g. "text-classification", also called "sentiment-analysis"
 * @param model a folder, or a repository as namespace/name; when absent, the copy shipped with the package, or the given
 *   revision of the task's default repository
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
  model?: string | null,
  options?: PipelineOptions,
): Promise<CallOf<Name> & PipelineInfo> {
  const { name, row } = taskRow(task);
  const parsed = parsePipelineOptions(options);
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
  const made = await start(await row.load(), found, parsed);
  return made as CallOf<Name> & PipelineInfo; // safe because row is the row of Name, and CallOf reads the type off its loader
}

async function start<Kind extends EngineKind, Call>(
  task: Task<Kind, Call>,
  { folder, name, revision }: FoundModel,
  { device = "cpu", threads, batchSize }: PipelineOptions,
): Promise<Call & PipelineInfo> {
  const loaders = await loadersFor(folder, task);
  const engine = await loaders[task.kind](folder, { auto: task.auto, device, threads });
  const call = task.create(engine, { batchSize });
  let disposed = false;
  const run = call as (...args: unknown[]) => unknown; // safe because every task's call is a function
  const guarded = (...args: unknown[]): unknown => {
    if (disposed) throw disposedError(task.name);
    const [input, ...others] = args;
    if (isStream(input)) return streamed(input, async (batch) => run(batch, ...others));
    return run(...args);
  };
  const info: Omit<PipelineInfo, "dispose"> = { task: task.name, model: name, revision, runtime: engine.runtime };
  const dispose = async (): Promise<void> => {
    if (disposed) return;
    disposed = true;
    await engine.dispose();
  };
  return Object.assign(guarded, info, { dispose }) as Call & PipelineInfo; // safe because guarded forwards to call
}

const configSchema = z.looseObject({ model_type: z.string(), architectures: z.array(z.string()).optional() });

/** Our own graphs where there are safetensors of an architecture we have, transformers.js where there is only ONNX. */
async function loadersFor(folder: string, task: { name: string; auto: AutoName }): Promise<EngineLoaders> {
  const path = join(folder, "config.json");
  if (!existsSync(path)) throw noModel(folder, "config.json");
  const config = await readJson(path, configSchema);
  const modelClass = config.architectures?.[0];
  // A task without a head takes the body of any model.
  const does = task.auto === "AutoModel" || modelClass === undefined || AUTO_CLASSES[task.auto].has(modelClass);
  if (!does) throw wrongTask(folder, modelClass, task);
  const onnx = findOnnx(folder) !== undefined;
  const weights = hasWeights(folder);
  if (!weights && !onnx) throw noModel(folder, "model.safetensors");
  const supported = ARCHITECTURES.some(({ modelType }) => modelType === config.model_type);
  return weights && (supported || !onnx) ? nativeEngines : transformersEngines;
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
