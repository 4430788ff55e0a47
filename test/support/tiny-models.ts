// Tiny repositories with random weights and a word tokenizer, made in a folder: a classifier, a language model, and adapters of them.
// Asserts nothing.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fromConfig, loadPretrained, savePretrained } from "../../src/models/auto.ts";
import { addAdapter, saveAdapter } from "../../src/models/lora.ts";
import type { LoraOptions } from "../../src/models/lora-config.ts";
import { init } from "../../src/nn/index.ts";
import { Generator, noGrad } from "../../src/tensor/index.ts";

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] as const;
const WORDS = "i love hate this book film a the it is was not good bad and but very dull great story".split(" ");

/** A word-level tokenizer; with `wrap`, texts are put between [CLS] and [SEP]. */
async function writeTokenizer(folder: string, wrap: boolean, maxLength: number): Promise<number> {
  const tokens = [...SPECIAL, ...WORDS];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const added = SPECIAL.map((content, id) => ({
    ...{ id, content, special: true },
    ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
  }));
  const piece = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const wrapped = {
    type: "TemplateProcessing",
    single: [piece("[CLS]"), { Sequence: { id: "A", type_id: 0 } }, piece("[SEP]")],
    pair: [
      piece("[CLS]"),
      { Sequence: { id: "A", type_id: 0 } },
      piece("[SEP]"),
      { Sequence: { id: "B", type_id: 1 } },
    ],
    special_tokens: {
      "[CLS]": { id: "[CLS]", ids: [2], tokens: ["[CLS]"] },
      "[SEP]": { id: "[SEP]", ids: [3], tokens: ["[SEP]"] },
    },
  };
  const json = {
    ...{ version: "1.0", truncation: null, padding: null, added_tokens: added, decoder: null },
    normalizer: { type: "Lowercase" },
    pre_tokenizer: { type: "Whitespace" },
    post_processor: wrap ? wrapped : null,
    model: { type: "WordLevel", vocab, unk_token: "[UNK]" },
  };
  const config = {
    ...{ tokenizer_class: "PreTrainedTokenizerFast", model_max_length: maxLength, pad_token: "[PAD]" },
    ...{ unk_token: "[UNK]", cls_token: "[CLS]", sep_token: "[SEP]", eos_token: "[SEP]", bos_token: "[CLS]" },
  };
  await writeFile(join(folder, "tokenizer.json"), JSON.stringify(json));
  await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(config));
  return tokens.length;
}

/** A two-layer classifier with the labels NEGATIVE and POSITIVE, or those given. Its weights are far from uniform, so scores differ. */
export async function tinyClassifier(
  folder: string,
  { modelType = "distilbert", labels = ["NEGATIVE", "POSITIVE"], seed = 1, ...more }: TinyOptions = {},
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const vocabSize = await writeTokenizer(folder, true, 24);
  const sizes =
    modelType === "bert"
      ? { hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 64 }
      : { dim: 32, n_layers: 2, n_heads: 4, hidden_dim: 64 };
  const name = modelType === "bert" ? "BertForSequenceClassification" : "DistilBertForSequenceClassification";
  const config = {
    ...{ model_type: modelType, architectures: [name], vocab_size: vocabSize, max_position_embeddings: 24 },
    ...{ initializer_range: 0.5, pad_token_id: 0, ...sizes, ...more },
    id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
  };
  await savePretrained(fromConfig(config, new Generator(seed)), folder);
  return folder;
}

interface TinyOptions {
  modelType?: "distilbert" | "bert";
  labels?: readonly string[];
  seed?: number;
  [key: string]: unknown;
}

/** A two-layer GPT-2 with 32 positions, or as many as asked for. */
export async function tinyLanguageModel(folder: string, seed = 1, positions = 32): Promise<string> {
  await mkdir(folder, { recursive: true });
  const vocabSize = await writeTokenizer(folder, false, positions);
  const config = {
    ...{ model_type: "gpt2", architectures: ["GPT2LMHeadModel"], vocab_size: vocabSize, initializer_range: 0.5 },
    ...{ n_positions: positions, n_embd: 32, n_layer: 2, n_head: 4, bos_token_id: 2, eos_token_id: 3 },
  };
  await savePretrained(fromConfig(config, new Generator(seed)), folder);
  return folder;
}

/** An adapter of a model in a folder, as if it had been trained: nothing of it is zero. */
export async function tinyAdapter(base: string, out: string, options: LoraOptions, seed = 1): Promise<string> {
  const model = await loadPretrained(base);
  addAdapter(model, options, { generator: new Generator(seed) });
  const generator = new Generator(seed + 100);
  for (const [name, tensor] of model.namedParameters()) {
    const isZero = name.includes("lora_B") || (tensor.requiresGrad && name.endsWith("bias"));
    if (isZero) noGrad(() => init.normal_(tensor, 0, 0.4, { generator }));
  }
  await saveAdapter(model, out, { baseModel: base });
  return out;
}

/** Configs of the smallest models that write texts: of the word before, and of a whole text. */
export const LEAST_GPT2 = {
  model_type: "gpt2",
  architectures: ["GPT2LMHeadModel"],
  vocab_size: 8,
  n_embd: 4,
  n_layer: 1,
  n_head: 1,
};
export const LEAST_T5 = {
  model_type: "t5",
  architectures: ["T5ForConditionalGeneration"],
  vocab_size: 8,
  d_model: 4,
  d_kv: 2,
  d_ff: 4,
  num_layers: 1,
  num_heads: 2,
};
