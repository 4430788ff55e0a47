// A model as a traced graph: symbolic inputs, with the names and sizes that Hugging Face's exporters use.
// Branches on no architecture: each says what it reads.

import { cat, noGrad, symbolic, type Tensor, type Traced } from "../tensor/index.ts";
import type { CacheLayout, KeyValue, OptionalInput, PreTrainedModel } from "./architecture.ts";
import { architectureOf } from "./auto.ts";

/** Wire names of the inputs, as transformers.js and optimum spell them. */
export const INPUT_NAMES = {
  inputIds: "input_ids",
  attentionMask: "attention_mask",
  tokenTypeIds: "token_type_ids",
  positionIds: "position_ids",
} as const;

const PAST = "past_sequence_length";
const NOW = "sequence_length";

export interface TraceOptions {
  /**
   * Take keys and values, for models that declare a cache, and give them: "new" those of the call's tokens alone, "all"
   * joined with the past, as other runtimes expect.
   */
  present?: "new" | "all";
  /** Logits of the last position alone. */
  lastOnly?: boolean;
}

/** The forward pass of a model over symbolic inputs: outputs `logits`, and `present.*` with a past. */
export function traceModel(model: PreTrainedModel, { present, lastOnly = false }: TraceOptions = {}): Traced {
  const architecture = architectureOf(model.config);
  const layout = present === undefined ? undefined : architecture.cache(model.config);
  const ids = (name: string, columns = NOW) => symbolic(name, ["batch_size", columns], "int64");
  const required = {
    inputIds: ids(INPUT_NAMES.inputIds),
    attentionMask: ids(INPUT_NAMES.attentionMask, layout === undefined ? NOW : `${PAST} + ${NOW}`),
  };
  const optional: Partial<Record<OptionalInput, Tensor>> = Object.fromEntries(
    architecture.inputs.map((name) => [name, ids(INPUT_NAMES[name])]),
  );
  const past = layout === undefined ? [] : pastInputs(layout);
  const output = noGrad(() =>
    model({ ...required, ...optional, lastOnly, past: layout === undefined ? undefined : past }),
  );
  const named: Record<string, Tensor> = { logits: output.logits };
  for (const [layer, { key, value }] of (output.present ?? []).entries()) {
    const before = present === "all" ? past[layer] : undefined;
    named[cacheName("present", layer, "key")] = before === undefined ? key : cat([before.key, key], 2);
    named[cacheName("present", layer, "value")] = before === undefined ? value : cat([before.value, value], 2);
  }
  const flat = past.flatMap(({ key, value }) => [key, value]);
  return { inputs: [...Object.values(required), ...Object.values(optional), ...flat], outputs: named };
}

export function cacheName(kind: "past_key_values" | "present", layer: number, part: "key" | "value"): string {
  return `${kind}.${layer}.${part}`;
}

function pastInputs({ layers, heads, width }: CacheLayout): KeyValue[] {
  const part = (layer: number, name: "key" | "value") =>
    symbolic(cacheName("past_key_values", layer, name), ["batch_size", heads, PAST, width], "float32");
  return Array.from({ length: layers }, (_, layer) => ({ key: part(layer, "key"), value: part(layer, "value") }));
}
