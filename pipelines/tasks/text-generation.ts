// Text generation: prompts, or chats, → continued texts, whole or as they grow.
// Knows no model and no runtime.
import { z } from "zod";
import { AbrazoError } from "../../src/errors.ts";
import type { FinishReason } from "../../src/generate/contract.ts";
import { SharedDecoders } from "../../src/generate/shared-decoder.ts";
import { cutAtStop } from "../../src/generate/stop.ts";
import { streamText } from "../../src/generate/stream-text.ts";
import { streamTokens, type TextToken } from "../../src/generate/stream-tokens.ts";
import type { ChatMessage } from "../../src/text/tokenizer.ts";
import { withAdapter } from "../adapted.ts";
import { callSettings, generateTexts, generationOptions, seedOf } from "../generation.ts";
import { textsOf } from "../inputs.ts";
import { adapter, count, parseOptions } from "../options.ts";
import type { InputStream } from "../stream.ts";
import { defineTask, type LanguageModel } from "../task.ts";

const optionsSchema = z.strictObject({
  ...generationOptions,
  /** The same seed gives the same texts; drawn anew for each call when absent. */
  seed: z.number().int().nonnegative().max(0xffffffff).optional(),
  /** The prompt in front of the text, or the chat before the answer (the default); or what is new alone. */
  returnFullText: z.boolean().optional(),
  /** Put around the prompt what the tokenizer puts around texts (the default); a chat's template does that itself. */
  addSpecialTokens: z.boolean().optional(),
  /** Of a chat: the name of one of the repository's templates, or a template. */
  chatTemplate: z.string().min(1).optional(),
  /** Of a chat: tools that the model may call, as JSON schemas, and documents to answer from. */
  tools: z.array(z.looseObject({})).optional(),
  documents: z.array(z.looseObject({})).optional(),
  /** Of a chat: go on with the last message; what is done where the assistant wrote it, when absent. */
  continueFinalMessage: z.boolean().optional(),
  /** Of a chat: what else its template reads, by the template's names, such as `enable_thinking`. */
  templateVariables: z.record(z.string(), z.unknown()).optional(),
  adapter,
  /** Texts that grow together at most, for this call. */
  batchSize: count.optional(),
});

/** How tokens are chosen, and when generation ends. */
export type TextGenerationOptions = z.infer<typeof optionsSchema>;

const tokensSchema = optionsSchema.omit({ returnFullText: true, batchSize: true }).extend({
  /** Give the logarithm of each token's probability. */
  logprobs: z.boolean().optional(),
});

/** As for a text, token by token. */
export type TokenStreamOptions = z.infer<typeof tokensSchema>;

/** A token of a text as it grows; with the last, how the text ended. */
export interface StreamedToken extends Omit<TextToken, "finished"> {
  end?: { reason: FinishReason; promptTokens: number; seed: number };
}

/** One text that was generated. */
export interface GeneratedText {
  generatedText: string;
}

/** A chat with the answer that was generated. */
export interface GeneratedChat {
  generatedText: ChatMessage[];
}

type New = TextGenerationOptions & { returnFullText: false };
type Whole = TextGenerationOptions & { returnFullText?: true | undefined };

/**
 * `pipeline("text-generation")`. As in Python, a prompt gives a list of `numReturnSequences` texts, many prompts give a
 * list of such lists, tokens are drawn unless `doSample` is false, and a text has 256 new tokens at most. What the repository's
 * generation_config.json says goes before these defaults, what the call says before both.
 *
 * A chat, `[{ role: "user", content: "…" }]`, becomes a prompt by the repository's template, and comes back with the answer.
 */
export interface TextGenerationPipeline {
  (prompt: string, options?: TextGenerationOptions): Promise<GeneratedText[]>;
  (chat: readonly ChatMessage[], options: New): Promise<GeneratedText[]>;
  (chat: readonly ChatMessage[], options?: Whole): Promise<GeneratedChat[]>;
  (prompts: readonly string[], options?: TextGenerationOptions): Promise<GeneratedText[][]>;
  (chats: readonly (readonly ChatMessage[])[], options: New): Promise<GeneratedText[][]>;
  (chats: readonly (readonly ChatMessage[])[], options?: Whole): Promise<GeneratedChat[][]>;
  (prompts: InputStream<string>, options?: TextGenerationOptions): AsyncGenerator<GeneratedText[], void, undefined>;
  /**
   * The new text of one prompt or chat as it grows, in pieces that are never half a character; with `returnFullText: true` the
   * prompt comes first. Breaking out of the loop ends generation.
   */
  stream(
    prompt: string | readonly ChatMessage[],
    options?: TextGenerationOptions,
  ): AsyncGenerator<string, void, undefined>;
  /** The same token by token, each with its id and, with `logprobs: true`, how probable it was after all processors. */
  tokens(
    prompt: string | readonly ChatMessage[],
    options?: TokenStreamOptions,
  ): AsyncGenerator<StreamedToken, void, undefined>;
}

