// Between tensors and typed arrays, in memory that both share.
// Copies only where a history would be lost.
import { AbrazoError } from "../../errors.ts";
import type { TypedArray } from "../../graph/dtype.ts";
import { elementsOf } from "../realize.ts";
import type { Tensor } from "../tensor.ts";

/** The storage's array, from now on shared with the caller. */
function sharedArray(tensor: Tensor): TypedArray {
  const { storage } = tensor;
  if (storage.shared === undefined) {
    // Nodes that were recorded keep the elements of their moment: the caller gets an array of his own.
    storage.share(elementsOf(storage.node, tensor.device).slice());
  }
  return storage.shared ?? elementsOf(storage.node, tensor.device);
}

function numpy(this: Tensor): TypedArray {
  if (this.requiresGrad) {
    throw new AbrazoError({
      code: "NUMPY_OF_GRAD",
      message: "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.",
      hint: "data() reads the elements of any tensor, without sharing them.",
    });
  }
  if (this.device !== "cpu") {
    throw new AbrazoError({
      code: "NUMPY_OF_DEVICE",
      message: `can't convert ${this.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.`,
      hint: "data() reads the elements of any tensor, without sharing them.",
      data: { device: this.device },
    });
  }
  if (!this.isContiguous()) {
    throw new AbrazoError({
      code: "NUMPY_NOT_CONTIGUOUS",
      message: "can't convert a tensor that is not contiguous to a typed array, which has no strides.",
      hint: "contiguous().numpy() copies; numpy() of a whole tensor shares.",
      data: { shape: this.shape, stride: this.stride() },
    });
  }
  const from = this.storageOffset();
  return sharedArray(this).subarray(from, from + this.numel());
}

export const interopMethods = {
  /**
   * The elements, row by row, as a typed array that shares memory with this tensor: a write to either is seen in both.
   * Computes them now.
   *
   * @throws NUMPY_OF_GRAD, NUMPY_OF_DEVICE, NUMPY_NOT_CONTIGUOUS (a typed array has no strides)
   *
   * @example
   * ```ts
   * const a = fromTypedArray(new Float32Array([1, 1, 2, 3]), [2, 2]);
   * const array = a.numpy();
   * array[0] = 100;
   * await a.tolist(); // [[100, 1], [2, 3]]
   * ```
   */
  numpy,
  /** numpy() under the name of what it gives. */
  toTypedArray: numpy,
  /** The tensor in host memory: itself when it is there. */
  cpu(this: Tensor): Tensor {
    return this.to({ device: "cpu" });
  },
};
