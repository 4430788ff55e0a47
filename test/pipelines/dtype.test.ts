// Weights of safetensors in 8 and 4 bits: near what float32 gives, equal to what the exported file of that type gives, and small.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { cp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { exportModel, pipeline } from "../../pipelines/index.ts";
import { ImageProcessor } from "../../src/data/index.ts";
import { makeDecoder } from "../../src/generate/kv-cache.ts";
import { makeSeq2SeqDecoder } from "../../src/generate/seq2seq-decoder.ts";
import { toBfloat16, toHalf, widenBfloat16 } from "../../src/graph/half.ts";
import { readHeader, writeSafetensors } from "../../src/io/safetensors.ts";
import { loadClass, loadPretrained } from "../../src/models/auto.ts";
import { INPUT_NAMES, OUTPUT_NAMES } from "../../src/models/inputs.ts";
import { addAdapter, saveAdapter } from "../../src/models/lora.ts";
import { adapterWeights } from "../../src/models/lora-layers.ts";
import { traceStep } from "../../src/models/seq2seq-trace.ts";
import { traceModel } from "../../src/models/trace.ts";
import { encodeModel, type OnnxModel } from "../../src/onnx/proto.ts";
import { quantizeBlocks, quantizeModel } from "../../src/onnx/quantize.ts";
import { nativeTensor, Session } from "../../src/onnx/runtime.ts";
import { packageFile } from "../../src/package-root.ts";
import {
  compileGraph,
  type Feed,
  fromTypedArray,
  Generator,
  portableModel,
  symbolic,
  type Traced,
  uniform,
} from "../../src/tensor/index.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { elements, MODEL_CASES, type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

const root = mkdtempSync(join(tmpdir(), "abrazo-dtype-"));
afterAll(() => rmSync(root, { recursive: true }));

const DTYPES = ["q8", "q4"] as const;
const QUANTIZE = { q8: quantizeModel, q4: quantizeBlocks } as const;
const CLASSIFIER = packageFile("pipelines", "defaults", "text-classification");
const WRITER = packageFile("pipelines", "defaults", "text-generation");

type Results = Readonly<Record<string, ArrayLike<number>>>;

function nativeResults(traced: Traced, feeds: Record<string, Feed>, dtype: "fp32" | "q8" | "q4"): Results {
  const graph = compileGraph(traced, { dtype });
  const results = graph.run(feeds);
  graph.dispose();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array])); // safe because outputs are float32
}

/** What the file of that type gives. */
function exportedResults(traced: Traced, feeds: Record<string, Feed>, dtype: "q8" | "q4"): Results {
  const model = QUANTIZE[dtype](portableModel(traced, new Map()));
  const session = new Session(encodeModel(model), Object.keys(traced.outputs), {});
  const natives = Object.entries(feeds).map(([name, { data, shape }]) => {
    return [name, nativeTensor(data instanceof Float32Array ? "float32" : "int64", data, shape)] as const;
  });
  const results = session.run(Object.fromEntries(natives));
  session.release();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array])); // safe because outputs are float32
}

/** The largest difference between results, as a share of the largest value. */
function apart(some: Results, others: Results): number {
  const shares = Object.entries(others).map(([name, values]) => {
    const [found, wanted] = [Array.from(some[name] ?? []), Array.from(values)];
    expect(found).toHaveLength(wanted.length);
    const most = Math.max(...wanted.map(Math.abs));
    return Math.max(...found.map((value, at) => Math.abs(value - (wanted[at] ?? Number.NaN)))) / most;
  });
  return Math.max(...shares);
}

type Values = number | readonly Values[];
const sizesOf = (values: Values): number[] =>
  typeof values === "number" ? [] : [values.length, ...sizesOf(values[0] ?? [])];
const flatOf = (values: Values): number[] => (typeof values === "number" ? [values] : values.flatMap(flatOf));

function caseOf(name: string): ModelCase {
  const found = MODEL_CASES.find(({ config, note }) => config.architectures[0] === name && note === "");
  if (found === undefined) throw new Error(`no case of ${name}`);
  return found;
}

