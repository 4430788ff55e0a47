// Indexing in NumPy's manner: numbers, ranges and new axes give views; masks and integer tensors pick copies.
// Knows no kernels: what is picked becomes one gather, what is put one scatter.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { makeLeaf } from "../../graph/leaf.ts";
import type { Node } from "../../graph/node.ts";
import { broadcast, type Dim, shapeError, showShape } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { encode, flattenNested } from "../convert.ts";
import { type IndexPart, isIndexArray, isRange, type ReadPart, readParts } from "../index-spec.ts";
import { indexNode, integerLeaf, outOfBounds } from "../indices.ts";
import { Storage } from "../storage.ts";
import { scalarNode, Tensor } from "../tensor.ts";
import { copied, integers, placesOfTruth } from "./support.ts";

const indexPutOptions = optionsOf<{ accumulate?: boolean }>({ accumulate: true });

const nonzeroOptions = optionsOf<{ asTuple?: boolean }>({ asTuple: true });

/** A view, and the indices still to be applied to some of its axes. */
interface Located {
  view: Tensor;
  picks: { axis: number; index: Node }[];
}

/** Indices of several axes as one: rows of the view with the picked axes in front. */
interface Plan {
  /** Axes of the view, picked ones first. */
  order: readonly number[];
  rows: number;
  rest: readonly Dim[];
  /** Row of each result. */
  places: Node;
  /** How many of the other axes stand before the picked ones in the result. */
  before: number;
}

function indexTensor(part: ReadPart): Tensor | undefined {
  if (part instanceof Tensor) return part;
  if (!isIndexArray(part)) return undefined;
  const { shape, flat } = flattenNested(part);
  const isMask = flat.length > 0 && flat.every((value) => typeof value === "boolean");
  if (!isMask && !flat.every((value) => Number.isInteger(value))) throw indexTypeError();
  const dtype = isMask ? "bool" : "int64";
  return new Tensor(new Storage(makeLeaf(shape, dtype, { kind: "host", data: encode(flat, dtype) })));
}

function indexTypeError(): AbrazoError {
  return new AbrazoError({
    code: "INDEX_DTYPE",
    message: "tensors used as indices must be long, int, byte or bool tensors",
    hint: 'Convert the index with to("int64"), or make it a mask with a comparison.',
  });
}

const isMask = ({ dtype }: Tensor): boolean => dtype === "bool" || dtype === "uint8";

/** A mask of no axes, which stands for none: as a truth value. */
const isTruth = (part: ReadPart): part is Tensor => part instanceof Tensor && part.ndim === 0 && isMask(part);

/** How many axes of the tensor a part stands for. */
function axesTaken(part: ReadPart): number {
  if (part === null || part === "..." || typeof part === "boolean") return 0;
  const tensor = indexTensor(part);
  return tensor !== undefined && isMask(tensor) ? tensor.ndim : 1;
}

function requireFit(tensor: Tensor, parts: readonly ReadPart[]): number {
  const taken = parts.reduce<number>((sum, part) => sum + axesTaken(part), 0);
  if (taken <= tensor.ndim) return tensor.ndim - taken;
  const isScalar = tensor.ndim === 0;
  throw new AbrazoError({
    code: "TOO_MANY_INDICES",
    message: isScalar
      ? "invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number"
      : `too many indices for tensor of dimension ${tensor.ndim}`,
    hint: isScalar ? "await tensor.item() reads its value." : `The index takes ${taken} axes.`,
  });
}

/** Applies what gives views, and lists what picks. */
function locate(tensor: Tensor, given: readonly IndexPart[]): Located {
  const parts = readParts(given).map((part) => indexTensor(part) ?? part);
  let between = requireFit(tensor, parts);
  let view = tensor;
  let [axis, source] = [0, 0]; // the place in the view, and in the tensor that was asked
  const picks: Located["picks"] = [];
  for (const part of parts) {
    if (part === "...") {
      axis += between;
      source += between;
      between = 0;
    } else if (part === null) {
      view = view.unsqueeze(axis++);
    } else if (typeof part === "boolean" || isTruth(part)) {
      const holds = typeof part === "boolean" ? part : Boolean(part.itemSync());
      view = view.unsqueeze(axis);
      picks.push({ axis: axis++, index: integerLeaf(holds ? [0] : [], [holds ? 1 : 0]) });
    } else if (typeof part === "number") {
      view = selected(view, axis, part, source++);
    } else if (part instanceof Tensor) {
      const taken = pickBy(view, part, axis, source, picks);
      if (typeof taken === "number") {
        axis += taken;
        source += taken;
      } else {
        view = taken;
        source++;
      }
    } else if (isRange(part)) {
      view = view.slice(axis++, part.start, part.end, part.step);
      source++;
    }
  }
  return { view, picks };
}

function selected(view: Tensor, axis: number, index: number, source: number): Tensor {
  const size = view.dims[axis] ?? 1;
  const rules = { size, dim: source };
  if (!Number.isInteger(index)) throw indexTypeError();
  if (typeof size === "number" && (index < -size || index >= size)) throw outOfBounds(index, rules);
  return view.select(axis, index);
}

