// Small constant tensors that functions compute from sizes alone.
// Realizes nothing.
import { encode } from "../../tensor/convert.ts";
import { fromHost } from "../../tensor/create.ts";
import type { DType, Tensor } from "../../tensor/index.ts";

/** Numbers as a tensor on the device of another, in its dtype unless one is given. */
export function hostTensor(
  values: readonly number[],
  shape: readonly number[],
  like: Tensor,
  dtype: DType = like.dtype,
): Tensor {
  return fromHost(encode(values, dtype), shape, dtype, { device: like.device });
}
