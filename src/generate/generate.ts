// Texts as an async iterator of tokens: options are checked, rows made, and a strategy is chosen.
// Knows token ids only: no text, no tokenizer, no model's name.
import { requireList, requireType } from "../arguments.ts";
import { log } from "../log.ts";
import { requireDecoder, requireIds, requirePrompts } from "./arguments.ts";
import { assisted } from "./assisted.ts";
import { beamSearch } from "./beam.ts";
import type { FinishReason, GeneratedToken, Prompt, Streamer } from "./contract.ts";
import { generationSettings, unreadOptions } from "./generation-config.ts";
import { guided } from "./guidance.ts";
import type { Decoder } from "./kv-cache.ts";
import type { GenerationOptions, GenerationSettings } from "./options.ts";
import { makeRows } from "./row.ts";
import { sample } from "./sample.ts";

export type { GeneratedToken, Prompt } from "./contract.ts";
export type { GenerationOptions as GenerateOptions } from "./options.ts";

/**
 * Continues each prompt until it is finished: `numReturnSequences` texts a prompt, which are rows of the result. Rows of a
 * batch go side by side and stop each for itself; breaking out of the loop frees what is held. Tokens come as they are
 * chosen, those of a beam search when its search has ended.
 *
 * @param prompts token ids of each, with the seed of its draws
 * @throws UNKNOWN_OPTION, INVALID_OPTION, BAD_ARGUMENT, EMPTY_PROMPT, PROMPT_TOO_LONG when iteration starts; the reason of
 *   `signal` when it is aborted
 *
 * @example
 * ```ts
 * const sizes = { vocab_size: 8, n_embd: 4, n_layer: 1, n_head: 1 };
 * const config = { model_type: "gpt2", architectures: ["GPT2LMHeadModel"], ...sizes };
 * const decoder = makeDecoder(fromConfig(config, new Generator(0)).eval());
 * const rows: number[] = [];
 * for await (const { row } of generate(decoder, [{ ids: [1, 2], seed: 0 }], { maxNewTokens: 3 })) rows.push(row);
 * rows; // [0, 0, 0]
 * decoder.dispose();
 * ```
 */
export async function* generate(
  decoder: Decoder,
  prompts: readonly Prompt[],
  options: GenerationOptions = {},
): AsyncGenerator<GeneratedToken, void, undefined> {
  requireDecoder("generate", decoder);
  requirePrompts("generate", prompts);
  const settings = generationSettings(options);
  for (const { name, needs } of unreadOptions(options))
    log.warn(`generate(): ${name} changes nothing without ${needs}`);
  if (prompts.length === 0) return;
  const tokens =
    decoder.admit === undefined ? strategyOf(settings)(decoder, prompts, settings) : shared(decoder, prompts, settings);
  yield* settings.streamer === undefined ? tokens : told(tokens, prompts, settings.streamer);
}

/** The tokens, of which the streamer is told as well. Every prompt goes in at once: it says how many rows it takes. */
async function* told(
  tokens: AsyncGenerator<GeneratedToken, void, undefined>,
  prompts: readonly Prompt[],
  streamer: Streamer,
): AsyncGenerator<GeneratedToken, void, undefined> {
  streamer.put(prompts.map(({ ids }) => ids));
  for await (const token of tokens) {
    streamer.put([[token.id]]);
    yield token;
  }
  streamer.end();
}

/** The tokens, once a decoder that is shared has room for their rows. */
async function* shared(
  decoder: Decoder,
  prompts: readonly Prompt[],
  settings: GenerationSettings,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const { assistant, promptLookupNumTokens, numBeams, numReturnSequences, guidanceScale = 1, signal } = settings;
  const isDrafted = assistant !== undefined || promptLookupNumTokens !== undefined;
  const copies = isDrafted ? 1 : Math.max(numBeams, numReturnSequences) * (guidanceScale === 1 ? 1 : 2);
  // What is wrong with a prompt is said at once.
  const lengths = makeRows(prompts, decoder.maxLength, settings, 1).map(({ maxLength }) => maxLength);
  const need = { rows: copies * (isDrafted ? 1 : prompts.length), tokens: Math.max(...lengths) };
  const room = await decoder.admit?.(need, signal);
  try {
    // Drafts are verified several tokens at once, which no other text waits for.
    const own = isDrafted ? (decoder.alone ?? decoder) : decoder;
    for await (const token of strategyOf(settings)(own, prompts, settings)) {
      room?.touch();
      yield token;
    }
  } finally {
    room?.leave();
  }
}

