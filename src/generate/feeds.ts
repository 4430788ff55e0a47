// What a decoder's graph is fed beside its cache, and its logits row by row.
// Keeps nothing.
import { INPUT_NAMES } from "../models/trace.ts";
import type { Feed } from "../tensor/index.ts";

/** Inputs of one run, each a matrix of `rows` rows. */
export interface TokenInputs {
  inputIds: BigInt64Array;
  attentionMask: BigInt64Array;
  positionIds: BigInt64Array;
  rows: number;
}

/** Those of the inputs that the graph has, by their wire names; segments are all the first. */
export function tokenFeeds(
  names: ReadonlySet<string>,
  { rows, inputIds, attentionMask, positionIds }: TokenInputs,
): Record<string, Feed> {
  const given = { inputIds, positionIds, tokenTypeIds: undefined, attentionMask };
  const feeds: Record<string, Feed> = {};
  for (const [name, data = new BigInt64Array(inputIds.length)] of Object.entries(given)) {
    const wire = INPUT_NAMES[name as keyof typeof INPUT_NAMES]; // safe because `given` has the keys of INPUT_NAMES
    if (names.has(wire)) feeds[wire] = { data, shape: [rows, data.length / rows] };
  }
  return feeds;
}

/** [B, T, V] as B * T arrays of V; `rows` is B * T. */
export function logitRows(logits: Feed | undefined, rows: number): Float32Array[] {
  const data = logits?.data as Float32Array; // safe because the traced logits are float32
  const width = data.length / rows;
  return Array.from({ length: rows }, (_, row) => data.subarray(row * width, (row + 1) * width));
}
