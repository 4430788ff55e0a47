// Checkpoints that transformers itself wrote through one suite: its logits, sizes that vary, weights accounted for, the way back to disk.
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readHeader, writeSafetensors } from "../../src/io/safetensors.ts";
import type { BaseConfig, ModelInputs, PreTrainedModel } from "../../src/models/architecture.ts";
import { fromConfig, loadPretrained, savePretrained } from "../../src/models/auto.ts";
import { INPUT_NAMES, traceModel } from "../../src/models/trace.ts";
import { packageFile } from "../../src/package-root.ts";
import { compileGraph, Generator, noGrad, tensor } from "../../src/tensor/index.ts";
import { padBatch } from "../../src/text/tokenizer.ts";
import { dataPath } from "../support/data.ts";

interface Case {
  folder: string | undefined;
  /** Rows as the golden has them, padding left away. */
  rows: number[][];
  tokenTypes?: number[][];
  /** [row][…] flattened. */
  logits: number[];
}

const goldenFile: { ids: number[][]; logits: number[][] } = JSON.parse(
  readFileSync(packageFile("test", "goldens", "models.json"), "utf8"),
);

function fromData(name: string): Case {
  const folder = dataPath("models", name);
  if (folder === undefined) return { folder, rows: [], logits: [] };
  const expected: {
    input_ids: number[][];
    attention_mask?: number[][];
    token_type_ids?: number[][];
    logits: { data: number[] };
  } = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
  const { attention_mask: mask, token_type_ids: tokenTypes } = expected;
  const rows = expected.input_ids.map((row, at) => row.filter((_, place) => mask?.[at]?.[place] !== 0));
  return { folder, rows, logits: expected.logits.data, ...(tokenTypes === undefined ? {} : { tokenTypes }) };
}

const CASES: Readonly<Record<string, Case>> = {
  distilbert: {
    folder: packageFile("test", "fixtures", "tiny-distilbert"),
    rows: goldenFile.ids,
    logits: goldenFile.logits.flat(),
  },
  bert: fromData("tiny-random-bert-seqcls"),
  gpt2: fromData("tiny-random-gpt2"),
};

const made: string[] = [];
async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "abrazo-models-"));
  made.push(folder);
  return folder;
}
afterAll(async () => {
  for (const folder of made) await rm(folder, { recursive: true });
});

function inputsOf({ rows, tokenTypes }: Pick<Case, "rows" | "tokenTypes">): ModelInputs {
  const { inputIds, attentionMask, shape } = padBatch(rows, 0);
  const int64 = (values: BigInt64Array) => tensor([...values].map(Number), { dtype: "int64" }).reshape(shape);
  return {
    inputIds: int64(inputIds),
    attentionMask: int64(attentionMask),
    ...(tokenTypes === undefined ? {} : { tokenTypeIds: tensor(tokenTypes, { dtype: "int64" }) }),
  };
}

const eager = (model: PreTrainedModel, inputs: ModelInputs): number[] =>
  [...noGrad(() => model(inputs).logits).dataSync()].map(Number);

function expectClose(actual: readonly number[], wanted: readonly number[], tolerance: number): void {
  expect(actual).toHaveLength(wanted.length);
  for (const [at, value] of wanted.entries())
    expect(Math.abs((actual[at] ?? Number.NaN) - value)).toBeLessThan(tolerance);
}

