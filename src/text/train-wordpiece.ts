// Trains a WordPiece vocabulary as BERT uses it, uncased, and writes a standard tokenizer.json.
// Knows no models.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { learnMerges } from "./merges.ts";

export interface TokenizerFiles {
  tokenizerJson: object;
  tokenizerConfig: Record<string, unknown>;
}

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] as const;

/** Text as BERT's uncased normalizer leaves it: no control characters, accents stripped, lower case, CJK spaced out. */
export function normalizeUncased(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\uFFFD]/gu, (char) => (/\s/.test(char) ? " " : ""))
    .replace(/[\u4E00-\u9FFF\u3400-\u4DBF\uF900-\uFAFF]/g, " $& ")
    .normalize("NFD")
    .replace(/\p{Mn}/gu, "")
    .toLowerCase();
}

/** Words and single punctuation marks, as BERT's pre-tokenizer cuts them. */
export function splitWords(text: string): string[] {
  return text.match(/[!-/:-@[-`{-~\p{P}]|[^\s!-/:-@[-`{-~\p{P}]+/gu) ?? [];
}

/**
 * Learns a vocabulary from texts.
 *
 * The pieces are those that Hugging Face's WordPieceTrainer learns, in the same order, but for two differences. Of pairs that
 * are equally frequent ours takes the first by its letters, where theirs takes one by the order of a hash table, another in
 * each run. And theirs adds each letter as the beginning of a word, also where no word begins with it; ours has only what
 * the texts have, so that as many tokens hold more pieces.
 *
 * @param vocabSize tokens in all, the five special ones included
 */
export function trainWordPiece(
  texts: Iterable<string>,
  { vocabSize = 8000, minFrequency = 2, maxLength = 512 } = {},
): TokenizerFiles {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of splitWords(normalizeUncased(text))) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const { symbols } = learnMerges(
    counts,
    (word) => [...word].map((char, index) => (index === 0 ? char : `##${char}`)),
    {
      vocabSize: vocabSize - SPECIAL.length,
      minFrequency,
      join: (left, right) => left + right.replace(/^##/, ""),
    },
  );
  const vocab = Object.fromEntries([...SPECIAL, ...symbols].map((token, id) => [token, id]));
  return { tokenizerJson: wordPieceJson(vocab), tokenizerConfig: bertConfig(maxLength) };
}

function wordPieceJson(vocab: Record<string, number>): object {
  const id = (token: (typeof SPECIAL)[number]) => vocab[token] ?? 0;
  const token = (name: "[CLS]" | "[SEP]", type: number) => ({ SpecialToken: { id: name, type_id: type } });
  const sequence = (name: "A" | "B", type: number) => ({ Sequence: { id: name, type_id: type } });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content) => ({
      id: id(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [token("[CLS]", 0), sequence("A", 0), token("[SEP]", 0)],
      pair: [token("[CLS]", 0), sequence("A", 0), token("[SEP]", 0), sequence("B", 1), token("[SEP]", 1)],
      special_tokens: Object.fromEntries(
        (["[CLS]", "[SEP]"] as const).map((name) => [name, { id: name, ids: [id(name)], tokens: [name] }]),
      ),
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

function bertConfig(maxLength: number): Record<string, unknown> {
  return {
    tokenizer_class: "BertTokenizer",
    do_lower_case: true,
    strip_accents: null,
    tokenize_chinese_chars: true,
    model_max_length: maxLength,
    pad_token: "[PAD]",
    unk_token: "[UNK]",
    cls_token: "[CLS]",
    sep_token: "[SEP]",
    mask_token: "[MASK]",
    clean_up_tokenization_spaces: true,
  };
}

/** Writes tokenizer.json and tokenizer_config.json into a folder. */
export async function writeTokenizer(
  folder: string,
  { tokenizerJson, tokenizerConfig }: TokenizerFiles,
): Promise<void> {
  await writeFile(join(folder, "tokenizer.json"), `${JSON.stringify(tokenizerJson)}\n`);
  await writeFile(join(folder, "tokenizer_config.json"), `${JSON.stringify(tokenizerConfig, null, 2)}\n`);
}
