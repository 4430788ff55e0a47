// Hooks on the gradients of a module's inputs and outputs: each passes through an identity whose gradient is seen.
// Knows no modules but as what a hook is given.
import { AbrazoError } from "../errors.ts";
import { customFunction } from "../tensor/custom-function.ts";
import { Tensor } from "../tensor/index.ts";

export type Grads = readonly (Tensor | null)[];
export type BackwardPreHook<Of> =
  | ((module: Of, gradOutput: Grads) => Grads | undefined)
  | ((module: Of, gradOutput: Grads) => void);
export type BackwardHook<Of> =
  | ((module: Of, gradInput: Grads, gradOutput: Grads) => Grads | undefined)
  | ((module: Of, gradInput: Grads, gradOutput: Grads) => void);

/** The tensor itself, with `see` called on its gradient, and taking what that gives instead. */
function seen(x: Tensor, see: (grad: Tensor) => Tensor): Tensor {
  return customFunction({
    name: "BackwardHookFunction",
    forward: (_, input: Tensor) => input,
    backward: (_, grad) => see(grad),
  })(x);
}

/** Runs `forward` with hooks on the gradients of the tensors among its inputs and of those that it gives. */
export function watched<Of, Input extends unknown[], Output>(
  module: Of,
  inputs: Input,
  forward: (inputs: Input) => Output,
  before: readonly BackwardPreHook<Of>[],
  after: readonly BackwardHook<Of>[],
): Output {
  const places = [...inputs.keys()].filter((at) => differentiated(inputs[at]));
  const gradInputs: (Tensor | null)[] = inputs.filter((input) => input instanceof Tensor).map(() => null);
  const tensors = [...inputs.keys()].filter((at) => inputs[at] instanceof Tensor);
  let gradOutputs: (Tensor | null)[] = [];
  let missing = 0;
  const call = (): Tensor | undefined => {
    let given: Grads = [...gradInputs];
    for (const hook of after) given = hook(module, given, gradOutputs) ?? given;
    const changed = given.some((grad, at) => grad !== gradInputs[at]);
    if (changed && places.length > 1) throw severalInputs();
    return changed ? (given[tensors.indexOf(places[0] ?? -1)] ?? undefined) : undefined;
  };
  const wrapped = inputs.map((input, at) =>
    places.includes(at)
      ? seen(input as Tensor, (grad) => {
          gradInputs[tensors.indexOf(at)] = grad;
          missing -= 1;
          return (missing === 0 ? call() : undefined) ?? grad;
        })
      : input,
  );
  // safe because each place holds what it held, or a tensor for a tensor
  const output = forward(wrapped as Input);
  return mapTensors(output, (outputs) => {
    gradOutputs = outputs.map(() => null);
    return outputs.map((tensor, at) =>
      differentiated(tensor)
        ? seen(tensor, (grad) => {
            gradOutputs[at] = grad;
            for (const hook of before) gradOutputs = [...(hook(module, gradOutputs) ?? gradOutputs)];
            missing = places.length;
            if (places.length === 0) call();
            return gradOutputs[at] ?? grad;
          })
        : tensor,
    );
  });
}

const differentiated = (value: unknown): value is Tensor => value instanceof Tensor && value.requiresGrad;

/** A result with other tensors in place of its own: a tensor, or a list of tensors. Any other is given back as it is. */
function mapTensors<Output>(output: Output, change: (tensors: readonly Tensor[]) => readonly Tensor[]): Output {
  if (output instanceof Tensor) return change([output])[0] as Output; // safe because a tensor takes the place of a tensor
  if (!Array.isArray(output) || !output.every((part) => part instanceof Tensor)) return output;
  return change(output) as Output; // safe because a list of as many tensors takes the place of one
}

function severalInputs(): AbrazoError {
  return new AbrazoError({
    code: "BACKWARD_HOOK",
    message: "a backward hook of a module with several inputs cannot replace their gradients",
    hint: "Register a hook on the input tensor itself.",
  });
}
