// BERT (Devlin et al. 2018, arXiv 1810.04805): config → embeddings → encoder → pooler → classifier.
// Downloads nothing; names of modules are the checkpoint's names.
import { z } from "zod";
import { Dropout, Embedding, functional as F, LayerNorm, Linear, Module, ModuleList } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { defineArchitecture, labelsOf, type ModelInputs, type ModelOutput, PreTrainedModel } from "./architecture.ts";

export const bertConfigSchema = z
  .looseObject({
    model_type: z.literal("bert"),
    vocab_size: z.number().int().positive(),
    hidden_size: z.number().int().positive(),
    num_hidden_layers: z.number().int().positive(),
    num_attention_heads: z.number().int().positive(),
    intermediate_size: z.number().int().positive(),
    hidden_act: z.string().default("gelu"),
    max_position_embeddings: z.number().int().positive().default(512),
    type_vocab_size: z.number().int().positive().default(2),
    layer_norm_eps: z.number().default(1e-12),
    hidden_dropout_prob: z.number().default(0.1),
    attention_probs_dropout_prob: z.number().default(0.1),
    classifier_dropout: z.number().nullish(),
    initializer_range: z.number().default(0.02),
    pad_token_id: z.number().int().nullish(),
    position_embedding_type: z.literal("absolute").default("absolute"),
    id2label: z.record(z.string(), z.string()).default({ 0: "LABEL_0", 1: "LABEL_1" }),
  })
  .refine(({ hidden_size, num_attention_heads }) => hidden_size % num_attention_heads === 0, {
    path: ["num_attention_heads"],
    message: "does not divide hidden_size",
  });

export type BertConfig = z.infer<typeof bertConfigSchema>;

class Embeddings extends Module<[Tensor, Tensor | undefined], Tensor> {
  readonly word_embeddings: Embedding;
  readonly position_embeddings: Embedding;
  readonly token_type_embeddings: Embedding;
  readonly LayerNorm: LayerNorm;
  readonly #dropout: Dropout;

  constructor(config: BertConfig) {
    super();
    this.word_embeddings = new Embedding(config.vocab_size, config.hidden_size);
    this.position_embeddings = new Embedding(config.max_position_embeddings, config.hidden_size);
    this.token_type_embeddings = new Embedding(config.type_vocab_size, config.hidden_size);
    this.LayerNorm = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.#dropout = new Dropout(config.hidden_dropout_prob);
  }

  override forward(inputIds: Tensor, tokenTypeIds: Tensor | undefined): Tensor {
    const positions = this.position_embeddings(F.arangeLike(inputIds, 1)); // [T, H]
    const types = this.token_type_embeddings(tokenTypeIds ?? inputIds.mul(0)); // [B, T, H]
    const sum = this.word_embeddings(inputIds).add(types).add(positions);
    return F.dropout(this.LayerNorm(sum), this.#dropout.p, this.training); // [B, T, H]
  }
}

class SelfAttention extends Module<[Tensor, Tensor], Tensor> {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly #heads: number;
  readonly #width: number;
  readonly #dropout: number;

