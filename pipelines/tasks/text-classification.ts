// Text classification: texts, or pairs of them, → labels with scores.
// Knows no model and no runtime.
import { z } from "zod";
import { labelsOf } from "../../src/models/architecture.ts";
import { withAdapter } from "../adapted.ts";
import { pairsOf, type TextPair } from "../inputs.ts";
import { adapter, count, parseOptions, signal } from "../options.ts";
import { encodePairs, runRows } from "../rows.ts";
import { sigmoid, softmax } from "../scores.ts";
import type { InputStream } from "../stream.ts";
import { defineTask, type Encoder } from "../task.ts";

const FUNCTIONS = ["softmax", "sigmoid", "none", "default"] as const;

const optionsSchema = z.strictObject({
  /** Labels to give for each text, best first; null gives all. Absent: the best alone, without a list around it. */
  topK: count.nullable().optional(),
  /**
   * What turns logits into scores. "default" follows the model: none for a regression, sigmoid for one label or several
   * at once, softmax for one of several.
   */
  functionToApply: z.enum(FUNCTIONS).optional(),
  adapter,
  signal,
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
 * many texts give one result each, and with `topK` every text gives a list of its own. A pair is `{ text, textPair }`.
 */
export interface TextClassificationPipeline {
  (text: string | TextPair, options?: TextClassificationOptions): Promise<Classification[]>;
  (
    texts: readonly (string | TextPair)[],
    options?: TextClassificationOptions & { topK?: undefined },
  ): Promise<Classification[]>;
  (
    texts: readonly (string | TextPair)[],
    options: TextClassificationOptions & { topK: number | null },
  ): Promise<Classification[][]>;
  (
    texts: InputStream<string | TextPair>,
    options?: TextClassificationOptions & { topK?: undefined },
  ): AsyncGenerator<Classification, void, undefined>;
  (
    texts: InputStream<string | TextPair>,
    options: TextClassificationOptions & { topK: number | null },
  ): AsyncGenerator<Classification[], void, undefined>;
}

export const textClassification = defineTask({
  name: "text-classification",
  kind: "encoder",
  auto: "AutoModelForSequenceClassification",
  create: (base: Encoder, context) => {
    async function classify(
      input: unknown,
      given?: TextClassificationOptions,
    ): Promise<Classification[] | Classification[][]> {
      const { topK, ...options } = parseOptions("text-classification", optionsSchema, given);
      const { pairs, single } = pairsOf(input, "text-classification");
      const engine = withAdapter(base, options.adapter);
      const rows = await runRows(engine, encodePairs(engine, pairs), {
        ...options,
        batchSize: options.batchSize ?? context.batchSize,
      });
      const score = scoring(engine, options.functionToApply ?? "default");
      const labels = labelsOf(engine.config);
      const ranked = rows.map(({ logits }) => rank(labels, score(logits?.data ?? new Float32Array())));
      if (topK === undefined) return ranked.flatMap((list) => list.slice(0, 1));
      const lists = ranked.map((list) => list.slice(0, topK ?? undefined));
      return single ? (lists[0] ?? []) : lists;
    }
    return classify as TextClassificationPipeline; // safe because the overloads describe what the branches above return
  },
});

function rank(labels: readonly string[], scores: readonly number[]): Classification[] {
  const list = scores.map((score, index) => ({ label: labels[index] ?? `LABEL_${index}`, score }));
  return list.sort((a, b) => b.score - a.score);
}

type Scoring = (logits: Float32Array) => number[];

function scoring({ config }: Encoder, name: (typeof FUNCTIONS)[number]): Scoring {
  if (name === "sigmoid") return sigmoid;
  if (name === "softmax") return softmax;
  if (name === "none") return (logits) => [...logits];
  const problem = config["problem_type"];
  if (problem === "regression") return (logits) => [...logits];
  return problem === "multi_label_classification" || labelsOf(config).length === 1 ? sigmoid : softmax;
}
