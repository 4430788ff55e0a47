// Losses with a margin: between scores, between distances, and against the signs 1 and -1.
// Knows no layer.
import * as build from "../../graph/build.ts";
import { shapeError, showShape } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import { arange, type Tensor } from "../../tensor/index.ts";
import { logsigmoid } from "./activation.ts";
import { pairwiseDistance } from "./distance.ts";
import { lossOptions, type MarginOptions, marginOptions, tripletOptions, weightedOptions } from "./options.ts";
import { type LossOptions, lossShapeError, reduced } from "./reduction.ts";

const multiMarginLossOptions = optionsOf<MarginOptions & { p?: 1 | 2; weight?: Tensor | undefined }>({
  ...marginOptions.names,
  p: true,
  weight: true,
});

/** max(x, 0) whose slope at 0 is 1, as that of PyTorch's clamp. */
function positivePart(x: Tensor): Tensor {
  return x.map((node) => {
    const zero = build.constant(0, node.dtype);
    return build.where(build.less(node, zero), zero, node);
  });
}

/** `x` where the sign is `sign`, else 0. */
function ofSign(x: Tensor, target: Tensor, sign: 1 | -1): Tensor {
  return x.mul(target.eq(sign).to(x.dtype));
}

/**
 * max(0, -y (x₁ - x₂) + margin), y being 1 where x₁ is to be the larger, and -1. All three broadcast to one shape
 * [...]; the result is [], or [...] with reduction "none".
 *
 * @throws SHAPE_MISMATCH where the numbers of axes differ
 *
 * @example
 * ```ts
 * marginRankingLoss(tensor([0.5]), tensor([2.5]), tensor([1])).itemSync(); // 2
 * ```
 */
export function marginRankingLoss(x1: Tensor, x2: Tensor, target: Tensor, given?: MarginOptions): Tensor {
  requireTensors("marginRankingLoss", x1, x2, target);
  const { margin = 0, reduction = "mean" } = marginOptions("marginRankingLoss", given);
  if (x1.ndim !== x2.ndim || x1.ndim !== target.ndim) {
    throw lossShapeError(
      `margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: [${x1.dims.join(", ")}], input2: [${x2.dims.join(", ")}], target: [${target.dims.join(", ")}] `,
      "Each pair of scores has one target.",
    );
  }
  return reduced(positivePart(target.neg().mul(x1.sub(x2)).add(margin)), reduction);
}

/**
 * x where y is 1, max(0, margin - x) where y is -1. x and y broadcast to one shape [...]; the result is a mean or sum
 * [], or [...] with reduction "none".
 *
 * @example
 * ```ts
 * hingeEmbeddingLoss(tensor([0.5, 0.5]), tensor([1, -1]), { reduction: "none" }).tolistSync(); // [0.5, 0.5]
 * ```
 */
export function hingeEmbeddingLoss(input: Tensor, target: Tensor, given?: MarginOptions): Tensor {
  requireTensors("hingeEmbeddingLoss", input, target);
  const { margin = 1, reduction = "mean" } = marginOptions("hingeEmbeddingLoss", given);
  const far = positivePart(input.neg().add(margin));
  return reduced(ofSign(input, target, 1).add(ofSign(far, target, -1)), reduction);
}

/**
 * 1 - cos(x₁, x₂) where y is 1, max(0, cos(x₁, x₂) - margin) where y is -1; vectors [N, D] or [D].
 *
 * @throws SHAPE_MISMATCH where the target has not one axis less
 *
 * @example
 * ```ts
 * cosineEmbeddingLoss(tensor([[1, 0.5]]), tensor([[1, 0.5]]), tensor([-1])).itemSync(); // 1
 * ```
 */
export function cosineEmbeddingLoss(x1: Tensor, x2: Tensor, target: Tensor, given?: MarginOptions): Tensor {
  requireTensors("cosineEmbeddingLoss", x1, x2, target);
  const { margin = 0, reduction = "mean" } = marginOptions("cosineEmbeddingLoss", given);
  if (target.ndim !== x1.ndim - 1) {
    throw lossShapeError(
      `${target.ndim}D target tensor expects ${target.ndim + 1}D input tensors, but found inputs with sizes [${x1.dims.join(", ")}] and [${x2.dims.join(", ")}].`,
      "Each pair of vectors has one target.",
    );
  }
  const squares = (x: Tensor) => x.square().sum(-1).add(1e-12);
  const cosine = x1
    .mul(x2)
    .sum(-1)
    .div(squares(x1).mul(squares(x2)).sqrt());
  const near = cosine.neg().add(1);
  return reduced(ofSign(near, target, 1).add(ofSign(positivePart(cosine.sub(margin)), target, -1)), reduction);
}