/** What holds where neither the call nor the repository says anything: Python's pipeline has the same. */
const DEFAULTS = { doSample: true, temperature: 0.7, maxNewTokens: 256 } as const;
const BATCH_SIZE = 16;
/** Tokens whose keys and values are held at most, of all texts that grow together. */
const CACHE_TOKENS = 32_768;

export const textGeneration = defineTask({
  name: "text-generation",
  kind: "decoder",
  auto: "AutoModelForCausalLM",
  create: (base: LanguageModel, context) => {
    // Calls that run at the same time share their steps.
    const shared = new SharedDecoders({ rows: context.batchSize ?? BATCH_SIZE, tokens: CACHE_TOKENS });
    async function continueTexts(input: unknown, given?: TextGenerationOptions) {
      const call = callOf(given);
      const model = withAdapter(base, call.adapter);
      const { inputs, single } = inputsOf(input);
      const settings = callSettings("text-generation", model, call.options, DEFAULTS);
      const first = seedOf(call.seed);
      const copies = settings.numReturnSequences ?? 1;
      const ids = await Promise.all(inputs.map((each) => promptIds(model, each, call)));
      const prompts = ids.map((prompt, at) => ({ ids: prompt, seed: (first + at * copies) % 2 ** 32 }));
      const batchSize = call.batchSize ?? context.batchSize ?? BATCH_SIZE;
      const rows = await generateTexts(shared.of(model.decoder), prompts, settings, batchSize);
      const stopStrings = [settings.stopStrings ?? []].flat();
      const results = rows.map((sequences, at) =>
        sequences.map((newIds) => {
          const fresh = newText(model, ids[at] ?? [], newIds, stopStrings);
          return { generatedText: call.returnFullText === false ? fresh : joined(inputs[at] ?? "", fresh, call) };
        }),
      );
      return single ? (results[0] ?? []) : results;
    }
    async function* stream(
      prompt: string | readonly ChatMessage[],
      given?: TextGenerationOptions,
    ): AsyncGenerator<string, void, undefined> {
      const call = callOf(given);
      const model = withAdapter(base, call.adapter);
      if (call.batchSize !== undefined) throw noBatch();
      const { decode: _, ...settings } = callSettings("text-generation", model, call.options, DEFAULTS);
      const ids = await promptIds(model, oneOf(prompt), call);
      const more = { seed: seedOf(call.seed), skipPrompt: call.returnFullText !== true, includeStopString: true };
      yield* streamText(shared.of(model.decoder), model.tokenizer, ids, { ...settings, ...more });
    }
    async function* tokens(
      prompt: string | readonly ChatMessage[],
      given?: TokenStreamOptions,
    ): AsyncGenerator<StreamedToken, void, undefined> {
      const { logprobs = false, ...others } = parseOptions("text-generation", tokensSchema, given);
      const call = callOf(others);
      const model = withAdapter(base, call.adapter);
      const settings = callSettings("text-generation", model, call.options, DEFAULTS);
      const ids = await promptIds(model, oneOf(prompt), call);
      const seed = seedOf(call.seed);
      const made = streamTokens(shared.of(model.decoder), model.tokenizer, { ids, seed }, { ...settings, logprobs });
      for await (const { finished, ...token } of made)
        yield finished === undefined ? token : { ...token, end: { reason: finished, promptTokens: ids.length, seed } };
    }
    return Object.assign(continueTexts, { stream, tokens }) as TextGenerationPipeline; // safe because one prompt gives one list, an array a list of lists
  },
});

/** The options of a call: those of generation, and those of this task. */
function callOf(given: TextGenerationOptions | undefined) {
  const { seed, returnFullText, addSpecialTokens, adapter, batchSize, ...others } = parseOptions(
    "text-generation",
    optionsSchema,
    given,
  );
  const { chatTemplate, tools, documents, continueFinalMessage, templateVariables, ...options } = others;
  const chat = { chatTemplate, tools, documents, continueFinalMessage, templateVariables };
  return { seed, returnFullText, addSpecialTokens, adapter, batchSize, chat, options };
}

