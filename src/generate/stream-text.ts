// One prompt as a stream of text: tokens come from generate(), pieces go to whoever iterates.
// Prints nothing.
import { AbrazoError } from "../errors.ts";
import type { Prompt } from "./contract.ts";
import { generate } from "./generate.ts";
import type { Decoder } from "./kv-cache.ts";
import type { GenerationOptions } from "./options.ts";
import { StopFilter, type TextDecoder, TextPieces } from "./text-pieces.ts";

export interface StreamTextOptions extends Omit<GenerationOptions, "decode"> {
  /** Seed of the draws; 0 when absent. */
  seed?: number | undefined;
  /** The new text alone; otherwise the prompt's text comes first. */
  skipPrompt?: boolean | undefined;
  /** Leave special tokens out of the text (the default). */
  skipSpecialTokens?: boolean | undefined;
  /** Give the stop string that ends the text; otherwise the text ends before it. */
  includeStopString?: boolean | undefined;
}

/**
 * Text as it is generated, in pieces that are never half a character. A piece that may be the start of a stop string waits
 * until it is known to be none. Breaking out of the loop ends generation and frees what it holds.
 *
 * @throws INVALID_OPTION for beams or several texts, which have no one order; as `generate` for the rest
 */
export async function* streamText(
  decoder: Decoder,
  tokenizer: TextDecoder,
  prompt: readonly number[] | Omit<Prompt, "seed">,
  {
    seed = 0,
    skipPrompt = false,
    skipSpecialTokens = true,
    includeStopString = false,
    ...options
  }: StreamTextOptions = {},
): AsyncGenerator<string, void, undefined> {
  requireOneText(options);
  const source: Prompt = { ...("ids" in prompt ? prompt : { ids: prompt }), seed };
  const pieces = new TextPieces(tokenizer, { skipSpecialTokens });
  const promptText = pieces.push(...source.ids) + pieces.end();
  if (!skipPrompt && promptText !== "") yield promptText;
  const stopStrings = includeStopString ? [] : [options.stopStrings ?? []].flat();
  const filter = new StopFilter(stopStrings, promptText);
  const decode = (ids: readonly number[]) => tokenizer.decode(ids, { skipSpecialTokens: false });
  for await (const { id, finished } of generate(decoder, [source], { ...options, decode })) {
    const fresh = finished === "eos" && skipSpecialTokens ? "" : pieces.push(id);
    const text = finished === undefined ? filter.push(fresh) : filter.end(fresh + pieces.end(), finished === "stop");
    if (text !== "") yield text;
  }
}

function requireOneText({ numBeams = 1, numReturnSequences = 1 }: GenerationOptions): void {
  if (numBeams === 1 && numReturnSequences === 1) return;
  throw new AbrazoError({
    code: "INVALID_OPTION",
    message: `A stream is one text, and numBeams is ${numBeams}, numReturnSequences ${numReturnSequences}.`,
    hint: "Leave both out, or take whole texts from generateSequences().",
    data: { numBeams, numReturnSequences },
  });
}
