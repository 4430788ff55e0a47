// Linear, Embedding, LayerNorm, Dropout: the layers of a transformer, with PyTorch's initialisation.
// Knows no model.
import { type Generator, ones, randn, type Tensor, uniform, zeros } from "../tensor/index.ts";
import { dropout, embedding, layerNorm, linear } from "./functional.ts";
import { Module, parameter } from "./module.ts";

interface LayerOptions {
  generator?: Generator;
}

/** y = x Wᵀ + b; W [out, in] and b [out] start uniform in ±1/√in. */
export class Linear extends Module<[Tensor], Tensor> {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  constructor(
    inFeatures: number,
    outFeatures: number,
    { bias = true, ...options }: LayerOptions & { bias?: boolean } = {},
  ) {
    super();
    const bound = 1 / Math.sqrt(inFeatures);
    this.weight = parameter(uniform([outFeatures, inFeatures], -bound, bound, options));
    this.bias = bias ? parameter(uniform([outFeatures], -bound, bound, options)) : undefined;
  }

  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}

/** A table [count, width] of standard normals; ids of any shape pick rows. */
export class Embedding extends Module<[Tensor], Tensor> {
  readonly weight: Tensor;

  constructor(count: number, width: number, options: LayerOptions = {}) {
    super();
    this.weight = parameter(randn([count, width], options));
  }

  override forward(ids: Tensor): Tensor {
    return embedding(ids, this.weight);
  }
}

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

/** Zeros elements with probability p while training. */
export class Dropout extends Module<[Tensor], Tensor> {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = p;
  }

  override forward(x: Tensor): Tensor {
    return dropout(x, this.p, this.training);
  }
}
