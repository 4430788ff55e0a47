// Convolution layers and their transposes.
// Knows no model.
import { optionsOf } from "../options.ts";
import { type Tensor, uniform } from "../tensor/index.ts";
import { conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d } from "./functional/conv.ts";
import { type PadMode, pad } from "./functional/pad.ts";
import { optionError, perAxis, type Size } from "./functional/sizes.ts";
import type { LayerOptions } from "./linear.ts";
import { parameter } from "./marks.ts";
import { Module } from "./module.ts";
import { python } from "./print.ts";

/** How a convolution is made. */
export interface ConvLayerOptions extends LayerOptions {
  stride?: Size;
  /** Elements on both sides of each axis; "valid" is none, "same" as many as keep the size (stride 1). */
  padding?: Size | "same" | "valid";
  dilation?: Size;
  groups?: number;
  bias?: boolean;
  /** What the elements around are: zeros, or the image's own. */
  paddingMode?: "zeros" | Exclude<PadMode, "constant">;
}

const convLayerOptions = optionsOf<ConvLayerOptions>({
  generator: true,
  stride: true,
  padding: true,
  dilation: true,
  groups: true,
  bias: true,
  paddingMode: true,
});

/** How a transposed convolution is made. */
export interface ConvTransposeLayerOptions extends LayerOptions {
  stride?: Size;
  padding?: Size;
  outputPadding?: Size;
  groups?: number;
  bias?: boolean;
  dilation?: Size;
}

const convTransposeLayerOptions = optionsOf<ConvTransposeLayerOptions>({
  generator: true,
  stride: true,
  padding: true,
  outputPadding: true,
  groups: true,
  bias: true,
  dilation: true,
});

/** Kaiming's uniform with a = √5: weight, then bias, in ±1/√fan_in. */
function startOf(shape: readonly number[], out: number, bias: boolean, options: LayerOptions) {
  const fanIn = shape.slice(1).reduce((all, size) => all * size, 1);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  const weight = parameter(uniform(shape, -bound, bound, options));
  return { weight, bias: bias ? parameter(uniform([out], -bound, bound, options)) : undefined };
}

function requireGroups(inChannels: number, outChannels: number, groups: number): void {
  if (!(groups > 0)) throw optionError("groups must be a positive integer", `It is ${groups}.`);
  for (const [name, channels] of [
    ["in_channels", inChannels],
    ["out_channels", outChannels],
  ] as const) {
    if (channels % groups !== 0) throw optionError(`${name} must be divisible by groups`, `${channels} and ${groups}.`);
  }
}

abstract class AnyConv extends Module<[Tensor], Tensor> {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | "same" | "valid";
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly paddingMode: NonNullable<ConvLayerOptions["paddingMode"]>;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  constructor(rank: number, inChannels: number, outChannels: number, kernelSize: Size, given: ConvLayerOptions) {
    const {
      stride = 1,
      padding = 0,
      dilation = 1,
      groups = 1,
      bias = true,
      paddingMode = "zeros",
      ...options
    } = convLayerOptions(new.target.name, given);
    super();
    requireGroups(inChannels, outChannels, groups);
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = perAxis(kernelSize, rank, "kernel_size");
    this.stride = perAxis(stride, rank, "stride");
    this.padding = typeof padding === "string" ? padding : perAxis(padding, rank, "padding");
    this.dilation = perAxis(dilation, rank, "dilation");
    this.groups = groups;
    this.paddingMode = paddingMode;
    if (!["zeros", "reflect", "replicate", "circular"].includes(paddingMode)) {
      throw optionError(
        `padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, but got padding_mode='${paddingMode}'`,
        "zeros is the default.",
      );
    }
    if (padding === "same" && this.stride.some((step) => step !== 1)) {
      throw optionError("padding='same' is not supported for strided convolutions", "Give the padding as numbers.");
    }
    const start = startOf([outChannels, inChannels / groups, ...this.kernelSize], outChannels, bias, options);
    this.weight = start.weight;
    this.bias = start.bias;
  }

  /** The input with its surroundings, and the padding that is left to the convolution. */
  protected around(x: Tensor): { x: Tensor; padding: Size | "same" | "valid" } {
    const { padding, paddingMode } = this;
    if (paddingMode === "zeros" || padding === "valid") return { x, padding };
    const sides = this.kernelSize.map((size, axis): [number, number] => {
      if (padding !== "same") return [padding[axis] ?? 0, padding[axis] ?? 0];
      const total = (this.dilation[axis] ?? 1) * (size - 1);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    });
    return { x: pad(x, sides.reverse().flat(), paddingMode), padding: 0 };
  }

  override extraRepr(): string {
    const { padding, dilation, groups, bias, paddingMode } = this;
    const parts = [
      `${this.inChannels}, ${this.outChannels}, kernel_size=${python(this.kernelSize)}, stride=${python(this.stride)}`,
    ];
    if (typeof padding === "string") parts.push(`padding=${padding}`);
    else if (padding.some((count) => count !== 0)) parts.push(`padding=${python(padding)}`);
    if (dilation.some((count) => count !== 1)) parts.push(`dilation=${python(dilation)}`);
    if (groups !== 1) parts.push(`groups=${groups}`);
    if (bias === undefined) parts.push("bias=False");
    if (paddingMode !== "zeros") parts.push(`padding_mode=${paddingMode}`);
    return parts.join(", ");
  }
}

