// Pooling of windows: the largest element, or the mean.
// Holds no state.
import * as build from "../../graph/build.ts";
import { reach, type Windows } from "../../graph/ops/windows.ts";
import { type Shape, shapeError, showShape } from "../../graph/shape.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import { Tensor } from "../../tensor/index.ts";
import { hostTensor } from "./host.ts";
import { avgPool1dOptions, avgPoolOptions, maxPoolOptions } from "./options.ts";
import { batched, optionError, perAxis, type Size } from "./sizes.ts";

/** Where the windows of a maximum lie. */
export interface MaxPoolOptions {
  /** The kernel's size when absent: windows side by side. */
  stride?: Size;
  /** Elements around each axis that are never the largest: at most half of the kernel. */
  padding?: Size;
  dilation?: Size;
  /** Windows that reach over the end count too. */
  ceilMode?: boolean;
  /** Gives [values, indices]: int64, where in the plane each value was found, the first where several are equal. */
  returnIndices?: boolean;
}

/** Where the windows of a mean lie, and what it is divided by. */
export interface AvgPoolOptions {
  /** The kernel's size when absent: windows side by side. */
  stride?: Size;
  /** Zeros around each axis: at most half of the kernel. */
  padding?: Size;
  ceilMode?: boolean;
  /** Whether the zeros around count as elements of the mean. */
  countIncludePad?: boolean;
  /** What sums are divided by, instead of the number of elements. */
  divisorOverride?: number;
}

type WithIndices = MaxPoolOptions & { returnIndices: true };
/** The values, or values and indices. */
export type MaybePair = Tensor | [Tensor, Tensor];

/**
 * Largest element of each window of x [N, C, L] or [C, L].
 *
 * @throws SHAPE_MISMATCH when no window fits
 * @example
 * ```ts
 * maxPool1d(tensor([[[1, 5, 2, 4]]]), 2).tolistSync(); // [[[5, 4]]]
 * ```
 */
export function maxPool1d(x: Tensor, kernelSize: Size, options: WithIndices): [Tensor, Tensor];
export function maxPool1d(x: Tensor, kernelSize: Size, options?: MaxPoolOptions & { returnIndices?: false }): Tensor;
export function maxPool1d(x: Tensor, kernelSize: Size, options?: MaxPoolOptions): MaybePair;
export function maxPool1d(x: Tensor, kernelSize: Size, options?: MaxPoolOptions): MaybePair {
  requireTensors("maxPool1d", x);
  return largest(1, x, kernelSize, options);
}

/**
 * Largest element of each window of x [N, C, H, W] or [C, H, W]; its gradient goes to the first that holds it. Where a
 * window has a NaN the result is NaN (on webgpu that is the driver's choice), and its index some place of the window.
 *
 * @throws SHAPE_MISMATCH when no window fits
 * @example
 * ```ts
 * const x = tensor([[[1, 5], [2, 4]]]);
 * maxPool2d(x, 2).tolistSync(); // [[[5]]]
 * maxPool2d(x, 2, { returnIndices: true })[1].tolistSync(); // [[[1]]]
 * ```
 */
export function maxPool2d(x: Tensor, kernelSize: Size, options: WithIndices): [Tensor, Tensor];
export function maxPool2d(x: Tensor, kernelSize: Size, options?: MaxPoolOptions & { returnIndices?: false }): Tensor;
export function maxPool2d(x: Tensor, kernelSize: Size, options?: MaxPoolOptions): MaybePair;
export function maxPool2d(x: Tensor, kernelSize: Size, options?: MaxPoolOptions): MaybePair {
  requireTensors("maxPool2d", x);
  return largest(2, x, kernelSize, options);
}

/**
 * Largest element of each window of x [N, C, D, H, W] or [C, D, H, W].
 *
 * @throws SHAPE_MISMATCH when no window fits
 * @example
 * ```ts
 * maxPool3d(ones([1, 4, 4, 4]), 2).shape; // [1, 2, 2, 2]
 * ```
 */
