// Every operation against PyTorch (test/goldens/make_ops.py): values, gradients, second derivatives, further dtypes.
import { describe, expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import { DTYPES, type DType, isDType } from "../../src/graph/dtype.ts";
import { OPS } from "../../src/graph/ops/index.ts";
import { recordedOps } from "../tensor/goldens.ts";
import { difference, differentiate, GOLDEN_CASES, type GoldenCase, record, titleOf } from "./op-goldens.ts";

const SINGLE = { relative: 1e-4, absolute: 2e-6 };
const DOUBLE = { relative: 1e-10, absolute: 1e-12 };
const HALF = { relative: 2 ** -10, absolute: 2 ** -10 };
const BRAIN = { relative: 2 ** -7, absolute: 2 ** -7 };
const EXACT = { relative: 0, absolute: 0 };
const TOLERANCE: Readonly<Record<string, typeof SINGLE>> = { float16: HALF, bfloat16: BRAIN };

function attempt(compute: () => unknown): string {
  try {
    compute();
    return "computed";
  } catch (error) {
    return error instanceof AbrazoError ? error.code : String(error);
  }
}

const DTYPE_NAMES = Object.keys(DTYPES).filter((name): name is DType => isDType(name));

function check(row: GoldenCase, dtype: "float32" | "float64", tolerance: typeof SINGLE): void {
  const made = record(row, { dtype });
  const { grads, seconds } =
    row.grads === undefined ? { grads: [], seconds: [] } : differentiate(made, row.seconds !== undefined);
  expect(made.out.shape).toEqual(row.shape);
  expect(difference(made.out, row.value, tolerance), "value").toBeUndefined();
  for (const [index, grad] of grads.entries()) {
    expect(difference(grad, row.grads?.[index], tolerance), `gradient of leaf ${index}`).toBeUndefined();
  }
  for (const [index, second] of seconds.entries()) {
    expect(difference(second, row.seconds?.[index], tolerance), `second derivative of leaf ${index}`).toBeUndefined();
  }
}

describe("value, gradients and second derivatives equal PyTorch's", () => {
  it.each(GOLDEN_CASES.map((row) => ({ row, title: titleOf(row) })))("$title", ({ row }) => {
    check(row, "float32", SINGLE);
  });
});

const lacking = (name: string): readonly string[] => OPS.get(name)?.lacks ?? [];

describe("the same in float64", () => {
  const rows = GOLDEN_CASES.filter(({ op }) => !lacking(op).includes("float64"));
  it.each(rows.map((row) => ({ row, title: titleOf(row) })))("$title", ({ row }) => {
    check(row, "float64", DOUBLE);
  });
});

describe("in other dtypes", () => {
  const rows = GOLDEN_CASES.flatMap((row) =>
    Object.entries(row.others ?? {}).map(([dtype, golden]) => ({
      row,
      dtype,
      golden,
      title: `${titleOf(row)} in ${dtype}`,
    })),
  );
  it.each(rows)("$title", ({ row, dtype, golden }) => {
    if (!isDType(dtype)) throw new Error(`no dtype ${dtype}`);
    const { out } = record(row, { dtype, data: golden.inputs });
    expect(difference(out, golden.value, TOLERANCE[dtype] ?? EXACT)).toBeUndefined();
  });
});

it("every operation computes in every dtype, or says that it does not exist there", () => {
  const [missing, wrong]: [string[], string[]] = [[], []];
  for (const row of new Map(GOLDEN_CASES.map((row) => [row.op, row])).values()) {
    if (!row.leaves.some(({ dtype }) => dtype === "float")) continue;
    for (const dtype of DTYPE_NAMES) {
      const last = row.steps.at(-1)?.op ?? "";
      const data = row.leaves.map((leaf) => leaf.data.map((cell) => (cell === "nan" ? 1 : cell)));
      const outcome = attempt(() => record(row, { dtype, data }).out.dataSync());
      const declared = row.steps.some(({ op }) => lacking(op).includes(dtype));
      if (outcome !== (declared ? "DTYPE_UNSUPPORTED" : "computed")) wrong.push(`${last} in ${dtype}: ${outcome}`);
      if (declared) missing.push(`${last} in ${dtype}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(missing).toContain("exp in int64");
});

it("every declared operation has goldens", () => {
  const tested = new Set([...GOLDEN_CASES.map(({ op }) => op), ...recordedOps()]);
  expect([...OPS.keys()].filter((name) => !tested.has(name))).toEqual([]);
});
