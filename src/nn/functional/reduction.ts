// What losses share: how single losses become one, and what is said of shapes that do not fit.
// Knows no loss.
import { AbrazoError } from "../../errors.ts";
import { log } from "../../log.ts";
import type { Tensor } from "../../tensor/index.ts";

export type Reduction = "mean" | "sum" | "none";

export interface LossOptions {
  /** "mean" of the losses, their "sum", or "none": one loss for each. */
  reduction?: Reduction | undefined;
}

export function reduced(losses: Tensor, reduction: Reduction = "mean"): Tensor {
  if (reduction === "mean") return losses.mean();
  if (reduction === "sum") return losses.sum();
  checkReduction(reduction);
  return losses;
}

export function checkReduction(reduction: string): void {
  if (["mean", "sum", "none"].includes(reduction)) return;
  throw new AbrazoError({
    code: "REDUCTION",
    message: `${reduction} is not a valid value for reduction`,
    hint: 'It is "mean", "sum" or "none".',
    data: { reduction },
  });
}

export const sizeText = (tensor: Tensor): string => `torch.Size([${tensor.dims.join(", ")}])`;

export function lossShapeError(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "SHAPE_MISMATCH", message, hint });
}

/** A target of another shape is broadcast, which is seldom meant: a warning, as in PyTorch. */
export function warnOfSizes(input: Tensor, target: Tensor): void {
  if (input.dims.join() === target.dims.join()) return;
  log.warn(
    `Using a target size (${sizeText(target)}) that is different to the input size (${sizeText(input)}). ` +
      "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
  );
}
