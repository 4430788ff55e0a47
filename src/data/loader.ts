// DataLoader: batches of a dataset in order, at random or as a sampler says; on this thread or ahead of it in workers.
// Knows no models.
import { AbrazoError } from "../errors.ts";
import { optionsOf } from "../options.ts";
import type { Generator } from "../tensor/index.ts";
import { defaultGenerator } from "../tensor/rng.ts";
import type { Collated } from "./collate.ts";
import { type AnyDataset, isIterableDataset } from "./dataset.ts";
import { batchesOf, batchesSync, fetchBatch, fetchSync, isIterableRecipe, isMapRecipe, type Recipe } from "./fetch.ts";
import { checkOptions } from "./loader-options.ts";
import { drawSeed } from "./random.ts";
import { BatchSampler, batchCount, lengthOf, RandomSampler, SequentialSampler } from "./samplers.ts";
import { requireSized } from "./sized.ts";
import { toWire } from "./wire.ts";
import { getWorkerInfo } from "./worker-info.ts";
import { WorkerPool, type WorkerState } from "./worker-pool.ts";

const dataLoaderOptions = optionsOf<LoaderOptions<never, unknown>>({
  batchSize: true,
  shuffle: true,
  sampler: true,
  batchSampler: true,
  numWorkers: true,
  collateFn: true,
  dropLast: true,
  generator: true,
  prefetchFactor: true,
  persistentWorkers: true,
  timeout: true,
});

/** How a loader orders, joins and fetches samples. */
export interface LoaderOptions<Item, Batch> {
  /** Samples of a batch; null gives single samples. Default 1. */
  batchSize?: number | null;
  /** A new random order at each iteration. */
  shuffle?: boolean;
  /** The order of the indices, instead of `shuffle`. */
  sampler?: Iterable<number> & { readonly length?: number };
  /** The indices of each batch, instead of `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  batchSampler?: Iterable<readonly number[]> & { readonly length?: number };
  /** Threads that fetch ahead; 0, the default, fetches on this thread. */
  numWorkers?: number;
  /** Makes a batch of samples; with workers it runs on this thread. Default: `defaultCollate`, in the worker. */
  collateFn?: (samples: readonly Item[]) => Batch;
  /** Leaves out a last batch that is not full. */
  dropLast?: boolean;
  /** Draws the order and the workers' seeds; the default generator when absent. */
  generator?: Generator;
  /** Batches that each worker fetches ahead; 2 when there are workers. */
  prefetchFactor?: number;
  /** Keeps the workers, with their datasets, for the next iteration. `close()` ends them. */
  persistentWorkers?: boolean;
  /** Seconds to wait for a batch of a worker; 0, the default, waits for ever. */
  timeout?: number;
}

/** Where a loader stands; plain values, so that it can be written as JSON. */
export interface LoaderState {
  /** Batches of the current iteration that were given; 0 between iterations. */
  batchesYielded: number;
  /** Base seed of the iteration, in decimal digits. */
  baseSeed: string | null;
  /** The generator's state from which the order was drawn. Between iterations: the state of the loader's own generator. */
  generator: readonly (number | null)[] | null;
  workers: { batches: number; generator: readonly (number | null)[] | null }[] | null;
  /** The worker whose turn the next batch is. */
  turn: number;
}

type Order = Iterator<readonly number[] | undefined>;

interface Epoch {
  seed: bigint;
  /** The generator's state before the order was drawn. */
  start: number[];
  order: Order;
  yielded: number;
  turn: number;
  states: WorkerState[] | undefined;
  pool: WorkerPool | undefined;
}

