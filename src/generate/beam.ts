// Beam search and beam sampling: several texts a prompt grow side by side, and the best of the finished ones are given.
// Prompts of a batch search each for itself; no text depends on its neighbours.
import type { Generator } from "../tensor/index.ts";
import { PaddedBatch } from "./batch.ts";
import type { FinishReason, GeneratedToken } from "./contract.ts";
import type { Decoding } from "./kv-cache.ts";
import type { GenerationSettings } from "./options.ts";
import { logSoftmax, OUT } from "./processors/scores.ts";
import type { Row } from "./row.ts";
import { isWhole } from "./sample.ts";

/** A text that grows. */
interface Beam {
  ids: readonly number[];
  /** Sum of the log probabilities of its new tokens. */
  score: number;
  /** Where its text so far stands in the last step. */
  place: number;
  steps: readonly StepOutput[];
}

/** What a token was chosen by, where that was asked for. */
type StepOutput = Pick<GeneratedToken, "scores" | "logits">;

/** A text that is finished; its score is divided by a power of its length. */
interface Hypothesis extends Beam {
  finished: FinishReason;
}

interface Candidate {
  beam: Beam;
  id: number;
  score: number;
  /** What candidates are ordered by: the score, with noise when sampling. */
  key: number;
  step: StepOutput | undefined;
}

/** Gives the tokens of each prompt's texts once its search has ended, the best text first. */
export async function* beamSearch(
  decoding: Decoding,
  rows: readonly Row[],
  settings: GenerationSettings,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const batch = new PaddedBatch(rows, settings.padTokenId);
  let searches = rows.map((row, place) => new Search(row, place, settings));
  let step = batch.prefill();
  while (searches.length > 0) {
    settings.signal?.throwIfAborted();
    const logits = await decoding.step(step);
    for (const search of searches) search.advance(logits);
    for (const search of searches) if (search.isDone) yield* search.tokens();
    searches = searches.filter(({ isDone }) => !isDone);
    const beams = searches.flatMap((search) => search.beams);
    const places = beams.map(({ place }) => place);
    if (places.length > 0 && !isWhole(places, logits.length)) {
      decoding.keep(places);
      batch.keep(places);
    }
    for (const [place, beam] of beams.entries()) beam.place = place;
    step = batch.next(beams);
  }
}

/** The search of one prompt. */
class Search {
  readonly #row: Row;
  readonly #settings: GenerationSettings;
  /** The best first. Before the first step there is one, so that the others differ from it. */
  beams: Beam[];
  /** The best first, `numBeams` at most. */
  #hypotheses: Hypothesis[] = [];
  isDone = false;

  constructor(row: Row, place: number, settings: GenerationSettings) {
    this.#row = row;
    this.#settings = settings;
    this.beams = [{ ids: row.ids, score: 0, place, steps: [] }];
  }

