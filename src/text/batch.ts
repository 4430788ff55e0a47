// Rows of ids of unequal length → one rectangle, with a mask of what is text.
// Knows no tokenizer.
import { optionsOf } from "../options.ts";

/** Rows padded to one length, int64. */
export interface EncodedBatch {
  inputIds: BigInt64Array;
  attentionMask: BigInt64Array;
  /** Which text of a pair each token belongs to; only where the rows say it. */
  tokenTypeIds?: BigInt64Array;
  shape: [rows: number, columns: number];
}

/** A row that also says its type ids, as an `Encoding` does. */
export interface TypedRow {
  readonly ids: readonly number[];
  readonly typeIds?: readonly number[] | undefined;
}

export interface PadOptions {
  /** Columns become a multiple of this, 1 at least. */
  padToMultipleOf?: number;
  /** The type of padding, 0 where it is not given. */
  padTypeId?: number;
}

const padOptions = optionsOf<PadOptions>({ padToMultipleOf: true, padTypeId: true });

/**
 * Pads rows to the longest (or to `length`), with a mask of ones where there is text.
 *
 * @param rows ids, or encodings, whose type ids are padded too
 * @param side where padding is put
 * @param length columns at least
 * @returns int64 rectangles [rows, columns], row by row
 * @throws UNKNOWN_OPTION
 * @example
 * ```ts
 * const { inputIds, attentionMask, shape } = padBatch([[7, 8, 9], [5]], 0);
 * shape; // [2, 3]
 * Array.from(inputIds, Number); // [7, 8, 9, 5, 0, 0]
 * Array.from(attentionMask, Number); // [1, 1, 1, 1, 0, 0]
 * ```
 */
export function padBatch(
  rows: readonly (readonly number[] | TypedRow)[],
  padId: number,
  side: "left" | "right" = "right",
  length = 0,
  options?: PadOptions,
): EncodedBatch {
  const { padToMultipleOf = 1, padTypeId = 0 } = padOptions("padBatch", options);
  const typed = rows.map((row): TypedRow => (isIds(row) ? { ids: row } : row));
  const longest = typed.reduce((most, { ids }) => Math.max(most, ids.length), length);
  const columns = Math.ceil(longest / padToMultipleOf) * padToMultipleOf;
  const batch: EncodedBatch = {
    inputIds: new BigInt64Array(rows.length * columns).fill(BigInt(padId)),
    attentionMask: new BigInt64Array(rows.length * columns),
    shape: [rows.length, columns],
  };
  if (typed.some(({ typeIds }) => typeIds !== undefined)) {
    batch.tokenTypeIds = new BigInt64Array(rows.length * columns).fill(BigInt(padTypeId));
  }
  for (const [index, { ids, typeIds }] of typed.entries()) {
    const start = index * columns + (side === "left" ? columns - ids.length : 0);
    for (const [at, id] of ids.entries()) {
      batch.inputIds[start + at] = BigInt(id);
      batch.attentionMask[start + at] = 1n;
      if (batch.tokenTypeIds !== undefined) batch.tokenTypeIds[start + at] = BigInt(typeIds?.[at] ?? 0);
    }
  }
  return batch;
}

function isIds(row: readonly number[] | TypedRow): row is readonly number[] {
  return Array.isArray(row);
}
