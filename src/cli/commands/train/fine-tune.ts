// Fine-tunes a classifier on a user's file: load → split → train → evaluate → a repository folder with its record.
// Prints nothing.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { exportModel } from "../../../../pipelines/index.ts";
import { type Example, toExamples } from "../../../data/readers.ts";
import { AbrazoError } from "../../../errors.ts";
import type { TrainingRecord } from "../../../io/training-record.ts";
import type { PreTrainedModel } from "../../../models/architecture.ts";
import { loadPretrained, savePretrained } from "../../../models/auto.ts";
import { Generator } from "../../../tensor/index.ts";
import { Tokenizer } from "../../../text/tokenizer.ts";
import { type EncodedExample, predict, trainClassifier } from "../../../train/classifier.ts";
import { accuracy, macroF1, wilsonInterval } from "../../../train/metrics.ts";
import { readDataFile } from "../../data.ts";
import { environment, packageVersion } from "./environment.ts";

export interface FineTuneOptions {
  /** Folder of the model to start from. */
  model: string;
  /** What the record calls it: a folder's name or namespace/name, and its commit. */
  baseModel: { id: string; revision?: string };
  dataset: string;
  out: string;
  epochs: number;
  steps?: number | undefined;
  learningRate: number;
  batchTokens: number;
  /** Share of the examples kept for evaluation. */
  holdOut: number;
  seed: number;
  device: string;
  signal?: AbortSignal | undefined;
}

const MAX_TOKENS = 128;

/** Trains, writes the new repository to `out` and returns its record. */
export async function fineTune(options: FineTuneOptions): Promise<TrainingRecord> {
  const model = (await loadPretrained(options.model)).to({ device: options.device });
  const tokenizer = await Tokenizer.fromFolder(options.model);
  const examples = toExamples(await readDataFile(options.dataset), model.labels, options.dataset);
  const { train, test } = split(examples, options);
  // Before the work, so that a folder that cannot be is told at once.
  await mkdir(options.out, { recursive: true });
  const maxLength = Math.min(tokenizer.maxLength, MAX_TOKENS);
  const encode = ({ text, label }: Example): EncodedExample => ({ ids: tokenizer.encode(text, { maxLength }), label });
  const batching = { padId: tokenizer.padId, batchTokens: options.batchTokens, device: options.device };
  const held = test.map(encode);
  const actual = held.map(({ label }) => label);
  const before = accuracy(predict(model, held, batching), actual);
  const hyperparameters = {
    learningRate: options.learningRate,
    weightDecay: 0.01,
    warmup: 0.1,
    maxGradNorm: 1,
    labelSmoothing: 0,
  };
  const result = await trainClassifier(model, train.map(encode), {
    ...batching,
    ...hyperparameters,
    epochs: options.epochs,
    maxSteps: options.steps,
    seed: options.seed,
    signal: options.signal,
    evaluate: async () => ({ accuracy: accuracy(predict(model, held, batching), actual) }),
  });
  const predicted = predict(model, held, batching);
  await savePretrained(model, options.out);
  for (const name of resolve(options.out) === resolve(options.model) ? [] : ["tokenizer.json", "tokenizer_config.json"])
    await cp(join(options.model, name), join(options.out, name));
  await renewExports(options.model, options.out);
  const record: TrainingRecord = {
    version: 1,
    createdAt: new Date().toISOString(),
    abrazoVersion: packageVersion(),
    task: "text-classification",
    seed: options.seed,
    device: options.device,
    command: "abrazo train",
    model: { modelType: model.config.model_type, parameters: model.parameterCount(), baseModel: options.baseModel },
    datasets: await datasetsOf(options, model, train, test),
    hyperparameters: {
      ...hyperparameters,
      epochs: options.epochs,
      batchTokens: options.batchTokens,
      optimizer: "AdamW",
      scheduler: "linear",
    },
    steps: result.steps,
    durationSeconds: result.durationSeconds,
    environment: environment(),
    history: result.history,
    evaluations: evaluationsOf(options, predicted, actual, model.labels.length),
    notes: [`Accuracy of the base model on the same held-out examples: ${before.toFixed(4)}.`],
  };
  await writeFile(join(options.out, "training-record.json"), `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

const EXPORTS = { "model.onnx": "fp32", "model_quantized.onnx": "q8" } as const;

/** ONNX files that lie beside the base's weights are made anew: old ones beside new weights would be another model. */
async function renewExports(base: string, out: string): Promise<void> {
  for (const [name, dtype] of Object.entries(EXPORTS))
    if (existsSync(join(base, "onnx", name))) await exportModel(out, { dtype });
}

function split(
  examples: readonly Example[],
  { holdOut, seed, dataset }: FineTuneOptions,
): { train: Example[]; test: Example[] } {
  const count = Math.max(1, Math.round(examples.length * holdOut));
  if (examples.length - count < 1) {
    throw new AbrazoError({
      code: "DATASET_TOO_SMALL",
      message: `${dataset} has ${examples.length === 1 ? "1 example" : `${examples.length} examples`}; at least 2 are needed, one of them to evaluate on.`,
      hint: "Add labelled examples.",
    });
  }
  const [first] = examples;
  if (examples.every(({ label }) => label === first?.label)) {
    throw new AbrazoError({
      code: "ONE_LABEL",
      message: `Every example of ${dataset} has the same label; from that nothing is learned but to give it always.`,
      hint: "Add examples of the other labels.",
    });
  }
  const order = new Generator(seed).permutation(examples.length).map((index) => examples[index]);
  const rows = order.filter((example) => example !== undefined);
  return { train: rows.slice(count), test: rows.slice(0, count) };
}

async function datasetsOf(
  { dataset }: FineTuneOptions,
  { labels }: PreTrainedModel,
  train: readonly Example[],
  test: readonly Example[],
): Promise<TrainingRecord["datasets"]> {
  const sha256 = createHash("sha256")
    .update(await readFile(dataset))
    .digest("hex");
  const counts = (rows: readonly Example[]) =>
    Object.fromEntries(labels.map((label, index) => [label, rows.filter((row) => row.label === index).length]));
  const of = (name: string, rows: readonly Example[]) => ({
    name: basename(dataset),
    split: name,
    examples: rows.length,
    sha256,
    labelCounts: counts(rows),
  });
  return [of("train", train), of("held out", test)];
}

function evaluationsOf(
  { dataset }: FineTuneOptions,
  predicted: readonly number[],
  actual: readonly number[],
  classes: number,
): TrainingRecord["evaluations"] {
  const at = { name: basename(dataset), split: "held out" };
  const value = accuracy(predicted, actual);
  const hits = Math.round(value * actual.length);
  return [
    {
      dataset: at,
      metric: "accuracy",
      metricName: "Accuracy",
      value,
      interval: wilsonInterval(hits, actual.length),
      count: actual.length,
    },
    {
      dataset: at,
      metric: "f1",
      metricName: "Macro F1",
      value: macroF1(predicted, actual, classes),
      count: actual.length,
    },
  ];
}
