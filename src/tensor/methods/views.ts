// Another look at the same elements: shape, order, parts. Views share memory, and writes go through them.
// Copies nothing, but for reshape and contiguous where strides cannot say it.
import { AbrazoError } from "../../errors.ts";
import { axisOf, type Dim, inferReshape, numeric, shapeError, showShape } from "../../graph/shape.ts";
import { contiguousLayout, isContiguous, type Layout, stridesFor } from "../layout.ts";
import type { Tensor } from "../tensor.ts";
import {
  chainStep,
  expandStep,
  permuteStep,
  reshapeStep,
  sliceStep,
  squeezeStep,
  stridedStep,
  unfoldStep,
  unsqueezeStep,
} from "../view-steps.ts";
import { copied } from "./support.ts";

/** The view of a shape, or undefined where the strides do not allow one. */
function reshaped(tensor: Tensor, shape: readonly Dim[]): Tensor | undefined {
  const target = inferReshape(tensor.dims, shape);
  const { layout } = tensor;
  const sizes = numeric(target);
  const fits = layout === undefined || sizes === undefined || stridesFor(layout, sizes) !== undefined;
  return fits ? tensor.viewBy(reshapeStep(target)) : undefined;
}

/** A bound of a slice, counted from the end when negative and kept inside. */
function bounded(at: number, size: number): number {
  return Math.min(size, Math.max(0, at < 0 ? at + size : at));
}

/** Every axis once, or PyTorch's error. */
function orderOf(dims: readonly number[], rank: number): number[] {
  if (dims.length !== rank) {
    throw shapeError(
      `permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = ${rank} is not equal to len(dims) = ${dims.length}`,
    );
  }
  const order = dims.map((axis) => axisOf(axis, rank));
  if (new Set(order).size < rank) throw shapeError("permute(): duplicate dims are not allowed.");
  return order;
}

function requireLayout(tensor: Tensor): Layout {
  const { layout } = tensor;
  // The sizes themselves say what is not known.
  return layout ?? contiguousLayout(tensor.shape);
}

function requireAxis(tensor: Tensor, name: string): void {
  if (tensor.ndim > 0) return;
  throw new AbrazoError({
    code: "INDEX_OUT_OF_RANGE",
    message: `${name}() cannot be applied to a 0-dim tensor.`,
    hint: "item() reads its value.",
  });
}