/** The inputs of a case by wire name; places and segments where the model takes some and the case gives none. */
function feedsOf({ inputs }: ModelCase, names: readonly string[]): Record<string, Feed> {
  const ids = (inputs.inputIds ?? []) as Values[][]; // safe because ids are rows of numbers
  const more = {
    positionIds: ids.map((row) => row.map((_, at) => at)),
    tokenTypeIds: ids.map((row) => row.map(() => 0)),
    attentionMask: ids.map((row) => row.map(() => 1)),
  };
  const rows = Object.entries({ ...more, ...inputs }).flatMap(([name, values]) => {
    if (!names.includes(name)) return [];
    const [numbers, shape] = [flatOf(values), sizesOf(values)];
    const data = name === "pixelValues" ? Float32Array.from(numbers) : BigInt64Array.from(numbers, BigInt);
    return [[INPUT_NAMES[name as keyof typeof INPUT_NAMES], { data, shape }] as const]; // safe because cases name inputs as ours
  });
  return Object.fromEntries(rows);
}

// Layers of the cases are narrow, so that errors do not even out: what a real model loses is measured below.
const BOUNDS = { q8: 0.1, q4: 0.5 } as const;
/** Sixteen numbers wide, with heads of two: half of what 4 bits keep of it is noise. */
const WIDER: Readonly<Record<string, number>> = { LlamaForCausalLM: 0.85 };

describe.each([
  "BertModel",
  "BertForMaskedLM",
  "DistilBertForTokenClassification",
  "RobertaForSequenceClassification",
  "AlbertForMaskedLM",
  "GPT2LMHeadModel",
  "LlamaForCausalLM",
  "Qwen3ForCausalLM",
  "ViTForImageClassification",
  "CLIPModel",
])("%s from safetensors", (name) => {
  const row = caseOf(name);
  it.each(DTYPES)("in %s gives what its export gives, near float32", async (dtype) => {
    const model = await loadClass(await writeCheckpoint(row, join(root, name)));
    const traced = traceModel(model);
    const feeds = feedsOf(row, model.inputs);
    const found = nativeResults(traced, feeds, dtype);
    expect(apart(found, exportedResults(traced, feeds, dtype))).toBeLessThan(1e-5);
    const full = nativeResults(traced, feeds, "fp32");
    const wanted = Object.entries(row.outputs).map(([output, { data }]) => {
      return [OUTPUT_NAMES[output as keyof typeof OUTPUT_NAMES], data] as const; // safe because cases name outputs as ours
    });
    expect(apart(found, Object.fromEntries(wanted))).toBeLessThan(
      (dtype === "q4" ? WIDER[name] : undefined) ?? BOUNDS[dtype],
    );
    expect(apart(found, full), "it is another computation").toBeGreaterThan(1e-4);
  });
});

