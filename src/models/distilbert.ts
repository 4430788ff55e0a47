// DistilBERT (Sanh et al. 2019, arXiv 1910.01108): config → embeddings → blocks → heads.
// Downloads nothing; names of modules are the checkpoint's names.
import { z } from "zod";
import { Dropout, Embedding, functional as F, LayerNorm, Linear, Module, ModuleList } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import {
  defineArchitecture,
  type HiddenOutput,
  type LogitsOutput,
  labelsOf,
  type ModelInputs,
  PreTrainedModel,
} from "./architecture.ts";
import { type Body, ForQuestionAnswering, ForTokenClassification } from "./heads.ts";
import { headsLeft, leavesHeads, listedHeads, NO_HEADS_LEFT, prunedHeads } from "./prunable.ts";

export const distilbertConfigSchema = z
  .looseObject({
    model_type: z.literal("distilbert"),
    vocab_size: z.number().int().positive(),
    dim: z.number().int().positive(),
    n_layers: z.number().int().positive(),
    n_heads: z.number().int().positive(),
    hidden_dim: z.number().int().positive(),
    max_position_embeddings: z.number().int().positive().default(512),
    activation: z.string().default("gelu"),
    dropout: z.number().default(0.1),
    attention_dropout: z.number().default(0.1),
    seq_classif_dropout: z.number().default(0.2),
    qa_dropout: z.number().default(0.1),
    tie_word_embeddings: z.boolean().default(true),
    initializer_range: z.number().default(0.02),
    pad_token_id: z.number().int().nullable().default(0),
    pruned_heads: prunedHeads,
    id2label: z.record(z.string(), z.string()).default({ 0: "LABEL_0", 1: "LABEL_1" }),
  })
  .refine(({ dim, n_heads }) => dim % n_heads === 0, { path: ["n_heads"], message: "does not divide dim" })
  .refine((config) => leavesHeads(config, config.n_heads, config.n_layers), NO_HEADS_LEFT);

export type DistilbertConfig = z.infer<typeof distilbertConfigSchema>;

/** Fixed in the reference implementation, not configurable. */
const EPS = 1e-12;

class Embeddings extends Module<[Tensor], Tensor> {
  readonly word_embeddings: Embedding;
  readonly position_embeddings: Embedding;
  readonly LayerNorm: LayerNorm;
  readonly dropout: Dropout;

  constructor(config: DistilbertConfig) {
    super();
    this.word_embeddings = new Embedding(config.vocab_size, config.dim, {
      paddingIdx: config.pad_token_id ?? undefined,
    });
    this.position_embeddings = new Embedding(config.max_position_embeddings, config.dim);
    this.LayerNorm = new LayerNorm(config.dim, { eps: EPS });
    this.dropout = new Dropout(config.dropout);
  }

  override forward(inputIds: Tensor): Tensor {
    const positions = this.position_embeddings(F.arangeLike(inputIds, 1)); // [T, D]
    return this.dropout(this.LayerNorm(this.word_embeddings(inputIds).add(positions))); // [B, T, D]
  }
}

class Attention extends Module<[Tensor, Tensor], Tensor> {
  readonly q_lin: Linear;
  readonly k_lin: Linear;
  readonly v_lin: Linear;
  readonly out_lin: Linear;
  readonly #heads: number;
  readonly #width: number;
  readonly #dropout: number;

