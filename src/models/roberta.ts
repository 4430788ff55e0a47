// RoBERTa (Liu et al. 2019, arXiv 1907.11692) and its kin XLM-R and CamemBERT: BERT's encoder, with places that skip padding.
// Downloads nothing; names of modules are the checkpoint's names.
import { functional as F, LayerNorm, Linear, Module, parameter } from "../nn/index.ts";
import { type Tensor, zeros } from "../tensor/index.ts";
import {
  type Architecture,
  defineArchitecture,
  type LogitsOutput,
  labelsOf,
  type ModelInputs,
  PreTrainedModel,
} from "./architecture.ts";
import { type BertConfig, BertModel, type BodyOptions, bertParts, bertSchema, classifierDropout } from "./bert.ts";
import { type Body, ForQuestionAnswering, ForTokenClassification, ModelWithBody } from "./heads.ts";
import type { InputName } from "./inputs.ts";

const PAD = 1;
const padOf = (config: BertConfig): number => config.pad_token_id ?? PAD;

/** Tokens are counted from pad + 1 on; padding, told by its id, stays at pad. */
function positions(config: BertConfig): (inputIds: Tensor) => Tensor {
  const pad = padOf(config);
  return (inputIds) => {
    const isToken = inputIds.ne(pad).to("int64"); // [B, T]
    return isToken.cumsum(1).mul(isToken).add(pad);
  };
}

const modelOf = (config: BertConfig, options: BodyOptions = {}): BertModel =>
  new BertModel(config, {
    ...options,
    positions: positions(config),
    placeOfPadding: padOf(config),
    inputs: ["inputIds", "attentionMask"],
  });

const body = (config: BertConfig): Body => ({
  name: "roberta",
  model: modelOf(config, { pooler: false }),
  hidden: config.hidden_size,
});

/** Dropout → dense → tanh → dropout → classes. */
class ClassificationHead extends Module<[Tensor], Tensor> {
  readonly dense: Linear;
  readonly out_proj: Linear;
  readonly #dropout: number;

  constructor(config: BertConfig) {
    super();
    this.dense = new Linear(config.hidden_size, config.hidden_size);
    this.out_proj = new Linear(config.hidden_size, labelsOf(config).length);
    this.#dropout = classifierDropout(config);
  }

  override forward(first: Tensor): Tensor {
    const dropped = (x: Tensor) => F.dropout(x, this.#dropout, this.training);
    return this.out_proj(dropped(this.dense(dropped(first)).tanh()));
  }
}

/** The first token's state → classes: logits [B, C]. */
export class RobertaForSequenceClassification extends ModelWithBody<LogitsOutput> {
  readonly classifier: ClassificationHead;

  constructor(config: BertConfig) {
    super(config, body(config));
    this.classifier = new ClassificationHead(config);
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    return { logits: this.classifier(this.states(inputs).lastHiddenState.select(1, 0)) };
  }
}

/** State → dense → gelu → norm → one logit a word, by the word table unless the config unties it. */
class LanguageHead extends Module<[Tensor, Tensor], Tensor> {
  readonly dense: Linear;
  readonly layer_norm: LayerNorm;
  readonly decoder: Linear | undefined;
  readonly bias: Tensor;

  constructor(config: BertConfig) {
    super();
    this.dense = new Linear(config.hidden_size, config.hidden_size);
    this.layer_norm = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.decoder = config.tie_word_embeddings ? undefined : new Linear(config.hidden_size, config.vocab_size);
    this.bias = parameter(zeros([config.vocab_size]));
  }

  override forward(hidden: Tensor, table: Tensor): Tensor {
    const states = this.layer_norm(F.gelu(this.dense(hidden)));
    return this.decoder?.(states) ?? F.linear(states, table, this.bias);
  }
}

/** The words behind masks: logits [B, T, V]. */
export class RobertaForMaskedLM extends PreTrainedModel {
  readonly roberta: BertModel;
  readonly lm_head: LanguageHead;

  constructor(config: BertConfig) {
    super(config);
    this.roberta = modelOf(config, { pooler: false });
    this.lm_head = new LanguageHead(config);
  }

  override get inputs(): readonly InputName[] {
    return this.roberta.inputs;
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    const { lastHiddenState } = this.roberta(inputs);
    return { logits: this.lm_head(lastHiddenState, this.roberta.embeddings.word_embeddings.weight) };
  }
}

/** The same model under the names of its kin. */
const robertaLike = (modelType: string, name: string): Architecture =>
  defineArchitecture({
    modelType,
    config: bertSchema(modelType, PAD),
    heads: {
      [`${name}Model`]: (config) => modelOf(config),
      [`${name}ForSequenceClassification`]: (config) => new RobertaForSequenceClassification(config),
      [`${name}ForTokenClassification`]: (config) =>
        new ForTokenClassification(config, body(config), classifierDropout(config)),
      [`${name}ForQuestionAnswering`]: (config) => new ForQuestionAnswering(config, body(config)),
      [`${name}ForMaskedLM`]: (config) => new RobertaForMaskedLM(config),
    },
    maxLength: (config) => config.max_position_embeddings - padOf(config) - 1,
    prunable: bertParts,
    checkpoint: {
      prefix: "roberta",
      ignored: /(^|\.)embeddings\.position_ids$|^lm_head\.|^roberta\.pooler\./,
      tied: {
        "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
      },
    },
  });

export const roberta = robertaLike("roberta", "Roberta");
export const xlmRoberta = robertaLike("xlm-roberta", "XLMRoberta");
export const camembert = robertaLike("camembert", "Camembert");
