// Llama (Touvron et al. 2023, arXiv 2302.13971) and its kin Mistral, Qwen2 and Qwen3: config → embeddings → layers → heads.
// Downloads nothing; names of modules are the checkpoint's names; what differs in the family is one row of a table.
import { z } from "zod";
import { Embedding, functional as F, Linear, Module, ModuleList, RMSNorm } from "../nn/index.ts";
import { type Generator, noGrad, type Tensor } from "../tensor/index.ts";
import {
  type Architecture,
  defineArchitecture,
  type HiddenOutput,
  type KeyValue,
  type LogitsOutput,
  type ModelInputs,
  PreTrainedModel,
} from "./architecture.ts";
import {
  causality,
  type DecoderBody,
  DecoderForQuestionAnswering,
  DecoderForSequenceClassification,
  DecoderForTokenClassification,
  lastPosition,
  times,
} from "./decoder-heads.ts";
import type { InputName } from "./inputs.ts";
import { countedHeads, range } from "./prunable.ts";
import { RotaryEmbedding, type Rotation, ropeFields, rotate } from "./rope.ts";

/** What a config may leave out, as transformers' class of the type has it; what lacks here follows from other fields. */
interface Defaults {
  num_key_value_heads?: number;
  head_dim?: number;
  max_position_embeddings: number;
}

/** Sizes of attention, as a config has them. */
interface HeadSizes {
  hidden_size: number;
  num_attention_heads: number;
  num_key_value_heads?: number | null | undefined;
  head_dim?: number | null | undefined;
}

const keyHeadsOf = (config: HeadSizes): number => config.num_key_value_heads ?? config.num_attention_heads;
const widthOf = (config: HeadSizes): number => config.head_dim ?? config.hidden_size / config.num_attention_heads;

const count = z.number().int().positive();
// A field that is absent stays so: transformers tells null from nothing.
const countOr = (value: number | undefined) =>
  value === undefined ? count.nullish() : count.nullable().default(value);

const schemaOf = <Type extends string>(modelType: Type, defaults: Defaults) =>
  z
    .looseObject({
      ...ropeFields,
      model_type: z.literal(modelType),
      vocab_size: count,
      hidden_size: count,
      intermediate_size: count,
      num_hidden_layers: count,
      num_attention_heads: count,
      num_key_value_heads: countOr(defaults.num_key_value_heads),
      head_dim: countOr(defaults.head_dim),
      max_position_embeddings: count.default(defaults.max_position_embeddings),
      hidden_act: z.string().default("silu"),
      rms_norm_eps: z.number().default(1e-6),
      attention_bias: z.boolean().nullish(),
      mlp_bias: z.boolean().nullish(),
      attention_dropout: z.number().default(0),
      sliding_window: count.nullish(),
      use_sliding_window: z.boolean().nullish(),
      max_window_layers: z.number().int().nullish(),
      layer_types: z.array(z.enum(["full_attention", "sliding_attention"])).nullish(),
      tie_word_embeddings: z.boolean().default(false),
      initializer_range: z.number().default(0.02),
      pad_token_id: z.number().int().nullish(),
    })
    .refine((config) => config.num_attention_heads % keyHeadsOf(config) === 0, {
      path: ["num_key_value_heads"],
      message: "does not divide num_attention_heads",
    })
    .refine((config) => widthOf(config) % 2 === 0, { path: ["head_dim"], message: "is no even number" })
    .refine(({ layer_types: types, num_hidden_layers: layers }) => (types?.length ?? layers) === layers, {
      path: ["layer_types"],
      message: "does not name one type a layer",
    });

type Config = z.infer<ReturnType<typeof schemaOf<string>>>;

/** What a member of the family has of its own. */
interface Member {
  /** In front of its classes' names. */
  name: string;
  defaults: Defaults;
  /** Which projections add a bias. */
  biases(config: Config): { qkv: boolean; out: boolean; mlp: boolean };
  /** Queries and keys are normed head by head. */
  normsHeads: boolean;
  /** How many tokens, itself among them, a token of a layer sees; all before it when undefined. */
  window(config: Config, layer: number): number | undefined;
  /** The body's name in its question answering class. */
  answering: string;
  /** How many heads its config may have. */
  allowsHeads?(config: Config, heads: number): boolean;
}

