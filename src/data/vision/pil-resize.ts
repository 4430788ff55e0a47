// Resizing of 8-bit pictures as Pillow's Image.resize does it: whole-number weights, and bytes between the two passes.
// Knows no files and no processors.
import { remap } from "./geometry.ts";
import type { Raster } from "./raster.ts";
import { FILTERS, type Filter, weightsOf } from "./resize.ts";

/** Pillow's codes, as configs write them. */
export const RESAMPLE = { nearest: 0, lanczos: 1, bilinear: 2, bicubic: 3, box: 4, hamming: 5 } as const;

/** By code; nearest has no filter. */
const RESAMPLING: readonly (Filter | undefined)[] = [
  undefined,
  { filter: lanczos, support: 3 },
  FILTERS.bilinear,
  FILTERS.bicubic,
  { filter: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0), support: 0.5 },
  { filter: hamming, support: 1 },
];

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

function lanczos(x: number): number {
  return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

function hamming(signed: number): number {
  const x = Math.abs(signed);
  // Pillow's constants are of single precision.
  return x < 1 ? sinc(x) * (Math.fround(0.54) + Math.fround(0.46) * Math.cos(x * Math.PI)) : 0;
}

/** A raster of bytes in another size; `resample` is one of Pillow's codes. */
export function resizeBytes(raster: Raster, height: number, width: number, resample: number): Raster {
  const { planes, cells } = raster;
  if (height === raster.height && width === raster.width) return raster;
  const filter = RESAMPLING[resample];
  if (filter === undefined) return remap(raster, nearest(raster.height, height), nearest(raster.width, width));
  const columns = { outer: planes * raster.height, from: raster.width, inner: cells };
  const narrowed = resizeAxis(raster.data, columns, width, filter);
  const data = resizeAxis(narrowed, { outer: planes, from: raster.height, inner: width * cells }, height, filter);
  return { data, planes, height, width, cells };
}

/** The pixel under the middle of each of the result; steps are added up, as Pillow does, which rounds otherwise than a product. */
function nearest(from: number, to: number): Int32Array {
  const step = from / to;
  let at = step * 0.5;
  return Int32Array.from({ length: to }, () => {
    const place = Math.trunc(at);
    at += step;
    return Math.min(place, from - 1);
  });
}

/** Bits behind the point of a weight: of 32, a pixel has 8, and 2 are left for sums. */
const BITS = 22;
const HALF = 2 ** (BITS - 1);

interface Axis {
  outer: number;
  from: number;
  inner: number;
}

/** The middle axis of [outer, from, inner] in another length. */
function resizeAxis(source: Raster["data"], { outer, from, inner }: Axis, to: number, filter: Filter): Raster["data"] {
  if (from === to) return source;
  const { starts, values } = weightsOf(from, to, { ...filter, antialias: true });
  const whole = values.map((weights) => Int32Array.from(weights, fixedPoint));
  const target = new Uint8Array(outer * to * inner);
  let at = 0;
  for (let block = 0; block < outer; block++) {
    for (const [index, weights] of whole.entries()) {
      const first = (block * from + (starts[index] ?? 0)) * inner;
      for (let j = 0; j < inner; j++) target[at++] = weighed(source, weights, first + j, inner);
    }
  }
  return target;
}

/** One byte of the result; a function of its own, since it is where all the time goes. */
function weighed(source: Raster["data"], weights: Int32Array, first: number, step: number): number {
  let sum = HALF;
  let at = first;
  for (let k = 0; k < weights.length; k++) {
    sum += (weights[k] ?? 0) * (source[at] ?? 0);
    at += step;
  }
  return Math.min(255, Math.max(0, sum >> BITS));
}

const fixedPoint = (weight: number): number => Math.trunc(weight * 2 ** BITS + (weight < 0 ? -0.5 : 0.5));
