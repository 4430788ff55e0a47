// The contract of an architecture: model type, config schema, heads; and what every model is called with.
// Holds no model.
import type { z } from "zod";
import { Embedding, LayerNorm, Linear, Module } from "../nn/index.ts";
import { type Generator, randn, type Tensor, zeros } from "../tensor/index.ts";

export interface ModelInputs {
  /** int64 [B, T] */
  inputIds: Tensor;
  /** int64 [B, T], 1 where there is text */
  attentionMask: Tensor;
}

export interface ModelOutput {
  /** [B, C] or [B, T, V] */
  logits: Tensor;
}

export interface BaseConfig {
  model_type: string;
  id2label?: Record<string, string>;
  initializer_range?: number;
  [key: string]: unknown;
}

/** A model with the config it was made from. */
export abstract class PreTrainedModel extends Module<[ModelInputs], ModelOutput> {
  readonly #config: BaseConfig;

  constructor(config: BaseConfig) {
    super();
    this.#config = config;
  }

  get config(): BaseConfig {
    return this.#config;
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
}

interface Declaration<Schema extends z.ZodType<BaseConfig>> {
  modelType: string;
  config: Schema;
  heads: Readonly<Record<string, (config: z.infer<Schema>) => PreTrainedModel>>;
  maxLength(config: z.infer<Schema>): number;
}

export function defineArchitecture<Schema extends z.ZodType<BaseConfig>>(declared: Declaration<Schema>): Architecture {
  const { config: schema, heads, maxLength, modelType } = declared;
  return {
    modelType,
    config: schema,
    parse: (config) => schema.parse(config),
    heads: Object.fromEntries(
      Object.entries(heads).map(([name, make]) => [name, (config: unknown) => make(schema.parse(config))]),
    ),
    maxLength: (config) => maxLength(schema.parse(config)),
  };
}

/** transformers' initialisation: normal of `initializer_range` for tables and matrices, zeros for biases, ones for norms. */
export function initializeWeights(model: PreTrainedModel, generator: Generator): void {
  const range = model.config.initializer_range ?? 0.02;
  const normal = (like: Tensor) => like.assign(randn(like.shape, { generator }).mul(range).settle().node);
  for (const module of model.modules()) {
    if (module instanceof Linear) {
      normal(module.weight);
      if (module.bias !== undefined) module.bias.assign(zeros(module.bias.shape).node);
    } else if (module instanceof Embedding) normal(module.weight);
    else if (module instanceof LayerNorm) module.bias.assign(zeros(module.bias.shape).node);
  }
}
