// AutoModelFor…: the class for what a model shall do, weights that start fresh, tied and missing ones, half precision, shards.
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import {
  AutoConfig,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
  Generator,
  type ModelInputs,
  manualSeed,
  noGrad,
  rand,
  setLogListener,
  tensor,
} from "../../src/index.ts";
import { readHeader, readTensor, writeSafetensors } from "../../src/io/safetensors.ts";
import { configText } from "../../src/models/config-file.ts";
import { elements, MODEL_CASES, type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";

const scratch = mkdtempSync(join(tmpdir(), "abrazo-auto-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let made = 0;
const fresh = (): string => join(scratch, String(made++));

const warnings: string[] = [];
const restoreLog = setLogListener(({ level, message }) => void (level === "warn" && warnings.push(message)));
afterEach(() => void warnings.splice(0));
afterAll(restoreLog);

function caseOf(name: string): ModelCase {
  const found = MODEL_CASES.find(({ config, note }) => config.architectures[0] === name && note === "");
  if (found === undefined) throw new Error(`no case of ${name}`);
  return found;
}

const IDS = tensor([[2, 7, 11, 5, 9, 3]], { dtype: "int64" });
const inputs: ModelInputs = { inputIds: IDS, attentionMask: IDS.gt(0).to("int64") };
const values = (value: { dataSync(): Iterable<unknown> }) => [...value.dataSync()].map(Number);

describe("a class other than the one that was saved", () => {
  it("shares the body and starts its head fresh, with a warning that names it", async () => {
    const folder = await writeCheckpoint(caseOf("BertForMaskedLM"), fresh());
    const model = await AutoModelForSequenceClassification.fromPretrained(folder, { numLabels: 3 });
    expect(model.config["architectures"]).toEqual(["BertForSequenceClassification"]);
    expect(model.labels).toEqual(["LABEL_0", "LABEL_1", "LABEL_2"]);
    expect(values(model.getParameter("bert.embeddings.word_embeddings.weight"))).toEqual([
      ...elements("bert.embeddings.word_embeddings.weight", [24, 16]),
    ]);
    expect(noGrad(() => model(inputs).logits).shape).toEqual([1, 3]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /start fresh: bert\.pooler\.dense\.weight, bert\.pooler\.dense\.bias, classifier\.weight, classifier\.bias/,
    );
    const spread = values(model.getParameter("classifier.weight"));
    expect(new Set(spread).size).toBe(48);
    expect(Math.max(...spread.map(Math.abs))).toBeLessThan(0.1);
  });

  it("without a head takes the body alone", async () => {
    for (const name of ["BertForTokenClassification", "DistilBertForMaskedLM", "RobertaForQuestionAnswering"]) {
      const model = await AutoModel.fromPretrained(await writeCheckpoint(caseOf(name), fresh()));
      expect(noGrad(() => model(inputs).lastHiddenState).shape).toEqual([1, 6, 16]);
    }
  });

  it("finds the names of a checkpoint saved without its prefix", async () => {
    const row = caseOf("BertForQuestionAnswering");
    const strip = { rename: (name: string) => (name.startsWith("bert.") ? name.slice(5) : undefined) };
    const folder = await writeCheckpoint(row, fresh(), strip);
    const model = await AutoModelForQuestionAnswering.fromPretrained(folder, {
      config: { architectures: ["BertModel"] },
    });
    expect(warnings[0]).toContain("start fresh: qa_outputs.weight, qa_outputs.bias");
    expect(noGrad(() => model(inputs).startLogits).shape).toEqual([1, 6]);
  });

  it("keeps a head of as many classes and starts another fresh", async () => {
    const folder = await writeCheckpoint(caseOf("BertForSequenceClassification"), fresh());
    const same = await AutoModelForSequenceClassification.fromPretrained(folder, {
      id2label: { 0: "x", 1: "y", 2: "z" },
    });
    expect(same.labels).toEqual(["x", "y", "z"]);
    expect(warnings).toEqual([]);
    expect(values(same.getParameter("classifier.weight"))).toEqual([...elements("classifier.weight", [3, 16])]);
    const other = await AutoModelForSequenceClassification.fromPretrained(folder, { numLabels: 5 });
    expect(other.getParameter("classifier.weight").shape).toEqual([5, 16]);
    expect(warnings[0]).toContain("start fresh: classifier.weight, classifier.bias");
  });
});

describe("refuses", () => {
  it("what an architecture cannot do", async () => {
    const folder = await writeCheckpoint(caseOf("BertModel"), fresh());
    await expect(AutoModelForCausalLM.fromPretrained(folder)).rejects.toMatchObject({
      code: "UNKNOWN_HEAD",
      message: "bert has no class for AutoModelForCausalLM.",
    });
  });

  it("weights of something else altogether", async () => {
    const folder = await writeCheckpoint(caseOf("BertForMaskedLM"), fresh(), { rename: (name) => `other.${name}` });
    await expect(AutoModel.fromPretrained(folder)).rejects.toMatchObject({ code: "STATE_DICT_MISMATCH" });
  });

  it("an unknown option, with the nearest name", async () => {
    await expect(AutoModel.fromPretrained("x", { numLabel: 3 } as object)).rejects.toMatchObject({
      code: "UNKNOWN_OPTION",
      hint: expect.stringContaining("numLabels"),
    });
  });

  it("an unknown architecture, with the known ones", async () => {
    const folder = await writeCheckpoint(caseOf("BertModel"), fresh(), { config: { model_type: "brt" } });
    await expect(AutoModel.fromPretrained(folder)).rejects.toMatchObject({
      code: "UNKNOWN_ARCHITECTURE",
      hint: expect.stringContaining('"bert"'),
    });
  });
});

it("AutoConfig fills in the defaults of the architecture", async () => {
  const folder = await writeCheckpoint(caseOf("DistilBertModel"), fresh());
  expect(await AutoConfig.fromPretrained(folder)).toMatchObject({ model_type: "distilbert", qa_dropout: 0.1, dim: 16 });
});

it("fromConfig makes the class with fresh weights", () => {
  const config = {
    model_type: "bert",
    vocab_size: 9,
    hidden_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 8,
  };
  const model = AutoModelForMaskedLM.fromConfig(config, new Generator(0));
  expect(model.config["architectures"]).toEqual(["BertForMaskedLM"]);
});

describe("weights in other forms", () => {
  const row = caseOf("BertForSequenceClassification");
  const expected = row.outputs.logits?.data ?? [];

  async function logitsOf(folder: string): Promise<number[]> {
    const { inputIds = [], attentionMask = [], tokenTypeIds = [] } = row.inputs;
    const ids = (rows: unknown) => tensor(rows as number[], { dtype: "int64" }); // safe because tensor takes nested numbers
    const model = await AutoModelForSequenceClassification.fromPretrained(folder);
    const given = { inputIds: ids(inputIds), attentionMask: ids(attentionMask), tokenTypeIds: ids(tokenTypeIds) };
    return values(noGrad(() => model(given).logits));
  }

  it.each(["float16", "bfloat16"] as const)("%s are computed in float32", async (dtype) => {
    const folder = await writeCheckpoint(row, fresh());
    const tag = dtype === "float16" ? ("F16" as const) : ("BF16" as const);
    const rows = Object.entries(row.tensors).map(([name, shape]) => {
      const data = tensor([...elements(name, shape)], { dtype: "float32" })
        .to(dtype)
        .dataSync();
      return { name, dtype: tag, shape, data };
    });
    await writeSafetensors(join(folder, "model.safetensors"), rows);
    const given = await logitsOf(folder);
    for (const [at, value] of expected.entries()) expect(given[at]).toBeCloseTo(value, dtype === "float16" ? 2 : 1);
    expect(given).not.toEqual(await logitsOf(await writeCheckpoint(row, fresh())));
  });

  it("shards with an index are one checkpoint, and a shard that lacks is named", async () => {
    const folder = await writeCheckpoint(row, fresh());
    const whole = join(folder, "model.safetensors");
    const { tensors } = await readHeader(whole);
    const places: Record<string, string> = {};
    for (const part of [0, 1]) {
      const file = `model-0000${part + 1}-of-00002.safetensors`;
      const mine = [...tensors].filter((_, at) => at % 2 === part);
      const rows = await Promise.all(
        mine.map(async ([name, entry]) => {
          places[name] = file;
          const bytes = await readTensor(whole, entry);
          return { name, dtype: "F32" as const, shape: entry.shape, data: new Float32Array(bytes.buffer) };
        }),
      );
      await writeSafetensors(join(folder, file), rows);
    }
    rmSync(whole);
    await writeFile(join(folder, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map: places }));
    for (const [at, value] of (await logitsOf(folder)).entries()) expect(value).toBeCloseTo(expected[at] ?? 0, 4);
    await writeFile(
      join(folder, "model.safetensors.index.json"),
      JSON.stringify({ weight_map: { ...places, extra: "model-00001-of-00002.safetensors" } }),
    );
    await expect(logitsOf(folder)).rejects.toMatchObject({ code: "SHARD_MISMATCH" });
    rmSync(join(folder, "model-00002-of-00002.safetensors"));
    await expect(logitsOf(folder)).rejects.toMatchObject({
      code: "FILE_MISSING",
      message: expect.stringContaining("model-00002-of-00002.safetensors"),
    });
    await writeFile(
      join(folder, "model.safetensors.index.json"),
      JSON.stringify({ weight_map: { a: "../a.safetensors" } }),
    );
    await expect(logitsOf(folder)).rejects.toMatchObject({ code: "FILE_MISSING" });
  });
});

it("a config is written with a point where Python wants a fraction", () => {
  const config = {
    initializer_factor: 1,
    d_ff: 4,
    rope_parameters: { rope_theta: 10000, factor: 2 },
    attention_dropout: 0,
    layer_norm_eps: 1e-12,
    dropout: 0.1,
  };
  const text = configText(config);
  expect(text).toContain('"initializer_factor": 1.0,');
  expect(text).toContain('"d_ff": 4,');
  expect(text).toContain('"rope_theta": 10000.0,');
  expect(text).toContain('"factor": 2.0\n');
  expect(text).toContain('"attention_dropout": 0.0,');
  expect(JSON.parse(text)).toEqual(config);
});

it("loading draws no random numbers, and a head that starts fresh is drawn from the global generator", async () => {
  const folder = await writeCheckpoint(caseOf("BertForMaskedLM"), fresh());
  manualSeed(5);
  const next = rand([4]).tolistSync();
  manualSeed(5);
  await AutoModelForMaskedLM.fromPretrained(folder);
  expect(rand([4]).tolistSync()).toEqual(next);
  const heads = [1, 2].map(async (seed) => {
    manualSeed(seed);
    const model = await AutoModelForSequenceClassification.fromPretrained(folder);
    return values(model.getParameter("classifier.weight"));
  });
  expect((await Promise.all(heads)).every((head) => new Set(head).size > 1)).toBe(true);
});
