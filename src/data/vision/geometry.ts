// Where pixels go: crop, flip, pad, rotate. Each is a map from places of the result to places of the picture.
// Knows no colours and no random numbers.
import { AbrazoError } from "../../errors.ts";
import { pixelsLike, type Raster } from "./raster.ts";

/** Marks a row or column that comes from outside the picture. */
const OUTSIDE = -1;

/** Rows and columns of the picture for each row and column of the result. */
export function remap(raster: Raster, rows: Int32Array, columns: Int32Array, fill = 0): Raster {
  const { data, planes, height, width, cells } = raster;
  const out = pixelsLike(data, planes * rows.length * columns.length * cells);
  if (fill !== 0) out.fill(fill);
  const run = runOf(columns);
  let at = 0;
  for (let plane = 0; plane < planes; plane++) {
    for (const row of rows) {
      const start = (plane * height + row) * width;
      if (row !== OUTSIDE && run !== undefined) {
        const from = (start + run.column) * cells;
        out.set(data.subarray(from, from + run.length * cells), at + run.at * cells);
      } else if (row !== OUTSIDE) {
        copyCells({ data, out, start, at, cells }, columns);
      }
      at += columns.length * cells;
    }
  }
  return { data: out, planes, height: rows.length, width: columns.length, cells };
}

interface Row {
  data: Raster["data"];
  out: Raster["data"];
  start: number;
  at: number;
  cells: number;
}

function copyCells({ data, out, start, at, cells }: Row, columns: Int32Array): void {
  let to = at;
  for (const column of columns) {
    if (column !== OUTSIDE) {
      for (let cell = 0; cell < cells; cell++) out[to + cell] = data[(start + column) * cells + cell] ?? 0;
    }
    to += cells;
  }
}

/** Where the columns are neighbours in order, apart from those outside at both ends: such a row is copied at once. */
function runOf(columns: Int32Array): { at: number; column: number; length: number } | undefined {
  const at = columns.findIndex((column) => column !== OUTSIDE);
  if (at < 0) return { at: 0, column: 0, length: 0 };
  const column = columns[at] ?? 0;
  let length = 1;
  while (columns[at + length] === column + length) length++;
  return columns.subarray(at + length).every((rest) => rest === OUTSIDE) ? { at, column, length } : undefined;
}

/** `length` places from `start` on; those beyond the picture are outside. */
function range(start: number, length: number, size: number): Int32Array {
  return Int32Array.from({ length }, (_, index) => {
    const at = start + index;
    return at >= 0 && at < size ? at : OUTSIDE;
  });
}

const all = (size: number): Int32Array => range(0, size, size);
const reversed = (size: number): Int32Array => all(size).reverse();

export function cropRaster(raster: Raster, top: number, left: number, height: number, width: number): Raster {
  return remap(raster, range(top, height, raster.height), range(left, width, raster.width));
}

export const flipColumns = (raster: Raster): Raster => remap(raster, all(raster.height), reversed(raster.width));
export const flipRows = (raster: Raster): Raster => remap(raster, reversed(raster.height), all(raster.width));

export type PaddingMode = "constant" | "edge" | "reflect" | "symmetric";

/** Left, top, right, bottom. */
export type Sides = readonly [left: number, top: number, right: number, bottom: number];

export function padRaster(raster: Raster, sides: Sides, fill: number, mode: PaddingMode): Raster {
  const [left, top, right, bottom] = sides;
  const rows = padded(raster.height, top, bottom, mode);
  return remap(raster, rows, padded(raster.width, left, right, mode), fill);
}

function padded(size: number, before: number, after: number, mode: PaddingMode): Int32Array {
  const most = Math.max(before, after);
  if ((mode === "reflect" && most >= size) || (mode === "symmetric" && most > size)) {
    throw new AbrazoError({
      code: "BAD_PADDING",
      message: `Padding size should be less than the corresponding input dimension, but got: padding (${before}, ${after}) at dimension of size ${size}`,
      hint: "Pad less, or use the mode edge or constant.",
    });
  }
  return Int32Array.from({ length: Math.max(0, before + size + after) }, (_, index) => {
    const at = index - before;
    if (at >= 0 && at < size) return at;
    if (mode === "constant") return OUTSIDE;
    if (mode === "edge") return at < 0 ? 0 : size - 1;
    const shift = mode === "symmetric" ? 1 : 0;
    return at < 0 ? -at - shift : 2 * size - 2 + shift - at;
  });
}

