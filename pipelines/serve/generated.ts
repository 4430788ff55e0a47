// Prompts → their texts piece by piece, without stop strings, with why each ended and how many tokens it took.
// Knows a model by its pipeline's tokens(); knows no shapes of answers.
import { StopFilter } from "../../src/generate/text-pieces.ts";
import { merged } from "./merged.ts";
import type { ServedModel } from "./models.ts";

/** What is to be generated. */
export interface GenerationJob {
  prompts: readonly string[];
  /** Texts for each prompt. */
  copies: number;
  /** Strings that end a text and are no part of it. */
  stop: readonly string[];
  seed: number | undefined;
  /** Options of the pipeline. */
  options: Readonly<Record<string, unknown>>;
}

/** A piece of one text, or its end. */
export interface GenerationEvent {
  /** Place of the text: `prompt * copies + copy`. */
  index: number;
  text: string;
  /** With the last: an end token or a stop string, or no more room. */
  finish: "stop" | "length" | undefined;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** Texts of one request that grow at once: those of others come in between. */
export const AT_ONCE = 8;

/**
 * The texts as they grow, beside each other and beside those of other requests.
 *
 * @param usage counts up
 */
export function generated(
  model: ServedModel,
  job: GenerationJob,
  signal: AbortSignal,
  usage: Usage,
): AsyncGenerator<GenerationEvent, void, undefined> {
  const texts = job.prompts.flatMap((prompt, at) =>
    Array.from({ length: job.copies }, (_, copy) => {
      const index = at * job.copies + copy;
      return () => oneText(model, job, { prompt, index, signal, usage: countOf(usage, copy === 0) });
    }),
  );
  return merged(texts, AT_ONCE);
}

/** What counts the tokens of one text. A prompt is read for each of its texts, and counted once. */
function countOf(usage: Usage, isFirst: boolean) {
  return (prompt: number) => {
    usage.completion_tokens++;
    if (isFirst) usage.prompt_tokens += prompt;
    usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
  };
}

interface OneText {
  prompt: string;
  index: number;
  signal: AbortSignal;
  /** Told of each token, and with the last of the prompt's. */
  usage(promptTokens: number): void;
}

async function* oneText(
  model: ServedModel,
  { stop, seed, options }: GenerationJob,
  { prompt, index, signal, usage }: OneText,
): AsyncGenerator<GenerationEvent, void, undefined> {
  const tokens = model.tokens(prompt, {
    ...options,
    ...(stop.length > 0 && { stopStrings: stop }),
    ...(seed !== undefined && { seed: (seed + index) % 2 ** 32 }),
    signal,
  });
  const filter = new StopFilter(stop, prompt);
  for await (const { text: fresh, end } of tokens) {
    usage(end?.promptTokens ?? 0);
    const text = end === undefined ? filter.push(fresh) : filter.end(fresh, end.reason === "stop");
    const isStopped = end?.reason === "stop" || end?.reason === "eos";
    const finish = end === undefined ? undefined : isStopped ? "stop" : "length";
    if (text !== "" || finish !== undefined) yield { index, text, finish };
  }
}
