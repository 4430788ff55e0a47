// Guidance without a classifier: a second decoding without the prompt runs beside the first, and scores lead away from it.
// To whoever steps it, it is a decoding as any other.
import { PaddedBatch } from "./batch.ts";
import type { Decoder, DecodeStep, Decoding } from "./kv-cache.ts";
import type { GenerationSettings } from "./options.ts";
import { logSoftmax } from "./processors/scores.ts";
import type { Row } from "./row.ts";

/** A decoding of `decoder`, guided where the settings ask for it. Of `copies` rows of a prompt the first is read. */
export function guided(
  decoder: Decoder,
  rows: readonly Row[],
  { guidanceScale, padTokenId }: GenerationSettings,
  copies: number,
): Decoding {
  const decoding = decoder.start();
  if (guidanceScale === undefined || guidanceScale === 1) return decoding;
  const starts = rows
    .filter((_, index) => index % copies === 0)
    .map(({ ids, negativeIds }) => ({ ids: negativeIds ?? ids.slice(-1) }));
  return new GuidedDecoding(decoding, decoder.start(), new PaddedBatch(starts, padTokenId), guidanceScale);
}

/** Both decodings take the same new tokens (Sanchez et al. 2023, arXiv 2306.17806). */
class GuidedDecoding implements Decoding {
  readonly #decoding: Decoding;
  readonly #other: Decoding;
  readonly #batch: PaddedBatch;
  readonly #scale: number;
  #isFirst = true;

  constructor(decoding: Decoding, other: Decoding, batch: PaddedBatch, scale: number) {
    this.#decoding = decoding;
    this.#other = other;
    this.#batch = batch;
    this.#scale = scale;
  }

  async step(step: DecodeStep): Promise<Float32Array[]> {
    const otherStep = this.#isFirst ? this.#batch.prefill() : this.#batch.next(rowsOf(step));
    this.#isFirst = false;
    const [logits, others] = await Promise.all([this.#decoding.step(step), this.#other.step(otherStep)]);
    return logits.map((row, at) => lead(row, others[at] ?? row, this.#scale));
  }

  keep(rows: readonly number[]): void {
    this.#decoding.keep(rows);
    this.#other.keep(rows);
    this.#batch.keep(rows);
  }

  dispose(): void {
    this.#decoding.dispose?.();
    this.#other.dispose?.();
  }
}

function rowsOf({ inputIds }: DecodeStep): { ids: number[] }[] {
  return Array.from(inputIds, (id) => ({ ids: [Number(id)] }));
}

function lead(logits: Float32Array, otherLogits: Float32Array, scale: number): Float32Array {
  const [scores, other] = [logits.slice(), otherLogits.slice()];
  logSoftmax(scores);
  logSoftmax(other);
  return scores.map((score, id) => scale * (score - (other[id] ?? 0)) + (other[id] ?? 0));
}
