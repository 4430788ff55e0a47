// The two stacks of T5: config → relative places → attention → feed forward → blocks.
// Knows no heads.
import { z } from "zod";
import * as build from "../graph/build.ts";
import { type AnyModule, Embedding, functional as F, Linear, Module, ModuleList, RMSNorm } from "../nn/index.ts";
import { cat, Tensor, tensor } from "../tensor/index.ts";
import type { KeyValue } from "./architecture.ts";
import { countedHeads, type Prunable, type Units } from "./prunable.ts";

export const t5Schema = <Type extends string>(modelType: Type, feedForward: string) =>
  z
    .looseObject({
      model_type: z.literal(modelType),
      vocab_size: z.number().int().positive(),
      d_model: z.number().int().positive(),
      d_kv: z.number().int().positive(),
      d_ff: z.number().int().positive(),
      num_layers: z.number().int().positive(),
      num_decoder_layers: z.number().int().positive().nullish(),
      num_heads: z.number().int().positive(),
      relative_attention_num_buckets: z.number().int().min(4).default(32),
      // A table has an entry for each distance.
      relative_attention_max_distance: z.number().int().positive().max(1_000_000).default(128),
      dropout_rate: z.number().default(0.1),
      classifier_dropout: z.number().default(0),
      layer_norm_epsilon: z.number().default(1e-6),
      initializer_factor: z.number().default(1),
      feed_forward_proj: z
        .string()
        .regex(/^(gated-)?[^-]+$/, "is neither an activation nor gated-{activation}")
        .default(feedForward),
      dense_act_fn: z.string().optional(),
      is_gated_act: z.boolean().optional(),
      tie_word_embeddings: z.boolean().optional(),
      scale_decoder_outputs: z.boolean().optional(),
      pad_token_id: z.number().int().nullish(),
      eos_token_id: z.number().int().nullish(),
      decoder_start_token_id: z.number().int().nullish(),
      id2label: z.record(z.string(), z.string()).default({ 0: "LABEL_0", 1: "LABEL_1" }),
    })
    .refine((config) => config.relative_attention_max_distance > config.relative_attention_num_buckets / 2, {
      path: ["relative_attention_max_distance"],
      message: "is not above half of relative_attention_num_buckets",
    });

export type T5Config = z.infer<ReturnType<typeof t5Schema<string>>>;

const BIASES = "layer.0.SelfAttention.relative_attention_bias";

const selfHeads: Units = {
  made: ["q", "k", "v"].map((name) => `layer.0.SelfAttention.${name}`),
  read: "layer.0.SelfAttention.o",
  columns: [BIASES],
};
const crossHeads: Units = {
  made: ["q", "k", "v"].map((name) => `layer.1.EncDecAttention.${name}`),
  read: "layer.1.EncDecAttention.o",
};
const neurons = (at: number): Units => ({
  made: ["wi", "wi_0", "wi_1"].map((name) => `layer.${at}.DenseReluDense.${name}`),
  read: `layer.${at}.DenseReluDense.wo`,
});

/** What can be taken out of the stacks. */
export const t5Parts: Prunable<T5Config> = {
  stacks: [
    { layers: "encoder.block", count: "num_layers", heads: [selfHeads], neurons: [neurons(1)], first: [BIASES] },
    {
      layers: "decoder.block",
      count: "num_decoder_layers",
      heads: [selfHeads, crossHeads],
      neurons: [neurons(2)],
      first: [BIASES],
    },
  ],
  heads: countedHeads({
    count: (config) => config.num_heads,
    fields: (_, heads) => ({ num_heads: heads }),
  }),
  neurons: "d_ff",
};

/**
 * Buckets of the distances -max … max from a query to a key, or from a later token to an earlier one alone: near ones have a
 * bucket each, those farther away share them, the wider the farther.
 */
