// Picking along one axis by a tensor of indices, putting back, and masks.
// Knows no brackets: those are indexing.ts.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { isFloat } from "../../graph/dtype.ts";
import type { Node } from "../../graph/node.ts";
import { axisOf, axisWithin, broadcast, shapeError, showShape } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { indexNode, requireIndexDType } from "../indices.ts";
import { scalarNode, Tensor } from "../tensor.ts";
import { copied, inPlaceOf, integers, placesOfTruth } from "./support.ts";

const indexAddOptions = optionsOf<{ alpha?: number }>({ alpha: true });

const scatterReduceOptions = optionsOf<{ includeSelf?: boolean }>({ includeSelf: true });

export type ScatterReduction = "sum" | "prod" | "mean" | "amax" | "amin";

const asVector = (tensor: Tensor): Tensor => (tensor.ndim === 0 ? tensor.reshape([1]) : tensor);

/** The index of gather and scatter, checked against what is indexed (and what is put there). */
function elementIndex(name: string, self: Tensor, dim: number, index: Tensor, source?: Tensor): Node {
  requireIndexDType(index, name);
  for (const other of source === undefined ? [self] : [self, source]) {
    if (index.ndim === other.ndim) continue;
    throw shapeError(
      `Index tensor must have the same number of dimensions as ${other === self ? (source === undefined ? "input" : "self") : "src"} tensor`,
      `They have ${index.ndim} and ${other.ndim}.`,
    );
  }
  const fits = index.dims.every((size, axis) => axis === dim || Number(size) <= Number(self.dims[axis] ?? size));
  const within = source === undefined || index.dims.every((size, axis) => Number(size) <= Number(source.dims[axis]));
  const isKnown = index.dims.every((size) => typeof size === "number");
  if (isKnown && !(fits && within) && index.numel() > 0) {
    const place = index.dims.findIndex((size, axis) => axis !== dim && Number(size) > Number(self.dims[axis]));
    throw shapeError(
      source === undefined
        ? `Size does not match at dimension ${place} expected index ${showShape(index.dims)} to be no larger than self ${showShape(self.dims)} apart from dimension ${dim}`
        : `Expected index ${showShape(index.dims)} to be no larger than self ${showShape(self.dims)} apart from dimension ${dim} and to be no larger size than src ${showShape(source.dims)}`,
    );
  }
  return indexNode(index, { size: self.dims[dim] ?? 1, dim });
}

/** The part of the source that the index covers. */
function covered(source: Node, index: Node): Node {
  return index.shape.reduce<Node>(
    (node, size, axis) => (node.shape[axis] === size ? node : build.slice(node, axis, 0, Number(size))),
    source,
  );
}

function sameDType(name: string, self: Tensor, source: Tensor): void {
  if (self.dtype === source.dtype) return;
  throw new AbrazoError({
    code: "DTYPE_MISMATCH",
    message: `${name}(): Expected self.dtype to be equal to src.dtype`,
    hint: `They are ${self.dtype} and ${source.dtype}; convert one with to().`,
  });
}

/** An operation of base, index and updates along an axis. A scalar is a vector of one on the way. */
function scattered(
  name: string,
  op: string,
  self: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor | number,
): Tensor {
  const [base, places] = [asVector(self), asVector(index)];
  const axis = axisOf(dim, base.ndim);
  const updates = typeof source === "number" ? undefined : asVector(source);
  const at = elementIndex(name, base, axis, places, updates);
  if (updates !== undefined) sameDType(name, self, updates);
  const value =
    updates === undefined
      ? build.expand(build.cast(scalarNode(Number(source), self.dtype), self.dtype), at.shape)
      : covered(updates.node, at);
  if (at.shape.includes(0)) return copied(self);
  const node = build.call(op, [base.node, at, value], { axis });
  return Tensor.fromNode(build.reshape(node, self.dims), updates === undefined ? [self] : [self, updates]);
}

