// Measures a classifier on labelled and on counterfactual sentences, and keeps the figures in its training-record.json.
// Prints nothing.
import { existsSync, statSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { z } from "zod";
import { type PipelineInfo, pipeline, type TextClassificationPipeline } from "../../pipelines/index.ts";
import { type Example, toExamples } from "../data/readers.ts";
import { AbrazoError } from "../errors.ts";
import { readJson } from "../io/json.ts";
import { type TrainingRecord, trainingRecordSchema } from "../io/training-record.ts";
import { labelsOf } from "../models/architecture.ts";
import { type AttributeFlips, counterfactualFlips, toCounterfactuals } from "../train/bias.ts";
import { accuracy, macroF1, wilsonInterval } from "../train/metrics.ts";
import { readDataFile } from "./data.ts";
import { replaceFile } from "./files.ts";

type Evaluation = TrainingRecord["evaluations"][number];

export interface EvaluateOptions {
  folder: string;
  /** Labelled examples. */
  dataset?: string | undefined;
  /** What the figures call the data. */
  name?: string | undefined;
  id?: string | undefined;
  split?: string | undefined;
  /** Judge onnx/model_quantized.onnx through transformers.js, and not model.safetensors. */
  quantized: boolean;
  /** Sentences that differ in the group alone. */
  counterfactuals?: string | undefined;
}

export interface Measured {
  evaluations: Evaluation[];
  bias?: { dataset: string; groups: AttributeFlips[] };
  /** Whether there was a training-record.json to keep the figures in. */
  recorded: boolean;
}

const QUANTIZED = "onnx/model_quantized.onnx";
const PIECES = ["config.json", "tokenizer.json", "tokenizer_config.json", QUANTIZED];
const RECORD = "training-record.json";

export async function evaluateModel(options: EvaluateOptions): Promise<Measured> {
  const { folder } = options;
  if (!(statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false)) {
    throw new AbrazoError({
      code: "FOLDER_MISSING",
      message: `There is no folder ${folder}.`,
      hint: "Give a folder that holds the model; abrazo pull brings one from a hub.",
      data: { folder },
    });
  }
  if (options.quantized) return withQuantizedAlone(folder, (copy) => evaluateFolder(copy, options));
  return evaluateFolder(folder, options);
}

/** Judges the weights of `from`; what else is read and kept is of the model's own folder. */
async function evaluateFolder(
  from: string,
  { folder, dataset, counterfactuals, ...options }: EvaluateOptions,
): Promise<Measured> {
  const classify = await pipeline("text-classification", from);
  try {
    const labels = labelsOf(await readJson(join(folder, "config.json"), configSchema));
    const measured: Omit<Measured, "recorded"> = {
      evaluations:
        dataset === undefined
          ? []
          : await measure(classify, labels, toExamples(await readDataFile(dataset), labels, dataset), {
              ...options,
              dataset,
            }),
      ...(counterfactuals === undefined ? {} : { bias: await measureBias(classify, labels, counterfactuals) }),
    };
    return { ...measured, recorded: await keep(folder, measured) };
  } finally {
    await classify.dispose();
  }
}

/** Runs on a folder with the quantized model and no other weights, so that it is what runs. */
async function withQuantizedAlone<Result>(folder: string, run: (copy: string) => Promise<Result>): Promise<Result> {
  const copy = await mkdtemp(join(tmpdir(), "abrazo-quantized-"));
  try {
    for (const piece of PIECES) {
      await cp(join(folder, piece), join(copy, piece)).catch((cause: unknown) => {
        throw new AbrazoError({
          code: "FILE_MISSING",
          message: `${folder} has no ${piece}.`,
          hint: `Make it with: abrazo export ${folder} --dtype q8`,
          cause,
        });
      });
    }
    return await run(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

type Classify = TextClassificationPipeline & PipelineInfo;

const configSchema = z.looseObject({ id2label: z.record(z.string(), z.string()).optional() });

async function measure(
  classify: Classify,
  labels: readonly string[],
  examples: readonly Example[],
  { dataset = "", name = basename(dataset), id, split = "all", quantized }: Omit<EvaluateOptions, "folder">,
): Promise<Evaluation[]> {
  const results = await classify(examples.map(({ text }) => text));
  const predicted = results.map(({ label }) => labels.indexOf(label));
  const actual = examples.map(({ label }) => label);
  const right = accuracy(predicted, actual);
  const shared = {
    dataset: { name, ...(id === undefined ? {} : { id }), split },
    count: examples.length,
    ...(quantized ? { slice: `${QUANTIZED} (int8)` } : {}),
  };
  const interval = wilsonInterval(Math.round(right * examples.length), examples.length);
  return [
    { ...shared, metric: "accuracy", metricName: "Accuracy", value: right, interval },
    { ...shared, metric: "f1", metricName: "F1 (macro)", value: macroF1(predicted, actual, labels.length) },
  ];
}

/** Flips between two classes; the second one counts as positive. */
async function measureBias(
  classify: Classify,
  labels: readonly string[],
  path: string,
): Promise<{ dataset: string; groups: AttributeFlips[] }> {
  const [, positive, third] = labels;
  if (positive === undefined || third !== undefined) {
    throw new AbrazoError({
      code: "NOT_BINARY",
      message: `Counterfactual flips are measured between two classes; this model has ${labels.length}: ${labels.join(", ")}.`,
      hint: "Leave --counterfactuals out for this model.",
    });
  }
  const sentences = toCounterfactuals(await readDataFile(path), path);
  const results = await classify(
    sentences.map(({ text }) => text),
    { topK: null },
  );
  const scores = results.map((list) => list.find(({ label }) => label === positive)?.score ?? 0);
  return { dataset: basename(path), groups: counterfactualFlips(sentences, scores) };
}

/** Puts figures into the folder's record, in the place of older ones of the same kind. False when it has none. */
async function keep(folder: string, { evaluations, bias }: Omit<Measured, "recorded">): Promise<boolean> {
  const path = join(folder, RECORD);
  if (!existsSync(path)) return false;
  const record = await readJson(path, trainingRecordSchema);
  const key = ({ dataset, metric, slice = "" }: Evaluation) =>
    JSON.stringify([dataset.name, dataset.split, metric, slice]);
  const renewed = new Set(evaluations.map(key));
  const next: TrainingRecord = {
    ...record,
    evaluations: [...record.evaluations.filter((old) => !renewed.has(key(old))), ...evaluations],
    ...(bias === undefined ? {} : { bias }),
  };
  await replaceFile(path, `${JSON.stringify(next, null, 2)}\n`);
  return true;
}
