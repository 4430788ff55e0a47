// Pruned models beyond the layers: exported to ONNX and run by unmodified transformers.js, generating with keys and values, in pipelines.
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as transformers from "@huggingface/transformers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportModel } from "../../pipelines/export.ts";
import { pipeline } from "../../pipelines/index.ts";
import { generateSequences } from "../../src/generate/generate.ts";
import { makeDecoder } from "../../src/generate/kv-cache.ts";
import type { AnyModel, LogitsOutput, ModelInputs } from "../../src/models/architecture.ts";
import { fromConfig, loadClass, savePretrained } from "../../src/models/auto.ts";
import { CONFIG_FILES } from "../../src/models/files.ts";
import { pruneHeads, pruneParts } from "../../src/models/prune.ts";
import { partsOf } from "../../src/models/prune-parts.ts";
import type { Module } from "../../src/nn/index.ts";
import { Generator, noGrad, tensor } from "../../src/tensor/index.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-prune-"));
});
afterAll(() => rm(root, { recursive: true }));

const IDS = [
  [2, 4, 5, 7, 8, 3],
  [2, 9, 15, 3, 0, 0],
];
const MASK = IDS.map((row) => row.map((id) => Number(id !== 0)));
const flat = (rows: readonly (readonly number[])[]) => BigInt64Array.from(rows.flat(), BigInt);
const int64 = (rows: readonly (readonly number[])[]) => new transformers.Tensor("int64", flat(rows), [2, 6]);

/** Saved beside the tokenizer of the model that it comes from, without a head, without neurons, without a layer. */
async function pruned(
  from: string,
  out: string,
  heads: Record<number, number[]>,
  withoutLayer = false,
): Promise<AnyModel> {
  const headless = pruneHeads(await loadClass(from), heads);
  const { sites, stacks } = partsOf(headless);
  const neurons = sites.filter(({ kind }) => kind === "neurons").map(({ path }) => [path, [0, 3, 5, 6]]);
  const layers = withoutLayer ? [`${stacks[0]?.path}.0`] : [];
  const smaller = pruneParts(headless, { neurons: Object.fromEntries(neurons), layers });
  await savePretrained(smaller, out);
  for (const name of (await readdir(from)).filter((each) => CONFIG_FILES.test(each) && each !== "config.json")) {
    await cp(join(from, name), join(out, name));
  }
  return smaller;
}

function logitsOf(model: AnyModel): number[] {
  const forward = model as unknown as Module<[ModelInputs], LogitsOutput>; // safe because these models give logits
  const inputs = { inputIds: tensor(IDS, { dtype: "int64" }), attentionMask: tensor(MASK, { dtype: "int64" }) };
  return [...noGrad(() => forward(inputs)).logits.dataSync()].map(Number);
}

interface Called {
  (inputs: object): Promise<{ logits: { data: Float32Array } }>;
  dispose(): Promise<unknown>;
}

const expectNear = (found: readonly number[], wanted: readonly number[]) => {
  expect(found).toHaveLength(wanted.length);
  expect(Math.max(...wanted.map((value, at) => Math.abs(value - (found[at] ?? Number.NaN))))).toBeLessThan(1e-4);
};

describe("exported, in transformers.js", () => {
  it.each([
    ["distilbert", (folder: string) => tinyClassifier(folder)],
    ["bert", (folder: string) => tinyClassifier(folder, { modelType: "bert" })],
  ] as const)("a classifier of %s without heads gives equal logits, in fewer bits near ones", async (name, make) => {
    const folder = join(root, `${name}-pruned`);
    const model = await pruned(await make(join(root, name)), folder, { 0: [1], 1: [0, 2] });
    const wanted = logitsOf(model);
    for (const dtype of ["fp32", "q8"] as const) {
      await exportModel(folder, { dtype });
      const auto = transformers.AutoModelForSequenceClassification;
      // safe because every transformers.js model is called so
      const theirs = (await auto.from_pretrained(folder, { dtype, local_files_only: true })) as unknown as Called;
      const { logits } = await theirs({ input_ids: int64(IDS), attention_mask: int64(MASK) });
      await theirs.dispose();
      if (dtype === "fp32") expectNear([...logits.data], wanted);
      else expect([...logits.data].map(Math.sign)).toEqual(wanted.map(Math.sign));
    }
    const classify = await pipeline("text-classification", folder);
    expect((await classify("i love this book"))[0]?.score).toBeGreaterThan(0.5);
    await classify.dispose();
  });

  /** Its text, and that of our own pipeline. */
  async function bothTexts(folder: string): Promise<[string | undefined, string | undefined]> {
    await exportModel(folder); // which also writes the generation_config.json that transformers.js insists on
    const own = await pipeline("text-generation", folder);
    const [ours] = await own("this film was", { maxNewTokens: 10, doSample: false });
    await own.dispose();
    const generate = await transformers.pipeline("text-generation", folder, { dtype: "fp32" });
    try {
      const [theirs] = (await generate("this film was", { max_new_tokens: 10, do_sample: false })) as {
        generated_text: string;
      }[];
      return [theirs?.generated_text, ours?.generatedText];
    } finally {
      await generate.dispose();
    }
  }

  it("GPT-2 without neurons and a layer generates what ours generates", async () => {
    const folder = join(root, "gpt2-pruned");
    await pruned(await tinyLanguageModel(join(root, "gpt2"), 4), folder, {}, true);
    const [theirs, ours] = await bothTexts(folder);
    expect(theirs).toBe(ours);
  });

  it("Llama without heads, whose config counts them, too", async () => {
    const from = await tinyLanguageModel(join(root, "words"), 4);
    const vocab = (await loadClass(from)).config["vocab_size"];
    const config = {
      ...{ model_type: "llama", architectures: ["LlamaForCausalLM"], vocab_size: vocab, initializer_range: 0.5 },
      ...{ hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 8 },
      ...{ num_key_value_heads: 4, max_position_embeddings: 32, bos_token_id: 2, eos_token_id: 3 },
    };
    await savePretrained(fromConfig(config, new Generator(2)), from);
    const folder = join(root, "llama-pruned");
    const model = await pruned(from, folder, { 0: [0, 2], 1: [1, 2] });
    expect(model.config).toMatchObject({ num_attention_heads: 4, num_key_value_heads: 2, head_dim: 4 });
    const [theirs, ours] = await bothTexts(folder);
    expect(theirs).toBe(ours);
  });

  it("GPT-2 without heads, too, here with keys and values as without them", async () => {
    const folder = join(root, "gpt2-headless");
    const model = await pruned(await tinyLanguageModel(join(root, "gpt2-whole"), 4), folder, { 0: [1], 1: [3] });
    const decoder = makeDecoder(model);
    const sequences = await generateSequences(decoder, [{ ids: [2, 4, 5], seed: 0 }], {
      maxNewTokens: 6,
      doSample: false,
    });
    decoder.dispose();
    let ids = [2, 4, 5];
    for (let step = 0; step < 6; step++) {
      const forward = model as unknown as Module<[ModelInputs], LogitsOutput>; // safe because it gives logits
      const inputIds = tensor([ids], { dtype: "int64" });
      const { logits } = noGrad(() => forward({ inputIds, attentionMask: inputIds.ge(0).to("int64") }));
      ids = [...ids, Number(logits.select(1, -1).argmax(-1).dataSync()[0])];
      if (ids.at(-1) === 3) break;
    }
    expect([2, 4, 5, ...(sequences[0]?.ids ?? [])]).toEqual(ids);
    const [theirs, own] = await bothTexts(folder);
    expect(theirs).toBe(own);
  });
});
