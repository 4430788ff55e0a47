// Making tensors: from values, typed arrays and files, filled, or random as PyTorch draws them.
// Reads no file formats.
import { AbrazoError } from "../errors.ts";
import * as build from "../graph/build.ts";
import { allocate, type DType, promote, type TypedArray } from "../graph/dtype.ts";
import { makeLeaf, makePlaceholder } from "../graph/leaf.ts";
import type { FileRange, Node } from "../graph/node.ts";
import { axisOf, type Dim, sizeOf } from "../graph/shape.ts";
import { encode, flattenNested, guessDType, type NestedArray } from "./convert.ts";
import { moveNodes, realizeNodes } from "./realize.ts";
import { defaultGenerator, type Generator } from "./rng.ts";
import { Storage } from "./storage.ts";
import { Tensor } from "./tensor.ts";
import "./methods.ts";

export interface CreateOptions {
  dtype?: DType;
  device?: string;
  requiresGrad?: boolean;
}

export interface RandomOptions extends CreateOptions {
  generator?: Generator;
}

export function fromHost(
  data: TypedArray,
  shape: readonly number[],
  dtype: DType,
  options: CreateOptions = {},
): Tensor {
  const leaf = makeLeaf(shape, dtype, { kind: "host", data });
  const tensor = new Tensor(new Storage(leaf), { device: options.device ?? "cpu" });
  return options.requiresGrad === true ? tensor.requiresGrad_() : tensor;
}

/**
 * A tensor of nested lists of numbers. Whole numbers give int64, others float32, truth values bool.
 *
 * @example
 * ```ts
 * await tensor([[1, 2], [3, 4]]).sum().item(); // 10
 * ```
 */
export function tensor(values: NestedArray, options: CreateOptions = {}): Tensor {
  const { shape, flat } = flattenNested(values);
  const dtype = options.dtype ?? guessDType(flat);
  return fromHost(encode(flat, dtype), shape, dtype, options);
}

const DTYPE_OF_ARRAY: readonly [new (length: number) => TypedArray, DType][] = [
  [Float32Array, "float32"],
  [Float64Array, "float64"],
  [BigInt64Array, "int64"],
  [Int32Array, "int32"],
  [Int16Array, "int16"],
  [Int8Array, "int8"],
  [Uint8Array, "uint8"],
  [Uint16Array, "float16"],
];

/** A tensor that shares a typed array: changing one changes the other. Operations take the elements as they are when recorded. */
export function fromTypedArray(data: TypedArray, shape?: readonly number[], options: CreateOptions = {}): Tensor {
  const dtype = options.dtype ?? DTYPE_OF_ARRAY.find(([type]) => data instanceof type)?.[1];
  const sizes = shape ?? [data.length];
  if (dtype === undefined || sizeOf(sizes) !== data.length) {
    throw new AbrazoError({
      code: "SHAPE_MISMATCH",
      message: `shape '[${sizes.join(", ")}]' is invalid for input of size ${data.length}`,
      hint: "The product of the sizes is the number of elements.",
    });
  }
  const leaf = makeLeaf(sizes, dtype, { kind: "host", data });
  const made = new Tensor(new Storage(leaf, data), { device: options.device ?? "cpu" });
  return options.requiresGrad === true ? made.requiresGrad_() : made;
}

/** A tensor whose elements lie in a file, mapped by the runtime and only read into memory when asked for. */
export function fromFile(range: FileRange, shape: readonly number[], dtype: DType): Tensor {
  return new Tensor(new Storage(makeLeaf(shape, dtype, { kind: "file", range })));
}

/** A named input of a traced graph; sizes may be names such as "batch_size". */
export function symbolic(name: string, shape: readonly Dim[], dtype: DType): Tensor {
  return new Tensor(new Storage(makePlaceholder(name, shape, dtype)));
}

export function full(shape: readonly number[], value: number, options: CreateOptions = {}): Tensor {
  const dtype = options.dtype ?? (Number.isInteger(value) ? "int64" : "float32");
  const data = allocate(dtype, sizeOf(shape));
  if (data instanceof BigInt64Array) data.fill(BigInt(Math.trunc(value)));
  else data.fill(Number(encode([value], dtype)[0]));
  return fromHost(data, shape, dtype, options);
}

export const zeros = (shape: readonly number[], options: CreateOptions = {}): Tensor =>
  full(shape, 0, { dtype: "float32", ...options });
export const ones = (shape: readonly number[], options: CreateOptions = {}): Tensor =>
  full(shape, 1, { dtype: "float32", ...options });
export const zerosLike = (like: Tensor, options: CreateOptions = {}): Tensor =>
  zeros(like.shape, { dtype: like.dtype, device: like.device, ...options });
export const onesLike = (like: Tensor, options: CreateOptions = {}): Tensor =>
  ones(like.shape, { dtype: like.dtype, device: like.device, ...options });

