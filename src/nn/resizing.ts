// Layers that resize images or take them apart: Upsample, PixelShuffle, PixelUnshuffle, Unfold, Fold.
// Knows no model.
import type { Tensor } from "../tensor/index.ts";
import { fold, type UnfoldOptions, unfold } from "./functional/conv.ts";
import { interpolateOptions, unfoldOptions } from "./functional/options.ts";
import { type InterpolateOptions, interpolate, pixelShuffle, pixelUnshuffle } from "./functional/resize.ts";
import type { Size } from "./functional/sizes.ts";
import { perAxis } from "./functional/sizes.ts";
import { Module } from "./module.ts";
import { python, pythonFloat } from "./print.ts";

/**
 * [N, C, …] at another size.
 *
 * @example
 * ```ts
 * new Upsample({ scaleFactor: 2, mode: "bilinear" })(ones([1, 3, 4, 4])).shape; // [1, 3, 8, 8]
 * ```
 */
export class Upsample extends Module<[Tensor], Tensor> {
  readonly options: InterpolateOptions;

  constructor(given: InterpolateOptions) {
    const options = interpolateOptions("Upsample", given);
    super();
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return interpolate(x, this.options);
  }

  override extraRepr(): string {
    const { size, scaleFactor, mode = "nearest" } = this.options;
    const factors =
      typeof scaleFactor === "number" ? pythonFloat(scaleFactor) : `(${scaleFactor?.map(pythonFloat).join(", ")})`;
    return `${scaleFactor === undefined ? `size=${python(size)}` : `scale_factor=${factors}`}, mode='${mode}'`;
  }
}

/**
 * Channels as pixels: [..., C r², H, W] to [..., C, H r, W r].
 *
 * @example
 * ```ts
 * new PixelShuffle(2)(ones([1, 8, 2, 2])).shape; // [1, 2, 4, 4]
 * ```
 */
export class PixelShuffle extends Module<[Tensor], Tensor> {
  readonly upscaleFactor: number;

  constructor(upscaleFactor: number) {
    super();
    this.upscaleFactor = upscaleFactor;
  }

  override forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.upscaleFactor);
  }

  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
}

/**
 * Pixels as channels: [..., C, H r, W r] to [..., C r², H, W].
 *
 * @example
 * ```ts
 * new PixelUnshuffle(2)(ones([1, 2, 4, 4])).shape; // [1, 8, 2, 2]
 * ```
 */
export class PixelUnshuffle extends Module<[Tensor], Tensor> {
  readonly downscaleFactor: number;

  constructor(downscaleFactor: number) {
    super();
    this.downscaleFactor = downscaleFactor;
  }

  override forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.downscaleFactor);
  }

  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}

const optionsText = ({ dilation = 1, padding = 0, stride = 1 }: UnfoldOptions): string =>
  `dilation=${python(dilation)}, padding=${python(padding)}, stride=${python(stride)}`;

/**
 * Every window of [N, C, H, W] as a column: [N, C · Kh · Kw, L].
 *
 * @example
 * ```ts
 * new Unfold(2, { stride: 2 })(ones([1, 3, 4, 4])).shape; // [1, 12, 4]
 * ```
 */
export class Unfold extends Module<[Tensor], Tensor> {
  readonly kernelSize: Size;
  readonly options: UnfoldOptions;

  constructor(kernelSize: Size, given?: UnfoldOptions) {
    const options = unfoldOptions("Unfold", given);
    perAxis(kernelSize, 2, "kernel_size");
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return unfold(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return `kernel_size=${python(this.kernelSize)}, ${optionsText(this.options)}`;
  }
}

/**
 * The sum of columns [N, C · Kh · Kw, L] where their windows lie: [N, C, H, W].
 *
 * @example
 * ```ts
 * new Fold(4, 2, { stride: 2 })(ones([1, 12, 4])).shape; // [1, 3, 4, 4]
 * ```
 */
export class Fold extends Module<[Tensor], Tensor> {
  readonly outputSize: Size;
  readonly kernelSize: Size;
  readonly options: UnfoldOptions;

  constructor(outputSize: Size, kernelSize: Size, given?: UnfoldOptions) {
    const options = unfoldOptions("Fold", given);
    perAxis(kernelSize, 2, "kernel_size");
    perAxis(outputSize, 2, "output_size");
    super();
    this.outputSize = outputSize;
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return fold(x, this.outputSize, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return `output_size=${python(this.outputSize)}, kernel_size=${python(this.kernelSize)}, ${optionsText(this.options)}`;
  }
}
