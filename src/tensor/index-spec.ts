// What may stand between the brackets of an index: numbers, ranges, "...", null, masks, integer tensors and arrays.
// Knows no elements: it turns what the caller writes into parts, checked against nothing.
import { AbrazoError } from "../errors.ts";
import type { Tensor } from "./tensor.ts";

/** Elements from `start` below `end`, every `step`-th; what is absent reaches to the edge. */
export interface Range {
  readonly kind: "range";
  readonly start: number | undefined;
  readonly end: number | undefined;
  readonly step: number;
}

type IndexArray = readonly (number | boolean | IndexArray)[];

/**
 * One part of an index: a number, a range (`slice(1, 5)` or "1:5"), "..." for all axes between, null for a new axis, and
 * masks or integers as tensors or nested arrays.
 */
export type IndexPart = number | string | null | boolean | Range | Tensor | IndexArray;

/**
 * A range of an index, as `start:end:step` in Python.
 *
 * @throws BAD_SLICE for steps that are not above 0
 *
 * @example
 * ```ts
 * await arange(10).index(slice(1, 8, 3)).tolist(); // [1, 4, 7]
 * ```
 */
export function slice(start?: number | null, end?: number | null, step = 1): Range {
  if (step === 0) throw rangeError("slice step cannot be zero");
  if (!(Number.isInteger(step) && step > 0)) throw rangeError("step must be greater than zero");
  for (const bound of [start ?? 0, end ?? 0]) {
    if (!Number.isInteger(bound)) throw rangeError("slice indices must be integers or None");
  }
  return { kind: "range", start: start ?? undefined, end: end ?? undefined, step };
}

function rangeError(message: string): AbrazoError {
  return new AbrazoError({
    code: "BAD_SLICE",
    message,
    hint: "Bounds are whole numbers, steps whole numbers above 0; flip() reverses an axis.",
  });
}

/** A part with strings read: "1:5", ":", "...", "3", "null"; several in one string are parted by commas. */
export type ReadPart = Exclude<IndexPart, string> | "...";

export function readParts(parts: readonly IndexPart[]): ReadPart[] {
  return parts.flatMap((part) => (typeof part === "string" ? part.split(",").map(readText) : [part]));
}

function readText(text: string): ReadPart {
  const trimmed = text.trim();
  if (trimmed === "...") return "...";
  if (trimmed === "null" || trimmed === "None") return null;
  const bounds = trimmed.split(":").map((bound) => bound.trim());
  if (bounds.length > 3 || !bounds.every((bound) => /^([+-]?\d+)?$/.test(bound)) || trimmed === "") {
    throw new AbrazoError({
      code: "BAD_INDEX",
      message: `an index cannot be read from "${text}"`,
      hint: 'Write "2", "1:5", "1:5:2", ":" or "...".',
      data: { text },
    });
  }
  const [start, end, step] = bounds.map((bound) => (bound === "" ? undefined : Number(bound)));
  if (bounds.length === 1) return start ?? 0;
  return slice(start, end, step);
}

export function isRange(part: ReadPart): part is Range {
  return typeof part === "object" && part !== null && "kind" in part && part.kind === "range";
}

export function isIndexArray(part: ReadPart): part is IndexArray {
  return Array.isArray(part);
}
