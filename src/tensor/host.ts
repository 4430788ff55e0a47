// Tensors over elements that are in memory: what every way of making one ends in.
// Knows no methods of Tensor.
import { kindOf } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { allocate, type DType, requireDType, requireMemory, type TypedArray } from "../graph/dtype.ts";
import { makeLeaf } from "../graph/leaf.ts";
import { showShape, sizeOf } from "../graph/shape.ts";
import { requireInstalled } from "../onnx/devices.ts";
import { optionsOf } from "../options.ts";
import { encode, type Scalar } from "./convert.ts";
import { Storage } from "./storage.ts";
import { Tensor } from "./tensor.ts";

/** What a new tensor is like. */
export interface CreateOptions {
  dtype?: DType;
  device?: string;
  requiresGrad?: boolean;
}

export const createOptions = optionsOf<CreateOptions>({ dtype: true, device: true, requiresGrad: true });

export function fromHost(
  data: TypedArray,
  shape: readonly number[],
  dtype: DType,
  options: CreateOptions = {},
): Tensor {
  requireInstalled(options.device ?? "cpu");
  const leaf = makeLeaf(shape, dtype, { kind: "host", data });
  const tensor = new Tensor(new Storage(leaf), { device: options.device ?? "cpu" });
  return options.requiresGrad === true ? tensor.requiresGrad_() : tensor;
}

/** Sizes that a new tensor of the dtype may have. */
export function requireSizes(shape: readonly number[], dtype: DType): readonly number[] {
  requireDType(dtype);
  if (!Array.isArray(shape)) {
    throw new AbrazoError({
      code: "BAD_SIZE",
      message: `argument 'size' must be tuple of ints, not ${typeof shape}`,
      hint: "Sizes are one list: zeros([2, 3]).",
    });
  }
  for (const size of shape) {
    if (Number.isSafeInteger(size) && size >= 0) continue;
    if (!Number.isInteger(size)) {
      throw new AbrazoError({
        code: "BAD_SIZE",
        message: `argument 'size' must be tuple of ints, but found element of type ${typeof size === "number" ? `float (${size})` : kindOf(size)}`,
        hint: "Sizes are whole numbers from 0 on: zeros([2, 3]).",
        data: { shape },
      });
    }
    throw new AbrazoError({
      code: "BAD_SIZE",
      message: `Trying to create tensor with negative dimension ${size}: ${showShape(shape)}`,
      hint: "Sizes are whole numbers from 0 on.",
      data: { shape },
    });
  }
  requireMemory(dtype, sizeOf(shape));
  return [...shape];
}

/** One value everywhere. */
export function filled(shape: readonly number[], value: Scalar, dtype: DType, options: CreateOptions = {}): Tensor {
  const sizes = requireSizes(shape, dtype);
  const data = allocate(dtype, sizeOf(sizes));
  // New memory is zeros, and takes none before it is written: a model that is loaded never writes its first weights.
  if (Object.is(Number(value), 0)) return fromHost(data, sizes, dtype, options);
  const [element] = encode([value], dtype);
  // safe because `element` is of the same dtype
  (data as { fill(value: number | bigint | undefined): unknown }).fill(element);
  return fromHost(data, sizes, dtype, options);
}
