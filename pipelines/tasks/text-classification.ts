// Text classification: texts → labels with scores.
// Knows no model and no runtime.
import { z } from "zod";
import { labelsOf } from "../../src/models/architecture.ts";
import { padBatch } from "../../src/text/tokenizer.ts";
import { lengthBuckets, textsOf } from "../inputs.ts";
import { count, parseOptions } from "../options.ts";
import { type Classifier, defineTask } from "../task.ts";

const FUNCTIONS = ["softmax", "sigmoid", "none", "default"] as const;

const optionsSchema = z.strictObject({
  /** Labels to give for each text, best first; null gives all. Absent: the best alone, without a list around it. */
  topK: count.nullable().optional(),
  /**
   * What turns logits into scores. "default" follows the model: none for a regression, sigmoid for one label or several
   * at once, softmax for one of several.
   */
  functionToApply: z.enum(FUNCTIONS).optional(),
  /** Texts that run together at most, for this call. */
  batchSize: count.optional(),
});

/** Which classes of a text are given. */
export type TextClassificationOptions = z.infer<typeof optionsSchema>;

/** A label with its score. */
export interface Classification {
  label: string;
  score: number;
}

/**
 * `pipeline("text-classification")`, also called "sentiment-analysis". As in Python, one text gives a list of one result,
 * many texts give one result each, and with `topK` every text gives a list of its own.
 */
export interface TextClassificationPipeline {
  (text: string, options?: TextClassificationOptions): Promise<Classification[]>;
  (texts: readonly string[], options?: TextClassificationOptions & { topK?: undefined }): Promise<Classification[]>;
  (texts: readonly string[], options: TextClassificationOptions & { topK: number | null }): Promise<Classification[][]>;
}

/** Tokens of a batch: enough to keep the cores busy, few enough to stay in their caches. */
const TOKEN_BUDGET = 2048;
const BATCH_SIZE = 128;

export const textClassification = defineTask({
  name: "text-classification",
  kind: "classifier",
  modelClasses: ["ForSequenceClassification"],
  create: (engine: Classifier, context) => {
    async function classify(
      input: unknown,
      given?: TextClassificationOptions,
    ): Promise<Classification[] | Classification[][]> {
      const { topK, ...options } = parseOptions("text-classification", optionsSchema, given);
      const { texts, single } = textsOf(input, "text-classification");
      const rows = await logitsOfTexts(engine, texts, options.batchSize ?? context.batchSize ?? BATCH_SIZE);
      const score = scoring(engine, options.functionToApply ?? "default");
      const labels = labelsOf(engine.config);
      const ranked = rows.map((logits) => rank(labels, score(logits)));
      if (topK === undefined) return ranked.flatMap((list) => list.slice(0, 1));
      const lists = ranked.map((list) => list.slice(0, topK ?? undefined));
      return single ? (lists[0] ?? []) : lists;
    }
    return classify as TextClassificationPipeline; // safe because the overloads describe what the branches above return
  },
});

/** Logits of each text, in the order of the texts. */
async function logitsOfTexts(engine: Classifier, texts: readonly string[], batchSize: number): Promise<Float32Array[]> {
  const rows = texts.map((text) => engine.tokenizer.encode(text, { maxLength: engine.maxLength }));
  const results = new Array<Float32Array>(texts.length);
  const lengths = rows.map((row) => row.length);
  for (const places of lengthBuckets(lengths, TOKEN_BUDGET, batchSize)) {
    const batch = padBatch(
      places.map((place) => rows[place] ?? []),
      engine.tokenizer.padId,
    );
    const logits = await engine.logits(batch);
    const width = logits.length / places.length;
    for (const [row, place] of places.entries()) results[place] = logits.subarray(row * width, (row + 1) * width);
    // The runtime computes on this thread; others get their turn between batches.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return results;
}

function rank(labels: readonly string[], scores: readonly number[]): Classification[] {
  const list = scores.map((score, index) => ({ label: labels[index] ?? `LABEL_${index}`, score }));
  return list.sort((a, b) => b.score - a.score);
}

type Scoring = (logits: Float32Array) => number[];

function scoring({ config }: Classifier, name: (typeof FUNCTIONS)[number]): Scoring {
  if (name === "sigmoid") return sigmoid;
  if (name === "softmax") return softmax;
  if (name === "none") return (logits) => [...logits];
  const problem = config["problem_type"];
  if (problem === "regression") return (logits) => [...logits];
  return problem === "multi_label_classification" || labelsOf(config).length === 1 ? sigmoid : softmax;
}

function sigmoid(logits: Float32Array): number[] {
  return Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));
}

function softmax(logits: Float32Array): number[] {
  const largest = Math.max(...logits);
  const weights = Array.from(logits, (logit) => Math.exp(logit - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
