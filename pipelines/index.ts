// pipeline(task, model?, options?): finds a model, loads it, returns a function that does the task.
// Holds no task's code.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../src/errors.ts";
import { readJson } from "../src/io/json.ts";
import { ARCHITECTURES } from "../src/models/index.ts";
import { findOnnx, transformersEngines } from "./engine.ts";
import { nativeEngines } from "./native.ts";
import { type PipelineOptions, parsePipelineOptions } from "./options.ts";
import { type FoundModel, findDefault, findModel } from "./resolve.ts";
import type { EngineKind, EngineLoaders, LoadedModel, Task } from "./task.ts";
import { type AnyTaskName, type CallOf, TASKS, taskRow } from "./tasks.ts";

export { type ExportDType, type ExportedModel, type ExportOptions, exportModel } from "./export.ts";
export type { PipelineOptions } from "./options.ts";
export type {
  Classification,
  TextClassificationOptions,
  TextClassificationPipeline,
} from "./tasks/text-classification.ts";
export type { GeneratedText, TextGenerationOptions, TextGenerationPipeline } from "./tasks/text-generation.ts";
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
 * @param task "text-classification" (also "sentiment-analysis") or "text-generation"
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
  const defaults = Object.entries(TASKS).map(([of, { defaultModel }]) => ({ task: of, name: defaultModel }));
  const found =
    (model === undefined || model === null) && parsed.revision === undefined
      ? findDefault({ task: name, name: row.defaultModel })
      : await findModel(model ?? row.defaultModel, parsed, defaults);
  const made = await start(await row.load(), found, parsed);
  return made as CallOf<Name> & PipelineInfo; // safe because row is the row of Name, and CallOf reads the type off its loader
}

async function start<Kind extends EngineKind, Call>(
  task: Task<Kind, Call>,
  { folder, name, revision }: FoundModel,
  { device = "cpu", threads, batchSize }: PipelineOptions,
): Promise<Call & PipelineInfo> {
  const loaders = await loadersFor(folder, task);
  const engine = await loaders[task.kind](folder, { device, threads });
  const call = task.create(engine, { batchSize });
  let disposed = false;
  const guarded = (...args: unknown[]): unknown => {
    if (disposed) throw disposedError(task.name);
    return (call as (...args: unknown[]) => unknown)(...args); // safe because every task's call is a function
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
async function loadersFor(
  folder: string,
  task: { name: string; modelClasses: readonly string[] },
): Promise<EngineLoaders> {
  const path = join(folder, "config.json");
  if (!existsSync(path)) throw noModel(folder, "config.json");
  const config = await readJson(path, configSchema);
  const modelClass = config.architectures?.[0];
  if (modelClass !== undefined && !task.modelClasses.some((ending) => modelClass.endsWith(ending))) {
    throw wrongTask(folder, modelClass, task);
  }
  const onnx = findOnnx(folder) !== undefined;
  const weights = existsSync(join(folder, "model.safetensors"));
  if (!weights && !onnx) throw noModel(folder, "model.safetensors");
  const supported = ARCHITECTURES.some(({ modelType }) => modelType === config.model_type);
  return weights && (supported || !onnx) ? nativeEngines : transformersEngines;
}

function noModel(folder: string, file: string): AbrazoError {
  return new AbrazoError({
    code: "FILE_MISSING",
    message: `${folder} has no ${file}.`,
    hint: "A model needs config.json, tokenizer.json, tokenizer_config.json, and model.safetensors or onnx/model.onnx.",
    data: { folder, file },
  });
}

function wrongTask(
  folder: string,
  modelClass: string,
  task: { name: string; modelClasses: readonly string[] },
): AbrazoError {
  return new AbrazoError({
    code: "WRONG_TASK",
    message: `The model in ${folder} is a ${modelClass}, which does not do ${task.name}.`,
    hint: `${task.name} takes models whose class ends in ${task.modelClasses.join(" or ")}.`,
    data: { modelClass, task: task.name },
  });
}

function disposedError(task: string): AbrazoError {
  return new AbrazoError({
    code: "PIPELINE_DISPOSED",
    message: `This ${task} pipeline was disposed of.`,
    hint: "Make a new one with pipeline().",
  });
}
