// Norms of vectors and matrices, and what follows from them: condition numbers, ranks.
// Knows no decomposition but by its name.
import { requireList } from "../../arguments.ts";
import { AbrazoError } from "../../errors.ts";
import { axisOf } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { requireTensors } from "../arguments.ts";
import { type Axes, axesOf } from "../methods/support.ts";
import type { Tensor } from "../tensor.ts";
import { has, rankError, requireFloat, requireMatrices, requireSquare } from "./checks.ts";
import { svdvals } from "./factors.ts";
import { inv, relativeLimit } from "./solving.ts";

const matrixRankOptions = optionsOf<{ rtol?: number; atol?: number }>({ rtol: true, atol: true });

const INF = Number.POSITIVE_INFINITY;

/**
 * The norm of the elements along axes `dim`, all when absent: (Σ |x|^p)^(1/p), for p = ±∞ the largest or smallest |x|, for 0
 * the count of elements that are not 0. The gradient at 0 is 0.
 *
 * @example
 * ```ts
 * await linalg.vectorNorm(tensor([3, -4], { dtype: "float32" })).item(); // 5
 * ```
 */
export function vectorNorm(x: Tensor, ord = 2, dim?: Axes, keepDim = false): Tensor {
  requireTensors("vectorNorm", x);
  requireFloat("vector_norm", x);
  const axes = typeof dim === "number" ? [dim] : dim?.length === 0 ? undefined : dim;
  if (ord < 0 || ord === INF) requireElements(x, axesOf(axes, x.ndim), ord);
  return x.norm(ord, axes, keepDim);
}

function requireElements(x: Tensor, axes: readonly number[], ord: number): void {
  if (!axes.some((axis) => x.dims[axis] === 0)) return;
  throw rankError(
    `linalg.vector_norm cannot compute the ${ord} norm on an empty tensor because the operation does not have an identity`.replace(
      "Infinity",
      "inf",
    ),
    has(x),
    [x],
  );
}

/** The norms of matrices, by PyTorch's names. */
export type MatrixOrder = "fro" | "nuc" | number;

function orderError(ord: unknown): AbrazoError {
  return new AbrazoError({
    code: "BAD_OPTION",
    message: `linalg.matrix_norm: Order ${ord} not supported.`,
    hint: 'Orders of matrices are "fro", "nuc", Infinity, -Infinity, 1, -1, 2 and -2.',
    data: { ord },
  });
}

/**
 * The norm of the matrices in two axes: "fro" √Σ x², "nuc" the sum of singular values, ±2 the largest or smallest of them,
 * ±1 and ±∞ the largest or smallest sum of |x| over columns and rows.
 *
 * @throws SHAPE_MISMATCH for fewer than two axes, or one named twice; BAD_OPTION for an unknown order
 *
 * @example
 * ```ts
 * await linalg.matrixNorm(tensor([[3, 0], [4, 0]], { dtype: "float32" })).item(); // 5
 * ```
 */
export function matrixNorm(
  a: Tensor,
  ord: MatrixOrder = "fro",
  dim: readonly [number, number] = [-2, -1],
  keepDim = false,
): Tensor {
  requireTensors("matrixNorm", a);
  requireFloat("matrix_norm", a);
  if (a.ndim < 2)
    throw rankError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.", has(a), [a]);
  const [rows, columns] = [axisOf(dim[0], a.ndim), axisOf(dim[1], a.ndim)];
  if (rows === columns) {
    throw rankError(`linalg.matrix_norm: dims must be different. Got (${dim.join(", ")})`, has(a), [a]);
  }
  if (ord === "fro") return vectorNorm(a, 2, [rows, columns], keepDim);
  if (ord === 1 || ord === -1 || ord === INF || ord === -INF) {
    const [summed, left] = Math.abs(ord) === 1 ? [rows, columns] : [columns, rows];
    const sums = a.abs().sum(summed, true);
    return squeezed(ord > 0 ? largest(sums, left) : sums.amin(left, true), [rows, columns], keepDim);
  }
  if (ord !== "nuc" && ord !== 2 && ord !== -2) throw orderError(ord);
  const others = [...a.dims.keys()].filter((axis) => axis !== rows && axis !== columns);
  const s = svdvals(a.permute([...others, rows, columns]));
  const norm = ord === "nuc" ? s.sum(-1) : ord === 2 ? largest(s, -1).squeeze(-1) : s.amin(-1);
  return keepDim ? norm.reshape(a.dims.map((size, axis) => (axis === rows || axis === columns ? 1 : size))) : norm;
}

