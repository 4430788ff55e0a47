// Options of generation checked and completed: wrong and unknown ones are errors, defaults are filled in, and the names of
// generation_config.json become ours. What options there are stands in options.ts.
// Reads no file.
import type { z } from "zod";
import { requireParts, requireType } from "../arguments.ts";
import { AbrazoError, nearestName, suggestion } from "../errors.ts";
import {
  GENERATION_OPTIONS,
  type GenerationOptionName,
  type GenerationOptions,
  type GenerationSettings,
  type OptionDeclaration,
  type OptionNeed,
} from "./options.ts";

const NAMES = Object.keys(GENERATION_OPTIONS) as GenerationOptionName[]; // safe because they are the table's own keys
const TABLE: Readonly<Record<GenerationOptionName, OptionDeclaration>> = GENERATION_OPTIONS;

/** Every option's schema, for callers that add options of their own: z.strictObject({ ...generationShape, mine }). */
export const generationShape = Object.fromEntries(NAMES.map((name) => [name, TABLE[name].schema.optional()])) as {
  [Name in GenerationOptionName]: z.ZodOptional<(typeof GENERATION_OPTIONS)[Name]["schema"]>;
}; // safe because NAMES are the keys of the type, each with its own schema

/** Options of Python's that are not here: why, and what to use. The names are ours, without underscores. */
export const REFUSED_OPTIONS: Readonly<Record<string, { near?: GenerationOptionName; why: string }>> = {
  penaltyAlpha: { near: "topK", why: "Contrastive search left transformers too." },
  constraints: { near: "prefixAllowedTokensFn", why: "Constrained beam search left transformers too." },
  forceWordsIds: { near: "prefixAllowedTokensFn", why: "Constrained beam search left transformers too." },
  numBeamGroups: { near: "numBeams", why: "Groups of beams left transformers too." },
  diversityPenalty: { near: "numBeams", why: "Groups of beams left transformers too." },
  dolaLayers: { near: "numBeams", why: "Decoding by contrasting layers left transformers too." },
  lowMemory: { near: "numBeams", why: "Beams always run side by side." },
  watermarkingConfig: { near: "logitsProcessor", why: "Watermarks are not made here." },
  tokenHealing: { near: "prefixAllowedTokensFn", why: "Prompts are continued as they were cut into tokens." },
  useCache: { why: "Keys and values are always kept." },
  cacheImplementation: { why: "There is one kind of cache." },
  cacheConfig: { why: "There is one kind of cache." },
  maxCacheLen: { near: "maxLength", why: "The cache grows as it is needed." },
  prefillChunkSize: { why: "A prompt is read in one step." },
  continuousBatchingConfig: { why: "Calls of a pipeline at the same time share their steps by themselves." },
  compileConfig: { why: "A decoder is compiled once, when it is made." },
  disableCompile: { why: "A decoder is compiled once, when it is made." },
  outputAttentions: { near: "outputScores", why: "A decoder gives logits alone." },
  outputHiddenStates: { near: "outputScores", why: "A decoder gives logits alone." },
  returnDictInGenerate: { near: "outputScores", why: "Every token is given with all that was asked for." },
  isAssistant: { near: "assistant", why: "A decoder drafts for another when it is that call's assistant." },
  assistantModel: { near: "assistant", why: "It is a decoder of the same vocabulary." },
  assistantTokenizer: { near: "assistant", why: "An assistant has the vocabulary of what it drafts for." },
  assistantLookbehind: { near: "assistant", why: "An assistant has the vocabulary of what it drafts for." },
  targetLookbehind: { near: "assistant", why: "An assistant has the vocabulary of what it drafts for." },
  assistantEarlyExit: { near: "assistant", why: "A decoder gives the logits of its last layer alone." },
  assistantEnsembleWeight: { near: "assistant", why: "Drafts are only taken where the text is as without them." },
  speculationType: { near: "assistant", why: "Drafts come from an assistant or from the prompt." },
  useMtp: { near: "assistant", why: "Drafts come from an assistant or from the prompt." },
  stopSequence: { near: "stopStrings", why: "It is a string, not an id." },
  eosTokenId: { near: "eosTokenIds", why: "There may be several." },
  negativePromptIds: { near: "guidanceScale", why: "They stand with the prompt: { ids, seed, negativeIds }." },
  seed: { why: "It stands with the prompt: { ids, seed }." },
};