export const viewMethods = {
  /**
   * The same elements in another shape, one size possibly -1: a view where the strides allow it, else a copy.
   *
   * @example
   * ```ts
   * arange(6).reshape([2, -1]).shape; // [2, 3]
   * ```
   */
  reshape(this: Tensor, shape: readonly Dim[]): Tensor {
    return reshaped(this, shape) ?? copied(this).viewBy(reshapeStep(inferReshape(this.dims, shape)));
  },
  /** reshape to the shape of another tensor. */
  reshapeAs(this: Tensor, other: Tensor): Tensor {
    return this.reshape(other.dims);
  },
  /**
   * The same elements in another shape, never a copy: an error where the strides do not allow it.
   *
   * @example
   * ```ts
   * arange(6).view([3, 2]).shape; // [3, 2]
   * arange(6).view([3, 2]).t().view([6]); // throws view size is not compatible with input tensor's size and stride …
   * ```
   */
  view(this: Tensor, shape: readonly Dim[]): Tensor {
    const view = reshaped(this, shape);
    if (view !== undefined) return view;
    throw new AbrazoError({
      code: "VIEW_NOT_CONTIGUOUS",
      message:
        "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.",
      hint: `Sizes ${showShape(this.shape)} lie with strides [${this.stride().join(", ")}]; contiguous().view(...) copies too.`,
      data: { shape: this.shape, strides: this.stride(), wanted: shape },
    });
  },
  /** view in the shape of another tensor. */
  viewAs(this: Tensor, other: Tensor): Tensor {
    return this.view(other.dims);
  },
  /** Axes `start` to `end`, both included, as one. */
  flatten(this: Tensor, start = 0, end = -1): Tensor {
    const dims = this.dims;
    const [from, to] = [axisOf(start, dims.length), axisOf(end, dims.length)];
    if (dims.length === 0) return this.reshape([1]);
    if (from > to) throw shapeError("flatten() has invalid args: start_dim cannot come after end_dim");
    const merged = dims.slice(from, to + 1);
    const size = numeric(merged)?.reduce((a, b) => a * b, 1) ?? -1;
    return this.reshape([...dims.slice(0, from), size, ...dims.slice(to + 1)]);
  },
  /** One axis, contiguous: a view of what is contiguous, else a copy. */
  ravel(this: Tensor): Tensor {
    return this.contiguous().flatten();
  },
  /** One axis as several, one of the sizes possibly -1. */
  unflatten(this: Tensor, dim: number, sizes: readonly Dim[]): Tensor {
    const dims = this.dims;
    if (dims.length === 0) throw shapeError(`Dimension specified as ${dim} but tensor has no dimensions`);
    const axis = axisOf(dim, dims.length);
    const size = dims[axis] ?? 1;
    const parts = numeric([size]) === undefined ? [...sizes] : inferUnflatten(axis, size, sizes);
    return this.reshape([...dims.slice(0, axis), ...parts, ...dims.slice(axis + 1)]);
  },
  /** Without axes of size 1: all of them, or those named. */
  squeeze(this: Tensor, dim?: number | readonly number[]): Tensor {
    const dims = this.dims;
    const named = dim === undefined ? undefined : [dim].flat().map((axis) => axisOf(axis, dims.length));
    const twice = named?.find((axis, at) => named.indexOf(axis) !== at);
    if (twice !== undefined) throw shapeError(`dim ${twice} appears multiple times in the list of dims`);
    const kept = [...dims.keys()].filter((axis) => dims[axis] !== 1 || named?.includes(axis) === false);
    return this.viewBy(
      squeezeStep(
        kept,
        kept.map((axis) => dims[axis] ?? 1),
      ),
    );
  },
  /** With an axis of size 1 at `dim`. */
  unsqueeze(this: Tensor, dim: number): Tensor {
    const axis = axisOf(dim, this.ndim + 1);
    return this.viewBy(unsqueezeStep(axis, this.dims.toSpliced(axis, 0, 1)));
  },
  /** Two axes exchanged, without a copy. */
  transpose(this: Tensor, first: number, second: number): Tensor {
    const order = [...this.dims.keys()];
    const [one, two] = [axisOf(first, order.length), axisOf(second, order.length)];
    if (order.length === 0) return this.viewBy(permuteStep([]));
    order[one] = two;
    order[two] = one;
    return this.viewBy(permuteStep(order));
  },
  /** transpose under NumPy's name. */
  swapaxes(this: Tensor, first: number, second: number): Tensor {
    return this.transpose(first, second);
  },
  /**
   * Axes in another order, without a copy.
   *
   * @example
   * ```ts
   * zeros([2, 3, 5]).permute([2, 0, 1]).shape; // [5, 2, 3]
   * ```
   */
  permute(this: Tensor, order: readonly number[]): Tensor {
    return this.viewBy(permuteStep(orderOf(order, this.ndim)));
  },
  /** Axes `source` at the places `destination`, the others in their order. */
  movedim(this: Tensor, source: number | readonly number[], destination: number | readonly number[]): Tensor {
    const [from, to] = [source, destination].map((dims) => [dims].flat().map((axis) => axisOf(axis, this.ndim)));
    if (from === undefined || to === undefined || from.length !== to.length) {
      throw shapeError("movedim: Invalid source or destination dims: source and destination must be of one length");
    }
    for (const [name, list] of Object.entries({ source: from, destination: to })) {
      if (new Set(list).size < list.length)
        throw shapeError(`movedim: repeated dim in \`${name}\` (${showShape(list)})`);
    }
    const rest = [...this.dims.keys()].filter((axis) => !from.includes(axis));
    const order = this.dims.map((_, place) => {
      const at = to.indexOf(place);
      return at < 0 ? (rest.shift() ?? 0) : (from[at] ?? 0);
    });
    return this.permute(order);
  },
  /** The transposed matrix; vectors and scalars as they are. */
  t(this: Tensor): Tensor {
    if (this.ndim > 2) throw shapeError(`t() expects a tensor with <= 2 dimensions, but self is ${this.ndim}D`);
    return this.ndim < 2 ? this.permute([...this.dims.keys()]) : this.transpose(0, 1);
  },
  /** Repeated along axes of size 1 without a copy; -1 keeps a size. Not to be written to. */
  expand(this: Tensor, shape: readonly Dim[]): Tensor {
    const dims = this.dims;
    const missing = shape.length - dims.length;
    if (missing < 0) {
      throw shapeError(
        `expand(${showShape(dims)}, size=${showShape(shape)}): the number of sizes provided (${shape.length}) must be greater or equal to the number of dimensions in the tensor (${dims.length})`,
      );
    }
    const added = shape.slice(0, missing).indexOf(-1);
    if (added >= 0) {
      throw shapeError(
        `The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension ${added}`,
      );
    }
    return this.viewBy(expandStep(shape.map((dim, axis) => (dim === -1 ? (dims[axis - missing] ?? 1) : dim))));
  },
  /** expand to the shape of another tensor. */
  expandAs(this: Tensor, other: Tensor): Tensor {
    return this.expand(other.dims);
  },
  /** expand under NumPy's name. */
  broadcastTo(this: Tensor, shape: readonly Dim[]): Tensor {
    return this.expand(shape);
  },
  /** Elements `start` to `start + length` along an axis, sharing memory. */
  narrow(this: Tensor, dim: number, start: number, length: number): Tensor {
    requireAxis(this, "narrow");
    const axis = axisOf(dim, this.ndim);
    const size = this.dims[axis];
    if (typeof size !== "number") return this.slice(axis, start, start + length);
    const from = start < 0 ? start + size : start;
    if (length < 0) throw shapeError("narrow(): length must be non-negative.");
    if (from < 0 || from + length > size) {
      throw shapeError(`start (${start}) + length (${length}) exceeds dimension size (${size}).`);
    }
    return this.slice(axis, from, from + length);
  },
  /**
   * Elements from `start` below `end` along an axis, every `step`-th, sharing memory; negative bounds count from the end.
   *
   * @example
   * ```ts
   * await arange(6).slice(0, 1, -1, 2).tolist(); // [1, 3]
   * ```
   */
  slice(this: Tensor, dim: number, start = 0, end?: number, step = 1): Tensor {
    requireAxis(this, "slice");
    const axis = axisOf(dim, this.ndim);
    if (!(Number.isInteger(step) && step > 0)) {
      throw new AbrazoError({
        code: "BAD_SLICE",
        message: "slice step must be positive",
        hint: "flip() reverses an axis.",
      });
    }
    const size = this.dims[axis];
    if (typeof size !== "number") return this.viewBy(sliceStep(axis, start, end ?? start, step));
    const from = bounded(start, size);
    return this.viewBy(sliceStep(axis, from, Math.max(from, bounded(end ?? size, size)), step));
  },
  /** The slice at one index, without that axis, sharing memory. */
  select(this: Tensor, dim: number, index: number): Tensor {
    requireAxis(this, "select");
    const axis = axisOf(dim, this.ndim);
    const size = this.dims[axis];
    const at = typeof size === "number" && index < 0 ? index + size : index;
    if (!Number.isInteger(at) || at < 0 || (typeof size === "number" && at >= size)) {
      throw new AbrazoError({
        code: "INDEX_OUT_OF_RANGE",
        message: `index ${index} is out of bounds for dimension ${axis} with size ${size}`,
        hint: "Indices are whole numbers from -size to size - 1.",
        data: { index, dim: axis, size },
      });
    }
    const kept = [...this.dims.keys()].filter((other) => other !== axis);
    const shape = kept.map((other) => this.dims[other] ?? 1);
    return this.viewBy(chainStep([sliceStep(axis, at, at + 1, 1), squeezeStep(kept, shape)]));
  },
  /** Windows of `size` elements along an axis, one every `step`, on a new last axis; windows may overlap. */
  unfold(this: Tensor, dim: number, size: number, step: number): Tensor {
    const axis = axisOf(dim, this.ndim);
    const length = this.ndim === 0 ? 1 : this.size(axis);
    if (size > length) {
      throw shapeError(
        `maximum size for tensor at dimension ${axis} is ${length} but size is ${size}`,
        "A window is no longer than the axis.",
      );
    }
    if (!(step > 0)) throw shapeError(`step is ${step} but must be > 0`);
    const base = this.ndim === 0 ? this.reshape([1]) : this;
    const windows = base.viewBy(unfoldStep(axis, length, size, step));
    return this.ndim === 0 ? windows.squeeze(0) : windows;
  },
  /** Elements i, i + offset of two axes, on a new last axis. */
  diagonal(this: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor {
    const [one, two] = [axisOf(dim1, this.ndim), axisOf(dim2, this.ndim)];
    if (one === two) throw shapeError(`diagonal dimensions cannot be identical ${dim1}, ${dim2}`);
    const { shape } = this;
    const [rows, columns] = [shape[one] ?? 1, shape[two] ?? 1];
    const kept = [...shape.keys()].filter((axis) => axis !== one && axis !== two);
    const count = Math.max(0, offset >= 0 ? Math.min(rows, columns - offset) : Math.min(rows + offset, columns));
    const start = count === 0 ? 0 : offset >= 0 ? offset : -offset * columns;
    const flat = [...kept.map((axis) => shape[axis] ?? 1), rows * columns];
    const end = count === 0 ? 0 : start + (count - 1) * (columns + 1) + 1;
    const steps = [
      permuteStep([...kept, one, two]),
      reshapeStep(flat),
      sliceStep(kept.length, start, end, columns + 1),
    ];
    const arrange = (from: Layout): Layout => {
      const [down, right] = [from.strides[one] ?? 1, from.strides[two] ?? 1];
      return {
        shape: [...kept.map((axis) => shape[axis] ?? 1), count],
        strides: [...kept.map((axis) => from.strides[axis] ?? 1), down + right],
        offset: from.offset + (count === 0 ? 0 : offset >= 0 ? offset * right : -offset * down),
      };
    };
    return this.viewBy(chainStep(steps, arrange));
  },
  /**
   * Any sizes and strides over the storage of this tensor, from `offset` (the view's own by default).
   *
   * @example
   * ```ts
   * await arange(5).asStrided([3, 3], [1, 1]).tolist(); // [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
   * ```
   */
  asStrided(this: Tensor, size: readonly number[], stride: readonly number[], offset?: number): Tensor {
    const from = offset ?? this.storageOffset();
    const room = this.storage.peek.shape.reduce<number>((product, dim) => product * Number(dim), 1);
    if (size.length !== stride.length) throw shapeError("mismatch in length of strides and shape");
    const last = size.reduce((sum, length, axis) => sum + (length - 1) * (stride[axis] ?? 0), from);
    if (!size.includes(0) && last >= room) {
      throw shapeError(
        `setStorage: sizes ${showShape(size)}, strides ${showShape(stride)}, storage offset ${from} requiring a storage of ${last + 1} elements are out of bounds for storage of ${room} elements`,
      );
    }
    if (stride.some((step) => step < 0)) throw shapeError("as_strided: Negative strides are not supported");
    return this.viewOfStorage(stridedStep({ shape: [...size], strides: [...stride], offset: from }));
  },
  /** How many elements of the storage lie between neighbours along each axis, or along one. */
  stride: strideOf,
  /** True when the elements lie row by row without gaps. Results of operations always do. */
  isContiguous(this: Tensor): boolean {
    return isContiguous(requireLayout(this));
  },
  /** Itself when it is contiguous, else a copy that is. */
  contiguous(this: Tensor): Tensor {
    const { layout } = this;
    return layout === undefined || isContiguous(layout) ? this : copied(this);
  },
  /** Where the first element lies in the storage. */
  storageOffset(this: Tensor): number {
    return requireLayout(this).offset;
  },
};

function strideOf(this: Tensor): readonly number[];
function strideOf(this: Tensor, dim: number): number;
function strideOf(this: Tensor, dim?: number): number | readonly number[] {
  const { strides } = requireLayout(this);
  return dim === undefined ? strides : (strides[axisOf(dim, strides.length)] ?? 1);
}

function inferUnflatten(axis: number, size: Dim, sizes: readonly Dim[]): Dim[] {
  const known = sizes.reduce<number>((product, dim) => (dim === -1 ? product : product * Number(dim)), 1);
  const parts = sizes.map((dim) => (dim === -1 && known !== 0 ? Number(size) / known : dim));
  if (parts.reduce<number>((product, dim) => product * Number(dim), 1) !== size || !parts.every(Number.isInteger)) {
    throw shapeError(
      `unflatten: Provided sizes ${showShape(sizes)} don't multiply up to the size of dim ${axis} (${size}) in the input tensor`,
    );
  }
  return parts;
}
