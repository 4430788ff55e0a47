// Exported files in onnxruntime and unmodified transformers.js: equal results in float32, near ones in fewer bits; and the
// arithmetic of the bytes.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import * as transformers from "@huggingface/transformers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ExportDType, exportModel } from "../../pipelines/export.ts";
import { generateSequences } from "../../src/generate/generate.ts";
import { makeSeq2SeqDecoder } from "../../src/generate/seq2seq-decoder.ts";
import { toHalf } from "../../src/graph/half.ts";
import { readHeader, writeSafetensors } from "../../src/io/safetensors.ts";
import { loadClass, loadPretrained } from "../../src/models/auto.ts";
import { AutoModelForSeq2SeqLM } from "../../src/models/auto-model.ts";
import { INPUT_NAMES, OUTPUT_NAMES } from "../../src/models/inputs.ts";
import { traceModel } from "../../src/models/trace.ts";
import { encodeModel } from "../../src/onnx/proto.ts";
import { quantizeBlocks, quantizeModel } from "../../src/onnx/quantize.ts";
import { packBlocks, quantizeRows, transposed } from "../../src/onnx/quantized.ts";
import { nativeTensor, Session } from "../../src/onnx/runtime.ts";
import { packageFile } from "../../src/package-root.ts";
import { compileGraph, type Feed, fromTypedArray, portableModel, symbolic } from "../../src/tensor/index.ts";
import { elements, MODEL_CASES, type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";
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

async function theirs(folder: string, kind: "classifier" | "lm", dtype: ExportDType): Promise<number[]> {
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

describe.each(MODELS)("exported %s with fewer bits", (name, kind, make) => {
  it.each([
    ["fp16", 0.62],
    ["q4", 0.37],
  ] as const)("%s gives logits from a smaller file", async (dtype, size) => {
    const folder = await make(join(root, `${name}-${dtype}`));
    const expected = await ours(folder);
    const [full, small] = [await exportModel(folder), await exportModel(folder, { dtype })];
    expect(small.bytes).toBeLessThan(full.bytes * size);
    const worst = closeness(await theirs(folder, kind, dtype), expected) / Math.max(...expected.map(Math.abs));
    // Weights are wide and random: 16 steps change much. What 4 bits do to a trained model is measured below.
    expect(worst).toBeLessThan(dtype === "fp16" ? 0.005 : 0.5);
    expect(worst, "it is another computation").toBeGreaterThan(0);
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

  it("stores a tied table once, in blocks of bytes", async () => {
    const model = await loadPretrained(await tinyLanguageModel(join(root, "tied")));
    const names = new Map([...model.namedParameters()].map(([name, weight]) => [weight, name]));
    const small = quantizeModel(portableModel(traceModel(model, { present: "all" }), names));
    const tables = small.initializers.filter(({ name }) => name.startsWith("transformer.wte.weight"));
    expect(tables.map(({ name, dims }) => [name, dims])).toEqual([
      ["transformer.wte.weight_turned_uint8_blocks", [24, 1, 32]],
      ["transformer.wte.weight_turned_uint8_blocks_scale", [24, 1]],
      ["transformer.wte.weight_turned_uint8_blocks_shape", [2]],
    ]);
    expect(small.nodes.filter(({ opType }) => opType === "MatMulNBits")).toHaveLength(2 * 4 + 1);
    const large = small.initializers.filter(({ dims, dataType }) => dims.length === 2 && dataType === 1);
    expect(large.map(({ name }) => name).filter((name) => !name.endsWith("_scale"))).toEqual([]);
  });
});

/** A case of the goldens, as a repository: its answers come from PyTorch. */
function caseOf(name: string): ModelCase {
  const found = MODEL_CASES.find(({ config, note }) => config.architectures[0] === name && note === "");
  if (found === undefined) throw new Error(`no case of ${name}`);
  return found;
}

type Values = number | readonly Values[];
const sizesOf = (values: Values): number[] =>
  typeof values === "number" ? [] : [values.length, ...sizesOf(values[0] ?? [])];
const flatOf = (values: Values): number[] => (typeof values === "number" ? [values] : values.flatMap(flatOf));

/** The inputs of a case as transformers.js takes them. */
function theirInputs({ inputs }: ModelCase): Record<string, transformers.Tensor> {
  const places = (inputs.inputIds as Values[] | undefined)?.map((row) => flatOf(row).map((_, at) => at)); // safe because ids are rows of numbers
  const all = { ...(places === undefined ? {} : { positionIds: places }), ...inputs };
  const rows = Object.entries(all).map(([name, values]) => {
    const wire = INPUT_NAMES[name as keyof typeof INPUT_NAMES]; // safe because cases name inputs as ours
    const [data, dims] = [flatOf(values), sizesOf(values)];
    return name === "pixelValues"
      ? [wire, new transformers.Tensor("float32", Float32Array.from(data), dims)]
      : [wire, new transformers.Tensor("int64", BigInt64Array.from(data, BigInt), dims)];
  });
  return Object.fromEntries(rows);
}

interface AnyModelOfTheirs {
  (inputs: object): Promise<Record<string, { data: Float32Array; dims: number[] }>>;
  dispose(): Promise<unknown>;
}

/** The largest difference between outputs in transformers.js and a case, as a share of the largest value. */
async function worstOf(row: ModelCase, folder: string, auto: Auto, dtype: ExportDType): Promise<number> {
  const found = await outputsOf(row, folder, auto, dtype);
  const shares = Object.entries(row.outputs).map(([name, { shape, data }]) => {
    const output = found[OUTPUT_NAMES[name as keyof typeof OUTPUT_NAMES]]; // safe because cases name outputs as ours
    expect(output?.dims, name).toEqual(shape);
    const most = Math.max(...data.map(Math.abs));
    return Math.max(...data.map((value, at) => Math.abs(value - (output?.data[at] ?? Number.NaN)))) / most;
  });
  return Math.max(...shares);
}

async function outputsOf(row: ModelCase, folder: string, auto: Auto, dtype: ExportDType): ReturnType<AnyModelOfTheirs> {
  const { [auto]: automatic } = transformers;
  // safe because every transformers.js model is called so
  const model = (await automatic.from_pretrained(folder, {
    dtype,
    local_files_only: true,
  })) as unknown as AnyModelOfTheirs;
  const found = await model(theirInputs(row));
  await model.dispose();
  return found;
}

type Auto =
  | "AutoModel"
  | "AutoModelForCausalLM"
  | "AutoModelForImageClassification"
  | "AutoModelForMaskedLM"
  | "AutoModelForQuestionAnswering"
  | "AutoModelForSeq2SeqLM"
  | "AutoModelForSequenceClassification"
  | "AutoModelForTokenClassification";

const CASES: readonly (readonly [name: string, auto: Auto])[] = [
  ["BertModel", "AutoModel"],
  ["DistilBertForTokenClassification", "AutoModelForTokenClassification"],
  ["RobertaForSequenceClassification", "AutoModelForSequenceClassification"],
  ["XLMRobertaForQuestionAnswering", "AutoModelForQuestionAnswering"],
  ["AlbertForMaskedLM", "AutoModelForMaskedLM"],
  ["GPT2LMHeadModel", "AutoModelForCausalLM"],
  ["LlamaForCausalLM", "AutoModelForCausalLM"],
  ["Qwen3ForCausalLM", "AutoModelForCausalLM"],
  ["T5ForConditionalGeneration", "AutoModelForSeq2SeqLM"],
  ["MT5ForConditionalGeneration", "AutoModelForSeq2SeqLM"],
  ["ViTForImageClassification", "AutoModelForImageClassification"],
  ["ViTModel", "AutoModel"],
  ["CLIPModel", "AutoModel"],
];

/** Shares of the largest value that results may differ by. Layers of the cases are narrow, and errors of few weights do not even out. */
const TOLERANCES = { fp32: 1e-5, fp16: 0.01, q8: 0.1 } as const;

describe.each(CASES)("exported %s against PyTorch, in transformers.js", (name, auto) => {
  const row = caseOf(name);
  it.each(["fp32", "fp16", "q8"] as const)("%s", async (dtype) => {
    const folder = await writeCheckpoint(row, join(root, `${name}-${dtype}`));
    await exportModel(folder, { dtype });
    const worst = await worstOf(row, folder, auto, dtype);
    expect(worst).toBeLessThan(TOLERANCES[dtype]);
  });
});

/** A row-major matrix as its blocks of 4 bits stand for it. */
function inBlocks(weight: Float32Array, rows: number, columns: number): Float32Array {
  const { bytes, scales } = packBlocks(weight, rows, columns);
  const blocks = Math.ceil(columns / 32);
  return weight.map((_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const block = row * blocks + Math.floor(column / 32);
    const byte = bytes[block * 16 + Math.floor((column % 32) / 2)] ?? 0;
    return ((column % 2 === 0 ? byte & 15 : byte >> 4) - 8) * (scales[block] ?? 0);
  });
}

describe("a model of 4 bits", () => {
  it.each([
    ["BertModel", "AutoModel"],
    ["LlamaForCausalLM", "AutoModelForCausalLM"],
    ["ViTForImageClassification", "AutoModelForImageClassification"],
  ] as const)("%s is the one with the weights that its blocks stand for", async (name, auto) => {
    const row = caseOf(name);
    const folder = await writeCheckpoint(row, join(root, `${name}-q4`));
    await exportModel(folder, { dtype: "q4" });
    const path = join(folder, "model.safetensors");
    const { tensors } = await readHeader(path);
    const isProduct = (key: string, shape: readonly number[]) =>
      shape.length === 2 && !/embed|classifier|pooler/.test(key);
    const rows = [...tensors].map(([key, { shape }]) => {
      const [weight, [first = 0, second = 0]] = [elements(key, shape), shape];
      const data = isProduct(key, shape) ? inBlocks(weight, first, second) : weight;
      return { name: key, dtype: "F32" as const, shape, data };
    });
    await writeSafetensors(path, rows);
    await exportModel(folder);
    const [full, small] = [await outputsOf(row, folder, auto, "fp32"), await outputsOf(row, folder, auto, "q4")];
    for (const [output, { data }] of Object.entries(full)) {
      const wanted = Array.from(data);
      // Activations and embeddings are rounded to 8 bits.
      expect(closeness(small[output]?.data ?? [], wanted) / Math.max(...wanted.map(Math.abs))).toBeLessThan(0.12);
    }
  });

  it.each([
    ["fp16", 2e-4],
    ["q8", 0.02],
    ["q4", 0.05],
  ] as const)("the shipped classifier says the same in %s", async (dtype, most) => {
    const folder = join(root, `shipped-${dtype}`);
    const shipped = packageFile("pipelines", "defaults", "text-classification");
    await exportModel(shipped, { out: folder });
    await exportModel(shipped, { out: folder, dtype });
    const texts = [
      "I love it!",
      "What a waste of time.",
      "It isn't good, but I liked the end.",
      "a dull film about nothing",
    ];
    const answers: { label: string; score: number }[][] = [];
    for (const each of ["fp32", dtype] as const) {
      const classify = await transformers.pipeline("sentiment-analysis", folder, { dtype: each });
      answers.push((await classify(texts)) as { label: string; score: number }[]); // safe because one answer is asked for each text
      await classify.dispose();
    }
    const [full = [], small = []] = answers;
    expect(small.map(({ label }) => label)).toEqual(full.map(({ label }) => label));
    expect(
      closeness(
        small.map(({ score }) => score),
        full.map(({ score }) => score),
      ),
    ).toBeLessThan(most);
  });
});

/** Our own texts from a source, most probable tokens alone. */
async function oursFrom(folder: string, source: number[], maxNewTokens: number): Promise<number[]> {
  const decoder = makeSeq2SeqDecoder(await AutoModelForSeq2SeqLM.fromPretrained(folder));
  const ids = BigInt64Array.from(source, BigInt);
  const from = decoder.from({ inputIds: ids, attentionMask: ids.map(() => 1n), rows: 1 });
  const [text] = await generateSequences(from, [{ ids: [0], seed: 0 }], { maxNewTokens, eosTokenIds: [1] });
  decoder.dispose();
  return text?.ids ?? [];
}

describe("a model that makes texts from others", () => {
  it.each(["T5ForConditionalGeneration", "MT5ForConditionalGeneration"])("%s writes what ours writes", async (name) => {
    const folder = await writeCheckpoint(caseOf(name), join(root, `${name}-writes`));
    const { files, path } = await exportModel(folder);
    expect(files).toEqual(
      ["encoder_model.onnx", "decoder_model_merged.onnx"].map((file) => join(folder, "onnx", file)),
    );
    expect(path).toBe(files[0]);
    const source = [5, 9, 14, 3, 17, 1];
    // safe because generate() of one source gives ids [1, T]
    const model = (await transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, {
      ...{ dtype: "fp32", local_files_only: true },
    })) as unknown as { generate(inputs: object): Promise<transformers.Tensor>; dispose(): Promise<unknown> };
    const found = await model.generate({
      inputs: int64([source]),
      attention_mask: int64([source.map(() => 1)]),
      max_new_tokens: 12,
    });
    await model.dispose();
    const expected = await oursFrom(folder, source, 12);
    expect(expected.length).toBeGreaterThan(3);
    expect(Array.from(found.data as BigInt64Array, Number)).toEqual([0, ...expected]); // safe because ids are int64
    expect(JSON.parse(await readFile(join(folder, "generation_config.json"), "utf8"))).toEqual({
      ...{ eos_token_id: 1, pad_token_id: 0, decoder_start_token_id: 0 },
    });
  });
});

describe("a model of texts and pictures", () => {
  it("has each half in a file by itself", async () => {
    const row = caseOf("CLIPModel");
    const folder = await writeCheckpoint(row, join(root, "halves"));
    const { files } = await exportModel(folder, { dtype: "fp16" });
    expect(files.map((file) => basename(file))).toEqual(
      ["model", "text_model", "vision_model"].map((name) => `${name}_fp16.onnx`),
    );
    await exportModel(folder);
    const halves = [
      ["CLIPTextModelWithProjection", "textEmbeds", "text_embeds"],
      ["CLIPVisionModelWithProjection", "imageEmbeds", "image_embeds"],
    ] as const;
    for (const [half, ours, theirs] of halves) {
      const { [half]: automatic } = transformers;
      // safe because every transformers.js model is called so
      const model = (await automatic.from_pretrained(folder, { dtype: "fp32" })) as unknown as AnyModelOfTheirs;
      const { [theirs]: found } = await model(theirInputs(row));
      await model.dispose();
      const { shape = [], data = [] } = row.outputs[ours] ?? {}; // of length 1, which these are not
      expect(found?.dims).toEqual(shape);
      expect(closeness(unitRows(found?.data ?? [], shape[1] ?? 1), data)).toBeLessThan(1e-5);
    }
  });
});

const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

const closeness = (found: ArrayLike<number>, wanted: readonly number[]): number =>
  Math.max(...wanted.map((value, at) => Math.abs(value - (found[at] ?? Number.NaN))));

function unitRows(values: ArrayLike<number>, width: number): number[] {
  const all = Array.from(values);
  return all.map((value, at) => {
    const row = all.slice(at - (at % width), at - (at % width) + width);
    return value / Math.hypot(...row);
  });
}

describe("weights beyond the size of a file", () => {
  const told = async (folder: string): Promise<unknown> =>
    JSON.parse(await readFile(join(folder, "config.json"), "utf8"))["transformers.js_config"];

  it("lie beside the graph in parts, which transformers.js finds", async () => {
    const folder = await tinyClassifier(join(root, "parts"), { initializer_range: 0.15 });
    const expected = await ours(folder);
    const { files, bytes } = await exportModel(folder, { maxFileSize: 30_000 });
    expect(files.map((file) => basename(file))).toEqual([
      ...["model.onnx", "model.onnx_data", "model.onnx_data_1", "model.onnx_data_2"],
    ]);
    const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(30_000);
    expect(bytes).toBe(sizes.reduce((sum, size) => sum + size));
    expect(await told(folder)).toEqual({ use_external_data_format: { "model.onnx": 3 } });
    const found = await theirs(folder, "classifier", "fp32");
    expect(closeness(found, expected)).toBeLessThan(1e-4);
  });

  it("of another dtype have parts of their own, and go when they fit", async () => {
    const folder = await tinyClassifier(join(root, "fewer"), { initializer_range: 0.15 });
    await exportModel(folder, { maxFileSize: 30_000 });
    await exportModel(folder, { maxFileSize: 30_000, dtype: "fp16" });
    expect(await told(folder)).toEqual({ use_external_data_format: { "model.onnx": 3, "model_fp16.onnx": 3 } });
    expect(closeness(await theirs(folder, "classifier", "fp16"), await ours(folder))).toBeLessThan(0.02);
    await exportModel(folder, { maxFileSize: 60_000 });
    expect(await told(folder)).toEqual({ use_external_data_format: { "model.onnx": 2, "model_fp16.onnx": 3 } });
    await exportModel(folder);
    expect(await told(folder)).toEqual({ use_external_data_format: { "model_fp16.onnx": 3 } });
    expect((await readdir(join(folder, "onnx"))).sort()).toEqual([
      ...["model.onnx", "model_fp16.onnx", "model_fp16.onnx_data", "model_fp16.onnx_data_1", "model_fp16.onnx_data_2"],
    ]);
    expect(closeness(await theirs(folder, "classifier", "fp32"), await ours(folder))).toBeLessThan(1e-4);
  });

  it("leave other settings of transformers.js as they are", async () => {
    const folder = await tinyClassifier(join(root, "settings"));
    const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
    const settings = { dtype: "fp32", use_external_data_format: { "other.onnx": 1 } };
    await writeFile(join(folder, "config.json"), JSON.stringify({ ...config, "transformers.js_config": settings }));
    await exportModel(folder, { maxFileSize: 60_000 });
    expect(await told(folder)).toEqual({
      dtype: "fp32",
      use_external_data_format: { "other.onnx": 1, "model.onnx": 2 },
    });
  });

  it("a size that is none is refused", async () => {
    const error = { code: "INVALID_OPTION", message: expect.stringContaining("maxFileSize") };
    await expect(exportModel("nowhere", { maxFileSize: 10 })).rejects.toMatchObject(error);
  });
});

describe("a checkpoint of half precision", () => {
  it("becomes float32, so that its products are quantized too", async () => {
    const folder = await writeCheckpoint(caseOf("BertModel"), join(root, "halved"));
    const path = join(folder, "model.safetensors");
    const { tensors } = await readHeader(path);
    const rows = [...tensors].map(([name, { shape }]) => ({
      ...{ name, dtype: "F16" as const, shape, data: Uint16Array.from(elements(name, shape), toHalf) },
    }));
    await writeSafetensors(path, rows);
    const model = await loadClass(folder);
    await exportModel(folder, { dtype: "q8" });
    expect(await worstOf(caseOf("BertModel"), folder, "AutoModel", "q8")).toBeLessThan(0.1);
    await exportModel(folder);
    expect(await worstOf(caseOf("BertModel"), folder, "AutoModel", "fp32")).toBeLessThan(2e-3);
    const [full, small] = await Promise.all(
      ["model.onnx", "model_quantized.onnx"].map(async (file) =>
        (await readFile(join(folder, "onnx", file))).toString("latin1"),
      ),
    );
    expect(full).toContain("encoder.layer.0.attention.self.query.weight");
    expect(full?.length).toBeGreaterThan(model.parameterCount() * 4);
    expect(small?.split("MatMulInteger").length).toBe(2 * 6 + 1);
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

  it("packBlocks puts 32 weights of 4 bits in 16 bytes, the largest at the lowest step", () => {
    const row = Array.from({ length: 32 }, (_, at) => (at === 1 ? 4 : at === 2 ? -1 : at === 3 ? 0.74 : 0));
    const { bytes, scales } = packBlocks(Float32Array.from([...row, 1, ...row.map((weight) => -weight), 0]), 2, 33);
    expect([...scales]).toEqual([-0.5, -0.125, 0.5, 0]);
    const zeros = new Array<number>(14).fill(0x88);
    expect([...bytes.subarray(0, 16)]).toEqual([0x08, 0x7a, ...zeros]); // 4 → -8, -1 → 2, 0.74 → -1
    expect([...bytes.subarray(16, 32)]).toEqual([0x80, 0x88, ...zeros]); // one weight, and what fills the block up
    expect([...bytes.subarray(32, 48)]).toEqual([0x08, 0x7a, ...zeros]);
    expect([...bytes.subarray(48)]).toEqual([0x88, 0x88, ...zeros]);
  });

  it("a product of 4 bits is that with the weights that the blocks stand for", () => {
    for (const [inputs, isTurned] of [
      [64, true],
      [48, false],
      [33, true],
    ] as const) {
      const weight = Float32Array.from({ length: 20 * inputs }, (_, at) => Math.sin(at * at));
      const matrix = fromTypedArray(
        isTurned ? weight : transposed(weight, 20, inputs),
        isTurned ? [20, inputs] : [inputs, 20],
      );
      const x = symbolic("x", ["rows", inputs], "float32");
      const model = portableModel({ inputs: [x], outputs: { y: x.matmul(isTurned ? matrix.t() : matrix) } }, new Map());
      const given = Float32Array.from({ length: 3 * inputs }, (_, at) => Math.cos(at));
      const stored = inBlocks(weight, 20, inputs);
      const wanted = Array.from({ length: 60 }, (_, at) => {
        const [row, output] = [Math.floor(at / 20), at % 20];
        return range(inputs).reduce(
          (sum, k) => sum + (given[row * inputs + k] ?? 0) * (stored[output * inputs + k] ?? 0),
          0,
        );
      });
      const session = new Session(encodeModel(quantizeBlocks(model)), ["y"], {});
      const { y } = session.run({ x: nativeTensor("float32", given, [3, inputs]) });
      session.release();
      // The kernel rounds what it is given to 8 bits.
      const most = Math.max(...wanted.map(Math.abs));
      expect(closeness(Array.from(y?.data ?? [], Number), wanted) / most).toBeLessThan(0.02);
    }
  });

  it("transposed turns rows into columns", () => {
    expect([...transposed(Float32Array.from([1, 2, 3, 4, 5, 6]), 2, 3)]).toEqual([1, 4, 2, 5, 3, 6]);
  });
});
