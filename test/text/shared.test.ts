// Genuine vocabularies, read from their older files, against the tables of llama.cpp and against SentencePiece itself.
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readSentencePiece } from "../../src/text/older/sentence-piece-model.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { dataPath } from "../support/data.ts";

const data = dataPath("tokenizers");

async function table<Row>(name: string): Promise<Row[]> {
  const file: { cases: Row[] } = JSON.parse(await readFile(join(data ?? "", "goldens", name), "utf8"));
  return file.cases;
}

const KINDS = [
  { name: "bert-base-uncased", files: ["vocab.txt"], type: "bert" },
  { name: "gpt2", files: ["vocab.json", "merges.txt"], type: "gpt2" },
];

it.skipIf(data === undefined).each(KINDS)(
  "gives the ids of llama.cpp's table: $name (needs ABRAZO_DATA)",
  async ({ name, files, type }) => {
    const folder = await mkdtemp(join(tmpdir(), "abrazo-shared-"));
    for (const file of files) await copyFile(join(data ?? "", name, file), join(folder, file));
    await writeFile(join(folder, "config.json"), JSON.stringify({ model_type: type }));
    const older = await Tokenizer.fromFolder(folder);
    const newer = new Tokenizer(JSON.parse(await readFile(join(data ?? "", name, "tokenizer.json"), "utf8")), {});
    await rm(folder, { recursive: true });
    const cases = await table<{ text: string; ids: number[] }>(`${name}.ggml.json`);
    expect(cases.length).toBeGreaterThan(40);
    for (const { text, ids } of cases) {
      expect(older.encode(text, { addSpecialTokens: false }), JSON.stringify(text)).toEqual(ids);
      expect(newer.encode(text, { addSpecialTokens: false }), JSON.stringify(text)).toEqual(ids);
    }
  },
);

interface Piece {
  text: string;
  pieces: string[];
  ids: number[];
  decoded: string;
}

it.skipIf(data === undefined)("gives the pieces of SentencePiece (needs ABRAZO_DATA)", async () => {
  const file = await readFile(join(data ?? "", "sentencepiece", "test_model.model"));
  const model = readSentencePiece(file, "test_model.model");
  const metaspace = { type: "Metaspace", replacement: "▁", prepend_scheme: "always" };
  // Spaces alone are taken together; what else is white space, this model does not know.
  const spaces = { type: "Split", pattern: { String: " " }, behavior: "Removed", invert: false };
  // SentencePiece finds control pieces in no text; Hugging Face's Unigram knows no such kind.
  const vocab = model.pieces.map(({ piece, score, type }) => [type === "normal" ? piece : `\0${piece}`, score]);
  const tokenizer = new Tokenizer(
    {
      normalizer: { type: "Precompiled", precompiled_charsmap: model.charsmap },
      pre_tokenizer: { type: "Sequence", pretokenizers: [spaces, metaspace] },
      decoder: metaspace,
      model: { type: "Unigram", unk_id: model.unkId, vocab },
    },
    {},
  );
  const cases = await table<Piece>("sentencepiece-test_model.json");
  for (const { text, ids, pieces, decoded } of cases) {
    const found = tokenizer.encodePlus(text);
    expect(found.ids, JSON.stringify(text)).toEqual(ids);
    expect(found.tokens).toEqual(pieces);
    // SentencePiece writes " ⁇ " for what is unknown.
    if (!ids.includes(model.unkId)) expect(tokenizer.decode(ids)).toBe(decoded);
  }
});
