// Several tensors as one, and grids of places.
// Knows no storage: every result is a tensor of its own, but for the views of meshgrid.
import { AbrazoError } from "../errors.ts";
import * as build from "../graph/build.ts";
import { type DType, promote } from "../graph/dtype.ts";
import { axisOf, broadcast, type Shape, sameShape, shapeError, showShape } from "../graph/shape.ts";
import { optionsOf } from "../options.ts";
import { requireTensorList, requireTensors } from "./arguments.ts";
import { integers } from "./methods/support.ts";
import { chooseWhere } from "./methods/where.ts";
import { Tensor, type TensorLike } from "./tensor.ts";

const meshgridOptions = optionsOf<{ indexing?: "ij" | "xy" }>({ indexing: true });

function emptyListError(message: string): AbrazoError {
  return new AbrazoError({ code: "EMPTY_LIST", message, hint: "Pass at least one." });
}

/**
 * Joined along an axis, in PyTorch's promotion of their dtypes. [..., a, ...] and [..., b, ...] → [..., a + b, ...].
 *
 * @throws SHAPE_MISMATCH where sizes differ on another axis; EMPTY_LIST for none
 *
 * @example
 * ```ts
 * await cat([tensor([1]), tensor([2, 3])]).tolist(); // [1, 2, 3]
 * ```
 */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  requireTensorList("cat", tensors);
  // An empty vector joins with anything, as in PyTorch.
  const parts = tensors.filter(({ dims }) => !(dims.length === 1 && dims[0] === 0));
  const first = parts[0] ?? tensors[0];
  if (first === undefined) throw emptyListError("torch.cat(): expected a non-empty list of Tensors");
  if (first.ndim === 0)
    throw shapeError("zero-dimensional tensor (at position 0) cannot be concatenated", "stack() joins them.");
  const axis = axisOf(dim, first.ndim);
  for (const [at, part] of parts.entries()) {
    if (part.ndim !== first.ndim) {
      throw shapeError(`Tensors must have same number of dimensions: got ${first.ndim} and ${part.ndim}`);
    }
    const place = part.dims.findIndex((size, other) => other !== axis && size !== first.dims[other]);
    if (place >= 0) {
      throw shapeError(
        `Sizes of tensors must match except in dimension ${axis}. Expected size ${first.dims[place]} but got size ${part.dims[place]} for tensor number ${at} in the list.`,
        `Shapes are ${parts.map(({ dims }) => showShape(dims)).join(", ")}.`,
      );
    }
  }
  const dtype = tensors.map((part) => part.dtype).reduce(promote);
  const nodes = (parts.length === 0 ? [first] : parts).map((part) => build.cast(part.node, dtype));
  const [only] = nodes;
  const node = nodes.length === 1 && only !== undefined ? only : build.concat(nodes, axis);
  return node === first.node && first.requiresGrad ? first.clone() : Tensor.fromNode(node, tensors);
}

/**
 * cat under NumPy's names.
 *
 * @alias
 */
export const concat = cat;
/**
 * cat under another of NumPy's names.
 *
 * @alias
 *
 * @alias
 */
export const concatenate = cat;

/**
 * Tensors of one shape joined along a new axis. k of [...] → [k, ...].
 *
 * @throws SHAPE_MISMATCH where shapes differ; EMPTY_LIST for none
 *
 * @example
 * ```ts
 * stack([tensor([1, 2]), tensor([3, 4])], 1).tolistSync(); // [[1, 3], [2, 4]]
 * ```
 */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  requireTensorList("stack", tensors);
  const [first] = tensors;
  if (first === undefined) throw emptyListError("stack expects a non-empty TensorList");
  const other = tensors.findIndex(({ dims }) => !sameShape(dims, first.dims));
  if (other >= 0) {
    throw shapeError(
      `stack expects each tensor to be equal size, but got ${showShape(first.dims)} at entry 0 and ${showShape(tensors[other]?.dims ?? [])} at entry ${other}`,
    );
  }
  const axis = axisOf(dim, first.ndim + 1);
  return cat(
    tensors.map((part) => part.unsqueeze(axis)),
    axis,
  ).madeBy("stack");
}

const atLeast = (tensor: Tensor, rank: 1 | 2 | 3): Tensor => {
  if (tensor.ndim === 0) return tensor.reshape([1, 1, 1].slice(0, rank));
  if (tensor.ndim === 1 && rank > 1) return rank === 2 ? tensor.unsqueeze(0) : tensor.unsqueeze(0).unsqueeze(2);
  return tensor.ndim === 2 && rank === 3 ? tensor.unsqueeze(2) : tensor;
};

