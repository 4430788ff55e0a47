// Methods that fold axes: sums, means, products, extremes, truth.
// What is made of these is in statistics.ts; what keeps the axis in cumulative.ts.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { type DType, isFloat } from "../../graph/dtype.ts";
import type { Node } from "../../graph/node.ts";
import { axisOf } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { scalarTypeName } from "../operands.ts";
import { Tensor } from "../tensor.ts";
import { type Axes, axesOf, widened } from "./support.ts";

const aminmaxOptions = optionsOf<{ dim?: number; keepDim?: boolean }>({ dim: true, keepDim: true });

export interface DTypeOption {
  /** Elements are converted to this before. */
  dtype?: DType | undefined;
}

export const dtypeOption = optionsOf<DTypeOption>({ dtype: true });

export interface ValuesAndIndices {
  values: Tensor;
  indices: Tensor;
}

export const converted = (node: Node, dtype: DType | undefined): Node =>
  dtype === undefined ? node : build.cast(node, dtype);

function meanOf(node: Node, axes: readonly number[], keepDim: boolean): Node {
  if (isFloat(node.dtype)) return build.mean(node, axes, keepDim);
  throw new AbrazoError({
    code: "DTYPE_UNSUPPORTED",
    message: `mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: ${scalarTypeName(node.dtype)}`,
    hint: 'Say what the mean is computed in: mean(dim, false, { dtype: "float32" }).',
  });
}

/** Along one axis, or over all of them. */
function productOf(node: Node, dim: number | undefined, keepDim: boolean): Node {
  const rank = node.shape.length;
  const axis = dim === undefined ? undefined : axisOf(dim, rank);
  if (rank === 0) return node;
  if (axis !== undefined) return build.prod(node, axis, keepDim);
  const product = build.prod(build.reshape(node, [-1]), 0, false);
  return keepDim
    ? build.reshape(
        product,
        node.shape.map(() => 1),
      )
    : product;
}

function emptyError(name: string, axis?: number): AbrazoError {
  return new AbrazoError({
    code: "EMPTY_REDUCTION",
    message:
      axis === undefined
        ? `${name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.`
        : `${name}(): Expected reduction dim ${axis} to have non-zero size.`,
    hint: "No elements have no extreme; check numel() first.",
  });
}

/** No elements have no extreme. */
export function requireElements(name: string, node: Node, dim: Axes): void {
  if (!node.shape.includes(0)) return;
  const all = dim === undefined || (typeof dim !== "number" && dim.length === 0);
  const axis = axesOf(dim, node.shape.length).find((each) => node.shape[each] === 0);
  if (axis !== undefined) throw emptyError(name, all ? undefined : axis);
}

type Reduce = (node: Node, axes: readonly number[], keepDim: boolean) => Node;

const extreme = (name: "amax" | "amin", make: Reduce) =>
  function (this: Tensor, dim?: Axes, keepDim = false): Tensor {
    return this.map((node) => {
      requireElements(name, node, dim);
      return make(node, axesOf(dim, node.shape.length), keepDim);
    });
  };

const amax = extreme("amax", build.amax);
const amin = extreme("amin", build.amin);

/** Over all elements the index counts row by row. */
const place = (name: "argmax" | "argmin", make: (node: Node, axis: number, keepDim: boolean) => Node) =>
  function (this: Tensor, dim?: number | null, keepDim = false): Tensor {
    const axis = dim ?? undefined;
    return this.map((node) => {
      requireElements(name, node, axis);
      const rank = node.shape.length;
      if (axis !== undefined && rank > 0) return make(node, axisOf(axis, rank), keepDim);
      if (axis !== undefined) axisOf(axis, rank);
      const index = make(build.reshape(node, [-1]), 0, false);
      return keepDim
        ? build.reshape(
            index,
            node.shape.map(() => 1),
          )
        : index;
    });
  };

/** The gradient goes to the element that was found alone. */
function extremeAlong(tensor: Tensor, name: "max" | "min", dim: number, keepDim: boolean): ValuesAndIndices {
  requireElements(name, tensor.node, dim);
  const { node } = tensor;
  const rank = node.shape.length;
  const axis = axisOf(dim, rank);
  const full = rank === 0 ? build.reshape(node, [1]) : node;
  const find = name === "max" ? build.argmax : build.argmin;
  const comparable = full.dtype === "bool" ? build.cast(full, "uint8") : full;
  const indices = find(comparable, axis, true);
  const values = build.gatherElements(full, indices, axis);
  const folded = (found: Node): Node => {
    if (keepDim && rank > 0) return found;
    return build.reshape(
      found,
      found.shape.filter((_, at) => at !== axis),
    );
  };
  return {
    values: Tensor.fromNode(folded(values), [tensor]),
    indices: Tensor.fromNode(folded(indices), [tensor]),
  };
}