/**
 * Batches of a dataset. With `shuffle` and a seed the order is PyTorch's, bit for bit.
 *
 * A plain `for` loop works where samples are at hand at once; `for await` always does, and is what `numWorkers` needs.
 * Workers are threads. Each makes its own dataset from the `source` that the dataset names, and its default generator is
 * seeded with the base seed plus its number, as in PyTorch: random transforms give the same for the same number of workers.
 * As in PyTorch, as many workers as cores is a good start where samples are costly (decoding, augmenting); for data in
 * memory they only cost, and 0 is best.
 *
 * @throws BAD_OPTION for options that exclude each other; NEEDS_AWAIT where workers are iterated without `for await`;
 *   NO_LENGTH where `length` is asked of a dataset without one
 *
 * @example
 * ```ts
 * manualSeed(7);
 * const loader = new DataLoader([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], { batchSize: 4, shuffle: true });
 * for (const batch of loader) console.log(batch.tolistSync());
 * // [3, 2, 7, 8] [6, 1, 5, 9] [0, 4]
 * ```
 */
export class DataLoader<Item, Batch = Collated<Item>> {
  readonly dataset: AnyDataset<Item>;
  readonly batchSize: number | undefined;
  readonly numWorkers: number;
  readonly dropLast: boolean;
  readonly generator: Generator | undefined;
  readonly prefetchFactor: number;
  readonly persistentWorkers: boolean;
  readonly timeout: number;
  /** The order of batches; undefined for an iterable dataset, which has its own. */
  readonly batchSampler: (Iterable<readonly number[]> & { readonly length?: number }) | undefined;
  readonly #recipe: Recipe;
  #epoch: Epoch | undefined;
  #resume: LoaderState | undefined;
  #pool: WorkerPool | undefined;

