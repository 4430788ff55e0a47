// LoRA adapters against PEFT's: loaded, switched, merged, saved, trained; what does not fit is refused before anything changes.
// The cases come from test/goldens/lora/lora.py.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readHeader, readTensor, writeSafetensors } from "../../src/io/safetensors.ts";
import type { ModelInputs, PreTrainedModel } from "../../src/models/architecture.ts";
import { loadPretrained, savePretrained } from "../../src/models/auto.ts";
import { adapterNames, addAdapter, loadAdapter, mergeAdapter, saveAdapter, setAdapter } from "../../src/models/lora.ts";
import type { LoraOptions } from "../../src/models/lora-config.ts";
import { traceModel } from "../../src/models/trace.ts";
import { functional as F } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { compileGraph, fromTypedArray, Generator, noGrad, tensor } from "../../src/tensor/index.ts";
import { elements, type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";

interface LoraCase extends Pick<ModelCase, "config" | "tensors" | "note"> {
  adapterConfig: Record<string, unknown>;
  adapter: Record<string, number[]>;
  base: number[];
  logits: number[];
  trained: number;
  /** Of each trained parameter, the product of its gradient with known numbers. */
  gradients: Record<string, number>;
}

const { cases }: { cases: LoraCase[] } = JSON.parse(
  readFileSync(packageFile("test", "goldens", "lora", "lora.json"), "utf8"),
);
const scratch = mkdtempSync(join(tmpdir(), "abrazo-lora-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let made = 0;
const fresh = (): string => join(scratch, String(made++));

const ids = tensor(
  [
    [2, 7, 11, 5, 9, 3],
    [2, 8, 4, 3, 6, 1],
  ],
  { dtype: "int64" },
);
const inputs: ModelInputs = { inputIds: ids, attentionMask: ids.ge(0).to("int64") };
const logitsOf = (model: PreTrainedModel): number[] => [...noGrad(() => model(inputs).logits).dataSync()].map(Number);

function expectClose(actual: readonly number[], wanted: readonly number[]): void {
  expect(actual).toHaveLength(wanted.length);
  expect(Math.max(...wanted.map((value, at) => Math.abs(value - (actual[at] ?? Number.NaN))))).toBeLessThan(2e-4);
}

const modelOf = async (row: LoraCase): Promise<PreTrainedModel> =>
  loadPretrained(await writeCheckpoint({ ...row, inputs: {}, outputs: {} }, fresh()));

async function adapterOf(
  { adapterConfig, adapter }: LoraCase,
  changes: object = {},
  rename = (name: string) => name,
): Promise<string> {
  const folder = fresh();
  await mkdir(folder);
  await writeFile(join(folder, "adapter_config.json"), JSON.stringify({ ...adapterConfig, ...changes }));
  const rows = Object.entries(adapter).map(([name, shape]) => ({
    name: rename(name),
    dtype: "F32" as const,
    shape,
    data: elements(name, shape),
  }));
  await writeSafetensors(join(folder, "adapter_model.safetensors"), rows);
  return folder;
}

describe.each(cases.map((row) => [row.note, row] as const))("%s", (_, row) => {
  it("gives PEFT's logits, switched off those of the model, and merged the same", async () => {
    const model = await modelOf(row);
    expectClose(logitsOf(model), row.base);
    await loadAdapter(model, await adapterOf(row));
    expect(adapterNames(model)).toEqual({ names: ["default"], active: "default" });
    expectClose(logitsOf(model), row.logits);
    setAdapter(model, undefined);
    expectClose(logitsOf(model), row.base);
    setAdapter(model, "default");
    expectClose(logitsOf(model), row.logits);
    mergeAdapter(model);
    expect(adapterNames(model)).toEqual({ names: [], active: undefined });
    expectClose(logitsOf(model), row.logits);
    const folder = fresh();
    await savePretrained(model, folder);
    expect([...(await readHeader(join(folder, "model.safetensors"))).tensors.keys()].sort()).toEqual(
      Object.keys(row.tensors).sort(),
    );
    expectClose(logitsOf(await loadPretrained(folder)), row.logits);
  });

  it("is written as it was read", async () => {
    const model = await modelOf(row);
    await loadAdapter(model, await adapterOf(row), { name: "mine" });
    const out = fresh();
    await saveAdapter(model, out, { baseModel: "ana/base" });
    const { tensors } = await readHeader(join(out, "adapter_model.safetensors"));
    expect(Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]))).toEqual(row.adapter);
    for (const [name, entry] of tensors) {
      const bytes = await readTensor(join(out, "adapter_model.safetensors"), entry);
      expect([...new Float32Array(bytes.buffer)], name).toEqual([...elements(name, entry.shape)]);
    }
    const written = JSON.parse(readFileSync(join(out, "adapter_config.json"), "utf8"));
    const { r, lora_alpha, bias, peft_type, use_rslora, use_dora } = row.adapterConfig;
    const kept = { r, lora_alpha, bias, peft_type, use_rslora, use_dora };
    expect(written).toMatchObject({ ...kept, base_model_name_or_path: "ana/base" });
    const again = await modelOf(row);
    await loadAdapter(again, out);
    expectClose(logitsOf(again), row.logits);
  });

  it("may be stored in half precision", async () => {
    const folder = await adapterOf(row);
    const rows = Object.entries(row.adapter).map(([name, shape]) => {
      const half = fromTypedArray(elements(name, shape), shape).to("float16");
      return { name, dtype: "F16" as const, shape, data: half.dataSync() };
    });
    await writeSafetensors(join(folder, "adapter_model.safetensors"), rows);
    const model = await modelOf(row);
    await loadAdapter(model, folder);
    const logits = logitsOf(model);
    const largest = Math.max(...row.logits.map(Math.abs));
    const off = Math.max(...row.logits.map((value, at) => Math.abs(value - (logits[at] ?? Number.NaN)))) / largest;
    expect(off).toBeGreaterThan(1e-7);
    expect(off).toBeLessThan(0.02);
  });

  it("has PEFT's gradients", async () => {
    const model = await modelOf(row);
    await loadAdapter(model, await adapterOf(row));
    const trained = Object.keys(row.gradients).map((key) => {
      const own = key.replace("base_model.model.", "").replace(".base_layer.", ".");
      const path = own.replace(/(lora_[AB])/, "$1.default").replace(/(lora_magnitude_vector)$/, "$1.default.weight");
      return [key, model.getParameter(path).requiresGrad_()] as const;
    });
    model(inputs).logits.square().mean().backward();
    for (const [key, { grad, shape }] of trained) {
      const known = elements("probe", shape);
      const values = [...(grad?.dataSync() ?? [])].map(Number);
      const product = values.reduce((sum, each, at) => sum + each * (known[at] ?? 0), 0);
      expect(Math.abs(product - (row.gradients[key] ?? 0)), key).toBeLessThan(1e-4 * (1 + Math.abs(product)));
    }
  });

  it("runs as one traced graph", async () => {
    const model = await modelOf(row);
    await loadAdapter(model, await adapterOf(row));
    const graph = compileGraph(traceModel(model));
    const feed = { data: ids.dataSync(), shape: ids.shape };
    const ones = { data: new BigInt64Array(ids.numel()).fill(1n), shape: ids.shape };
    const zeros = { data: new BigInt64Array(ids.numel()), shape: ids.shape };
    const places = { data: BigInt64Array.from({ length: ids.numel() }, (_, at) => BigInt(at % 6)), shape: ids.shape };
    const { logits } = graph.run({
      input_ids: feed,
      attention_mask: ones,
      token_type_ids: zeros,
      position_ids: places,
    });
    graph.dispose();
    expectClose([...(logits?.data ?? [])].map(Number), row.logits);
  });
});

