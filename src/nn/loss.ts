// Losses as layers: each calls the function of its name with the options it was made with.
// Knows no model.
import type { Tensor } from "../tensor/index.ts";
import * as F from "./functional/loss.ts";
import * as G from "./functional/margin-loss.ts";
import * as known from "./functional/options.ts";
import { checkReduction, type LossOptions, type Reduction } from "./functional/reduction.ts";
import * as R from "./functional/regression-loss.ts";
import { buffer } from "./marks.ts";
import { Module } from "./module.ts";

/** A loss with its reduction. */
abstract class Loss<Input extends unknown[] = [Tensor, Tensor]> extends Module<Input, Tensor> {
  readonly reduction: Reduction;

  constructor(given?: LossOptions) {
    const { reduction = "mean" } = known.lossOptions(new.target.name, given);
    super();
    checkReduction(reduction);
    this.reduction = reduction;
  }
}

/** A loss whose weights move with it: they are a buffer. */
abstract class WeightedLoss extends Loss {
  readonly weight: Tensor | undefined;

  constructor(given?: LossOptions & { weight?: Tensor | undefined }) {
    const { weight, ...options } = known.weightedOptions(new.target.name, given);
    super(options);
    this.weight = weight === undefined ? undefined : buffer(weight);
  }
}

/**
 * (x - y)². Two of [...] → [], or [...] unreduced.
 *
 * @example
 * ```ts
 * new MSELoss()(tensor([1, 2.5]), tensor([3, 2.5])).itemSync(); // 2
 * ```
 */
export class MSELoss extends Loss {
  override forward(input: Tensor, target: Tensor): Tensor {
    return R.mseLoss(input, target, { reduction: this.reduction });
  }
}

/**
 * |x - y|. Two of [...] → [], or [...] unreduced.
 *
 * @example
 * ```ts
 * new L1Loss()(tensor([1, 2.5]), tensor([3, 2.5])).itemSync(); // 1
 * ```
 */
export class L1Loss extends Loss {
  override forward(input: Tensor, target: Tensor): Tensor {
    return R.l1Loss(input, target, { reduction: this.reduction });
  }
}

/**
 * d²/2β where d = |x - y| < β, else d - β/2. Two of [...] → [], or [...] unreduced.
 *
 * @example
 * ```ts
 * new SmoothL1Loss({ beta: 2 })(tensor([1.5]), tensor([0.5])).itemSync(); // 0.25
 * ```
 */
export class SmoothL1Loss extends Loss {
  readonly beta: number;

  constructor(given?: LossOptions & { beta?: number }) {
    const { beta = 1, ...options } = known.smoothL1Options("SmoothL1Loss", given);
    super(options);
    this.beta = beta;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return R.smoothL1Loss(input, target, { beta: this.beta, reduction: this.reduction });
  }
}

/**
 * d²/2 where d = |x - y| ≤ δ, else δ (d - δ/2). Two of [...] → [], or [...] unreduced.
 *
 * @example
 * ```ts
 * new HuberLoss({ delta: 2 })(tensor([3.5]), tensor([0.5])).itemSync(); // 4
 * ```
 */
export class HuberLoss extends Loss {
  readonly delta: number;

  constructor(given?: LossOptions & { delta?: number }) {
    const { delta = 1, ...options } = known.huberOptions("HuberLoss", given);
    super(options);
    this.delta = delta;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return R.huberLoss(input, target, { delta: this.delta, reduction: this.reduction });
  }
}

/**
 * -x[class] for log-probabilities [N, C, …] and classes [N, …].
 *
 * @example
 * ```ts
 * new NLLLoss()(tensor([[-0.5, -2.5]]), tensor([0])).itemSync(); // 0.5
 * ```
 */
export class NLLLoss extends WeightedLoss {
  readonly ignoreIndex: number;

  constructor(given?: F.NllOptions) {
    const { ignoreIndex = -100, ...options } = known.nllOptions("NLLLoss", given);
    super(options);
    this.ignoreIndex = ignoreIndex;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction } = this;
    return F.nllLoss(input, target, { weight, ignoreIndex, reduction });
  }
}

/**
 * Cross entropy of logits [N, C, …] against classes [N, …] or probabilities [N, C, …].
 *
 * @example
 * ```ts
 * new CrossEntropyLoss()(zeros([1, 4]), tensor([2])).itemSync(); // 1.3863
 * ```
 */
export class CrossEntropyLoss extends WeightedLoss {
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;

