// The contract of an architecture: model type, config schema, heads; and what every model is called with.
// Holds no model.
import type { z } from "zod";
import { parseValue } from "../io/json.ts";
import { RUN } from "../nn/any-module.ts";
import { type AnyModule, Embedding, LayerNorm, Linear, Module } from "../nn/index.ts";
import { type Generator, noGrad, randn, type Tensor, zeros } from "../tensor/index.ts";
import { requireInputs } from "./call-check.ts";
import type { InputName } from "./inputs.ts";
import { withNamedLabels } from "./labels.ts";
import { onAnyConfig, type Prunable } from "./prunable.ts";

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

/** What a vision model is called with. */
export interface PixelInputs {
  /** float32 [B, C, H, W] */
  pixelValues: Tensor;
}

/** What a model with an encoder and a decoder is called with. */
export interface Seq2SeqInputs extends ModelInputs {
  /** int64 [B, T], what the decoder has so far */
  decoderInputIds: Tensor;
  /** int64 [B, P + T], 1 where the decoder has text; everywhere when absent */
  decoderAttentionMask?: Tensor | undefined;
}

/** What a call of a model gives: each class names the fields that it has. */
export interface ModelOutput {
  /** [B, C], [B, T, C] or [B, T, V] */
  logits?: Tensor;
  /** [B, T, D], the last layer's states */
  lastHiddenState?: Tensor;
  /** [B, D] */
  poolerOutput?: Tensor;
  /** [B, T], where an answer starts and ends */
  startLogits?: Tensor;
  endLogits?: Tensor;
  /** [B, E], in the space that images and texts share */
  imageEmbeds?: Tensor;
  textEmbeds?: Tensor;
  /** [images, texts] and its transpose */
  logitsPerImage?: Tensor;
  logitsPerText?: Tensor;
  /** One per layer: keys and values of this call's tokens alone, [B, H, T, d]; given when the call had a past. */
  present?: readonly KeyValue[] | undefined;
}

/** Of a model with a head. */
export interface LogitsOutput extends ModelOutput {
  logits: Tensor;
}

/** Of a model without a head. */
export interface HiddenOutput extends ModelOutput {
  lastHiddenState: Tensor;
}

/** Of a model that finds spans. */
export interface SpanOutput extends ModelOutput {
  startLogits: Tensor;
  endLogits: Tensor;
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
export abstract class PreTrainedModel<
  Output extends ModelOutput = LogitsOutput,
  Inputs extends object = ModelInputs,
> extends Module<[Inputs], Output> {
  readonly #config: BaseConfig;

  constructor(config: BaseConfig) {
    super();
    this.#config = config;
  }

  /** The config that the model was made from. */
  get config(): BaseConfig {
    return this.#config;
  }

  override [RUN](inputs: unknown[]): Output {
    requireInputs(this.constructor.name, this.inputs, inputs[0]);
    return super[RUN](inputs);
  }

  /** Names of what it is called with, in the order of its exported graph. */
  get inputs(): readonly InputName[] {
    return ["inputIds", "attentionMask"];
  }

  /** Fresh weights, by transformers' rules; drawn from the global generator when none is given. */
  initialize(generator?: Generator): void {
    initializeWeights(this, generator);
  }

  /** Names of the classes in order. */
  get labels(): string[] {
    return labelsOf(this.#config);
  }
}

/** A model of any class, whatever it is called with. */
export interface AnyModel extends AnyModule {
  readonly config: BaseConfig;
  readonly inputs: readonly InputName[];
  readonly labels: string[];
  initialize(generator?: Generator): void;
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
  heads: Readonly<Record<string, (config: unknown) => AnyModel>>;
  /** Longest sequence in tokens; infinite where nothing bounds it. */
  maxLength(config: BaseConfig): number;
  /** Classes that write texts say how large their past is; others give undefined. */
  cache(config: BaseConfig): CacheLayout | undefined;
  checkpoint: CheckpointNames;
  /** What can be taken out of its models; undefined where nothing can. */
  prunable: Prunable<unknown> | undefined;
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

const writesTexts = ({ architectures }: BaseConfig): boolean =>
  !Array.isArray(architectures) || /(LMHeadModel|ForCausalLM)$/.test(String(architectures[0]));

interface Declaration<Schema extends z.ZodType<BaseConfig>> {
  modelType: string;
  config: Schema;
  heads: Readonly<Record<string, (config: z.infer<Schema>) => AnyModel>>;
  maxLength(config: z.infer<Schema>): number;
  cache?(config: z.infer<Schema>): CacheLayout;
  checkpoint?: CheckpointNames;
  prunable?: Prunable<z.infer<Schema>>;
}

export function defineArchitecture<Schema extends z.ZodType<BaseConfig>>(declared: Declaration<Schema>): Architecture {
  const { config: schema, heads, maxLength, modelType, checkpoint = {}, prunable } = declared;
  const name = `The ${modelType} config`;
  const parse = (config: unknown): z.infer<Schema> => parseValue(withNamedLabels(config, name), schema, name);
  return {
    modelType,
    config: schema,
    parse,
    heads: Object.fromEntries(
      Object.entries(heads).map(([name, make]) => [name, (config: unknown) => make(parse(config))]),
    ),
    maxLength: (config) => maxLength(parse(config)),
    checkpoint,
    prunable: prunable === undefined ? undefined : onAnyConfig(prunable, parse),
    // Of classes that write texts alone: the others have no use for keys and values of earlier tokens.
    cache: (config) => (writesTexts(config) ? declared.cache?.(parse(config)) : undefined),
  };
}

/** Normal of `initializer_range` for tables and matrices, zeros for biases and rows of padding, ones for norms. */
function initializeWeights(model: AnyModel, generator: Generator | undefined): void {
  const range = model.config.initializer_range ?? 0.02;
  const normal = (like: Tensor) =>
    like.assign(
      randn(like.shape, generator === undefined ? {} : { generator })
        .mul(range)
        .settle().node,
    );
  for (const module of model.modules()) {
    if (module instanceof Linear) {
      normal(module.weight);
      if (module.bias !== undefined) module.bias.assign(zeros(module.bias.shape).node);
    } else if (module instanceof Embedding) normal(module.weight);
    else if (module instanceof LayerNorm) module.bias?.assign(zeros(module.bias.shape).node);
  }
  // Last, since a head may share the table.
  for (const module of model.modules()) {
    const row = module instanceof Embedding ? module.paddingIdx : undefined;
    if (!(module instanceof Embedding) || row === undefined) continue;
    noGrad(() => module.weight.select(0, row).zero_());
    module.weight.settle();
  }
}
