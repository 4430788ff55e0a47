// Adapters named per call: what PEFT gives, what the merged model gives, none of them in another's way, and every way to name one wrongly.
// The cases of PEFT come from test/goldens/lora/lora.py.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withAdapter } from "../../pipelines/adapted.ts";
import { pipeline } from "../../pipelines/index.ts";
import { nativeEngines } from "../../pipelines/native.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { loadPretrained, savePretrained } from "../../src/models/auto.ts";
import { addAdapter, loadAdapter, mergeAdapter, saveAdapter } from "../../src/models/lora.ts";
import type { LoraOptions } from "../../src/models/lora-config.ts";
import { init } from "../../src/nn/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator, noGrad } from "../../src/tensor/index.ts";
import { elements, type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

const scratch = mkdtempSync(join(tmpdir(), "abrazo-adapters-"));
let made = 0;
const fresh = (): string => join(scratch, String(made++));

const open: { dispose(): Promise<void> }[] = [];
function kept<Pipe extends { dispose(): Promise<void> }>(pipe: Pipe): Pipe {
  open.push(pipe);
  return pipe;
}
afterAll(async () => {
  for (const each of open) await each.dispose();
  rmSync(scratch, { recursive: true });
});

/** Files beside config and weights. */
async function copyRest(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of readdirSync(from).filter((each) => !/^(config\.json|model\.safetensors)$/.test(each))) {
    await copyFile(join(from, name), join(to, name));
  }
}

/** An adapter of a model, as if it had been trained: nothing in it is zero. */
async function adapterOf(base: string, options: LoraOptions, seed: number): Promise<string> {
  const model = await loadPretrained(base);
  addAdapter(model, options, { generator: new Generator(seed) });
  const generator = new Generator(seed + 100);
  for (const [name, tensor] of model.namedParameters()) {
    if (name.includes("lora_B") || (tensor.requiresGrad && name.endsWith("bias")))
      noGrad(() => init.normal_(tensor, 0, 0.4, { generator }));
  }
  const out = fresh();
  await saveAdapter(model, out, { baseModel: base });
  return out;
}

async function merged(base: string, adapter: string): Promise<string> {
  const model = await loadPretrained(base);
  await loadAdapter(model, adapter);
  mergeAdapter(model);
  const out = fresh();
  await savePretrained(model, out);
  await copyRest(base, out);
  return out;
}

/** Within a tolerance of the largest number, which is 1 at least. */
function near(actual: readonly number[], wanted: readonly number[], tolerance: number): void {
  expect(actual).toHaveLength(wanted.length);
  const largest = Math.max(1, ...wanted.map(Math.abs));
  const differences = wanted.map((value, at) => Math.abs(value - (actual[at] ?? Number.NaN)));
  expect(Math.max(...differences) / largest).toBeLessThan(tolerance);
}

const TEXTS = ["i love this book", "the film was bad and very dull but it is a great story", "not good", "great"];
let classifier: string;
let language: string;
/** Two adapters of the classifier, which change other layers with other ranks, and one of the language model. */
let first: string;
let second: string;
let story: string;

beforeAll(async () => {
  classifier = await tinyClassifier(fresh());
  language = await tinyLanguageModel(fresh(), 1, 64);
  const heads = { taskType: "SEQ_CLS" } as const;
  first = await adapterOf(classifier, { r: 4, targetModules: ["q_lin", "v_lin"], ...heads }, 1);
  const lengths = { useDora: true, useRslora: true, rankPattern: { lin1: 3 }, bias: "lora_only" } as const;
  second = await adapterOf(classifier, { r: 2, targetModules: "all-linear", ...lengths, ...heads }, 2);
  story = await adapterOf(
    language,
    { r: 4, loraAlpha: 16, targetModules: ["c_attn", "c_fc"], taskType: "CAUSAL_LM" },
    3,
  );
});