  /** Every beam grows by a token; `logits` are those of the whole batch. */
  advance(logits: readonly Float32Array[]): void {
    const { numBeams, eosTokenIds } = this.#settings;
    const count = Math.max(2, 1 + [eosTokenIds].flat().length) * numBeams;
    const candidates = this.#candidates(logits, count);
    const grown = candidates.map(({ beam, id, score, step }, rank): Beam & { rank: number } => ({
      ...{ ids: [...beam.ids, id], score, place: beam.place, rank },
      steps: step === undefined ? [] : [...beam.steps, step],
    }));
    const judged = grown.map((beam) => ({ beam, finished: this.#row.stop.finished(beam.ids) }));
    this.beams = judged
      .filter(({ finished }) => finished === undefined)
      .map(({ beam }) => beam)
      .sort((a, b) => b.score - a.score)
      .slice(0, numBeams);
    this.#finish(
      judged.flatMap(({ beam, finished }) => (finished && beam.rank < numBeams ? [{ ...beam, finished }] : [])),
    );
    this.isDone = this.beams.length === 0 || this.#isFull() || !this.#canImprove();
  }

  /** The most probable continuations of all beams, or as many draws without replacement. */
  #candidates(logits: readonly Float32Array[], count: number): Candidate[] {
    const { doSample } = this.#settings;
    const best = new Best(count);
    for (const beam of this.beams) {
      const raw = logits[beam.place] ?? new Float32Array(0);
      const scores = raw.slice();
      logSoftmax(scores);
      for (const process of this.#row.processors) process(scores, beam.ids);
      const step = this.#output(scores, raw);
      for (let id = 0; id < scores.length; id++) {
        const score = Math.fround((scores[id] ?? OUT) + beam.score);
        if (score === OUT) continue;
        const key = doSample ? score + gumbel(this.#row.generator) : score;
        if (key > best.least) best.add({ beam, id, score, key, step });
      }
    }
    return best.candidates;
  }

  #output(scores: Float32Array, raw: Float32Array): StepOutput | undefined {
    const { outputScores, outputLogits } = this.#settings;
    if (!outputScores && !outputLogits) return undefined;
    return { ...(outputScores ? { scores } : {}), ...(outputLogits ? { logits: raw.slice() } : {}) };
  }

  #finish(ended: readonly Hypothesis[]): void {
    const { numBeams } = this.#settings;
    const scored = ended.map((text) => ({ ...text, score: this.#normalized(text.score, this.#newTokens(text)) }));
    this.#hypotheses = [...this.#hypotheses, ...scored].sort((a, b) => b.score - a.score).slice(0, numBeams);
  }

  #newTokens({ ids }: Beam): number {
    return ids.length - this.#row.promptLength;
  }

  #normalized(score: number, length: number): number {
    return score / length ** this.#settings.lengthPenalty;
  }

  #isFull(): boolean {
    return this.#settings.earlyStopping === true && this.#hypotheses.length === this.#settings.numBeams;
  }

  /**
   * Whether a beam may still become better than the worst of the finished texts. Unless stopping early is ruled out, a
   * text is taken to score best at the length it has now, which is a guess.
   */
  #canImprove(): boolean {
    const { earlyStopping, lengthPenalty, numBeams } = this.#settings;
    const [best] = this.beams;
    if (this.#hypotheses.length < numBeams || best === undefined) return true;
    const atFullLength = earlyStopping === "never" && lengthPenalty > 0;
    const length = atFullLength ? this.#row.maxLength - this.#row.promptLength : this.#newTokens(best);
    return this.#normalized(best.score, length) > (this.#hypotheses.at(-1)?.score ?? OUT);
  }

  *tokens(): Iterable<GeneratedToken> {
    const { numReturnSequences } = this.#settings;
    for (const [copy, text] of this.#hypotheses.slice(0, numReturnSequences).entries()) {
      const fresh = text.ids.slice(this.#row.promptLength);
      for (const [at, id] of fresh.entries()) {
        const isLast = at === fresh.length - 1;
        yield {
          ...{ row: this.#row.index * numReturnSequences + copy, id, finished: isLast ? text.finished : undefined },
          ...text.steps[at],
          ...(isLast ? { sequenceScore: text.score } : {}),
        };
      }
    }
  }
}

/** The `count` candidates with the largest keys, the largest first; of equals the earlier. */
class Best {
  readonly candidates: Candidate[] = [];
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  /** A key that is not above this need not be added. */
  get least(): number {
    return this.candidates.length < this.#count ? OUT : (this.candidates.at(-1)?.key ?? OUT);
  }

  add(candidate: Candidate): void {
    let at = this.candidates.length;
    while (at > 0 && (this.candidates[at - 1]?.key ?? OUT) < candidate.key) at--;
    this.candidates.splice(at, 0, candidate);
    if (this.candidates.length > this.#count) this.candidates.pop();
  }
}

/** Noise that makes the order of noisy scores a draw without replacement (Kool et al. 2019, arXiv 1903.06059). */
function gumbel(generator: Generator): number {
  return -Math.log(-Math.log(generator.double()));
}