/**
 * Options with their defaults.
 *
 * @throws UNKNOWN_OPTION for a name that is none, with the nearest one and, where an option of Python's is left out, why;
 *   INVALID_OPTION for a value that cannot be, or for options that exclude each other; BAD_ARGUMENT
 *
 * @example
 * ```ts
 * generationSettings({ maxNewTokens: 5 }).topK; // 50
 * generationSettings({ penalty_alpha: 0.6 } as object); // throws generate() has no option "penalty_alpha".
 * ```
 */
export function generationSettings(options: GenerationOptions, where = "generate()"): GenerationSettings {
  requireParts("generationSettings", options, [], "an object of options");
  requireType("generationSettings", "string", where, 2);
  const settings: Record<string, unknown> = {};
  for (const name of NAMES) settings[name] = TABLE[name].default;
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(TABLE, name)) throw unknownName(where, name);
    if (value === undefined) continue;
    settings[name] = checked(where, name as GenerationOptionName, value); // safe because the table has it
  }
  const complete = settings as GenerationSettings; // safe because each name has its default or a value of its schema
  refuseContradictions(where, complete);
  return complete;
}

function checked(where: string, name: GenerationOptionName, value: unknown): unknown {
  const result = TABLE[name].schema.safeParse(value);
  if (result.success) return value;
  const issues = result.error.issues.map(({ path, message }) => [name, ...path].join(".").concat(`: ${message}`));
  throw invalid(`Wrong options of ${where}: ${issues.join("; ")}`, "Correct the option named.", {
    option: name,
    issues,
  });
}

function unknownName(where: string, name: string): AbrazoError {
  const ours = fromWire(name);
  const { near, why } = REFUSED_OPTIONS[ours] ?? { near: nearestName(ours, NAMES), why: undefined };
  const instead = near === undefined ? suggestion(ours, why === undefined ? NAMES : []) : `Did you mean "${near}"?`;
  return new AbrazoError({
    code: "UNKNOWN_OPTION",
    message: `${where} has no option "${name}".`,
    hint: why === undefined ? instead : near === undefined ? why : `${why} ${instead}`,
    data: { option: name, near },
  });
}

const invalid = (message: string, hint: string, data: Record<string, unknown>): AbrazoError =>
  new AbrazoError({ code: "INVALID_OPTION", message, hint, data });

interface Contradiction {
  is(settings: GenerationSettings): boolean;
  message: string;
  hint: string;
}

const isSuppressed = ({ suppressTokens = [] }: GenerationSettings, forced: number | readonly number[] | undefined) =>
  forced !== undefined && [forced].flat().every((id) => suppressTokens.includes(id));

const CONTRADICTIONS: readonly Contradiction[] = [
  {
    is: ({ numBeams, doSample, numReturnSequences }) => numBeams === 1 && !doSample && numReturnSequences > 1,
    message: "numReturnSequences is above 1, but without sampling and beams all texts would be the same.",
    hint: "Set doSample: true or numBeams, or ask for one text.",
  },
  {
    is: ({ numBeams, numReturnSequences }) => numBeams > 1 && numReturnSequences > numBeams,
    message: "numReturnSequences is above numBeams.",
    hint: "A search gives one text for each beam at most.",
  },
  {
    is: ({ numBeams, assistant, promptLookupNumTokens }) =>
      numBeams > 1 && (assistant !== undefined || promptLookupNumTokens !== undefined),
    message: "Drafts do not go with beams.",
    hint: "Leave out numBeams, or assistant and promptLookupNumTokens.",
  },
  {
    is: ({ assistant, promptLookupNumTokens }) => assistant !== undefined && promptLookupNumTokens !== undefined,
    message: "Drafts come from an assistant or from the prompt, not from both.",
    hint: "Leave out assistant or promptLookupNumTokens.",
  },
  {
    is: ({ guidanceScale, assistant, promptLookupNumTokens }) =>
      guidanceScale !== undefined && (assistant !== undefined || promptLookupNumTokens !== undefined),
    message: "Drafts do not go with guidanceScale.",
    hint: "Leave out guidanceScale, or assistant and promptLookupNumTokens.",
  },
  {
    is: ({ streamer, numBeams, numReturnSequences }) =>
      streamer !== undefined && (numBeams > 1 || numReturnSequences > 1),
    message: "A streamer gets one text, and beams or numReturnSequences make several.",
    hint: "Leave out streamer, or numBeams and numReturnSequences.",
  },
  {
    is: (settings) =>
      isSuppressed(settings, settings.forcedBosTokenId) || isSuppressed(settings, settings.forcedEosTokenId),
    message: "suppressTokens rules out the token that is forced.",
    hint: "Take it out of suppressTokens; to hold back an early end, use minNewTokens.",
  },
  {
    is: ({ exponentialDecayLengthPenalty, eosTokenIds }) =>
      exponentialDecayLengthPenalty !== undefined && [eosTokenIds].flat().length === 0,
    message: "exponentialDecayLengthPenalty makes end tokens more probable, and eosTokenIds names none.",
    hint: "Name the end tokens: { eosTokenIds: [id] }.",
  },
  {
    is: ({ stopStrings, decode }) => stopStrings.length > 0 && decode === undefined,
    message: "stopStrings are found in text, and there is no decode.",
    hint: "Pass decode: (ids) => tokenizer.decode(ids, { skipSpecialTokens: false }).",
  },
];