describe("gives what PEFT gives", () => {
  interface LoraCase extends Pick<ModelCase, "config" | "tensors" | "note"> {
    adapterConfig: Record<string, unknown>;
    adapter: Record<string, number[]>;
    base: number[];
    logits: number[];
  }
  const { cases }: { cases: LoraCase[] } = JSON.parse(
    readFileSync(packageFile("test", "goldens", "lora", "lora.json"), "utf8"),
  );
  const ids = [2, 7, 11, 5, 9, 3, 2, 8, 4, 3, 6, 1];
  const batch = {
    inputIds: BigInt64Array.from(ids, BigInt),
    attentionMask: new BigInt64Array(12).fill(1n),
    tokenTypeIds: undefined,
    shape: [2, 6] as [number, number],
  };

  it.each(cases.map((row) => [row.note, row] as const))("%s", async (_, row) => {
    const base = await writeCheckpoint({ ...row, inputs: {}, outputs: {} }, fresh());
    await copyRest(classifier, base);
    const adapter = fresh();
    await mkdir(adapter);
    await writeFile(join(adapter, "adapter_config.json"), JSON.stringify(row.adapterConfig));
    const rows = Object.entries(row.adapter).map(([name, shape]) => {
      return { name, dtype: "F32" as const, shape, data: elements(name, shape) };
    });
    await writeSafetensors(join(adapter, "adapter_model.safetensors"), rows);
    const common = { device: "cpu", threads: 1, dtype: undefined, adapters: new Map([["x", adapter]]) };
    if (row.config.architectures[0]?.endsWith("Classification") === true) {
      const engine = kept(await nativeEngines.encoder(base, { ...common, auto: "AutoModelForSequenceClassification" }));
      const run = async (name: string | null) => [
        ...((await withAdapter(engine, name).run(batch))["logits"]?.data ?? []),
      ];
      near(await run(null), row.base, 2e-4);
      near(await run("x"), row.logits, 2e-4);
      return near(await run(null), row.base, 2e-4);
    }
    const engine = kept(await nativeEngines.decoder(base, { ...common, auto: "AutoModelForCausalLM" }));
    const width = row.base.length / 12;
    const last = (all: number[]) => [...all.slice(5 * width, 6 * width), ...all.slice(11 * width)];
    const run = async (name: string | null) => {
      const positionIds = BigInt64Array.from({ length: 12 }, (_, at) => BigInt(at % 6));
      const step = { inputIds: batch.inputIds, attentionMask: batch.attentionMask, positionIds, rows: 2 };
      const rows = await withAdapter(engine, name).decoder.start().step(step);
      return rows.flatMap((row) => [...row]);
    };
    near(await run(null), last(row.base), 2e-4);
    near(await run("x"), last(row.logits), 2e-4);
    near(await run(null), last(row.base), 2e-4);
  });
});

describe("gives what the merged model gives", () => {
  const logits = { topK: null, functionToApply: "none" } as const;
  const numbers = (rows: { label: string; score: number }[][]) =>
    rows.flatMap((row) => row.toSorted((a, b) => a.label.localeCompare(b.label)).map(({ score }) => score));

  it("of a classifier, one adapter after the other and both at once", async () => {
    const classify = kept(await pipeline("text-classification", classifier, { adapters: { first, second } }));
    const plain = kept(await pipeline("text-classification", classifier));
    const wanted = new Map([[null, numbers(await plain(TEXTS, logits))]] as [string | null, number[]][]);
    for (const [name, folder] of Object.entries({ first, second })) {
      const other = kept(await pipeline("text-classification", await merged(classifier, folder)));
      wanted.set(name, numbers(await other(TEXTS, logits)));
    }
    const order = ["first", "second", null, "second", "first", null];
    for (const adapter of order) {
      near(numbers(await classify(TEXTS, { ...logits, adapter })), wanted.get(adapter) ?? [], 1e-5);
    }
    const together = await Promise.all(order.map((adapter) => classify(TEXTS, { ...logits, adapter, batchSize: 1 })));
    for (const [at, adapter] of order.entries()) near(numbers(together[at] ?? []), wanted.get(adapter) ?? [], 1e-5);
    near(numbers(await classify(TEXTS, logits)), wanted.get(null) ?? [], 1e-9);
    expect(wanted.get("first")).not.toEqual(wanted.get("second"));
  });

  it("of a language model, also as a stream, and with drafts", async () => {
    const generate = kept(await pipeline("text-generation", language, { adapters: { story } }));
    const alone = kept(await pipeline("text-generation", await merged(language, story)));
    const plain = kept(await pipeline("text-generation", language));
    const options = { doSample: false, maxNewTokens: 12, suppressTokens: [3] } as const;
    const prompts = ["the book", "i love a film and"];
    const wanted = await alone(prompts, options);
    const without = await plain(prompts, options);
    expect(wanted).not.toEqual(without);
    const both = await Promise.all([
      generate(prompts, { ...options, adapter: "story" }),
      generate(prompts, options),
      generate(prompts, { ...options, adapter: "story", promptLookupNumTokens: 3 }).catch((error: unknown) => error),
    ]);
    expect(both.slice(0, 2)).toEqual([wanted, without]);
    expect(await generate(prompts[0] ?? "", { ...options, adapter: "story", promptLookupNumTokens: 3 })).toEqual(
      wanted[0],
    );
    const pieces: string[] = [];
    const more = { ...options, adapter: "story", returnFullText: true };
    for await (const piece of generate.stream(prompts[0] ?? "", more)) pieces.push(piece);
    expect(pieces.join("")).toBe(wanted[0]?.[0]?.generatedText);
  });
});
