// RMSprop (Hinton, lecture 6 of "Neural Networks for Machine Learning", 2012), as PyTorch has it.
// Knows no loop and no schedule.
import { zerosLike } from "../tensor/index.ts";
import { Optimizer, type ParamsInput, type UpdateContext } from "./optimizer.ts";
import { checkShared, decayedGrad, type GroupOptions, requireOption, withDefaults } from "./options.ts";

/** Options of RMSprop, for all parameters or one group. */
export interface RMSpropOptions extends GroupOptions {
  /** How much of the running mean of squares stays each step. */
  alpha: number;
  eps: number;
  momentum: number;
  /** Divides by the standard deviation of the gradient instead of its root mean square. */
  centered: boolean;
}

/**
 * v ← α v + (1-α) g², p ← p - lr g / (√v + ε); with momentum b ← μ b + g / (√v + ε), p ← p - lr b.
 *
 * @throws OPTIMIZER_OPTION for values out of range
 *
 * @example
 * ```ts
 * const w = tensor([1, -2], { dtype: "float32", requiresGrad: true });
 * const optimizer = new RMSprop([w], { lr: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * await w.tolist(); // [5.960464477539063e-8, -1]
 * ```
 */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(params: ParamsInput<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    const defaults = {
      lr: 1e-2,
      alpha: 0.99,
      eps: 1e-8,
      weightDecay: 0,
      momentum: 0,
      centered: false,
      maximize: false,
    };
    super(params, withDefaults(new.target.name, { ...defaults }, options));
  }

  protected override check(options: RMSpropOptions): void {
    checkShared(options);
    requireOption(options.eps >= 0, "epsilon value", options.eps);
    requireOption(options.momentum >= 0, "momentum value", options.momentum);
    requireOption(options.alpha >= 0, "alpha value", options.alpha);
  }

  protected override update({ parameter, grad, group, tensors }: UpdateContext<RMSpropOptions>) {
    const { lr, alpha, eps, momentum, centered, weightDecay } = group;
    const g = decayedGrad(grad, parameter, weightDecay);
    const { squareAvg: v = zerosLike(g), gradAvg: mean = zerosLike(g), momentumBuffer: b = zerosLike(g) } = tensors;
    const squareAvg = v.mul(alpha).add(g.square().mul(1 - alpha));
    const gradAvg = mean.mul(alpha).add(g.mul(1 - alpha));
    const deviation = (centered ? squareAvg.sub(gradAvg.square()) : squareAvg).sqrt().add(eps);
    const direction = g.div(deviation);
    const momentumBuffer = momentum > 0 ? b.mul(momentum).add(direction) : direction;
    return {
      parameter: parameter.sub(momentumBuffer.mul(lr)),
      tensors: { squareAvg, ...(centered && { gradAvg }), ...(momentum > 0 && { momentumBuffer }) },
    };
  }
}
