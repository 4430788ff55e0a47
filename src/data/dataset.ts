// Datasets: map-style ones are asked for samples by index, iterable ones give their samples in their own order.
// Knows no batches' order and no threads.

import { requireList } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { allocate, DTYPES } from "../graph/dtype.ts";
import { optionsOf } from "../options.ts";
import { packageModule } from "../package-root.ts";
import { requireTensors } from "../tensor/arguments.ts";
import { fromHost } from "../tensor/create.ts";
import { type Generator, type Tensor, tensor } from "../tensor/index.ts";
import { defaultGenerator } from "../tensor/rng.ts";
import { checkedIndex, requireSized } from "./sized.ts";

const HERE = packageModule("src/data/dataset");

const randomSplitOptions = optionsOf<{ generator?: Generator }>({ generator: true });

/**
 * Where a thread finds a thing that it cannot be sent: functions and objects with methods do not travel between threads,
 * so a worker imports the module and makes the thing anew.
 */
export interface ModuleSource {
  /** URL or absolute path of the module, mostly `import.meta.url`. */
  module: string | URL;
  /** The exported class, or function that returns the thing; `default` when absent. */
  export?: string;
  /** What the class or function is called with: plain values, typed arrays, tensors, and things that have a source. */
  args?: readonly unknown[];
}

/**
 * A map-style dataset: a number of samples, and each of them by its index. Extend it and write `length` and `get`.
 *
 * @example
 * ```ts
 * class Squares extends Dataset<[number, number]> {
 *   get length() { return 100; }
 *   get(index: number): [number, number] { return [index, index * index]; }
 * }
 * new Squares().get(3); // [3, 9]
 * ```
 */
export abstract class Dataset<Item> {
  /** What a loader with workers needs; see ModuleSource. */
  declare readonly source?: ModuleSource;
  /**
   * Samples by their indices, already as `defaultCollate` would join them: the quick way of a dataset whose samples lie in
   * memory. The arrays must be fresh at each call, since a worker gives them away.
   */
  declare readonly getBatch?: (indices: readonly number[]) => unknown;

  abstract get length(): number;

  /** One sample, or a promise of it; a loader in a plain `for` loop needs samples, not promises. */
  abstract get(index: number): Item | Promise<Item>;
}

/**
 * A dataset that gives its samples in its own order: a stream, a file too large to index. Extend it and write
 * `[Symbol.iterator]` or `[Symbol.asyncIterator]`. In a worker `getWorkerInfo()` says which part is its own.
 *
 * @example
 * ```ts
 * class Count extends IterableDataset<number> {
 *   override *[Symbol.iterator]() { yield* [0, 1, 2]; }
 * }
 * [...new DataLoader(new Count(), { batchSize: 2 })].map((batch) => batch.tolistSync()); // [[0, 1], [2]]
 * ```
 */
export abstract class IterableDataset<Item> {
  declare readonly source?: ModuleSource;
  /** How many samples there are, where that is known. */
  declare readonly length?: number;
  [Symbol.iterator]?(): Iterator<Item>;
  [Symbol.asyncIterator]?(): AsyncIterator<Item>;
}

/** What has a length and items by index: a Dataset, or a list. */
export type MapDataset<Item> = Pick<Dataset<Item>, "length" | "get" | "getBatch" | "source"> | ArrayLike<Item>;

/** What a loader takes samples from: by index, or one after another. */
export type AnyDataset<Item> = MapDataset<Item> | IterableDataset<Item>;

export function isIterableDataset<Item>(dataset: AnyDataset<Item>): dataset is IterableDataset<Item> {
  return dataset instanceof IterableDataset;
}

/** The sample of a dataset or list. */
export function itemOf<Item>(dataset: MapDataset<Item>, index: number): Item | Promise<Item> {
  if ("get" in dataset && typeof dataset.get === "function") return dataset.get(index);
  // safe because what is no Dataset is a list, and the index was checked
  return (dataset as ArrayLike<Item>)[checkedIndex(index, dataset.length)] as Item;
}

