// Convolutions and their transposes, in one, two and three dimensions; windows as columns and back.
// Holds no weights.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { shapeError, showShape } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { requireOptionalTensor, requireTensors } from "../../tensor/arguments.ts";
import { Tensor } from "../../tensor/index.ts";
import { hostTensor } from "./host.ts";
import { unfoldOptions } from "./options.ts";
import { batched, optionError, perAxis, type Size } from "./sizes.ts";

/** Step, border, spread and groups of a convolution. */
export interface ConvOptions {
  stride?: Size;
  /** Zeros on both sides of each axis; "valid" is none, "same" as many as keep the size (stride 1). */
  padding?: Size | "same" | "valid";
  dilation?: Size;
  groups?: number;
}

const convOptions = optionsOf<ConvOptions>({ stride: true, padding: true, dilation: true, groups: true });

/** Step, border, spread and groups of a transposed convolution. */
export interface ConvTransposeOptions {
  stride?: Size;
  /** What is taken away on both sides of each axis. */
  padding?: Size;
  /** Further elements at the end of each axis: fewer than the stride or the dilation. */
  outputPadding?: Size;
  dilation?: Size;
  groups?: number;
}

const convTransposeOptions = optionsOf<ConvTransposeOptions>({
  stride: true,
  padding: true,
  outputPadding: true,
  dilation: true,
  groups: true,
});

/**
 * Cross-correlation of x [N, C, L] or [C, L] with W [O, C / groups, K], plus b [O].
 *
 * @throws SHAPE_MISMATCH when the channels are not those of the weight, or the kernel is larger than the input
 * @example
 * ```ts
 * conv1d(tensor([[[1, 2, 3, 4]]], { dtype: "float32" }), ones([1, 1, 2])).tolistSync(); // [[[3, 5, 7]]]
 * ```
 */
export const conv1d = (x: Tensor, weight: Tensor, bias?: Tensor | null, given?: ConvOptions): Tensor => {
  requireTensors("conv1d", x, weight);
  requireOptionalTensor("conv1d", 3, bias);
  return convolve(1, x, weight, bias, convOptions("conv1d", given));
};

/**
 * Cross-correlation of x [N, C, H, W] or [C, H, W] with W [O, C / groups, Kh, Kw], plus b [O].
 *
 * @throws SHAPE_MISMATCH when the channels are not those of the weight, or the kernel is larger than the input
 * @example
 * ```ts
 * conv2d(ones([2, 3, 8, 8]), ones([4, 3, 3, 3]), null, { stride: 2, padding: 1 }).shape; // [2, 4, 4, 4]
 * ```
 */
export const conv2d = (x: Tensor, weight: Tensor, bias?: Tensor | null, given?: ConvOptions): Tensor => {
  requireTensors("conv2d", x, weight);
  requireOptionalTensor("conv2d", 3, bias);
  return convolve(2, x, weight, bias, convOptions("conv2d", given));
};

/**
 * Cross-correlation of x [N, C, D, H, W] or [C, D, H, W] with W [O, C / groups, Kd, Kh, Kw], plus b [O].
 *
 * @example
 * ```ts
 * conv3d(ones([1, 2, 4, 4, 4]), ones([5, 2, 3, 3, 3])).shape; // [1, 5, 2, 2, 2]
 * ```
 */
export const conv3d = (x: Tensor, weight: Tensor, bias?: Tensor | null, given?: ConvOptions): Tensor => {
  requireTensors("conv3d", x, weight);
  requireOptionalTensor("conv3d", 3, bias);
  return convolve(3, x, weight, bias, convOptions("conv3d", given));
};

/**
 * The transpose of conv1d: x [N, C, L] or [C, L] with W [C, O / groups, K], plus b [O].
 *
 * @example
 * ```ts
 * convTranspose1d(ones([1, 1, 3]), ones([1, 1, 2]), null, { stride: 2 }).shape; // [1, 1, 6]
 * ```
 */
