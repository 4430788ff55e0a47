// Every operation: its value, and its gradient against central differences in float64.
import { describe, expect, it } from "vitest";
import { OPS } from "../../src/graph/ops/index.ts";
import { type Tensor, tensor } from "../../src/tensor/index.ts";
import { recordedOps } from "../tensor/goldens.ts";
import { ELSEWHERE, OP_CASES, type OpCase } from "./op-cases.ts";

const STEP = 1e-5;
const make = (values: number[][], requiresGrad = false): Tensor => tensor(values, { dtype: "float64", requiresGrad });

/** A scalar with different weights for every element, so that a gradient in the wrong place shows. */
function weighted(result: Tensor): Tensor {
  const weights = Array.from({ length: result.numel() }, (_, index) => 0.3 + 0.7 * Math.sin(index + 1));
  return result
    .to("float64")
    .flatten()
    .mul(tensor(weights, { dtype: "float64" }))
    .sum();
}

function valueAt({ apply, inputs }: OpCase, which: number, row: number, column: number, by: number): number {
  const shifted = inputs.map((values, index) =>
    make(
      values.map((line, at) =>
        line.map((value, place) => (index === which && at === row && place === column ? value + by : value)),
      ),
    ),
  );
  return weighted(apply(...shifted)).itemSync();
}

describe.each(OP_CASES.map((row, index) => ({ ...row, title: `${row.op} (${index})` })))("$title", (row) => {
  it("has the right gradient", () => {
    const inputs = row.inputs.map((values) => make(values, true));
    weighted(row.apply(...inputs)).backward();
    for (const [which, values] of row.inputs.entries()) {
      for (const [at, line] of values.entries()) {
        for (const place of line.keys()) {
          // stopGradient cuts one of two equal paths: its difference is that of the other path alone.
          const share = row.op === "stopGradient" ? 0.5 : 1;
          const difference =
            (valueAt(row, which, at, place, STEP) - valueAt(row, which, at, place, -STEP)) / (2 * STEP);
          const gradient = Number(inputs[which]?.grad?.dataSync()[at * line.length + place] ?? 0);
          expect(gradient).toBeCloseTo(difference * share, 5);
        }
      }
    }
  });

  const { expected } = row;
  if (expected === undefined) return;
  it("has the right value", () => {
    const flat = row.inputs.map((values) => values.flat());
    const found = [...row.apply(...row.inputs.map((values) => make(values))).dataSync()].map(Number);
    for (const [index, value] of found.entries()) {
      expect(value).toBeCloseTo(expected(...flat.map((values) => values[index] ?? 0)), 10);
    }
  });
});

describe("declarations", () => {
  it("every operation is documented, and has a gradient or says why not", () => {
    for (const op of OPS.values()) {
      expect(op.doc.length, op.name).toBeGreaterThan(5);
      if (typeof op.grad === "string") expect(op.grad.length, op.name).toBeGreaterThan(10);
    }
  });

  it("every operation is tested here or says where", () => {
    const tested = new Set(OP_CASES.map(({ op }) => op));
    const recorded = recordedOps();
    expect([...OPS.keys()].filter((name) => !tested.has(name) && !recorded.has(name) && !(name in ELSEWHERE))).toEqual(
      [],
    );
    expect(Object.keys(ELSEWHERE).filter((name) => !OPS.has(name) || tested.has(name))).toEqual([]);
  });
});
