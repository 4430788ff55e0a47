// Text generation: prompts → continued texts.
// Knows no model and no runtime.
import { randomInt } from "node:crypto";
import { z } from "zod";
import { AbrazoError } from "../../src/errors.ts";
import { type GenerateOptions, generate, type Prompt } from "../../src/generate/generate.ts";
import { effectiveOptions } from "../../src/generate/generation-config.ts";
import { cutAtStop } from "../../src/generate/stop.ts";
import { lengthBuckets, textsOf } from "../inputs.ts";
import { count, parseOptions } from "../options.ts";
import { defineTask, type LanguageModel } from "../task.ts";

const optionsSchema = z.strictObject({
  /** Tokens to add at most; 256 when absent, and never beyond what the model can take. */
  maxNewTokens: count.optional(),
  /** Tokens of prompt and text together at most; `maxNewTokens` goes before it. */
  maxLength: count.optional(),
  /** Draw tokens (the default); false takes the most probable each time. */
  doSample: z.boolean().optional(),
  /** Divides the logits before drawing; 0.7 when absent. */
  temperature: z.number().positive().optional(),
  /** Draw from the k most probable tokens; 50 when absent, 0 for no limit. */
  topK: z.number().int().nonnegative().optional(),
  /** Draw from the most probable tokens that reach this probability together; 1 when absent. */
  topP: z.number().positive().max(1).optional(),
  /** Above 1 makes tokens that are already there less probable; 1 when absent. */
  repetitionPenalty: z.number().positive().optional(),
  /** The same seed gives the same texts; drawn anew for each call when absent. */
  seed: z.number().int().nonnegative().max(0xffffffff).optional(),
  /** The prompt in front of the text (the default), or the new text alone. */
  returnFullText: z.boolean().optional(),
  /** Strings that end a text; the text ends with them. */
  stopStrings: z.union([z.string().min(1), z.array(z.string().min(1))]).optional(),
  /** Texts for each prompt; 1 when absent. */
  numReturnSequences: count.optional(),
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
 * list of such lists, and tokens are drawn unless `doSample` is false. What the repository's generation_config.json
 * says goes before these defaults, what the call says before both.
 */
export interface TextGenerationPipeline {
  (prompt: string, options?: TextGenerationOptions): Promise<GeneratedText[]>;
  (prompts: readonly string[], options?: TextGenerationOptions): Promise<GeneratedText[][]>;
}

const BATCH_SIZE = 16;
/** Prompt tokens of a batch: bounds the keys and values that are held. */
const TOKEN_BUDGET = 8192;

export const textGeneration = defineTask({
  name: "text-generation",
  kind: "decoder",
  auto: "AutoModelForCausalLM",
  create: (model: LanguageModel, context) => {
    async function continueTexts(
      input: unknown,
      given?: TextGenerationOptions,
    ): Promise<GeneratedText[] | GeneratedText[][]> {
      const options = parseOptions("text-generation", optionsSchema, given);
      const { texts, single } = textsOf(input, "text-generation");
      const batchSize = options.batchSize ?? context.batchSize ?? BATCH_SIZE;
      const results = await continueAll(model, texts, options, batchSize);
      return single ? (results[0] ?? []) : results;
    }
    return continueTexts as TextGenerationPipeline; // safe because one prompt gives one list and an array gives a list of lists
  },
});

async function continueAll(
  model: LanguageModel,
  texts: readonly string[],
  options: TextGenerationOptions,
  batchSize: number,
): Promise<GeneratedText[][]> {
  const copies = options.numReturnSequences ?? 1;
  const generateOptions = settings(model, options);
  if (copies > 1 && !generateOptions.doSample) throw copiesOfOne(copies);
  const seed = options.seed ?? randomInt(2 ** 32);
  const prompts = texts.flatMap((text, at) => {
    const ids = promptIds(model, text);
    return Array.from({ length: copies }, (_, copy): Prompt => ({ ids, seed: (seed + at * copies + copy) % 2 ** 32 }));
  });
  const added = new Array<number[]>(prompts.length).fill([]);
  const lengths = prompts.map(({ ids }) => ids.length);
  for (const places of lengthBuckets(lengths, TOKEN_BUDGET, batchSize)) {
    const batch = places.flatMap((place) => prompts[place] ?? []);
    const rows = await collect(model, batch, generateOptions);
    for (const [row, place] of places.entries()) added[place] = rows[row] ?? [];
  }
  const fullText = options.returnFullText ?? true;
  return texts.map((text, at) =>
    added.slice(at * copies, (at + 1) * copies).map((newIds) => {
      const fresh = newText(model, prompts[at * copies]?.ids ?? [], newIds, generateOptions);
      return { generatedText: fullText ? text + fresh : fresh };
    }),
  );
}

/** The call's options over the repository's over the pipeline's. */
function settings({ generation, tokenizer }: LanguageModel, options: TextGenerationOptions): GenerateOptions {
  const { maxLength, maxNewTokens, stopStrings } = options;
  const length =
    maxLength === undefined && maxNewTokens === undefined
      ? { maxLength: generation.maxLength, maxNewTokens: generation.maxNewTokens }
      : { maxLength, maxNewTokens };
  return effectiveOptions({
    ...generation,
    maxLength: length.maxLength,
    maxNewTokens: length.maxNewTokens ?? (length.maxLength === undefined ? 256 : undefined),
    stopStrings: stopStrings ?? generation.stopStrings,
    doSample: options.doSample ?? generation.doSample ?? true,
    temperature: options.temperature ?? generation.temperature ?? 0.7,
    topK: options.topK ?? generation.topK,
    topP: options.topP ?? generation.topP,
    repetitionPenalty: options.repetitionPenalty ?? generation.repetitionPenalty,
    // Copies are rows of their own here, so that they may lie in different batches.
    numReturnSequences: 1,
    decode: (ids) => tokenizer.decode(ids, { skipSpecialTokens: false }),
  });
}

/** An empty prompt starts with the token that begins texts, or with the one that ends them. */
function promptIds({ tokenizer, generation }: LanguageModel, text: string): number[] {
  const ids = tokenizer.encode(text, { maxLength: Number.POSITIVE_INFINITY });
  const start = generation.bosTokenId ?? generation.eosTokenIds[0];
  return ids.length > 0 || start === undefined ? ids : [start];
}

/** New tokens of each row, without the one that ended it. */
async function collect(
  model: LanguageModel,
  prompts: readonly Prompt[],
  options: GenerateOptions,
): Promise<number[][]> {
  const rows = prompts.map((): number[] => []);
  for await (const { row, id, finished } of generate(model.decoder, prompts, options)) {
    if (finished !== "eos") rows[row]?.push(id);
  }
  return rows;
}

/** Text of new tokens as it continues the prompt: tokenizers that drop a leading space need to see what came before. */
function newText(
  { tokenizer }: LanguageModel,
  prompt: readonly number[],
  newIds: readonly number[],
  options: GenerateOptions,
): string {
  const before = tokenizer.decode(prompt);
  const all = tokenizer.decode([...prompt, ...newIds]);
  const text = all.startsWith(before) ? all.slice(before.length) : tokenizer.decode(newIds);
  return cutAtStop(text, [options.stopStrings ?? []].flat()) ?? text;
}

function copiesOfOne(copies: number): AbrazoError {
  return new AbrazoError({
    code: "INVALID_OPTION",
    message: `numReturnSequences is ${copies}, but without sampling all of them would be the same text.`,
    hint: "Leave out doSample: false, or ask for one text.",
    data: { numReturnSequences: copies },
  });
}