/** Adds the picks of a mask or of integers: how many axes they take, or the view where a single number selects. */
function pickBy(view: Tensor, part: Tensor, axis: number, source: number, picks: Located["picks"]): number | Tensor {
  if (isMask(part)) {
    pickByMask(view, part, axis, source, picks);
    return part.ndim;
  }
  if (part.dtype.includes("float")) throw indexTypeError();
  if (part.ndim === 0) return selected(view, axis, part.itemSync(), source);
  picks.push({ axis, index: indexNode(part, { size: view.dims[axis] ?? 1, dim: source, negative: true }) });
  return 1;
}

function pickByMask(view: Tensor, mask: Tensor, axis: number, source: number, picks: Located["picks"]): void {
  const { shape } = mask;
  for (const [at, size] of shape.entries()) {
    if (view.dims[axis + at] === size) continue;
    throw new AbrazoError({
      code: "SHAPE_MISMATCH",
      message: `The shape of the mask ${showShape(shape)} at index ${at} does not match the shape of the indexed tensor ${showShape(view.dims)} at index ${source + at}`,
      hint: "A mask has the sizes of the axes that it stands for.",
      data: { mask: shape, tensor: view.dims },
    });
  }
  const columns = coordinates(placesOfTruth(mask), shape);
  for (const [at, column] of columns.entries())
    picks.push({ axis: axis + at, index: integerLeaf(column, [column.length]) });
}

/** Places counted row by row as one list of indices an axis. */
function coordinates(places: readonly number[], shape: readonly number[]): number[][] {
  const columns = shape.map((): number[] => []);
  for (const place of places) {
    let rest = place;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis] ?? 1;
      columns[axis]?.push(rest % size);
      rest = Math.floor(rest / size);
    }
  }
  return columns;
}

function planOf(view: Tensor, picks: Located["picks"]): Plan {
  const axes = picks.map(({ axis }) => axis);
  const rest = [...view.dims.keys()].filter((axis) => !axes.includes(axis));
  const first = axes[0] ?? 0;
  const isRun = axes.every((axis, at) => axis === first + at);
  let shape: Dim[] = [];
  for (const { index } of picks) shape = broadcastIndices(shape, index, picks);
  let [places, rows]: [Node | undefined, number] = [undefined, 1];
  for (const { axis, index } of [...picks].reverse()) {
    const step = build.mul(index, build.constant(rows, "int64"));
    places = places === undefined ? index : build.add(places, step);
    rows *= Number(view.dims[axis]);
  }
  return {
    order: [...axes, ...rest],
    rows,
    rest: rest.map((axis) => view.dims[axis] ?? 1),
    places: build.expand(places ?? integerLeaf([], [0]), shape),
    before: isRun ? first : 0,
  };
}

function broadcastIndices(shape: readonly Dim[], index: Node, picks: Located["picks"]): Dim[] {
  try {
    return broadcast(shape, index.shape);
  } catch (cause) {
    throw new AbrazoError({
      code: "SHAPE_MISMATCH",
      message: `shape mismatch: indexing tensors could not be broadcast together with shapes ${picks.map((pick) => showShape(pick.index.shape)).join(", ")}`,
      hint: "Indices of several axes pick together: their shapes must broadcast.",
      cause,
    });
  }
}

/** From [picked…, rest…] to the order of the result. */
function resultOrder({ places, rest, before }: Plan): number[] {
  const picked = [...places.shape.keys()];
  const others = [...rest.keys()].map((at) => at + picked.length);
  return [...others.slice(0, before), ...picked, ...others.slice(before)];
}

function rowsOf(node: Node, { order, rows, rest }: Plan): Node {
  return build.reshape(build.permute(node, order), [rows, ...rest]);
}

function pick(view: Tensor, picks: Located["picks"]): Tensor {
  const [only] = picks;
  if (picks.length === 1 && only !== undefined) return view.map((node) => build.gather(node, only.index, only.axis));
  const plan = planOf(view, picks);
  return view.map((node) => build.permute(build.gather(rowsOf(node, plan), plan.places, 0), resultOrder(plan)));
}

/** A value as what an index assigns: leading axes of size 1 beyond the target's are dropped, as in Python's assignment. */
function fitting(value: Tensor | number, dtype: Tensor["dtype"], shape: readonly Dim[]): Node {
  let node = build.cast(typeof value === "number" ? scalarNode(value, dtype) : value.node, dtype);
  while (node.shape.length > shape.length && node.shape[0] === 1) node = build.reshape(node, node.shape.slice(1));
  const fits = node.shape.every((size, axis) => size === 1 || size === shape[axis + shape.length - node.shape.length]);
  if (!fits || node.shape.length > shape.length) {
    throw shapeError(
      `shape mismatch: value tensor of shape ${showShape(node.shape)} cannot be broadcast to indexing result of shape ${showShape(shape)}`,
    );
  }
  return build.expand(node, shape);
}

