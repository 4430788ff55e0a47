// Counting equal elements: unique, bincount, histc. The shapes of the results depend on data: they are computed now.
// Records nothing; no result has a gradient.
import { AbrazoError } from "../../errors.ts";
import { allocate, type DType, isFloat, type TypedArray } from "../../graph/dtype.ts";
import { makeLeaf } from "../../graph/leaf.ts";
import { compareElements } from "../../graph/ops/sort.ts";
import { axisWithin, shapeError, sizeOf } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { decode, encode } from "../convert.ts";
import { Storage } from "../storage.ts";
import { Tensor } from "../tensor.ts";
import { scalarTypeName } from "../type-names.ts";

/** What unique() gives beside the elements. */
export interface Unique {
  values: Tensor;
  /** For every element of the input (or slice), its place among the values. */
  inverse: Tensor;
  counts: Tensor;
}

export interface UniqueOptions {
  /** An axis whose slices are compared, instead of single elements. */
  dim?: number;
  returnInverse?: boolean;
  returnCounts?: boolean;
}

const uniqueOptions = optionsOf<UniqueOptions>({ dim: true, returnInverse: true, returnCounts: true });

function leaf(data: TypedArray, shape: readonly number[], dtype: DType, device: string): Tensor {
  return new Tensor(new Storage(makeLeaf(shape, dtype, { kind: "host", data })), { device });
}

const counts = (values: readonly number[] | Int32Array, shape: readonly number[], device: string): Tensor =>
  leaf(BigInt64Array.from(values, BigInt), shape, "int64", device);

/** Elements as numbers. */
function numbersOf(data: TypedArray, dtype: DType): Float64Array {
  return Float64Array.from({ length: data.length }, (_, at) => decode(data, dtype, at));
}

/** Elements that can be compared: whole numbers of 64 bits exactly, 16-bit floats by value. */
function comparable(data: TypedArray, dtype: DType): Float64Array | BigInt64Array {
  return data instanceof BigInt64Array ? data : numbersOf(data, dtype);
}

function elementsOf(source: TypedArray, places: readonly number[], width: number, dtype: DType): TypedArray {
  const out = allocate(dtype, places.length * width);
  for (const [to, from] of places.entries()) {
    // safe because both arrays are of one dtype
    out.set(source.subarray(from * width, (from + 1) * width) as never, to * width);
  }
  return out;
}

/** Groups of equal rows: of neighbours alone, or of all in sorted order. */
function grouped(tensor: Tensor, dim: number | undefined, sorted: boolean): Unique {
  const axis = dim === undefined ? undefined : axisWithin(dim, tensor.ndim);
  if (axis !== undefined && tensor.shape.some((size, at) => size === 0 && at !== axis)) {
    throw shapeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied");
  }
  const seen = axis === undefined ? tensor.reshape([-1]) : tensor.transpose(0, axis);
  const { shape, dtype, device } = seen;
  const count = shape[0] ?? 0;
  const width = sizeOf(shape.slice(1));
  const data = seen.detach().dataSync();
  const keys = comparable(data, dtype);
  const compare = (one: number, other: number): number => {
    for (let at = 0; at < width; at++) {
      const difference = compareElements(keys[one * width + at] ?? 0, keys[other * width + at] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  };
  // NaN is equal to nothing, not even to itself.
  const holdsNaN = (row: number) => keys.subarray(row * width, (row + 1) * width).some((key) => Number.isNaN(key));
  const order = Array.from({ length: count }, (_, row) => row);
  if (sorted) order.sort((one, other) => compare(one, other) || one - other);
  const inverse = new Int32Array(count);
  const [firsts, sizes]: [number[], number[]] = [[], []];
  for (const [at, row] of order.entries()) {
    const before = order[at - 1];
    if (before === undefined || compare(before, row) !== 0 || holdsNaN(row)) {
      firsts.push(row);
      sizes.push(0);
    }
    inverse[row] = firsts.length - 1;
    sizes[firsts.length - 1] = (sizes.at(-1) ?? 0) + 1;
  }
  const values = leaf(elementsOf(data, firsts, width, dtype), [firsts.length, ...shape.slice(1)], dtype, device);
  return {
    values: axis === undefined ? values : values.transpose(0, axis),
    inverse: counts(inverse, axis === undefined ? tensor.shape : [count], device),
    counts: counts(sizes, [sizes.length], device),
  };
}

function chosen(made: Unique, { returnInverse = false, returnCounts = false }: UniqueOptions): Tensor | Unique {
  return returnInverse || returnCounts ? made : made.values;
}

type ElementsAlone = UniqueOptions & { returnInverse?: false; returnCounts?: false };

/**
 * The different elements (or slices along `dim`), sorted. With `returnInverse` or `returnCounts` an object that also holds
 * `inverse` and `counts`. Computed now.
 */
function unique(this: Tensor, options?: ElementsAlone): Tensor;
function unique(this: Tensor, options: UniqueOptions): Unique;
function unique(this: Tensor, given?: UniqueOptions): Tensor | Unique {
  const options = uniqueOptions("unique", given);
  return chosen(grouped(this, options.dim, true), options);
}

/** As unique(), but each run of equal neighbours counts by itself and nothing is sorted. */
function uniqueConsecutive(this: Tensor, options?: ElementsAlone): Tensor;
function uniqueConsecutive(this: Tensor, options: UniqueOptions): Unique;
function uniqueConsecutive(this: Tensor, given?: UniqueOptions): Tensor | Unique {
  const options = uniqueOptions("uniqueConsecutive", given);
  return chosen(grouped(this, options.dim, false), options);
}

function countError(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "BAD_INPUT", message, hint });
}