type Call = ReturnType<typeof callOf>;
type Chat = readonly ChatMessage[];

const chatSchema = z.array(z.looseObject({ role: z.string() })).min(1);
const isChat = (input: unknown): input is Chat => chatSchema.safeParse(input).success;

function inputsOf(input: unknown): { inputs: (string | Chat)[]; single: boolean } {
  if (isChat(input)) return { inputs: [input], single: true };
  if (Array.isArray(input) && input.length > 0 && input.every(isChat)) return { inputs: input, single: false };
  const { texts, single } = textsOf(input, "text-generation");
  return { inputs: texts, single };
}

/** The prompt or chat of a stream. */
function oneOf(prompt: unknown): string | Chat {
  const { inputs, single } = inputsOf(prompt);
  if (!single) throw oneAtATime();
  return inputs[0] ?? "";
}

/** Whether the last message of a chat goes on: where the assistant wrote it, it does. */
const goesOn = (chat: Chat, { chat: { continueFinalMessage } }: Call): boolean =>
  continueFinalMessage ?? chat.at(-1)?.role === "assistant";

/** An empty prompt starts with the token that begins texts, or with the one that ends them. */
async function promptIds(
  { tokenizer, generation }: LanguageModel,
  input: string | Chat,
  call: Call,
): Promise<number[]> {
  const { continueFinalMessage: _, templateVariables, ...chat } = call.chat;
  if (typeof input !== "string") {
    if (call.addSpecialTokens !== undefined) throw notForChats("addSpecialTokens");
    const isOpen = goesOn(input, call);
    const ends = isOpen ? { continueFinalMessage: true } : { addGenerationPrompt: true };
    return tokenizer.applyChatTemplate(input, { ...templateVariables, ...chat, ...ends, tokenize: true });
  }
  const idle = Object.entries(call.chat).find(([, value]) => value !== undefined);
  if (idle !== undefined) throw onlyForChats(idle[0]);
  const { addSpecialTokens = true } = call;
  const ids = tokenizer.encode(input, { maxLength: Number.POSITIVE_INFINITY, addSpecialTokens });
  const start = generation.bosTokenId ?? generation.eosTokenIds[0];
  return ids.length > 0 || start === undefined ? ids : [start];
}

/** The text behind its prompt, or the answer behind its chat. */
function joined(input: string | Chat, fresh: string, call: Call): string | ChatMessage[] {
  if (typeof input === "string") return input + fresh;
  const last = input.at(-1);
  if (last === undefined || !goesOn(input, call)) return [...input, { role: "assistant", content: fresh }];
  return [
    ...input.slice(0, -1),
    { ...last, content: `${typeof last.content === "string" ? last.content : ""}${fresh}` },
  ];
}

/** Text of new tokens as it continues the prompt: tokenizers that drop a leading space need to see what came before. */
function newText(
  { tokenizer }: LanguageModel,
  prompt: readonly number[],
  newIds: readonly number[],
  stopStrings: readonly string[],
): string {
  const before = tokenizer.decode(prompt);
  const all = tokenizer.decode([...prompt, ...newIds]);
  const text = all.startsWith(before) ? all.slice(before.length) : tokenizer.decode(newIds);
  return cutAtStop(text, stopStrings) ?? text;
}

function noBatch(): AbrazoError {
  return new AbrazoError({
    code: "INVALID_OPTION",
    message: "A stream is one text: batchSize changes nothing in it.",
    hint: "Leave it out.",
  });
}

function onlyForChats(option: string): AbrazoError {
  return new AbrazoError({
    code: "INVALID_OPTION",
    message: `${option} changes nothing for a text: chats alone have a template.`,
    hint: 'Give the prompt as [{ role: "user", content: "…" }], or leave the option out.',
    data: { option },
  });
}

function notForChats(option: string): AbrazoError {
  return new AbrazoError({
    code: "INVALID_OPTION",
    message: `${option} changes nothing for a chat: its template writes the special tokens.`,
    hint: "Leave it out.",
    data: { option },
  });
}

function oneAtATime(): AbrazoError {
  return new AbrazoError({
    code: "INVALID_INPUT",
    message: "A stream is of one prompt or chat, and several were given.",
    hint: "Stream them one after the other.",
  });
}