export function relativeBuckets(isBidirectional: boolean, buckets: number, maxDistance: number): number[] {
  const count = isBidirectional ? Math.floor(buckets / 2) : buckets;
  const exact = Math.floor(count / 2);
  const bucketOf = (away: number) => {
    if (away < exact) return away;
    const share = Math.fround(
      Math.fround(Math.log(Math.fround(away / exact))) / Math.fround(Math.log(maxDistance / exact)),
    );
    return Math.min(exact + Math.trunc(Math.fround(share * (count - exact))), count - 1);
  };
  return Array.from({ length: 2 * maxDistance + 1 }, (_, at) => {
    const distance = at - maxDistance;
    if (isBidirectional) return bucketOf(Math.abs(distance)) + (distance > 0 ? count : 0);
    return bucketOf(Math.max(-distance, 0));
  });
}

class Attention extends Module<[Tensor, KeyValue, Tensor, KeyValue | undefined], Tensor> {
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly o: Linear;
  readonly relative_attention_bias: Embedding | undefined;
  readonly #sizes: readonly [number, number];
  readonly #dropout: number;

  constructor(config: T5Config, hasBias = false) {
    super();
    const { d_model: outer, num_heads: heads, d_kv: width } = config;
    this.q = new Linear(outer, heads * width, { bias: false });
    this.k = new Linear(outer, heads * width, { bias: false });
    this.v = new Linear(outer, heads * width, { bias: false });
    this.o = new Linear(heads * width, outer, { bias: false });
    this.relative_attention_bias = hasBias
      ? new Embedding(config.relative_attention_num_buckets, config.num_heads)
      : undefined;
    this.#sizes = [heads, width];
    this.#dropout = config.dropout_rate;
  }

  #split(x: Tensor): Tensor {
    return x.unflatten(-1, this.#sizes).transpose(1, 2); // [B, H, T, d]
  }

  keyValue(states: Tensor): KeyValue {
    return { key: this.#split(this.k(states)), value: this.#split(this.v(states)) };
  }

  override forward(x: Tensor, { key, value }: KeyValue, mask: Tensor, past: KeyValue | undefined): Tensor {
    const context = F.scaledDotProductAttention(this.#split(this.q(x)), key, value, {
      attnMask: mask,
      past,
      scale: 1,
      dropoutP: this.#dropout,
      training: this.training,
    });
    return this.o(context.transpose(1, 2).flatten(-2)); // [B, T, D]
  }
}

class SelfAttentionLayer extends Module<[Tensor, Tensor, KeyValue | undefined], [Tensor, KeyValue]> {
  readonly SelfAttention: Attention;
  readonly layer_norm: RMSNorm;
  readonly #dropout: number;

  constructor(config: T5Config, hasBias: boolean) {
    super();
    this.SelfAttention = new Attention(config, hasBias);
    this.layer_norm = new RMSNorm(config.d_model, { eps: config.layer_norm_epsilon });
    this.#dropout = config.dropout_rate;
  }

