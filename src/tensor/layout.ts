// Where the elements of a view lie in its storage: sizes, strides and offset, by PyTorch's rules.
// Knows no tensors and no graphs: the elements themselves are found by the steps of a view, never through strides.

export interface Layout {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    strides[axis] = Math.max(shape[axis + 1] ?? 1, 1) * (strides[axis + 1] ?? 1);
  }
  return strides;
}

export const contiguousLayout = (shape: readonly number[]): Layout => ({
  shape,
  strides: contiguousStrides(shape),
  offset: 0,
});

/** True when the elements lie row by row without gaps; axes of size 1 do not count. */
export function isContiguous({ shape, strides }: Layout): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    if (size !== 1 && strides[axis] !== expected) return false;
    expected *= size;
  }
  return true;
}

/** Strides of `to` over the same elements, or undefined where only a copy has that shape (ATen's computeStride). */
export function stridesFor({ shape, strides }: Layout, to: readonly number[]): number[] | undefined {
  if (shape.length === 0) return to.map(() => 1);
  if (shape.includes(0)) return sameSizes(shape, to) ? [...strides] : contiguousStrides(to);
  const out = to.map(() => 1);
  let place = to.length - 1;
  let chunk = strides.at(-1) ?? 1; // stride of the last axis of a run of axes that lie without gaps
  let [elements, covered] = [1, 1];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    elements *= shape[axis] ?? 1;
    const joined = axis > 0 && (shape[axis - 1] === 1 || strides[axis - 1] === elements * chunk);
    if (joined) continue;
    while (place >= 0 && (covered < elements || to[place] === 1)) {
      out[place] = covered * chunk;
      covered *= to[place] ?? 1;
      place--;
    }
    if (covered !== elements) return undefined;
    if (axis > 0) {
      chunk = strides[axis - 1] ?? 1;
      [elements, covered] = [1, 1];
    }
  }
  return place === -1 ? out : undefined;
}

function sameSizes(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** Places in the storage, row by row. */
export function placesOf({ shape, strides, offset }: Layout): number[] {
  let places = [offset];
  for (const [axis, size] of shape.entries()) {
    const stride = strides[axis] ?? 0;
    places = places.flatMap((place) => Array.from({ length: size }, (_, index) => place + index * stride));
  }
  return places;
}
