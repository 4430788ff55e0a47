// Texts through a pipeline, one result a text: those of the command line, or the lines of a file.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { pipeline } from "../../pipelines/index.ts";
import { AbrazoError } from "../errors.ts";
import { UsageError } from "./command.ts";
import { plain } from "./plain.ts";

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

/** What a task is called with: what it makes of each text and of a flag that it needs, and what comes behind the texts. */
interface Special {
  flag: "labels" | "context";
  input?(text: string, value: string): unknown;
  others?(value: string): unknown[];
}

const SPECIAL: Readonly<Record<string, Special>> = {
  "zero-shot-classification": { flag: "labels", others: (labels) => [labels] },
  "zero-shot-image-classification": { flag: "labels", others: (labels) => [labels.split(",")] },
  "zero-shot-object-detection": { flag: "labels", others: (labels) => [labels.split(",")] },
  "zero-shot-audio-classification": { flag: "labels", others: (labels) => [labels.split(",")] },
  "question-answering": { flag: "context", input: (question, context) => ({ question, context }) },
};

/** A text with what the task gives for it. */
export interface TextResult {
  text: string;
  output: unknown;
}

/**
 * @throws USAGE where a task lacks a flag that it needs, or has one that it does not read
 */
export async function runTask(task: string, texts: readonly string[], flags: Flags): Promise<TextResult[]> {
  const { input, others } = callOf(task, flags);
  // A few texts are computed on this thread: nothing else waits for it, and another one would have to be started first.
  const { call, dispose } = await opened(task, flags, false);
  try {
    const outputs = (await plain(await call(texts.map(input), ...others))) as unknown[]; // safe because an array of inputs gives one result each
    return texts.map((text, index) => ({ text, output: outputs[index] }));
  } finally {
    await dispose();
  }
}

/**
 * The same for any number of texts, as they come. They are computed in another thread, so that meanwhile this one goes on reading, and
 * whoever writes them is not held up.
 *
 * @throws USAGE, as runTask()
 */
export async function* runLines(
  task: string,
  texts: AsyncIterable<string>,
  flags: Flags,
): AsyncGenerator<TextResult, void, undefined> {
  const { input, others } = callOf(task, flags);
  const { call, dispose } = await opened(task, flags, true);
  const waiting: string[] = [];
  async function* inputs() {
    for await (const text of texts) {
      waiting.push(text);
      yield input(text);
    }
  }
  try {
    const outputs = call(inputs(), ...others) as unknown as AsyncIterable<unknown>; // safe because a stream of inputs gives one of results
    for await (const output of outputs) yield { text: waiting.shift() ?? "", output: await plain(output) };
  } finally {
    await dispose();
  }
}

/** The lines of a file that are not empty; those of standard input for "-". */
export async function* linesOf(file: string): AsyncGenerator<string, void, undefined> {
  const input = file === "-" ? process.stdin : createReadStream(file);
  // A stream that breaks tells its reader of lines nothing.
  const failed = new Promise<never>((_, reject) => input.once("error", reject));
  failed.catch(() => undefined);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await Promise.race([lines.next(), failed]).catch((cause: unknown) => {
      throw unreadable(file, cause);
    });
    if (done === true) return;
    if (value.trim() !== "") yield value;
  }
}

function unreadable(file: string, cause: unknown): AbrazoError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AbrazoError({
    code: "FILE_MISSING",
    message: `${file} cannot be read: ${reason}`,
    hint: "Name a file of texts, one a line, or - for standard input.",
    data: { file },
    cause,
  });
}

async function opened(task: string, flags: Flags, worker: boolean) {
  const options = Object.fromEntries(
    PIPELINE_FLAGS.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])),
  );
  const adapted = flags.adapter === undefined ? {} : { adapters: { [ADAPTER]: flags.adapter }, adapter: ADAPTER };
  // safe because pipeline() itself refuses an unknown task, with the nearest name
  const run = await pipeline(task as "text-classification", flags.model, { ...options, ...adapted, worker });
  const call = run as unknown as (...inputs: unknown[]) => Promise<unknown>; // safe because every task is a function
  return { call, dispose: () => run.dispose() };
}

function usage(message: string): UsageError {
  return new UsageError({ code: "USAGE", message, hint: "See abrazo run --help." });
}

function callOf(task: string, flags: Flags): { input: (text: string) => unknown; others: unknown[] } {
  const special = SPECIAL[task];
  for (const flag of ["labels", "context"] as const) {
    if (special?.flag === flag && flags[flag] === undefined) throw usage(`${task} needs --${flag}.`);
    if (special?.flag !== flag && flags[flag] !== undefined) throw usage(`--${flag} changes nothing in ${task}.`);
  }
  const value = special === undefined ? "" : (flags[special.flag] ?? "");
  return { input: (text) => special?.input?.(text, value) ?? text, others: special?.others?.(value) ?? [] };
}
