// Facts of a model's files that clients ask for by name: which class loads it, its tokenizer's tokens, its results.
// Reads what it is handed, stores nothing.
import { z } from "zod";
import type { RepoFacts } from "../db/schema/repos.ts";
import { list, text } from "./card-tags.ts";
import type { Yaml } from "./front-matter.ts";

/** Heads of transformers' classes, with the class that chooses among them and the task that they are for. */
const HEADS: Readonly<Record<string, readonly [auto: string, task: string | undefined]>> = {
  ForSequenceClassification: ["AutoModelForSequenceClassification", "text-classification"],
  ForTokenClassification: ["AutoModelForTokenClassification", "token-classification"],
  ForQuestionAnswering: ["AutoModelForQuestionAnswering", "question-answering"],
  ForMaskedLM: ["AutoModelForMaskedLM", "fill-mask"],
  ForCausalLM: ["AutoModelForCausalLM", "text-generation"],
  LMHeadModel: ["AutoModelForCausalLM", "text-generation"],
  ForImageClassification: ["AutoModelForImageClassification", "image-classification"],
  ForObjectDetection: ["AutoModelForObjectDetection", "object-detection"],
  ForSemanticSegmentation: ["AutoModelForSemanticSegmentation", "image-segmentation"],
  ForAudioClassification: ["AutoModelForAudioClassification", "audio-classification"],
  ForCTC: ["AutoModelForCTC", "automatic-speech-recognition"],
  ForSpeechSeq2Seq: ["AutoModelForSpeechSeq2Seq", "automatic-speech-recognition"],
  ForConditionalGeneration: ["AutoModelForSeq2SeqLM", undefined],
  ForMultipleChoice: ["AutoModelForMultipleChoice", undefined],
  ForPreTraining: ["AutoModelForPreTraining", undefined],
  Model: ["AutoModel", "feature-extraction"],
};

function headOf(config: Readonly<Record<string, unknown>>): readonly [string, string | undefined] | undefined {
  const [architecture = ""] = list(config["architectures"]);
  const head = Object.keys(HEADS).find((ending) => architecture.endsWith(ending));
  return head === undefined ? undefined : HEADS[head];
}

/** The task that a model's architecture is for, where its card says none. */
export const taskOfConfig = (config: Readonly<Record<string, unknown>>): string | undefined => headOf(config)?.[1];

const PROCESSORS: readonly (readonly [file: string, processor: string])[] = [
  ["processor_config.json", "AutoProcessor"],
  ["preprocessor_config.json", "AutoImageProcessor"],
  ["tokenizer_config.json", "AutoTokenizer"],
  ["tokenizer.json", "AutoTokenizer"],
];

/** How transformers loads a model; undefined for models of other libraries. */
export function transformersInfo(
  config: Readonly<Record<string, unknown>>,
  paths: readonly string[],
  task: string | undefined,
): RepoFacts["transformersInfo"] {
  const head = headOf(config);
  if (head === undefined) return undefined;
  const processor = PROCESSORS.find(([file]) => paths.includes(file))?.[1];
  return {
    auto_model: head[0],
    ...(task !== undefined && { pipeline_tag: task }),
    ...(processor !== undefined && { processor }),
  };
}

const SPECIAL_TOKENS = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/** Special tokens and chat template of a tokenizer; a token is its text, whether it stands alone or in an object. */
export function tokenizerFacts(
  config: Readonly<Record<string, unknown>>,
): Pick<RepoFacts, "maskToken" | "tokenizerConfig"> {
  const token = (value: unknown): string | undefined =>
    text(typeof value === "object" && value !== null && "content" in value ? value.content : value);
  const tokens = SPECIAL_TOKENS.flatMap((name) => {
    const found = token(config[name]);
    return found === undefined ? [] : [[name, found] as const];
  });
  const template = config["chat_template"];
  const kept = Object.fromEntries<unknown>(template === undefined ? tokens : [...tokens, ["chat_template", template]]);
  const maskToken = token(config["mask_token"]);
  return {
    ...(maskToken !== undefined && { maskToken }),
    ...(Object.keys(kept).length > 0 && { tokenizerConfig: kept }),
  };
}

const resultSchema = z.looseObject({
  dataset: z.looseObject({ id: z.string().min(1), task_id: z.string().min(1) }),
  value: z.number(),
});

/** The entries of one file of .eval_results; one that is not as it should be says why. */
export function evalResultsOf(filename: string, yaml: Yaml): NonNullable<RepoFacts["evalResults"]> {
  if ("errors" in yaml) return [{ filename, error: yaml.errors[0]?.split("\n")[0] ?? "" }];
  const entries: unknown[] = Array.isArray(yaml.value) ? yaml.value : [yaml.value];
  return entries.slice(0, 100).map((entry) => {
    const parsed = resultSchema.safeParse(entry);
    if (parsed.success) return { filename, data: parsed.data };
    const [issue] = parsed.error.issues;
    return { filename, error: `${issue?.path.join(".")}: ${issue?.message}` };
  });
}

/** The results that a model's files give, as evaluations of benchmarks. */
export function scoresOf({ evalResults = [] }: RepoFacts) {
  return evalResults.flatMap(({ filename, data }) => {
    const { data: result } = resultSchema.safeParse(data);
    if (result === undefined) return [];
    const { dataset, value } = result;
    const revision = typeof dataset["revision"] === "string" ? dataset["revision"] : null;
    const place = { dataset: dataset.id, datasetRevision: revision, split: dataset.task_id };
    return [{ ...place, metric: "score", metricName: "Score", value, filename }];
  });
}

const MOST_DESCRIPTION = 1000;

/** The first words of a card's text, without headings and markup, and the entry of BibTeX that it holds. */
export function describedBy(body: string): Pick<RepoFacts, "description" | "citation"> {
  const plain = body
    .slice(0, 20_000)
    .replace(/```[\s\S]*?(```|$)/g, " ")
    .replace(/<[^<>]*>/g, " ")
    .replace(/!\[[^[\]]*\]\([^()]*\)/g, " ")
    .replace(/\[([^[\]]*)\]\([^()]*\)/g, "$1")
    .split(/\r?\n/)
    .filter((line) => !/^\s*(#|\||-{3,}|={3,})/.test(line))
    .join(" ")
    .replace(/[*_`]/g, "")
    .replace(/\s+/g, " ")
    .trim();
  const citation = /```(?:bib(?:tex)?|latex)?\s*\n(@\w+\{[\s\S]*?)```/.exec(body)?.[1]?.trim();
  return {
    ...(plain !== "" && { description: plain.slice(0, MOST_DESCRIPTION) }),
    ...(citation !== undefined && { citation: citation.slice(0, 10_000) }),
  };
}