/** Qwen: the upper layers have windows, or those that are named. */
function upperWindow(config: Config, layer: number): number | undefined {
  if (config.use_sliding_window !== true) return undefined;
  const isUpper = layer >= (config.max_window_layers ?? 28);
  const isSliding = config.layer_types?.[layer] ?? (isUpper ? "sliding_attention" : "full_attention");
  return isSliding === "sliding_attention" ? windowOf(config) : undefined;
}

/** Types of the layers that stay, where they are named, or where a layer's number would tell its window. */
function keptTypes(config: Config, { window }: Member, layers: readonly number[]): Partial<Config> {
  const windows = range(config.num_hidden_layers).map((layer) => window(config, layer));
  const named = config.layer_types ?? windows.map((w) => (w === undefined ? "full_attention" : "sliding_attention"));
  if (!config.layer_types && new Set(windows).size < 2) return {};
  return { layer_types: layers.map((layer) => named[layer] ?? "full_attention") };
}

/** Null switches windows off; absent, they are transformers' 4096. */
function windowOf({ sliding_window: window }: Config): number | undefined {
  return window === undefined ? 4096 : (window ?? undefined);
}

const MEMBERS = {
  llama: {
    name: "Llama",
    defaults: { max_position_embeddings: 2048 },
    biases: ({ attention_bias: attention, mlp_bias: mlp }) => ({
      qkv: attention === true,
      out: attention === true,
      mlp: mlp === true,
    }),
    normsHeads: false,
    window: () => undefined,
    answering: "transformer",
    // transformers refuses others, although head_dim says how wide a head is.
    allowsHeads: ({ hidden_size: hidden }, heads) => hidden % heads === 0,
  },
  mistral: {
    name: "Mistral",
    defaults: { num_key_value_heads: 8, max_position_embeddings: 131_072 },
    biases: () => ({ qkv: false, out: false, mlp: false }),
    normsHeads: false,
    window: windowOf,
    answering: "model",
  },
  qwen2: {
    name: "Qwen2",
    defaults: { num_key_value_heads: 32, max_position_embeddings: 32_768 },
    biases: () => ({ qkv: true, out: false, mlp: false }),
    normsHeads: false,
    window: upperWindow,
    answering: "transformer",
  },
  qwen3: {
    name: "Qwen3",
    defaults: { num_key_value_heads: 32, head_dim: 128, max_position_embeddings: 32_768 },
    biases: ({ attention_bias: bias }) => ({ qkv: bias === true, out: bias === true, mlp: false }),
    normsHeads: true,
    window: upperWindow,
    answering: "transformer",
  },
} as const satisfies Record<string, Member>;

class Attention extends Module<[Tensor, Rotation, Tensor, KeyValue | undefined], [Tensor, KeyValue]> {
  readonly q_proj: Linear;
  readonly k_proj: Linear;
  readonly v_proj: Linear;
  readonly o_proj: Linear;
  readonly q_norm: RMSNorm | undefined;
  readonly k_norm: RMSNorm | undefined;
  readonly #keyHeads: number;
  /** Queries that share a key. */
  readonly #group: number;
  readonly #width: number;
  readonly #dropout: number;