/** A vector of indices along one axis, as indices of every element of a source. */
function alongAxis(
  name: string,
  self: Tensor,
  axis: number,
  index: Tensor,
  source: readonly (number | string)[],
): Node {
  const places = vectorIndex(name, self, axis, index);
  const count = places.shape[0] ?? 1;
  if (source[axis] !== count) {
    throw shapeError(
      `${name}_(): Number of indices (${count}) should be equal to source.size(dim): (${source[axis]}), for dim: ${axis}`,
    );
  }
  const column = build.reshape(
    places,
    source.map((_, at) => (at === axis ? count : 1)),
  );
  return build.expand(column, source);
}

function vectorIndex(name: string, self: Tensor, axis: number, index: Tensor): Node {
  requireIndexDType(index, name);
  if (index.ndim > 1) throw shapeError(`${name}(): Index is supposed to be a vector`);
  const message = name === "index_select" ? () => "index out of range in self" : undefined;
  const rules = { size: self.dims[axis] ?? 1, dim: axis, negative: name === "index_fill" };
  return indexNode(asVector(index), message === undefined ? rules : { ...rules, message });
}

function byVector(
  name: string,
  op: string,
  self: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  scale = 1,
): Tensor {
  const [base, updates] = [asVector(self), asVector(source)];
  const axis = axisOf(dim, base.ndim);
  sameDType(name, self, source);
  const places = alongAxis(name, base, axis, index, updates.dims);
  const value = scale === 1 ? updates : updates.mul(scale);
  if (places.shape.includes(0)) return copied(self);
  const node = build.call(op, [base.node, places, value.node], { axis });
  return Tensor.fromNode(build.reshape(node, self.dims), [self, source]);
}

function requireMask(mask: Tensor, message: string): void {
  if (mask.dtype === "bool") return;
  throw new AbrazoError({ code: "MASK_DTYPE", message, hint: 'Make a mask with a comparison, or with to("bool").' });
}

function scatterReduce(
  this: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  reduce: ScatterReduction,
  given?: { includeSelf?: boolean },
): Tensor {
  const { includeSelf = true } = scatterReduceOptions("scatterReduce", given);
  const name = "scatter_reduce";
  const neutral = { sum: 0, mean: 0, prod: 1, amax: lowest(this), amin: highest(this) }[reduce];
  if (neutral === undefined) {
    throw new AbrazoError({
      code: "BAD_REDUCTION",
      message: `reduce argument must be either sum, prod, mean, amax or amin, got ${reduce}`,
      hint: "scatter() puts without reducing.",
    });
  }
  // Left out where something falls on it: the base takes no part, nor does it get a gradient there.
  const base = includeSelf ? this : this.scatter(dim, index, neutral);
  const op = {
    sum: "scatterAddElements",
    mean: "scatterAddElements",
    prod: "scatterMul",
    amax: "scatterMax",
    amin: "scatterMin",
  };
  const folded = scattered(name, op[reduce], base, dim, index, source);
  if (reduce !== "mean") return folded;
  const ones = this.detach().mul(0).add(1).to(this.dtype);
  const start = includeSelf ? ones : ones.scatter(dim, index, 0);
  const updates = source.detach().mul(0).add(1).to(this.dtype);
  const counts = scattered(name, "scatterAddElements", start, dim, index, updates);
  return isFloat(this.dtype) ? folded.div(counts) : folded.to("float64").div(counts).floor().to(this.dtype);
}

const INTEGER_BITS = { int8: 7, int16: 15, int32: 31, int64: 63, uint8: 8, bool: 1 } as const;

function highest({ dtype }: Tensor): number {
  if (dtype in INTEGER_BITS)
    return 2 ** INTEGER_BITS[dtype as keyof typeof INTEGER_BITS] - (dtype === "int64" ? 1024 : 1);
  return Number.POSITIVE_INFINITY;
}

