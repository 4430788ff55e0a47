// What the models of tokenizer.json have in common: a piece of text in, tokens with their places in the piece out.
// Knows no particular model.
import { AbrazoError } from "../../errors.ts";

/** The tokens of a piece. Places are UTF-16 units of the piece. */
export interface Tokens {
  ids: number[];
  starts: number[];
  ends: number[];
  /** What the tokens are called where that is not their name in the vocabulary: unknown text keeps its own words. */
  names?: string[];
}

export interface Model {
  readonly vocab: ReadonlyMap<string, number>;
  tokenize(piece: string): Tokens;
}

/** Pieces longer than this are seldom seen twice. */
const LONGEST_CACHED = 64;
const CACHED = 1 << 15;

/** Remembers the tokens of short pieces. What comes out must not be written to. */
export function remembering(tokenize: (piece: string) => Tokens): (piece: string) => Tokens {
  let known = new Map<string, Tokens>();
  return (piece) => {
    if (piece.length > LONGEST_CACHED) return tokenize(piece);
    const old = known.get(piece);
    if (old !== undefined) return old;
    const tokens = tokenize(piece);
    if (known.size >= CACHED) known = new Map();
    known.set(piece, tokens);
    return tokens;
  };
}

/** The error for text that a vocabulary lacks, where it has no token for the unknown either. */
export function noUnknown(kind: string, unknown: string | null | undefined): AbrazoError {
  return new AbrazoError({
    code: "INVALID_TOKENIZER",
    message: `The ${kind} vocabulary lacks its unknown token ${JSON.stringify(unknown ?? null)}.`,
    hint: "Name a token of the vocabulary as unk_token, or add that one.",
    data: { kind, unknown },
  });
}

const encoder = new TextEncoder();

/** The ids of a text's bytes as tokens <0x00> to <0xFF>; undefined where the vocabulary lacks one of them. */
export function byteTokens(vocab: ReadonlyMap<string, number>, text: string): number[] | undefined {
  const ids: number[] = [];
  for (const byte of encoder.encode(text)) {
    const id = vocab.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
    if (id === undefined) return undefined;
    ids.push(id);
  }
  return ids;
}
