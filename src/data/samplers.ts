// Samplers: in which order a loader asks for samples. Seeded ones give PyTorch's order bit for bit.
// Knows no samples, only their number.
import { requireList, requireParts } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { optionsOf } from "../options.ts";
import type { Generator } from "../tensor/index.ts";
import { defaultGenerator, Generator as MersenneTwister } from "../tensor/rng.ts";
import { drawSeed, lowBits } from "./random.ts";
import { requireSized } from "./sized.ts";

const subsetRandomSamplerOptions = optionsOf<{ generator?: Generator }>({ generator: true });

/** Anything that has a length. */
interface Sized {
  readonly length: number;
}

/**
 * An order of indices, or of lists of indices; anew at each iteration.
 *
 * @example
 * ```ts
 * class Backwards extends Sampler {
 *   readonly length = 3;
 *   *[Symbol.iterator](): Iterator<number> { yield* [2, 1, 0]; }
 * }
 * [...new DataLoader([10, 20, 30], { sampler: new Backwards() })].map((batch) => batch.itemSync()); // [30, 20, 10]
 * ```
 */
export abstract class Sampler<Item = number> implements Iterable<Item> {
  abstract readonly length: number;
  abstract [Symbol.iterator](): Iterator<Item>;
}

/**
 * 0, 1, 2, … in order.
 *
 * @example
 * ```ts
 * [...new SequentialSampler(["a", "b", "c"])]; // [0, 1, 2]
 * ```
 */
export class SequentialSampler extends Sampler {
  readonly #source: Sized;

  constructor(dataSource: Sized) {
    super();
    requireSized(dataSource);
    this.#source = dataSource;
  }

  /** The number of indices of one pass. */
  get length(): number {
    return this.#source.length;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let index = 0; index < this.#source.length; index++) yield index;
  }
}

/** How a random order is drawn. */
export interface RandomSamplerOptions {
  /** Draw each index from all of them, so that one may come twice. */
  replacement?: boolean;
  /** How many indices; the dataset's length when absent. */
  numSamples?: number;
  /** When absent, each iteration draws a seed from the default generator and makes a generator of its own. */
  generator?: Generator | undefined;
}

const randomSamplerOptions = optionsOf<RandomSamplerOptions>({ replacement: true, numSamples: true, generator: true });

/**
 * Indices in random order.
 *
 * @example
 * ```ts
 * manualSeed(7);
 * [...new RandomSampler([10, 20, 30, 40])]; // [1, 3, 0, 2]
 * ```
 */
export class RandomSampler extends Sampler {
  readonly replacement: boolean;
  readonly #source: Sized;
  readonly #numSamples: number | undefined;
  readonly #generator: Generator | undefined;

  constructor(dataSource: Sized, given?: RandomSamplerOptions) {
    const { replacement = false, numSamples, generator } = randomSamplerOptions("RandomSampler", given);
    super();
    requireSized(dataSource);
    this.replacement = replacement;
    this.#source = dataSource;
    this.#numSamples = numSamples;
    this.#generator = generator;
    requirePositive("num_samples", this.length);
  }

  /** The number of indices of one pass. */
  get length(): number {
    return this.#numSamples ?? this.#source.length;
  }

  *[Symbol.iterator](): Iterator<number> {
    const generator = this.#generator ?? new MersenneTwister(lowBits(drawSeed(defaultGenerator)));
    const [n, wanted] = [this.#source.length, this.length];
    if (this.replacement) {
      for (let start = 0; start < wanted; start += 32) {
        const drawn = Array.from({ length: Math.min(32, wanted - start) }, () => generator.u32() % n);
        yield* drawn;
      }
      return;
    }
    for (let round = 0; round < Math.floor(wanted / n); round++) yield* generator.permutation(n);
    // PyTorch draws this order even when none of it is left to give; a shared generator must be where PyTorch's is.
    yield* generator.permutation(n).slice(0, wanted % n);
  }
}

/**
 * The given indices in random order.
 *
 * @example
 * ```ts
 * manualSeed(7);
 * [...new SubsetRandomSampler([5, 6, 7])]; // [5, 6, 7]
 * ```
 */
export class SubsetRandomSampler extends Sampler {
  readonly indices: readonly number[];
  readonly #generator: Generator | undefined;

  constructor(indices: readonly number[], given?: { generator?: Generator }) {
    const { generator } = subsetRandomSamplerOptions("SubsetRandomSampler", given);
    super();
    requireList("SubsetRandomSampler", indices);
    this.indices = indices;
    this.#generator = generator;
  }

  /** The number of indices of one pass. */
  get length(): number {
    return this.indices.length;
  }

