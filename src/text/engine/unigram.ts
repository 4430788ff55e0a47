// Unigram (Kudo 2018, arXiv 1804.10959): of all ways to cut a piece into tokens, the one with the largest sum of scores.
// One pass from left to right, as each place needs only the best way to come there. Knows no pre-tokenizer.
import { z } from "zod";
import { sizeAt } from "./aligned.ts";
import { byteTokens, type Model, noUnknown, remembering, type Tokens } from "./model.ts";
import { type Stage, stageSchema } from "./stage.ts";
import { Trie } from "./trie.ts";

const unigramSchema = z.object({
  vocab: z.array(z.tuple([z.string(), z.number()])).min(1),
  unk_id: z.int().nonnegative().nullish(),
  byte_fallback: z.boolean().nullish(),
});

/** How much worse than the worst token a character is that no token covers. */
const UNKNOWN_PENALTY = 10;

interface Lattice {
  ids: ReadonlyMap<string, number>;
  scores: Float64Array;
  trie: Trie;
  unknown: number | undefined;
  unknownScore: number;
}

export function unigram(stage: Stage): Model {
  const options = stageSchema(unigramSchema, stage);
  const ids = new Map(options.vocab.map(([token], id) => [token, id]));
  const scores = Float64Array.from(options.vocab, ([, score]) => score);
  const lattice: Lattice = {
    ids,
    scores,
    trie: new Trie([...ids.keys()], [...ids.values()]),
    unknown: options.unk_id ?? undefined,
    unknownScore: scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY) - UNKNOWN_PENALTY,
  };
  const tokenize = (piece: string): Tokens => {
    const tokens: Tokens = { ids: [], starts: [], ends: [], names: [] };
    for (const [start, end] of bestCuts(piece, lattice)) addToken(tokens, piece, start, end);
    return tokens;
  };
  const addToken = (tokens: Tokens, piece: string, start: number, end: number) => {
    const name = piece.slice(start, end);
    const id = ids.get(name);
    const bytes = id === undefined && options.byte_fallback ? byteTokens(ids, name) : undefined;
    if (bytes !== undefined) {
      for (const byte of bytes) push(tokens, byte, start, end, options.vocab[byte]?.[0] ?? "");
      return;
    }
    const known = id ?? lattice.unknown;
    if (known === undefined) throw noUnknown("Unigram", undefined);
    push(tokens, known, start, end, name);
  };
  return { vocab: ids, tokenize: remembering(tokenize) };
}

function push(tokens: Tokens, id: number, start: number, end: number, name: string): void {
  tokens.ids.push(id);
  tokens.starts.push(start);
  tokens.ends.push(end);
  tokens.names?.push(name);
}

/** The best cuts of a piece; neighbours that no token covers are one. */
function bestCuts(piece: string, { scores, trie, unknown, unknownScore }: Lattice): [number, number][] {
  const size = piece.length;
  const best = new Float64Array(size + 1);
  const from = new Int32Array(size + 1).fill(-1);
  const ids = new Int32Array(size + 1);
  const reach = (start: number, end: number, score: number, id: number) => {
    const total = (best[start] ?? 0) + score;
    if (from[end] !== -1 && total <= (best[end] ?? 0)) return;
    best[end] = total;
    from[end] = start;
    ids[end] = id;
  };
  for (let start = 0; start < size; ) {
    const width = sizeAt(piece, start);
    let single = false;
    trie.prefixes(piece, start, (end, id) => {
      reach(start, end, scores[id] ?? 0, id);
      single ||= end === start + width;
    });
    if (!single) {
      if (unknown === undefined) throw noUnknown("Unigram", undefined);
      reach(start, start + width, unknownScore, unknown);
    }
    start += width;
  }
  const cuts: [number, number][] = [];
  let missed = false;
  for (let end = size; end > 0; ) {
    const start = from[end] ?? 0;
    const last = cuts.at(-1);
    const misses = ids[end] === unknown;
    if (misses && missed && last !== undefined) last[0] = start;
    else cuts.push([start, end]);
    missed = misses;
    end = start;
  }
  return cuts.reverse();
}
