// Losses.
// Knows no model.
import { AbrazoError } from "../../errors.ts";
import type { Tensor } from "../../tensor/index.ts";

export interface CrossEntropyOptions {
  /** Class targets of this value count for nothing; no share of probability targets can be left out. */
  ignoreIndex?: number;
  /** Share of the target spread evenly over all classes (Szegedy et al. 2016). */
  labelSmoothing?: number;
  /** "mean" over the targets that count, or "none": one loss for each. */
  reduction?: "mean" | "none";
}

/**
 * Cross entropy of logits [..., C]: against class indices, int64 [...], or against probabilities of the classes, [..., C]
 * of the logits' dtype.
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  { ignoreIndex = -100, labelSmoothing = 0, reduction = "mean" }: CrossEntropyOptions = {},
): Tensor {
  const logProbabilities = logits.logSoftmax(-1); // [..., C]
  const smooth = (each: Tensor) =>
    labelSmoothing === 0 ? each : each.mul(1 - labelSmoothing).add(logProbabilities.mean(-1).neg().mul(labelSmoothing)); // [...]
  if (target.dtype === logits.dtype) {
    if (ignoreIndex >= 0) throw ignoredProbabilities(ignoreIndex);
    const each = smooth(target.mul(logProbabilities).sum(-1).neg());
    return reduction === "none" ? each : each.mean();
  }
  const keep = target.ne(ignoreIndex); // [...]
  const safe = target.mul(keep.to("int64"));
  const each = smooth(logProbabilities.gather(-1, safe.unsqueeze(-1)).squeeze(-1).neg()); // [...]
  const weight = keep.to(logits.dtype);
  return reduction === "none" ? each.mul(weight) : each.mul(weight).sum().div(weight.sum());
}

function ignoredProbabilities(ignoreIndex: number): AbrazoError {
  return new AbrazoError({
    code: "IGNORE_INDEX",
    message: `ignore_index is not supported for floating point target; got ${ignoreIndex}`,
    hint: 'Leave ignoreIndex out, and weigh the rows of reduction: "none" instead.',
  });
}
