// A repository folder → onnx/model.onnx and its kin, as transformers.js and other runtimes expect them.
// Knows no architecture: the model's own graph is what is written.
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../src/errors.ts";
import type { BaseConfig } from "../src/models/architecture.ts";
import { architectureOf, loadClass } from "../src/models/auto.ts";
import { CONFIG_FILES } from "../src/models/files.ts";
import { traceModel } from "../src/models/trace.ts";
import { encodeModel, type OnnxModel } from "../src/onnx/proto.ts";
import { portableModel } from "../src/tensor/index.ts";
import { parseOptions } from "./options.ts";
import { quantizeModel } from "./quantize.ts";

/** File name and last step of each dtype, under the names by which transformers.js asks for them. */
const DTYPES = {
  fp32: { file: "model.onnx", convert: (model: OnnxModel) => model },
  q8: { file: "model_quantized.onnx", convert: quantizeModel },
} as const;

/** The types of weights that an exported model may have. */
export type ExportDType = keyof typeof DTYPES;

const optionsSchema = z.strictObject({
  /** "fp32", or "q8": 8-bit weights, activations quantized as they come. */
  dtype: z.enum(["fp32", "q8"]).optional(),
  /** Folder to write to, with config and tokenizer beside; the model's own when absent. */
  out: z.string().min(1).optional(),
});

/** What is exported, and in which type. */
export type ExportOptions = z.infer<typeof optionsSchema>;

/** What was written. */
export interface ExportedModel {
  path: string;
  dtype: ExportDType;
  bytes: number;
}

/** Protocol buffers end here; larger models would need their weights in a file of their own. */
const MOST_BYTES = 2 ** 31 - 1;

/**
 * Writes a model as an ONNX file.
 *
 * @param folder a repository folder with config.json and model.safetensors
 * @example
 * ```ts
 * const options = { dtype: "q8", out: "exported" } as const;
 * await exportModel("pipelines/defaults/text-classification", options);
 * // { path: "…/exported/onnx/model_quantized.onnx", dtype: "q8", bytes: … }
 * ```
 */
export async function exportModel(folder: string, options: ExportOptions = {}): Promise<ExportedModel> {
  const { dtype = "fp32", out = folder } = parseOptions("export", optionsSchema, options);
  const model = await loadClass(folder);
  const bytesOfWeights = model.parameterCount() * 4;
  if (bytesOfWeights > MOST_BYTES) throw tooLarge(folder, bytesOfWeights);
  const withPast = architectureOf(model.config).cache(model.config) !== undefined;
  const names = new Map([...model.namedParameters()].map(([name, weight]) => [weight, name]));
  const { file, convert } = DTYPES[dtype];
  const bytes = encodeModel(convert(portableModel(traceModel(model, withPast ? { present: "all" } : {}), names)));
  const path = join(resolve(out), "onnx", file);
  await mkdir(join(out, "onnx"), { recursive: true });
  await writeWhole(path, bytes);
  if (resolve(out) !== resolve(folder)) await copyConfigs(folder, out);
  if (withPast) await ensureGenerationConfig(out, model.config);
  return { path, dtype, bytes: bytes.length };
}

/** Under a temporary name first: a reader sees the whole file or none. */
async function writeWhole(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, bytes);
  await rename(temporary, path);
}

async function copyConfigs(from: string, to: string): Promise<void> {
  const names = (await readdir(from)).filter((name) => CONFIG_FILES.test(name));
  for (const name of names) await copyFile(join(from, name), join(to, name));
}

/** transformers.js loads no language model without this file. */
async function ensureGenerationConfig(out: string, config: BaseConfig): Promise<void> {
  const path = join(out, "generation_config.json");
  if (existsSync(path)) return;
  const ids = Object.entries(config).filter(([name, value]) => /^(bos|eos|pad)_token_id$/.test(name) && value != null);
  await writeWhole(path, `${JSON.stringify(Object.fromEntries(ids), null, 2)}\n`);
}

function tooLarge(folder: string, bytes: number): AbrazoError {
  return new AbrazoError({
    code: "MODEL_TOO_LARGE",
    message: `The weights of ${folder} take ${bytes} bytes; one ONNX file holds ${MOST_BYTES}.`,
    hint: "Run it from model.safetensors, which has no such limit.",
    data: { bytes, limit: MOST_BYTES },
  });
}