/**
 * At least one axis: what has none gets one of size 1.
 *
 * @example
 * ```ts
 * atleast1d(tensor(5)).shape; // [1]
 * ```
 */
export const atleast1d = (tensor: Tensor): Tensor => {
  requireTensors("atleast1d", tensor);
  return atLeast(tensor, 1);
};
/**
 * At least two axes: a vector becomes a row.
 *
 * @example
 * ```ts
 * atleast2d(tensor([1, 2])).shape; // [1, 2]
 * ```
 */
export const atleast2d = (tensor: Tensor): Tensor => {
  requireTensors("atleast2d", tensor);
  return atLeast(tensor, 2);
};
/**
 * At least three axes: a vector becomes [1, n, 1], a matrix [m, n, 1].
 *
 * @example
 * ```ts
 * atleast3d(tensor([1, 2])).shape; // [1, 2, 1]
 * ```
 */
export const atleast3d = (tensor: Tensor): Tensor => {
  requireTensors("atleast3d", tensor);
  return atLeast(tensor, 3);
};

/**
 * Each tensor as a view of the shape that all have together.
 *
 * @throws SHAPE_MISMATCH where sizes differ and none of them is 1
 *
 * @example
 * ```ts
 * broadcastTensors(zeros([3, 1]), zeros([2])).map((part) => part.shape); // [[3, 2], [3, 2]]
 * ```
 */
export function broadcastTensors(...tensors: readonly Tensor[]): Tensor[] {
  requireTensors("broadcastTensors", ...tensors);
  const shape = tensors.reduce<Shape>((common, { dims }) => broadcast(common, dims), []);
  return tensors.map((tensor) => tensor.expand(shape));
}

/**
 * Side by side, vectors as columns.
 *
 * @example
 * ```ts
 * columnStack([tensor([1, 2]), tensor([3, 4])]).tolistSync(); // [[1, 3], [2, 4]]
 * ```
 */
export function columnStack(tensors: readonly Tensor[]): Tensor {
  requireTensorList("columnStack", tensors);
  return hstack(tensors.map((part) => (part.ndim <= 1 ? part.reshape([-1, 1]) : part)));
}

/**
 * Side by side: along the second axis, vectors along their own.
 *
 * @example
 * ```ts
 * hstack([tensor([1, 2]), tensor([3])]).tolistSync(); // [1, 2, 3]
 * ```
 */
export function hstack(tensors: readonly Tensor[]): Tensor {
  requireTensorList("hstack", tensors);
  const parts = tensors.map((part) => atLeast(part, 1));
  return cat(parts, parts[0]?.ndim === 1 ? 0 : 1);
}

/**
 * One above another: along the first axis, vectors as rows.
 *
 * @example
 * ```ts
 * vstack([tensor([1, 2]), tensor([3, 4])]).tolistSync(); // [[1, 2], [3, 4]]
 * ```
 */
export function vstack(tensors: readonly Tensor[]): Tensor {
  requireTensorList("vstack", tensors);
  return cat(
    tensors.map((part) => atLeast(part, 2)),
    0,
  );
}

/**
 * One behind another: along the third axis.
 *
 * @example
 * ```ts
 * dstack([tensor([1, 2]), tensor([3, 4])]).tolistSync(); // [[[1, 3], [2, 4]]]
 * ```
 */
export function dstack(tensors: readonly Tensor[]): Tensor {
  requireTensorList("dstack", tensors);
  return cat(
    tensors.map((part) => atLeast(part, 3)),
    2,
  );
}

/**
 * `a` where the condition holds, else `b`; both may be numbers. With the condition alone, the places where it holds, one
 * list an axis (computed now).
 *
 * @example
 * ```ts
 * const x = tensor([-1, 2]);
 * await where(x.gt(0), x, 0).tolist(); // [0, 2]
 * ```
 */
export function where(condition: Tensor): Tensor[];
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor;
export function where(condition: Tensor, a?: TensorLike, b?: TensorLike): Tensor | Tensor[] {
  requireTensors("where", condition);
  if (a === undefined || b === undefined) return condition.nonzero({ asTuple: true });
  return chooseWhere(condition, a, b);
}

