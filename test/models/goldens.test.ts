// Every class of every architecture against transformers: outputs to 1e-4, from layers and from one traced graph of every size.
// The cases come from test/goldens/models/*.py.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readHeader } from "../../src/io/safetensors.ts";
import type { AnyModel, ModelOutput } from "../../src/models/architecture.ts";
import { loadClass, savePretrained } from "../../src/models/auto.ts";
import { ARCHITECTURES } from "../../src/models/index.ts";
import { type InputName, inputOf, OUTPUT_NAMES } from "../../src/models/inputs.ts";
import { traceModel } from "../../src/models/trace.ts";
import { compileGraph, type Feed, noGrad, type Tensor, tensor } from "../../src/tensor/index.ts";
import { MODEL_CASES, type ModelCase, titleOf, writeCheckpoint } from "../support/model-goldens.ts";

const scratch = mkdtempSync(join(tmpdir(), "abrazo-goldens-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let made = 0;
const fresh = (): string => join(scratch, String(made++));

function inputsOf({ inputs }: ModelCase): Record<string, Tensor> {
  const rows = Object.entries(inputs).map(([name, values]) => {
    // safe because a case's inputs are named as ours
    const { dtype } =
      name in { decoderInputIds: 1, decoderAttentionMask: 1 }
        ? { dtype: "int64" as const }
        : inputOf(name as InputName);
    return [name, tensor(values as number[], { dtype })] as const; // safe because tensor takes nested numbers
  });
  return Object.fromEntries(rows);
}

function forward(model: AnyModel, inputs: Record<string, Tensor>): ModelOutput {
  const call = model as unknown as (inputs: Record<string, Tensor>) => ModelOutput; // safe because a case names what its model takes
  return noGrad(() => call(inputs));
}

function expectClose(actual: readonly number[], wanted: readonly number[], name: string): void {
  expect(actual.length, name).toBe(wanted.length);
  const worst = Math.max(...wanted.map((value, at) => Math.abs((actual[at] ?? Number.NaN) - value)));
  expect(worst, name).toBeLessThan(1e-4);
}

it("has a case for every class", () => {
  const covered = new Set(MODEL_CASES.map(({ config }) => config.architectures[0]));
  const classes = ARCHITECTURES.flatMap(({ heads }) => Object.keys(heads));
  expect(classes.filter((name) => !covered.has(name))).toEqual([]);
});

describe.each(MODEL_CASES.map((row) => [titleOf(row), row] as const))("%s", (_, row) => {
  it("gives what transformers gives, from layers", async () => {
    const model = await loadClass(await writeCheckpoint(row, fresh()));
    const output = forward(model, inputsOf(row));
    for (const [name, { shape, data }] of Object.entries(row.outputs)) {
      const value = output[name as keyof typeof OUTPUT_NAMES]; // safe because cases name outputs as ours
      expect(value?.shape, name).toEqual(shape);
      expectClose([...(value?.dataSync() ?? [])].map(Number), data, name);
    }
  });

  // A model with a decoder has a graph for each half: test/models/t5.test.ts.
  const isOneGraph = !Object.keys(row.inputs).some((name) => name.startsWith("decoder"));
  const why = isOneGraph ? "" : " (skipped: one graph for each half, in t5.test.ts)";
  it.skipIf(!isOneGraph)(`gives the same from one traced graph, also for a batch of one${why}`, async () => {
    const model = await loadClass(await writeCheckpoint(row, fresh()));
    const graph = compileGraph(traceModel(model));
    const inputs = inputsOf(row);
    for (const count of [undefined, 1]) {
      const given = Object.entries(inputs).map(
        ([name, value]) => [name, count === undefined ? value : value.narrow(0, 0, count)] as const,
      );
      const results = graph.run(feedsOf(model, Object.fromEntries(given)));
      const expected = forward(model, Object.fromEntries(given));
      for (const [name, wire] of Object.entries(OUTPUT_NAMES)) {
        const value = expected[name as keyof typeof OUTPUT_NAMES]; // safe because name is a key
        if (value === undefined) continue;
        expectClose([...(results[wire]?.data ?? [])].map(Number), [...value.dataSync()].map(Number), name);
      }
    }
    graph.dispose();
  });

  it("writes the names that it was read from", async () => {
    const folder = await writeCheckpoint(row, fresh());
    const out = fresh();
    await savePretrained(await loadClass(folder), out);
    const [before, after] = await Promise.all([folder, out].map((at) => readHeader(join(at, "model.safetensors"))));
    expect([...(after?.tensors.keys() ?? [])].sort()).toEqual([...(before?.tensors.keys() ?? [])].sort());
  });
});

/** What a case leaves out is zeros, or places 0, 1, … */
function feedsOf(model: AnyModel, inputs: Record<string, Tensor>): Record<string, Feed> {
  const ids = inputs["inputIds"];
  const feeds = model.inputs.map((name) => {
    const shape = (inputs[name] ?? ids)?.shape ?? [];
    const places = () =>
      BigInt64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, at) =>
        name === "positionIds" ? BigInt(at % (shape[1] ?? 1)) : 0n,
      );
    const data = inputs[name]?.dataSync() ?? places();
    return [inputOf(name).wire, { data, shape }] as const;
  });
  return Object.fromEntries(feeds);
}
