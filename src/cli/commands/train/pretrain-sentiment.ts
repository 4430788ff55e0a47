// Trains the shipped sentiment classifier from nothing: vocabulary, weights, evaluation, record → a repository folder.
// Prints nothing: progress goes through src/log.ts, results are returned.
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Example, readLines, readRows, toExamples } from "../../../data/readers.ts";
import type { TrainingRecord } from "../../../io/training-record.ts";
import type { PreTrainedModel } from "../../../models/architecture.ts";
import { fromConfig, savePretrained } from "../../../models/auto.ts";
import { fromTypedArray, Generator, noGrad } from "../../../tensor/index.ts";
import { Tokenizer } from "../../../text/tokenizer.ts";
import { trainWordPiece, writeTokenizer } from "../../../text/train-wordpiece.ts";
import { type CounterfactualSentence, counterfactualFlips, toCounterfactuals } from "../../../train/bias.ts";
import { type EncodedExample, predict, probabilities, trainClassifier } from "../../../train/classifier.ts";
import { accuracy, wilsonInterval } from "../../../train/metrics.ts";
import { asEmbeddings, wordVectors } from "../../../train/word-vectors.ts";
import { environment, packageVersion } from "./environment.ts";
import { negationSentences } from "./negation.ts";
import { cleanReview, holdOut, normalizeSentence, reviewEnds } from "./sentiment-data.ts";

export interface PretrainOptions {
  /** Folder with sentiment/sst2/, sentiment/imdb/ and fairness/. */
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
  batchRows: number;
  maxSteps?: number | undefined;
  /** Labelled sentences that are kept out of training and scored at the end. */
  check?: string | undefined;
  /** Score the 872 sentences of the dev set at the end: once per final model. */
  dev: boolean;
}

const LABELS = ["NEGATIVE", "POSITIVE"] as const;
const MAX_LENGTH = 64;
const HELD_OUT = 1000;
/** Unlabelled reviews that the vocabulary is learned from; the word vectors take all. */
const VOCABULARY_REVIEWS = 10_000;
const NEGATIONS = 16_000;
const EMBEDDING_STD = 0.05;
const WORD_EMBEDDINGS = "distilbert.embeddings.word_embeddings.weight";

