// ALBERT (Lan et al. 2019, arXiv 1909.11942): narrow embeddings, and groups of layers whose weights are used again.
// Downloads nothing; names of modules are the checkpoint's names.
import { z } from "zod";
import { Embedding, functional as F, LayerNorm, Linear, Module, ModuleList, parameter } from "../nn/index.ts";
import { type Tensor, zeros } from "../tensor/index.ts";
import {
  defineArchitecture,
  type HiddenOutput,
  type LogitsOutput,
  labelsOf,
  type ModelInputs,
  PreTrainedModel,
} from "./architecture.ts";
import { type Body, ForQuestionAnswering, ForTokenClassification, ModelWithBody } from "./heads.ts";
import type { InputName } from "./inputs.ts";

const size = z.number().int().positive();

const albertConfigSchema = z
  .looseObject({
    model_type: z.literal("albert"),
    vocab_size: size,
    embedding_size: size.default(128),
    hidden_size: size,
    num_hidden_layers: size,
    num_hidden_groups: size.default(1),
    inner_group_num: size.default(1),
    num_attention_heads: size,
    intermediate_size: size,
    hidden_act: z.string().default("gelu_new"),
    max_position_embeddings: size.default(512),
    type_vocab_size: size.default(2),
    layer_norm_eps: z.number().default(1e-12),
    hidden_dropout_prob: z.number().default(0),
    attention_probs_dropout_prob: z.number().default(0),
    classifier_dropout_prob: z.number().default(0.1),
    initializer_range: z.number().default(0.02),
    pad_token_id: z.number().int().nullable().default(0),
    tie_word_embeddings: z.boolean().default(true),
    id2label: z.record(z.string(), z.string()).default({ 0: "LABEL_0", 1: "LABEL_1" }),
  })
  .refine(({ hidden_size, num_attention_heads }) => hidden_size % num_attention_heads === 0, {
    path: ["num_attention_heads"],
    message: "does not divide hidden_size",
  });

export type AlbertConfig = z.infer<typeof albertConfigSchema>;

class Embeddings extends Module<[Tensor, Tensor | undefined], Tensor> {
  readonly word_embeddings: Embedding;
  readonly position_embeddings: Embedding;
  readonly token_type_embeddings: Embedding;
  readonly LayerNorm: LayerNorm;
  readonly #dropout: number;

  constructor(config: AlbertConfig) {
    super();
    const paddingIdx = config.pad_token_id ?? undefined;
    this.word_embeddings = new Embedding(config.vocab_size, config.embedding_size, { paddingIdx });
    this.position_embeddings = new Embedding(config.max_position_embeddings, config.embedding_size);
    this.token_type_embeddings = new Embedding(config.type_vocab_size, config.embedding_size);
    this.LayerNorm = new LayerNorm(config.embedding_size, { eps: config.layer_norm_eps });
    this.#dropout = config.hidden_dropout_prob;
  }

  override forward(inputIds: Tensor, tokenTypeIds: Tensor | undefined): Tensor {
    const types = this.token_type_embeddings(tokenTypeIds ?? inputIds.mul(0)); // [B, T, E]
    const positions = this.position_embeddings(F.arangeLike(inputIds, 1)); // [T, E]
    const sum = this.word_embeddings(inputIds).add(types).add(positions);
    return F.dropout(this.LayerNorm(sum), this.#dropout, this.training);
  }
}

class Attention extends Module<[Tensor, Tensor], Tensor> {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly dense: Linear;
  readonly LayerNorm: LayerNorm;
  readonly #config: AlbertConfig;

