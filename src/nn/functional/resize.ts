// Images of other sizes: interpolation, and channels as pixels and back.
// Holds no state.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { shapeError, showShape } from "../../graph/shape.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import type { Tensor } from "../../tensor/index.ts";
import { hostTensor } from "./host.ts";
import { interpolateOptions } from "./options.ts";
import { optionError, type Size } from "./sizes.ts";

/** How values between places are found. */
export type InterpolationMode = "nearest" | "nearest-exact" | "linear" | "bilinear" | "bicubic" | "trilinear";

/** The size that is wanted, and how values between places are found. */
export interface InterpolateOptions {
  /** The sizes behind [N, C]; or `scaleFactor`. */
  size?: Size;
  scaleFactor?: number | readonly number[];
  mode?: InterpolationMode;
  /** Corners of input and output lie on each other; else the edges of their corner pixels do. */
  alignCorners?: boolean;
}

/** Axes behind [N, C] that a mode is made for. */
const AXES: Readonly<Record<string, number>> = { linear: 1, bilinear: 2, bicubic: 2, trilinear: 3 };

/**
 * x [N, C, …] at another size: the nearest element, or the weighted mean of its neighbours.
 *
 * @throws LAYER_OPTION when neither or both of `size` and `scaleFactor` are given, or the mode does not fit the axes
 * @example
 * ```ts
 * const x = tensor([[[0, 1]]], { dtype: "float32" });
 * interpolate(x, { scaleFactor: 2 }).tolistSync(); // [[[0, 0, 1, 1]]]
 * interpolate(x, { size: 3, mode: "linear", alignCorners: true }).tolistSync(); // [[[0, 0.5, 1]]]
 * ```
 */
export function interpolate(x: Tensor, given: InterpolateOptions): Tensor {
  requireTensors("interpolate", x);
  const { size, scaleFactor, mode = "nearest", alignCorners = false } = interpolateOptions("interpolate", given);
  const rank = x.ndim - 2;
  const wanted = AXES[mode];
  if (rank < 1 || rank > 3 || (wanted !== undefined && wanted !== rank)) {
    throw new AbrazoError({
      code: "LAYER_OPTION",
      message: `Got ${x.ndim}D input, but ${mode} mode needs ${wanted === undefined ? "3D, 4D or 5D" : `${wanted + 2}D`} input`,
      hint: "Modes: nearest, nearest-exact (any), linear (3D), bilinear and bicubic (4D), trilinear (5D).",
    });
  }
  if ((size === undefined) === (scaleFactor === undefined)) {
    const said =
      size === undefined
        ? "either size or scale_factor should be defined"
        : "only one of size or scale_factor should be defined";
    throw optionError(said, "Give one of them.");
  }
  const from = x.shape.slice(2);
  const scales = scaleFactor === undefined ? undefined : list(scaleFactor, rank);
  const to =
    scales === undefined ? list(size ?? 1, rank) : from.map((length, axis) => Math.floor(length * (scales[axis] ?? 1)));
  if (to.some((length) => !(length > 0)) || from.includes(0)) {
    throw shapeError(
      `Input and output sizes should be greater than 0, but got input (${from.join(", ")}) output (${to.join(", ")})`,
    );
  }
  return from.reduce((tensor, length, axis) => {
    const out = to[axis] ?? 1;
    // A scale that was given counts as it is, not as the sizes that were rounded from it.
    const ratio = scales === undefined ? length / out : 1 / (scales[axis] ?? 1);
    return along(tensor, axis + 2, { length, out, ratio, mode, alignCorners });
  }, x);
}

function list(given: number | readonly number[], rank: number): readonly number[] {
  const sizes = typeof given === "number" ? new Array<number>(rank).fill(given) : given;
  if (sizes.length === rank) return sizes;
  throw optionError(
    `Input and output must have the same number of spatial dimensions, but got ${rank} and ${sizes.length}`,
    "Give one number, or one for each axis behind [N, C].",
  );
}

interface Axis {
  length: number;
  out: number;
  ratio: number;
  mode: InterpolationMode;
  alignCorners: boolean;
}

function along(x: Tensor, axis: number, { length, out, ratio, mode, alignCorners }: Axis): Tensor {
  if (mode === "nearest" || mode === "nearest-exact") {
    if (mode === "nearest" && out === length * Math.round(out / length) && ratio === length / out)
      return repeated(x, axis, out / length);
    const shift = mode === "nearest" ? 0 : 0.5;
    const places = Array.from({ length: out }, (_, at) =>
      Math.min(length - 1, Math.floor(Math.fround((at + shift) * Math.fround(ratio)))),
    );
    return x.indexSelect(axis, hostTensor(places, [out], x, "int64"));
  }
  const step = alignCorners ? (out > 1 ? (length - 1) / (out - 1) : 0) : ratio;
  const rows = Array.from({ length: out }, (_, at) => {
    const place = alignCorners ? at * step : (at + 0.5) * step - 0.5;
    return mode === "bicubic" ? cubicRow(place, length) : linearRow(Math.max(0, place), length);
  });
  return byMatrix(x, axis, rows);
}

