// Which tensors are parameters and which are buffers of a module.
// Knows no modules: a module finds its tensors by asking here.
import { optionsOf } from "../options.ts";
import { requireTensors } from "../tensor/arguments.ts";
import type { Tensor } from "../tensor/index.ts";

const bufferOptions = optionsOf<{ persistent?: boolean }>({ persistent: true });

const parameters = new WeakSet<object>();
const buffers = new WeakMap<object, { persistent: boolean }>();

/**
 * Marks a tensor as a parameter: it requires grad and is found by namedParameters().
 *
 * @example
 * ```ts
 * class Scale extends Module<[Tensor], Tensor> {
 *   readonly factor = parameter(ones([1]));
 *   override forward(x: Tensor): Tensor { return x.mul(this.factor); }
 * }
 * [...new Scale().namedParameters()].map(([name]) => name); // ["factor"]
 * ```
 */
export function parameter(tensor: Tensor): Tensor {
  requireTensors("parameter", tensor);
  parameters.add(tensor);
  return tensor.requiresGrad_();
}

/**
 * Marks a tensor as a buffer: found by namedBuffers(), not trained, and part of the state unless `persistent` is false.
 *
 * @example
 * ```ts
 * class Centre extends Module<[Tensor], Tensor> {
 *   readonly mean = buffer(zeros([3]));
 *   override forward(x: Tensor): Tensor { return x.sub(this.mean); }
 * }
 * [...new Centre().stateDict().keys()]; // ["mean"]
 * ```
 */
export function buffer(tensor: Tensor, given?: { persistent?: boolean }): Tensor {
  requireTensors("buffer", tensor);
  const { persistent = true } = bufferOptions("buffer", given);
  buffers.set(tensor, { persistent });
  return tensor;
}

export function isParameter(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && parameters.has(value);
}

export function isBuffer(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && buffers.has(value);
}

/** True of what a state dict holds: parameters, and buffers that are not left out of it. */
export function isState(value: unknown): value is Tensor {
  if (isParameter(value)) return true;
  return isBuffer(value) && buffers.get(value)?.persistent === true;
}
