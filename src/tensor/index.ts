// Public entry point of the tensor core.
export type { DType, TypedArray } from "../graph/dtype.ts";
export { DeviceArray } from "../onnx/device-array.ts";
export { deviceStats } from "../onnx/device-memory.ts";
export { DEVICES, type Device, isAvailable, resolveDevice } from "../onnx/devices.ts";
export { clearSessions, configureSessions, sessionStats } from "../onnx/session.ts";
export { version } from "../package-root.ts";
export { autograd } from "./autograd-namespace.ts";
export type { BackwardOptions, GradHook, GradOptions, HookHandle } from "./backward.ts";
export {
  type CompiledGraph,
  type CompileGraphOptions,
  compileGraph,
  exportOnnx,
  type Feed,
  type Feeds,
  portableModel,
  type Traced,
  type WeightDType,
} from "./compile.ts";
export { type Compilable, type Compiled, type CompileStats, compile } from "./compile-fn.ts";
export {
  asTensor,
  type CreateOptions,
  empty,
  emptyLike,
  floatTensor,
  fromFile,
  fromTypedArray,
  full,
  fullLike,
  moveTo,
  type NestedData,
  ones,
  onesLike,
  realize,
  realizeSync,
  symbolic,
  tensor,
  zeros,
  zerosLike,
} from "./create.ts";
export { type CustomFunction, customFunction, type FunctionContext } from "./custom-function.ts";
export { deviceReport, type PlacedKernel } from "./device-report.ts";
export { einsum, einsumPath } from "./einsum.ts";
export type { ContractionPath } from "./einsum-path.ts";
export { Event, synchronize } from "./event.ts";
export { formatTensor, type PrintOptions, setPrintOptions } from "./format.ts";
export { type IndexPart, slice } from "./index-spec.ts";
export {
  atleast1d,
  atleast2d,
  atleast3d,
  broadcastTensors,
  cartesianProd,
  cat,
  columnStack,
  concat,
  concatenate,
  dstack,
  hstack,
  meshgrid,
  stack,
  trilIndices,
  triuIndices,
  vstack,
  where,
} from "./join.ts";
export { cdist, cross, multiDot as chainMatmul, tensordot } from "./linalg/products.ts";
export * as linalg from "./linalg.ts";
export type { Unique } from "./methods/counting.ts";
export type { Picked } from "./methods/sort.ts";
export {
  bernoulli,
  normal,
  type RandomOptions,
  rand,
  randint,
  randintLike,
  randLike,
  randn,
  randnLike,
  randperm,
  uniform,
} from "./random.ts";
export { arange, eye, linspace, logspace } from "./ranges.ts";
export { type AutocastOptions, autocast, autocastDType, detectAnomaly } from "./recording.ts";
export { defaultGenerator, Generator, getRngState, manualSeed, setRngState } from "./rng.ts";
export { enableGrad, inferenceMode, isGradEnabled, noGrad, setGradEnabled } from "./scope.ts";
export { bucketize, searchsorted } from "./search.ts";
export { Tensor, type TensorLike } from "./tensor.ts";
