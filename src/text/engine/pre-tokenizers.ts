// The pre-tokenizers of tokenizer.json: a piece of text → the pieces that a model takes one by one.
// A table by `type`; knows no vocabulary.
import { z } from "zod";
import { type Aligned, prepend, replaceChar, replaceMatches, sizeAt } from "./aligned.ts";
import { encodeBytes } from "./byte-level.ts";
import { gpt2Words, LONG } from "./gpt2-words.ts";
import { behaviorSchema, patternOf, patternSchema, split } from "./pattern.ts";
import { makerOf, type Stage, stageSchema } from "./stage.ts";
import { PUNCTUATION, SPACE, WORD } from "./unicode-sets.ts";

export type PreTokenizer = (piece: Aligned) => Aligned[];

const EACH_SPACE = new RegExp(SPACE, "gu");
const EACH_PUNCTUATION = new RegExp(`[${PUNCTUATION}]`, "gv");
const WORD_OR_PUNCTUATION = new RegExp(`[^${PUNCTUATION}${SPACE}]+|[${PUNCTUATION}]`, "gv");
const WORDS_OR_SIGNS = new RegExp(`[${WORD}]+|[^${WORD}${SPACE}]+`, "gu");
const NUMERIC = /\p{N}/gu;

const byteLevelSchema = z.object({ add_prefix_space: z.boolean().default(true), use_regex: z.boolean().default(true) });
const punctuationSchema = z.object({ behavior: behaviorSchema.default("Isolated") });
const metaspaceSchema = z.object({
  replacement: z.string().default("▁"),
  prepend_scheme: z.enum(["always", "first", "never"]).optional(),
  add_prefix_space: z.boolean().optional(),
  split: z.boolean().default(true),
});
const splitSchema = z.object({
  pattern: patternSchema,
  behavior: z.preprocess(
    // Files of some makers have the names in lower case.
    (value) => behaviorSchema.options.find((name) => name.toLowerCase() === String(value).toLowerCase()) ?? value,
    behaviorSchema,
  ),
  invert: z.boolean().default(false),
});

const PRE_TOKENIZERS: Readonly<Record<string, (stage: Stage) => PreTokenizer>> = {
  BertPreTokenizer: () => bertWords,
  Whitespace: () => (piece) => split(piece, WORDS_OR_SIGNS, "Removed", true),
  WhitespaceSplit: () => (piece) => split(piece, EACH_SPACE, "Removed"),
  ByteLevel: byteLevel,
  Metaspace: metaspace,
  Split: (stage) => {
    const { pattern, behavior, invert } = stageSchema(splitSchema, stage);
    const regex = patternOf(pattern);
    return (piece) => split(piece, regex, behavior, invert);
  },
  Punctuation: (stage) => {
    const { behavior } = stageSchema(punctuationSchema, stage);
    return (piece) => split(piece, EACH_PUNCTUATION, behavior);
  },
  Digits: (stage) => {
    const alone = stageSchema(z.object({ individual_digits: z.boolean().default(false) }), stage).individual_digits;
    return (piece) => split(piece, NUMERIC, alone ? "Isolated" : "Contiguous");
  },
  CharDelimiterSplit: (stage) => {
    const regex = patternOf({ String: stageSchema(z.object({ delimiter: z.string() }), stage).delimiter });
    return (piece) => split(piece, regex, "Removed");
  },
  FixedLength: (stage) => {
    const { length } = stageSchema(z.object({ length: z.int().positive().default(5) }), stage);
    return (piece) => fixed(piece, length);
  },
  Replace: (stage) => {
    const { pattern, content } = stageSchema(z.object({ pattern: patternSchema, content: z.string() }), stage);
    const regex = patternOf(pattern);
    return (piece) => [replaceMatches(piece, regex, content)];
  },
  Sequence: (stage) => {
    const list = z.object({ pretokenizers: z.array(z.looseObject({ type: z.string() })) });
    const each = stageSchema(list, stage).pretokenizers.map(preTokenizerOf);
    return (piece) => each.reduce((pieces, cut) => pieces.flatMap(cut), [piece]);
  },
};

/** The pre-tokenizer that a stage of tokenizer.json describes. */
export function preTokenizerOf(stage: Stage): PreTokenizer {
  return makerOf("pre-tokenizer", PRE_TOKENIZERS, stage)(stage);
}

function bertWords(piece: Aligned): Aligned[] {
  if (piece.text.length < LONG) return split(piece, WORD_OR_PUNCTUATION, "Removed", true);
  return split(piece, EACH_SPACE, "Removed").flatMap((word) => split(word, EACH_PUNCTUATION, "Isolated"));
}

function byteLevel(stage: Stage): PreTokenizer {
  const options = stageSchema(byteLevelSchema, stage);
  return (piece) => {
    const text = options.add_prefix_space && !piece.text.startsWith(" ") ? prepend(piece, " ") : piece;
    return (options.use_regex ? gpt2Words(text) : [text]).map(encodeBytes);
  };
}

function metaspace(stage: Stage): PreTokenizer {
  const options = stageSchema(metaspaceSchema, stage);
  const { replacement } = options;
  const scheme = options.add_prefix_space === false ? "never" : (options.prepend_scheme ?? "always");
  const mark = patternOf({ String: replacement });
  return (piece) => {
    let text = replaceChar(piece, " ", replacement);
    const wanted = scheme === "always" || (scheme === "first" && text.origin === 0);
    if (wanted && !text.text.startsWith(replacement)) text = prepend(text, replacement);
    return options.split ? split(text, mark, "MergedWithNext") : [text];
  };
}

function fixed(piece: Aligned, length: number): Aligned[] {
  const pieces: Aligned[] = [];
  for (let start = 0; start < piece.text.length; ) {
    let end = start;
    for (let left = length; left > 0 && end < piece.text.length; left--) end += sizeAt(piece.text, end);
    pieces.push(piece.slice(start, end));
    start = end;
  }
  return pieces;
}
