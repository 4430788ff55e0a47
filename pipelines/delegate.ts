// Tasks that transformers.js does on ONNX repositories and we hand on to it: inputs and options are checked and read here, and results
// come under our names, as our tensors, pictures and sounds.
// What each task takes stands in foreign-tasks.ts.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { kindOf } from "../src/arguments.ts";
import { Image, type RawPixels } from "../src/data/index.ts";
import { AbrazoError } from "../src/errors.ts";
import { readJson } from "../src/io/json.ts";
import { Tensor, tensor } from "../src/tensor/index.ts";
import { samplesOf } from "./audio.ts";
import { type ForeignOptions, type ForeignPipeline, foreignPipeline, type Transformers } from "./engine.ts";
import { FOREIGN_ROWS, type ForeignRow, LANGUAGE_ROWS } from "./foreign-tasks.ts";
import { imagesOf, type NamedImage, readInput } from "./images.ts";
import { textsOf } from "./inputs.ts";
import { parseOptions } from "./options.ts";
import type { LoadedModel } from "./task.ts";

/** A task that is handed on. */
export type ForeignTask = keyof typeof FOREIGN_ROWS;

/** Tasks of transformers.js that have no graphs of ours. */
export const FOREIGN_TASKS: readonly ForeignTask[] = Object.keys(FOREIGN_ROWS) as ForeignTask[]; // safe because these are its keys

/**
 * What a pipeline of such a task is called with, and gives: as transformers.js documents it, with names in camelCase. Pictures are
 * `Image`, tensors ours, and a sound is { audio, samplingRate }. One input gives one result, an array of inputs an array.
 */
export type ForeignCall = (...args: unknown[]) => Promise<unknown>;

export const isForeign = (task: string): task is ForeignTask => Object.hasOwn(FOREIGN_ROWS, task);

/** Tokenizers that put languages into texts themselves, which ours do not. */
const OF_LANGUAGES = /^(Nllb|M2M100|MBart|MBart50|Marian)Tokenizer(Fast)?$/;

/** Whether a model that makes texts from others has to be handed on, for its tokenizer. */
export async function speaksLanguages(folder: string): Promise<boolean> {
  const path = join(folder, "tokenizer_config.json");
  if (!existsSync(path)) return false;
  const { tokenizer_class: name } = await readJson(path, z.looseObject({ tokenizer_class: z.string().nullish() }));
  return OF_LANGUAGES.test(name ?? "");
}

/** What is read of the folder before transformers.js reads it. */
interface Opened {
  task: string;
  row: ForeignRow;
  modelType: string;
  /** Samples a second, of tasks that hear. */
  samplingRate: number;
  run: ForeignPipeline;
  transformers: Transformers;
  batchSize: number | undefined;
}

/**
 * The pipeline of transformers.js under our names.
 *
 * @throws FILE_MISSING, INVALID_JSON, INVALID_OPTION; UNSUPPORTED_ONNX for what transformers.js cannot load
 */
export async function delegated(
  task: string,
  folder: string,
  { batchSize, ...options }: ForeignOptions & { batchSize: number | undefined },
): Promise<{ call: ForeignCall; runtime: LoadedModel["runtime"]; gathered: number; dispose: () => Promise<void> }> {
  const row = isForeign(task) ? FOREIGN_ROWS[task] : LANGUAGE_ROWS[task.split("_")[0] ?? ""];
  if (row === undefined) throw cannotLoad(task, folder, new Error("it has no such task"));
  const { modelType, samplingRate } = await readConfigs(task, folder, row);
  const isBatched = "isBatched" in row;
  if (batchSize !== undefined && !isBatched) throw oneByOne(task);
  const opened = await foreignPipeline(isForeign(task) ? task : (task.split("_")[0] ?? ""), folder, options).catch(
    (error: unknown) => {
      throw error instanceof AbrazoError ? error : cannotLoad(task, folder, error);
    },
  );
  const given = { task, row, modelType, samplingRate, batchSize, ...opened };
  return {
    call: (...args) => handedOn(given, args),
    runtime: "transformers.js",
    // Nothing is won by waiting for more of a stream than what runs together.
    gathered: batchSize ?? 1,
    dispose: async () => {
      await opened.run.dispose();
    },
  };
}

const configSchema = z.looseObject({ model_type: z.string() });
const preprocessorSchema = z.looseObject({ sampling_rate: z.number().positive().optional() });

