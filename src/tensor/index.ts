// Public entry point of the tensor core.
export type { DType, TypedArray } from "../graph/dtype.ts";
export { deviceStats } from "../onnx/device-memory.ts";
export { DEVICES, type Device, resolveDevice } from "../onnx/devices.ts";
export { clearSessions, sessionStats } from "../onnx/session.ts";
export { type CompiledGraph, compileGraph, exportOnnx, type Feed, portableModel, type Traced } from "./compile.ts";
export {
  arange,
  type CreateOptions,
  cat,
  eye,
  fromFile,
  fromTypedArray,
  full,
  linspace,
  moveTo,
  ones,
  onesLike,
  rand,
  randint,
  randn,
  randperm,
  realize,
  realizeSync,
  stack,
  symbolic,
  tensor,
  uniform,
  where,
  zeros,
  zerosLike,
} from "./create.ts";
export { formatTensor } from "./format.ts";
export { Generator, manualSeed } from "./rng.ts";
export { enableGrad, noGrad } from "./scope.ts";
export { Tensor, type TensorLike } from "./tensor.ts";
