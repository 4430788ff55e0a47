// The classes of a model: how many there are, and what they are called.
// Knows no model.
import { AbrazoError } from "../errors.ts";

/** Names of classes by number, as config.json has them. */
export type Labels = Readonly<Record<string, string>>;

/** LABEL_0, LABEL_1 and so on, as transformers names classes that have no names. */
export function numberedLabels(count: number): Record<string, string> {
  if (!Number.isInteger(count) || count < 1) throw noCount(count);
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [at, `LABEL_${at}`]));
}

/** @throws INVALID_OPTION where the two say different things */
export function requireLabels(where: string, count: number | undefined, labels: Labels): void {
  const named = Object.keys(labels).length;
  if (count === undefined || count === named) return;
  throw new AbrazoError({
    code: "INVALID_OPTION",
    message: `${where} got ${count} as the number of labels, and names of ${named}.`,
    hint: "Leave out the number: the names say it.",
    data: { count, named },
  });
}

/**
 * A config whose `num_labels`, which programs write in place of names, is what its `id2label` says; anything else as it is.
 *
 * @throws INVALID_OPTION where it has both and they differ
 */
export function withNamedLabels(config: unknown, where: string): unknown {
  if (typeof config !== "object" || config === null || !("num_labels" in config)) return config;
  const { num_labels: count, ...others } = config;
  if (typeof count !== "number") return config;
  const labels = "id2label" in others ? others.id2label : undefined;
  if (typeof labels !== "object" || labels === null) return { ...others, id2label: numberedLabels(count) };
  requireLabels(where, count, labels as Labels); // safe because the schema judges what the names are
  return others;
}

function noCount(count: number): AbrazoError {
  return new AbrazoError({
    code: "INVALID_OPTION",
    message: `A model has 1, 2, … labels, and not ${count}.`,
    hint: "Give a whole number, or the names of the labels.",
    data: { count },
  });
}
