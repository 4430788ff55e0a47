// Adapters named per call: what PEFT gives, what the merged model gives, none of them in another's way, and every way to name one wrongly.
// The cases of PEFT come from test/goldens/lora/lora.py.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { copyFile, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as hf from "@huggingface/hub";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withAdapter } from "../../pipelines/adapted.ts";
import { exportModel, pipeline } from "../../pipelines/index.ts";
import { nativeEngines } from "../../pipelines/native.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { loadPretrained, savePretrained } from "../../src/models/auto.ts";
import { AutoModelForSequenceClassification } from "../../src/models/auto-model.ts";
import { isMapped, ModelGraphs } from "../../src/models/graphs.ts";
import { inputOf } from "../../src/models/inputs.ts";
import { addAdapter, loadAdapter, mergeAdapter, saveAdapter } from "../../src/models/lora.ts";
import type { LoraOptions } from "../../src/models/lora-config.ts";
import { feedAdapter, ofOneKind } from "../../src/models/lora-inputs.ts";
import { traceModel } from "../../src/models/trace.ts";
import { init } from "../../src/nn/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { compileGraph, Generator, noGrad } from "../../src/tensor/index.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { elements, MODEL_CASES, type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";
import { tinyAdapter, tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

const scratch = mkdtempSync(join(tmpdir(), "abrazo-adapters-"));
let made = 0;
const fresh = (): string => join(scratch, String(made++));

const open: { dispose(): unknown }[] = [];
function kept<Pipe extends { dispose(): unknown }>(pipe: Pipe): Pipe {
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

const adapterOf = (base: string, options: LoraOptions, seed: number): Promise<string> =>
  tinyAdapter(base, fresh(), options, seed);

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

describe("gives what the merged model gives, of other kinds of models", () => {
  it("from text to text, with an adapter of both sides and one of the decoder alone", async () => {
    const golden: Pick<ModelCase, "config" | "tensors"> & { tokenizer: object; tokenizerConfig: object } = JSON.parse(
      readFileSync(packageFile("test", "goldens", "pipelines", "text2text.json"), "utf8"),
    );
    const base = await writeCheckpoint({ ...golden, note: "", inputs: {}, outputs: {} }, fresh());
    await writeFile(join(base, "tokenizer.json"), JSON.stringify(golden.tokenizer));
    await writeFile(join(base, "tokenizer_config.json"), JSON.stringify(golden.tokenizerConfig));
    const adapters = {
      both: await adapterOf(base, { r: 4, loraAlpha: 16, targetModules: ["q", "v", "wo"] }, 1),
      decoder: await adapterOf(
        base,
        { r: 2, loraAlpha: 16, targetModules: "decoder\\..*\\.(q|k|o)", useDora: true },
        2,
      ),
    };
    const translate = kept(await pipeline("text2text-generation", base, { adapters }));
    const texts = ["the dog", "a cat and a dog"];
    const options = { maxNewTokens: 8 };
    const results = await Promise.all([
      translate(texts, options),
      translate(texts, { ...options, adapter: "both" }),
      translate(texts, { ...options, adapter: "decoder" }),
    ]);
    const folders = [base, await merged(base, adapters.both), await merged(base, adapters.decoder)];
    for (const [at, folder] of folders.entries()) {
      const alone = kept(await pipeline("text2text-generation", folder));
      expect(results[at]).toEqual(await alone(texts, options));
    }
    const read = async (folder: string, adapter?: string) => {
      const common = { device: "cpu", threads: 1, dtype: undefined, auto: "AutoModelForSeq2SeqLM" } as const;
      const named = adapter === undefined ? {} : { adapters: new Map(Object.entries(adapters)), adapter };
      const engine = kept(await nativeEngines.text2text(folder, { ...common, ...named }));
      const ones = new BigInt64Array(3).fill(1n);
      const decoding = engine.decoder.start({ inputIds: BigInt64Array.of(5n, 6n, 1n), attentionMask: ones, rows: 1 });
      const step = {
        inputIds: BigInt64Array.of(0n),
        attentionMask: BigInt64Array.of(1n),
        positionIds: BigInt64Array.of(0n),
      };
      return [...((await decoding.step({ ...step, rows: 1 }))[0] ?? [])];
    };
    near(await read(base, "both"), await read(folders[1] ?? ""), 1e-5);
    near(await read(base, "decoder"), await read(folders[2] ?? ""), 1e-5);
  });

  it.each(["ViTForImageClassification", "Qwen2ForCausalLM", "BertForTokenClassification"])("of %s", async (name) => {
    const row = MODEL_CASES.find(({ config }) => config.architectures[0] === name);
    if (row === undefined) throw new Error("no case");
    const base = await writeCheckpoint(row, fresh());
    const adapter = await adapterOf(base, { r: 3, loraAlpha: 6, targetModules: "all-linear", bias: "lora_only" }, 4);
    const together = await merged(base, adapter);
    const traced = async (folder: string, fed?: string) => {
      const model = await loadPretrained(folder);
      const graphs = kept(new ModelGraphs(model, (graph) => compileGraph(graph)));
      const compile = graphs.of(fed === undefined ? undefined : await feedAdapter(model, fed));
      const shapes = { pixelValues: [2, 3, 8, 8], others: [2, 4] };
      const graph = compile("run", () => traceModel(model));
      const feeds = model.inputs.map((input) => {
        const { wire, dims } = inputOf(input);
        if (input !== "pixelValues")
          return [wire, { data: new BigInt64Array(8).fill(1n), shape: shapes.others }] as const;
        const shape = [2, ...dims(model.config).map(Number)];
        return [wire, { data: elements("pixels", shape), shape }] as const;
      });
      return [...(graph.run(Object.fromEntries(feeds))["logits"]?.data ?? [])].map(Number);
    };
    const found = await traced(base, adapter);
    near(found, await traced(together), 1e-5);
    expect(found).not.toEqual(await traced(base));
  });
});

describe("over weights that a graph has a copy of", () => {
  const logits = { topK: null, functionToApply: "none" } as const;
  const numbers = (rows: { label: string; score: number }[][]) =>
    rows.flatMap((row) => row.toSorted((a, b) => a.label.localeCompare(b.label)).map(({ score }) => score));

  it("of half precision, adapters of two kinds and the model alone are one graph's", async () => {
    const half = fresh();
    await copyRest(classifier, half);
    const model = await loadPretrained(classifier);
    await savePretrained(model.half(), half);
    await cp(join(classifier, "config.json"), join(half, "config.json"));
    const classify = kept(await pipeline("text-classification", half, { adapters: { first, second } }));
    for (const [adapter, folder] of Object.entries({ first, second })) {
      const alone = kept(await pipeline("text-classification", await merged(half, folder)));
      near(numbers(await classify(TEXTS, { ...logits, adapter })), numbers(await alone(TEXTS, logits)), 1e-5);
    }
    const plain = kept(await pipeline("text-classification", half));
    near(numbers(await classify(TEXTS, logits)), numbers(await plain(TEXTS, logits)), 1e-5);
    const halves = await loadPretrained(half);
    expect([isMapped(halves), isMapped(await loadPretrained(classifier))]).toEqual([false, true]);
    let compiled = 0;
    const graphs = new ModelGraphs(halves, (traced) => {
      compiled++;
      return compileGraph(traced);
    });
    const read = new Map([
      ["first", await feedAdapter(halves, first)],
      ["second", await feedAdapter(halves, second)],
    ]);
    const { alone, adapters } = ofOneKind(halves, read);
    for (const each of [alone, ...adapters.values()]) graphs.of(each)("run", () => traceModel(halves));
    expect(compiled).toBe(1);
    graphs.dispose();
  });

  it.each(["q8", "q4"] as const)("of %s, adapters stay exact", async (dtype) => {
    const tokenizer = await Tokenizer.fromFolder(classifier);
    const classify = kept(await pipeline("text-classification", classifier, { dtype, adapters: { first, second } }));
    const plain = kept(await pipeline("text-classification", classifier, { dtype }));
    near(numbers(await classify(TEXTS, logits)), numbers(await plain(TEXTS, logits)), 2e-2);
    for (const [adapter, folder] of Object.entries({ first, second })) {
      const model = await loadPretrained(classifier);
      await loadAdapter(model, folder);
      const own = kept(await pipeline("text-classification", model, { tokenizer, dtype }));
      near(numbers(await classify(TEXTS, { ...logits, adapter })), numbers(await own(TEXTS, logits)), 2e-2);
    }
  });
});

describe("in threads of its own", () => {
  it("a pipeline has the adapters too, also for streams", async () => {
    const here = kept(await pipeline("text-generation", language, { adapters: { story } }));
    const there = kept(await pipeline("text-generation", language, { adapters: { story }, worker: { count: 2 } }));
    const options = { doSample: false, maxNewTokens: 8, suppressTokens: [3], adapter: "story" } as const;
    expect(await there("the book", options)).toEqual(await here("the book", options));
    let text = "";
    for await (const piece of there.stream("the book", { ...options, returnFullText: true })) text += piece;
    expect(text).toBe((await here("the book", options))[0]?.generatedText);
    await expect(there("the book", { adapter: "stori" })).rejects.toMatchObject({ code: "UNKNOWN_ADAPTER" });
  });

  it("an adapter that is named as the model comes with its base", async () => {
    const here = kept(await pipeline("text-classification", first));
    const there = kept(await pipeline("text-classification", first, { worker: true }));
    expect(await there(TEXTS)).toEqual(await here(TEXTS));
    expect([there.model, there.runtime]).toEqual([first, "native"]);
    expect(await there(TEXTS, { adapter: null })).toEqual(await here(TEXTS, { adapter: null }));
  });
});

describe("an adapter named as the model", () => {
  it("is what calls have that say nothing; null is its base, and others may stand beside it", async () => {
    const adapted = kept(await pipeline("text-classification", first, { adapters: { second } }));
    const all = kept(await pipeline("text-classification", classifier, { adapters: { first, second } }));
    expect(adapted.model).toBe(first);
    const calls = [
      [undefined, "first"],
      ["default", "first"],
      ["second", "second"],
      [null, null],
    ] as const;
    for (const [name, same] of calls) {
      expect(await adapted(TEXTS, name === undefined ? {} : { adapter: name })).toEqual(
        await all(TEXTS, { adapter: same }),
      );
    }
  });

  it("may have the head that its base has not, with other classes", async () => {
    const row = MODEL_CASES.find(
      ({ config, note }) => config.architectures[0] === "DistilBertForMaskedLM" && note === "",
    );
    if (row === undefined) throw new Error("no case");
    const masked = await writeCheckpoint(row, fresh());
    await copyRest(classifier, masked);
    const id2label = { 0: "a", 1: "b", 2: "c" };
    const model = await AutoModelForSequenceClassification.fromPretrained(masked, { id2label });
    const whole = { modulesToSave: ["pre_classifier"], taskType: "SEQ_CLS" } as const;
    addAdapter(model, { r: 2, targetModules: ["q_lin"], ...whole }, { generator: new Generator(5) });
    const adapter = fresh();
    await saveAdapter(model, adapter, { baseModel: masked });
    const classify = kept(await pipeline("text-classification", adapter));
    mergeAdapter(model);
    const together = fresh();
    await savePretrained(model, together);
    await copyRest(classifier, together);
    const wanted = await kept(await pipeline("text-classification", together))("great", { topK: null });
    const found = await classify("great", { topK: null });
    expect(found.map(({ label }) => label)).toEqual(wanted.map(({ label }) => `LABEL_${"abc".indexOf(label)}`));
    near(
      found.map(({ score }) => score),
      wanted.map(({ score }) => score),
      1e-6,
    );
    const headless = await adapterOf(language, { r: 2, targetModules: ["c_attn"] }, 6);
    await expect(pipeline("text-classification", headless)).rejects.toMatchObject({ code: "WRONG_TASK" });
  });

  it("needs a base that is there, and is no adapter itself", async () => {
    const changed = async (changes: object) => {
      const folder = fresh();
      await cp(first, folder, { recursive: true });
      const path = join(folder, "adapter_config.json");
      await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...changes }));
      return folder;
    };
    const wrong = (folder: string, options = {}) => expect(pipeline("text-classification", folder, options)).rejects;
    await wrong(await changed({ base_model_name_or_path: null })).toMatchObject({ code: "ADAPTER_WITHOUT_BASE" });
    await wrong(await changed({ base_model_name_or_path: first })).toMatchObject({ code: "ADAPTER_WITHOUT_BASE" });
    await wrong(await changed({ base_model_name_or_path: "./nowhere/at/all" })).toMatchObject({
      code: "MODEL_NOT_FOUND",
      message: expect.stringContaining("is an adapter of ./nowhere/at/all"),
      hint: expect.stringContaining("Name the base yourself"),
    });
    await wrong(first, { adapters: { default: second } }).toMatchObject({ code: "ADAPTER_EXISTS" });
  });
});

