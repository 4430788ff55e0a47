// Matrix products and linear algebra.
import * as build from "../../graph/build.ts";
import type { Tensor } from "../tensor.ts";

export const linalgMethods = {
  /** Matrix product with PyTorch's treatment of vectors: a missing row or column axis is added and dropped again. */
  matmul(this: Tensor, other: Tensor): Tensor {
    if (this.ndim === 1)
      return this.unsqueeze(0)
        .matmul(other)
        .squeeze(other.ndim === 1 ? 0 : -2);
    if (other.ndim === 1) return this.matmul(other.unsqueeze(1)).squeeze(-1);
    return this.combine(other, (left, right) => build.matmul(left, right));
  },
};
