// Pooling: the largest element or the mean of each window.
import {
  constant,
  convTranspose,
  expand,
  gatherElements,
  maxPool,
  maxPoolIndices,
  maxUnpool,
  reshape,
  scale,
  scatterAddElements,
} from "../build.ts";
import { isFloat } from "../dtype.ts";
import type { Attrs, Node } from "../node.ts";
import { defineOp, dimsAttr, flag, inputAt, type LowerContext, NOT_REAL, stringAttr } from "../op.ts";
import { numeric, type Shape, sizeOf } from "../shape.ts";
import {
  columnsOf,
  emitter,
  leftOver,
  onnxWindows,
  places,
  product,
  spatial,
  type Windows,
  windowCounts,
  windowsOf,
} from "./windows.ts";

const pooledShape = (shape: Shape, attrs: Attrs): Shape => [
  ...shape.slice(0, 2),
  ...windowCounts(shape, windowsOf(attrs)),
];

/** No element is in two windows. */
const apart = ({ kernel, stride, dilation }: Windows): boolean =>
  kernel.every((size, axis) => (stride[axis] ?? 1) >= (dilation[axis] ?? 1) * (size - 1) + 1);

const planeSize = (shape: Shape): number => product(spatial(shape));

defineOp({
  name: "maxPool",
  doc: "Largest element of each window; g goes to the first that holds it.",
  computeIn: { float16: "float32", int16: "int32" },
  lacks: ["bool"],
  infer: (inputs, attrs) => {
    const { shape, dtype } = inputAt(inputs, 0);
    return { shape: pooledShape(shape, attrs), dtype };
  },
  lower: lowerMaxPool,
  grad: ({ inputs, attrs, out, g }) => {
    const x = inputAt(inputs, 0);
    const windows = windowsOf(attrs);
    const indices = maxPoolIndices(flag(attrs, "indexed") ? out : maxPool(x, windows, true), x, "tensor");
    if (apart(windows)) return [maxUnpool(g, indices, x.shape)];
    const zeros = expand(constant(0, g.dtype), [sizeOf(x.shape)]);
    return [reshape(scatterAddElements(zeros, reshape(indices, [-1]), reshape(g, [-1]), 0), x.shape)];
  },
});

function lowerMaxPool(ctx: LowerContext): readonly string[] {
  const { attrs, inputs, dtype } = ctx.node;
  const windows = windowsOf(attrs);
  const { shape } = inputAt(inputs, 0);
  const isIndexed = flag(attrs, "indexed");
  const hasKernel = dtype === "float32" || dtype === "float64";
  if (hasKernel && ctx.device !== "webgpu") {
    if (isIndexed && ctx.device === "cpu" && dtype === "float32" && isGrid(shape, windows))
      return lowerGrid(ctx, windows);
    const options = { attrs: onnxWindows(windows), outputs: isIndexed ? 2 : 1 };
    const [largest = "", ...indices] = ctx.emit("MaxPool", [ctx.input(0)], options);
    return [withNaN(ctx, ctx.input(0), largest, windows), ...indices];
  }
  if (hasKernel && !isIndexed) return ctx.emit("MaxPool", [ctx.input(0)], { attrs: onnxWindows(windows) });
  const on = emitter(ctx);
  const columns = columnsOf(ctx, ctx.input(0), { shape, dtype }, windows, least(dtype)); // [N, C, places, L]
  const target = ctx.shape(ctx.node.shape);
  const first = on("ArgMax", [columns], { axis: 2, keepdims: 1 });
  const values = on("Reshape", [on("ReduceMax", [columns, ctx.int64([2])]), target]);
  // The index of the element at each place of each window, one of which is picked.
  const table = on("Reshape", [ctx.int64(planeTable(shape, windows)), ctx.int64([1, 1, product(windows.kernel), -1])]);
  const planes = Number(shape[0]) * Number(shape[1]);
  const starts = on("Mul", [on("Range", [ctx.int64(0), ctx.int64(planes), ctx.int64(1)]), ctx.int64(planeSize(shape))]);
  const every = on("Add", [table, on("Reshape", [starts, ctx.shape([...shape.slice(0, 2), 1, 1])])]);
  return [values, on("Reshape", [on("GatherElements", [every, first], { axis: 2 }), target])];
}

