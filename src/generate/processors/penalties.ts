// What the ids so far make of the scores: penalties, and runs of tokens that must not come, or must.
// Each is a function of one row; none draws.
import { AbrazoError } from "../../errors.ts";
import type { LogitsProcessor } from "../contract.ts";
import { OUT } from "./scores.ts";

/** Each token that occurs is punished once: a positive score is divided, a negative one multiplied (Keskar et al. 2019, arXiv 1909.05858). */
export function repetitionPenalty(penalty: number): LogitsProcessor {
  return (scores, ids) => punish(scores, new Set(ids), penalty);
}

/** Tokens of the source are rewarded as much as `repetitionPenalty` would punish them. */
export function encoderRepetitionPenalty(penalty: number, source: readonly number[]): LogitsProcessor {
  const ids = new Set(source);
  return (scores) => punish(scores, ids, 1 / penalty);
}

function punish(scores: Float32Array, ids: ReadonlySet<number>, penalty: number): void {
  for (const id of ids) {
    const score = scores[id];
    if (score !== undefined) scores[id] = score < 0 ? score * penalty : score / penalty;
  }
}

/** Runs of `size` tokens come once: what would complete one that is already there is ruled out. */
export function noRepeatNgram(size: number): LogitsProcessor {
  return (scores, ids) => ruleOutNgrams(scores, ids, ids, size);
}

/** Runs of `size` tokens of the source do not come. */
export function encoderNoRepeatNgram(size: number, source: readonly number[]): LogitsProcessor {
  return (scores, ids) => ruleOutNgrams(scores, ids, source, size);
}

/** Rules out what would complete a run of `size` tokens of `source` at the end of `ids`. */
function ruleOutNgrams(scores: Float32Array, ids: readonly number[], source: readonly number[], size: number): void {
  const prefix = size - 1;
  if (ids.length < prefix) return;
  for (let end = prefix; end < source.length; end++) {
    if (endsAlike(ids, ids.length, source, end, prefix)) ruleOut(scores, source[end] ?? -1);
  }
}

/** Whether the `length` ids before `end` are those before `otherEnd` of the other list. */
function endsAlike(
  ids: readonly number[],
  end: number,
  other: readonly number[],
  otherEnd: number,
  length: number,
): boolean {
  for (let back = 1; back <= length; back++) if (ids[end - back] !== other[otherEnd - back]) return false;
  return true;
}

/** Ids beyond the scores are left alone: an embedding may know more tokens than a model can give. */
function ruleOut(scores: Float32Array, id: number): void {
  if (id < scores.length) scores[id] = OUT;
}

/**
 * Adds to the score of the token that would complete a run; of equal runs the last counts.
 *
 * @throws BAD_TOKEN_ID, when first called, for an id that the model cannot give
 */
export function sequenceBias(biases: readonly (readonly [readonly number[], number])[]): LogitsProcessor {
  const byRun = new Map(biases.map(([run, bias]) => [run.join(), { run, bias }]));
  return (scores, ids) => {
    for (const { run, bias } of byRun.values()) {
      const last = run.at(-1) ?? 0;
      requireIds(scores, run);
      if (run.length - 1 > ids.length || !endsAlike(ids, ids.length, run, run.length - 1, run.length - 1)) continue;
      scores[last] = (scores[last] ?? 0) + bias;
    }
  };
}

function requireIds(scores: Float32Array, ids: readonly number[]): void {
  const beyond = ids.find((id) => id >= scores.length);
  if (beyond === undefined) return;
  throw new AbrazoError({
    code: "BAD_TOKEN_ID",
    message: `There is no token ${beyond}: the model gives ${scores.length} scores.`,
    hint: `Ids go from 0 to ${scores.length - 1}.`,
    data: { id: beyond, vocabSize: scores.length },
  });
}

/** A run of an end token alone stays allowed. */
export function badWords(runs: readonly (readonly number[])[], eosTokenIds: readonly number[]): LogitsProcessor {
  const isEnd = (run: readonly number[]) => run.length === 1 && eosTokenIds.includes(run[0] ?? -1);
  return sequenceBias(runs.filter((run) => !isEnd(run)).map((run) => [run, OUT]));
}

export function suppress(tokens: readonly number[]): LogitsProcessor {
  return (scores) => {
    for (const id of tokens) ruleOut(scores, id);
  };
}

/** Holds only where prompt and text have `length` tokens together. */
export function suppressAt(tokens: readonly number[], length: number): LogitsProcessor {
  return (scores, ids) => {
    if (ids.length !== length) return;
    for (const id of tokens) ruleOut(scores, id);
  };
}

/** Holds while prompt and text have fewer than `length` tokens together. */
export function suppressBefore(tokens: readonly number[], length: number): LogitsProcessor {
  return (scores, ids) => {
    if (ids.length >= length) return;
    for (const id of tokens) ruleOut(scores, id);
  };
}

/** Where prompt and text have `length` tokens together, only these may come. */
export function force(tokens: readonly number[], length: number): LogitsProcessor {
  return (scores, ids) => {
    if (ids.length !== length) return;
    requireIds(scores, tokens);
    scores.fill(OUT);
    for (const id of tokens) scores[id] = 0;
  };
}

/** Ends become more probable from token to token, by a power of `factor` that starts after `start` tokens of prompt and text. */
export function exponentialDecay(start: number, factor: number, eosTokenIds: readonly number[]): LogitsProcessor {
  return (scores, ids) => {
    const over = ids.length - start;
    if (over <= 0) return;
    requireIds(scores, eosTokenIds);
    for (const id of eosTokenIds) {
      const score = scores[id] ?? OUT;
      if (score !== OUT) scores[id] = score + Math.abs(score) * (factor ** over - 1);
    }
  };
}

/** Only ids that `allowed` names may come; where all of them are ruled out already, they are equally probable. */
export function onlyAllowed(allowed: (ids: readonly number[]) => readonly number[]): LogitsProcessor {
  return (scores, ids) => {
    const next = allowed(ids);
    requireIds(scores, next);
    if (next.length === 0) throw nothingAllowed(ids);
    const kept = next.map((id) => scores[id] ?? OUT);
    const isDead = kept.every((score) => score === OUT);
    scores.fill(OUT);
    for (const [place, id] of next.entries()) scores[id] = isDead ? 0 : (kept[place] ?? OUT);
  };
}

function nothingAllowed(ids: readonly number[]): AbrazoError {
  return new AbrazoError({
    code: "NOTHING_ALLOWED",
    message: `prefixAllowedTokensFn allows no token after ${ids.length} tokens.`,
    hint: "Let it allow an end token where the text is complete.",
    data: { ids },
  });
}

const FLOAT32_MAX = 3.4028234663852886e38;

/** NaN becomes 0, infinities the largest numbers of float32. */
export function removeInvalid(): LogitsProcessor {
  return (scores) => {
    for (let id = 0; id < scores.length; id++) {
      const score = scores[id] ?? 0;
      if (Number.isNaN(score)) scores[id] = 0;
      else if (!Number.isFinite(score)) scores[id] = score > 0 ? FLOAT32_MAX : -FLOAT32_MAX;
    }
  };
}
