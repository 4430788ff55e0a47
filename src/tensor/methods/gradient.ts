// Gradients as methods: the backward pass, hooks, and what keeps the gradient of a tensor that is no leaf.
import {
  addAccumulationHook,
  addHook,
  type BackwardOptions,
  backward,
  type GradHook,
  type HookHandle,
  retain,
} from "../backward.ts";
import type { Tensor } from "../tensor.ts";

export const gradientMethods = {
  /**
   * Adds to the `grad` of every leaf behind this tensor.
   *
   * @param gradient gradient with respect to this tensor, of its shape; needed unless it has one element
   */
  backward(
    this: Tensor,
    gradient: Tensor | null = null,
    options: BackwardOptions & { inputs?: readonly Tensor[] } = {},
  ): void {
    backward(this, gradient, options);
  },
  /** Keeps the gradient of a tensor that is no leaf: backward() fills its `grad` too. */
  retainGrad(this: Tensor): void {
    retain(this);
  },
  /**
   * Calls `hook` with the gradient of this tensor whenever it is taken, not yet computed; what it gives flows on instead.
   *
   * @example
   * ```ts
   * const x = ones([1], { requiresGrad: true });
   * const handle = x.registerHook((grad) => grad.mul(10));
   * x.sum().backward();
   * await x.grad?.tolist(); // [10]
   * handle.remove();
   * ```
   */
  registerHook(this: Tensor, hook: GradHook): HookHandle {
    return addHook(this, hook);
  },
  /** Calls `hook` with this leaf after a backward pass has added to its `grad`. */
  registerPostAccumulateGradHook(this: Tensor, hook: (leaf: Tensor) => void): HookHandle {
    return addAccumulationHook(this, hook);
  },
};