export function maxPool3d(x: Tensor, kernelSize: Size, options: WithIndices): [Tensor, Tensor];
export function maxPool3d(x: Tensor, kernelSize: Size, options?: MaxPoolOptions & { returnIndices?: false }): Tensor;
export function maxPool3d(x: Tensor, kernelSize: Size, options?: MaxPoolOptions): MaybePair;
export function maxPool3d(x: Tensor, kernelSize: Size, options?: MaxPoolOptions): MaybePair {
  requireTensors("maxPool3d", x);
  return largest(3, x, kernelSize, options);
}

/**
 * Mean of each window of x [N, C, L] or [C, L].
 *
 * @throws SHAPE_MISMATCH when no window fits
 * @example
 * ```ts
 * avgPool1d(tensor([[[1, 5, 2, 4]]], { dtype: "float32" }), 2).tolistSync(); // [[[3, 3]]]
 * ```
 */
export const avgPool1d = (x: Tensor, kernelSize: Size, options?: Omit<AvgPoolOptions, "divisorOverride">): Tensor => {
  requireTensors("avgPool1d", x);
  return average(1, x, kernelSize, avgPool1dOptions("avgPool1d", options));
};

/**
 * Mean of each window of x [N, C, H, W] or [C, H, W].
 *
 * @throws SHAPE_MISMATCH when no window fits
 * @example
 * ```ts
 * avgPool2d(tensor([[[1, 5], [2, 4]]], { dtype: "float32" }), 2).tolistSync(); // [[[3]]]
 * ```
 */
export const avgPool2d = (x: Tensor, kernelSize: Size, options?: AvgPoolOptions): Tensor => {
  requireTensors("avgPool2d", x);
  return average(2, x, kernelSize, options);
};

/**
 * Mean of each window of x [N, C, D, H, W] or [C, D, H, W].
 *
 * @throws SHAPE_MISMATCH when no window fits
 * @example
 * ```ts
 * avgPool3d(ones([1, 4, 4, 4]), 2).shape; // [1, 2, 2, 2]
 * ```
 */
export const avgPool3d = (x: Tensor, kernelSize: Size, options?: AvgPoolOptions): Tensor => {
  requireTensors("avgPool3d", x);
  return average(3, x, kernelSize, options);
};

function largest(rank: number, x: Tensor, kernelSize: Size, given?: MaxPoolOptions): MaybePair {
  const {
    dilation = 1,
    ceilMode = false,
    returnIndices = false,
    ...options
  } = maxPoolOptions(`maxPool${rank}d`, given);
  return batched<MaybePair>(x, rank, `max_pool${rank}d`, (x) => {
    const windows = poolWindows(x.dims, rank, kernelSize, { ...options, dilation, ceilMode });
    // Where gradients may be asked for, the places are found on the way; without them the kernel is faster.
    const node = build.maxPool(x.node, windows, returnIndices || x.requiresGrad);
    const values = Tensor.fromNode(node, [x]);
    if (!returnIndices) return values;
    const indices = Tensor.fromNode(build.maxPoolIndices(node, x.node, "plane"), [x]);
    return [values, indices];
  });
}

function average(rank: number, x: Tensor, kernelSize: Size, given?: AvgPoolOptions): Tensor {
  const {
    ceilMode = false,
    countIncludePad = true,
    divisorOverride,
    ...options
  } = avgPoolOptions(`avgPool${rank}d`, given);
  if (divisorOverride === 0) throw optionError("divisor must be not zero", "Leave divisorOverride out.");
  return batched(x, rank, `avg_pool${rank}d`, (x) => {
    const windows = poolWindows(x.dims, rank, kernelSize, { ...options, dilation: 1, ceilMode });
    const means = Tensor.fromNode(build.avgPool(x.node, windows), [x]);
    const around = perAxis(options.padding ?? 0, rank, "padding");
    const size = windows.kernel.reduce((all, length) => all * length, 1);
    const factors = means.shape
      .slice(2)
      .map((count, axis) => lengths(count, Number(x.dims[axis + 2]), windows, axis, around[axis] ?? 0, countIncludePad))
      .reduce<number[]>((all, own) => all.flatMap((one) => own.map((other) => one * other)), [1])
      .map((elements) => size / (divisorOverride ?? elements));
    if (factors.every((factor) => factor === 1)) return means;
    return means.mul(hostTensor(factors, means.shape.slice(2), x));
  });
}

