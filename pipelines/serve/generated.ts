// Prompts → their texts piece by piece, without stop strings, with why each ended and how many tokens it took.
// Knows a model by its pipeline's stream(); knows no shapes of answers.
import { StopFilter } from "../../src/generate/text-pieces.ts";
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

/**
 * The texts one after the other, while the model's turn is held: other requests for it wait.
 *
 * @param usage counts up
 */
export async function* generated(
  model: ServedModel,
  job: GenerationJob,
  signal: AbortSignal,
  usage: Usage,
): AsyncGenerator<GenerationEvent, void, undefined> {
  const release = await model.turns.hold(signal);
  try {
    for (const [at, prompt] of job.prompts.entries()) {
      for (let copy = 0; copy < job.copies; copy++) {
        const index = at * job.copies + copy;
        const counter = new TokenCounter();
        yield* oneText(model, job, { prompt, index, signal, counter });
        // A prompt is read once, however many texts follow it.
        if (copy === 0) usage.prompt_tokens += counter.prompt;
        usage.completion_tokens += counter.ids.length;
        usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
      }
    }
  } finally {
    release();
  }
}

/** A streamer that counts. */
class TokenCounter {
  prompt = 0;
  readonly ids: number[] = [];
  #isPrompt = true;

  put(rows: readonly (readonly (number | bigint)[])[]): void {
    const ids = rows.flat().map(Number);
    if (this.#isPrompt) this.prompt = ids.length;
    else this.ids.push(...ids);
    this.#isPrompt = false;
  }

  end(): void {}
}

async function* oneText(
  model: ServedModel,
  { stop, seed, options }: GenerationJob,
  { prompt, index, signal, counter }: { prompt: string; index: number; signal: AbortSignal; counter: TokenCounter },
): AsyncGenerator<GenerationEvent, void, undefined> {
  const pieces = model.stream(prompt, {
    ...options,
    ...(stop.length > 0 && { stopStrings: stop }),
    ...(seed !== undefined && { seed: (seed + index) % 2 ** 32 }),
    streamer: counter,
    signal,
  });
  const longest = Math.max(1, ...stop.map(({ length }) => length));
  const filter = new StopFilter(stop, prompt);
  // Of the text, and of the prompt's end: what a stop string may lie in.
  let tail = prompt.slice(1 - longest, longest > 1 ? undefined : 0);
  let isStopped = false;
  let held: string | undefined;
  for await (const piece of pieces) {
    tail = (tail + piece).slice(-(longest - 1 + piece.length) || undefined);
    isStopped = stop.some((each) => tail.includes(each));
    // The piece with a stop string is the last, and only the filter's end() cuts it off.
    const text = held === undefined ? "" : filter.push(held);
    held = piece;
    if (stop.length === 0) {
      yield { index, text: piece, finish: undefined };
      held = undefined;
    } else if (text !== "") yield { index, text, finish: undefined };
  }
  const isEnded = model.generation.eosTokenIds.includes(counter.ids.at(-1) ?? -1);
  const text = held === undefined ? "" : filter.end(held, true);
  yield { index, text, finish: isEnded || isStopped ? "stop" : "length" };
}
