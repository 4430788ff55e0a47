// Trains the shipped sentiment classifier from an encoder: labelled phrases and reviews → evaluation, record → a repository folder.
// Prints nothing: progress goes through src/log.ts, results are returned.
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Example, readRows } from "../../../data/readers.ts";
import { readJson } from "../../../io/json.ts";
import { type TrainingRecord, trainingRecordSchema } from "../../../io/training-record.ts";
import type { BaseConfig, PreTrainedModel } from "../../../models/architecture.ts";
import { fromConfig, loadPretrained, savePretrained } from "../../../models/auto.ts";
import { Generator } from "../../../tensor/index.ts";
import { Tokenizer } from "../../../text/tokenizer.ts";
import { type CounterfactualSentence, counterfactualFlips, toCounterfactuals } from "../../../train/bias.ts";
import { type EncodedExample, predict, probabilities, trainClassifier } from "../../../train/classifier.ts";
import { accuracy, wilsonInterval } from "../../../train/metrics.ts";
import { environment, packageVersion } from "./environment.ts";
import { negationSentences } from "./negation.ts";
import { examplesIn, HELD_OUT, LABELS, readDev, readPhrases, readReviews } from "./sentiment-corpus.ts";
import { normalizeSentence, reviewEnds } from "./sentiment-data.ts";

export interface PretrainOptions {
  /** Folder with sentiment/sst2/, sentiment/imdb/ and fairness/. */
  data: string;
  /** Folder of an encoder, whose vocabulary and weights the classifier starts with. */
  encoder: string;
  out: string;
  epochs: number;
  seed: number;
  learningRate: number;
  batchTokens: number;
  batchRows: number;
  maxSteps?: number | undefined;
  /** Labelled sentences that are kept out of training and scored at the end. */
  check?: string | undefined;
  /** Train on the held-out sentences, too, and score the dev set: once per final model, when all choices are made. */
  final: boolean;
}

const NEGATIONS = 16_000;
/** Tokens that are kept of the beginning and of the end of a review. */
const REVIEW_ENDS = { first: 126, last: 62 };