/** Elements of one axis that count in each window. */
function lengths(
  count: number,
  size: number,
  windows: Windows,
  axis: number,
  around: number,
  withPadding: boolean,
): number[] {
  return Array.from({ length: count }, (_, at) => {
    const start = at * (windows.stride[axis] ?? 1) - (windows.before[axis] ?? 0);
    const end = Math.min(start + (windows.kernel[axis] ?? 1), size + around);
    return withPadding ? end - start : Math.min(end, size) - Math.max(start, 0);
  });
}

interface WindowOptions {
  stride?: Size;
  padding?: Size;
  dilation: Size;
  ceilMode: boolean;
}

function poolWindows(
  shape: Shape,
  rank: number,
  kernelSize: Size,
  { stride, padding = 0, dilation, ceilMode }: WindowOptions,
): Windows {
  if (shape[1] === 0) {
    throw shapeError(
      `Expected ${rank + 1}D or ${rank + 2}D (batch mode) tensor with optional 0 dim batch size for input, but got: ${showShape(shape)}`,
      "Windows are taken of at least one channel.",
    );
  }
  const kernel = perAxis(kernelSize, rank, "kernel_size");
  const around = perAxis(padding, rank, "padding");
  const windows: Windows = {
    kernel,
    stride: stride === undefined ? kernel : perAxis(stride, rank, "stride"),
    before: around,
    after: around,
    dilation: perAxis(dilation, rank, "dilation"),
  };
  if ([...kernel, ...windows.stride, ...windows.dilation].some((value) => !(value > 0))) {
    throw optionError(
      "kernel size, stride and dilation should be greater than zero",
      `kernel size [${kernel}], stride [${windows.stride}], dilation [${windows.dilation}]`,
    );
  }
  for (const [axis, count] of around.entries()) {
    const most = Math.floor(reach(windows, axis) / 2);
    if (count >= 0 && count <= most) continue;
    throw optionError(
      count < 0
        ? `pad must be non-negative, but got pad: ${count}`
        : `pad should be at most half of effective kernel size, but got pad=${count}, kernel_size=${kernel[axis]} and dilation=${windows.dilation[axis]}`,
      "A window has to hold at least one element.",
    );
  }
  const counts = kernel.map((_, axis) => countOf(shape, windows, axis, ceilMode));
  if (counts.some((count) => count < 1)) {
    const channels = shape[1];
    throw shapeError(
      `Given input size: (${[channels, ...shape.slice(2)].join("x")}). Calculated output size: (${[channels, ...counts].join("x")}). Output size is too small`,
      `The kernel is larger than the input ${showShape(shape)}.`,
      { shape, kernel },
    );
  }
  if (!ceilMode) return windows;
  // The last window's end, where that is beyond the padding.
  const after = counts.map((count, axis) => {
    const end = (count - 1) * (windows.stride[axis] ?? 1) + reach(windows, axis) - (around[axis] ?? 0);
    return Math.max(around[axis] ?? 0, end - Number(shape[axis + 2]));
  });
  return { ...windows, after };
}

function countOf(shape: Shape, windows: Windows, axis: number, ceilMode: boolean): number {
  const [size, step, around] = [Number(shape[axis + 2]), windows.stride[axis] ?? 1, windows.before[axis] ?? 0];
  const room = (size + 2 * around - reach(windows, axis)) / step;
  if (!ceilMode) return Math.floor(room) + 1;
  const count = Math.ceil(room) + 1;
  // A window that would start in the padding at the end does not count.
  return (count - 1) * step >= size + around ? count - 1 : count;
}