it("two adapters of one model are switched", async () => {
  const [first, second] = cases;
  if (first === undefined || second === undefined) throw new Error("no cases");
  const model = await modelOf(first);
  await loadAdapter(model, await adapterOf(first), { name: "first" });
  await loadAdapter(model, await adapterOf(second), { name: "second" });
  expectClose(logitsOf(model), second.logits);
  setAdapter(model, "first");
  expectClose(logitsOf(model), first.logits);
  setAdapter(model, "second");
  expectClose(logitsOf(model), second.logits);
  setAdapter(model, undefined);
  expectClose(logitsOf(model), first.base);
  expect(() => setAdapter(model, "frist")).toThrow(
    expect.objectContaining({ code: "UNKNOWN_ADAPTER", hint: expect.stringContaining('"first"') }),
  );
  await expect(loadAdapter(model, await adapterOf(first), { name: "first" })).rejects.toMatchObject({
    code: "ADAPTER_EXISTS",
  });
});

const OPTIONS: LoraOptions = { r: 4, loraAlpha: 8, targetModules: ["query", "value"], taskType: "SEQ_CLS" };

it.each<[string, number, LoraOptions]>([
  ["BERT with its classifier", 0.05, OPTIONS],
  [
    "DoRA on every linear layer",
    0.01,
    { r: 3, loraAlpha: 6, targetModules: "all-linear", useDora: true, taskType: "SEQ_CLS" },
  ],
])("a fresh adapter changes nothing, is as large as PEFT's, and learns alone: %s", async (note, lr, options) => {
  const row = cases.find((each) => each.note === note);
  if (row === undefined) throw new Error("no case");
  const model = await modelOf(row);
  expect(addAdapter(model, options, { generator: new Generator(0) })).toBe(row.trained);
  expectClose(logitsOf(model), row.base);
  await expect(savePretrained(model, fresh())).rejects.toMatchObject({ code: "ADAPTER_NOT_MERGED" });
  const frozen = model.getParameter("bert.encoder.layer.0.attention.self.query.weight").tolistSync();
  const optimizer = new AdamW(
    model.parameters().filter(({ requiresGrad }) => requiresGrad),
    { lr },
  );
  const labels = tensor([0, 1], { dtype: "int64" });
  const losses = Array.from({ length: 40 }, () => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(inputs).logits, labels);
    loss.backward();
    optimizer.step([loss]);
    return loss.itemSync();
  });
  expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 3);
  expect(model.getParameter("bert.encoder.layer.0.attention.self.query.weight").tolistSync()).toEqual(frozen);
  const learned = logitsOf(model);
  const out = fresh();
  await saveAdapter(model, out);
  const again = await modelOf(row);
  await loadAdapter(again, out);
  expectClose(logitsOf(again), learned);
  setAdapter(model, undefined);
  expectClose(logitsOf(model), row.base);
});

