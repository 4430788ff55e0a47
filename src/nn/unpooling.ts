// Layers that undo the pooling of largest elements, as far as its indices say.
// Knows no model.
import type { Tensor } from "../tensor/index.ts";
import { unpoolLayerOptions } from "./functional/options.ts";
import { perAxis, type Size } from "./functional/sizes.ts";
import { type MaxUnpoolOptions, maxUnpool1d, maxUnpool2d, maxUnpool3d } from "./functional/unpool.ts";
import { Module } from "./module.ts";
import { python } from "./print.ts";

/** Where the windows of the maximum lay. */
export interface MaxUnpoolLayerOptions {
  /** The kernel's size when absent. */
  stride?: Size;
  padding?: Size;
}

abstract class AnyMaxUnpool extends Module<[Tensor, Tensor, (readonly number[])?], Tensor> {
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];

  constructor(rank: number, kernelSize: Size, given?: MaxUnpoolLayerOptions) {
    const { stride = kernelSize, padding = 0 } = unpoolLayerOptions(new.target.name, given);
    super();
    this.kernelSize = perAxis(kernelSize, rank, "kernel_size");
    this.stride = perAxis(stride, rank, "stride");
    this.padding = perAxis(padding, rank, "padding");
  }

  override forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    const { stride, padding } = this;
    return this.unpool(x, indices, outputSize === undefined ? { stride, padding } : { stride, padding, outputSize });
  }

  protected abstract unpool(x: Tensor, indices: Tensor, options: MaxUnpoolOptions): Tensor;

  override extraRepr(): string {
    return `kernel_size=${python(this.kernelSize)}, stride=${python(this.stride)}, padding=${python(this.padding)}`;
  }
}

/**
 * Zeros with the elements of [N, C, L] or [C, L] where MaxPool1d with `returnIndices` found them. Called with values,
 * indices and, where several sizes pool to the same, the size before.
 *
 * @example
 * ```ts
 * const [values, indices] = new MaxPool1d(2, { returnIndices: true })(tensor([[[1, 5, 2, 4]]]));
 * new MaxUnpool1d(2)(values, indices).tolistSync(); // [[[0, 5, 0, 4]]]
 * ```
 */
export class MaxUnpool1d extends AnyMaxUnpool {
  constructor(kernelSize: Size, options?: MaxUnpoolLayerOptions) {
    super(1, kernelSize, options);
  }

  protected override unpool(x: Tensor, indices: Tensor, options: MaxUnpoolOptions): Tensor {
    return maxUnpool1d(x, indices, this.kernelSize, options);
  }
}

/**
 * Zeros with the elements of [N, C, H, W] or [C, H, W] where MaxPool2d with `returnIndices` found them. Called with values,
 * indices and, where several sizes pool to the same, the size before.
 *
 * @example
 * ```ts
 * const [values, indices] = new MaxPool2d(2, { returnIndices: true })(tensor([[[1, 5], [2, 4]]]));
 * new MaxUnpool2d(2)(values, indices).tolistSync(); // [[[0, 5], [0, 0]]]
 * ```
 */
export class MaxUnpool2d extends AnyMaxUnpool {
  constructor(kernelSize: Size, options?: MaxUnpoolLayerOptions) {
    super(2, kernelSize, options);
  }

  protected override unpool(x: Tensor, indices: Tensor, options: MaxUnpoolOptions): Tensor {
    return maxUnpool2d(x, indices, this.kernelSize, options);
  }
}

/**
 * Zeros with the elements of [N, C, D, H, W] or [C, D, H, W] where MaxPool3d with `returnIndices` found them. Called with values,
 * indices and, where several sizes pool to the same, the size before.
 *
 * @example
 * ```ts
 * const [values, indices] = new MaxPool3d(2, { returnIndices: true })(ones([1, 4, 4, 4]));
 * new MaxUnpool3d(2)(values, indices).shape; // [1, 4, 4, 4]
 * ```
 */
export class MaxUnpool3d extends AnyMaxUnpool {
  constructor(kernelSize: Size, options?: MaxUnpoolLayerOptions) {
    super(3, kernelSize, options);
  }

  protected override unpool(x: Tensor, indices: Tensor, options: MaxUnpoolOptions): Tensor {
    return maxUnpool3d(x, indices, this.kernelSize, options);
  }
}