/**
 * Coordinate grids of vectors, as views: "ij" with one axis a vector in their order, "xy" with the first two axes
 * exchanged. [a] and [b] → two of [a, b], or of [b, a] with "xy".
 *
 * @throws SHAPE_MISMATCH for tensors of more than one axis; EMPTY_LIST; BAD_OPTION
 *
 * @example
 * ```ts
 * const [rows, columns] = meshgrid([tensor([1, 2]), tensor([3, 4, 5])]);
 * rows?.tolistSync(); // [[1, 1, 1], [2, 2, 2]]
 * columns?.tolistSync(); // [[3, 4, 5], [3, 4, 5]]
 * ```
 */
export function meshgrid(tensors: readonly Tensor[], given?: { indexing?: "ij" | "xy" }): Tensor[] {
  requireTensorList("meshgrid", tensors);
  const { indexing = "ij" } = meshgridOptions("meshgrid", given);
  if (tensors.length === 0) throw emptyListError("meshgrid expects a non-empty TensorList");
  const odd = tensors.find(({ ndim }) => ndim > 1);
  if (odd !== undefined) {
    throw shapeError(`torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: ${showShape(odd.dims)}`);
  }
  if (indexing !== "ij" && indexing !== "xy") {
    throw new AbrazoError({
      code: "BAD_OPTION",
      message: `torch.meshgrid: indexing must be one of "xy" or "ij", but received: ${String(indexing)}`,
      hint: '"ij" is the default.',
    });
  }
  const swapped = indexing === "xy" && tensors.length >= 2;
  const list = swapped ? [...tensors].toSpliced(0, 2, ...tensors.slice(0, 2).reverse()) : tensors;
  const shape = list.map((part) => part.numel());
  const grids = list.map((part, axis) => part.reshape(shape.map((size, at) => (at === axis ? size : 1))).expand(shape));
  if (!swapped) return grids;
  return grids.toSpliced(0, 2, ...grids.slice(0, 2).reverse());
}

/**
 * Every combination of one element of each vector, a row each. [a] and [b] → [a b, 2].
 *
 * @example
 * ```ts
 * cartesianProd(tensor([1, 2]), tensor([3, 4])).tolistSync(); // [[1, 3], [1, 4], [2, 3], [2, 4]]
 * ```
 */
export function cartesianProd(...tensors: readonly Tensor[]): Tensor {
  requireTensors("cartesianProd", ...tensors);
  const odd = tensors.find(({ ndim }) => ndim !== 1);
  if (odd !== undefined) throw shapeError(`Expect a 1D vector, but got shape ${showShape(odd.dims)}`);
  const [first] = tensors;
  if (tensors.length === 1 && first !== undefined) return first;
  return stack(meshgrid(tensors), -1).reshape([-1, tensors.length]);
}

interface PlaceOptions {
  dtype?: DType;
  device?: string;
}

const placeOptions = optionsOf<PlaceOptions>({ dtype: true, device: true });

function trianglePlaces(
  rows: number,
  columns: number,
  holds: (row: number, column: number) => boolean,
  { dtype = "int64", device = "cpu" }: PlaceOptions,
): Tensor {
  const places: [number, number][] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) if (holds(row, column)) places.push([row, column]);
  }
  const flat = [...places.map(([row]) => row), ...places.map(([, column]) => column)];
  return integers(BigInt64Array.from(flat, BigInt), [2, places.length], device).to(dtype);
}

/**
 * Rows and columns of the elements on and below a diagonal of a matrix, [2, count].
 *
 * @example
 * ```ts
 * trilIndices(2, 2).tolistSync(); // [[0, 1, 1], [0, 0, 1]]
 * ```
 */
export function trilIndices(rows: number, columns: number, offset = 0, given?: PlaceOptions): Tensor {
  const options = placeOptions("trilIndices", given);
  return trianglePlaces(rows, columns, (row, column) => column - row <= offset, options);
}

/**
 * Rows and columns of the elements on and above a diagonal of a matrix, [2, count].
 *
 * @example
 * ```ts
 * triuIndices(2, 2).tolistSync(); // [[0, 0, 1], [0, 1, 1]]
 * ```
 */
export function triuIndices(rows: number, columns: number, offset = 0, given?: PlaceOptions): Tensor {
  const options = placeOptions("triuIndices", given);
  return trianglePlaces(rows, columns, (row, column) => column - row >= offset, options);
}
