// Steps from a base to a view: how its elements are found, where they lie, and the way back for writes.
// Knows no tensors.
import { AbrazoError } from "../errors.ts";
import { call, cast, expand, gather, permute, reshape, slice, sliceScatter } from "../graph/build.ts";
import { makeLeaf } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { broadcastAxes, type Shape } from "../graph/shape.ts";
import { contiguousStrides, type Layout, placesOf, stridesFor } from "./layout.ts";

export interface ViewStep {
  apply(base: Node): Node;
  /** The base with the view's elements replaced. */
  put(base: Node, value: Node): Node;
  /** Where the view's elements lie, given where the base's do. Asked only when sizes are numbers. */
  arrange(from: Layout): Layout;
}

export function reshapeStep(shape: Shape): ViewStep {
  return {
    apply: (base) => reshape(base, shape),
    put: (base, value) => reshape(value, base.shape),
    arrange: (from) => {
      const sizes = shape.map(Number);
      return { shape: sizes, strides: stridesFor(from, sizes) ?? contiguousStrides(sizes), offset: from.offset };
    },
  };
}

/** Axes of size 1 dropped (`axis` of them gone) or added: strides are PyTorch's, which reshape would not give. */
export function squeezeStep(kept: readonly number[], shape: Shape): ViewStep {
  return {
    ...reshapeStep(shape),
    arrange: (from) => ({
      shape: kept.map((axis) => from.shape[axis] ?? 1),
      strides: kept.map((axis) => from.strides[axis] ?? 1),
      offset: from.offset,
    }),
  };
}

export function unsqueezeStep(axis: number, shape: Shape): ViewStep {
  return {
    ...reshapeStep(shape),
    arrange: (from) => ({
      shape: from.shape.toSpliced(axis, 0, 1),
      strides: from.strides.toSpliced(axis, 0, (from.shape[axis] ?? 1) * (from.strides[axis] ?? 1)),
      offset: from.offset,
    }),
  };
}

export function permuteStep(order: readonly number[]): ViewStep {
  const inverse = order.map((_, axis) => order.indexOf(axis));
  return {
    apply: (base) => permute(base, order),
    put: (_, value) => permute(value, inverse),
    arrange: ({ shape, strides, offset }) => ({
      shape: order.map((axis) => shape[axis] ?? 1),
      strides: order.map((axis) => strides[axis] ?? 1),
      offset,
    }),
  };
}

export function sliceStep(axis: number, start: number, end: number, step: number): ViewStep {
  return {
    apply: (base) => slice(base, axis, start, end, step),
    put: (base, value) => sliceScatter(base, value, axis, start, step),
    arrange: ({ shape, strides, offset }) => ({
      shape: shape.with(axis, Math.max(0, Math.ceil((Math.min(end, shape[axis] ?? 0) - start) / step))),
      strides: strides.with(axis, (strides[axis] ?? 1) * step),
      offset: offset + start * (strides[axis] ?? 1),
    }),
  };
}

/** Several steps as one. */
export function chainStep(steps: readonly ViewStep[], arrange?: ViewStep["arrange"]): ViewStep {
  return {
    apply: (base) => viewNode(base, steps),
    put: (base, value) => writeThrough(base, steps, value),
    arrange: arrange ?? ((from) => steps.reduce((layout, step) => step.arrange(layout), from)),
  };
}

export function expandStep(shape: Shape): ViewStep {
  return {
    apply: (base) => expand(base, shape),
    put: (base, value) => {
      if (broadcastAxes(base.shape, shape).some((axis) => shape[axis] !== 1)) throw overlapError();
      return reshape(value, base.shape);
    },
    arrange: (from) => expandedLayout(from, shape.map(Number)),
  };
}

function expandedLayout(from: Layout, shape: readonly number[]): Layout {
  const missing = shape.length - from.shape.length;
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = from.shape[axis - missing] ?? 1;
    const own = from.strides[axis - missing] ?? (shape[axis + 1] ?? 1) * (strides[axis + 1] ?? 1);
    strides[axis] = size === 1 && shape[axis] !== 1 ? 0 : own;
  }
  return { shape, strides, offset: from.offset };
}

/** Windows of `size` elements along an axis, one every `step`, on a new last axis. */
export function unfoldStep(axis: number, length: number, size: number, step: number): ViewStep {
  const count = Math.floor((length - size) / step) + 1;
  const starts = Array.from({ length: count }, (_, window) => window * step);
  const places = integerLeaf(
    starts.flatMap((start) => Array.from({ length: size }, (_, at) => start + at)),
    [count, size],
  );
  const last = (node: Node): number[] => [...node.shape.keys()].filter((at) => at !== axis + 1);
  return {
    apply: (base) => {
      const windows = gather(base, places, axis);
      return permute(windows, [...last(windows), axis + 1]);
    },
    put: (base, value) => {
      if (step < size) throw overlapError();
      const order = [...value.shape.keys()].slice(0, -1);
      const windows = permute(value, order.toSpliced(axis + 1, 0, value.shape.length - 1));
      return starts.reduce<Node>((written, start, window) => {
        return sliceScatter(written, merged(slice(windows, axis, window, window + 1), axis), axis, start);
      }, base);
    },
    arrange: ({ shape, strides, offset }) => ({
      shape: [...shape.with(axis, count), size],
      strides: [...strides.with(axis, (strides[axis] ?? 1) * step), strides[axis] ?? 1],
      offset,
    }),
  };
}

/** Without the axis of size 1 at `axis`. */
function merged(node: Node, axis: number): Node {
  return reshape(
    node,
    node.shape.filter((_, at) => at !== axis),
  );
}

/** Any strides over a whole storage, as in torch.as_strided. */
export function stridedStep(layout: Layout): ViewStep {
  const places = placesOf(layout);
  const leaf = integerLeaf(places, [places.length]);
  const { shape } = layout;
  return {
    apply: (base) => reshape(gather(reshape(base, [-1]), leaf, 0), shape),
    put: (base, value) => {
      if (new Set(places).size < places.length) throw overlapError();
      const flat = reshape(base, [-1]);
      const written = call("scatter", [flat, leaf, cast(reshape(value, [-1]), base.dtype)], { axis: 0 });
      return reshape(written, base.shape);
    },
    arrange: () => layout,
  };
}

function integerLeaf(values: readonly number[], shape: readonly number[]): Node {
  return makeLeaf(shape, "int64", { kind: "host", data: BigInt64Array.from(values, BigInt) });
}

function overlapError(): AbrazoError {
  return new AbrazoError({
    code: "WRITE_TO_EXPANDED",
    message:
      "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation.",
    hint: "A repeated view has fewer elements in memory than it shows; clone() gives each its own place.",
  });
}

export function viewNode(base: Node, steps: readonly ViewStep[]): Node {
  return steps.reduce((node, step) => step.apply(node), base);
}

/** The base after writing `value` through a chain of views. */
export function writeThrough(base: Node, steps: readonly ViewStep[], value: Node): Node {
  const bases = [base];
  for (const step of steps.slice(0, -1)) bases.push(step.apply(bases.at(-1) ?? base));
  let written = value;
  for (let index = steps.length - 1; index >= 0; index--) {
    const [step, under] = [steps[index], bases[index]];
    if (step !== undefined && under !== undefined) written = step.put(under, written);
  }
  return written;
}
