// Every option of generation: what it may be, its default, what reads it. Types, checks, the names of
// generation_config.json and the list for a command line are all taken from this table.
// Reads no file and generates nothing.
import { z } from "zod";
import type { LogitsProcessor, StoppingCriterion, Streamer } from "./contract.ts";
import type { Decoder } from "./kv-cache.ts";

/** The part of generation that reads an option. */
export type OptionReader = "length" | "stop" | "strategy" | "processor" | "warper" | "output" | "tokens" | "drafts";

/** What else must be asked for, or an option changes nothing. */
export type OptionNeed = "sampling" | "beams" | "drafts";

/** What one option may be, its default, and what reads it. */
export interface OptionDeclaration<Schema extends z.ZodType = z.ZodType, Default = unknown> {
  readonly schema: Schema;
  readonly default: Default;
  readonly readBy: OptionReader;
  readonly needs?: OptionNeed;
  /** Name in generation_config.json where it is not the option's own with underscores; false for what no file can say. */
  readonly wire?: string | false;
}

interface Reading {
  readBy: OptionReader;
  needs?: OptionNeed;
  wire?: string | false;
}

function option<Schema extends z.ZodType>(schema: Schema, reading: Reading): OptionDeclaration<Schema, undefined>;
function option<Schema extends z.ZodType>(
  schema: Schema,
  reading: Reading,
  value: z.infer<Schema>,
): OptionDeclaration<Schema, z.infer<Schema>>;
function option(schema: z.ZodType, reading: Reading, value?: unknown): OptionDeclaration {
  return { schema, default: value, ...reading };
}

const id = z.number().int().nonnegative();
const ids = z.array(id).readonly();
const run = z.array(id).min(1).readonly();
const idOrIds = z.union([id, ids]);
const count = z.number().int().nonnegative();
const positive = z.number().int().positive();
const share = z.number().min(0).max(1);
const penalty = z.number().positive();
const isFunction = (value: unknown): boolean => typeof value === "function";
const processor = z.custom<LogitsProcessor>(isFunction, "expected a function");
const criterion = z.custom<StoppingCriterion>(isFunction, "expected a function");
const decoder = z.custom<Decoder>(
  (value) => typeof value === "object" && value !== null && isFunction(Reflect.get(value, "start")),
  "expected a decoder",
);

const streamer = z.custom<Streamer>(
  (value) => typeof value === "object" && value !== null && isFunction(Reflect.get(value, "put")),
  "expected an object with put() and end()",
);

