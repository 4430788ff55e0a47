// Affine maps: linear.
// Holds no weights.
import * as build from "../../graph/build.ts";
import { Tensor } from "../../tensor/index.ts";

/** x Wᵀ + b, with W [out, in]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  if (x.ndim === 1) return linear(x.unsqueeze(0), weight, bias).squeeze(0);
  if (bias !== undefined && x.ndim === 2 && x.dtype === weight.dtype && x.dtype === bias.dtype) {
    const node = build.addmm(bias.node, x.node, weight.node, { transposeB: true });
    return Tensor.fromNode(node, [x, weight, bias]);
  }
  const product = Tensor.fromNode(build.matmul(x.node, weight.node, true), [x, weight]);
  return bias === undefined ? product : product.add(bias);
}
