// Adam (Kingma and Ba 2015, arXiv 1412.6980) and AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), as PyTorch has them.
// Knows no loop and no schedule.
import { type Tensor, zerosLike } from "../tensor/index.ts";
import { Optimizer, type ParamsInput, type UpdateContext } from "./optimizer.ts";
import { checkBetas, checkShared, decayedGrad, type GroupOptions, withDefaults } from "./options.ts";

/** What Adam and its kin share. */
export interface MomentsOptions extends GroupOptions {
  betas: readonly [number, number];
  eps: number;
  /** Weight decay apart from the gradient: p ← p (1 - lr λ). */
  decoupledWeightDecay: boolean;
}

/** Options of Adam, for all parameters or one group. */
export interface AdamOptions extends MomentsOptions {
  /** Divides by the largest v̂ so far (Reddi et al. 2018, arXiv 1904.09237). */
  amsgrad: boolean;
}

/** m ← β₁ m + (1-β₁) g and v ← β₂ v + (1-β₂) g², both from 0. */
export function moments(
  g: Tensor,
  { betas: [beta1, beta2] }: Pick<MomentsOptions, "betas">,
  tensors: Readonly<Record<string, Tensor>>,
): { expAvg: Tensor; expAvgSq: Tensor } {
  const { expAvg = zerosLike(g), expAvgSq = zerosLike(g) } = tensors;
  return {
    expAvg: expAvg.mul(beta1).add(g.mul(1 - beta1)),
    expAvgSq: expAvgSq.mul(beta2).add(g.mul(g).mul(1 - beta2)),
  };
}

/** The parameter and the gradient after weight decay, which goes to the one or to the other. */
export function decayed({ parameter, grad, group }: UpdateContext<MomentsOptions>): { from: Tensor; g: Tensor } {
  const { lr, weightDecay, decoupledWeightDecay } = group;
  if (weightDecay === 0) return { from: parameter, g: grad };
  if (decoupledWeightDecay) return { from: parameter.mul(1 - lr * weightDecay), g: grad };
  return { from: parameter, g: decayedGrad(grad, parameter, weightDecay) };
}

export function checkMoments(options: MomentsOptions): void {
  checkShared(options);
  checkBetas(options);
}

/**
 * m ← β₁ m + (1-β₁) g, v ← β₂ v + (1-β₂) g², p ← p - lr m̂ / (√v̂ + ε), with m̂ = m / (1-β₁ᵗ), v̂ = v / (1-β₂ᵗ).
 * Weight decay is added to the gradient. The learning rate and the bias corrections are inputs of the graph: a step never
 * needs a new one.
 *
 * @throws OPTIMIZER_OPTION for values out of range
 *
 * @example
 * ```ts
 * const w = tensor([1, -2], { dtype: "float32", requiresGrad: true });
 * const optimizer = new Adam([w], { lr: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * await w.tolist(); // [0.9000000357627869, -1.899999976158142]
 * ```
 */
export class Adam extends Optimizer<AdamOptions> {
  constructor(params: ParamsInput<AdamOptions>, options: Partial<AdamOptions> = {}) {
    const rule = { lr: 1e-3, betas: [0.9, 0.999] as const, eps: 1e-8, amsgrad: false };
    const decay = { weightDecay: 0, decoupledWeightDecay: false, maximize: false };
    super(params, withDefaults(new.target.name, { ...rule, ...decay }, options));
  }

  protected override check(options: AdamOptions): void {
    checkMoments(options);
  }

  protected override update(context: UpdateContext<AdamOptions>) {
    const { group, step, tensors } = context;
    const { from, g } = decayed(context);
    const { expAvg, expAvgSq } = moments(g, group, tensors);
    const maxExpAvgSq = group.amsgrad ? (tensors["maxExpAvgSq"] ?? zerosLike(g)).maximum(expAvgSq) : undefined;
    const [beta1, beta2] = group.betas;
    const correction = Math.sqrt(1 - beta2 ** step);
    // √v̂ + ε = (√v + ε c) / c with c = √(1-β₂ᵗ): c goes into the one factor of the quotient.
    const quotient = expAvg.div((maxExpAvgSq ?? expAvgSq).sqrt().add(group.eps * correction));
    return {
      parameter: from.sub(quotient.mul((group.lr * correction) / (1 - beta1 ** step))),
      tensors: maxExpAvgSq === undefined ? { expAvg, expAvgSq } : { expAvg, expAvgSq, maxExpAvgSq },
    };
  }
}

/**
 * Adam with weight decay apart from the gradient: p ← p (1 - lr λ) - lr m̂ / (√v̂ + ε).
 *
 * @throws OPTIMIZER_OPTION for values out of range
 *
 * @example
 * ```ts
 * const layer = new nn.Linear(3, 2);
 * const optimizer = new AdamW(decayGroups(layer.parameters(), 0.01), { lr: 5e-5 });
 * optimizer.paramGroups.map(({ weightDecay }) => weightDecay); // [0.01, 0]
 * ```
 */
export class AdamW extends Adam {
  constructor(params: ParamsInput<AdamOptions>, options: Partial<Omit<AdamOptions, "decoupledWeightDecay">> = {}) {
    super(params, { weightDecay: 1e-2, ...options, decoupledWeightDecay: true });
  }
}