  constructor(given?: F.CrossEntropyOptions) {
    const { ignoreIndex = -100, labelSmoothing = 0, ...options } = known.crossEntropyOptions("CrossEntropyLoss", given);
    super(options);
    F.checkSmoothing(labelSmoothing);
    this.ignoreIndex = ignoreIndex;
    this.labelSmoothing = labelSmoothing;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, labelSmoothing, reduction } = this;
    return F.crossEntropy(input, target, { weight, ignoreIndex, labelSmoothing, reduction });
  }
}

/**
 * -(y ln x + (1 - y) ln(1 - x)) for probabilities x; logarithms are at least -100. Two of [...] → [], or [...] unreduced.
 *
 * @example
 * ```ts
 * new BCELoss()(tensor([0.9, 0.2, 0.7]), tensor([1, 0, 1]).to("float32")).itemSync(); // 0.2284
 * ```
 */
export class BCELoss extends WeightedLoss {
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(input, target, { weight: this.weight, reduction: this.reduction });
  }
}

/**
 * BCELoss of σ(x), finite for every x. Two of [...] → [], or [...] unreduced.
 *
 * @example
 * ```ts
 * new BCEWithLogitsLoss()(tensor([0.5, -1, 2]), tensor([1, 0, 1]).to("float32")).itemSync(); // 0.3048
 * ```
 */
export class BCEWithLogitsLoss extends WeightedLoss {
  readonly posWeight: Tensor | undefined;

  constructor(given?: LossOptions & { weight?: Tensor | undefined; posWeight?: Tensor | undefined }) {
    const { posWeight, ...options } = known.bceWithLogitsOptions("BCEWithLogitsLoss", given);
    super(options);
    this.posWeight = posWeight === undefined ? undefined : buffer(posWeight);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, posWeight, reduction } = this;
    return F.binaryCrossEntropyWithLogits(input, target, { weight, posWeight, reduction });
  }
}

/**
 * Kullback-Leibler divergence y (ln y - x) for log-probabilities x. Two of [...] → [], or [...] unreduced.
 *
 * @example
 * ```ts
 * const x = tensor([[0.5, 0.5]]);
 * new KLDivLoss({ reduction: "batchmean" })(x.log(), x).itemSync(); // 0
 * ```
 */
export class KLDivLoss extends Module<[Tensor, Tensor], Tensor> {
  readonly reduction: known.KLReduction;
  readonly logTarget: boolean;

  constructor(given?: { reduction?: known.KLReduction; logTarget?: boolean }) {
    const { reduction = "mean", logTarget = false } = known.klDivOptions("KLDivLoss", given);
    super();
    if (reduction !== "batchmean") checkReduction(reduction);
    this.reduction = reduction;
    this.logTarget = logTarget;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.klDiv(input, target, { reduction: this.reduction, logTarget: this.logTarget });
  }
}

/**
 * Negative log-likelihood of counts. Two of [...] → [], or [...] unreduced.
 *
 * @example
 * ```ts
 * new PoissonNLLLoss()(tensor([0.5]), tensor([1.5])).itemSync(); // 0.8987
 * ```
 */
export class PoissonNLLLoss extends Loss {
  readonly logInput: boolean;
  readonly full: boolean;
  readonly eps: number;

  constructor(given?: LossOptions & { logInput?: boolean; full?: boolean; eps?: number }) {
    const { logInput = true, full = false, eps = 1e-8, ...options } = known.poissonOptions("PoissonNLLLoss", given);
    super(options);
    this.logInput = logInput;
    this.full = full;
    this.eps = eps;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { logInput, full, eps, reduction } = this;
    return R.poissonNllLoss(input, target, { logInput, full, eps, reduction });
  }
}

/**
 * Negative log-likelihood of a normal with mean x and variance v. Three of [...] → [], or [...] unreduced.
 *
 * @example
 * ```ts
 * new GaussianNLLLoss()(tensor([0.5]), tensor([1.5]), ones([1])).itemSync(); // 0.5
 * ```
 */
export class GaussianNLLLoss extends Loss<[Tensor, Tensor, Tensor]> {
  readonly full: boolean;
  readonly eps: number;

  constructor(given?: LossOptions & { full?: boolean; eps?: number }) {
    const { full = false, eps = 1e-6, ...options } = known.gaussianOptions("GaussianNLLLoss", given);
    super(options);
    this.full = full;
    this.eps = eps;
  }

  override forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    const { full, eps, reduction } = this;
    return R.gaussianNllLoss(input, target, variance, { full, eps, reduction });
  }
}

