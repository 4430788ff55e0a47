// What caches of texts that come and go have in common, wherever their keys and values lie: rows, and what their graph is fed.
// Holds no keys and no values.
import type { CacheLayout } from "../models/architecture.ts";
import { cacheName } from "../models/trace.ts";
import type { CompiledGraph } from "../tensor/index.ts";
import type { TokenInputs } from "./feeds.ts";

/** One text's place in the cache. */
export interface CacheRow {
  /** Its index now: a row that leaves is replaced by the last. */
  place: number;
  /** Tokens held. */
  length: number;
  /** Runs that it did not take part in since its last. */
  idle: number;
}

/** A row and its next token. */
export interface NextToken {
  row: CacheRow;
  id: bigint;
  position: bigint;
}

/** What a cache is kept for. */
export interface RowCacheParts {
  graph: CompiledGraph;
  layout: CacheLayout;
  /** Wire names of the inputs that the graph has. */
  names: ReadonlySet<string>;
  /** Tokens that a row may have. */
  maxLength: number;
}

/** Keys and values of texts that come and go: each row holds as many tokens as its own text has. */
export interface RowCache {
  /**
   * Reads prompts, whose rows are padded in front, with their mask [B, T]: a new row for each. Nothing has changed when it throws.
   *
   * @returns the rows, and the logits after their last tokens
   */
  read(prompts: TokenInputs): { rows: CacheRow[]; logits: Float32Array[] };
  /** One more token of each of these rows, in one run. The logits come in their order. Nothing has changed when it throws. */
  next(tokens: readonly NextToken[]): Float32Array[];
  /** A row with the same tokens. */
  copy(row: CacheRow): CacheRow;
  /** Drops a row; the last takes its place. */
  remove(row: CacheRow): void;
}

/** Keys and values of every layer, by the name after the dot: "0.key", "0.value", … */
export function partsOf({ layers }: CacheLayout): string[] {
  return Array.from({ length: layers }, (_, layer) =>
    (["key", "value"] as const).map((part) => cacheName("present", layer, part).replace("present.", "")),
  ).flat();
}

/** Prompts after a past of one token, which is masked: the WebGPU runtime crashes on inputs without elements. */
export function promptInputs(prompts: TokenInputs): { inputs: TokenInputs; columns: number; lengths: number[] } {
  const columns = prompts.inputIds.length / prompts.rows;
  const attentionMask = new BigInt64Array(prompts.rows * (columns + 1));
  const lengths: number[] = [];
  for (let row = 0; row < prompts.rows; row++) {
    const own = prompts.attentionMask.subarray(row * columns, (row + 1) * columns);
    attentionMask.set(own, row * (columns + 1) + 1);
    lengths.push(own.reduce((sum, one) => sum + Number(one), 0));
  }
  return { inputs: { ...prompts, attentionMask }, columns, lengths };
}

/** One token of some of `rows` rows that have room for `room` tokens before it; of the others nothing is read. */
export function nextInputs(tokens: readonly NextToken[], rows: number, room: number): TokenInputs {
  const wide = room + 1;
  const inputs = {
    inputIds: new BigInt64Array(rows),
    positionIds: new BigInt64Array(rows),
    attentionMask: new BigInt64Array(rows * wide),
    rows,
  };
  // Each sees itself at least: a row without any key would give no numbers.
  for (let row = 0; row < rows; row++) inputs.attentionMask[row * wide + room] = 1n;
  for (const { row, id, position } of tokens) {
    inputs.inputIds[row.place] = id;
    inputs.positionIds[row.place] = position;
    inputs.attentionMask.fill(1n, row.place * wide, row.place * wide + row.length);
  }
  return inputs;
}

/** Room for a quarter more tokens than are needed, so that growing is rare. */
export const roomFor = (tokens: number, maxLength: number): number =>
  Math.min(Math.max(tokens, maxLength), Math.max(tokens + 32, Math.ceil(tokens * 1.25)));
