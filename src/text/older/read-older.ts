// Older files of a tokenizer → tokenizer.json and tokenizer_config.json, as transformers converts them.
// Knows no folders: it is given the contents of files by their names.
import { z } from "zod";
import { parseJson } from "../../io/json.ts";
import {
  addedToken,
  contentOf,
  decoderOf,
  type ModelConfig,
  namedTokens,
  type TokenizerConfig,
} from "../special-tokens.ts";
import type { Recipe } from "./recipe.ts";
import { recipeOf } from "./recipes.ts";
import { readSentencePiece } from "./sentence-piece-model.ts";
import { mergesOfLines, vocabOfLines } from "./vocabulary.ts";

export const SENTENCE_PIECE_FILES = [
  "spiece.model",
  "tokenizer.model",
  "sentencepiece.bpe.model",
  "spm.model",
  "sentencepiece.model",
] as const;

/** Every file that is asked for. */
export const OLDER_FILES: readonly string[] = [
  ...SENTENCE_PIECE_FILES,
  "vocab.json",
  "merges.txt",
  "vocab.txt",
  "added_tokens.json",
];

type Files = ReadonlyMap<string, Uint8Array>;

const vocabSchema = z.record(z.string(), z.int().nonnegative());
const utf8 = new TextDecoder();

/**
 * A tokenizer of older files; undefined where none of them is there.
 *
 * @throws INVALID_TOKENIZER, INVALID_JSON
 */
export function readOlder(
  files: Files,
  config: TokenizerConfig,
  model: ModelConfig,
): { tokenizerJson: object; tokenizerConfig: TokenizerConfig } | undefined {
  const spm = SENTENCE_PIECE_FILES.find((name) => files.has(name));
  const found: Recipe["from"][] = [];
  if (spm !== undefined) found.push("sentencePiece");
  if (files.has("vocab.json") && files.has("merges.txt")) found.push("byteBpe");
  if (files.has("vocab.txt")) found.push("wordPiece");
  if (found.length === 0) return undefined;
  const recipe = recipeOf(config, model, found);
  const whole = { ...recipe.defaults, ...withoutUndefined(config) };
  const text = (name: string) => utf8.decode(files.get(name));
  const json = built(recipe, whole, text, () => readSentencePiece(files.get(spm ?? "") ?? new Uint8Array(), spm ?? ""));
  const added = files.has("added_tokens.json")
    ? parseJson(text("added_tokens.json"), vocabSchema, "added_tokens.json")
    : {};
  return { tokenizerJson: json, tokenizerConfig: withAdded(whole, added) };
}

function built(
  recipe: Recipe,
  config: TokenizerConfig,
  text: (name: string) => string,
  model: () => ReturnType<typeof readSentencePiece>,
): object {
  if (recipe.from === "sentencePiece") return recipe.build(config, model());
  if (recipe.from === "wordPiece") return recipe.build(config, vocabOfLines(text("vocab.txt")));
  const vocab = new Map(Object.entries(parseJson(text("vocab.json"), vocabSchema, "vocab.json")));
  return recipe.build(config, vocab, mergesOfLines(text("merges.txt")));
}

function withoutUndefined(config: TokenizerConfig): TokenizerConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

/** Tokens of added_tokens.json beside those of the configuration, which knows more of them. */
function withAdded(config: TokenizerConfig, added: Record<string, number>): TokenizerConfig {
  const special = new Set(namedTokens(config).map(contentOf));
  const tokens = Object.entries(added).map(([token, id]) => addedToken(token, id, special.has(token)));
  return { ...config, added_tokens_decoder: { ...decoderOf(tokens), ...config.added_tokens_decoder } };
}
