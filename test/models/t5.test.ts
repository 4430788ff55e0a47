// T5 beyond the outputs of its classes: buckets of distances, names in checkpoints, a training step, texts, traced graphs, against
// transformers. The values come from test/goldens/models/t5.py.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { T5ForConditionalGeneration, Tensor } from "@huggingface/transformers";
import { afterAll, describe, expect, it } from "vitest";
import { type GenerateOptions, generateSequences } from "../../src/generate/generate.ts";
import { makeSeq2SeqDecoder, type SourceBatch } from "../../src/generate/seq2seq-decoder.ts";
import { fromConfig, loadClass, savePretrained } from "../../src/models/auto.ts";
import { AutoModel } from "../../src/models/auto-model.ts";
import { Seq2SeqModel } from "../../src/models/seq2seq.ts";
import { traceDecoder, traceEncoder } from "../../src/models/seq2seq-trace.ts";
import { T5EncoderModel } from "../../src/models/t5.ts";
import { relativeBuckets } from "../../src/models/t5-stack.ts";
import { traceModel } from "../../src/models/trace.ts";
import { functional as F } from "../../src/nn/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { compileGraph, exportOnnx, type Feed, Generator, noGrad, tensor } from "../../src/tensor/index.ts";
import { padBatch } from "../../src/text/tokenizer.ts";
import { elements, type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";

interface Text {
  title: string;
  case: number;
  rows: number[][];
  options: Record<string, number | boolean>;
  out: number[][];
}

const goldens: {
  cases: ModelCase[];
  texts: Text[];
  training: { case: number; labels: number[][]; loss: number; norms: Record<string, number> };
  fresh: Record<string, number>;
  buckets: { isBidirectional: boolean; buckets: number; farthest: number; of: number[] }[];
} = JSON.parse(readFileSync(packageFile("test", "goldens", "models", "t5.json"), "utf8"));

const scratch = mkdtempSync(join(tmpdir(), "abrazo-t5-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let made = 0;
const fresh = (): string => join(scratch, String(made++));

function caseOf(note: string, name = "T5ForConditionalGeneration"): ModelCase {
  const found = goldens.cases.find((row) => row.note === note && row.config.architectures[0] === name);
  if (found === undefined) throw new Error(`no case ${note}`);
  return found;
}

async function load(row: ModelCase, changes: Parameters<typeof writeCheckpoint>[2] = {}): Promise<Seq2SeqModel> {
  const model = await loadClass(await writeCheckpoint(row, fresh(), changes));
  if (!(model instanceof Seq2SeqModel)) throw new Error("no model with a decoder");
  return model;
}

const int64 = (values: unknown) => tensor(values as number[][], { dtype: "int64" }); // safe because goldens hold rows of ids

const inputsOf = ({ inputs }: ModelCase) => ({
  inputIds: int64(inputs.inputIds),
  attentionMask: int64(inputs.attentionMask),
  decoderInputIds: int64(inputs.decoderInputIds),
});

function expectClose(
  actual: ArrayLike<number | bigint> | undefined,
  wanted: readonly number[],
  tolerance = 1e-4,
): void {
  const values = Array.from(actual ?? [], Number);
  expect(values.length).toBe(wanted.length);
  expect(Math.max(...wanted.map((value, at) => Math.abs((values[at] ?? Number.NaN) - value)))).toBeLessThan(tolerance);
}

it.each(goldens.buckets)("puts distances to $farthest in $buckets buckets, two-sided: $isBidirectional", (row) => {
  expect(relativeBuckets(row.isBidirectional, row.buckets, row.farthest)).toEqual(row.of);
});

describe("checkpoints", () => {
  it.each(["encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"])(
    "may name the word table %s alone",
    async (name) => {
      const row = caseOf("");
      const model = await load(row, { rename: (own) => (own === "shared.weight" ? name : own) });
      const table = [...model.stateDict()].find(([own]) => own === "shared.weight")?.[1];
      expectClose(table?.dataSync(), [...elements("shared.weight", [24, 16])], 1e-7);
    },
  );

  it("with a head that differs from the table keep it, whatever the config says of ties", async () => {
    const { config, ...row } = caseOf("version 1.1");
    const { tie_word_embeddings: _, ...rest } = config;
    const saved = {
      ...row,
      config: { ...rest, architectures: config.architectures, tie_word_embeddings: true, scale_decoder_outputs: false },
    };
    const model = await load(saved);
    expectClose(noGrad(() => model(inputsOf(saved)).logits).dataSync(), row.outputs.logits?.data ?? []);
    const out = fresh();
    await savePretrained(model, out);
    const again = await loadClass(out);
    expect([...again.namedParameters()].map(([name]) => name)).toContain("lm_head.weight");
  });

  it("without a head use the table, tied, and are saved without one", async () => {
    const row = caseOf("version 1.1");
    const model = await load(row, { rename: (own) => (own === "lm_head.weight" ? undefined : own) });
    const names = [...model.namedParameters()].map(([name]) => name);
    expect(names).toContain("shared.weight");
    expect(names).not.toContain("lm_head.weight");
  });

  it("of a whole model give an encoder alone", async () => {
    const row = caseOf("");
    const model = await AutoModel.fromPretrained(await writeCheckpoint(row, fresh()));
    expect(model).toBeInstanceOf(T5EncoderModel);
    const wanted = caseOf("", "T5EncoderModel");
    const { inputIds, attentionMask } = inputsOf(row);
    const { lastHiddenState } = noGrad(() => model({ inputIds, attentionMask }));
    expectClose(lastHiddenState.dataSync(), wanted.outputs.lastHiddenState?.data ?? []);
  });

  it("ignore the bias table that old ones have in their second attention", async () => {
    const row = caseOf("");
    const old = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight";
    await load({ ...row, tensors: { ...row.tensors, [old]: [8, 3] } });
  });
});

it("starts with fresh weights of transformers' sizes", () => {
  const sizes = { vocab_size: 24, d_model: 64, d_kv: 8, d_ff: 96, num_layers: 1, num_heads: 4 };
  const config = {
    model_type: "t5",
    architectures: ["T5ForConditionalGeneration"],
    ...sizes,
    initializer_factor: 0.5,
    feed_forward_proj: "gated-gelu",
  };
  const model = fromConfig(config, new Generator(1));
  for (const [name, weight] of model.namedParameters()) {
    const wanted = goldens.fresh[name] ?? Number.NaN;
    const actual = weight.ndim > 1 ? weight.std().itemSync() : weight.mean().itemSync();
    expect(Math.abs(Number(actual) / wanted - 1), name).toBeLessThan(name.includes("bias") ? 0.35 : 0.1);
  }
});

it("refuses to be called without what its decoder has said", async () => {
  const model = await load(caseOf(""));
  const { inputIds, attentionMask } = inputsOf(caseOf(""));
  const call = model as unknown as (inputs: object) => unknown; // safe because the call is meant to fail
  expect(() => call({ inputIds, attentionMask })).toThrow(expect.objectContaining({ code: "DECODER_INPUTS_MISSING" }));
});

it("learns as in PyTorch: loss, and the gradient of every weight", async () => {
  const { training } = goldens;
  const row = goldens.cases[training.case];
  if (row === undefined) throw new Error("no case");
  const model = (await load(row)).requiresGrad_(true);
  const labels = int64(training.labels);
  const decoderInputIds = model.shiftRight(labels);
  expect(decoderInputIds.tolistSync()).toEqual([
    [0, 5, 9, 3],
    [0, 12, 1, 0],
  ]);
  const { logits } = model({ ...inputsOf(row), decoderInputIds });
  const loss = F.crossEntropy(logits.flatten(0, 1), labels.flatten());
  loss.backward();
  expect(Number(loss.itemSync())).toBeCloseTo(training.loss, 5);
  const norms = [...model.namedParameters()].map(
    ([name, { grad }]) => [name, Number(grad?.norm().itemSync())] as const,
  );
  expect(norms.map(([name]) => name).sort()).toEqual(Object.keys(training.norms).sort());
  for (const [name, norm] of norms) {
    const wanted = training.norms[name] ?? Number.NaN;
    expect(Math.abs(norm - wanted), name).toBeLessThan(1e-3 * wanted + 1e-6);
  }
});

// --- texts ---

function sourceOf(rows: readonly number[][]): SourceBatch {
  const { inputIds, attentionMask } = padBatch(rows, 0);
  return { inputIds, attentionMask, rows: rows.length };
}

const WIRE: Readonly<Record<string, string>> = { eos_token_id: "eosTokenIds" };
const camel = (name: string): string =>
  WIRE[name] ?? name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const optionsOf = (options: Text["options"]): GenerateOptions => ({
  decoderStartTokenId: 0,
  ...Object.fromEntries(Object.entries(options).map(([name, value]) => [camel(name), value])),
});

/** New tokens of a row of Python's, which fills rows up behind their end. */
function untilEnd([, ...ids]: readonly number[], end: number): number[] {
  const at = ids.indexOf(end);
  return at < 0 ? ids : ids.slice(0, at + 1);
}

const started = (count: number) => Array.from({ length: count }, () => ({ ids: [], seed: 0 }));

describe.each(goldens.texts.map((row) => [`${row.title}, ${goldens.cases[row.case]?.note}`, row] as const))(
  "%s",
  (_, row) => {
    const end = Number(row.options["eos_token_id"]);
    const wanted = row.out.map((ids) => untilEnd(ids, end));
    const { case: at, rows, options } = row;

    it("gives Python's texts, all sources side by side", async () => {
      const decoder = makeSeq2SeqDecoder(await load(goldens.cases[at] ?? caseOf("")));
      const texts = await generateSequences(decoder.from(sourceOf(rows)), started(rows.length), optionsOf(options));
      expect(texts.map(({ ids }) => ids)).toEqual(wanted);
      decoder.dispose();
    });

    it("gives them one source at a time too", async () => {
      const decoder = makeSeq2SeqDecoder(await load(goldens.cases[at] ?? caseOf("")));
      const copies = Number(options["num_return_sequences"] ?? 1);
      for (const [place, source] of rows.entries()) {
        const texts = await generateSequences(decoder.from(sourceOf([source])), started(1), optionsOf(options));
        expect(texts.map(({ ids }) => ids)).toEqual(wanted.slice(place * copies, (place + 1) * copies));
      }
      decoder.dispose();
    });
  },
);

describe("a decoder", () => {
  const ROWS = goldens.texts[0]?.rows ?? [];

  async function withDecoder(check: (decoder: ReturnType<typeof makeSeq2SeqDecoder>) => Promise<void>): Promise<void> {
    const decoder = makeSeq2SeqDecoder(await load(caseOf("version 1.1")));
    await check(decoder);
    decoder.dispose();
  }

  it("gives the logits of the whole model, step by step, also when rows part and come together", () =>
    withDecoder(async (decoder) => {
      const model = await load(caseOf("version 1.1"));
      const decoding = decoder.start(sourceOf(ROWS));
      const texts = ROWS.map((_, row) => [0, 5 + row]);
      const step = (columns: number, rows: number[][]) => ({
        inputIds: BigInt64Array.from(rows.flatMap((row) => row.slice(-columns)).map(BigInt)),
        attentionMask: new BigInt64Array(rows.length * (rows[0]?.length ?? 0)).fill(1n),
        positionIds: new BigInt64Array(rows.length * columns),
        rows: rows.length,
      });
      const expected = (sources: readonly number[], rows: number[][]): Float32Array[] => {
        const { inputIds, attentionMask, rows: count } = sourceOf(sources.map((at) => ROWS[at] ?? []));
        const shape = [count, inputIds.length / count];
        const whole = (data: BigInt64Array) => int64([...data].map(Number)).reshape(shape);
        const call = { inputIds: whole(inputIds), attentionMask: whole(attentionMask), decoderInputIds: int64(rows) };
        const { logits } = noGrad(() => model({ ...call, lastOnly: true }));
        const data = Float32Array.from(logits.dataSync(), Number);
        return rows.map((_, row) => data.subarray(row * 24, (row + 1) * 24));
      };
      const compare = (actual: Float32Array[], wanted: Float32Array[]) => {
        for (const [row, values] of wanted.entries()) expectClose(actual[row], [...values]);
      };
      compare(await decoding.step(step(2, texts)), expected([0, 1, 2, 3], texts));
      decoding.keep([3, 1, 1, 0, 3]);
      const next = [3, 1, 1, 0, 3].map((row, at) => [...(texts[row] ?? []), 9 + at]);
      compare(await decoding.step(step(1, next)), expected([3, 1, 1, 0, 3], next));
      decoding.keep([4, 2, 1, 3, 0]);
      const last = [4, 2, 1, 3, 0].map((row, at) => [...(next[row] ?? []), 2 * at]);
      compare(await decoding.step(step(1, last)), expected([3, 1, 1, 0, 3], last));
      decoding.dispose?.();
    }));

  it("verifies drafts", () =>
    withDecoder(async (decoder) => {
      const source = sourceOf(ROWS.slice(2, 3));
      const options = { decoderStartTokenId: 0, maxNewTokens: 30 };
      const [alone] = await generateSequences(decoder.from(source), started(1), options);
      const drafted = await generateSequences(decoder.from(source), started(1), {
        ...options,
        promptLookupNumTokens: 4,
      });
      expect(drafted[0]?.ids).toEqual(alone?.ids);
      const both = generateSequences(decoder.from(sourceOf(ROWS)), started(4), {
        ...options,
        promptLookupNumTokens: 4,
      });
      await expect(both).rejects.toMatchObject({ code: "SOURCE_ROWS" });
    }));

  it("is made of models with an encoder and a decoder alone", async () => {
    const encoder = await loadClass(await writeCheckpoint(caseOf("", "T5EncoderModel"), fresh()));
    expect(() => makeSeq2SeqDecoder(encoder)).toThrow(expect.objectContaining({ code: "NOT_A_DECODER" }));
  });
});

// --- traced graphs ---

describe("traced graphs", () => {
  const wantedOf = (row: ModelCase) => row.outputs.logits?.data ?? [];
  const feed = (values: unknown): Feed => {
    const ids = int64(values);
    return { data: BigInt64Array.from(ids.dataSync(), BigInt), shape: ids.shape };
  };
  const column = (values: unknown, at: number): number[][] => (values as number[][]).map((row) => [row[at] ?? 0]); // safe because goldens hold rows of ids

  /** Inputs of the source in the names of a decoder. */
  function encoded(row: ModelCase, model: Seq2SeqModel) {
    const encoder = compileGraph(traceEncoder(model));
    const mask = feed(row.inputs.attentionMask);
    const { last_hidden_state: states } = encoder.run({ input_ids: feed(row.inputs.inputIds), attention_mask: mask });
    encoder.dispose();
    if (states === undefined) throw new Error("no states");
    return { encoder_hidden_states: states, encoder_attention_mask: mask };
  }

  const presentAsPast = (results: Record<string, Feed>): Record<string, Feed> =>
    Object.fromEntries(
      Object.entries(results).flatMap(([name, value]) =>
        name.startsWith("present") ? [[name.replace("present", "past_key_values"), value] as const] : [],
      ),
    );

  /** Runs the decoder over all columns one by one; `first` and `next` run the first step and those after it. */
  function stepwise(
    row: ModelCase,
    first: (ids: Feed) => Record<string, Feed>,
    next: (ids: Feed, past: Record<string, Feed>) => Record<string, Feed>,
  ): number[][][] {
    const columns = int64(row.inputs.decoderInputIds).size(1);
    let past: Record<string, Feed> = {};
    const logits: number[][][] = [];
    for (let at = 0; at < columns; at++) {
      const ids = feed(column(row.inputs.decoderInputIds, at));
      const results = at === 0 ? first(ids) : next(ids, past);
      past = { ...past, ...presentAsPast(results) };
      const data = Float32Array.from(results["logits"]?.data ?? [], Number);
      logits.push([[...data.subarray(0, 24)], [...data.subarray(24)]]);
    }
    return logits;
  }

  function expectLogits(row: ModelCase, logits: number[][][]): void {
    const joined = [0, 1].flatMap((text) => logits.flatMap((step) => step[text] ?? []));
    expectClose(joined, wantedOf(row));
  }

  const variants = ["", "more layers in the decoder", "version 1.1"];

  it.each(variants)("of a whole text: %s", async (note) => {
    const row = caseOf(note);
    const model = await load(row);
    const decoder = compileGraph(traceDecoder(model));
    const ids = feed(row.inputs.decoderInputIds);
    expectClose(decoder.run({ ...encoded(row, model), input_ids: ids })["logits"]?.data as Float32Array, wantedOf(row)); // safe because logits are float32
    const whole = compileGraph(traceModel(model));
    const inputs = { input_ids: feed(row.inputs.inputIds), attention_mask: feed(row.inputs.attentionMask) };
    expectClose(whole.run({ ...inputs, decoder_input_ids: ids })["logits"]?.data as Float32Array, wantedOf(row)); // safe because logits are float32
  });

  it.each(variants)("of a first step and of steps with a past: %s", async (note) => {
    const row = caseOf(note);
    const model = await load(row);
    const first = compileGraph(traceDecoder(model, { past: "none" }));
    const next = compileGraph(traceDecoder(model, { past: "always" }));
    const source = encoded(row, model);
    const { encoder_attention_mask } = source;
    const logits = stepwise(
      row,
      (ids) => first.run({ ...source, input_ids: ids }),
      (ids, past) => next.run({ encoder_attention_mask, input_ids: ids, ...past }),
    );
    expectLogits(row, logits);
  });

  it.each(variants)("of both kinds of step, with a past that may have no elements: %s", async (note) => {
    const row = caseOf(note);
    const model = await load(row);
    const traced = traceDecoder(model, { past: "either" });
    const merged = compileGraph(traced);
    const source = encoded(row, model);
    const { layers, heads, width } = model.cacheLayout;
    const names = Array.from({ length: layers }, (_, layer) =>
      ["decoder", "encoder"].flatMap((side) =>
        ["key", "value"].map((part) => `past_key_values.${layer}.${side}.${part}`),
      ),
    ).flat();
    const nothing = { data: new Float32Array(0), shape: [2, heads, 0, width] };
    const empty = Object.fromEntries(names.map((name) => [name, nothing]));
    const logits = stepwise(
      row,
      (ids) => merged.run({ ...source, input_ids: ids, ...empty }),
      (ids, past) => merged.run({ ...source, input_ids: ids, ...past }),
    );
    expectLogits(row, logits);
    expect(exportOnnx(traced).length).toBeGreaterThan(1000);
  });

  it("write Python's texts in transformers.js", async () => {
    const text = goldens.texts.find(
      ({ case: at, title }) => title === "greedy" && goldens.cases[at]?.note === "version 1.1",
    );
    const row = caseOf("version 1.1");
    const folder = await writeCheckpoint(row, fresh());
    const model = await load(row);
    const files = { encoder_model: traceEncoder(model), decoder_model_merged: traceDecoder(model, { past: "either" }) };
    mkdirSync(join(folder, "onnx"));
    for (const [name, traced] of Object.entries(files))
      writeFileSync(join(folder, "onnx", `${name}.onnx`), exportOnnx(traced));
    const { rows = [], out = [], options = {} } = text ?? {};
    const other = await T5ForConditionalGeneration.from_pretrained(folder, { dtype: "fp32", local_files_only: true });
    for (const [place, ids] of rows.entries()) {
      const whole = (values: readonly number[]) =>
        new Tensor("int64", BigInt64Array.from(values.map(BigInt)), [1, values.length]);
      const inputs = { inputs: whole(ids), attention_mask: whole(ids.map(() => 1)) };
      const given = await other.generate({ ...inputs, ...options, decoder_start_token_id: 0 } as never); // safe because it takes options of generation_config.json
      const [texts = []] = (given as InstanceType<typeof Tensor>).tolist() as bigint[][]; // safe because ids are asked for, not scores
      expect(texts.slice(1).map(Number)).toEqual(untilEnd(out[place] ?? [], Number(options["eos_token_id"])));
    }
    await other.dispose();
  });
});
