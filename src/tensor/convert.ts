// Between JavaScript values and elements: nested lists, numbers, float16 and bfloat16 bits.
// Knows no tensors.
import { AbrazoError } from "../errors.ts";
import { allocate, type DType, isFloat, type TypedArray } from "../graph/dtype.ts";
import { fromBfloat16, fromHalf, toBfloat16, toHalf } from "../graph/half.ts";

export type Scalar = number | bigint | boolean;
export type NestedArray = Scalar | readonly NestedArray[];

/** The shape of a nested list, checked to be rectangular, and its scalars in order. */
export function flattenNested(values: NestedArray): { shape: number[]; flat: Scalar[] } {
  const shape: number[] = [];
  for (let level: NestedArray | undefined = values; Array.isArray(level); level = level[0]) shape.push(level.length);
  const flat: Scalar[] = [];
  collect(values, shape, 0, flat);
  return { shape, flat };
}

function collect(values: NestedArray, shape: readonly number[], depth: number, flat: Scalar[]): void {
  if (!isList(values)) {
    requireScalar(values);
    if (depth !== shape.length) throw ragged(shape[depth] ?? 0, depth);
    flat.push(values);
    return;
  }
  if (depth >= shape.length || values.length !== shape[depth]) throw ragged(shape[depth] ?? 0, depth, values.length);
  for (const value of values) collect(value, shape, depth + 1, flat);
}

function isList(values: NestedArray): values is readonly NestedArray[] {
  return Array.isArray(values);
}

/** @throws NOT_A_NUMBER for what stands where a number should, whatever its type says */
export function requireScalar(value: unknown): void {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return;
  const kind = typeof value === "object" && value !== null ? value.constructor.name : String(value);
  throw new AbrazoError({
    code: "NOT_A_NUMBER",
    message: typeof value === "string" ? "new(): invalid data type 'str'" : `Could not infer dtype of ${kind}`,
    hint: "Elements are numbers, bigints and truth values, or lists of them; stack() makes one tensor of several.",
  });
}

function ragged(expected: number, depth: number, got?: number): AbrazoError {
  return new AbrazoError({
    code: "RAGGED_LIST",
    message: `expected sequence of length ${expected} at dim ${depth}${got === undefined ? "" : ` (got ${got})`}`,
    hint: "Every row of a nested list needs the same length; pad the short ones.",
  });
}

/** PyTorch's guess: bool for truth values, int64 for whole numbers, else float32. */
export function guessDType(flat: readonly Scalar[]): DType {
  if (flat.length > 0 && flat.every((value) => typeof value === "boolean")) return "bool";
  const fits = (value: number) => Number.isInteger(value) && Math.abs(value) < 2 ** 63;
  const whole = flat.length > 0 && flat.every((value) => typeof value !== "number" || fits(value));
  return whole ? "int64" : "float32";
}

export function encode(flat: readonly Scalar[], dtype: DType): TypedArray {
  return encodeEach(flat.length, dtype, (index) => flat[index] ?? 0);
}

/** Elements that are made one by one: a long list of numbers would need many times their memory. */
export function encodeEach(length: number, dtype: DType, valueAt: (index: number) => Scalar): TypedArray {
  const out = allocate(dtype, length);
  if (out instanceof BigInt64Array) {
    for (let i = 0; i < length; i++) out[i] = toBigInt(valueAt(i));
    return out;
  }
  const write = encoder(dtype);
  for (let i = 0; i < length; i++) out[i] = write(Number(valueAt(i)));
  return out;
}

/** A number that is no whole one of 64 bits (NaN, an infinity) becomes the smallest, as PyTorch's conversion on x86 gives. */
function toBigInt(value: Scalar): bigint {
  if (typeof value === "bigint") {
    if (BigInt.asIntN(64, value) === value) return value;
    throw new AbrazoError({
      code: "OVERFLOW",
      message: "Overflow when unpacking long long",
      hint: `${value} has more than 64 bits; int64 holds -2^63 to 2^63 - 1.`,
    });
  }
  const whole = Math.trunc(Number(value));
  return Math.abs(whole) < 2 ** 63 ? BigInt(whole) : -(2n ** 63n);
}

function encoder(dtype: DType): (value: number) => number {
  if (dtype === "float16") return toHalf;
  if (dtype === "bfloat16") return toBfloat16;
  if (dtype === "bool") return (value) => (value === 0 ? 0 : 1);
  return isFloat(dtype) ? (value) => value : Math.trunc;
}

/** Elements as numbers (int64 beyond 2^53 loses precision; read the BigInt64Array instead). */
export function decode(data: TypedArray, dtype: DType, index: number): number {
  const value = data[index] ?? 0;
  if (typeof value === "bigint") return Number(value);
  if (dtype === "float16") return fromHalf(value);
  return dtype === "bfloat16" ? fromBfloat16(value) : value;
}

/** Elements as a nested list of numbers or truth values. */
export function nest(data: TypedArray, dtype: DType, shape: readonly number[]): NestedArray {
  let at = 0;
  const build = (depth: number): NestedArray => {
    if (depth < shape.length) return Array.from({ length: shape[depth] ?? 0 }, () => build(depth + 1));
    const value = decode(data, dtype, at++);
    return dtype === "bool" ? value !== 0 : value;
  };
  return build(0);
}
