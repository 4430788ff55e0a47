// Pooling layers. For the indices of the largest elements there are the functions.
// Knows no model.
import type { Tensor } from "../tensor/index.ts";
import {
  type AvgPoolOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool2d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
  type OutputSize,
} from "./functional/pool.ts";
import { layerOptions, perAxis, type Size } from "./functional/sizes.ts";
import { Module } from "./module.ts";
import { python } from "./print.ts";

type MaxOptions = Omit<MaxPoolOptions, "returnIndices">;

abstract class AnyMaxPool extends Module<[Tensor], Tensor> {
  readonly kernelSize: Size;
  readonly options: Required<MaxOptions>;

  constructor(kernelSize: Size, given: MaxOptions = {}) {
    const { stride = kernelSize, padding = 0, dilation = 1, ceilMode = false } = layerOptions(given);
    super();
    this.kernelSize = kernelSize;
    this.options = { stride, padding, dilation, ceilMode };
  }

  override extraRepr(): string {
    const { stride, padding, dilation, ceilMode } = this.options;
    return `kernel_size=${python(this.kernelSize)}, stride=${python(stride)}, padding=${python(padding)}, dilation=${python(dilation)}, ceil_mode=${python(ceilMode)}`;
  }
}

/**
 * Largest element of each window of [N, C, L] or [C, L]; windows lie side by side unless a stride is given.
 *
 * @example
 * ```ts
 * new MaxPool1d(2)(ones([1, 3, 8])).shape; // [1, 3, 4]
 * ```
 */
export class MaxPool1d extends AnyMaxPool {
  override forward(x: Tensor): Tensor {
    return maxPool1d(x, this.kernelSize, { ...this.options, returnIndices: false });
  }
}

/**
 * Largest element of each window of [N, C, H, W] or [C, H, W]; windows lie side by side unless a stride is given.
 *
 * @example
 * ```ts
 * new MaxPool2d(2)(ones([1, 3, 8, 8])).shape; // [1, 3, 4, 4]
 * `${new MaxPool2d(2)}`; // "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
 * ```
 */
export class MaxPool2d extends AnyMaxPool {
  override forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, { ...this.options, returnIndices: false });
  }
}

/**
 * Mean of each window of [N, C, L] or [C, L].
 *
 * @example
 * ```ts
 * new AvgPool1d(2)(ones([1, 3, 8])).shape; // [1, 3, 4]
 * ```
 */
export class AvgPool1d extends Module<[Tensor], Tensor> {
  readonly kernelSize: Size;
  readonly options: Required<Omit<AvgPoolOptions, "divisorOverride">>;

  constructor(kernelSize: Size, given: Omit<AvgPoolOptions, "divisorOverride"> = {}) {
    const { stride = kernelSize, padding = 0, ceilMode = false, countIncludePad = true } = layerOptions(given);
    super();
    this.kernelSize = kernelSize;
    this.options = { stride, padding, ceilMode, countIncludePad };
  }

  override forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const one = (size: Size) => python(perAxis(size, 1, "size"));
    return `kernel_size=${one(this.kernelSize)}, stride=${one(this.options.stride)}, padding=${one(this.options.padding)}`;
  }
}

/**
 * Mean of each window of [N, C, H, W] or [C, H, W].
 *
 * @example
 * ```ts
 * new AvgPool2d(2)(ones([1, 3, 8, 8])).shape; // [1, 3, 4, 4]
 * ```
 */
export class AvgPool2d extends Module<[Tensor], Tensor> {
  readonly kernelSize: Size;
  readonly options: AvgPoolOptions & { stride: Size; padding: Size };

  constructor(kernelSize: Size, given: AvgPoolOptions = {}) {
    const { stride = kernelSize, padding = 0, ...options } = layerOptions(given);
    super();
    this.kernelSize = kernelSize;
    this.options = { stride, padding, ...options };
  }

  override forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const { stride, padding } = this.options;
    return `kernel_size=${python(this.kernelSize)}, stride=${python(stride)}, padding=${python(padding)}`;
  }
}

abstract class AnyAdaptivePool extends Module<[Tensor], Tensor> {
  readonly outputSize: OutputSize;

  constructor(outputSize: OutputSize) {
    super();
    this.outputSize = outputSize;
  }

  override extraRepr(): string {
    return `output_size=${python(this.outputSize)}`;
  }
}

/**
 * Means of equal parts of [N, C, L] or [C, L].
 *
 * @example
 * ```ts
 * new AdaptiveAvgPool1d(3)(ones([1, 2, 8])).shape; // [1, 2, 3]
 * ```
 */
export class AdaptiveAvgPool1d extends AnyAdaptivePool {
  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool1d(x, this.outputSize);
  }
}

/**
 * Means of equal parts of [N, C, H, W] or [C, H, W]; null keeps a size.
 *
 * @example
 * ```ts
 * new AdaptiveAvgPool2d([1, null])(ones([1, 2, 8, 5])).shape; // [1, 2, 1, 5]
 * ```
 */
export class AdaptiveAvgPool2d extends AnyAdaptivePool {
  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }
}

/**
 * Largest elements of equal parts of [N, C, H, W] or [C, H, W]; null keeps a size.
 *
 * @example
 * ```ts
 * new AdaptiveMaxPool2d(1)(ones([1, 2, 8, 5])).shape; // [1, 2, 1, 1]
 * ```
 */
export class AdaptiveMaxPool2d extends AnyAdaptivePool {
  override forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize);
  }
}
