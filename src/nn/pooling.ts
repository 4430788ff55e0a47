// Pooling layers.
// Knows no model.
import type { Tensor } from "../tensor/index.ts";
import {
  type AdaptiveMaxPoolOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  type OutputSize,
} from "./functional/adaptive-pool.ts";
import { adaptiveMaxPoolOptions, avgPool1dOptions, avgPoolOptions, maxPoolOptions } from "./functional/options.ts";
import {
  type AvgPoolOptions,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool3d,
} from "./functional/pool.ts";
import { perAxis, type Size } from "./functional/sizes.ts";
import { Module } from "./module.ts";
import { python } from "./print.ts";

/** Values alone, or [values, indices] of a layer that was asked for both. */
export type MaxPooled<Indices extends boolean> = Indices extends true ? [Tensor, Tensor] : Tensor;

/** Options of a pooling layer that gives indices too where `Indices` is true. */
export type MaxPoolLayerOptions<Indices extends boolean> = MaxPoolOptions & { returnIndices?: Indices };

abstract class AnyMaxPool<Indices extends boolean> extends Module<[Tensor], MaxPooled<Indices>> {
  readonly kernelSize: Size;
  readonly options: MaxPoolOptions & Required<Omit<MaxPoolOptions, "returnIndices">>;

  constructor(kernelSize: Size, given?: MaxPoolLayerOptions<Indices>) {
    const {
      stride = kernelSize,
      padding = 0,
      dilation = 1,
      ceilMode = false,
      returnIndices,
    } = maxPoolOptions(new.target.name, given);
    super();
    this.kernelSize = kernelSize;
    // Without a word about indices where there are none: architecture files hold what is here.
    this.options = { stride, padding, dilation, ceilMode, ...(returnIndices === true ? { returnIndices } : {}) };
  }

  override forward(x: Tensor): MaxPooled<Indices> {
    // safe because the type parameter is what the option was
    return this.pool(x) as MaxPooled<Indices>;
  }

