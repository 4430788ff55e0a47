// Shape algebra: broadcasting, axes, reshapes, with symbolic dimensions.
// Knows no tensors and no operations.
import { AbrazoError } from "../errors.ts";

/** A size, or the name of one that is only known at run time, e.g. "batch_size" or "past_length + sequence_length". */
export type Dim = number | string;
export type Shape = readonly Dim[];

export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

export function shapeError(message: string, hint?: string, data?: Record<string, unknown>): AbrazoError {
  return new AbrazoError({ code: "SHAPE_MISMATCH", message, hint, data });
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/** Sizes as numbers; undefined when one is symbolic. */
export function numeric(shape: Shape): number[] | undefined {
  return shape.every((dim) => typeof dim === "number") ? [...(shape as readonly number[])] : undefined;
}

/** Number of elements, or a typed error when a size is symbolic. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const dim of shape) {
    if (typeof dim === "string") throw symbolicError(shape);
    size *= dim;
  }
  return size;
}

export function symbolicError(shape: Shape): AbrazoError {
  return new AbrazoError({
    code: "SYMBOLIC_SHAPE",
    message: `The shape ${showShape(shape)} is only known when the graph runs.`,
    hint: "Use forms that need no sizes: unflatten, flatten, transpose, arangeLike.",
    data: { shape },
  });
}

/** An axis counted from the end when negative, checked against the rank. */
export function axisOf(axis: number, rank: number): number {
  const lowest = -Math.max(rank, 1);
  if (!Number.isInteger(axis) || axis < lowest || axis >= Math.max(rank, 1)) {
    throw new AbrazoError({
      code: "DIM_OUT_OF_RANGE",
      message: `Dimension out of range (expected to be in range of [${lowest}, ${Math.max(rank, 1) - 1}], but got ${axis})`,
      hint: `The tensor has ${rank} dimensions.`,
      data: { axis, rank },
    });
  }
  return axis < 0 ? axis + Math.max(rank, 1) : axis;
}

/** axisOf where a 0-d tensor does not count as one of one element. */
export function axisWithin(axis: number, rank: number): number {
  if (rank === 0) throw shapeError(`Dimension specified as ${axis} but tensor has no dimensions`);
  return axisOf(axis, rank);
}

/** NumPy's broadcasting of two shapes. */
export function broadcast(a: Shape, b: Shape): Dim[] {
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw shapeError(
        `The size of tensor a (${left}) must match the size of tensor b (${right}) at non-singleton dimension ${axis}`,
        `Shapes are ${showShape(a)} and ${showShape(b)}; sizes must be equal or 1, counted from the right.`,
        { a, b },
      );
    }
    out.push(left === 1 ? right : left);
  }
  return out;
}

/** Axes of `out` that were broadcast from `from` (missing or size 1): what a gradient is summed over. */
export function broadcastAxes(from: Shape, out: Shape): number[] {
  const missing = out.length - from.length;
  const axes: number[] = [];
  for (let axis = 0; axis < out.length; axis++) {
    if (axis < missing || (from[axis - missing] === 1 && out[axis] !== 1)) axes.push(axis);
  }
  return axes;
}

/** Replaces one -1 of a reshape by what the other sizes leave, and checks the count. */
export function inferReshape(from: Shape, to: Shape): Dim[] {
  const unknown = to.indexOf(-1);
  const known = numeric(from);
  if (known === undefined || numeric(to) === undefined) return inferSymbolic(from, to, unknown);
  const size = sizeOf(from);
  const rest = to.reduce<number>((product, dim) => (dim === -1 ? product : product * Number(dim)), 1);
  const out = [...to];
  if (unknown >= 0 && rest !== 0 && size % rest === 0) out[unknown] = size / rest;
  if (out.includes(-1) || sizeOf(out) !== size) {
    throw shapeError(
      `shape '${showShape(to)}' is invalid for input of size ${size}`,
      `The input is ${showShape(from)}.`,
      {
        from,
        to,
      },
    );
  }
  return out;
}

function inferSymbolic(from: Shape, to: Shape, unknown: number): Dim[] {
  if (unknown < 0) return [...to];
  const symbols = from.filter((dim) => typeof dim === "string" && !to.includes(dim));
  const left = from.reduce<number>((product, dim) => (typeof dim === "number" ? product * dim : product), 1);
  const right = to.reduce<number>(
    (product, dim) => (typeof dim === "number" && dim !== -1 ? product * dim : product),
    1,
  );
  const factor = left / right;
  const out = [...to];
  if (symbols.length === 0) out[unknown] = factor;
  else out[unknown] = factor === 1 && symbols.length === 1 ? (symbols[0] ?? 1) : [...symbols, factor].join(" * ");
  return out;
}

/** The sum of two sizes; symbolic when one is. */
export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (a === 0) return b;
  return b === 0 ? a : `${a} + ${b}`;
}
