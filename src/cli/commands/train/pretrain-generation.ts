// Trains the shipped text generator from nothing: vocabulary, weights, evaluation against an n-gram model, samples, record.
// Prints nothing: progress goes through src/log.ts, results are returned.
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
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

export interface PretrainGenerationOptions {
  /** Folder with the texts. */
  data: string;
  out: string;
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

const TEXTS = [
  {
    file: "tinystories_sample.txt",
    name: "TinyStories (sample)",
    id: "roneneldan/TinyStories",
    license: "cdla-sharing-1.0",
  },
  { file: "alice.txt", name: "Alice's Adventures in Wonderland", license: "public domain" },
  { file: "tinyshakespeare.txt", name: "tiny-shakespeare", license: "public domain" },
] as const;

const PROMPTS = ["Once upon a time, there was", "One day, a little girl", "Alice was", "KING RICHARD:\n", "The King"];
const SAMPLES = 50;
const SAMPLE_TOKENS = 80;
/** What generation_config.json suggests, and what the samples are drawn with. */
const SAMPLING = { doSample: true, temperature: 0.8, topK: 50, topP: 0.95, repetitionPenalty: 1.1 };

export async function pretrainGeneration(options: PretrainGenerationOptions): Promise<TrainingRecord> {
  const { data, out, seed } = options;
  await mkdir(out, { recursive: true });
  const texts = await Promise.all(TEXTS.map(async (text) => ({ ...text, ...(await split(join(data, text.file))) })));
  await writeTokenizer(
    out,
    trainByteBpe(
      texts.map(({ train }) => train),
      { vocabSize: options.vocabSize, maxLength: options.context },
    ),
  );
  const tokenizer = await Tokenizer.fromFolder(out);
  const streamOf = (parts: readonly string[]) =>
    Int32Array.from(parts.flatMap((part) => [0, ...tokenizer.encode(part, { maxLength: Number.POSITIVE_INFINITY })]));
  const stream = streamOf(texts.map(({ train }) => train));
  const model = fromConfig(configOf(options, tokenizer.vocabSize), new Generator(seed));
  const reading = { context: options.context, device: "cpu" };
  const held = texts.map(({ heldOut }) => ({ stream: streamOf([heldOut]), bytes: Buffer.byteLength(heldOut) }));
  const score = () => bitsPerByte(model, held, reading);
  const hyperparameters = { learningRate: options.learningRate, weightDecay: 0.1, warmup: 0.05, maxGradNorm: 1 };
  const result = await trainLanguageModel(model, stream, {
    ...reading,
    ...hyperparameters,
    batchSize: options.batchSize,
    epochs: options.epochs,
    maxSteps: options.maxSteps,
    seed,
    evaluate: async () => ({ bitsPerByte: score().all }),
  });
  await savePretrained(model, out);
  await writeFile(join(out, "generation_config.json"), `${JSON.stringify(generationConfig(), null, 2)}\n`);
  const samples = await drawSamples(out, tokenizer, seed);
  const record: TrainingRecord = {
    version: 1,
    createdAt: new Date().toISOString(),
    abrazoVersion: packageVersion(),
    task: "text-generation",
    seed,
    device: "cpu",
    command: "abrazo train generation",
    model: { modelType: "gpt2", parameters: model.parameterCount() },
    datasets: texts.map(({ name, train, sha256, license, ...rest }) => ({
      ...{ name, ...("id" in rest ? { id: rest.id } : {}), split: "train (first 90 %)" },
      ...{ examples: tokenizer.encode(train, { maxLength: Number.POSITIVE_INFINITY }).length, sha256, license },
    })),
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
    evaluations: evaluationsOf(texts, score(), samples),
    samples: samples.slice(0, 2 * PROMPTS.length),
    notes: [
      `An interpolated (Witten-Bell) byte model of order 5, trained and judged on the same bytes, needs ${baseline(texts).toFixed(4)} bits per byte.`,
    ],
  };
  await writeFile(join(out, "training-record.json"), `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

interface Text {
  name: string;
  train: string;
  heldOut: string;
}

/** The last tenth, from a paragraph's begin on, is held out. */
async function split(path: string): Promise<{ train: string; heldOut: string; sha256: string }> {
  const bytes = await readFile(path);
  const text = bytes.toString("utf8");
  const cut = text.indexOf("\n\n", Math.floor(text.length * 0.9)) + 2;
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { train: text.slice(0, cut), heldOut: text.slice(cut), sha256 };
}

interface Held {
  stream: Int32Array;
  bytes: number;
}

/** Bits per byte of each text and of all together. */
function bitsPerByte(
  model: PreTrainedModel,
  held: readonly Held[],
  reading: { context: number; device: string },
): { each: number[]; all: number } {
  const bits = held.map(({ stream }) => negativeLogLikelihood(model, stream, reading) / Math.LN2);
  const total = held.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    each: bits.map((value, index) => value / (held[index]?.bytes ?? 1)),
    all: bits.reduce((sum, value) => sum + value, 0) / total,
  };
}

function baseline(texts: readonly Text[]): number {
  const model = new ByteModel(5);
  for (const { train } of texts) model.train(Buffer.from(train));
  const sizes = texts.map(({ heldOut }) => Buffer.byteLength(heldOut));
  const bits = texts.map(({ heldOut }, index) => model.bitsPerByte(Buffer.from(heldOut)) * (sizes[index] ?? 0));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return sum(bits) / sum(sizes);
}

async function drawSamples(folder: string, tokenizer: Tokenizer, seed: number) {
  const decoder = makeDecoder(await loadPretrained(folder));
  const rows = Array.from({ length: SAMPLES }, (_, index) => PROMPTS[index % PROMPTS.length] ?? "");
  const texts: number[][] = rows.map(() => []);
  const prompts = rows.map((prompt, index) => ({ ids: tokenizer.encode(prompt), seed: seed + index }));
  const options = { ...SAMPLING, maxNewTokens: SAMPLE_TOKENS, eosTokenIds: [0], stopStrings: [], padTokenId: 0 };
  for await (const { row, id } of generate(decoder, prompts, options)) if (id !== 0) texts[row]?.push(id);
  decoder.dispose();
  return rows.map((prompt, index) => ({ prompt, text: tokenizer.decode(texts[index] ?? []) }));
}

function evaluationsOf(
  texts: readonly Text[],
  score: { each: number[]; all: number },
  samples: readonly { prompt: string; text: string }[],
): TrainingRecord["evaluations"] {
  const generated = samples.map(({ text }) => text);
  const bits = (name: string, value: number) => ({
    dataset: { name, split: "held out (last 10 %)" },
    metric: "bits_per_byte",
    metricName: "Bits per byte",
    value,
  });
  const corpus = texts.map(({ train }) => train).join("\n");
  const drawn = { name: `${SAMPLES} samples of ${SAMPLE_TOKENS} tokens`, split: "generated" };
  return [
    bits("All texts", score.all),
    ...texts.map(({ name }, index) => bits(name, score.each[index] ?? 0)),
    {
      dataset: drawn,
      metric: "distinct_4",
      metricName: "Distinct 4-grams",
      value: distinctNgrams(generated, 4),
      count: SAMPLES,
    },
    {
      dataset: drawn,
      metric: "verbatim_60",
      metricName: "Samples with 60 characters of training text",
      value: countCopies(generated, corpus, 60),
      count: SAMPLES,
    },
  ];
}

function generationConfig() {
  return {
    bos_token_id: 0,
    eos_token_id: 0,
    pad_token_id: 0,
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
    bos_token_id: 0,
    embd_pdrop: dropout,
    eos_token_id: 0,
    initializer_range: 0.02,
    layer_norm_epsilon: 1e-5,
    n_embd: dim,
    n_head: heads,
    n_inner: null,
    n_layer: layers,
    n_positions: context,
    pad_token_id: 0,
    resid_pdrop: dropout,
    tie_word_embeddings: true,
    vocab_size: vocabSize,
  };
}
