// Training an encoder to fill in masked words (Devlin et al. 2018, arXiv 1810.04805): one stream of tokens → rows of one
// length, in each the same number of masked places → loss of the words that stood there.
// Knows no architecture: a model is a function from ids, mask and places to logits.
import { type AnyModule, functional as F } from "../nn/index.ts";
import { AdamW, decayGroups, linearSchedule } from "../optim/index.ts";
import { fromTypedArray, Generator, noGrad, ones, type Tensor } from "../tensor/index.ts";
import { type TrainResult, train } from "./trainer.ts";

export interface MaskedLanguageModel extends AnyModule {
  (inputs: { inputIds: Tensor; attentionMask: Tensor; logitsAt: Tensor }): { logits: Tensor };
}

/** What rows are made of. */
export interface MaskingOptions {
  /** Tokens of a row, the opening and the closing one included. */
  length: number;
  /** Rows of a batch. */
  batchSize: number;
  /** Share of a row's tokens that are predicted. */
  masked: number;
  clsId: number;
  sepId: number;
  maskId: number;
  /** Ids from here on stand for words: what a masked one may be replaced by. */
  firstWordId: number;
  vocabSize: number;
}

export interface MaskedLanguageModelOptions extends MaskingOptions {
  epochs: number;
  learningRate: number;
  weightDecay: number;
  warmup: number;
  maxGradNorm: number;
  seed: number;
  device: string;
  maxSteps?: number | undefined;
  signal?: AbortSignal | undefined;
  evaluate?: ((epoch: number) => Promise<Record<string, number>>) | undefined;
}

/** Trains every parameter on a stream of tokens; each epoch cuts it at other places and masks other words. */
export async function trainMaskedLanguageModel(
  model: MaskedLanguageModel,
  stream: Int32Array,
  options: MaskedLanguageModelOptions,
): Promise<TrainResult> {
  const { seed, learningRate, weightDecay, maxGradNorm, device } = options;
  const steps = batchesOf(stream, options, 0, seed).length * options.epochs;
  const total = Math.min(options.maxSteps ?? steps, steps);
  const parameters = model.to({ device }).requiresGrad_().train().parameters();
  const optimizer = new AdamW(decayGroups(parameters, weightDecay), { lr: learningRate, betas: [0.9, 0.98] });
  const { evaluate } = options;
  const result = await train<Batch>({
    batches: (epoch) => batchesOf(stream, options, epoch, seed),
    loss: (batch) => maskedLoss(model, stream, batch, options, device),
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
      evaluate &&
      (async (epoch) => {
        model.eval();
        const metrics = await evaluate(epoch);
        model.train();
        return metrics;
      }),
  });
  model.eval();
  return result;
}

/** Mean -ln p of masked words of a stream, each row masked once, the same ones for the same seed. */
export function maskedNegativeLogLikelihood(
  model: MaskedLanguageModel,
  stream: Int32Array,
  { seed, device, ...options }: MaskingOptions & { seed: number; device: string },
): number {
  const losses = noGrad(() =>
    batchesOf(stream, options, 0, seed).map((batch) => maskedLoss(model, stream, batch, options, device).itemSync()),
  );
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

interface Batch {
  /** Where rows begin in the stream. */
  starts: readonly number[];
  /** Of the draw of masked places. */
  seed: number;
}

/** The stream cut from a random place on, in random order, without a last partial batch. */
function batchesOf(stream: Int32Array, { length, batchSize }: MaskingOptions, epoch: number, seed: number): Batch[] {
  const generator = new Generator(seed + 1000 * epoch);
  const words = length - 2;
  const offset = generator.u32() % words;
  const count = Math.floor((stream.length - offset) / words);
  const order = generator.permutation(count).map((row) => offset + row * words);
  return Array.from({ length: Math.floor(count / batchSize) }, (_, at) => ({
    starts: order.slice(at * batchSize, (at + 1) * batchSize),
    seed: generator.u32(),
  }));
}

function maskedLoss(
  model: MaskedLanguageModel,
  stream: Int32Array,
  batch: Batch,
  options: MaskingOptions,
  device: string,
): Tensor {
  const { ids, places, words } = maskedRows(stream, batch, options);
  const shape = [batch.starts.length, options.length];
  const { logits } = model({
    inputIds: fromTypedArray(ids, shape, { device }), // [B, T]
    attentionMask: ones(shape, { dtype: "int64", device }),
    logitsAt: fromTypedArray(places, [places.length], { device }), // [N]
  }); // [N, V]
  return F.crossEntropy(logits, fromTypedArray(words, [words.length], { device }));
}

/** Rows with masked words, their places and the words: of ten, eight become the mask, one another word, one stays. */
export function maskedRows(stream: Int32Array, { starts, seed }: Batch, options: MaskingOptions) {
  const { length, masked, clsId, sepId, maskId, firstWordId, vocabSize } = options;
  const generator = new Generator(seed);
  const each = Math.max(1, Math.round((length - 2) * masked));
  const ids = new BigInt64Array(starts.length * length);
  const places = new BigInt64Array(starts.length * each);
  const words = new BigInt64Array(starts.length * each);
  for (const [row, start] of starts.entries()) {
    const base = row * length;
    ids[base] = BigInt(clsId);
    for (let at = 1; at < length - 1; at++) ids[base + at] = BigInt(stream[start + at - 1] ?? 0);
    ids[base + length - 1] = BigInt(sepId);
    for (const [nth, at] of generator
      .permutation(length - 2)
      .slice(0, each)
      .entries()) {
      const place = base + 1 + at;
      places[row * each + nth] = BigInt(place);
      words[row * each + nth] = ids[place] ?? 0n;
      const draw = generator.u32() % 10;
      if (draw < 8) ids[place] = BigInt(maskId);
      else if (draw === 8) ids[place] = BigInt(firstWordId + (generator.u32() % (vocabSize - firstWordId)));
    }
  }
  return { ids, places, words };
}
