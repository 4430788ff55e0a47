// What each step of a decoder is fed: prompts padded on the left, then one new token a row.
// Knows ids alone, and not how they are chosen.
import type { DecodeStep } from "./kv-cache.ts";

interface WithIds {
  readonly ids: readonly number[];
}

/** Rows side by side, every row's last token in the last column. */
export class PaddedBatch {
  readonly #padTokenId: number;
  /** Padding in front of each row. */
  #padding: number[];
  #columns: number;
  readonly #rows: readonly WithIds[];

  constructor(rows: readonly WithIds[], padTokenId: number) {
    this.#rows = rows;
    this.#padTokenId = padTokenId;
    this.#columns = Math.max(...rows.map((row) => row.ids.length));
    this.#padding = rows.map((row) => this.#columns - row.ids.length);
  }

  /** Goes on with these rows, as a decoding does. */
  keep(rows: readonly number[]): void {
    this.#padding = rows.map((row) => this.#padding[row] ?? 0);
  }

  prefill(): DecodeStep {
    const rows = this.#rows.length;
    const inputIds = new BigInt64Array(rows * this.#columns).fill(BigInt(this.#padTokenId));
    const positionIds = new BigInt64Array(rows * this.#columns);
    for (const [place, row] of this.#rows.entries()) {
      const start = place * this.#columns + (this.#padding[place] ?? 0);
      for (const [position, id] of row.ids.entries()) {
        inputIds[start + position] = BigInt(id);
        positionIds[start + position] = BigInt(position);
      }
    }
    return { inputIds, attentionMask: this.#mask(), positionIds, rows };
  }

  /** The last token of each row. */
  next(rows: readonly WithIds[]): DecodeStep {
    this.#columns++;
    return {
      inputIds: BigInt64Array.from(rows, (row) => BigInt(row.ids.at(-1) ?? 0)),
      attentionMask: this.#mask(),
      positionIds: BigInt64Array.from(rows, (_, place) => BigInt(this.#columns - 1 - (this.#padding[place] ?? 0))),
      rows: rows.length,
    };
  }

  #mask(): BigInt64Array {
    const mask = new BigInt64Array(this.#padding.length * this.#columns).fill(1n);
    for (const [place, padding] of this.#padding.entries()) {
      mask.fill(0n, place * this.#columns, place * this.#columns + padding);
    }
    return mask;
  }
}

/** One row without padding: `ids` go in behind `past` tokens. */
export function stepOf(ids: readonly number[], past: number): DecodeStep {
  return {
    inputIds: BigInt64Array.from(ids, BigInt),
    attentionMask: new BigInt64Array(past + ids.length).fill(1n),
    positionIds: BigInt64Array.from(ids, (_, at) => BigInt(past + at)),
    rows: 1,
  };
}
