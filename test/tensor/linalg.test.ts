// Products and linear algebra beyond their goldens: errors in PyTorch's sentences, properties, devices, what cannot be exported.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import {
  cdist,
  exportOnnx,
  eye,
  fromFile,
  linalg,
  ones,
  randn,
  symbolic,
  type Tensor,
  tensor,
  tensordot,
  zeros,
} from "../../src/tensor/index.ts";

function errorOf(compute: () => unknown): AbrazoError {
  try {
    compute();
  } catch (error) {
    if (error instanceof AbrazoError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const z = (...shape: number[]): Tensor => zeros(shape);
const whole = (...shape: number[]): Tensor => zeros(shape, { dtype: "int64" });
const double = (values: number[][]): Tensor => tensor(values, { dtype: "float64" });

describe("errors are PyTorch's sentences, with a hint", () => {
  it.each<[string, () => unknown, string]>([
    ["mv of a batch", () => z(2, 2, 2).mv(z(2)), "vector + matrix @ vector expected, got 1, 3, 1"],
    ["mv", () => z(2, 3).mv(z(2)), "size mismatch, got input (2), mat (2x3), vec (2)"],
    ["dot of matrices", () => z(2, 2).dot(z(2, 2)), "1D tensors expected, but got 2D and 2D tensors"],
    [
      "dot",
      () => z(2).dot(z(3)),
      "inconsistent tensor size, expected tensor [2] and src [3] to have the same number of elements, but got 2 and 3 elements respectively",
    ],
    [
      "inner",
      () => z(2, 3).inner(z(2, 4)),
      "inner() the last dimension must match on both input tensors but got shapes [2, 3] and [2, 4]",
    ],
    ["outer", () => z(2, 3).outer(z(2)), "outer: Expected 1-D argument self, but got 2-D"],
    ["outer, second", () => z(3).outer(z(2, 1)), "outer: Expected 1-D argument vec2, but got 2-D"],
    [
      "matmul of batches",
      () => z(2, 3, 4).matmul(z(2, 3, 4)),
      "Expected size for first two dimensions of batch2 tensor to be: [2, 4] but got: [2, 3].",
    ],
    [
      "matmul of a batch and a matrix",
      () => z(2, 3, 4).matmul(z(3, 4)),
      "mat1 and mat2 shapes cannot be multiplied (6x4 and 3x4)",
    ],
    [
      "matmul of two dtypes",
      () => z(2, 3).matmul(whole(3, 4)),
      "expected m1 and m2 to have the same dtype, but got: float != long int",
    ],
    ["addmm", () => z(5).addmm(z(3), z(3, 4)), "mat1 must be a matrix"],
    ["trace", () => z(2, 2, 2).trace(), "trace: expected a matrix, but got tensor with dim 3"],
    ["cross", () => linalg.cross(z(2), z(2)), "linalg.cross: inputs dimension -1 must have length 3. Got 2 and 2"],
    [
      "tensordot",
      () => tensordot(z(2, 3), z(2, 3), [[0], [1]]),
      "contracted dimensions need to match, but first has size 2 in dim 0 and second has size 3 in dim 1",
    ],
    [
      "tensordot, lists",
      () => tensordot(z(2, 3), z(2, 3), [[0, 1], [1]]),
      "both dimension lists should have same length",
    ],
    ["multiDot of one", () => linalg.multiDot([z(2, 3)]), "multi_dot(): expected at least 2 tensors but got 1"],
    [
      "multiDot",
      () => linalg.multiDot([z(2, 3), z(2, 3)]),
      "multi_dot(): tensors 0 and 1 with shapes [2, 3] and [2, 3] cannot be multiplied",
    ],
    ["cdist", () => cdist(z(2, 3), z(2, 4)), "X1 and X2 must have the same number of columns. X1: 3 X2: 4"],
    ["cdist of a vector", () => cdist(z(3), z(2, 4)), "cdist only supports at least 2D tensors, X1 got: 1D"],
    [
      "inv of a singular matrix",
      () => linalg.inv(z(2, 2)),
      "linalg.inv: The diagonal element 1 is zero, the inversion could not be completed because the input matrix is singular.",
    ],
    [
      "inv in a batch",
      () =>
        linalg.inv(
          tensor(
            [
              [
                [1, 0],
                [0, 1],
              ],
              [
                [0, 0],
                [0, 0],
              ],
            ],
            { dtype: "float32" },
          ),
        ),
      "linalg.inv: (Batch element 1): The diagonal element 1 is zero, the inversion could not be completed because the input matrix is singular.",
    ],
    [
      "inv of no square",
      () => linalg.inv(z(2, 3)),
      "linalg.inv: A must be batches of square matrices, but they are 2 by 3 matrices",
    ],
    ["inv of a vector", () => linalg.inv(z(2)), "linalg.inv: The input tensor A must have at least 2 dimensions."],
    [
      "inv of whole numbers",
      () => linalg.inv(whole(2, 2)),
      "linalg.inv: Expected a floating point or complex tensor as input. Got Long",
    ],
    [
      "inv of halves",
      () => linalg.inv(zeros([2, 2], { dtype: "float16" })),
      "linalg.inv: Low precision dtypes not supported. Got Half",
    ],
    [
      "det",
      () => linalg.det(z(2, 3)),
      "linalg.det: A must be batches of square matrices, but they are 2 by 3 matrices",
    ],
    [
      "solve of a singular matrix",
      () => linalg.solve(z(2, 2), z(2)),
      "torch.linalg.solve: The solver failed because the input matrix is singular.",
    ],
    [
      "solve",
      () => linalg.solve(eye(2), z(3)),
      "linalg.solve: Incompatible shapes of A and B for the equation AX = B (2x2 and 3x1)",
    ],
    [
      "solveTriangular of a vector",
      () => linalg.solveTriangular(eye(2), z(2), { upper: true }),
      "linalg.solve_triangular: The input tensor B must have at least 2 dimensions.",
    ],
    [
      "cholesky",
      () => linalg.cholesky(eye(2).neg()),
      "linalg.cholesky: The factorization could not be completed because the input is not positive-definite (the leading minor of order 1 is not positive-definite).",
    ],
    ["qr of a vector", () => linalg.qr(z(2)), "linalg.qr: The input tensor A must have at least 2 dimensions."],
    [
      "eigh",
      () => linalg.eigh(z(2, 3)),
      "linalg.eigh: A must be batches of square matrices, but they are 2 by 3 matrices",
    ],
    ["svd of a vector", () => linalg.svd(z(2)), "linalg.svd: The input tensor A must have at least 2 dimensions."],
    [
      "matrixPower",
      () => linalg.matrixPower(z(2, 3), 2),
      "linalg.matrix_power: A must be batches of square matrices, but they are 2 by 3 matrices",
    ],
    [
      "matrixNorm of a vector",
      () => linalg.matrixNorm(z(2)),
      "linalg.matrix_norm: The input tensor A must have at least 2 dimensions.",
    ],
    ["matrixNorm", () => linalg.matrixNorm(z(2, 2), 3), "linalg.matrix_norm: Order 3 not supported."],
    [
      "vectorNorm of whole numbers",
      () => linalg.vectorNorm(whole(2)),
      "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long",
    ],
    [
      "vectorNorm of nothing",
      () => linalg.vectorNorm(z(0), Number.POSITIVE_INFINITY),
      "linalg.vector_norm cannot compute the inf norm on an empty tensor because the operation does not have an identity",
    ],
  ])("%s", (_, compute, message) => {
    const error = errorOf(compute);
    expect(error.message).toBe(message);
    expect(error.hint ?? "").not.toBe("");
  });
});

const gradientOf = (leaf: Tensor): number[] => [...(leaf.grad?.dataSync() ?? [])].map(Number);

function largestDifference(a: Tensor, b: Tensor): number {
  return a.sub(b).abs().amax().itemSync();
}

describe("decompositions of larger matrices give the matrix back", () => {
  const a = randn([40, 40]).to("float64");
  const high = randn([60, 25]).to("float64");
  const unit = eye(40, { dtype: "float64" });

  it("inverse and solution", () => {
    expect(largestDifference(linalg.inv(a).matmul(a), unit)).toBeLessThan(1e-9);
    expect(largestDifference(a.matmul(linalg.solve(a, unit)), unit)).toBeLessThan(1e-9);
  });

  it("the determinant of a product is the product", () => {
    const { sign, logabsdet } = linalg.slogdet(a);
    const square = linalg.slogdet(a.matmul(a));
    expect(sign.itemSync() ** 2).toBe(1);
    expect(square.logabsdet.itemSync()).toBeCloseTo(2 * logabsdet.itemSync(), 8);
    expect(square.sign.itemSync()).toBe(1);
  });

  it("Cholesky, QR, eigenvalues and singular values", () => {
    const positive = a.matmul(a.T).add(unit);
    const l = linalg.cholesky(positive);
    expect(largestDifference(l.matmul(l.T), positive)).toBeLessThan(1e-9);
    const { q, r } = linalg.qr(high);
    expect(largestDifference(q.matmul(r), high)).toBeLessThan(1e-10);
    expect(largestDifference(q.T.matmul(q), eye(25, { dtype: "float64" }))).toBeLessThan(1e-10);
    const symmetric = a.add(a.T);
    const { eigenvalues, eigenvectors } = linalg.eigh(symmetric);
    expect(largestDifference(eigenvectors.mul(eigenvalues).matmul(eigenvectors.T), symmetric)).toBeLessThan(1e-9);
    for (const matrix of [high, high.T]) {
      const { u, s, vh } = linalg.svd(matrix, { fullMatrices: false });
      expect(largestDifference(u.mul(s).matmul(vh), matrix)).toBeLessThan(1e-9);
    }
    const full = linalg.svd(high);
    expect([full.u.shape, full.vh.shape]).toEqual([
      [60, 60],
      [25, 25],
    ]);
    expect(largestDifference(full.u.T.matmul(full.u), eye(60, { dtype: "float64" }))).toBeLessThan(1e-9);
  });

  it("matrices without full rank have orthonormal vectors too", () => {
    const { u, s, vh } = linalg.svd(
      double([
        [1, 2, 3],
        [2, 4, 6],
        [3, 6, 9],
      ]),
    );
    const three = eye(3, { dtype: "float64" });
    expect(largestDifference(u.T.matmul(u), three)).toBeLessThan(1e-12);
    expect(largestDifference(vh.matmul(vh.T), three)).toBeLessThan(1e-12);
    expect([...s.dataSync()].map((value) => Math.round(Number(value) * 1e9) / 1e9)).toEqual([14, 0, 0]);
    expect(linalg.svdvals(zeros([3, 2], { dtype: "float64" })).tolistSync()).toEqual([0, 0]);
    expect(
      largestDifference(
        linalg.svd(zeros([3, 2], { dtype: "float64" })).u.T.matmul(linalg.svd(zeros([3, 2], { dtype: "float64" })).u),
        three,
      ),
    ).toBeLessThan(1e-12);
  });

  it("the gradient of a determinant is its cofactors, also where there is no inverse", () => {
    const singular = double([
      [1, 2],
      [2, 4],
    ]).requiresGrad_();
    linalg.det(singular).backward();
    const cofactors = gradientOf(singular);
    for (const [at, wanted] of [4, -2, -2, 1].entries()) expect(cofactors[at]).toBeCloseTo(wanted, 10);
  });

  it("reading the logarithm of a determinant of 0 gives -∞ and survives its gradient", () => {
    const singular = double([
      [1, 2],
      [2, 4],
    ]).requiresGrad_();
    const { logabsdet } = linalg.slogdet(singular);
    expect(logabsdet.itemSync()).toBe(Number.NEGATIVE_INFINITY);
    logabsdet.backward();
    expect(gradientOf(singular).some(Number.isFinite)).toBe(false);
  });
});

describe("what is computed in JavaScript", () => {
  it("is part of a chain of gradients", () => {
    const w = double([
      [2, 1],
      [0, 3],
    ]).requiresGrad_();
    const x = linalg
      .inv(w.mul(2))
      .matmul(ones([2, 2], { dtype: "float64" }))
      .sum();
    x.backward();
    // Σ (2 w)⁻¹ 1: by central differences.
    const at = (i: number, j: number, by: number) => {
      const moved = double(
        [
          [2, 1],
          [0, 3],
        ].map((row, r) => row.map((v, c) => (r === i && c === j ? v + by : v))),
      );
      return linalg
        .inv(moved.mul(2))
        .matmul(ones([2, 2], { dtype: "float64" }))
        .sum()
        .itemSync();
    };
    const found = gradientOf(w);
    for (const i of [0, 1])
      for (const j of [0, 1]) expect(found[2 * i + j]).toBeCloseTo((at(i, j, 1e-5) - at(i, j, -1e-5)) / 2e-5, 6);
  });

  it("reads matrices that lie in a file", () => {
    const folder = mkdtempSync(join(tmpdir(), "linalg-"));
    try {
      const path = join(folder, "matrix");
      writeFileSync(path, new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer));
      const stored = fromFile({ path, offset: 0, byteLength: 16 }, [2, 2], "float32");
      expect(linalg.det(stored).itemSync()).toBe(-2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("cannot be exported, and says so", () => {
    const a = symbolic("a", [2, 2], "float32");
    const error = errorOf(() => exportOnnx({ inputs: [a], outputs: { det: linalg.det(a).add(1) } }));
    expect([error.code, error.hint]).toEqual(["HOST_ONLY", expect.stringContaining("pass its result as an input")]);
    expect(errorOf(() => linalg.det(a).dataSync()).code).toBe("HOST_ONLY");
    expect(errorOf(() => linalg.inv(a)).code).toBe("HOST_ONLY");
  });
});

describe("sums scaled by whole numbers", () => {
  it("an integer product takes integer factors", () => {
    const a = tensor([
      [1, 2],
      [3, 4],
    ]);
    const result = a.addmm(a, a, { beta: 2, alpha: 3 });
    expect([result.dtype, result.tolistSync()]).toEqual([
      "int64",
      [
        [23, 34],
        [51, 74],
      ],
    ]);
  });

  it("what is added must broadcast to the product", () => {
    expect(errorOf(() => z(5).addmm(z(2, 3), z(3, 4))).code).toBe("SHAPE_MISMATCH");
  });
});