/**
 * max(0, d(a, p) - d(a, n) + margin) with the p-norm distance d of vectors [..., D].
 *
 * @param swap the nearer of anchor and positive to the negative counts (Balntas et al. 2016)
 *
 * @example
 * ```ts
 * tripletMarginLoss(zeros([1, 2]), ones([1, 2]), zeros([1, 2]).add(3)).itemSync(); // 0
 * ```
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  given?: MarginOptions & { p?: number; eps?: number; swap?: boolean },
): Tensor {
  requireTensors("tripletMarginLoss", anchor, positive, negative);
  const {
    margin = 1,
    p = 2,
    eps = 1e-6,
    swap = false,
    reduction = "mean",
  } = tripletOptions("tripletMarginLoss", given);
  const distance = (a: Tensor, b: Tensor) => pairwiseDistance(a, b, { p, eps });
  const toNegative = distance(anchor, negative);
  const far = swap ? toNegative.minimum(distance(positive, negative)) : toNegative;
  return reduced(positivePart(distance(anchor, positive).sub(far).add(margin)), reduction);
}

/**
 * ln(1 + e^(-y x)) for signs y. x and y broadcast to one shape [...]; the result is a mean or sum [], or [...] with
 * reduction "none".
 *
 * @example
 * ```ts
 * softMarginLoss(tensor([0.5, -2]), tensor([1, -1])).itemSync(); // 0.3005
 * ```
 */
export function softMarginLoss(input: Tensor, target: Tensor, given?: LossOptions): Tensor {
  requireTensors("softMarginLoss", input, target);
  const { reduction = "mean" } = lossOptions("softMarginLoss", given);
  return reduced(logsigmoid(input.mul(target)).neg(), reduction);
}

/**
 * The mean over classes of binary cross entropies of logits [..., C] against targets of 0 and 1.
 *
 * @example
 * ```ts
 * multilabelSoftMarginLoss(tensor([[0.5, -2]]), tensor([[1, 0]])).itemSync(); // 0.3005
 * ```
 */
export function multilabelSoftMarginLoss(
  input: Tensor,
  target: Tensor,
  given?: LossOptions & { weight?: Tensor | undefined },
): Tensor {
  requireTensors("multilabelSoftMarginLoss", input, target);
  const { weight, reduction = "mean" } = weightedOptions("multilabelSoftMarginLoss", given);
  if (input.ndim === 0) throw shapeError("Dimension specified as -1 but tensor has no dimensions");
  const yes = target.mul(logsigmoid(input));
  const no = target.neg().add(1).mul(logsigmoid(input.neg()));
  const each = yes.add(no).neg();
  return reduced((weight === undefined ? each : each.mul(weight)).mean(-1), reduction);
}

/**
 * Σ over the other classes i of max(0, margin - x[y] + x[i])^p / C, for scores [N, C] or [C] and classes [N] or [].
 *
 * @example
 * ```ts
 * multiMarginLoss(tensor([[0.1, 0.2, 0.7]]), tensor([2])).itemSync(); // 0.3
 * ```
 */
export function multiMarginLoss(
  input: Tensor,
  target: Tensor,
  given?: MarginOptions & { p?: 1 | 2; weight?: Tensor | undefined },
): Tensor {
  requireTensors("multiMarginLoss", input, target);
  const { p = 1, margin = 1, weight, reduction = "mean" } = multiMarginLossOptions("multiMarginLoss", given);
  const batch = input.shape.slice(0, -1);
  if (batch.length > 1 || target.ndim > 1 || target.numel() !== (batch[0] ?? 1)) {
    throw shapeError(
      `multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). Expected target size ${showShape(batch)}, but got ${showShape(target.dims)}. Input has shape ${showShape(input.dims)}.`,
    );
  }
  const classes = target.to("int64").reshape([...batch, 1]);
  const gap = input.sub(input.gather(-1, classes)).add(margin).relu();
  const others = classes.ne(arange(input.size(-1))).to(input.dtype);
  const powered = (p === 1 ? gap : gap.square()).mul(others);
  const weighed = weight === undefined ? powered : powered.mul(weight.indexSelect(0, target.flatten()).unsqueeze(-1));
  return reduced(weighed.mean(-1), reduction);
}
