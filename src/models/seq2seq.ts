// The contract of models with an encoder and a decoder, and the labels that they learn from.
// Knows no architecture.
import { argumentError } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import * as build from "../graph/build.ts";
import { functional as F } from "../nn/index.ts";
import { optionsOf } from "../options.ts";
import { Tensor } from "../tensor/index.ts";
import {
  type CacheLayout,
  type KeyValue,
  type LogitsOutput,
  type ModelInputs,
  PreTrainedModel,
  type Seq2SeqInputs,
} from "./architecture.ts";
import type { InputName } from "./inputs.ts";

/** What a decoder is called with, once the source has been read. */
export interface DecoderInputs {
  /** int64 [B, T] */
  decoderInputIds: Tensor;
  /** int64 [B, P + T], 1 where the decoder has text; everywhere when absent */
  decoderAttentionMask?: Tensor | undefined;
  /** int64 [B, S], 1 where the source has text */
  attentionMask: Tensor;
  /** Keys and values of the source, one of [B, H, S, d] each per layer. */
  cross: readonly KeyValue[];
  /** Keys and values of the P tokens before, one per layer. */
  past?: readonly KeyValue[] | undefined;
  /** Logits of the last position alone, [B, 1, V]. */
  lastOnly?: boolean | undefined;
}

/** Logits, and the keys and values of this call's tokens alone. */
export interface DecoderOutput extends LogitsOutput {
  present: readonly KeyValue[];
}

/**
 * A model that writes a text from a source: the source is read once, and the decoder looks at its keys and values in every step.
 *
 * @example
 * ```ts
 * const sizes = { vocab_size: 8, d_model: 4, d_kv: 2, d_ff: 4, num_layers: 1, num_heads: 2 };
 * const config = { model_type: "t5", architectures: ["T5ForConditionalGeneration"], ...sizes };
 * const model = fromConfig(config, new Generator(0)).eval();
 * model instanceof Seq2SeqModel && model.encode({ inputIds: tensor([[5, 6]]), attentionMask: tensor([[1, 1]]) }).shape;
 * // [1, 2, 4]
 * ```
 */
export abstract class Seq2SeqModel extends PreTrainedModel<LogitsOutput, Seq2SeqInputs> {
  /** Sizes of the keys and values of the decoder, of its own tokens and of the source. */
  abstract readonly cacheLayout: CacheLayout;
  /** Width of the encoder's states. */
  abstract readonly hidden: number;
  /** What decoders start with, and what fills the end of short texts. */
  abstract readonly startTokens: ShiftTokens;

  /** Reads the source: its states, float32 [B, S, D]. */
  abstract encode(inputs: Pick<ModelInputs, "inputIds" | "attentionMask">): Tensor;
  /** States of the source → the keys and values that each layer of the decoder looks at. */
  abstract crossKeyValues(states: Tensor): KeyValue[];
  /** Logits [B, T, V] of what follows each token of the decoder, given keys and values of the source. */
  abstract decode(inputs: DecoderInputs): DecoderOutput;

  override get inputs(): readonly InputName[] {
    return ["inputIds", "attentionMask", "decoderInputIds"];
  }

  /** @throws DECODER_INPUTS_MISSING without `decoderInputIds` */
  override forward(inputs: Seq2SeqInputs): LogitsOutput {
    requireDecoderInputs(inputs, this.constructor.name);
    const { logits, present } = this.decode({ ...inputs, cross: this.crossKeyValues(this.encode(inputs)) });
    return { logits, present: inputs.past === undefined ? undefined : present };
  }

  /** What the decoder is called with while it learns to say `labels`, int64 [B, T]. */
  shiftRight(labels: Tensor): Tensor {
    return shiftRight(labels, this.startTokens);
  }
}

/** Callers without types may take such a model for one of a single text. */
export function requireDecoderInputs({ decoderInputIds }: Partial<Seq2SeqInputs>, name: string): void {
  if (decoderInputIds !== undefined) return;
  throw new AbrazoError({
    code: "DECODER_INPUTS_MISSING",
    message: `${name} was called without decoderInputIds.`,
    hint: "To train, pass decoderInputIds: shiftRight(labels); to write a text, use generate().",
  });
}

/** The ids that take the place of labels. */
export interface ShiftTokens {
  decoderStartTokenId: number;
  padTokenId: number;
}

const shiftTokens = optionsOf<ShiftTokens>({ decoderStartTokenId: "required", padTokenId: "required" });

/**
 * Labels one place to the right, behind the start token: what a decoder is called with while it learns to say them. Labels
 * that the loss ignores, -100, become padding.
 *
 * @param labels int64 [B, T]
 * @throws BAD_ARGUMENT
 *
 * @example
 * ```ts
 * const labels = tensor([[5, 6, 1], [7, 1, -100]], { dtype: "int64" });
 * shiftRight(labels, { decoderStartTokenId: 0, padTokenId: 0 }).tolistSync(); // [[0, 5, 6], [0, 7, 1]]
 * ```
 */
export function shiftRight(labels: Tensor, tokens: ShiftTokens): Tensor {
  if (!(labels instanceof Tensor) || labels.ndim !== 2) throw argumentError("shiftRight", 1, "Tensor [B, T]", labels);
  const { decoderStartTokenId, padTokenId } = shiftTokens("shiftRight", tokens);
  const places = F.arangeLike(labels, 1); // [T]
  const before = labels.map((node) => build.gather(node, places.sub(1).clamp(0).node, 1)); // [B, T]
  return before.maskedFill(before.eq(-100), padTokenId).maskedFill(places.eq(0), decoderStartTokenId);
}