export const convTranspose1d = (
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  given?: ConvTransposeOptions,
): Tensor => {
  requireTensors("convTranspose1d", x, weight);
  requireOptionalTensor("convTranspose1d", 3, bias);
  return transpose(1, x, weight, bias, convTransposeOptions("convTranspose1d", given));
};

/**
 * The transpose of conv2d: x [N, C, H, W] or [C, H, W] with W [C, O / groups, Kh, Kw], plus b [O].
 *
 * @example
 * ```ts
 * convTranspose2d(ones([1, 8, 4, 4]), ones([8, 3, 4, 4]), null, { stride: 2, padding: 1 }).shape; // [1, 3, 8, 8]
 * ```
 */
export const convTranspose2d = (
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  given?: ConvTransposeOptions,
): Tensor => {
  requireTensors("convTranspose2d", x, weight);
  requireOptionalTensor("convTranspose2d", 3, bias);
  return transpose(2, x, weight, bias, convTransposeOptions("convTranspose2d", given));
};

function convolve(
  rank: number,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  options: ConvOptions,
): Tensor {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  const steps = perAxis(stride, rank, "stride");
  requirePositive(steps, "stride");
  const dilations = perAxis(dilation, rank, "dilation");
  requirePositive(dilations, "dilation");
  return batched(x, rank, `conv${rank}d`, (x) => {
    requireWeight(x, weight, rank, groups);
    requireBias(weight, bias, Number(weight.dims[0]));
    const kernel = weight.shape.slice(2);
    const around = paddingOf(padding, kernel, steps, dilations);
    const geometry = { kernel, stride: steps, dilation: dilations, groups, ...around };
    const node = build.conv(x.node, weight.node, bias?.node, geometry);
    return Tensor.fromNode(node, operands(x, weight, bias));
  });
}

function transpose(
  rank: number,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  { stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1 }: ConvTransposeOptions,
): Tensor {
  const steps = perAxis(stride, rank, "stride");
  requirePositive(steps, "stride");
  const dilations = perAxis(dilation, rank, "dilation");
  requirePositive(dilations, "dilation");
  const around = perAxis(padding, rank, "padding");
  requireNotNegative(around);
  const extra = perAxis(outputPadding, rank, "output_padding");
  if (extra.some((count, axis) => count >= Math.max(steps[axis] ?? 1, dilations[axis] ?? 1))) {
    throw optionError(
      `output padding must be smaller than either stride or dilation, but got output_padding: [${extra}] stride: [${steps}] dilation: [${dilations}]`,
      "It only tells apart the sizes that a convolution of this stride makes equal.",
    );
  }
  return batched(x, rank, `conv_transpose${rank}d`, (x) => {
    requireTransposedWeight(x, weight, rank, groups);
    requireBias(weight, bias, Number(weight.dims[1]) * groups);
    const geometry = { kernel: weight.shape.slice(2), stride: steps, dilation: dilations, groups };
    const node = build.convTranspose(x.node, weight.node, bias?.node, {
      ...geometry,
      before: around,
      after: around,
      outputPadding: extra,
    });
    return Tensor.fromNode(node, operands(x, weight, bias));
  });
}

function operands(x: Tensor, weight: Tensor, bias: Tensor | null | undefined): Tensor[] {
  for (const [what, other] of [
    ["weight", weight],
    ["bias", bias],
  ] as const) {
    if (other === null || other === undefined || other.dtype === x.dtype) continue;
    throw new AbrazoError({
      code: "DTYPE_MISMATCH",
      message: `Input type (${x.dtype}) and ${what} type (${other.dtype}) should be the same`,
      hint: `Convert one with to("${other.dtype}") or to("${x.dtype}").`,
    });
  }
  return bias === null || bias === undefined ? [x, weight] : [x, weight, bias];
}

