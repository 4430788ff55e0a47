// Every operation on tensors against PyTorch (test/goldens/tensor): values, gradients, second derivatives, further dtypes.
import { describe, expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import { DTYPES, type DType, isDType, isFloat } from "../../src/graph/dtype.ts";
import { encode } from "../../src/tensor/convert.ts";
import { fromHost } from "../../src/tensor/create.ts";
import { weightedSum } from "../graph/op-goldens.ts";
import {
  type Check,
  differentiateCase,
  differing,
  METHOD_CASES,
  type MethodCase,
  REFUSALS,
  recordCase,
  titleOf,
} from "./goldens.ts";

const SINGLE = { relative: 1e-4, absolute: 2e-6 };
const DOUBLE = { relative: 1e-9, absolute: 1e-11 };
const HALF = { relative: 2 ** -9, absolute: 2 ** -9 };
const BRAIN = { relative: 2 ** -6, absolute: 2 ** -6 };
const EXACT = { relative: 0, absolute: 0 };
const TOLERANCE: Readonly<Record<string, typeof SINGLE>> = {
  float16: HALF,
  bfloat16: BRAIN,
  float32: SINGLE,
  float64: DOUBLE,
};

/** True when the operation says that it does not exist in the dtype. */
function lacks(compute: () => unknown): boolean {
  try {
    compute();
    return false;
  } catch (error) {
    if (error instanceof AbrazoError && error.code === "DTYPE_UNSUPPORTED") return true;
    throw error;
  }
}

function check(row: MethodCase, dtype: "float32" | "float64"): string[] {
  const base = TOLERANCE[dtype] ?? SINGLE;
  const tolerance =
    dtype === "float32" && row.tolerance !== undefined ? { relative: row.tolerance, absolute: row.tolerance } : base;
  const made = recordCase(row, { dtype });
  const { grads, seconds } =
    row.grads === undefined ? { grads: [], seconds: [] } : differentiateCase(made, row.seconds !== undefined);
  expect(made.outs.map(({ shape }) => shape)).toEqual(row.outs.map(({ shape }) => shape));
  expect(made.outs.map((out) => (isFloat(out.dtype) ? "float" : out.dtype))).toEqual(
    row.outs.map((out) => (out.dtype.includes("float") ? "float" : out.dtype)),
  );
  const checks: Check[] = [
    ...made.outs.map((found, at) => ({
      what: `result ${at}`,
      found,
      wanted: row.outs[at]?.value,
      // A result of whole numbers is float32 also where the leaves are float64.
      tolerance: found.dtype === "float32" && dtype === "float64" ? SINGLE : tolerance,
    })),
    ...grads.map((found, at) => ({ what: `gradient ${at}`, found, wanted: row.grads?.[at], tolerance })),
    ...seconds.map((found, at) => ({ what: `second derivative ${at}`, found, wanted: row.seconds?.[at], tolerance })),
  ];
  return differing(checks);
}

const titled = METHOD_CASES.map((row) => ({ row, title: titleOf(row) }));

describe("value, gradients and second derivatives equal PyTorch's", () => {
  it.each(titled)("$title", ({ row }) => {
    expect(check(row, "float32")).toEqual([]);
  });
});

describe("the same in float64", () => {
  it.each(titled)("$title", ({ row }) => {
    let found: string[] = [];
    if (!lacks(() => (found = check(row, "float64")))) expect(found).toEqual([]);
  });
});

describe("in other dtypes", () => {
  const rows = METHOD_CASES.flatMap((row) =>
    Object.entries(row.others ?? {}).map(([dtype, golden]) => ({
      row,
      dtype,
      golden,
      title: `${titleOf(row)} in ${dtype}`,
    })),
  );
  it.each(rows)("$title", ({ row, dtype, golden }) => {
    if (!isDType(dtype)) throw new Error(`no dtype ${dtype}`);
    const { outs } = recordCase(row, { dtype, data: golden.inputs });
    expect(outs.map((out) => out.dtype)).toEqual(golden.outs.map((out) => out.dtype));
    const checks = outs.map((found, at): Check => {
      const wanted = golden.outs[at]?.value;
      return { what: `result ${at}`, found, wanted, tolerance: TOLERANCE[found.dtype] ?? EXACT };
    });
    expect(differing(checks)).toEqual([]);
  });
});

describe("what PyTorch refuses is one error here too", () => {
  it.each(REFUSALS.map((row) => ({ row, title: titleOf(row) })))("$title", ({ row }) => {
    let error: unknown;
    try {
      for (const out of recordCase(row, { dtype: "float32" }).outs) out.dataSync();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(AbrazoError);
    expect(String(error)).not.toMatch(/internal|undefined|NaN/);
  });
});

const STEP = 1e-5;

/** The first case of each operation that is differentiated, by central differences: an oracle that is not PyTorch. */
describe("gradients equal central differences", () => {
  const first = new Map(
    METHOD_CASES.filter(({ grads }) => grads !== undefined)
      .map((row) => [row.op, row] as const)
      .reverse(),
  );
  it.each([...first.values()].map((row) => ({ row, title: titleOf(row) })))("$title", ({ row }) => {
    const data = row.leaves.map((leaf) => leaf.data.map(Number));
    const valueAt = (values: number[][]): number => {
      const { outs } = recordCase(row, { dtype: "float64", data: values, requiresGrad: false });
      return outs
        .filter((out, at) => isFloat(out.dtype) && row.outs[at]?.dtype.includes("float"))
        .reduce((sum, out) => sum + weightedSum(out, 0).itemSync(), 0);
    };
    if (lacks(() => valueAt(data))) return;
    const made = recordCase(row, { dtype: "float64" });
    const { grads } = differentiateCase(made, false);
    let float = 0;
    for (const [which, leaf] of row.leaves.entries()) {
      if (leaf.dtype !== "float") continue;
      const wanted = leaf.data.map((_, place) => {
        const moved = (by: number) =>
          data.map((list, at) => (at === which ? list.map((v, p) => (p === place ? v + by : v)) : list));
        return (valueAt(moved(STEP)) - valueAt(moved(-STEP))) / (2 * STEP);
      });
      const found =
        grads[float++] ??
        fromHost(
          encode(
            wanted.map(() => 0),
            "float64",
          ),
          leaf.shape,
          "float64",
        );
      const tolerance = { relative: 1e-5, absolute: 1e-6 };
      expect(differing([{ what: `gradient ${which}`, found, wanted, tolerance }])).toEqual([]);
    }
  });
});

const DTYPE_NAMES = Object.keys(DTYPES).filter((name): name is DType => isDType(name));

/** The first case of each operation with a leaf that takes every dtype. */
const FIRST_CASES = [
  ...new Map(
    METHOD_CASES.filter(({ leaves }) => leaves.some(({ dtype }) => dtype === "float"))
      .map((row) => [row.op, row] as const)
      .reverse(),
  ).values(),
];

describe("every operation computes in every dtype, or says that it does not exist there", () => {
  it.each(DTYPE_NAMES)("%s", (dtype) => {
    const wrong: string[] = [];
    let computed = 0;
    for (const row of FIRST_CASES) {
      const data = row.leaves.map((leaf) => leaf.data.map((cell) => (typeof cell === "number" ? cell : 1)));
      try {
        for (const out of recordCase(row, { dtype, data, requiresGrad: false }).outs) out.dataSync();
        computed++;
      } catch (error) {
        const isTyped = error instanceof AbrazoError && !error.message.startsWith("internal");
        if (!isTyped) wrong.push(`${titleOf(row)}: ${String(error)}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(computed).toBeGreaterThan(FIRST_CASES.length / 4);
  });
});
