// Zero-shot classification: texts and any labels → how well each label fits, by a model that judges what follows from what.
// Knows no model and no runtime.
import { z } from "zod";
import { AbrazoError } from "../../src/errors.ts";
import { labelsOf } from "../../src/models/architecture.ts";
import { withAdapter } from "../adapted.ts";
import { textsOf } from "../inputs.ts";
import { candidateLabels, hypothesesOf } from "../labels.ts";
import { adapter, count, parseOptions, signal } from "../options.ts";
import { encodePairs, runRows } from "../rows.ts";
import { largest, softmax } from "../scores.ts";
import type { InputStream } from "../stream.ts";
import { defineTask, type Encoder } from "../task.ts";

const optionsSchema = z.strictObject({
  /** The sentence that a label is put into, at {}; "This example is {}." when absent. */
  hypothesisTemplate: z.string().optional(),
  /** Each label is true or not by itself; otherwise one of them is true, and scores add up to 1. */
  multiLabel: z.boolean().optional(),
  adapter,
  signal,
  /** Pairs of a text and a label that run together at most, for this call. */
  batchSize: count.optional(),
});

/** How labels are asked about. */
export type ZeroShotClassificationOptions = z.infer<typeof optionsSchema>;

/** Labels of a text with their scores, best first. */
export interface ZeroShotClassification {
  sequence: string;
  labels: string[];
  scores: number[];
}

/**
 * `pipeline("zero-shot-classification")`. Labels are a list, or one string with commas between them. One text gives one
 * result, many texts give a list of results.
 */
export interface ZeroShotClassificationPipeline {
  (
    text: string,
    labels: string | readonly string[],
    options?: ZeroShotClassificationOptions,
  ): Promise<ZeroShotClassification>;
  (
    texts: readonly string[],
    labels: string | readonly string[],
    options?: ZeroShotClassificationOptions,
  ): Promise<ZeroShotClassification[]>;
  (
    texts: InputStream<string>,
    labels: string | readonly string[],
    options?: ZeroShotClassificationOptions,
  ): AsyncGenerator<ZeroShotClassification, void, undefined>;
}

export const zeroShotClassification = defineTask({
  name: "zero-shot-classification",
  kind: "encoder",
  auto: "AutoModelForSequenceClassification",
  create: (base: Encoder, context) => {
    const judge = judgementsOf(base);
    async function classify(
      input: unknown,
      candidates: unknown,
      given?: ZeroShotClassificationOptions,
    ): Promise<ZeroShotClassification | ZeroShotClassification[]> {
      const options = parseOptions("zero-shot-classification", optionsSchema, given);
      const engine = withAdapter(base, options.adapter);
      const { texts, single } = textsOf(input, "zero-shot-classification");
      const labels = candidateLabels(candidates, "zero-shot-classification");
      const hypotheses = hypothesesOf(options.hypothesisTemplate ?? "This example is {}.", labels);
      const pairs = texts.flatMap((text) => hypotheses.map((textPair) => ({ text, textPair })));
      const rows = encodePairs(engine, pairs, "onlyFirst");
      const outputs = await runRows(engine, rows, { ...options, batchSize: options.batchSize ?? context.batchSize });
      const logits = outputs.map((output) => output["logits"]?.data ?? new Float32Array());
      const results = texts.map((sequence, at) => {
        const own = logits.slice(at * labels.length, (at + 1) * labels.length);
        const scores = options.multiLabel === true || labels.length === 1 ? own.map(judge.alone) : judge.together(own);
        const order = largest(scores);
        return {
          sequence,
          labels: order.map((place) => labels[place] ?? ""),
          scores: order.map((place) => scores[place] ?? 0),
        };
      });
      return single ? (results[0] ?? { sequence: "", labels: [], scores: [] }) : results;
    }
    return classify as ZeroShotClassificationPipeline; // safe because one text gives one result and an array a list
  },
});

interface Judgements {
  /** Entailment against contradiction. */
  alone(logits: Float32Array): number;
  /** Entailment of each label against that of the others. */
  together(logits: readonly Float32Array[]): number[];
}

/** Which classes mean that a sentence follows, and that it contradicts: by their names, as Python reads them. */
function judgementsOf({ config }: Encoder): Judgements {
  const names = labelsOf(config);
  const entailment = names.findIndex((name) => name.toLowerCase().startsWith("entail"));
  if (entailment < 0 || names.length < 2) {
    throw new AbrazoError({
      code: "WRONG_TASK",
      message: `The model has the labels ${names.join(", ")}; none of them says that a sentence follows from another.`,
      hint: 'zero-shot-classification needs a model with an "entailment" label, trained on natural language inference.',
      data: { labels: names },
    });
  }
  const contradiction = entailment === 0 ? names.length - 1 : 0;
  return {
    alone: (logits) => softmax([logits[contradiction] ?? 0, logits[entailment] ?? 0])[1] ?? 0,
    together: (logits) => softmax(logits.map((row) => row[entailment] ?? 0)),
  };
}