/** Elements before and after each axis. "same" puts an odd one at the end, as PyTorch does. */
function paddingOf(
  padding: Size | "same" | "valid",
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): { before: number[]; after: number[] } {
  if (padding !== "same") {
    const around = padding === "valid" ? kernel.map(() => 0) : perAxis(padding, kernel.length, "padding");
    requireNotNegative(around);
    return { before: around, after: around };
  }
  if (stride.some((step) => step !== 1)) {
    throw optionError("padding='same' is not supported for strided convolutions", "Give the padding as numbers.");
  }
  const total = kernel.map((size, axis) => (dilation[axis] ?? 1) * (size - 1));
  return { before: total.map((count) => Math.floor(count / 2)), after: total.map((count) => Math.ceil(count / 2)) };
}

function requirePositive(values: readonly number[], name: string): void {
  if (values.every((value) => value > 0)) return;
  throw optionError(
    name === "stride" ? "non-positive stride is not supported" : `${name} should be greater than zero`,
    `${name} is [${values.join(", ")}].`,
  );
}

function requireNotNegative(values: readonly number[]): void {
  if (values.every((value) => value >= 0)) return;
  throw optionError("negative padding is not supported", "Crop with F.pad, whose numbers may be negative.");
}

function requireRank(weight: Tensor, rank: number, groups: number): void {
  if (!(groups > 0)) throw optionError("non-positive groups is not supported", `groups is ${groups}.`);
  if (weight.ndim === rank + 2) return;
  throw shapeError(
    `weight should have ${rank + 2} dimensions, but got weight of size ${showShape(weight.dims)}`,
    `The axes are [out, in / groups, …] with ${rank} sizes of the kernel.`,
  );
}

function requireWeight(x: Tensor, weight: Tensor, rank: number, groups: number): void {
  requireRank(weight, rank, groups);
  const [out, inGroup, channels] = [Number(weight.dims[0]), Number(weight.dims[1]), Number(x.dims[1])];
  const said = `Given groups=${groups}, `;
  const size = showShape(weight.dims);
  if (out < groups) {
    throw shapeError(
      `${said}expected weight to be at least ${groups} at dimension 0, but got weight of size ${size} instead`,
    );
  }
  if (out % groups !== 0) {
    throw shapeError(
      `${said}expected weight to be divisible by ${groups} at dimension 0, but got weight of size ${size} instead`,
    );
  }
  if (channels === inGroup * groups) return;
  throw shapeError(
    `${said}weight of size ${size}, expected input${showShape(x.dims)} to have ${inGroup * groups} channels, but got ${channels} channels instead`,
    "The axes of the input are [batch, channels, …]; permute() brings channels from the end.",
    { input: x.dims, weight: weight.dims, groups },
  );
}

function requireTransposedWeight(x: Tensor, weight: Tensor, rank: number, groups: number): void {
  requireRank(weight, rank, groups);
  const [rows, channels] = [Number(weight.dims[0]), Number(x.dims[1])];
  const size = showShape(weight.dims);
  if (rows % groups !== 0) {
    throw shapeError(
      `Given groups=${groups}, expected weight to be divisible by ${groups} at dimension 0, but got weight of size ${size} instead`,
    );
  }
  if (channels === rows) return;
  throw shapeError(
    `Given transposed=1, weight of size ${size}, expected input${showShape(x.dims)} to have ${rows} channels, but got ${channels} channels instead`,
    "The weight of a transposed convolution is [in, out / groups, …].",
    { input: x.dims, weight: weight.dims, groups },
  );
}

function requireBias(weight: Tensor, bias: Tensor | null | undefined, out: number): void {
  if (bias === null || bias === undefined || (bias.ndim === 1 && bias.dims[0] === out)) return;
  throw shapeError(
    `Given weight of size ${showShape(weight.dims)}, expected bias to be 1-dimensional with ${out} elements, but got bias of size ${showShape(bias.dims)} instead`,
  );
}

/** Where the windows of unfold and fold lie. */
export interface UnfoldOptions {
  dilation?: Size;
  padding?: Size;
  stride?: Size;
}

