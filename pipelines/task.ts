// The Task contract: what a task needs of a model, and the engine contract that both runtimes answer.
// Holds no task.
import type { ImageProcessor, PixelValues } from "../src/data/index.ts";
import type { Decoder } from "../src/generate/kv-cache.ts";
import type { Seq2SeqDecoder } from "../src/generate/seq2seq-decoder.ts";
import type { AnyModel, BaseConfig } from "../src/models/architecture.ts";
import {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForImageClassification,
  AutoModelForImageFeatureExtraction,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSeq2SeqLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  AutoModelForZeroShotImageClassification,
} from "../src/models/auto-model.ts";
import type { EncodedBatch, Tokenizer } from "../src/text/tokenizer.ts";
import type { GenerationConfig } from "./generation-config.ts";

/** What every engine ends with. */
export interface Ends<Model> {
  /** The same with another of its adapters, or with none; absent where it has none. */
  readonly adapted?: (adapter: string | null | undefined) => Model;
  dispose(): Promise<void>;
}

/** A loaded model with its tokenizer, whatever computes it: our graph, or transformers.js for ONNX files. */
export interface LoadedModel {
  /** config.json of the model. */
  readonly config: BaseConfig;
  readonly tokenizer: Tokenizer;
  /** Folder it was loaded from. */
  readonly folder: string;
  /** What computes it. */
  readonly runtime: "native" | "transformers.js";
}

/** One output of a run. */
export interface Output {
  data: Float32Array;
  shape: readonly number[];
}

/** The outputs of a run by wire name. */
export type Outputs = Readonly<Record<string, Output>>;

/** A model that reads whole texts: one run a batch. */
export interface Encoder extends LoadedModel, Ends<Encoder> {
  /** Tokens that one text may have. */
  readonly maxLength: number;
  /** Outputs of a batch by wire name, e.g. "logits" [B, C] or "last_hidden_state" [B, T, D]. */
  run(batch: EncodedBatch): Promise<Readonly<Record<string, Output>>>;
}

/** A model that continues texts. */
export interface LanguageModel extends LoadedModel, Ends<LanguageModel> {
  /** What the repository itself says about generation. */
  readonly generation: GenerationConfig;
  readonly decoder: Decoder;
}

/** A model that makes texts from others. */
export interface Text2TextModel extends LoadedModel, Ends<Text2TextModel> {
  /** Tokens that one text may have. */
  readonly maxLength: number;
  readonly generation: GenerationConfig;
  readonly decoder: Seq2SeqDecoder;
}

/** A model that sees images: one run a batch. */
export interface VisionModel extends Omit<LoadedModel, "tokenizer">, Ends<VisionModel> {
  readonly processor: ImageProcessor;
  /** Outputs of a batch, e.g. "logits" [B, C] or "last_hidden_state" [B, T, D]. */
  run(pixels: PixelValues): Promise<Outputs>;
}

/** A model that puts texts and images into one space. */
export interface ImageTextModel extends LoadedModel, Ends<ImageTextModel> {
  readonly processor: ImageProcessor;
  /** Tokens that one text may have. */
  readonly maxLength: number;
  /** Of M texts and N images "text_embeds" [M, E], "image_embeds" [N, E] and "logits_per_image" [N, M]. */
  run(texts: EncodedBatch, pixels: PixelValues): Promise<Outputs>;
}

/** Names of the auto classes that tasks work with: transformers.js has them too, or another for them. */
export type AutoName = keyof typeof AUTO_CLASSES;

export const AUTO_CLASSES = {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForImageClassification,
  AutoModelForImageFeatureExtraction,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSeq2SeqLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  AutoModelForZeroShotImageClassification,
} as const;

/** What each kind of task works with. */
export interface Engines {
  encoder: Encoder;
  decoder: LanguageModel;
  text2text: Text2TextModel;
  vision: VisionModel;
  imageText: ImageTextModel;
}

export type EngineKind = keyof Engines;

export interface EngineOptions {
  /** What the model shall do, which chooses its class. */
  auto: AutoName;
  device: string;
  threads: number | undefined;
  /** Which of several ONNX files, by the type of its weights; the most exact when absent. */
  dtype: string | undefined;
  /** Folders of adapters by the names that calls have for them. */
  adapters?: ReadonlyMap<string, string> | undefined;
  /** The adapter of calls that say nothing of one; none when absent. */
  adapter?: string | undefined;
  /** Names of classes where the model that was saved has no head for them: those of the heads that its adapters have. */
  labels?: Readonly<Record<string, string>> | undefined;
  /** What the caller has already; the rest comes from the folder. */
  given?: GivenParts | undefined;
}

/** Parts of a model that were made by the caller. */
export interface GivenParts {
  model?: AnyModel | undefined;
  tokenizer?: Tokenizer | undefined;
  imageProcessor?: ImageProcessor | undefined;
}

/** How each runtime loads each kind of model from a folder. */
export type EngineLoaders = {
  [Kind in EngineKind]: (folder: string, options: EngineOptions) => Promise<Engines[Kind]>;
};

/** One task: which model classes do it, and how it is called. `Call` is the type of the pipeline's function. */
export interface Task<Kind extends EngineKind, Call> {
  name: string;
  kind: Kind;
  /** The model classes that do this task. */
  auto: AutoName;
  /** Inputs of a stream that run together; enough to sort texts by length when absent. */
  gathered?: number;
  /** The pipeline's function over a loaded model. */
  create(engine: Engines[Kind], context: TaskContext): Call;
}

export interface TaskContext {
  /** Texts that run together at most; the task's own choice when undefined. */
  batchSize: number | undefined;
  /** Of a translation that was named with them. */
  languages?: readonly [source: string, target: string] | undefined;
}

export function defineTask<Kind extends EngineKind, Call>(task: Task<Kind, Call>): Task<Kind, Call> {
  return task;
}
