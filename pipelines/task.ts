// The Task contract: what a task needs of a model, and the engine contract that both runtimes answer.
// Holds no task.
import type { Decoder } from "../src/generate/kv-cache.ts";
import type { BaseConfig } from "../src/models/architecture.ts";
import type { EncodedBatch, Tokenizer } from "../src/text/tokenizer.ts";
import type { GenerationConfig } from "./generation-config.ts";

/** A loaded model with its tokenizer, whatever computes it: our graph, or transformers.js for ONNX files. */
export interface LoadedModel {
  /** config.json of the model. */
  readonly config: BaseConfig;
  readonly tokenizer: Tokenizer;
  /** Folder it was loaded from. */
  readonly folder: string;
  /** What computes it. */
  readonly runtime: "native" | "transformers.js";
  dispose(): Promise<void>;
}

/** A model with one output a text. */
export interface Classifier extends LoadedModel {
  /** Tokens that one text may have. */
  readonly maxLength: number;
  /** Logits of a batch, row after row: [B, C]. */
  logits(batch: EncodedBatch): Promise<Float32Array>;
}

/** A model that continues texts. */
export interface LanguageModel extends LoadedModel {
  /** What the repository itself says about generation. */
  readonly generation: GenerationConfig;
  readonly decoder: Decoder;
}

/** What each kind of task works with. */
export interface Engines {
  classifier: Classifier;
  decoder: LanguageModel;
}

export type EngineKind = keyof Engines;

export interface EngineOptions {
  device: string;
  threads: number | undefined;
}

/** How each runtime loads each kind of model from a folder. */
export type EngineLoaders = {
  [Kind in EngineKind]: (folder: string, options: EngineOptions) => Promise<Engines[Kind]>;
};

/** One task: which model classes do it, and how it is called. `Call` is the type of the pipeline's function. */
export interface Task<Kind extends EngineKind, Call> {
  name: string;
  kind: Kind;
  /** Endings of the model classes, as config.json's `architectures` names them, that do this task. */
  modelClasses: readonly string[];
  /** The pipeline's function over a loaded model. */
  create(engine: Engines[Kind], context: TaskContext): Call;
}

export interface TaskContext {
  /** Texts that run together at most; the task's own choice when undefined. */
  batchSize: number | undefined;
}

export function defineTask<Kind extends EngineKind, Call>(task: Task<Kind, Call>): Task<Kind, Call> {
  return task;
}
