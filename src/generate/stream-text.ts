// One prompt as a stream of text: tokens come from generate(), pieces go to whoever iterates.
// Prints nothing.
import { requireParts } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { requireDecoder, requireIds } from "./arguments.ts";
import type { Prompt } from "./contract.ts";
import { generate } from "./generate.ts";
import type { Decoder } from "./kv-cache.ts";
import type { GenerationOptions } from "./options.ts";
import { StopFilter, type TextDecoder, TextPieces } from "./text-pieces.ts";

/** What streamText() takes besides the options of generation. */
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
 * @param prompt token ids, or a prompt without its seed
 * @throws INVALID_OPTION for beams or several texts, which have no one order, or a value that cannot be; UNKNOWN_OPTION,
 *   BAD_ARGUMENT, EMPTY_PROMPT, PROMPT_TOO_LONG, all when iteration starts
 *
 * @example
 * ```ts
 * const words = "I love this film and hate that book".split(" ");
 * const tokenizer = { decode: (ids: readonly number[]) => ids.map((id) => ` ${words[id]}`).join("") };
 * const sizes = { vocab_size: 8, n_embd: 4, n_layer: 1, n_head: 1 };
 * const config = { model_type: "gpt2", architectures: ["GPT2LMHeadModel"], ...sizes };
 * const decoder = makeDecoder(fromConfig(config, new Generator(0)).eval());
 * const pieces: string[] = [];
 * for await (const text of streamText(decoder, tokenizer, [0, 1], { maxNewTokens: 3 })) pieces.push(text);
 * pieces.length; // 4
 * pieces[0]; // " I love"
 * decoder.dispose();
 * ```
 */
export async function* streamText(
  decoder: Decoder,
  tokenizer: TextDecoder,
  prompt: readonly number[] | Omit<Prompt, "seed">,
  given: StreamTextOptions = {},
): AsyncGenerator<string, void, undefined> {
  requireArguments(decoder, tokenizer, prompt, given);
  const { seed = 0, skipPrompt = false, skipSpecialTokens = true, includeStopString = false, ...options } = given;
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

function requireArguments(decoder: unknown, tokenizer: unknown, prompt: unknown, options: unknown): void {
  requireDecoder("streamText", decoder);
  requireParts("streamText", tokenizer, ["decode"], "a tokenizer", 2);
  const isIds = Array.isArray(prompt);
  if (!isIds) requireParts("streamText", prompt, ["ids"], "token ids, or a prompt with them", 3);
  requireIds("streamText", isIds ? prompt : Reflect.get(Object(prompt), "ids"), 3);
  requireParts("streamText", options, [], "an object of options", 4);
}

/** @throws INVALID_OPTION for beams or several texts, which have no one order */
export function requireOneText({ numBeams = 1, numReturnSequences = 1 }: GenerationOptions): void {
  if (numBeams === 1 && numReturnSequences === 1) return;
  throw new AbrazoError({
    code: "INVALID_OPTION",
    message: `A stream is one text, and numBeams is ${numBeams}, numReturnSequences ${numReturnSequences}.`,
    hint: "Leave both out, or take whole texts from generateSequences().",
    data: { numBeams, numReturnSequences },
  });
}
