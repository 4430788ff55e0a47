// Products of several matrices, powers, contractions of whole tensors, and distances.
// Knows no kernel: all is made of matrix products and elementwise operations.
import { argumentError, requireList } from "../../arguments.ts";
import { AbrazoError, internalError } from "../../errors.ts";
import { concat, expand } from "../../graph/build.ts";
import { identityLike } from "../../graph/ops/decompositions.ts";
import { axisOf, broadcast } from "../../graph/shape.ts";
import { requireTensorList, requireTensors } from "../arguments.ts";
import { Tensor } from "../tensor.ts";
import { has, rankError, requireEqualSides } from "./checks.ts";
import { vectorNorm } from "./norms.ts";
import { inv } from "./solving.ts";

/**
 * Aⁿ of square matrices by repeated squaring; a negative n takes the inverse first. Whole-number dtypes are exact.
 * [..., n, n] → [..., n, n].
 *
 * @throws BAD_OPTION for a power that is not whole; SHAPE_MISMATCH for matrices that are not square
 *
 * @example
 * ```ts
 * await linalg.matrixPower(tensor([[1, 1], [1, 0]]), 10).tolist(); // [[89, 55], [55, 34]]
 * ```
 */
export function matrixPower(a: Tensor, n: number): Tensor {
  requireTensors("matrixPower", a);
  requireEqualSides("matrix_power", a);
  if (!Number.isInteger(n)) {
    throw new AbrazoError({
      code: "BAD_OPTION",
      message: `matrix_power(): argument 'n' must be int, not float: ${n}`,
      hint: "Powers of matrices are whole.",
    });
  }
  if (n === 0) return a.detach().map((node) => expand(identityLike(node, a.size(-1)), node.shape));
  if (n < 0) return matrixPower(inv(a), -n);
  let [result, square]: [Tensor | undefined, Tensor] = [undefined, a];
  for (let left = n; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = result === undefined ? square : result.matmul(square);
    if (left > 1) square = square.matmul(square);
  }
  return result ?? a;
}

/**
 * The product of a chain of matrices in the order that needs the fewest multiply-adds. The first and the last may be vectors.
 *
 * @throws SHAPE_MISMATCH for fewer than two tensors, and where neighbours do not fit
 *
 * @example
 * ```ts
 * linalg.multiDot([zeros([2, 100]), zeros([100, 100]), zeros([100])]).shape; // [2]
 * ```
 */
export function multiDot(tensors: readonly Tensor[]): Tensor {
  requireTensorList("multi_dot", tensors);
  const [first, last] = [tensors[0], tensors.at(-1)];
  if (first === undefined || last === undefined || tensors.length < 2) {
    throw rankError(
      `multi_dot(): expected at least 2 tensors but got ${tensors.length}`,
      "Pass a list of two or more.",
      tensors,
    );
  }
  const chain = tensors.map((one, at) => {
    const end = at === 0 || at === tensors.length - 1;
    if (one.ndim === 2) return one;
    if (one.ndim !== 1 || !end) {
      throw rankError(`multi_dot(): tensor ${at} must be ${end ? "1D or 2D" : "2D"} but got ${one.ndim}D`, has(one), [
        one,
      ]);
    }
    return at === 0 ? one.unsqueeze(0) : one.unsqueeze(1);
  });
  for (const [at, one] of chain.slice(0, -1).entries()) {
    const next = chain[at + 1];
    if (next === undefined || one.size(1) === next.size(0)) continue;
    throw rankError(
      `multi_dot(): tensors ${at} and ${at + 1} with shapes [${one.dims.join(", ")}] and [${next.dims.join(", ")}] cannot be multiplied`,
      "Columns of each must be as many as rows of the next.",
      [one, next],
    );
  }
  const product = inBestOrder(chain);
  const rows = first.ndim === 1 ? product.squeeze(0) : product;
  return last.ndim === 1 ? rows.squeeze(-1) : rows;
}

