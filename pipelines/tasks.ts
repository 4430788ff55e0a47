// TASKS: name → loader, aliases, default model. Types and error lists derive from it.
// Holds no logic of a task.
import { AbrazoError, suggestion } from "../src/errors.ts";
import type { EngineKind, Task } from "./task.ts";

export interface TaskRow {
  aliases: readonly string[];
  /** Repository of the model that ships with the package in pipelines/defaults/<task>/, where one does. */
  defaultModel?: string;
  load(): Promise<Task<EngineKind, unknown>>;
}

export const TASKS = {
  "text-classification": {
    aliases: ["sentiment-analysis"],
    defaultModel: "abrazo/sentiment",
    load: async () => (await import("./tasks/text-classification.ts")).textClassification,
  },
  "token-classification": {
    aliases: ["ner"],
    load: async () => (await import("./tasks/token-classification.ts")).tokenClassification,
  },
  "question-answering": {
    aliases: [],
    load: async () => (await import("./tasks/question-answering.ts")).questionAnswering,
  },
  "fill-mask": {
    aliases: [],
    load: async () => (await import("./tasks/fill-mask.ts")).fillMask,
  },
  "zero-shot-classification": {
    aliases: [],
    load: async () => (await import("./tasks/zero-shot-classification.ts")).zeroShotClassification,
  },
  "feature-extraction": {
    aliases: ["embeddings"],
    load: async () => (await import("./tasks/feature-extraction.ts")).featureExtraction,
  },
  "image-classification": {
    aliases: [],
    load: async () => (await import("./tasks/image-classification.ts")).imageClassification,
  },
  "zero-shot-image-classification": {
    aliases: [],
    load: async () => (await import("./tasks/zero-shot-image-classification.ts")).zeroShotImageClassification,
  },
  "image-feature-extraction": {
    aliases: [],
    load: async () => (await import("./tasks/image-feature-extraction.ts")).imageFeatureExtraction,
  },
  "text2text-generation": {
    aliases: [],
    load: async () => (await import("./tasks/text2text.ts")).text2textGeneration,
  },
  summarization: {
    aliases: [],
    load: async () => (await import("./tasks/text2text.ts")).summarization,
  },
  translation: {
    aliases: [],
    load: async () => (await import("./tasks/text2text.ts")).translation,
  },
  "text-generation": {
    aliases: [],
    defaultModel: "abrazo/reviews",
    load: async () => (await import("./tasks/text-generation.ts")).textGeneration,
  },
} as const satisfies Record<string, TaskRow>;

type Rows = typeof TASKS;
/** The names of the tasks, without their aliases. */
export type TaskName = keyof Rows;
type AliasOf<Name extends TaskName> = Rows[Name]["aliases"][number];
/** A translation named with its languages, e.g. "translation_en_to_fr". */
type NamedTranslation = `translation_${string}_to_${string}`;
/** Every name that pipeline() takes. */
export type AnyTaskName = TaskName | AliasOf<TaskName> | NamedTranslation;

/** The task behind a name or an alias. */
export type Resolved<Name extends AnyTaskName> = Name extends TaskName
  ? Name
  : Name extends NamedTranslation
    ? "translation"
    : { [Row in TaskName]: Name extends AliasOf<Row> ? Row : never }[TaskName];

/** What pipeline() gives for a name, without its properties. */
export type CallOf<Name extends AnyTaskName> =
  Awaited<ReturnType<Rows[Resolved<Name>]["load"]>> extends Task<infer _Kind, infer Call> ? Call : never;

/**
 * Names and aliases of all tasks.
 *
 * @example
 * ```ts
 * taskNames().includes("sentiment-analysis"); // true
 * ```
 */
export function taskNames(): string[] {
  return Object.entries(TASKS).flatMap(([name, { aliases }]) => [name, ...aliases]);
}

/** The row of a name or alias, and the languages that it names; an unknown one is an error with the nearest. */
export function taskRow(name: string): { name: TaskName; row: TaskRow; languages?: [string, string] } {
  const [, source, target] = /^translation_(.+)_to_(.+)$/.exec(name) ?? [];
  if (source !== undefined && target !== undefined) {
    return { name: "translation", row: TASKS.translation, languages: [source, target] };
  }
  for (const [key, row] of Object.entries(TASKS)) {
    const aliases: readonly string[] = row.aliases;
    if (key === name || aliases.includes(name)) return { name: key as TaskName, row }; // safe because key is a key of TASKS
  }
  throw new AbrazoError({
    code: "UNKNOWN_TASK",
    message: `There is no task "${name}".`,
    hint: suggestion(name, taskNames()),
    data: { task: name, known: taskNames() },
  });
}
