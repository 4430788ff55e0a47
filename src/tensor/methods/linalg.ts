// Matrix products and linear algebra.
// Knows no algorithm: products are one operation, decompositions are in ../linalg.
import * as build from "../../graph/build.ts";
import { showShape } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { has, rankError, requireSameDType } from "../linalg/checks.ts";
import { cholesky, qr, svd } from "../linalg/factors.ts";
import { cross, matrixPower } from "../linalg/products.ts";
import { det, inv, pinv, slogdet } from "../linalg/solving.ts";
import { Tensor } from "../tensor.ts";

/** Factors of PyTorch's fused forms: `beta` times the tensor plus `alpha` times the product. */
export interface ScaledSum {
  /** 0 leaves the tensor out, whatever it holds. */
  beta?: number;
  alpha?: number;
}

const scaledSumOptions = optionsOf<ScaledSum>({ beta: true, alpha: true });

function requireRank(tensor: Tensor, rank: number, name: string): void {
  if (tensor.ndim === rank) return;
  throw rankError(
    rank === 2 ? `${name} must be a matrix` : `${name} must be a 3D tensor`,
    `${has(tensor)} matmul() takes any number of axes and broadcasts.`,
    [tensor],
  );
}

function requireVector(tensor: Tensor, name: string): void {
  if (tensor.ndim === 1) return;
  throw rankError(`outer: Expected 1-D argument ${name}, but got ${tensor.ndim}-D`, has(tensor), [tensor]);
}

function product(a: Tensor, b: Tensor): Tensor {
  requireSameDType(a.dtype, b.dtype);
  return Tensor.fromNode(build.matmul(a.node, b.node), [a, b]);
}

function dot(a: Tensor, b: Tensor): Tensor {
  if (a.dims[0] !== b.dims[0]) {
    throw rankError(
      `inconsistent tensor size, expected tensor ${showShape(a.dims)} and src ${showShape(b.dims)} to have the same number of elements, but got ${a.dims[0]} and ${b.dims[0]} elements respectively`,
      "A product of two vectors needs equal lengths.",
      [a, b],
    );
  }
  return product(a.unsqueeze(0), b.unsqueeze(1)).reshape([]);
}

function mv(matrix: Tensor, vector: Tensor): Tensor {
  if (matrix.dims[1] !== vector.dims[0]) {
    const [rows, columns] = matrix.dims;
    throw rankError(
      `size mismatch, got input (${rows}), mat (${rows}x${columns}), vec (${vector.dims[0]})`,
      "The vector needs as many elements as the matrix has columns.",
      [matrix, vector],
    );
  }
  return product(matrix, vector.unsqueeze(1)).squeeze(-1);
}

/** beta times a tensor that broadcasts to the product, plus alpha times the product. */
function scaledSum(tensor: Tensor, made: Tensor, { beta = 1, alpha = 1 }: ScaledSum): Tensor {
  requireSameDType(tensor.dtype, made.dtype);
  const whole = (factor: number) => (tensor.dtype.includes("int") ? Math.trunc(factor) : factor);
  const scaled = alpha === 1 ? made : made.mul(whole(alpha));
  const base = tensor.expand(made.dims);
  if (beta === 0) return scaled;
  return (beta === 1 ? base : base.mul(whole(beta))).add(scaled);
}

