// Trains the shipped text generator from nothing: vocabulary, weights, evaluation against an n-gram model, samples, record.
// Prints nothing: progress goes through src/log.ts, results are returned.
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readLines } from "../../../data/readers.ts";
import { generate } from "../../../generate/generate.ts";
import { makeDecoder } from "../../../generate/kv-cache.ts";
import { countCopies, distinctNgrams } from "../../../generate/quality.ts";
import type { TrainingRecord } from "../../../io/training-record.ts";
import type { PreTrainedModel } from "../../../models/architecture.ts";
import { fromConfig, loadPretrained, savePretrained } from "../../../models/auto.ts";
import { Generator } from "../../../tensor/index.ts";
import { Tokenizer } from "../../../text/tokenizer.ts";
import { trainByteBpe } from "../../../text/train-bpe.ts";
import { writeTokenizer } from "../../../text/train-wordpiece.ts";
import { ByteModel } from "../../../train/byte-model.ts";
import { negativeLogLikelihood, trainLanguageModel } from "../../../train/language-model.ts";
import { environment, packageVersion } from "./environment.ts";
import { cleanReview } from "./sentiment-data.ts";

export interface PretrainGenerationOptions {
  /** Folder with sentiment/imdb/. */
  data: string;
  out: string;
  /** Reviews to read; nine tenths of them are trained on. */
  reviews: number;
  epochs: number;
  seed: number;
  vocabSize: number;
  dim: number;
  layers: number;
  heads: number;
  context: number;
  batchSize: number;
  dropout: number;
  learningRate: number;
  maxSteps?: number | undefined;
}

const PROMPTS = ["This movie", "I watched this film", "The story", "One of the best", "The acting is"];
/** The end token, before and between texts. */
const END = 0;
const SAMPLES = 50;
const SAMPLE_TOKENS = 80;
/** What generation_config.json suggests, and what the samples are drawn with. */
const SAMPLING = { doSample: true, temperature: 0.8, topK: 50, topP: 0.95, repetitionPenalty: 1.1 };