function lowest({ dtype }: Tensor): number {
  if (dtype === "uint8" || dtype === "bool") return 0;
  if (dtype in INTEGER_BITS) return -(2 ** INTEGER_BITS[dtype as keyof typeof INTEGER_BITS]);
  return Number.NEGATIVE_INFINITY;
}

const pure = {
  /** `src` put at indices along an axis: out[index[i][j]][j] = src[i][j] for dim 0. Differentiable in both. */
  scatter(this: Tensor, dim: number, index: Tensor, src: Tensor | number): Tensor {
    return scattered("scatter", "scatter", this, dim, index, src);
  },
  /** `src` added at indices along an axis, also where an index comes several times. */
  scatterAdd(this: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
    return scattered("scatter_add", "scatterAddElements", this, dim, index, src);
  },
  /**
   * What falls on one place folded by sum, prod, mean, amax or amin, with the element that was there unless
   * `includeSelf` is false.
   *
   * @example
   * ```ts
   * const x = tensor([1, 2, 3]);
   * await x.scatterReduce(0, tensor([0, 0, 2]), tensor([5, 6, 7]), "amax").tolist(); // [6, 2, 7]
   * ```
   */
  scatterReduce,
  /** Rows of `source`, times `alpha`, added at a vector of indices along an axis. */
  indexAdd(this: Tensor, dim: number, index: Tensor, source: Tensor, given?: { alpha?: number }): Tensor {
    const { alpha = 1 } = indexAddOptions("indexAdd", given);
    return byVector("index_add", "scatterAddElements", this, dim, index, source, alpha);
  },
  /** Rows of `source` put at a vector of indices along an axis. */
  indexCopy(this: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
    return byVector("index_copy", "scatter", this, dim, index, source);
  },
  /** A number, or a tensor of one element, put at a vector of indices along an axis. */
  indexFill(this: Tensor, dim: number, index: Tensor, value: number | Tensor): Tensor {
    const base = asVector(this);
    const axis = axisOf(dim, base.ndim);
    const count = asVector(index).numel();
    if (count === 0) return copied(this);
    const shape = base.dims.with(axis, count);
    const places = build.reshape(
      vectorIndex("index_fill", base, axis, index),
      shape.map((_, at) => (at === axis ? count : 1)),
    );
    const filling = build.cast(typeof value === "number" ? scalarNode(value, this.dtype) : value.node, this.dtype);
    const operands = [base.node, build.expand(places, shape), build.expand(filling, shape)];
    const node = build.reshape(build.call("scatter", operands, { axis }), this.dims);
    return Tensor.fromNode(node, typeof value === "number" ? [this] : [this, value]);
  },
  /** A number, or a tensor of one element, where the mask holds. The mask broadcasts. */
  maskedFill(this: Tensor, mask: Tensor, value: number | Tensor): Tensor {
    requireMask(mask, `masked_fill_ only supports boolean masks, but got mask with dtype ${mask.dtype}`);
    if (typeof value !== "number" && value.ndim > 0) {
      throw shapeError(
        `masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ${value.ndim} dimension(s).`,
      );
    }
    const filling = build.cast(typeof value === "number" ? scalarNode(value, this.dtype) : value.node, this.dtype);
    const node = build.where(mask.node, filling, this.node);
    return Tensor.fromNode(node, typeof value === "number" ? [this] : [this, value]);
  },
  /** Where the mask holds, elements of `source` in their order; the mask broadcasts. */
  maskedScatter(this: Tensor, mask: Tensor, source: Tensor): Tensor {
    requireMask(mask, `masked_scatter_ only supports boolean masks, but got mask with dtype ${mask.dtype}`);
    sameDType("masked_scatter", this, source);
    const shape = broadcast(this.dims, mask.dims);
    const holds = build.reshape(build.expand(mask.node, shape), [-1]);
    const wanted = placesOfTruth(mask.expand(shape)).length;
    if (wanted > source.numel()) throw shapeError("Number of elements of source < number of ones in mask");
    if (wanted === 0) return copied(this.expand(shape));
    const places = build.shift(build.cumsum(build.cast(holds, "int64"), 0), -1);
    const last = build.constant(0, "int64");
    const picked = build.gather(build.reshape(source.node, [-1]), build.call("maximum", [places, last]), 0);
    const node = build.where(holds, picked, build.reshape(build.expand(this.node, shape), [-1]));
    return Tensor.fromNode(build.reshape(node, shape), [this, source]);
  },
};