/**
 * Every window of x [N, C, H, W] as a column: [N, C · Kh · Kw, L].
 *
 * @example
 * ```ts
 * unfold(ones([1, 3, 4, 4]), 2, { stride: 2 }).shape; // [1, 12, 4]
 * ```
 */
export function unfold(x: Tensor, kernelSize: Size, given?: UnfoldOptions): Tensor {
  requireTensors("unfold", x);
  const options = unfoldOptions("unfold", given);
  const { kernel, ...windows } = windowsOf(kernelSize, options);
  return batched(x, 2, "unfold", (x) => {
    const { shape } = x;
    const planes = x.reshape([-1, 1, ...shape.slice(2)]);
    const columns = conv2d(planes, oneHot(kernel, x), null, windows);
    return columns.reshape([shape[0] ?? 1, (shape[1] ?? 1) * columns.size(1), columns.size(2) * columns.size(3)]);
  });
}

/**
 * The sum of columns [N, C · Kh · Kw, L] where their windows lie: [N, C, H, W]. What windows share is added up.
 *
 * @throws SHAPE_MISMATCH when the number of columns is not that of the windows
 * @example
 * ```ts
 * fold(ones([1, 12, 4]), 4, 2, { stride: 2 }).shape; // [1, 3, 4, 4]
 * ```
 */
export function fold(x: Tensor, outputSize: Size, kernelSize: Size, given?: UnfoldOptions): Tensor {
  requireTensors("fold", x);
  const options = unfoldOptions("fold", given);
  const windows = windowsOf(kernelSize, options);
  const sizes = perAxis(outputSize, 2, "output_size");
  const many = (windows.kernel[0] ?? 1) * (windows.kernel[1] ?? 1);
  const room = sizes.map((size, axis) => {
    const reach = (windows.dilation[axis] ?? 1) * ((windows.kernel[axis] ?? 1) - 1) + 1;
    return size + 2 * (windows.padding[axis] ?? 0) - reach;
  });
  const counts = room.map((left, axis) => Math.floor(left / (windows.stride[axis] ?? 1)) + 1);
  const found = x.dims.at(-1);
  const wanted = (counts[0] ?? 1) * (counts[1] ?? 1);
  if (x.ndim > 1 && (found !== wanted || Number(x.dims.at(-2)) % many !== 0)) {
    throw shapeError(
      `Given output_size=(${sizes.join(", ")}), kernel_size=(${windows.kernel.join(", ")}), expected size of input's dimension 2 to match the calculated number of sliding blocks ${counts.join(" * ")} = ${wanted}, but got input.size(2)=${found}.`,
      `The input is ${showShape(x.dims)}; its rows are channels times ${many} places of the window.`,
    );
  }
  return batched(x, 1, "fold", (x) => {
    const planes = x.reshape([-1, many, ...counts]);
    const { kernel, ...steps } = windows;
    const outputPadding = room.map((left, axis) => left % (windows.stride[axis] ?? 1));
    const summed = convTranspose2d(planes, oneHot(kernel, x), null, { ...steps, outputPadding });
    return summed.reshape([x.size(0), x.size(1) / many, ...sizes]);
  });
}

function windowsOf(kernelSize: Size, { dilation = 1, padding = 0, stride = 1 }: UnfoldOptions) {
  const steps = perAxis(stride, 2, "stride");
  requirePositive(steps, "stride");
  return {
    kernel: perAxis(kernelSize, 2, "kernel_size"),
    dilation: perAxis(dilation, 2, "dilation"),
    padding: perAxis(padding, 2, "padding"),
    stride: steps,
  };
}

/** Windows that hold a single one each: [places, 1, Kh, Kw]. */
function oneHot(kernel: readonly number[], like: Tensor): Tensor {
  const many = kernel.reduce((all, size) => all * size, 1);
  const values = Array.from({ length: many * many }, (_, at) => (at % (many + 1) === 0 ? 1 : 0));
  return hostTensor(values, [many, 1, ...kernel], like);
}
