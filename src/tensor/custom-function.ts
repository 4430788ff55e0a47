// Functions with a gradient of their own: torch.autograd.Function.
// Knows no operation.
import { AbrazoError } from "../errors.ts";
import { customNode } from "../graph/custom.ts";
import type { Node } from "../graph/node.ts";
import { sameShape } from "../graph/shape.ts";
import { enableGrad, gradEnabled, noGrad } from "./scope.ts";
import { Storage } from "./storage.ts";
import { Tensor } from "./tensor.ts";

/** What forward() leaves for backward(). */
export interface FunctionContext {
  saveForBackward(...tensors: Tensor[]): void;
  readonly savedTensors: readonly Tensor[];
  /** By input: whether its gradient is wanted. */
  readonly needsInputGrad: readonly boolean[];
}

/** A function with a gradient of its own: what it gives, and what it makes of the gradient of that. */
export interface CustomFunction<Inputs extends readonly Tensor[]> {
  /** Name that print shows: `grad_fn=<nameBackward>`. */
  name?: string;
  /** Computes the result. Recorded without gradients. */
  forward(ctx: FunctionContext, ...inputs: Inputs): Tensor;
  /** Gradients of the inputs given that of the result, null where there is none; made of operations, so it can be differentiated again. */
  backward(ctx: FunctionContext, grad: Tensor): Tensor | null | readonly (Tensor | null)[];
}

/**
 * A function whose gradient is given instead of derived. `backward` is called when gradients are taken, once for each pass.
 *
 * @throws CUSTOM_FUNCTION where backward gives another count or another shape than the inputs have
 *
 * @example
 * ```ts
 * // Rounds, and lets gradients through as if it did not.
 * const round = customFunction({ forward: (_, x: Tensor) => x.round(), backward: (_, grad) => grad });
 * const x = tensor([0.7], { requiresGrad: true });
 * round(x).sum().backward();
 * await x.grad?.tolist(); // [1]
 * ```
 */
export function customFunction<const Inputs extends readonly Tensor[]>(
  rule: CustomFunction<Inputs>,
): (...inputs: Inputs) => Tensor {
  return (...inputs) => {
    let saved: Tensor[] = [];
    const ctx: FunctionContext = {
      saveForBackward: (...tensors) => {
        saved = tensors;
      },
      get savedTensors() {
        return saved;
      },
      needsInputGrad: inputs.map(({ requiresGrad }) => requiresGrad),
    };
    const result = noGrad(() => rule.forward(ctx, ...inputs));
    if (!(result instanceof Tensor)) throw ruleError("forward has to give one tensor", `It gave ${typeof result}.`);
    if (!gradEnabled() || !ctx.needsInputGrad.includes(true)) return result;
    const take = (g: Node): (Node | undefined)[] => {
      const given = enableGrad(() => rule.backward(ctx, new Tensor(new Storage(g), { device: result.device })));
      return checked(given === null || given instanceof Tensor ? [given] : given, inputs);
    };
    const node = customNode(
      result.node,
      inputs.map((input) => input.node),
      take,
    );
    const made = new Tensor(new Storage(node), { requiresGrad: true, device: result.device });
    // A saved result carries the history of this function, so that its gradient can be differentiated again.
    saved = saved.map((tensor) => (tensor === result ? made : tensor));
    return made.madeBy(rule.name ?? "custom");
  };
}

function checked(grads: readonly (Tensor | null)[], inputs: readonly Tensor[]): (Node | undefined)[] {
  if (grads.length !== inputs.length) {
    throw ruleError(
      `function returned an incorrect number of gradients (expected ${inputs.length}, got ${grads.length})`,
      "backward gives one gradient for each input, null where there is none.",
    );
  }
  return grads.map((grad, index) => {
    const input = inputs[index];
    if (grad === null || input === undefined) return undefined;
    if (sameShape(grad.dims, input.dims)) return grad.to(input.dtype).node;
    throw ruleError(
      `Function returned an invalid gradient at index ${index} - got [${grad.dims.join(", ")}] but expected shape compatible with [${input.dims.join(", ")}]`,
      "A gradient has the shape of its input.",
    );
  });
}

function ruleError(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "CUSTOM_FUNCTION", message, hint });
}