  override forward(x: Tensor, mask: Tensor, past: KeyValue | undefined): [Tensor, KeyValue] {
    const normed = this.layer_norm(x);
    const present = this.SelfAttention.keyValue(normed);
    const attended = this.SelfAttention(normed, present, mask, past);
    return [x.add(F.dropout(attended, this.#dropout, this.training)), present];
  }
}

class CrossAttentionLayer extends Module<[Tensor, KeyValue, Tensor], Tensor> {
  readonly EncDecAttention: Attention;
  readonly layer_norm: RMSNorm;
  readonly #dropout: number;

  constructor(config: T5Config) {
    super();
    this.EncDecAttention = new Attention(config);
    this.layer_norm = new RMSNorm(config.d_model, { eps: config.layer_norm_epsilon });
    this.#dropout = config.dropout_rate;
  }

  override forward(x: Tensor, cross: KeyValue, mask: Tensor): Tensor {
    const attended = this.EncDecAttention(this.layer_norm(x), cross, mask, undefined);
    return x.add(F.dropout(attended, this.#dropout, this.training));
  }
}

/** Activation and gate: wi, or wi_0 that is activated and wi_1 that it is multiplied by. */
class FeedForward extends Module<[Tensor], Tensor> {
  readonly wi: Linear | undefined;
  readonly wi_0: Linear | undefined;
  readonly wi_1: Linear | undefined;
  readonly wo: Linear;
  readonly #activation: (x: Tensor) => Tensor;
  readonly #dropout: number;

  constructor(config: T5Config) {
    super();
    const { feed_forward_proj: name, d_model: outer, d_ff: inner } = config;
    const isGated = config.is_gated_act ?? name.startsWith("gated-");
    const wide = () => new Linear(outer, inner, { bias: false });
    this.wi = isGated ? undefined : wide();
    this.wi_0 = isGated ? wide() : undefined;
    this.wi_1 = isGated ? wide() : undefined;
    this.wo = new Linear(inner, outer, { bias: false });
    // What is called gated-gelu has always been the approximation by tanh.
    const plain = name === "gated-gelu" ? "gelu_new" : name.replace("gated-", "");
    this.#activation = F.activation(config.dense_act_fn ?? plain);
    this.#dropout = config.dropout_rate;
  }

  override forward(x: Tensor): Tensor {
    const active = this.#activation(this.wi?.(x) ?? this.wi_0?.(x) ?? x); // [B, T, F]
    const gate = this.wi_1?.(x);
    return this.wo(F.dropout(gate === undefined ? active : active.mul(gate), this.#dropout, this.training));
  }
}

class FeedForwardLayer extends Module<[Tensor], Tensor> {
  readonly DenseReluDense: FeedForward;
  readonly layer_norm: RMSNorm;
  readonly #dropout: number;

  constructor(config: T5Config) {
    super();
    this.DenseReluDense = new FeedForward(config);
    this.layer_norm = new RMSNorm(config.d_model, { eps: config.layer_norm_epsilon });
    this.#dropout = config.dropout_rate;
  }

  override forward(x: Tensor): Tensor {
    return x.add(F.dropout(this.DenseReluDense(this.layer_norm(x)), this.#dropout, this.training));
  }
}

/** Keys and values of the source for a layer, with its mask [B, 1, 1, S]. */
interface Source {
  cross: KeyValue;
  mask: Tensor;
}

class Block extends Module<[Tensor, Tensor, Source | undefined, KeyValue | undefined], [Tensor, KeyValue]> {
  readonly layer: ModuleList<AnyModule>;
  readonly #self: SelfAttentionLayer;
  readonly #cross: CrossAttentionLayer | undefined;
  readonly #feedForward: FeedForwardLayer;

  constructor(config: T5Config, isDecoder: boolean, hasBias: boolean) {
    super();
    this.#self = new SelfAttentionLayer(config, hasBias);
    this.#cross = isDecoder ? new CrossAttentionLayer(config) : undefined;
    this.#feedForward = new FeedForwardLayer(config);
    const cross = this.#cross === undefined ? [] : [this.#cross];
    this.layer = new ModuleList<AnyModule>([this.#self, ...cross, this.#feedForward]);
  }

  get biasTable(): Embedding | undefined {
    return this.#self.SelfAttention.relative_attention_bias;
  }

  crossKeyValue(states: Tensor): KeyValue | undefined {
    return this.#cross?.EncDecAttention.keyValue(states);
  }

  override forward(
    x: Tensor,
    mask: Tensor,
    source: Source | undefined,
    past: KeyValue | undefined,
  ): [Tensor, KeyValue] {
    const [attended, present] = this.#self(x, mask, past);
    const read = source === undefined ? attended : this.#cross?.(attended, source.cross, source.mask);
    return [this.#feedForward(read ?? attended), present];
  }
}

/** What a stack reads. */
interface StackInputs {
  /** int64 [B, T] */
  inputIds: Tensor;
  /** int64 [B, P + T], 1 where there is text; everywhere when absent */
  attentionMask?: Tensor | undefined;
  past?: readonly KeyValue[] | undefined;
  source?: { cross: readonly KeyValue[]; attentionMask: Tensor } | undefined;
}

/** Embeddings → blocks → norm: the encoder, or the decoder, whose tokens see none that come later. */
export class Stack extends Module<[StackInputs], [Tensor, KeyValue[]]> {
  readonly embed_tokens: Embedding;
  readonly block: ModuleList<Block>;
  readonly final_layer_norm: RMSNorm;
  readonly #isDecoder: boolean;
  readonly #dropout: number;
  /** Bucket of each distance, int64 [2 · farthest + 1]. */
  readonly #buckets: Tensor;
  readonly #farthest: number;

  constructor(config: T5Config, table: Embedding, isDecoder: boolean) {
    super();
    this.embed_tokens = table;
    const layers = isDecoder ? (config.num_decoder_layers ?? config.num_layers) : config.num_layers;
    const blocks = Array.from({ length: layers }, (_, layer) => new Block(config, isDecoder, layer === 0));
    this.block = new ModuleList(blocks);
    this.final_layer_norm = new RMSNorm(config.d_model, { eps: config.layer_norm_epsilon });
    this.#isDecoder = isDecoder;
    this.#dropout = config.dropout_rate;
    const { relative_attention_num_buckets: buckets, relative_attention_max_distance: farthest } = config;
    this.#buckets = tensor(relativeBuckets(!isDecoder, buckets, farthest), { dtype: "int64" });
    this.#farthest = farthest;
  }

  /** What each layer of a decoder looks at in the source. */
  crossKeyValues(states: Tensor): KeyValue[] {
    return [...this.block].flatMap((block) => block.crossKeyValue(states) ?? []);
  }

  override forward(inputs: StackInputs): [Tensor, KeyValue[]] {
    const { inputIds, past, source } = inputs;
    const mask = this.#mask(inputs); // [B, H, T, P + T]
    const sourceMask = source === undefined ? undefined : F.extendMask(source.attentionMask);
    let hidden = this.#drop(this.embed_tokens(inputIds)); // [B, T, D]
    const present: KeyValue[] = [];
    for (const [layer, block] of [...this.block].entries()) {
      const cross = source?.cross[layer];
      const read = cross === undefined || sourceMask === undefined ? undefined : { cross, mask: sourceMask };
      const [next, keyValue] = block(hidden, mask, read, past?.[layer]);
      hidden = next;
      present.push(keyValue);
    }
    return [this.#drop(this.final_layer_norm(hidden)), present];
  }

  #drop(x: Tensor): Tensor {
    return F.dropout(x, this.#dropout, this.training);
  }

  /** The bias of each distance, and the least number for keys that are padding or come later. All layers share it. */
  #mask(inputs: StackInputs): Tensor {
    const { keys, queries } = places(inputs);
    const relative = keys.unsqueeze(0).sub(queries.unsqueeze(1)); // [T, P + T]
    const bias = this.#bias(relative);
    const { attentionMask } = inputs;
    if (!this.#isDecoder) return attentionMask === undefined ? bias : bias.add(F.extendMask(attentionMask));
    const later = relative.gt(0);
    const padding = attentionMask?.unsqueeze(1).unsqueeze(1).eq(0); // [B, 1, 1, P + T]
    // One sum of flags, then one product: adding two least numbers would overflow.
    const hidden = padding === undefined ? later : later.logicalOr(padding);
    return bias.add(hidden.to("float32").mul(-3.4028234663852886e38));
  }

  /** Distances [T, S] → [1, H, T, S] */
  #bias(relative: Tensor): Tensor {
    const index = relative.clamp(-this.#farthest, this.#farthest).add(this.#farthest);
    const buckets = Tensor.fromNode(build.gather(this.#buckets.node, index.node, 0), [this.#buckets, index]);
    const biases = this.block.at(0).biasTable?.(buckets) ?? relative.unsqueeze(-1).mul(0); // [T, S, H]
    return biases.permute([2, 0, 1]).unsqueeze(0);
  }
}

/**
 * Places of keys [P + T] and of queries [T] in their text. A cache may have unused room between past and new tokens, which is
 * masked in every row and not counted; padding is, which moves all places of its row alike.
 */
function places({ inputIds, attentionMask, past }: StackInputs): { keys: Tensor; queries: Tensor } {
  const now = F.arangeLike(inputIds, 1);
  const before = past?.[0]?.key;
  if (before === undefined) return { keys: now, queries: now };
  const columns = cat([F.arangeLike(before, 2), now], 0); // [P + T]
  const keys = attentionMask === undefined ? F.arangeLike(columns, 0) : attentionMask.amax(0).cumsum(0);
  const queries = keys.map((node) => build.narrow(node, 0, before.dims[2] ?? 0, inputIds.dims[1] ?? 0));
  return { keys, queries };
}
