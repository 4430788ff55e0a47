// Every operation on WebGPU against PyTorch's goldens: value, gradients and second derivatives of all cases in one graph.
import { describe, expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import { isDType } from "../../src/graph/dtype.ts";
import { OPS } from "../../src/graph/ops/index.ts";
import { realizeSync, type Tensor, tensor } from "../../src/tensor/index.ts";
import { difference, differentiate, GOLDEN_CASES, type GoldenCase, record, titleOf } from "../graph/op-goldens.ts";
import { recordedOps } from "../tensor/goldens.ts";

const device = "webgpu";
const SINGLE = { relative: 1e-4, absolute: 2e-6 };
const BRAIN = { relative: 2 ** -7, absolute: 2 ** -7 };
const EXACT = { relative: 0, absolute: 0 };
/** WGSL promises sine and cosine to 2⁻¹¹, absolutely. */
const TOLERANCE: Readonly<Record<string, typeof SINGLE>> = {
  sin: { relative: 0, absolute: 2 ** -11 },
  cos: { relative: 0, absolute: 2 ** -11 },
};
/** Logarithms of negative numbers: shaders need not know NaN. */
const WITHOUT_NAN: readonly string[] = ["pow of [5], [5] (negative base, whole exponent)"];

type Check = [what: string, found: Tensor, wanted: GoldenCase["value"] | null | undefined, tolerance: typeof SINGLE];

/** Computes all in one run, and gives those that differ with the first element that does. */
function differing(checks: readonly Check[]): string[] {
  realizeSync(checks.map(([, found]) => found));
  return checks.flatMap(([what, found, wanted, tolerance]) => {
    expect(found.device, what).toBe(device);
    const differs = difference(found, wanted, tolerance);
    return differs === undefined ? [] : [`${what}: ${differs}`];
  });
}

const halves = (row: GoldenCase): boolean =>
  [...row.leaves.map(({ dtype }) => dtype), ...row.steps.map(({ attrs }) => attrs["dtype"])].includes("float16");

describe("operations on WebGPU", { timeout: 120_000 }, () => {
  it("equal PyTorch's in value, gradients and second derivatives", () => {
    const rows = GOLDEN_CASES.filter((row) => !halves(row));
    const checks = rows.flatMap((row): Check[] => {
      const made = record(row, { dtype: "float32", device });
      const derived = row.grads !== undefined && !WITHOUT_NAN.includes(titleOf(row));
      const { grads, seconds } = derived ? differentiate(made, row.seconds !== undefined) : { grads: [], seconds: [] };
      const [title, tolerance] = [titleOf(row), TOLERANCE[row.op] ?? SINGLE];
      return [
        [title, made.out, row.value, tolerance],
        ...grads.map((grad, at): Check => [`${title}, gradient ${at}`, grad, row.grads?.[at], tolerance]),
        ...seconds.map((second, at): Check => [`${title}, second ${at}`, second, row.seconds?.[at], tolerance]),
      ];
    });
    expect(differing(checks)).toEqual([]);
    const recorded = recordedOps();
    expect([...OPS.keys()].filter((name) => !recorded.has(name) && !rows.some(({ op }) => op === name))).toEqual([]);
    expect(checks.length).toBeGreaterThan(800);
  });

  it("equal PyTorch's in the other dtypes", () => {
    const checks = GOLDEN_CASES.flatMap((row) =>
      Object.entries(row.others ?? {}).flatMap(([dtype, golden]): Check[] => {
        if (!isDType(dtype) || dtype === "float16" || halves(row)) return [];
        const { out } = record(row, { dtype, device, data: golden.inputs });
        return [[`${titleOf(row)} in ${dtype}`, out, golden.value, dtype === "bfloat16" ? BRAIN : EXACT]];
      }),
    );
    expect(differing(checks)).toEqual([]);
    expect(checks.length).toBeGreaterThan(100);
  });

  it("compute in float16 where the device does, and say so where it does not", () => {
    const half = tensor([1.5, -2], { dtype: "float16", device }).mul(2);
    try {
      expect(half.tolistSync()).toEqual([3, -4]);
    } catch (error) {
      expect(error).toBeInstanceOf(AbrazoError);
      expect(error).toMatchObject({ code: "DTYPE_UNSUPPORTED", message: expect.stringContaining("float16") });
    }
  });

  it("log-softmax stays finite where softmax is zero", () => {
    const x = tensor([[0, -200, -1_000, 50]], { device, dtype: "float32", requiresGrad: true });
    const y = x.logSoftmax(-1);
    expect(y.tolistSync()).toEqual([[-50, -250, -1_050, 0]]);
    y.mul(tensor([[0, 0, 1, 0]], { device, dtype: "float32" }))
      .sum()
      .backward();
    for (const [at, value] of [0, 0, 1, -1].entries()) expect(x.grad?.dataSync()[at]).toBeCloseTo(value, 6);
  });
});
