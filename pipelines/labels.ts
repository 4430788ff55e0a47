// Labels of one's own choice: what zero-shot tasks are called with, and the sentences that they become.
// Knows no models.
import { AbrazoError } from "../src/errors.ts";

/** A list of labels, or one string with commas between them; none of them empty. */
export function candidateLabels(given: unknown, task: string): string[] {
  const list = typeof given === "string" ? given.split(",") : given;
  const labels = Array.isArray(list) && list.every((label) => typeof label === "string") ? list : [];
  const trimmed = typeof given === "string" ? labels.map((label) => label.trim()) : [...labels];
  if (trimmed.length > 0 && trimmed.every((label) => label !== "")) return trimmed;
  throw new AbrazoError({
    code: "INVALID_INPUT",
    message: `${task} needs at least one label, none of them empty.`,
    hint: 'Call it as classify("…", ["politics", "sport"]).',
  });
}

/** A sentence for each label, which stands where the template has {}. */
export function hypothesesOf(template: string, labels: readonly string[]): string[] {
  if (template.includes("{}")) return labels.map((label) => template.replace("{}", () => label));
  throw new AbrazoError({
    code: "INVALID_OPTION",
    message: `The hypothesisTemplate "${template}" has no {} for the label.`,
    hint: 'Write it as "This is about {}."',
  });
}
