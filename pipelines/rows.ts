// Tokenized texts through a model: batches of like length, each row's outputs in the order of the rows.
// Knows no task.
import { log } from "../src/log.ts";
import { OUTPUT_NAMES } from "../src/models/inputs.ts";
import { type Encoding, padBatch } from "../src/text/tokenizer.ts";
import { lengthBuckets, type TextPair } from "./inputs.ts";
import type { Encoder, Output } from "./task.ts";

/** A text as the model reads it. */
export interface Row {
  ids: readonly number[];
  /** Segment of each token; all 0 when absent. */
  typeIds?: readonly number[] | undefined;
}

/**
 * Texts and pairs as rows, cut to what the model takes.
 *
 * @param truncation which text of a pair gives way: the longer one, or always the first
 */
export function encodePairs(
  engine: Encoder,
  pairs: readonly TextPair[],
  truncation: "longestFirst" | "onlyFirst" = "longestFirst",
): Row[] {
  const { tokenizer, maxLength: longest } = engine;
  const rowOf = ({ text, textPair }: TextPair, maxLength: number): Row => {
    if (textPair === undefined) return { ids: tokenizer.encode(text, { maxLength }) };
    const { ids, typeIds } = tokenizer.encodePlus(text, { textPair, maxLength, truncation });
    return { ids, typeIds };
  };
  return pairs.map((pair) => {
    const whole = rowOf(pair, Number.POSITIVE_INFINITY);
    if (whole.ids.length <= longest) return whole;
    warnOfCuts(engine, whole.ids.length);
    return rowOf(pair, longest);
  });
}

const warned = new WeakSet<Encoder>();

/** Once for each pipeline: a queue of long texts is no reason for as many lines. */
function warnOfCuts(engine: Encoder, length: number): void {
  if (warned.has(engine)) return;
  warned.add(engine);
  log.warn(
    `A text of ${length} tokens is cut to the ${engine.maxLength} that the model takes; later ones are cut without a warning.`,
  );
}

/** How a text is read that is longer than the model. */
export interface WindowOptions {
  /** Tokens that neighbouring windows share; undefined reads the first window alone. */
  stride?: number | undefined;
  /** Tokens of a window at most; what the model takes when absent. */
  maxLength?: number;
  truncation?: "longestFirst" | "onlySecond";
}

/** A text or a pair with the places of its tokens, in one or more windows. */
export function encodeWindows(
  { tokenizer, maxLength: longest }: Encoder,
  { text, textPair }: TextPair,
  { stride, maxLength = longest, truncation = "longestFirst" }: WindowOptions,
): Encoding[] {
  const pair = textPair === undefined ? {} : { textPair };
  const cut = { ...pair, maxLength, truncation };
  if (stride === undefined) return [tokenizer.encodePlus(text, cut)];
  return tokenizer.encodePlus(text, { ...cut, stride, overflowing: true });
}

/** Tokens of a batch: enough to keep the cores busy, few enough to stay in their caches. */
const TOKEN_BUDGET = 2048;
const BATCH_SIZE = 128;

/** How rows run. */
export interface RowRunOptions {
  /** Rows that run together at most. */
  batchSize?: number | undefined;
  /** Looked at before each batch. */
  signal?: AbortSignal | undefined;
}

/**
 * The outputs of each row, without the batch's axis and its padding.
 *
 * @throws the reason of `signal`
 */
export async function runRows(
  engine: Encoder,
  rows: readonly Row[],
  { batchSize = BATCH_SIZE, signal }: RowRunOptions = {},
): Promise<Record<string, Output>[]> {
  const results = new Array<Record<string, Output>>(rows.length);
  const lengths = rows.map(({ ids }) => ids.length);
  for (const places of lengthBuckets(lengths, TOKEN_BUDGET, batchSize)) {
    signal?.throwIfAborted();
    const batch = places.flatMap((place) => rows[place] ?? []);
    const outputs = await engine.run(padBatch(batch, engine.tokenizer.padId));
    for (const [at, place] of places.entries()) results[place] = rowOf(outputs, at, batch);
    // The runtime computes on this thread; others get their turn between batches.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return results;
}

/** Outputs [B, T]: one number a token. */
const PER_TOKEN: ReadonlySet<string> = new Set([OUTPUT_NAMES.startLogits, OUTPUT_NAMES.endLogits]);

/** Padding lies at the end of a row, so that what belongs to its own tokens comes first. */
function rowOf(outputs: Readonly<Record<string, Output>>, at: number, batch: readonly Row[]): Record<string, Output> {
  const columns = Math.max(...batch.map(({ ids }) => ids.length));
  const length = batch[at]?.ids.length ?? 0;
  const row: Record<string, Output> = {};
  for (const [name, { data, shape }] of Object.entries(outputs)) {
    const size = data.length / batch.length;
    const isPerToken = shape.length === 3 || PER_TOKEN.has(name);
    const kept = isPerToken ? (size / columns) * length : size;
    const rest = shape.slice(1);
    row[name] = {
      data: data.subarray(at * size, at * size + kept),
      shape: isPerToken ? [length, ...rest.slice(1)] : rest,
    };
  }
  return row;
}
