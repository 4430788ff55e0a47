// Sums and means of many elements: float32 kernels lose what is small beside the sum, stages do not.
import { describe, expect, it } from "vitest";
import { fromTypedArray, type Tensor } from "../../src/tensor/index.ts";

/** Values between 0 and 1, and their sums in double precision by position along the kept axis. */
function values(outer: number, kept: number, inner: number): { x: Tensor; means: number[] } {
  const data = new Float32Array(outer * kept * inner);
  const sums = new Array<number>(kept).fill(0);
  for (let i = 0; i < data.length; i++) {
    data[i] = ((i * 7919) % 1000) / 1000;
    const at = Math.floor(i / inner) % kept;
    sums[at] = (sums[at] ?? 0) + (data[i] ?? 0);
  }
  return { x: fromTypedArray(data, [outer, kept, inner]), means: sums.map((sum) => sum / (outer * inner)) };
}

describe.each([
  [40_000, 1, 49],
  [50_000, 3, 7],
  [1, 2, 500_000],
  [65_537, 3, 1],
])("[%i, %i, %i] over the first and last axis", (outer, kept, inner) => {
  const { x, means } = values(outer, kept, inner);
  // A prime size cannot be cut up: the kernel's own error is what is left.
  const tolerance = outer === 65_537 ? 1e-4 : 1e-6;

  it("mean and sum are as exact as float32", () => {
    for (const [at, mean] of means.entries()) {
      expect(Math.abs(Number(x.mean([0, 2]).dataSync()[at]) - mean)).toBeLessThan(tolerance);
      const sum = Number(x.sum([0, 2], true).dataSync()[at]) / (outer * inner);
      expect(Math.abs(sum - mean)).toBeLessThan(tolerance);
    }
    expect(x.mean([0, 2], true).shape).toEqual([1, kept, 1]);
    expect(x.sum([0, 2]).shape).toEqual([kept]);
  });

  it("the gradient reaches every element", () => {
    const w = x.clone().detach().requiresGrad_();
    w.sum([0, 2]).sum().backward();
    expect(new Set<unknown>(w.grad?.dataSync())).toEqual(new Set([1]));
  });
});