async function readConfigs(task: string, folder: string, row: ForeignRow) {
  const words = row.hasWords ? ["tokenizer.json", "tokenizer_config.json"] : [];
  const files = ["config.json", ...(row.input === "text" ? [] : ["preprocessor_config.json"]), ...words];
  const missing = files.filter((file) => !existsSync(join(folder, file)));
  if (missing.length > 0) throw lacksFiles(task, folder, missing);
  const { model_type: modelType } = await readJson(join(folder, "config.json"), configSchema);
  if (modelType === "speecht5" && row.input === "text") throw needsVocoder(folder);
  if (row.input !== "audio") return { modelType, samplingRate: 0 };
  const { sampling_rate: rate } = await readJson(join(folder, "preprocessor_config.json"), preprocessorSchema);
  return { modelType, samplingRate: rate ?? 16_000 };
}

/** One call: its inputs one after the other, or as many together as are asked for. */
async function handedOn(opened: Opened, args: readonly unknown[]): Promise<unknown> {
  const { task, row, modelType } = opened;
  const [input, ...others] = args;
  const second = row.second === undefined ? [] : [SECONDS[row.second](others.shift(), task)];
  const parsed = parseOptions(task, z.strictObject(row.options(modelType)), others[0]);
  // safe because schemas that have these options say so
  const {
    timeout,
    signal,
    batchSize = opened.batchSize ?? 1,
    ...options
  } = { ...languagesOf(task), ...parsed } as CallOptions;
  const { inputs, single } = INPUTS[row.input](input, opened, timeout);
  const results: unknown[] = [];
  for (let at = 0; at < inputs.length; at += batchSize) {
    signal?.throwIfAborted();
    const part = inputs.slice(at, at + batchSize);
    const read = await Promise.all(part.map(({ read: one }) => one()));
    const theirs = [...second, renamed(options, snake)];
    const made = await running(opened, part, () => opened.run(part.length === 1 ? read[0] : read, ...theirs));
    results.push(...(part.length === 1 ? [made] : [made].flat()));
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const ours = results.map((result) => ourOwn(result, opened.transformers));
  if (single) return ours[0];
  // As in Python, a list of texts gives one result each.
  return row.input === "text" && !isForeign(task) ? ours.flat() : ours;
}

interface CallOptions extends Record<string, unknown> {
  timeout?: number;
  signal?: AbortSignal;
  batchSize?: number;
}

/** Those that a translation was named with. */
function languagesOf(task: string): Record<string, string> {
  const [, srcLang, tgtLang] = /^translation_(.+)_to_(.+)$/.exec(task) ?? [];
  return srcLang === undefined || tgtLang === undefined ? {} : { srcLang, tgtLang };
}

async function running<Result>({ task }: Opened, part: readonly Named[], run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new AbrazoError({
      code: "TRANSFORMERS_JS_FAILED",
      message: `transformers.js could not do ${task} with ${part.map(({ name }) => name).join(" and ")}: ${message}`,
      hint:
        part.length > 1
          ? "Inputs of several sizes may not run together: leave batchSize out."
          : "What it needs of a repository, its documentation of the task says.",
      data: { task },
      cause,
    });
  }
}

/** An input with what errors call it, read when its turn comes. */
interface Named {
  name: string;
  read(): Promise<unknown>;
}

interface Inputs {
  inputs: Named[];
  single: boolean;
}

type Reader = (input: unknown, opened: Opened, timeout: number | undefined) => Inputs;

const INPUTS: Readonly<Record<ForeignRow["input"], Reader>> = {
  audio: (input, { samplingRate }) => {
    const single = !Array.isArray(input);
    const list: readonly unknown[] = Array.isArray(input) ? input : [input];
    const nameOf = (at: number) => (single ? "the sound" : `sound ${at}`);
    return {
      single,
      inputs: list.map((item, at) => ({ name: nameOf(at), read: () => samplesOf(item, samplingRate, nameOf(at)) })),
    };
  },
  image: (input, { task, transformers }, timeout) => {
    const { images, single } = imagesOf(input, task);
    return {
      single,
      inputs: images.map((image) => ({ ...image, read: () => pictureOf(image, transformers, timeout) })),
    };
  },
  text: (input, { task }) => {
    const { texts, single } = textsOf(input, task);
    return {
      single,
      inputs: texts.map((text, at) => ({ name: single ? "the text" : `text ${at}`, read: async () => text })),
    };
  },
};