describe.each(Object.entries(CASES))("%s", (modelType, { folder = "", ...golden }) => {
  const missing = folder === "";
  const why = missing ? " (skipped: ABRAZO_DATA holds no such model)" : "";

  it.skipIf(missing)(`gives transformers' logits${why}`, async () => {
    const model = await loadPretrained(folder);
    expect(model.config.model_type).toBe(modelType);
    expectClose(eager(model, inputsOf(golden)), golden.logits, 1e-4);
  });

  it.skipIf(missing)(`gives the same from one traced graph for other batches and lengths${why}`, async () => {
    const model = await loadPretrained(folder);
    const graph = compileGraph(traceModel(model));
    for (const rows of [
      golden.rows,
      golden.rows.slice(0, 1),
      [...golden.rows, [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]],
    ]) {
      const { inputIds, attentionMask, shape } = padBatch(rows, 0);
      const zeros = { data: new BigInt64Array(inputIds.length), shape };
      const places = BigInt64Array.from(inputIds, (_, at) => BigInt(at % shape[1]));
      const { logits } = graph.run({
        [INPUT_NAMES.inputIds]: { data: inputIds, shape },
        [INPUT_NAMES.attentionMask]: { data: attentionMask, shape },
        [INPUT_NAMES.tokenTypeIds]: zeros,
        [INPUT_NAMES.positionIds]: { data: places, shape },
      });
      expectClose([...(logits?.data ?? [])].map(Number), eager(model, inputsOf({ rows })), 1e-5);
    }
    graph.dispose();
  });

  it.skipIf(missing)(`comes back from disk with the same names, bytes and logits${why}`, async () => {
    const model = await loadPretrained(folder);
    const out = await scratch();
    await savePretrained(model, out);
    const [before, after] = await Promise.all([folder, out].map((at) => readHeader(join(at, "model.safetensors"))));
    expect([...(after?.tensors.keys() ?? [])].sort()).toEqual([...(before?.tensors.keys() ?? [])].sort());
    expectClose(eager(await loadPretrained(out), inputsOf(golden)), golden.logits, 1e-4);
  });

  it.skipIf(missing)(`names every weight that lacks or is too many in one error${why}`, async () => {
    const model = await loadPretrained(folder);
    const out = await scratch();
    await savePretrained(model, out);
    const parameters = [...model.namedParameters()];
    const [gone] = parameters[3] ?? [""];
    const tensors = parameters.map(([name, parameter]) => ({
      name: name === gone ? `${name}x` : name,
      dtype: "F32" as const,
      shape: parameter.shape,
      data: parameter.dataSync(),
    }));
    await writeSafetensors(join(out, "model.safetensors"), tensors);
    await expect(loadPretrained(out)).rejects.toMatchObject({
      code: "STATE_DICT_MISMATCH",
      data: { missing: [gone], unexpected: [`${gone}x`] },
      message: expect.stringContaining(`Missing key(s) in state_dict: "${gone}".`),
      hint: expect.stringContaining(`"${gone}x" is near "${gone}".`),
    });
  });

  it.skipIf(missing)(`starts as transformers starts: the same seed gives the same weights${why}`, async () => {
    const config: BaseConfig = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
    const [first, again, other] = [1, 1, 2].map((seed) => fromConfig(config, new Generator(seed)));
    const weights = (model: PreTrainedModel | undefined) =>
      [...(model?.namedParameters() ?? [])].map(([name, value]) => [name, [...value.dataSync()].map(Number)] as const);
    expect(weights(first)).toEqual(weights(again));
    expect(weights(first)).not.toEqual(weights(other));
    for (const [name, values] of weights(first)) {
      if (/bias$/.test(name)) expect(values.every((value) => value === 0)).toBe(true);
      else if (/norm.*weight$|ln_.*weight$/i.test(name)) expect(values.every((value) => value === 1)).toBe(true);
      else {
        const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
        const wanted = /c_proj\.weight$/.test(name) ? 0.02 / Math.sqrt(2 * Number(config["n_layer"])) : 0.02;
        expect(Math.abs(deviation / wanted - 1), name).toBeLessThan(0.25);
      }
    }
  });
});

it("refuses an architecture or a head that it does not know, and offers the nearest", async () => {
  const out = await scratch();
  const write = (config: object) => writeFile(join(out, "config.json"), JSON.stringify(config));
  await write({ model_type: "distilbrt", architectures: ["X"] });
  await expect(loadPretrained(out)).rejects.toMatchObject({
    code: "UNKNOWN_ARCHITECTURE",
    hint: expect.stringContaining("distilbert"),
  });
  await write({ model_type: "bert", architectures: ["BertForSequenceClasification"] });
  await expect(loadPretrained(out)).rejects.toMatchObject({
    code: "UNKNOWN_HEAD",
    hint: expect.stringContaining("BertForSequenceClassification"),
  });
  const [config] = Object.values(CASES).flatMap(({ folder }) => (folder && existsSync(folder) ? [folder] : []));
  await writeFile(join(out, "config.json"), readFileSync(join(config ?? "", "config.json")));
  await expect(loadPretrained(out)).rejects.toMatchObject({ code: "FILE_MISSING" });
});