const isPadded = ({ before, after }: Windows): boolean => [...before, ...after].some((count) => count > 0);

/** `largest` with NaN where a window has one: the kernel drops it or not, by its place. */
function withNaN(ctx: LowerContext, x: string, largest: string, windows: Windows): string {
  const on = emitter(ctx);
  const marked = on("Cast", [on("IsNaN", [x])], { to: ctx.onnxType(ctx.node.dtype) });
  // √-1 is NaN.
  return on("Add", [largest, on("Sqrt", [on("Neg", [on("MaxPool", [marked], onnxWindows(windows))])])]);
}

/** Windows lie edge to edge over a picture, each index of which float32 holds exactly. */
function isGrid(shape: Shape, windows: Windows): boolean {
  const { kernel, stride, dilation } = windows;
  const isEdgeToEdge = kernel.every((size, axis) => stride[axis] === size && dilation[axis] === 1);
  return (
    shape.length === 4 &&
    numeric(shape) !== undefined &&
    isEdgeToEdge &&
    !isPadded(windows) &&
    planeSize(shape) < 2 ** 24
  );
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/**
 * The largest element and its index without the kernel of onnxruntime that gives both: its branches are mispredicted, and it
 * takes sixteen times as long as the one for the elements alone. Each element is marked by how far the end of its plane is:
 * the largest mark among those that reach their window's largest belongs to the first of them.
 */
function lowerGrid(ctx: LowerContext, windows: Windows): readonly string[] {
  const { shape, dtype } = inputAt(ctx.node.inputs, 0);
  const on = emitter(ctx);
  const pool = onnxWindows(windows);
  const [[height = 1, width = 1], [high = 1, wide = 1]] = [spatial(shape), windows.kernel];
  const [rows = 1, columns = 1] = windowCounts(shape, windows);
  const reached = ctx.int64([rows * high, columns * wide]);
  const isCovered = rows * high === height && columns * wide === width;
  const x = isCovered ? ctx.input(0) : on("Slice", [ctx.input(0), ctx.int64([0, 0]), reached, ctx.int64([2, 3])]);
  const largest = withNaN(ctx, x, on("MaxPool", [x], pool), windows);
  const everywhere = on("Resize", [largest, "", ctx.constant(dtype, [1, 1, high, wide])], {
    ...{ mode: "nearest", nearest_mode: "floor", coordinate_transformation_mode: "asymmetric" },
  });
  const isLargest = on("Cast", [on("Not", [on("Less", [x, everywhere])])], { to: ctx.onnxType(dtype) });
  const starts = ctx.constant(
    dtype,
    upTo(rows * high).map((row) => (height - row) * width),
  );
  const marks = on("Sub", [on("Reshape", [starts, ctx.int64([-1, 1])]), ctx.constant(dtype, upTo(columns * wide))]);
  const first = on("MaxPool", [on("Mul", [isLargest, marks])], pool);
  const ends = upTo(Number(shape[0]) * Number(shape[1])).map((at) => (at + 1) * planeSize(shape));
  const end = on("Reshape", [ctx.int64(ends), ctx.shape([...shape.slice(0, 2), 1, 1])]);
  return [largest, on("Sub", [end, on("Cast", [first], { to: ctx.onnxType("int64") })])];
}

function least(dtype: Node["dtype"]): number {
  if (isFloat(dtype)) return Number.NEGATIVE_INFINITY;
  return dtype === "uint8" ? 0 : dtype === "int8" ? -128 : -(2 ** 31);
}

/** For each place of the window, the index in the plane of the element that each window has there. */
function planeTable(shape: Shape, windows: Windows): number[] {
  const sizes = spatial(shape);
  const counts = windowCounts(shape, windows);
  return places(windows.kernel).flatMap((place) =>
    places(counts).map((at) =>
      sizes.reduce((index, size, axis) => {
        const start = (at[axis] ?? 0) * (windows.stride[axis] ?? 1) - (windows.before[axis] ?? 0);
        return index * size + start + (place[axis] ?? 0) * (windows.dilation[axis] ?? 1);
      }, 0),
    ),
  );
}

defineOp({
  name: "maxPoolIndices",
  doc: "The index (int64) of the element that a maxPool picked in each window, counted through the plane or the whole tensor.",
  projects: true,
  infer: (inputs) => ({ shape: inputAt(inputs, 0).shape, dtype: "int64" }),
  lower: (ctx) => {
    const wide = ctx.outputsOf(0)[1] ?? "";
    if (stringAttr(ctx.node.attrs, "within") === "tensor") return [wide];
    return ctx.emit("Mod", [wide, ctx.int64(planeSize(inputAt(ctx.node.inputs, 1).shape))]);
  },
  grad: "an index has no gradient",
});

defineOp({
  name: "maxUnpool",
  doc: "Zeros with each element of the input put at its index in the whole tensor, no two at one; d = g at the indices.",
  computeIn: { float16: "float32" },
  infer: (inputs, attrs) => ({ shape: dimsAttr(attrs, "shape"), dtype: inputAt(inputs, 0).dtype }),
  lower: (ctx) => {
    const on = emitter(ctx);
    const shape = ctx.shape(ctx.node.shape);
    if (ctx.node.dtype === "float32" && ctx.device === "cpu") {
      return ctx.emit("MaxUnpool", [ctx.input(0), ctx.input(1), shape], {
        attrs: { kernel_shape: ctx.node.shape.slice(2).map(() => 1) },
      });
    }
    const zeros = on("Expand", [ctx.constant(ctx.node.dtype, 0), ctx.int64([sizeOf(ctx.node.shape)])]);
    const [indices, values] = [1, 0].map((at) => on("Reshape", [ctx.input(at), ctx.int64([-1])]));
    return [on("Reshape", [on("ScatterElements", [zeros, indices ?? "", values ?? ""], { axis: 0 }), shape])];
  },
  grad: ({ inputs, g }) => {
    const [x, indices] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    return [reshape(gatherElements(reshape(g, [-1]), reshape(indices, [-1]), 0), x.shape), undefined];
  },
});

defineOp({
  name: "avgPool",
  doc: "Sum of each window over its size, what is around counting as zeros; g is spread evenly.",
  computeIn: { float16: "float32" },
  lacks: NOT_REAL,
  infer: (inputs, attrs) => {
    const { shape, dtype } = inputAt(inputs, 0);
    return { shape: pooledShape(shape, attrs), dtype };
  },
  lower: (ctx) => {
    const { attrs, inputs, dtype } = ctx.node;
    const windows = windowsOf(attrs);
    if (dtype !== "float64") {
      return ctx.emit("AveragePool", [ctx.input(0)], { attrs: { ...onnxWindows(windows), count_include_pad: 1 } });
    }
    const on = emitter(ctx);
    const columns = columnsOf(ctx, ctx.input(0), { shape: inputAt(inputs, 0).shape, dtype }, windows);
    return [on("Reshape", [on("ReduceMean", [columns, ctx.int64([2])]), ctx.shape(ctx.node.shape)])];
  },
  grad: ({ inputs, attrs, g }) => {
    const { shape } = inputAt(inputs, 0);
    const windows = windowsOf(attrs);
    const share = scale(g, 1 / product(windows.kernel));
    if (tiles(shape, windows)) {
      const wide = g.shape.slice(2).flatMap((count, axis) => [count, windows.kernel[axis] ?? 1]);
      const apiece = g.shape.slice(2).flatMap((count) => [count, 1]);
      const lead = shape.slice(0, 2);
      return [reshape(expand(reshape(share, [...lead, ...apiece]), [...lead, ...wide]), shape)];
    }
    // Each plane by itself: the transpose of a convolution with ones.
    const planes = reshape(share, [-1, 1, ...g.shape.slice(2)]);
    const ones = expand(constant(1, g.dtype), [1, 1, ...windows.kernel]);
    const geometry = { ...windows, groups: 1, outputPadding: leftOver(shape, g.shape, windows) };
    return [reshape(convTranspose(planes, ones, undefined, geometry), shape)];
  },
});

/** Every element is in exactly one window. */
function tiles(shape: Shape, { kernel, stride, before, after }: Windows): boolean {
  return spatial(shape).every((size, axis) => {
    const width = kernel[axis] ?? 1;
    return stride[axis] === width && before[axis] === 0 && after[axis] === 0 && size % width === 0;
  });
}