  constructor(config: AlbertConfig) {
    super();
    this.query = new Linear(config.hidden_size, config.hidden_size);
    this.key = new Linear(config.hidden_size, config.hidden_size);
    this.value = new Linear(config.hidden_size, config.hidden_size);
    this.dense = new Linear(config.hidden_size, config.hidden_size);
    this.LayerNorm = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.#config = config;
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    const { num_attention_heads: heads, hidden_size: width } = this.#config;
    const split = (y: Tensor) => y.unflatten(-1, [heads, width / heads]).transpose(1, 2); // [B, A, T, d]
    const context = F.scaledDotProductAttention(split(this.query(x)), split(this.key(x)), split(this.value(x)), {
      attnMask: mask,
      dropoutP: this.#config.attention_probs_dropout_prob,
      training: this.training,
    });
    const output = this.dense(context.transpose(1, 2).flatten(-2)); // [B, T, H]
    return this.LayerNorm(F.dropout(output, this.#config.hidden_dropout_prob, this.training).add(x));
  }
}

class Layer extends Module<[Tensor, Tensor], Tensor> {
  readonly full_layer_layer_norm: LayerNorm;
  readonly attention: Attention;
  readonly ffn: Linear;
  readonly ffn_output: Linear;
  readonly #activation: (x: Tensor) => Tensor;
  readonly #dropout: number;

  constructor(config: AlbertConfig) {
    super();
    this.full_layer_layer_norm = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.attention = new Attention(config);
    this.ffn = new Linear(config.hidden_size, config.intermediate_size);
    this.ffn_output = new Linear(config.intermediate_size, config.hidden_size);
    this.#activation = F.activation(config.hidden_act);
    this.#dropout = config.hidden_dropout_prob;
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    const attended = this.attention(x, mask);
    const output = this.ffn_output(this.#activation(this.ffn(attended)));
    return this.full_layer_layer_norm(F.dropout(output, this.#dropout, this.training).add(attended));
  }
}

class LayerGroup extends Module<[Tensor, Tensor], Tensor> {
  readonly albert_layers: ModuleList<Layer>;

  constructor(config: AlbertConfig) {
    super();
    this.albert_layers = new ModuleList(Array.from({ length: config.inner_group_num }, () => new Layer(config)));
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    let hidden = x;
    for (const layer of this.albert_layers) hidden = layer(hidden, mask);
    return hidden;
  }
}

class Encoder extends Module<[Tensor, Tensor], Tensor> {
  readonly embedding_hidden_mapping_in: Linear;
  readonly albert_layer_groups: ModuleList<LayerGroup>;
  readonly #layers: number;

  constructor(config: AlbertConfig) {
    super();
    this.embedding_hidden_mapping_in = new Linear(config.embedding_size, config.hidden_size);
    const groups = Array.from({ length: config.num_hidden_groups }, () => new LayerGroup(config));
    this.albert_layer_groups = new ModuleList(groups);
    this.#layers = config.num_hidden_layers;
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    const groups = [...this.albert_layer_groups];
    let hidden = this.embedding_hidden_mapping_in(x); // [B, T, H]
    for (let layer = 0; layer < this.#layers; layer++) {
      hidden = groups[Math.floor((layer * groups.length) / this.#layers)]?.(hidden, mask) ?? hidden;
    }
    return hidden;
  }
}

/** The states of every token, and of the first one pooled. */
export class AlbertModel extends PreTrainedModel<HiddenOutput> {
  readonly embeddings: Embeddings;
  readonly encoder: Encoder;
  readonly pooler: Linear | undefined;

  constructor(config: AlbertConfig, { pooler = true }: { pooler?: boolean } = {}) {
    super(config);
    this.embeddings = new Embeddings(config);
    this.encoder = new Encoder(config);
    this.pooler = pooler ? new Linear(config.hidden_size, config.hidden_size) : undefined;
  }

  override get inputs(): readonly InputName[] {
    return ["inputIds", "attentionMask", "tokenTypeIds"];
  }

  override forward({ inputIds, attentionMask, tokenTypeIds }: ModelInputs): HiddenOutput {
    const lastHiddenState = this.encoder(this.embeddings(inputIds, tokenTypeIds), F.extendMask(attentionMask));
    if (this.pooler === undefined) return { lastHiddenState };
    return { lastHiddenState, poolerOutput: this.pooler(lastHiddenState.select(1, 0)).tanh() };
  }
}

const body = (config: AlbertConfig, pooler = false): Body => ({
  name: "albert",
  model: new AlbertModel(config, { pooler }),
  hidden: config.hidden_size,
});

/** The pooled first token → dropout → classes: logits [B, C]. */
export class AlbertForSequenceClassification extends ModelWithBody<LogitsOutput> {
  readonly classifier: Linear;
  readonly #dropout: number;

  constructor(config: AlbertConfig) {
    super(config, body(config, true));
    this.classifier = new Linear(config.hidden_size, labelsOf(config).length);
    this.#dropout = config.classifier_dropout_prob;
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    const { lastHiddenState, poolerOutput = lastHiddenState } = this.states(inputs);
    return { logits: this.classifier(F.dropout(poolerOutput, this.#dropout, this.training)) };
  }
}

/** State → dense → norm → one logit a word, by the word table unless the config unties it. */
class Predictions extends Module<[Tensor, Tensor], Tensor> {
  readonly LayerNorm: LayerNorm;
  readonly bias: Tensor;
  readonly dense: Linear;
  readonly decoder: Linear | undefined;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(config: AlbertConfig) {
    super();
    this.LayerNorm = new LayerNorm(config.embedding_size, { eps: config.layer_norm_eps });
    this.bias = parameter(zeros([config.vocab_size]));
    this.dense = new Linear(config.hidden_size, config.embedding_size);
    this.decoder = config.tie_word_embeddings ? undefined : new Linear(config.embedding_size, config.vocab_size);
    this.#activation = F.activation(config.hidden_act);
  }

  override forward(hidden: Tensor, table: Tensor): Tensor {
    const states = this.LayerNorm(this.#activation(this.dense(hidden))); // [B, T, E]
    return this.decoder?.(states) ?? F.linear(states, table, this.bias);
  }
}

/** The words behind masks: logits [B, T, V]. */
export class AlbertForMaskedLM extends PreTrainedModel {
  readonly albert: AlbertModel;
  readonly predictions: Predictions;

  constructor(config: AlbertConfig) {
    super(config);
    this.albert = new AlbertModel(config, { pooler: false });
    this.predictions = new Predictions(config);
  }

  override get inputs(): readonly InputName[] {
    return this.albert.inputs;
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    const { lastHiddenState } = this.albert(inputs);
    return { logits: this.predictions(lastHiddenState, this.albert.embeddings.word_embeddings.weight) };
  }
}

export const albert = defineArchitecture({
  modelType: "albert",
  config: albertConfigSchema,
  heads: {
    AlbertModel: (config) => new AlbertModel(config),
    AlbertForSequenceClassification: (config) => new AlbertForSequenceClassification(config),
    AlbertForTokenClassification: (config) =>
      new ForTokenClassification(config, body(config), config.classifier_dropout_prob),
    AlbertForQuestionAnswering: (config) => new ForQuestionAnswering(config, body(config)),
    AlbertForMaskedLM: (config) => new AlbertForMaskedLM(config),
  },
  maxLength: (config) => config.max_position_embeddings,
  checkpoint: {
    prefix: "albert",
    ignored: /(^|\.)embeddings\.position_ids$|^(predictions|sop_classifier)\.|^albert\.pooler\./,
    tied: {
      "predictions.decoder.weight": "albert.embeddings.word_embeddings.weight",
      "predictions.decoder.bias": "predictions.bias",
    },
  },
});
