// Prefill and decode, as an async iterator of tokens: rows of a batch go side by side and stop each for itself.
// Knows token ids only: no text, no tokenizer, no model's name.
import { AbrazoError } from "../errors.ts";
import { Generator } from "../tensor/index.ts";
import type { Decoder, DecodeStep, Decoding } from "./kv-cache.ts";
import { argmax, draw, type LogitsProcessor, logitsProcessors, type SamplingOptions } from "./sampling.ts";
import { type FinishReason, type StopOptions, StopRule } from "./stop.ts";

export interface GenerateOptions extends SamplingOptions, StopOptions {
  /** Tokens of prompt and text together at most. */
  maxLength?: number | undefined;
  /** Id that fills short rows; masked, so any valid id serves. */
  padTokenId: number;
  /** Only needed with stop strings: text of new tokens. */
  decode?: (ids: readonly number[]) => string;
}

/** One text to continue. */
export interface Prompt {
  /** Token ids, at least one. */
  ids: readonly number[];
  /** Seed of this row's draws, so that a text does not depend on what else is in its batch. */
  seed: number;
}

export interface GeneratedToken {
  row: number;
  id: number;
  /** Given with the row's last token. */
  finished: FinishReason | undefined;
}

interface Row {
  index: number;
  ids: number[];
  promptLength: number;
  generator: Generator;
  stop: StopRule;
}

/** Continues each prompt until it is finished. */
export async function* generate(
  decoder: Decoder,
  prompts: readonly Prompt[],
  options: GenerateOptions,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const processors = logitsProcessors(options);
  let rows = prompts.map((prompt, index) => makeRow(prompt, index, decoder.maxLength, options));
  if (rows.length === 0) return;
  const decoding = decoder.start();
  const batch = new PaddedBatch(rows, options.padTokenId);
  let step = batch.prefill();
  while (rows.length > 0) {
    const logits = await decoding.step(step);
    const kept: number[] = [];
    for (const [place, row] of rows.entries()) {
      const id = pick(logits[place], row, processors, options.doSample);
      row.ids.push(id);
      const finished = row.stop.finished(row.ids.slice(row.promptLength));
      if (finished === undefined) kept.push(place);
      yield { row: row.index, id, finished };
    }
    if (kept.length < rows.length) {
      rows = kept.flatMap((place) => rows[place] ?? []);
      dropRows(decoding, batch, kept);
    }
    step = batch.next(rows);
  }
}

function dropRows(decoding: Decoding, batch: PaddedBatch, kept: readonly number[]): void {
  if (kept.length === 0) return;
  decoding.keep(kept);
  batch.keep(kept);
}

function makeRow({ ids, seed }: Prompt, index: number, longest: number, options: GenerateOptions): Row {
  const maxLength = Math.min(longest, options.maxLength ?? Number.POSITIVE_INFINITY);
  const room = maxLength - ids.length;
  if (ids.length === 0 || room < 1) {
    throw new AbrazoError({
      code: ids.length === 0 ? "EMPTY_PROMPT" : "PROMPT_TOO_LONG",
      message:
        ids.length === 0
          ? `Prompt ${index} has no tokens.`
          : `Prompt ${index} has ${ids.length} tokens; with the text it gets there may be ${maxLength}.`,
      hint: ids.length === 0 ? "Start with at least one token." : "Shorten the prompt.",
      data: { index, tokens: ids.length, maxLength },
    });
  }
  const stop = new StopRule(
    { ...options, maxNewTokens: Math.min(options.maxNewTokens, room) },
    options.decode ?? (() => ""),
  );
  return { index, ids: [...ids], promptLength: ids.length, generator: new Generator(seed), stop };
}

function pick(
  logits: Float32Array | undefined,
  row: Row,
  processors: readonly LogitsProcessor[],
  doSample: boolean,
): number {
  const scores = processors.length > 0 ? Float32Array.from(logits ?? []) : (logits ?? new Float32Array(0));
  for (const process of processors) process(scores, row.ids);
  return doSample ? draw(scores, row.generator) : argmax(scores);
}

/** Prompts padded on the left, so that every row's last token is in the last column, and what each later step feeds. */
class PaddedBatch {
  readonly #rows: readonly Row[];
  readonly #padTokenId: number;
  /** Padding in front of each row that is still going. */
  #padding: number[];
  #columns: number;

  constructor(rows: readonly Row[], padTokenId: number) {
    this.#rows = rows;
    this.#padTokenId = padTokenId;
    this.#columns = Math.max(...rows.map((row) => row.ids.length));
    this.#padding = rows.map((row) => this.#columns - row.ids.length);
  }

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

  /** One new token a row. */
  next(rows: readonly Row[]): DecodeStep {
    this.#columns++;
    const last = rows.map((row) => BigInt(row.ids.at(-1) ?? 0));
    const positions = rows.map((row) => BigInt(row.ids.length - 1));
    return {
      inputIds: BigInt64Array.from(last),
      attentionMask: this.#mask(),
      positionIds: BigInt64Array.from(positions),
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