describe("a step of a decoder", () => {
  it.each(DTYPES)("in %s gives what its export gives, near float32, each row as alone", async (dtype) => {
    const model = await loadPretrained(await tinyLanguageModel(join(root, "step")));
    const traced = traceModel(model, { present: "new" });
    const step = (rows: number[][]): Record<string, Feed> => {
      const past = traced.inputs.filter(({ node }) => node.shape.length === 4).length;
      const shape = [rows.length, rows[0]?.length ?? 0];
      const held = new Float32Array(rows.length * 4 * 3 * 8).map((_, at) => Math.sin(at % 96));
      const ids = (value: (id: number, at: number) => number, more = 0): Feed => ({
        data: BigInt64Array.from(
          rows.flatMap((row) => [...new Array<number>(more).fill(1), ...row].map(value)),
          BigInt,
        ),
        shape: [rows.length, (shape[1] ?? 0) + more],
      });
      const pairs = Array.from({ length: past / 2 }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat();
      return {
        ...{ input_ids: ids((id) => id), attention_mask: ids(() => 1, 3), position_ids: ids((_, at) => at + 3) },
        ...Object.fromEntries(
          pairs.map((pair) => [`past_key_values.${pair}`, { data: held, shape: [rows.length, 4, 3, 8] }]),
        ),
      };
    };
    const two = step([
      [5, 9],
      [11, 7],
    ]);
    const found = nativeResults(traced, two, dtype);
    expect(apart(found, exportedResults(traced, two, dtype))).toBeLessThan(1e-5);
    expect(apart(found, nativeResults(traced, two, "fp32"))).toBeLessThan(dtype === "q8" ? 0.03 : 0.75);
    const alone = nativeResults(traced, step([[5, 9]]), dtype);
    const first = Object.entries(alone).map(([output, values]) => {
      return [output, Array.from(found[output] ?? []).slice(0, values.length)] as const;
    });
    expect(apart(Object.fromEntries(first), alone)).toBeLessThan(1e-5);
  });

  it.each(DTYPES)("of a T5 in %s gives what its export gives, near float32", async (dtype) => {
    const model = await loadClass(await writeCheckpoint(caseOf("T5ForConditionalGeneration"), join(root, "t5")));
    const traced = traceStep(model as Parameters<typeof traceStep>[0]); // safe because a T5 has an encoder
    const feeds: Record<string, Feed> = Object.fromEntries(
      traced.inputs.map(({ node, dtype: own }, at) => {
        const sizes = node.shape.map((size) => (typeof size === "number" ? size : /\+/.test(size) ? 5 : 2));
        if (/^past_dec/.test(String(node.shape[2]))) sizes[2] = 3;
        const count = sizes.reduce((product, size) => product * size, 1);
        const floats = Float32Array.from({ length: count }, (_, index) => Math.sin(index + at));
        const data = own === "float32" ? floats : new BigInt64Array(count).fill(1n);
        return [String(node.attrs["name"]), { data, shape: sizes }];
      }),
    );
    const found = nativeResults(traced, feeds, dtype);
    expect(apart(found, exportedResults(traced, feeds, dtype))).toBeLessThan(1e-5);
    expect(apart(found, nativeResults(traced, feeds, "fp32"))).toBeLessThan(dtype === "q8" ? 0.05 : 0.6);
  });
});

/** Bytes of weights that a session has. */
const bytesOf = ({ initializers }: OnnxModel): number =>
  initializers.reduce((sum, { content }) => sum + ("bytes" in content ? content.bytes.length : content.length), 0);

describe("weights in memory", () => {
  it.each([
    [CLASSIFIER, "q8", 0.27],
    [CLASSIFIER, "q4", 0.24],
    [WRITER, "q8", 0.3],
    [WRITER, "q4", 0.17],
  ] as const)("of %s in %s are a share of the file", async (folder, dtype, share) => {
    const model = await loadPretrained(folder);
    const full = portableModel(traceModel(model, { present: "new" }), new Map());
    const small = QUANTIZE[dtype](full);
    expect(bytesOf(small) / bytesOf(full)).toBeLessThan(share);
    // Nothing is left of the floats but vectors, scales and the head of a classifier, which stays as it is.
    const left = small.initializers.filter(({ name, dims, dataType }) => {
      return dataType === 1 && dims.length === 2 && !name.endsWith("_scale") && (dims[0] ?? 0) >= 16;
    });
    const gemms = small.nodes.filter(({ opType }) => opType === "Gemm").map(({ inputs }) => inputs[1]);
    expect(left.map(({ name }) => name).filter((name) => !gemms.includes(name))).toEqual([]);
  });
});

describe("the file that quantized weights go through", () => {
  it.each(DTYPES)("is gone once the session of %s has them; where none can be written, memory does", async (dtype) => {
    const model = await loadPretrained(CLASSIFIER);
    const traced = traceModel(model);
    const ids = { data: BigInt64Array.of(2n, 4n, 5n, 7n, 3n), shape: [1, 5] };
    const feeds = { input_ids: ids, attention_mask: { data: ids.data.map(() => 1n), shape: [1, 5] } };
    const [before, folder] = [process.env["TMPDIR"], mkdtempSync(join(root, "temporary-"))];
    try {
      process.env["TMPDIR"] = folder;
      const through = nativeResults(traced, feeds, dtype);
      expect(readdirSync(folder)).toEqual([]);
      process.env["TMPDIR"] = join(folder, "nowhere");
      expect(nativeResults(traced, feeds, dtype)).toEqual(through);
      // What is thrown on the way leaves nothing either.
      process.env["TMPDIR"] = folder;
      const webgpu = () => compileGraph(traced, { device: "webgpu", dtype: "q8" });
      expect(webgpu).toThrow(expect.objectContaining({ code: "UNSUPPORTED_DTYPE" }));
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
    }
  });
});

describe("weights of half precision", () => {
  it.each(DTYPES)("are quantized to %s as their float32 numbers are", async (dtype) => {
    const folder = await tinyLanguageModel(join(root, `half-${dtype}`));
    const path = join(folder, "model.safetensors");
    const { tensors } = await readHeader(path);
    const names = [...tensors].map(([name, { shape }]) => ({ name, shape, data: elements(name, shape) }));
    const results: Results[] = [];
    for (const kind of ["F32", "BF16", "F16"] as const) {
      const rows = names.map(({ name, shape, data }) => {
        // Numbers that all three types have.
        const bits = Uint16Array.from(data, (value) => toBfloat16(Math.round(value * 64) / 64));
        const wide = widenBfloat16(bits);
        if (kind === "F32") return { name, shape, dtype: kind, data: wide };
        return { name, shape, dtype: kind, data: kind === "BF16" ? bits : Uint16Array.from(wide, toHalf) };
      });
      await writeSafetensors(path, rows);
      const decoder = makeDecoder(await loadPretrained(folder), { dtype });
      const ids = BigInt64Array.of(5n, 9n, 2n);
      const step = {
        inputIds: ids,
        attentionMask: ids.map(() => 1n),
        positionIds: BigInt64Array.of(0n, 1n, 2n),
        rows: 1,
      };
      const [logits = new Float32Array()] = await decoder.start().step(step);
      results.push({ logits });
      decoder.dispose();
    }
    const [single = {}, ...halves] = results;
    for (const half of halves) expect(apart(half, single)).toBeLessThan(1e-5);
  });
});

describe("pipelines", () => {
  const TEXTS = [
    "I love it!",
    "What a waste of time.",
    "It isn't good, but I liked the end.",
    "a dull film about nothing",
    "This is the best book I have read in years, and I have read many.",
  ];

  it.each([
    ["q8", 0.03],
    ["q4", 0.1],
  ] as const)("classify in %s as in float32, by scores within %f", async (dtype, most) => {
    const [full, small] = [
      await pipeline("text-classification", CLASSIFIER),
      await pipeline("text-classification", CLASSIFIER, { dtype }),
    ];
    expect(small.runtime).toBe("native");
    const [wanted, found] = [await full(TEXTS), await small(TEXTS)];
    expect(found.map(({ label }) => label)).toEqual(wanted.map(({ label }) => label));
    for (const [at, { score }] of found.entries())
      expect(Math.abs(score - (wanted[at]?.score ?? 0))).toBeLessThan(most);
    expect(found).not.toEqual(wanted);
    await Promise.all([full.dispose(), small.dispose()]);
  });

  it.each(DTYPES)("write in %s alone what they write together, and in pieces what they write whole", async (dtype) => {
    const write = await pipeline("text-generation", WRITER, { dtype });
    const prompts = ["This film", "I did not like the book because", "The acting"];
    const options = { maxNewTokens: 12, doSample: false };
    const together = await write(prompts, options);
    for (const [at, prompt] of prompts.entries()) expect(await write(prompt, options)).toEqual(together[at]);
    expect(await Promise.all(prompts.map((prompt) => write(prompt, options)))).toEqual(together);
    const pieces: string[] = [];
    for await (const piece of write.stream("This film", options)) pieces.push(piece);
    expect(`This film${pieces.join("")}`).toBe(together[0]?.[0]?.generatedText);
    const beams = await write("This film", { ...options, numBeams: 2, numReturnSequences: 2 });
    expect(new Set(beams.map(({ generatedText }) => generatedText)).size).toBe(2);
    const drafted = await write("This film", { ...options, promptLookupNumTokens: 2 });
    expect(drafted).toEqual(together[0]);
    await write.dispose();
  });

  it.each(DTYPES)("write texts from others in %s", async (dtype) => {
    const golden = JSON.parse(readFileSync(packageFile("test", "goldens", "pipelines", "text2text.json"), "utf8"));
    const folder = await writeCheckpoint(golden, join(root, "writes"));
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(golden.tokenizer));
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(golden.tokenizerConfig));
    const write = await pipeline("text2text-generation", folder, { dtype });
    const texts = ["a dog", "the cat is small"];
    // Activations of an encoder have one scale a run in 8 bits: what shares a batch changes them a little.
    const options = { maxNewTokens: 8, ...(dtype === "q8" ? { batchSize: 1 } : {}) };
    const together = await write(texts, options);
    expect(together).toHaveLength(2);
    for (const [at, text] of texts.entries()) expect(await write(text, options)).toEqual([together[at]]);
    await write.dispose();
  });

  it.each(DTYPES)("take a model of one's own in %s, its weights as they are now", async (dtype) => {
    const model = await loadPretrained(CLASSIFIER);
    const tokenizer = await Tokenizer.fromFolder(CLASSIFIER);
    const first = await pipeline("text-classification", model, { tokenizer, dtype });
    const stored = await pipeline("text-classification", CLASSIFIER, { dtype });
    expect(await first(TEXTS)).toEqual(await stored(TEXTS));
    for (const [name, weight] of model.namedParameters())
      if (/^classifier/.test(name)) weight.assign(fromTypedArray(new Float32Array(weight.numel()), weight.shape).node);
    const second = await pipeline("text-classification", model, { tokenizer, dtype });
    for (const { score } of await second(TEXTS)) expect(score).toBeCloseTo(0.5, 6);
    expect(await first(TEXTS)).toEqual(await stored(TEXTS));
    await Promise.all([first.dispose(), stored.dispose(), second.dispose()]);
  });
});

