// T5 (Raffel et al. 2019, arXiv 1910.10683), its versions 1.1 and FLAN, and mT5: stacks → models with and without a head.
// Downloads nothing; names of modules are the checkpoint's names.
import * as build from "../graph/build.ts";
import { Embedding, functional as F, Linear, Module } from "../nn/index.ts";
import { type Generator, ones, randn, Tensor, zeros } from "../tensor/index.ts";
import {
  type AnyModel,
  type Architecture,
  type CacheLayout,
  defineArchitecture,
  type HiddenOutput,
  type LogitsOutput,
  labelsOf,
  type ModelInputs,
  type ModelOutput,
  PreTrainedModel,
  type Seq2SeqInputs,
  type SpanOutput,
} from "./architecture.ts";
import { ForTokenClassification } from "./heads.ts";
import type { InputName } from "./inputs.ts";
import {
  type DecoderInputs,
  type DecoderOutput,
  requireDecoderInputs,
  Seq2SeqModel,
  type ShiftTokens,
  shiftRight,
} from "./seq2seq.ts";
import { Stack, type T5Config, t5Parts, t5Schema } from "./t5-stack.ts";

/** Fresh weights by transformers' rules: every matrix keeps the size of what it is given. */
function initializeT5(model: AnyModel, config: T5Config, generator: Generator | undefined): void {
  const { initializer_factor: factor } = config;
  for (const [name, weight] of model.namedParameters()) {
    const { shape } = weight;
    const deviation = DEVIATIONS.find(([pattern]) => pattern.test(name))?.[1](config) ?? 1;
    const fresh = () => randn(shape, generator === undefined ? {} : { generator }).mul(factor * deviation);
    const isBias = name.endsWith(".bias");
    const value = shape.length > 1 ? fresh() : isBias ? zeros(shape) : ones(shape).mul(factor);
    weight.assign(value.settle().node);
  }
}

const DEVIATIONS: readonly (readonly [RegExp, (config: T5Config) => number])[] = [
  [/Attention\.q\.weight$/, ({ d_model, d_kv }) => (d_model * d_kv) ** -0.5],
  [/Attention\.o\.weight$/, ({ num_heads, d_kv }) => (num_heads * d_kv) ** -0.5],
  [/\.wo\.weight$/, ({ d_ff }) => d_ff ** -0.5],
  [/^(classifier|lm_head)\.|(shared|embed_tokens)\.weight$/, () => 1],
  [/./, ({ d_model }) => d_model ** -0.5],
];

const startTokensOf = ({ decoder_start_token_id: start, pad_token_id: pad }: T5Config): ShiftTokens => ({
  decoderStartTokenId: start ?? pad ?? 0,
  padTokenId: pad ?? 0,
});

const sharedTable = (config: T5Config): Embedding => new Embedding(config.vocab_size, config.d_model);

/** What classes of this file share beyond their layers. */
abstract class T5PreTrainedModel<
  Output extends ModelOutput,
  Inputs extends object = ModelInputs,
> extends PreTrainedModel<Output, Inputs> {
  protected readonly t5: T5Config;

  constructor(config: T5Config) {
    super(config);
    this.t5 = config;
  }

  override initialize(generator?: Generator): void {
    initializeT5(this, this.t5, generator);
  }
}

/** The states of every token, of the encoder alone. */
export class T5EncoderModel extends T5PreTrainedModel<HiddenOutput> {
  readonly shared: Embedding;
  readonly encoder: Stack;

  constructor(config: T5Config) {
    super(config);
    this.shared = sharedTable(config);
    this.encoder = new Stack(config, this.shared, false);
  }

  override forward({ inputIds, attentionMask }: ModelInputs): HiddenOutput {
    const [lastHiddenState] = this.encoder({ inputIds, attentionMask });
    return { lastHiddenState };
  }
}

/** The states of every token of the decoder. */
export class T5Model extends T5PreTrainedModel<HiddenOutput, Seq2SeqInputs> {
  readonly shared: Embedding;
  readonly encoder: Stack;
  readonly decoder: Stack;

  constructor(config: T5Config) {
    super(config);
    this.shared = sharedTable(config);
    this.encoder = new Stack(config, this.shared, false);
    this.decoder = new Stack(config, this.shared, true);
  }

  override get inputs(): readonly InputName[] {
    return ["inputIds", "attentionMask", "decoderInputIds"];
  }

