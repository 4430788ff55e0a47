// Models with an encoder and a decoder as traced graphs: those that a decoding runs, and those that optimum's exporters write.
// Branches on no architecture, and knows no sampling.
import * as build from "../graph/build.ts";
import { cat, noGrad, symbolic, type Tensor, type Traced } from "../tensor/index.ts";
import type { CacheLayout, KeyValue } from "./architecture.ts";
import { INPUT_NAMES } from "./inputs.ts";
import type { Seq2SeqModel } from "./seq2seq.ts";
import { cacheName } from "./trace.ts";

const [SOURCE, PAST_SOURCE] = ["encoder_sequence_length", "past_encoder_sequence_length"];
const [NOW, PAST] = ["decoder_sequence_length", "past_decoder_sequence_length"];

const ids = (name: string, length: string): Tensor => symbolic(name, ["batch_size", length], "int64");

/** One pair of inputs per layer, of `length` tokens. */
function pairs({ layers, heads, width }: CacheLayout, length: string, name: NameOfPart): KeyValue[] {
  const part = (layer: number, which: Part) =>
    symbolic(name(layer, which), ["batch_size", heads, length, width], "float32");
  return Array.from({ length: layers }, (_, layer) => ({ key: part(layer, "key"), value: part(layer, "value") }));
}

type Part = "key" | "value";
type NameOfPart = (layer: number, part: Part) => string;

const flat = (all: readonly KeyValue[]): Tensor[] => all.flatMap(({ key, value }) => [key, value]);

function named(all: readonly KeyValue[], name: NameOfPart): Record<string, Tensor> {
  const entries = all.flatMap(({ key, value }, layer) => [
    [name(layer, "key"), key] as const,
    [name(layer, "value"), value] as const,
  ]);
  return Object.fromEntries(entries);
}

/** Name of a layer's keys or values of the source, in the graphs of a decoding. */
export const crossName: NameOfPart = (layer, part) => `cross.${layer}.${part}`;

/** As optimum names keys and values of the decoder's own tokens, and of the source. */
const partOf =
  (kind: "past_key_values" | "present", side: "decoder" | "encoder"): NameOfPart =>
  (layer, part) =>
    `${kind}.${layer}.${side}.${part}`;

/** The mask of the source, as an input of decoders. */
export const SOURCE_MASK = "encoder_attention_mask";

/** input_ids and attention_mask of the source → what every layer of the decoder looks at. */
export function traceSource(model: Seq2SeqModel): Traced {
  const { inputs, states } = tracedStates(model);
  return {
    inputs,
    outputs: named(
      noGrad(() => model.crossKeyValues(states)),
      crossName,
    ),
  };
}

/**
 * A step of a decoding: new ids, the mask over all tokens, the source's mask, its keys and values, those of the tokens before
 * → logits, and keys and values of the new tokens alone.
 */
export function traceStep(model: Seq2SeqModel, { lastOnly = false } = {}): Traced {
  const [decoderInputIds, attentionMask] = [ids(INPUT_NAMES.inputIds, NOW), ids(SOURCE_MASK, SOURCE)];
  const decoderAttentionMask = ids(INPUT_NAMES.attentionMask, `${PAST} + ${NOW}`);
  const cross = pairs(model.cacheLayout, SOURCE, crossName);
  const past = pairs(model.cacheLayout, PAST, (layer, part) => cacheName("past_key_values", layer, part));
  const call = { decoderInputIds, decoderAttentionMask, attentionMask, cross, past, lastOnly };
  const { logits, present } = noGrad(() => model.decode(call));
  return {
    inputs: [decoderInputIds, decoderAttentionMask, attentionMask, ...flat(cross), ...flat(past)],
    outputs: { logits, ...named(present, (layer, part) => cacheName("present", layer, part)) },
  };
}

function tracedStates(model: Seq2SeqModel): { inputs: Tensor[]; states: Tensor } {
  const inputIds = ids(INPUT_NAMES.inputIds, SOURCE);
  const attentionMask = ids(INPUT_NAMES.attentionMask, SOURCE);
  return { inputs: [inputIds, attentionMask], states: noGrad(() => model.encode({ inputIds, attentionMask })) };
}

/** encoder_model.onnx: input_ids and attention_mask → last_hidden_state. */
export function traceEncoder(model: Seq2SeqModel): Traced {
  const { inputs, states } = tracedStates(model);
  return { inputs, outputs: { last_hidden_state: states } };
}

export interface TraceDecoderOptions {
  /**
   * What the decoder has read before: nothing (decoder_model.onnx); always something (decoder_with_past_model.onnx), when the
   * states of the source are no input; either (decoder_model_merged.onnx), when a past without elements stands for nothing.
   */
  past?: "none" | "always" | "either";
}

/** A decoder as optimum lays it out: logits, and keys and values joined with those of the tokens before. */
export function traceDecoder(model: Seq2SeqModel, { past: kind = "none" }: TraceDecoderOptions = {}): Traced {
  const { cacheLayout: layout } = model;
  const [decoderInputIds, attentionMask] = [ids(INPUT_NAMES.inputIds, NOW), ids(SOURCE_MASK, SOURCE)];
  const states = symbolic("encoder_hidden_states", ["batch_size", SOURCE, model.hidden], "float32");
  const past = kind === "none" ? undefined : pairs(layout, PAST, partOf("past_key_values", "decoder"));
  const read = kind === "always" ? SOURCE : PAST_SOURCE;
  const pastCross = kind === "none" ? undefined : pairs(layout, read, partOf("past_key_values", "encoder"));
  return noGrad(() => {
    const isRead = kind === "always" && pastCross !== undefined;
    const cross = isRead ? pastCross : crossOf(model, states, pastCross);
    const { logits, present } = model.decode({ decoderInputIds, attentionMask, cross, past });
    const joined = past === undefined ? present : past.map((before, layer) => join(before, present[layer]));
    const outputs = { logits, ...named(joined, partOf("present", "decoder")) };
    const held = [...flat(past ?? []), ...flat(pastCross ?? [])];
    return isRead
      ? { inputs: [attentionMask, decoderInputIds, ...held], outputs }
      : {
          inputs: [attentionMask, decoderInputIds, states, ...held],
          outputs: { ...outputs, ...named(cross, partOf("present", "encoder")) },
        };
  });
}

/**
 * Keys and values of the whole source, made of the states that `before` does not cover: of all or of none. Sizes are known by
 * name alone, so a slice of what is left is said to have the source's size; slices end where there is nothing more.
 */
function crossOf(model: Seq2SeqModel, states: Tensor, before: readonly KeyValue[] | undefined): KeyValue[] {
  if (before === undefined) return model.crossKeyValues(states);
  const left = model.crossKeyValues(states.map((node) => build.narrow(node, 1, PAST_SOURCE, SOURCE)));
  const whole = (x: Tensor) => x.map((node) => build.narrow(node, 2, 0, SOURCE));
  return before.map((known, layer) => {
    const { key, value } = join(known, left[layer]);
    return { key: whole(key), value: whole(value) };
  });
}

function join(before: KeyValue, now: KeyValue | undefined): KeyValue {
  if (now === undefined) return before;
  return { key: cat([before.key, now.key], 2), value: cat([before.value, now.value], 2) };
}
