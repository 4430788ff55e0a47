// The classes of tokenizers that are made of vocab.json and merges.txt: GPT-2, RoBERTa and their kin.
// Knows no files.
import type { Stage } from "../engine/stage.ts";
import type { TokenizerConfig } from "../special-tokens.ts";
import { type Around, asked, type ByteBpeRecipe, FAIRSEQ_TOKENS, fixed, flag, nameOf, tokens } from "./recipe.ts";
import { byteLevel, replace, sequence } from "./stages.ts";
import { idsOf } from "./vocabulary.ts";

interface Parts {
  defaults: TokenizerConfig;
  around: Around;
  /** Normalizer and pre-tokenizer; GPT-2's words where a class says nothing. */
  stages?: (config: TokenizerConfig) => { normalizer?: Stage; pre_tokenizer: Stage };
  /** Fields of the model that others do not have. */
  model?: (config: TokenizerConfig) => object;
}

const gpt2Words = (config: TokenizerConfig) => ({ pre_tokenizer: byteLevel(flag(config, "add_prefix_space", false)) });

function byteBpe({ defaults, around, stages = gpt2Words, model = () => ({}) }: Parts): ByteBpeRecipe {
  return {
    from: "byteBpe",
    defaults,
    build: (config, vocab, merges) => ({
      ...stages(config),
      post_processor: around(config, idsOf(vocab, "vocab.json")),
      decoder: byteLevel(true),
      model: { type: "BPE", ...model(config), vocab: Object.fromEntries(vocab), merges },
    }),
  };
}

const cut = (regex: string, behavior: "Isolated" | "Removed"): Stage => ({
  type: "Split",
  pattern: { Regex: regex },
  behavior,
  invert: behavior === "Removed",
});

const END = "<|endoftext|>";

export const gpt2 = byteBpe({ defaults: tokens({ unk: END, bos: END, eos: END }), around: asked });

export const roberta = byteBpe({
  defaults: FAIRSEQ_TOKENS,
  around: (config, idOf) => ({
    type: "RobertaProcessing",
    sep: [nameOf(config, "sep"), idOf(nameOf(config, "sep"))],
    cls: [nameOf(config, "cls"), idOf(nameOf(config, "cls"))],
    trim_offsets: flag(config, "trim_offsets", true),
    add_prefix_space: flag(config, "add_prefix_space", false),
  }),
});

export const deberta = byteBpe({
  defaults: tokens({
    ...{ bos: "[CLS]", eos: "[SEP]", sep: "[SEP]", cls: "[CLS]" },
    ...{ unk: "[UNK]", pad: "[PAD]", mask: "[MASK]" },
  }),
  around: fixed("{cls} $A {sep}", "{cls} $A {sep} {sep} $B {sep}"),
});

const QWEN_WORDS =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" +
  "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

export const qwen2 = byteBpe({
  defaults: tokens({ unk: END, eos: END, pad: END }),
  around: asked,
  stages: (config) => ({
    normalizer: { type: "NFC" },
    pre_tokenizer: sequence("pretokenizers", [
      cut(QWEN_WORDS, "Isolated"),
      byteLevel(flag(config, "add_prefix_space", false), false),
    ]),
  }),
});

const CLIP_WORDS =
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

export const clip = byteBpe({
  defaults: tokens({ unk: END, bos: "<|startoftext|>", eos: END, pad: END }),
  around: (config, idOf) => ({
    type: "RobertaProcessing",
    sep: [nameOf(config, "eos"), idOf(nameOf(config, "eos"))],
    cls: [nameOf(config, "bos"), idOf(nameOf(config, "bos"))],
    trim_offsets: false,
    add_prefix_space: false,
  }),
  stages: () => ({
    normalizer: sequence("normalizers", [{ type: "NFC" }, replace({ Regex: "\\s+" }, " "), { type: "Lowercase" }]),
    pre_tokenizer: sequence("pretokenizers", [cut(CLIP_WORDS, "Removed"), byteLevel(false)]),
  }),
  model: (config) => ({ end_of_word_suffix: "</w>", unk_token: nameOf(config, "unk") }),
});