  constructor(dataset: AnyDataset<Item>, given?: LoaderOptions<Item, Batch>) {
    const options = dataLoaderOptions("DataLoader", given);
    if (!isIterableDataset(dataset)) requireSized(dataset);
    checkOptions(options, isIterableDataset(dataset));
    const { batchSize = 1, shuffle = false, sampler, batchSampler, collateFn, dropLast = false, generator } = options;
    this.dataset = dataset;
    this.numWorkers = options.numWorkers ?? 0;
    this.dropLast = dropLast;
    this.generator = generator;
    this.prefetchFactor = options.prefetchFactor ?? 2;
    this.persistentWorkers = options.persistentWorkers ?? false;
    this.timeout = options.timeout ?? 0;
    this.batchSize = batchSampler === undefined ? (batchSize ?? undefined) : undefined;
    if (!isIterableDataset(dataset)) {
      const indices = sampler ?? (shuffle ? new RandomSampler(dataset, { generator }) : new SequentialSampler(dataset));
      this.batchSampler =
        batchSampler ?? (batchSize === null ? singles(indices) : new BatchSampler(indices, batchSize, dropLast));
    }
    this.#recipe = {
      dataset,
      batchSize: batchSampler === undefined ? this.batchSize : 1,
      dropLast,
      // safe because the samples are the dataset's own
      collate: collateFn === undefined ? undefined : (samples) => collateFn(samples as readonly Item[]),
    };
    if (this.numWorkers > 0) toWire(dataset, "dataset");
  }

  /** The number of batches. */
  get length(): number {
    if (this.batchSampler !== undefined) return lengthOf(this.batchSampler);
    if (this.dataset.length === undefined) {
      throw new AbrazoError({
        code: "NO_LENGTH",
        message: `object of type '${this.dataset.constructor.name}' has no len()`,
        hint: "Give the iterable dataset a length, or count the batches.",
      });
    }
    return this.batchSize === undefined
      ? this.dataset.length
      : batchCount(this.dataset.length, this.batchSize, this.dropLast);
  }

  *[Symbol.iterator](): Iterator<Batch> {
    if (this.numWorkers > 0) throw needsForAwait(this.numWorkers);
    const epoch = this.#begin();
    for (const batch of this.#batchesSync(epoch)) {
      epoch.yielded++;
      yield batch as Batch; // safe because the collator makes batches of this type
    }
    this.#finish(epoch);
  }

  *#batchesSync({ order, yielded }: Epoch): Iterable<unknown> {
    const recipe = this.#recipe;
    if (isIterableRecipe(recipe)) {
      const batches = batchesSync(recipe);
      for (let i = 0; i < yielded; i++) batches.next();
      yield* batches;
    } else if (isMapRecipe(recipe)) {
      for (let step = order.next(); step.done !== true; step = order.next()) yield fetchSync(recipe, step.value ?? []);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    const epoch = this.#begin();
    let done = false;
    try {
      for await (const batch of epoch.pool === undefined
        ? this.#batches(epoch)
        : this.#workerBatches(epoch, epoch.pool)) {
        epoch.yielded++;
        yield batch as Batch; // safe because the collator makes batches of this type
      }
      done = true;
      this.#finish(epoch);
    } finally {
      if (!done) epoch.states = epoch.pool?.states;
      if (!this.persistentWorkers) await this.#release(epoch.pool);
    }
  }

  async *#batches({ order, yielded }: Epoch): AsyncGenerator<unknown> {
    const recipe = this.#recipe;
    if (isIterableRecipe(recipe)) {
      const batches = batchesOf(recipe);
      for (let i = 0; i < yielded; i++) await batches.next();
      yield* batches;
    } else if (isMapRecipe(recipe)) {
      for (let step = order.next(); step.done !== true; step = order.next())
        yield await fetchBatch(recipe, step.value ?? []);
    }
  }

  async *#workerBatches({ order, turn, states }: Epoch, pool: WorkerPool): AsyncGenerator<unknown> {
    const { collate } = this.#recipe;
    try {
      for await (const batch of pool.run({ order, turn, states })) {
        yield collate === undefined ? batch : collate(batch);
      }
    } catch (error) {
      // What is left of the workers after a failure is in no known state.
      await this.#release(pool);
      throw error;
    }
  }

  /** PyTorch's order of draws: the base seed, then, with the first batch, what the sampler draws. */
  #begin(): Epoch {
    const resume = this.#resume;
    this.#resume = undefined;
    if (resume !== undefined && this.batchSampler === undefined) requireWorkers(resume, this.numWorkers);
    const generator = this.generator ?? defaultGenerator;
    const held = generator.getState();
    if (resume?.generator != null) generator.setState(resume.generator.map((word) => word ?? Number.NaN));
    const kept = this.persistentWorkers ? this.#pool?.seed : undefined;
    const known = resume?.baseSeed == null ? kept : BigInt(resume.baseSeed);
    const seed = known ?? drawSeed(generator);
    const epoch: Epoch = {
      seed,
      start: generator.getState(),
      order: this.#order(),
      yielded: resume?.batchesYielded ?? 0,
      turn: resume?.turn ?? 0,
      states: statesOf(resume, this.numWorkers),
      pool: undefined,
    };
    if (this.batchSampler !== undefined) for (let i = 0; i < epoch.yielded; i++) epoch.order.next();
    // The default generator belongs to all; only the loader's own goes back to where the order left it.
    if (resume !== undefined && this.generator === undefined) generator.setState(held);
    if (this.numWorkers > 0) epoch.pool = this.#workers(seed);
    this.#epoch = epoch;
    return epoch;
  }

  #order(): Order {
    return this.batchSampler === undefined ? endless() : this.batchSampler[Symbol.iterator]();
  }

  #workers(seed: bigint): WorkerPool {
    if (this.#pool !== undefined && this.persistentWorkers) return this.#pool;
    if (getWorkerInfo() !== undefined) throw nestedWorkers();
    const { batchSize, dropLast, collate, dataset } = this.#recipe;
    this.#pool = new WorkerPool({
      count: this.numWorkers,
      seed,
      dataset: toWire(dataset, "dataset"),
      batchSize,
      dropLast,
      collates: collate === undefined,
      prefetchFactor: this.prefetchFactor,
      timeout: this.timeout,
    });
    return this.#pool;
  }

  async #release(pool: WorkerPool | undefined): Promise<void> {
    if (this.#pool === pool) this.#pool = undefined;
    await pool?.stop();
  }

  #finish(epoch: Epoch): void {
    if (this.#epoch === epoch) this.#epoch = undefined;
  }

  /** Ends workers that were kept for the next iteration. */
  close(): Promise<void> {
    return this.#release(this.#pool);
  }

  /**
   * Where the loader stands: after `loadStateDict` of it, a loader of the same dataset and options goes on with the batch
   * that would have come next. The state of the default generator is not part of it: random transforms on the main
   * thread go on alike when that is put back as well.
   *
   * @example
   * ```ts
   * const loader = new DataLoader([0, 1, 2, 3, 4, 5], { batchSize: 2 });
   * for (const _ of loader) break;
   * const again = new DataLoader([0, 1, 2, 3, 4, 5], { batchSize: 2 });
   * again.loadStateDict(loader.stateDict());
   * [...again].map((batch) => batch.tolistSync()); // [[2, 3], [4, 5]]
   * ```
   */
  stateDict(): LoaderState {
    const epoch = this.#epoch;
    if (epoch === undefined || epoch.yielded === 0) {
      const generator = epoch?.start ?? this.generator?.getState() ?? null;
      const own = this.generator === undefined ? null : generator;
      const seed = this.generator !== undefined && epoch !== undefined ? String(epoch.seed) : null;
      return { batchesYielded: 0, baseSeed: seed, generator: own, workers: null, turn: 0 };
    }
    const states = epoch.states ?? epoch.pool?.states;
    return {
      batchesYielded: epoch.yielded,
      baseSeed: String(epoch.seed),
      generator: epoch.start,
      workers: states?.map((state) => ({ batches: state.batches, generator: state.generator ?? null })) ?? null,
      turn: epoch.pool?.turn ?? 0,
    };
  }

  /** Goes on, at the next iteration, where `stateDict()` stood. */
  loadStateDict(state: LoaderState): void {
    if (!Number.isInteger(state.batchesYielded) || state.batchesYielded < 0) {
      throw new AbrazoError({
        code: "BAD_STATE",
        message: `This is no state of a DataLoader: batchesYielded is ${state.batchesYielded}.`,
        hint: "Pass what stateDict() returned.",
      });
    }
    this.#epoch = undefined;
    this.#resume = state;
  }
}