function put(view: Tensor, picks: Located["picks"], value: Tensor | number, accumulate: boolean): void {
  const inputs = typeof value === "number" ? [] : [value];
  if (picks.length === 0) {
    const node = fitting(value, view.dtype, view.dims);
    view.write(accumulate ? build.add(view.node, node) : node, inputs);
    return;
  }
  const plan = planOf(view, picks);
  const { places, rest, rows } = plan;
  const order = resultOrder(plan);
  const picked = [...places.shape, ...rest];
  const given = fitting(
    value,
    view.dtype,
    order.map((axis) => picked[axis] ?? 1),
  );
  const count = places.shape.reduce<number>((product, size) => product * Number(size), 1);
  const updates = build.reshape(
    build.permute(
      given,
      order.map((_, axis) => order.indexOf(axis)),
    ),
    [count, ...rest],
  );
  const column = build.reshape(places, [count, ...rest.map(() => 1)]);
  const operands = [rowsOf(view.node, plan), build.expand(column, [count, ...rest]), updates];
  const written = build.call(accumulate ? "scatterAddElements" : "scatter", operands, { axis: 0 });
  const inverse = plan.order.map((_, axis) => plan.order.indexOf(axis));
  const unfolded = build.reshape(
    written,
    plan.order.map((axis) => view.dims[axis] ?? rows),
  );
  view.write(build.permute(unfolded, inverse), inputs);
}

function nonzero(this: Tensor, options?: { asTuple?: false }): Tensor;
function nonzero(this: Tensor, options: { asTuple: true }): Tensor[];
function nonzero(this: Tensor, given?: { asTuple?: boolean }): Tensor | Tensor[] {
  const { asTuple = false } = nonzeroOptions("nonzero", given);
  const places = placesOfTruth(this);
  const columns = coordinates(places, asTuple && this.ndim === 0 ? [1] : this.shape);
  const list = (values: readonly number[]) => BigInt64Array.from(values, BigInt);
  if (asTuple) return columns.map((column) => integers(list(column), [column.length], this.device));
  const data = places.flatMap((_, row) => columns.map((column) => column[row] ?? 0));
  return integers(list(data), [places.length, columns.length], this.device);
}

export const indexingMethods = {
  /**
   * What Python writes between brackets: `x[1, :, ::2]` is `x.index(1, ":", "::2")`. Numbers, ranges (`slice(1, 5)` or
   * "1:5"), "..." and null (a new axis) give a view; masks and integer tensors or arrays, broadcast together, pick a
   * copy, whose axes stand where the indexed ones stood when these are neighbours and in front when they are not.
   * Reading a mask computes it. Differentiable.
   *
   * @example
   * ```ts
   * const x = arange(12).view([3, 4]);
   * await x.index("...", -1).tolist(); // [3, 7, 11]
   * await x.index([0, 2], [1, 1]).tolist(); // [1, 9]
   * await x.index(x.gt(9)).tolist(); // [10, 11]
   * ```
   */
  index(this: Tensor, ...parts: readonly IndexPart[]): Tensor {
    const { view, picks } = locate(this, parts);
    if (picks.length > 0) return pick(view, picks);
    return view === this
      ? this.viewBy({ apply: (node) => node, put: (_, value) => value, arrange: (from) => from })
      : view;
  },
  /**
   * Writes a value where an index points; `accumulate` adds instead, also where an index comes twice.
   *
   * @example
   * ```ts
   * const x = zeros([3]);
   * x.indexPut_([[0, 0, 2]], 1, { accumulate: true });
   * await x.tolist(); // [2, 0, 1]
   * ```
   */
  indexPut_(
    this: Tensor,
    parts: readonly IndexPart[],
    value: Tensor | number,
    given?: { accumulate?: boolean },
  ): Tensor {
    const { accumulate = false } = indexPutOptions("indexPut_", given);
    const { view, picks } = locate(this, parts);
    put(view, picks, value, accumulate);
    return this;
  },
  /** As indexPut_, into a copy. */
  indexPut(
    this: Tensor,
    parts: readonly IndexPart[],
    value: Tensor | number,
    given?: { accumulate?: boolean },
  ): Tensor {
    const options = indexPutOptions("indexPut", given);
    return copied(this).indexPut_(parts, value, options);
  },
  /**
   * What Python writes as an assignment: `x[0, 1:] = 5` is `x.set([0, "1:"], 5)`.
   *
   * @example
   * ```ts
   * const x = zeros([2, 3]);
   * x.set([0, "1:"], 5);
   * await x.tolist(); // [[0, 5, 5], [0, 0, 0]]
   * ```
   */
  set(this: Tensor, parts: readonly IndexPart[], value: Tensor | number): Tensor {
    return this.indexPut_(parts, value);
  },
  /** Positions of the elements that are not zero, [count, rank], int64; or one list an axis. Computed now, as its shape depends on data. */
  nonzero,
};
