// The tokenizer of a repository: special tokens by their roles, what is written and read again, text that comes bit by bit,
// batches, texts that are none, and long ones.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { padBatch, Tokenizer } from "../../src/text/tokenizer.ts";
import { readGolden } from "./golden.ts";

const golden = readGolden("tiny.json");
const jsonOf = (name: string): object => golden.cases.find((each) => each.name === name)?.json ?? {};
const bert = new Tokenizer(jsonOf("wordPieceUncased"), {});

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-tokenizer-"));
});
afterAll(() => rm(root, { recursive: true }));

async function loaded(files: Record<string, object>): Promise<Tokenizer> {
  const folder = await mkdtemp(join(root, "tokenizer-"));
  for (const [name, contents] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(contents));
  return Tokenizer.fromFolder(folder);
}

describe("special tokens", () => {
  it("are found by their roles in tokenizer_config.json, special_tokens_map.json and config.json, in this order", async () => {
    const tokenizer = await loaded({
      "tokenizer.json": jsonOf("wordPieceUncased"),
      "tokenizer_config.json": {
        sep_token: "[SEP]",
        padding_side: "left",
        truncation_side: "left",
        model_max_length: 5,
      },
      "special_tokens_map.json": {
        sep_token: "[CLS]",
        cls_token: { content: "[CLS]" },
        additional_special_tokens: ["film"],
      },
      "config.json": { sep_token_id: 99, mask_token_id: 4, eos_token_id: [7, 8] },
    });
    expect(tokenizer.specialId("sep")).toBe(3);
    expect(tokenizer.specialId("cls")).toBe(2);
    expect(tokenizer.specialId("mask")).toBe(4);
    expect(tokenizer.specialId("eos")).toBe(7);
    expect(tokenizer.specialId("pad")).toBeUndefined();
    const film = tokenizer.tokenToId("film") ?? -1;
    expect(tokenizer.allSpecialIds).toEqual([0, 1, 2, 3, 4, film]);
    expect(tokenizer.isSpecial(film)).toBe(true);
    expect(tokenizer.isSpecial(7)).toBe(false);
    expect(tokenizer.encode("a film", { addSpecialTokens: false })).toContain(film);
    expect([tokenizer.paddingSide, tokenizer.truncationSide, tokenizer.maxLength]).toEqual(["left", "left", 5]);
    expect(tokenizer.encode("one two three four").length).toBe(5);
    expect(tokenizer.encode("x y z u v w")).toEqual([2, ...tokenizer.encode("u v w", { addSpecialTokens: false }), 3]);
  });

  it("need no configuration", async () => {
    const tokenizer = await loaded({ "tokenizer.json": jsonOf("wordPieceUncased") });
    expect(tokenizer.allSpecialIds).toEqual([0, 1, 2, 3, 4]);
    expect(tokenizer.maxLength).toBe(Number.POSITIVE_INFINITY);
    expect(tokenizer.continuingSubwordPrefix).toBe("##");
  });

  it("of added_tokens_decoder have their ids though the vocabulary lacks them", () => {
    const user = {
      content: "<|user|>",
      lstrip: false,
      rstrip: true,
      normalized: false,
      single_word: false,
      special: true,
    };
    const tokenizer = new Tokenizer(jsonOf("gpt2"), { added_tokens_decoder: { "500": user } });
    expect(tokenizer.encode("<|user|>  a")).toEqual([500, ...tokenizer.encode("a")]);
    expect(tokenizer.decode([500, ...tokenizer.encode("a")])).toBe("a");
  });
});

describe("savePretrained", () => {
  it.each(golden.cases.map(({ name }) => name))("writes what is read again: %s", async (name) => {
    const config = { model_max_length: 77, unk_token: "<unk>", of_its_own: { kept: [1] } };
    const tokenizer = new Tokenizer(jsonOf(name), config);
    const folder = join(root, `saved-${name}`);
    await tokenizer.savePretrained(folder);
    const again = await Tokenizer.fromFolder(folder);
    for (const text of golden.texts) expect(again.encodePlus(text)).toEqual(tokenizer.encodePlus(text));
    expect(again.maxLength).toBe(77);
    expect(again.allSpecialIds).toEqual(tokenizer.allSpecialIds);
  });
});