/** A loss with a margin. */
abstract class MarginLoss<Input extends unknown[] = [Tensor, Tensor, Tensor]> extends Loss<Input> {
  readonly margin: number;

  constructor(margin: number, options: LossOptions) {
    super(options);
    this.margin = margin;
  }

  protected get options(): { margin: number; reduction: Reduction } {
    return { margin: this.margin, reduction: this.reduction };
  }
}

/**
 * max(0, -y (x₁ - x₂) + margin). Three of [...] → [], or [...] unreduced.
 *
 * @example
 * ```ts
 * new MarginRankingLoss()(tensor([0.5]), tensor([2.5]), tensor([1])).itemSync(); // 2
 * ```
 */
export class MarginRankingLoss extends MarginLoss {
  constructor(given?: known.MarginOptions) {
    const { margin = 0, ...options } = known.marginOptions("MarginRankingLoss", given);
    super(margin, options);
  }

  override forward(x1: Tensor, x2: Tensor, target: Tensor): Tensor {
    return G.marginRankingLoss(x1, x2, target, this.options);
  }
}

/**
 * x where y is 1, max(0, margin - x) where y is -1. Two of [...] → [], or [...] unreduced.
 *
 * @example
 * ```ts
 * new HingeEmbeddingLoss()(tensor([0.5, 0.5]), tensor([1, -1])).itemSync(); // 0.5
 * ```
 */
export class HingeEmbeddingLoss extends MarginLoss<[Tensor, Tensor]> {
  constructor(given?: known.MarginOptions) {
    const { margin = 1, ...options } = known.marginOptions("HingeEmbeddingLoss", given);
    super(margin, options);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return G.hingeEmbeddingLoss(input, target, this.options);
  }
}

/**
 * 1 - cos(x₁, x₂) where y is 1, max(0, cos(x₁, x₂) - margin) where y is -1. Vectors [N, D] and signs [N]: [], or [N]
 * unreduced.
 *
 * @example
 * ```ts
 * new CosineEmbeddingLoss()(ones([1, 2]), ones([1, 2]), tensor([-1])).itemSync(); // 1
 * ```
 */
export class CosineEmbeddingLoss extends MarginLoss {
  constructor(given?: known.MarginOptions) {
    const { margin = 0, ...options } = known.marginOptions("CosineEmbeddingLoss", given);
    super(margin, options);
  }

  override forward(x1: Tensor, x2: Tensor, target: Tensor): Tensor {
    return G.cosineEmbeddingLoss(x1, x2, target, this.options);
  }
}

/**
 * max(0, d(a, p) - d(a, n) + margin). Vectors [N, D]: [], or [N] unreduced.
 *
 * @example
 * ```ts
 * new TripletMarginLoss()(zeros([1, 2]), zeros([1, 2]), zeros([1, 2])).itemSync(); // 1
 * ```
 */
export class TripletMarginLoss extends MarginLoss {
  readonly p: number;
  readonly eps: number;
  readonly swap: boolean;

  constructor(given?: known.MarginOptions & { p?: number; eps?: number; swap?: boolean }) {
    const { margin = 1, p = 2, eps = 1e-6, swap = false, ...rest } = known.tripletOptions("TripletMarginLoss", given);
    super(margin, rest);
    this.p = p;
    this.eps = eps;
    this.swap = swap;
  }

  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { p, eps, swap } = this;
    return G.tripletMarginLoss(anchor, positive, negative, { ...this.options, p, eps, swap });
  }
}

/**
 * ln(1 + e^(-y x)) for signs y. Two of [...] → [], or [...] unreduced.
 *
 * @example
 * ```ts
 * new SoftMarginLoss()(zeros([1]), tensor([1])).itemSync(); // 0.6931
 * ```
 */
export class SoftMarginLoss extends Loss {
  override forward(input: Tensor, target: Tensor): Tensor {
    return G.softMarginLoss(input, target, { reduction: this.reduction });
  }
}

/**
 * The mean over classes of binary cross entropies of logits. Logits and targets [N, C]: [], or [N] unreduced.
 *
 * @example
 * ```ts
 * new MultiLabelSoftMarginLoss()(zeros([1, 2]), ones([1, 2])).itemSync(); // 0.6931
 * ```
 */
export class MultiLabelSoftMarginLoss extends WeightedLoss {
  override forward(input: Tensor, target: Tensor): Tensor {
    return G.multilabelSoftMarginLoss(input, target, { weight: this.weight, reduction: this.reduction });
  }
}
