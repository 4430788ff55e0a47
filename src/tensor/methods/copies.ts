// Copies in another arrangement: repeated, turned, rolled, with parts set to zero, diagonals.
// Writes to what they give are not seen in what they came from.
import * as build from "../../graph/build.ts";
import type { Node } from "../../graph/node.ts";
import { axisOf, axisWithin, sameShape, shapeError, showShape } from "../../graph/shape.ts";
import { decode } from "../convert.ts";
import { integerLeaf } from "../indices.ts";
import type { Tensor, TensorLike } from "../tensor.ts";
import { copied } from "./support.ts";
import { chooseWhere } from "./where.ts";

/** Each axis `times` times over, one whole after another. */
function repeated(node: Node, times: readonly number[]): Node {
  const missing = times.length - node.shape.length;
  const sizes = times.map((_, axis) => node.shape[axis - missing] ?? 1);
  const pairs = sizes.flatMap((size) => [1, size]);
  const wide = sizes.flatMap((size, axis) => [times[axis] ?? 1, size]);
  const total = sizes.map((size, axis) => Number(size) * (times[axis] ?? 1));
  return build.reshape(build.expand(build.reshape(node, pairs), wide), total);
}

/** Each element `times` times over along an axis. */
function repeatedEach(node: Node, axis: number, times: number): Node {
  const { shape } = node;
  const split = shape.toSpliced(axis + 1, 0, 1);
  const wide = shape.toSpliced(axis + 1, 0, times);
  return build.reshape(
    build.expand(build.reshape(node, split), wide),
    shape.with(axis, Number(shape[axis] ?? 1) * times),
  );
}

function repeatCounts(counts: Tensor, length: number): number[] {
  const data = counts.dataSync();
  const list = Array.from({ length: data.length }, (_, at) => decode(data, counts.dtype, at));
  if (list.some((count) => count < 0)) throw shapeError("repeats can not be negative");
  if (list.length === 1) return Array.from({ length }, () => list[0] ?? 0);
  if (list.length === length) return list;
  throw shapeError(
    `repeats must have the same size as input along dim, but got repeats.size(0) = ${list.length} and input.size(0) = ${length}`,
  );
}

function distinctAxes(dims: readonly number[], rank: number): number[] {
  const axes = dims.map((dim) => axisOf(dim, rank));
  const twice = axes.find((axis, at) => axes.indexOf(axis) !== at);
  if (twice !== undefined) throw shapeError(`dim ${twice} appears multiple times in the list of dims`);
  return axes;
}

function rolled(node: Node, axis: number, shift: number): Node {
  const size = Number(node.shape[axis] ?? 1);
  const by = size === 0 ? 0 : ((shift % size) + size) % size;
  if (by === 0) return node;
  return build.concat([build.slice(node, axis, size - by, size), build.slice(node, axis, 0, size - by)], axis);
}

function triangle(upper: boolean): (this: Tensor, diagonal?: number) => Tensor {
  return function (this: Tensor, diagonal = 0): Tensor {
    if (this.ndim < 2) {
      throw shapeError(`${upper ? "triu" : "tril"}: input tensor must have at least 2 dimensions`);
    }
    return this.map((node) => build.trilu(node, upper, diagonal));
  };
}

/** A copy, a view of which takes the elements of `source`, of the view's own shape. */
function written(tensor: Tensor, source: Tensor, view: (copy: Tensor) => Tensor): Tensor {
  const copy = copied(tensor);
  const part = view(copy);
  if (!sameShape(part.dims, source.dims)) {
    throw shapeError(
      `expected src to have a size equal to the slice of self. src size = ${showShape(source.dims)}, slice size = ${showShape(part.dims)}`,
    );
  }
  part.write(source.node, [source]);
  return copy;
}