/** Rows of a tensor as a fresh tensor: bytes are moved, no graph is run, unless the tensor has a history or a device. */
export function gatherRows(from: Tensor, indices: readonly number[]): Tensor {
  if (from.device !== "cpu" || from.requiresGrad) {
    return from.indexSelect(0, tensor(indices, { dtype: "int64" }).to({ device: from.device }));
  }
  const [rows = 1, ...rest] = from.shape;
  const data = from.dataSync();
  const width = rest.reduce((a, b) => a * b, 1);
  const bytes = width * DTYPES[from.dtype].bytes;
  const out = allocate(from.dtype, indices.length * width);
  const source = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const target = new Uint8Array(out.buffer);
  for (let at = 0; at < indices.length; at++) {
    const start = checkedIndex(indices[at] ?? 0, rows) * bytes;
    target.set(source.subarray(start, start + bytes), at * bytes);
  }
  return fromHost(out, [indices.length, ...rest], from.dtype);
}

/**
 * Tensors of one first size; a sample is a row of each.
 *
 * @example
 * ```ts
 * const pairs = new TensorDataset(tensor([[1, 2], [3, 4]]), tensor([0, 1]));
 * pairs.get(1).map((part) => part.tolistSync()); // [[3, 4], 1]
 * ```
 */
export class TensorDataset<Tensors extends readonly Tensor[]> extends Dataset<{
  -readonly [K in keyof Tensors]: Tensor;
}> {
  readonly tensors: Tensors;
  override readonly source: ModuleSource;
  override readonly getBatch: (indices: readonly number[]) => Tensor[];

  constructor(...tensors: Tensors) {
    super();
    requireTensors("TensorDataset", ...tensors);
    const sizes = tensors.map((part) => part.shape[0]);
    if (tensors.length === 0 || sizes.some((size) => size === undefined || size !== sizes[0])) {
      throw new AbrazoError({
        code: "SIZE_MISMATCH",
        message: "Size mismatch between tensors",
        hint: `All need the same first size; these have ${sizes.map(String).join(", ") || "none"}.`,
        data: { sizes },
      });
    }
    this.tensors = tensors;
    this.source = { module: HERE, export: "TensorDataset", args: tensors };
    this.getBatch = (indices) => tensors.map((part) => gatherRows(part, indices));
  }

  get length(): number {
    return this.tensors[0]?.shape[0] ?? 0;
  }

  get(index: number): { -readonly [K in keyof Tensors]: Tensor } {
    const rows = this.tensors.map((part) => gatherRows(part, [index]).squeeze(0));
    // safe because there is one row of each tensor
    return rows as { -readonly [K in keyof Tensors]: Tensor };
  }
}

/**
 * Samples of a dataset at the given indices.
 *
 * @example
 * ```ts
 * const evens = new Subset(["a", "b", "c"], [0, 2]);
 * [evens.length, evens.get(1)]; // [2, "c"]
 * ```
 */
export class Subset<Item> extends Dataset<Item> {
  readonly dataset: MapDataset<Item>;
  readonly indices: readonly number[];
  override readonly source: ModuleSource;
  declare readonly getBatch?: (indices: readonly number[]) => unknown;