/** What is not negative has 0 for its largest where there is none; the axis stays. */
function largest(values: Tensor, axis: number): Tensor {
  return values.size(axis) === 0 ? values.sum(axis, true) : values.amax(axis, true);
}

function squeezed(norm: Tensor, axes: readonly number[], keepDim: boolean): Tensor {
  return keepDim ? norm : norm.reshape(norm.dims.filter((_, axis) => !axes.includes(axis)));
}

/**
 * torch.linalg.norm: of all elements without an order; with one, the norm of vectors (one axis) or of matrices (two axes).
 *
 * @throws SHAPE_MISMATCH where an order is given for other than one or two axes
 *
 * @example
 * ```ts
 * await linalg.norm(tensor([[1, 1], [1, 1]], { dtype: "float32" }), "nuc").item(); // 2
 * ```
 */
export function norm(a: Tensor, ord?: MatrixOrder, dim?: Axes, keepDim = false): Tensor {
  requireTensors("norm", a);
  const axes = typeof dim === "number" ? [dim] : dim;
  if (axes !== undefined) requireList("norm", axes, 3);
  if (ord === undefined) return vectorNorm(a, 2, axes, keepDim);
  const [first, second] = axes ?? (a.ndim === 2 ? [0, 1] : [0]);
  const count = axes?.length ?? a.ndim;
  if (count === 2) return matrixNorm(a, ord, [first ?? 0, second ?? 1], keepDim);
  if (count === 1 && typeof ord === "number") return vectorNorm(a, ord, axes, keepDim);
  throw rankError(
    axes === undefined
      ? "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D."
      : typeof ord === "number"
        ? `linalg.norm: If dim is specified, it must be of length 1 or 2. Got [${axes.join(", ")}]`
        : `linalg.norm: Order ${ord} is of matrices and needs two dimensions. Got [${axes.join(", ")}]`,
    has(a),
    [a],
  );
}

/**
 * The condition number |A| |A⁻¹| of matrices in the norm `p` (2 when absent: the largest over the smallest singular
 * value). [..., m, n] → [...].
 *
 * @example
 * ```ts
 * await linalg.cond(tensor([[4, 0], [0, 2]], { dtype: "float32" })).item(); // 2
 * ```
 */
export function cond(a: Tensor, p: MatrixOrder = 2): Tensor {
  requireTensors("cond", a);
  requireMatrices("cond", a);
  if (a.dims.slice(-2).includes(0)) return a.sum([-2, -1]);
  if (p === 2 || p === -2) {
    const s = svdvals(a);
    return p === 2 ? s.amax(-1).div(s.amin(-1)) : s.amin(-1).div(s.amax(-1));
  }
  requireSquare("cond", a);
  return matrixNorm(a, p).mul(matrixNorm(inv(a), p));
}

/**
 * How many singular values are larger than `rtol` times the largest (max(m, n) times the dtype's precision when absent),
 * and than `atol`: int64 [...].
 *
 * @example
 * ```ts
 * await linalg.matrixRank(tensor([[1, 2], [2, 4]], { dtype: "float32" })).item(); // 1
 * ```
 */
export function matrixRank(a: Tensor, given?: { rtol?: number; atol?: number }): Tensor {
  requireTensors("matrixRank", a);
  const { rtol, atol = 0 } = matrixRankOptions("matrixRank", given);
  requireMatrices("matrix_rank", a);
  const s = svdvals(a).detach();
  // As in PyTorch an absolute limit alone takes the relative one's place.
  const relative = rtol ?? (atol > 0 ? 0 : relativeLimit(a));
  return s.gt(largest(s, -1).mul(relative).clamp(atol, INF)).to("int64").sum(-1);
}
