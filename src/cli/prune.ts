// A folder's model without what it needs least, in a folder of its own: pruned, measured again beside the old one, recorded for its card.
// Prints nothing.
import { cp, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { AbrazoError } from "../errors.ts";
import { readJson } from "../io/json.ts";
import { type TrainingRecord, trainingRecordSchema } from "../io/training-record.ts";
import type { AnyModel } from "../models/architecture.ts";
import { classOf, loadClass, savePretrained } from "../models/auto.ts";
import { AutoModelForCausalLM, AutoModelForSequenceClassification } from "../models/auto-model.ts";
import { CONFIG_FILES, WEIGHT_FILES } from "../models/files.ts";
import { type Pruned, pruneModel } from "../models/prune.ts";
import { isInPython, partsOf, type Site } from "../models/prune-parts.ts";
import { readWeights } from "../models/weights.ts";
import { Tokenizer } from "../text/tokenizer.ts";
import { wilsonInterval } from "../train/metrics.ts";
import { refreshCard } from "./card.ts";
import { environment, packageVersion } from "./commands/train/environment.ts";
import { batchesOf, rowsOf, type Source, spread } from "./prune-data.ts";
import { type Compared, compareModels } from "./prune-score.ts";
import { formatBytes } from "./ui.ts";

export interface PruneFolderOptions {
  folder: string;
  out: string;
  /** Shares of heads and neurons, and how many layers. */
  heads: number;
  neurons: number;
  layers: number;
  /** Labelled examples, for a classifier. */
  dataset?: string | undefined;
  /** Texts, one a line, for a language model. */
  texts?: string | undefined;
  /** Other examples of the same kind to score on. */
  score?: string | undefined;
  /** Examples that importance is measured on, at most. */
  examples: number;
  batchTokens: number;
  device: string;
}

/** What was taken out, and what was measured. */
export interface PrunedFolder extends Compared {
  out: string;
  removed: { layers: string[]; heads: number; neurons: number };
  /** How many there were: layers, and heads and neurons of those that stay. */
  of: { layers: number; heads: number; neurons: number };
  parameters: { before: number; after: number };
  /** Of the weights' files. */
  bytes: { before: number; after: number };
  /** Examples that importance was measured on, and those of the score. */
  examples: { importance: number; score: number };
  /** The files that they come from. */
  files: { importance: string; score: string };
  device: string;
  /** Whether Python's transformers 5 loads it. */
  loadsInPython: boolean;
}

/** @throws SAME_FOLDER, NOT_MEASURABLE, DATASET_TOO_SMALL before anything is written; as pruneModel() */
export async function pruneFolder(options: PruneFolderOptions): Promise<PrunedFolder> {
  const { folder, out, heads, neurons, layers, device } = options;
  const began = performance.now();
  if (resolve(folder) === resolve(out)) throw sameFolder(out);
  const model = await loadClass(folder);
  const source = { ...dataOf(model, options), model, tokenizer: await Tokenizer.fromFolder(folder), device };
  const rows = await rowsOf(source);
  const scoring = options.score === undefined ? undefined : { ...source, path: options.score };
  const scored = scoring === undefined ? rows : await rowsOf(scoring);
  const parts = partsOf(model);
  model.to({ device });
  const chosen = batchesOf(spread(rows, options.examples), source);
  const pruned = await pruneModel(model, chosen.batches, { heads, neurons, layers });
  const compared = await compareModels(model, pruned.model, batchesOf(scored, source));
  await write(pruned.model, folder, out);
  const isGone = ({ stack, layer }: Site) => pruned.removed.layers.includes(`${stack.path}.${layer}`);
  const count = (kind: Site["kind"]) =>
    parts.sites.reduce((sum, site) => sum + (site.kind === kind && !isGone(site) ? site.count : 0), 0);
  const result: PrunedFolder = {
    out,
    ...compared,
    removed: removedOf(pruned),
    of: {
      layers: parts.stacks.reduce((sum, stack) => sum + stack.layers.length, 0),
      heads: count("heads"),
      neurons: count("neurons"),
    },
    parameters: { before: model.parameterCount(), after: pruned.model.parameterCount() },
    bytes: { before: await weightBytes(folder), after: await weightBytes(out) },
    examples: { importance: chosen.rows, score: scored.length },
    files: { importance: basename(source.path), score: basename(options.score ?? source.path) },
    device,
    loadsInPython: isInPython(pruned.model.config),
  };
  await record(options, model, result, (performance.now() - began) / 1000);
  await refreshCard(out, basename(resolve(out)));
  return result;
}

/** What a class is measured on. */
function dataOf(model: AnyModel, { dataset, texts, batchTokens }: PruneFolderOptions) {
  const name = classOf(model.config);
  const kinds = [
    { auto: AutoModelForSequenceClassification, kind: "labels", path: dataset, flag: "--dataset" },
    { auto: AutoModelForCausalLM, kind: "texts", path: texts, flag: "--texts" },
  ] as const satisfies readonly { kind: Source["kind"]; [field: string]: unknown }[];
  const found = kinds.find(({ auto }) => auto.has(name));
  if (found?.path !== undefined) return { kind: found.kind, path: found.path, batchTokens };
  throw new AbrazoError({
    code: "NOT_MEASURABLE",
    message: `A ${name} is not measured by ${dataset === undefined ? "--texts" : "--dataset"}.`,
    hint:
      found === undefined
        ? "The command prunes text classifiers and causal language models; pruneModel() of the library takes any class, with a loss."
        : `Name ${found.flag} FILE.`,
    data: { class: name },
  });
}

function removedOf({ removed }: Pruned<AnyModel>): PrunedFolder["removed"] {
  const count = (lists: Readonly<Record<string, readonly number[]>>) =>
    Object.values(lists).reduce((sum, list) => sum + list.length, 0);
  return { layers: removed.layers, heads: count(removed.heads), neurons: count(removed.neurons) };
}

/** The weights in the type that they were stored in, and the tokenizer. */
async function write(model: AnyModel, from: string, out: string): Promise<void> {
  const dtypes = new Set([...(await readWeights(from)).values()].map(({ dtype }) => dtype));
  const [only] = dtypes;
  const half = { F16: "float16", BF16: "bfloat16" } as const;
  if (dtypes.size === 1 && (only === "F16" || only === "BF16")) model.to(half[only]);
  await mkdir(out, { recursive: true });
  for (const name of (await readdir(from)).filter((each) => CONFIG_FILES.test(each))) {
    await cp(join(from, name), join(out, name));
  }
  await savePretrained(model, out);
}

async function weightBytes(folder: string): Promise<number> {
  const names = (await readdir(folder)).filter((name) => WEIGHT_FILES.test(name));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

// --- what is kept ---

type Evaluations = TrainingRecord["evaluations"];

/** The training's own record goes on, without figures of the model before; without one there is a new one. */
async function record(options: PruneFolderOptions, model: AnyModel, result: PrunedFolder, seconds: number) {
  const { folder, out, heads, neurons, layers } = options;
  const old = await oldRecord(folder);
  const { config } = model;
  const next: TrainingRecord = {
    ...(old ?? {
      ...{ version: 1, abrazoVersion: packageVersion(), seed: 0, device: options.device, command: "abrazo prune" },
      ...{ createdAt: new Date().toISOString(), steps: 0, durationSeconds: seconds, environment: environment() },
      task: result.after.perplexity === undefined ? "text-classification" : "text-generation",
      ...{ datasets: [], history: [] },
    }),
    model: {
      ...(old?.model ?? { modelType: config.model_type }),
      parameters: result.parameters.after,
    },
    hyperparameters: {
      ...old?.hyperparameters,
      ...(heads > 0 && { prunedHeads: heads }),
      ...(neurons > 0 && { prunedNeurons: neurons }),
      ...(layers > 0 && { prunedLayers: layers }),
    },
    evaluations: evaluationsOf(result),
    notes: [...(old?.notes ?? []), ...describePruned(result, basename(resolve(folder)))],
  };
  const { bias: _, samples: __, ...kept } = next;
  await writeFile(join(out, "training-record.json"), `${JSON.stringify(kept, null, 2)}\n`);
}

async function oldRecord(folder: string): Promise<TrainingRecord | undefined> {
  const path = join(folder, "training-record.json");
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere ? readJson(path, trainingRecordSchema) : undefined;
}

function evaluationsOf({ after, examples, files }: PrunedFolder): Evaluations {
  const at = { dataset: { name: files.score, split: "all" }, count: examples.score };
  const { accuracy, perplexity, loss } = after;
  if (perplexity !== undefined) return [{ ...at, metric: "perplexity", metricName: "Perplexity", value: perplexity }];
  const hits = Math.round((accuracy ?? 0) * examples.score);
  const interval = wilsonInterval(hits, examples.score);
  return [
    { ...at, metric: "accuracy", metricName: "Accuracy", value: accuracy ?? 0, interval },
    { ...at, metric: "loss", metricName: "Loss", value: loss },
  ];
}

/** What was taken out and what was measured, a sentence each. */
export function describePruned(result: PrunedFolder, from: string): string[] {
  const { removed, of, parameters, bytes, seconds, before, after, examples, files, device } = result;
  const left = removed.layers.length > 0 ? "the remaining " : "";
  const parts = [
    ...(removed.layers.length > 0
      ? [`${removed.layers.length} of ${of.layers} layers (${removed.layers.join(", ")})`]
      : []),
    ...(removed.heads > 0 ? [`${removed.heads} of ${left}${of.heads} heads`] : []),
    ...(removed.neurons > 0 ? [`${removed.neurons} of ${left}${of.neurons} neurons`] : []),
  ];
  const whole = (value: number) => value.toLocaleString("en-US");
  const scores =
    after.perplexity === undefined
      ? `accuracy ${before.accuracy?.toFixed(4)} before, ${after.accuracy?.toFixed(4)} after; loss ${before.loss.toFixed(4)} before, ${after.loss.toFixed(4)} after`
      : `perplexity ${before.perplexity?.toFixed(3)} before, ${after.perplexity.toFixed(3)} after`;
  const same = files.importance === files.score ? "also by those it is scored on" : `of ${files.importance}`;
  return [
    `Pruned from ${from} without training afterwards: ${parts.join(", ")} went.`,
    `${scores[0]?.toUpperCase()}${scores.slice(1)}, on ${examples.score} examples of ${files.score}.`,
    `What went was chosen by ${examples.importance} examples, ${same}.`,
    `Parameters: ${whole(parameters.before)} before, ${whole(parameters.after)} after; weights: ${formatBytes(bytes.before)} before, ${formatBytes(bytes.after)} after.`,
    `A pass over the examples took ${seconds.ratio.toFixed(2)} of the time before (${device}, each batch's fastest of ${seconds.rounds} rounds in turns).`,
    ...(result.loadsInPython
      ? []
      : [
          "Its config lists pruned_heads, which Python's transformers 5 does not know: Abrazo and exported ONNX files run it, Python does not load it.",
        ]),
  ];
}

function sameFolder(out: string): AbrazoError {
  return new AbrazoError({
    code: "SAME_FOLDER",
    message: `${out} is the model's own folder.`,
    hint: "Name another one: both models are there to be compared.",
    data: { out },
  });
}