const SECONDS: Readonly<Record<NonNullable<ForeignRow["second"]>, (given: unknown, task: string) => unknown>> = {
  labels: (given, task) => {
    const labels: readonly unknown[] = Array.isArray(given) ? given : [given];
    if (labels.length > 0 && labels.every((label) => typeof label === "string" && label !== "")) return labels;
    throw wrongSecond(task, "labels, as an array of texts that are not empty", given);
  },
  question: (given, task) => {
    if (typeof given === "string" && given.trim() !== "") return given;
    throw wrongSecond(task, "a question", given);
  },
};

/** Pictures are decoded as transformers.js does it, whose processors see them. */
async function pictureOf(image: NamedImage, { RawImage, Tensor: Theirs }: Transformers, timeout?: number) {
  const read = await readInput(image, timeout);
  if (read instanceof Tensor) {
    if (read.dtype !== "uint8") throw unreadable(image, `its pixels are ${read.dtype}, not uint8`);
    return RawImage.fromTensor(new Theirs("uint8", read.dataSync(), [...read.shape]));
  }
  if (typeof read !== "string" && !(read instanceof Uint8Array)) return pixelsOf(read, RawImage);
  try {
    const bytes = typeof read === "string" ? await readFile(read) : read;
    return await RawImage.fromBlob(new Blob([new Uint8Array(bytes)]));
  } catch (cause) {
    throw unreadable(image, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function pixelsOf({ data, width, height, channels }: RawPixels, RawImage: Transformers["RawImage"]) {
  const { data: checked } = new Image(
    new Uint8Array(data.buffer, data.byteOffset, data.length),
    width,
    height,
    channels,
  );
  return new RawImage(checked, width, height, channels as 1 | 3 | 4); // safe because Image lets no others through
}

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The fields under other names. */
function renamed(options: Record<string, unknown>, rename: (name: string) => string): Record<string, unknown> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [rename(name), value]));
}

/** A result under our names, with our tensors, pictures and sounds in it: those pass between threads. */
function ourOwn(value: unknown, theirs: Transformers): unknown {
  if (Array.isArray(value)) return value.map((item) => ourOwn(item, theirs));
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof theirs.Tensor) return tensor(value.data as Float32Array).reshape(value.dims); // safe because no model of these tasks gives words
  if (value instanceof theirs.RawImage) {
    const { data, width, height, channels } = value;
    return new Image(new Uint8Array(data.buffer, data.byteOffset, data.length), width, height, channels);
  }
  if (value instanceof theirs.RawAudio) return { audio: value.data, samplingRate: value.sampling_rate };
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [camel(name), ourOwn(item, theirs)]));
}

function unreadable({ name }: NamedImage, reason: string, cause?: unknown): AbrazoError {
  return new AbrazoError({
    code: "IMAGE_UNREADABLE",
    message: `cannot identify image file '${name}': ${reason}`,
    hint: "The file is missing, cut short, or no picture; JPEG, PNG, WebP, GIF, TIFF and AVIF are read.",
    data: { image: name },
    cause,
  });
}

function wrongSecond(task: string, wanted: string, given: unknown): AbrazoError {
  return new AbrazoError({
    code: "INVALID_INPUT",
    message: `${task} takes ${wanted} after its input; it got ${Array.isArray(given) ? JSON.stringify(given).slice(0, 100) : kindOf(given)}.`,
    hint: `Call it with (input, ${wanted.split(",")[0]}, options).`,
  });
}

function lacksFiles(task: string, folder: string, missing: readonly string[]): AbrazoError {
  return new AbrazoError({
    code: "FILE_MISSING",
    message: `${folder} has no ${missing.join(" and no ")}.`,
    hint: `For ${task}, transformers.js needs them beside the ONNX files.`,
    data: { folder, missing },
  });
}

function oneByOne(task: string): AbrazoError {
  return new AbrazoError({
    code: "INVALID_OPTION",
    message: `batchSize changes nothing here: transformers.js does ${task} on one input after the other.`,
    hint: "Leave it out; an array or a stream of inputs may be as long as it likes.",
    data: { option: "batchSize" },
  });
}

function needsVocoder(folder: string): AbrazoError {
  return new AbrazoError({
    code: "UNSUPPORTED_MODEL",
    message: `The model in ${folder} makes spectrograms, for which transformers.js would fetch a vocoder from elsewhere.`,
    hint: "Take a model that makes sounds itself, such as one of VITS.",
    data: { folder },
  });
}

function cannotLoad(task: string, folder: string, cause: unknown): AbrazoError {
  return new AbrazoError({
    code: "UNSUPPORTED_ONNX",
    message: `transformers.js cannot do ${task} with ${folder}: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: `The repository has to be made for it: "${task}" and "transformers.js" are among its tags on the hub.`,
    data: { task, folder },
    cause,
  });
}
