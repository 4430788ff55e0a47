// Losses against classes: negative log-likelihood, cross entropy, and those of two classes.
// Knows no model.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { isFloat } from "../../graph/dtype.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import { Tensor } from "../../tensor/index.ts";
import { givenExtremes } from "./given.ts";
import { bceWithLogitsOptions, crossEntropyOptions, klDivOptions, nllOptions, weightedOptions } from "./options.ts";
import { checkReduction, type LossOptions, lossShapeError, reduced, sizeText } from "./reduction.ts";

/** Weights of classes, the class that does not count, and how losses become one. */
export interface NllOptions extends LossOptions {
  /** One weight for each class, [C]; a mean is over the weights of the targets. */
  weight?: Tensor | undefined;
  /** Class targets of this value count for nothing. */
  ignoreIndex?: number | undefined;
}

/** Classes are on axis 1, or on the only one. */
function classAxis(input: Tensor): number {
  if (input.ndim === 0)
    throw lossShapeError("Expected at least 1 dimension of classes", "Give logits [C] or [N, C, …].");
  return input.ndim === 1 ? 0 : 1;
}

function checkTarget(input: Tensor, target: Tensor, axis: number, ignoreIndex: number): void {
  const wanted = input.dims.filter((_, at) => at !== axis);
  if (input.ndim === 2 && target.ndim === 1 && target.dims[0] !== wanted[0]) {
    throw lossShapeError(
      `Expected input batch_size (${wanted[0]}) to match target batch_size (${target.dims[0]}).`,
      "There is one class for each row of the input [N, C].",
    );
  }
  if (target.dims.join() !== wanted.join()) {
    throw lossShapeError(
      `Expected target size [${wanted.join(", ")}], got [${target.dims.join(", ")}]`,
      `The input is [${input.dims.join(", ")}] with classes on axis ${axis}; the target is of the other axes.`,
    );
  }
  const given = givenExtremes(target, ignoreIndex);
  const classes = input.dims[axis];
  if (given === undefined || typeof classes !== "number") return;
  const bad = given.low < 0 ? given.low : given.high;
  if (bad >= 0 && bad < classes) return;
  throw new AbrazoError({
    code: "TARGET_OUT_OF_BOUNDS",
    message: `Target ${bad} is out of bounds.`,
    hint: `There are ${classes} classes, numbered from 0.`,
    data: { target: bad, classes },
  });
}

/**
 * -x[class] for log-probabilities x [C], [N, C] or [N, C, d₁, …] and classes [], [N] or [N, d₁, …], int64.
 *
 * @example
 * ```ts
 * nllLoss(tensor([[-0.5, -2]]), tensor([0])).itemSync(); // 0.5
 * ```
 */
export function nllLoss(input: Tensor, target: Tensor, given?: NllOptions): Tensor {
  requireTensors("nllLoss", input, target);
  const { weight, ignoreIndex = -100, reduction = "mean" } = nllOptions("nllLoss", given);
  checkReduction(reduction);
  const axis = classAxis(input);
  checkTarget(input, target, axis, ignoreIndex);
  const { each, share } = picked(input, target, axis, weight, ignoreIndex);
  const losses = each.mul(share);
  const whole = reduction === "none" ? losses : losses.sum();
  return (reduction === "mean" ? meanOver(whole, share) : whole).madeBy("nllLoss");
}

/** A sum by what counts: where nothing does it is NaN, but its gradient is 0. */
function meanOver(sum: Tensor, share: Tensor): Tensor {
  const count = share.sum();
  const none = count.eq(0);
  return sum.div(count.maskedFill(none, 1)).maskedFill(none, Number.NaN);
}

/** -x[class] for each target, and what each counts: its class's weight, 0 where it is ignored. */
function picked(input: Tensor, target: Tensor, axis: number, weight: Tensor | undefined, ignoreIndex: number) {
  const classes = target.to("int64");
  const keep = classes.ne(ignoreIndex);
  const safe = classes.mul(keep.to("int64"));
  const each = input.gather(axis, safe.unsqueeze(axis)).squeeze(axis).neg();
  const kept = keep.to(input.dtype);
  if (weight === undefined) return { each, share: kept, kept };
  const weights = Tensor.fromNode(build.gather(weight.node, safe.node, 0), [weight]);
  return { each, share: weights.mul(kept), kept };
}

