// The training loop, read top to bottom: batch → loss → backward → clip and update, one graph and one run a step.
// Knows no model, no file format and no hub.
import { AbrazoError } from "../errors.ts";
import { reportProgress } from "../log.ts";
import { functional as F } from "../nn/index.ts";
import { clipGradNorm_, type Optimizer, type Schedule } from "../optim/index.ts";
import type { Tensor } from "../tensor/index.ts";

export interface TrainLoop<Batch> {
  /** Batches of one epoch; asked anew for each, and always the same for the same epoch. */
  batches(epoch: number): readonly Batch[];
  /** The scalar loss of a batch, recorded and not computed. */
  loss(batch: Batch): Tensor;
  parameters: readonly Tensor[];
  optimizer: Optimizer;
  /** Factor on the learning rate by step, from 0. */
  schedule: Schedule;
  learningRate: number;
  /** The norm of all gradients together is scaled down to this. */
  maxGradNorm: number;
  epochs: number;
  /** Stops here even if epochs are left. */
  maxSteps?: number | undefined;
  /** Steps that a checkpoint has behind it: their batches are passed over. */
  startStep?: number | undefined;
  seed: number;
  /** Runs after each epoch; what it gives is kept in the history. */
  evaluate?: ((epoch: number) => Promise<Record<string, number>>) | undefined;
  /** Runs after each step, e.g. to write a checkpoint. */
  afterStep?: ((step: number) => Promise<void>) | undefined;
  signal?: AbortSignal | undefined;
}

export interface HistoryEntry {
  step: number;
  epoch: number;
  /** Mean of the recent steps' losses, the latest weighing most. */
  loss: number;
  /** Loss of this step alone. */
  stepLoss?: number;
  learningRate: number;
  gradNorm?: number;
  metrics?: Record<string, number>;
}

/** What one step did. */
export interface StepFigures {
  loss: number;
  /** Norm of all gradients together, before clipping. */
  gradNorm: number;
  learningRate: number;
}

export interface TrainResult {
  /** Steps in all, those before a checkpoint included. */
  steps: number;
  history: HistoryEntry[];
  /** Every step that ran here. */
  stepFigures: StepFigures[];
  durationSeconds: number;
}

/** A history has about a hundred entries, and one every fifty steps at least. */
const logEvery = (total: number): number => Math.max(1, Math.min(50, Math.floor(total / 100)));

/** Trains until the epochs, the step limit or the signal end it. */
export async function train<Batch>(loop: TrainLoop<Batch>): Promise<TrainResult> {
  const started = performance.now();
  const { startStep = 0 } = loop;
  const stepFigures: StepFigures[] = [];
  const history: HistoryEntry[] = [];
  let total = loop.maxSteps;
  let step = 0;
  let running: number | undefined;
  for (let epoch = 0; epoch < loop.epochs && !ended(loop, step); epoch++) {
    const batches = loop.batches(epoch);
    total ??= batches.length * loop.epochs;
    let ran = 0;
    for (const batch of batches) {
      if (ended(loop, step)) break;
      if (step++ < startStep) continue;
      const figures = trainStep(loop, batch, step - 1);
      const { loss, gradNorm, learningRate } = figures;
      stepFigures.push(figures);
      running = running === undefined ? loss : 0.98 * running + 0.02 * loss;
      ran++;
      if (step % logEvery(total) === 0)
        history.push({ step, epoch: epoch + 1, loss: running, stepLoss: loss, learningRate, gradNorm });
      reportProgress({
        task: "train",
        loaded: step,
        total,
        unit: "steps",
        figures: { epoch: epoch + 1, loss: running },
      });
      await loop.afterStep?.(step);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (ran === 0 || running === undefined) continue;
    const metrics = await loop.evaluate?.(epoch);
    const known = history.at(-1)?.step === step ? history.pop() : undefined;
    const entry = known ?? { step, epoch: epoch + 1, loss: running, learningRate: loop.optimizer.lr };
    history.push(metrics === undefined ? entry : { ...entry, metrics });
  }
  reportProgress({ task: "train", loaded: step, total: step, unit: "steps", done: true });
  return { steps: step, history, stepFigures, durationSeconds: (performance.now() - started) / 1000 };
}

function ended<Batch>({ maxSteps, signal }: TrainLoop<Batch>, step: number): boolean {
  return signal?.aborted === true || (maxSteps !== undefined && step >= maxSteps);
}

function trainStep<Batch>(loop: TrainLoop<Batch>, batch: Batch, step: number): StepFigures {
  const { optimizer, schedule, learningRate, seed, parameters, maxGradNorm } = loop;
  return F.dropoutStep(seed, step, () => {
    optimizer.lr = learningRate * schedule(step);
    optimizer.zeroGrad();
    const loss = loop.loss(batch);
    loss.backward();
    const norm = clipGradNorm_(parameters, maxGradNorm);
    optimizer.step([loss, norm]);
    const figures = { loss: loss.itemSync(), gradNorm: norm.itemSync(), learningRate: optimizer.lr };
    if (Number.isFinite(figures.loss)) return figures;
    throw new AbrazoError({
      code: "LOSS_NOT_FINITE",
      message: `The loss became ${figures.loss} at step ${step + 1}.`,
      hint: "Use a lower learning rate, or check the data for empty or extreme examples.",
    });
  });
}
