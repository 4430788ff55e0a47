// Chapter 3.1.3, automatic differentiation, with the values that PyTorch gives.
import { expect, it } from "vitest";
import { functional as F, Linear } from "../../src/nn/index.ts";
import { SGD } from "../../src/optim/index.ts";
import {
  arange,
  autograd,
  inferenceMode,
  noGrad,
  ones,
  randn,
  type Tensor,
  tensor,
  zeros,
} from "../../src/tensor/index.ts";

const list = (t: Tensor | null) => t?.tolistSync();
const leaf = (values: number | number[]) => tensor(values, { dtype: "float32", requiresGrad: true });

it("seed/4-01 requires_grad is off until requires_grad_ turns it on", () => {
  const x = randn([2]);
  expect(x.requiresGrad).toBe(false);
  expect(x.requiresGrad_(true)).toBe(x);
  expect(x.requiresGrad).toBe(true);
});

it("seed/4-02 requires_grad where a tensor is made; whole numbers cannot", () => {
  expect(arange(2, { dtype: "float32", requiresGrad: true }).requiresGrad).toBe(true);
  expect(() => arange(2, { requiresGrad: true })).toThrow("only Tensors of floating point dtype can require gradients");
});

/** The chapter's graph. */
function graph() {
  const x = arange(2, { dtype: "float32", requiresGrad: true });
  const a = x.sub(1);
  const b = a.pow(2);
  const c = b.add(4);
  return { x, a, b, c, y: c.mean() };
}

it("seed/4-03 the chapter's graph gives y = 4.5", () => {
  expect(`y = ${graph().y.itemSync()}`).toBe("y = 4.5");
  expect(graph().y.gradFn).toBe("MeanBackward0");
});

it("seed/4-04 its gradient is [-1, 0]", () => {
  const { x, y } = graph();
  y.backward();
  expect(`${x.grad}`).toBe("tensor([-1.,  0.])");
});

it("seed/4-05 each step of the chain rule", () => {
  const { x, a, b, c, y } = graph();
  const [dbDa] = autograd.grad(b.sum(), [a], { retainGraph: true });
  for (const step of [a, b, c, y]) step.retainGrad();
  expect(list(dbDa)).toEqual([-2, 0]);
  y.backward();
  expect(list(y.grad)).toEqual(1);
  expect(list(c.grad)).toEqual([0.5, 0.5]); // dy/dc = 1/N
  expect(list(b.grad)).toEqual([0.5, 0.5]); // dc/db = 1
  expect(list(a.grad)).toEqual([-1, 0]); // db/da = 2a
  expect(list(x.grad)).toEqual(list(a.grad)); // da/dx = 1
});

const affine = () =>
  randn([3, 4])
    .matmul(randn([4, 2]))
    .add(randn([2]));

it("seed/4-06 a result that requires grad once it is asked to", () => {
  const z = affine();
  expect([z.requiresGrad, z.requiresGrad_(true).requiresGrad, z.isLeaf]).toEqual([false, true, true]);
});

it("seed/4-07 nothing requires grad inside no_grad", () => {
  const w = randn([4, 2]).requiresGrad_();
  expect(randn([3, 4]).matmul(w).requiresGrad).toBe(true);
  expect(noGrad(() => randn([3, 4]).matmul(w)).requiresGrad).toBe(false);
  expect(inferenceMode(() => randn([3, 4]).matmul(w)).requiresGrad).toBe(false);
});

it("seed/4-08 detach gives the same elements, shared, without a history", () => {
  const z = affine().requiresGrad_();
  const free = z.detach();
  expect([free.requiresGrad, free.isLeaf, free.gradFn]).toEqual([false, true, null]);
  free.fill_(7);
  expect(list(z.detach())).toEqual(list(zeros([3, 2]).add(7)));
});

it("seed/4-09 frozen parameters stay as they are and have no gradient", () => {
  const [frozen, trained] = [new Linear(3, 4), new Linear(4, 2)];
  frozen.requiresGrad_(false);
  const before = list(frozen.weight);
  const optimizer = new SGD(trained.parameters(), { lr: 0.1 });
  const start = list(trained.weight);
  F.crossEntropy(trained(frozen(ones([2, 3]))), tensor([0, 1])).backward();
  optimizer.step();
  expect(frozen.parameters().map(({ grad }) => grad)).toEqual([null, null]);
  expect(list(frozen.weight)).toEqual(before);
  expect(list(trained.weight)).not.toEqual(start);
});

it("seed/4-10 the slope of x² + 3x + 1 at 2 is 7", () => {
  const x = leaf([2]);
  const y = x.pow(2).add(x.mul(3)).add(1);
  y.backward();
  expect([list(y.detach()), `${x.grad}`]).toEqual([[11], "tensor([7.])"]);
});

it("seed/4-11 autograd.grad with create_graph: 3x² at 2", () => {
  const x = leaf(2);
  const [first] = autograd.grad(x.pow(3), [x], { createGraph: true });
  expect(`${first}`).toMatch(/^tensor\(12\., grad_fn=<\w+Backward0>\)$/);
});

it("seed/4-12 the second derivative: 6x at 2, and the Hessian", () => {
  const x = leaf(2);
  const [first] = autograd.grad(x.pow(3), [x], { createGraph: true });
  expect(`${autograd.grad(first, [x])[0]}`).toBe("tensor(12.)");
  const hessian = autograd.functional.hessian((v) => v.pow(3).sum(), tensor([1, 2], { dtype: "float32" }));
  expect(list(hessian)).toEqual([
    [6, 0],
    [0, 12],
  ]);
});

it("seed/4-13 a gradient of several numbers, and a second backward, are refused in PyTorch's words", () => {
  const x = leaf([1, 2]);
  expect(() => x.mul(2).backward()).toThrow("grad can be implicitly created only for scalar outputs");
  const y = x.mul(x).sum();
  y.backward();
  expect(() => y.backward()).toThrow("Trying to backward through the graph a second time");
});

it("seed/4-14 gradients add up until they are zeroed", () => {
  const x = leaf([1, 2]);
  for (let pass = 1; pass <= 3; pass++) {
    x.mul(3).sum().backward();
    expect(list(x.grad)).toEqual([3 * pass, 3 * pass]);
  }
  new SGD([x], { lr: 0.1 }).zeroGrad();
  expect(x.grad).toBeNull();
  x.mul(3).sum().backward();
  expect(list(x.grad)).toEqual([3, 3]);
});