describe("refuses", () => {
  it("names that the pipeline has not", async () => {
    const classify = kept(await pipeline("text-classification", classifier, { adapters: { first, second } }));
    await expect(classify("great", { adapter: "frist" })).rejects.toMatchObject({
      code: "UNKNOWN_ADAPTER",
      hint: 'Did you mean "first"?',
    });
    const plain = kept(await pipeline("text-classification", classifier));
    await expect(plain("great", { adapter: "first" })).rejects.toMatchObject({
      code: "NO_ADAPTERS",
      hint: expect.stringContaining("adapters"),
    });
    expect(await plain("great", { adapter: null })).toEqual(await plain("great"));
    const made = pipeline("text-classification", classifier, { adapters: { first }, adapter: "second" });
    await expect(made).rejects.toMatchObject({ code: "UNKNOWN_ADAPTER" });
    const none = pipeline("text-classification", classifier, { adapter: "first" });
    await expect(none).rejects.toMatchObject({ code: "UNKNOWN_ADAPTER" });
  });

  it("an adapter of another base, and lists all that does not fit", async () => {
    const wide = await tinyClassifier(fresh(), { dim: 48, n_heads: 4 });
    const made = pipeline("text-classification", wide, { adapters: { first } });
    await expect(made).rejects.toMatchObject({ code: "ADAPTER_MISMATCH" });
    const error: unknown = await made.catch((reason: unknown) => reason);
    const message = error instanceof Error ? error.message : "";
    for (const part of ["layer.0.attention.q_lin.lora_A", "layer.1.attention.v_lin.lora_B", "classifier.weight"])
      expect(message).toContain(part);
    expect(message).toContain("[4, 32] for [4, 48]");
    const bert = await tinyClassifier(fresh(), { modelType: "bert" });
    await expect(pipeline("text-classification", bert, { adapters: { first } })).rejects.toMatchObject({
      code: "NO_TARGET_MODULES",
    });
    const shallow = await tinyClassifier(fresh(), { n_layers: 1 });
    await expect(pipeline("text-classification", shallow, { adapters: { first } })).rejects.toMatchObject({
      code: "ADAPTER_MISMATCH",
      message: expect.stringContaining("no place for"),
    });
  });

  it("adapters of repositories that run from ONNX files", async () => {
    const folder = fresh();
    await cp(classifier, folder, { recursive: true });
    await exportModel(folder);
    rmSync(join(folder, "model.safetensors"));
    const made = pipeline("text-classification", folder, { adapters: { first } });
    await expect(made).rejects.toMatchObject({ code: "ADAPTERS_UNSUPPORTED" });
    const apart = pipeline("text-classification", folder, { adapters: { first }, worker: true });
    await expect(apart).rejects.toMatchObject({ code: "ADAPTERS_UNSUPPORTED" });
    const plain = kept(await pipeline("text-classification", folder));
    await expect(plain("great", { adapter: "first" })).rejects.toMatchObject({ code: "NO_ADAPTERS" });
    await expect(pipeline("object-detection", folder, { adapters: { first } })).rejects.toMatchObject({
      code: "ADAPTERS_UNSUPPORTED",
    });
  });
});

