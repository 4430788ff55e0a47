// Numbers for each axis of an image: given once for all or one by one; and tensors with or without a batch.
// Knows no operation.
import { AbrazoError } from "../../errors.ts";
import { shapeError, showShape } from "../../graph/shape.ts";
import type { Tensor } from "../../tensor/index.ts";

/** One number for every axis, or one for each. */
export type Size = number | readonly number[];

/** A number for each of `rank` axes. */
export function perAxis(size: Size, rank: number, name: string): number[] {
  const list = typeof size === "number" ? [size] : Array.isArray(size) ? [...size] : [];
  if (![1, rank].includes(list.length) || !list.every(Number.isInteger)) {
    throw optionError(
      `expected ${name} to be a single integer value or a list of ${rank} values to match the convolution dimensions, but got ${name}=${typeof size === "object" ? `[${list.join(", ")}]` : String(size)}`,
      `Give one whole number, or ${rank}.`,
    );
  }
  return list.length === 1 ? new Array<number>(rank).fill(list[0] ?? 0) : list;
}

export function optionError(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "LAYER_OPTION", message, hint });
}

/**
 * Applies `make` to x [N, C, …] with `rank` axes behind the channels; an x without a batch, [C, …], gets one and
 * loses it again.
 */
export function batched<Result extends Tensor | readonly Tensor[]>(
  x: Tensor,
  rank: number,
  name: string,
  make: (x: Tensor) => Result,
): Result {
  if (x.ndim > rank && x.dims.slice(-rank).includes(0)) {
    throw shapeError(
      `Expected ${rank + 1}D or ${rank + 2}D (batch mode) tensor with optional 0 dim batch size for input, but got: ${showShape(x.dims)}`,
      `${name} needs elements behind the channels.`,
      { shape: x.dims },
    );
  }
  if (x.ndim === rank + 2) return make(x);
  if (x.ndim !== rank + 1) {
    throw shapeError(
      `Expected ${rank + 1}D (unbatched) or ${rank + 2}D (batched) input to ${name}, but got input of size: ${showShape(x.dims)}`,
      `The axes are [batch, channels, …] or [channels, …], with ${rank} behind the channels.`,
      { shape: x.dims },
    );
  }
  const made = make(x.unsqueeze(0));
  // safe because what is taken away is a batch of one that was added here
  return (Array.isArray(made) ? made.map((part: Tensor) => part.squeeze(0)) : (made as Tensor).squeeze(0)) as Result;
}
