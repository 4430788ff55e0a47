// Pruning: what is taken out changes a model as masking it does, importance is PyTorch's, what is useless goes, what a config cannot say is refused.
// Every class of every architecture that can be pruned is a row, by the cases of test/goldens/models; numbers come from test/goldens/prune/prune.py.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readHeader } from "../../src/io/safetensors.ts";
import type { AnyModel, BaseConfig, ModelOutput } from "../../src/models/architecture.ts";
import { architectureOf, classOf, fromConfig, loadClass, savePretrained } from "../../src/models/auto.ts";
import { ARCHITECTURES } from "../../src/models/index.ts";
import { inputOf, OUTPUT_NAMES } from "../../src/models/inputs.ts";
import { addAdapter } from "../../src/models/lora.ts";
import {
  type ModelParts,
  type PruneBatch,
  partImportance,
  pruneHeads,
  pruneModel,
  pruneParts,
} from "../../src/models/prune.ts";
import { isInPython, partsOf, type Site } from "../../src/models/prune-parts.ts";
import { traceModel } from "../../src/models/trace.ts";
import type { Module } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { compileGraph, Generator, noGrad, ones, type Tensor, tensor } from "../../src/tensor/index.ts";
import { MODEL_CASES, type ModelCase, titleOf, writeCheckpoint } from "../support/model-goldens.ts";

interface PruneCase extends Pick<ModelCase, "config" | "tensors" | "inputs"> {
  labels: number[] | number[][];
  loss: number;
  heads: Record<string, number[]>;
  neurons: Record<string, number[]>;
  layers: Record<string, number>;
  off: Record<string, number[]>;
  masked: number[];
}

const { cases }: { cases: PruneCase[] } = JSON.parse(
  readFileSync(packageFile("test", "goldens", "prune", "prune.json"), "utf8"),
);
const scratch = mkdtempSync(join(tmpdir(), "abrazo-prune-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let made = 0;
const fresh = (): string => join(scratch, String(made++));

const load = async (row: Pick<ModelCase, "config" | "tensors">): Promise<AnyModel> =>
  loadClass(await writeCheckpoint({ note: "", inputs: {}, outputs: {}, ...row }, fresh()));

function batchOf({ inputs }: Pick<ModelCase, "inputs">): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [
      name,
      tensor(value ?? [], { dtype: inputOf(name as keyof typeof inputs).dtype }), // safe because a case names inputs
    ]),
  );
}

/** Every number that a model gives, under its names. */
function run(model: AnyModel, batch: PruneBatch): [string, number[]][] {
  const output = noGrad(() => (model as unknown as Module<[PruneBatch], ModelOutput>)(batch)); // safe because the batch is of its class
  return Object.entries(output).flatMap(
    ([name, value]) =>
      name in OUTPUT_NAMES && value !== undefined ? [[name, [...(value as Tensor).dataSync()].map(Number)]] : [], // safe because those names have tensors
  );
}

function expectSame(actual: [string, number[]][], wanted: [string, number[]][], least = 5e-6): void {
  expect(actual.map(([name]) => name)).toEqual(wanted.map(([name]) => name));
  for (const [at, [name, values]] of wanted.entries()) {
    const found = actual[at]?.[1] ?? [];
    expect(found.length, name).toBe(values.length);
    const scale = Math.max(1, ...values.map(Math.abs));
    const apart = values.map((value, place) => Math.abs(value - (found[place] ?? Number.NaN)) / scale);
    expect(Math.max(...apart), name).toBeLessThan(least);
  }
}

/** Runs `use` with units set to nothing and layers passed over. */
function masking<Result>(
  model: AnyModel,
  { layers = [], heads = {}, neurons = {} }: ModelParts,
  use: () => Result,
): Result {
  const { sites } = partsOf(model);
  const hooks = Object.entries({ ...heads, ...neurons }).map(([path, units]) => {
    const site = sites.find((each) => each.path === path);
    if (site === undefined) throw new Error(`no ${path}`);
    const mask = tensor(
      Array.from({ length: site.count }, (_, at) => (units.includes(at) ? 0 : 1)),
      { dtype: "float32" },
    );
    return site.read.registerForwardPreHook((_, [x]): [Tensor] => [
      x.unflatten(-1, [site.count, -1]).mul(mask.unsqueeze(-1)).flatten(-2),
    ]);
  });
  for (const path of layers) {
    const layer = model.getSubmodule(path) as Module<[Tensor], unknown>; // safe because layers take states first
    hooks.push(layer.registerForwardHook((_, [x], y) => (Array.isArray(y) ? [x, ...y.slice(1)] : x)));
  }
  const result = use();
  for (const hook of hooks) hook.remove();
  return result;
}