function statesOf(resume: LoaderState | undefined, numWorkers: number): WorkerState[] | undefined {
  // Another number of workers shares out the samples otherwise: the order stays, their random streams cannot.
  if (resume?.workers?.length !== numWorkers) return undefined;
  return resume.workers.map(({ batches, generator }) => ({
    batches,
    generator: generator?.map((word) => word ?? Number.NaN),
  }));
}

function requireWorkers({ batchesYielded, workers }: LoaderState, numWorkers: number): void {
  const saved = workers?.length ?? 0;
  if (batchesYielded === 0 || saved === numWorkers) return;
  throw new AbrazoError({
    code: "BAD_STATE",
    message: `An iterable dataset goes on only with the number of workers it was left with: ${saved}, not ${numWorkers}.`,
    hint: `Make the loader with numWorkers: ${saved}.`,
    data: { saved, numWorkers },
  });
}

function singles(indices: Iterable<number> & { readonly length?: number }): BatchSampler {
  return new BatchSampler(indices, 1, false);
}

function* endless(): IterableIterator<undefined> {
  for (;;) yield undefined;
}

function needsForAwait(numWorkers: number): AbrazoError {
  return new AbrazoError({
    code: "NEEDS_AWAIT",
    message: `Batches of ${numWorkers} workers come later; a plain \`for\` loop cannot wait for them.`,
    hint: "Write: for await (const batch of loader). Or use numWorkers: 0.",
  });
}

function nestedWorkers(): AbrazoError {
  return new AbrazoError({
    code: "WORKER_IN_WORKER",
    message:
      "daemonic processes are not allowed to have children: a DataLoader with workers was iterated inside a worker.",
    hint: "A worker imports the dataset's module: put the dataset into a module of its own, without the loop that trains.",
  });
}
