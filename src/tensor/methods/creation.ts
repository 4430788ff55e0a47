// New tensors in the dtype and on the device of one that is there.
// Takes nothing else from it.
import type { NestedArray, Scalar } from "../convert.ts";
import { encode, flattenNested } from "../convert.ts";
import { type CreateOptions, createOptions, filled, fromHost } from "../host.ts";
import type { Tensor } from "../tensor.ts";

function made(where: string, tensor: Tensor, shape: readonly number[], value: Scalar, given?: CreateOptions): Tensor {
  const options = createOptions(where, given);
  return filled(shape, value, options.dtype ?? tensor.dtype, { device: tensor.device, ...options });
}

export const creationMethods = {
  /** Zeros of a shape. */
  newZeros(this: Tensor, shape: readonly number[], options?: CreateOptions): Tensor {
    return made("newZeros", this, shape, 0, options);
  },
  /** Ones of a shape. */
  newOnes(this: Tensor, shape: readonly number[], options?: CreateOptions): Tensor {
    return made("newOnes", this, shape, 1, options);
  },
  /** One value everywhere. */
  newFull(this: Tensor, shape: readonly number[], value: Scalar, options?: CreateOptions): Tensor {
    return made("newFull", this, shape, value, options);
  },
  /** Sizes without values to be relied on: zeros. */
  newEmpty(this: Tensor, shape: readonly number[], options?: CreateOptions): Tensor {
    return made("newEmpty", this, shape, 0, options);
  },
  /** A tensor of nested lists. */
  newTensor(this: Tensor, values: NestedArray, given?: CreateOptions): Tensor {
    const options = createOptions("newTensor", given);
    const { shape, flat } = flattenNested(values);
    const dtype = options.dtype ?? this.dtype;
    return fromHost(encode(flat, dtype), shape, dtype, { device: this.device, ...options });
  },
};
