// Determinants, inverses and equations.
// Knows no algorithm: values are computed by the operations of graph/ops/decompositions.ts.
import { call } from "../../graph/build.ts";
import type { Node } from "../../graph/node.ts";
import * as ops from "../../graph/ops/decompositions.ts";
import { broadcast, type Shape } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { requireTensors } from "../arguments.ts";
import { realizeNodes } from "../realize.ts";
import { currentScope, inScope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { batchOf, has, rankError, requireMatrices, requireSameDType, requireSquare } from "./checks.ts";
import { qr, svd } from "./factors.ts";

const pinvOptions = optionsOf<{ rtol?: number }>({ rtol: true });

const triangularOptions = optionsOf<{ upper: boolean; left?: boolean; unitriangular?: boolean }>({
  upper: "required",
  left: true,
  unitriangular: true,
});

const solveOptions = optionsOf<{ left?: boolean }>({ left: true });

/** Computes a result now, so that what is wrong with the input is an error of the call. */
export function computedNow(node: Node, inputs: readonly Tensor[]): Tensor {
  const result = Tensor.fromNode(node, inputs);
  realizeNodes([node], result.device);
  return result;
}

/**
 * The determinants of square matrices [..., n, n] → [...]; float32 or float64. Its gradient exists for singular matrices too.
 *
 * @example
 * ```ts
 * await linalg.det(tensor([[1, 2], [3, 4]], { dtype: "float64" })).item(); // -2
 * ```
 */
export function det(a: Tensor): Tensor {
  requireTensors("det", a);
  requireSquare("det", a);
  return a.map((node) => call("det", [node]));
}

/**
 * The sign of the determinant and the natural logarithm of its size, each [...]: 0 and -∞ for a singular matrix.
 *
 * @example
 * ```ts
 * const { sign, logabsdet } = linalg.slogdet(tensor([[0, 2], [2, 0]], { dtype: "float64" }));
 * [await sign.item(), await logabsdet.item()]; // [-1, 1.3862943611198906]
 * ```
 */
export function slogdet(a: Tensor): { sign: Tensor; logabsdet: Tensor } {
  requireTensors("slogdet", a);
  requireSquare("slogdet", a);
  const both = a.map((node) => call("slogdet", [node]));
  return { sign: both.select(-1, 0).detach(), logabsdet: both.select(-1, 1) };
}

/**
 * The inverses of square matrices. Throws `LINALG` where one is singular: computed at once. [..., n, n] → [..., n, n],
 * floats.
 *
 * @example
 * ```ts
 * await linalg.inv(tensor([[2, 0], [0, 4]], { dtype: "float32" })).tolist(); // [[0.5, 0], [0, 0.25]]
 * ```
 */
export function inv(a: Tensor): Tensor {
  requireTensors("inv", a);
  requireSquare("inv", a);
  return computedNow(ops.inverse(a.node, true), [a]);
}

/** B as matrices beside A: a vector, or a batch of vectors of A's batch, becomes a column. */
function columnsOf(a: Tensor, b: Tensor): { columns: Tensor; vector: boolean } {
  const vector = b.ndim === 1 || (a.ndim - 1 === b.ndim && b.dims.every((dim, axis) => dim === a.dims[axis]));
  return { columns: vector ? b.unsqueeze(-1) : b, vector };
}

function withBatch(a: Tensor, batch: Shape): Tensor {
  return a.expand([...batch, ...a.dims.slice(-2)]);
}

function requireFitting(name: string, a: Tensor, b: Tensor, left: boolean): void {
  requireSameDType(a.dtype, b.dtype);
  if (b.dims.at(left ? -2 : -1) === a.dims.at(-1)) return;
  const sides = (t: Tensor) => t.dims.slice(-2).join("x");
  throw rankError(
    `linalg.${name}: Incompatible shapes of A and B for the equation ${left ? "AX = B" : "XA = B"} (${sides(a)} and ${sides(b)})`,
    `${left ? "Rows" : "Columns"} of B must be as many as A's.`,
    [a, b],
  );
}

/**
 * X of A X = B, or of X A = B with `left: false`. A is [..., n, n]; B is [..., n, k] or a vector [n] (or a batch of them).
 * Throws `LINALG` where A is singular: computed at once.
 *
 * @example
 * ```ts
 * const a = tensor([[2, 0], [0, 4]], { dtype: "float32" });
 * await linalg.solve(a, tensor([2, 2], { dtype: "float32" })).tolist(); // [1, 0.5]
 * ```
 */
export function solve(a: Tensor, b: Tensor, given?: { left?: boolean }): Tensor {
  requireTensors("solve", a, b);
  const { left = true } = solveOptions("solve", given);
  requireSquare("solve", a);
  const { columns, vector } = columnsOf(a, b);
  requireFitting("solve", a, columns, left || vector);
  if (!left && !vector) return solve(a.transpose(-1, -2), columns.transpose(-1, -2)).transpose(-1, -2);
  const batch = broadcast(batchOf(a.dims), batchOf(columns.dims));
  const [wide, high] = [withBatch(a, batch), withBatch(columns, batch)];
  const x = computedNow(ops.solve(wide.node, high.node), [wide, high]);
  return vector ? x.squeeze(-1) : x;
}

/**
 * X of A X = B for a triangular A [..., n, n] and B [..., n, k]; the other triangle of A is not read. `left: false`
 * solves X A = B; `unitriangular` takes the diagonal of A as ones.
 *
 * @example
 * ```ts
 * const a = tensor([[1, 1], [0, 2]], { dtype: "float32" });
 * await linalg.solveTriangular(a, tensor([[3], [4]], { dtype: "float32" }), { upper: true }).tolist(); // [[1], [2]]
 * ```
 */
export function solveTriangular(
  a: Tensor,
  b: Tensor,
  given: { upper: boolean; left?: boolean; unitriangular?: boolean },
): Tensor {
  const { upper, left = true, unitriangular = false } = triangularOptions("solveTriangular", given);
  requireTensors("solveTriangular", a, b);
  requireSquare("solve_triangular", a);
  requireMatrices("solve_triangular", b, "B");
  requireFitting("solve_triangular", a, b, left);
  if (!left) {
    const turned = b.transpose(-1, -2);
    return solveTriangular(a.transpose(-1, -2), turned, { upper: !upper, unitriangular }).transpose(-1, -2);
  }
  const batch = broadcast(batchOf(a.dims), batchOf(b.dims));
  const [wide, high] = [withBatch(a, batch), withBatch(b, batch)];
  return Tensor.fromNode(ops.solveTriangular(wide.node, high.node, upper, unitriangular), [wide, high]);
}

/**
 * The X that makes |A X - B| least; A [..., m, n] of full rank, B [..., m, k] or [..., m]. Where A is wider than high, of
 * all exact answers the shortest. By Q R; a matrix without full rank needs `pinv(a).matmul(b)`.
 *
 * @throws SHAPE_MISMATCH where A and B differ in rows; DTYPE_MISMATCH
 *
 * @example
 * ```ts
 * const a = tensor([[1, 0], [1, 1], [1, 2]], { dtype: "float64" });
 * const { solution } = linalg.lstsq(a, tensor([1, 3, 5], { dtype: "float64" }));
 * solution.allclose(tensor([1, 2]).to("float64")); // true
 * ```
 */
export function lstsq(a: Tensor, b: Tensor): { solution: Tensor } {
  requireTensors("lstsq", a, b);
  // The product inside belongs to the solution: it is as exact as the rest.
  if (currentScope().autocast !== undefined) return inScope({ autocast: undefined }, () => lstsq(a, b));
  requireMatrices("lstsq", a);
  const vector = b.ndim === a.ndim - 1;
  const columns = vector ? b.unsqueeze(-1) : b;
  requireSameDType(a.dtype, b.dtype);
  if (columns.ndim !== a.ndim || columns.dims.at(-2) !== a.dims.at(-2)) {
    throw rankError("linalg.lstsq: input.size(-2) should match other.size(-2)", `${has(a)} The other: ${has(b)}`, [
      a,
      b,
    ]);
  }
  const high = a.size(-2) >= a.size(-1);
  const { q, r } = qr(high ? a : a.transpose(-1, -2));
  const solution = high
    ? solveTriangular(r, q.transpose(-1, -2).matmul(columns), { upper: true })
    : q.matmul(solveTriangular(r.transpose(-1, -2), columns, { upper: false }));
  return { solution: vector ? solution.squeeze(-1) : solution };
}

/**
 * The pseudoinverse [..., n, m] of matrices [..., m, n]: singular values below `rtol` times the largest count as zero
 * (max(m, n) times the dtype's precision when absent).
 *
 * @example
 * ```ts
 * await linalg.pinv(tensor([[2, 0], [0, 0]], { dtype: "float64" })).tolist(); // [[0.5, 0], [0, 0]]
 * ```
 */
export function pinv(a: Tensor, given?: { rtol?: number }): Tensor {
  requireTensors("pinv", a);
  const { rtol } = pinvOptions("pinv", given);
  requireMatrices("pinv", a);
  if (a.dims.includes(0)) return a.transpose(-1, -2).clone();
  const { u, s, vh } = svd(a, { fullMatrices: false });
  const least = s
    .detach()
    .amax(-1, true)
    .mul(rtol ?? relativeLimit(a));
  const kept = s.detach().gt(least);
  // Where a value counts as zero its reciprocal is not taken at all, so that no gradient meets 1 / 0.
  const safe = s.maskedFill(kept.logicalNot(), 1);
  const inverted = safe.reciprocal().maskedFill(kept.logicalNot(), 0);
  return vh.transpose(-1, -2).mul(inverted.unsqueeze(-2)).matmul(u.transpose(-1, -2));
}

export function relativeLimit(a: Tensor): number {
  return Math.max(a.size(-1), a.size(-2)) * (a.dtype === "float64" ? Number.EPSILON : 2 ** -23);
}
