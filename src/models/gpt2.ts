// GPT-2 (Radford et al. 2019): config → embeddings → blocks → heads, with keys and values of earlier tokens.
// Downloads nothing; names of modules are the checkpoint's names.
import { z } from "zod";
import { Dropout, Embedding, functional as F, LayerNorm, Linear, Module, ModuleList, parameter } from "../nn/index.ts";
import { type Generator, randn, type Tensor, zeros } from "../tensor/index.ts";
import {
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
} from "./decoder-heads.ts";
import type { InputName } from "./inputs.ts";
import { headsLeft, leavesHeads, listedHeads, prunedHeads } from "./prunable.ts";

export const gpt2ConfigSchema = z
  .looseObject({
    model_type: z.literal("gpt2"),
    vocab_size: z.number().int().positive(),
    n_positions: z.number().int().positive().default(1024),
    n_embd: z.number().int().positive(),
    n_layer: z.number().int().positive(),
    n_head: z.number().int().positive(),
    n_inner: z.number().int().positive().nullish(),
    activation_function: z.string().default("gelu_new"),
    layer_norm_epsilon: z.number().default(1e-5),
    embd_pdrop: z.number().default(0.1),
    attn_pdrop: z.number().default(0.1),
    resid_pdrop: z.number().default(0.1),
    scale_attn_weights: z.boolean().default(true),
    scale_attn_by_inverse_layer_idx: z.boolean().default(false),
    tie_word_embeddings: z.boolean().default(true),
    initializer_range: z.number().default(0.02),
    pad_token_id: z.number().int().nullish(),
    pruned_heads: prunedHeads,
  })
  .refine(({ n_embd, n_head }) => n_embd % n_head === 0, { path: ["n_head"], message: "does not divide n_embd" })
  .refine((config) => leavesHeads(config, config.n_head, config.n_layer, true), {
    path: ["pruned_heads"],
    message:
      "names heads or layers that are not there, leaves none, or not as many in every layer, as keys and values need",
  });

export type Gpt2Config = z.infer<typeof gpt2ConfigSchema>;

/** y = x W + b with W [in, out]: a linear layer that stores its matrix the other way round. */
class Conv1D extends Module<[Tensor], Tensor> {
  readonly weight: Tensor;
  readonly bias: Tensor;

  constructor(inFeatures: number, outFeatures: number) {
    super();
    this.weight = parameter(zeros([inFeatures, outFeatures]));
    this.bias = parameter(zeros([outFeatures]));
  }

  override forward(x: Tensor): Tensor {
    return x.matmul(this.weight).add(this.bias);
  }
}

class Attention extends Module<[Tensor, Tensor, KeyValue | undefined], [Tensor, KeyValue]> {
  readonly c_attn: Conv1D;
  readonly c_proj: Conv1D;
  readonly #heads: number;
  readonly #width: number;
  readonly #scale: number;
  readonly #attentionDropout: number;
  readonly #residualDropout: Dropout;