type Strategy = (
  decoder: Decoder,
  prompts: readonly Prompt[],
  settings: GenerationSettings,
) => AsyncGenerator<GeneratedToken, void, undefined>;

function strategyOf({ numBeams, assistant, promptLookupNumTokens }: GenerationSettings): Strategy {
  if (assistant !== undefined || promptLookupNumTokens !== undefined) return assisted;
  return numBeams > 1 ? inOneBatch(beamSearch, () => 1) : inOneBatch(sample, (settings) => settings.numReturnSequences);
}

/** All prompts in one decoding, each as so many rows. */
function inOneBatch(run: typeof sample, copies: (settings: GenerationSettings) => number): Strategy {
  return async function* batched(decoder, prompts, settings) {
    const rows = makeRows(prompts, decoder.maxLength, settings, copies(settings));
    const decoding = guided(decoder, rows, settings, copies(settings));
    try {
      yield* run(decoding, rows, settings);
    } finally {
      decoding.dispose?.();
    }
  };
}

/** One text with what was asked for of it. */
export interface GeneratedSequence {
  /** Place of its prompt among the prompts. */
  prompt: number;
  /** New tokens, the one that ended it among them. */
  ids: number[];
  finished: FinishReason;
  /** [T][V], what each token was chosen by; with `outputScores`. */
  scores?: Float32Array[];
  /** [T][V], what the model gave; with `outputLogits`. */
  logits?: Float32Array[];
  /** Sum of the log probabilities over length ** lengthPenalty; of a beam search. */
  sequenceScore?: number;
}

/**
 * As `generate`, whole texts at once, in the order of the prompts.
 *
 * @throws UNKNOWN_OPTION, INVALID_OPTION, BAD_ARGUMENT, EMPTY_PROMPT, PROMPT_TOO_LONG; the reason of `signal` when it is aborted
 *
 * @example
 * ```ts
 * const sizes = { vocab_size: 8, n_embd: 4, n_layer: 1, n_head: 1 };
 * const config = { model_type: "gpt2", architectures: ["GPT2LMHeadModel"], ...sizes };
 * const decoder = makeDecoder(fromConfig(config, new Generator(0)).eval());
 * const prompts = [{ ids: [1, 2], seed: 0 }, { ids: [5], seed: 1 }];
 * const texts = await generateSequences(decoder, prompts, { maxNewTokens: 3, doSample: true, numReturnSequences: 2 });
 * texts.map(({ prompt, ids, finished }) => [prompt, ids.length, finished]);
 * // [[0, 3, "length"], [0, 3, "length"], [1, 3, "length"], [1, 3, "length"]]
 * decoder.dispose();
 * ```
 */
export async function generateSequences(
  decoder: Decoder,
  prompts: readonly Prompt[],
  options: GenerationOptions = {},
): Promise<GeneratedSequence[]> {
  const copies = generationSettings(options).numReturnSequences;
  const sequences: GeneratedSequence[] = [];
  for await (const { row, id, finished, scores, logits, sequenceScore } of generate(decoder, prompts, options)) {
    sequences[row] ??= { prompt: Math.floor(row / copies), ids: [], finished: "length" };
    const sequence = sequences[row];
    sequence.ids.push(id);
    if (scores !== undefined) sequence.scores = [...(sequence.scores ?? []), scores];
    if (logits !== undefined) sequence.logits = [...(sequence.logits ?? []), logits];
    if (sequenceScore !== undefined) sequence.sequenceScore = sequenceScore;
    if (finished !== undefined) sequence.finished = finished;
  }
  return sequences.filter((sequence) => sequence !== undefined);
}

/**
 * Rows of equal length, short ones filled up at their end.
 *
 * @throws BAD_ARGUMENT
 *
 * @example
 * ```ts
 * padSequences([[4, 5, 1], [7, 1]], 0); // [[4, 5, 1], [7, 1, 0]]
 * ```
 */
export function padSequences(rows: readonly (readonly number[])[], padTokenId: number): number[][] {
  requireList("padSequences", rows);
  for (const row of rows) requireIds("padSequences", row, 1);
  requireType("padSequences", "number", padTokenId, 2);
  const longest = Math.max(0, ...rows.map((row) => row.length));
  return rows.map((row) => [...row, ...new Array<number>(longest - row.length).fill(padTokenId)]);
}