describe("stream", () => {
  const REAL = ["wordPieceUncased", "gpt2", "roberta", "llama3", "llamaLegacy", "llamaFirst", "unigramBytes", "clip"];

  it.each(REAL)("gives the text of all ids, character by character: %s", (name) => {
    const tokenizer = new Tokenizer(jsonOf(name), {});
    for (const skipSpecialTokens of [true, false]) {
      const stream = tokenizer.stream({ skipSpecialTokens });
      for (const text of golden.texts) {
        const ids = tokenizer.encode(text);
        const parts = ids.map((id) => stream.push(id));
        // A text may hold U+FFFD itself, which is then held back until something follows.
        if (!text.includes("\uFFFD")) expect(parts.join("")).not.toContain("\uFFFD");
        expect([...parts, stream.end()].join(""), JSON.stringify(text)).toBe(
          tokenizer.decode(ids, { skipSpecialTokens }),
        );
      }
    }
  });

  it("keeps spaces behind special tokens that are left out", () => {
    const tokenizer = new Tokenizer(jsonOf("llamaLegacy"), {});
    const [bos = 0] = tokenizer.encode("");
    const ids = [...tokenizer.encode("good", { addSpecialTokens: false }), bos, ...tokenizer.encode("day")];
    const stream = tokenizer.stream();
    expect([...ids.map((id) => stream.push(id)), stream.end()].join("")).toBe("good day");
  });

  it("gives up on bytes that become no character", () => {
    const tokenizer = new Tokenizer(jsonOf("llamaLegacy"), {});
    const byte = tokenizer.tokenToId("<0xF0>") ?? -1;
    const stream = tokenizer.stream();
    const parts = Array.from({ length: 5000 }, () => stream.push(byte));
    expect(parts.join("").length).toBeGreaterThan(4900);
    expect([...parts, stream.end()].join("")).toBe("\uFFFD".repeat(5000));
  });

  it("takes as long for a late id as for an early one", () => {
    const tokenizer = new Tokenizer(jsonOf("gpt2"), {});
    const ids = tokenizer.encode("one two three, ".repeat(4000));
    const stream = tokenizer.stream();
    const time = (from: number, to: number) => {
      const start = performance.now();
      for (const id of ids.slice(from, to)) stream.push(id);
      return performance.now() - start;
    };
    time(0, 2000);
    const early = time(2000, 6000);
    time(6000, ids.length - 4000);
    expect(time(ids.length - 4000, ids.length)).toBeLessThan(5 * early + 50);
  });
});

describe("padBatch", () => {
  it("pads ids and type ids, to a multiple where one is asked for", () => {
    const rows = [bert.encodePlus("a", { textPair: "b" }), bert.encodePlus("a")];
    const { inputIds, attentionMask, tokenTypeIds, shape } = padBatch(rows, 9, "right", 0, { padToMultipleOf: 4 });
    const [first, second] = rows;
    expect(shape).toEqual([2, 8]);
    expect(Array.from(inputIds, Number)).toEqual([
      ...(first?.ids ?? []),
      9,
      9,
      9,
      ...(second?.ids ?? []),
      9,
      9,
      9,
      9,
      9,
    ]);
    expect(Array.from(attentionMask, Number)).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0]);
    expect(Array.from(tokenTypeIds ?? [], Number)).toEqual([0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const left = padBatch([[1], [2, 3]], 0, "left");
    expect(Array.from(left.inputIds, Number)).toEqual([0, 1, 2, 3]);
    expect(left.tokenTypeIds).toBeUndefined();
  });
});

describe("texts that are none", () => {
  it("reads lone halves of a surrogate pair as U+FFFD, at their places", () => {
    const gpt2 = new Tokenizer(jsonOf("gpt2"), {});
    const lone = gpt2.encodePlus("a\uD800b\uDC00");
    expect(lone.ids).toEqual(gpt2.encode("a\uFFFDb\uFFFD"));
    expect(gpt2.decode(lone.ids)).toBe("a\uFFFDb\uFFFD");
    expect(lone.offsets.at(-1)).toEqual([3, 4]);
    expect(bert.encodePlus("\uD83D").ids).toEqual([2, 3]);
  });

  it("gives empty texts their special tokens", () => {
    expect(bert.encodePlus("").ids).toEqual([2, 3]);
    expect(bert.encodePlus("", { textPair: "" }).typeIds).toEqual([0, 0, 1]);
    expect(bert.encodePlus("", { addSpecialTokens: false }).ids).toEqual([]);
    expect(bert.decode([])).toBe("");
  });
});

describe("options", () => {
  it("are checked", () => {
    const slip: object = { textpair: "b" };
    expect(() => bert.encodePlus("a", slip)).toThrow(expect.objectContaining({ code: "UNKNOWN_OPTION" }));
    expect(() => bert.encodePlus("a", { stride: -1 })).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    expect(() => bert.encodePlus("a", { maxLength: Number.NaN })).toThrow(
      expect.objectContaining({ code: "BAD_OPTION" }),
    );
    expect(() => bert.encodePlus("a", { maxLength: 1 })).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    expect(bert.encodePlus("a b c d", { truncation: false, maxLength: 2 }).ids.length).toBeGreaterThan(2);
  });
});

describe("long texts take time in proportion", () => {
  const KINDS = [
    "wordPieceUncased",
    "gpt2",
    "roberta",
    "llama3",
    "llamaLegacy",
    "llamaFirst",
    "unigram",
    "albert",
    "clip",
  ];
  const TEXTS: Record<string, string> = {
    "one word": "a",
    "words of many scripts": "naïve 中文 İ e\u0301 😀 don't \n",
    spaces: " ",
    "a pattern of merges": "ab",
    "added tokens": "<s>",
    accents: "e\u0301\u0323",
  };

  it.each(KINDS)("%s", (name) => {
    const tokenizer = new Tokenizer(jsonOf(name), {});
    for (const [kind, text] of Object.entries(TEXTS)) {
      const time = (size: number) => {
        const long = text.repeat(Math.ceil(size / text.length));
        const start = performance.now();
        tokenizer.encodePlus(long);
        return performance.now() - start;
      };
      time(20_000);
      // Eight times the text; what grows with the square takes 64 times as long.
      const [short, long] = [time(40_000), time(320_000)];
      expect(long, `${kind}: ${short} ms, ${long} ms`).toBeLessThan(24 * short + 400);
    }
  });
});
