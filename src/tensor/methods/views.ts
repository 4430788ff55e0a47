// Another look at the same elements: shape, order, parts. Views share memory, and writes go through them.
import * as build from "../../graph/build.ts";
import { axisOf, type Dim, inferReshape } from "../../graph/shape.ts";
import { permuteStep, readOnlyStep, reshapeStep, sliceStep } from "../storage.ts";
import type { Tensor } from "../tensor.ts";

export const viewMethods = {
  reshape(this: Tensor, shape: readonly Dim[]): Tensor {
    return this.viewBy(reshapeStep(inferReshape(this.dims, shape)));
  },
  view(this: Tensor, shape: readonly Dim[]): Tensor {
    return this.reshape(shape);
  },
  flatten(this: Tensor, start = 0, end = -1): Tensor {
    const dims = this.dims;
    if (dims.length === 0) return this.reshape([1]);
    const [from, to] = [axisOf(start, dims.length), axisOf(end, dims.length)];
    const merged = dims.slice(from, to + 1);
    const size = merged.every((dim) => typeof dim === "number")
      ? merged.reduce((a, b) => Number(a) * Number(b), 1)
      : -1;
    return this.reshape([...dims.slice(0, from), size, ...dims.slice(to + 1)]);
  },
  unflatten(this: Tensor, dim: number, sizes: readonly number[]): Tensor {
    const dims = this.dims;
    const axis = axisOf(dim, dims.length);
    return this.reshape([...dims.slice(0, axis), ...sizes, ...dims.slice(axis + 1)]);
  },
  squeeze(this: Tensor, dim?: number): Tensor {
    const dims = this.dims;
    const axis = dim === undefined ? undefined : axisOf(dim, dims.length);
    return this.reshape(dims.filter((size, at) => size !== 1 || (axis !== undefined && at !== axis)));
  },
  unsqueeze(this: Tensor, dim: number): Tensor {
    const dims = [...this.dims];
    dims.splice(axisOf(dim, dims.length + 1), 0, 1);
    return this.reshape(dims);
  },
  transpose(this: Tensor, first: number, second: number): Tensor {
    const order = this.dims.map((_, axis) => axis);
    const [one, two] = [axisOf(first, order.length), axisOf(second, order.length)];
    order[one] = two;
    order[two] = one;
    return this.permute(order);
  },
  permute(this: Tensor, order: readonly number[]): Tensor {
    return this.viewBy(permuteStep(order.map((axis) => axisOf(axis, this.ndim))));
  },
  t(this: Tensor): Tensor {
    return this.ndim < 2 ? this : this.transpose(0, 1);
  },
  expand(this: Tensor, shape: readonly Dim[]): Tensor {
    const dims = this.dims;
    const missing = shape.length - dims.length;
    const full = shape.map((dim, axis) => (dim === -1 ? (dims[axis - missing] ?? 1) : dim));
    return this.viewBy(readOnlyStep((node) => build.expand(node, full)));
  },
  /** Elements `start` to `start + length` along an axis, sharing memory. */
  narrow(this: Tensor, dim: number, start: number, length: number): Tensor {
    return this.slice(dim, start, start + length);
  },
  /** Elements from `start` below `end` along an axis, every `step`-th, sharing memory; negative bounds count from the end. */
  slice(this: Tensor, dim: number, start = 0, end?: number, step = 1): Tensor {
    const axis = axisOf(dim, this.ndim);
    const size = this.dims[axis];
    if (typeof size !== "number") return this.viewBy(sliceStep(axis, start, end ?? start, step));
    const bound = (at: number) => Math.min(size, Math.max(0, at < 0 ? at + size : at));
    return this.viewBy(sliceStep(axis, bound(start), Math.max(bound(start), bound(end ?? size)), step));
  },
  /** The slice at one index, without that axis, sharing memory. */
  select(this: Tensor, dim: number, index: number): Tensor {
    const axis = axisOf(dim, this.ndim);
    const size = this.dims[axis];
    const at = typeof size === "number" && index < 0 ? index + size : index;
    if (typeof size === "number" && (at < 0 || at >= size)) {
      throw new RangeError(`index ${index} is out of bounds for dimension ${axis} with size ${size}`);
    }
    return this.viewBy(sliceStep(axis, at, at + 1, 1)).reshape(this.dims.filter((_, other) => other !== axis));
  },
};
