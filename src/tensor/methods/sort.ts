// Sorting and selection: in order, the k largest, medians, quantiles. Gradients go to the elements that were picked.
// Counts nothing: unique, bincount and the like are in counting.ts.
import { AbrazoError, suggestion } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { isFloat } from "../../graph/dtype.ts";
import { makeLeaf } from "../../graph/leaf.ts";
import type { Node } from "../../graph/node.ts";
import { axisOf, sizeOf } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { decode, encode } from "../convert.ts";
import { Tensor } from "../tensor.ts";

/** Elements and the places (int64) at which they stood along the axis. */
export interface Picked {
  values: Tensor;
  indices: Tensor;
}

const argTopk = (node: Node, axis: number, k: number, largest: boolean): Node =>
  call("argTopk", node, { axis, k, largest });
const call = (name: string, node: Node, attrs: Readonly<Record<string, number | boolean>>): Node =>
  build.call(name, [node], attrs);

/** A 0-d tensor is sorted as one of one element. */
function along(tensor: Tensor, dim: number): { node: Node; axis: number; size: number; back(node: Node): Node } {
  const axis = axisOf(dim, tensor.ndim);
  const { node } = tensor;
  if (tensor.ndim > 0) return { node, axis, size: sizeOf([node.shape[axis] ?? 1]), back: (made) => made };
  return { node: build.reshape(node, [1]), axis: 0, size: 1, back: (made) => build.reshape(made, []) };
}

function picked(tensor: Tensor, node: Node, places: Node, axis: number, finish: (node: Node) => Node): Picked {
  return {
    values: Tensor.fromNode(finish(build.gatherElements(node, places, axis)), [tensor]),
    indices: Tensor.fromNode(finish(places), [tensor]),
  };
}

/** Drops an axis of size 1, or keeps it. */
const dropping =
  (axis: number, keepDim: boolean, back: (node: Node) => Node) =>
  (made: Node): Node =>
    keepDim
      ? back(made)
      : build.reshape(
          made,
          made.shape.filter((_, at) => at !== axis),
        );

function emptyError(name: string, axis: number): AbrazoError {
  return new AbrazoError({
    code: "DIM_EMPTY",
    message: `${name}(): Expected reduction dim ${axis} to have non-zero size.`,
    hint: "There is no element to pick.",
    data: { axis },
  });
}

const isNaNOf = (node: Node): Node => call("isnan", node, {});

/** Whether a row holds NaN, as a truth value with the axis at size 1. */
function holdsNaN(node: Node, axis: number): Node {
  return build.greater(build.amax(build.cast(isNaNOf(node), "float32"), [axis], true), build.constant(0, "float32"));
}

/** How many elements of each row are not NaN, in float32, with the axis at size 1. */
function countOf(node: Node, axis: number): Node {
  const missing = build.sum(build.cast(isNaNOf(node), "float32"), [axis], true);
  return build.sub(build.constant(Number(node.shape[axis]), "float32"), missing);
}

/** The place of the lower median, or of the first NaN where there is one. */
function medianPlaces(node: Node, axis: number, size: number): Node {
  const k = Math.floor((size - 1) / 2) + 1;
  // The largest of the lower half: which costs no sorting.
  const lower = call("argTopk", node, { axis, k, largest: false, unordered: true });
  const last = build.argmax(build.gatherElements(node, lower, axis), axis, true);
  const middle = build.gatherElements(lower, last, axis);
  if (!isFloat(node.dtype)) return middle;
  return build.where(holdsNaN(node, axis), build.argmax(build.cast(isNaNOf(node), "float32"), axis, true), middle);
}

/** The place of the lower median of what is not NaN. */
function nanmedianPlaces(node: Node, axis: number, size: number): Node {
  if (!isFloat(node.dtype)) return medianPlaces(node, axis, size);
  const order = argTopk(node, axis, size, false);
  const half = build.scale(build.shift(countOf(node, axis), -1), 0.5);
  const middle = call("floor", build.call("maximum", [half, build.constant(0, "float32")]), {});
  return build.gatherElements(order, build.cast(middle, "int64"), axis);
}

/** The median of all elements. Where several are equal to it they share its gradient, as in PyTorch. */
function medianOfAll(tensor: Tensor, places: typeof medianPlaces): Tensor {
  const size = tensor.numel();
  return tensor.map((given) => {
    const node = build.reshape(given, [size]);
    if (size === 0) return build.constant(isFloat(node.dtype) ? Number.NaN : 0, node.dtype);
    const value = build.gatherElements(node, places(node, 0, size), 0);
    if (!isFloat(node.dtype)) return build.reshape(value, []);
    const fixed = build.stopGradient(value);
    const others = build.constant(Number.NEGATIVE_INFINITY, node.dtype);
    const shared = build.amax(build.where(build.equal(node, fixed), node, others), [0]);
    const found = build.reshape(fixed, []);
    return build.where(isNaNOf(found), found, shared);
  });
}

function medianAlong(tensor: Tensor, dim: number, keepDim: boolean, name: string, places: typeof medianPlaces): Picked {
  const { node, axis, size, back } = along(tensor, dim);
  if (size === 0) throw emptyError(name, axis);
  return picked(tensor, node, places(node, axis, size), axis, dropping(axis, keepDim, back));
}

