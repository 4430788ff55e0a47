// Normalization layers of features, groups and planes; those of batches are in batch-normalization.ts.
// Knows no model.
import { requireType } from "../arguments.ts";
import { optionsOf } from "../options.ts";
import { ones, type Tensor, zeros } from "../tensor/index.ts";
import { groupNorm, layerNorm, localResponseNorm, rmsNorm } from "./functional/norm.ts";
import { responseOptions } from "./functional/options.ts";
import { optionError } from "./functional/sizes.ts";
import { parameter } from "./marks.ts";
import { Module } from "./module.ts";
import { python, pythonFloat } from "./print.ts";

const groupNormOptions = optionsOf<{ eps?: number; affine?: boolean; bias?: boolean }>({
  eps: true,
  affine: true,
  bias: true,
});

const rMSNormOptions = optionsOf<Omit<LayerNormOptions, "bias">>({ eps: true, elementwiseAffine: true });

/** How a layer normalization is made. */
export interface LayerNormOptions {
  eps?: number;
  /** A weight, which starts at one, and a bias, which starts at zero. */
  elementwiseAffine?: boolean;
  bias?: boolean;
}

const layerNormOptions = optionsOf<LayerNormOptions>({ eps: true, elementwiseAffine: true, bias: true });

/**
 * Normalization over the last axes, of the sizes `normalizedShape`. [..., normalizedShape] → the same shape.
 *
 * @example
 * ```ts
 * new LayerNorm(4)(ones([2, 4])).shape; // [2, 4]
 * `${new LayerNorm([3, 4], { bias: false })}`; // "LayerNorm((3, 4), eps=1e-05, elementwise_affine=True, bias=False)"
 * ```
 */
export class LayerNorm extends Module<[Tensor], Tensor> {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  readonly weight: Tensor | undefined;
  readonly bias: Tensor | undefined;

  constructor(normalizedShape: number | readonly number[], given?: LayerNormOptions) {
    const { eps = 1e-5, elementwiseAffine = true, bias = true } = layerNormOptions("LayerNorm", given);
    super();
    this.normalizedShape = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
    this.eps = eps;
    this.weight = elementwiseAffine ? parameter(ones(this.normalizedShape)) : undefined;
    this.bias = elementwiseAffine && bias ? parameter(zeros(this.normalizedShape)) : undefined;
  }

  override forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    const [affine, bias] = [this.weight !== undefined, this.bias !== undefined].map(python);
    return `${python(this.normalizedShape)}, eps=${pythonFloat(this.eps)}, elementwise_affine=${affine}, bias=${bias}`;
  }
}

/**
 * x over the root of its mean square, over the last axes of the sizes `normalizedShape`, times a weight that starts at
 * one. [..., normalizedShape] → the same shape.
 *
 * @example
 * ```ts
 * new RMSNorm(4)(ones([2, 4])).shape; // [2, 4]
 * ```
 */
export class RMSNorm extends Module<[Tensor], Tensor> {
  readonly normalizedShape: readonly number[];
  readonly eps: number | undefined;
  readonly weight: Tensor | undefined;

  constructor(normalizedShape: number | readonly number[], given?: Omit<LayerNormOptions, "bias">) {
    const { eps, elementwiseAffine = true } = rMSNormOptions("RMSNorm", given);
    super();
    this.normalizedShape = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
    this.eps = eps;
    this.weight = elementwiseAffine ? parameter(ones(this.normalizedShape)) : undefined;
  }

  override forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, this.weight, this.eps);
  }

  override extraRepr(): string {
    const eps = this.eps === undefined ? "None" : pythonFloat(this.eps);
    return `${python(this.normalizedShape)}, eps=${eps}, elementwise_affine=${python(this.weight !== undefined)}`;
  }
}

/**
 * Normalization of [N, C, …] over each of `numGroups` groups of channels, with a weight and a bias for each channel.
 *
 * @throws LAYER_OPTION where groups do not divide the channels
 *
 * @example
 * ```ts
 * new GroupNorm(3, 6)(ones([2, 6, 4])).shape; // [2, 6, 4]
 * ```
 */
export class GroupNorm extends Module<[Tensor], Tensor> {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  readonly weight: Tensor | undefined;
  readonly bias: Tensor | undefined;

  constructor(numGroups: number, numChannels: number, given?: { eps?: number; affine?: boolean; bias?: boolean }) {
    const { eps = 1e-5, affine = true, bias = true } = groupNormOptions("GroupNorm", given);
    super();
    if (numChannels % numGroups !== 0) {
      throw optionError(
        `num_channels (${numChannels}) must be divisible by num_groups (${numGroups})`,
        "Each group takes as many channels as the others.",
      );
    }
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.weight = affine ? parameter(ones([numChannels])) : undefined;
    this.bias = affine && bias ? parameter(zeros([numChannels])) : undefined;
  }

  override forward(x: Tensor): Tensor {
    return groupNorm(x, this.numGroups, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    const [affine, bias] = [this.weight !== undefined, this.bias !== undefined].map(python);
    return `${this.numGroups}, ${this.numChannels}, eps=${pythonFloat(this.eps)}, affine=${affine}, bias=${bias}`;
  }
}

/**
 * Each element over a power of the squares of `size` neighbouring channels. [N, C, ...] → [N, C, ...].
 *
 * @example
 * ```ts
 * new LocalResponseNorm(2)(ones([1, 4, 3])).shape; // [1, 4, 3]
 * ```
 */
export class LocalResponseNorm extends Module<[Tensor], Tensor> {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;

  constructor(size: number, given?: { alpha?: number; beta?: number; k?: number }) {
    const { alpha = 1e-4, beta = 0.75, k = 1 } = responseOptions("LocalResponseNorm", given);
    requireType("LocalResponseNorm", "number", size);
    super();
    this.size = size;
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }

  override forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, { alpha: this.alpha, beta: this.beta, k: this.k });
  }

  override extraRepr(): string {
    return `${this.size}, alpha=${pythonFloat(this.alpha)}, beta=${pythonFloat(this.beta)}, k=${pythonFloat(this.k)}`;
  }
}