export const copyMethods = {
  /** A copy of its own; gradients go through it. */
  clone(this: Tensor): Tensor {
    return copied(this);
  },
  /**
   * The whole tensor over and over along each axis; further counts in front add axes.
   *
   * @example
   * ```ts
   * await tensor([1, 2]).repeat([2, 2]).tolist(); // [[1, 2, 1, 2], [1, 2, 1, 2]]
   * ```
   */
  repeat(this: Tensor, times: readonly number[]): Tensor {
    if (times.length < this.ndim) {
      throw shapeError(
        "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor",
        "tile() takes fewer counts.",
      );
    }
    if (times.some((count) => count < 0)) throw shapeError("repeat(): counts must not be negative");
    return this.map((node) => repeated(node, times));
  },
  /** As repeat; missing counts are 1. */
  tile(this: Tensor, times: readonly number[]): Tensor {
    return this.repeat([...Array.from({ length: Math.max(0, this.ndim - times.length) }, () => 1), ...times]);
  },
  /** Each element over and over along an axis, or of the flattened tensor; a tensor of counts is read now. */
  repeatInterleave(this: Tensor, repeats: number | Tensor, dim?: number): Tensor {
    if (dim === undefined) return this.flatten().repeatInterleave(repeats, 0);
    const axis = axisOf(dim, this.ndim);
    if (typeof repeats === "number") {
      if (repeats < 0) throw shapeError("Repeats must be non-negative");
      return this.map((node) => repeatedEach(node, axis, repeats));
    }
    axisWithin(dim, this.ndim);
    const counts = repeatCounts(repeats, this.size(axis));
    const places = counts.flatMap((count, at) => Array.from({ length: count }, () => at));
    return this.map((node) => build.gather(node, integerLeaf(places, [places.length]), axis));
  },
  /** In reverse along the axes listed. */
  flip(this: Tensor, dims: number | readonly number[]): Tensor {
    const axes = distinctAxes([dims].flat(), this.ndim);
    if (this.ndim === 0) return copied(this);
    return this.map((node) => axes.reduce((turned, axis) => build.call("flip", [turned], { axis }), node));
  },
  /** Columns in reverse. */
  fliplr(this: Tensor): Tensor {
    if (this.ndim < 2) throw shapeError("Input must be >= 2-d.");
    return this.flip(1);
  },
  /** Rows in reverse. */
  flipud(this: Tensor): Tensor {
    if (this.ndim < 1) throw shapeError("Input must be >= 1-d.");
    return this.flip(0);
  },
  /** Shifted along axes, what falls off coming back at the other end; without axes as one flat row. */
  roll(this: Tensor, shifts: number | readonly number[], dims?: number | readonly number[]): Tensor {
    const list = [shifts].flat();
    if (dims === undefined) {
      if (list.length !== 1) throw shapeError(`shifts and dimensions must align. shifts: ${list.length}, dims:0`);
      return this.map((node) => build.reshape(rolled(build.reshape(node, [-1]), 0, list[0] ?? 0), node.shape));
    }
    const axes = [dims].flat().map((dim) => axisWithin(dim, this.ndim));
    if (axes.length !== list.length) {
      throw shapeError(`shifts and dimensions must align. shifts: ${list.length}, dims:${axes.length}`);
    }
    return this.map((node) => axes.reduce((moved, axis, at) => rolled(moved, axis, list[at] ?? 0), node));
  },
  /** Turned `k` times by 90 degrees from the first towards the second of two axes. */
  rot90(this: Tensor, k = 1, dims: readonly [number, number] = [0, 1]): Tensor {
    if (this.ndim < 2) throw shapeError(`expected total dims >= 2, but got total dims = ${this.ndim}`);
    const [one, two] = [axisOf(dims[0], this.ndim), axisOf(dims[1], this.ndim)];
    if (one === two) {
      throw shapeError(`expected rotation dims to be different, but got dim0 = ${dims[0]} and dim1 = ${dims[1]}`);
    }
    const quarter = ((k % 4) + 4) % 4;
    if (quarter === 1) return this.flip(two).transpose(one, two).clone();
    if (quarter === 2) return this.flip([one, two]);
    return quarter === 3 ? this.flip(one).transpose(one, two).clone() : copied(this);
  },
  /** The part of matrices on and below a diagonal, zeros elsewhere. */
  tril: triangle(false),
  /** The part of matrices on and above a diagonal, zeros elsewhere. */
  triu: triangle(true),
  /** A vector on the diagonal of a matrix of zeros; of a matrix its diagonal, as a copy. */
  diag(this: Tensor, diagonal = 0): Tensor {
    if (this.ndim === 1) return this.diagEmbed(diagonal);
    if (this.ndim === 2) return copied(this.diagonal(diagonal));
    throw shapeError(`diag(): Supports 1D or 2D tensors. Got ${this.ndim}D`);
  },
  /** The last axis on a diagonal of two new ones, zeros elsewhere. */
  diagEmbed(this: Tensor, offset = 0, dim1 = -2, dim2 = -1): Tensor {
    const rank = this.ndim + 1;
    const [one, two] = [axisOf(dim1, rank), axisOf(dim2, rank)];
    if (one === two) throw shapeError(`diagonal dimensions cannot be identical ${dim1}, ${dim2}`);
    const count = this.size(-1);
    const side = count + Math.abs(offset);
    const start = offset >= 0 ? offset : -offset * side;
    const outer = this.shape.slice(0, -1);
    const matrices = this.map((node) => {
      const zeros = build.expand(build.constant(0, node.dtype), [...outer, side * side]);
      const flat = count === 0 ? zeros : build.sliceScatter(zeros, node, outer.length, start, side + 1);
      return build.reshape(flat, [...outer, side, side]);
    });
    return matrices.movedim([-2, -1], [one, two]);
  },
  /** A copy with the slice at one index replaced by `source`. */
  selectScatter(this: Tensor, source: Tensor, dim: number, index: number): Tensor {
    return written(this, source, (copy) => copy.select(dim, index));
  },
  /** A copy with the elements of slice(dim, start, end, step) replaced by `source`. */
  sliceScatter(this: Tensor, source: Tensor, dim = 0, start = 0, end?: number, step = 1): Tensor {
    return written(this, source, (copy) => copy.slice(dim, start, end, step));
  },
  /** A copy with a diagonal replaced by `source`. */
  diagonalScatter(this: Tensor, source: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor {
    return written(this, source, (copy) => copy.diagonal(offset, dim1, dim2));
  },
  /** This tensor where the condition holds, `other` elsewhere. */
  where(this: Tensor, condition: Tensor, other: TensorLike): Tensor {
    return chooseWhere(condition, this, other);
  },
  /** Places of what is not zero, one list an axis. */
  argwhere(this: Tensor): Tensor {
    return this.nonzero();
  },
};
