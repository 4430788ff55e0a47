// Resizing as torch.nn.functional.interpolate does it: nearest, and bilinear or bicubic with a filter that grows when shrinking.
// Knows no random numbers.
import { kindOf } from "../../arguments.ts";
import { AbrazoError } from "../../errors.ts";
import { roundHalfEven } from "./geometry.ts";
import { pixelsLike, type Raster } from "./raster.ts";

/** How values between pixels are found. */
export type Interpolation = "nearest" | "bilinear" | "bicubic";

/** [height, width], or one number for the smaller edge. */
export type Size = number | readonly [height: number, width: number];

/** How a picture is resized. */
export interface ResizeOptions {
  /** Default "bilinear". */
  interpolation?: Interpolation;
  /** Limit of the longer edge when `size` is one number. */
  maxSize?: number;
  /** Averages over the pixels that one of the result covers when shrinking; default true. */
  antialias?: boolean;
}

/** Numbers for the sides of a picture, as many as they have to be. */
export function requireNumbers(name: string, given: readonly number[], count: number): void {
  if (Array.isArray(given) && given.length === count && given.every((value) => Number.isFinite(value))) return;
  throw new AbrazoError({
    code: "BAD_OPTION",
    message: `${name} should be an int or a sequence of ${count} ints, but got ${Array.isArray(given) ? `[${given.join(", ")}]` : kindOf(given)}`,
    hint: `Give one number, or a list of ${count}.`,
  });
}

/** Height and width of a result, as torchvision's: the smaller edge becomes `size`, the other keeps the ratio, cut to whole. */
export function resizedSize(height: number, width: number, size: Size, maxSize?: number): [number, number] {
  if (typeof size !== "number") {
    if (maxSize !== undefined) {
      throw new AbrazoError({
        code: "BAD_OPTION",
        message:
          "max_size should only be passed if size specifies the length of the smaller edge, i.e. size should be an int",
        hint: "Leave maxSize out, or give size as one number.",
      });
    }
    requireNumbers("size", size, 2);
    return [size[0], size[1]];
  }
  const [short, long] = width <= height ? [width, height] : [height, width];
  let [newShort, newLong] = [size, Math.trunc((size * long) / short)];
  if (maxSize !== undefined) {
    if (maxSize <= size) {
      throw new AbrazoError({
        code: "BAD_OPTION",
        message: `max_size = ${maxSize} must be strictly greater than the requested size for the smaller edge size = ${size}`,
        hint: "Raise maxSize.",
      });
    }
    if (newLong > maxSize) [newShort, newLong] = [Math.trunc((maxSize * newShort) / newLong), maxSize];
  }
  return width <= height ? [newLong, newShort] : [newShort, newLong];
}

export function resizeRaster(raster: Raster, height: number, width: number, options: ResizeOptions = {}): Raster {
  const { interpolation = "bilinear", antialias = true } = options;
  if (!(height > 0 && width > 0)) {
    throw new AbrazoError({
      code: "BAD_SIZE",
      message: `Input and output sizes should be greater than 0, but got input (H: ${raster.height}, W: ${raster.width}) output (H: ${height}, W: ${width})`,
      hint: "Sizes are whole numbers from 1 on.",
    });
  }
  if (height === raster.height && width === raster.width) return raster;
  const { filter, support } = FILTERS[interpolation];
  const columns = weightsOf(raster.width, width, { filter, support, antialias });
  const rows = weightsOf(raster.height, height, { filter, support, antialias });
  const { data, planes, cells } = raster;
  // In double precision between the two passes, rounded once at the end.
  const middle = new Float64Array(planes * raster.height * width * cells);
  spread(data, middle, { outer: planes * raster.height, from: raster.width, inner: cells }, columns);
  const sums = new Float64Array(planes * height * width * cells);
  spread(middle, sums, { outer: planes, from: raster.height, inner: width * cells }, rows);
  return { data: rounded(sums, data), planes, height, width, cells };
}

function rounded(sums: Float64Array, like: Raster["data"]): Raster["data"] {
  const out = pixelsLike(like, sums.length);
  if (!(out instanceof Uint8Array)) {
    out.set(sums);
    return out;
  }
  for (let i = 0; i < out.length; i++) out[i] = Math.min(255, Math.max(0, roundHalfEven(sums[i] ?? 0)));
  return out;
}

/** For each place of the result, where its sources begin and how much each counts. */
interface Weights {
  starts: Int32Array;
  values: Float64Array[];
}

export interface Filter {
  filter: ((x: number) => number) | undefined;
  /** How far the filter reaches, in pixels of the picture. */
  support: number;
}

export const FILTERS: Readonly<Record<Interpolation, Filter>> = {
  nearest: { filter: undefined, support: 0 },
  bilinear: { filter: (x) => Math.max(0, 1 - Math.abs(x)), support: 1 },
  bicubic: { filter: cubic, support: 2 },
};

/** Keys' kernel with a = -0.5, as PIL and torch's antialiased bicubic have it. */
function cubic(signed: number): number {
  const x = Math.abs(signed);
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

export function weightsOf(from: number, to: number, options: Filter & { antialias: boolean }): Weights {
  const { filter, antialias } = options;
  const scale = from / to;
  const starts = new Int32Array(to);
  const values: Float64Array[] = [];
  for (let i = 0; i < to; i++) {
    if (filter === undefined) {
      starts[i] = Math.min(Math.floor(i * scale), from - 1);
      values.push(Float64Array.of(1));
      continue;
    }
    const stretch = antialias ? Math.max(scale, 1) : 1;
    const support = options.support * stretch;
    const center = scale * (i + 0.5);
    const start = Math.max(Math.trunc(center - support + 0.5), 0);
    const end = Math.min(Math.trunc(center + support + 0.5), from);
    const raw = Float64Array.from({ length: end - start }, (_, j) => filter((j + start - center + 0.5) / stretch));
    const total = raw.reduce((a, b) => a + b, 0);
    starts[i] = start;
    values.push(raw.map((weight) => weight / total));
  }
  return { starts, values };
}

/** Sums along the middle axis of [outer, from, inner]. */
function spread(
  source: ArrayLike<number>,
  target: Float64Array,
  { outer, from, inner }: { outer: number; from: number; inner: number },
  { starts, values }: Weights,
): void {
  let at = 0;
  for (let block = 0; block < outer; block++) {
    for (const [index, weights] of values.entries()) {
      const first = (block * from + (starts[index] ?? 0)) * inner;
      for (let j = 0; j < inner; j++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += (weights[k] ?? 0) * (source[first + k * inner + j] ?? 0);
        target[at++] = sum;
      }
    }
  }
}
