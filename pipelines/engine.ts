// The engine contract served by transformers.js, for repositories that have only ONNX files.
// The only importer of @huggingface/transformers; does no post-processing.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ImageProcessor, type PixelValues } from "../src/data/index.ts";
import { AbrazoError } from "../src/errors.ts";
import type { Decoder, DecodeStep, Decoding } from "../src/generate/kv-cache.ts";
import { readJson } from "../src/io/json.ts";
import { type EncodedBatch, Tokenizer } from "../src/text/tokenizer.ts";
import { readGenerationConfig } from "./generation-config.ts";
import { ONNX_DTYPES } from "./options.ts";
import type {
  AutoName,
  Encoder,
  EngineLoaders,
  EngineOptions,
  ImageTextModel,
  LanguageModel,
  Outputs,
  VisionModel,
} from "./task.ts";

/** Loaders for folders that hold ONNX files but no model.safetensors. */
export const transformersEngines: Partial<EngineLoaders> = {
  encoder: loadEncoder,
  decoder: loadLanguageModel,
  vision: loadVision,
  imageText: loadImageText,
};

const configSchema = z.looseObject({
  model_type: z.string(),
  max_position_embeddings: z.number().int().positive().optional(),
  n_positions: z.number().int().positive().optional(),
  text_config: z.looseObject({ max_position_embeddings: z.number().int().positive().optional() }).optional(),
});

type Transformers = typeof import("@huggingface/transformers");

/** What is used of a transformers.js tensor. */
interface TensorLike {
  type: string;
  data: unknown;
  dims: number[];
}

/** What is used of a transformers.js model: it is called with tensors by wire name and gives tensors by wire name. */
interface ModelLike {
  (inputs: Record<string, unknown>): Promise<Record<string, TensorLike>>;
  dispose(): Promise<unknown>;
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

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** A model with its tokenizer. */
async function open(folder: string, given: EngineOptions) {
  const [{ config, ...opened }, tokenizer] = await Promise.all([
    openModel(folder, given),
    Tokenizer.fromFolder(folder),
  ]);
  const positions = config.max_position_embeddings ?? config.n_positions ?? config.text_config?.max_position_embeddings;
  const maxLength = Math.min(tokenizer.maxLength, positions ?? Number.POSITIVE_INFINITY);
  const shared = { config, tokenizer, folder, runtime: "transformers.js" as const };
  return { ...opened, shared, maxLength };
}

async function openModel(folder: string, { auto, device, threads, dtype }: EngineOptions) {
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

/** The caller may use transformers.js too, with local models switched off: that is put back after loading. */
async function withLocalModels<Result>({ env }: Transformers, load: () => Promise<Result>): Promise<Result> {
  const allowed = env.allowLocalModels;
  env.allowLocalModels = true;
  try {
    return await load();
  } finally {
    env.allowLocalModels = allowed;
  }
}

async function loadEncoder(folder: string, options: EngineOptions): Promise<Encoder> {
  const { transformers, model, shared, maxLength } = await open(folder, options);
  return {
    ...shared,
    maxLength,
    run: async ({ inputIds, attentionMask, tokenTypeIds, shape }: EncodedBatch) => {
      const ids = (data: BigInt64Array) => new transformers.Tensor("int64", data, [...shape]);
      const segments = tokenTypeIds === undefined ? {} : { token_type_ids: ids(tokenTypeIds) };
      const outputs = await model({ input_ids: ids(inputIds), attention_mask: ids(attentionMask), ...segments });
      return floating(outputs, folder);
    },
    dispose: async () => {
      await model.dispose();
    },
  };
}

function floating(outputs: Record<string, TensorLike>, folder: string): Outputs {
  const floats32 = Object.entries(outputs).map(([name, value]) => {
    return [name, { data: floats(value, name, folder), shape: value.dims }] as const;
  });
  return Object.fromEntries(floats32);
}

async function loadVision(folder: string, options: EngineOptions): Promise<VisionModel> {
  const [{ transformers, config, model }, processor] = await Promise.all([
    openModel(folder, options),
    ImageProcessor.fromFolder(folder),
  ]);
  return {
    config,
    folder,
    runtime: "transformers.js",
    processor,
    run: async (pixels) => floating(await model({ pixel_values: pictures(transformers, pixels) }), folder),
    dispose: async () => {
      await model.dispose();
    },
  };
}

async function loadImageText(folder: string, options: EngineOptions): Promise<ImageTextModel> {
  const [{ transformers, model, shared, maxLength }, processor] = await Promise.all([
    open(folder, options),
    ImageProcessor.fromFolder(folder),
  ]);
  return {
    ...shared,
    processor,
    maxLength,
    run: async ({ inputIds, attentionMask, shape }, pixels) => {
      const ids = (data: BigInt64Array) => new transformers.Tensor("int64", data, [...shape]);
      const texts = { input_ids: ids(inputIds), attention_mask: ids(attentionMask) };
      return floating(await model({ ...texts, pixel_values: pictures(transformers, pixels) }), folder);
    },
    dispose: async () => {
      await model.dispose();
    },
  };
}

const pictures = ({ Tensor }: Transformers, { data, shape }: PixelValues) => new Tensor("float32", data, shape);

async function loadLanguageModel(folder: string, options: EngineOptions): Promise<LanguageModel> {
  const { transformers, model, shared, maxLength } = await open(folder, options);
  const decoder: Decoder = {
    maxLength,
    start: () => new TransformersDecoding(transformers, model, folder),
    dispose: () => {},
  };
  return {
    ...shared,
    decoder,
    generation: await readGenerationConfig(folder, shared.config, shared.tokenizer),
    dispose: async () => {
      await model.dispose();
    },
  };
}

class TransformersDecoding implements Decoding {
  readonly #transformers: Transformers;
  readonly #model: ModelLike;
  readonly #folder: string;
  /** By input name; undefined before the first step. */
  #past: Record<string, TensorLike> | undefined;

  constructor(transformers: Transformers, model: ModelLike, folder: string) {
    this.#transformers = transformers;
    this.#model = model;
    this.#folder = folder;
  }

  async step({ inputIds, attentionMask, positionIds, rows }: DecodeStep): Promise<Float32Array[]> {
    const ids = (data: BigInt64Array) => new this.#transformers.Tensor("int64", data, [rows, data.length / rows]);
    const outputs = await this.#model({
      input_ids: ids(inputIds),
      attention_mask: ids(attentionMask),
      position_ids: ids(positionIds),
      past_key_values: this.#past ?? null,
    });
    this.#past = Object.fromEntries(
      Object.entries(outputs)
        .filter(([name]) => name.startsWith("present"))
        .map(([name, tensor]) => [name.replace("present", "past_key_values"), tensor]),
    );
    const logits = floats(outputs["logits"], "logits", this.#folder);
    const [, columns = 1, width = 0] = outputs["logits"]?.dims ?? [];
    return Array.from({ length: rows }, (_, row) => {
      const last = (row + 1) * columns - 1;
      return logits.subarray(last * width, (last + 1) * width);
    });
  }

