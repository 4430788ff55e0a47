// Options checked where they are given: unknown names and wrong values are errors that say what is valid.
// Holds the options of every pipeline; those of a task lie with the task.
import { z } from "zod";
import { ImageProcessor } from "../src/data/index.ts";
import { AbrazoError, suggestion } from "../src/errors.ts";
import { DEVICES } from "../src/tensor/index.ts";
import { Tokenizer } from "../src/text/tokenizer.ts";

/** Types of weights that ONNX files may have, as transformers.js names them, the most exact first. */
export const ONNX_DTYPES = ["fp32", "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4"] as const;

export const count = z.number().int().positive();

/** Of a call: one of the pipeline's adapters, or null for the model alone; what the pipeline was made with when absent. */
export const adapter = z.string().min(1).nullable().optional();

/** Of a call: ends it with its reason, between two of its batches. */
export const signal = z.instanceof(AbortSignal).optional();

const pipelineOptionsSchema = z.strictObject({
  /** Branch, tag or commit of the repository; "main" when absent. */
  revision: z.string().min(1).optional(),
  /** Access token of the hub, for private repositories; the one that `abrazo login` stored when absent. */
  token: z.string().min(1).optional(),
  /** Address of the hub; ABRAZO_ENDPOINT, then HF_ENDPOINT, then https://huggingface.co when absent. */
  endpoint: z.string().min(1).optional(),
  /** Folder of the download cache; HF_HUB_CACHE when absent. */
  cacheDir: z.string().min(1).optional(),
  /** Ask no hub: only folders, the cache and the copy shipped with the package. */
  localFilesOnly: z.boolean().optional(),
  /** Where the model runs; "auto" takes the first of cuda, webgpu and cpu that works, and logs which. */
  device: z.enum(DEVICES).optional(),
  /**
   * Weights as "fp32", "q8" (8 bits) or "q4" (4 bits): safetensors are quantized while they are loaded, and are fp32 when absent.
   * Of an ONNX repository, the file with weights of this type; the most exact that there is when absent.
   */
  dtype: z.enum(ONNX_DTYPES).optional(),
  /** The tokenizer and the image processor, where they are not those of the folder: a model of one's own needs them. */
  tokenizer: z.instanceof(Tokenizer).optional(),
  imageProcessor: z
    .custom<ImageProcessor>((value) => value instanceof ImageProcessor, "expected an ImageProcessor")
    .optional(),
  /**
   * Adapters of LoRA by the names that calls have for them: a folder, or a repository, whose version is "namespace/name@revision".
   * Each takes its own matrices of memory, and none of the model's.
   */
  adapters: z.record(z.string().min(1), z.string().min(1)).optional(),
  /** The adapter of calls that say nothing of one; the model alone when absent. */
  adapter: z.string().min(1).optional(),
  /** Texts that run together at most; within that, batches are cut so that they hold about as many tokens each. */
  batchSize: count.optional(),
  /** Threads of the runtime; as many as there are cores when absent. */
  threads: count.optional(),
  /** Runs the model in a thread of its own, or in so many, so that the caller's is free meanwhile; the cores are shared out. */
  worker: z
    .union([z.boolean(), z.strictObject({ count: count.optional() })], "expected true, false or { count: 1, 2, … }")
    .optional(),
});

/** Where a pipeline runs, and where its model comes from. */
export type PipelineOptions = z.infer<typeof pipelineOptionsSchema>;

export function parsePipelineOptions(given: unknown): PipelineOptions {
  return parseOptions("pipeline()", pipelineOptionsSchema, given);
}

/** Parses options; `of` is whose options they are, for the error. */
export function parseOptions<Shape extends z.ZodRawShape>(
  of: string,
  schema: z.ZodObject<Shape, z.core.$strict>,
  given: unknown,
): z.infer<z.ZodObject<Shape, z.core.$strict>> {
  const result = schema.safeParse(given ?? {});
  if (result.success) return result.data;
  const known = Object.keys(schema.shape);
  for (const issue of result.error.issues) {
    const name = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
    if (name !== undefined) throw unknownOption(of, name, known);
  }
  const issues = result.error.issues.map(({ path, message }) => `${path.join(".") || "options"}: ${message}`);
  throw new AbrazoError({
    code: "INVALID_OPTION",
    message: `Wrong options of ${of}: ${issues.join("; ")}`,
    hint: `Options: ${known.join(", ")}.`,
    data: { issues },
  });
}

function unknownOption(of: string, name: string, known: readonly string[]): AbrazoError {
  return new AbrazoError({
    code: "UNKNOWN_OPTION",
    message: `${of} has no option "${name}".`,
    hint: suggestion(name, known),
    data: { option: name, known },
  });
}