/** The unit `at` of every site of a kind, counted from the end in every second stack. */
const oneOfEach = (sites: readonly Site[], kind: Site["kind"], at: number): Record<string, number[]> =>
  Object.fromEntries(sites.filter((site) => site.kind === kind).map(({ path }) => [path, [at]]));

const lastLayer = (model: AnyModel): string => {
  const [stack] = partsOf(model).stacks;
  return `${stack?.path}.${(stack?.layers.length ?? 0) - 1}`;
};
const firstLayer = (model: AnyModel): string => `${partsOf(model).stacks[0]?.path}.0`;

const isPrunable = ({ config }: ModelCase) => architectureOf(config).prunable !== undefined;
const ROWS = MODEL_CASES.filter(isPrunable).map((row) => [titleOf(row), row] as const);

it("every architecture that can be pruned has a row", () => {
  const prunable = ARCHITECTURES.filter((each) => each.prunable !== undefined).flatMap(({ heads }) =>
    Object.keys(heads),
  );
  expect(new Set(ROWS.map(([, { config }]) => config.architectures[0]))).toEqual(new Set(prunable));
});

describe.each(ROWS)("%s", (_, row) => {
  it("gives without a part what it gives with that part masked, also after it was saved and loaded", async () => {
    const model = await load(row);
    const batch = batchOf(row);
    const { sites, prunable } = partsOf(model);
    const neurons = oneOfEach(sites, "neurons", 3);
    const heads = sites.find((site) => site.kind === "heads")?.count ?? 0;
    // A head that all others share their key with cannot go; of Llama's, so many that the rest divides the hidden size.
    const left = [heads - 1, heads / 2].find(
      (count) => count > 0 && prunable.heads.allows?.(model.config, count) !== false,
    );
    const gone = left === undefined ? [] : [1, 2, 3].slice(0, heads - left);
    const lists = Object.keys(oneOfEach(sites, "heads", 1)).map((path) => [path, gone]);
    const removed = { heads: gone.length === 0 ? {} : Object.fromEntries(lists), neurons };
    const smaller = pruneParts(model, removed);
    expect(smaller.parameterCount()).toBeLessThan(model.parameterCount());
    const wanted = masking(model, removed, () => run(model, batch));
    expectSame(run(smaller, batch), wanted);
    const folder = fresh();
    await savePretrained(smaller, folder);
    const again = await loadClass(folder);
    expectSame(run(again, batch), wanted);
    expect(again.config).toEqual(smaller.config);
    expect(isInPython(again.config)).toBe(gone.length === 0 || !prunable.heads.isListed);
    const { tensors } = await readHeader(join(folder, "model.safetensors"));
    const stored = [...tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(stored).toBe(smaller.parameterCount());
  });

  it("gives without a layer what it gives with that layer passed over", async () => {
    const model = await load(row);
    const batch = batchOf(row);
    if (model.config["scale_attn_by_inverse_layer_idx"] === true) {
      expect(() => pruneParts(model, { layers: [lastLayer(model)] })).toThrow("divides each layer's attention");
      return;
    }
    for (const path of [lastLayer(model), firstLayer(model)]) {
      const smaller = pruneParts(model, { layers: [path] });
      const wanted = masking(model, { layers: [path] }, () => run(model, batch));
      expectSame(run(smaller, batch), wanted);
      const folder = fresh();
      await savePretrained(smaller, folder);
      expectSame(run(await loadClass(folder), batch), wanted);
    }
  });
});

describe.each(cases.map((row) => [row.config.architectures[0] ?? "", row] as const))("%s against PyTorch", (_, row) => {
  const batch = (): PruneBatch => ({ ...batchOf(row), labels: tensor(row.labels, { dtype: "int64" }) });

  it("measures the same importance and losses, also in several batches", async () => {
    const model = await load(row);
    const whole = batch();
    const near = (found: Record<string, number[]>, wanted: Record<string, number[]>) => {
      expect(Object.keys(found).sort()).toEqual(Object.keys(wanted).sort());
      expectSame(
        Object.keys(wanted).map((path) => [path, found[path] ?? []]),
        Object.entries(wanted),
        3e-4,
      );
    };
    const parts = Array.from({ length: 3 }, (_each, at) =>
      Object.fromEntries(Object.entries(whole).map(([name, value]) => [name, value.narrow(0, at, 1)])),
    );
    for (const batches of [[whole], parts]) {
      const { loss, layers, heads, neurons } = await partImportance(model, batches);
      expect(loss).toBeCloseTo(row.loss, 4);
      near(heads, row.heads);
      near(neurons, row.neurons);
      for (const [path, value] of Object.entries(row.layers)) expect(layers[path], path).toBeCloseTo(value, 4);
    }
  });

  it("gives PyTorch's logits without the units that are masked there", async () => {
    const model = await load(row);
    const { sites } = partsOf(model);
    const of = (kind: Site["kind"]) =>
      Object.fromEntries(
        Object.entries(row.off).filter(([path]) => sites.some((site) => site.kind === kind && site.path === path)),
      );
    const [[, logits] = ["", []]] = run(
      pruneParts(model, { heads: of("heads"), neurons: of("neurons") }),
      batchOf(row),
    );
    expectSame([["logits", logits]], [["logits", row.masked]], 2e-5);
  });

  it("loses what it needs least", async () => {
    const model = await load(row);
    const { removed } = await pruneModel(model, [batch()], { neurons: 0.3, layers: 0 });
    for (const [path, scores] of Object.entries(row.neurons)) {
      const ranked = [...scores.keys()].sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
      expect(removed.neurons[path], path).toEqual(ranked.slice(0, 6).sort((a, b) => a - b));
    }
    const least = Object.entries(row.layers).sort(([, a], [, b]) => a - b)[0]?.[0];
    expect((await pruneModel(model, [batch()], { layers: 1 })).removed.layers).toEqual([least]);
  });
});

const BERT = {
  ...{ model_type: "bert", architectures: ["BertForSequenceClassification"], vocab_size: 24, hidden_size: 16 },
  ...{ num_hidden_layers: 3, num_attention_heads: 4, intermediate_size: 20, max_position_embeddings: 12 },
  initializer_range: 0.3,
};
const inputIds = tensor(
  [
    [2, 7, 11, 5, 9, 3],
    [2, 8, 4, 3, 6, 1],
  ],
  { dtype: "int64" },
);
const classified: PruneBatch = { inputIds, attentionMask: ones([2, 6], { dtype: "int64" }), labels: tensor([0, 1]) };
const bert = (more: object = {}) => fromConfig({ ...BERT, ...more }, new Generator(3)).eval();
const LLAMA = {
  ...{
    model_type: "llama",
    architectures: ["LlamaForCausalLM"],
    vocab_size: 24,
    hidden_size: 16,
    intermediate_size: 20,
  },
  ...{ num_hidden_layers: 2, num_attention_heads: 8, num_key_value_heads: 4, max_position_embeddings: 16 },
};
const written: PruneBatch = { inputIds, attentionMask: ones([2, 6], { dtype: "int64" }), labels: inputIds };

/** Sets what a unit gives to nothing, by the matrix that reads it. */
function silence(model: AnyModel, path: string, units: readonly number[], count: number): void {
  const weight = model.getParameter(`${path}.weight`);
  noGrad(() => {
    for (const unit of units) weight.unflatten(1, [count, -1]).select(1, unit).zero_();
  });
}

describe("what is useless goes", () => {
  it("heads, wherever they are, and neurons", async () => {
    const model = bert();
    const heads = { 0: [2], 1: [0, 3], 2: [] };
    const path = (layer: number, end: string) => `bert.encoder.layer.${layer}.${end}`;
    for (const [layer, units] of Object.entries(heads)) {
      silence(model, path(Number(layer), "attention.output.dense"), units, 4);
      silence(model, path(Number(layer), "output.dense"), [4, 17], 20);
    }
    const { model: smaller, removed } = await pruneModel(model, [classified], { heads: 0.25, neurons: 0.1 });
    expect(removed.heads).toEqual({
      [path(0, "attention.output.dense")]: [2],
      [path(1, "attention.output.dense")]: [0, 3],
    });
    expect(Object.values(removed.neurons)).toEqual([
      [4, 17],
      [4, 17],
      [4, 17],
    ]);
    expect(smaller.config["pruned_heads"]).toEqual({ 0: [2], 1: [0, 3] });
    expect(smaller.config["intermediate_size"]).toBe(18);
    expectSame(run(smaller, classified), run(model, classified));
    expect(smaller.parameterCount()).toBe(model.parameterCount() - 3 * (4 * 16 * 4 + 3 * 4) - 3 * 2 * (2 * 16 + 1));
  });

  it("a layer, and then another, by a loss of one's own", async () => {
    const model = fromConfig({ ...LLAMA, num_hidden_layers: 4, initializer_range: 0.3 }, new Generator(1)).eval();
    for (const layer of [1, 2]) {
      for (const end of ["self_attn.o_proj", "mlp.down_proj"]) {
        noGrad(() => model.getParameter(`model.layers.${layer}.${end}.weight`).zero_());
      }
    }
    const { labels: _, ...batch } = written;
    const [[, wanted] = ["", []]] = run(model, batch);
    const loss = ({ logits = ones([2, 6, 24]) }: ModelOutput) =>
      logits
        .sub(tensor(wanted, { dtype: "float32" }).reshape([2, 6, 24]))
        .pow(2)
        .flatten(1)
        .mean(1);
    const { model: smaller, removed } = await pruneModel(model, [batch], { layers: 2, loss });
    expect([...removed.layers].sort()).toEqual(["model.layers.1", "model.layers.2"]);
    expect(smaller.config["num_hidden_layers"]).toBe(2);
    expectSame(run(smaller, written), run(model, written));
  });

  it("groups of heads that share their keys", async () => {
    const model = fromConfig({ ...LLAMA, initializer_range: 0.3 }, new Generator(1)).eval();
    silence(model, "model.layers.0.self_attn.o_proj", [0, 2], 4);
    silence(model, "model.layers.1.self_attn.o_proj", [1, 3], 4);
    const { model: smaller, removed } = await pruneModel(model, [written], { heads: 0.5 });
    expect(Object.values(removed.heads)).toEqual([
      [0, 2],
      [1, 3],
    ]);
    expect(smaller.config).toMatchObject({ num_attention_heads: 4, num_key_value_heads: 2, head_dim: 2 });
    expectSame(run(smaller, written), run(model, written));
  });
});

describe("a pruned model", () => {
  it("is pruned again, its heads counted as they were at first", () => {
    const once = pruneHeads(bert(), { 0: [1], 2: [0, 3] });
    expect(once.config["pruned_heads"]).toEqual({ 0: [1], 2: [0, 3] });
    const twice = pruneParts(pruneHeads(once, { 0: [1] }), { layers: ["bert.encoder.layer.1"] });
    expect(twice.config["pruned_heads"]).toEqual({ 0: [1, 2], 1: [0, 3] });
    expect(twice.config["num_attention_heads"]).toBe(4);
  });

  it("keeps the windows of its layers, also where their numbers told them", async () => {
    const row = MODEL_CASES.find(({ config }) => config.architectures[0] === "Qwen2Model");
    if (row === undefined) throw new Error("no case");
    const config = { ...row.config, use_sliding_window: true, sliding_window: 2, max_window_layers: 1 };
    const { layer_types: _, ...unnamed } = config as Record<string, unknown>;
    const model = await load({ ...row, config: unnamed as ModelCase["config"] }); // safe because nothing that it has to have went
    const path = `${partsOf(model).stacks[0]?.path}.0`;
    const smaller = pruneParts(model, { layers: [path] });
    expect(smaller.config["layer_types"]).toEqual(["sliding_attention"]);
    const batch = batchOf(row);
    expectSame(
      run(smaller, batch),
      masking(model, { layers: [path] }, () => run(model, batch)),
    );
  });

  it("is trained, the model that it came from stays, and so does what was frozen", async () => {
    const model = bert().requiresGrad_();
    model.getParameter("bert.embeddings.word_embeddings.weight").requiresGrad_(false);
    const before = run(model, classified);
    const { model: smaller } = await pruneModel(model, [classified], { heads: 0.25, neurons: 0.5, layers: 1 });
    expect(smaller.training).toBe(false);
    expect(model.parameters().every(({ grad }) => grad === null)).toBe(true);
    const trained = smaller.parameters().filter(({ requiresGrad }) => requiresGrad);
    expect(trained.length).toBe(smaller.parameters().length - 1);
    const optimizer = new AdamW(trained, { lr: 0.01 });
    const losses: number[] = [];
    for (let step = 0; step < 8; step++) {
      optimizer.zeroGrad();
      const { logits } = (smaller as unknown as Module<[PruneBatch], { logits: Tensor }>)(classified); // safe because it is a classifier
      const loss = logits
        .logSoftmax(-1)
        .gather(1, tensor([[0], [1]]))
        .mean()
        .neg();
      loss.backward();
      optimizer.step();
      losses.push(Number(await loss.item()));
    }
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) * 0.7);
    expectSame(run(model, classified), before, 1e-9);
  });

  it.each([
    ["BertForSequenceClassification", { heads: { 0: [0], 1: [1, 2] } }],
    ["GPT2LMHeadModel", { heads: { 0: [0], 1: [2] } }],
    ["LlamaForCausalLM", { heads: { 0: [0], 1: [1] } }],
  ])("%s runs as one traced graph, keys and values with it", async (name, { heads }) => {
    const row = MODEL_CASES.find(({ config, note }) => config.architectures[0] === name && note === "");
    if (row === undefined) throw new Error("no case");
    const smaller = pruneHeads(await load(row), heads as Record<number, number[]>); // safe because each row is of that form
    const batch = batchOf(row);
    const graph = compileGraph(traceModel(smaller));
    const rows = [...(row.inputs.inputIds ?? [])].length;
    const length = 6;
    const feed = (values: (at: number) => number) => ({
      data: BigInt64Array.from({ length: rows * length }, (_, at) => BigInt(values(at))),
      shape: [rows, length],
    });
    const given = (tensorOf: Tensor | undefined) =>
      tensorOf === undefined ? feed(() => 0) : { data: tensorOf.dataSync(), shape: tensorOf.shape };
    const { logits } = graph.run({
      input_ids: given(batch["inputIds"]),
      attention_mask: given(batch["attentionMask"]),
      token_type_ids: given(batch["tokenTypeIds"]),
      position_ids: feed((at) => at % length),
    });
    graph.dispose();
    expectSame(
      [["logits", [...(logits?.data ?? [])].map(Number)]],
      run(smaller, batch).filter(([each]) => each === "logits"),
      1e-5,
    );
  });
});

