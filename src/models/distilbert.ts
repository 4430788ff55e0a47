// DistilBERT (Sanh et al. 2019, arXiv 1910.01108): config → embeddings → blocks → heads.
// Downloads nothing; names of modules are the checkpoint's names.
import { z } from "zod";
import { Dropout, Embedding, functional as F, LayerNorm, Linear, Module, ModuleList } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { defineArchitecture, labelsOf, type ModelInputs, type ModelOutput, PreTrainedModel } from "./architecture.ts";

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
    initializer_range: z.number().default(0.02),
    pad_token_id: z.number().int().default(0),
    id2label: z.record(z.string(), z.string()).default({ 0: "LABEL_0", 1: "LABEL_1" }),
  })
  .refine(({ dim, n_heads }) => dim % n_heads === 0, { path: ["n_heads"], message: "does not divide dim" });

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
    this.word_embeddings = new Embedding(config.vocab_size, config.dim);
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

  constructor(config: DistilbertConfig) {
    super();
    this.q_lin = new Linear(config.dim, config.dim);
    this.k_lin = new Linear(config.dim, config.dim);
    this.v_lin = new Linear(config.dim, config.dim);
    this.out_lin = new Linear(config.dim, config.dim);
    this.#heads = config.n_heads;
    this.#width = config.dim / config.n_heads;
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

  constructor(config: DistilbertConfig) {
    super();
    this.attention = new Attention(config);
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
    this.layer = new ModuleList(Array.from({ length: config.n_layers }, () => new Block(config)));
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    let hidden = x;
    for (const block of this.layer) hidden = block(hidden, mask);
    return hidden;
  }
}

class DistilbertModel extends Module<[ModelInputs], Tensor> {
  readonly embeddings: Embeddings;
  readonly transformer: Transformer;

  constructor(config: DistilbertConfig) {
    super();
    this.embeddings = new Embeddings(config);
    this.transformer = new Transformer(config);
  }

  override forward({ inputIds, attentionMask }: ModelInputs): Tensor {
    return this.transformer(this.embeddings(inputIds), F.extendMask(attentionMask)); // [B, T, D]
  }
}

/** The first token's state → dense → ReLU → classes. */
export class DistilbertForSequenceClassification extends PreTrainedModel {
  readonly distilbert: DistilbertModel;
  readonly pre_classifier: Linear;
  readonly classifier: Linear;
  readonly #dropout: Dropout;

  constructor(config: DistilbertConfig) {
    super(config);
    this.distilbert = new DistilbertModel(config);
    this.pre_classifier = new Linear(config.dim, config.dim);
    this.classifier = new Linear(config.dim, labelsOf(config).length);
    this.#dropout = new Dropout(config.seq_classif_dropout);
  }

  override forward(inputs: ModelInputs): ModelOutput {
    const first = this.distilbert(inputs).select(1, 0); // [B, D]
    const pooled = F.dropout(this.pre_classifier(first).relu(), this.#dropout.p, this.training);
    return { logits: this.classifier(pooled) }; // [B, C]
  }
}

export const distilbert = defineArchitecture({
  modelType: "distilbert",
  config: distilbertConfigSchema,
  heads: {
    DistilBertForSequenceClassification: (config) => new DistilbertForSequenceClassification(config),
  },
  maxLength: (config) => config.max_position_embeddings,
});
