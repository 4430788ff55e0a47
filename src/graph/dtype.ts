// The dtype table: width, typed array, ONNX number, safetensors tag, kind.
// Knows no data: converting values is the tensor's.
import { totalmem } from "node:os";
import { AbrazoError, suggestion } from "../errors.ts";

interface DTypeInfo {
  /** Bytes of one element. */
  bytes: number;
  /** TensorProto.DataType of ONNX. */
  onnx: number;
  /** The dtype's tag in a safetensors header. */
  safetensors: string;
  kind: "float" | "int" | "bool";
  /** Promotion order inside a kind: the wider wins. */
  rank: number;
}

export const DTYPES = {
  float32: { bytes: 4, onnx: 1, safetensors: "F32", kind: "float", rank: 2 },
  float64: { bytes: 8, onnx: 11, safetensors: "F64", kind: "float", rank: 3 },
  float16: { bytes: 2, onnx: 10, safetensors: "F16", kind: "float", rank: 1 },
  bfloat16: { bytes: 2, onnx: 16, safetensors: "BF16", kind: "float", rank: 1 },
  int8: { bytes: 1, onnx: 3, safetensors: "I8", kind: "int", rank: 1 },
  int16: { bytes: 2, onnx: 5, safetensors: "I16", kind: "int", rank: 2 },
  int32: { bytes: 4, onnx: 6, safetensors: "I32", kind: "int", rank: 3 },
  int64: { bytes: 8, onnx: 7, safetensors: "I64", kind: "int", rank: 4 },
  uint8: { bytes: 1, onnx: 2, safetensors: "U8", kind: "int", rank: 0 },
  bool: { bytes: 1, onnx: 9, safetensors: "BOOL", kind: "bool", rank: 0 },
} as const satisfies Record<string, DTypeInfo>;

/** The types that elements of a tensor may have. */
export type DType = keyof typeof DTYPES;

/** The array that holds a dtype's elements; float16 and bfloat16 keep their bits in a Uint16Array, bool one byte each. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array;

export function isFloat(dtype: DType): boolean {
  return DTYPES[dtype].kind === "float";
}

export function isDType(name: string): name is DType {
  return name in DTYPES;
}

/** PyTorch's other names, offered where one is given. */
const ALIASES: Readonly<Record<string, DType>> = {
  float: "float32",
  double: "float64",
  half: "float16",
  char: "int8",
  short: "int16",
  int: "int32",
  long: "int64",
  byte: "uint8",
  boolean: "bool",
};

/** @throws UNKNOWN_DTYPE, with the nearest name */
export function requireDType(name: string): void {
  if (isDType(name)) return;
  const alias = ALIASES[name];
  throw new AbrazoError({
    code: "UNKNOWN_DTYPE",
    message: `There is no dtype "${name}".`,
    hint: alias === undefined ? suggestion(String(name), Object.keys(DTYPES)) : `Did you mean "${alias}"?`,
    data: { dtype: name },
  });
}

/** @throws OUT_OF_MEMORY for more elements than the machine's memory or one array can hold */
export function requireMemory(dtype: DType, length: number): void {
  const bytes = length * DTYPES[dtype].bytes;
  if (bytes <= MACHINE && length <= MOST_ELEMENTS) return;
  throw new AbrazoError({
    code: "OUT_OF_MEMORY",
    message: `can't allocate memory: you tried to allocate ${bytes} bytes.`,
    hint: `${length} elements of ${dtype} do not fit: this machine has ${MACHINE} bytes, and one array holds at most ${MOST_ELEMENTS} elements.`,
    data: { bytes, dtype },
  });
}

/** Bytes of this machine; asking the system at each allocation would cost more than most operations. */
const MACHINE = totalmem();
/** The largest length of a typed array. */
const MOST_ELEMENTS = 2 ** 32;

/** Allocates `length` zeroed elements of a dtype. */
export function allocate(dtype: DType, length: number): TypedArray {
  requireMemory(dtype, length);
  return viewBytes(dtype, new ArrayBuffer(length * DTYPES[dtype].bytes), 0, length);
}

/** Looks at bytes as elements of a dtype without copying; `byteOffset` must be a multiple of the dtype's width. */
export function viewBytes(dtype: DType, buffer: ArrayBuffer, byteOffset: number, length: number): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer, byteOffset, length);
    case "float64":
      return new Float64Array(buffer, byteOffset, length);
    case "float16":
    case "bfloat16":
      return new Uint16Array(buffer, byteOffset, length);
    case "int8":
      return new Int8Array(buffer, byteOffset, length);
    case "int16":
      return new Int16Array(buffer, byteOffset, length);
    case "int32":
      return new Int32Array(buffer, byteOffset, length);
    case "int64":
      return new BigInt64Array(buffer, byteOffset, length);
    case "uint8":
    case "bool":
      return new Uint8Array(buffer, byteOffset, length);
  }
}

/** PyTorch's promotion of two tensors' dtypes: kind first (bool < int < float), then width; float16 with bfloat16 gives float32. */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  const [left, right] = [DTYPES[a], DTYPES[b]];
  const order = { bool: 0, int: 1, float: 2 };
  if (order[left.kind] !== order[right.kind]) return order[left.kind] > order[right.kind] ? a : b;
  if (left.kind === "float" && left.rank === right.rank) return "float32";
  if (a === "uint8" && b === "int8") return "int16";
  if (b === "uint8" && a === "int8") return "int16";
  return left.rank > right.rank ? a : b;
}
