// Heads that encoders share: classes for each token, and the start and end of an answer.
// Knows no architecture: it is given a body and the name by which checkpoints call it.
import { functional as F, Linear, type Module } from "../nn/index.ts";
import {
  type BaseConfig,
  type HiddenOutput,
  type LogitsOutput,
  labelsOf,
  type ModelInputs,
  type ModelOutput,
  PreTrainedModel,
  type SpanOutput,
} from "./architecture.ts";
import type { InputName } from "./inputs.ts";

/** A model without a head, as a part of one with a head. */
export interface Body {
  /** As checkpoints call it, e.g. "bert". */
  name: string;
  model: Module<[ModelInputs], HiddenOutput> & { readonly inputs: readonly InputName[] };
  /** Width of its states. */
  hidden: number;
}

/** A body with something behind it. */
export abstract class ModelWithBody<Output extends ModelOutput> extends PreTrainedModel<Output> {
  readonly #body: Body["model"];

  constructor(config: BaseConfig, { name, model }: Body) {
    super(config);
    this.#body = model;
    this.registerModule(name, model);
  }

  override get inputs(): readonly InputName[] {
    return this.#body.inputs;
  }

  /** What the body gives. */
  protected states(inputs: ModelInputs): HiddenOutput {
    return this.#body(inputs);
  }
}

/** Every token's state → dropout → classes: logits [B, T, C]. */
export class ForTokenClassification extends ModelWithBody<LogitsOutput> {
  readonly classifier: Linear;
  readonly #dropout: number;

  constructor(config: BaseConfig, body: Body, dropout: number) {
    super(config, body);
    this.classifier = new Linear(body.hidden, labelsOf(config).length);
    this.#dropout = dropout;
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    const { lastHiddenState } = this.states(inputs);
    return { logits: this.classifier(F.dropout(lastHiddenState, this.#dropout, this.training)) };
  }
}

/** Every token's state → how well an answer starts and ends there: two logits [B, T]. */
export class ForQuestionAnswering extends ModelWithBody<SpanOutput> {
  readonly qa_outputs: Linear;
  readonly #dropout: number;

  constructor(config: BaseConfig, body: Body, dropout = 0) {
    super(config, body);
    this.qa_outputs = new Linear(body.hidden, 2);
    this.#dropout = dropout;
  }

  override forward(inputs: ModelInputs): SpanOutput {
    const { lastHiddenState } = this.states(inputs);
    const both = this.qa_outputs(F.dropout(lastHiddenState, this.#dropout, this.training)); // [B, T, 2]
    return { startLogits: both.select(-1, 0), endLogits: both.select(-1, 1) };
  }
}
