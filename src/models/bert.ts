// BERT (Devlin et al. 2018, arXiv 1810.04805): config → embeddings → encoder → pooler → heads. RoBERTa is made of its parts.
// Downloads nothing; names of modules are the checkpoint's names.
import { z } from "zod";
import { Dropout, Embedding, functional as F, LayerNorm, Linear, Module, ModuleList, parameter } from "../nn/index.ts";
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
import { headsLeft, leavesHeads, listedHeads, NO_HEADS_LEFT, type Prunable, prunedHeads } from "./prunable.ts";

/** BERT's config, which RoBERTa has too, with the id of its padding. */
export const bertSchema = <Type extends string>(modelType: Type, pad = 0) =>
  z
    .looseObject({
      model_type: z.literal(modelType),
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
      pad_token_id: z.number().int().nullable().default(pad),
      position_embedding_type: z.literal("absolute").default("absolute"),
      tie_word_embeddings: z.boolean().default(true),
      pruned_heads: prunedHeads,
      id2label: z.record(z.string(), z.string()).default({ 0: "LABEL_0", 1: "LABEL_1" }),
    })
    .refine(({ hidden_size, num_attention_heads }) => hidden_size % num_attention_heads === 0, {
      path: ["num_attention_heads"],
      message: "does not divide hidden_size",
    })
    .refine((config) => leavesHeads(config, config.num_attention_heads, config.num_hidden_layers), NO_HEADS_LEFT);

export type BertConfig = z.infer<ReturnType<typeof bertSchema<string>>>;

/** What can be taken out of the encoder. */
export const bertParts: Prunable<BertConfig> = {
  stacks: [
    {
      layers: "encoder.layer",
      count: "num_hidden_layers",
      heads: [
        {
          made: ["attention.self.query", "attention.self.key", "attention.self.value"],
          read: "attention.output.dense",
        },
      ],
      neurons: [{ made: ["intermediate.dense"], read: "output.dense" }],
    },
  ],
  heads: listedHeads((config) => config.num_attention_heads),
  neurons: "intermediate_size",
};

/** Places 0, 1, … of the tokens [B, T], padding counted: [T]. */
const fromZero = (inputIds: Tensor): Tensor => F.arangeLike(inputIds, 1);

class Embeddings extends Module<[Tensor, Tensor | undefined], Tensor> {
  readonly word_embeddings: Embedding;
  readonly position_embeddings: Embedding;
  readonly token_type_embeddings: Embedding;
  readonly LayerNorm: LayerNorm;
  readonly #dropout: Dropout;
  readonly #positions: (inputIds: Tensor) => Tensor;

  constructor(config: BertConfig, positions: (inputIds: Tensor) => Tensor, placeOfPadding: number | undefined) {
    super();
    this.#positions = positions;
    const [words, places] = [config.pad_token_id ?? undefined, placeOfPadding].map((paddingIdx) => ({ paddingIdx }));
    this.word_embeddings = new Embedding(config.vocab_size, config.hidden_size, words);
    this.position_embeddings = new Embedding(config.max_position_embeddings, config.hidden_size, places);
    this.token_type_embeddings = new Embedding(config.type_vocab_size, config.hidden_size);
    this.LayerNorm = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.#dropout = new Dropout(config.hidden_dropout_prob);
  }

