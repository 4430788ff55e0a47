// The training loop, read top to bottom: batch → loss → backward → clip and update, one graph and one run a step.
// Knows no model, no file format and no hub.
import { AbrazoError } from "../errors.ts";
import { reportProgress } from "../log.ts";
import { functional as F } from "../nn/index.ts";
import type { AdamW } from "../optim/adamw.ts";
import type { Schedule } from "../optim/schedules.ts";
import type { Tensor } from "../tensor/index.ts";

export interface TrainLoop<Batch> {
  /** Batches of one epoch; asked anew for each. */
  batches(epoch: number): readonly Batch[];
  /** The scalar loss of a batch, recorded and not computed. */
  loss(batch: Batch): Tensor;
  optimizer: AdamW;
  schedule: Schedule;
  learningRate: number;
  epochs: number;
  /** Stops here even if epochs are left. */
  maxSteps?: number | undefined;
  seed: number;
  /** Runs after each epoch; what it gives is kept in the history. */
  evaluate?: ((epoch: number) => Promise<Record<string, number>>) | undefined;
  signal?: AbortSignal | undefined;
}

export interface HistoryEntry {
  step: number;
  epoch: number;
  loss: number;
  learningRate: number;
  metrics?: Record<string, number>;
}

export interface TrainResult {
  steps: number;
  history: HistoryEntry[];
  /** Loss of every step. */
  losses: number[];
  durationSeconds: number;
}

const LOG_EVERY = 50;

/** Trains until the epochs, the step limit or the signal end it. */
export async function train<Batch>(loop: TrainLoop<Batch>): Promise<TrainResult> {
  const started = performance.now();
  const losses: number[] = [];
  const history: HistoryEntry[] = [];
  let total = loop.maxSteps;
  let running = Number.NaN;
  for (let epoch = 0; epoch < loop.epochs && !ended(loop, losses.length); epoch++) {
    const batches = loop.batches(epoch);
    total ??= batches.length * loop.epochs;
    for (const batch of batches) {
      if (ended(loop, losses.length)) break;
      const loss = trainStep(loop, batch, losses.length);
      losses.push(loss);
      running = Number.isNaN(running) ? loss : 0.98 * running + 0.02 * loss;
      reportProgress({
        task: "train",
        loaded: losses.length,
        total,
        unit: "steps",
        figures: { epoch: epoch + 1, loss: running },
      });
      if (losses.length % LOG_EVERY === 0) {
        const learningRate = loop.optimizer.lr;
        history.push({ step: losses.length, epoch: epoch + 1, loss: running, learningRate });
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    }
    const metrics = await loop.evaluate?.(epoch);
    const entry = { step: losses.length, epoch: epoch + 1, loss: running, learningRate: loop.optimizer.lr };
    history.push(metrics === undefined ? entry : { ...entry, metrics });
  }
  reportProgress({ task: "train", loaded: losses.length, total: losses.length, unit: "steps", done: true });
  return { steps: losses.length, history, losses, durationSeconds: (performance.now() - started) / 1000 };
}

function ended<Batch>({ maxSteps, signal }: TrainLoop<Batch>, step: number): boolean {
  return signal?.aborted === true || (maxSteps !== undefined && step >= maxSteps);
}

function trainStep<Batch>(loop: TrainLoop<Batch>, batch: Batch, step: number): number {
  const { optimizer, schedule, learningRate, seed } = loop;
  return F.dropoutStep(seed, step, () => {
    optimizer.lr = learningRate * schedule(step + 1);
    optimizer.zeroGrad();
    const loss = loop.loss(batch);
    loss.backward();
    optimizer.step([loss]);
    const value = loss.itemSync();
    if (Number.isFinite(value)) return value;
    throw new AbrazoError({
      code: "LOSS_NOT_FINITE",
      message: `The loss became ${value} at step ${step + 1}.`,
      hint: "Use a lower learning rate, or check the data for empty or extreme examples.",
    });
  });
}
