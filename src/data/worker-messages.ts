// What the main thread and a worker of a loader say to each other.
// Types only.
import type { Wire } from "./wire.ts";

/** What a worker is made with. */
export interface WorkerSetup {
  id: number;
  numWorkers: number;
  /** Seed of the epoch in which the worker starts, plus its id. */
  seed: bigint;
  dataset: Wire;
  batchSize: number | undefined;
  dropLast: boolean;
  /** False where a collateFn of the caller runs on the main thread: the worker then sends samples. */
  collates: boolean;
}

export type ToWorker =
  | {
      kind: "epoch";
      epoch: number;
      /** State to continue from; absent, the generator goes on as it is. */
      generator: readonly number[] | undefined;
      /** Batches of an iterable dataset that were given before. */
      skip: number;
    }
  | { kind: "fetch"; epoch: number; batch: number; indices: readonly number[] | undefined }
  | { kind: "stop" };

export type FromWorker =
  | { kind: "batch"; epoch: number; batch: number; value: Wire; generator: number[] }
  /** This worker's share of an iterable dataset is used up. */
  | { kind: "end"; epoch: number; batch: number }
  | { kind: "error"; epoch: number; batch: number; error: WorkerFault }
  /** The dataset could not be made. */
  | { kind: "failed"; error: WorkerFault };

/** An error as it is posted. */
export interface WorkerFault {
  name: string;
  message: string;
  code: string | undefined;
  hint: string | undefined;
  stack: string | undefined;
}
