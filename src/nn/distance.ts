// Distances as layers.
// Knows no model.
import { requireType } from "../arguments.ts";
import { optionsOf } from "../options.ts";
import type { Tensor } from "../tensor/index.ts";
import { cosineSimilarity, pairwiseDistance } from "./functional/distance.ts";
import { Module } from "./module.ts";

const pairwiseDistanceOptions = optionsOf<{ eps?: number; keepDim?: boolean }>({ eps: true, keepDim: true });

/**
 * Cosine of the angle between vectors along an axis. [..., D, ...] and a shape that broadcasts with it → without that
 * axis.
 *
 * @example
 * ```ts
 * new CosineSimilarity()(ones([1, 2]), ones([1, 2])).tolistSync(); // [1]
 * ```
 */
export class CosineSimilarity extends Module<[Tensor, Tensor], Tensor> {
  readonly dim: number;
  readonly eps: number;

  constructor(dim = 1, eps = 1e-8) {
    super();
    this.dim = dim;
    this.eps = eps;
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return cosineSimilarity(x1, x2, this.dim, this.eps);
  }
}

/**
 * The p-norm of x₁ - x₂ + ε over the last axis. [..., D] and a shape that broadcasts with it → [...].
 *
 * @example
 * ```ts
 * new PairwiseDistance(1, { eps: 0 })(ones([1, 2]), zeros([1, 2])).tolistSync(); // [2]
 * ```
 */
export class PairwiseDistance extends Module<[Tensor, Tensor], Tensor> {
  readonly p: number;
  readonly eps: number;
  readonly keepDim: boolean;

  constructor(p = 2, given?: { eps?: number; keepDim?: boolean }) {
    const { eps = 1e-6, keepDim = false } = pairwiseDistanceOptions("PairwiseDistance", given);
    requireType("PairwiseDistance", "number", p);
    super();
    this.p = p;
    this.eps = eps;
    this.keepDim = keepDim;
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    const { p, eps, keepDim } = this;
    return pairwiseDistance(x1, x2, { p, eps, keepDim });
  }
}
