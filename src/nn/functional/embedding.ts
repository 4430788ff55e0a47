// Rows of tables: embedding, and the places along an axis.
// Holds no weights.
import * as build from "../../graph/build.ts";
import { Tensor } from "../../tensor/index.ts";

/** Rows of `weight` [V, D] at `ids` of any shape [...]: [..., D]. */
export function embedding(ids: Tensor, weight: Tensor): Tensor {
  return Tensor.fromNode(build.gather(weight.node, ids.node, 0), [weight]);
}

/** int64 0, 1, … up to the size of one axis, also where that size is only known at run time. */
export function arangeLike(x: Tensor, dim: number): Tensor {
  return Tensor.fromNode(build.arangeLike(x.node, dim < 0 ? dim + x.ndim : dim), []);
}
