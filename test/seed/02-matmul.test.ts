// Section 2 of the seed: products of matrices, by the numbers it prints.
import { describe, expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import { arange, einsum, randn, type Tensor, zeros } from "../../src/tensor/index.ts";

const X = () => arange(6).view([2, 3]);
const Y = () => arange(12).view([3, 4]);
const PRODUCT = [
  [20, 23, 26, 29],
  [56, 68, 80, 92],
];

function errorOf(compute: () => unknown): AbrazoError {
  try {
    compute();
  } catch (error) {
    if (error instanceof AbrazoError) return error;
  }
  throw new Error("no AbrazoError was thrown");
}

/** Products written out element by element, for two tensors of matrices with batches of the same sizes. */
function byHand(a: Tensor, b: Tensor): number[][] {
  const [left, right] = [a.tolistSync() as number[][], b.tolistSync() as number[][]];
  return left.map(
    (row) => right[0]?.map((_, j) => row.reduce((sum, value, k) => sum + value * (right[k]?.[j] ?? 0), 0)) ?? [],
  );
}

describe("products of matrices", () => {
  describe("seed/2-06 the rules of matmul", () => {
    it("two vectors give their dot product, 0-d", () => {
      const result = arange(3).matmul(arange(3));
      expect([result.shape, result.itemSync()]).toEqual([[], 5]);
    });

    it("two matrices give their product", () => {
      expect(X().matmul(Y()).tolistSync()).toEqual(byHand(X(), Y()));
    });

    it("a vector on the left is a row whose axis is dropped again", () => {
      const result = arange(3).matmul(Y());
      expect([result.shape, result.tolistSync()]).toEqual([[4], byHand(arange(3).view([1, 3]), Y())[0]]);
    });

    it("further axes are batches and broadcast, also against a matrix", () => {
      const [a, b] = [arange(12).view([2, 1, 2, 3]), arange(12).view([2, 3, 2])];
      const result = a.matmul(b);
      expect(result.shape).toEqual([2, 2, 2, 2]);
      for (const i of [0, 1]) {
        for (const j of [0, 1]) {
          const wanted = byHand(a.select(0, i).select(0, 0), b.select(0, j));
          expect(result.select(0, i).select(0, j).tolistSync()).toEqual(wanted);
        }
      }
      expect(a.matmul(Y()).select(0, 1).select(0, 0).tolistSync()).toEqual(byHand(a.select(0, 1).select(0, 0), Y()));
    });

    it("sizes that do not fit are named, and 0-d operands refused", () => {
      expect(errorOf(() => zeros([2, 3]).matmul(zeros([2, 3]))).message).toBe(
        "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)",
      );
      expect(errorOf(() => zeros([2]).matmul(zeros([3]))).message).toContain("inconsistent tensor size");
      expect(errorOf(() => zeros([2, 3]).matmul(zeros([2]))).message).toBe(
        "size mismatch, got input (2), mat (2x3), vec (2)",
      );
      expect(errorOf(() => zeros([]).matmul(zeros([2]))).message).toBe(
        "both arguments to matmul need to be at least 1D, but they are 0D and 1D",
      );
      expect(errorOf(() => zeros([2, 3, 4]).matmul(zeros([3, 4, 4]))).message).toContain(
        "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
      );
    });
  });

  it("seed/2-07 mm is for matrices alone", () => {
    expect(X().mm(Y()).tolistSync()).toEqual(PRODUCT);
    expect(errorOf(() => zeros([2, 2, 2]).mm(zeros([2, 2]))).message).toBe("self must be a matrix");
    const second = errorOf(() => zeros([2, 2]).mm(zeros([2, 2, 2])));
    expect(second.message).toBe("mat2 must be a matrix");
    expect(second.hint).toContain("matmul()");
    expect(errorOf(() => zeros([2]).mm(zeros([2, 2]))).code).toBe("SHAPE_MISMATCH");
  });

  it("seed/2-08 bmm is for batches of matrices alone", () => {
    const [a, b] = [arange(12).view([2, 2, 3]), arange(24).view([2, 3, 4])];
    const result = a.bmm(b);
    expect(result.shape).toEqual([2, 2, 4]);
    for (const i of [0, 1]) expect(result.select(0, i).tolistSync()).toEqual(byHand(a.select(0, i), b.select(0, i)));
    expect(errorOf(() => zeros([2, 2]).bmm(zeros([2, 2, 2]))).message).toBe("batch1 must be a 3D tensor");
    expect(errorOf(() => zeros([2, 2, 2]).bmm(zeros([2, 2]))).message).toBe("batch2 must be a 3D tensor");
    expect(errorOf(() => zeros([2, 3, 4]).bmm(zeros([1, 4, 4]))).message).toBe(
      "Expected size for first two dimensions of batch2 tensor to be: [2, 4] but got: [1, 4].",
    );
  });

  it("seed/2-09 X and Y of the chapter", () => {
    expect(X().tolistSync()).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(Y().tolistSync()).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 10, 11],
    ]);
  });

  it("seed/2-10 matmul of whole numbers is exact, int64", async () => {
    const result = X().matmul(Y());
    expect([result.dtype, result.tolistSync()]).toEqual(["int64", PRODUCT]);
    // Beyond 2^53, where floats round.
    const large = arange(2)
      .add(2 ** 53)
      .view([1, 2]);
    const data = await large.matmul(arange(2).add(1).view([2, 1])).data();
    expect(data).toEqual(BigInt64Array.of(2n ** 53n + 2n * (2n ** 53n + 1n)));
  });

  it("seed/2-11 einsum gives the same", () => {
    const result = einsum("ij,jk->ik", X(), Y());
    expect([result.dtype, result.tolistSync()]).toEqual(["int64", PRODUCT]);
  });

  it("seed/2-12 two vectors give a 0-d int64", () => {
    const result = arange(2).matmul(arange(2));
    expect([result.itemSync(), result.shape, result.dtype]).toEqual([1, [], "int64"]);
  });

  it("seed/2-13 a vector by a matrix is a vector", () => {
    const [a, B] = [arange(2), arange(4).view([2, 2])];
    expect([a.tolistSync(), B.tolistSync()]).toEqual([
      [0, 1],
      [
        [0, 1],
        [2, 3],
      ],
    ]);
    expect(a.matmul(B).tolistSync()).toEqual([2, 3]);
  });

  it("seed/2-14 a matrix by a vector is a vector", () => {
    expect(randn([3, 4]).matmul(randn([4])).shape).toEqual([3]);
  });

  const BATCH = () => arange(18).view([3, 2, 3]);

  it("seed/2-15 batch by batch", () => {
    const other = arange(18).view([3, 3, 2]);
    expect(BATCH().tolistSync()).toEqual([
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
      [
        [6, 7, 8],
        [9, 10, 11],
      ],
      [
        [12, 13, 14],
        [15, 16, 17],
      ],
    ]);
    expect(other.select(0, 1).tolistSync()).toEqual([
      [6, 7],
      [8, 9],
      [10, 11],
    ]);
    const result = BATCH().matmul(other);
    expect(result.shape).toEqual([3, 2, 2]);
    expect(result.tolistSync()).toEqual([
      [
        [10, 13],
        [28, 40],
      ],
      [
        [172, 193],
        [244, 274],
      ],
      [
        [550, 589],
        [676, 724],
      ],
    ]);
  });

  it("seed/2-16 one matrix for every batch", () => {
    const result = BATCH().matmul(arange(6).view([3, 2]));
    expect(result.shape).toEqual([3, 2, 2]);
    expect(result.tolistSync()).toEqual([
      [
        [10, 13],
        [28, 40],
      ],
      [
        [46, 67],
        [64, 94],
      ],
      [
        [82, 121],
        [100, 148],
      ],
    ]);
  });
});
