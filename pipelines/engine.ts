// Opens repositories of ONNX files with transformers.js: a model of its own, or a whole pipeline.
// The only importer of @huggingface/transformers; runs nothing.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../src/errors.ts";
import { readJson } from "../src/io/json.ts";
import { Tokenizer } from "../src/text/tokenizer.ts";
import { ONNX_DTYPES } from "./options.ts";
import type { AutoName, EngineOptions } from "./task.ts";

const configSchema = z.looseObject({
  model_type: z.string(),
  max_position_embeddings: z.number().int().positive().optional(),
  n_positions: z.number().int().positive().optional(),
  text_config: z.looseObject({ max_position_embeddings: z.number().int().positive().optional() }).optional(),
});

/** Their module, loaded with the first folder of ONNX files. */
export type Transformers = typeof import("@huggingface/transformers");

/** What is used of a transformers.js tensor. */
export interface TensorLike {
  type: string;
  data: unknown;
  dims: number[];
}

/** What is used of a transformers.js model: it is called with tensors by wire name and gives tensors by wire name. */
export interface ModelLike {
  (inputs: Record<string, unknown>): Promise<Record<string, TensorLike>>;
  dispose(): Promise<unknown>;
  /** Of models with an encoder: runs it, and gives its states beside what it was given. */
  _prepare_encoder_decoder_kwargs_for_generation(
    inputs: Record<string, unknown>,
  ): Promise<{ encoder_outputs: TensorLike }>;
}

/** How the file of a dtype ends. */
export const onnxSuffix = (dtype: string): string =>
  dtype === "fp32" ? "" : dtype === "q8" ? "_quantized" : `_${dtype}`;

/** What the ONNX model of a folder may be called: one graph, or those of an encoder and a decoder. */
const STEMS = ["model", "decoder_model_merged", "vision_model"];

/** Where a folder's ONNX model lies, or undefined when it has none, or none of that dtype. */
export function findOnnx(folder: string, wanted?: string): { subfolder: string; dtype: string } | undefined {
  for (const subfolder of ["onnx", ""]) {
    const names = new Set(listed(join(folder, subfolder)));
    const has = (dtype: string) => STEMS.some((stem) => names.has(`${stem}${onnxSuffix(dtype)}.onnx`));
    const dtype = ONNX_DTYPES.find((each) => (wanted === undefined || each === wanted) && has(each));
    if (dtype !== undefined) return { subfolder, dtype };
  }
  return undefined;
}

/** Where any ONNX files of a folder lie, whatever they are called, as transformers.js finds them. */
function findAnyOnnx(folder: string, wanted: string | undefined): { subfolder: string; dtype: string } | undefined {
  for (const subfolder of ["onnx", ""]) {
    const files = listed(join(folder, subfolder)).filter((name) => name.endsWith(".onnx"));
    const dtypes = new Set(files.map(dtypeOf));
    const dtype = ONNX_DTYPES.find((each) => (wanted === undefined || each === wanted) && dtypes.has(each));
    if (dtype !== undefined) return { subfolder, dtype };
  }
  return undefined;
}

const dtypeOf = (file: string): string =>
  ONNX_DTYPES.find((each) => each !== "fp32" && file.endsWith(`${onnxSuffix(each)}.onnx`)) ?? "fp32";

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** A model with its tokenizer. */
export async function open(folder: string, given: EngineOptions) {
  const [{ config, ...opened }, tokenizer] = await Promise.all([
    openModel(folder, given),
    given.given?.tokenizer ?? Tokenizer.fromFolder(folder),
  ]);
  const positions = config.max_position_embeddings ?? config.n_positions ?? config.text_config?.max_position_embeddings;
  const maxLength = Math.min(tokenizer.maxLength, positions ?? Number.POSITIVE_INFINITY);
  const shared = { config, tokenizer, folder, runtime: "transformers.js" as const };
  return { ...opened, shared, maxLength };
}

/** A model of the class that does the task. */
export async function openModel(folder: string, { auto, device, threads, dtype }: EngineOptions) {
  const files = findOnnx(folder, dtype);
  if (files === undefined) throw noOnnx(folder, dtype);
  const [transformers, config] = await Promise.all([
    import("@huggingface/transformers"),
    readJson(join(folder, "config.json"), configSchema),
  ]);
  const options = {
    local_files_only: true,
    ...files,
    device,
    session_options: threads === undefined ? {} : { intraOpNumThreads: threads },
  };
  const automatic = automaticOf(transformers, auto, config.model_type);
  // safe because ModelLike describes what every transformers.js model does, and its own types say "any"
  const model = (await withLocalModels(transformers, () =>
    automatic.from_pretrained(folder, options as object),
  )) as unknown as ModelLike;
  return { transformers, config, model };
}

/** They have no class for models of images and texts, and one for images alone that knows a few architectures: AutoModel takes the others. */
function automaticOf(transformers: Transformers, auto: AutoName, modelType: string) {
  if (auto === "AutoModelForZeroShotImageClassification") return transformers.AutoModel;
  const named = transformers[auto];
  const isKnown = auto !== "AutoModelForImageFeatureExtraction" || named.supports(modelType);
  return isKnown ? named : transformers.AutoModel;
}

/** Folders that are being loaded, and what the caller had set before the first of them. */
const loading = { count: 0, allowed: true };

/** The caller may use transformers.js too, with local models switched off: that is put back after loading. */
async function withLocalModels<Result>({ env }: Transformers, load: () => Promise<Result>): Promise<Result> {
  if (loading.count++ === 0) loading.allowed = env.allowLocalModels;
  env.allowLocalModels = true;
  try {
    return await load();
  } finally {
    if (--loading.count === 0) env.allowLocalModels = loading.allowed;
  }
}

function noOnnx(folder: string, dtype: string | undefined, found = findOnnx(folder)): AbrazoError {
  return new AbrazoError({
    code: "FILE_MISSING",
    message: `${folder} has no ONNX file${dtype === undefined ? "" : ` of ${dtype}`}.`,
    hint: found === undefined ? "Export one with abrazo export." : `It has one of ${found.dtype}.`,
    data: { folder, dtype },
  });
}

/** A pipeline of transformers.js over a folder of ONNX files. */
export interface ForeignPipeline {
  (...args: unknown[]): Promise<unknown>;
  dispose(): Promise<unknown>;
}

/** How it runs. */
export type ForeignOptions = Pick<EngineOptions, "device" | "threads" | "dtype">;

/**
 * Opens transformers.js's own pipeline for a task.
 *
 * @throws FILE_MISSING without an ONNX file, or one of that dtype
 */
export async function foreignPipeline(
  task: string,
  folder: string,
  { device, threads, dtype }: ForeignOptions,
): Promise<{ run: ForeignPipeline; transformers: Transformers }> {
  const files = findAnyOnnx(folder, dtype);
  if (files === undefined) throw noOnnx(folder, dtype, findAnyOnnx(folder, undefined));
  const transformers = await import("@huggingface/transformers");
  const options = {
    local_files_only: true,
    ...files,
    device,
    session_options: threads === undefined ? {} : { intraOpNumThreads: threads },
  };
  const made = await withLocalModels(transformers, () =>
    transformers.pipeline(task as "text-classification", folder, options as object),
  );
  // safe because every pipeline of transformers.js is a function with dispose()
  return { run: made as unknown as ForeignPipeline, transformers };
}