  protected abstract pool(x: Tensor): Tensor | [Tensor, Tensor];

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
export class MaxPool1d<Indices extends boolean = false> extends AnyMaxPool<Indices> {
  protected override pool(x: Tensor): Tensor | [Tensor, Tensor] {
    return maxPool1d(x, this.kernelSize, this.options);
  }
}

/**
 * Largest element of each window of [N, C, H, W] or [C, H, W]; windows lie side by side unless a stride is given. With
 * `returnIndices` it gives [values, indices], for MaxUnpool2d.
 *
 * @example
 * ```ts
 * new MaxPool2d(2)(ones([1, 3, 8, 8])).shape; // [1, 3, 4, 4]
 * `${new MaxPool2d(2)}`; // "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
 * const [values, indices] = new MaxPool2d(2, { returnIndices: true })(tensor([[[1, 5], [2, 4]]]));
 * [values.tolistSync(), indices.tolistSync()]; // [[[[5]]], [[[1]]]]
 * ```
 */
export class MaxPool2d<Indices extends boolean = false> extends AnyMaxPool<Indices> {
  protected override pool(x: Tensor): Tensor | [Tensor, Tensor] {
    return maxPool2d(x, this.kernelSize, this.options);
  }
}

/**
 * Largest element of each window of [N, C, D, H, W] or [C, D, H, W]; windows lie side by side unless a stride is given.
 *
 * @example
 * ```ts
 * new MaxPool3d(2)(ones([1, 3, 8, 8, 8])).shape; // [1, 3, 4, 4, 4]
 * ```
 */
export class MaxPool3d<Indices extends boolean = false> extends AnyMaxPool<Indices> {
  protected override pool(x: Tensor): Tensor | [Tensor, Tensor] {
    return maxPool3d(x, this.kernelSize, this.options);
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

  constructor(kernelSize: Size, given?: Omit<AvgPoolOptions, "divisorOverride">) {
    const {
      stride = kernelSize,
      padding = 0,
      ceilMode = false,
      countIncludePad = true,
    } = avgPool1dOptions("AvgPool1d", given);
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

abstract class AnyAvgPool extends Module<[Tensor], Tensor> {
  readonly kernelSize: Size;
  readonly options: AvgPoolOptions & { stride: Size; padding: Size };

  constructor(kernelSize: Size, given?: AvgPoolOptions) {
    const { stride = kernelSize, padding = 0, ...options } = avgPoolOptions(new.target.name, given);
    super();
    this.kernelSize = kernelSize;
    this.options = { stride, padding, ...options };
  }

  override extraRepr(): string {
    const { stride, padding } = this.options;
    return `kernel_size=${python(this.kernelSize)}, stride=${python(stride)}, padding=${python(padding)}`;
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
export class AvgPool2d extends AnyAvgPool {
  override forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }
}

/**
 * Mean of each window of [N, C, D, H, W] or [C, D, H, W].
 *
 * @example
 * ```ts
 * new AvgPool3d(2)(ones([1, 3, 8, 8, 8])).shape; // [1, 3, 4, 4, 4]
 * ```
 */
export class AvgPool3d extends AnyAvgPool {
  override forward(x: Tensor): Tensor {
    return avgPool3d(x, this.kernelSize, this.options);
  }
}

abstract class AnyAdaptivePool<Output = Tensor> extends Module<[Tensor], Output> {
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
 * Means of equal parts of [N, C, D, H, W] or [C, D, H, W]; null keeps a size.
 *
 * @example
 * ```ts
 * new AdaptiveAvgPool3d([1, null, 2])(ones([1, 2, 8, 5, 4])).shape; // [1, 2, 1, 5, 2]
 * ```
 */
export class AdaptiveAvgPool3d extends AnyAdaptivePool {
  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool3d(x, this.outputSize);
  }
}

abstract class AnyAdaptiveMaxPool<Indices extends boolean> extends AnyAdaptivePool<MaxPooled<Indices>> {
  /** Undefined where there are none: architecture files hold what is here. */
  readonly returnIndices: true | undefined;

  constructor(outputSize: OutputSize, given?: { returnIndices?: Indices }) {
    const { returnIndices } = adaptiveMaxPoolOptions(new.target.name, given);
    super(outputSize);
    this.returnIndices = returnIndices === true ? true : undefined;
  }

  override forward(x: Tensor): MaxPooled<Indices> {
    // safe because the type parameter is what the option was
    return this.pool(x, { returnIndices: this.returnIndices === true }) as MaxPooled<Indices>;
  }

  protected abstract pool(x: Tensor, options: AdaptiveMaxPoolOptions): Tensor | [Tensor, Tensor];
}

/**
 * Largest elements of equal parts of [N, C, L] or [C, L]; with `returnIndices` it gives [values, indices].
 *
 * @example
 * ```ts
 * new AdaptiveMaxPool1d(3)(ones([1, 2, 8])).shape; // [1, 2, 3]
 * ```
 */
export class AdaptiveMaxPool1d<Indices extends boolean = false> extends AnyAdaptiveMaxPool<Indices> {
  protected override pool(x: Tensor, options: AdaptiveMaxPoolOptions): Tensor | [Tensor, Tensor] {
    return adaptiveMaxPool1d(x, this.outputSize, options);
  }
}

/**
 * Largest elements of equal parts of [N, C, H, W] or [C, H, W]; null keeps a size. With `returnIndices` it gives
 * [values, indices].
 *
 * @example
 * ```ts
 * new AdaptiveMaxPool2d(1)(ones([1, 2, 8, 5])).shape; // [1, 2, 1, 1]
 * const [, indices] = new AdaptiveMaxPool2d(1, { returnIndices: true })(tensor([[[1, 5], [2, 4]]]));
 * indices.tolistSync(); // [[[1]]]
 * ```
 */
export class AdaptiveMaxPool2d<Indices extends boolean = false> extends AnyAdaptiveMaxPool<Indices> {
  protected override pool(x: Tensor, options: AdaptiveMaxPoolOptions): Tensor | [Tensor, Tensor] {
    return adaptiveMaxPool2d(x, this.outputSize, options);
  }
}

/**
 * Largest elements of equal parts of [N, C, D, H, W] or [C, D, H, W]; null keeps a size. With `returnIndices` it gives
 * [values, indices].
 *
 * @example
 * ```ts
 * new AdaptiveMaxPool3d([1, null, 2])(ones([1, 2, 8, 5, 4])).shape; // [1, 2, 1, 5, 2]
 * ```
 */
export class AdaptiveMaxPool3d<Indices extends boolean = false> extends AnyAdaptiveMaxPool<Indices> {
  protected override pool(x: Tensor, options: AdaptiveMaxPoolOptions): Tensor | [Tensor, Tensor] {
    return adaptiveMaxPool3d(x, this.outputSize, options);
  }
}
