// What transformers.js does for us: each task's inputs, its options and the files that it needs.
// Runs nothing.
import { z } from "zod";
import { imageOptions } from "./images.ts";
import { count } from "./options.ts";

/** A task as it is handed on. */
export interface ForeignRow {
  /** What one input is. */
  input: "audio" | "image" | "text";
  /** What stands between the input and the options. */
  second?: "labels" | "question";
  /** Whether it reads or writes words, and so needs a tokenizer. */
  hasWords: boolean;
  /** Whether several inputs run in one go; the others run one after the other. */
  isBatched?: true;
  /** Schemas of the options of a call, by the model_type of config.json: nothing is taken that transformers.js does not read. */
  options(modelType: string): z.ZodRawShape;
}

const id = z.number().int().nonnegative();
const share = z.number().min(0).max(1);
const { batchSize, timeout } = imageOptions;

/** What transformers.js reads when it generates. */
const generation = {
  maxLength: count.optional(),
  maxNewTokens: count.optional(),
  minLength: id.optional(),
  minNewTokens: id.optional(),
  doSample: z.boolean().optional(),
  temperature: z.number().positive().optional(),
  topK: id.optional(),
  repetitionPenalty: z.number().positive().optional(),
  noRepeatNgramSize: id.optional(),
  badWordsIds: z.array(z.array(id)).optional(),
  suppressTokens: z.array(id).optional(),
  beginSuppressTokens: z.array(id).optional(),
  forcedBosTokenId: id.optional(),
  forcedEosTokenId: id.optional(),
  eosTokenId: z.union([id, z.array(id)]).optional(),
};

const whisper = {
  ...generation,
  returnTimestamps: z.union([z.boolean(), z.literal("word")]).optional(),
  chunkLengthS: z.number().nonnegative().optional(),
  strideLengthS: z.number().nonnegative().optional(),
  forceFullSequences: z.boolean().optional(),
  language: z.string().optional(),
  task: z.enum(["transcribe", "translate"]).optional(),
};

/** Models that hear and then write; the others of speech recognition tell the letters as they hear them, and take no options. */
const HEARING: Readonly<Record<string, z.ZodRawShape>> = {
  whisper,
  "lite-whisper": whisper,
  moonshine: generation,
  cohere_asr: { ...generation, language: z.string().optional() },
};

const segmentation = {
  timeout,
  threshold: share.optional(),
  maskThreshold: share.optional(),
  overlapMaskAreaThreshold: share.optional(),
  targetSizes: z.array(z.tuple([count, count])).optional(),
};

/** Between two texts. */
const signal = z.instanceof(AbortSignal).optional();
const languages = { srcLang: z.string().optional(), tgtLang: z.string().optional() };

export const FOREIGN_ROWS = {
  "audio-classification": { input: "audio", hasWords: false, options: () => ({ topK: count.optional() }) },
  "automatic-speech-recognition": { input: "audio", hasWords: true, options: (modelType) => HEARING[modelType] ?? {} },
  "background-removal": { input: "image", hasWords: false, options: () => segmentation },
  "depth-estimation": {
    input: "image",
    hasWords: false,
    isBatched: true,
    options: () => ({ timeout, batchSize }),
  },
  "document-question-answering": {
    input: "image",
    second: "question",
    hasWords: true,
    options: () => ({ timeout, ...generation }),
  },
  "image-segmentation": { input: "image", hasWords: false, options: () => segmentation },
  "image-to-image": { input: "image", hasWords: false, isBatched: true, options: () => ({ timeout, batchSize }) },
  "image-to-text": { input: "image", hasWords: true, options: () => ({ timeout, ...generation }) },
  "object-detection": {
    input: "image",
    hasWords: false,
    options: () => ({ timeout, threshold: share.optional(), percentage: z.boolean().optional() }),
  },
  "text-to-audio": {
    input: "text",
    hasWords: true,
    options: (modelType): z.ZodRawShape =>
      modelType === "supertonic"
        ? {
            speakerEmbeddings: z.instanceof(Float32Array),
            numInferenceSteps: count.optional(),
            speed: z.number().positive().optional(),
          }
        : {},
  },
  "zero-shot-audio-classification": {
    input: "audio",
    second: "labels",
    hasWords: true,
    options: () => ({ hypothesisTemplate: z.string().includes("{}").optional() }),
  },
  "zero-shot-object-detection": {
    input: "image",
    second: "labels",
    hasWords: true,
    options: () => ({
      timeout,
      threshold: share.optional(),
      topK: count.optional(),
      percentage: z.boolean().optional(),
    }),
  },
} satisfies Record<string, ForeignRow>;

/** Tasks of our own that are handed on where the tokenizer puts languages into texts in a way of its own. */
export const LANGUAGE_ROWS: Readonly<Record<string, ForeignRow>> = {
  "text2text-generation": { input: "text", hasWords: true, options: () => ({ signal, ...generation }) },
  summarization: { input: "text", hasWords: true, options: () => ({ signal, ...generation }) },
  translation: { input: "text", hasWords: true, options: () => ({ signal, ...generation, ...languages }) },
};
