// Parts of a tensor along an axis: several views at once, without copies.
// Knows no graph: every part is a slice.
import { AbrazoError } from "../../errors.ts";
import { axisOf, shapeError } from "../../graph/shape.ts";
import type { Tensor } from "../tensor.ts";

/** Parts that end at `ends`, one after another. */
function partsUpTo(tensor: Tensor, axis: number, ends: readonly number[]): Tensor[] {
  return ends.map((end, at) => tensor.slice(axis, ends[at - 1] ?? 0, end));
}

function cumulated(sizes: readonly number[]): number[] {
  let end = 0;
  return sizes.map((size) => {
    end += size;
    return end;
  });
}

/** hsplit and its kin: equal parts only. */
function splitEvenly(tensor: Tensor, name: string, axis: number, parts: number | readonly number[]): Tensor[] {
  if (typeof parts === "number" && (parts < 1 || tensor.size(axis) % parts !== 0)) {
    throw shapeError(
      `torch.${name} attempted to split along dimension ${axis}, but the size of the dimension ${tensor.size(axis)} is not divisible by the split_size ${parts}!`,
      "tensorSplit makes parts of unequal size.",
    );
  }
  return tensor.tensorSplit(parts, axis);
}

function requireAxis(tensor: Tensor, expectation: string): void {
  if (tensor.ndim > 0) return;
  throw shapeError(`${expectation} at least a 1-dimensional tensor, but got a tensor with 0 dims`);
}

function requireRank(tensor: Tensor, name: string, rank: number): void {
  if (tensor.ndim >= rank) return;
  throw shapeError(
    `torch.${name} requires a tensor with at least ${rank} dimension, but got a tensor with ${tensor.ndim} dimensions!`,
  );
}

export const splitMethods = {
  /** The slices along an axis, each without it. */
  unbind(this: Tensor, dim = 0): Tensor[] {
    if (this.ndim === 0) throw shapeError(`Dimension specified as ${dim} but tensor has no dimensions`);
    const axis = axisOf(dim, this.ndim);
    return Array.from({ length: this.size(axis) }, (_, at) => this.select(axis, at));
  },
  /**
   * Parts of `size` elements along an axis, the last possibly shorter; or parts of the sizes listed.
   *
   * @example
   * ```ts
   * arange(5).split(2).map((part) => part.shape[0]); // [2, 2, 1]
   * ```
   */
  split(this: Tensor, size: number | readonly number[], dim = 0): Tensor[] {
    if (typeof size !== "number") return this.splitWithSizes(size, dim);
    requireAxis(this, "split expects");
    const axis = axisOf(dim, this.ndim);
    const length = this.size(axis);
    if (size < 0) throw shapeError(`split expects split_size be non-negative, but got split_size=${size}`);
    if (size === 0 && length > 0) {
      throw shapeError(`split_size can only be 0 if dimension size is 0, but got dimension size of ${length}`);
    }
    const count = size === 0 ? 1 : Math.max(1, Math.ceil(length / size));
    return partsUpTo(
      this,
      axis,
      Array.from({ length: count }, (_, at) => Math.min(length, (at + 1) * size)),
    );
  },
  /** Parts of the sizes listed, which add up to the size of the axis. */
  splitWithSizes(this: Tensor, sizes: readonly number[], dim = 0): Tensor[] {
    requireAxis(this, "split expects");
    const axis = axisOf(dim, this.ndim);
    const ends = cumulated(sizes);
    if (sizes.some((size) => size < 0) || (ends.at(-1) ?? 0) !== this.size(axis)) {
      throw shapeError(
        `split_with_sizes expects split_sizes to sum exactly to ${this.size(axis)} (input tensor's size at dimension ${axis}), but got split_sizes=[${sizes.join(", ")}]`,
      );
    }
    return partsUpTo(this, axis, ends);
  },
  /** At most `chunks` parts of one size along an axis, the last possibly shorter. */
  chunk(this: Tensor, chunks: number, dim = 0): Tensor[] {
    requireAxis(this, "chunk expects");
    if (!(chunks > 0)) {
      throw new AbrazoError({
        code: "BAD_COUNT",
        message: `chunk expects \`chunks\` to be greater than 0, got: ${chunks}`,
        hint: "Pass the number of parts.",
      });
    }
    const length = this.size(dim);
    if (length === 0) return Array.from({ length: chunks }, () => this.slice(dim, 0, 0));
    return this.split(Math.ceil(length / chunks), dim);
  },
  /** `parts` parts whose sizes differ by one at most, or the parts between the indices listed. */
  tensorSplit(this: Tensor, parts: number | readonly number[], dim = 0): Tensor[] {
    requireAxis(this, "tensor_split expected");
    const axis = axisOf(dim, this.ndim);
    const length = this.size(axis);
    if (typeof parts !== "number") {
      return [...parts, length].map((end, at) => this.slice(axis, at === 0 ? 0 : parts[at - 1], end));
    }
    if (!(parts > 0)) {
      throw new AbrazoError({
        code: "BAD_COUNT",
        message: `number of sections must be larger than 0, got ${parts}`,
        hint: "Pass the number of parts.",
      });
    }
    const sizes = Array.from({ length: parts }, (_, at) => Math.floor(length / parts) + (at < length % parts ? 1 : 0));
    return partsUpTo(this, axis, cumulated(sizes));
  },
  /** Equal parts along the second axis (the first of a vector). */
  hsplit(this: Tensor, parts: number | readonly number[]): Tensor[] {
    requireRank(this, "hsplit", 1);
    return splitEvenly(this, "hsplit", this.ndim === 1 ? 0 : 1, parts);
  },
  /** Equal parts along the first axis. */
  vsplit(this: Tensor, parts: number | readonly number[]): Tensor[] {
    requireRank(this, "vsplit", 2);
    return splitEvenly(this, "vsplit", 0, parts);
  },
  /** Equal parts along the third axis. */
  dsplit(this: Tensor, parts: number | readonly number[]): Tensor[] {
    requireRank(this, "dsplit", 3);
    return splitEvenly(this, "dsplit", 2, parts);
  },
};
