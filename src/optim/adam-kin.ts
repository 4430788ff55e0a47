// Adamax (Kingma and Ba 2015, section 7.1), NAdam (Dozat 2016) and RAdam (Liu et al. 2020, arXiv 1908.03265), as PyTorch has them.
// Knows no loop and no schedule.
import { zerosLike } from "../tensor/index.ts";
import { checkMoments, decayed, type MomentsOptions, moments } from "./adam.ts";
import { Optimizer, type ParamsInput, type UpdateContext } from "./optimizer.ts";
import { checkBetas, checkShared, decayedGrad, type GroupOptions, requireOption, withDefaults } from "./options.ts";

/** Options of Adamax, for all parameters or one group. */
export interface AdamaxOptions extends GroupOptions {
  betas: readonly [number, number];
  eps: number;
}

/**
 * m ← β₁ m + (1-β₁) g, u ← max(β₂ u, |g| + ε), p ← p - lr m / (u (1-β₁ᵗ)).
 *
 * @throws OPTIMIZER_OPTION for values out of range
 *
 * @example
 * ```ts
 * const w = tensor([1, -2], { dtype: "float32", requiresGrad: true });
 * const optimizer = new Adamax([w], { lr: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * await w.tolist(); // [0.8999999761581421, -1.899999976158142]
 * ```
 */
export class Adamax extends Optimizer<AdamaxOptions> {
  constructor(params: ParamsInput<AdamaxOptions>, options: Partial<AdamaxOptions> = {}) {
    super(
      params,
      withDefaults(
        new.target.name,
        { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maximize: false },
        options,
      ),
    );
  }

  protected override check(options: AdamaxOptions): void {
    checkShared(options);
    checkBetas(options);
  }

  protected override update({ parameter, grad, group, step, tensors }: UpdateContext<AdamaxOptions>) {
    const { lr, eps, weightDecay } = group;
    const [beta1, beta2] = group.betas;
    const g = decayedGrad(grad, parameter, weightDecay);
    const { expAvg: m = zerosLike(g), expInf: u = zerosLike(g) } = tensors;
    const expAvg = m.mul(beta1).add(g.mul(1 - beta1));
    const expInf = u.mul(beta2).maximum(g.abs().add(eps));
    return { parameter: parameter.sub(expAvg.div(expInf).mul(lr / (1 - beta1 ** step))), tensors: { expAvg, expInf } };
  }
}

/** Options of NAdam, for all parameters or one group. */
export interface NAdamOptions extends MomentsOptions {
  momentumDecay: number;
}

/**
 * Adam with Nesterov's momentum: μₜ = β₁ (1 - ½ 0.96^(t ψ)), and
 * p ← p - lr ((1-μₜ) g / (1-∏μ) + μₜ₊₁ m / (1-∏μ μₜ₊₁)) / (√v̂ + ε).
 *
 * @throws OPTIMIZER_OPTION for values out of range
 *
 * @example
 * ```ts
 * const w = tensor([1, -2], { dtype: "float32", requiresGrad: true });
 * const optimizer = new NAdam([w], { lr: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * await w.tolist(); // [0.8943548202514648, -1.8943548202514648]
 * ```
 */
export class NAdam extends Optimizer<NAdamOptions> {
  constructor(params: ParamsInput<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    const rule = { lr: 2e-3, betas: [0.9, 0.999] as const, eps: 1e-8, momentumDecay: 4e-3 };
    super(
      params,
      withDefaults(new.target.name, { ...rule, weightDecay: 0, decoupledWeightDecay: false, maximize: false }, options),
    );
  }

  protected override check(options: NAdamOptions): void {
    checkMoments(options);
    requireOption(options.momentumDecay >= 0, "momentum_decay value", options.momentumDecay);
  }

  protected override update(context: UpdateContext<NAdamOptions>) {
    const { group, step, tensors, numbers } = context;
    const [beta1, beta2] = group.betas;
    const { from, g } = decayed(context);
    const { expAvg, expAvgSq } = moments(g, group, tensors);
    const mu = (t: number): number => beta1 * (1 - 0.5 * 0.96 ** (t * group.momentumDecay));
    const muProduct = (numbers?.["muProduct"] ?? 1) * mu(step);
    const deviation = expAvgSq
      .div(1 - beta2 ** step)
      .sqrt()
      .add(group.eps);
    const now = g.mul((group.lr * (1 - mu(step))) / (1 - muProduct));
    const ahead = expAvg.mul((group.lr * mu(step + 1)) / (1 - muProduct * mu(step + 1)));
    return {
      parameter: from.sub(now.add(ahead).div(deviation)),
      tensors: { expAvg, expAvgSq },
      numbers: { muProduct },
    };
  }
}

/**
 * Adam whose adaptive rate is rectified by its variance: as long as that cannot be told (the first five steps, about), it
 * is gradient descent with momentum.
 *
 * @throws OPTIMIZER_OPTION for values out of range
 *
 * @example
 * ```ts
 * const w = tensor([1, -2], { dtype: "float32", requiresGrad: true });
 * const optimizer = new RAdam([w], { lr: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * await w.tolist(); // [0.800000011920929, -1.600000023841858]
 * ```
 */
export class RAdam extends Optimizer<MomentsOptions> {
  constructor(params: ParamsInput<MomentsOptions>, options: Partial<MomentsOptions> = {}) {
    const rule = { lr: 1e-3, betas: [0.9, 0.999] as const, eps: 1e-8 };
    super(
      params,
      withDefaults(new.target.name, { ...rule, weightDecay: 0, decoupledWeightDecay: false, maximize: false }, options),
    );
  }

  protected override check(options: MomentsOptions): void {
    checkMoments(options);
  }

  protected override update(context: UpdateContext<MomentsOptions>) {
    const { group, step, tensors } = context;
    const [beta1, beta2] = group.betas;
    const { from, g } = decayed(context);
    const { expAvg, expAvgSq } = moments(g, group, tensors);
    const correction = 1 - beta2 ** step;
    const most = 2 / (1 - beta2) - 1; // ρ∞
    const length = most - (2 * step * beta2 ** step) / correction; // ρₜ: of the moving average that is worth as much
    const rate = group.lr / (1 - beta1 ** step);
    if (length <= 5) return { parameter: from.sub(expAvg.mul(rate)), tensors: { expAvg, expAvgSq } };
    const rectified = Math.sqrt(((length - 4) * (length - 2) * most) / ((most - 4) * (most - 2) * length));
    const direction = expAvg.div(expAvgSq.sqrt().add(group.eps));
    return {
      parameter: from.sub(direction.mul(rate * rectified * Math.sqrt(correction))),
      tensors: { expAvg, expAvgSq },
    };
  }
}
