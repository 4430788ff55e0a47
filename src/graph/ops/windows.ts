// Sliding windows over the axes behind [N, C]: their geometry, and the columns that convolutions and poolings are made of.
// Knows no operation.
import type { DType } from "../dtype.ts";
import type { Attrs } from "../node.ts";
import { type LowerContext, listAttr, numberAttr } from "../op.ts";
import { type Dim, numeric, type Shape, shapeError, showShape, symbolicError } from "../shape.ts";

/** One number for each axis that the window slides along. */
export interface Windows {
  kernel: readonly number[];
  stride: readonly number[];
  /** Elements added before and after each axis. */
  before: readonly number[];
  after: readonly number[];
  dilation: readonly number[];
}

export const windowAttrs = ({ kernel, stride, before, after, dilation }: Windows): Attrs => ({
  kernel,
  stride,
  before,
  after,
  dilation,
});

export function windowsOf(attrs: Attrs): Windows & { groups: number } {
  const list = (name: string) => listAttr(attrs, name);
  return {
    kernel: list("kernel"),
    stride: list("stride"),
    before: list("before"),
    after: list("after"),
    dilation: list("dilation"),
    groups: "groups" in attrs ? numberAttr(attrs, "groups") : 1,
  };
}

/** Elements of an axis that a window reaches over. */
export const reach = ({ kernel, dilation }: Windows, axis: number): number =>
  (dilation[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;

/** Sizes behind [N, C] as numbers. */
export function spatial(shape: Shape): number[] {
  const sizes = numeric(shape.slice(2));
  if (sizes === undefined) throw symbolicError(shape);
  return sizes;
}

/** How many windows fit along each axis. */
export function windowCounts(shape: Shape, windows: Windows): number[] {
  const sizes = spatial(shape);
  const padded = sizes.map((size, axis) => size + (windows.before[axis] ?? 0) + (windows.after[axis] ?? 0));
  if (padded.some((size, axis) => size < reach(windows, axis))) {
    const reaches = padded.map((_, axis) => reach(windows, axis));
    throw shapeError(
      `Calculated padded input size per channel: (${padded.join(" x ")}). Kernel size: (${reaches.join(" x ")}). Kernel size can't be greater than actual input size`,
      `The input is ${showShape(shape)}; add padding or take a smaller kernel.`,
      { shape, kernel: windows.kernel },
    );
  }
  return padded.map((size, axis) => Math.floor((size - reach(windows, axis)) / (windows.stride[axis] ?? 1)) + 1);
}

/** Elements at the end of an axis that no window reaches. */
export function leftOver(x: Shape, windows: Shape, geometry: Windows): number[] {
  return spatial(x).map((size, axis) => {
    const around = (geometry.before[axis] ?? 0) + (geometry.after[axis] ?? 0);
    return size + around - reach(geometry, axis) - (Number(windows[axis + 2]) - 1) * (geometry.stride[axis] ?? 1);
  });
}

export const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** Every place of a window, row by row. */
export function places(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (all, size) => all.flatMap((place) => Array.from({ length: size }, (_, at) => [...place, at])),
    [[]],
  );
}

/** Emits one ONNX node of one output. */
export function emitter(
  ctx: LowerContext,
): (
  opType: string,
  inputs: readonly string[],
  attrs?: NonNullable<Parameters<LowerContext["emit"]>[2]>["attrs"],
) => string {
  return (opType, inputs, attrs = {}) => ctx.emit(opType, inputs, { attrs })[0] ?? "";
}

/** ONNX attributes of a window. */
export const onnxWindows = ({ kernel, stride, before, after, dilation }: Windows) => ({
  kernel_shape: kernel,
  strides: stride,
  dilations: dilation,
  pads: [...before, ...after],
});

/** `name` with elements of `value` around the axes behind the first two; a negative number crops. */
export function padded(
  ctx: LowerContext,
  name: string,
  dtype: DType,
  before: readonly number[],
  after: readonly number[],
  value = 0,
): string {
  if ([...before, ...after].every((count) => count === 0)) return name;
  return emitter(ctx)("Pad", [name, ctx.int64([0, 0, ...before, 0, 0, ...after]), ctx.constant(dtype, value)]);
}

/** The elements at each place of the window, one strided slice [N, C, counts…] for each place. */
export function slicesOf(
  ctx: LowerContext,
  name: string,
  dtype: DType,
  windows: Windows,
  counts: readonly number[],
  value = 0,
): string[] {
  const source = padded(ctx, name, dtype, windows.before, windows.after, value);
  const axes = ctx.int64(counts.map((_, axis) => axis + 2));
  const steps = ctx.int64(windows.stride);
  return places(windows.kernel).map((place) => {
    const starts = place.map((at, axis) => at * (windows.dilation[axis] ?? 1));
    const ends = starts.map((start, axis) => start + ((counts[axis] ?? 1) - 1) * (windows.stride[axis] ?? 1) + 1);
    return emitter(ctx)("Slice", [source, ctx.int64(starts), ctx.int64(ends), axes, steps]);
  });
}

/** Windows as columns [N, C, places, windows], from slices: for any dtype. */
export function columnsOf(
  ctx: LowerContext,
  name: string,
  { shape, dtype }: { shape: Shape; dtype: DType },
  windows: Windows,
  value = 0,
): string {
  const on = emitter(ctx);
  const counts = windowCounts(shape, windows);
  const target = ctx.shape([...leading(shape), 1, product(counts)]);
  const parts = slicesOf(ctx, name, dtype, windows, counts, value).map((part) => on("Reshape", [part, target]));
  return parts.length === 1 ? (parts[0] ?? "") : on("Concat", parts, { axis: 2 });
}

/** The same from a convolution of each channel with windows that hold a single 1: fastest where channels are few. */
export function columnsByConvolution(
  ctx: LowerContext,
  name: string,
  { shape, dtype }: { shape: Shape; dtype: DType },
  windows: Windows,
): string {
  const on = emitter(ctx);
  const [batch, channels] = leading(shape);
  const many = product(windows.kernel);
  const ones = Array.from({ length: many * many }, (_, at) => (at % (many + 1) === 0 ? 1 : 0));
  const filters = on("Reshape", [ctx.constant(dtype, ones), ctx.int64([many, 1, ...windows.kernel])]);
  const planes = on("Reshape", [name, ctx.int64([-1, 1, ...spatial(shape)])]);
  const columns = on("Conv", [planes, filters], onnxWindows(windows));
  const counts = windowCounts(shape, windows);
  return on("Reshape", [columns, ctx.shape([batch, channels, many, product(counts)])]);
}

function leading(shape: Shape): [Dim, Dim] {
  return [shape[0] ?? 1, shape[1] ?? 1];
}
