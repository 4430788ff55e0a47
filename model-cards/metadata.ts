// The front matter that the Hub reads: tags, task, library, and model-index for evaluations.
// Leaves out what is not known; incomplete results are not written.
import type { ModelFacts } from "./facts.ts";

/** Keys that facts alone decide; everything else a person may have set wins. */
export const OWN_KEYS = ["model-index"] as const;

export function frontMatter(facts: ModelFacts): Record<string, unknown> {
  const { task, modelType, record } = facts;
  const base = record?.model.baseModel?.id;
  const datasets = [...new Set((record?.datasets ?? []).flatMap(({ id }) => (id === undefined ? [] : [id])))];
  return {
    library_name: modelType === undefined ? undefined : "transformers",
    pipeline_tag: task,
    tags: ["abrazo", ...(modelType === undefined ? [] : [modelType])],
    base_model: base?.includes("/") === true ? base : undefined,
    datasets: datasets.length > 0 ? datasets : undefined,
    "model-index": modelIndex(facts),
  };
}

function modelIndex({ name, task, record }: ModelFacts): unknown {
  if (task === undefined || record === undefined || record.evaluations.length === 0) return undefined;
  const results = record.evaluations.map(({ dataset, metric, metricName, value, slice }) => ({
    task: { type: task },
    dataset: { type: dataset.id ?? dataset.name, name: dataset.name, split: dataset.split },
    metrics: [{ type: metric, ...nameOf(metricName, slice), value }],
  }));
  return [{ name: name.split("/").at(-1) ?? name, results }];
}

/** Figures of a part, e.g. of the quantized export, are not taken for those of the whole. */
function nameOf(metricName: string | undefined, slice: string | undefined): { name?: string } {
  const words = [metricName, slice].filter((word) => word !== undefined);
  return words.length === 0 ? {} : { name: words.join(", ") };
}
