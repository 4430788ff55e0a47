// Padding.
// Holds no state.
import { requireList } from "../../arguments.ts";
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { shapeError, showShape } from "../../graph/shape.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import type { Tensor } from "../../tensor/index.ts";
import { hostTensor } from "./host.ts";
import { optionError } from "./sizes.ts";

/** What a border is made of. */
export type PadMode = "constant" | "reflect" | "replicate" | "circular";

/**
 * Elements around x. `sizes` are pairs (before, after) from the last axis to the first, as in PyTorch; negative ones
 * crop. "reflect" mirrors without repeating the edge, "replicate" repeats it, "circular" goes on at the other end.
 *
 * @throws LAYER_OPTION when the sizes are no pairs, or more than the mode takes
 * @throws SHAPE_MISMATCH when there is not enough to mirror or to go around
 * @example
 * ```ts
 * pad(tensor([1, 2, 3]), [1, 2]).tolistSync(); // [0, 1, 2, 3, 0, 0]
 * pad(tensor([[1, 2, 3]]), [2, 0], "reflect").tolistSync(); // [[3, 2, 1, 2, 3]]
 * ```
 */
export function pad(x: Tensor, sizes: readonly number[], mode: PadMode = "constant", value = 0): Tensor {
  requireTensors("pad", x);
  requireList("pad", sizes, 2);
  if (sizes.length % 2 !== 0) throw optionError("Padding length must be divisible by 2", `It is ${sizes.length}.`);
  if (sizes.length > 2 * x.ndim) {
    throw optionError(
      `Padding length should be less than or equal to two times the input dimension but got padding length ${sizes.length} and input of dimension ${x.ndim}`,
      "Pairs go from the last axis to the first.",
    );
  }
  // (axis, before, after)
  const pairs = Array.from({ length: sizes.length / 2 }, (_, at): [number, number, number] => [
    x.ndim - 1 - at,
    sizes[2 * at] ?? 0,
    sizes[2 * at + 1] ?? 0,
  ]);
  const short = pairs.find(([axis, before, after]) => Number(x.dims[axis]) + before + after < 0);
  if (short !== undefined) {
    throw shapeError(
      `The input size ${x.dims[short[0]]}, plus negative padding ${short[1]} and ${short[2]} resulted in a negative output size, which is invalid. Check dimension ${short[0]} of your input.`,
    );
  }
  if (mode !== "constant") return padByIndex(x, pairs, mode);
  const before = x.dims.map((_, axis) => pairs.find(([at]) => at === axis)?.[1] ?? 0);
  const after = x.dims.map((_, axis) => pairs.find(([at]) => at === axis)?.[2] ?? 0);
  return x.map((node) => build.pad(node, before, after, value));
}

const SOURCE: Readonly<Record<Exclude<PadMode, "constant">, (at: number, size: number) => number>> = {
  reflect: (at, size) => (at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at),
  replicate: (at, size) => Math.min(size - 1, Math.max(0, at)),
  circular: (at, size) => (at + size) % size,
};

function padByIndex(x: Tensor, pairs: readonly [number, number, number][], mode: Exclude<PadMode, "constant">): Tensor {
  const source = SOURCE[mode];
  if (source === undefined) {
    throw new AbrazoError({
      code: "LAYER_OPTION",
      message: `Unrecognised padding mode ${mode}`,
      hint: "Modes: constant, reflect, replicate, circular.",
    });
  }
  if (pairs.length >= x.ndim || x.ndim - pairs.length > 2) {
    throw optionError(
      `Padding size ${2 * pairs.length} is not supported for ${x.ndim}D input tensor.`,
      "These modes pad the axes behind [N, C] or [C], all of them.",
    );
  }
  return pairs.reduce((tensor, [axis, before, after]) => {
    const size = x.size(axis);
    requireEnough(x, axis, [before, after], mode);
    if (before === 0 && after === 0) return tensor;
    const places = Array.from({ length: before + size + after }, (_, at) => source(at - before, size));
    return tensor.indexSelect(axis, hostTensor(places, [places.length], x, "int64"));
  }, x);
}

function requireEnough(x: Tensor, axis: number, [before, after]: [number, number], mode: PadMode): void {
  const size = x.size(axis);
  const most = Math.max(before, after);
  if (mode === "reflect" && most >= size) {
    throw shapeError(
      `Padding size should be less than the corresponding input dimension, but got: padding (${before}, ${after}) at dimension ${axis} of input ${showShape(x.dims)}`,
      "There are not enough elements to mirror.",
    );
  }
  if (mode === "circular" && most > size) {
    throw shapeError("Padding value causes wrapping around more than once.", `The input is ${showShape(x.dims)}.`);
  }
  if (size === 0) throw shapeError(`Expected non-empty input for ${mode} padding, but got ${showShape(x.dims)}`);
}