  keep(rows: readonly number[]): void {
    const past = Object.entries(this.#past ?? {}).map(([name, { type, data, dims }]) => {
      const size = dims.slice(1).reduce((product, dim) => product * dim, 1);
      // safe because keys and values are float32, or float16 in a Uint16Array: both have subarray and set
      const source = data as Float32Array;
      const picked = new (source.constructor as Float32ArrayConstructor)(rows.length * size); // safe for the same reason
      for (const [place, row] of rows.entries())
        picked.set(source.subarray(row * size, (row + 1) * size), place * size);
      return [name, new this.#transformers.Tensor(type as "float32", picked, [rows.length, ...dims.slice(1)])];
    });
    this.#past = Object.fromEntries(past);
  }
}

function noOnnx(folder: string, dtype: string | undefined): AbrazoError {
  const found = findOnnx(folder);
  return new AbrazoError({
    code: "FILE_MISSING",
    message: `${folder} has no ONNX file${dtype === undefined ? "" : ` of ${dtype}`}.`,
    hint: found === undefined ? "Export one with abrazo export." : `It has one of ${found.dtype}.`,
    data: { folder, dtype },
  });
}

function floats(output: TensorLike | undefined, name: string, folder: string): Float32Array {
  if (output?.data instanceof Float32Array) return output.data;
  throw new AbrazoError({
    code: "UNSUPPORTED_ONNX",
    message: `The ONNX model of ${folder} gives ${output === undefined ? `no ${name}` : `${name} of ${output.type}`}.`,
    hint: `Export it with float32 ${name}.`,
  });
}

/** A pipeline of transformers.js over a folder of ONNX files. */
export interface ForeignPipeline {
  (...args: unknown[]): Promise<unknown>;
  dispose(): Promise<unknown>;
}

/** Opens transformers.js's own pipeline for a task. */
export async function foreignPipeline(
  task: string,
  folder: string,
  { device, threads, dtype }: { device: string; threads: number | undefined; dtype: string | undefined },
): Promise<ForeignPipeline> {
  const transformers = await import("@huggingface/transformers");
  const options = {
    local_files_only: true,
    device,
    session_options: threads === undefined ? {} : { intraOpNumThreads: threads },
    ...(dtype === undefined ? {} : { dtype }),
  };
  const made = await withLocalModels(transformers, () =>
    transformers.pipeline(task as "text-classification", folder, options as object),
  );
  return made as unknown as ForeignPipeline; // safe because every pipeline of transformers.js is a function with dispose()
}
