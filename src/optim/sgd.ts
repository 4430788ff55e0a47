// Stochastic gradient descent with momentum, as PyTorch has it.
// Knows no loop and no schedule.
import { AbrazoError } from "../errors.ts";
import { Optimizer, type ParamsInput, type UpdateContext } from "./optimizer.ts";
import { checkShared, decayedGrad, descend, type GroupOptions, requireOption, withDefaults } from "./options.ts";

/** Options of SGD, for all parameters or one group. */
export interface SGDOptions extends GroupOptions {
  momentum: number;
  dampening: number;
  nesterov: boolean;
}

/**
 * b ← μ b + (1-τ) g, p ← p - lr b; with Nesterov's momentum p ← p - lr (g + μ b). The first b is g.
 *
 * @throws OPTIMIZER_OPTION for values below 0, and Nesterov without momentum or with dampening
 *
 * @example
 * ```ts
 * const w = tensor([1, 2], { dtype: "float32", requiresGrad: true });
 * const optimizer = new SGD([w], { lr: 0.1, momentum: 0.9 });
 * w.square().sum().backward();
 * optimizer.step();
 * await w.tolist(); // [0.800000011920929, 1.600000023841858]
 * ```
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: ParamsInput<SGDOptions>, options: Partial<SGDOptions> = {}) {
    const defaults = { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false };
    super(params, withDefaults(new.target.name, { ...defaults }, options));
  }

  protected override check(options: SGDOptions): void {
    checkShared(options);
    const { momentum, dampening, nesterov } = options;
    requireOption(momentum >= 0, "momentum value", momentum);
    if (!nesterov || (momentum > 0 && dampening === 0)) return;
    throw new AbrazoError({
      code: "OPTIMIZER_OPTION",
      message: "Nesterov momentum requires a momentum and zero dampening",
      hint: "Give momentum a value above 0 and leave dampening out.",
    });
  }

  protected override update({ parameter, grad, group, tensors }: UpdateContext<SGDOptions>) {
    const { lr, momentum, dampening, nesterov, weightDecay } = group;
    const g = decayedGrad(grad, parameter, weightDecay);
    if (momentum === 0) return { parameter: descend(parameter, g, lr), tensors };
    const before = tensors["momentumBuffer"];
    // A state of zeros and a first step without dampening would differ: PyTorch's first b is g itself.
    const momentumBuffer = before === undefined ? g : before.mul(momentum).add(g.mul(1 - dampening));
    const direction = nesterov ? g.add(momentumBuffer.mul(momentum)) : momentumBuffer;
    return { parameter: descend(parameter, direction, lr), tensors: { momentumBuffer } };
  }
}
