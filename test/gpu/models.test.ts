// Every architecture on WebGPU gives what it gives on the CPU: outputs to a thousandth, and the same texts.
// The models are the cases of test/goldens/models, so that a new architecture comes with its own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { generateSequences } from "../../src/generate/generate.ts";
import { type Decoder, makeDecoder } from "../../src/generate/kv-cache.ts";
import { makeSeq2SeqDecoder } from "../../src/generate/seq2seq-decoder.ts";
import type { AnyModel } from "../../src/models/architecture.ts";
import { classOf, loadClass } from "../../src/models/auto.ts";
import { ARCHITECTURES } from "../../src/models/index.ts";
import { inputOf } from "../../src/models/inputs.ts";
import { Seq2SeqModel } from "../../src/models/seq2seq.ts";
import { traceDecoder, traceEncoder } from "../../src/models/seq2seq-trace.ts";
import { traceModel } from "../../src/models/trace.ts";
import { compileGraph, type Feed, type Traced } from "../../src/tensor/index.ts";
import { MODEL_CASES, type ModelCase, titleOf, writeCheckpoint } from "../support/model-goldens.ts";

const root = mkdtempSync(join(tmpdir(), "abrazo-gpu-models-"));
afterAll(() => rmSync(root, { recursive: true }));
let made = 0;
const load = async (row: ModelCase): Promise<AnyModel> =>
  loadClass(await writeCheckpoint(row, join(root, String(made++))));

/** Classes that write texts. */
const WRITING = /(LMHeadModel|ForCausalLM|ForConditionalGeneration)$/;

/** Of each architecture the first class without a head, and the first with one of every kind that writes texts or does not. */
const CASES = ARCHITECTURES.flatMap(({ modelType }) => {
  const own = MODEL_CASES.filter(({ config }) => config.model_type === modelType);
  const kinds = [/Model$/, /For(?!CausalLM|ConditionalGeneration)/, WRITING];
  return [...new Set(kinds.flatMap((kind) => own.find(({ config }) => kind.test(classOf(config))) ?? []))];
});

it("has a case of every architecture", () => {
  const named = CASES.map(({ config }) => config.model_type);
  for (const { modelType } of ARCHITECTURES) expect(named).toContain(modelType);
});

type Nested = number | readonly Nested[];
const sizesOf = (values: Nested): number[] =>
  typeof values === "number" ? [] : [values.length, ...sizesOf(values[0] ?? [])];
const flatOf = (values: Nested): number[] => (typeof values === "number" ? [values] : values.flatMap(flatOf));

/** What a case gives the model; segments and places where the case leaves them out. */
function feedsOf({ inputs }: ModelCase, model: AnyModel): Record<string, Feed> {
  const ids = inputs.inputIds ?? [];
  const feeds = model.inputs.map((name): [string, Feed] => {
    const { wire } = inputOf(name);
    const places = (row: Nested): number[] => flatOf(row).map((_, at) => (name === "positionIds" ? at : 0));
    const given: Nested = inputs[name] ?? ids.map(places);
    const data = flatOf(given);
    return [
      wire,
      {
        data: name === "pixelValues" ? Float32Array.from(data) : BigInt64Array.from(data, BigInt),
        shape: sizesOf(given),
      },
    ];
  });
  return Object.fromEntries(feeds);
}

type Results = Readonly<Record<string, Feed>>;

function run(traced: Traced, device: string, feeds: Readonly<Record<string, Feed>>): Results {
  const graph = compileGraph(traced, { device });
  const results = graph.run(feeds);
  graph.dispose();
  return results;
}