export async function pretrainGeneration(options: PretrainGenerationOptions): Promise<TrainingRecord> {
  const { data, out, seed } = options;
  await mkdir(out, { recursive: true });
  const reviews = await readReviews(join(data, "sentiment", "imdb", "unsup.txt.gz"), options.reviews);
  await writeTokenizer(out, trainByteBpe(reviews.train, { vocabSize: options.vocabSize, maxLength: options.context }));
  const tokenizer = await Tokenizer.fromFolder(out);
  const model = fromConfig(configOf(options, tokenizer.vocabSize), new Generator(seed));
  const hyperparameters = { learningRate: options.learningRate, weightDecay: 0.1, warmup: 0.05, maxGradNorm: 1 };
  const result = await trainLanguageModel(model, toStream(reviews.train, tokenizer), {
    ...{ context: options.context, device: "cpu", batchSize: options.batchSize },
    ...hyperparameters,
    epochs: options.epochs,
    maxSteps: options.maxSteps,
    seed,
  });
  await savePretrained(model, out);
  await writeFile(join(out, "generation_config.json"), `${JSON.stringify(generationConfig(), null, 2)}\n`);
  const samples = await drawSamples(out, tokenizer, seed);
  const bits = bitsPerByte(model, tokenizer, reviews.heldOut, options.context);
  const record: TrainingRecord = {
    version: 1,
    createdAt: new Date().toISOString(),
    abrazoVersion: packageVersion(),
    task: "text-generation",
    seed,
    device: "cpu",
    command: "abrazo train generation",
    model: { modelType: "gpt2", parameters: model.parameterCount() },
    datasets: [
      {
        ...{ name: "IMDB, unlabelled reviews", id: "stanfordnlp/imdb", split: `first ${reviews.train.length}` },
        ...{ examples: reviews.train.length, sha256: reviews.sha256 },
      },
    ],
    hyperparameters: {
      ...hyperparameters,
      epochs: options.epochs,
      batchSize: options.batchSize,
      context: options.context,
      dropout: options.dropout,
      optimizer: "AdamW",
      scheduler: "cosine",
    },
    steps: result.steps,
    durationSeconds: result.durationSeconds,
    environment: environment(),
    history: result.history,
    evaluations: evaluationsOf(reviews, bits, samples),
    samples: samples.slice(0, 2 * PROMPTS.length),
  };
  await writeFile(join(out, "training-record.json"), `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

interface Reviews {
  train: string[];
  heldOut: string[];
  sha256: string;
}

/** The first reviews of the file; the last tenth of them is held out. */
async function readReviews(path: string, count: number): Promise<Reviews> {
  const sha256 = createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
  const texts = (await readLines(path)).slice(0, count).map(cleanReview);
  const cut = Math.floor(texts.length * 0.9);
  return { train: texts.slice(0, cut), heldOut: texts.slice(cut), sha256 };
}

/** Every text after an end token. */
function toStream(texts: readonly string[], tokenizer: Tokenizer): Int32Array {
  const parts = texts.map((text) => [END, ...tokenizer.encode(text, { maxLength: Number.POSITIVE_INFINITY })]);
  const stream = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    stream.set(part, at);
    at += part.length;
  }
  return stream;
}

/** What the byte model reads: one text a line, so that both models also predict where a text ends. */
const toBytes = (texts: readonly string[]): Buffer => Buffer.from(texts.join("\n"));

function bitsPerByte(model: PreTrainedModel, tokenizer: Tokenizer, texts: readonly string[], context: number): number {
  const nats = negativeLogLikelihood(model, toStream(texts, tokenizer), { context, device: "cpu" });
  return nats / Math.LN2 / toBytes(texts).length;
}

async function drawSamples(folder: string, tokenizer: Tokenizer, seed: number) {
  const decoder = makeDecoder(await loadPretrained(folder));
  const rows = Array.from({ length: SAMPLES }, (_, index) => PROMPTS[index % PROMPTS.length] ?? "");
  const texts: number[][] = rows.map(() => []);
  const prompts = rows.map((prompt, index) => ({ ids: tokenizer.encode(prompt), seed: seed + index }));
  const options = { ...SAMPLING, maxNewTokens: SAMPLE_TOKENS, eosTokenIds: [END], stopStrings: [], padTokenId: END };
  for await (const { row, id } of generate(decoder, prompts, options)) if (id !== END) texts[row]?.push(id);
  decoder.dispose();
  return rows.map((prompt, index) => ({ prompt, text: tokenizer.decode(texts[index] ?? []) }));
}

function evaluationsOf(
  { train, heldOut }: Reviews,
  bits: number,
  samples: readonly { prompt: string; text: string }[],
): TrainingRecord["evaluations"] {
  const generated = samples.map(({ text }) => text);
  const drawn = {
    dataset: { name: `${SAMPLES} samples of ${SAMPLE_TOKENS} tokens`, split: "generated" },
    count: SAMPLES,
  };
  const held = { dataset: { name: "IMDB, unlabelled reviews", split: "held out (last 10 %)" }, count: heldOut.length };
  const bytes = new ByteModel(5);
  bytes.train(toBytes(train));
  return [
    { ...held, metric: "bits_per_byte", metricName: "Bits per byte", value: bits },
    {
      ...held,
      metric: "bits_per_byte_order_5",
      metricName: "Bits per byte of an order-5 character model (Witten-Bell)",
      value: bytes.bitsPerByte(toBytes(heldOut)),
    },
    { ...drawn, metric: "distinct_4", metricName: "Distinct 4-grams", value: distinctNgrams(generated, 4) },
    {
      ...drawn,
      metric: "verbatim_60",
      metricName: "Samples with 60 characters of training text",
      value: countCopies(generated, train.join("\n"), 60),
    },
  ];
}

function generationConfig() {
  return {
    bos_token_id: END,
    eos_token_id: END,
    pad_token_id: END,
    do_sample: SAMPLING.doSample,
    temperature: SAMPLING.temperature,
    top_k: SAMPLING.topK,
    top_p: SAMPLING.topP,
    repetition_penalty: SAMPLING.repetitionPenalty,
  };
}

function configOf({ dim, layers, heads, context, dropout }: PretrainGenerationOptions, vocabSize: number) {
  return {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    activation_function: "gelu_new",
    attn_pdrop: dropout,
    bos_token_id: END,
    embd_pdrop: dropout,
    eos_token_id: END,
    initializer_range: 0.02,
    layer_norm_epsilon: 1e-5,
    n_embd: dim,
    n_head: heads,
    n_inner: null,
    n_layer: layers,
    n_positions: context,
    pad_token_id: END,
    resid_pdrop: dropout,
    tie_word_embeddings: true,
    vocab_size: vocabSize,
  };
}
