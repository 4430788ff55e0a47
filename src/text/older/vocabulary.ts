// A vocabulary on its way into tokenizer.json: ids by token, and what of it is an added token from the start.
// Knows no architecture.
import { AbrazoError } from "../../errors.ts";
import type { AddedToken } from "../engine/added-tokens.ts";
import { addedToken, contentOf, namedTokens, type TokenizerConfig } from "../special-tokens.ts";
import type { SentencePieceModel } from "./sentence-piece-model.ts";

/** The id of a token that a template needs. */
export function idsOf(vocab: ReadonlyMap<string, number>, name: string): (token: string) => number {
  return (token) => {
    const id = vocab.get(token);
    if (id !== undefined) return id;
    throw new AbrazoError({
      code: "INVALID_TOKENIZER",
      message: `The vocabulary of ${name} lacks the special token "${token}".`,
      hint: "Name the special tokens that it has in tokenizer_config.json, or get the vocabulary again.",
      data: { name, token },
    });
  };
}

/** vocab.txt: a token a line, its id the number of the line. */
export function vocabOfLines(text: string): Map<string, number> {
  const lines = text.split(/\r\n|\n|\r/);
  if (lines.at(-1) === "") lines.pop();
  return new Map(lines.map((token, id) => [token, id]));
}

/** merges.txt: two tokens a line, after a line with the version. */
export function mergesOfLines(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("#version"));
}

/** Scored pieces by their ids; of equal ones the last counts. */
export function idsOfPieces(pieces: readonly (readonly [string, number])[]): Map<string, number> {
  return new Map(pieces.map(([piece], id) => [piece, id]));
}

/**
 * The pieces of a model that are found in a text as they are: control pieces and those with a role, which are special, and
 * those of a user.
 */
export function addedPieces(
  model: SentencePieceModel,
  vocab: ReadonlyMap<string, number>,
  config: TokenizerConfig,
): AddedToken[] {
  const named = new Set(namedTokens(config).map(contentOf));
  return model.pieces.flatMap(({ piece, type }) => {
    const id = vocab.get(piece);
    if (id === undefined || (type !== "control" && type !== "userDefined")) return [];
    return [{ ...addedToken(piece, id, type === "control" || named.has(piece)), normalized: false }];
  });
}

/**
 * The merges of a BPE model of SentencePiece, which stores none: all ways to make a piece of two others, in the order of
 * the pieces' ids.
 */
export function mergesOfPieces(vocab: ReadonlyMap<string, number>): [string, string][] {
  const merges: { pair: [string, string]; rank: number[] }[] = [];
  for (const [piece, id] of vocab) {
    const chars = [...piece];
    let left = "";
    for (const [at, char] of chars.slice(0, -1).entries()) {
      left += char;
      const right = piece.slice(left.length);
      const ids = [vocab.get(left), vocab.get(right)];
      if (ids[0] === undefined || ids[1] === undefined) continue;
      merges.push({ pair: [left, right], rank: [id, at + 1, chars.length - at - 1, ids[0], ids[1]] });
    }
  }
  return merges.sort((a, b) => compare(a.rank, b.rank)).map(({ pair }) => pair);
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [at, value] of a.entries()) if (value !== b[at]) return value - (b[at] ?? 0);
  return 0;
}
