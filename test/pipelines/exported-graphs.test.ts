// Every class of every architecture as exported files in onnxruntime, against transformers: outputs to 1e-4, names and sizes as
// optimum writes them. The cases come from test/goldens/models/*.py.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, describe, expect, it } from "vitest";
import { exportModel } from "../../pipelines/export.ts";
import { INPUT_NAMES, OUTPUT_NAMES } from "../../src/models/inputs.ts";
import { MODEL_CASES, type ModelCase, titleOf, writeCheckpoint } from "../support/model-goldens.ts";

const scratch = mkdtempSync(join(tmpdir(), "abrazo-exported-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let made = 0;
const fresh = (): string => join(scratch, String(made++));

type Values = number | readonly Values[];
const sizesOf = (values: Values): number[] =>
  typeof values === "number" ? [] : [values.length, ...sizesOf(values[0] ?? [])];
const flatOf = (values: Values): number[] => (typeof values === "number" ? [values] : values.flatMap(flatOf));
const int64 = (values: readonly number[], dims: readonly number[]): ort.Tensor =>
  new ort.Tensor("int64", BigInt64Array.from(values, BigInt), dims);

type Tensors = Readonly<Record<string, ort.Tensor>>;

function given({ inputs }: ModelCase): Record<string, ort.Tensor> {
  const rows = Object.entries(inputs).map(([name, values]) => {
    const wire = INPUT_NAMES[name as keyof typeof INPUT_NAMES]; // safe because cases name inputs as ours
    const [data, dims] = [flatOf(values), sizesOf(values)];
    return [wire, name === "pixelValues" ? new ort.Tensor(Float32Array.from(data), dims) : int64(data, dims)] as const;
  });
  return Object.fromEntries(rows);
}

/** Runs a file with what it declares: a past of no tokens, places in their order and one segment where none are given. */
async function run(path: string, known: Tensors): Promise<Tensors> {
  const session = await ort.InferenceSession.create(path);
  const [batch = 1, length = 0] = known["input_ids"]?.dims ?? [];
  const feeds = session.inputMetadata.map((declared): [string, ort.Tensor] => {
    const { name } = declared;
    const fed = known[name];
    if (fed !== undefined) return [name, fed];
    const columns = Array.from({ length: batch * length }, (_, at) => (name === "position_ids" ? at % length : 0));
    if (!name.startsWith("past_key_values")) return [name, int64(columns, [batch, length])];
    const [, heads = 1, , width = 1] = declared.isTensor ? declared.shape : [];
    return [name, new ort.Tensor(new Float32Array(0), [batch, Number(heads), 0, Number(width)])];
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return results as Tensors; // safe because every output is a tensor
}

/** What the files of a model give. */
async function outputsOf(files: readonly string[], row: ModelCase): Promise<Tensors> {
  const [first = "", second = ""] = files;
  const all = given(row);
  if (basename(first) !== "encoder_model.onnx") return run(first, all);
  const { input_ids: source, attention_mask: mask } = all;
  const { last_hidden_state: states } = await run(first, all);
  if (source === undefined || mask === undefined || states === undefined) throw new Error("a case lacks its source");
  const inputs = { encoder_hidden_states: states, encoder_attention_mask: mask };
  const { decoder_input_ids: ids } = all;
  return run(second, { ...inputs, ...(ids === undefined ? {} : { input_ids: ids }) });
}

/** Decoders are exported without a mask of their own, which the only caller of theirs does not pass. */
const CASES = MODEL_CASES.filter(({ inputs }) => inputs.decoderAttentionMask === undefined);

describe.each(CASES.map((row) => [titleOf(row), row] as const))("%s", (_, row) => {
  it("gives what transformers gives", async () => {
    const { files } = await exportModel(await writeCheckpoint(row, fresh()));
    const found = await outputsOf(files, row);
    for (const [name, { shape, data }] of Object.entries(row.outputs)) {
      const output = found[OUTPUT_NAMES[name as keyof typeof OUTPUT_NAMES]]; // safe because cases name outputs as ours
      expect(output?.dims, name).toEqual(shape);
      const values = output?.data as Float32Array; // safe because models give float32
      const worst = Math.max(...data.map((value, at) => Math.abs(value - (values[at] ?? Number.NaN))));
      expect(worst, name).toBeLessThan(1e-4);
    }
  });
});

/** Inputs and outputs of a file, with their sizes. */
async function layoutOf(path: string): Promise<Record<string, string>> {
  const session = await ort.InferenceSession.create(path);
  const show = (value: ort.InferenceSession.ValueMetadata): [string, string] => [
    value.name,
    value.isTensor ? `${value.type}[${value.shape.join(", ")}]` : "",
  ];
  const layout = [...session.inputMetadata.map(show), ...session.outputMetadata.map(show)];
  await session.release();
  return Object.fromEntries(layout);
}

const TOKENS = "int64[batch_size, sequence_length]";
const PICTURES = "float32[batch_size, 3, 8, 8]";
const [PAST, WHOLE] = ["past_sequence_length", "past_sequence_length + sequence_length"];
const [SOURCE, TEXT] = ["encoder_sequence_length", "decoder_sequence_length"];

/** Keys and values of two layers. */
function pairs(name: (layer: number, part: string) => string, [heads, width]: [number, number], length: string) {
  const names = [0, 1].flatMap((layer) => ["key", "value"].map((part) => name(layer, part)));
  return Object.fromEntries(names.map((each) => [each, `float32[batch_size, ${heads}, ${length}, ${width}]`]));
}

const LAYOUTS: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>> = {
  DistilBertForSequenceClassification: [
    { input_ids: TOKENS, attention_mask: TOKENS, logits: "float32[batch_size, 3]" },
  ],
  BertForQuestionAnswering: [
    {
      ...{ input_ids: TOKENS, attention_mask: TOKENS, token_type_ids: TOKENS },
      start_logits: "float32[batch_size, sequence_length]",
      end_logits: "float32[batch_size, sequence_length]",
    },
  ],
  GPT2Model: [
    {
      ...{ input_ids: TOKENS, attention_mask: TOKENS, position_ids: TOKENS },
      last_hidden_state: "float32[batch_size, sequence_length, 16]",
    },
  ],
  GPT2LMHeadModel: [
    {
      ...{ input_ids: TOKENS, attention_mask: `int64[batch_size, ${WHOLE}]`, position_ids: TOKENS },
      ...pairs((layer, part) => `past_key_values.${layer}.${part}`, [4, 4], PAST),
      logits: "float32[batch_size, sequence_length, 24]",
      ...pairs((layer, part) => `present.${layer}.${part}`, [4, 4], WHOLE),
    },
  ],
  T5ForConditionalGeneration: [
    {
      input_ids: `int64[batch_size, ${SOURCE}]`,
      attention_mask: `int64[batch_size, ${SOURCE}]`,
      last_hidden_state: `float32[batch_size, ${SOURCE}, 16]`,
    },
    {
      encoder_attention_mask: `int64[batch_size, ${SOURCE}]`,
      input_ids: `int64[batch_size, ${TEXT}]`,
      encoder_hidden_states: `float32[batch_size, ${SOURCE}, 16]`,
      ...pairs((layer, part) => `past_key_values.${layer}.decoder.${part}`, [3, 5], `past_${TEXT}`),
      ...pairs((layer, part) => `past_key_values.${layer}.encoder.${part}`, [3, 5], `past_${SOURCE}`),
      logits: `float32[batch_size, ${TEXT}, 24]`,
      ...pairs((layer, part) => `present.${layer}.decoder.${part}`, [3, 5], `past_${TEXT} + ${TEXT}`),
      ...pairs((layer, part) => `present.${layer}.encoder.${part}`, [3, 5], SOURCE),
    },
  ],
  ViTForImageClassification: [{ pixel_values: PICTURES, logits: "float32[batch_size, 3]" }],
  CLIPModel: [
    {
      input_ids: "int64[text_batch_size, sequence_length]",
      pixel_values: "float32[image_batch_size, 3, 8, 8]",
      attention_mask: "int64[text_batch_size, sequence_length]",
      logits_per_image: "float32[image_batch_size, text_batch_size]",
      logits_per_text: "float32[text_batch_size, image_batch_size]",
      text_embeds: "float32[text_batch_size, 6]",
      image_embeds: "float32[image_batch_size, 6]",
    },
    {
      ...{ input_ids: TOKENS, attention_mask: TOKENS },
      last_hidden_state: "float32[batch_size, sequence_length, 16]",
      text_embeds: "float32[batch_size, 6]",
    },
    {
      pixel_values: PICTURES,
      last_hidden_state: "float32[batch_size, 5, 12]",
      image_embeds: "float32[batch_size, 6]",
    },
  ],
};

describe("what files declare", () => {
  it.each(Object.entries(LAYOUTS))("%s", async (name, expected) => {
    const row = MODEL_CASES.find(({ config, note }) => config.architectures[0] === name && note === "");
    if (row === undefined) throw new Error(`no case of ${name}`);
    const { files } = await exportModel(await writeCheckpoint(row, fresh()));
    const found = await Promise.all(files.map(layoutOf));
    expect(found).toEqual(expected);
    expect(found.map((layout) => Object.keys(layout))).toEqual(expected.map((layout) => Object.keys(layout)));
  });
});
