// Collators: samples to one batch. Elements are copied on the host; no graph is run.
// Knows no datasets.
import { requireList } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { allocate, type DType, type TypedArray } from "../graph/dtype.ts";
import { optionsOf } from "../options.ts";
import { encode } from "../tensor/convert.ts";
import { fromHost } from "../tensor/create.ts";
import { fromTypedArray, realizeSync, stack, Tensor, tensor } from "../tensor/index.ts";

/** What `defaultCollate` makes of samples of a type. */
export type Collated<T> = T extends Tensor | TypedArray | number | bigint | boolean
  ? Tensor
  : T extends string
    ? string[]
    : T extends readonly unknown[]
      ? { -readonly [K in keyof T]: Collated<T[K]> }
      : T extends object
        ? { -readonly [K in keyof T]: Collated<T[K]> }
        : unknown;

/**
 * Samples joined along a new first axis: tensors and typed arrays are stacked, numbers become a tensor (int64 when all are
 * whole, else float32; truth values bool), texts stay a list, and lists and plain objects are joined part by part.
 * Unlike PyTorch's, numbers with a fraction give float32, as `tensor()` does: JavaScript has one kind of number.
 *
 * @example
 * ```ts
 * const [x, y] = defaultCollate([[new Float32Array([1, 2]), 3], [new Float32Array([4, 5]), 6]] as [Float32Array, number][]);
 * [x.shape, y.dtype]; // [[2, 2], "int64"]
 * ```
 */
export function defaultCollate<T>(batch: readonly T[]): Collated<T> {
  requireList("defaultCollate", batch);
  return join(batch, stackSame) as Collated<T>; // safe because Collated says for each case what join makes of it
}

type Stack = (parts: readonly Tensor[], key: string) => Tensor;

function join(batch: readonly unknown[], stackParts: Stack, key = ""): unknown {
  const [first] = batch;
  if (first instanceof Tensor) return stackParts(batch.map(asTensor), key);
  if (isTypedArray(first)) return stackParts(batch.map(asTensor), key);
  switch (typeof first) {
    case "number":
    case "bigint":
    case "boolean":
      return tensor(batch.map(asScalar));
    case "string":
      return [...batch];
    case "object":
      if (first === null) break;
      if (Array.isArray(first)) return joinLists(first, batch, stackParts, key);
      if (isPlain(first)) {
        return Object.fromEntries(
          Object.keys(first).map((name) => [
            name,
            join(
              batch.map((item) => fieldOf(item, name)),
              stackParts,
              name,
            ),
          ]),
        );
      }
  }
  throw cannotCollate(first);
}

function joinLists(first: readonly unknown[], batch: readonly unknown[], stackParts: Stack, key: string): unknown[] {
  if (batch.some((item) => !Array.isArray(item) || item.length !== first.length)) {
    throw new AbrazoError({
      code: "SIZE_MISMATCH",
      message: "each element in list of batch should be of equal size",
      hint: "Pad the lists, or give the loader padCollate() as collateFn.",
    });
  }
  return first.map((_, at) =>
    join(
      batch.map((item) => (Array.isArray(item) ? item[at] : undefined)),
      stackParts,
      key,
    ),
  );
}

/** A single sample with its typed arrays as tensors: what a loader without batches gives. */
export function defaultConvert(item: unknown): unknown {
  if (isTypedArray(item)) return fromTypedArray(item);
  if (Array.isArray(item)) return item.map(defaultConvert);
  if (typeof item !== "object" || item === null || !isPlain(item)) return item;
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, defaultConvert(value)]));
}

const isTypedArray = (value: unknown): value is TypedArray => ArrayBuffer.isView(value) && !(value instanceof DataView);

export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function asTensor(value: unknown): Tensor {
  if (value instanceof Tensor) return value;
  if (isTypedArray(value)) return fromTypedArray(value);
  throw cannotCollate(value);
}

function asScalar(value: unknown): number | bigint | boolean {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return value;
  throw cannotCollate(value);
}

function fieldOf(item: unknown, name: string): unknown {
  // safe because a missing field is reported below
  const fields = item as Readonly<Record<string, unknown>> | null | undefined;
  if (fields !== null && fields !== undefined && name in fields) return fields[name];
  throw new AbrazoError({
    code: "FIELD_MISSING",
    message: `'${name}'`,
    hint: `The first sample of the batch has the field "${name}", another has not.`,
    data: { name },
  });
}

function cannotCollate(value: unknown): AbrazoError {
  const name = typeof value === "object" && value !== null ? value.constructor?.name : typeof value;
  return new AbrazoError({
    code: "CANNOT_COLLATE",
    message: `default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found ${value === null ? "null" : name}`,
    hint:
      name === "Image"
        ? "Give the dataset a transform that ends in a tensor, e.g. new ToTensor()."
        : "All samples need the same form; give the loader a collateFn for others.",
  });
}

