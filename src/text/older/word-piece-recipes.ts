// The classes of tokenizers that are made of vocab.txt: BERT and its kin.
// Knows no files.

import type { TokenizerConfig } from "../special-tokens.ts";
import { type Around, fixed, flag, nameOf, tokens, type WordPieceRecipe, withSpaceBefore } from "./recipe.ts";
import { idsOf } from "./vocabulary.ts";

function wordPiece(defaults: TokenizerConfig, around: Around): WordPieceRecipe {
  return {
    from: "wordPiece",
    defaults,
    build: (config, vocab) => {
      const strip = config["strip_accents"];
      return {
        normalizer: {
          type: "BertNormalizer",
          clean_text: true,
          handle_chinese_chars: flag(config, "tokenize_chinese_chars", true),
          strip_accents: typeof strip === "boolean" ? strip : null,
          lowercase: flag(config, "do_lower_case", true),
        },
        pre_tokenizer: { type: "BertPreTokenizer" },
        post_processor: around(config, idsOf(vocab, "vocab.txt")),
        decoder: { type: "WordPiece", prefix: "##", cleanup: true },
        model: {
          type: "WordPiece",
          unk_token: nameOf(config, "unk"),
          continuing_subword_prefix: "##",
          max_input_chars_per_word: 100,
          vocab: Object.fromEntries(vocab),
        },
      };
    },
  };
}

export const bert = wordPiece(
  tokens({ unk: "[UNK]", sep: "[SEP]", pad: "[PAD]", cls: "[CLS]", mask: "[MASK]" }),
  fixed("{cls} $A {sep}", "{cls} $A {sep} $B:1 {sep}:1"),
);

export const mpnet = wordPiece(
  {
    ...tokens({ bos: "<s>", eos: "</s>", sep: "</s>", cls: "<s>", unk: "[UNK]", pad: "<pad>" }),
    mask_token: withSpaceBefore("<mask>"),
  },
  fixed("{cls} $A {sep}", "{cls} $A {sep} {sep} $B {sep}"),
);
