// Norms and clipping of gradients against PyTorch.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { clipGradNorm_, clipGradValue_, getTotalNorm } from "../../src/optim/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { type Tensor, tensor, zeros, zerosLike } from "../../src/tensor/index.ts";

const golden: Record<string, { norm: number; grads: number[][] }> = JSON.parse(
  readFileSync(packageFile("test", "goldens", "optim.json"), "utf8"),
).norms;

const float = { dtype: "float32" } as const;
const grads = () => [
  tensor(
    [
      [3, -4],
      [0, 12],
    ],
    float,
  ),
  tensor([-1.5, 0.25, 0], float),
  tensor(2, float),
];

function withGrads(): Tensor[] {
  return grads().map((grad) => {
    const parameter = zerosLike(grad, { requiresGrad: true });
    parameter.grad = grad;
    return parameter;
  });
}

it.each(Object.keys(golden))("the norm of order %s and what is clipped by it", (order) => {
  const want = golden[order];
  if (want === undefined) throw new Error("no golden");
  const parameters = [...withGrads(), zeros([2], { requiresGrad: true })];
  const normType = order === "inf" ? Number.POSITIVE_INFINITY : Number(order);
  const norm = clipGradNorm_(parameters, 2, { normType });
  expect(norm.itemSync() / want.norm).toBeCloseTo(1, 6);
  for (const [index, values] of want.grads.entries()) {
    for (const [place, value] of [...(parameters[index]?.grad?.dataSync() ?? [])].entries())
      expect(Number(value)).toBeCloseTo(values[place] ?? Number.NaN, 6);
  }
  expect(parameters.at(-1)?.grad).toBeNull();
});

it("small gradients stay as they are", () => {
  const parameters = withGrads();
  clipGradNorm_(parameters, 1000);
  expect(parameters[1]?.grad?.tolistSync()).toEqual([-1.5, 0.25, 0]);
});

it("a norm of nothing is 0, and one of no known order is refused", () => {
  expect(getTotalNorm([]).itemSync()).toBe(0);
  expect(clipGradNorm_([zeros([2], { requiresGrad: true })], 1).itemSync()).toBe(0);
  expect(() => getTotalNorm(grads(), { normType: -1 })).toThrow("the order -1 is not supported");
});

it("errorIfNonfinite refuses a norm that is no number; without it the gradients carry it on", () => {
  const parameters = withGrads();
  const [first] = parameters;
  if (first === undefined) throw new Error("three parameters");
  first.grad = tensor(
    [
      [Number.POSITIVE_INFINITY, 0],
      [0, 0],
    ],
    float,
  );
  expect(() => clipGradNorm_(parameters, 1, { errorIfNonfinite: true })).toThrow(
    "The total norm of order 2 for gradients from `parameters` is non-finite, so it cannot be clipped.",
  );
  expect(parameters[1]?.grad?.tolistSync()).toEqual([-1.5, 0.25, 0]);
  clipGradNorm_(parameters, 1);
  expect(Number(first.grad?.dataSync()[0])).toBeNaN();
  expect(parameters[1]?.grad?.tolistSync()).toEqual([-0, 0, 0]);
});

it("clipGradValue_ bounds every element", () => {
  const parameters = withGrads();
  clipGradValue_(parameters, 1.75);
  expect(parameters.map(({ grad }) => grad?.tolistSync())).toEqual([
    [
      [1.75, -1.75],
      [0, 1.75],
    ],
    [-1.5, 0.25, 0],
    1.75,
  ]);
});
