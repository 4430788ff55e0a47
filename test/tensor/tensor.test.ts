// Tensors as users meet them, and the rules of realization.
import { describe, expect, it } from "vitest";
import { arange, cat, eye, full, noGrad, ones, stack, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

const list = (t: Tensor | null) => t?.tolistSync();

describe("creation", () => {
  it("guesses dtypes as PyTorch does", () => {
    expect([tensor([1, 2]).dtype, tensor([1.5]).dtype, tensor([true]).dtype, tensor(3).shape]).toEqual([
      "int64",
      "float32",
      "bool",
      [],
    ]);
    expect(tensor([1, 2]).dataSync()).toBeInstanceOf(BigInt64Array);
  });

  it("refuses ragged lists, naming the place", () => {
    expect(() => tensor([[1, 2], [3]])).toThrow("expected sequence of length 2 at dim 1 (got 1)");
  });

  it("fills, counts and joins", () => {
    expect(list(full([2], 7))).toEqual([7, 7]);
    expect(list(arange(1, 7, 2))).toEqual([1, 3, 5]);
    expect(list(eye(2))).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(list(cat([tensor([1]), tensor([2, 3])]))).toEqual([1, 2, 3]);
    expect(list(stack([tensor([1, 2]), tensor([3, 4])], 1))).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });
});

describe("comparisons, logic, indices", () => {
  const a = tensor([1, 2, 3]);
  it("gives truth values and positions", () => {
    expect(list(a.eq(2))).toEqual([false, true, false]);
    expect(list(a.ne(2))).toEqual([true, false, true]);
    expect(list(a.lt(2).logicalOr(a.ge(3)))).toEqual([true, false, true]);
    expect(list(a.le(2).logicalAnd(a.gt(1)))).toEqual([false, true, false]);
    expect(list(tensor([0.5, Number.NaN]).isnan())).toEqual([false, true]);
    expect(list(tensor([0.5, 1.5, -0.6]).round())).toEqual([0, 2, -1]);
    expect(
      list(
        tensor([
          [1, 5, 2],
          [9, 0, 3],
        ]).argmax(1),
      ),
    ).toEqual([1, 0]);
  });

  it("promotes as PyTorch does", () => {
    expect([a.add(1).dtype, a.add(1.5).dtype, a.div(2).dtype, tensor([1.5]).mul(a).dtype]).toEqual([
      "int64",
      "float32",
      "float32",
      "float32",
    ]);
  });

  it("names both shapes when they do not fit", () => {
    expect(() => zeros([4, 3]).matmul(zeros([4, 5]))).toThrow(
      "mat1 and mat2 shapes cannot be multiplied (4x3 and 4x5)",
    );
    expect(() => zeros([2, 3]).add(zeros([2, 4]))).toThrow(
      "must match the size of tensor b (4) at non-singleton dimension 1",
    );
  });
});

describe("autograd", () => {
  it("accumulates, and takes second derivatives with createGraph", () => {
    const x = tensor([2], { dtype: "float64", requiresGrad: true });
    x.mul(x).mul(x).sum().backward(null, { createGraph: true });
    const first = x.grad;
    expect(list(first)).toEqual([12]);
    x.grad = null;
    first?.sum().backward();
    expect(list(x.grad)).toEqual([12]);
    x.mul(3).sum().backward();
    expect(list(x.grad)).toEqual([15]);
  });

  it("raises PyTorch's errors", () => {
    const x = ones([2], { requiresGrad: true });
    expect(() => x.mul(2).backward()).toThrow("grad can be implicitly created only for scalar outputs");
    expect(() => ones([1]).backward()).toThrow(
      "element 0 of tensors does not require grad and does not have a grad_fn",
    );
    const loss = x.mul(x).sum();
    loss.backward();
    expect(() => loss.backward()).toThrow("Trying to backward through the graph a second time (or");
    expect(() => x.add_(1)).toThrow("a leaf Variable that requires grad is being used in an in-place operation.");
  });

  it("stops at detach and inside noGrad", () => {
    const x = ones([1], { requiresGrad: true });
    const y = noGrad(() => x.mul(5));
    expect(y.requiresGrad).toBe(false);
    x.mul(y).sum().backward();
    expect(list(x.grad)).toEqual([5]);
  });
});
