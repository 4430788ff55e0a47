// Arguments that are to be tensors, alone and in lists.
// Knows no function.
import { argumentError, kindOf } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { Tensor } from "./tensor.ts";

/** The first argument of a function, a tensor. */
export function tensorOf(where: string, given: Tensor): Tensor {
  if (given instanceof Tensor) return given;
  throw argumentError(where, 1, "Tensor", given);
}

/** The first arguments of a function: each is a tensor. */
export function requireTensors(where: string, ...given: readonly Tensor[]): void {
  for (const [index, tensor] of given.entries()) {
    if (!(tensor instanceof Tensor)) throw argumentError(where, index + 1, "Tensor", tensor);
  }
}

/** An argument that may be left out. */
export function requireOptionalTensor(where: string, position: number, given: Tensor | null | undefined): void {
  if (given === undefined || given === null || given instanceof Tensor) return;
  throw argumentError(where, position, "Tensor", given);
}

/** @throws BAD_ARGUMENT for anything but a list of tensors */
export function requireTensorList(where: string, given: unknown): void {
  const odd = Array.isArray(given) ? given.findIndex((part) => !(part instanceof Tensor)) : -1;
  if (Array.isArray(given) && odd < 0) return;
  const got = Array.isArray(given) ? `${typeof given[odd]} as element ${odd}` : kindOf(given);
  throw new AbrazoError({
    code: "BAD_ARGUMENT",
    message: `${where}(): argument 'tensors' (position 1) must be tuple of Tensors, not ${got}`,
    hint: `The tensors are one list: ${where}([a, b]).`,
  });
}