/**
 * Cross-correlation of [N, C, L] or [C, L]. The weight [out, in / groups, K] and the bias [out] start uniform in
 * ±1/√(in / groups · K).
 *
 * @example
 * ```ts
 * new Conv1d(3, 8, 5, { padding: "same" })(ones([2, 3, 10])).shape; // [2, 8, 10]
 * ```
 */
export class Conv1d extends AnyConv {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvLayerOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    const around = this.around(x);
    return conv1d(around.x, this.weight, this.bias, { ...settingsOf(this), padding: around.padding });
  }
}

/**
 * Cross-correlation of [N, C, H, W] or [C, H, W]. The weight [out, in / groups, Kh, Kw] and the bias [out] start uniform
 * in ±1/√(in / groups · Kh · Kw).
 *
 * @example
 * ```ts
 * const layer = new Conv2d(1, 6, 5, { padding: 2 });
 * layer(ones([2, 1, 28, 28])).shape; // [2, 6, 28, 28]
 * `${layer}`; // "Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))"
 * ```
 */
export class Conv2d extends AnyConv {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvLayerOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    const around = this.around(x);
    return conv2d(around.x, this.weight, this.bias, { ...settingsOf(this), padding: around.padding });
  }
}

/**
 * Cross-correlation of [N, C, D, H, W] or [C, D, H, W].
 *
 * @example
 * ```ts
 * new Conv3d(2, 4, 3)(ones([1, 2, 5, 5, 5])).shape; // [1, 4, 3, 3, 3]
 * ```
 */
export class Conv3d extends AnyConv {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvLayerOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    const around = this.around(x);
    return conv3d(around.x, this.weight, this.bias, { ...settingsOf(this), padding: around.padding });
  }
}

const settingsOf = ({ stride, dilation, groups }: AnyConv) => ({ stride, dilation, groups });

abstract class AnyConvTranspose extends Module<[Tensor], Tensor> {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  constructor(
    rank: number,
    inChannels: number,
    outChannels: number,
    kernelSize: Size,
    given: ConvTransposeLayerOptions,
  ) {
    const {
      stride = 1,
      padding = 0,
      outputPadding = 0,
      groups = 1,
      bias = true,
      dilation = 1,
      ...options
    } = convTransposeLayerOptions(new.target.name, given);
    super();
    requireGroups(inChannels, outChannels, groups);
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = perAxis(kernelSize, rank, "kernel_size");
    this.stride = perAxis(stride, rank, "stride");
    this.padding = perAxis(padding, rank, "padding");
    this.outputPadding = perAxis(outputPadding, rank, "output_padding");
    this.dilation = perAxis(dilation, rank, "dilation");
    this.groups = groups;
    const start = startOf([inChannels, outChannels / groups, ...this.kernelSize], outChannels, bias, options);
    this.weight = start.weight;
    this.bias = start.bias;
  }

  override extraRepr(): string {
    const { padding, outputPadding, dilation, groups, bias } = this;
    const parts = [
      `${this.inChannels}, ${this.outChannels}, kernel_size=${python(this.kernelSize)}, stride=${python(this.stride)}`,
    ];
    if (padding.some((count) => count !== 0)) parts.push(`padding=${python(padding)}`);
    if (dilation.some((count) => count !== 1)) parts.push(`dilation=${python(dilation)}`);
    if (outputPadding.some((count) => count !== 0)) parts.push(`output_padding=${python(outputPadding)}`);
    if (groups !== 1) parts.push(`groups=${groups}`);
    if (bias === undefined) parts.push("bias=False");
    return parts.join(", ");
  }
}

const transposeOptionsOf = ({ stride, padding, outputPadding, dilation, groups }: AnyConvTranspose) => ({
  stride,
  padding,
  outputPadding,
  dilation,
  groups,
});

/**
 * The transpose of Conv1d: [N, C, L] or [C, L]. The weight is [in, out / groups, K].
 *
 * @example
 * ```ts
 * new ConvTranspose1d(4, 2, 2, { stride: 2 })(ones([1, 4, 5])).shape; // [1, 2, 10]
 * ```
 */
export class ConvTranspose1d extends AnyConvTranspose {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvTransposeLayerOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return convTranspose1d(x, this.weight, this.bias, transposeOptionsOf(this));
  }
}

/**
 * The transpose of Conv2d: [N, C, H, W] or [C, H, W]. The weight is [in, out / groups, Kh, Kw].
 *
 * @example
 * ```ts
 * new ConvTranspose2d(8, 3, 4, { stride: 2, padding: 1 })(ones([1, 8, 5, 5])).shape; // [1, 3, 10, 10]
 * ```
 */
export class ConvTranspose2d extends AnyConvTranspose {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvTransposeLayerOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, this.bias, transposeOptionsOf(this));
  }
}