/** Of a model with an encoder: its states, and what the decoder makes of them. */
function seq2seqOutputs(model: Seq2SeqModel, device: string, row: ModelCase): Results {
  const [source, mask] = [row.inputs.inputIds ?? [], row.inputs.attentionMask ?? []].map(
    (values): Feed => ({ data: BigInt64Array.from(flatOf(values), BigInt), shape: sizesOf(values) }),
  );
  const ids = row.inputs.decoderInputIds ?? [[0], [0]];
  if (source === undefined || mask === undefined) throw new Error("a case lacks its source");
  const encoded = run(traceEncoder(model), device, { input_ids: source, attention_mask: mask });
  const states = encoded["last_hidden_state"];
  if (states === undefined) throw new Error("the encoder gives no states");
  const decoded = run(traceDecoder(model), device, {
    input_ids: { data: BigInt64Array.from(flatOf(ids), BigInt), shape: sizesOf(ids) },
    encoder_hidden_states: states,
    encoder_attention_mask: mask,
  });
  return { ...encoded, ...decoded };
}

function outputsOf(model: AnyModel, device: string, row: ModelCase): Results {
  if (model instanceof Seq2SeqModel) return seq2seqOutputs(model, device, row);
  return run(traceModel(model), device, feedsOf(row, model));
}

describe.each(CASES.map((row) => [titleOf(row), row] as const))("%s", (_, row) => {
  it("gives the outputs of the CPU", async () => {
    const model = await load(row);
    const [expected, found] = [outputsOf(model, "cpu", row), outputsOf(model, "webgpu", row)];
    expect(Object.keys(found)).toEqual(Object.keys(expected));
    for (const [name, { data, shape }] of Object.entries(expected)) {
      expect(found[name]?.shape, name).toEqual(shape);
      const other = found[name]?.data as Float32Array; // safe because models give float32
      const worst = Math.max(
        ...Array.from(data as Float32Array, (value, at) => Math.abs(value - (other[at] ?? Number.NaN))),
      ); // safe for the same reason
      expect(worst, name).toBeLessThan(1e-3);
    }
  });
});

const WRITERS = CASES.filter(({ config }) => WRITING.test(classOf(config)));

/** Three texts of several lengths, each with its logits; of a model with an encoder, made from them. */
async function texts(
  model: AnyModel,
  device: string,
  row: ModelCase,
): Promise<{ ids: number[]; logits: Float32Array[] }[]> {
  const options = { maxNewTokens: 8, eosTokenIds: [], padTokenId: 0, outputLogits: true };
  const prompts = [[5], [7, 3, 9], [2, 8]];
  const write = async (decoder: Decoder, starts: readonly number[][]) => {
    const written = await generateSequences(
      decoder,
      starts.map((ids) => ({ ids, seed: 0 })),
      options,
    );
    decoder.dispose();
    return written.map(({ ids, logits = [] }) => ({ ids, logits: [...logits] }));
  };
  if (!(model instanceof Seq2SeqModel)) return write(makeDecoder(model, { device }), prompts);
  const decoder = makeSeq2SeqDecoder(model, { device });
  const rows = flatOf(row.inputs.inputIds ?? []);
  const count = row.inputs.inputIds?.length ?? 0;
  const source = {
    inputIds: BigInt64Array.from(rows, BigInt),
    attentionMask: BigInt64Array.from(flatOf(row.inputs.attentionMask ?? []), BigInt),
    rows: count,
  };
  const written = await write(
    decoder.from(source),
    Array.from({ length: count }, () => [model.startTokens.decoderStartTokenId ?? 0]),
  );
  decoder.dispose();
  return written;
}

describe.each(WRITERS.map((row) => [titleOf(row), row] as const))("%s", (_, row) => {
  it("writes the texts of the CPU", async () => {
    const model = await load(row);
    const [expected, found] = [await texts(model, "cpu", row), await texts(model, "webgpu", row)];
    expect(found.map(({ ids }) => ids)).toEqual(expected.map(({ ids }) => ids));
    for (const [text, { logits }] of expected.entries()) {
      expect(logits).toHaveLength(8);
      for (const [step, row] of logits.entries()) {
        const other = found[text]?.logits[step];
        const worst = Math.max(...row.map((value, at) => Math.abs(value - (other?.[at] ?? Number.NaN))));
        expect(worst, `text ${text}, step ${step}`).toBeLessThan(1e-3);
      }
    }
  });
});