  /** @throws DECODER_INPUTS_MISSING without `decoderInputIds` */
  override forward(inputs: Seq2SeqInputs): HiddenOutput {
    requireDecoderInputs(inputs, this.constructor.name);
    const [states] = this.encoder(inputs); // [B, S, D]
    const { decoderInputIds: inputIds, decoderAttentionMask } = inputs;
    const source = { cross: this.decoder.crossKeyValues(states), attentionMask: inputs.attentionMask };
    const [lastHiddenState] = this.decoder({ inputIds, attentionMask: decoderAttentionMask, source });
    return { lastHiddenState };
  }
}

/** A text from a text: logits [B, T, V] of the decoder's next words. */
export class T5ForConditionalGeneration extends Seq2SeqModel {
  readonly shared: Embedding;
  readonly encoder: Stack;
  readonly decoder: Stack;
  readonly lm_head: Linear;
  readonly #config: T5Config;
  readonly #scale: number;

  constructor(config: T5Config, isScaled: boolean) {
    super(config);
    const { shared, encoder, decoder } = new T5Model(config);
    this.shared = shared;
    this.encoder = encoder;
    this.decoder = decoder;
    this.lm_head = new Linear(config.d_model, config.vocab_size, { bias: false });
    this.#config = config;
    this.#scale = isScaled ? config.d_model ** -0.5 : 1;
    if (config.tie_word_embeddings !== false) this.#tie();
  }

  get cacheLayout(): CacheLayout {
    const { num_decoder_layers, num_layers, num_heads, d_kv } = this.#config;
    return { layers: num_decoder_layers ?? num_layers, heads: num_heads, width: d_kv };
  }

  get hidden(): number {
    return this.#config.d_model;
  }

