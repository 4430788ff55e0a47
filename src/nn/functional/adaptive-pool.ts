// Pooling into a number of equal parts, whatever the size of what is pooled.
// Holds no state.
import { requireList } from "../../arguments.ts";
import * as build from "../../graph/build.ts";
import type { Node } from "../../graph/node.ts";
import type { Shape } from "../../graph/shape.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import type { Tensor } from "../../tensor/index.ts";
import { hostTensor } from "./host.ts";
import { adaptiveMaxPoolOptions } from "./options.ts";
import { avgPool1d, avgPool2d, avgPool3d, type MaybePair, maxPool1d, maxPool2d, maxPool3d } from "./pool.ts";
import { byMatrix } from "./resize.ts";
import { batched } from "./sizes.ts";

/** The pooling of windows along `rank` axes. */
const ofWindows = <Pool>(rank: number, line: Pool, plane: Pool, room: Pool): Pool =>
  rank === 1 ? line : rank === 2 ? plane : room;

/** Start and end of part `at` of `out` parts of `size` elements; neighbours may share an element. */
function part(at: number, size: number, out: number): [number, number] {
  return [Math.floor((at * size) / out), Math.ceil(((at + 1) * size) / out)];
}

/** null keeps a size. */
export type OutputSize = number | null | readonly (number | null)[];

function outputSizes(shape: Shape, rank: number, outputSize: OutputSize): number[] {
  if (outputSize !== null && typeof outputSize !== "number") requireList(`adaptive pooling`, outputSize, 2);
  const list = Array.isArray(outputSize)
    ? outputSize
    : new Array<number | null>(rank).fill(outputSize as number | null); // safe because an array was told apart
  return shape.slice(2).map((size, axis) => list[axis] ?? Number(size));
}

/**
 * Means of `outputSize` equal parts of x [N, C, L] or [C, L].
 *
 * @example
 * ```ts
 * adaptiveAvgPool1d(tensor([[[1, 2, 3]]], { dtype: "float32" }), 2).tolistSync(); // [[[1.5, 2.5]]]
 * ```
 */
export const adaptiveAvgPool1d = (x: Tensor, outputSize: OutputSize): Tensor => {
  requireTensors("adaptiveAvgPool1d", x);
  return adaptiveAverage(1, x, outputSize);
};

/**
 * Means of Oh × Ow equal parts of x [N, C, H, W] or [C, H, W].
 *
 * @example
 * ```ts
 * adaptiveAvgPool2d(ones([1, 3, 7, 5]), [2, null]).shape; // [1, 3, 2, 5]
 * ```
 */
export const adaptiveAvgPool2d = (x: Tensor, outputSize: OutputSize): Tensor => {
  requireTensors("adaptiveAvgPool2d", x);
  return adaptiveAverage(2, x, outputSize);
};

/**
 * Means of Od × Oh × Ow equal parts of x [N, C, D, H, W] or [C, D, H, W].
 *
 * @example
 * ```ts
 * adaptiveAvgPool3d(ones([1, 3, 7, 5, 4]), [2, null, 1]).shape; // [1, 3, 2, 5, 1]
 * ```
 */
export const adaptiveAvgPool3d = (x: Tensor, outputSize: OutputSize): Tensor => {
  requireTensors("adaptiveAvgPool3d", x);
  return adaptiveAverage(3, x, outputSize);
};

function adaptiveAverage(rank: number, x: Tensor, outputSize: OutputSize): Tensor {
  return batched(x, rank, `adaptive_avg_pool${rank}d`, (x) => {
    const outs = outputSizes(x.dims, rank, outputSize);
    const sizes = x.shape.slice(2);
    if (sizes.every((size, axis) => size > 0 && size % (outs[axis] ?? 1) === 0)) {
      const kernel = sizes.map((size, axis) => size / (outs[axis] ?? 1));
      return ofWindows(rank, avgPool1d, avgPool2d, avgPool3d)(x, kernel);
    }
    return sizes.reduce((tensor, size, axis) => {
      const out = outs[axis] ?? 1;
      const rows = Array.from({ length: out }, (_, at) => {
        const [start, end] = part(at, size, out);
        return Array.from({ length: size }, (_, place) => (place >= start && place < end ? 1 / (end - start) : 0));
      });
      return byMatrix(tensor, axis + 2, rows);
    }, x);
  });
}

/** Whether the places of the largest elements are given too. */
export interface AdaptiveMaxPoolOptions {
  /** Gives [values, indices]: int64, where in the plane each value was found, the first where several are equal. */
  returnIndices?: boolean;
}

type WithPlaces = { returnIndices: true };
type WithoutPlaces = { returnIndices?: false };

/**
 * Largest elements of `outputSize` equal parts of x [N, C, L] or [C, L].
 *
 * @example
 * ```ts
 * adaptiveMaxPool1d(tensor([[[1, 5, 2]]]), 2).tolistSync(); // [[[5, 5]]]
 * ```
 */
