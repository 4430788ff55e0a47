// Evaluations that the front matter of a card claims, for repositories without a training record.
// Takes what is well-formed and leaves the rest.
import { z } from "zod";

export interface ClaimedEvaluation {
  dataset: string;
  datasetRevision: string | null;
  split: string;
  metric: string;
  metricName: string | null;
  value: number;
}

/** Benchmarks of embeddings list several hundred results. */
const MOST_RESULTS = 1000;

const name = z.string().min(1).max(200);
const metricSchema = z.looseObject({ type: name, name: name.nullish().catch(null), value: z.number() });
const resultSchema = z.looseObject({
  dataset: z.looseObject({
    name,
    config: name.nullish().catch(null),
    split: name.nullish().catch(null),
    revision: name.nullish().catch(null),
  }),
  metrics: z.array(z.unknown()),
});
const modelSchema = z.looseObject({ results: z.array(z.unknown()) });

/** The results under "model-index": one row for each metric that has a number. */
export function claimedEvaluations(card: Readonly<Record<string, unknown>>): ClaimedEvaluation[] {
  const models: unknown = card["model-index"];
  if (!Array.isArray(models)) return [];
  const results = models.flatMap((model) => modelSchema.safeParse(model).data?.results ?? []);
  const rows = results.flatMap((result): ClaimedEvaluation[] => {
    const parsed = resultSchema.safeParse(result).data;
    if (parsed === undefined) return [];
    const { dataset } = parsed;
    return parsed.metrics.flatMap((metric): ClaimedEvaluation[] => {
      const measured = metricSchema.safeParse(metric).data;
      if (measured === undefined) return [];
      const split = [dataset.config, dataset.split].filter((part) => part != null).join(", ");
      const place = { dataset: dataset.name, datasetRevision: dataset.revision ?? null, split };
      return [{ ...place, metric: measured.type, metricName: measured.name ?? null, value: measured.value }];
    });
  });
  return rows.slice(0, MOST_RESULTS);
}
