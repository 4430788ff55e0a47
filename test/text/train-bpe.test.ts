// The byte-level BPE trainer against Hugging Face tokenizers: the same vocabulary, merges and ids.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { trainByteBpe } from "../../src/text/train-bpe.ts";

interface Golden {
  texts: string[];
  vocab: string[];
  merges: string[];
  encoded: { text: string; ids: number[] }[];
}
const golden: Golden = JSON.parse(readFileSync(packageFile("test", "goldens", "byte-bpe.json"), "utf8"));

const { tokenizerJson, tokenizerConfig } = trainByteBpe(golden.texts, { vocabSize: 400 });
// safe because this is the shape that the trainer writes
const { model } = tokenizerJson as { model: { vocab: Record<string, number>; merges: string[] } };

it("learns the merges of Hugging Face's trainer, in its order", () => {
  expect(model.merges).toEqual(golden.merges);
  const byId = Object.entries(model.vocab).sort(([, a], [, b]) => a - b);
  expect(byId.map(([token]) => token)).toEqual(golden.vocab);
});

it("encodes as it and gives every text back", () => {
  const tokenizer = new Tokenizer(tokenizerJson, tokenizerConfig);
  for (const { text, ids } of golden.encoded) {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(text);
  }
});

it("ends with a token for every byte when there is nothing to learn", () => {
  const { tokenizerJson: json } = trainByteBpe(["x"], { vocabSize: 300 });
  // safe because this is the shape that the trainer writes
  expect(Object.keys((json as { model: { vocab: object } }).model.vocab)).toHaveLength(257);
});