/** Cormen et al., Introduction to Algorithms, matrix-chain multiplication: best[i][j] joins the chain's parts i … k and k + 1 … j. */
function inBestOrder(chain: readonly Tensor[]): Tensor {
  const best = chain.map((node, at) => new Map([[at, { cost: 0, node: () => node }]]));
  const rows = (at: number) => chain[at]?.size(0) ?? 1;
  const columns = (at: number) => chain[at]?.size(1) ?? 1;
  for (let length = 1; length < chain.length; length++) {
    for (let from = 0; from + length < chain.length; from++) {
      const to = from + length;
      for (let split = from; split < to; split++) {
        const [left, right] = [best[from]?.get(split), best[split + 1]?.get(to)];
        if (left === undefined || right === undefined) continue;
        const cost = left.cost + right.cost + rows(from) * columns(split) * columns(to);
        if (cost < (best[from]?.get(to)?.cost ?? Number.POSITIVE_INFINITY)) {
          best[from]?.set(to, { cost, node: () => left.node().matmul(right.node()) });
        }
      }
    }
  }
  const whole = best[0]?.get(chain.length - 1);
  if (whole === undefined) throw internalError("a chain lost its matrices");
  return whole.node();
}

/**
 * a b summed over pairs of axes: the last `dims` of `a` with the first of `b` when `dims` is a number (2 when absent), or the
 * axes of two lists, in order.
 *
 * @throws SHAPE_MISMATCH where the lists of axes, or the sizes of a pair, differ
 *
 * @example
 * ```ts
 * tensordot(zeros([2, 3, 4]), zeros([4, 3, 5]), [[1, 2], [1, 0]]).shape; // [2, 5]
 * ```
 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  dims: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  requireTensors("tensordot", a, b);
  if (typeof dims === "number" && dims > Math.min(a.ndim, b.ndim)) {
    throw rankError(
      `tensordot expects dims < ndim_a or ndim_b, but got dims=${dims}`,
      `${has(a)} The second: ${has(b)}`,
      [a, b],
    );
  }
  if (!Array.isArray(dims) && !(Number.isInteger(dims) && Number(dims) >= 0)) {
    throw argumentError("tensordot", 3, "a number of axes, or two lists of them", dims);
  }
  const [one, other] =
    typeof dims === "number"
      ? [Array.from({ length: dims }, (_, at) => at - dims), Array.from({ length: dims }, (_, at) => at)]
      : dims;
  requireList("tensordot", one, 3);
  requireList("tensordot", other, 3);
  if (one.length !== other.length) {
    throw rankError("both dimension lists should have same length", `They have ${one.length} and ${other.length}.`, [
      a,
      b,
    ]);
  }
  const [left, right] = [one.map((dim) => axisOf(dim, a.ndim)), other.map((dim) => axisOf(dim, b.ndim))];
  for (const [at, axis] of left.entries()) {
    const axisB = right[at] ?? 0;
    if (a.dims[axis] === b.dims[axisB]) continue;
    throw rankError(
      `contracted dimensions need to match, but first has size ${a.dims[axis]} in dim ${one[at]} and second has size ${b.dims[axisB]} in dim ${other[at]}`,
      `${has(a)} The second: ${has(b)}`,
      [a, b],
    );
  }
  const free = (t: Tensor, used: readonly number[]) => [...t.dims.keys()].filter((axis) => !used.includes(axis));
  const [freeA, freeB] = [free(a, left), free(b, right)];
  const size = (t: Tensor, axes: readonly number[]) => axes.reduce((product, axis) => product * t.size(axis), 1);
  const rows = a.permute([...freeA, ...left]).reshape([size(a, freeA), size(a, left)]);
  const columns = b.permute([...right, ...freeB]).reshape([size(b, right), size(b, freeB)]);
  return rows.matmul(columns).reshape([...freeA.map((axis) => a.size(axis)), ...freeB.map((axis) => b.size(axis))]);
}

/**
 * The vector products of vectors with three elements along an axis; shapes broadcast. [..., 3, ...] → the same shape.
 *
 * @throws SHAPE_MISMATCH where the axis has not the size 3
 *
 * @example
 * ```ts
 * await linalg.cross(tensor([1, 0, 0]), tensor([0, 1, 0])).tolist(); // [0, 0, 1]
 * ```
 */
