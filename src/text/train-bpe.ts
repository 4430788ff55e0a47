// Trains a byte-level BPE vocabulary as GPT-2 uses it, and makes a standard tokenizer.json of it.
// Knows no models.
import { BYTE_CHARS } from "./engine/byte-level.ts";
import { learnMerges } from "./merges.ts";
import type { TokenizerFiles } from "./train-wordpiece.ts";

const END = "<|endoftext|>";

/** GPT-2's cut of a text: contractions, words, numbers and marks each with the space before them, other white space. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

const encoder = new TextEncoder();

/**
 * Learns a vocabulary from texts. Every byte is a token, so there is no unknown text. Tokens, merges and ids are those of
 * Hugging Face's BpeTrainer with the bytes as its initial alphabet, ties included.
 *
 * @param vocabSize tokens in all, the 256 bytes and the end token included
 */
export function trainByteBpe(
  texts: Iterable<string>,
  { vocabSize = 8000, minFrequency = 2, maxLength = 1024 } = {},
): TokenizerFiles {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of text.match(WORDS) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const { symbols, merges } = learnMerges(
    counts,
    (word) => Array.from(encoder.encode(word), (byte) => BYTE_CHARS[byte] ?? ""),
    { vocabSize: vocabSize - 1, minFrequency, alphabet: BYTE_CHARS, join: (left, right) => left + right },
  );
  const vocab = Object.fromEntries([END, ...symbols].map((token, id) => [token, id]));
  return { tokenizerJson: byteBpeJson(vocab, merges), tokenizerConfig: gpt2Config(maxLength) };
}

function byteBpeJson(vocab: Record<string, number>, merges: readonly [string, string][]): object {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [
      { id: 0, content: END, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
    ],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: merges.map(([left, right]) => `${left} ${right}`),
    },
  };
}

function gpt2Config(maxLength: number): Record<string, unknown> {
  return {
    tokenizer_class: "GPT2Tokenizer",
    add_prefix_space: false,
    model_max_length: maxLength,
    bos_token: END,
    eos_token: END,
    unk_token: END,
    clean_up_tokenization_spaces: false,
  };
}
