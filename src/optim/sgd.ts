// Stochastic gradient descent with momentum, as PyTorch has it.
// Knows no loop and no schedule.
import { AbrazoError } from "../errors.ts";
import type { Tensor } from "../tensor/index.ts";
import { Optimizer, type ParameterGroup, type UpdateContext } from "./optimizer.ts";

export interface SGDOptions {
  lr?: number;
  momentum?: number;
  dampening?: number;
  weightDecay?: number;
  nesterov?: boolean;
}

/**
 * b ← μ b + (1-τ) g, p ← p - lr b; with Nesterov's momentum p ← p - lr (g + μ b). The first b is g.
 *
 * @example
 * ```ts
 * const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
 * ```
 */
export class SGD extends Optimizer {
  readonly #momentum: number;
  readonly #dampening: number;
  readonly #nesterov: boolean;

  constructor(
    groups: readonly Tensor[] | readonly ParameterGroup[],
    { lr = 1e-3, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false }: SGDOptions = {},
  ) {
    super(groups, lr, weightDecay);
    this.#momentum = momentum;
    this.#dampening = dampening;
    this.#nesterov = nesterov;
    if (nesterov && (momentum <= 0 || dampening !== 0)) {
      throw new AbrazoError({
        code: "OPTIMIZER_OPTION",
        message: "Nesterov momentum requires a momentum and zero dampening",
        hint: "Give momentum a value above 0 and leave dampening out.",
      });
    }
  }

  // A state of zeros and a first step without dampening would differ: PyTorch's first b is g itself.
  protected override stateNames(): readonly string[] {
    return [];
  }

  protected override update({ parameter, grad, weightDecay, state }: UpdateContext) {
    const g = weightDecay === 0 ? grad : grad.add(parameter.mul(weightDecay));
    if (this.#momentum === 0) return { parameter: parameter.sub(g.mul(this.lr)), state };
    const before = state["momentum"];
    const momentum = before === undefined ? g : before.mul(this.#momentum).add(g.mul(1 - this.#dampening));
    const direction = this.#nesterov ? g.add(momentum.mul(this.#momentum)) : momentum;
    return { parameter: parameter.sub(direction.mul(this.lr)), state: { momentum } };
  }
}
