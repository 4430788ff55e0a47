// torch.autograd under one name.
// Holds nothing of its own.
import { backward, grad } from "./backward.ts";
import { customFunction } from "./custom-function.ts";
import { hessian, hvp, jacobian, jvp, vjp } from "./functional-autograd.ts";
import { gradcheck, gradgradcheck } from "./gradcheck.ts";
import { detectAnomaly } from "./recording.ts";

/**
 * torch.autograd: gradients by function instead of by method.
 *
 * @example
 * ```ts
 * const x = tensor(2, { dtype: "float32", requiresGrad: true });
 * const [slope] = autograd.grad(x.pow(3), [x]);
 * await slope.item(); // 12
 * ```
 */
export const autograd = {
  backward,
  grad,
  customFunction,
  gradcheck,
  gradgradcheck,
  detectAnomaly,
  functional: { jacobian, hessian, jvp, vjp, hvp },
} as const;
