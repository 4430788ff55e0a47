// Spread, norms and sums that leave something out: made of the plain reductions.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { type DType, isFloat } from "../../graph/dtype.ts";
import type { Node } from "../../graph/node.ts";
import { axisOf, shapeError, sizeOf } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { scalarTypeName } from "../operands.ts";
import type { Tensor } from "../tensor.ts";
import { converted, dtypeOption, requireElements } from "./reduce.ts";
import { type Axes, axesOf, floating, widened } from "./support.ts";

export interface SpreadOptions {
  /** Taken off the count: 1 for a sample, 0 for a whole population. */
  correction?: number;
  keepDim?: boolean;
}

const spreadOptions = optionsOf<SpreadOptions>({ correction: true, keepDim: true });

function requireReal(node: Node, message: string): void {
  if (isFloat(node.dtype)) return;
  throw new AbrazoError({ code: "DTYPE_UNSUPPORTED", message, hint: 'Convert first, e.g. with to("float32").' });
}

const zeroOf = (node: Node): Node => build.constant(0, node.dtype);
const oneOf = (node: Node): Node => build.constant(1, node.dtype);

/** A function that has no slope at 0, with the gradient 0 there instead of NaN. */
function awayFromZero(node: Node, make: (node: Node) => Node): Node {
  const zero = build.equal(node, zeroOf(node));
  return build.where(zero, zeroOf(node), make(build.where(zero, oneOf(node), node)));
}

interface Spread {
  mean: Node;
  variance: Node;
}

/** In two passes: squares of what is left without the mean. */
function spreadOf(node: Node, dim: Axes, { correction = 1, keepDim = false }: SpreadOptions): Spread {
  requireReal(node, "std and var only support floating point and complex dtypes");
  const axes = axesOf(dim, node.shape.length);
  const mean = build.mean(node, axes, true);
  const squares = build.sum(build.square(build.sub(node, mean)), axes, keepDim);
  const count = sizeOf(axes.map((axis) => node.shape[axis] ?? 1));
  const divisor = build.constant(Math.max(0, count - correction), node.dtype);
  return { mean: keepDim ? mean : build.reshape(mean, squares.shape), variance: build.div(squares, divisor) };
}

const deviation = (variance: Node): Node => awayFromZero(variance, build.sqrt);

/** Of order p over axes: 0 counts what is not zero, ±Infinity are the extremes. Where it is 0 so is its gradient. */
function normOf(node: Node, p: number, axes: readonly number[], keepDim: boolean): Node {
  const size = build.abs(node);
  if (p === Number.POSITIVE_INFINITY) return build.amax(size, axes, keepDim);
  if (p === Number.NEGATIVE_INFINITY) return build.amin(size, axes, keepDim);
  if (p === 0) {
    const nonzero = build.logicalNot(build.equal(node, zeroOf(node)));
    return build.sum(build.cast(nonzero, node.dtype), axes, keepDim);
  }
  if (p === 1) return build.sum(size, axes, keepDim);
  if (p === 2) return awayFromZero(build.sum(build.square(node), axes, keepDim), build.sqrt);
  const raise = (base: Node, exponent: number): Node => build.pow(base, build.constant(exponent, node.dtype));
  const powers = p > 0 && p < 1 ? awayFromZero(size, (base) => raise(base, p)) : raise(size, p);
  return awayFromZero(build.sum(powers, axes, keepDim), (sum) => raise(sum, 1 / p));
}

/** ln Σ eˣ, with the largest taken out; where that is infinite nothing is. */
function logSumExp(node: Node, axes: readonly number[], keepDim: boolean): Node {
  if (axes.some((axis) => node.shape[axis] === 0)) return build.log(build.sum(build.exp(node), axes, keepDim));
  const largest = build.stopGradient(build.amax(node, axes, true));
  const infinite = build.constant(Number.POSITIVE_INFINITY, node.dtype);
  const finite = build.less(build.abs(largest), infinite);
  const offset = build.where(finite, largest, zeroOf(node));
  const sums = build.log(build.sum(build.exp(build.sub(node, offset)), axes, keepDim));
  return build.add(sums, build.reshape(offset, sums.shape));
}

const withoutNaN = (node: Node): Node =>
  isFloat(node.dtype) ? build.where(build.call("isnan", [node]), zeroOf(node), node) : node;

