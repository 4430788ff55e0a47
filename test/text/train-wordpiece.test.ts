// The WordPiece trainer against Hugging Face's: the same pieces in the same order where no two pairs are equally frequent.
import { expect, it } from "vitest";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { trainWordPiece } from "../../src/text/train-wordpiece.ts";
import { readGolden } from "./golden.ts";

const golden = readGolden<{ distinct: { texts: string[]; vocab: string[] } }>("train.json").distinct;

const SPECIAL = /^\[[A-Z]+\]$/;
const letters = (token: string) => [...token.replace(/^##/, "")].length;
const merged = (tokens: readonly string[]) => tokens.filter((token) => letters(token) > 1 && !SPECIAL.test(token));

it("learns the pieces of Hugging Face's trainer, in its order", () => {
  const { tokenizerJson, tokenizerConfig } = trainWordPiece(golden.texts, { vocabSize: golden.vocab.length });
  // safe because this is the shape that the trainer writes
  const { vocab } = (tokenizerJson as { model: { vocab: Record<string, number> } }).model;
  const theirs = merged(golden.vocab);
  expect(merged(Object.keys(vocab)).slice(0, theirs.length)).toEqual(theirs);
  // Letters of theirs that no word begins with are not ours.
  const single = Object.keys(vocab).filter((token) => letters(token) === 1);
  expect(golden.vocab).toEqual(expect.arrayContaining(single));
  const tokenizer = new Tokenizer(tokenizerJson, tokenizerConfig);
  expect(tokenizer.decode(tokenizer.encode("Größer unhappy CAFÉ"))).toBe("großer unhappy cafe");
});