  constructor(config: DistilbertConfig, layer: number) {
    super();
    this.#heads = headsLeft(config, config.n_heads, layer);
    this.#width = config.dim / config.n_heads;
    this.q_lin = new Linear(config.dim, this.#heads * this.#width);
    this.k_lin = new Linear(config.dim, this.#heads * this.#width);
    this.v_lin = new Linear(config.dim, this.#heads * this.#width);
    this.out_lin = new Linear(this.#heads * this.#width, config.dim);
    this.#dropout = config.attention_dropout;
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    const split = (y: Tensor) => y.unflatten(-1, [this.#heads, this.#width]).transpose(1, 2); // [B, H, T, d]
    const context = F.scaledDotProductAttention(split(this.q_lin(x)), split(this.k_lin(x)), split(this.v_lin(x)), {
      attnMask: mask,
      dropoutP: this.#dropout,
      training: this.training,
    });
    return this.out_lin(context.transpose(1, 2).flatten(-2)); // [B, T, D]
  }
}

class FeedForward extends Module<[Tensor], Tensor> {
  readonly lin1: Linear;
  readonly lin2: Linear;
  readonly dropout: Dropout;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(config: DistilbertConfig) {
    super();
    this.lin1 = new Linear(config.dim, config.hidden_dim);
    this.lin2 = new Linear(config.hidden_dim, config.dim);
    this.dropout = new Dropout(config.dropout);
    this.#activation = F.activation(config.activation);
  }

  override forward(x: Tensor): Tensor {
    return this.dropout(this.lin2(this.#activation(this.lin1(x))));
  }
}

class Block extends Module<[Tensor, Tensor], Tensor> {
  readonly attention: Attention;
  readonly sa_layer_norm: LayerNorm;
  readonly ffn: FeedForward;
  readonly output_layer_norm: LayerNorm;

  constructor(config: DistilbertConfig, layer: number) {
    super();
    this.attention = new Attention(config, layer);
    this.sa_layer_norm = new LayerNorm(config.dim, { eps: EPS });
    this.ffn = new FeedForward(config);
    this.output_layer_norm = new LayerNorm(config.dim, { eps: EPS });
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    const attended = this.sa_layer_norm(this.attention(x, mask).add(x));
    return this.output_layer_norm(this.ffn(attended).add(attended));
  }
}

class Transformer extends Module<[Tensor, Tensor], Tensor> {
  readonly layer: ModuleList<Block>;

  constructor(config: DistilbertConfig) {
    super();
    this.layer = new ModuleList(Array.from({ length: config.n_layers }, (_, at) => new Block(config, at)));
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    let hidden = x;
    for (const block of this.layer) hidden = block(hidden, mask);
    return hidden;
  }
}

/** The states of every token. */
export class DistilBertModel extends PreTrainedModel<HiddenOutput> {
  readonly embeddings: Embeddings;
  readonly transformer: Transformer;

  constructor(config: DistilbertConfig) {
    super(config);
    this.embeddings = new Embeddings(config);
    this.transformer = new Transformer(config);
  }

  override forward({ inputIds, attentionMask }: ModelInputs): HiddenOutput {
    // [B, T, D]
    return { lastHiddenState: this.transformer(this.embeddings(inputIds), F.extendMask(attentionMask)) };
  }
}

/** The first token's state → dense → ReLU → classes. */
export class DistilBertForSequenceClassification extends PreTrainedModel {
  readonly distilbert: DistilBertModel;
  readonly pre_classifier: Linear;
  readonly classifier: Linear;
  readonly #dropout: number;

  constructor(config: DistilbertConfig) {
    super(config);
    this.distilbert = new DistilBertModel(config);
    this.pre_classifier = new Linear(config.dim, config.dim);
    this.classifier = new Linear(config.dim, labelsOf(config).length);
    this.#dropout = config.seq_classif_dropout;
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    const first = this.distilbert(inputs).lastHiddenState.select(1, 0); // [B, D]
    const pooled = F.dropout(this.pre_classifier(first).relu(), this.#dropout, this.training);
    return { logits: this.classifier(pooled) }; // [B, C]
  }
}

/** State → dense → norm → one logit a word, by the word table unless the config unties it. */
export class DistilBertForMaskedLM extends PreTrainedModel {
  readonly distilbert: DistilBertModel;
  readonly vocab_transform: Linear;
  readonly vocab_layer_norm: LayerNorm;
  readonly vocab_projector: Linear;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(config: DistilbertConfig) {
    super(config);
    this.distilbert = new DistilBertModel(config);
    this.vocab_transform = new Linear(config.dim, config.dim);
    this.vocab_layer_norm = new LayerNorm(config.dim, { eps: EPS });
    this.vocab_projector = new Linear(config.dim, config.vocab_size);
    if (config.tie_word_embeddings) {
      this.vocab_projector.registerParameter("weight", this.distilbert.embeddings.word_embeddings.weight);
    }
    this.#activation = F.activation(config.activation);
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    const { lastHiddenState } = this.distilbert(inputs);
    const states = this.vocab_layer_norm(this.#activation(this.vocab_transform(lastHiddenState)));
    return { logits: this.vocab_projector(states) }; // [B, T, V]
  }
}

const body = (config: DistilbertConfig): Body => ({
  name: "distilbert",
  model: new DistilBertModel(config),
  hidden: config.dim,
});

export const distilbert = defineArchitecture({
  modelType: "distilbert",
  config: distilbertConfigSchema,
  heads: {
    DistilBertModel: (config) => new DistilBertModel(config),
    DistilBertForSequenceClassification: (config) => new DistilBertForSequenceClassification(config),
    DistilBertForTokenClassification: (config) => new ForTokenClassification(config, body(config), config.dropout),
    DistilBertForQuestionAnswering: (config) => new ForQuestionAnswering(config, body(config), config.qa_dropout),
    DistilBertForMaskedLM: (config) => new DistilBertForMaskedLM(config),
  },
  maxLength: (config) => config.max_position_embeddings,
  prunable: {
    stacks: [
      {
        layers: "transformer.layer",
        count: "n_layers",
        heads: [{ made: ["attention.q_lin", "attention.k_lin", "attention.v_lin"], read: "attention.out_lin" }],
        neurons: [{ made: ["ffn.lin1"], read: "ffn.lin2" }],
      },
    ],
    heads: listedHeads((config: DistilbertConfig) => config.n_heads),
    neurons: "hidden_dim",
  },
  checkpoint: { prefix: "distilbert", ignored: /^vocab_(transform|layer_norm|projector)\./ },
});
