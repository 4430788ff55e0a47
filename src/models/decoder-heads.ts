// What decoders share: masks over keys that lie in a cache, the last token's state, heads that classify by it.
// Knows no architecture: it is given a body and the names by which checkpoints call things.
import { AbrazoError } from "../errors.ts";
import * as build from "../graph/build.ts";
import type { Dim } from "../graph/shape.ts";
import { functional as F, Linear } from "../nn/index.ts";
import { type Generator, Tensor, where } from "../tensor/index.ts";
import { type BaseConfig, type LogitsOutput, labelsOf, type ModelInputs, type ModelOutput } from "./architecture.ts";
import { type Body, ForQuestionAnswering, ModelWithBody } from "./heads.ts";
import type { InputName } from "./inputs.ts";

/** What the mask of a call is made of: T queries, P + T keys. */
export interface Causality {
  /** int64 [T], the tokens' places P … P + T - 1 among the keys. */
  places: Tensor;
  /** Additive [B, 1, T, P + T]: hides later tokens, padding, and with a window what lies as far back as it is wide. */
  mask(window?: number): Tensor;
}

/** How the tokens of a call see each other and those before. */
export function causality({ inputIds, attentionMask }: ModelInputs): Causality {
  const keys = F.arangeLike(attentionMask, 1); // [P + T]
  const now = F.arangeLike(inputIds, 1); // [T]
  const past = keys.max().sub(now.max()); // P
  const places = now.add(past); // [T]
  const later = keys.unsqueeze(0).gt(places.unsqueeze(1)); // [T, P + T]
  const padding = attentionMask.unsqueeze(1).unsqueeze(1).eq(0); // [B, 1, 1, P + T]
  const unseen = later.logicalOr(padding); // [B, 1, T, P + T]
  return {
    places,
    mask: (window) => {
      const hidden = window === undefined ? unseen : unseen.logicalOr(farBack(attentionMask, keys, now, past, window));
      // One sum of flags, then one product: adding two least numbers would overflow.
      return hidden.to("float32").mul(-3.4028234663852886e38);
    },
  };
}

/**
 * [B, 1, T, P + T], keys `window` or more columns before the query. A past may have unused room at its end, masked, and another one
 * for every row: columns are counted without it.
 */
function farBack(attentionMask: Tensor, keys: Tensor, now: Tensor, past: Tensor, window: number): Tensor {
  const isPast = keys.lt(past); // [P + T]
  const taken = attentionMask.ne(0).logicalAnd(isPast).to("int64"); // [B, P + T]
  const held = taken.mul(keys.add(1)).amax(1).unsqueeze(1); // [B, 1], tokens of the past without the room
  const columns = where(isPast.unsqueeze(0), keys.unsqueeze(0), keys.sub(past).unsqueeze(0).add(held)); // [B, P + T]
  const nearest = now.unsqueeze(0).add(held).sub(window); // [B, T]
  return columns.unsqueeze(1).le(nearest.unsqueeze(2)).unsqueeze(1);
}

/** [B, T, D] → [B, 1, D] */
export function lastPosition(hidden: Tensor, inputIds: Tensor): Tensor {
  const last = F.arangeLike(inputIds, 1).max().reshape([1]);
  return Tensor.fromNode(build.gather(hidden.node, last.node, 1), [hidden]);
}

/** A size several times over; symbolic when it is. */
export function times(size: Dim, count: number): Dim {
  if (typeof size === "number") return size * count;
  return count === 1 ? size : `${size} * ${count}`;
}

/** A body with rules of its own for fresh weights. */
export interface DecoderBody extends Body {
  model: Body["model"] & {
    /** After the common rules: sets what they leave otherwise than transformers does. */
    refresh(generator: Generator | undefined): void;
  };
}

/** Exported heads take no places: their tokens stand at 0, 1, … as in transformers' pipelines. */
const HEAD_INPUTS: readonly InputName[] = ["inputIds", "attentionMask"];

abstract class DecoderWithBody<Output extends ModelOutput> extends ModelWithBody<Output> {
  readonly #body: DecoderBody["model"];

  constructor(config: BaseConfig, body: DecoderBody) {
    super(config, body);
    this.#body = body.model;
  }

  override get inputs(): readonly InputName[] {
    return HEAD_INPUTS;
  }

  override initialize(generator?: Generator): void {
    super.initialize(generator);
    this.#body.refresh(generator);
  }
}

/** The state of each row's last token → classes: logits [B, C]. */
export class DecoderForSequenceClassification extends DecoderWithBody<LogitsOutput> {
  readonly score: Linear;
  readonly #pad: number | undefined;

  /** @param pad id of padding; without one, rows of several texts would be told apart by nothing that is saved */
  constructor(config: BaseConfig, body: DecoderBody, pad: number | null | undefined) {
    super(config, body);
    this.score = new Linear(body.hidden, labelsOf(config).length, { bias: false });
    this.#pad = pad ?? undefined;
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    const { lastHiddenState } = this.states(inputs); // [B, T, D]
    const { dims } = lastHiddenState;
    const last = this.#lastTokens(inputs).unsqueeze(-1).unsqueeze(-1); // [B, 1, 1]
    const picked = lastHiddenState.gather(1, last.expand([dims[0] ?? 1, 1, dims[2] ?? 1])); // [B, 1, D]
    return { logits: this.score(picked.squeeze(1)) };
  }

  /** [B], the rightmost column that is no padding, 0 where all is. */
  #lastTokens({ inputIds, attentionMask }: ModelInputs): Tensor {
    const rows = inputIds.dims[0];
    if (this.#pad === undefined && typeof rows === "number" && rows > 1) {
      throw new AbrazoError({
        code: "NO_PADDING_TOKEN",
        message: "Cannot handle batch sizes > 1 if no padding token is defined.",
        hint: 'The last token of a row is told by the id of padding: set "pad_token_id" in the config.',
        data: { rows },
      });
    }
    const isToken = this.#pad === undefined ? attentionMask.ne(0) : inputIds.ne(this.#pad); // [B, T]
    return isToken.to("int64").mul(F.arangeLike(inputIds, 1)).amax(1);
  }
}

/** Every token's state → dropout → classes: logits [B, T, C]. */
export class DecoderForTokenClassification extends DecoderWithBody<LogitsOutput> {
  readonly #classifier: Linear;
  readonly #dropout: number;

  /** @param name of the classifier in checkpoints */
  constructor(config: BaseConfig, body: DecoderBody, name: string) {
    super(config, body);
    this.#classifier = new Linear(body.hidden, labelsOf(config).length);
    this.registerModule(name, this.#classifier);
    this.#dropout = dropoutOf(config);
  }

  override forward(inputs: ModelInputs): LogitsOutput {
    const { lastHiddenState } = this.states(inputs);
    return { logits: this.#classifier(F.dropout(lastHiddenState, this.#dropout, this.training)) };
  }
}

/** transformers' default, which configs of decoders do not write. */
function dropoutOf({ classifier_dropout: own, hidden_dropout: common }: BaseConfig): number {
  const given = own ?? common;
  return typeof given === "number" ? given : 0.1;
}

/** Every token's state → how well an answer starts and ends there: two logits [B, T]. */
export class DecoderForQuestionAnswering extends ForQuestionAnswering {
  readonly #body: DecoderBody["model"];

  constructor(config: BaseConfig, body: DecoderBody) {
    super(config, body);
    this.#body = body.model;
  }

  override get inputs(): readonly InputName[] {
    return HEAD_INPUTS;
  }

  override initialize(generator?: Generator): void {
    super.initialize(generator);
    this.#body.refresh(generator);
  }
}
