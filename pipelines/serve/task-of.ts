// config.json → the task that its model was saved for.
// Knows no task's code: classes are told by how their names end.
import { AbrazoError } from "../../src/errors.ts";
import { AUTO_CLASSES, type AutoName } from "../task.ts";
import type { TaskName } from "../tasks.ts";

/** The task that a class is made for, where several share one: the plainest of them. */
const TASK_OF = {
  AutoModelForSequenceClassification: "text-classification",
  AutoModelForTokenClassification: "token-classification",
  AutoModelForQuestionAnswering: "question-answering",
  AutoModelForMaskedLM: "fill-mask",
  AutoModelForCausalLM: "text-generation",
  AutoModelForSeq2SeqLM: "text2text-generation",
  AutoModelForImageClassification: "image-classification",
  AutoModelForZeroShotImageClassification: "zero-shot-image-classification",
  AutoModelForImageFeatureExtraction: "image-feature-extraction",
  AutoModel: "feature-extraction",
} as const satisfies Partial<Record<AutoName, TaskName>>;

/**
 * The task of a model, by the first of its config's `architectures`: BertForSequenceClassification does text-classification,
 * GPT2LMHeadModel text-generation, BertModel feature-extraction.
 *
 * @throws UNKNOWN_TASK where the config names no class, or one of no task that is served
 *
 * @example
 * ```ts
 * taskOf({ architectures: ["GPT2LMHeadModel"] }); // "text-generation"
 * taskOf({ architectures: ["BertModel"] }); // "feature-extraction"
 * ```
 */
export function taskOf(config: { architectures?: readonly string[] | undefined }): TaskName {
  const [name] = config.architectures ?? [];
  const found = Object.entries(TASK_OF).find(
    ([auto]) => name !== undefined && AUTO_CLASSES[auto as keyof typeof TASK_OF].has(name), // safe because it is a key of the table
  );
  if (found !== undefined) return found[1];
  throw new AbrazoError({
    code: "UNKNOWN_TASK",
    message: name === undefined ? "The config names no class of its model." : `No task is known for a ${name}.`,
    hint: `Name the task: ${Object.values(TASK_OF).join(", ")}, or another that the model does.`,
    data: { architecture: name },
  });
}
