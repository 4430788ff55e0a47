// Every operation on tensors on WebGPU against PyTorch's goldens (test/goldens/tensor), many cases in one graph.
import { describe, expect, it } from "vitest";
import { isDType } from "../../src/graph/dtype.ts";
import { realizeSync } from "../../src/tensor/index.ts";
import {
  type Check,
  differentiateCase,
  differing,
  METHOD_CASES,
  type MethodCase,
  recordCase,
  titleOf,
} from "../tensor/goldens.ts";

const device = "webgpu";
const SINGLE = { relative: 1e-4, absolute: 2e-6 };
const BRAIN = { relative: 2 ** -6, absolute: 2 ** -6 };
const EXACT = { relative: 0, absolute: 0 };
/** Cases a graph: large enough to be few, small enough to compile quickly. */
const GROUP = 60;

/** By operation: what shaders promise less than PyTorch, each with its reason. */
const TOLERANCE: Readonly<Record<string, typeof SINGLE>> = {
  // WGSL (section 15.7.4) gives sin and cos an absolute error of 2^-11 in [-π, π].
  sin: { relative: 1e-3, absolute: 2 ** -11 },
  cos: { relative: 1e-3, absolute: 2 ** -11 },
  tan: { relative: 1e-3, absolute: 2 ** -11 },
  // Its derivatives divide that error by x, twice.
  sinc: { relative: 1e-2, absolute: 2 ** -6 },
};

/**
 * WGSL (section 15.7.2) lets a shader assume that there are no NaN and no infinities. These operations are built into the
 * language, or made of what is: they are compared where all elements are finite.
 */
const FINITE_ALONE: ReadonlySet<string> = new Set(
  `acos acosh asin asinh atanh clamp cosh erfinv exp exp2 expm1 fmod log log10 log1p log2 logit logsumexp remainder
   rsqrt sigmoid sinh sqrt xlogy`.split(/\s+/),
);

/** Their errors in WGSL are absolute: near 0 they have no digits that could be compared. */
const ABSOLUTE_ALONE: ReadonlySet<string> = new Set(["sin", "tan", "tanh", "erf", "erfinv"]);
const isRelative = ({ op, note }: MethodCase): boolean => note === "near 0, relative" && ABSOLUTE_ALONE.has(op);

const allFinite = ({ leaves, outs }: MethodCase): boolean =>
  [...leaves.map(({ data }) => data), ...outs.map(({ value }) => value)].every((cells) =>
    cells.every((cell) => typeof cell === "number"),
  );

function checksOf(row: MethodCase): Check[] {
  const made = recordCase(row, { dtype: "float32", device });
  const tolerance =
    TOLERANCE[`${row.op}, ${row.note}`] ??
    TOLERANCE[row.op] ??
    (row.tolerance === undefined ? SINGLE : { relative: row.tolerance, absolute: row.tolerance });
  const { grads, seconds } =
    row.grads === undefined ? { grads: [], seconds: [] } : differentiateCase(made, row.seconds !== undefined);
  const what = titleOf(row);
  return [
    ...made.outs.map((found, at): Check => ({ what, found, wanted: row.outs[at]?.value, tolerance })),
    ...grads.map(
      (found, at): Check => ({ what: `${what}, gradient ${at}`, found, wanted: row.grads?.[at], tolerance }),
    ),
    ...seconds.map(
      (found, at): Check => ({ what: `${what}, second ${at}`, found, wanted: row.seconds?.[at], tolerance }),
    ),
  ];
}

function othersOf(row: MethodCase): Check[] {
  return Object.entries(row.others ?? {}).flatMap(([dtype, golden]): Check[] => {
    if (!isDType(dtype) || dtype === "float16") return [];
    const { outs } = recordCase(row, { dtype, device, data: golden.inputs });
    const tolerance = dtype === "bfloat16" ? BRAIN : EXACT;
    return outs.map((found, at) => ({
      what: `${titleOf(row)} in ${dtype}`,
      found,
      wanted: golden.outs[at]?.value,
      tolerance: found.dtype === "float32" ? SINGLE : tolerance,
    }));
  });
}

/** Float16 needs a device that has it: the suite of graph operations says so where there is none. */
const halves = ({ js, leaves }: MethodCase): boolean =>
  js.includes("float16") || leaves.some(({ dtype }) => dtype === "float16");

/** What has no leaf is made in host memory. */
const rows = METHOD_CASES.filter(
  (row) => row.leaves.length > 0 && !halves(row) && !isRelative(row) && (allFinite(row) || !FINITE_ALONE.has(row.op)),
);
const groups = Array.from({ length: Math.ceil(rows.length / GROUP) }, (_, at) =>
  rows.slice(at * GROUP, (at + 1) * GROUP),
);

describe("methods on WebGPU", { timeout: 240_000 }, () => {
  it.each(groups.map((group, at) => ({ group, at })))("equal PyTorch's, group $at", ({ group }) => {
    const checks = group.flatMap((row) => [...checksOf(row), ...othersOf(row)]);
    realizeSync(checks.map(({ found }) => found));
    for (const { what, found } of checks) expect(found.device, what).toBe(device);
    expect(differing(checks)).toEqual([]);
  });
});