const INTERPOLATIONS = ["linear", "lower", "higher", "midpoint", "nearest"] as const;
export type Interpolation = (typeof INTERPOLATIONS)[number];

function optionError(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "BAD_OPTION", message, hint });
}

/** Shares between 0 and 1 as a leaf [count] of the input's dtype. */
function sharesOf(tensor: Tensor, q: number | Tensor, name: string): { leaf: Node; scalar: boolean } {
  const { dtype } = tensor;
  if (dtype !== "float32" && dtype !== "float64") {
    throw optionError(
      `${name}() input tensor must be either float or double dtype`,
      `It is ${dtype}; convert it with to().`,
    );
  }
  if (tensor.numel() === 0)
    throw optionError(`${name}() input tensor must be non-empty`, "There is no element to pick.");
  if (q instanceof Tensor && q.dtype !== dtype) {
    throw optionError(`${name}() q tensor must be same dtype as the input tensor`, `They are ${q.dtype} and ${dtype}.`);
  }
  if (q instanceof Tensor && q.ndim > 1) {
    throw optionError(`${name}() q must be a scalar or 1D tensor`, `It has ${q.ndim} dimensions.`);
  }
  const shares =
    q instanceof Tensor ? [...q.dataSync()].map((_, at, all) => decode(encode([all[at] ?? 0], dtype), dtype, 0)) : [q];
  for (const share of shares) {
    if (share >= 0 && share <= 1) continue;
    throw optionError(
      typeof q === "number"
        ? `${name}() q must be in the range [0, 1] but got ${q}`
        : `${name}() q values must be in the range [0, 1]`,
      "0.5 is the median.",
    );
  }
  const leaf = makeLeaf([shares.length], dtype, { kind: "host", data: encode(shares, dtype) });
  return { leaf, scalar: !(q instanceof Tensor) || q.ndim === 0 };
}

/** Elements at fractional places of sorted rows; `ranks` has as many along the axis as there are shares. */
function atRanks(sorted: Node, ranks: Node, axis: number, interpolation: Interpolation): Node {
  const whole = { linear: "floor", midpoint: "floor", lower: "floor", higher: "ceil", nearest: "round" }[interpolation];
  const pick = (places: Node) => build.gatherElements(sorted, build.cast(places, "int64"), axis);
  const below = whole === "ceil" ? ceil(ranks) : call(whole, ranks, {});
  const low = pick(below);
  if (interpolation !== "linear" && interpolation !== "midpoint") return low;
  const weight = interpolation === "midpoint" ? build.constant(0.5, sorted.dtype) : build.sub(ranks, below);
  return build.add(low, build.mul(weight, build.sub(pick(ceil(ranks)), low)));
}

const ceil = (node: Node): Node => build.neg(call("floor", build.neg(node), {}));

export interface QuantileOptions {
  interpolation?: Interpolation;
}

const quantileOptions = optionsOf<QuantileOptions>({ interpolation: true });

function quantileOf(
  tensor: Tensor,
  q: number | Tensor,
  dim: number | undefined,
  keepDim: boolean,
  { interpolation = "linear" }: QuantileOptions,
  skipNaN: boolean,
): Tensor {
  const name = skipNaN ? "nanquantile" : "quantile";
  if (!INTERPOLATIONS.includes(interpolation)) {
    throw optionError(
      `${name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got ${interpolation}`,
      suggestion(interpolation, INTERPOLATIONS),
    );
  }
  const { leaf, scalar } = sharesOf(tensor, q, name);
  const seen = dim === undefined ? tensor.reshape([-1]) : tensor;
  const { node, axis, size } = along(seen, dim ?? 0);
  const made = tensor.map(() => {
    const sorted = build.gatherElements(node, argTopk(node, axis, size, false), axis);
    const shares = build.reshape(
      leaf,
      node.shape.map((_, at) => (at === axis ? Number(leaf.shape[0]) : 1)),
    );
    const shape = node.shape.map((count, at) => (at === axis ? Number(leaf.shape[0]) : count));
    const last = skipNaN
      ? build.call("maximum", [
          build.shift(build.cast(countOf(node, axis), node.dtype), -1),
          build.constant(0, node.dtype),
        ])
      : build.constant(size - 1, node.dtype);
    const found = atRanks(sorted, build.expand(build.mul(shares, last), shape), axis, interpolation);
    const result = skipNaN ? found : build.where(holdsNaN(node, axis), build.constant(Number.NaN, node.dtype), found);
    // Shares come first in the result, and the axis is gone.
    const order = [axis, ...node.shape.map((_, at) => at).filter((at) => at !== axis)];
    return build.permute(result, order);
  });
  const others = node.shape.filter((_, at) => at !== axis);
  const kept = dim === undefined ? tensor.dims.map(() => 1) : tensor.dims.map((count, at) => (at === axis ? 1 : count));
  return made.reshape([
    ...(scalar ? [] : [Number(leaf.shape[0])]),
    ...(keepDim ? kept : dim === undefined ? [] : others),
  ]);
}