/** As NllOptions, with smoothing. */
export interface CrossEntropyOptions extends NllOptions {
  /** Share of the target spread evenly over all classes (Szegedy et al. 2016, arXiv 1512.00567). */
  labelSmoothing?: number | undefined;
}

/**
 * Cross entropy of logits [C], [N, C] or [N, C, d₁, …]: against classes, int64 [], [N] or [N, d₁, …], or against
 * probabilities of the classes, of the logits' shape. It is logSoftmax over the classes, then nllLoss: logits are the raw
 * output of a network, any real numbers, with no softmax applied.
 *
 * @example
 * ```ts
 * crossEntropy(tensor([[2, 1, 0.5]]), tensor([0])).itemSync(); // 0.4644
 * crossEntropy(ones([8, 5, 100]), zeros([8, 100], { dtype: "int64" })).itemSync(); // 1.6094
 * ```
 */
export function crossEntropy(logits: Tensor, target: Tensor, given?: CrossEntropyOptions): Tensor {
  requireTensors("crossEntropy", logits, target);
  const {
    weight,
    ignoreIndex = -100,
    labelSmoothing = 0,
    reduction = "mean",
  } = crossEntropyOptions("crossEntropy", given);
  checkReduction(reduction);
  checkSmoothing(labelSmoothing);
  const axis = classAxis(logits);
  const logProbabilities = logits.logSoftmax(axis);
  if (isFloat(target.dtype)) {
    return againstProbabilities(logProbabilities, target, axis, { weight, ignoreIndex, labelSmoothing, reduction });
  }
  if (labelSmoothing === 0) return nllLoss(logProbabilities, target, { weight, ignoreIndex, reduction });
  checkTarget(logits, target, axis, ignoreIndex);
  const { each, share, kept } = picked(logProbabilities, target, axis, weight, ignoreIndex);
  const spread = byClass(logProbabilities, weight, axis).sum(axis).neg().mul(kept);
  const losses = each
    .mul(share)
    .mul(1 - labelSmoothing)
    .add(spread.mul(labelSmoothing / logits.size(axis)));
  if (reduction === "none") return losses;
  return reduction === "sum" ? losses.sum() : meanOver(losses.sum(), share);
}

/** Times the weight of each class. */
function byClass(x: Tensor, weight: Tensor | undefined, axis: number): Tensor {
  return weight === undefined ? x : x.mul(weight.reshape(x.dims.map((_, at) => (at === axis ? -1 : 1))));
}

function againstProbabilities(
  logProbabilities: Tensor,
  target: Tensor,
  axis: number,
  { weight, ignoreIndex, labelSmoothing, reduction }: Required<Omit<CrossEntropyOptions, "weight">> & NllOptions,
): Tensor {
  if (ignoreIndex !== undefined && ignoreIndex >= 0) throw ignoredProbabilities(ignoreIndex);
  if (target.dims.join() !== logProbabilities.dims.join()) {
    throw lossShapeError(
      "expected scalar type Long but found Float",
      `A floating target holds the probability of each class and is of the input's shape; it is ${sizeText(target)}, the input ${sizeText(logProbabilities)}.`,
    );
  }
  const smoothing = labelSmoothing ?? 0;
  const classes = logProbabilities.size(axis);
  const wanted = smoothing === 0 ? target : target.mul(1 - smoothing).add(smoothing / classes);
  const each = byClass(wanted.mul(logProbabilities), weight, axis).sum(axis).neg();
  // The mean is over the targets, whatever the classes weigh.
  return reduced(each, reduction);
}

/**
 * Throws where a label smoothing does not lie in [0, 1].
 *
 * @example
 * ```ts
 * checkSmoothing(1.5); // throws label_smoothing must be between 0.0 and 1.0. Got: 1.5
 * ```
 */
export function checkSmoothing(labelSmoothing: number): void {
  if (labelSmoothing >= 0 && labelSmoothing <= 1) return;
  throw new AbrazoError({
    code: "BOUNDS",
    message: `label_smoothing must be between 0.0 and 1.0. Got: ${labelSmoothing}`,
    hint: "0 leaves targets as they are, 1 spreads them evenly.",
  });
}

function ignoredProbabilities(ignoreIndex: number): AbrazoError {
  return new AbrazoError({
    code: "IGNORE_INDEX",
    message: `ignore_index is not supported for floating point target; got ${ignoreIndex}`,
    hint: 'Leave ignoreIndex out, and weigh the rows of reduction: "none" instead.',
  });
}

