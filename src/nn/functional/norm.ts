// Normalization: layerNorm.
// Holds no weights and no running statistics.
import * as build from "../../graph/build.ts";
import { Tensor } from "../../tensor/index.ts";

/** Layer normalization over the last axis. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  return Tensor.fromNode(build.layerNorm(x.node, weight.node, bias.node, eps), [x, weight, bias]);
}