  constructor(config: Gpt2Config, layer: number) {
    super();
    this.#heads = headsLeft(config, config.n_head, layer);
    this.#width = config.n_embd / config.n_head;
    this.c_attn = new Conv1D(config.n_embd, 3 * this.#heads * this.#width);
    this.c_proj = new Conv1D(this.#heads * this.#width, config.n_embd);
    // scaledDotProductAttention divides by √d: what differs from that is put on the queries.
    const plain = config.scale_attn_weights ? 1 : Math.sqrt(this.#width);
    this.#scale = config.scale_attn_by_inverse_layer_idx ? plain / (layer + 1) : plain;
    this.#attentionDropout = config.attn_pdrop;
    this.#residualDropout = new Dropout(config.resid_pdrop);
  }

  override forward(x: Tensor, mask: Tensor, past: KeyValue | undefined): [Tensor, KeyValue] {
    const size = this.#heads * this.#width;
    const packed = this.c_attn(x); // [B, T, 3 H d]
    const part = (index: number) =>
      packed
        .narrow(-1, index * size, size)
        .unflatten(-1, [this.#heads, this.#width])
        .transpose(1, 2); // [B, H, T, d]
    const query = this.#scale === 1 ? part(0) : part(0).mul(this.#scale);
    const [key, value] = [part(1), part(2)];
    const context = F.scaledDotProductAttention(query, key, value, {
      attnMask: mask,
      past,
      dropoutP: this.#attentionDropout,
      training: this.training,
    });
    const output = this.c_proj(context.transpose(1, 2).flatten(-2)); // [B, T, E]
    return [F.dropout(output, this.#residualDropout.p, this.training), { key, value }];
  }
}

class MLP extends Module<[Tensor], Tensor> {
  readonly c_fc: Conv1D;
  readonly c_proj: Conv1D;
  readonly #dropout: number;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(config: Gpt2Config) {
    super();
    const inner = config.n_inner ?? 4 * config.n_embd;
    this.c_fc = new Conv1D(config.n_embd, inner);
    this.c_proj = new Conv1D(inner, config.n_embd);
    this.#dropout = config.resid_pdrop;
    this.#activation = F.activation(config.activation_function);
  }

  override forward(x: Tensor): Tensor {
    return F.dropout(this.c_proj(this.#activation(this.c_fc(x))), this.#dropout, this.training);
  }
}

class Block extends Module<[Tensor, Tensor, KeyValue | undefined], [Tensor, KeyValue]> {
  readonly ln_1: LayerNorm;
  readonly attn: Attention;
  readonly ln_2: LayerNorm;
  readonly mlp: MLP;

  constructor(config: Gpt2Config, layer: number) {
    super();
    this.ln_1 = new LayerNorm(config.n_embd, { eps: config.layer_norm_epsilon });
    this.attn = new Attention(config, layer);
    this.ln_2 = new LayerNorm(config.n_embd, { eps: config.layer_norm_epsilon });
    this.mlp = new MLP(config);
  }

  override forward(x: Tensor, mask: Tensor, past: KeyValue | undefined): [Tensor, KeyValue] {
    const [attended, present] = this.attn(this.ln_1(x), mask, past);
    const hidden = attended.add(x);
    return [this.mlp(this.ln_2(hidden)).add(hidden), present];
  }
}

/** The states of every token. */
export class Gpt2Model extends PreTrainedModel<HiddenOutput> {
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly h: ModuleList<Block>;
  readonly ln_f: LayerNorm;
  readonly #dropout: number;

  constructor(config: Gpt2Config) {
    super(config);
    this.wte = new Embedding(config.vocab_size, config.n_embd);
    this.wpe = new Embedding(config.n_positions, config.n_embd);
    this.h = new ModuleList(Array.from({ length: config.n_layer }, (_, layer) => new Block(config, layer)));
    this.ln_f = new LayerNorm(config.n_embd, { eps: config.layer_norm_epsilon });
    this.#dropout = config.embd_pdrop;
  }

  override get inputs(): readonly InputName[] {
    return ["inputIds", "attentionMask", "positionIds"];
  }

  override forward(inputs: ModelInputs): HiddenOutput {
    const { inputIds, positionIds, past } = inputs;
    const { places, mask } = causality(inputs);
    const embedded = this.wte(inputIds).add(this.wpe(positionIds ?? places)); // [B, T, E]
    const unseen = mask();
    let hidden = F.dropout(embedded, this.#dropout, this.training);
    const present: KeyValue[] = [];
    for (const [layer, block] of [...this.h].entries()) {
      const [next, keyValue] = block(hidden, unseen, past?.[layer]);
      hidden = next;
      present.push(keyValue);
    }
    return { lastHiddenState: this.ln_f(hidden), present: past === undefined ? undefined : present };
  }

  override initialize(generator?: Generator): void {
    super.initialize(generator);
    this.refresh(generator);
  }

  /** GPT-2's own: normal matrices, and those that write to the residual stream smaller by √(2 · layers). */
  refresh(generator: Generator | undefined): void {
    const range = this.config.initializer_range ?? 0.02;
    for (const [name, weight] of this.namedParameters()) {
      if (!/\.(c_attn|c_fc|c_proj)\.weight$/.test(name)) continue;
      const deviation = name.endsWith("c_proj.weight") ? range / Math.sqrt(2 * this.h.length) : range;
      weight.assign(
        randn(weight.shape, generator === undefined ? {} : { generator })
          .mul(deviation)
          .settle().node,
      );
    }
  }
}

/** Every position's state → one logit a word; the head is the word table itself unless the config unties it. */
export class Gpt2LMHeadModel extends PreTrainedModel {
  readonly transformer: Gpt2Model;
  readonly lm_head: Linear | undefined;

  constructor(config: Gpt2Config) {
    super(config);
    this.transformer = new Gpt2Model(config);
    this.lm_head = config.tie_word_embeddings
      ? undefined
      : new Linear(config.n_embd, config.vocab_size, { bias: false });
  }

  override get inputs(): readonly InputName[] {
    return this.transformer.inputs;
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    const { lastHiddenState, present } = this.transformer(inputs);
    const states = inputs.lastOnly === true ? lastPosition(lastHiddenState, inputs.inputIds) : lastHiddenState;
    const logits = F.linear(states, this.lm_head?.weight ?? this.transformer.wte.weight); // [B, T, V]
    return { logits, present };
  }

  override initialize(generator?: Generator): void {
    super.initialize(generator);
    this.transformer.refresh(generator);
  }
}

const body = (config: Gpt2Config): DecoderBody => ({
  name: "transformer",
  model: new Gpt2Model(config),
  hidden: config.n_embd,
});

export const gpt2 = defineArchitecture({
  modelType: "gpt2",
  config: gpt2ConfigSchema,
  heads: {
    GPT2Model: (config) => new Gpt2Model(config),
    GPT2LMHeadModel: (config) => new Gpt2LMHeadModel(config),
    GPT2ForSequenceClassification: (config) =>
      new DecoderForSequenceClassification(config, body(config), config.pad_token_id),
    GPT2ForTokenClassification: (config) => new DecoderForTokenClassification(config, body(config), "classifier"),
    GPT2ForQuestionAnswering: (config) => new DecoderForQuestionAnswering(config, body(config)),
  },
  maxLength: (config) => config.n_positions,
  cache: (config) => ({
    layers: config.n_layer,
    heads: headsLeft(config, config.n_head, 0),
    width: config.n_embd / config.n_head,
  }),
  prunable: {
    stacks: [
      {
        layers: "h",
        count: "n_layer",
        heads: [{ made: ["attn.c_attn"], read: "attn.c_proj", packed: 3 }],
        neurons: [{ made: ["mlp.c_fc"], read: "mlp.c_proj" }],
      },
    ],
    isTransposed: true,
    heads: listedHeads((config: Gpt2Config) => config.n_head, { areAlike: true }),
    neurons: "n_inner",
    refusesLayers: ({ scale_attn_by_inverse_layer_idx: isScaled }) =>
      isScaled ? "scale_attn_by_inverse_layer_idx divides each layer's attention by its number" : undefined,
  },
  // The oldest checkpoints were saved without their head, with its causal masks, and with the tied head written out.
  checkpoint: {
    prefix: "transformer",
    ignored: /\.attn\.(bias|masked_bias)$/,
    tied: { "lm_head.weight": "transformer.wte.weight" },
  },
});
