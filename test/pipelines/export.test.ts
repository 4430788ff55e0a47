// Exported files in unmodified transformers.js: equal logits in float32, near ones in 8 bits; and the arithmetic of the bytes.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as transformers from "@huggingface/transformers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportModel } from "../../pipelines/export.ts";
import { quantizeModel, quantizeRows, transposed } from "../../pipelines/quantize.ts";
import { loadPretrained } from "../../src/models/auto.ts";
import { traceModel } from "../../src/models/trace.ts";
import { compileGraph, type Feed, portableModel } from "../../src/tensor/index.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-export-"));
});
afterAll(() => rm(root, { recursive: true }));

const IDS = [
  [2, 4, 5, 7, 8, 3],
  [2, 9, 15, 3, 0, 0],
];
const MASK = IDS.map((row) => row.map((id) => Number(id !== 0)));
const feed = (rows: number[][]): Feed => ({
  data: BigInt64Array.from(rows.flat(), BigInt),
  shape: [rows.length, rows[0]?.length ?? 0],
});
const int64 = (rows: number[][]) => new transformers.Tensor("int64", feed(rows).data, [...feed(rows).shape]);

async function ours(folder: string): Promise<number[]> {
  const graph = compileGraph(traceModel(await loadPretrained(folder)));
  const places = IDS.map((row) => row.map((_, at) => at));
  const zeros = IDS.map((row) => row.map(() => 0));
  const { logits } = graph.run({
    ...{ input_ids: feed(IDS), attention_mask: feed(MASK) },
    ...{ position_ids: feed(places), token_type_ids: feed(zeros) },
  });
  graph.dispose();
  return Array.from(logits?.data ?? [], Number);
}

interface Model {
  (inputs: object): Promise<{ logits: { data: Float32Array; dims: number[] } }>;
  dispose(): Promise<unknown>;
}

async function theirs(folder: string, kind: "classifier" | "lm", dtype: "fp32" | "q8"): Promise<number[]> {
  const auto = kind === "lm" ? transformers.AutoModelForCausalLM : transformers.AutoModelForSequenceClassification;
  // safe because every transformers.js model is called so
  const model = (await auto.from_pretrained(folder, { dtype, local_files_only: true })) as unknown as Model;
  const places = IDS.map((row) => row.map((_, at) => at));
  const inputs = { input_ids: int64(IDS), attention_mask: int64(MASK), position_ids: int64(places) };
  const { logits } = await model(inputs);
  await model.dispose();
  return Array.from(logits.data);
}

const MODELS = [
  ["distilbert", "classifier", (folder: string) => tinyClassifier(folder, { initializer_range: 0.15 })],
  ["bert", "classifier", (folder: string) => tinyClassifier(folder, { modelType: "bert", initializer_range: 0.15 })],
  ["gpt2", "lm", (folder: string) => tinyLanguageModel(folder)],
] as const;

describe.each(MODELS)("exported %s in transformers.js", (name, kind, make) => {
  let folder: string;
  let expected: number[];
  beforeAll(async () => {
    folder = await make(join(root, name));
    expected = await ours(folder);
  });

  it("gives equal logits in fp32", async () => {
    const { path, bytes } = await exportModel(folder);
    expect(path.endsWith(join("onnx", "model.onnx"))).toBe(true);
    expect(bytes).toBeGreaterThan(10_000);
    const found = await theirs(folder, kind, "fp32");
    expect(found).toHaveLength(expected.length);
    for (const [at, value] of found.entries()) expect(Math.abs(value - (expected[at] ?? 0))).toBeLessThan(1e-4);
  });

  it("gives near logits in q8, from a smaller file", async () => {
    const [full, small] = [await exportModel(folder), await exportModel(folder, { dtype: "q8" })];
    expect(small.bytes).toBeLessThan(full.bytes * 0.6);
    const found = await theirs(folder, kind, "q8");
    const scale = Math.max(...expected.map(Math.abs));
    const worst = Math.max(...found.map((value, at) => Math.abs(value - (expected[at] ?? 0))));
    expect(worst / scale).toBeLessThan(0.1);
    expect(worst, "it is another computation").toBeGreaterThan(0);
    expect(await readdir(join(folder, "onnx"))).toEqual(["model.onnx", "model_quantized.onnx"]);
  });
});

describe("a language model with keys and values", () => {
  it("generates in transformers.js what ours generates", async () => {
    const folder = await tinyLanguageModel(join(root, "generates"), 4);
    await exportModel(folder); // which also writes the generation_config.json that transformers.js insists on
    const generate = await transformers.pipeline("text-generation", folder, { dtype: "fp32" });
    const { pipeline } = await import("../../pipelines/index.ts");
    const own = await pipeline("text-generation", folder);
    const [found] = (await generate("this film was", { max_new_tokens: 10, do_sample: false })) as {
      generated_text: string;
    }[];
    const [expected] = await own("this film was", { maxNewTokens: 10, doSample: false });
    expect(found?.generated_text).toBe(expected?.generatedText);
    await Promise.all([generate.dispose(), own.dispose()]);
  });

  it("stores a tied table once, in bytes", async () => {
    const model = await loadPretrained(await tinyLanguageModel(join(root, "tied")));
    const names = new Map([...model.namedParameters()].map(([name, weight]) => [weight, name]));
    const small = quantizeModel(portableModel(traceModel(model, { present: "all" }), names));
    const tables = small.initializers.filter(({ name }) => name.startsWith("transformer.wte.weight"));
    expect(tables.map(({ name }) => name).sort()).toEqual([
      "transformer.wte.weight_turned_scale",
      "transformer.wte.weight_turned_uint8",
    ]);
    expect(small.nodes.filter(({ opType }) => opType === "MatMulInteger")).toHaveLength(2 * 4 + 1);
    const large = small.initializers.filter(({ dims, dataType }) => dims.length === 2 && dataType === 1);
    expect(large.map(({ name }) => name).filter((name) => !name.endsWith("_scale"))).toEqual([]);
  });
});

describe("quantizeRows", () => {
  it("is max |w| / 127 a row, rounded to the nearest step", () => {
    const weights = Float32Array.from([1, -0.6, 0.25, 0, 0, 0, -2, 2, 0.01]);
    const { bytes, scales } = quantizeRows(weights, 3, 3, 128);
    expect([...scales].map((scale) => scale * 127)).toEqual([1, 0, 2].map((value) => expect.closeTo(value, 5)));
    expect([...bytes]).toEqual([255, 128 - 76, 160, 128, 128, 128, 1, 255, 129]);
    expect([...quantizeRows(weights, 3, 3, 0).bytes]).toEqual([127, -76, 32, 0, 0, 0, -127, 127, 1]);
  });

  it("errs by half a step at most", () => {
    const weights = Float32Array.from({ length: 600 }, (_, at) => Math.sin(at * at) * (1 + (at % 7)));
    const { bytes, scales } = quantizeRows(weights, 20, 30, 0);
    for (const [at, weight] of weights.entries()) {
      const scale = scales[Math.floor(at / 30)] ?? 0;
      expect(Math.abs((bytes[at] ?? 0) * scale - weight)).toBeLessThanOrEqual(scale / 2 + 1e-6);
    }
  });

  it("transposed turns rows into columns", () => {
    expect([...transposed(Float32Array.from([1, 2, 3, 4, 5, 6]), 2, 3)]).toEqual([1, 4, 2, 5, 3, 6]);
  });
});
