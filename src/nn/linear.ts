// Affine layers and layers that only change the shape: Linear, Bilinear, Identity, Flatten, Unflatten.
// Knows no model.
import { optionsOf } from "../options.ts";
import { tensorOf } from "../tensor/arguments.ts";
import { type Generator, type Tensor, uniform } from "../tensor/index.ts";
import { bilinear, linear } from "./functional/linear.ts";
import { parameter } from "./marks.ts";
import { Module } from "./module.ts";
import { python } from "./print.ts";

const bilinearOptions = optionsOf<LayerOptions & { bias?: boolean }>({ generator: true, bias: true });

const linearOptions = optionsOf<LayerOptions & { bias?: boolean }>({ generator: true, bias: true });

/** How the first weights of a layer are made. */
export interface LayerOptions {
  /** Where the first weights are drawn from; the default generator when absent. */
  generator?: Generator;
}

/**
 * y = x Wᵀ + b for x [..., in]: [..., out]. W [out, in] and b [out] start uniform in ±1/√in.
 *
 * @example
 * ```ts
 * const layer = new Linear(4, 3);
 * layer(ones([2, 4])).shape; // [2, 3]
 * `${layer}`; // "Linear(in_features=4, out_features=3, bias=True)"
 * ```
 */
export class Linear extends Module<[Tensor], Tensor> {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  constructor(inFeatures: number, outFeatures: number, given?: LayerOptions & { bias?: boolean }) {
    const { bias = true, ...options } = linearOptions("Linear", given);
    super();
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    // Kaiming's uniform with a = √5, which is a bound of 1/√in.
    const bound = inFeatures > 0 ? 1 / Math.sqrt(inFeatures) : 0;
    this.weight = parameter(uniform([outFeatures, inFeatures], -bound, bound, options));
    this.bias = bias ? parameter(uniform([outFeatures], -bound, bound, options)) : undefined;
  }

  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }

  override extraRepr(): string {
    const { inFeatures, outFeatures, bias } = this;
    return `in_features=${inFeatures}, out_features=${outFeatures}, bias=${python(bias !== undefined)}`;
  }
}

/**
 * y_k = x₁ᵀ W_k x₂ + b_k for x₁ [..., in₁] and x₂ [..., in₂]: [..., out].
 *
 * @example
 * ```ts
 * new Bilinear(2, 3, 4)(ones([5, 2]), ones([5, 3])).shape; // [5, 4]
 * ```
 */
export class Bilinear extends Module<[Tensor, Tensor], Tensor> {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    given?: LayerOptions & { bias?: boolean },
  ) {
    const { bias = true, ...options } = bilinearOptions("Bilinear", given);
    super();
    this.in1Features = in1Features;
    this.in2Features = in2Features;
    this.outFeatures = outFeatures;
    const bound = 1 / Math.sqrt(in1Features);
    this.weight = parameter(uniform([outFeatures, in1Features, in2Features], -bound, bound, options));
    this.bias = bias ? parameter(uniform([outFeatures], -bound, bound, options)) : undefined;
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return bilinear(x1, x2, this.weight, this.bias);
  }

  override extraRepr(): string {
    const { in1Features, in2Features, outFeatures, bias } = this;
    return `in1_features=${in1Features}, in2_features=${in2Features}, out_features=${outFeatures}, bias=${python(bias !== undefined)}`;
  }
}

/**
 * Its input. [...] → [...].
 *
 * @example
 * ```ts
 * new Identity()(ones([2])).shape; // [2]
 * ```
 */
export class Identity extends Module<[Tensor], Tensor> {
  override forward(x: Tensor): Tensor {
    return x;
  }
}

/**
 * Axes `startDim` to `endDim` as one; the first, of the batch, stays. [N, ...] → [N, n].
 *
 * @example
 * ```ts
 * new Flatten()(ones([2, 28, 28])).shape; // [2, 784]
 * ```
 */
export class Flatten extends Module<[Tensor], Tensor> {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  override forward(x: Tensor): Tensor {
    return tensorOf("Flatten", x).flatten(this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/**
 * One axis as several; one size may be -1. [..., n, ...] → [..., a, b, ...].
 *
 * @example
 * ```ts
 * new Unflatten(1, [2, 3])(ones([4, 6])).shape; // [4, 2, 3]
 * ```
 */
export class Unflatten extends Module<[Tensor], Tensor> {
  readonly dim: number;
  readonly unflattenedSize: readonly number[];

  constructor(dim: number, unflattenedSize: readonly number[]) {
    super();
    this.dim = dim;
    this.unflattenedSize = unflattenedSize;
  }

  override forward(x: Tensor): Tensor {
    return x.unflatten(this.dim, this.unflattenedSize);
  }

  override extraRepr(): string {
    return `dim=${this.dim}, unflattened_size=${python(this.unflattenedSize)}`;
  }
}
