// Trains the shipped sentiment classifier from nothing: vocabulary, weights, evaluation, record → a repository folder.
// Prints nothing: progress goes through src/log.ts, results are returned.
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Example, readRows, toExamples } from "../../../data/readers.ts";
import type { TrainingRecord } from "../../../io/training-record.ts";
import { fromConfig, savePretrained } from "../../../models/auto.ts";
import { Generator } from "../../../tensor/index.ts";
import { Tokenizer } from "../../../text/tokenizer.ts";
import { trainWordPiece, writeTokenizer } from "../../../text/train-wordpiece.ts";
import { type EncodedExample, predict, trainClassifier } from "../../../train/classifier.ts";
import { accuracy, wilsonInterval } from "../../../train/metrics.ts";
import { environment, packageVersion } from "./environment.ts";
import { cleanReview, holdOut, normalizeSentence, reviewEnds } from "./sentiment-data.ts";

export interface PretrainOptions {
  /** Folder with sst2/ and imdb/. */
  data: string;
  out: string;
  epochs: number;
  seed: number;
  vocabSize: number;
  dim: number;
  layers: number;
  heads: number;
  learningRate: number;
  batchTokens: number;
  /** Train on the reviews of IMDB as well. */
  imdb: boolean;
  maxSteps?: number | undefined;
  /** Score the 872 sentences of the dev set at the end: once per final model. */
  dev: boolean;
}

const LABELS = ["NEGATIVE", "POSITIVE"] as const;
const MAX_LENGTH = 64;

export async function pretrainSentiment(options: PretrainOptions): Promise<TrainingRecord> {
  const { data, out, seed } = options;
  await mkdir(out, { recursive: true });
  const sst = await load(join(data, "sst2", "train.tsv"));
  const imdb = options.imdb ? await load(join(data, "imdb", "train.tsv.gz")) : undefined;
  const { train, validation } = holdOut(sst.examples, new Generator(seed), 1000);
  const reviews = (imdb?.examples ?? []).map(({ text, label }) => ({ text: cleanReview(text), label }));
  const corpus = [...train.map(({ text }) => text), ...reviews.map(({ text }) => text)];
  await writeTokenizer(out, trainWordPiece(corpus, { vocabSize: options.vocabSize, maxLength: MAX_LENGTH }));
  const tokenizer = await Tokenizer.fromFolder(out);
  const encode = ({ text, label }: Example): EncodedExample => ({
    ids: tokenizer.encode(text, { maxLength: MAX_LENGTH }),
    label,
  });
  const ends = reviews.flatMap(({ text, label }) => reviewEnds(text).map((part) => encode({ text: part, label })));
  const examples = [...train.map((example) => encode({ ...example, text: normalizeSentence(example.text) })), ...ends];
  const held = validation.map(encode);
  const model = fromConfig(configOf(options, tokenizer), new Generator(seed));
  const batching = { padId: tokenizer.padId, batchTokens: options.batchTokens, device: "cpu" };
  const score = (rows: readonly EncodedExample[]) =>
    accuracy(
      predict(model, rows, batching),
      rows.map(({ label }) => label),
    );
  const hyperparameters = {
    learningRate: options.learningRate,
    weightDecay: 0.01,
    warmup: 0.06,
    maxGradNorm: 1,
    labelSmoothing: 0.05,
  };
  const result = await trainClassifier(model, examples, {
    ...batching,
    ...hyperparameters,
    epochs: options.epochs,
    seed,
    maxSteps: options.maxSteps,
    evaluate: async () => ({ accuracy: score(held) }),
  });
  await savePretrained(model, out);
  const evaluations = [evaluation("SST-2", "validation (held out of train)", held, score(held))];
  const datasets = [
    { name: "SST-2", id: "stanfordnlp/sst2", split: "train", examples: train.length, sha256: sst.sha256 },
    ...(imdb === undefined
      ? []
      : [{ name: "IMDB", id: "stanfordnlp/imdb", split: "train", examples: reviews.length, sha256: imdb.sha256 }]),
  ];
  if (options.dev) {
    const dev = (await load(join(data, "sst2", "dev.tsv"))).examples.map(encode);
    evaluations.push(evaluation("SST-2", "validation", dev, score(dev)));
  }
  const record: TrainingRecord = {
    version: 1,
    createdAt: new Date().toISOString(),
    abrazoVersion: packageVersion(),
    task: "text-classification",
    seed,
    device: "cpu",
    command: "abrazo train sentiment",
    model: { modelType: "distilbert", parameters: model.parameterCount() },
    datasets,
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
    evaluations,
  };
  await writeFile(join(out, "training-record.json"), `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

async function load(path: string): Promise<{ examples: Example[]; sha256: string }> {
  const sha256 = createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
  return { examples: toExamples(await readRows(path), LABELS, path), sha256 };
}

function evaluation(
  name: string,
  split: string,
  rows: readonly EncodedExample[],
  value: number,
): TrainingRecord["evaluations"][number] {
  return {
    dataset: { name, split },
    metric: "accuracy",
    metricName: "Accuracy",
    value,
    interval: wilsonInterval(Math.round(value * rows.length), rows.length),
    count: rows.length,
  };
}

function configOf({ dim, layers, heads }: PretrainOptions, tokenizer: Tokenizer) {
  return {
    architectures: ["DistilBertForSequenceClassification"],
    model_type: "distilbert",
    activation: "gelu",
    attention_dropout: 0.1,
    dim,
    dropout: 0.1,
    hidden_dim: 4 * dim,
    id2label: Object.fromEntries(LABELS.map((label, index) => [index, label])),
    initializer_range: 0.02,
    label2id: Object.fromEntries(LABELS.map((label, index) => [label, index])),
    max_position_embeddings: 128,
    n_heads: heads,
    n_layers: layers,
    pad_token_id: tokenizer.padId,
    qa_dropout: 0.1,
    seq_classif_dropout: 0.2,
    sinusoidal_pos_embds: false,
    vocab_size: tokenizer.vocabSize,
  };
}