  get startTokens(): ShiftTokens {
    return startTokensOf(this.#config);
  }

  override encode(inputs: Pick<ModelInputs, "inputIds" | "attentionMask">): Tensor {
    return this.encoder(inputs)[0];
  }

  override crossKeyValues(states: Tensor) {
    return this.decoder.crossKeyValues(states);
  }

  override decode(inputs: DecoderInputs): DecoderOutput {
    const { decoderInputIds: inputIds, decoderAttentionMask, attentionMask, cross, past, lastOnly } = inputs;
    const source = { cross, attentionMask };
    const [hidden, present] = this.decoder({ inputIds, attentionMask: decoderAttentionMask, past, source });
    const states = lastOnly === true ? lastPosition(hidden, inputIds) : hidden; // [B, T, D]
    return { logits: this.lm_head(this.#scale === 1 ? states : states.mul(this.#scale)), present }; // [B, T, V]
  }

  override initialize(generator?: Generator): void {
    initializeT5(this, this.#config, generator);
  }

  /**
   * The config says whether logits are scaled; the state, whether the head is the word table: it has a head of its own where the
   * two differ.
   */
  override loadStateDict(
    state: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
    given?: { strict?: boolean },
  ) {
    const values = new Map<string, Tensor>(state instanceof Map ? state : Object.entries(state));
    const [table, head] = [values.get("shared.weight"), values.get("lm_head.weight")];
    if (table !== undefined && head === undefined) {
      this.#tie();
      values.set("lm_head.weight", table);
    } else if (table !== undefined && head !== undefined && this.#isTied && !isSame(table, head)) this.#untie();
    return super.loadStateDict(values, given);
  }

  get #isTied(): boolean {
    return this.lm_head.weight === this.shared.weight;
  }

  #tie(): void {
    this.lm_head.registerParameter("weight", this.shared.weight);
  }

  #untie(): void {
    const { weight } = this.shared;
    this.lm_head.registerParameter("weight", zeros(weight.shape).requiresGrad_(weight.requiresGrad));
  }
}

const isSame = (a: Tensor, b: Tensor): boolean => a === b || a.node === b.node || a.equal(b);

/** [B, T, D] → [B, 1, D] */
function lastPosition(hidden: Tensor, inputIds: Tensor): Tensor {
  const last = F.arangeLike(inputIds, 1).max().reshape([1]);
  return Tensor.fromNode(build.gather(hidden.node, last.node, 1), [hidden]);
}

/** Where answers start and end, by the decoder's states of the source itself, moved by one. */
export class T5ForQuestionAnswering extends T5PreTrainedModel<SpanOutput> {
  readonly shared: Embedding;
  readonly encoder: Stack;
  readonly decoder: Stack;
  readonly qa_outputs: Linear;
  readonly #body: T5Model;

  constructor(config: T5Config) {
    super(config);
    this.#body = new T5Model(config);
    this.shared = this.#body.shared;
    this.encoder = this.#body.encoder;
    this.decoder = this.#body.decoder;
    this.qa_outputs = new Linear(config.d_model, 2);
  }

  override forward(inputs: ModelInputs): SpanOutput {
    const both = this.qa_outputs(ofItself(this.#body, inputs, this.t5)); // [B, T, 2]
    return { startLogits: both.select(-1, 0), endLogits: both.select(-1, 1) };
  }
}

/** The decoder's states [B, T, D] of the source, read once more behind the start token. */
function ofItself(body: T5Model, { inputIds, attentionMask }: ModelInputs, config: T5Config): Tensor {
  const decoderInputIds = shiftRight(inputIds, startTokensOf(config));
  return body({ inputIds, attentionMask, decoderInputIds }).lastHiddenState;
}

/** Dropout → dense → tanh → dropout → classes. */
class ClassificationHead extends Module<[Tensor], Tensor> {
  readonly dense: Linear;
  readonly out_proj: Linear;
  readonly #dropout: number;

  constructor(config: T5Config) {
    super();
    this.dense = new Linear(config.d_model, config.d_model);
    this.out_proj = new Linear(config.d_model, labelsOf(config).length);
    this.#dropout = config.classifier_dropout;
  }

  override forward(state: Tensor): Tensor {
    const dropped = (x: Tensor) => F.dropout(x, this.#dropout, this.training);
    return this.out_proj(dropped(this.dense(dropped(state)).tanh()));
  }
}

/** The decoder's state at the last end token → classes: logits [B, C]. */
export class T5ForSequenceClassification extends T5PreTrainedModel<LogitsOutput> {
  readonly transformer: T5Model;
  readonly classification_head: ClassificationHead;

  constructor(config: T5Config) {
    super(config);
    this.transformer = new T5Model(config);
    this.classification_head = new ClassificationHead(config);
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    const states = ofItself(this.transformer, inputs, this.t5);
    const places = F.arangeLike(inputs.inputIds, 1); // [T]
    const isEnd = inputs.inputIds.eq(this.t5.eos_token_id ?? 1).to("int64");
    const last = isEnd.mul(places).amax(1, true); // [B, 1]
    const chosen = places.eq(last).to("float32").unsqueeze(-1); // [B, T, 1]
    return { logits: this.classification_head(states.mul(chosen).sum(1)) };
  }
}

/** Every token's state of the encoder → dropout → classes: logits [B, T, C]. */
export class T5ForTokenClassification extends ForTokenClassification {
  readonly #config: T5Config;

  constructor(config: T5Config) {
    const body = { name: "transformer", model: new T5EncoderModel(config), hidden: config.d_model };
    super(config, body, config.classifier_dropout);
    this.#config = config;
  }

  override initialize(generator?: Generator): void {
    initializeT5(this, this.#config, generator);
  }
}

/** An architecture of these classes. */
function family<Type extends string>(
  modelType: Type,
  name: string,
  feedForward: string,
  isScaled: (config: T5Config) => boolean,
): Architecture {
  return defineArchitecture({
    modelType,
    config: t5Schema(modelType, feedForward),
    heads: {
      [`${name}ForConditionalGeneration`]: (config) => new T5ForConditionalGeneration(config, isScaled(config)),
      [`${name}EncoderModel`]: (config) => new T5EncoderModel(config),
      [`${name}Model`]: (config) => new T5Model(config),
      [`${name}ForSequenceClassification`]: (config) => new T5ForSequenceClassification(config),
      [`${name}ForTokenClassification`]: (config) => new T5ForTokenClassification(config),
      [`${name}ForQuestionAnswering`]: (config) => new T5ForQuestionAnswering(config),
    },
    // Places are relative: no table bounds them.
    maxLength: () => Number.POSITIVE_INFINITY,
    prunable: t5Parts,
    checkpoint: { prefix: "transformer", ignored: /EncDecAttention\.relative_attention_bias\.weight$/ },
  });
}

export const t5 = family(
  "t5",
  "T5",
  "relu",
  // Version 1.1 unties the head and does not scale; what says so was called tie_word_embeddings before.
  (config) => config.scale_decoder_outputs ?? config.tie_word_embeddings !== false,
);
export const mt5 = family("mt5", "MT5", "gated-gelu", () => false);