/** How a picture is turned, and what the corners become. */
export interface RotateOptions {
  interpolation?: "nearest" | "bilinear";
  /** Makes the result large enough for all of the picture. */
  expand?: boolean;
  /** [x, y] from the upper left corner; the middle when absent. */
  center?: readonly [number, number];
  /** What corners that come from outside are filled with; absent, they are 0, and the edge fades into them. */
  fill?: number;
}

/** Counter-clockwise by degrees, by the inverse map and torch's grid_sample without aligned corners. */
export function rotateRaster(raster: Raster, angle: number, options: RotateOptions): Raster {
  const { interpolation = "nearest", expand = false, center, fill } = options;
  const { width, height } = raster;
  const [cx, cy] = center === undefined ? [0, 0] : [center[0] - width * 0.5, center[1] - height * 0.5];
  const radians = (angle * Math.PI) / 180;
  const [cos, sin] = [Math.cos(radians), Math.sin(radians)];
  const turn: Turn = { cos, sin, x: cx - cos * cx + sin * cy, y: cy - sin * cx - cos * cy };
  // The result's sizes come from the rotation alone, wherever its centre is.
  const [newWidth, newHeight] = expand ? expandedSize(width, height, turn) : [width, height];
  const sample = interpolation === "nearest" ? sampleNearest : sampleBilinear;
  const out = pixelsLike(raster.data, raster.planes * newWidth * newHeight * raster.cells);
  let at = 0;
  for (let plane = 0; plane < raster.planes; plane++) {
    for (let row = 0; row < newHeight; row++) {
      for (let column = 0; column < newWidth; column++) {
        const [u, v] = [column + 0.5 - newWidth * 0.5, row + 0.5 - newHeight * 0.5];
        const x = turn.cos * u - turn.sin * v + turn.x + width * 0.5 - 0.5;
        const y = turn.sin * u + turn.cos * v + turn.y + height * 0.5 - 0.5;
        for (let cell = 0; cell < raster.cells; cell++) out[at++] = sample(raster, { plane, cell, fill }, x, y);
      }
    }
  }
  return { ...raster, data: out, width: newWidth, height: newHeight };
}

interface Turn {
  cos: number;
  sin: number;
  x: number;
  y: number;
}

/** torchvision's: corners are rounded to four digits, so that a quarter turn does not gain a pixel by rounding. */
function expandedSize(width: number, height: number, { cos, sin, x, y }: Turn): [number, number] {
  const corners = [-1, 1].flatMap((i) => [-1, 1].map((j) => [(i * width) / 2, (j * height) / 2] as const));
  const size = (values: number[]) =>
    Math.ceil(roundDigits(Math.max(...values))) - Math.floor(roundDigits(Math.min(...values)));
  const xs = corners.map(([u, v]) => cos * u - sin * v + x + width / 2);
  const ys = corners.map(([u, v]) => sin * u + cos * v + y + height / 2);
  return [size(xs), size(ys)];
}

const roundDigits = (value: number): number => Math.trunc(value * 1e4 + 0.5 * Math.sign(value)) / 1e4;

interface Place {
  plane: number;
  cell: number;
  fill: number | undefined;
}

function pixelAt({ data, width, height, cells }: Raster, { plane, cell }: Place, x: number, y: number): number {
  if (x < 0 || y < 0 || x >= width || y >= height) return Number.NaN;
  return data[((plane * height + y) * width + x) * cells + cell] ?? 0;
}

function sampleNearest(raster: Raster, place: Place, x: number, y: number): number {
  const value = pixelAt(raster, place, roundHalfEven(x), roundHalfEven(y));
  return Number.isNaN(value) ? (place.fill ?? 0) : value;
}

/**
 * Neighbours outside count as 0. A fill is mixed in by the weight of what lay outside, which torchvision does with the
 * faded value.
 */
function sampleBilinear(raster: Raster, place: Place, x: number, y: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  let [sum, inside] = [0, 0];
  for (const [dx, dy] of NEIGHBOURS) {
    const weight = (dx === 1 ? x - left : left + 1 - x) * (dy === 1 ? y - top : top + 1 - y);
    const value = pixelAt(raster, place, left + dx, top + dy);
    if (Number.isNaN(value)) continue;
    sum += weight * value;
    inside += weight;
  }
  const mixed = place.fill === undefined ? sum : sum * inside + (1 - inside) * place.fill;
  return raster.data instanceof Uint8Array ? Math.min(255, Math.max(0, roundHalfEven(mixed))) : mixed;
}

const NEIGHBOURS = [
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
] as const;

/** Python's and IEEE's rounding: halves go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