  constructor(dataset: MapDataset<Item>, indices: readonly number[]) {
    super();
    requireSized(dataset);
    requireList("Subset", indices, 2);
    this.dataset = dataset;
    this.indices = indices;
    this.source = { module: HERE, export: "Subset", args: [dataset, indices] };
    const getBatch = "getBatch" in dataset ? dataset.getBatch : undefined;
    if (getBatch !== undefined) {
      this.getBatch = (wanted) =>
        getBatch.call(
          dataset,
          wanted.map((index) => this.#at(index)),
        );
    }
  }

  /** The number of indices. */
  get length(): number {
    return this.indices.length;
  }

  /** The sample at a place of the list of indices. */
  get(index: number): Item | Promise<Item> {
    return itemOf(this.dataset, this.#at(index));
  }

  #at(index: number): number {
    return this.indices[checkedIndex(index, this.indices.length)] ?? 0;
  }
}

/**
 * Datasets one after another.
 *
 * @throws EMPTY_LIST for no datasets; WRONG_DATASET for iterable ones
 *
 * @example
 * ```ts
 * const all = new ConcatDataset([["a", "b"], ["c"]]);
 * [all.length, all.get(2), all.cumulativeSizes]; // [3, "c", [2, 3]]
 * ```
 */
export class ConcatDataset<Item> extends Dataset<Item> {
  readonly datasets: readonly MapDataset<Item>[];
  /** Where each of them ends. */
  readonly cumulativeSizes: readonly number[];
  override readonly source: ModuleSource;

  constructor(datasets: readonly MapDataset<Item>[]) {
    super();
    requireList("ConcatDataset", datasets);
    if (datasets.length === 0) {
      throw new AbrazoError({
        code: "EMPTY_LIST",
        message: "datasets should not be an empty iterable",
        hint: "Pass at least one dataset.",
      });
    }
    if (datasets.some((dataset) => dataset instanceof IterableDataset)) {
      throw new AbrazoError({
        code: "WRONG_DATASET",
        message: "ConcatDataset does not support IterableDataset",
        hint: "Use ChainDataset.",
      });
    }
    for (const dataset of datasets) requireSized(dataset);
    let end = 0;
    this.datasets = datasets;
    this.cumulativeSizes = datasets.map((dataset) => {
      end += dataset.length;
      return end;
    });
    this.source = { module: HERE, export: "ConcatDataset", args: [datasets] };
  }

  /** The number of samples of all datasets. */
  get length(): number {
    return this.cumulativeSizes.at(-1) ?? 0;
  }

  /** A sample, counted through all datasets. */
  get(index: number): Item | Promise<Item> {
    const at = checkedIndex(index, this.length);
    const part = this.cumulativeSizes.findIndex((end) => at < end);
    // safe because the index lies before the last end
    return itemOf(this.datasets[part] as MapDataset<Item>, at - (this.cumulativeSizes[part - 1] ?? 0));
  }
}

/**
 * Iterable datasets one after another.
 *
 * @throws WRONG_DATASET for datasets that are not iterable
 *
 * @example
 * ```ts
 * class Count extends IterableDataset<number> {
 *   override *[Symbol.iterator]() { yield* [0, 1]; }
 * }
 * const chain = new ChainDataset([new Count(), new Count()]);
 * const samples: number[] = [];
 * for await (const sample of chain) samples.push(sample);
 * samples; // [0, 1, 0, 1]
 * ```
 */
export class ChainDataset<Item> extends IterableDataset<Item> {
  readonly datasets: readonly IterableDataset<Item>[];
  override readonly source: ModuleSource;

  constructor(datasets: readonly IterableDataset<Item>[]) {
    super();
    requireList("ChainDataset", datasets);
    if (!datasets.every((dataset) => dataset instanceof IterableDataset)) {
      throw new AbrazoError({
        code: "WRONG_DATASET",
        message: "ChainDataset only supports IterableDataset",
        hint: "Use ConcatDataset for datasets that have a length.",
      });
    }
    this.datasets = datasets;
    this.source = { module: HERE, export: "ChainDataset", args: [datasets] };
    // One that can only be awaited makes the chain such a one too.
    if (datasets.every((dataset) => dataset[Symbol.iterator] !== undefined)) {
      this[Symbol.iterator] = () => this.#inTurn();
    }
  }

  *#inTurn(): IterableIterator<Item> {
    for (const dataset of this.datasets) {
      const items = dataset[Symbol.iterator]?.();
      for (let step = items?.next(); step !== undefined && step.done !== true; step = items?.next()) yield step.value;
    }
  }

