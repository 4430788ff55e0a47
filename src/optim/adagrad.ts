// Adagrad (Duchi, Hazan and Singer 2011, JMLR 12) and Adadelta (Zeiler 2012, arXiv 1212.5701), as PyTorch has them.
// Knows no loop and no schedule.
import { fullLike, zerosLike } from "../tensor/index.ts";
import { Optimizer, type ParamsInput, type UpdateContext } from "./optimizer.ts";
import { checkShared, decayedGrad, type GroupOptions, requireOption, withDefaults } from "./options.ts";

/** Options of Adagrad, for all parameters or one group. */
export interface AdagradOptions extends GroupOptions {
  /** The learning rate of step t is lr / (1 + (t-1) lrDecay). */
  lrDecay: number;
  initialAccumulatorValue: number;
  eps: number;
}

/**
 * s ← s + g², p ← p - lr g / (√s + ε).
 *
 * @throws OPTIMIZER_OPTION for values out of range
 *
 * @example
 * ```ts
 * const w = tensor([1, -2], { dtype: "float32", requiresGrad: true });
 * const optimizer = new Adagrad([w], { lr: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * await w.tolist(); // [0.8999999761581421, -1.899999976158142]
 * ```
 */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(params: ParamsInput<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    const rule = { lr: 1e-2, lrDecay: 0, initialAccumulatorValue: 0, eps: 1e-10 };
    super(params, withDefaults(new.target.name, { ...rule, weightDecay: 0, maximize: false }, options));
  }

  protected override check(options: AdagradOptions): void {
    checkShared(options);
    requireOption(options.lrDecay >= 0, "lr_decay value", options.lrDecay);
    requireOption(
      options.initialAccumulatorValue >= 0,
      "initial_accumulator_value value",
      options.initialAccumulatorValue,
    );
    requireOption(options.eps >= 0, "epsilon value", options.eps);
  }

  protected override update({ parameter, grad, group, step, tensors }: UpdateContext<AdagradOptions>) {
    const { lr, lrDecay, initialAccumulatorValue, eps, weightDecay } = group;
    const g = decayedGrad(grad, parameter, weightDecay);
    const before = tensors["sum"] ?? fullLike(g, initialAccumulatorValue);
    const sum = before.add(g.square());
    const rate = lr / (1 + (step - 1) * lrDecay);
    return { parameter: parameter.sub(g.div(sum.sqrt().add(eps)).mul(rate)), tensors: { sum } };
  }
}

/** Options of Adadelta, for all parameters or one group. */
export interface AdadeltaOptions extends GroupOptions {
  /** How much of the running means stays each step. */
  rho: number;
  eps: number;
}

/**
 * v ← ρ v + (1-ρ) g², δ = g √(u + ε) / √(v + ε), u ← ρ u + (1-ρ) δ², p ← p - lr δ.
 *
 * @throws OPTIMIZER_OPTION for values out of range
 *
 * @example
 * ```ts
 * const w = tensor([1, -2], { dtype: "float32", requiresGrad: true });
 * const optimizer = new Adadelta([w]);
 * w.square().sum().backward();
 * optimizer.step();
 * await w.tolist(); // [0.9968377351760864, -1.9968377351760864]
 * ```
 */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  constructor(params: ParamsInput<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    super(
      params,
      withDefaults(new.target.name, { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false }, options),
    );
  }

  protected override check(options: AdadeltaOptions): void {
    checkShared(options);
    requireOption(options.rho >= 0 && options.rho <= 1, "rho value", options.rho, "It has to be in [0, 1].");
    requireOption(options.eps >= 0, "epsilon value", options.eps);
  }

  protected override update({ parameter, grad, group, tensors }: UpdateContext<AdadeltaOptions>) {
    const { lr, rho, eps, weightDecay } = group;
    const g = decayedGrad(grad, parameter, weightDecay);
    const { squareAvg: v = zerosLike(g), accDelta: u = zerosLike(g) } = tensors;
    const squareAvg = v.mul(rho).add(g.square().mul(1 - rho));
    const delta = u.add(eps).sqrt().div(squareAvg.add(eps).sqrt()).mul(g);
    const accDelta = u.mul(rho).add(delta.square().mul(1 - rho));
    return { parameter: parameter.sub(delta.mul(lr)), tensors: { squareAvg, accDelta } };
  }
}
