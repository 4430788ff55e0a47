// A model as a traced graph: symbolic inputs, with the names and sizes that Hugging Face's exporters use.
// Branches on no architecture: each says what it reads.

import { cat, noGrad, symbolic, type Tensor, type Traced, where } from "../tensor/index.ts";
import type { AnyModel, CacheLayout, KeyValue, ModelOutput } from "./architecture.ts";
import { architectureOf } from "./auto.ts";
import { ALL, type InputName, inputOf, NOW, OUTPUT_NAMES } from "./inputs.ts";

export { INPUT_NAMES } from "./inputs.ts";

const PAST = "past_sequence_length";
/** Wire name of the input that says where a placed token goes. */
export const CACHE_PLACE = "cache_place";

export interface TraceOptions {
  /**
   * Take keys and values, for models that declare a cache, and give them: "new" those of the call's tokens alone, "all"
   * joined with the past, as other runtimes expect; "placed" the new ones and, as `placed.*`, the past with those of the first
   * token put where the input `cache_place` [B, 1, P, 1] says, for a past that stays on a device.
   */
  present?: "new" | "all" | "placed";
  /** Logits of the last position alone. */
  lastOnly?: boolean;
}

/** The forward pass of a model over symbolic inputs: what it gives by wire name, and `present.*` with a past. */
export function traceModel(model: AnyModel, { present, lastOnly = false }: TraceOptions = {}): Traced {
  const layout = present === undefined ? undefined : architectureOf(model.config).cache(model.config);
  const inputs = new Map(model.inputs.map((name) => [name, symbolicInput(name, model, layout !== undefined)]));
  const past = layout === undefined ? undefined : pastInputs(layout);
  const call = { ...Object.fromEntries(inputs), lastOnly, past };
  // safe because a model is called with what it names in `inputs`, and gives fields of ModelOutput
  const forward = model as unknown as (inputs: typeof call) => ModelOutput;
  const output = noGrad(() => forward(call));
  const named: Record<string, Tensor> = {};
  for (const [name, wire] of Object.entries(OUTPUT_NAMES)) {
    const value = output[name as keyof typeof OUTPUT_NAMES]; // safe because name is a key of OUTPUT_NAMES
    if (value !== undefined) named[wire] = value;
  }
  for (const [layer, { key, value }] of (output.present ?? []).entries()) {
    const before = present === "all" ? past?.[layer] : undefined;
    named[cacheName("present", layer, "key")] = before === undefined ? key : cat([before.key, key], 2);
    named[cacheName("present", layer, "value")] = before === undefined ? value : cat([before.value, value], 2);
  }
  const flat = (past ?? []).flatMap(({ key, value }) => [key, value]);
  const all = [...inputs.values(), ...flat];
  if (present !== "placed" || past === undefined) return { inputs: all, outputs: named };
  const place = symbolic(CACHE_PLACE, ["batch_size", 1, PAST, 1], "bool");
  for (const [layer, fresh] of (output.present ?? []).entries()) {
    for (const part of ["key", "value"] as const) {
      const before = past[layer]?.[part];
      if (before !== undefined)
        named[cacheName("placed", layer, part)] = where(place, fresh[part].narrow(2, 0, 1), before);
    }
  }
  return { inputs: [...all, place], outputs: named };
}

/** Where texts and images go in together, each kind has a batch of its own. */
function symbolicInput(name: InputName, model: AnyModel, hasPast: boolean): Tensor {
  const { wire, dtype, dims } = inputOf(name);
  const isMixed = model.inputs.includes("pixelValues") && model.inputs.length > 1;
  const batch = isMixed ? (name === "pixelValues" ? "image_batch_size" : "text_batch_size") : "batch_size";
  const sizes = dims(model.config).map((dim) => (dim !== ALL ? dim : hasPast ? `${PAST} + ${NOW}` : NOW));
  return symbolic(wire, [batch, ...sizes], dtype);
}

export function cacheName(
  kind: "past_key_values" | "present" | "placed",
  layer: number,
  part: "key" | "value",
): string {
  return `${kind}.${layer}.${part}`;
}

function pastInputs({ layers, heads, width }: CacheLayout): KeyValue[] {
  const part = (layer: number, name: "key" | "value") =>
    symbolic(cacheName("past_key_values", layer, name), ["batch_size", heads, PAST, width], "float32");
  return Array.from({ length: layers }, (_, layer) => ({ key: part(layer, "key"), value: part(layer, "value") }));
}
