// The options of a DataLoader, checked where they are given, with PyTorch's sentences.
// Knows no data.
import { AbrazoError } from "../errors.ts";

/** What is checked; the loader's own type says more. */
interface Options {
  batchSize?: number | null;
  shuffle?: boolean;
  sampler?: unknown;
  batchSampler?: unknown;
  numWorkers?: number;
  dropLast?: boolean;
  prefetchFactor?: number;
  persistentWorkers?: boolean;
  timeout?: number;
}

export function checkOptions(options: Options, iterable: boolean): void {
  for (const [wrong, message, hint] of faults(options, iterable)) {
    if (wrong) throw new AbrazoError({ code: "BAD_OPTION", message, hint });
  }
}

type Fault = readonly [wrong: boolean, message: string, hint: string];

function faults(options: Options, iterable: boolean): Fault[] {
  return [...numberFaults(options), ...orderFaults(options, iterable)];
}

const whole = (value: number): boolean => Number.isInteger(value) && value >= 0;

function numberFaults({
  batchSize = 1,
  numWorkers = 0,
  prefetchFactor,
  persistentWorkers,
  timeout = 0,
}: Options): Fault[] {
  return [
    [
      !whole(numWorkers),
      "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.",
      `numWorkers is ${numWorkers}.`,
    ],
    [!(timeout >= 0), "timeout option should be non-negative", `timeout is ${timeout} seconds.`],
    [
      numWorkers === 0 && prefetchFactor !== undefined,
      "prefetch_factor option could only be specified in multiprocessing. let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None.",
      "Leave prefetchFactor out, or give numWorkers.",
    ],
    [
      prefetchFactor !== undefined && !whole(prefetchFactor),
      "prefetch_factor option should be non-negative",
      `prefetchFactor is ${prefetchFactor}.`,
    ],
    [
      persistentWorkers === true && numWorkers === 0,
      "persistent_workers option needs num_workers > 0",
      "Leave persistentWorkers out, or give numWorkers.",
    ],
    [
      batchSize !== null && !(Number.isInteger(batchSize) && batchSize > 0),
      `batch_size should be a positive integer value, but got batch_size=${batchSize}`,
      "Use 1 or more, or null for single samples.",
    ],
  ];
}

function orderFaults({ batchSize, shuffle, sampler, batchSampler, dropLast }: Options, iterable: boolean): Fault[] {
  const exclusive = (batchSize ?? 1) !== 1 || shuffle === true || sampler !== undefined || dropLast === true;
  return [
    [
      iterable && shuffle === true,
      "DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle=True",
      "An iterable dataset has an order of its own; shuffle inside of it.",
    ],
    [
      iterable && sampler !== undefined,
      "DataLoader with IterableDataset: expected unspecified sampler option",
      "An iterable dataset is not asked for indices.",
    ],
    [
      iterable && batchSampler !== undefined,
      "DataLoader with IterableDataset: expected unspecified batch_sampler option",
      "An iterable dataset is not asked for indices.",
    ],
    [
      sampler !== undefined && shuffle === true,
      "sampler option is mutually exclusive with shuffle",
      "The sampler says the order: leave shuffle out.",
    ],
    [
      batchSampler !== undefined && exclusive,
      "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last",
      "The batch sampler says all of it.",
    ],
    [
      batchSize === null && dropLast === true,
      "batch_size=None option disables auto-batching and is mutually exclusive with drop_last",
      "Leave dropLast out, or give a batchSize.",
    ],
  ];
}
