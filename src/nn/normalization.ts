// Normalization layers.
// Knows no model.
import { ones, type Tensor, zeros } from "../tensor/index.ts";
import { layerNorm } from "./functional/norm.ts";
import { parameter } from "./marks.ts";
import { Module } from "./module.ts";

/** Normalization over the last axis of `width`. */
export class LayerNorm extends Module<[Tensor], Tensor> {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly eps: number;

  constructor(width: number, { eps = 1e-5 } = {}) {
    super();
    this.weight = parameter(ones([width]));
    this.bias = parameter(zeros([width]));
    this.eps = eps;
  }

  override forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, this.eps);
  }
}
