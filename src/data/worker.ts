// A worker of a loader: makes its own dataset, fetches what it is told to, and posts the batches.
// Keeps no order; the main thread does.
import { parentPort, workerData } from "node:worker_threads";
import { AbrazoError, internalError } from "../errors.ts";
import { defaultGenerator } from "../tensor/rng.ts";
import type { AnyDataset } from "./dataset.ts";
import { batchesOf, fetchBatch, isIterableRecipe, isMapRecipe, type Recipe } from "./fetch.ts";
import { lowBits } from "./random.ts";
import { fromWire, toWire } from "./wire.ts";
import { setWorkerInfo } from "./worker-info.ts";
import type { FromWorker, ToWorker, WorkerFault, WorkerSetup } from "./worker-messages.ts";

const port = parentPort;
if (port === null) throw internalError("src/data/worker.ts is the body of a thread");
// safe because worker-pool.ts alone starts this file
const setup = (workerData as { setup: WorkerSetup }).setup;
const { id, numWorkers, seed, batchSize, dropLast, collates } = setup;

defaultGenerator.manualSeed(lowBits(seed));
setWorkerInfo({ id, numWorkers, seed, dataset: undefined });

let epoch = 0;
let batches: AsyncGenerator<unknown> | undefined;
/** Undefined where the dataset could not be made: the main thread knows, and waits for nothing more. */
const recipe: Promise<Recipe | undefined> = makeRecipe().catch((error: unknown) => {
  post({ kind: "failed", error: faultOf(error) });
  return undefined;
});
// One after another, as they come; a stop is heard between them.
let work: Promise<void> = Promise.resolve();

port.on("message", (message: ToWorker) => {
  if (message.kind === "stop") process.exit(0);
  if (message.kind === "epoch") epoch = message.epoch;
  work = work.then(() => (message.kind === "epoch" ? begin(message) : fetch(message)));
});

async function makeRecipe(): Promise<Recipe> {
  // safe because the loader posted a dataset's source
  const dataset = (await fromWire(setup.dataset)) as AnyDataset<unknown>;
  setWorkerInfo({ id, numWorkers, seed, dataset });
  return { dataset, batchSize, dropLast, collate: collates ? undefined : (samples) => samples };
}

async function begin({ generator, skip }: Extract<ToWorker, { kind: "epoch" }>): Promise<void> {
  const made = await recipe;
  if (made === undefined) return;
  await batches?.return(undefined);
  batches = isIterableRecipe(made) ? batchesOf(made) : undefined;
  for (let i = 0; i < skip; i++) await batches?.next();
  if (generator !== undefined) defaultGenerator.setState(generator);
}

async function fetch({ epoch: wanted, batch, indices }: Extract<ToWorker, { kind: "fetch" }>): Promise<void> {
  const made = await recipe;
  // The caller has left that epoch: nobody waits for the batch.
  if (made === undefined || wanted !== epoch) return;
  try {
    const value = isMapRecipe(made) ? await fetchBatch(made, indices ?? []) : await nextBatch();
    if (value === undefined) {
      post({ kind: "end", epoch: wanted, batch });
      return;
    }
    // What a collateFn of the main thread gets may be the dataset's own arrays: those are copied.
    const give = collates && batchSize !== undefined ? new Set<ArrayBuffer>() : undefined;
    const message: FromWorker = {
      kind: "batch",
      epoch: wanted,
      batch,
      value: toWire(value, "batch", give),
      generator: defaultGenerator.getState(),
    };
    post(message, [...(give ?? [])]);
  } catch (error) {
    post({ kind: "error", epoch: wanted, batch, error: faultOf(error) });
  }
}

async function nextBatch(): Promise<unknown> {
  const step = await batches?.next();
  return step?.done === false ? step.value : undefined;
}

function post(message: FromWorker, give: ArrayBuffer[] = []): void {
  port?.postMessage(message, give);
}

function faultOf(error: unknown): WorkerFault {
  const known = error instanceof Error ? error : new Error(String(error));
  const { code, hint } = known instanceof AbrazoError ? known : { code: undefined, hint: undefined };
  return { name: known.name, message: known.message, code, hint, stack: known.stack };
}
