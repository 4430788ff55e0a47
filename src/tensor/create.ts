// Making tensors: from values, typed arrays and files, or filled.
// Draws no random numbers and reads no file formats.
import { requireList, requireParts } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { type DType, requireDType, type TypedArray } from "../graph/dtype.ts";
import { makeLeaf, makePlaceholder } from "../graph/leaf.ts";
import type { FileRange } from "../graph/node.ts";
import { type Dim, sizeOf } from "../graph/shape.ts";
import { optionsOf } from "../options.ts";
import { checkFinite } from "./anomaly.ts";
import { requireTensorList, requireTensors, tensorOf } from "./arguments.ts";
import { encode, flattenNested, guessDType, type NestedArray, type Scalar } from "./convert.ts";
import { type CreateOptions, createOptions, filled, fromHost, requireSizes } from "./host.ts";
import { moveNodes, realizeNodes } from "./realize.ts";
import { currentScope } from "./scope.ts";
import { Storage } from "./storage.ts";
import { Tensor } from "./tensor.ts";
import "./methods.ts";

export { type CreateOptions, fromHost } from "./host.ts";

const floatTensorOptions = optionsOf<Omit<CreateOptions, "dtype">>({ device: true, requiresGrad: true });

/** Nested lists whose innermost lists may be typed arrays. */
export type NestedData = Scalar | TypedArray | readonly NestedData[];

const DTYPE_OF_ARRAY: readonly [new (length: number) => TypedArray, readonly DType[]][] = [
  [Float32Array, ["float32"]],
  [Float64Array, ["float64"]],
  [BigInt64Array, ["int64"]],
  [Int32Array, ["int32"]],
  [Int16Array, ["int16"]],
  [Int8Array, ["int8"]],
  [Uint8Array, ["uint8", "bool"]],
  [Uint16Array, ["float16", "bfloat16"]],
];

/** Dtypes whose elements a typed array may hold, the usual one first. */
function dtypesOf(data: TypedArray): readonly DType[] {
  const found = DTYPE_OF_ARRAY.find(([type]) => data instanceof type)?.[1];
  if (found !== undefined) return found;
  throw new AbrazoError({
    code: "DTYPE_UNSUPPORTED",
    message: `can't convert a ${Object.prototype.toString.call(data).slice(8, -1)} to a tensor`,
    hint: `The supported types are: ${DTYPE_OF_ARRAY.map(([type]) => type.name).join(", ")}.`,
  });
}

const isTypedArray = (values: unknown): values is TypedArray =>
  ArrayBuffer.isView(values) && !(values instanceof DataView);

/** Typed arrays inside nested lists as lists, and the dtype of the first. */
function plain(values: NestedData): { list: NestedArray; dtype: DType | undefined } {
  let dtype: DType | undefined;
  const visit = (part: NestedData): NestedArray => {
    if (isTypedArray(part)) {
      dtype ??= dtypesOf(part)[0];
      return Array.from<number | bigint>(part as Iterable<number | bigint> & TypedArray); // safe because typed arrays iterate over their elements
    }
    return isList(part) ? part.map(visit) : part;
  };
  return { list: visit(values), dtype };
}

function isList(values: NestedData): values is readonly NestedData[] {
  return Array.isArray(values);
}

/**
 * A tensor of nested lists of numbers, always a copy. Whole numbers give int64, others float32, truth values bool, typed
 * arrays their own dtype.
 *
 * @throws RAGGED_LIST when the lists of one level differ in length
 *
 * @example
 * ```ts
 * await tensor([[1, 2], [3, 4]]).sum().item(); // 10
 * ```
 */
export function tensor(values: NestedData | Tensor, given?: CreateOptions): Tensor {
  const options = createOptions("tensor", given);
  if (options.dtype !== undefined) requireDType(options.dtype);
  if (values instanceof Tensor) return asTensor(values.detach().clone(), options);
  if (isTypedArray(values) && dtypesOf(values).includes(options.dtype ?? dtypesOf(values)[0] ?? "float32")) {
    const dtype = options.dtype ?? dtypesOf(values)[0] ?? "float32";
    return fromHost(copyOf(values), [values.length], dtype, options);
  }
  const { list, dtype } = plain(values);
  const { shape, flat } = flattenNested(list);
  const chosen = options.dtype ?? dtype ?? guessDType(flat);
  return fromHost(encode(flat, chosen), shape, chosen, options);
}

/**
 * A tensor of what is given without a copy where that is possible: a tensor is given back (converted where options ask
 * for it), a typed array is shared, lists are copied.
 *
 * @example
 * ```ts
 * const data = new Float32Array([1, 2]);
 * const x = asTensor(data);
 * data[0] = 9;
 * x.tolistSync(); // [9, 2]
 * ```
 */
