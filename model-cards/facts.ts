// Facts: everything a card may state, each read off a file of the repository.
// Holds no prose.
import type { TrainingRecord } from "../src/io/training-record.ts";

export interface ModelFacts {
  /** Name of the repository's folder or "namespace/name". */
  name: string;
  task: string | undefined;
  architecture: string | undefined;
  modelType: string | undefined;
  labels: readonly string[];
  /** Longest input in tokens. */
  maxLength: number | undefined;
  vocabSize: number | undefined;
  parameters: number | undefined;
  /** Parameters by dtype tag of the weights file. */
  dtypes: Readonly<Record<string, number>>;
  files: readonly { path: string; size: number }[];
  record: TrainingRecord | undefined;
}
