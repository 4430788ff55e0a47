// Which worker this thread is, if it is one.
// Knows no threads: the worker tells it.

/** Which worker of a loader a thread is. */
export interface WorkerInfo {
  /** This worker's number, from 0. */
  readonly id: number;
  readonly numWorkers: number;
  /** Base seed of the epoch plus `id`: what this worker's default generator was seeded with (its low 32 bits). */
  readonly seed: bigint;
  /** The worker's own copy of the dataset. */
  readonly dataset: unknown;
}

let current: WorkerInfo | undefined;

/**
 * What a dataset may ask in a worker of a DataLoader; undefined on the main thread. An iterable dataset shares its samples
 * out by it.
 *
 * @example
 * ```ts
 * class Count extends IterableDataset<number> {
 *   override *[Symbol.iterator]() {
 *     const { id, numWorkers } = getWorkerInfo() ?? { id: 0, numWorkers: 1 };
 *     for (let n = id; n < 4; n += numWorkers) yield n;
 *   }
 * }
 * [...new Count()]; // [0, 1, 2, 3]
 * getWorkerInfo(); // undefined
 * ```
 */
export function getWorkerInfo(): WorkerInfo | undefined {
  return current;
}

export function setWorkerInfo(info: WorkerInfo): void {
  current = info;
}
