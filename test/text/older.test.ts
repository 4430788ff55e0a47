// Tokenizers made of older files against transformers, which converts the same files; and files that do not hold together.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { readGolden } from "./golden.ts";

type Contents = string | { base64: string };

interface Older {
  texts: string[];
  pairs: [string, string][];
  cases: {
    name: string;
    files: Record<string, Contents>;
    encodings: { ids: number[]; offsets: number[]; decoded: string }[];
    pairs: { ids: number[]; types: number[] }[];
    specialIds: number[];
    paddingSide: string;
  }[];
}

const golden = readGolden<Older>("older.json");

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-older-"));
});
afterAll(() => rm(root, { recursive: true }));

async function loaded(files: Record<string, Contents>): Promise<Tokenizer> {
  const folder = await mkdtemp(join(root, "tokenizer-"));
  for (const [name, contents] of Object.entries(files)) {
    await writeFile(
      join(folder, name),
      typeof contents === "string" ? contents : Buffer.from(contents.base64, "base64"),
    );
  }
  return Tokenizer.fromFolder(folder);
}

describe.each(golden.cases)("$name", ({ files, encodings, pairs, specialIds, paddingSide }) => {
  it("gives the ids, places and texts of transformers", async () => {
    const tokenizer = await loaded(files);
    for (const [at, expected] of encodings.entries()) {
      const text = golden.texts[at] ?? "";
      const { ids, offsets } = tokenizer.encodePlus(text);
      const found = { ids, offsets: offsets.flat(), decoded: tokenizer.decode(ids) };
      expect(found, JSON.stringify(text)).toEqual(expected);
    }
    for (const [at, [text, textPair]] of golden.pairs.entries()) {
      const { ids, typeIds } = tokenizer.encodePlus(text, { textPair });
      expect({ ids, types: typeIds }).toEqual(pairs[at]);
    }
    // Python also counts a user's own pieces, which it does not leave out of a text.
    expect(specialIds).toEqual(expect.arrayContaining(tokenizer.allSpecialIds));
    expect(tokenizer.paddingSide).toBe(paddingSide);
  });
});

describe("files that do not hold together", () => {
  const files = (name: string) => golden.cases.find((each) => each.name === name)?.files ?? {};
  const failure = (contents: Record<string, Contents>) => loaded(contents).then(String, (error: unknown) => error);

  it("says which files there could be when there are none", async () => {
    expect(await failure({})).toMatchObject({ code: "FILE_MISSING", hint: expect.stringContaining("vocab.txt") });
    const { "merges.txt": _, ...withoutMerges } = files("gpt2");
    expect(await failure(withoutMerges)).toMatchObject({ code: "FILE_MISSING" });
  });

  it("names a special token that a vocabulary lacks", async () => {
    const vocab = String(files("bert")["vocab.txt"]);
    for (const token of ["[UNK]", "[CLS]"]) {
      const found = await failure({ ...files("bert"), "vocab.txt": vocab.replace(`${token}\n`, "") });
      expect(found).toMatchObject({ code: "INVALID_TOKENIZER", message: expect.stringContaining(token) });
    }
  });

  it("names a merge of tokens that the vocabulary lacks, and one that is none", async () => {
    const merges = String(files("gpt2")["merges.txt"]);
    const unknown = await failure({ ...files("gpt2"), "merges.txt": `${merges}nosuch pair\n` });
    expect(unknown).toMatchObject({ code: "INVALID_TOKENIZER", message: expect.stringContaining('"nosuchpair"') });
    const three = await failure({ ...files("gpt2"), "merges.txt": `${merges}a b c\n` });
    expect(three).toMatchObject({ code: "INVALID_TOKENIZER", message: expect.stringContaining('"a b c"') });
  });

  it("refuses a SentencePiece model that is cut short, anywhere, or none at all", async () => {
    const model = files("t5")["spiece.model"];
    const bytes = Buffer.from(typeof model === "object" ? model.base64 : "", "base64");
    for (const end of [0, 1, 5, 1000, bytes.length - 1]) {
      const cut = { base64: bytes.subarray(0, end).toString("base64") };
      expect(await failure({ ...files("t5"), "spiece.model": cut })).toMatchObject({ code: "INVALID_TOKENIZER" });
    }
    const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n";
    expect(await failure({ ...files("t5"), "spiece.model": pointer })).toMatchObject({ code: "INVALID_TOKENIZER" });
  });

  it("reads any bytes as a model or refuses them", async () => {
    const model = files("llama")["tokenizer.model"];
    const bytes = Buffer.from(typeof model === "object" ? model.base64 : "", "base64");
    for (let at = 0; at < bytes.length; at += 97) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      const found = await failure({ ...files("llama"), "tokenizer.model": { base64: changed.toString("base64") } });
      expect(typeof found === "string" ? "read" : found).toEqual(
        typeof found === "string" ? "read" : expect.objectContaining({ code: "INVALID_TOKENIZER" }),
      );
    }
  });

  it("names classes that can be made when it cannot make one", async () => {
    const config = JSON.stringify({ tokenizer_class: "RobertTokenizer" });
    expect(await failure({ ...files("roberta"), "tokenizer_config.json": config })).toMatchObject({
      code: "INVALID_TOKENIZER",
      hint: expect.stringContaining('Did you mean "RobertaTokenizer"?'),
    });
    const other = JSON.stringify({ tokenizer_class: "T5Tokenizer" });
    expect(await failure({ ...files("roberta"), "tokenizer_config.json": other })).toMatchObject({
      code: "INVALID_TOKENIZER",
      message: expect.stringContaining("T5Tokenizer"),
    });
  });

  it("adds the beginning for a Llama of which only the model is described, as it was trained", async () => {
    const { "tokenizer.model": model = "" } = files("llama");
    const tokenizer = await loaded({
      "tokenizer.model": model,
      "config.json": JSON.stringify({ model_type: "llama" }),
    });
    expect(tokenizer.encode("a")[0]).toBe(tokenizer.specialId("bos"));
  });
});
