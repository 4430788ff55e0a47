// The contract of an architecture: model type, config schema, heads; and what every model is called with.
// Holds no model.
import type { z } from "zod";
import { parseValue } from "../io/json.ts";
import { Embedding, LayerNorm, Linear, Module } from "../nn/index.ts";
import { type Generator, randn, type Tensor, zeros } from "../tensor/index.ts";

/** Keys and values of one layer: [B, H, P, d] each for the P tokens before a call. */
export interface KeyValue {
  key: Tensor;
  value: Tensor;
}

/** What a model is called with. */
export interface ModelInputs {
  /** int64 [B, T] */
  inputIds: Tensor;
  /** int64 [B, P + T], 1 where there is text; P is 0 without a past */
  attentionMask: Tensor;
  /** int64 [B, T], the segment of each token; all 0 when absent */
  tokenTypeIds?: Tensor | undefined;
  /** int64 [B, T], the place of each token in its text; P, P + 1, … when absent */
  positionIds?: Tensor | undefined;
  /** One per layer; a model that declares a cache then gives `present`. */
  past?: readonly KeyValue[] | undefined;
  /** Decoders give the logits of the last position alone, [B, 1, V]: a long prompt then needs no product with the whole vocabulary per token. */
  lastOnly?: boolean | undefined;
}

/** Inputs that only some architectures read. */
export type OptionalInput = "tokenTypeIds" | "positionIds";

/** What a call of a model gives. */
export interface ModelOutput {
  /** [B, C] or [B, T, V] */
  logits: Tensor;
  /** One per layer: keys and values of this call's tokens alone, [B, H, T, d]; given when the call had a past. */
  present?: readonly KeyValue[] | undefined;
}

/** Sizes of the keys and values that a decoder keeps between calls. */
export interface CacheLayout {
  layers: number;
  /** Heads of keys and values. */
  heads: number;
  /** Width of one head. */
  width: number;
}

export interface BaseConfig {
  model_type: string;
  id2label?: Record<string, string>;
  initializer_range?: number;
  [key: string]: unknown;
}

/**
 * A model with the config it was made from: call it with ids, read its logits.
 *
 * @example
 * ```ts
 * const config = { model_type: "gpt2", architectures: ["GPT2LMHeadModel"], vocab_size: 8, n_embd: 4, n_layer: 1, n_head: 1 };
 * const model = fromConfig(config, new Generator(0));
 * const inputs = { inputIds: tensor([[1, 2, 3]]), attentionMask: tensor([[1, 1, 1]]) };
 * model(inputs).logits.shape; // [1, 3, 8]
 * ```
 */
export abstract class PreTrainedModel extends Module<[ModelInputs], ModelOutput> {
  readonly #config: BaseConfig;

  constructor(config: BaseConfig) {
    super();
    this.#config = config;
  }

  /** The config that the model was made from. */
  get config(): BaseConfig {
    return this.#config;
  }

  /** Fresh weights, by transformers' rules. */
  initialize(generator: Generator): void {
    initializeWeights(this, generator);
  }

  /** Names of the classes in order. */
  get labels(): string[] {
    return labelsOf(this.#config);
  }
}

export function labelsOf(config: { id2label?: Record<string, string> | undefined }): string[] {
  const entries = Object.entries(config.id2label ?? { 0: "LABEL_0", 1: "LABEL_1" });
  return entries.sort(([a], [b]) => Number(a) - Number(b)).map(([, label]) => label);
}

export interface Architecture {
  modelType: string;
  /** Checks a config.json and fills in defaults. */
  parse(config: unknown): BaseConfig;
  config: z.ZodType;
  /** By the name that config.json's `architectures` gives. */
  heads: Readonly<Record<string, (config: unknown) => PreTrainedModel>>;
  /** Longest sequence in tokens. */
  maxLength(config: BaseConfig): number;
  /** What the model reads besides ids and mask: the inputs of its exported graph. */
  inputs: readonly OptionalInput[];
  /** Decoders that take a past say how large it is; others give undefined. */
  cache(config: BaseConfig): CacheLayout | undefined;
  checkpoint: CheckpointNames;
}

/** How names in checkpoints may differ from the model's own: declared, never tried out. */
export interface CheckpointNames {
  /** What a checkpoint saved without its head lacks in front of its names. */
  prefix?: string;
  /** Names, with the prefix, that hold no weights of the model. */
  ignored?: RegExp;
  /** Names that repeat another tensor; used when the model has such a weight of its own, else left out. */
  tied?: Readonly<Record<string, string>>;
}

interface Declaration<Schema extends z.ZodType<BaseConfig>> {
  modelType: string;
  config: Schema;
  heads: Readonly<Record<string, (config: z.infer<Schema>) => PreTrainedModel>>;
  maxLength(config: z.infer<Schema>): number;
  inputs?: readonly OptionalInput[];
  cache?(config: z.infer<Schema>): CacheLayout;
  checkpoint?: CheckpointNames;
}

export function defineArchitecture<Schema extends z.ZodType<BaseConfig>>(declared: Declaration<Schema>): Architecture {
  const { config: schema, heads, maxLength, modelType, inputs = [], checkpoint = {} } = declared;
  const parse = (config: unknown): z.infer<Schema> => parseValue(config, schema, `The ${modelType} config`);
  return {
    modelType,
    config: schema,
    parse,
    heads: Object.fromEntries(
      Object.entries(heads).map(([name, make]) => [name, (config: unknown) => make(parse(config))]),
    ),
    maxLength: (config) => maxLength(parse(config)),
    inputs,
    checkpoint,
    cache: (config) => declared.cache?.(parse(config)),
  };
}

/** Normal of `initializer_range` for tables and matrices, zeros for biases, ones for norms. */
function initializeWeights(model: PreTrainedModel, generator: Generator): void {
  const range = model.config.initializer_range ?? 0.02;
  const normal = (like: Tensor) => like.assign(randn(like.shape, { generator }).mul(range).settle().node);
  for (const module of model.modules()) {
    if (module instanceof Linear) {
      normal(module.weight);
      if (module.bias !== undefined) module.bias.assign(zeros(module.bias.shape).node);
    } else if (module instanceof Embedding) normal(module.weight);
    else if (module instanceof LayerNorm) module.bias?.assign(zeros(module.bias.shape).node);
  }
}
