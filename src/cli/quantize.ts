// Writes a model in fewer bits, and measures on texts what that changes of a classifier's answers.
// Prints nothing.
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type ExportDType, type ExportedModel, exportModel, pipeline } from "../../pipelines/index.ts";
import { AbrazoError } from "../errors.ts";
import { readJson } from "../io/json.ts";
import { classOf, configSchema } from "../models/auto.ts";
import { AutoModelForSequenceClassification } from "../models/auto-model.ts";
import { CONFIG_FILES } from "../models/files.ts";

export interface QuantizeOptions {
  folder: string;
  dtype: ExportDType;
  /** Folder to write to; the model's own when absent. */
  out?: string | undefined;
  /** File of texts, one a line. */
  texts?: string | undefined;
}

/** How far a classifier's answers are from those of its float32 weights. */
export interface Change {
  texts: number;
  /** Share of the texts whose label is the same. */
  agreement: number;
  /** Of logits, over all texts and labels. */
  meanDifference: number;
  largestDifference: number;
}

export interface Quantized extends ExportedModel {
  change?: Change;
}

/** @throws NOT_A_CLASSIFIER, FILE_MISSING, DATASET_EMPTY before anything is written; as exportModel() */
export async function quantizeFolder({ folder, dtype, out = folder, texts }: QuantizeOptions): Promise<Quantized> {
  const lines = texts === undefined ? undefined : await measurable(folder, texts);
  const made = await exportModel(folder, { dtype, out });
  return lines === undefined ? made : { ...made, change: await changeOf(folder, made, out, lines) };
}

async function measurable(folder: string, path: string): Promise<string[]> {
  const name = classOf(await readJson(join(folder, "config.json"), configSchema));
  if (!AutoModelForSequenceClassification.has(name)) {
    throw new AbrazoError({
      code: "NOT_A_CLASSIFIER",
      message: `A ${name} gives no labels of texts to compare.`,
      hint: "Leave out --texts, or give the folder of a text classifier.",
      data: { class: name },
    });
  }
  const content = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new AbrazoError({
      ...{ code: "FILE_MISSING", message: `${path} cannot be read.`, hint: "Check the path.", data: { path } },
      cause,
    });
  });
  const lines = content.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (lines.length > 0) return lines;
  throw new AbrazoError({
    code: "DATASET_EMPTY",
    message: `${path} has no texts.`,
    hint: "Write one text a line.",
    data: { path },
  });
}

async function changeOf(folder: string, made: ExportedModel, out: string, texts: readonly string[]): Promise<Change> {
  const alone = await mkdtemp(join(tmpdir(), "abrazo-quantize-"));
  try {
    // With no other weights in the folder, so that these are what runs.
    await mkdir(join(alone, "onnx"));
    for (const name of (await readdir(out)).filter((each) => CONFIG_FILES.test(each))) {
      await cp(join(out, name), join(alone, name));
    }
    for (const file of made.files) await cp(file, join(alone, "onnx", basename(file)));
    return compare(await logitsOf(folder, texts), await logitsOf(alone, texts));
  } finally {
    await rm(alone, { recursive: true, force: true });
  }
}

/** Logits of each text by label, the most probable first. */
async function logitsOf(folder: string, texts: readonly string[]): Promise<Map<string, number>[]> {
  const classify = await pipeline("text-classification", folder);
  try {
    const answers = await classify(texts, { topK: null, functionToApply: "none" });
    return answers.map((labels) => new Map(labels.map(({ label, score }) => [label, score])));
  } finally {
    await classify.dispose();
  }
}

function compare(full: readonly Map<string, number>[], small: readonly Map<string, number>[]): Change {
  const first = (logits: Map<string, number> | undefined) => logits?.keys().next().value;
  const differences = full.flatMap((logits, at) =>
    [...logits].map(([label, logit]) => Math.abs(logit - (small[at]?.get(label) ?? Number.NaN))),
  );
  return {
    texts: full.length,
    agreement: full.filter((logits, at) => first(logits) === first(small[at])).length / full.length,
    meanDifference: differences.reduce((sum, difference) => sum + difference, 0) / differences.length,
    largestDifference: differences.reduce((most, difference) => Math.max(most, difference), 0),
  };
}