export const linalgMethods = {
  /**
   * Matrix product with PyTorch's rules: two vectors give their dot product, a vector left of a matrix is a row and right of
   * it a column (the axis is dropped again), further axes are batches and broadcast. Operands of one dtype; whole numbers are exact.
   *
   * @example
   * ```ts
   * await tensor([[1, 2], [3, 4]]).matmul(tensor([1, 1])).tolist(); // [3, 7]
   * ```
   */
  matmul(this: Tensor, other: Tensor): Tensor {
    if (this.ndim === 0 || other.ndim === 0) {
      throw rankError(
        `both arguments to matmul need to be at least 1D, but they are ${this.ndim}D and ${other.ndim}D`,
        "Use mul() for a product with a single number.",
        [this, other],
      );
    }
    if (this.ndim === 1 && other.ndim === 1) return dot(this, other);
    if (this.ndim === 2 && other.ndim === 1) return mv(this, other);
    if (this.ndim === 1) return product(this.unsqueeze(0), other).squeeze(-2);
    if (other.ndim === 1) return product(this, other.unsqueeze(1)).squeeze(-1);
    return product(this, other);
  },
  /** The product of two matrices, [n, m] and [m, p] → [n, p]. No batches, no broadcasting: that is matmul(). */
  mm(this: Tensor, mat2: Tensor): Tensor {
    requireRank(this, 2, "self");
    requireRank(mat2, 2, "mat2");
    return product(this, mat2);
  },
  /** The products of two batches of matrices, [b, n, m] and [b, m, p] → [b, n, p]. No broadcasting: that is matmul(). */
  bmm(this: Tensor, mat2: Tensor): Tensor {
    requireRank(this, 3, "batch1");
    requireRank(mat2, 3, "batch2");
    const [batch, , inner] = this.dims;
    if (mat2.dims[0] !== batch || mat2.dims[1] !== inner) {
      throw rankError(
        `Expected size for first two dimensions of batch2 tensor to be: [${batch}, ${inner}] but got: [${mat2.dims[0]}, ${mat2.dims[1]}].`,
        "Batches must be as many, and inner sizes equal.",
        [this, mat2],
      );
    }
    return product(this, mat2);
  },
  /** A matrix by a vector, [n, m] and [m] → [n]. */
  mv(this: Tensor, vec: Tensor): Tensor {
    if (this.ndim !== 2 || vec.ndim !== 1) {
      throw rankError(
        `vector + matrix @ vector expected, got 1, ${this.ndim}, ${vec.ndim}`,
        "mv() takes a matrix and a vector; matmul() takes any.",
        [this, vec],
      );
    }
    return mv(this, vec);
  },
  /** The sum of the products of two vectors' elements, 0-d. */
  dot(this: Tensor, other: Tensor): Tensor {
    if (this.ndim !== 1 || other.ndim !== 1) {
      throw rankError(
        `1D tensors expected, but got ${this.ndim}D and ${other.ndim}D tensors`,
        "dot() is for vectors; matmul() takes any.",
        [this, other],
      );
    }
    return dot(this, other);
  },
  /** As dot(): the tensors are real. */
  vdot(this: Tensor, other: Tensor): Tensor {
    return this.dot(other);
  },
  /** Products summed over the last axis of both: [..., m] and [..., m] → the other axes of both. A 0-d operand multiplies. */
  inner(this: Tensor, other: Tensor): Tensor {
    if (this.ndim === 0 || other.ndim === 0) return this.mul(other);
    if (this.dims.at(-1) !== other.dims.at(-1)) {
      throw rankError(
        `inner() the last dimension must match on both input tensors but got shapes ${showShape(this.dims)} and ${showShape(other.dims)}`,
        "Products are summed over the last axis of both.",
        [this, other],
      );
    }
    const size = this.size(-1);
    const rows = (t: Tensor) => t.shape.slice(0, -1).reduce((count, dim) => count * dim, 1);
    requireSameDType(this.dtype, other.dtype);
    const [left, right] = [this.reshape([rows(this), size]), other.reshape([rows(other), size])];
    const made = Tensor.fromNode(build.matmul(left.node, right.node, true), [this, other]);
    return made.reshape([...this.dims.slice(0, -1), ...other.dims.slice(0, -1)]);
  },
  /** Every product of two vectors' elements, [n] and [m] → [n, m]. */
  outer(this: Tensor, vec2: Tensor): Tensor {
    requireVector(this, "self");
    requireVector(vec2, "vec2");
    return this.unsqueeze(1).mul(vec2.unsqueeze(0));
  },
  /** As outer(). */
  ger(this: Tensor, vec2: Tensor): Tensor {
    return this.outer(vec2);
  },
  /** beta × this + alpha × mat1 mat2, matrices; this broadcasts. */
  addmm(this: Tensor, mat1: Tensor, mat2: Tensor, given?: ScaledSum): Tensor {
    const options = scaledSumOptions("addmm", given);
    requireRank(mat1, 2, "mat1");
    requireRank(mat2, 2, "mat2");
    return scaledSum(this, product(mat1, mat2), options);
  },
  /** beta × this + alpha × mat vec; this broadcasts. */
  addmv(this: Tensor, mat: Tensor, vec: Tensor, given?: ScaledSum): Tensor {
    const options = scaledSumOptions("addmv", given);
    return scaledSum(this, mat.mv(vec), options);
  },
  /** beta × this + alpha × the outer product of two vectors; this broadcasts. */
  addr(this: Tensor, vec1: Tensor, vec2: Tensor, given?: ScaledSum): Tensor {
    const options = scaledSumOptions("addr", given);
    return scaledSum(this, vec1.outer(vec2), options);
  },
  /** beta × this + alpha × the products of two batches of matrices; this broadcasts. */
  baddbmm(this: Tensor, batch1: Tensor, batch2: Tensor, given?: ScaledSum): Tensor {
    const options = scaledSumOptions("baddbmm", given);
    return scaledSum(this, batch1.bmm(batch2), options);
  },
  /** beta × this + alpha × the sum of the products of two batches of matrices; this broadcasts. */
  addbmm(this: Tensor, batch1: Tensor, batch2: Tensor, given?: ScaledSum): Tensor {
    const options = scaledSumOptions("addbmm", given);
    const made = batch1.bmm(batch2);
    return scaledSum(
      this,
      made.map((node) => build.sum(node, [0])),
      options,
    );
  },
  /** Kronecker's product: each element of this times the whole of the other, block by block. */
  kron(this: Tensor, other: Tensor): Tensor {
    const rank = Math.max(this.ndim, other.ndim);
    const padded = (t: Tensor) => [...Array.from({ length: rank - t.ndim }, () => 1), ...t.shape];
    const [one, two] = [padded(this), padded(other)];
    const blocks = this.reshape(one.flatMap((size) => [size, 1])).mul(other.reshape(two.flatMap((size) => [1, size])));
    return blocks.reshape(one.map((size, axis) => size * (two[axis] ?? 1)));
  },
  /** The vector product along an axis of three elements: the first such axis when none is given. */
  cross(this: Tensor, other: Tensor, dim?: number): Tensor {
    const first = this.dims.findIndex((size, axis) => size === 3 && other.dims[axis] === 3);
    return cross(this, other, dim ?? Math.max(first, 0));
  },
  /** The sum of a matrix's diagonal, 0-d; whole numbers in int64. */
  trace(this: Tensor): Tensor {
    if (this.ndim !== 2) {
      throw rankError(`trace: expected a matrix, but got tensor with dim ${this.ndim}`, has(this), [this]);
    }
    const size = Math.min(this.size(0), this.size(1));
    const square = this.slice(0, 0, size)
      .slice(1, 0, size)
      .reshape([size * size]);
    return square.slice(0, 0, size * size, size + 1).sum();
  },
  /** See linalg.det. */
  det(this: Tensor): Tensor {
    return det(this);
  },
  /** See linalg.slogdet. */
  slogdet(this: Tensor): { sign: Tensor; logabsdet: Tensor } {
    return slogdet(this);
  },
  /** The natural logarithm of the determinant; NaN where that is negative. */
  logdet(this: Tensor): Tensor {
    const { sign, logabsdet } = slogdet(this);
    return logabsdet.maskedFill(sign.lt(0), Number.NaN);
  },
  /** See linalg.inv. */
  inverse(this: Tensor): Tensor {
    return inv(this);
  },
  /** See linalg.pinv. */
  pinverse(this: Tensor): Tensor {
    return pinv(this);
  },
  /** See linalg.cholesky. */
  cholesky(this: Tensor, upper = false): Tensor {
    return cholesky(this, { upper });
  },
  /** See linalg.qr; `some: false` makes Q square. */
  qr(this: Tensor, some = true): { q: Tensor; r: Tensor } {
    return qr(this, some ? "reduced" : "complete");
  },
  /** U, s and V (not transposed) of U diag(s) Vᵀ: see linalg.svd. */
  svd(this: Tensor, some = true): { u: Tensor; s: Tensor; v: Tensor } {
    const { u, s, vh } = svd(this, { fullMatrices: !some });
    return { u, s, v: vh.transpose(-1, -2) };
  },
  /** See linalg.matrixPower. */
  matrixPower(this: Tensor, n: number): Tensor {
    return matrixPower(this, n);
  },
};