function differenceAlong(node: Node, axis: number): Node {
  const size = sizeOf([node.shape[axis] ?? 1]);
  const later = build.narrow(node, axis, Math.min(1, size), Math.max(0, size - 1));
  const earlier = build.narrow(node, axis, 0, Math.max(0, size - 1));
  return node.dtype === "bool" ? build.call("logicalXor", [later, earlier]) : build.sub(later, earlier);
}

export const statisticsMethods = {
  /**
   * The standard deviation over axes, all when none is named; of a sample unless `correction` is 0.
   *
   * @example
   * ```ts
   * await tensor([1.5, 2.5]).std(0, { correction: 0 }).item(); // 0.5
   * ```
   */
  std(this: Tensor, dim?: Axes, given?: SpreadOptions): Tensor {
    const options = spreadOptions("std", given);
    return this.map((node) => deviation(spreadOf(node, dim, options).variance));
  },
  /** The variance over axes: the square of std. */
  var(this: Tensor, dim?: Axes, given?: SpreadOptions): Tensor {
    const options = spreadOptions("var", given);
    return this.map((node) => spreadOf(node, dim, options).variance);
  },
  /** Standard deviation and mean. */
  stdMean(this: Tensor, dim?: Axes, given?: SpreadOptions): { std: Tensor; mean: Tensor } {
    const options = spreadOptions("stdMean", given);
    return { std: this.std(dim, options), mean: this.map((node) => spreadOf(node, dim, options).mean) };
  },
  /** Variance and mean. */
  varMean(this: Tensor, dim?: Axes, given?: SpreadOptions): { var: Tensor; mean: Tensor } {
    const options = spreadOptions("varMean", given);
    return { var: this.var(dim, options), mean: this.map((node) => spreadOf(node, dim, options).mean) };
  },
  /**
   * The norm over axes: (Σ |x|ᵖ)^(1/p), by default the Euclidean one; p may be 0 and ±Infinity.
   *
   * @example
   * ```ts
   * await tensor([3, 4], { dtype: "float32" }).norm().item(); // 5
   * ```
   */
  norm(
    this: Tensor,
    p: number | "fro" = 2,
    dim?: Axes,
    keepDim = false,
    given?: { dtype?: DType | undefined },
  ): Tensor {
    const { dtype } = dtypeOption("norm", given);
    return this.map((given) => {
      const node = converted(given, dtype);
      requireReal(
        node,
        `linalg.vector_norm: Expected a floating point or complex tensor as input. Got ${scalarTypeName(node.dtype)}`,
      );
      const order = p === "fro" ? 2 : p;
      if (Math.abs(order) === Number.POSITIVE_INFINITY) requireElements("norm", node, dim);
      return normOf(node, order, axesOf(dim, node.shape.length), keepDim);
    });
  },
  /** The norm of order p of the difference. */
  dist(this: Tensor, other: Tensor, p = 2): Tensor {
    return this.combine(other, (a, b) => {
      const difference = build.sub(a, b);
      requireReal(difference, `dist(): expected floating point inputs. Got ${scalarTypeName(difference.dtype)}`);
      return normOf(difference, p, axesOf(undefined, difference.shape.length), false);
    });
  },
  /** ln Σ eˣ over axes, which neither overflows nor loses what is small. */
  logsumexp(this: Tensor, dim: Axes, keepDim = false): Tensor {
    return this.map((node) => logSumExp(floating(node), axesOf(dim, node.shape.length), keepDim));
  },
  /** The sum with NaN as 0. */
  nansum(this: Tensor, dim?: Axes, keepDim = false): Tensor {
    return this.map((node) => build.sum(withoutNaN(widened(node)), axesOf(dim, node.shape.length), keepDim));
  },
  /** The mean of what is not NaN. */
  nanmean(this: Tensor, dim?: Axes, keepDim = false): Tensor {
    return this.map((node) => {
      requireReal(
        node,
        `nanmean(): expected input to have floating point or complex dtype but got ${scalarTypeName(node.dtype)}`,
      );
      const axes = axesOf(dim, node.shape.length);
      const there = build.cast(build.logicalNot(build.call("isnan", [node])), node.dtype);
      return build.div(build.sum(withoutNaN(node), axes, keepDim), build.sum(there, axes, keepDim));
    });
  },
  /** Differences of neighbours along an axis, `n` times over. */
  diff(this: Tensor, n = 1, dim = -1): Tensor {
    if (this.ndim === 0) throw shapeError("diff expects input to be at least one-dimensional");
    return this.map((node) => {
      const axis = axisOf(dim, node.shape.length);
      let result = node;
      for (let time = 0; time < n; time++) result = differenceAlong(result, axis);
      return result;
    });
  },
};
