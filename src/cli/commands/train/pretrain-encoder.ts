// Trains the encoder that the shipped classifier starts from: vocabulary → word vectors → masked words of unlabelled reviews.
// Reads no label. Prints nothing: progress goes through src/log.ts, results are returned.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TrainingRecord } from "../../../io/training-record.ts";
import type { PreTrainedModel } from "../../../models/architecture.ts";
import { fromConfig, savePretrained } from "../../../models/auto.ts";
import { fromTypedArray, Generator, noGrad } from "../../../tensor/index.ts";
import { Tokenizer } from "../../../text/tokenizer.ts";
import { trainWordPiece, writeTokenizer } from "../../../text/train-wordpiece.ts";
import { maskedNegativeLogLikelihood, trainMaskedLanguageModel } from "../../../train/masked-language-model.ts";
import { asEmbeddings, wordVectors } from "../../../train/word-vectors.ts";
import { environment, packageVersion } from "./environment.ts";
import { readPhrases, readReviews, readUnlabelled } from "./sentiment-corpus.ts";

export interface PretrainEncoderOptions {
  /** Folder with sentiment/sst2/ and sentiment/imdb/. */
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
  maxSteps?: number | undefined;
}

/** Longest text in tokens, and the length of every row. */
const LENGTH = 128;
const MASKED = 0.2;
/** Unlabelled reviews that the vocabulary is learned from. */
const VOCABULARY_REVIEWS = 10_000;
/** Unlabelled reviews at the end of the file on which the encoder is judged. */
const HELD_OUT_REVIEWS = 500;
const EMBEDDING_STD = 0.05;
const WORD_EMBEDDINGS = "distilbert.embeddings.word_embeddings.weight";

export async function pretrainEncoder(options: PretrainEncoderOptions): Promise<TrainingRecord> {
  const { data, out, seed } = options;
  await mkdir(out, { recursive: true });
  const phrases = await readPhrases(data);
  const labelled = await readReviews(data);
  const unlabelled = await readUnlabelled(data);
  const held = unlabelled.reviews.slice(-HELD_OUT_REVIEWS);
  const reviews = [...labelled.reviews.map(({ text }) => text), ...unlabelled.reviews.slice(0, -HELD_OUT_REVIEWS)];
  const sentences = phrases.train.map(({ text }) => text);
  const vocabularyTexts = [...sentences, ...reviews.slice(0, labelled.reviews.length + VOCABULARY_REVIEWS)];
  await writeTokenizer(out, trainWordPiece(vocabularyTexts, { vocabSize: options.vocabSize, maxLength: LENGTH }));
  const tokenizer = await Tokenizer.fromFolder(out);
  const documents = reviews.map((text) => encodeWhole(tokenizer, text));
  const model = fromConfig(configOf(options, tokenizer), new Generator(seed));
  const texts = [...documents, ...sentences.map((text) => encodeWhole(tokenizer, text))];
  await startEmbeddings(model, texts, { ...options, vocabSize: tokenizer.vocabSize });
  const masking = {
    ...{ length: LENGTH, batchSize: Math.max(1, Math.floor(options.batchTokens / LENGTH)), masked: MASKED },
    ...{ clsId: idOf(tokenizer, "cls"), sepId: idOf(tokenizer, "sep"), maskId: idOf(tokenizer, "mask") },
    firstWordId: 1 + Math.max(...(["pad", "unk", "cls", "sep", "mask"] as const).map((name) => idOf(tokenizer, name))),
    vocabSize: tokenizer.vocabSize,
  };
  const hyperparameters = { learningRate: options.learningRate, weightDecay: 0.01, warmup: 0.05, maxGradNorm: 1 };
  const result = await trainMaskedLanguageModel(model, toStream(documents, masking.sepId), {
    ...masking,
    ...hyperparameters,
    epochs: options.epochs,
    maxSteps: options.maxSteps,
    seed,
    device: "cpu",
  });
  await savePretrained(model, out);
  const heldStream = toStream(
    held.map((text) => encodeWhole(tokenizer, text)),
    masking.sepId,
  );
  const record: TrainingRecord = {
    version: 1,
    createdAt: new Date().toISOString(),
    abrazoVersion: packageVersion(),
    task: "fill-mask",
    seed,
    device: "cpu",
    command: "abrazo train encoder",
    model: { modelType: "distilbert", parameters: model.parameterCount() },
    datasets: [
      { ...labelled.facts, name: "IMDB, without labels" },
      { ...unlabelled.facts, examples: unlabelled.reviews.length - held.length },
      { ...phrases.facts, name: "SST-2, without labels, for vocabulary and word vectors" },
    ],
    hyperparameters: {
      ...hyperparameters,
      epochs: options.epochs,
      batchSize: masking.batchSize,
      length: LENGTH,
      masked: MASKED,
      dropout: 0,
      optimizer: "AdamW",
      scheduler: "linear",
      embeddings: "word vectors of the same texts (PPMI, truncated SVD)",
    },
    steps: result.steps,
    durationSeconds: result.durationSeconds,
    environment: environment(),
    history: result.history,
    evaluations: [
      {
        dataset: { name: "IMDB", id: "stanfordnlp/imdb", split: `unsupervised (last ${HELD_OUT_REVIEWS})` },
        metric: "masked_nll",
        metricName: "Mean negative log likelihood of masked tokens, in nats",
        value: maskedNegativeLogLikelihood(model, heldStream, { ...masking, seed: 0, device: "cpu" }),
        count: held.length,
      },
    ],
  };
  await writeFile(join(out, "training-record.json"), `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

function encodeWhole(tokenizer: Tokenizer, text: string): Int32Array {
  return Int32Array.from(tokenizer.encode(text, { addSpecialTokens: false, maxLength: Number.POSITIVE_INFINITY }));
}

function idOf(tokenizer: Tokenizer, name: Parameters<Tokenizer["specialId"]>[0]): number {
  return tokenizer.specialId(name) ?? 0;
}

/** Every text, and a separator after it. */
function toStream(documents: readonly Int32Array[], sepId: number): Int32Array {
  const stream = new Int32Array(documents.reduce((sum, { length }) => sum + length + 1, 0));
  let at = 0;
  for (const document of documents) {
    stream.set(document, at);
    at += document.length;
    stream[at++] = sepId;
  }
  return stream;
}

async function startEmbeddings(
  model: PreTrainedModel,
  documents: readonly Int32Array[],
  { dim, seed, vocabSize }: Pick<PretrainEncoderOptions, "dim" | "seed" | "vocabSize">,
): Promise<void> {
  const vectors = await wordVectors(documents, { vocabSize, dim, generator: new Generator(seed) });
  const table = fromTypedArray(asEmbeddings(vectors, dim, EMBEDDING_STD), [vocabSize, dim]);
  noGrad(() => model.stateDict().get(WORD_EMBEDDINGS)?.copy_(table));
}

function configOf({ dim, layers, heads }: PretrainEncoderOptions, tokenizer: Tokenizer) {
  return {
    architectures: ["DistilBertForMaskedLM"],
    model_type: "distilbert",
    activation: "gelu",
    attention_dropout: 0,
    dim,
    dropout: 0,
    hidden_dim: 4 * dim,
    initializer_range: 0.02,
    max_position_embeddings: LENGTH,
    n_heads: heads,
    n_layers: layers,
    pad_token_id: tokenizer.padId,
    sinusoidal_pos_embds: false,
    tie_word_embeddings: true,
    vocab_size: tokenizer.vocabSize,
  };
}
