// Texts through a pipeline, one result a text.
import { pipeline } from "../../pipelines/index.ts";
import { Tensor } from "../tensor/index.ts";
import { UsageError } from "./command.ts";

interface Flags {
  model?: string;
  revision?: string;
  device?: string;
  dtype?: string;
  adapter?: string;
  endpoint?: string;
  token?: string;
  labels?: string;
  context?: string;
}

const PIPELINE_FLAGS = ["revision", "device", "dtype", "endpoint", "token"] as const;

/** A name that no adapter has by itself. */
const ADAPTER = "--adapter";

/** What a task is called with besides texts: flags that it needs, and how they go in. */
const SPECIAL: Readonly<
  Record<string, { flag: "labels" | "context"; inputs(texts: readonly string[], value: string): unknown[] }>
> = {
  "zero-shot-classification": { flag: "labels", inputs: (texts, labels) => [[...texts], labels] },
  "zero-shot-image-classification": { flag: "labels", inputs: (files, labels) => [[...files], labels.split(",")] },
  "question-answering": {
    flag: "context",
    inputs: (questions, context) => [questions.map((question) => ({ question, context }))],
  },
};

/**
 * @throws USAGE where a task lacks a flag that it needs, or has one that it does not read
 */
export async function runTask(
  task: string,
  texts: readonly string[],
  flags: Flags,
): Promise<{ text: string; output: unknown }[]> {
  const inputs = inputsOf(task, texts, flags);
  const options = Object.fromEntries(
    PIPELINE_FLAGS.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])),
  );
  const adapted = flags.adapter === undefined ? {} : { adapters: { [ADAPTER]: flags.adapter }, adapter: ADAPTER };
  // safe because pipeline() itself refuses an unknown task, with the nearest name
  const run = await pipeline(task as "text-classification", flags.model, { ...options, ...adapted });
  const call = run as unknown as (...inputs: unknown[]) => Promise<unknown>; // safe because every task is a function
  try {
    const given = await call(...inputs);
    const outputs = (given instanceof Tensor ? await given.tolist() : given) as unknown[]; // safe because an array of inputs gives one result each
    return texts.map((text, index) => ({ text, output: outputs[index] }));
  } finally {
    await run.dispose();
  }
}

function usage(message: string): UsageError {
  return new UsageError({ code: "USAGE", message, hint: "See abrazo run --help." });
}

function inputsOf(task: string, texts: readonly string[], flags: Flags): unknown[] {
  const special = SPECIAL[task];
  for (const flag of ["labels", "context"] as const) {
    if (special?.flag === flag && flags[flag] === undefined) throw usage(`${task} needs --${flag}.`);
    if (special?.flag !== flag && flags[flag] !== undefined) throw usage(`--${flag} changes nothing in ${task}.`);
  }
  return special?.inputs(texts, flags[special.flag] ?? "") ?? [[...texts]];
}
