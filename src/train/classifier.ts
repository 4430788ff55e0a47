// Training and evaluating a text classifier: rows of ids → batches of few shapes → logits → loss or predictions.
// Knows no architecture: a model is a function from ids and mask to logits.
import { type BatchOptions, type Bucket, lengthBuckets, rowsOf } from "../data/batches.ts";
import { type AnyModule, functional as F } from "../nn/index.ts";
import { AdamW, decayGroups, linearSchedule } from "../optim/index.ts";
import { fromTypedArray, Generator, noGrad, type Tensor } from "../tensor/index.ts";
import { padBatch } from "../text/tokenizer.ts";
import { type TrainResult, train } from "./trainer.ts";

export interface ClassifierModel extends AnyModule {
  (inputs: { inputIds: Tensor; attentionMask: Tensor }): { logits: Tensor };
}

export interface EncodedExample {
  ids: number[];
  label: number;
  /** Of each class, where a teacher is not sure: what training then aims at instead of the label. */
  probabilities?: readonly number[] | undefined;
}

export interface ClassifierOptions {
  epochs: number;
  learningRate: number;
  /** Rows times padded length of a batch. */
  batchTokens: number;
  /** Rows of a batch at most: keeps batches of short texts from weighing less a text than those of long ones. */
  batchRows?: number | undefined;
  weightDecay: number;
  warmup: number;
  maxGradNorm: number;
  labelSmoothing: number;
  seed: number;
  device: string;
  padId: number;
  maxSteps?: number | undefined;
  signal?: AbortSignal | undefined;
  evaluate?: ((epoch: number) => Promise<Record<string, number>>) | undefined;
}

type BatchShape = Pick<ClassifierOptions, "padId" | "batchTokens" | "batchRows" | "device">;

const batching = ({ batchTokens, batchRows }: Pick<BatchShape, "batchTokens" | "batchRows">): BatchOptions => ({
  tokens: batchTokens,
  maxRows: batchRows,
});

interface Batch {
  inputIds: Tensor;
  attentionMask: Tensor;
  labels: Tensor;
}

/** Class that counts for nothing in the loss: rows that only fill a batch up to its shape carry it. */
const IGNORED = -100;

/** Fine-tunes every parameter with AdamW; biases and norms do not decay. */
export async function trainClassifier(
  model: ClassifierModel,
  examples: readonly EncodedExample[],
  options: ClassifierOptions,
): Promise<TrainResult> {
  const { seed, learningRate, weightDecay, maxGradNorm } = options;
  const lengths = examples.map(({ ids }) => ids.length);
  const bucketsOf = (epoch: number) =>
    lengthBuckets(lengths, { ...batching(options), generator: new Generator(seed + 1000 * epoch) });
  const soft = examples.some(({ probabilities }) => probabilities !== undefined);
  const steps = bucketsOf(0).length * options.epochs;
  const total = Math.min(options.maxSteps ?? steps, steps);
  const parameters = model.to({ device: options.device }).requiresGrad_().train().parameters();
  const optimizer = new AdamW(decayGroups(parameters, weightDecay), { lr: learningRate, betas: [0.9, 0.98] });
  const result = await train<Bucket>({
    batches: bucketsOf,
    loss: (bucket) => {
      const { inputIds, attentionMask, labels } = makeBatch(examples, bucket, options);
      const { logits } = model({ inputIds, attentionMask });
      const { labelSmoothing } = options;
      if (!soft) return F.crossEntropy(logits, labels, { ignoreIndex: IGNORED, labelSmoothing });
      const targets = targetsOf(examples, bucket, logits, options.device);
      const each = F.crossEntropy(logits, targets, { labelSmoothing, reduction: "none" }); // [B]
      const counts = labels.ne(IGNORED).to(logits.dtype);
      return each.mul(counts).sum().div(counts.sum());
    },
    parameters,
    optimizer,
    schedule: linearSchedule(Math.ceil(total * options.warmup), total),
    learningRate,
    maxGradNorm,
    epochs: options.epochs,
    maxSteps: options.maxSteps,
    seed,
    signal: options.signal,
    evaluate:
      options.evaluate &&
      (async (epoch) => {
        model.eval();
        const metrics = (await options.evaluate?.(epoch)) ?? {};
        model.train();
        return metrics;
      }),
  });
  model.eval();
  return result;
}

/** A batch of exactly the bucket's shape: a short last one is filled up with rows that count for nothing. */
function makeBatch(
  examples: readonly EncodedExample[],
  { indices, length }: Bucket,
  { padId, device, ...options }: BatchShape,
): Batch {
  const rows = indices.map((index) => examples[index]?.ids ?? []);
  const labels = indices.map((index) => examples[index]?.label ?? IGNORED);
  const missing = rowsOf(length, batching(options)) - rows.length;
  const filler = rows[0] ?? [padId];
  for (let i = 0; i < missing; i++) {
    rows.push(filler);
    labels.push(IGNORED);
  }
  const { inputIds, attentionMask, shape } = padBatch(rows, padId, "right", length);
  return {
    inputIds: fromTypedArray(inputIds, shape, { device }),
    attentionMask: fromTypedArray(attentionMask, shape, { device }),
    labels: fromTypedArray(BigInt64Array.from(labels, BigInt), [labels.length], { device }),
  };
}

/** What each row of a batch aims at, [B, C]: a teacher's probabilities, or all of it at the label. */
function targetsOf(examples: readonly EncodedExample[], { indices }: Bucket, logits: Tensor, device: string): Tensor {
  const classes = logits.size(1);
  const targets = new Float32Array(logits.size(0) * classes);
  for (const [row, index] of indices.entries()) {
    const { label = 0, probabilities } = examples[index] ?? {};
    if (probabilities === undefined) targets[row * classes + label] = 1;
    else targets.set(probabilities, row * classes);
  }
  return fromTypedArray(targets, [logits.size(0), classes], { device });
}

/** Predicted class of every example, in order. */
export function predict(model: ClassifierModel, examples: readonly EncodedExample[], options: BatchShape): number[] {
  return probabilities(model, examples, options).map((row) => row.indexOf(Math.max(...row)));
}

/** Probability of each class (softmax of the logits) for every example, in order. */
export function probabilities(
  model: ClassifierModel,
  examples: readonly EncodedExample[],
  options: BatchShape,
): number[][] {
  const results: number[][] = examples.map(() => []);
  const lengths = examples.map(({ ids }) => ids.length);
  noGrad(() => {
    for (const bucket of lengthBuckets(lengths, batching(options))) {
      const { inputIds, attentionMask } = makeBatch(examples, bucket, options);
      const softmax = model({ inputIds, attentionMask }).logits.softmax(-1); // [B, C]
      const classes = softmax.size(1);
      const values = Array.from(softmax.dataSync(), Number);
      for (const [row, index] of bucket.indices.entries())
        results[index] = values.slice(row * classes, (row + 1) * classes);
    }
  });
  return results;
}
