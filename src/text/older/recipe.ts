// How transformers makes a tokenizer of older files: one recipe for each class of tokenizers. What recipes share.
// Knows no class.
import type { Stage } from "../engine/stage.ts";
import { contentOf, type SpecialName, type TokenizerConfig } from "../special-tokens.ts";
import type { SentencePieceModel } from "./sentence-piece-model.ts";
import { template } from "./stages.ts";

export type Ids = ReadonlyMap<string, number>;
type IdOf = (token: string) => number;

interface Common {
  /** What tokenizer_config.json means where it says nothing. */
  defaults: TokenizerConfig;
  /** What else holds where no class is named and the type of the model chose the recipe: how such models were trained. */
  byModelType?: TokenizerConfig;
}

/** A class made of vocab.txt. */
export interface WordPieceRecipe extends Common {
  from: "wordPiece";
  build(config: TokenizerConfig, vocab: Ids): object;
}

/** A class made of vocab.json and merges.txt. */
export interface ByteBpeRecipe extends Common {
  from: "byteBpe";
  build(config: TokenizerConfig, vocab: Ids, merges: readonly string[]): object;
}

/** A class made of a SentencePiece model. */
export interface SentencePieceRecipe extends Common {
  from: "sentencePiece";
  build(config: TokenizerConfig, model: SentencePieceModel): object;
}

export type Recipe = WordPieceRecipe | ByteBpeRecipe | SentencePieceRecipe;

export function flag(config: TokenizerConfig, name: string, otherwise: boolean): boolean {
  const value = config[name];
  return typeof value === "boolean" ? value : otherwise;
}

/** What the special token of a role is called. */
export function nameOf(config: TokenizerConfig, role: SpecialName): string {
  return contentOf(config[`${role}_token`] ?? "");
}

/** Special tokens as tokenizer_config.json names them. */
export function tokens(names: Partial<Record<SpecialName, string>>): TokenizerConfig {
  return Object.fromEntries(Object.entries(names).map(([role, name]) => [`${role}_token`, name]));
}

/** A token that takes the white space before it, as masks of some classes do. */
export const withSpaceBefore = (content: string) => ({
  // What tells transformers that this is a token and no dictionary.
  __type: "AddedToken",
  content,
  lstrip: true,
  rstrip: false,
  normalized: false,
  special: true,
});

export const FAIRSEQ_TOKENS = tokens({
  ...{ bos: "<s>", eos: "</s>", sep: "</s>", cls: "<s>" },
  ...{ unk: "<unk>", pad: "<pad>", mask: "<mask>" },
});

/** The post-processor of a class. */
export type Around = (config: TokenizerConfig, idOf: IdOf) => Stage;

/** Beginning and end where the configuration asks for them, which is what a class has that says nothing. */
export const asked: Around = (config, idOf) => {
  const wanted = (name: string, role: "bos" | "eos") =>
    flag(config, name, false) && nameOf(config, role) !== "" ? nameOf(config, role) : undefined;
  const bos = wanted("add_bos_token", "bos");
  const eos = wanted("add_eos_token", "eos");
  const around = (text: string, type: number) =>
    [bos, text, eos].flatMap((word) => (word === undefined ? [] : [`${word}:${type}`])).join(" ");
  return template(around("$A", 0), `${around("$A", 0)} ${around("$B", 1)}`, idOf);
};

/** A template in which {cls}, {sep}, {bos} and {eos} stand for the tokens of these roles. */
export function fixed(single: string, pair: string): Around {
  const roles = ["cls", "sep", "bos", "eos"] as const;
  return (config, idOf) => {
    const fill = (words: string) =>
      roles.reduce((filled, role) => filled.replaceAll(`{${role}}`, nameOf(config, role)), words);
    return template(fill(single), fill(pair), idOf);
  };
}