describe("refuses, and leaves the model as it was", () => {
  const row = cases[0];
  if (row === undefined) throw new Error("no case");

  it.each<[string, object, (name: string) => string, string]>([
    ["another kind of adapter", { peft_type: "IA3" }, (name) => name, "UNSUPPORTED_ADAPTER"],
    ["an expression of Python", { target_modules: "(?P<layer>query)" }, (name) => name, "BAD_OPTION"],
    ["DoRA without its lengths", { use_dora: true }, (name) => name, "ADAPTER_MISMATCH"],
    ["biases of the matrices", { lora_bias: true }, (name) => name, "UNSUPPORTED_ADAPTER"],
    ["a base without its first directions", { init_lora_weights: "pissa" }, (name) => name, "UNSUPPORTED_ADAPTER"],
    ["a rank that the matrices do not have", { r: 5 }, (name) => name, "ADAPTER_MISMATCH"],
    ["layers that the model has not", { target_modules: ["q_proj"] }, (name) => name, "NO_TARGET_MODULES"],
    [
      "matrices that lack",
      {},
      (name) => name.replace("layer.1.attention.self.query.lora_A", "layer.7.attention.self.query.lora_A"),
      "ADAPTER_MISMATCH",
    ],
    ["matrices that are too many", { target_modules: ["query"] }, (name) => name, "ADAPTER_MISMATCH"],
  ])("%s", async (_, changes, rename, code) => {
    const model = await modelOf(row);
    await expect(loadAdapter(model, await adapterOf(row, changes, rename))).rejects.toMatchObject({ code });
    expect(adapterNames(model).names).toEqual([]);
    expectClose(logitsOf(model), row.base);
    await loadAdapter(model, await adapterOf(row));
    expectClose(logitsOf(model), row.logits);
  });

  it("options that are none", async () => {
    const model = await modelOf(row);
    expect(() => addAdapter(model, { ...OPTIONS, rank: 3 } as LoraOptions)).toThrow(
      expect.objectContaining({ code: "UNKNOWN_OPTION" }),
    );
    expect(() => addAdapter(model, { ...OPTIONS, r: 0 })).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    expect(() => addAdapter(model, { ...OPTIONS, targetModules: ["querry"] })).toThrow(
      expect.objectContaining({ code: "NO_TARGET_MODULES", hint: expect.stringContaining('"query"') }),
    );
    expect(() => mergeAdapter(model)).toThrow(expect.objectContaining({ code: "UNKNOWN_ADAPTER" }));
  });
});
