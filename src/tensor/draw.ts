// The host generator's numbers as elements of each dtype, in PyTorch's order and rounding.
// Knows no tensors.
import { allocate, type DType, isFloat, type TypedArray } from "../graph/dtype.ts";
import { encode } from "./convert.ts";
import type { Generator } from "./rng.ts";

/** Up to which power of 2 each whole number exists. */
const SIGNIFICANT_BITS: Partial<Record<DType, number>> = { float16: 11, bfloat16: 8, float32: 24, float64: 53 };

function fillWith(dtype: DType, length: number, draw: () => number): TypedArray {
  const data = allocate(dtype, length);
  // Half floats are bits, whole numbers may be bigints: these are encoded from a list.
  if (!(data instanceof Float32Array || data instanceof Float64Array))
    return encode(Array.from({ length }, draw), dtype);
  for (let at = 0; at < length; at++) data[at] = draw();
  return data;
}

/** a b + c in double precision with one rounding, as the processor's fused instruction gives it. */
function fusedDouble(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const rest = sum - product;
  const lost = product - (sum - rest) + (c - rest);
  return sum + (productError(a, b, product) + lost);
}

/** What the rounding of a product left out, by T. J. Dekker's splitting (Numerische Mathematik 18, 1971). */
function productError(a: number, b: number, product: number): number {
  const split = (value: number): [number, number] => {
    const wide = value * (2 ** 27 + 1);
    const high = wide - (wide - value);
    return [high, value - high];
  };
  const [[aHigh, aLow], [bHigh, bLow]] = [split(a), split(b)];
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

/** Uniform in [from, to): 53 random bits for float64; 24 for the others, half floats being rounded float32. */
export function drawUniform(generator: Generator, dtype: DType, length: number, from = 0, to = 1): TypedArray {
  if (dtype === "float64") return fillWith(dtype, length, () => fusedDouble(generator.double(), to - from, from));
  const low = Math.fround(from);
  const range = Math.fround(Math.fround(to) - low);
  return fillWith(dtype, length, () => Math.fround(generator.float() * range + low));
}

/** Sixteen double-precision uniforms from `start` on as sixteen normals: eight radii, then their angles. */
function boxMullerDouble(out: Float64Array, start: number): void {
  for (let j = start; j < start + 8; j++) {
    const radius = Math.sqrt(-2 * Math.log(1 - (out[j] ?? 0)));
    const angle = 2 * Math.PI * (out[j + 8] ?? 0);
    out[j] = radius * Math.cos(angle);
    out[j + 8] = radius * Math.sin(angle);
  }
}

function fillNormalDouble(generator: Generator, out: Float64Array): void {
  for (let at = 0; at < out.length; at++) out[at] = generator.double();
  for (let start = 0; start + 16 <= out.length; start += 16) boxMullerDouble(out, start);
  if (out.length % 16 === 0) return;
  for (let at = out.length - 16; at < out.length; at++) out[at] = generator.double();
  boxMullerDouble(out, out.length - 16);
}

/** Normals: one by one below sixteen elements or where they do not lie in a row, else in blocks of sixteen. */
export function drawNormal(
  generator: Generator,
  dtype: DType,
  length: number,
  { mean = 0, std = 1, inBlocks = true }: { mean?: number; std?: number; inBlocks?: boolean } = {},
): TypedArray {
  if (length < 16 || !inBlocks) return fillWith(dtype, length, () => generator.normal() * std + mean);
  if (dtype === "float64") {
    const data = new Float64Array(length);
    fillNormalDouble(generator, data);
    for (let at = 0; at < length; at++) data[at] = (data[at] ?? 0) * std + mean;
    return data;
  }
  // Half floats are drawn block by block; float32 draws all, and then the last sixteen anew.
  const isHalf = dtype !== "float32";
  const data = new Float32Array(isHalf ? Math.ceil(length / 16) * 16 : length);
  generator.fillNormal(data);
  const [scale, shift] = [Math.fround(std), Math.fround(mean)];
  if (scale !== 1 || shift !== 0) for (let at = 0; at < data.length; at++) data[at] = (data[at] ?? 0) * scale + shift;
  if (!isHalf) return data;
  const whole = length - (length % 16);
  if (whole < length) data.copyWithin(length - 16, whole, whole + 16);
  return encode([...data.subarray(0, length)], dtype);
}

/** Spans from here on take 64 random bits an element. */
const WIDE_SPAN = 2n ** 28n;

/** Whole numbers in [from, to). */
export function drawIntegers(generator: Generator, dtype: DType, length: number, from: bigint, to: bigint): TypedArray {
  const span = to - from;
  if (span >= WIDE_SPAN) {
    return encode(
      Array.from({ length }, () => (generator.u64() % span) + from),
      dtype,
    );
  }
  const [size, low] = [Number(span), Number(from)];
  return encode(
    Array.from({ length }, () => (generator.u32() % size) + low),
    dtype,
  );
}

const WHOLE_BITS: Partial<Record<DType, number>> = { int8: 7, uint8: 8, int16: 15, int32: 31, bool: 1 };

/** Whole numbers from 0 to the largest of the dtype; of floats, to the largest up to which each whole number exists. */
export function drawWhole(generator: Generator, dtype: DType, length: number): TypedArray {
  if (dtype === "int64") {
    return encode(
      Array.from({ length }, () => generator.u64() & (2n ** 63n - 1n)),
      dtype,
    );
  }
  if (dtype === "float64") {
    return encode(
      Array.from({ length }, () => generator.u64() % (2n ** 53n + 1n)),
      dtype,
    );
  }
  const span = isFloat(dtype) ? 2 ** (SIGNIFICANT_BITS[dtype] ?? 24) + 1 : 2 ** (WHOLE_BITS[dtype] ?? 31);
  return encode(
    Array.from({ length }, () => generator.u32() % span),
    dtype,
  );
}

/** Numbers made from one double-precision uniform each. */
export const drawFrom = (
  generator: Generator,
  dtype: DType,
  length: number,
  transform: (uniform: number) => number,
): TypedArray => fillWith(dtype, length, () => transform(generator.double()));

/** Numbers made from one double-precision normal each. */
export const drawFromNormal = (
  generator: Generator,
  dtype: DType,
  length: number,
  transform: (normal: number) => number,
): TypedArray => fillWith(dtype, length, () => transform(generator.normal()));
