// Tokenizers of every kind against Hugging Face tokenizers: ids, places, words, segments, windows, and back to text.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { dataPath } from "../support/data.ts";
import { type Case, type Cut, packed, readGolden } from "./golden.ts";

const STRATEGIES = { longest_first: "longestFirst", only_first: "onlyFirst", only_second: "onlySecond" } as const;

const golden = readGolden("tiny.json");
const shared = readGolden("shared.json");

function holds({ json, path, encodings, pairs, cut }: Case): void {
  const file = path === undefined ? undefined : dataPath(path);
  const contents: object = json ?? JSON.parse(readFileSync(file ?? "", "utf8"));
  const tokenizer = new Tokenizer(contents, {});

  it("gives ids, places, words and names", () => {
    for (const [at, { plain, decoded, decodedAll, ...expected }] of encodings.entries()) {
      const text = golden.texts[at] ?? "";
      expect(packed(tokenizer.encodePlus(text)), JSON.stringify(text)).toEqual(expected);
      expect(tokenizer.encode(text)).toEqual(expected.ids);
      expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(plain);
      expect(tokenizer.decode(expected.ids), JSON.stringify(text)).toBe(decoded);
      expect(tokenizer.decode(expected.ids, { skipSpecialTokens: false })).toBe(decodedAll);
    }
  });

  it("gives pairs and their segments", () => {
    for (const [at, [text, textPair]] of golden.pairs.entries()) {
      const { plainTypes, ...expected } = pairs[at] ?? {};
      expect(packed(tokenizer.encodePlus(text, { textPair }))).toEqual(expected);
      expect(tokenizer.encodePlus(text, { textPair, addSpecialTokens: false }).typeIds).toEqual(plainTypes);
    }
  });

  if (cut.length > 0) {
    it("cuts into windows", () => {
      for (const each of cut) holdsCut(contents, each);
    });
  }
}

function holdsCut(contents: object, { pair, single, strategy, length, stride, direction, windows }: Cut): void {
  const tokenizer = new Tokenizer(contents, { truncation_side: direction });
  const [text, second] = golden.pairs[pair] ?? ["", ""];
  const options = {
    ...(single ? {} : { textPair: second }),
    ...{ maxLength: length, stride, truncation: STRATEGIES[strategy], overflowing: true as const },
  };
  const where = JSON.stringify({ pair, single, strategy, length, stride, direction });
  if (windows === "error") {
    expect(() => tokenizer.encodePlus(text, options), where).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    return;
  }
  const found = tokenizer.encodePlus(text, options);
  const shown = found.map(packed).map(({ ids, offsets, sequences }) => ({ ids, offsets, sequences }));
  expect(shown, where).toEqual(windows);
  expect(packed(tokenizer.encodePlus(text, { ...options, overflowing: false })), where).toEqual(
    packed(found[0] ?? tokenizer.encodePlus("")),
  );
}

describe.each(golden.cases)("$name", holds);
describe.each(shared.cases.filter(({ path }) => dataPath(path ?? "") !== undefined))("$name of the shared data", holds);
