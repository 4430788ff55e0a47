// Byte-pair encoding: the characters of a piece, joined pair by pair in the order in which the merges were learned.
// A heap finds the next merge, so a piece of n characters takes n log n, however long. Knows no pre-tokenizer.
import { z } from "zod";
import { AbrazoError } from "../../errors.ts";
import { sizeAt } from "./aligned.ts";
import { byteTokens, type Model, noUnknown, remembering, type Tokens } from "./model.ts";
import { NumberHeap } from "./number-heap.ts";
import { type Stage, stageSchema } from "./stage.ts";

const bpeSchema = z.object({
  vocab: z.record(z.string(), z.int().nonnegative()),
  merges: z.union([z.array(z.string()), z.array(z.tuple([z.string(), z.string()]))]),
  unk_token: z.string().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
  fuse_unk: z.boolean().nullish(),
  byte_fallback: z.boolean().nullish(),
  ignore_merges: z.boolean().nullish(),
});
type Options = z.infer<typeof bpeSchema>;

// Two ids, or a rank and an id, in one number: ids below 2 ** 24, ranks below 2 ** 29.
const ID = 2 ** 24;
// A rank and a place in one number: places below 2 ** 27.
const PLACE = 2 ** 27;
const NONE = -1;

export function bpe(stage: Stage): Model {
  const options = stageSchema(bpeSchema, stage);
  const vocab = new Map(Object.entries(options.vocab));
  const merges = mergesOf(options, vocab);
  const symbols = symbolsOf(options, vocab);
  const tokenize = (piece: string): Tokens => {
    const whole = options.ignore_merges ? vocab.get(piece) : undefined;
    if (whole !== undefined) return { ids: [whole], starts: [0], ends: [piece.length] };
    return merge(symbols(piece), merges);
  };
  return { vocab, tokenize: remembering(tokenize) };
}

/** Pair of ids → its rank and the id of the two joined. */
function mergesOf(options: Options, vocab: ReadonlyMap<string, number>): ReadonlyMap<number, number> {
  const merges = new Map<number, number>();
  const skipped = options.continuing_subword_prefix?.length ?? 0;
  const idOf = (token: string, rank: number) => {
    const id = vocab.get(token);
    if (id === undefined) throw unknownMerge(token, rank);
    return id;
  };
  for (const [rank, pair] of options.merges.entries()) {
    const [left, right] = typeof pair === "string" ? halves(pair, rank) : pair;
    const joined = idOf(left + right.slice(skipped), rank);
    const key = idOf(left, rank) * ID + idOf(right, rank);
    merges.set(key, rank * ID + joined);
  }
  return merges;
}

function halves(pair: string, rank: number): [string, string] {
  const [left, right, ...rest] = pair.split(" ");
  if (left !== undefined && right !== undefined && rest.length === 0) return [left, right];
  throw new AbrazoError({
    code: "INVALID_TOKENIZER",
    message: `Merge ${rank} is ${JSON.stringify(pair)}, which is not two tokens with a space between.`,
    hint: "Get merges.txt or tokenizer.json again.",
    data: { rank, pair },
  });
}

function unknownMerge(token: string, rank: number): AbrazoError {
  return new AbrazoError({
    code: "INVALID_TOKENIZER",
    message: `Merge ${rank} has the token ${JSON.stringify(token)}, which the vocabulary lacks.`,
    hint: "The merges and the vocabulary are of different tokenizers, or one of them is cut short.",
    data: { token, rank },
  });
}

/** A piece as its first tokens, one a character. */
function symbolsOf(options: Options, vocab: ReadonlyMap<string, number>): (piece: string) => Tokens {
  const prefix = options.continuing_subword_prefix ?? "";
  const suffix = options.end_of_word_suffix ?? "";
  const unknown = (tokens: Tokens, start: number, end: number, fused: boolean) => {
    if (options.unk_token === undefined || options.unk_token === null) return;
    const id = vocab.get(options.unk_token);
    if (id === undefined) throw noUnknown("BPE", options.unk_token);
    if (fused && options.fuse_unk) tokens.ends[tokens.ends.length - 1] = end;
    else add(tokens, id, start, end);
  };
  return (piece) => {
    const tokens: Tokens = { ids: [], starts: [], ends: [] };
    let missed = false;
    for (let start = 0, end = 0; start < piece.length; start = end) {
      end = start + sizeAt(piece, start);
      const char = (start > 0 ? prefix : "") + piece.slice(start, end) + (end === piece.length ? suffix : "");
      const id = vocab.get(char);
      const bytes = id === undefined && options.byte_fallback ? byteTokens(vocab, char) : undefined;
      if (id !== undefined) add(tokens, id, start, end);
      else if (bytes !== undefined) for (const byte of bytes) add(tokens, byte, start, end);
      else unknown(tokens, start, end, missed);
      missed = id === undefined && bytes === undefined;
    }
    return tokens;
  };
}

function add(tokens: Tokens, id: number, start: number, end: number): void {
  tokens.ids.push(id);
  tokens.starts.push(start);
  tokens.ends.push(end);
}

/** Joins pairs until no merge applies: the lowest rank first, and of equal ones the leftmost. */
function merge(tokens: Tokens, merges: ReadonlyMap<number, number>): Tokens {
  const count = tokens.ids.length;
  if (count < 2) return tokens;
  const { ids, starts, ends } = tokens;
  const before = Int32Array.from({ length: count }, (_, at) => at - 1);
  const after = Int32Array.from({ length: count }, (_, at) => (at + 1 < count ? at + 1 : NONE));
  const heap = new NumberHeap();
  const offer = (at: number) => {
    const next = after[at] ?? NONE;
    const found = next === NONE ? undefined : merges.get((ids[at] ?? 0) * ID + (ids[next] ?? 0));
    if (found !== undefined) heap.push(Math.floor(found / ID) * PLACE + at);
  };
  for (let at = 0; at + 1 < count; at++) offer(at);
  for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
    const at = top % PLACE;
    const next = after[at] ?? NONE;
    if (ids[at] === NONE || next === NONE) continue;
    const found = merges.get((ids[at] ?? 0) * ID + (ids[next] ?? 0));
    // An entry of what was joined since: the pair here now is another.
    if (found === undefined || Math.floor(found / ID) !== Math.floor(top / PLACE)) continue;
    ids[at] = found % ID;
    ends[at] = ends[next] ?? 0;
    ids[next] = NONE;
    const beyond = after[next] ?? NONE;
    after[at] = beyond;
    if (beyond !== NONE) before[beyond] = at;
    const earlier = before[at] ?? NONE;
    if (earlier !== NONE) offer(earlier);
    offer(at);
  }
  const kept: Tokens = { ids: [], starts: [], ends: [] };
  for (let at = 0; at !== NONE; at = after[at] ?? NONE) add(kept, ids[at] ?? 0, starts[at] ?? 0, ends[at] ?? 0);
  return kept;
}
