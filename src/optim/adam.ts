// Adam (Kingma and Ba 2015, arXiv 1412.6980) and AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), as PyTorch has them.
// Knows no loop and no schedule.
import type { Tensor } from "../tensor/index.ts";
import { Optimizer, type ParameterGroup, type SlotState, type UpdateContext } from "./optimizer.ts";

export interface AdamOptions {
  lr?: number;
  betas?: readonly [number, number];
  eps?: number;
  weightDecay?: number;
}

/**
 * m ← β₁ m + (1-β₁) g, v ← β₂ v + (1-β₂) g², p ← p - lr m̂ / (√v̂ + ε), with m̂ = m / (1-β₁ᵗ), v̂ = v / (1-β₂ᵗ).
 * Weight decay is added to the gradient. The learning rate and the bias corrections are inputs of the graph: a step never
 * needs a new one.
 *
 * @example
 * ```ts
 * const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
 * loss.backward();
 * optimizer.step();
 * ```
 */
export class Adam extends Optimizer {
  readonly #betas: readonly [number, number];
  readonly #eps: number;

  constructor(
    groups: readonly Tensor[] | readonly ParameterGroup[],
    { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 }: AdamOptions = {},
  ) {
    super(groups, lr, weightDecay);
    this.#betas = betas;
    this.#eps = eps;
  }

  protected override stateNames(): readonly string[] {
    return ["m", "v"];
  }

  protected override update({ parameter, grad, weightDecay, state, step }: UpdateContext) {
    const g = weightDecay === 0 ? grad : grad.add(parameter.mul(weightDecay));
    return this.move(parameter, g, state, step);
  }

  /** The step that both share: what is subtracted from `from` is lr m̂ / (√v̂ + ε). */
  protected move(from: Tensor, g: Tensor, state: SlotState, step: number): { parameter: Tensor; state: SlotState } {
    const [beta1, beta2] = this.#betas;
    const [was, wasSquare] = [state["m"] ?? g.mul(0), state["v"] ?? g.mul(0)];
    const m = was.mul(beta1).add(g.mul(1 - beta1));
    const v = wasSquare.mul(beta2).add(g.mul(g).mul(1 - beta2));
    const correction = Math.sqrt(1 - beta2 ** step);
    // √v̂ + ε = (√v + ε c) / c with c = √(1-β₂ᵗ): c goes into the one factor of the quotient.
    const quotient = m.div(v.sqrt().add(this.#eps * correction));
    return { parameter: from.sub(quotient.mul((this.lr * correction) / (1 - beta1 ** step))), state: { m, v } };
  }
}

/**
 * Adam with weight decay apart from the gradient: p ← p (1 - lr λ) - lr m̂ / (√v̂ + ε).
 *
 * @example
 * ```ts
 * const optimizer = new AdamW(decayGroups(model.parameters(), 0.01), { lr: 5e-5 });
 * ```
 */
export class AdamW extends Adam {
  constructor(groups: readonly Tensor[] | readonly ParameterGroup[], options: AdamOptions = {}) {
    super(groups, { weightDecay: 1e-2, ...options });
  }

  protected override update({ parameter, grad, weightDecay, state, step }: UpdateContext) {
    const decayed = weightDecay === 0 ? parameter : parameter.mul(1 - this.lr * weightDecay);
    return this.move(decayed, grad, state, step);
  }
}