describe("an adapter on quantized weights", () => {
  it.each(DTYPES)("stays exact on %s", async (dtype) => {
    const model = await loadPretrained(await tinyClassifier(join(root, `lora-${dtype}`), { initializer_range: 0.15 }));
    addAdapter(model, { r: 16, targetModules: ["q_lin", "v_lin"], taskType: "SEQ_CLS" });
    const generator = new Generator(3);
    for (const [name, weight] of model.namedParameters())
      if (/lora_B/.test(name)) weight.assign(uniform(weight.shape, -0.3, 0.3, { generator }).settle().node);
    const exact = adapterWeights(model.eval());
    expect(exact).toHaveLength(8);
    const traced = traceModel(model);
    const ids = { data: BigInt64Array.of(2n, 4n, 5n, 7n, 3n), shape: [1, 5] };
    const feeds = { input_ids: ids, attention_mask: { data: ids.data.map(() => 1n), shape: [1, 5] } };
    const full = nativeResults(traced, feeds, "fp32");
    const rounded = nativeResults(traced, feeds, dtype);
    const graph = compileGraph(traced, { dtype, exact });
    const logits = graph.run(feeds)["logits"]?.data as Float32Array; // safe because logits are float32
    graph.dispose();
    expect(apart({ logits }, full)).toBeLessThan(dtype === "q8" ? 0.05 : 0.5);
    expect(apart({ logits }, rounded), "its matrices are not rounded").toBeGreaterThan(1e-6);
    const own = await pipeline("text-classification", model, {
      ...{ dtype, tokenizer: await Tokenizer.fromFolder(join(root, `lora-${dtype}`)) },
    });
    const stored = join(root, `adapter-${dtype}`);
    await saveAdapter(model, stored);
    const fed = await pipeline("text-classification", join(root, `lora-${dtype}`), {
      ...{ dtype, adapters: { mine: stored }, adapter: "mine" },
    });
    const options = { topK: null, functionToApply: "none" } as const;
    const [wanted, found] = [await own("i love this book", options), await fed("i love this book", options)];
    for (const [at, { score }] of found.entries()) expect(score).toBeCloseTo(wanted[at]?.score ?? Number.NaN, 4);
    await Promise.all([own.dispose(), fed.dispose()]);
  });

  it("weights that are named exact are not rounded, others are", () => {
    const x = symbolic("x", ["batch", 64], "float32");
    const generator = new Generator(1);
    const [first, second] = [uniform([64, 64], -1, 1, { generator }), uniform([64, 64], -1, 1, { generator })];
    const traced: Traced = {
      inputs: [x],
      outputs: { a: x.matmul(first.settle().transpose(0, 1)), b: x.matmul(second.settle().transpose(0, 1)) },
    };
    const feeds = { x: { data: Float32Array.from({ length: 64 }, (_, at) => Math.cos(at)), shape: [1, 64] } };
    const full = nativeResults(traced, feeds, "fp32");
    const graph = compileGraph(traced, { dtype: "q4", exact: [first] });
    const { a, b } = graph.run(feeds);
    graph.dispose();
    expect(apart({ a: a?.data as Float32Array }, { a: full["a"] ?? [] })).toBe(0); // safe because outputs are float32
    expect(apart({ b: b?.data as Float32Array }, { b: full["b"] ?? [] })).toBeGreaterThan(0.001); // safe because outputs are float32
  });
});