export function cross(a: Tensor, b: Tensor, dim = -1): Tensor {
  requireTensors("cross", a, b);
  if (a.ndim === 0) throw rankError(`Dimension specified as ${dim} but tensor has no dimensions`, has(a), [a]);
  const axis = axisOf(dim, a.ndim);
  if (a.ndim !== b.ndim) {
    throw rankError("linalg.cross: inputs must have the same number of dimensions.", `${has(a)} The other: ${has(b)}`, [
      a,
      b,
    ]);
  }
  if (a.dims[axis] !== 3 || b.dims[axis] !== 3) {
    throw rankError(
      `linalg.cross: inputs dimension ${dim} must have length 3. Got ${a.dims[axis]} and ${b.dims[axis]}`,
      "The vector product exists in three dimensions.",
      [a, b],
    );
  }
  const shape = broadcast(a.dims, b.dims);
  const [one, other] = [a.expand(shape), b.expand(shape)];
  // Elements 1, 2, 0 of one with 2, 0, 1 of the other, less the other way round.
  const turned = (t: Tensor, by: number) =>
    Tensor.fromNode(concat([t.slice(axis, by, 3).node, t.slice(axis, 0, by).node], axis), [t]);
  return turned(one, 1)
    .mul(turned(other, 2))
    .sub(turned(one, 2).mul(turned(other, 1)));
}

/** From so many rows on, Euclidean distances are taken from a matrix product. */
const ROWS_FOR_PRODUCT = 25;

/**
 * The distance of every row of x1 [..., p, m] to every row of x2 [..., r, m] in the norm `p`: [..., p, r].
 *
 * @throws SHAPE_MISMATCH where vectors differ in length; BAD_OPTION for p below 0
 *
 * @example
 * ```ts
 * await cdist(tensor([[0, 0]], { dtype: "float32" }), tensor([[3, 4], [0, 1]], { dtype: "float32" })).tolist(); // [[5, 1]]
 * ```
 */
export function cdist(x1: Tensor, x2: Tensor, p = 2): Tensor {
  requireTensors("cdist", x1, x2);
  for (const [at, x] of [x1, x2].entries()) {
    if (x.ndim >= 2) continue;
    throw rankError(`cdist only supports at least 2D tensors, X${at + 1} got: ${x.ndim}D`, has(x), [x]);
  }
  if (x1.dims.at(-1) !== x2.dims.at(-1)) {
    throw rankError(
      `X1 and X2 must have the same number of columns. X1: ${x1.dims.at(-1)} X2: ${x2.dims.at(-1)}`,
      "Each row is a point; points need the same number of coordinates.",
      [x1, x2],
    );
  }
  if (!(p >= 0)) {
    throw new AbrazoError({
      code: "BAD_OPTION",
      message: "cdist only supports non-negative p values",
      hint: `It is ${p}.`,
    });
  }
  if (p === 2 && (x1.size(-2) > ROWS_FOR_PRODUCT || x2.size(-2) > ROWS_FOR_PRODUCT)) return euclidean(x1, x2);
  // Points without coordinates lie together.
  return vectorNorm(x1.unsqueeze(-2).sub(x2.unsqueeze(-3)), x1.size(-1) === 0 ? 2 : p, -1);
}

/** |x|² - 2 x y + |y|² needs no [..., p, r, m]; it loses digits where distances are small beside the points. */
function euclidean(x1: Tensor, x2: Tensor): Tensor {
  const squares = (x: Tensor) => x.mul(x).sum(-1, true);
  const product = x1.matmul(x2.transpose(-1, -2));
  const sum = squares(x1).sub(product.mul(2)).add(squares(x2).transpose(-1, -2));
  const near = sum.detach().le(0);
  return sum.maskedFill(near, 1).sqrt().maskedFill(near, 0);
}
