// Text generation: prompts, or chats, → continued texts, whole or as they grow.
// Knows no model and no runtime.
import { z } from "zod";
import { AbrazoError } from "../../src/errors.ts";
import { cutAtStop } from "../../src/generate/stop.ts";
import { streamText } from "../../src/generate/stream-text.ts";
import { callSettings, generateTexts, generationOptions, seedOf } from "../generation.ts";
import { textsOf } from "../inputs.ts";
import { count, parseOptions } from "../options.ts";
import type { InputStream } from "../stream.ts";
import { defineTask, type LanguageModel } from "../task.ts";

const optionsSchema = z.strictObject({
  ...generationOptions,
  /** The same seed gives the same texts; drawn anew for each call when absent. */
  seed: z.number().int().nonnegative().max(0xffffffff).optional(),
  /** The prompt in front of the text (the default), or the new text alone. */
  returnFullText: z.boolean().optional(),
  /** Put around the prompt what the tokenizer puts around texts (the default). */
  addSpecialTokens: z.boolean().optional(),
  /** Texts that grow together at most, for this call. */
  batchSize: count.optional(),
});

/** How tokens are chosen, and when generation ends. */
export type TextGenerationOptions = z.infer<typeof optionsSchema>;

/** One text that was generated. */
export interface GeneratedText {
  generatedText: string;
}

/**
 * `pipeline("text-generation")`. As in Python, a prompt gives a list of `numReturnSequences` texts, many prompts give a
 * list of such lists, tokens are drawn unless `doSample` is false, and a text has 256 new tokens at most. What the repository's
 * generation_config.json says goes before these defaults, what the call says before both.
 */
export interface TextGenerationPipeline {
  (prompt: string, options?: TextGenerationOptions): Promise<GeneratedText[]>;
  (prompts: readonly string[], options?: TextGenerationOptions): Promise<GeneratedText[][]>;
  (prompts: InputStream<string>, options?: TextGenerationOptions): AsyncGenerator<GeneratedText[], void, undefined>;
  /**
   * The new text of one prompt as it grows, in pieces that are never half a character; with `returnFullText: true` the prompt
   * comes first. Breaking out of the loop ends generation.
   */
  stream(prompt: string, options?: TextGenerationOptions): AsyncGenerator<string, void, undefined>;
}

/** What holds where neither the call nor the repository says anything: Python's pipeline has the same. */
const DEFAULTS = { doSample: true, temperature: 0.7, maxNewTokens: 256 } as const;
const BATCH_SIZE = 16;

export const textGeneration = defineTask({
  name: "text-generation",
  kind: "decoder",
  auto: "AutoModelForCausalLM",
  create: (model: LanguageModel, context) => {
    async function continueTexts(input: unknown, given?: TextGenerationOptions) {
      const {
        seed,
        returnFullText = true,
        addSpecialTokens,
        batchSize,
        ...options
      } = parseOptions("text-generation", optionsSchema, given);
      const { texts, single } = textsOf(input, "text-generation");
      const settings = callSettings("text-generation", model, options, DEFAULTS);
      const first = seedOf(seed);
      const copies = settings.numReturnSequences ?? 1;
      const prompts = texts.map((text, at) => ({
        ids: promptIds(model, text, addSpecialTokens),
        seed: (first + at * copies) % 2 ** 32,
      }));
      const rows = await generateTexts(model.decoder, prompts, settings, batchSize ?? context.batchSize ?? BATCH_SIZE);
      const results = rows.map((sequences, at) =>
        sequences.map((ids): GeneratedText => {
          const fresh = newText(model, prompts[at]?.ids ?? [], ids, [settings.stopStrings ?? []].flat());
          return { generatedText: returnFullText ? (texts[at] ?? "") + fresh : fresh };
        }),
      );
      return single ? (results[0] ?? []) : results;
    }
    async function* stream(prompt: string, given?: TextGenerationOptions): AsyncGenerator<string, void, undefined> {
      const {
        seed,
        returnFullText = false,
        addSpecialTokens,
        batchSize,
        ...options
      } = parseOptions("text-generation", optionsSchema, given);
      if (batchSize !== undefined) throw noBatch();
      const { texts } = textsOf(prompt, "text-generation");
      const { decode: _, ...settings } = callSettings("text-generation", model, options, DEFAULTS);
      const ids = promptIds(model, texts[0] ?? "", addSpecialTokens);
      const more = { seed: seedOf(seed), skipPrompt: !returnFullText, includeStopString: true };
      yield* streamText(model.decoder, model.tokenizer, ids, { ...settings, ...more });
    }
    return Object.assign(continueTexts, { stream }) as TextGenerationPipeline; // safe because one prompt gives one list, an array a list of lists
  },
});

/** An empty prompt starts with the token that begins texts, or with the one that ends them. */
function promptIds({ tokenizer, generation }: LanguageModel, text: string, addSpecialTokens = true): number[] {
  const ids = tokenizer.encode(text, { maxLength: Number.POSITIVE_INFINITY, addSpecialTokens });
  const start = generation.bosTokenId ?? generation.eosTokenIds[0];
  return ids.length > 0 || start === undefined ? ids : [start];
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
