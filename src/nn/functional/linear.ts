// Affine maps: linear.
// Holds no weights.
import * as build from "../../graph/build.ts";
import { Tensor } from "../../tensor/index.ts";

/** x Wᵀ + b, with W [out, in]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const product = Tensor.fromNode(build.matmul(x.node, weight.node, true), [x, weight]);
  return bias === undefined ? product : product.add(bias);
}
