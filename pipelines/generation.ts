// What the tasks that generate have in common: options of a call over those of the repository, batches of prompts.
// Knows no task and no model.
import { randomInt } from "node:crypto";
import { AbrazoError } from "../src/errors.ts";
import { generateSequences, type Prompt } from "../src/generate/generate.ts";
import { effectiveOptions, generationShape, unreadOptions } from "../src/generate/generation-config.ts";
import type { Decoder } from "../src/generate/kv-cache.ts";
import type { GenerationOptions } from "../src/generate/options.ts";
import type { Tokenizer } from "../src/text/tokenizer.ts";
import type { GenerationConfig } from "./generation-config.ts";
import { lengthBuckets } from "./inputs.ts";

const { decode: _decode, outputScores: _scores, outputLogits: _logits, ...shape } = generationShape;

/** Schemas of the options that a generating task takes: what it gives are texts, so scores are not asked for. */
export const generationOptions = shape;

/** Drawn anew where the caller names none. */
export const seedOf = (seed: number | undefined): number => seed ?? randomInt(2 ** 32);

/** What a task that generates needs of a model. */
interface Generating {
  generation: GenerationConfig;
  tokenizer: Tokenizer;
}

/**
 * The call's options over the repository's over the task's.
 *
 * @throws INVALID_OPTION for an option of the call that changes nothing beside the others
 */
export function callSettings(
  task: string,
  { generation, tokenizer }: Generating,
  call: GenerationOptions,
  defaults: GenerationOptions,
): GenerationOptions {
  const given = known(call);
  const { maxLength, maxNewTokens, ...repository } = known(generation);
  const { maxLength: longest, maxNewTokens: most, ...others } = defaults;
  // One of the two ways to say how long a text may be goes before both of the next place.
  const length = [given, { maxLength, maxNewTokens }, { maxLength: longest, maxNewTokens: most }].find(
    (each) => each.maxLength !== undefined || each.maxNewTokens !== undefined,
  );
  const settings: GenerationOptions = {
    ...others,
    ...repository,
    ...given,
    maxLength: length?.maxLength,
    maxNewTokens: length?.maxNewTokens,
    decode: (ids) => tokenizer.decode(ids, { skipSpecialTokens: false }),
  };
  const idle = unreadOptions(settings).find(({ name }) => name in given);
  if (idle !== undefined) throw changesNothing(task, idle.name, idle.needs);
  const { numReturnSequences = 1, numBeams = 1, doSample = false } = settings;
  if (numReturnSequences > 1 && numBeams === 1 && !doSample) throw copiesOfOne(numReturnSequences);
  return effectiveOptions(settings);
}

function known(options: GenerationOptions): GenerationOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** Prompt tokens of a batch: bounds the keys and values that are held. */
const TOKEN_BUDGET = 8192;

/**
 * New tokens of each prompt's texts, without the one that ended them.
 *
 * @param batchSize texts that grow together at most
 * @param decoderOf the decoder for the prompts at these places, where it depends on them
 */
export async function generateTexts(
  decoder: Decoder | ((places: readonly number[]) => Decoder),
  prompts: readonly (Prompt & { cost?: number })[],
  settings: GenerationOptions,
  batchSize: number,
): Promise<number[][][]> {
  const rows = Math.max(settings.numReturnSequences ?? 1, settings.numBeams ?? 1);
  const results = new Array<number[][]>(prompts.length);
  const lengths = prompts.map(({ ids, cost }) => (cost ?? ids.length) * rows);
  const ends = new Set([settings.eosTokenIds ?? []].flat());
  for (const places of lengthBuckets(lengths, TOKEN_BUDGET, Math.max(1, Math.floor(batchSize / rows)))) {
    const batch = places.flatMap((place) => prompts[place] ?? []);
    const runner = typeof decoder === "function" ? decoder(places) : decoder;
    for (const { prompt, ids, finished } of await generateSequences(runner, batch, settings)) {
      const place = places[prompt] ?? 0;
      results[place] ??= [];
      const isEnded = finished === "eos" && ends.has(ids.at(-1) ?? -1);
      results[place].push(isEnded ? ids.slice(0, -1) : ids);
    }
  }
  return results;
}

function changesNothing(task: string, name: string, needs: string): AbrazoError {
  const how = {
    sampling: "doSample: true",
    beams: "numBeams above 1",
    drafts: "an assistant or promptLookupNumTokens",
  };
  return new AbrazoError({
    code: "INVALID_OPTION",
    message: `${name} changes nothing here: ${task} reads it only with ${needs}.`,
    hint: `Leave it out, or add ${how[needs as keyof typeof how]}.`, // safe because these are the needs that there are
    data: { option: name, needs },
  });
}

function copiesOfOne(copies: number): AbrazoError {
  return new AbrazoError({
    code: "INVALID_OPTION",
    message: `numReturnSequences is ${copies}, but without sampling all of them would be the same text.`,
    hint: "Leave out doSample: false, ask for one text, or search with as many beams.",
    data: { numReturnSequences: copies },
  });
}
