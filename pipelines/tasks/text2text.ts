// Text to text: summaries, translations and whatever else a model makes of a text.
// Knows no model and no runtime.
import { z } from "zod";
import { AbrazoError } from "../../src/errors.ts";
import { generationFile } from "../../src/generate/generation-config.ts";
import type { GenerationOptions } from "../../src/generate/options.ts";
import { padBatch } from "../../src/text/tokenizer.ts";
import { withAdapter } from "../adapted.ts";
import { callSettings, generateTexts, generationOptions, seedOf } from "../generation.ts";
import { textsOf } from "../inputs.ts";
import { adapter, count, parseOptions } from "../options.ts";
import type { InputStream } from "../stream.ts";
import { defineTask, type TaskContext, type Text2TextModel } from "../task.ts";

const optionsSchema = z.strictObject({
  ...generationOptions,
  /** The same seed gives the same texts; drawn anew for each call when absent. */
  seed: z.number().int().nonnegative().max(0xffffffff).optional(),
  /** In front of each text; what the model's config says for the task when absent. */
  prefix: z.string().optional(),
  /** Cut texts that are longer than the model takes (the default), or refuse them. */
  truncation: z.boolean().optional(),
  adapter,
  /** Texts that grow together at most, for this call. */
  batchSize: count.optional(),
});

/** How a text is made from another. */
export type Text2TextOptions = z.infer<typeof optionsSchema>;

const translationSchema = z.strictObject({
  ...optionsSchema.shape,
  /** The language of the texts and that of the translations, e.g. "en" and "fr". */
  srcLang: z.string().optional(),
  tgtLang: z.string().optional(),
});

/** How a text is translated. */
export type TranslationOptions = z.infer<typeof translationSchema>;

/**
 * A pipeline from text to text: one text gives a list of `numReturnSequences` results. As in Python, many texts give one result each
 * when one is asked for, and a list of lists when more are.
 */
export interface Text2TextPipeline<Result, Options = Text2TextOptions> {
  (text: string, options?: Options): Promise<Result[]>;
  (texts: readonly string[], options?: Options & { numReturnSequences?: 1 | undefined }): Promise<Result[]>;
  (texts: readonly string[], options: Options & { numReturnSequences: number }): Promise<Result[][]>;
  (
    texts: InputStream<string>,
    options?: Options & { numReturnSequences?: 1 | undefined },
  ): AsyncGenerator<Result, void, undefined>;
}

/** `pipeline("text2text-generation")`: whatever the model makes of a text. */
export type Text2TextGenerationPipeline = Text2TextPipeline<{ generatedText: string }>;
/** `pipeline("summarization")`: shorter texts that say what long ones say. */
export type SummarizationPipeline = Text2TextPipeline<{ summaryText: string }>;
/**
 * `pipeline("translation")`, also with its languages: "translation_en_to_fr". ONNX repositories of NLLB, M2M100, mBART and Marian, whose
 * tokenizers put languages into texts, are handed on to transformers.js whole: it takes fewer options, and no beams.
 */
export type TranslationPipeline = Text2TextPipeline<{ translationText: string }, TranslationOptions>;

/** Python's pipelines for these tasks have the same. */
const DEFAULTS = { maxNewTokens: 256 } as const;
const BATCH_SIZE = 16;

export const text2textGeneration = defineTask({
  name: "text2text-generation",
  kind: "text2text",
  auto: "AutoModelForSeq2SeqLM",
  create: (model: Text2TextModel, context): Text2TextGenerationPipeline =>
    // safe because the field names the result, and one text gives a list as an array does
    textToText("text2text-generation", "generatedText", model, context) as Text2TextGenerationPipeline,
});

export const summarization = defineTask({
  name: "summarization",
  kind: "text2text",
  auto: "AutoModelForSeq2SeqLM",
  create: (model: Text2TextModel, context): SummarizationPipeline =>
    textToText("summarization", "summaryText", model, context) as SummarizationPipeline, // safe as above
});

export const translation = defineTask({
  name: "translation",
  kind: "text2text",
  auto: "AutoModelForSeq2SeqLM",
  create: (model: Text2TextModel, context): TranslationPipeline =>
    textToText("translation", "translationText", model, context) as TranslationPipeline, // safe as above
});

