// Added tokens: strings that are one token wherever they stand, found before the model sees the text.
// Those that are not `normalized` are found in the text as it is given, the others after the normalizer.
import { z } from "zod";
import { Aligned, sizeAt } from "./aligned.ts";
import type { Normalizer } from "./normalizers.ts";
import { Trie } from "./trie.ts";
import { SPACE, WORD } from "./unicode-sets.ts";

export const addedTokenSchema = z.object({
  id: z.int().nonnegative(),
  content: z.string(),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
  special: z.boolean().default(false),
});
export type AddedToken = z.infer<typeof addedTokenSchema>;

/** A piece of text, or an added token with the text that stands for it. */
export interface Piece {
  text: Aligned;
  added: AddedToken | undefined;
}

const BEGINS_WITH_WORD = new RegExp(`^[${WORD}]`, "u");
const ENDS_WITH_WORD = new RegExp(`[${WORD}]$`, "u");
const ONE_SPACE = new RegExp(`^${SPACE}$`, "u");

/** Finds some added tokens: of those that begin at a place the longest. */
class Finder {
  readonly #tokens: readonly AddedToken[];
  readonly #trie: Trie;
  readonly #any: RegExp | undefined;

  constructor(tokens: readonly (AddedToken & { shown: string })[]) {
    const byContent = new Map(tokens.filter(({ shown }) => shown !== "").map((token) => [token.shown, token]));
    this.#tokens = [...byContent.values()];
    this.#trie = new Trie(
      [...byContent.keys()],
      this.#tokens.map((_, index) => index),
    );
    const first = new Set(Array.from(byContent.keys(), (content) => content.charCodeAt(0)));
    const units = Array.from(first, (unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
    // Without the flag u, so that it matches units: most of a text is passed over by this one search.
    this.#any = first.size === 0 ? undefined : new RegExp(`[${units}]`, "g");
  }

  /** The text as pieces, none of them empty. */
  split(text: Aligned): Piece[] {
    const pieces: Piece[] = [];
    let done = 0;
    for (let at = this.#next(text.text, 0); at >= 0; ) {
      const found = this.#longestAt(text.text, at);
      const place = found && placeOf(text.text, at, found.end, found.token, done);
      if (place === undefined) {
        at = this.#next(text.text, found?.end ?? at + 1);
        continue;
      }
      if (done < place.start) pieces.push({ text: text.slice(done, place.start), added: undefined });
      pieces.push({ text: text.slice(place.start, place.end), added: found?.token });
      done = place.end;
      at = this.#next(text.text, found?.end ?? at + 1);
    }
    if (done < text.text.length) pieces.push({ text: text.slice(done), added: undefined });
    return pieces;
  }

  #next(text: string, from: number): number {
    if (this.#any === undefined) return -1;
    this.#any.lastIndex = from;
    return this.#any.exec(text)?.index ?? -1;
  }

  #longestAt(text: string, at: number): { token: AddedToken; end: number } | undefined {
    let longest: { token: AddedToken; end: number } | undefined;
    this.#trie.prefixes(text, at, (end, index) => {
      const token = this.#tokens[index];
      if (token !== undefined) longest = { token, end };
    });
    return longest;
  }
}

/** Where a token found stands with the white space that it takes; undefined where it should be a word and is none. */
function placeOf(text: string, start: number, end: number, token: AddedToken, done: number) {
  if (
    token.single_word &&
    (ENDS_WITH_WORD.test(charBefore(text, start)) || BEGINS_WITH_WORD.test(text.slice(end, end + 2)))
  ) {
    return undefined;
  }
  let [from, to] = [start, end];
  if (token.lstrip) while (from > done && ONE_SPACE.test(text.charAt(from - 1))) from--;
  if (token.rstrip) while (to < text.length && ONE_SPACE.test(text.charAt(to))) to++;
  return { start: from, end: to };
}

function charBefore(text: string, at: number): string {
  return at >= 2 && sizeAt(text, at - 2) === 2 ? text.slice(at - 2, at) : text.slice(Math.max(0, at - 1), at);
}

/** Cuts a text at its added tokens and normalizes what is between. */
export function addedTokenSplitter(
  tokens: readonly AddedToken[],
  normalize: Normalizer | undefined,
): (text: string) => Piece[] {
  const isNormalized = (token: AddedToken) => token.normalized ?? !token.special;
  const given = new Finder(
    tokens.filter((token) => !isNormalized(token)).map((token) => ({ ...token, shown: token.content })),
  );
  const normal = new Finder(
    tokens.filter(isNormalized).map((token) => ({
      ...token,
      shown: normalize === undefined ? token.content : normalize(new Aligned(token.content)).text,
    })),
  );
  return (text) =>
    given.split(new Aligned(text)).flatMap((piece) => {
      if (piece.added !== undefined) return [piece];
      return normal.split(normalize === undefined ? piece.text : normalize(piece.text));
    });
}