export function asTensor(values: NestedData | Tensor, given?: CreateOptions): Tensor {
  const options = createOptions("asTensor", given);
  if (values instanceof Tensor) {
    const typed = options.dtype === undefined ? values : values.to(options.dtype);
    const placed = options.device === undefined ? typed : typed.to({ device: options.device });
    return options.requiresGrad === true && !placed.requiresGrad ? placed.requiresGrad_() : placed;
  }
  const isShared = isTypedArray(values) && (options.dtype === undefined || dtypesOf(values).includes(options.dtype));
  return isShared ? fromTypedArray(values, undefined, options) : tensor(values, options);
}

/**
 * A float32 copy of whatever is given: torch.Tensor(data). For torch.Tensor(3, 2, 4), sizes without values, use
 * `empty([3, 2, 4])`.
 *
 * @example
 * ```ts
 * floatTensor([[1, 2], [3, 4]]).dtype; // "float32"
 * ```
 */
export function floatTensor(values: NestedData | Tensor, given?: Omit<CreateOptions, "dtype">): Tensor {
  const options = floatTensorOptions("floatTensor", given);
  return tensor(values, { ...options, dtype: "float32" });
}

/** Elements in an array of their own; a Buffer's slice() would share. */
function copyOf(data: TypedArray): TypedArray {
  return unbuffered(data).slice();
}

function unbuffered(data: TypedArray): TypedArray {
  return Buffer.isBuffer(data) ? new Uint8Array(data.buffer, data.byteOffset, data.length) : data;
}

/**
 * A tensor that shares a typed array (torch.from_numpy): changing one changes the other. Operations take the elements as
 * they are when recorded. On another device than the CPU it is a copy.
 *
 * @throws SHAPE_MISMATCH when the sizes are not those of the array; DTYPE_MISMATCH when the array does not hold the dtype
 *
 * @example
 * ```ts
 * const data = new Float32Array([1, 2, 3, 4]);
 * const x = fromTypedArray(data, [2, 2]);
 * data[0] = 100;
 * await x.tolist(); // [[100, 2], [3, 4]]
 * ```
 */
export function fromTypedArray(data: TypedArray, shape?: readonly number[], given?: CreateOptions): Tensor {
  const options = createOptions("fromTypedArray", given);
  const allowed = dtypesOf(data);
  const dtype = options.dtype ?? allowed[0] ?? "float32";
  const sizes = requireSizes(shape ?? [data.length], dtype);
  if (!allowed.includes(dtype)) {
    throw new AbrazoError({
      code: "DTYPE_MISMATCH",
      message: `a ${data.constructor.name} does not hold elements of ${dtype}`,
      hint: `It holds ${allowed.join(" or ")}; convert the tensor with to("${dtype}").`,
    });
  }
  if (sizeOf(sizes) !== data.length) {
    throw new AbrazoError({
      code: "SHAPE_MISMATCH",
      message: `shape '[${sizes.join(", ")}]' is invalid for input of size ${data.length}`,
      hint: "The product of the sizes is the number of elements.",
    });
  }
  if ((options.device ?? "cpu") !== "cpu") return fromHost(copyOf(data), sizes, dtype, options);
  const shared = unbuffered(data);
  const made = new Tensor(new Storage(makeLeaf(sizes, dtype, { kind: "host", data: shared }), shared));
  return options.requiresGrad === true ? made.requiresGrad_() : made;
}

/**
 * A tensor whose elements lie in a file, mapped by the runtime and only read into memory when asked for.
 *
 * @example
 * ```ts
 * import { writeFile } from "node:fs/promises";
 *
 * const path = "numbers.bin";
 * await writeFile(path, new Float32Array([0, 1.5, 2.5]));
 * fromFile({ path, offset: 4, byteLength: 8 }, [2], "float32").tolistSync(); // [1.5, 2.5]
 * ```
 */
export function fromFile(range: FileRange, shape: readonly number[], dtype: DType): Tensor {
  requireParts("fromFile", range, ["path"], "{ path, offset, byteLength }");
  requireSizes(shape, dtype);
  return new Tensor(new Storage(makeLeaf(shape, dtype, { kind: "file", range })));
}

/**
 * A named input of a traced graph; sizes may be names such as "batch_size".
 *
 * @example
 * ```ts
 * const x = symbolic("x", ["batch", 2], "float32");
 * x.mul(2).dims; // ["batch", 2]
 * ```
 */
export function symbolic(name: string, shape: readonly Dim[], dtype: DType): Tensor {
  requireList("symbolic", shape, 2);
  requireDType(dtype);
  return new Tensor(new Storage(makePlaceholder(name, shape, dtype)));
}

/**
 * One value everywhere; its dtype, unless given, is that of tensor(value).
 *
 * @throws BAD_SIZE for sizes that are no whole numbers from 0 on
 *
 * @example
 * ```ts
 * full([2], 0.5).tolistSync(); // [0.5, 0.5]
 * full([2], 3).dtype; // "int64"
 * ```
 */
