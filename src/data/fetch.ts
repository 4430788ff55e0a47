// Fetching: the batch of a list of indices, at once or awaited.
// Knows no order of batches and no threads.
import { AbrazoError } from "../errors.ts";
import { defaultCollate, defaultConvert } from "./collate.ts";
import {
  type AnyDataset,
  type IterableDataset,
  isIterableDataset,
  itemOf,
  type MapDataset,
  noIterator,
  samplesOf,
} from "./dataset.ts";

export interface Recipe {
  dataset: AnyDataset<unknown>;
  /** Undefined gives single samples. */
  batchSize: number | undefined;
  dropLast: boolean;
  /** Undefined is the default: what joins samples, or converts a single one. */
  collate: ((samples: unknown) => unknown) | undefined;
}

/** One batch, or one sample when there are no batches. All of it must be there at once. */
export function fetchSync(recipe: Recipe & { dataset: MapDataset<unknown> }, indices: readonly number[]): unknown {
  const { dataset, batchSize, collate } = recipe;
  const getBatch = batchSize !== undefined && collate === undefined ? batchGetter(dataset) : undefined;
  if (getBatch !== undefined) return settled(getBatch(indices));
  return settled(
    finish(
      recipe,
      indices.map((index) => settled(itemOf(dataset, index))),
    ),
  );
}

/** As fetchSync, awaiting each sample before the next is asked for: random transforms then draw in the order of samples. */
export async function fetchBatch(
  recipe: Recipe & { dataset: MapDataset<unknown> },
  indices: readonly number[],
): Promise<unknown> {
  const { dataset, batchSize, collate } = recipe;
  const getBatch = batchSize !== undefined && collate === undefined ? batchGetter(dataset) : undefined;
  if (getBatch !== undefined) return getBatch(indices);
  const samples: unknown[] = [];
  for (const index of indices) samples.push(await itemOf(dataset, index));
  return finish(recipe, samples);
}

function batchGetter(dataset: MapDataset<unknown>): ((indices: readonly number[]) => unknown) | undefined {
  if (!("getBatch" in dataset) || dataset.getBatch === undefined) return undefined;
  return dataset.getBatch.bind(dataset);
}

function finish({ batchSize, collate }: Recipe, samples: readonly unknown[]): unknown {
  if (batchSize !== undefined) return collate === undefined ? defaultCollate(samples) : collate(samples);
  return (collate ?? defaultConvert)(samples[0]);
}

/** Batches of an iterable dataset. */
export function* batchesSync(recipe: Recipe & { dataset: IterableDataset<unknown> }): Generator<unknown> {
  const { dataset, batchSize = 1, dropLast } = recipe;
  const items = dataset[Symbol.iterator]?.();
  if (items === undefined) throw dataset[Symbol.asyncIterator] === undefined ? noIterator() : needsAwait();
  let samples: unknown[] = [];
  try {
    for (let step = items.next(); step.done !== true; step = items.next()) {
      samples.push(step.value);
      if (samples.length < batchSize) continue;
      yield settled(finish(recipe, samples));
      samples = [];
    }
  } finally {
    items.return?.();
  }
  if (samples.length > 0 && !dropLast) yield settled(finish(recipe, samples));
}

export async function* batchesOf(recipe: Recipe & { dataset: IterableDataset<unknown> }): AsyncGenerator<unknown> {
  const { dataset, batchSize = 1, dropLast } = recipe;
  let samples: unknown[] = [];
  for await (const sample of samplesOf(dataset)) {
    samples.push(sample);
    if (samples.length < batchSize) continue;
    yield finish(recipe, samples);
    samples = [];
  }
  if (samples.length > 0 && !dropLast) yield finish(recipe, samples);
}

export function isIterableRecipe(recipe: Recipe): recipe is Recipe & { dataset: IterableDataset<unknown> } {
  return isIterableDataset(recipe.dataset);
}

export function isMapRecipe(recipe: Recipe): recipe is Recipe & { dataset: MapDataset<unknown> } {
  return !isIterableDataset(recipe.dataset);
}

function settled(value: unknown): unknown {
  if (!(value instanceof Promise)) return value;
  // Its failure must not end the process: the error below is the one that counts.
  value.catch(() => undefined);
  throw needsAwait();
}

function needsAwait(): AbrazoError {
  return new AbrazoError({
    code: "NEEDS_AWAIT",
    message: "This dataset gives promises of its samples; a plain `for` loop cannot wait for them.",
    hint: "Write: for await (const batch of loader).",
  });
}
