// Trains the shipped sentiment classifier from nothing: vocabulary → word vectors → a teacher over n-grams, which labels
// sentences of unlabelled reviews → weights, evaluation, record → a repository folder.
// Prints nothing: progress goes through src/log.ts, results are returned.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Example, readRows } from "../../../data/readers.ts";
import type { TrainingRecord } from "../../../io/training-record.ts";
import type { PreTrainedModel } from "../../../models/architecture.ts";
import { fromConfig, savePretrained } from "../../../models/auto.ts";
import { fromTypedArray, Generator, noGrad } from "../../../tensor/index.ts";
import { Tokenizer } from "../../../text/tokenizer.ts";
import { trainWordPiece, writeTokenizer } from "../../../text/train-wordpiece.ts";
import { type CounterfactualSentence, counterfactualFlips, toCounterfactuals } from "../../../train/bias.ts";
import { type EncodedExample, predict, probabilities, trainClassifier } from "../../../train/classifier.ts";
import { accuracy, wilsonInterval } from "../../../train/metrics.ts";
import { NgramClassifier } from "../../../train/ngram-classifier.ts";
import { asEmbeddings, wordVectors } from "../../../train/word-vectors.ts";
import { environment, packageVersion } from "./environment.ts";
import { negationSentences } from "./negation.ts";
import { examplesIn, HELD_OUT, LABELS, readDev, readPhrases, readReviews, readUnlabelled } from "./sentiment-corpus.ts";
import { normalizeSentence, reviewEnds, sentencesOf } from "./sentiment-data.ts";

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
  /** Sentences of unlabelled reviews that the teacher labels. */
  sentences: number;
  learningRate: number;
  batchTokens: number;
  batchRows: number;
  maxSteps?: number | undefined;
  /** Labelled sentences that are kept out of training and scored at the end. */
  check?: string | undefined;
  /** Train on the held-out sentences, too, and score the dev set: once per final model, when all choices are made. */
  final: boolean;
}

/** Longest text in tokens. */
const MAX_LENGTH = 128;
/** Tokens that are kept of the beginning and of the end of a review. */
const REVIEW_ENDS = { first: 126, last: 62 };
/** Unlabelled reviews that the vocabulary is learned from; the word vectors take all. */
const VOCABULARY_REVIEWS = 10_000;
const NEGATIONS = 16_000;
const EMBEDDING_STD = 0.05;
/** Of the places' embeddings when training starts. */
const POSITION_SCALE = 0.2;
const WORD_EMBEDDINGS = "distilbert.embeddings.word_embeddings.weight";