export async function pretrainSentiment(options: PretrainOptions): Promise<TrainingRecord> {
  const { out, seed } = options;
  await mkdir(out, { recursive: true });
  const data = await loadData(options);
  const tokenizer = await makeTokenizer(data, options);
  const encode = ({ text, label }: Example): EncodedExample => ({
    ids: tokenizer.encode(text, { maxLength: MAX_LENGTH }),
    label,
  });
  const held = data.heldOut.map(encode);
  const model = fromConfig(configOf(options, tokenizer), new Generator(seed));
  await startEmbeddings(model, tokenizer, data, options);
  const batching = {
    ...{ padId: tokenizer.padId, device: "cpu" },
    ...{ batchTokens: options.batchTokens, batchRows: options.batchRows },
  };
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
  const result = await trainClassifier(model, examplesOf(data, tokenizer, encode), {
    ...batching,
    ...hyperparameters,
    epochs: options.epochs,
    seed,
    maxSteps: options.maxSteps,
    evaluate: async () => ({ accuracy: score(held) }),
  });
  await savePretrained(model, out);
  const dev = options.dev ? data.dev.map(encode) : undefined;
  const check = data.check.map(encode);
  const flips = counterfactualFlips(
    data.counterfactuals,
    probabilities(
      model,
      data.counterfactuals.map(({ text }) => encode({ text, label: 0 })),
      batching,
    ).map((row) => row[1] ?? 0),
  );
  const record: TrainingRecord = {
    version: 1,
    createdAt: new Date().toISOString(),
    abrazoVersion: packageVersion(),
    task: "text-classification",
    seed,
    device: "cpu",
    command: "abrazo train sentiment",
    model: { modelType: "distilbert", parameters: model.parameterCount() },
    datasets: data.datasets,
    hyperparameters: {
      ...hyperparameters,
      epochs: options.epochs,
      batchTokens: options.batchTokens,
      batchRows: options.batchRows,
      optimizer: "AdamW",
      scheduler: "linear",
      embeddings: "word vectors of the reviews (PPMI, truncated SVD)",
    },
    steps: result.steps,
    durationSeconds: result.durationSeconds,
    environment: environment(),
    history: result.history,
    evaluations: [
      evaluation("SST-2", `train (${HELD_OUT} sentences held out)`, held, score(held)),
      ...(dev === undefined ? [] : [evaluation("SST-2", "validation", dev, score(dev))]),
      ...(check.length === 0 ? [] : [evaluation("plain sentences, own work", "all", check, score(check))]),
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
  unlabelled: string[];
  negations: Example[];
  check: Example[];
  dev: Example[];
  counterfactuals: CounterfactualSentence[];
  datasets: TrainingRecord["datasets"];
}

async function loadData({ data, seed, check: checkPath }: PretrainOptions): Promise<SentimentData> {
  const path = (...parts: string[]) => join(data, ...parts);
  const sst = path("sentiment", "sst2", "train.tsv");
  const imdb = path("sentiment", "imdb", "train.tsv.gz");
  const unsup = path("sentiment", "imdb", "unsup.txt.gz");
  const fairness = path("fairness", "counterfactual_sentiment.tsv");
  const { train, validation } = holdOut(await examplesIn(sst), new Generator(seed), HELD_OUT);
  const reviews = (await examplesIn(imdb)).map(({ text, label }) => ({ text: cleanReview(text), label }));
  const unlabelled = (await readLines(unsup)).map(cleanReview);
  const check = checkPath === undefined ? [] : await examplesIn(checkPath);
  const excluded = new Set(check.map(({ text }) => text));
  return {
    phrases: train,
    heldOut: validation,
    reviews,
    unlabelled,
    negations: negationSentences(new Generator(seed), NEGATIONS, excluded),
    check,
    dev: await examplesIn(path("sentiment", "sst2", "dev.tsv")),
    counterfactuals: toCounterfactuals(await readRows(fairness), fairness),
    datasets: [
      { name: "SST-2", id: "stanfordnlp/sst2", split: "train", examples: train.length, sha256: await sha256Of(sst) },
      { name: "IMDB", id: "stanfordnlp/imdb", split: "train", examples: reviews.length, sha256: await sha256Of(imdb) },
      { name: "negated and plain judgements, own templates", split: "generated", examples: NEGATIONS },
      {
        ...{ name: "IMDB, for word vectors", id: "stanfordnlp/imdb", split: "unsupervised" },
        ...{ examples: unlabelled.length, sha256: await sha256Of(unsup) },
      },
    ],
  };
}

async function examplesIn(path: string): Promise<Example[]> {
  return toExamples(await readRows(path), LABELS, path);
}

async function sha256Of(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

async function makeTokenizer(
  { phrases, reviews, unlabelled }: SentimentData,
  { out, vocabSize }: PretrainOptions,
): Promise<Tokenizer> {
  const corpus = [
    ...phrases.map(({ text }) => text),
    ...reviews.map(({ text }) => text),
    ...unlabelled.slice(0, VOCABULARY_REVIEWS),
  ];
  await writeTokenizer(out, trainWordPiece(corpus, { vocabSize, maxLength: MAX_LENGTH }));
  return Tokenizer.fromFolder(out);
}

/** Begins with the word vectors of everything that may be read: no sentence of the held-out or dev part. */
async function startEmbeddings(
  model: PreTrainedModel,
  tokenizer: Tokenizer,
  { phrases, reviews, unlabelled }: SentimentData,
  { dim, seed }: PretrainOptions,
): Promise<void> {
  const texts = [...unlabelled, ...reviews.map(({ text }) => text), ...phrases.map(({ text }) => text)];
  const encoding = { addSpecialTokens: false, maxLength: Number.POSITIVE_INFINITY };
  const documents = texts.map((text) => Int32Array.from(tokenizer.encode(text, encoding)));
  const { vocabSize } = tokenizer;
  const vectors = await wordVectors(documents, { vocabSize, dim, generator: new Generator(seed) });
  const table = fromTypedArray(asEmbeddings(vectors, dim, EMBEDDING_STD), [vocabSize, dim]);
  noGrad(() => model.stateDict().get(WORD_EMBEDDINGS)?.copy_(table));
}

/** Every other phrase as ordinary text writes it, the rest as the treebank does, what negation does, and both ends of every review. */
function examplesOf(
  { phrases, negations, reviews }: SentimentData,
  tokenizer: Tokenizer,
  encode: (example: Example) => EncodedExample,
): EncodedExample[] {
  const [cls = 0, sep = 0] = [tokenizer.specialId("cls"), tokenizer.specialId("sep")];
  const plain = { addSpecialTokens: false, maxLength: Number.POSITIVE_INFINITY };
  return [
    ...phrases.map(({ text, label }, at) => encode({ text: at % 2 === 0 ? text : normalizeSentence(text), label })),
    ...negations.map(encode),
    ...reviews.flatMap(({ text, label }) =>
      reviewEnds(tokenizer.encode(text, plain), MAX_LENGTH - 2).map((ids) => ({ ids: [cls, ...ids, sep], label })),
    ),
  ];
}

function evaluation(
  name: string,
  split: string,
  rows: readonly EncodedExample[],
  value: number,
): TrainingRecord["evaluations"][number] {
  return {
    dataset: { name, ...(name === "SST-2" ? { id: "stanfordnlp/sst2" } : {}), split },
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
