// WordPiece: the longest token that a word begins with, then the longest continuation, and so on; and WordLevel, whole words.
// Knows no normalization.
import { z } from "zod";
import { sizeAt } from "./aligned.ts";
import { type Model, noUnknown, remembering, type Tokens } from "./model.ts";
import { type Stage, stageSchema } from "./stage.ts";

const wordPieceSchema = z.object({
  vocab: z.record(z.string(), z.int().nonnegative()),
  unk_token: z.string().default("[UNK]"),
  continuing_subword_prefix: z.string().nullish(),
  max_input_chars_per_word: z.int().positive().default(100),
});

export function wordPiece(stage: Stage): Model {
  const options = stageSchema(wordPieceSchema, stage);
  const vocab = new Map(Object.entries(options.vocab));
  const unknown = vocab.get(options.unk_token);
  if (unknown === undefined) throw noUnknown("WordPiece", options.unk_token);
  const prefix = options.continuing_subword_prefix ?? "##";
  const tokenize = (word: string): Tokens => {
    const whole: Tokens = { ids: [unknown], starts: [0], ends: [word.length] };
    if (isLonger(word, options.max_input_chars_per_word)) return whole;
    const tokens: Tokens = { ids: [], starts: [], ends: [] };
    for (let start = 0; start < word.length; ) {
      const found = longest(vocab, word, start, start === 0 ? "" : prefix);
      if (found === undefined) return whole;
      tokens.ids.push(found.id);
      tokens.starts.push(start);
      tokens.ends.push(found.end);
      start = found.end;
    }
    return tokens;
  };
  return { vocab, tokenize: remembering(tokenize) };
}

/** Whether a word has more than `limit` characters, without counting all of a long one. */
function isLonger(word: string, limit: number): boolean {
  if (word.length <= limit) return false;
  let chars = 0;
  for (let at = 0; at < word.length && chars <= limit; at += sizeAt(word, at)) chars++;
  return chars > limit;
}

function longest(vocab: ReadonlyMap<string, number>, word: string, start: number, prefix: string) {
  for (let end = word.length; end > start; end--) {
    const id = vocab.get(prefix + word.slice(start, end));
    if (id !== undefined) return { id, end };
  }
  return undefined;
}

const wordLevelSchema = z.object({
  vocab: z.record(z.string(), z.int().nonnegative()),
  unk_token: z.string().nullish(),
});

export function wordLevel(stage: Stage): Model {
  const options = stageSchema(wordLevelSchema, stage);
  const vocab = new Map(Object.entries(options.vocab));
  const tokenize = (word: string): Tokens => {
    const id = vocab.get(word) ?? vocab.get(options.unk_token ?? "");
    if (id === undefined) throw noUnknown("WordLevel", options.unk_token);
    return { ids: [id], starts: [0], ends: [word.length] };
  };
  return { vocab, tokenize };
}