/**
 * -(y ln x + (1 - y) ln(1 - x)) for probabilities x; logarithms are at least -100, so that 0 and 1 stay finite.
 *
 * @throws SHAPE_MISMATCH; NOT_PROBABILITIES where known elements leave [0, 1]
 *
 * @example
 * ```ts
 * binaryCrossEntropy(tensor([0.9, 0.2, 0.7]), tensor([1, 0, 1]).to("float32")).itemSync(); // 0.2284
 * ```
 */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { weight?: Tensor | undefined },
): Tensor {
  requireTensors("binaryCrossEntropy", input, target);
  const { weight, reduction = "mean" } = weightedOptions("binaryCrossEntropy", options);
  checkReduction(reduction);
  if (input.dims.join() !== target.dims.join()) {
    throw lossShapeError(
      `Using a target size (${sizeText(target)}) that is different to the input size (${sizeText(input)}) is deprecated. Please ensure they have the same size.`,
      "Reshape one of them; broadcasting here is seldom meant.",
    );
  }
  const given = givenExtremes(input);
  if (given !== undefined && (given.low < 0 || given.high > 1)) {
    throw new AbrazoError({
      code: "NOT_PROBABILITIES",
      message: "all elements of input should be between 0 and 1",
      hint: "Pass logits to binaryCrossEntropyWithLogits instead.",
      data: { ...given },
    });
  }
  const each = Tensor.fromNode(build.call("binaryCrossEntropy", [input.node, target.to(input.dtype).node]), [
    input,
    target,
  ]);
  return reduced(weight === undefined ? each : each.mul(weight), reduction);
}

/**
 * binaryCrossEntropy of σ(x), finite for every x: (1 - y) x + (1 + (p - 1) y) ln(1 + e⁻ˣ), p the weight of positives.
 * Logits and targets, floats of one shape [...], give [], or [...] with reduction "none".
 *
 * @param weight weighs the single losses
 * @param posWeight weighs the positives of each class
 * @throws SHAPE_MISMATCH where the target has another shape
 *
 * @example
 * ```ts
 * binaryCrossEntropyWithLogits(tensor([0.5, -1, 2]), tensor([1, 0, 1]).to("float32")).itemSync(); // 0.3048
 * ```
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  given?: LossOptions & { weight?: Tensor | undefined; posWeight?: Tensor | undefined },
): Tensor {
  requireTensors("binaryCrossEntropyWithLogits", input, target);
  const { weight, posWeight, reduction = "mean" } = bceWithLogitsOptions("binaryCrossEntropyWithLogits", given);
  checkReduction(reduction);
  if (input.dims.join() !== target.dims.join()) {
    throw lossShapeError(
      `Target size (${sizeText(target)}) must be the same as input size (${sizeText(input)})`,
      "Reshape one of them.",
    );
  }
  const wanted = target.to(input.dtype);
  const soft = input.map((x) => build.call("softplus", [build.neg(x)])); // ln(1 + e⁻ˣ)
  const scaled = posWeight === undefined ? soft : soft.mul(posWeight.sub(1).mul(wanted).add(1));
  const each = wanted.neg().add(1).mul(input).add(scaled);
  return reduced(weight === undefined ? each : each.mul(weight), reduction).madeBy("binaryCrossEntropyWithLogits");
}

/**
 * Kullback-Leibler divergence y (ln y - x) for log-probabilities x, pointwise; 0 where y is 0. Floats that broadcast to
 * one shape [...] give [], or [...] with reduction "none".
 *
 * @param logTarget the target holds logarithms too: e^y (y - x)
 * @param reduction "batchmean" is the sum over the size of the first axis, which is the divergence itself
 *
 * @example
 * ```ts
 * const x = tensor([[-0.25, -1.5]]);
 * klDiv(x, x, { logTarget: true, reduction: "batchmean" }).itemSync(); // 0
 * ```
 */
export function klDiv(
  input: Tensor,
  target: Tensor,
  given?: { reduction?: "mean" | "sum" | "none" | "batchmean"; logTarget?: boolean },
): Tensor {
  requireTensors("klDiv", input, target);
  const { reduction = "mean", logTarget = false } = klDivOptions("klDiv", given);
  const each = logTarget
    ? target.exp().mul(target.sub(input))
    : Tensor.fromNode(build.call("xlogy", [target.node, target.node]), [target]).sub(target.mul(input));
  if (reduction !== "batchmean") return reduced(each, reduction);
  return each.sum().div(input.ndim === 0 ? 1 : input.size(0));
}
