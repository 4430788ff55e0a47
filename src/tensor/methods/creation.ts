// New tensors in the dtype and on the device of one that is there.
// Takes nothing else from it.
import type { NestedArray, Scalar } from "../convert.ts";
import { encode, flattenNested } from "../convert.ts";
import { type CreateOptions, filled, fromHost } from "../host.ts";
import type { Tensor } from "../tensor.ts";

const made =
  (value: Scalar) =>
  (tensor: Tensor, shape: readonly number[], options: CreateOptions): Tensor =>
    filled(shape, value, options.dtype ?? tensor.dtype, { device: tensor.device, ...options });

export const creationMethods = {
  /** Zeros of a shape. */
  newZeros(this: Tensor, shape: readonly number[], options: CreateOptions = {}): Tensor {
    return made(0)(this, shape, options);
  },
  /** Ones of a shape. */
  newOnes(this: Tensor, shape: readonly number[], options: CreateOptions = {}): Tensor {
    return made(1)(this, shape, options);
  },
  /** One value everywhere. */
  newFull(this: Tensor, shape: readonly number[], value: Scalar, options: CreateOptions = {}): Tensor {
    return made(value)(this, shape, options);
  },
  /** Sizes without values to be relied on: zeros. */
  newEmpty(this: Tensor, shape: readonly number[], options: CreateOptions = {}): Tensor {
    return made(0)(this, shape, options);
  },
  /** A tensor of nested lists. */
  newTensor(this: Tensor, values: NestedArray, options: CreateOptions = {}): Tensor {
    const { shape, flat } = flattenNested(values);
    const dtype = options.dtype ?? this.dtype;
    return fromHost(encode(flat, dtype), shape, dtype, { device: this.device, ...options });
  },
};