  override async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    for (const dataset of this.datasets) yield* samplesOf(dataset);
  }
}

/** The samples of an iterable dataset, awaited where they must be. */
export async function* samplesOf<Item>(dataset: IterableDataset<Item>): AsyncGenerator<Item> {
  const items = dataset[Symbol.iterator]?.() ?? dataset[Symbol.asyncIterator]?.();
  if (items === undefined) throw noIterator();
  try {
    for (let step = await items.next(); step.done !== true; step = await items.next()) yield step.value;
  } finally {
    await items.return?.();
  }
}

export function noIterator(): AbrazoError {
  return new AbrazoError({
    code: "NOT_IMPLEMENTED",
    message: "Subclasses of IterableDataset should implement [Symbol.iterator] or [Symbol.asyncIterator].",
    hint: "*[Symbol.iterator]() { yield sample; }",
  });
}

/**
 * A dataset in random parts that do not overlap, the same as PyTorch's for a seed.
 *
 * @param lengths sizes of the parts, or fractions that sum to 1: what rounding leaves over goes to the first parts in turn
 * @throws SIZE_MISMATCH where the parts do not sum to the dataset
 *
 * @example
 * ```ts
 * manualSeed(7);
 * const [train, test] = randomSplit([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [8, 2]);
 * train.indices; // [5, 0, 3, 4, 1, 7, 9, 6]
 * ```
 */
export function randomSplit<Item, const Lengths extends readonly number[]>(
  dataset: MapDataset<Item>,
  lengths: Lengths,
  given?: { generator?: Generator },
): { -readonly [K in keyof Lengths]: Subset<Item> } {
  const { generator = defaultGenerator } = randomSplitOptions("randomSplit", given);
  requireSized(dataset);
  requireList("randomSplit", lengths, 2);
  const sizes = sizesOf(lengths, dataset.length);
  const total = sizes.reduce((a, b) => a + b, 0);
  if (total !== dataset.length) {
    throw new AbrazoError({
      code: "SIZE_MISMATCH",
      message: "Sum of input lengths does not equal the length of the input dataset!",
      hint: `The lengths sum to ${total}, the dataset has ${dataset.length} samples.`,
      data: { lengths: [...lengths], length: dataset.length },
    });
  }
  const order = generator.permutation(total);
  let end = 0;
  const parts = sizes.map((size) => {
    end += size;
    return new Subset(dataset, order.slice(end - size, end));
  });
  // safe because there is one part for each length
  return parts as { -readonly [K in keyof Lengths]: Subset<Item> };
}

function sizesOf(lengths: readonly number[], length: number): number[] {
  const sum = lengths.reduce((a, b) => a + b, 0);
  if (!(Math.abs(sum - 1) <= 1e-9 && sum <= 1)) return checkedSizes(lengths);
  const sizes = lengths.map((fraction, index) => {
    if (fraction >= 0 && fraction <= 1) return Math.floor(length * fraction);
    throw new AbrazoError({
      code: "BAD_FRACTION",
      message: `Fraction at index ${index} is not between 0 and 1`,
      hint: `It is ${fraction}.`,
    });
  });
  const rest = length - sizes.reduce((a, b) => a + b, 0);
  for (let i = 0; i < rest; i++) sizes[i % sizes.length] = (sizes[i % sizes.length] ?? 0) + 1;
  return sizes;
}

function checkedSizes(lengths: readonly number[]): number[] {
  if (lengths.every((size) => Number.isInteger(size) && size >= 0)) return [...lengths];
  throw new AbrazoError({
    code: "SIZE_MISMATCH",
    message: "Sum of input lengths does not equal the length of the input dataset!",
    hint: `Lengths are whole numbers, or fractions that sum to 1; these are ${lengths.join(", ")}.`,
    data: { lengths: [...lengths] },
  });
}