describe("from a hub", () => {
  let hub: TestHub;
  let token: string;
  const cacheDir = join(scratch, "cache");
  beforeAll(async () => {
    hub = await testHub();
    token = await hub.user("ana");
  });
  afterAll(() => hub.stop());

  async function push(name: string, folder: string): Promise<string> {
    const client = { hubUrl: hub.url, accessToken: token, repo: { type: "model", name } as const };
    await hf.createRepo({ ...client, private: true }).catch(() => {});
    const files = readdirSync(folder).map((path) => ({ path, content: pathToFileURL(join(folder, path)) }));
    const uploaded = await hf.uploadFiles({ ...client, files, commitTitle: "Add files", useXet: false });
    return uploaded?.commit.oid ?? "";
  }

  async function named(adapter: string, changes: object): Promise<string> {
    const folder = fresh();
    await cp(adapter, folder, { recursive: true });
    const path = join(folder, "adapter_config.json");
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...changes }));
    return folder;
  }

  it("adapters and their bases come with the token, of the version that is named, and then from the cache", async () => {
    const version = await push("ana/base", classifier);
    await push("ana/base", await tinyClassifier(fresh(), { seed: 9 }));
    const config = { base_model_name_or_path: "ana/base", revision: version };
    const old = await push("ana/mood", await named(first, config));
    await push("ana/mood", await named(second, { base_model_name_or_path: "ana/base" }));
    const access = { endpoint: hub.url, token, cacheDir };
    const here = kept(await pipeline("text-classification", classifier, { adapters: { first, second } }));
    const adapters = { now: "ana/mood", old: `ana/mood@${old}` };
    const there = kept(await pipeline("text-classification", "ana/base", { ...access, revision: version, adapters }));
    for (const [adapter, same] of Object.entries({ now: "second", old: "first" })) {
      expect(await there(TEXTS, { adapter })).toEqual(await here(TEXTS, { adapter: same }));
    }
    // The adapter's own version is asked for; its base's is the one that it names.
    const alone = kept(await pipeline("text-classification", "ana/mood", { ...access, revision: old }));
    expect([alone.model, alone.revision]).toEqual(["ana/mood", old]);
    expect(await alone(TEXTS)).toEqual(await here(TEXTS, { adapter: "first" }));
    await hub.close();
    const offline = { ...access, localFilesOnly: true, revision: version, adapters };
    const cached = kept(await pipeline("text-classification", "ana/base", offline));
    expect(await cached(TEXTS, { adapter: "old" })).toEqual(await here(TEXTS, { adapter: "first" }));
    const missing = pipeline("text-classification", "ana/base", { ...offline, adapters: { other: "ana/other" } });
    await expect(missing).rejects.toMatchObject({ code: "NOT_CACHED" });
  });
});

it("a model of one's own has adapters too, over its weights as they were", async () => {
  const model = await loadPretrained(classifier);
  const tokenizer = await Tokenizer.fromFolder(classifier);
  const own = kept(await pipeline("text-classification", model, { tokenizer, adapters: { first } }));
  const all = kept(await pipeline("text-classification", classifier, { adapters: { first } }));
  noGrad(() => init.zeros_(model.getParameter("distilbert.transformer.layer.0.attention.q_lin.weight")));
  for (const adapter of ["first", null]) expect(await own(TEXTS, { adapter })).toEqual(await all(TEXTS, { adapter }));
});
