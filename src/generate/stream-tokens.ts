// One prompt as a stream of tokens, each with its text and how probable it was.
// Prints nothing.
import type { FinishReason, Prompt } from "./contract.ts";
import { generate } from "./generate.ts";
import type { Decoder } from "./kv-cache.ts";
import type { GenerationOptions } from "./options.ts";
import { largestOf, totalWeight } from "./processors/scores.ts";
import { requireOneText } from "./stream-text.ts";
import { type TextDecoder, TextPieces } from "./text-pieces.ts";

/** One token of a text as it grows. */
export interface TextToken {
  id: number;
  /** What it adds to the text; empty while a character lacks bytes, of special tokens and of the one that ends it. */
  text: string;
  /** Its name in the vocabulary. */
  name: string;
  isSpecial: boolean;
  /** Natural logarithm of the probability that it was chosen with, after all processors; with `logprobs`. */
  logprob: number | undefined;
  /** With the last token. */
  finished: FinishReason | undefined;
}

/** What is needed of a tokenizer: its texts, and which of its tokens are no part of them. */
interface TokenNamer extends TextDecoder {
  isSpecial(id: number): boolean;
  idToToken(id: number): string | undefined;
}

/**
 * The new tokens of one prompt. Breaking out of the loop ends generation.
 *
 * @throws INVALID_OPTION for beams or several texts, and what generate() throws, when iteration starts
 */
export async function* streamTokens(
  decoder: Decoder,
  tokenizer: TokenNamer,
  prompt: Prompt,
  { logprobs, ...options }: GenerationOptions & { logprobs: boolean },
): AsyncGenerator<TextToken, void, undefined> {
  requireOneText(options);
  const pieces = new TextPieces(tokenizer, { skipSpecialTokens: true });
  // The first token's text may depend on what it follows.
  pieces.push(...prompt.ids);
  pieces.end();
  for await (const { id, finished, scores } of generate(decoder, [prompt], { ...options, outputScores: logprobs })) {
    const isSpecial = tokenizer.isSpecial(id);
    const fresh = isSpecial || finished === "eos" ? "" : pieces.push(id);
    const text = finished === undefined ? fresh : fresh + pieces.end();
    yield {
      ...{ id, text, isSpecial, finished, name: tokenizer.idToToken(id) ?? "" },
      logprob: scores === undefined ? undefined : logprobOf(scores, id),
    };
  }
}

function logprobOf(scores: Float32Array, id: number): number {
  const largest = largestOf(scores);
  return (scores[id] ?? Number.NEGATIVE_INFINITY) - largest - Math.log(totalWeight(scores, largest));
}