describe("refuses", () => {
  const refused = (options: object, model: AnyModel = bert(), batches: readonly PruneBatch[] = [classified]) =>
    pruneModel(model, batches, options);

  it.each([
    [{ heads: 1 }, "INVALID_OPTION", "from 0 to below 1"],
    [{ neurons: -0.1 }, "INVALID_OPTION", "from 0 to below 1"],
    [{ heads: Number.NaN }, "INVALID_OPTION", "from 0 to below 1"],
    [{ heads: 0.05 }, "INVALID_OPTION", "There are 12"],
    [{ neurons: 0.01 }, "INVALID_OPTION", "the least share that takes one out is 0.05"],
    [{ heads: 0.9 }, "INVALID_OPTION", "One head of each of 3 layers stays"],
    [{ layers: 1.5 }, "INVALID_OPTION", "Layers are counted"],
    [{ layers: 3 }, "INVALID_OPTION", "The model has 3; at most 2 can go."],
    [{}, "INVALID_OPTION", "Say how much"],
    [{ head: 0.5 }, "UNKNOWN_OPTION", 'Did you mean "heads"'],
  ])("%o", async (options, code, hint) => {
    await expect(refused(options)).rejects.toMatchObject({ code, hint: expect.stringContaining(hint) });
  });

  it("no data, no labels, losses that it cannot take", async () => {
    await expect(refused({ heads: 0.5 }, bert(), [])).rejects.toMatchObject({ code: "DATASET_TOO_SMALL" });
    const { labels: _, ...unlabelled } = classified;
    const mean = ({ logits }: ModelOutput) => (logits ?? ones([2, 2])).mean();
    await expect(refused({ heads: 0.5, loss: mean })).rejects.toMatchObject({
      code: "LOSS_NOT_PER_ROW",
      message: "The loss of 2 rows has the shape [], and not [2].",
    });
    await expect(refused({ heads: 0.5 }, bert(), [unlabelled])).rejects.toMatchObject({ code: "NO_LOSS" });
    const own = { heads: 0.25, loss: ({ logits }: ModelOutput) => (logits ?? ones([2, 2])).pow(2).sum(1) };
    expect(Object.keys((await refused(own, bert(), [unlabelled])).removed.heads).length).toBeGreaterThan(0);
  });

  it("architectures that declare no parts, naming those that do, and models with adapters", async () => {
    const row = MODEL_CASES.find(({ config }) => config.model_type === "albert");
    if (row === undefined) throw new Error("no case");
    const known = ARCHITECTURES.filter(({ prunable }) => prunable !== undefined).map(({ modelType }) => modelType);
    await expect(refused({ neurons: 0.5 }, await load(row))).rejects.toMatchObject({
      code: "NOT_PRUNABLE",
      hint: `Types that can: ${known.join(", ")}.`,
    });
    const adapted = bert();
    addAdapter(adapted, { r: 2, targetModules: ["query"] });
    await expect(refused({ neurons: 0.5 }, adapted)).rejects.toMatchObject({ code: "ADAPTER_NOT_MERGED" });
  });

  it("what would leave nothing, or what a config cannot say", async () => {
    const path = "bert.encoder.layer.0.attention.output.dense";
    const throwing = (model: AnyModel, parts: ModelParts, wanted: object) => {
      let thrown: unknown;
      try {
        pruneParts(model, parts);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject(wanted);
    };
    throwing(bert(), { heads: { [path]: [0, 1, 2, 3] } }, { code: "NOTHING_LEFT" });
    throwing(bert(), { layers: [0, 1, 2].map((at) => `bert.encoder.layer.${at}`) }, { code: "NOTHING_LEFT" });
    throwing(bert(), { heads: { [path]: [4] } }, { code: "UNKNOWN_PART", hint: "Numbers go from 0 to 3." });
    throwing(
      bert(),
      { heads: { "bert.encoder.layer.0.attention.output": [1] } },
      { code: "UNKNOWN_PART", hint: expect.stringContaining(path) },
    );
    throwing(bert(), { layers: ["bert.encoder.layer.7"] }, { code: "UNKNOWN_PART" });
    throwing(bert(), { neurons: { "bert.encoder.layer.0.output.dense": [1] } }, { code: "UNEVEN_PARTS" });
    const gpt2 = fromConfig({
      model_type: "gpt2",
      architectures: ["GPT2LMHeadModel"],
      vocab_size: 8,
      n_embd: 8,
      n_layer: 2,
      n_head: 4,
    });
    throwing(gpt2, { heads: { "transformer.h.0.attn.c_proj": [1] } }, { code: "UNEVEN_PARTS" });
    expect(() => pruneHeads(gpt2, { 2: [0] })).toThrow('no "2"');
    const llama = fromConfig(LLAMA, new Generator(1));
    await expect(refused({ heads: 0.25 }, llama, [written])).rejects.toMatchObject({
      code: "HEADS_NOT_ALLOWED",
      hint: "Possible: 1, 2; shares of 0.75, 0.5 to take out.",
    });
    const t5 = await load(cases.at(-1) as PruneCase); // safe because it is the last one
    const heads = { ...oneOfEach(partsOf(t5).sites, "heads", 1), "encoder.block.1.layer.0.SelfAttention.o": [2] };
    throwing(t5, { heads }, { code: "UNEVEN_PARTS", message: expect.stringContaining("share a table") });
  });

  it("checks configs without listing what they say there is", () => {
    const many = 1e12;
    const parse = (config: BaseConfig) => architectureOf(config).parse(config);
    expect(parse({ ...BERT, num_hidden_layers: many })["num_hidden_layers"]).toBe(many);
    expect(
      parse({ ...BERT, hidden_size: many, num_attention_heads: many, ...{ pruned_heads: { 0: [5] } } }),
    ).toBeTruthy();
    const gpt2 = { ...{ model_type: "gpt2", vocab_size: 8, n_embd: 8, n_head: 4 }, n_layer: many };
    expect(() => parse({ ...gpt2, ...{ pruned_heads: { 0: [1] } } })).toThrow("not as many in every layer");
  });

  it("configs whose pruned_heads name what is not there, or leave none", () => {
    const lists = [{ 3: [0] }, { 0: [4] }, { 0: [0, 1, 2, 3] }];
    for (const pruned_heads of lists) expect(() => bert({ pruned_heads })).toThrow("pruned_heads");
    const gpt2 = {
      model_type: "gpt2",
      architectures: ["GPT2LMHeadModel"],
      vocab_size: 8,
      n_embd: 8,
      n_layer: 2,
      n_head: 4,
    };
    expect(() => fromConfig({ ...gpt2, pruned_heads: { 0: [1] } })).toThrow("not as many in every layer");
    expect(classOf(fromConfig({ ...gpt2, pruned_heads: { 0: [1], 1: [2] } }).config)).toBe("GPT2LMHeadModel");
  });
});
