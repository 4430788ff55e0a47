// Patterns of tokenizer.json (a literal string, or a regular expression in Oniguruma's syntax) → JavaScript's RegExp, and the
// ways to cut a text at matches. Knows no pre-tokenizer. The translation is that of @huggingface/tokenizers.
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { z } from "zod";
import { AbrazoError } from "../../errors.ts";
import { type Aligned, eachMatch } from "./aligned.ts";

export const patternSchema = z.union([z.object({ String: z.string() }), z.object({ Regex: z.string() })]);
export type Pattern = z.infer<typeof patternSchema>;

export const behaviorSchema = z.enum(["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]);
/** What becomes of the matches when a text is cut at them. */
export type Behavior = z.infer<typeof behaviorSchema>;

/** A global, Unicode-aware expression. */
export function patternOf(pattern: Pattern): RegExp {
  if ("String" in pattern) return new RegExp(pattern.String.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gu");
  try {
    const split = { type: "Split", pattern, behavior: "Isolated", invert: false };
    const { pre_tokenizer }: { pre_tokenizer: object } = new Library({ ...EMPTY, pre_tokenizer: split }, {});
    const translated: unknown = Reflect.get(pre_tokenizer, "pattern");
    if (translated instanceof RegExp) return translated;
  } catch (cause) {
    throw invalid(pattern.Regex, cause);
  }
  throw invalid(pattern.Regex, undefined);
}

// The library translates a pattern when it makes a pre-tokenizer, and that it makes with a tokenizer.
const EMPTY = {
  added_tokens: [],
  normalizer: null,
  post_processor: null,
  decoder: null,
  model: { type: "WordPiece", vocab: {}, unk_token: "" },
};

function invalid(source: string, cause: unknown): AbrazoError {
  return new AbrazoError({
    code: "INVALID_TOKENIZER",
    message: `The regular expression ${JSON.stringify(source)} of tokenizer.json has no counterpart in JavaScript.`,
    hint: "Write it with what both engines know: character classes, groups, look-around, quantifiers.",
    data: { source },
    cause,
  });
}

interface Cut {
  start: number;
  end: number;
  match: boolean;
}

/** The text in runs that match and runs that do not, in order. */
function cutsOf(text: string, pattern: RegExp, invert: boolean): Cut[] {
  const cuts: Cut[] = [];
  let done = 0;
  eachMatch(text, pattern, (start, end) => {
    if (done < start) cuts.push({ start: done, end: start, match: invert });
    cuts.push({ start, end, match: !invert });
    done = end;
  });
  if (done < text.length) cuts.push({ start: done, end: text.length, match: invert });
  return cuts;
}

/** How cuts become pieces, where neighbours are joined. */
const JOINED: Readonly<Partial<Record<Behavior, (cuts: Cut[]) => Cut[]>>> = {
  Contiguous: (cuts) => joined(cuts, (cut, before) => cut.match === before),
  MergedWithPrevious: (cuts) => joined(cuts, (cut, before) => cut.match && !before),
  MergedWithNext: (cuts) => joined(cuts.toReversed(), (cut, before) => cut.match && !before).reverse(),
};

/** Cuts joined to their neighbour where `joins` says so, which is told whether the neighbour was a match. */
function joined(cuts: Cut[], joins: (cut: Cut, before: boolean) => boolean): Cut[] {
  const pieces: Cut[] = [];
  let before = false;
  for (const cut of cuts) {
    const last = pieces.at(-1);
    if (last !== undefined && joins(cut, before)) {
      last.start = Math.min(last.start, cut.start);
      last.end = Math.max(last.end, cut.end);
    } else pieces.push({ ...cut });
    before = cut.match;
  }
  return pieces;
}

/** Cuts a text at the matches of a pattern. Empty pieces are left out. */
export function split(text: Aligned, pattern: RegExp, behavior: Behavior, invert = false): Aligned[] {
  const join = JOINED[behavior];
  const pieces: Aligned[] = [];
  const add = (start: number, end: number) => {
    if (start < end) pieces.push(text.slice(start, end));
  };
  if (join !== undefined) {
    for (const { start, end } of join(cutsOf(text.text, pattern, invert))) add(start, end);
    return pieces;
  }
  const [keepsMatches, keepsOthers] = behavior === "Isolated" ? [true, true] : [invert, !invert];
  let done = 0;
  eachMatch(text.text, pattern, (start, end) => {
    if (keepsOthers) add(done, start);
    if (keepsMatches) add(start, end);
    done = end;
  });
  if (keepsOthers) add(done, text.text.length);
  return pieces;
}