export async function pretrainSentiment(options: PretrainOptions): Promise<TrainingRecord> {
  const { out, seed } = options;
  await mkdir(out, { recursive: true });
  const data = await loadData(options);
  const tokenizer = await makeTokenizer(data, options);
  const encode = ({ text, label }: Example): EncodedExample => ({ ids: tokenizer.encode(text), label });
  const model = fromConfig(configOf(options, tokenizer), new Generator(seed));
  const documents = encodeDocuments(data, tokenizer);
  await startEmbeddings(model, documents, { ...options, vocabSize: tokenizer.vocabSize });
  startAsAverage(model, options.dim);
  const teacher = trainTeacher(data, documents, seed);
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
  const result = await trainClassifier(model, examplesOf(data, documents, teacher, tokenizer), {
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
  const ofTeacher = (examples: readonly Example[]) =>
    accuracy(
      examples.map(({ text }) => Number(teacher.probability(tokenizer.encode(text, WHOLE)) > 0.5)),
      examples.map(({ label }) => label),
    );
  const evaluated = (name: string, split: string, rows: readonly Example[]) =>
    rows.length === 0
      ? []
      : [
          evaluation(name, split, rows.length, score(rows)),
          { ...evaluation(name, split, rows.length, ofTeacher(rows)), slice: "the teacher over n-grams" },
        ];
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
      teacher: "logistic regression over TF-IDF of single tokens and pairs",
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
  unlabelled: string[];
  sentences: string[];
  negations: Example[];
  check: Example[];
  dev: Example[];
  counterfactuals: CounterfactualSentence[];
  datasets: TrainingRecord["datasets"];
}

async function loadData({ data, seed, check: checkPath, final, sentences }: PretrainOptions): Promise<SentimentData> {
  const fairness = join(data, "fairness", "counterfactual_sentiment.tsv");
  const phrases = await readPhrases(data);
  const { reviews, facts } = await readReviews(data);
  const unlabelled = await readUnlabelled(data);
  const check = checkPath === undefined ? [] : await examplesIn(checkPath);
  const excluded = new Set(check.map(({ text }) => text));
  const seen = final ? phrases.all : phrases.train;
  const all = unlabelled.reviews.flatMap(sentencesOf);
  const picked = new Generator(seed).permutation(all.length).slice(0, sentences);
  return {
    phrases: seen,
    heldOut: phrases.heldOut,
    reviews,
    unlabelled: unlabelled.reviews,
    sentences: picked.map((at) => all[at] ?? ""),
    negations: negationSentences(new Generator(seed), NEGATIONS, excluded),
    check,
    dev: final ? await readDev(data) : [],
    counterfactuals: toCounterfactuals(await readRows(fairness), fairness),
    datasets: [
      { ...phrases.facts, examples: seen.length },
      facts,
      { ...unlabelled.facts, name: "IMDB, for word vectors" },
      { ...unlabelled.facts, name: "IMDB, sentences labelled by the teacher", examples: picked.length },
      { name: "negated and plain judgements, own templates", split: "generated", examples: NEGATIONS },
    ],
  };
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

const WHOLE = { addSpecialTokens: false, maxLength: Number.POSITIVE_INFINITY };

/** What is learned from, as token ids. */
interface Documents {
  phrases: Int32Array[];
  reviews: Int32Array[];
  unlabelled: Int32Array[];
}

function encodeDocuments({ phrases, reviews, unlabelled }: SentimentData, tokenizer: Tokenizer): Documents {
  const encode = (text: string) => Int32Array.from(tokenizer.encode(text, WHOLE));
  return {
    phrases: phrases.map(({ text }) => encode(text)),
    reviews: reviews.map(({ text }) => encode(text)),
    unlabelled: unlabelled.map(encode),
  };
}

async function startEmbeddings(
  model: PreTrainedModel,
  { phrases, reviews, unlabelled }: Documents,
  { dim, seed, vocabSize }: Pick<PretrainOptions, "dim" | "seed" | "vocabSize">,
): Promise<void> {
  const texts = [...unlabelled, ...reviews, ...phrases];
  const vectors = await wordVectors(texts, { vocabSize, dim, generator: new Generator(seed) });
  const table = fromTypedArray(asEmbeddings(vectors, dim, EMBEDDING_STD), [vocabSize, dim]);
  noGrad(() => model.stateDict().get(WORD_EMBEDDINGS)?.copy_(table));
}

/**
 * Attention that passes on the mean of what it sees, places that hardly count: the model starts as a deep averaging network
 * (Iyyer et al. 2015, "Deep Unordered Composition Rivals Syntactic Methods for Text Classification").
 */
function startAsAverage(model: PreTrainedModel, dim: number): void {
  const identity = Float32Array.from({ length: dim * dim }, (_, at) => Number(at % (dim + 1) === 0));
  noGrad(() => {
    for (const [name, parameter] of model.stateDict()) {
      if (/attention\.(v|out)_lin\.weight$/.test(name)) parameter.copy_(fromTypedArray(identity, [dim, dim]));
      if (name.endsWith("position_embeddings.weight")) parameter.mul_(POSITION_SCALE);
    }
  });
}

/** Phrases and whole reviews. */
function trainTeacher(data: SentimentData, { phrases, reviews }: Documents, seed: number): NgramClassifier {
  const labels = [...data.phrases, ...data.reviews].map(({ label }) => label);
  return NgramClassifier.train([...phrases, ...reviews], labels, { generator: new Generator(seed) });
}

/**
 * Every other phrase as ordinary text writes it, the rest as the treebank does, what negation does, both ends of every
 * review, whose label the teacher softens where the end does not show it, and sentences with the teacher's word alone.
 */
function examplesOf(
  { phrases, negations, reviews, sentences }: SentimentData,
  documents: Documents,
  teacher: NgramClassifier,
  tokenizer: Tokenizer,
): EncodedExample[] {
  const [cls = 0, sep = 0] = [tokenizer.specialId("cls"), tokenizer.specialId("sep")];
  const close = (ids: ArrayLike<number>) => [cls, ...Array.from(ids), sep];
  const labelled = (text: string, label: number): EncodedExample => ({ ids: tokenizer.encode(text), label });
  const taught = (ids: ArrayLike<number>, positive: number): EncodedExample => ({
    ids: close(ids),
    label: Number(positive > 0.5),
    probabilities: [1 - positive, positive],
  });
  return [
    ...phrases.map(({ text, label }, at) => labelled(at % 2 === 0 ? text : normalizeSentence(text), label)),
    ...negations.map(({ text, label }) => labelled(text, label)),
    ...documents.reviews.flatMap((ids, at) =>
      reviewEnds(ids, REVIEW_ENDS).map((end) =>
        taught(end, ((reviews[at]?.label ?? 0) + teacher.probability(end)) / 2),
      ),
    ),
    ...sentences.map((text) => {
      const ids = tokenizer.encode(text, { ...WHOLE, maxLength: MAX_LENGTH - 2 });
      return taught(ids, teacher.probability(ids));
    }),
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
    max_position_embeddings: MAX_LENGTH,
    n_heads: heads,
    n_layers: layers,
    pad_token_id: tokenizer.padId,
    qa_dropout: 0.1,
    seq_classif_dropout: 0.2,
    sinusoidal_pos_embds: false,
    vocab_size: tokenizer.vocabSize,
  };
}