function refuseContradictions(where: string, settings: GenerationSettings): void {
  const found = CONTRADICTIONS.find(({ is }) => is(settings));
  if (found !== undefined) throw invalid(`${where}: ${found.message}`, found.hint, {});
}

const MEETS: Readonly<Record<OptionNeed, (settings: GenerationSettings) => boolean>> = {
  sampling: ({ doSample }) => doSample,
  beams: ({ numBeams }) => numBeams > 1,
  drafts: ({ assistant, promptLookupNumTokens }) => assistant !== undefined || promptLookupNumTokens !== undefined,
};

/**
 * The options given that change nothing as the others are, with what they need: a temperature needs sampling. `generate()`
 * takes them, since a repository's file may set what a call does not use; whoever knows what its caller wrote may refuse.
 */
export function unreadOptions(options: GenerationOptions): { name: GenerationOptionName; needs: OptionNeed }[] {
  const settings = generationSettings(options);
  return NAMES.flatMap((name) => {
    const { needs, default: neutral } = TABLE[name];
    const isGiven = options[name] !== undefined && options[name] !== neutral;
    return isGiven && needs !== undefined && !MEETS[needs](settings) ? [{ name, needs }] : [];
  });
}

/** The options without those that change nothing, for settings that come from several places. */
export function effectiveOptions(options: GenerationOptions): GenerationOptions {
  const unread = new Set<string>(unreadOptions(options).map(({ name }) => name));
  return Object.fromEntries(Object.entries(options).filter(([name]) => !unread.has(name)));
}

/** What a generation_config.json says: the options it sets, and the names that change what Python generates but not what we do. */
export interface GenerationFile {
  options: GenerationOptions;
  unread: string[];
}

const WIRE = new Map(NAMES.flatMap((name) => (TABLE[name].wire === false ? [] : [[wireName(name), name] as const])));

/** Name of an option in generation_config.json. */
export function wireName(name: GenerationOptionName): string {
  const { wire } = TABLE[name];
  return typeof wire === "string" ? wire : name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const fromWire = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Values of options that we do not have with which Python does what we do. */
const isNeutral = (value: unknown): boolean =>
  value === null || value === false || (Array.isArray(value) && value.length === 0);

const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  use_cache: [true],
  num_beam_groups: [1],
  diversity_penalty: [0],
  penalty_alpha: [0],
};

/**
 * Options from the values of a generation_config.json.
 *
 * @throws INVALID_OPTION for a value that an option cannot have; BAD_ARGUMENT
 *
 * @example
 * ```ts
 * const { options, unread } = generationFile({ do_sample: true, top_k: 5, eos_token_id: [1, 2], penalty_alpha: 0.6 });
 * options; // { doSample: true, topK: 5, eosTokenIds: [1, 2] }
 * unread; // ["penalty_alpha"]
 * ```
 */
export function generationFile(
  json: Readonly<Record<string, unknown>>,
  where = "generation_config.json",
): GenerationFile {
  requireParts("generationFile", json, [], "an object, as the file holds it");
  requireType("generationFile", "string", where, 2);
  const options: Record<string, unknown> = {};
  const unread: string[] = [];
  for (const [wire, value] of Object.entries(json)) {
    if (isNeutral(value) && !WIRE.has(wire)) continue;
    const name = WIRE.get(wire);
    if (name !== undefined && value !== null) options[name] = checked(where, name, value);
    const isRefused = name === undefined && REFUSED_OPTIONS[fromWire(wire)] !== undefined;
    if (isRefused && !NEUTRAL[wire]?.includes(value)) unread.push(wire);
  }
  return { options, unread };
}
