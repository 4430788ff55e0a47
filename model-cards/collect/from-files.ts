// A repository's files → facts. Files are handed in as readers: a folder, or rows of a hub.
// Writes no Markdown and guesses nothing.
import { z } from "zod";
import { parseJson } from "../../src/io/json.ts";
import type { SafetensorsHeader } from "../../src/io/safetensors.ts";
import { trainingRecordSchema } from "../../src/io/training-record.ts";
import type { ModelFacts } from "../facts.ts";

export interface RepositoryFiles {
  list(): Promise<readonly { path: string; size: number }[]>;
  /** Text of a file, or undefined when it is not there. */
  text(path: string): Promise<string | undefined>;
  /** Header of a safetensors file, or undefined when it is not there. */
  header(path: string): Promise<SafetensorsHeader | undefined>;
}

const configSchema = z.looseObject({
  model_type: z.string().optional(),
  architectures: z.array(z.string()).optional(),
  vocab_size: z.number().optional(),
  max_position_embeddings: z.number().optional(),
  n_positions: z.number().optional(),
  id2label: z.record(z.string(), z.string()).optional(),
});

/** Endings of a model class that say what it does. */
const TASKS: readonly [RegExp, string][] = [
  [/ForSequenceClassification$/, "text-classification"],
  [/(ForCausalLM|LMHeadModel)$/, "text-generation"],
  [/ForMaskedLM$/, "fill-mask"],
  [/ForTokenClassification$/, "token-classification"],
  [/ForQuestionAnswering$/, "question-answering"],
];

export async function collectModelFacts(name: string, files: RepositoryFiles): Promise<ModelFacts> {
  const configText = await files.text("config.json");
  const config = configText === undefined ? {} : parseJson(configText, configSchema, "config.json");
  const recordText = await files.text("training-record.json");
  const record =
    recordText === undefined ? undefined : parseJson(recordText, trainingRecordSchema, "training-record.json");
  const header = await files.header("model.safetensors");
  const dtypes: Record<string, number> = {};
  for (const { dtype, shape } of header?.tensors.values() ?? []) {
    dtypes[dtype] = (dtypes[dtype] ?? 0) + shape.reduce((product, size) => product * size, 1);
  }
  const architecture = config.architectures?.[0];
  return {
    name,
    task: TASKS.find(([ending]) => ending.test(architecture ?? ""))?.[1],
    architecture,
    modelType: config.model_type,
    labels: Object.entries(config.id2label ?? {})
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([, label]) => label),
    maxLength: config.max_position_embeddings ?? config.n_positions,
    vocabSize: config.vocab_size,
    parameters: header === undefined ? undefined : Object.values(dtypes).reduce((sum, count) => sum + count, 0),
    dtypes,
    files: await files.list(),
    record,
  };
}
