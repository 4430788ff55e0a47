// Module: a module with a forward(), called like a function, and the hooks that a call runs.
// Knows no layer.
import type { HookHandle } from "../tensor/index.ts";
import { guard } from "../tensor/trace.ts";
import { AnyModule, RUN } from "./any-module.ts";
import { type BackwardHook, type BackwardPreHook, watched } from "./backward-hooks.ts";

type Called<Input extends unknown[], Output> = (module: Module<Input, Output>, inputs: Input) => Input | undefined;
type PreHook<Input extends unknown[], Output> =
  | Called<Input, Output>
  | ((module: Module<Input, Output>, inputs: Input) => void);

type Returned<Input extends unknown[], Output> = (
  module: Module<Input, Output>,
  inputs: Input,
  output: Output,
) => Output | undefined;
type Hook<Input extends unknown[], Output> =
  | Returned<Input, Output>
  | ((module: Module<Input, Output>, inputs: Input, output: Output) => void);

/**
 * Base of layers and models. Tensors held as properties and marked as parameters, and modules held as properties, are
 * found by name in the order in which they were assigned. A module is called like a function: the hooks before, forward(),
 * the hooks after. Calling forward() itself runs no hook.
 *
 * @example
 * ```ts
 * class Net extends Module<[Tensor], Tensor> {
 *   readonly fc = new Linear(2, 1);
 *   override forward(x: Tensor): Tensor { return this.fc(x).relu(); }
 * }
 * const net = new Net();
 * net(ones([3, 2])).shape; // [3, 1]
 * [...net.namedParameters()].map(([name]) => name); // ["fc.weight", "fc.bias"]
 * ```
 */
export interface Module<Input extends unknown[], Output> {
  // biome-ignore lint/style/useShorthandFunctionType: a type cannot merge with the class
  (...inputs: Input): Output;
}

// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the other half of the interface above
export abstract class Module<Input extends unknown[], Output> extends AnyModule {
  readonly #preHooks = new Set<PreHook<Input, Output>>();
  readonly #hooks = new Set<Hook<Input, Output>>();
  readonly #backwardPreHooks = new Set<BackwardPreHook<AnyModule>>();
  readonly #backwardHooks = new Set<BackwardHook<AnyModule>>();

  abstract forward(...inputs: Input): Output;

  override [RUN](inputs: unknown[]): Output {
    return this.#run(inputs as Input); // safe because only the call signature leads here
  }

  #run(given: Input): Output {
    guard(() => this.training);
    let inputs = given;
    for (const hook of this.#preHooks) inputs = hook(this, inputs) ?? inputs;
    const forward = (watchedInputs: Input): Output => {
      let output = this.forward(...watchedInputs);
      for (const hook of this.#hooks) output = hook(this, watchedInputs, output) ?? output;
      return output;
    };
    const [before, after] = [[...this.#backwardPreHooks], [...this.#backwardHooks]];
    return before.length + after.length === 0 ? forward(inputs) : watched(this, inputs, forward, before, after);
  }

  /** Calls `hook(module, inputs)` before every forward; a list it returns replaces the inputs. */
  registerForwardPreHook(hook: PreHook<Input, Output>): HookHandle {
    return entered(this.#preHooks, hook);
  }

  /**
   * Calls `hook(module, inputs, output)` after every forward; a value it returns replaces the output.
   *
   * @example
   * ```ts
   * const layer = new Linear(2, 1);
   * const handle = layer.registerForwardHook((_, [x], y) => console.log(x.shape, y.shape));
   * layer(ones([3, 2])); // prints [3, 2] [3, 1]
   * layer.forward(ones([3, 2])); // prints nothing
   * handle.remove();
   * ```
   */
  registerForwardHook(hook: Hook<Input, Output>): HookHandle {
    return entered(this.#hooks, hook);
  }

  /** Calls `hook(module, gradOutput)` before the gradient goes back through the module; a list it returns replaces it. */
  registerFullBackwardPreHook(hook: BackwardPreHook<AnyModule>): HookHandle {
    return entered(this.#backwardPreHooks, hook);
  }

  /**
   * Calls `hook(module, gradInput, gradOutput)` once the gradients of the module's inputs are there: lists in the order of
   * inputs and outputs, null for what takes no gradient. A list it returns replaces the gradient of the input, where the
   * module has a single one.
   *
   * @example
   * ```ts
   * const layer = new Linear(2, 1);
   * layer.registerFullBackwardHook((_, [gradInput], [gradOutput]) => console.log(gradInput?.shape, gradOutput?.shape));
   * layer(ones([3, 2], { requiresGrad: true })).sum().backward(); // prints [3, 2] [3, 1]
   * ```
   */
  registerFullBackwardHook(hook: BackwardHook<AnyModule>): HookHandle {
    return entered(this.#backwardHooks, hook);
  }
}

function entered<Item>(hooks: Set<Item>, hook: Item): HookHandle {
  hooks.add(hook);
  return { remove: () => void hooks.delete(hook) };
}
