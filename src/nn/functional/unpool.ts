// Max pooling turned back: elements at the places where they were the largest, zeros elsewhere.
// Holds no state.
import { AbrazoError } from "../../errors.ts";
import { shapeError, showShape } from "../../graph/shape.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import { type Tensor, zeros } from "../../tensor/index.ts";
import { maxUnpoolOptions } from "./options.ts";
import { batched, perAxis, type Size } from "./sizes.ts";

/** Where the windows of the maximum lay. */
export interface MaxUnpoolOptions {
  /** The kernel's size when absent. */
  stride?: Size;
  padding?: Size;
  /** Sizes before pooling, with or without batch and channels: several give the same pooled sizes, of which one is taken. */
  outputSize?: readonly number[];
}

/**
 * Zeros with the elements of x [N, C, L] or [C, L] at `indices`, which maxPool1d gave: int64, of the shape of x.
 *
 * @throws SHAPE_MISMATCH for indices of another shape; OUTPUT_SIZE for sizes that do not pool to those of x
 * @example
 * ```ts
 * const [values, indices] = nn.functional.maxPool1d(tensor([[[1, 5, 2, 4]]]), 2, { returnIndices: true });
 * maxUnpool1d(values, indices, 2).tolistSync(); // [[[0, 5, 0, 4]]]
 * ```
 */
export const maxUnpool1d = (x: Tensor, indices: Tensor, kernelSize: Size, options?: MaxUnpoolOptions): Tensor => {
  requireTensors("maxUnpool1d", x, indices);
  return unpool(1, x, indices, kernelSize, options);
};

/**
 * Zeros with the elements of x [N, C, H, W] or [C, H, W] at `indices`, which maxPool2d gave: int64, of the shape of x.
 *
 * @throws SHAPE_MISMATCH for indices of another shape; OUTPUT_SIZE for sizes that do not pool to those of x
 * @example
 * ```ts
 * const [values, indices] = nn.functional.maxPool2d(tensor([[[1, 5], [2, 4]]]), 2, { returnIndices: true });
 * maxUnpool2d(values, indices, 2).tolistSync(); // [[[0, 5], [0, 0]]]
 * ```
 */
export const maxUnpool2d = (x: Tensor, indices: Tensor, kernelSize: Size, options?: MaxUnpoolOptions): Tensor => {
  requireTensors("maxUnpool2d", x, indices);
  return unpool(2, x, indices, kernelSize, options);
};

/**
 * Zeros with the elements of x [N, C, D, H, W] or [C, D, H, W] at `indices`, which maxPool3d gave: int64, of the shape of x.
 *
 * @throws SHAPE_MISMATCH for indices of another shape; OUTPUT_SIZE for sizes that do not pool to those of x
 * @example
 * ```ts
 * const [values, indices] = nn.functional.maxPool3d(ones([1, 2, 2, 2]), 2, { returnIndices: true });
 * maxUnpool3d(values, indices, 2).tolistSync(); // [[[[1, 0], [0, 0]], [[0, 0], [0, 0]]]]
 * ```
 */
export const maxUnpool3d = (x: Tensor, indices: Tensor, kernelSize: Size, options?: MaxUnpoolOptions): Tensor => {
  requireTensors("maxUnpool3d", x, indices);
  return unpool(3, x, indices, kernelSize, options);
};

function unpool(rank: number, x: Tensor, indices: Tensor, kernelSize: Size, given?: MaxUnpoolOptions): Tensor {
  const options = maxUnpoolOptions(`maxUnpool${rank}d`, given);
  if (showShape(x.dims) !== showShape(indices.dims)) {
    throw shapeError(
      `Expected shape of indices to be same as that of the input tensor (${showShape(x.dims)}) but got indices tensor with shape: ${showShape(indices.dims)}`,
      "Pass the indices that max pooling gave with the values.",
      { shape: x.dims, indices: indices.dims },
    );
  }
  return batched(x, rank, `max_unpool${rank}d`, (x) => {
    const sizes = sizesBefore(x.shape.slice(2), kernelSize, options);
    const [batch = 1, channels = 1] = x.shape;
    const flat = [batch, channels, sizes.reduce((all, size) => all * size, 1)];
    const elements = x.flatten(2);
    return zeros(flat, { dtype: x.dtype, device: x.device })
      .scatter(2, indices.reshape(elements.shape), elements)
      .reshape([batch, channels, ...sizes]);
  });
}

function sizesBefore(
  pooled: readonly number[],
  kernelSize: Size,
  { stride = kernelSize, padding = 0, outputSize }: MaxUnpoolOptions,
): number[] {
  const rank = pooled.length;
  const [kernel, step, around] = [
    perAxis(kernelSize, rank, "kernel_size"),
    perAxis(stride, rank, "stride"),
    perAxis(padding, rank, "padding"),
  ];
  const usual = pooled.map((size, axis) => {
    return (size - 1) * (step[axis] ?? 1) + (kernel[axis] ?? 1) - 2 * (around[axis] ?? 0);
  });
  if (outputSize === undefined) return usual;
  const given = outputSize.slice(-rank);
  if (![rank, rank + 2].includes(outputSize.length)) {
    throw outputSizeError(
      `output_size should be a sequence containing ${rank} or ${rank + 2} elements, but it has a length of '${outputSize.length}'`,
    );
  }
  for (const [axis, size] of usual.entries()) {
    const [least, most] = [size - (step[axis] ?? 1), size + (step[axis] ?? 1)];
    const asked = given[axis] ?? 0;
    if (least < asked && asked < most) continue;
    throw outputSizeError(
      `invalid output_size "[${given.join(", ")}]" (dim ${axis} must be between ${least} and ${most})`,
    );
  }
  return given;
}

function outputSizeError(message: string): AbrazoError {
  return new AbrazoError({
    code: "OUTPUT_SIZE",
    message,
    hint: "Pass the sizes that the tensor had before it was pooled, as in outputSize: x.shape.",
  });
}
