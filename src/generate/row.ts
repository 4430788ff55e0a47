// A prompt with all that its text is made by: its processors, its rule of stopping, its stream of random numbers.
// Runs no model.
import { AbrazoError } from "../errors.ts";
import { Generator } from "../tensor/index.ts";
import type { LogitsProcessor, Prompt, RowFacts } from "./contract.ts";
import type { GenerationSettings } from "./options.ts";
import { logitsProcessors } from "./processors/index.ts";
import { StopRule } from "./stop.ts";

export interface Row {
  /** Place among the texts. */
  readonly index: number;
  /** Place of its prompt among the prompts. */
  readonly prompt: number;
  /** Prompt and text so far. */
  ids: number[];
  readonly promptLength: number;
  readonly maxLength: number;
  /** What `guidanceScale` leads away from; undefined for the last token of the prompt. */
  readonly negativeIds: readonly number[] | undefined;
  readonly generator: Generator;
  readonly processors: readonly LogitsProcessor[];
  readonly stop: StopRule;
}

/** `copies` rows for each prompt, side by side. */
export function makeRows(
  prompts: readonly Prompt[],
  longest: number,
  settings: GenerationSettings,
  copies: number,
): Row[] {
  const deadline = performance.now() + (settings.maxTime ?? Number.POSITIVE_INFINITY) * 1000;
  return prompts.flatMap((prompt, at) =>
    Array.from({ length: copies }, (_, copy) => {
      const ids = startOf(prompt, at, settings);
      const facts = factsOf(prompt, at, ids, longest, settings);
      return {
        ...{ index: at * copies + copy, prompt: at, ids, promptLength: ids.length, maxLength: facts.maxLength },
        negativeIds: prompt.negativeIds,
        generator: new Generator((prompt.seed + copy) % 2 ** 32),
        processors: logitsProcessors(settings, facts),
        stop: new StopRule(settings, facts, deadline),
      };
    }),
  );
}

function startOf({ ids }: Prompt, at: number, { decoderStartTokenId, bosTokenId }: GenerationSettings): number[] {
  if (ids.length > 0) return [...ids];
  const start = decoderStartTokenId ?? bosTokenId;
  if (start !== undefined) return [start];
  throw new AbrazoError({
    code: "EMPTY_PROMPT",
    message: `Prompt ${at} has no tokens.`,
    hint: "Start with at least one token, or name the one that texts start with: { bosTokenId: id }.",
    data: { index: at },
  });
}

function factsOf(
  { sourceIds }: Prompt,
  at: number,
  ids: readonly number[],
  longest: number,
  settings: GenerationSettings,
): RowFacts {
  const maxLength = Math.min(longest, lengthAsked(ids.length, settings));
  if (maxLength <= ids.length) throw tooLong(at, ids.length, maxLength);
  const ends = [settings.eosTokenIds].flat().length;
  return {
    ...{ prompt: at, promptLength: ids.length, maxLength, sourceIds: sourceIds ?? [...ids] },
    minTokensToKeep: settings.numBeams > 1 ? Math.max(2, ends + 1) : 1,
  };
}

/** Tokens that a text has when nothing is said of it. */
const NEW_TOKENS = 20;

function lengthAsked(promptLength: number, { maxLength, maxNewTokens }: GenerationSettings): number {
  if (maxNewTokens !== undefined) return promptLength + maxNewTokens;
  return maxLength ?? promptLength + NEW_TOKENS;
}

function tooLong(index: number, tokens: number, maxLength: number): AbrazoError {
  return new AbrazoError({
    code: "PROMPT_TOO_LONG",
    message: `Prompt ${index} has ${tokens} tokens; with the text it gets there may be ${maxLength}.`,
    hint: "Shorten the prompt.",
    data: { index, tokens, maxLength },
  });
}
