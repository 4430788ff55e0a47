// A repository folder → onnx/model.onnx and its kin, as optimum writes them and transformers.js and other runtimes expect them.
// Knows no architecture: the model's own graphs are what is written.
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { requireType } from "../src/arguments.ts";
import type { AnyModel } from "../src/models/architecture.ts";
import { architectureOf, classOf, loadClass } from "../src/models/auto.ts";
import { AutoModelForCausalLM } from "../src/models/auto-model.ts";
import { configText } from "../src/models/config-file.ts";
import { CONFIG_FILES } from "../src/models/files.ts";
import { Seq2SeqModel } from "../src/models/seq2seq.ts";
import { traceDecoder, traceEncoder } from "../src/models/seq2seq-trace.ts";
import { traceModel } from "../src/models/trace.ts";
import type { OnnxModel } from "../src/onnx/proto.ts";
import { halveWeights, quantizeBlocks, quantizeModel } from "../src/onnx/quantize.ts";
import { portableModel, type Traced } from "../src/tensor/index.ts";
import { MOST_BYTES, type WrittenOnnx, writeOnnx, writeWhole } from "./onnx-file.ts";
import { parseOptions } from "./options.ts";

/** End of the file's name and last step of each dtype, under the names by which transformers.js asks for them. */
const DTYPES = {
  fp32: { suffix: "", convert: (model: OnnxModel) => model },
  fp16: { suffix: "_fp16", convert: halveWeights },
  q8: { suffix: "_quantized", convert: (model: OnnxModel) => quantizeModel(model) },
  q4: { suffix: "_q4", convert: (model: OnnxModel) => quantizeBlocks(model) },
} as const;

/** The types of weights that an exported model may have. */
export type ExportDType = keyof typeof DTYPES;

const optionsSchema = z.strictObject({
  /**
   * "fp32"; "fp16", weights of 16 bits, computed in float32; "q8", weights of 8 bits, activations quantized as they come; or "q4",
   * products of 4 bits in blocks of 32, embeddings of 8 where they are not a product's too.
   */
  dtype: z.enum(["fp32", "fp16", "q8", "q4"]).optional(),
  /** Folder to write to, with config and tokenizer beside; the model's own when absent. */
  out: z.string().min(1).optional(),
  /** Bytes of a file at most; weights beyond lie beside the graph in parts of so many. 2 ** 31 - 1, where the format ends, when absent. */
  maxFileSize: z.number().int().min(4096).max(MOST_BYTES).optional(),
});

/** What is exported, and in which type. */
export type ExportOptions = z.infer<typeof optionsSchema>;

/** What was written. */
export interface ExportedModel {
  /** The model, or its first file where it has several. */
  path: string;
  /** Every file of it. */
  files: string[];
  dtype: ExportDType;
  /** Of all files together. */
  bytes: number;
}

/**
 * Writes a model as ONNX files with float32 and int64 inputs and float32 outputs: model.onnx, which for a causal language model
 * takes and gives keys and values; encoder_model.onnx and decoder_model_merged.onnx for one that makes texts from others;
 * text_model.onnx and vision_model.onnx besides for one of texts and pictures. The name tells the dtype: model_fp16.onnx,
 * model_quantized.onnx (q8), model_q4.onnx.
 *
 * @param folder a repository folder with config.json and model.safetensors
 * @throws UNKNOWN_OPTION, INVALID_OPTION, BAD_ARGUMENT; as loadPretrained() for the folder
 * @example
 * ```ts
 * const options = { dtype: "q8", out: "exported" } as const;
 * await exportModel("pipelines/defaults/text-classification", options);
 * // { path: "…/exported/onnx/model_quantized.onnx", files: ["…/model_quantized.onnx"], dtype: "q8", bytes: … }
 * ```
 */