function stackSame(parts: readonly Tensor[]): Tensor {
  const first = parts[0];
  const shape = first?.shape ?? [];
  for (const [entry, part] of parts.entries()) {
    if (part.shape.length === shape.length && part.shape.every((size, axis) => size === shape[axis])) continue;
    throw new AbrazoError({
      code: "SHAPE_MISMATCH",
      message: `stack expects each tensor to be equal size, but got [${shape.join(", ")}] at entry 0 and [${part.shape.join(", ")}] at entry ${entry}`,
      hint: "Bring the samples to one size, e.g. with a transform, or give the loader padCollate() as collateFn.",
      data: { entry },
    });
  }
  if (first === undefined || parts.some((part) => needsGraph(part, first.dtype))) return stack(parts);
  realizeSync(parts.filter((part) => part.storage.peek.value === undefined));
  const width = first.numel();
  const out = allocate(first.dtype, parts.length * width);
  for (const [at, part] of parts.entries()) put(out, part.dataSync(), at * width);
  return fromHost(out, [parts.length, ...shape], first.dtype);
}

const needsGraph = (part: Tensor, dtype: DType): boolean =>
  part.requiresGrad || part.device !== "cpu" || part.dtype !== dtype;

/** Copies elements between arrays of one dtype. */
function put(target: TypedArray, source: TypedArray, at: number): void {
  const width = target.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
  bytes.set(new Uint8Array(source.buffer, source.byteOffset, source.byteLength), at * width);
}

/** What lists of a batch are filled up with. */
export interface PadOptions {
  /** What fills up short rows: one value, or one for each field, e.g. `{ labels: -100 }` (fields not named get 0). */
  paddingValue?: number | Readonly<Record<string, number>>;
  /** Lengths are rounded up to a multiple of this: few shapes, few compiled graphs. */
  multipleOf?: number;
  paddingSide?: "right" | "left";
}

const padOptions = optionsOf<PadOptions>({ paddingValue: true, multipleOf: true, paddingSide: true });

/**
 * A collator for samples of differing length: lists of numbers, typed arrays and tensors are filled up along their first
 * axis to the longest of the batch; all else is as in `defaultCollate`.
 *
 * @throws BAD_OPTION where multipleOf is no whole number from 1 on
 *
 * @example
 * ```ts
 * const collate = padCollate({ paddingValue: { labels: -100 } });
 * const batch = collate([{ ids: [1, 2, 3], labels: [1] }, { ids: [4], labels: [2, 3] }]);
 * batch.labels.tolistSync(); // [[1, -100], [2, 3]]
 * ```
 */
export function padCollate(given?: PadOptions): <T>(batch: readonly T[]) => Padded<T> {
  const options = padOptions("padCollate", given);
  const { paddingValue = 0, multipleOf = 1, paddingSide = "right" } = options;
  if (!Number.isInteger(multipleOf) || multipleOf < 1) {
    throw new AbrazoError({
      code: "BAD_OPTION",
      message: `multipleOf should be a positive integer value, but got multipleOf=${multipleOf}`,
      hint: "Use 1 to pad to the longest row alone.",
    });
  }
  const padding = (key: string) => (typeof paddingValue === "number" ? paddingValue : (paddingValue[key] ?? 0));
  const stackPadded: Stack = (parts, key) => {
    if (parts.some((part) => part.ndim === 0)) return stackSame(parts);
    const longest = Math.max(...parts.map((part) => part.shape[0] ?? 0));
    const length = Math.ceil(longest / multipleOf) * multipleOf;
    const dtype = parts.find((part) => part.numel() > 0)?.dtype;
    return stackSame(parts.map((part) => padRows(part, { length, value: padding(key), side: paddingSide, dtype })));
  };
  // safe because lists of numbers become tensors first, and join does the rest as Padded says
  return (batch) => join(batch.map(listsAsTensors), stackPadded) as Padded<(typeof batch)[number]>;
}

/** What `padCollate` makes of samples: as Collated, but a list of numbers is a row. */
export type Padded<T> = T extends readonly (number | bigint)[]
  ? Tensor
  : T extends Tensor | TypedArray | number | bigint | boolean | string
    ? Collated<T>
    : T extends object
      ? { -readonly [K in keyof T]: Padded<T[K]> }
      : unknown;

function listsAsTensors(item: unknown): unknown {
  if (Array.isArray(item)) {
    const isRow = item.every((value) => typeof value === "number" || typeof value === "bigint");
    return isRow ? tensor(item) : item.map(listsAsTensors);
  }
  if (typeof item !== "object" || item === null || !isPlain(item)) return item;
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, listsAsTensors(value)]));
}

interface Padding {
  length: number;
  value: number;
  side: "right" | "left";
  /** That of the rows which are not empty: an empty list has none of its own. */
  dtype: DType | undefined;
}

function padRows(part: Tensor, { length, value, side, dtype = part.dtype }: Padding): Tensor {
  const [rows = 0, ...rest] = part.shape;
  if (rows === length) return part;
  const width = rest.reduce((a, b) => a * b, 1);
  const kept = rows === 0 ? dtype : part.dtype;
  const out = allocate(kept, length * width);
  const fill = encode([value], kept)[0] ?? 0;
  // safe because the fill is an element of the same dtype
  (out as { fill(value: number | bigint): unknown }).fill(fill);
  if (rows > 0) put(out, part.dataSync(), side === "right" ? 0 : (length - rows) * width);
  return fromHost(out, [length, ...rest], kept);
}
