// Chapter 3.1.2, shapes: view, permute, and what they refuse.
import { expect, it } from "vitest";
import { arange, randn } from "../../src/tensor/index.ts";

it("seed/2-01 arange(12) as printed", () => {
  const a = arange(12);
  expect(`${a}`).toBe("tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11])");
  expect(a.dtype).toBe("int64");
});

it("seed/2-02 view is another shape of the same storage", () => {
  const a = arange(12);
  const x = a.view([3, 4]);
  expect(x.tolistSync()).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9, 10, 11],
  ]);
  expect(x.storage).toBe(a.storage);
  x.select(0, 2).fill_(-1);
  expect(a.slice(0, 7).tolistSync()).toEqual([7, -1, -1, -1, -1]);
});

it("seed/2-03 permute copies nothing", () => {
  const x = arange(12).view([3, 4]);
  const y = x.permute([1, 0]);
  expect(y.tolistSync()).toEqual([
    [0, 4, 8],
    [1, 5, 9],
    [2, 6, 10],
    [3, 7, 11],
  ]);
  expect([y.stride(), y.isContiguous(), y.storage]).toEqual([[1, 4], false, x.storage]);
});

it("seed/2-04 view's errors", () => {
  expect(() => arange(12).view([5, 3])).toThrow("shape '[5, 3]' is invalid for input of size 12");
  expect(() => arange(12).view([3, 4]).t().view([12])).toThrow(
    "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.",
  );
  expect(arange(12).view([3, 4]).t().reshape([12]).slice(0, 0, 4).tolistSync()).toEqual([0, 4, 8, 1]);
});

it("seed/2-05 permute of three axes", () => {
  const x = randn([2, 3, 5]);
  expect([x.shape, x.permute([2, 0, 1]).shape]).toEqual([
    [2, 3, 5],
    [5, 2, 3],
  ]);
});
