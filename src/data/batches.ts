// Order and batches: seeded shuffling, and batches of rows of like length with few distinct shapes.
// Knows no padding token and no model.
import type { Generator } from "../tensor/index.ts";

export interface BatchOptions {
  /** Rows times padded length, at most. */
  tokens: number;
  /** Rows at most, however short; as many as `tokens` lets when absent. */
  maxRows?: number | undefined;
  /** Lengths are rounded up to a multiple of this: few shapes, few sessions. */
  multiple?: number;
  /** Undefined keeps the order of lengths, for evaluation. */
  generator?: Generator | undefined;
}

export interface Bucket {
  indices: number[];
  /** Padded length of the rows. */
  length: number;
}

/**
 * Batches of rows by length. Every full batch of one length has the same number of rows, and a short last batch is filled
 * up by the caller, so that a length is one shape.
 */
export function lengthBuckets(lengths: readonly number[], options: BatchOptions): Bucket[] {
  const { multiple = 8, generator } = options;
  const order = generator?.permutation(lengths.length) ?? lengths.map((_, index) => index);
  const open = new Map<number, number[]>();
  const batches: Bucket[] = [];
  for (const index of order) {
    const length = Math.ceil((lengths[index] ?? 1) / multiple) * multiple;
    const rows = open.get(length) ?? [];
    rows.push(index);
    open.set(length, rows);
    if (rows.length === rowsOf(length, options)) {
      batches.push({ indices: rows, length });
      open.delete(length);
    }
  }
  for (const [length, indices] of [...open].sort(([a], [b]) => a - b)) batches.push({ indices, length });
  if (generator === undefined) return batches;
  const shuffled = generator.permutation(batches.length);
  return shuffled.map((at) => batches[at]).filter((batch) => batch !== undefined);
}

/** Rows of a full batch of one length. */
export function rowsOf(length: number, { tokens, maxRows = tokens }: Pick<BatchOptions, "tokens" | "maxRows">): number {
  return Math.max(1, Math.min(maxRows, Math.floor(tokens / length)));
}
