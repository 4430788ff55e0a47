// Repositories whose files do not hold together: an error of ours each time, never one of a library's insides, and soon.
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pipeline } from "../../pipelines/index.ts";
import { AbrazoError } from "../../src/errors.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

let root: string;
const folders: Record<string, string> = {};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-malformed-"));
  folders["text-classification"] = await tinyClassifier(join(root, "classifier"));
  folders["bert"] = await tinyClassifier(join(root, "bert"), { modelType: "bert" });
  folders["text-generation"] = await tinyLanguageModel(join(root, "lm"));
});
afterAll(() => rm(root, { recursive: true }));

/** What loading and running a model gives after a change of one of its files. */
async function failure(of: string, file: string, change: (text: string) => string): Promise<unknown> {
  const folder = await mkdtemp(join(root, "copy-"));
  await cp(folders[of] ?? "", folder, { recursive: true });
  await writeFile(join(folder, file), change(await readFile(join(folder, file), "utf8").catch(() => "{}")));
  try {
    if (of === "text-generation") await (await pipeline("text-generation", folder))("a film", { maxNewTokens: 1 });
    else await (await pipeline("text-classification", folder))("a film");
    return undefined;
  } catch (error) {
    return error;
  }
}

const set = (field: string, value: unknown) => (text: string) =>
  JSON.stringify({ ...JSON.parse(text), [field]: value });

describe.each(["text-classification", "text-generation"])("%s", (of) => {
  it.each(["config.json", "tokenizer.json", "tokenizer_config.json"])("refuses a %s that is none", async (file) => {
    for (const text of ["", "{", "[]", "null", "3", '{"model_type":3,"model":3,"model_max_length":"x"}', "\0"])
      expect(await failure(of, file, () => text)).toMatchObject({ code: "INVALID_JSON" });
  });

  it("refuses a tokenizer of an unknown kind", async () => {
    const found = await failure(of, "tokenizer.json", set("normalizer", { type: "Nope" }));
    expect(found).toMatchObject({ code: "INVALID_TOKENIZER", message: expect.stringContaining("Nope") });
  });
});

const SIZES: Record<string, readonly string[]> = {
  "text-classification": ["vocab_size", "dim", "n_layers", "n_heads", "hidden_dim", "max_position_embeddings"],
  bert: ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"],
  "text-generation": ["vocab_size", "n_embd", "n_layer", "n_head", "n_positions"],
};

it.each(Object.entries(SIZES))("refuses sizes that make no sense: %s", async (of, fields) => {
  for (const field of fields) {
    for (const value of [-1, 0, 1.5, "x", [], 1_000_000_000, 5]) {
      const found = await failure(of, "config.json", set(field, value));
      expect(found, `${field} ${String(value)}`).toBeInstanceOf(AbrazoError);
      if (value !== 5 && value !== 1_000_000_000)
        expect(found).toMatchObject({ code: "INVALID_JSON", message: expect.stringContaining(field) });
    }
  }
});

it("refuses a class that is only a word of the language", async () => {
  const found = await failure("text-classification", "config.json", set("architectures", ["constructor"]));
  expect(found).toBeInstanceOf(AbrazoError);
});