function requireHistogram(tensor: Tensor, bins: number, min: number, max: number): void {
  if (!isFloat(tensor.dtype)) {
    throw new AbrazoError({
      code: "DTYPE_UNSUPPORTED",
      message: `"histogram_cpu" not implemented for '${scalarTypeName(tensor.dtype)}'`,
      hint: 'Convert it with to("float32"); bincount() counts whole numbers.',
    });
  }
  if (!Number.isInteger(bins) || bins <= 0) {
    throw countError(
      `torch.histogram(): bins must be > 0, but got ${bins} for dimension 0`,
      "bins is the number of bars.",
    );
  }
  if (min > max) throw countError("torch.histc: max must be larger than min", `They are ${min} and ${max}.`);
}

export const countingMethods = {
  unique,
  uniqueConsecutive,
  /**
   * How often each whole number from 0 on stands in a vector, int64, at least `minLength` long; with weights their sums
   * (float32 for float32 weights, else float64). Computed now.
   *
   * @example
   * ```ts
   * await tensor([1, 3, 1]).bincount().tolist(); // [0, 2, 0, 1]
   * ```
   */
  bincount(this: Tensor, weights?: Tensor, minLength = 0): Tensor {
    if (isFloat(this.dtype) || this.dtype === "bool") {
      throw new AbrazoError({
        code: "DTYPE_UNSUPPORTED",
        message: `"bincount_cpu" not implemented for '${scalarTypeName(this.dtype)}'`,
        hint: "bincount() counts whole numbers; histc() counts real ones in bars.",
      });
    }
    if (minLength < 0) throw countError("minlength should be >= 0", `It is ${minLength}.`);
    if (weights !== undefined && (weights.ndim !== 1 || weights.size(0) !== this.size(0))) {
      throw countError(
        "weights should be 1-d and have the same length as input",
        `Theirs is ${weights.shape.join("x")}.`,
      );
    }
    const data = this.dataSync();
    const values = numbersOf(data, this.dtype);
    if (this.ndim !== 1 || values.some((value) => value < 0)) {
      throw countError("bincount only supports 1-d non-negative integral inputs.", "flatten() it, or shift it to 0.");
    }
    const sums = new Float64Array(values.reduce((most, value) => Math.max(most, value + 1), minLength));
    const [shares, shareType] = [weights?.detach().dataSync(), weights?.dtype ?? "int64"];
    for (const [at, value] of values.entries()) {
      sums[value] = (sums[value] ?? 0) + (shares === undefined ? 1 : decode(shares, shareType, at));
    }
    const dtype = weights === undefined ? "int64" : weights.dtype === "float32" ? "float32" : "float64";
    return leaf(encode([...sums], dtype), [sums.length], dtype, this.device);
  },
  /**
   * How many elements lie in each of `bins` equal bars between `min` and `max` (the smallest and largest element when both are
   * equal), in the input's dtype. Elements outside and NaN count nowhere. Computed now.
   *
   * @example
   * ```ts
   * await tensor([1, 2, 1], { dtype: "float32" }).histc(4, 0, 3).tolist(); // [0, 2, 1, 0]
   * ```
   */
  histc(this: Tensor, bins = 100, min = 0, max = 0): Tensor {
    requireHistogram(this, bins, min, max);
    const { dtype } = this;
    const data = this.detach().dataSync();
    const values = numbersOf(data, dtype);
    // PyTorch's arithmetic is of the input's own precision: where a bar ends depends on it.
    const round = dtype === "float64" ? (value: number) => value : Math.fround;
    let [low, high] = [round(min), round(max)];
    if (low === high && values.length > 0) {
      [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
      ] as [number, number]);
    }
    if (!Number.isFinite(low) || !Number.isFinite(high)) {
      throw countError(
        `torch.histc: range of [${low}, ${high}] is not finite`,
        "Pass min and max, or drop what is not finite.",
      );
    }
    if (low === high) [low, high] = [low - 1, high + 1];
    const bars = new Float64Array(bins);
    for (const value of values) {
      if (!(value >= low && value <= high)) continue;
      const place = Math.trunc(round(round(round(value - low) * bins) / round(high - low)));
      const bar = Math.min(place, bins - 1);
      bars[bar] = (bars[bar] ?? 0) + 1;
    }
    return leaf(encode([...bars], dtype), [bins], dtype, this.device);
  },
};