function max(this: Tensor): Tensor;
function max(this: Tensor, other: Tensor): Tensor;
function max(this: Tensor, dim: number, keepDim?: boolean): ValuesAndIndices;
function max(this: Tensor, which?: Tensor | number, keepDim = false): Tensor | ValuesAndIndices {
  if (which instanceof Tensor) return this.maximum(which);
  if (which !== undefined) return extremeAlong(this, "max", which, keepDim);
  requireElements("max", this.node, undefined);
  return amax.call(this);
}

function min(this: Tensor): Tensor;
function min(this: Tensor, other: Tensor): Tensor;
function min(this: Tensor, dim: number, keepDim?: boolean): ValuesAndIndices;
function min(this: Tensor, which?: Tensor | number, keepDim = false): Tensor | ValuesAndIndices {
  if (which instanceof Tensor) return this.minimum(which);
  if (which !== undefined) return extremeAlong(this, "min", which, keepDim);
  requireElements("min", this.node, undefined);
  return amin.call(this);
}

/** Counted rather than compared, so that no elements have an answer too. uint8 stays uint8, as in PyTorch. */
const truth = (make: (truths: Node, axes: readonly number[], keepDim: boolean) => Node) =>
  function (this: Tensor, dim?: Axes, keepDim = false): Tensor {
    return this.map((node) => {
      const result = make(build.cast(node, "bool"), axesOf(dim, node.shape.length), keepDim);
      return node.dtype === "uint8" ? build.cast(result, "uint8") : result;
    });
  };

const counted = (truths: Node, axes: readonly number[], keepDim: boolean): Node =>
  build.sum(build.cast(truths, "int32"), axes, keepDim);

export const reduceMethods = {
  /**
   * The sum over axes, all when none is named. Whole numbers and truth values are summed in int64.
   *
   * @example
   * ```ts
   * await tensor([[1, 2], [3, 4]]).sum(0).tolist(); // [4, 6]
   * ```
   */
  sum(this: Tensor, dim?: Axes, keepDim = false, given?: DTypeOption): Tensor {
    const { dtype } = dtypeOption("sum", given);
    return this.map((node) =>
      build.sum(dtype === undefined ? widened(node) : build.cast(node, dtype), axesOf(dim, node.shape.length), keepDim),
    );
  },
  /** The mean over axes, of real numbers; of no elements NaN. */
  mean(this: Tensor, dim?: Axes, keepDim = false, given?: DTypeOption): Tensor {
    const { dtype } = dtypeOption("mean", given);
    return this.map((node) => meanOf(converted(node, dtype), axesOf(dim, node.shape.length), keepDim));
  },
  /** The product along an axis, or of all elements. Its gradient is right where elements are 0, too. */
  prod(this: Tensor, dim?: number | null, keepDim = false, given?: DTypeOption): Tensor {
    const { dtype } = dtypeOption("prod", given);
    return this.map((node) =>
      productOf(dtype === undefined ? widened(node) : build.cast(node, dtype), dim ?? undefined, keepDim),
    );
  },
  /** The largest element over axes; equal ones share the gradient. */
  amax,
  /** The smallest element over axes; equal ones share the gradient. */
  amin,
  /** Both extremes, over all elements or along one axis. */
  aminmax(this: Tensor, given?: { dim?: number; keepDim?: boolean }): { min: Tensor; max: Tensor } {
    const { dim, keepDim = false } = aminmaxOptions("aminmax", given);
    requireElements("aminmax", this.node, dim);
    return { min: amin.call(this, dim, keepDim), max: amax.call(this, dim, keepDim) };
  },
  /**
   * Without arguments the largest element; with a dim the largest along it and its first index, to which alone the
   * gradient goes; with another tensor the larger of both, element by element.
   *
   * @example
   * ```ts
   * const { values, indices } = tensor([[1, 5], [7, 2]]).max(1);
   * await values.tolist(); // [5, 7]
   * await indices.tolist(); // [1, 0]
   * ```
   */
  max,
  /** As max, for the smallest. */
  min,
  /** The index (int64) of the first largest element along an axis, or of all. */
  argmax: place("argmax", build.argmax),
  /** The index (int64) of the first smallest element along an axis, or of all. */
  argmin: place("argmin", build.argmin),
  /** Whether every element is not zero; true of no elements. */
  all: truth((node, axes, keepDim) => {
    const absent = counted(build.logicalNot(node), axes, keepDim);
    return build.equal(absent, build.constant(0, absent.dtype));
  }),
  /** Whether some element is not zero. */
  any: truth((node, axes, keepDim) => {
    const present = counted(node, axes, keepDim);
    return build.greater(present, build.constant(0, present.dtype));
  }),
  /** How many elements are not zero. */
  countNonzero(this: Tensor, dim?: Axes): Tensor {
    return this.map((node) =>
      build.cast(counted(build.cast(node, "bool"), axesOf(dim, node.shape.length), false), "int64"),
    );
  },
};