export async function exportModel(folder: string, options: ExportOptions = {}): Promise<ExportedModel> {
  const { dtype = "fp32", out = folder, maxFileSize = MOST_BYTES } = parseOptions("export", optionsSchema, options);
  requireType("exportModel", "string", folder);
  const { suffix, convert } = DTYPES[dtype];
  const graphs = await graphsOf(folder);
  await mkdir(join(out, "onnx"), { recursive: true });
  const written: WrittenOnnx[] = [];
  for (const { name, model, trace } of graphs) {
    const path = join(resolve(out), "onnx", `${name}${suffix}.onnx`);
    const names = weightNames(model); // before the graph is traced on them
    written.push(await writeOnnx(path, convert(portableModel(trace(), names)), maxFileSize));
  }
  if (resolve(out) !== resolve(folder)) await copyConfigs(folder, out);
  await ensureGenerationConfig(out, graphs[0]?.model);
  await nameParts(out, written);
  const files = written.flatMap((each) => each.files);
  return { path: files[0] ?? "", files, dtype, bytes: written.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** One file of a model. */
interface Graph {
  name: string;
  model: AnyModel;
  trace(): Traced;
}

async function graphsOf(folder: string): Promise<Graph[]> {
  const model = await loadClass(folder);
  if (model instanceof Seq2SeqModel) {
    return [
      { name: "encoder_model", model, trace: () => traceEncoder(model) },
      { name: "decoder_model_merged", model, trace: () => traceDecoder(model, { past: "either" }) },
    ];
  }
  const whole = { name: "model", model, trace: () => traceModel(model, generates(model) ? { present: "all" } : {}) };
  return [whole, ...(await towersOf(folder, model))];
}

const generates = ({ config }: AnyModel): boolean => AutoModelForCausalLM.has(classOf(config));

/** Of a model of texts and pictures each half by itself: whoever compares many with few runs the two at different times. */
async function towersOf(folder: string, { config, inputs }: AnyModel): Promise<Graph[]> {
  if (!(inputs.includes("pixelValues") && inputs.includes("inputIds"))) return [];
  const names = Object.keys(architectureOf(config).heads).filter((name) => name.endsWith("WithProjection"));
  const models = await Promise.all(names.map((name) => loadClass(folder, () => name)));
  return models.map((model) => {
    const name = model.inputs.includes("pixelValues") ? "vision_model" : "text_model";
    return { name, model, trace: () => traceModel(model) };
  });
}

/** Names of weights as in the checkpoint. Those that are stored in another type are made float32 first. */
function weightNames(model: AnyModel): Map<AnyTensor, string> {
  for (const weight of model.parameters()) {
    if (weight.node.value === undefined) weight.assign(weight.settle().node);
  }
  return new Map([...model.namedParameters()].map(([name, weight]) => [weight, name]));
}

type AnyTensor = ReturnType<AnyModel["parameters"]>[number];

async function copyConfigs(from: string, to: string): Promise<void> {
  const names = (await readdir(from)).filter((name) => CONFIG_FILES.test(name));
  for (const name of names) await copyFile(join(from, name), join(to, name));
}

/** transformers.js loads no model that generates without this file. */
async function ensureGenerationConfig(out: string, model: AnyModel | undefined): Promise<void> {
  const path = join(out, "generation_config.json");
  if (model === undefined || existsSync(path)) return;
  const isSeq2Seq = model instanceof Seq2SeqModel;
  if (!(isSeq2Seq || generates(model))) return;
  const ids = Object.entries(model.config).filter(
    ([name, value]) => /^(bos|eos|pad)_token_id$/.test(name) && value != null,
  );
  const start = isSeq2Seq ? { decoder_start_token_id: model.startTokens.decoderStartTokenId } : {};
  await writeWhole(path, `${JSON.stringify({ ...Object.fromEntries(ids), ...start }, null, 2)}\n`);
}

const partsSchema = z.looseObject({
  "transformers.js_config": z
    .looseObject({ use_external_data_format: z.record(z.string(), z.unknown()).optional().catch(undefined) })
    .optional(),
});

/** transformers.js finds the parts of a file by their number, which config.json tells. */
async function nameParts(out: string, written: readonly WrittenOnnx[]): Promise<void> {
  const path = join(out, "config.json");
  const { "transformers.js_config": theirs = {}, ...config } = partsSchema.parse(
    JSON.parse(await readFile(path, "utf8")),
  );
  const old = theirs["use_external_data_format"] ?? {};
  const counts = written.map(({ files }) => [basename(files[0] ?? ""), files.length - 1] as const);
  if (counts.every(([name, count]) => count === (old[name] ?? 0))) return;
  const parts = Object.entries({ ...old, ...Object.fromEntries(counts) }).filter(([, count]) => count !== 0);
  const told = { ...theirs, use_external_data_format: Object.fromEntries(parts) };
  await writeWhole(path, configText({ ...config, "transformers.js_config": told }));
}
