// Methods that fold axes: sums, means, extremes, and what is kin to them.
import * as build from "../../graph/build.ts";
import { axisOf } from "../../graph/shape.ts";
import type { Tensor } from "../tensor.ts";
import { floating, reduction, widened } from "./support.ts";

export const reduceMethods = {
  /** Whole numbers are summed in int64. */
  sum: reduction((node, axes, keepDim) => build.sum(widened(node), axes, keepDim)),
  mean: reduction((node, axes, keepDim) => build.mean(floating(node), axes, keepDim)),
  amax: reduction(build.amax),
  amin: reduction(build.amin),
  /** The largest element of all. */
  max(this: Tensor): Tensor {
    return this.amax();
  },
  /** The smallest element of all. */
  min(this: Tensor): Tensor {
    return this.amin();
  },
  argmax(this: Tensor, dim?: number, keepDim = false): Tensor {
    if (dim === undefined) return this.flatten().argmax(0, keepDim);
    return this.map((node) => build.argmax(node, axisOf(dim, node.shape.length), keepDim));
  },
  cumsum(this: Tensor, dim: number): Tensor {
    return this.map((node) => build.cumsum(widened(node), axisOf(dim, node.shape.length)));
  },
  softmax(this: Tensor, dim: number): Tensor {
    return this.map((node) => build.softmax(floating(node), axisOf(dim, node.shape.length)));
  },
  logSoftmax(this: Tensor, dim: number): Tensor {
    return this.map((node) => build.logSoftmax(floating(node), axisOf(dim, node.shape.length)));
  },
};