export async function pretrainSentiment(options: PretrainOptions): Promise<TrainingRecord> {
  const { out, seed, encoder } = options;
  const data = await loadData(options);
  await mkdir(out, { recursive: true });
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) await cp(join(encoder, name), join(out, name));
  const tokenizer = await Tokenizer.fromFolder(out);
  const encode = ({ text, label }: Example): EncodedExample => ({ ids: tokenizer.encode(text), label });
  const model = await classifierOf(encoder, new Generator(seed));
  const batching = {
    ...{ padId: tokenizer.padId, device: "cpu" },
    ...{ batchTokens: options.batchTokens, batchRows: options.batchRows },
  };
  const score = (examples: readonly Example[]) =>
    accuracy(
      predict(model, examples.map(encode), batching),
      examples.map(({ label }) => label),
    );
  const hyperparameters = {
    learningRate: options.learningRate,
    weightDecay: 0.01,
    warmup: 0.06,
    maxGradNorm: 1,
    labelSmoothing: 0.05,
  };
  const result = await trainClassifier(model, examplesOf(data, tokenizer, encode), {
    ...batching,
    ...hyperparameters,
    epochs: options.epochs,
    seed,
    maxSteps: options.maxSteps,
    evaluate: options.final ? undefined : async () => ({ accuracy: score(data.heldOut) }),
  });
  await savePretrained(model, out);
  const flips = counterfactualFlips(
    data.counterfactuals,
    probabilities(
      model,
      data.counterfactuals.map(({ text }) => encode({ text, label: 0 })),
      batching,
    ).map((row) => row[1] ?? 0),
  );
  const evaluated = (name: string, split: string, rows: readonly Example[]) =>
    rows.length === 0 ? [] : [evaluation(name, split, rows.length, score(rows))];
  const record: TrainingRecord = {
    version: 1,
    createdAt: new Date().toISOString(),
    abrazoVersion: packageVersion(),
    task: "text-classification",
    seed,
    device: "cpu",
    command: "abrazo train sentiment",
    model: { modelType: model.config.model_type, parameters: model.parameterCount() },
    datasets: data.datasets,
    hyperparameters: {
      ...hyperparameters,
      epochs: options.epochs,
      batchTokens: options.batchTokens,
      batchRows: options.batchRows,
      optimizer: "AdamW",
      scheduler: "linear",
      startsFrom: "an encoder trained to fill in masked words of the unlabelled reviews (abrazo train encoder)",
    },
    steps: result.steps,
    durationSeconds: result.durationSeconds,
    environment: environment(),
    history: result.history,
    evaluations: [
      ...evaluated("SST-2", `train (${HELD_OUT} sentences held out)`, options.final ? [] : data.heldOut),
      ...evaluated("SST-2", "validation", data.dev),
      ...evaluated("plain sentences, own work", "all", data.check),
    ],
    bias: { dataset: "counterfactual sentences, own work", groups: flips },
  };
  await writeFile(join(out, "training-record.json"), `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

interface SentimentData {
  phrases: Example[];
  heldOut: Example[];
  reviews: Example[];
  negations: Example[];
  check: Example[];
  dev: Example[];
  counterfactuals: CounterfactualSentence[];
  datasets: TrainingRecord["datasets"];
}

async function loadData({ data, encoder, seed, check: checkPath, final }: PretrainOptions): Promise<SentimentData> {
  const fairness = join(data, "fairness", "counterfactual_sentiment.tsv");
  const phrases = await readPhrases(data);
  const { reviews, facts } = await readReviews(data);
  const check = checkPath === undefined ? [] : await examplesIn(checkPath);
  const excluded = new Set(check.map(({ text }) => text));
  const seen = final ? phrases.all : phrases.train;
  const unlabelled = await readJson(join(encoder, "training-record.json"), trainingRecordSchema);
  return {
    phrases: seen,
    heldOut: phrases.heldOut,
    reviews,
    negations: negationSentences(new Generator(seed), NEGATIONS, excluded),
    check,
    dev: final ? await readDev(data) : [],
    counterfactuals: toCounterfactuals(await readRows(fairness), fairness),
    datasets: [
      { ...phrases.facts, examples: seen.length },
      facts,
      { name: "negated and plain judgements, own templates", split: "generated", examples: NEGATIONS },
      ...unlabelled.datasets.map((each) => ({ ...each, name: `${each.name} (encoder)` })),
    ],
  };
}

/** A classifier with an encoder's weights below a fresh head. */
async function classifierOf(folder: string, generator: Generator): Promise<PreTrainedModel> {
  const encoder = await loadPretrained(folder);
  const model = fromConfig(configOf(encoder.config), generator);
  model.loadStateDict(encoder.stateDict(), { strict: false });
  return model;
}

/** Every phrase as the treebank writes it and as ordinary text does, what negation does, and both ends of every review. */
function examplesOf(
  { phrases, negations, reviews }: SentimentData,
  tokenizer: Tokenizer,
  encode: (example: Example) => EncodedExample,
): EncodedExample[] {
  const [cls = 0, sep = 0] = [tokenizer.specialId("cls"), tokenizer.specialId("sep")];
  const plain = { addSpecialTokens: false, maxLength: Number.POSITIVE_INFINITY };
  return [
    ...phrases.flatMap(({ text, label }) =>
      [text, normalizeSentence(text)].map((each) => encode({ text: each, label })),
    ),
    ...negations.map(encode),
    ...reviews.flatMap(({ text, label }) =>
      reviewEnds(tokenizer.encode(text, plain), REVIEW_ENDS).map((ids) => ({ ids: [cls, ...ids, sep], label })),
    ),
  ];
}

function evaluation(name: string, split: string, count: number, value: number): TrainingRecord["evaluations"][number] {
  return {
    dataset: { name, ...(name === "SST-2" ? { id: "stanfordnlp/sst2" } : {}), split },
    metric: "accuracy",
    metricName: "Accuracy",
    value,
    interval: wilsonInterval(Math.round(value * count), count),
    count,
  };
}

/** The encoder's sizes, with dropout and classes. */
function configOf({ architectures, tie_word_embeddings, ...sizes }: BaseConfig): BaseConfig {
  return {
    architectures: ["DistilBertForSequenceClassification"],
    ...sizes,
    attention_dropout: 0.1,
    dropout: 0.1,
    id2label: Object.fromEntries(LABELS.map((label, index) => [index, label])),
    label2id: Object.fromEntries(LABELS.map((label, index) => [label, index])),
    qa_dropout: 0.1,
    seq_classif_dropout: 0.2,
  };
}