  constructor(config: BertConfig) {
    super();
    this.query = new Linear(config.hidden_size, config.hidden_size);
    this.key = new Linear(config.hidden_size, config.hidden_size);
    this.value = new Linear(config.hidden_size, config.hidden_size);
    this.#heads = config.num_attention_heads;
    this.#width = config.hidden_size / config.num_attention_heads;
    this.#dropout = config.attention_probs_dropout_prob;
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    const split = (y: Tensor) => y.unflatten(-1, [this.#heads, this.#width]).transpose(1, 2); // [B, A, T, d]
    const context = F.scaledDotProductAttention(split(this.query(x)), split(this.key(x)), split(this.value(x)), {
      attnMask: mask,
      dropoutP: this.#dropout,
      training: this.training,
    });
    return context.transpose(1, 2).flatten(-2); // [B, T, H]
  }
}

/** Dense → dropout → norm of the sum with what came in: the end of both halves of a layer. */
class ResidualOutput extends Module<[Tensor, Tensor], Tensor> {
  readonly dense: Linear;
  readonly LayerNorm: LayerNorm;
  readonly #dropout: number;

  constructor(config: BertConfig, inFeatures: number) {
    super();
    this.dense = new Linear(inFeatures, config.hidden_size);
    this.LayerNorm = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.#dropout = config.hidden_dropout_prob;
  }

  override forward(x: Tensor, residual: Tensor): Tensor {
    return this.LayerNorm(F.dropout(this.dense(x), this.#dropout, this.training).add(residual));
  }
}

class Attention extends Module<[Tensor, Tensor], Tensor> {
  readonly self: SelfAttention;
  readonly output: ResidualOutput;

  constructor(config: BertConfig) {
    super();
    this.self = new SelfAttention(config);
    this.output = new ResidualOutput(config, config.hidden_size);
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    return this.output(this.self(x, mask), x);
  }
}

class Intermediate extends Module<[Tensor], Tensor> {
  readonly dense: Linear;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(config: BertConfig) {
    super();
    this.dense = new Linear(config.hidden_size, config.intermediate_size);
    this.#activation = F.activation(config.hidden_act);
  }

  override forward(x: Tensor): Tensor {
    return this.#activation(this.dense(x)); // [B, T, F]
  }
}

class Layer extends Module<[Tensor, Tensor], Tensor> {
  readonly attention: Attention;
  readonly intermediate: Intermediate;
  readonly output: ResidualOutput;

  constructor(config: BertConfig) {
    super();
    this.attention = new Attention(config);
    this.intermediate = new Intermediate(config);
    this.output = new ResidualOutput(config, config.intermediate_size);
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    const attended = this.attention(x, mask);
    return this.output(this.intermediate(attended), attended);
  }
}

class Encoder extends Module<[Tensor, Tensor], Tensor> {
  readonly layer: ModuleList<Layer>;

  constructor(config: BertConfig) {
    super();
    this.layer = new ModuleList(Array.from({ length: config.num_hidden_layers }, () => new Layer(config)));
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    let hidden = x;
    for (const layer of this.layer) hidden = layer(hidden, mask);
    return hidden;
  }
}

/** The first token's state → dense → tanh. */
class Pooler extends Module<[Tensor], Tensor> {
  readonly dense: Linear;

  constructor(config: BertConfig) {
    super();
    this.dense = new Linear(config.hidden_size, config.hidden_size);
  }

  override forward(hidden: Tensor): Tensor {
    return this.dense(hidden.select(1, 0)).tanh(); // [B, H]
  }
}

class BertModel extends Module<[ModelInputs], Tensor> {
  readonly embeddings: Embeddings;
  readonly encoder: Encoder;
  readonly pooler: Pooler;

  constructor(config: BertConfig) {
    super();
    this.embeddings = new Embeddings(config);
    this.encoder = new Encoder(config);
    this.pooler = new Pooler(config);
  }

  override forward({ inputIds, attentionMask, tokenTypeIds }: ModelInputs): Tensor {
    const embedded = this.embeddings(inputIds, tokenTypeIds);
    return this.pooler(this.encoder(embedded, F.extendMask(attentionMask))); // [B, H]
  }
}

/** The pooled first token → dropout → classes. */
export class BertForSequenceClassification extends PreTrainedModel {
  readonly bert: BertModel;
  readonly classifier: Linear;
  readonly #dropout: number;

  constructor(config: BertConfig) {
    super(config);
    this.bert = new BertModel(config);
    this.classifier = new Linear(config.hidden_size, labelsOf(config).length);
    this.#dropout = config.classifier_dropout ?? config.hidden_dropout_prob;
  }

  override forward(inputs: ModelInputs): ModelOutput {
    const pooled = F.dropout(this.bert(inputs), this.#dropout, this.training);
    return { logits: this.classifier(pooled) }; // [B, C]
  }
}

export const bert = defineArchitecture({
  modelType: "bert",
  config: bertConfigSchema,
  heads: { BertForSequenceClassification: (config) => new BertForSequenceClassification(config) },
  maxLength: (config) => config.max_position_embeddings,
  inputs: ["tokenTypeIds"],
  checkpoint: { prefix: "bert", ignored: /(^|\.)embeddings\.position_ids$|^cls\./ },
});