  constructor(config: Config, member: Member) {
    super();
    const { hidden_size: hidden, num_attention_heads: heads, rms_norm_eps: eps } = config;
    const { qkv, out } = member.biases(config);
    this.#width = widthOf(config);
    this.#keyHeads = keyHeadsOf(config);
    this.#group = heads / this.#keyHeads;
    this.#dropout = config.attention_dropout;
    this.q_proj = new Linear(hidden, heads * this.#width, { bias: qkv });
    this.k_proj = new Linear(hidden, this.#keyHeads * this.#width, { bias: qkv });
    this.v_proj = new Linear(hidden, this.#keyHeads * this.#width, { bias: qkv });
    this.o_proj = new Linear(heads * this.#width, hidden, { bias: out });
    this.q_norm = member.normsHeads ? new RMSNorm(this.#width, { eps }) : undefined;
    this.k_norm = member.normsHeads ? new RMSNorm(this.#width, { eps }) : undefined;
  }

  /** @param mask [B, 1, G T, P + T] for groups of G queries a key */
  override forward(x: Tensor, rotation: Rotation, mask: Tensor, past: KeyValue | undefined): [Tensor, KeyValue] {
    const [group, keyHeads, width] = [this.#group, this.#keyHeads, this.#width];
    const split = (y: Tensor) => y.unflatten(-1, [-1, width]); // [B, T, A, d] or [B, T, K, d]
    const turned = (y: Tensor, norm?: RMSNorm) =>
      split(rotate(norm === undefined ? y : norm(split(y)).flatten(-2), rotation));
    const [batch = 1, tokens = 1] = x.dims;
    const key = turned(this.k_proj(x), this.k_norm).transpose(1, 2); // [B, K, T, d]
    const value = split(this.v_proj(x)).transpose(1, 2); // [B, K, T, d]
    // The queries of a group stand below each other, so that keys and values are read as they lie in the cache.
    const query = turned(this.q_proj(x), this.q_norm)
      .unflatten(2, [keyHeads, group])
      .permute([0, 2, 3, 1, 4])
      .reshape([batch, keyHeads, times(tokens, group), width]); // [B, K, G T, d]
    const context = F.scaledDotProductAttention(query, key, value, {
      attnMask: mask,
      past,
      dropoutP: this.#dropout,
      training: this.training,
    });
    const joined = context.reshape([batch, keyHeads, group, tokens, width]).permute([0, 3, 1, 2, 4]).flatten(2); // [B, T, A d]
    return [this.o_proj(joined), { key, value }];
  }
}

class MLP extends Module<[Tensor], Tensor> {
  readonly gate_proj: Linear;
  readonly up_proj: Linear;
  readonly down_proj: Linear;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(config: Config, member: Member) {
    super();
    const { hidden_size: hidden, intermediate_size: inner } = config;
    const { mlp: bias } = member.biases(config);
    this.gate_proj = new Linear(hidden, inner, { bias });
    this.up_proj = new Linear(hidden, inner, { bias });
    this.down_proj = new Linear(inner, hidden, { bias });
    this.#activation = F.activation(config.hidden_act);
  }

  override forward(x: Tensor): Tensor {
    return this.down_proj(this.#activation(this.gate_proj(x)).mul(this.up_proj(x)));
  }
}

class Layer extends Module<[Tensor, Rotation, Tensor, KeyValue | undefined], [Tensor, KeyValue]> {
  readonly self_attn: Attention;
  readonly mlp: MLP;
  readonly input_layernorm: RMSNorm;
  readonly post_attention_layernorm: RMSNorm;

  constructor(config: Config, member: Member) {
    super();
    this.self_attn = new Attention(config, member);
    this.mlp = new MLP(config, member);
    this.input_layernorm = new RMSNorm(config.hidden_size, { eps: config.rms_norm_eps });
    this.post_attention_layernorm = new RMSNorm(config.hidden_size, { eps: config.rms_norm_eps });
  }

  override forward(x: Tensor, rotation: Rotation, mask: Tensor, past: KeyValue | undefined): [Tensor, KeyValue] {
    const [attended, present] = this.self_attn(this.input_layernorm(x), rotation, mask, past);
    const hidden = attended.add(x);
    return [this.mlp(this.post_attention_layernorm(hidden)).add(hidden), present];
  }
}

/** The states of every token. */
export class LlamaModel extends PreTrainedModel<HiddenOutput> {
  readonly embed_tokens: Embedding;
  readonly layers: ModuleList<Layer>;
  readonly norm: RMSNorm;
  readonly rotary_emb: RotaryEmbedding;
  /** One a layer. */
  readonly #windows: readonly (number | undefined)[];
  readonly #group: number;

  constructor(config: Config, member: Member) {
    super(config);
    const paddingIdx = config.pad_token_id ?? undefined;
    this.embed_tokens = new Embedding(config.vocab_size, config.hidden_size, { paddingIdx });
    const layers = Array.from({ length: config.num_hidden_layers }, () => new Layer(config, member));
    this.layers = new ModuleList(layers);
    this.norm = new RMSNorm(config.hidden_size, { eps: config.rms_norm_eps });
    this.rotary_emb = new RotaryEmbedding(config, widthOf(config));
    this.#windows = layers.map((_, layer) => member.window(config, layer));
    this.#group = config.num_attention_heads / keyHeadsOf(config);
  }

  override get inputs(): readonly InputName[] {
    return ["inputIds", "attentionMask", "positionIds"];
  }

  override forward(inputs: ModelInputs): HiddenOutput {
    const { inputIds, positionIds, past } = inputs;
    const { places, mask } = causality(inputs);
    const masks = new Map([...new Set(this.#windows)].map((window) => [window, this.#forGroups(mask(window))]));
    const rotation = this.rotary_emb(positionIds ?? places);
    let hidden = this.embed_tokens(inputIds); // [B, T, D]
    const present: KeyValue[] = [];
    for (const [at, layer] of [...this.layers].entries()) {
      const [next, keyValue] = layer(hidden, rotation, masks.get(this.#windows[at]) ?? mask(), past?.[at]);
      hidden = next;
      present.push(keyValue);
    }
    return { lastHiddenState: this.norm(hidden), present: past === undefined ? undefined : present };
  }

  /** [B, 1, T, S] → [B, 1, G T, S], once for all layers. */
  #forGroups(mask: Tensor): Tensor {
    const [batch = 1, , tokens = 1, keys = 1] = mask.dims;
    if (this.#group === 1) return mask;
    return mask.expand([batch, this.#group, tokens, keys]).reshape([batch, 1, times(tokens, this.#group), keys]);
  }

  override initialize(generator?: Generator): void {
    super.initialize(generator);
    this.refresh();
  }

  /** The row of padding starts at zero. */
  refresh(): void {
    const { paddingIdx, weight } = this.embed_tokens;
    if (paddingIdx === undefined) return;
    noGrad(() => weight.select(0, paddingIdx).zero_());
    weight.settle();
  }
}

/** Every position's state → one logit a word; the head is the word table itself where the config ties it. */
export class LlamaForCausalLM extends PreTrainedModel {
  readonly model: LlamaModel;
  readonly lm_head: Linear | undefined;

  constructor(config: Config, member: Member) {
    super(config);
    this.model = new LlamaModel(config, member);
    this.lm_head = config.tie_word_embeddings
      ? undefined
      : new Linear(config.hidden_size, config.vocab_size, { bias: false });
  }

  override get inputs(): readonly InputName[] {
    return this.model.inputs;
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    const { lastHiddenState, present } = this.model(inputs);
    const states = inputs.lastOnly === true ? lastPosition(lastHiddenState, inputs.inputIds) : lastHiddenState;
    const logits = F.linear(states, this.lm_head?.weight ?? this.model.embed_tokens.weight); // [B, T, V]
    return { logits, present };
  }

  override initialize(generator?: Generator): void {
    super.initialize(generator);
    this.model.refresh();
  }
}

/** The family's classes under the names of one member. */
function llamaLike(modelType: keyof typeof MEMBERS): Architecture {
  const member: Member = MEMBERS[modelType];
  const { name } = member;
  const body = (config: Config, as = "model"): DecoderBody => ({
    name: as,
    model: new LlamaModel(config, member),
    hidden: config.hidden_size,
  });
  return defineArchitecture({
    modelType,
    config: schemaOf<string>(modelType, member.defaults),
    heads: {
      [`${name}Model`]: (config) => new LlamaModel(config, member),
      [`${name}ForCausalLM`]: (config) => new LlamaForCausalLM(config, member),
      [`${name}ForSequenceClassification`]: (config) =>
        new DecoderForSequenceClassification(config, body(config), config.pad_token_id),
      [`${name}ForTokenClassification`]: (config) => new DecoderForTokenClassification(config, body(config), "score"),
      [`${name}ForQuestionAnswering`]: (config) =>
        new DecoderForQuestionAnswering(config, body(config, member.answering)),
    },
    maxLength: (config) => config.max_position_embeddings,
    cache: (config) => ({ layers: config.num_hidden_layers, heads: keyHeadsOf(config), width: widthOf(config) }),
    prunable: {
      stacks: [
        {
          layers: "layers",
          count: "num_hidden_layers",
          heads: [{ made: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], read: "self_attn.o_proj" }],
          neurons: [{ made: ["mlp.gate_proj", "mlp.up_proj"], read: "mlp.down_proj" }],
        },
      ],
      heads: countedHeads({
        count: (config: Config) => keyHeadsOf(config),
        fields: (config, keys) => ({
          num_attention_heads: (keys * config.num_attention_heads) / keyHeadsOf(config),
          num_key_value_heads: keys,
          head_dim: widthOf(config),
        }),
        allows: (config, keys) =>
          member.allowsHeads?.(config, (keys * config.num_attention_heads) / keyHeadsOf(config)) ?? true,
      }),
      neurons: "intermediate_size",
      keepLayers: (config, layers) => keptTypes(config, member, layers),
    },
    checkpoint: {
      prefix: "model",
      // Frequencies of places, which old versions saved.
      ignored: /\.rotary_emb\.inv_freq$/,
      tied: { "lm_head.weight": "model.embed_tokens.weight" },
    },
  });
}

export const llama = llamaLike("llama");
export const mistral = llamaLike("mistral");
export const qwen2 = llamaLike("qwen2");
export const qwen3 = llamaLike("qwen3");