  override forward(inputIds: Tensor, tokenTypeIds: Tensor | undefined): Tensor {
    const positions = this.position_embeddings(this.#positions(inputIds)); // [T, H] or [B, T, H]
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

  constructor(config: BertConfig, heads: number) {
    super();
    const width = config.hidden_size / config.num_attention_heads;
    this.query = new Linear(config.hidden_size, heads * width);
    this.key = new Linear(config.hidden_size, heads * width);
    this.value = new Linear(config.hidden_size, heads * width);
    this.#heads = heads;
    this.#width = width;
    this.#dropout = config.attention_probs_dropout_prob;
  }

  override forward(x: Tensor, mask: Tensor): Tensor {
    const split = (y: Tensor) => y.unflatten(-1, [this.#heads, this.#width]).transpose(1, 2); // [B, A, T, d]
    const context = F.scaledDotProductAttention(split(this.query(x)), split(this.key(x)), split(this.value(x)), {
      attnMask: mask,
      dropoutP: this.#dropout,
      training: this.training,
    });
    return context.transpose(1, 2).flatten(-2); // [B, T, A d], which is H while no head was pruned
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

  constructor(config: BertConfig, layer: number) {
    super();
    const heads = headsLeft(config, config.num_attention_heads, layer);
    this.self = new SelfAttention(config, heads);
    this.output = new ResidualOutput(config, (heads * config.hidden_size) / config.num_attention_heads);
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

  constructor(config: BertConfig, layer: number) {
    super();
    this.attention = new Attention(config, layer);
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
    this.layer = new ModuleList(Array.from({ length: config.num_hidden_layers }, (_, at) => new Layer(config, at)));
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

/** What differs between bodies made of these parts. */
export interface BodyOptions {
  /** False leaves the pooler out: heads on tokens have none. */
  pooler?: boolean;
  /** Place of each token in the table of positions; 0, 1, … when absent. */
  positions?: (inputIds: Tensor) => Tensor;
  /** The place of padding, where it has one of its own. */
  placeOfPadding?: number;
  inputs?: readonly InputName[];
}

/** The states of every token, and of the first one pooled. */
export class BertModel extends PreTrainedModel<HiddenOutput> {
  readonly embeddings: Embeddings;
  readonly encoder: Encoder;
  readonly pooler: Pooler | undefined;
  readonly #inputs: readonly InputName[];

  constructor(config: BertConfig, { pooler = true, positions = fromZero, placeOfPadding, inputs }: BodyOptions = {}) {
    super(config);
    this.embeddings = new Embeddings(config, positions, placeOfPadding);
    this.encoder = new Encoder(config);
    this.pooler = pooler ? new Pooler(config) : undefined;
    this.#inputs = inputs ?? ["inputIds", "attentionMask", "tokenTypeIds"];
  }

  override get inputs(): readonly InputName[] {
    return this.#inputs;
  }

  override forward({ inputIds, attentionMask, tokenTypeIds }: ModelInputs): HiddenOutput {
    const embedded = this.embeddings(inputIds, tokenTypeIds);
    const lastHiddenState = this.encoder(embedded, F.extendMask(attentionMask)); // [B, T, H]
    return this.pooler === undefined
      ? { lastHiddenState }
      : { lastHiddenState, poolerOutput: this.pooler(lastHiddenState) };
  }
}

/** Dropout in front of a classifier. */
export const classifierDropout = (config: BertConfig): number =>
  config.classifier_dropout ?? config.hidden_dropout_prob;

const body = (config: BertConfig, options: BodyOptions = {}): Body => ({
  name: "bert",
  model: new BertModel(config, options),
  hidden: config.hidden_size,
});

/** The pooled first token → dropout → classes. */
export class BertForSequenceClassification extends ModelWithBody<LogitsOutput> {
  readonly classifier: Linear;
  readonly #dropout: number;

  constructor(config: BertConfig) {
    super(config, body(config));
    this.classifier = new Linear(config.hidden_size, labelsOf(config).length);
    this.#dropout = classifierDropout(config);
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    const { lastHiddenState, poolerOutput = lastHiddenState } = this.states(inputs);
    return { logits: this.classifier(F.dropout(poolerOutput, this.#dropout, this.training)) }; // [B, C]
  }
}

class Transform extends Module<[Tensor], Tensor> {
  readonly dense: Linear;
  readonly LayerNorm: LayerNorm;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(config: BertConfig) {
    super();
    this.dense = new Linear(config.hidden_size, config.hidden_size);
    this.LayerNorm = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.#activation = F.activation(config.hidden_act);
  }

  override forward(hidden: Tensor): Tensor {
    return this.LayerNorm(this.#activation(this.dense(hidden)));
  }
}

/** State → dense → norm → one logit a word, by the word table unless the config unties it. */
class Predictions extends Module<[Tensor, Tensor], Tensor> {
  readonly transform: Transform;
  readonly bias: Tensor;
  readonly decoder: Linear | undefined;

  constructor(config: BertConfig) {
    super();
    this.transform = new Transform(config);
    this.bias = parameter(zeros([config.vocab_size]));
    this.decoder = config.tie_word_embeddings ? undefined : new Linear(config.hidden_size, config.vocab_size);
  }

  override forward(hidden: Tensor, table: Tensor): Tensor {
    const states = this.transform(hidden);
    return this.decoder?.(states) ?? F.linear(states, table, this.bias); // [B, T, V]
  }
}

class MaskedHead extends Module<[Tensor, Tensor], Tensor> {
  readonly predictions: Predictions;

  constructor(config: BertConfig) {
    super();
    this.predictions = new Predictions(config);
  }

  override forward(hidden: Tensor, table: Tensor): Tensor {
    return this.predictions(hidden, table);
  }
}

/** The words behind masks: logits [B, T, V]. */
export class BertForMaskedLM extends PreTrainedModel {
  readonly bert: BertModel;
  readonly cls: MaskedHead;

  constructor(config: BertConfig) {
    super(config);
    this.bert = new BertModel(config, { pooler: false });
    this.cls = new MaskedHead(config);
  }

  override get inputs(): readonly InputName[] {
    return this.bert.inputs;
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    const { lastHiddenState } = this.bert(inputs);
    return { logits: this.cls(lastHiddenState, this.bert.embeddings.word_embeddings.weight) };
  }
}

export const bert = defineArchitecture({
  modelType: "bert",
  config: bertSchema("bert"),
  heads: {
    BertModel: (config) => new BertModel(config),
    BertForSequenceClassification: (config) => new BertForSequenceClassification(config),
    BertForTokenClassification: (config) =>
      new ForTokenClassification(config, body(config, { pooler: false }), classifierDropout(config)),
    BertForQuestionAnswering: (config) => new ForQuestionAnswering(config, body(config, { pooler: false })),
    BertForMaskedLM: (config) => new BertForMaskedLM(config),
  },
  maxLength: (config) => config.max_position_embeddings,
  prunable: bertParts,
  checkpoint: {
    prefix: "bert",
    ignored: /(^|\.)embeddings\.position_ids$|^cls\.|^bert\.pooler\./,
    tied: {
      "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
      "cls.predictions.decoder.bias": "cls.predictions.bias",
    },
  },
});