export const sortMethods = {
  /**
   * The elements along an axis in order, and where they stood. Always stable: equal elements keep their
   * order. NaN counts as largest.
   *
   * @example
   * ```ts
   * const { values, indices } = tensor([3, 1, 2]).sort();
   * [await values.tolist(), await indices.tolist()]; // [[1, 2, 3], [1, 2, 0]]
   * ```
   */
  sort(this: Tensor, dim = -1, descending = false): Picked {
    const { node, axis, size, back } = along(this, dim);
    return picked(this, node, argTopk(node, axis, size, descending), axis, back);
  },
  /** The places of sort() alone. */
  argsort(this: Tensor, dim = -1, descending = false): Tensor {
    return this.sort(dim, descending).indices;
  },
  /** The values of sort() along the first axis. */
  msort(this: Tensor): Tensor {
    return this.sort(0).values;
  },
  /**
   * The k largest elements along an axis (or smallest), always in order, and where they stand; of equal ones the first.
   *
   * @example
   * ```ts
   * await tensor([3, 1, 2]).topk(2).values.tolist(); // [3, 2]
   * ```
   */
  topk(this: Tensor, k: number, dim = -1, largest = true): Picked {
    const { node, axis, size, back } = along(this, dim);
    if (!Number.isInteger(k) || k < 0 || k > size) {
      throw new AbrazoError({
        code: "INDEX_OUT_OF_RANGE",
        message: "selected index k out of range",
        hint: `k is ${k}; the axis has ${size} elements.`,
        data: { k, size },
      });
    }
    return picked(this, node, argTopk(node, axis, k, largest), axis, k === 1 ? back : (made) => made);
  },
  /** The k-th smallest element along an axis, counted from 1, and where it stands. */
  kthvalue(this: Tensor, k: number, dim = -1, keepDim = false): Picked {
    const { node, axis, size, back } = along(this, dim);
    if (size === 0) throw emptyError("kthvalue", axis);
    if (!Number.isInteger(k) || k < 1 || k > size) {
      throw new AbrazoError({
        code: "INDEX_OUT_OF_RANGE",
        message: `kthvalue(): selected number k out of range for dimension ${axis}`,
        hint: `k is ${k}, counted from 1; the axis has ${size} elements.`,
        data: { k, size },
      });
    }
    const places = build.slice(argTopk(node, axis, k, false), axis, k - 1, k);
    return picked(this, node, places, axis, dropping(axis, keepDim, back));
  },
  median,
  nanmedian,
  /**
   * The most frequent element along an axis and where it stands last; of several the smallest.
   *
   * @example
   * ```ts
   * await tensor([2, 1, 2]).mode().values.item(); // 2
   * ```
   */
  mode(this: Tensor, dim = -1, keepDim = false): Picked {
    const { node, axis, size, back } = along(this, dim);
    if (size === 0) throw emptyError("mode", axis);
    const order = [...node.shape.keys()].filter((at) => at !== axis);
    const halves = node.dtype === "float16" || node.dtype === "bfloat16";
    const rows = build.permute(halves ? build.cast(node, "float32") : node, [...order, axis]);
    const places = build.call("argMode", [rows]);
    const kept = build.reshape(
      places,
      node.shape.map((count, at) => (at === axis ? 1 : count)),
    );
    return picked(this, node, kept, axis, dropping(axis, keepDim, back));
  },
  /**
   * Elements below which a share `q` of all lies, of all elements or along an axis; between two elements by `interpolation`
   * ("linear" unless named). Several shares (a 1-d tensor) come first in the result. NaN where there is one.
   *
   * @example
   * ```ts
   * await tensor([1, 2, 3, 4], { dtype: "float32" }).quantile(0.5).item(); // 2.5
   * ```
   */
  quantile(this: Tensor, q: number | Tensor, dim?: number, keepDim = false, given?: QuantileOptions): Tensor {
    const options = quantileOptions("quantile", given);
    return quantileOf(this, q, dim, keepDim, options, false);
  },
  /** As quantile(), of what is not NaN. */
  nanquantile(this: Tensor, q: number | Tensor, dim?: number, keepDim = false, given?: QuantileOptions): Tensor {
    const options = quantileOptions("nanquantile", given);
    return quantileOf(this, q, dim, keepDim, options, true);
  },
};

/** The lower median of all elements, or along an axis with its place. NaN where there is one. */
function median(this: Tensor): Tensor;
function median(this: Tensor, dim: number, keepDim?: boolean): Picked;
function median(this: Tensor, dim?: number, keepDim = false): Tensor | Picked {
  return dim === undefined ? medianOfAll(this, medianPlaces) : medianAlong(this, dim, keepDim, "median", medianPlaces);
}

/** As median(), of what is not NaN. */
function nanmedian(this: Tensor): Tensor;
function nanmedian(this: Tensor, dim: number, keepDim?: boolean): Picked;
function nanmedian(this: Tensor, dim?: number, keepDim = false): Tensor | Picked {
  if (dim === undefined) return medianOfAll(this, nanmedianPlaces);
  return medianAlong(this, dim, keepDim, "nanmedian", nanmedianPlaces);
}
