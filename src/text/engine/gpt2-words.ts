// GPT-2's cut of a text: contractions, words, numbers and signs each with the space before them, other white space.
// Knows no bytes and no vocabulary.
import type { Aligned } from "./aligned.ts";
import { split } from "./pattern.ts";
import { SPACE } from "./unicode-sets.ts";

const SIGN = `[^${SPACE}\\p{L}\\p{N}]`;
const WORDS = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?${SIGN}+|${SPACE}+(?!\\P{White_Space})|${SPACE}+`,
  "gu",
);

/** From this length on no expression may match parts of any length: V8 keeps a step to go back to for every character. */
export const LONG = 1 << 20;

/** Pieces of a text, which together are the text. */
export function gpt2Words(text: Aligned): Aligned[] {
  if (text.text.length < LONG) return split(text, WORDS, "Isolated");
  const pieces: Aligned[] = [];
  for (let start = 0; start < text.text.length; ) {
    const end = wordEnd(text.text, start);
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}

const CONTRACTION = /'(?:s|t|re|ve|m|ll|d)/y;
// Bounded, so that no match is long; what is longer goes on with the next.
const KINDS = ["\\p{L}", "\\p{N}", SIGN].map((kind) => new RegExp(`${kind}{1,1024}`, "uy"));
const SPACES = new RegExp(`${SPACE}{1,1024}`, "uy");

/** The same as the expression, without a match of any length. */
function wordEnd(text: string, start: number): number {
  const contracted = runEnd(text, start, CONTRACTION, true);
  if (contracted > start) return contracted;
  const first = text[start] === " " ? start + 1 : start;
  for (const kind of KINDS) {
    const end = runEnd(text, first, kind);
    if (end > first) return end;
  }
  const end = runEnd(text, start, SPACES);
  // The last white space before a word is the word's, where it is not the only one.
  return end < text.length && end - start > 1 ? end - 1 : Math.max(end, start + 1);
}

function runEnd(text: string, start: number, kind: RegExp, once = false): number {
  let end = start;
  do {
    kind.lastIndex = end;
    if (!kind.test(text)) break;
    end = kind.lastIndex;
  } while (!once);
  return end;
}