describe("what is not there is refused", () => {
  it.each([
    ["fp16", "abrazo export --dtype fp16"],
    ["int8", '"q8"'],
    ["uint8", '"q8"'],
    ["q4f16", '"q4"'],
    ["bnb4", '"q4"'],
  ] as const)("%s of safetensors, with what there is", async (dtype, hint) => {
    const refused = { code: "UNSUPPORTED_DTYPE", hint: expect.stringContaining(hint) };
    await expect(pipeline("text-classification", CLASSIFIER, { dtype })).rejects.toMatchObject(refused);
    const model = await loadPretrained(CLASSIFIER);
    const tokenizer = await Tokenizer.fromFolder(CLASSIFIER);
    await expect(pipeline("text-classification", model, { dtype, tokenizer })).rejects.toMatchObject(refused);
  });

  it("a name that is none", async () => {
    const model = await loadPretrained(await tinyLanguageModel(join(root, "none")));
    const wrong = { dtype: "q5" } as unknown as { dtype: "q4" }; // safe because this is what is tested
    expect(() => makeDecoder(model, wrong)).toThrow(expect.objectContaining({ code: "UNSUPPORTED_DTYPE" }));
    const t5 = await loadClass(join(root, "t5"));
    expect(() => makeSeq2SeqDecoder(t5, wrong)).toThrow(expect.objectContaining({ code: "UNSUPPORTED_DTYPE" }));
  });

  it("8 bits of an encoder on WebGPU, with what works there", async () => {
    const model = await loadPretrained(CLASSIFIER);
    expect(() => compileGraph(traceModel(model), { device: "webgpu", dtype: "q8" })).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED_DTYPE", hint: expect.stringContaining('"q4"') }),
    );
  });
});

