// Tensors that are counted out: ranges of numbers, and the identity matrix.
// Draws no random numbers.
import { AbrazoError } from "../errors.ts";
import { allocate, type DType, isFloat } from "../graph/dtype.ts";
import { sizeOf } from "../graph/shape.ts";
import { optionsOf } from "../options.ts";
import { encode, encodeEach } from "./convert.ts";
import { type CreateOptions, createOptions, fromHost, requireSizes } from "./host.ts";
import type { Tensor } from "./tensor.ts";

const logspaceOptions = optionsOf<CreateOptions & { base?: number }>({ ...createOptions.names, base: true });

type Real = number | bigint;

function rangeError(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "BAD_RANGE", message, hint });
}

/**
 * `start`, `start + step`, … before `end`; one bound is the end. Whole numbers give int64, others float32. Options come
 * last, after however many numbers.
 *
 * @throws BAD_RANGE for a step of 0, one of the wrong sign, and bounds that are not finite
 *
 * @example
 * ```ts
 * await arange(5, 0, -2).tolist(); // [5, 3, 1]
 * arange(2, { dtype: "float32", requiresGrad: true });
 * ```
 */
export function arange(end: Real, options?: CreateOptions): Tensor;
export function arange(start: Real, end: Real | undefined, options?: CreateOptions): Tensor;
export function arange(start: Real, end: Real | undefined, step: Real | undefined, options?: CreateOptions): Tensor;
export function arange(...args: readonly (Real | CreateOptions | undefined)[]): Tensor {
  const options = createOptions(
    "arange",
    args.find((arg) => typeof arg === "object"),
  );
  const [first = 0, second, step = 1] = args.filter((arg) => typeof arg !== "object");
  const [from, to] = second === undefined ? [0, first] : [first, second];
  if (Number(step) === 0) throw rangeError("step must be nonzero", "Count up or down.");
  if (![from, to, step].every((value) => Number.isFinite(Number(value)))) {
    throw rangeError(`unsupported range: ${from} -> ${to}`, "Bounds are finite numbers.");
  }
  const isWhole = [from, to, step].every((value) => typeof value === "bigint" || Number.isInteger(value));
  const dtype = options.dtype ?? (isWhole ? "int64" : "float32");
  if (Number(step) > 0 ? Number(from) > Number(to) : Number(from) < Number(to)) {
    throw rangeError(
      "upper bound and lower bound inconsistent with step sign",
      `From ${from} to ${to} in steps of ${step}.`,
    );
  }
  const { length, valueAt } = [from, to, step].some((value) => typeof value === "bigint")
    ? countedExactly(BigInt(from), BigInt(to), BigInt(step))
    : counted(Number(from), Number(to), Number(step));
  requireSizes([length], dtype);
  return fromHost(encodeEach(length, dtype, valueAt), [length], dtype, options);
}

interface Range<Value extends Real> {
  length: number;
  valueAt(index: number): Value;
}

function counted(from: number, to: number, step: number): Range<number> {
  return { length: Math.ceil((to - from) / step), valueAt: (index) => from + index * step };
}

function countedExactly(from: bigint, to: bigint, step: bigint): Range<bigint> {
  const towards = step > 0n ? 1n : -1n;
  return {
    length: Number((to - from + step - towards) / step),
    valueAt: (index) => from + BigInt(index) * step,
  };
}

/** From both ends towards the middle, as PyTorch counts, so that both are exact. */
function evenly(start: number, end: number, steps: number, dtype: DType): (index: number) => number {
  if (!(Number.isInteger(steps) && steps >= 0)) {
    throw rangeError("number of steps must be non-negative", "Pass how many numbers are wanted.");
  }
  requireSizes([steps], dtype);
  const rounded = dtype === "float32" ? Math.fround : (value: number) => value;
  const [from, to] = [rounded(start), rounded(end)];
  const step = rounded((to - from) / (steps - 1));
  const half = Math.floor(steps / 2);
  return (index) => {
    if (steps === 1) return from;
    return index < half ? from + step * index : to - step * (steps - index - 1);
  };
}

/**
 * `steps` numbers from `start` to `end`, both included, at equal distances; float32 unless a dtype is given.
 *
 * @throws BAD_RANGE when `steps` is no whole number from 0 on
 *
 * @example
 * ```ts
 * linspace(0, 1, 5).tolistSync(); // [0, 0.25, 0.5, 0.75, 1]
 * ```
 */
export function linspace(start: number, end: number, steps: number, given?: CreateOptions): Tensor {
  const options = createOptions("linspace", given);
  const dtype = options.dtype ?? "float32";
  return fromHost(encodeEach(steps, dtype, evenly(start, end, steps, dtype)), [steps], dtype, options);
}

/**
 * `base` to the powers of linspace(start, end, steps).
 *
 * @throws BAD_RANGE when `steps` is no whole number from 0 on
 *
 * @example
 * ```ts
 * logspace(0, 3, 4).tolistSync(); // [1, 10, 100, 1000]
 * ```
 */
export function logspace(start: number, end: number, steps: number, given?: CreateOptions & { base?: number }): Tensor {
  const { base = 10, ...options } = logspaceOptions("logspace", given);
  const dtype = options.dtype ?? "float32";
  const powerAt = evenly(start, end, steps, isFloat(dtype) ? dtype : "float64");
  const data = encodeEach(steps, dtype, (index) => base ** powerAt(index));
  return fromHost(data, [steps], dtype, options);
}

/**
 * Ones on the diagonal of a matrix of zeros, float32 [rows, columns], square unless `columns` is given.
 *
 * @throws BAD_RANGE for sizes below 0
 *
 * @example
 * ```ts
 * eye(2, 3).tolistSync(); // [[1, 0, 0], [0, 1, 0]]
 * ```
 */
export function eye(rows: number, columns?: number | CreateOptions, more?: CreateOptions): Tensor {
  const [width, given] = typeof columns === "number" ? [columns, more] : [rows, columns ?? more];
  const options = createOptions("eye", given);
  for (const [name, size] of Object.entries({ n: rows, m: width })) {
    if (!(size >= 0))
      throw rangeError(`${name} must be greater or equal to 0, got ${size}`, "Sizes are whole numbers.");
  }
  const dtype = options.dtype ?? "float32";
  const data = allocate(dtype, sizeOf(requireSizes([rows, width], dtype)));
  const [one] = encode([1], dtype);
  // safe because `one` is of the same dtype
  for (let i = 0; i < Math.min(rows, width); i++) data[i * width + i] = one as never;
  return fromHost(data, [rows, width], dtype, options);
}