/** Each element `times` times, one after the other. */
function repeated(x: Tensor, axis: number, times: number): Tensor {
  return x.map((node) => {
    const { shape } = node;
    const [before, after] = [shape.slice(0, axis + 1), shape.slice(axis + 1)];
    const wide = build.expand(build.reshape(node, [...before, 1, ...after]), [...before, times, ...after]);
    return build.reshape(
      wide,
      shape.map((dim, at) => (at === axis ? Number(dim) * times : dim)),
    );
  });
}

function linearRow(place: number, length: number): number[] {
  const row = new Array<number>(length).fill(0);
  const low = Math.min(length - 1, Math.floor(place));
  const share = Math.min(1, place - low);
  row[low] = 1 - share;
  const high = Math.min(length - 1, low + 1);
  row[high] = (row[high] ?? 0) + share;
  return row;
}

/** Keys' cubic convolution (1981) with a = -0.75, as PyTorch; what lies outside is the edge. */
function cubicRow(place: number, length: number): number[] {
  const row = new Array<number>(length).fill(0);
  const [base, a] = [Math.floor(place), -0.75];
  for (let at = base - 1; at <= base + 2; at++) {
    const t = Math.abs(place - at);
    const weight = t <= 1 ? ((a + 2) * t - (a + 3)) * t * t + 1 : ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
    const inside = Math.min(length - 1, Math.max(0, at));
    row[inside] = (row[inside] ?? 0) + weight;
  }
  return row;
}

/**
 * One axis of x, of size `in`, through a matrix [out, in] that is given by its rows.
 *
 * @example
 * ```ts
 * byMatrix(tensor([[1, 2]]).to("float32"), 1, [[1, 0], [0.5, 0.5], [0, 1]]).tolistSync(); // [[1, 1.5, 2]]
 * ```
 */
export function byMatrix(x: Tensor, axis: number, rows: readonly (readonly number[])[]): Tensor {
  const matrix = hostTensor(rows.flat(), [rows.length, rows[0]?.length ?? 0], x);
  return x.map((node) => {
    const turned = build.transpose(node, axis, -1);
    return build.transpose(build.matmul(turned, matrix.node, true), axis, -1);
  });
}

/**
 * Channels as pixels: [..., C r², H, W] to [..., C, H r, W r] (Shi et al. 2016, arXiv 1609.05158).
 *
 * @throws SHAPE_MISMATCH when the channels are no multiple of r²
 * @example
 * ```ts
 * pixelShuffle(ones([1, 8, 2, 2]), 2).shape; // [1, 2, 4, 4]
 * ```
 */
export function pixelShuffle(x: Tensor, upscaleFactor: number): Tensor {
  requireTensors("pixelShuffle", x);
  requireImage(x, "pixel_shuffle");
  const [lead, channels, height, width] = partsOf(x);
  const r = upscaleFactor;
  if (!(Number.isInteger(r) && r > 0))
    throw optionError("pixel_shuffle expects a positive upscale_factor", `It is ${r}.`);
  if (channels % (r * r) !== 0) {
    throw shapeError(
      `pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)=${channels} is not divisible by ${r * r}`,
    );
  }
  const at = lead.length;
  const order = [...lead.keys(), at, at + 3, at + 1, at + 4, at + 2];
  const out = channels / (r * r);
  return x.map((node) => {
    const parts = build.reshape(node, [...lead, out, r, r, height, width]);
    return build.reshape(build.permute(parts, order), [...lead, out, height * r, width * r]);
  });
}

/**
 * Pixels as channels: [..., C, H r, W r] to [..., C r², H, W].
 *
 * @throws SHAPE_MISMATCH when a size is no multiple of r
 * @example
 * ```ts
 * pixelUnshuffle(ones([1, 2, 4, 4]), 2).shape; // [1, 8, 2, 2]
 * ```
 */
export function pixelUnshuffle(x: Tensor, downscaleFactor: number): Tensor {
  requireTensors("pixelUnshuffle", x);
  requireImage(x, "pixel_unshuffle");
  const [lead, channels, height, width] = partsOf(x);
  const r = downscaleFactor;
  if (!(Number.isInteger(r) && r > 0))
    throw optionError("pixel_unshuffle expects a positive downscale_factor", `It is ${r}.`);
  for (const [name, size] of [
    ["height", height],
    ["width", width],
  ] as const) {
    if (size % r === 0) continue;
    throw shapeError(
      `pixel_unshuffle expects ${name} to be divisible by downscale_factor, but input.size(${name === "height" ? -2 : -1})=${size} is not divisible by ${r}`,
    );
  }
  const at = lead.length;
  const order = [...lead.keys(), at, at + 2, at + 4, at + 1, at + 3];
  return x.map((node) => {
    const parts = build.reshape(node, [...lead, channels, height / r, r, width / r, r]);
    return build.reshape(build.permute(parts, order), [...lead, channels * r * r, height / r, width / r]);
  });
}

function requireImage(x: Tensor, name: string): void {
  if (x.ndim >= 3) return;
  throw shapeError(
    `${name} expects input to have at least 3 dimensions, but got input with ${x.ndim} dimension(s)`,
    `It is ${showShape(x.dims)}.`,
  );
}

function partsOf(x: Tensor): [number[], number, number, number] {
  const { shape } = x;
  const [channels = 1, height = 1, width = 1] = shape.slice(-3);
  return [shape.slice(0, -3), channels, height, width];
}
