// Training and evaluating a causal language model: one stream of tokens → rows of one length → loss of each next token.
// Knows no architecture: a model is a function from ids and mask to logits.
import { type AnyModule, functional as F } from "../nn/index.ts";
import { AdamW, cosineSchedule, decayGroups } from "../optim/index.ts";
import { fromTypedArray, Generator, noGrad, ones, type Tensor } from "../tensor/index.ts";
import { type TrainResult, train } from "./trainer.ts";

export interface LanguageModel extends AnyModule {
  (inputs: { inputIds: Tensor; attentionMask: Tensor }): { logits: Tensor };
}

export interface LanguageModelOptions {
  epochs: number;
  learningRate: number;
  /** Tokens of a row. */
  context: number;
  /** Rows of a batch. */
  batchSize: number;
  weightDecay: number;
  warmup: number;
  maxGradNorm: number;
  seed: number;
  device: string;
  maxSteps?: number | undefined;
  signal?: AbortSignal | undefined;
  evaluate?: ((epoch: number) => Promise<Record<string, number>>) | undefined;
}

/** Trains every parameter on a stream of tokens; each epoch cuts it at other places. */
export async function trainLanguageModel(
  model: LanguageModel,
  stream: Int32Array,
  options: LanguageModelOptions,
): Promise<TrainResult> {
  const { context, seed, learningRate, weightDecay, maxGradNorm, device } = options;
  const steps = rowStarts(stream, options, 0).length * options.epochs;
  const total = Math.min(options.maxSteps ?? steps, steps);
  const parameters = model.to({ device }).requiresGrad_().train().parameters();
  const optimizer = new AdamW(decayGroups(parameters, weightDecay), { lr: learningRate, betas: [0.9, 0.95] });
  const result = await train<readonly number[]>({
    batches: (epoch) => rowStarts(stream, options, epoch),
    loss: (starts) => nextTokenLoss(model, stream, starts, context, device),
    parameters,
    optimizer,
    schedule: cosineSchedule(Math.ceil(total * options.warmup), total),
    learningRate,
    maxGradNorm,
    epochs: options.epochs,
    maxSteps: options.maxSteps,
    seed,
    signal: options.signal,
    evaluate: options.evaluate && ((epoch) => evaluated(model, () => options.evaluate?.(epoch))),
  });
  model.eval();
  return result;
}

async function evaluated(
  model: LanguageModel,
  evaluate: () => Promise<Record<string, number>> | undefined,
): Promise<Record<string, number>> {
  model.eval();
  const metrics = (await evaluate()) ?? {};
  model.train();
  return metrics;
}

/** Where the rows of each batch begin: the stream cut from a random place on, in random order, without a last partial batch. */
function rowStarts(
  stream: Int32Array,
  { context, batchSize, seed }: Pick<LanguageModelOptions, "context" | "batchSize" | "seed">,
  epoch: number,
): number[][] {
  const generator = new Generator(seed + 1000 * epoch);
  const offset = generator.u32() % context;
  const count = Math.floor((stream.length - 1 - offset) / context);
  const order = generator.permutation(count).map((row) => offset + row * context);
  const batches = Math.floor(count / batchSize);
  return Array.from({ length: batches }, (_, at) => order.slice(at * batchSize, (at + 1) * batchSize));
}

function nextTokenLoss(
  model: LanguageModel,
  stream: Int32Array,
  starts: readonly number[],
  context: number,
  device: string,
): Tensor {
  const { inputs, targets } = windows(stream, starts, context, device);
  return F.crossEntropy(model(inputs).logits.flatten(0, 1), targets.flatten());
}

/** The windows of the stream that begin at `starts`, and the tokens after each of theirs: [B, T] each. */
function windows(stream: Int32Array, starts: readonly number[], length: number, device: string) {
  const shape = [starts.length, length];
  const rows = (shift: number) => {
    const data = new BigInt64Array(starts.length * length);
    for (const [row, start] of starts.entries())
      for (let at = 0; at < length; at++) data[row * length + at] = BigInt(stream[start + at + shift] ?? 0);
    return fromTypedArray(data, shape, { device });
  };
  const attentionMask = ones(shape, { dtype: "int64", device });
  return { inputs: { inputIds: rows(0), attentionMask }, targets: rows(1) };
}

/**
 * Sum of -ln p of every token of the stream but the first. Windows overlap by half, and a token counts where it has at
 * least half a window before it: no token is judged without context but those of the first window.
 *
 * @param batchSize windows that run together
 */
export function negativeLogLikelihood(
  model: LanguageModel,
  stream: Int32Array,
  { context, device, batchSize = 16 }: Pick<LanguageModelOptions, "context" | "device"> & { batchSize?: number },
): number {
  const stride = Math.ceil(context / 2);
  const last = stream.length - 1;
  const whole = Math.max(0, Math.floor((last - context) / stride) + 1);
  let sum = 0;
  let counted = 1;
  const judge = (starts: readonly number[], length: number) => {
    for (const [row, nll] of tokenLosses(model, stream, starts, length, device).entries()) {
      const start = starts[row] ?? 0;
      for (let at = counted - 1 - start; at < length; at++) sum += nll[at] ?? 0;
      counted = start + length + 1;
    }
  };
  for (let at = 0; at < whole; at += batchSize) {
    const rows = Math.min(batchSize, whole - at);
    judge(
      Array.from({ length: rows }, (_, row) => (at + row) * stride),
      context,
    );
  }
  if (counted <= last) judge([whole * stride], last - whole * stride);
  return sum;
}

/** -ln p of each next token of the windows that begin at `starts`. */
function tokenLosses(
  model: LanguageModel,
  stream: Int32Array,
  starts: readonly number[],
  length: number,
  device: string,
): Float32Array[] {
  const { inputs, targets } = windows(stream, starts, length, device);
  const logProbabilities = noGrad(() => model(inputs).logits.logSoftmax(-1).gather(-1, targets.unsqueeze(-1))); // [B, T, 1]
  const values = Float32Array.from(Array.from(logProbabilities.dataSync(), Number), (value) => -value);
  return starts.map((_, row) => values.subarray(row * length, (row + 1) * length));
}