/** `start`, `start + step`, … below `end`; `arange(end)` starts at 0. */
export function arange(start: number, end?: number, step = 1, options: CreateOptions = {}): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  const values = Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, index) => from + index * step);
  const dtype = options.dtype ?? ([from, to, step].every(Number.isInteger) ? "int64" : "float32");
  return fromHost(encode(values, dtype), [values.length], dtype, options);
}

export function linspace(start: number, end: number, steps: number, options: CreateOptions = {}): Tensor {
  const values = Array.from({ length: steps }, (_, index) =>
    steps === 1 ? start : start + ((end - start) * index) / (steps - 1),
  );
  const dtype = options.dtype ?? "float32";
  return fromHost(encode(values, dtype), [steps], dtype, options);
}

export function eye(size: number, options: CreateOptions = {}): Tensor {
  const made = zeros([size, size], options);
  const data = made.dataSync();
  const one = encode([1], made.dtype)[0] ?? 1;
  // safe because `one` is an element of the same dtype
  for (let i = 0; i < size; i++) (data as { [index: number]: number | bigint })[i * size + i] = one;
  return made;
}

/** Uniform in [0, 1): torch.rand's own stream. */
export function rand(
  shape: readonly number[],
  { generator = defaultGenerator, ...options }: RandomOptions = {},
): Tensor {
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = generator.float();
  return fromHost(data, shape, "float32", options);
}

/** Uniform in [low, high), rounded as torch.nn.init.uniform_ does: product and sum at once. */
export function uniform(
  shape: readonly number[],
  low: number,
  high: number,
  { generator = defaultGenerator, ...options }: RandomOptions = {},
): Tensor {
  const data = new Float32Array(sizeOf(shape));
  const [from, range] = [Math.fround(low), Math.fround(Math.fround(high) - Math.fround(low))];
  for (let i = 0; i < data.length; i++) data[i] = generator.float() * range + from;
  return fromHost(data, shape, "float32", options);
}

/** Standard normal: torch.randn's own stream. */
export function randn(
  shape: readonly number[],
  { generator = defaultGenerator, ...options }: RandomOptions = {},
): Tensor {
  const data = new Float32Array(sizeOf(shape));
  generator.fillNormal(data);
  return fromHost(data, shape, "float32", options);
}

/** Whole numbers in [low, high), int64. */
export function randint(
  low: number,
  high: number,
  shape: readonly number[],
  { generator = defaultGenerator, ...options }: RandomOptions = {},
): Tensor {
  const values = Array.from({ length: sizeOf(shape) }, () => low + (generator.u32() % (high - low)));
  const dtype = options.dtype ?? "int64";
  return fromHost(encode(values, dtype), shape, dtype, options);
}

/** A random order of 0 … n-1, int64. */
export function randperm(n: number, { generator = defaultGenerator, ...options }: RandomOptions = {}): Tensor {
  return fromHost(encode(generator.permutation(n), "int64"), [n], "int64", options);
}

/** Joined along an axis. */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  const first = tensors[0];
  if (first === undefined) {
    throw new AbrazoError({
      code: "EMPTY_LIST",
      message: "expected a non-empty list of Tensors",
      hint: "Pass at least one.",
    });
  }
  const dtype = tensors.map((part) => part.dtype).reduce(promote);
  const parts = tensors.map((part) => build.cast(part.node, dtype));
  return Tensor.fromNode(build.concat(parts, axisOf(dim, first.ndim)), tensors);
}

/** Joined along a new axis. */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  return cat(
    tensors.map((part) => part.unsqueeze(dim)),
    dim,
  );
}

/** `a` where the condition holds, else `b`. */
export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  const dtype = promote(a.dtype, b.dtype);
  const make = (node: Node) => build.cast(node, dtype);
  return Tensor.fromNode(build.where(condition.node, make(a.node), make(b.node)), [a, b]);
}

/** Computes several tensors in one run. */
export async function realize(tensors: readonly Tensor[]): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  realizeSync(tensors);
}

export function realizeSync(tensors: readonly Tensor[]): void {
  for (const device of new Set(tensors.map((tensor) => tensor.device))) {
    const group = tensors.filter((tensor) => tensor.device === device);
    realizeNodes(
      group.map((tensor) => tensor.node),
      device,
    );
  }
}

/**
 * Moves tensors to a device, all in one run. Each stays the object that its module and its optimizer hold.
 *
 * @example
 * ```ts
 * const w = zeros([2]);
 * moveTo([w], "webgpu");
 * w.device; // "webgpu"
 * ```
 */
export function moveTo(tensors: readonly Tensor[], device: string): void {
  for (const from of new Set(tensors.map((tensor) => tensor.device))) {
    if (from === device) continue;
    const group = tensors.filter((tensor) => tensor.device === from);
    const nodes = moveNodes(
      group.map((tensor) => tensor.node),
      from,
      device,
    );
    for (const [index, tensor] of group.entries()) tensor.assign(nodes[index] ?? tensor.node, device);
  }
}