describe("in a thread of its own", () => {
  it.each(DTYPES)("a model in %s gives what it gives here", async (dtype) => {
    const [there, here] = [
      await pipeline("text-classification", CLASSIFIER, { dtype, worker: true }),
      await pipeline("text-classification", CLASSIFIER, { dtype }),
    ];
    expect(await there(["I love it!"])).toEqual(await here(["I love it!"]));
    await Promise.all([there.dispose(), here.dispose()]);
  });
});

describe("a folder with files of several types", () => {
  it("runs its safetensors in the type that is asked for", async () => {
    const folder = join(root, "both");
    await cp(CLASSIFIER, folder, { recursive: true });
    await exportModel(folder, { dtype: "q4" });
    expect(readdirSync(join(folder, "onnx"))).toContain("model_q4.onnx");
    const classify = await pipeline("text-classification", folder, { dtype: "q4" });
    expect(classify.runtime).toBe("native");
    await classify.dispose();
  });
});

describe("images", () => {
  it.each(DTYPES)("are classified in %s", async (dtype) => {
    const folder = await writeCheckpoint(caseOf("ViTForImageClassification"), join(root, `vit-${dtype}`));
    const size = Number(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")).image_size);
    const settings = { image_processor_type: "ViTImageProcessor", size: { height: size, width: size } };
    await writeFile(join(folder, "preprocessor_config.json"), JSON.stringify(settings));
    const imageProcessor = await ImageProcessor.fromFolder(folder);
    const data = Uint8Array.from({ length: size * size * 3 }, (_, at) => (at * 37) % 256);
    const picture = { data, width: size, height: size, channels: 3 } as const;
    const scores: number[][] = [];
    for (const each of ["fp32", dtype] as const) {
      const classify = await pipeline("image-classification", folder, { dtype: each, imageProcessor });
      const labels = await classify(picture, { topK: null });
      scores.push([...labels].sort((a, b) => a.label.localeCompare(b.label)).map(({ score }) => score));
      await classify.dispose();
    }
    const [full = [], small = []] = scores;
    for (const [at, score] of small.entries()) expect(Math.abs(score - (full[at] ?? Number.NaN))).toBeLessThan(0.2);
  });
});