/** The options of generation, in the order of Hugging Face's documentation. */
export const GENERATION_OPTIONS = {
  /** Tokens of prompt and text together at most; `maxNewTokens` goes before it. */
  maxLength: option(positive, { readBy: "length" }),
  /** Tokens to add at most; 20 where `maxLength` is absent too. */
  maxNewTokens: option(positive, { readBy: "length" }),
  /** Tokens of prompt and text together before an end token may come; `minNewTokens` goes before it. */
  minLength: option(count, { readBy: "processor" }, 0),
  /** Tokens to add before an end token may come. */
  minNewTokens: option(count, { readBy: "processor" }),
  /** Beams end with `numBeams` finished texts (true), once better ones are unlikely (false), or once they are impossible ("never"). */
  earlyStopping: option(z.union([z.boolean(), z.literal("never")]), { readBy: "strategy", needs: "beams" }, false),
  /** Seconds; the step in which they are over is the last. */
  maxTime: option(z.number().positive(), { readBy: "stop" }),
  /** Strings that end a text once its last token completes one; they need `decode`. */
  stopStrings: option(z.union([z.string().min(1), z.array(z.string().min(1)).readonly()]), { readBy: "stop" }, []),
  /** Functions of a row's ids that end it. */
  stoppingCriteria: option(z.array(criterion).readonly(), { readBy: "stop", wire: false }, []),

  /** Draw tokens; false takes the most probable each time. */
  doSample: option(z.boolean(), { readBy: "strategy" }, false),
  /** Texts that are kept side by side while searching the most probable one; 1 is no search. */
  numBeams: option(positive, { readBy: "strategy" }, 1),
  /** Exponent of the length that a beam's score is divided by: above 0 favours long texts. */
  lengthPenalty: option(z.number(), { readBy: "strategy", needs: "beams" }, 1),

  /** Divides the scores: below 1 is more certain, above 1 more varied. */
  temperature: option(penalty, { readBy: "warper", needs: "sampling" }, 1),
  /** Only the k most probable tokens may be drawn; 0 is no limit. */
  topK: option(count, { readBy: "warper", needs: "sampling" }, 50),
  /** Only the most probable tokens whose probabilities reach this sum may be drawn; 1 is no limit. */
  topP: option(share, { readBy: "warper", needs: "sampling" }, 1),
  /** Only tokens with this share of the most probable one's probability may be drawn. */
  minP: option(share, { readBy: "warper", needs: "sampling" }),
  /** Only the most probable tokens that hold this share of the entropy may be drawn. */
  topH: option(z.number().positive().max(1), { readBy: "warper", needs: "sampling" }),
  /** Only tokens about as surprising as is usual, with this sum of probabilities, may be drawn; 1 is no limit. */
  typicalP: option(z.number().positive().max(1), { readBy: "warper", needs: "sampling" }, 1),
  /** Only tokens of at least this probability may be drawn; 0 is no limit. */
  epsilonCutoff: option(z.number().min(0).lt(1), { readBy: "warper", needs: "sampling" }, 0),
  /** As `epsilonCutoff`, less where the entropy is high; 0 is no limit. */
  etaCutoff: option(z.number().min(0).lt(1), { readBy: "warper", needs: "sampling" }, 0),

  /** Above 1 makes tokens that are already there less probable; 1 leaves them. */
  repetitionPenalty: option(penalty, { readBy: "processor" }, 1),
  /** Above 1 makes tokens of the source more probable; 1 leaves them. */
  encoderRepetitionPenalty: option(penalty, { readBy: "processor" }, 1),
  /** Runs of this many tokens come once at most; 0 is no limit. */
  noRepeatNgramSize: option(count, { readBy: "processor" }, 0),
  /** Runs of this many tokens of the source do not come at all; 0 is no limit. */
  encoderNoRepeatNgramSize: option(count, { readBy: "processor" }, 0),
  /** Runs of ids that must not come. */
  badWordsIds: option(z.array(run).readonly(), { readBy: "processor" }),
  /** What is added to the score of the token that would complete each run of ids. */
  sequenceBias: option(z.array(z.tuple([run, z.number()]).readonly()).readonly(), { readBy: "processor" }),
  /** Ids that must not come. */
  suppressTokens: option(ids, { readBy: "processor" }),
  /** Ids that must not come first. */
  beginSuppressTokens: option(ids, { readBy: "processor" }),
  /** The id after a prompt of one token. */
  forcedBosTokenId: option(id, { readBy: "processor" }),
  /** The id, or ids to choose from, that a text of full length ends with. */
  forcedEosTokenId: option(idOrIds, { readBy: "processor" }),
  /** Where it starts, in new tokens, and the factor by which ends become more probable from token to token. */
  exponentialDecayLengthPenalty: option(z.tuple([count, z.number()]).readonly(), { readBy: "processor" }),
  /** NaN becomes 0 and infinities the largest numbers there are. */
  removeInvalidValues: option(z.boolean(), { readBy: "processor" }, false),
  /** Scores become log probabilities after all other processors. */
  renormalizeLogits: option(z.boolean(), { readBy: "processor" }, false),
  /** Above 1 leads away from what the model says without the prompt, or with `negativeIds` in its place; 1 does not. */
  guidanceScale: option(z.number(), { readBy: "strategy" }),
  /** Functions that change scores, after those above and before what only sampling reads. */
  logitsProcessor: option(z.array(processor).readonly(), { readBy: "processor", wire: false }, []),
  /** The ids that may come next, from the place of the prompt and the ids so far. */
  prefixAllowedTokensFn: option(
    z.custom<(prompt: number, ids: readonly number[]) => readonly number[]>(isFunction, "expected a function"),
    { readBy: "processor", wire: false },
  ),

  /** Texts for each prompt: drawn ones, or the best beams. */
  numReturnSequences: option(positive, { readBy: "output" }, 1),
  /** Give what each token was chosen by. */
  outputScores: option(z.boolean(), { readBy: "output" }, false),
  /** Give what the model said for each token. */
  outputLogits: option(z.boolean(), { readBy: "output" }, false),
  /** Text of ids, special tokens among them; only read where there are stop strings. */
  decode: option(z.custom<(ids: readonly number[]) => string>(isFunction, "expected a function"), {
    readBy: "stop",
    wire: false,
  }),
  /** Told of the prompt's ids, of each token and of the end, where there is one text. */
  streamer: option(streamer, { readBy: "output", wire: false }),
  /** Ends generation with its reason, between two steps. */
  signal: option(z.instanceof(AbortSignal), { readBy: "stop", wire: false }),

  /** Fills short rows; masked, so that any valid id serves. */
  padTokenId: option(id, { readBy: "tokens" }, 0),
  /** What a text without a prompt starts with. */
  bosTokenId: option(id, { readBy: "tokens" }),
  /** Goes before `bosTokenId`. */
  decoderStartTokenId: option(id, { readBy: "tokens" }),
  /** Ids that end a text; they are given with it. */
  eosTokenIds: option(idOrIds, { readBy: "tokens", wire: "eos_token_id" }, []),

  /** A smaller decoder of the same vocabulary that drafts tokens for the decoder to verify several at once. */
  assistant: option(decoder, { readBy: "drafts", wire: false }),
  /** Tokens of a draft at most. */
  numAssistantTokens: option(positive, { readBy: "drafts", needs: "drafts" }, 20),
  /** Two tokens more after a draft that was right and one less after any other, for this call or for the next ones too. */
  numAssistantTokensSchedule: option(
    z.enum(["constant", "heuristic", "heuristic_transient"]),
    { readBy: "drafts", needs: "drafts" },
    "constant",
  ),
  /** A draft ends with a token that the assistant gives less probability; 0 is no limit. */
  assistantConfidenceThreshold: option(share, { readBy: "drafts", needs: "drafts" }, 0.4),
  /** Draft this many tokens from what followed the last ones earlier in the text, without an assistant. */
  promptLookupNumTokens: option(positive, { readBy: "drafts" }),
  /** Tokens that must be equal for that, at most. */
  maxMatchingNgramSize: option(positive, { readBy: "drafts", needs: "drafts" }, 2),
} as const;

type Table = typeof GENERATION_OPTIONS;

/** The name of an option of generation. */
export type GenerationOptionName = keyof Table;

/** Options of generation, as a caller gives them. */
export type GenerationOptions = { -readonly [Name in keyof Table]?: z.infer<Table[Name]["schema"]> | undefined };

/** Options with their defaults. */
export type GenerationSettings = {
  readonly [Name in keyof Table]: undefined extends Table[Name]["default"]
    ? z.infer<Table[Name]["schema"]> | undefined
    : z.infer<Table[Name]["schema"]>;
};