export function adaptiveMaxPool1d(x: Tensor, outputSize: OutputSize, options: WithPlaces): [Tensor, Tensor];
export function adaptiveMaxPool1d(x: Tensor, outputSize: OutputSize, options?: WithoutPlaces): Tensor;
export function adaptiveMaxPool1d(x: Tensor, outputSize: OutputSize, options?: AdaptiveMaxPoolOptions): MaybePair;
export function adaptiveMaxPool1d(x: Tensor, outputSize: OutputSize, options?: AdaptiveMaxPoolOptions): MaybePair {
  requireTensors("adaptiveMaxPool1d", x);
  return adaptiveLargest(1, x, outputSize, options);
}

/**
 * Largest elements of Oh × Ow equal parts of x [N, C, H, W] or [C, H, W].
 *
 * @example
 * ```ts
 * const x = tensor([[[1, 5, 2], [2, 4, 9]]]);
 * adaptiveMaxPool2d(x, 1).tolistSync(); // [[[9]]]
 * adaptiveMaxPool2d(x, [2, 1], { returnIndices: true })[1].tolistSync(); // [[[1], [5]]]
 * ```
 */
export function adaptiveMaxPool2d(x: Tensor, outputSize: OutputSize, options: WithPlaces): [Tensor, Tensor];
export function adaptiveMaxPool2d(x: Tensor, outputSize: OutputSize, options?: WithoutPlaces): Tensor;
export function adaptiveMaxPool2d(x: Tensor, outputSize: OutputSize, options?: AdaptiveMaxPoolOptions): MaybePair;
export function adaptiveMaxPool2d(x: Tensor, outputSize: OutputSize, options?: AdaptiveMaxPoolOptions): MaybePair {
  requireTensors("adaptiveMaxPool2d", x);
  return adaptiveLargest(2, x, outputSize, options);
}

/**
 * Largest elements of Od × Oh × Ow equal parts of x [N, C, D, H, W] or [C, D, H, W].
 *
 * @example
 * ```ts
 * adaptiveMaxPool3d(ones([1, 3, 7, 5, 4]), [2, null, 1]).shape; // [1, 3, 2, 5, 1]
 * ```
 */
export function adaptiveMaxPool3d(x: Tensor, outputSize: OutputSize, options: WithPlaces): [Tensor, Tensor];
export function adaptiveMaxPool3d(x: Tensor, outputSize: OutputSize, options?: WithoutPlaces): Tensor;
export function adaptiveMaxPool3d(x: Tensor, outputSize: OutputSize, options?: AdaptiveMaxPoolOptions): MaybePair;
export function adaptiveMaxPool3d(x: Tensor, outputSize: OutputSize, options?: AdaptiveMaxPoolOptions): MaybePair {
  requireTensors("adaptiveMaxPool3d", x);
  return adaptiveLargest(3, x, outputSize, options);
}

function adaptiveLargest(rank: number, x: Tensor, outputSize: OutputSize, given?: AdaptiveMaxPoolOptions): MaybePair {
  const { returnIndices = false } = adaptiveMaxPoolOptions(`adaptiveMaxPool${rank}d`, given);
  return batched<MaybePair>(x, rank, `adaptive_max_pool${rank}d`, (x) => {
    const sizes = x.shape.slice(2);
    const outs = outputSizes(x.dims, rank, outputSize);
    if (sizes.every((size, axis) => size % (outs[axis] ?? 1) === 0)) {
      const kernel = sizes.map((size, axis) => size / (outs[axis] ?? 1));
      return ofWindows(rank, maxPool1d, maxPool2d, maxPool3d)(x, kernel, { returnIndices });
    }
    // Each part as a list of its elements' places, short ones repeating their last; then the first largest.
    const places = planePlaces(sizes, outs);
    const lead = x.shape.slice(0, 2);
    const index = hostTensor(places, [places.length], x, "int64");
    const parts = x
      .flatten(2)
      .indexSelect(2, index)
      .reshape([...lead, ...outs, places.length / outs.reduce((all, size) => all * size, 1)]);
    const first = build.argmax(parts.node, rank + 2, true);
    const picked = (from: Node): Node => build.reshape(build.gatherElements(from, first, rank + 2), [...lead, ...outs]);
    const values = parts.map(picked);
    if (!returnIndices) return values;
    const table = index.reshape([1, 1, ...outs, -1]).expand(parts.shape);
    return [values, table.map(picked)];
  });
}

/** For each part of a plane, and each place in it, the index in the plane: parts side by side, all of one length. */
function planePlaces(sizes: readonly number[], outs: readonly number[]): number[] {
  const start: number[][] = [[0]];
  return sizes
    .reduce<number[][]>((parts, size, axis) => {
      const own = partPlaces(size, outs[axis] ?? 1);
      return parts.flatMap((part) =>
        own.map((places) => part.flatMap((before) => places.map((place) => before * size + place))),
      );
    }, start)
    .flat();
}

function partPlaces(size: number, out: number): number[][] {
  const parts = Array.from({ length: out }, (_, at) => part(at, size, out));
  const most = Math.max(...parts.map(([start, end]) => end - start));
  return parts.map(([start, end]) => Array.from({ length: most }, (_, at) => Math.min(start + at, end - 1)));
}