export function full(shape: readonly number[], value: Scalar, given?: CreateOptions): Tensor {
  const options = createOptions("full", given);
  return filled(shape, value, options.dtype ?? guessDType([value]), options);
}

/**
 * Zeros of a shape, float32 unless a dtype is given.
 *
 * @throws BAD_SIZE for sizes that are no whole numbers from 0 on
 *
 * @example
 * ```ts
 * zeros([2, 3]).shape; // [2, 3]
 * zeros([2], { dtype: "int64" }).tolistSync(); // [0, 0]
 * ```
 */
export function zeros(shape: readonly number[], given?: CreateOptions): Tensor {
  const options = createOptions("zeros", given);
  return filled(shape, 0, options.dtype ?? "float32", options);
}

/**
 * Ones of a shape, float32 unless a dtype is given.
 *
 * @throws BAD_SIZE for sizes that are no whole numbers from 0 on
 *
 * @example
 * ```ts
 * ones([2]).tolistSync(); // [1, 1]
 * ```
 */
export function ones(shape: readonly number[], given?: CreateOptions): Tensor {
  const options = createOptions("ones", given);
  return filled(shape, 1, options.dtype ?? "float32", options);
}

/**
 * Sizes without values to be relied on: zeros here, where PyTorch shows what memory held.
 *
 * @alias
 */
export const empty = zeros;

const as = (where: string, like: Tensor, given: CreateOptions | undefined): CreateOptions & { dtype: DType } => ({
  dtype: like.dtype,
  device: like.device,
  ...createOptions(where, given),
});

/**
 * Zeros of the shape, dtype and device of another tensor, as far as options do not say otherwise.
 *
 * @example
 * ```ts
 * zerosLike(tensor([3, 4])).dtype; // "int64"
 * ```
 */
export const zerosLike = (like: Tensor, options?: CreateOptions): Tensor => {
  requireTensors("zerosLike", like);
  return zeros(tensorOf("zerosLike", like).shape, as("zerosLike", like, options));
};
/**
 * Ones of the shape, dtype and device of another tensor, as far as options do not say otherwise.
 *
 * @example
 * ```ts
 * onesLike(tensor([3, 4]), { dtype: "float32" }).tolistSync(); // [1, 1]
 * ```
 */
export const onesLike = (like: Tensor, options?: CreateOptions): Tensor => {
  requireTensors("onesLike", like);
  return ones(tensorOf("onesLike", like).shape, as("onesLike", like, options));
};
/**
 * A tensor without values to be relied on, of the shape, dtype and device of another, as far as options do not say
 * otherwise.
 *
 * @example
 * ```ts
 * emptyLike(zeros([2, 3])).shape; // [2, 3]
 * ```
 */
export const emptyLike = (like: Tensor, options?: CreateOptions): Tensor => {
  requireTensors("emptyLike", like);
  return empty(tensorOf("emptyLike", like).shape, as("emptyLike", like, options));
};
/**
 * One value in the shape, dtype and on the device of another tensor, as far as options do not say otherwise.
 *
 * @example
 * ```ts
 * fullLike(zeros([2]), 0.5).tolistSync(); // [0.5, 0.5]
 * ```
 */
export const fullLike = (like: Tensor, value: Scalar, options?: CreateOptions): Tensor => {
  requireTensors("fullLike", like);
  return full(tensorOf("fullLike", like).shape, value, as("fullLike", like, options));
};

/**
 * Computes several tensors in one run, once the event loop has turned: what they hold can then be read at no cost.
 *
 * @example
 * ```ts
 * const [a, b] = [ones([2]).mul(3), ones([2]).exp()];
 * await realize([a, b]);
 * a.tolistSync(); // [3, 3]
 * ```
 */
export async function realize(tensors: readonly Tensor[]): Promise<void> {
  requireTensorList("realize", tensors);
  await new Promise<void>((resolve) => setImmediate(resolve));
  realizeSync(tensors);
}

/**
 * Computes several tensors in one run, now.
 *
 * @example
 * ```ts
 * const a = ones([2]).mul(3);
 * realizeSync([a]);
 * a.tolistSync(); // [3, 3]
 * ```
 */
export function realizeSync(tensors: readonly Tensor[]): void {
  requireTensorList("realizeSync", tensors);
  for (const device of new Set(tensors.map((tensor) => tensor.device))) {
    const group = tensors.filter((tensor) => tensor.device === device);
    realizeNodes(
      group.map((tensor) => tensor.node),
      device,
    );
  }
  if (currentScope().anomaly !== undefined) checkFinite(tensors);
}

/**
 * Moves tensors to a device, all in one run. Each stays the object that its module and its optimizer hold.
 *
 * @example needs a GPU
 * ```ts
 * const w = zeros([2]);
 * moveTo([w], "webgpu");
 * w.device; // "webgpu"
 * ```
 */
export function moveTo(tensors: readonly Tensor[], device: string): void {
  requireTensorList("moveTo", tensors);
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