export const scatterMethods = {
  ...pure,
  scatter_: inPlaceOf(pure.scatter),
  scatterAdd_: inPlaceOf(pure.scatterAdd),
  scatterReduce_: inPlaceOf(scatterReduce),
  indexAdd_: inPlaceOf(pure.indexAdd),
  indexCopy_: inPlaceOf(pure.indexCopy),
  indexFill_: inPlaceOf(pure.indexFill),
  maskedFill_: inPlaceOf(pure.maskedFill),
  maskedScatter_: inPlaceOf(pure.maskedScatter),
  /**
   * Elements at indices along an axis: out[i][j] = a[index[i][j]][j] for dim 0.
   *
   * @example
   * ```ts
   * await tensor([[1, 2], [3, 4]]).gather(1, tensor([[0, 0], [1, 0]])).tolist(); // [[1, 1], [4, 3]]
   * ```
   */
  gather(this: Tensor, dim: number, index: Tensor): Tensor {
    const [base, places] = [asVector(this), asVector(index)];
    const axis = axisOf(dim, base.ndim);
    const at = elementIndex("gather", base, axis, places);
    const node = build.gatherElements(base.node, at, axis);
    return Tensor.fromNode(build.reshape(node, index.dims), [this]);
  },
  /** Elements of the flattened tensor at indices; -1 is the last. */
  take(this: Tensor, index: Tensor): Tensor {
    requireIndexDType(index, "take");
    const size = this.numel();
    const message = (at: number) => `out of range: tried to access index ${at} on a tensor of ${size} elements.`;
    const places = indexNode(index, { size, dim: 0, negative: true, message });
    return this.map((node) => build.gather(build.reshape(node, [-1]), places, 0));
  },
  /** As gather, with both broadcast along the other axes; without `dim` on the flattened tensor. */
  takeAlongDim(this: Tensor, indices: Tensor, dim?: number): Tensor {
    if (dim === undefined) return this.flatten().gather(0, indices.flatten());
    const axis = axisWithin(dim, this.ndim);
    if (this.ndim !== indices.ndim) {
      throw shapeError(
        `torch.take_along_dim(): input and indices should have the same number of dimensions, but got ${this.ndim} dimensions for input, and ${indices.ndim} dimensions for indices`,
      );
    }
    const common = broadcast(this.dims.with(axis, 1), indices.dims.with(axis, 1));
    const self = this.expand(common.with(axis, this.dims[axis] ?? 1));
    const places = indices.expand(common.with(axis, indices.dims[axis] ?? 1));
    return self.gather(axis, places);
  },
  /** Slices along an axis at a vector of indices. */
  indexSelect(this: Tensor, dim: number, index: Tensor): Tensor {
    const base = asVector(this);
    const axis = axisOf(dim, base.ndim);
    const places = vectorIndex("index_select", base, axis, index);
    const picked = Tensor.fromNode(build.gather(base.node, places, axis), [this]);
    return this.ndim === 0 ? picked.reshape([]) : picked;
  },
  /** The elements where the mask holds, [count]; both broadcast. Computes the mask now. */
  maskedSelect(this: Tensor, mask: Tensor): Tensor {
    requireMask(mask, "masked_select: expected BoolTensor for mask");
    const shape = broadcast(this.dims, mask.dims);
    const places = placesOfTruth(mask.expand(shape));
    const index = integers(BigInt64Array.from(places, BigInt), [places.length], this.device);
    return this.expand(shape).reshape([-1]).indexSelect(0, index);
  },
};