  *[Symbol.iterator](): Iterator<number> {
    const order = (this.#generator ?? defaultGenerator).permutation(this.indices.length);
    for (const at of order) yield this.indices[at] ?? 0;
  }
}

/** How weighted indices are drawn. */
export interface WeightedSamplerOptions {
  replacement?: boolean;
  generator?: Generator;
}

const weightedSamplerOptions = optionsOf<WeightedSamplerOptions>({ replacement: true, generator: true });

/**
 * Indices drawn with probabilities that follow weights, which need not sum to 1. With replacement (the default) and
 * more
 * than one sample the order is PyTorch's; without, the distribution is, since PyTorch's own stream there is its
 * processor library's.
 *
 * @example
 * ```ts
 * manualSeed(7);
 * [...new WeightedRandomSampler([0, 1, 3], 6)]; // [2, 2, 2, 2, 2, 2]
 * ```
 */
export class WeightedRandomSampler extends Sampler {
  readonly weights: readonly number[];
  readonly length: number;
  readonly replacement: boolean;
  readonly #generator: Generator | undefined;

  constructor(weights: readonly number[], numSamples: number, given?: WeightedSamplerOptions) {
    const options = weightedSamplerOptions("WeightedRandomSampler", given);
    super();
    requireList("WeightedRandomSampler", weights);
    requirePositive("num_samples", numSamples);
    this.weights = weights;
    this.length = numSamples;
    this.replacement = options.replacement ?? true;
    this.#generator = options.generator;
    requireWeights(weights, this.replacement ? undefined : numSamples);
  }

  *[Symbol.iterator](): Iterator<number> {
    const generator = this.#generator ?? defaultGenerator;
    yield* this.replacement ? this.#withReplacement(generator) : this.#withoutReplacement(generator);
  }

  #withReplacement(generator: Generator): number[] {
    const sum = this.weights.reduce((a, b) => a + b, 0);
    let total = 0;
    const cumulative = this.weights.map((weight) => {
      total += weight;
      return total / sum;
    });
    cumulative[cumulative.length - 1] = 1;
    return Array.from({ length: this.length }, () => firstNotBelow(cumulative, generator.double()));
  }

  /** The largest of weight / Exp(1): each order has the probability of drawing one after another. */
  #withoutReplacement(generator: Generator): number[] {
    const keys = this.weights.map((weight) => weight / -Math.log1p(-generator.double()));
    const order = keys.map((_, index) => index).sort((a, b) => (keys[b] ?? 0) - (keys[a] ?? 0));
    return order.slice(0, this.length);
  }
}

function firstNotBelow(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 1) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The indices of another sampler in lists of `batchSize`.
 *
 * @example
 * ```ts
 * [...new BatchSampler(new SequentialSampler([1, 2, 3]), 2, false)]; // [[0, 1], [2]]
 * ```
 */
export class BatchSampler extends Sampler<number[]> {
  readonly sampler: Iterable<number> & Partial<Sized>;
  readonly batchSize: number;
  readonly dropLast: boolean;

  constructor(sampler: Iterable<number> & Partial<Sized>, batchSize: number, dropLast: boolean) {
    super();
    requireParts("BatchSampler", sampler, [Symbol.iterator], "a sampler, or another iterable");
    requirePositive("batch_size", batchSize);
    this.sampler = sampler;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
  }

  /** The number of batches of one pass. */
  get length(): number {
    return batchCount(lengthOf(this.sampler), this.batchSize, this.dropLast);
  }

  *[Symbol.iterator](): Iterator<number[]> {
    let batch: number[] = [];
    for (const index of this.sampler) {
      batch.push(index);
      if (batch.length < this.batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0 && !this.dropLast) yield batch;
  }
}

export const batchCount = (samples: number, batchSize: number, dropLast: boolean): number =>
  dropLast ? Math.floor(samples / batchSize) : Math.ceil(samples / batchSize);

/** The length of an order that has one. */
export function lengthOf(order: Iterable<unknown> & Partial<Sized>): number {
  if (order.length !== undefined) return order.length;
  throw new AbrazoError({
    code: "NO_LENGTH",
    message: `object of type '${order.constructor.name}' has no len()`,
    hint: "Give the sampler a length.",
  });
}

function requirePositive(name: string, value: number): void {
  if (Number.isInteger(value) && value > 0) return;
  throw new AbrazoError({
    code: "BAD_OPTION",
    message: `${name} should be a positive integer value, but got ${name}=${value}`,
    hint: name === "num_samples" ? "An empty dataset cannot be sampled at random." : "Use 1 or more.",
    data: { name, value },
  });
}

function requireWeights(weights: readonly number[], distinct: number | undefined): void {
  const usable = weights.filter((weight) => weight > 0).length;
  const sound = usable > 0 && weights.every((weight) => Number.isFinite(weight) && weight >= 0);
  if (sound && (distinct === undefined || distinct <= usable)) return;
  throw new AbrazoError({
    code: "BAD_OPTION",
    message: sound
      ? "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
      : "probability tensor contains either `inf`, `nan` or element < 0",
    hint: sound
      ? `${distinct} samples were asked for, ${usable} weights are above 0.`
      : "Weights are numbers from 0 on, and one of them is above 0.",
  });
}
