// Losses between numbers: squared, absolute, Huber's, and of counts and variances.
// Knows no classes.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import type { Tensor } from "../../tensor/index.ts";
import {
  gaussianOptions,
  huberOptions,
  lossOptions,
  poissonOptions,
  smoothL1Options,
  weightedOptions,
} from "./options.ts";
import { type LossOptions, reduced, warnOfSizes } from "./reduction.ts";

/**
 * (x - y)². x and y broadcast to one shape [...]; the result is a mean or sum [], or [...] with reduction "none".
 *
 * @param weight weighs the single losses; the mean is then over the weights
 *
 * @example
 * ```ts
 * mseLoss(tensor([1, 2.5]), tensor([3, 2.5])).itemSync(); // 2
 * ```
 */
export function mseLoss(input: Tensor, target: Tensor, given?: LossOptions & { weight?: Tensor | undefined }): Tensor {
  requireTensors("mseLoss", input, target);
  const { reduction = "mean", weight } = weightedOptions("mseLoss", given);
  warnOfSizes(input, target);
  const each = input.sub(target).square();
  if (weight === undefined) return reduced(each, reduction).madeBy("mseLoss");
  const weighed = each.mul(weight);
  return reduction === "mean" ? weighed.sum().div(weight.expand(weighed.dims).sum()) : reduced(weighed, reduction);
}

/**
 * |x - y|; slope 0 where they are equal. x and y broadcast to one shape [...]; the result is a mean or sum [], or [...]
 * with reduction "none".
 *
 * @example
 * ```ts
 * l1Loss(tensor([1, 2.5]), tensor([3, 2.5])).itemSync(); // 1
 * ```
 */
export function l1Loss(input: Tensor, target: Tensor, given?: LossOptions): Tensor {
  requireTensors("l1Loss", input, target);
  const { reduction = "mean" } = lossOptions("l1Loss", given);
  warnOfSizes(input, target);
  return reduced(input.sub(target).abs(), reduction);
}

/**
 * d²/2β where d = |x - y| < β, else d - β/2 (Girshick 2015, arXiv 1504.08083). x and y broadcast to one shape [...];
 * the result is a mean or sum [], or [...] with reduction "none".
 *
 * @throws BOUNDS for β below 0
 *
 * @example
 * ```ts
 * smoothL1Loss(tensor([0.5, 3.5]), tensor([0.5, 0.5]), { reduction: "none" }).tolistSync(); // [0, 2.5]
 * ```
 */
export function smoothL1Loss(input: Tensor, target: Tensor, given?: LossOptions & { beta?: number }): Tensor {
  requireTensors("smoothL1Loss", input, target);
  const { beta = 1, reduction = "mean" } = smoothL1Options("smoothL1Loss", given);
  if (beta < 0) throw notPositive("smooth_l1_loss does not support negative values for beta.", beta);
  if (beta === 0) return l1Loss(input, target, { reduction });
  warnOfSizes(input, target);
  return reduced(huber(input.sub(target), beta).div(beta), reduction);
}

/**
 * d²/2 where d = |x - y| ≤ δ, else δ (d - δ/2) (Huber 1964). x and y broadcast to one shape [...]; the result is a mean
 * or sum [], or [...] with reduction "none".
 *
 * @throws BOUNDS for δ that is not above 0
 *
 * @example
 * ```ts
 * huberLoss(tensor([0.5, 3.5]), tensor([0.5, 0.5]), { delta: 2, reduction: "none" }).tolistSync(); // [0, 4]
 * ```
 */
export function huberLoss(input: Tensor, target: Tensor, given?: LossOptions & { delta?: number }): Tensor {
  requireTensors("huberLoss", input, target);
  const { delta = 1, reduction = "mean" } = huberOptions("huberLoss", given);
  if (delta <= 0) throw notPositive("huber_loss does not support non-positive values for delta.", delta);
  warnOfSizes(input, target);
  return reduced(huber(input.sub(target), delta), reduction);
}

function huber(difference: Tensor, delta: number): Tensor {
  return difference.map((d) => {
    const size = build.call("abs", [d]);
    const near = build.scale(build.square(d), 0.5);
    const far = build.scale(build.shift(size, -delta / 2), delta);
    return build.where(build.less(size, build.constant(delta, d.dtype)), near, far);
  });
}

function notPositive(message: string, value: number): AbrazoError {
  return new AbrazoError({ code: "BOUNDS", message, hint: `It is ${value}.`, data: { value } });
}

/**
 * Negative log-likelihood of counts: e^x - y x, or x - y ln(x + ε) with `logInput: false`; `full` adds Stirling's y ln
 * y - y + ln(2πy)/2 for y > 1. x and y broadcast to one shape [...]; the result is a mean or sum [], or [...] with
 * reduction "none".
 *
 * @example
 * ```ts
 * poissonNllLoss(tensor([0.5, 1.5]), tensor([1, 4])).itemSync(); // -0.1848
 * ```
 */
export function poissonNllLoss(
  input: Tensor,
  target: Tensor,
  given?: LossOptions & { logInput?: boolean; full?: boolean; eps?: number },
): Tensor {
  requireTensors("poissonNllLoss", input, target);
  const { logInput = true, full = false, eps = 1e-8, reduction = "mean" } = poissonOptions("poissonNllLoss", given);
  const plain = logInput ? input.exp().sub(target.mul(input)) : input.sub(target.mul(input.add(eps).log()));
  if (!full) return reduced(plain, reduction);
  const large = target.gt(1);
  const safe = target.maskedFill(large.logicalNot(), 1);
  const stirling = safe
    .mul(safe.log())
    .sub(safe)
    .add(
      safe
        .mul(2 * Math.PI)
        .log()
        .mul(0.5),
    );
  return reduced(plain.add(stirling.mul(large.to(plain.dtype))), reduction);
}

/**
 * Negative log-likelihood of a normal with mean `input` and variance `variance`: (ln v + (x - y)²/v) / 2, v at least
 * `eps` (the limit takes no gradient); `full` adds ln(2π)/2. All three broadcast to one shape [...]; the result is [],
 * or [...] with reduction "none".
 *
 * @example
 * ```ts
 * gaussianNllLoss(tensor([0.5]), tensor([1.5]), tensor([0.25])).itemSync(); // 1.3069
 * ```
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  given?: LossOptions & { full?: boolean; eps?: number },
): Tensor {
  requireTensors("gaussianNllLoss", input, target, variance);
  const { full = false, eps = 1e-6, reduction = "mean" } = gaussianOptions("gaussianNllLoss", given);
  const shaped = variance.ndim === input.ndim - 1 ? variance.unsqueeze(-1) : variance;
  // Below the limit the value is the limit, and the gradient passes as if there were none.
  const limited = shaped.add(shaped.detach().mul(-1).add(eps).relu());
  const each = limited.log().add(input.sub(target).square().div(limited)).mul(0.5);
  return reduced(full ? each.add(0.5 * Math.log(2 * Math.PI)) : each, reduction);
}