function textToText(task: string, field: string, base: Text2TextModel, context: TaskContext) {
  return async (input: unknown, given?: TranslationOptions) => {
    const schema = task === "translation" ? translationSchema : optionsSchema;
    const { seed, prefix, truncation = true, adapter, batchSize, ...options } = parseOptions(task, schema, given);
    const model = withAdapter(base, adapter);
    const { srcLang, tgtLang, ...generation } = options as Omit<TranslationOptions, "seed">; // safe because both schemas have its other fields
    const { texts, single } = textsOf(input, task);
    const specific = specificOf(model, languageTask(task, context, srcLang, tgtLang));
    const settings = callSettings(task, withTask(model, specific.options), generation, DEFAULTS);
    const sources = texts.map((text) => sourceIds(model, (prefix ?? specific.prefix) + text, truncation));
    const first = seedOf(seed);
    const copies = settings.numReturnSequences ?? 1;
    const prompts = sources.map((source, at) => ({
      ids: [],
      sourceIds: source,
      cost: source.length,
      seed: (first + at * copies) % 2 ** 32,
    }));
    const decoderOf = (places: readonly number[]) => {
      const batch = padBatch(
        places.map((place) => sources[place] ?? []),
        model.tokenizer.padId,
      );
      return model.decoder.from({ ...batch, rows: batch.shape[0] });
    };
    const rows = await generateTexts(decoderOf, prompts, settings, batchSize ?? context.batchSize ?? BATCH_SIZE);
    const results = rows.map((list) => list.map((ids) => ({ [field]: model.tokenizer.decode(ids).trim() })));
    if (single) return results[0] ?? [];
    return copies > 1 ? results : results.flat();
  };
}

/** The name by which configs know a translation between two languages. */
function languageTask(task: string, context: TaskContext, source?: string, target?: string): string {
  const [from, to] = [source ?? context.languages?.[0], target ?? context.languages?.[1]];
  return from !== undefined && to !== undefined ? `translation_${from}_to_${to}` : task;
}

const specificSchema = z.record(z.string(), z.looseObject({ prefix: z.string().optional() }));

/** What the config says of one task: a prefix that tells the model what to do, and options of its own. */
function specificOf({ config }: Text2TextModel, task: string): { prefix: string; options: GenerationOptions } {
  const all = specificSchema.safeParse(config["task_specific_params"]);
  const { prefix = "", ...json } = (all.success ? all.data[task] : undefined) ?? {};
  const isKnown = all.success && Object.keys(all.data).some((name) => name.startsWith("translation_"));
  if (isKnown && task.startsWith("translation_") && all.data[task] === undefined)
    throw unknownLanguages(task, Object.keys(all.data));
  return { prefix, options: generationFile(json, "task_specific_params").options };
}

function withTask(model: Text2TextModel, options: GenerationOptions): Text2TextModel {
  return {
    ...model,
    generation: {
      ...model.generation,
      ...options,
      eosTokenIds: model.generation.eosTokenIds,
      padTokenId: model.generation.padTokenId,
    },
  };
}

function sourceIds({ tokenizer, maxLength }: Text2TextModel, text: string, truncation: boolean): number[] {
  const ids = tokenizer.encode(text, { maxLength: truncation ? maxLength : Number.POSITIVE_INFINITY });
  if (ids.length <= maxLength && ids.length > 0) return ids;
  throw new AbrazoError({
    code: ids.length === 0 ? "EMPTY_PROMPT" : "PROMPT_TOO_LONG",
    message:
      ids.length === 0 ? "The text has no tokens." : `The text has ${ids.length} tokens; the model takes ${maxLength}.`,
    hint: ids.length === 0 ? "Give a text." : "Shorten it, or let it be cut: { truncation: true }.",
    data: { tokens: ids.length, maxLength },
  });
}

function unknownLanguages(task: string, known: readonly string[]): AbrazoError {
  const pairs = known.filter((name) => name.startsWith("translation_"));
  return new AbrazoError({
    code: "INVALID_OPTION",
    message: `The model does not say how it does ${task}.`,
    hint: `It knows ${pairs.join(", ")}.`,
    data: { task, known: pairs },
  });
}
