// Indexing, scattering and joining: what they refuse, and what is a view.
import { describe, expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import { arange, cat, meshgrid, slice, stack, type Tensor, tensor, where, zeros } from "../../src/tensor/index.ts";

const list = (t: Tensor) => t.tolistSync();
const a = arange(12).view([3, 4]);

describe("index", () => {
  it("gives views of numbers, ranges and new axes, copies of masks and arrays", () => {
    const x = zeros([3, 4]);
    for (const view of [
      x.index(0),
      x.index(":", 1),
      x.index("...", null, "1:3"),
      x.index(slice(1)),
      x.index(":"),
      x.index(tensor(1)),
    ]) {
      expect(view.storage).toBe(x.storage);
    }
    for (const copy of [x.index([0]), x.index(x.eq(0)), x.index(":", tensor([1]))])
      expect(copy.storage).not.toBe(x.storage);
    x.index("1:", "::2").add_(1);
    x.index(0).copy_(tensor([1, 2, 3, 4]));
    expect(list(x)).toEqual([
      [1, 2, 3, 4],
      [1, 0, 1, 0],
      [1, 0, 1, 0],
    ]);
  });

  it("assigns through views and through indices", () => {
    const x = zeros([3, 4]);
    const row = x.index(1);
    row.set([[0, -1]], tensor([5, 6]));
    x.set([x.eq(0)], 1);
    x.set(
      [
        [0, 2],
        [0, 0],
      ],
      tensor([8, 9]),
    );
    x.set(["2, 1:3"], -1);
    expect(list(x)).toEqual([
      [8, 1, 1, 1],
      [5, 1, 1, 6],
      [9, -1, -1, 1],
    ]);
    expect(list(zeros([3]).indexPut_([[0, 0, 2]], 1, { accumulate: true }))).toEqual([2, 0, 1]);
    const before = zeros([2]);
    expect([list(before.indexPut([[0]], 3)), list(before)]).toEqual([
      [3, 0],
      [0, 0],
    ]);
  });

  it("wraps indices that are only known when computed", () => {
    const computed = tensor([0, 1]).sub(1).mul(1);
    expect(list(a.index(computed))).toEqual([
      [8, 9, 10, 11],
      [0, 1, 2, 3],
    ]);
  });

  it.each<[() => unknown, string]>([
    [() => a.index(5), "index 5 is out of bounds for dimension 0 with size 3"],
    [() => a.index(null, ":", -5), "index -5 is out of bounds for dimension 1 with size 4"],
    [() => a.index([5]), "index 5 is out of bounds for dimension 0 with size 3"],
    [() => a.index(":", tensor([0, -5])), "index -5 is out of bounds for dimension 1 with size 4"],
    [() => a.index(0, 0, 0), "too many indices for tensor of dimension 2"],
    [() => a.index(":", ":", 0), "too many indices for tensor of dimension 2"],
    [() => tensor(3).index(0), "invalid index of a 0-dim tensor."],
    [() => a.index("::0"), "slice step cannot be zero"],
    [() => a.index("::-1"), "step must be greater than zero"],
    [() => a.index("x"), 'an index cannot be read from "x"'],
    [
      () => a.index([0, 1], [0, 1, 2]),
      "shape mismatch: indexing tensors could not be broadcast together with shapes [2], [3]",
    ],
    [
      () => a.index([true, false]),
      "The shape of the mask [2] at index 0 does not match the shape of the indexed tensor [3, 4] at index 0",
    ],
    [() => a.index(tensor([1.5])), "tensors used as indices must be long, int, byte or bool tensors"],
    [() => a.index([1.5]), "tensors used as indices must be long, int, byte or bool tensors"],
    [
      () => a.indexPut([0], tensor([1, 2])),
      "shape mismatch: value tensor of shape [2] cannot be broadcast to indexing result of shape [4]",
    ],
    [() => a.indexPut([[9]], 1), "index 9 is out of bounds for dimension 0 with size 3"],
  ])("refuses, %#", (act, message) => {
    expect(act).toThrow(AbrazoError);
    expect(act).toThrow(message);
  });
});

describe("gather, scatter, masks and joins refuse", () => {
  const [one, ones] = [tensor([[0]]), tensor([0, 1])];
  it.each<[() => unknown, string]>([
    [() => a.gather(0, tensor([[3]])), "index 3 is out of bounds for dimension 0 with size 3"],
    [() => a.gather(0, tensor([[-1]])), "index -1 is out of bounds for dimension 0 with size 3"],
    [() => a.gather(0, tensor([1])), "Index tensor must have the same number of dimensions as input tensor"],
    [
      () => a.gather(0, zeros([1, 5], { dtype: "int64" })),
      "Size does not match at dimension 1 expected index [1, 5] to be no larger than self [3, 4] apart from dimension 0",
    ],
    [() => a.gather(0, zeros([1, 1])), "gather(): Expected dtype int32/int64 for index"],
    [() => a.indexSelect(0, tensor([3])), "index out of range in self"],
    [() => a.indexSelect(0, one), "index_select(): Index is supposed to be a vector"],
    [() => a.take(tensor([12])), "out of range: tried to access index 12 on a tensor of 12 elements."],
    [() => a.scatter(0, tensor([[3]]), 1), "index 3 is out of bounds for dimension 0 with size 3"],
    [() => a.scatter(0, one, zeros([1, 1])), "scatter(): Expected self.dtype to be equal to src.dtype"],
    [() => a.scatter(0, zeros([2, 2], { dtype: "int64" }), one), "to be no larger size than src [1, 1]"],
    [
      () => a.scatterReduce(0, one, one, "foo" as "sum"),
      "reduce argument must be either sum, prod, mean, amax or amin, got foo",
    ],
    [
      () => a.indexAdd(0, ones, a.slice(0, 0, 1)),
      "Number of indices (2) should be equal to source.size(dim): (1), for dim: 0",
    ],
    [() => a.maskedFill(tensor([1, 0, 1, 1]), 0), "masked_fill_ only supports boolean masks"],
    [() => a.maskedSelect(ones), "masked_select: expected BoolTensor for mask"],
    [() => a.maskedScatter(a.gt(3), tensor([1])), "Number of elements of source < number of ones in mask"],
    [() => where(a, a, a), "expected condition to be a boolean tensor"],
    [() => where(a.gt(1), a, zeros([5])), "must match the size of tensor b (5) at non-singleton dimension 1"],
    [() => cat([]), "torch.cat(): expected a non-empty list of Tensors"],
    [() => cat([a, a.select(0, 0)]), "Tensors must have same number of dimensions: got 2 and 1"],
    [
      () => cat([a, a.slice(1, 0, 2)]),
      "Sizes of tensors must match except in dimension 0. Expected size 4 but got size 2 for tensor number 1 in the list.",
    ],
    [
      () => stack([a, a.select(0, 0)]),
      "stack expects each tensor to be equal size, but got [3, 4] at entry 0 and [4] at entry 1",
    ],
    [() => stack([]), "stack expects a non-empty TensorList"],
    [() => meshgrid([a]), "torch.meshgrid: Expected 0D or 1D tensor in the tensor list"],
    [
      () => a.repeatInterleave(tensor([1, 2]), 0),
      "repeats must have the same size as input along dim, but got repeats.size(0) = 2 and input.size(0) = 3",
    ],
  ])("%#", (act, message) => {
    expect(act).toThrow(AbrazoError);
    expect(act).toThrow(message);
  });

  it("and go on working", () => {
    expect(list(a.gather(1, tensor([[3], [0], [1]])))).toEqual([[3], [4], [9]]);
  });
});
