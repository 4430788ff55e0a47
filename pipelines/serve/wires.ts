// WIRES: each task as the Inference API speaks it: its inputs, its parameters, its results in snake_case.
// Knows no HTTP. Holds no logic of a task: a pipeline does it.
import { z } from "zod";
import { wireName } from "../../src/generate/generation-config.ts";
import { GENERATION_OPTIONS, type GenerationOptionName } from "../../src/generate/options.ts";
import { Tensor } from "../../src/tensor/index.ts";
import { badRequest, RequestError, snakeCase } from "./errors.ts";
import { lengthOf } from "./lengths.ts";
import type { ServedModel } from "./models.ts";

/** One task on the wire. */
export interface Wire {
  /** The pipeline's options by the names of their parameters. */
  parameters: Readonly<Record<string, string>>;
  /** What one input is. */
  input: z.ZodType;
  /** The texts of an input. */
  texts(input: unknown): string[];
  /** Parameters that stand beside the inputs as well, because clients put them there. */
  beside?: readonly string[];
  /** Inputs of several requests may run together; generation goes one request after the other. */
  isGathered: boolean;
  /** Options where the caller names none, and checks of those it names. */
  options?(model: ServedModel, options: Record<string, unknown>): Record<string, unknown>;
  /** One output for each input. */
  run(model: ServedModel, inputs: unknown[], options: Record<string, unknown>): Promise<unknown[]>;
  /** An output in the wire's words. */
  output(output: unknown, input: unknown): unknown;
  /** What a single input gives; its output where absent. */
  one?(output: unknown): unknown;
  /** What several inputs give; the list of their outputs where absent. */
  many?(outputs: unknown[]): unknown;
}

const text = z.string();
const textOnly = { input: text, texts: (input: unknown) => [String(input)] };

/** Parameters with our names for them. */
const named = (...options: string[]): Record<string, string> =>
  Object.fromEntries(options.map((name) => [snakeCase(name), name]));

/** Scores and logits are no part of a text; what cannot be written as JSON has no name on the wire. */
const generation = Object.fromEntries(
  (Object.keys(GENERATION_OPTIONS) as GenerationOptionName[]) // safe because they are the table's own keys
    .filter((name) => !("wire" in GENERATION_OPTIONS[name]) || GENERATION_OPTIONS[name].wire !== false)
    .filter((name) => name !== "outputScores" && name !== "outputLogits")
    .map((name) => [wireName(name), name]),
);

/** Calls the pipeline with all inputs at once, which gives an array. */
async function listed(model: ServedModel, ...args: unknown[]): Promise<unknown[]> {
  const outputs = await model.call(...args);
  return outputs as unknown[]; // safe because a pipeline gives an array for an array
}

const fieldsOf = (value: unknown): [string, unknown][] => Object.entries(Object(value));

/** An object, or arrays of them at any depth, with other fields. */
function mapped(value: unknown, change: (fields: [string, unknown][]) => [string, unknown][]): unknown {
  if (Array.isArray(value)) return value.map((item) => mapped(item, change));
  return Object.fromEntries(change(fieldsOf(value)));
}

const renamed = (value: unknown): unknown =>
  mapped(value, (fields) => fields.map(([name, field]) => [snakeCase(name), field]));

const zeroShot = z.object({ labels: z.array(z.string()), scores: z.array(z.number()) });

function labelsWithScores(output: unknown): unknown {
  if (Array.isArray(output)) return output.map(labelsWithScores);
  const { labels, scores } = zeroShot.parse(output);
  return labels.map((label, at) => ({ label, score: scores[at] }));
}

/** Places are counted in characters on the wire, as Python counts them, not in UTF-16 units. */
function placedIn(source: string, value: unknown): unknown {
  const place = (at: unknown) => [...source.slice(0, Number(at))].length;
  return mapped(value, (fields) =>
    fields.map(([name, field]) => [snakeCase(name), name === "start" || name === "end" ? place(field) : field]),
  );
}

const pair = z.strictObject({ text, text_pair: text.optional() });
const question = z.strictObject({ question: text.min(1), context: text.min(1) });

const toText = (): Wire => ({
  ...textOnly,
  parameters: { ...generation, ...named("seed", "prefix", "truncation") },
  isGathered: false,
  options: (model, options) => {
    const { maxNewTokens } = boundedLength(model, options);
    // The repository may ask for longer texts than this server makes.
    return { ...options, stoppingCriteria: [(ids: readonly number[]) => ids.length > maxNewTokens] };
  },
  run: async (model, inputs, options) => {
    const outputs = await listed(model, inputs, options);
    return outputs.map((output) => [output].flat());
  },
  output: renamed,
  many: (outputs) => (outputs.every((list) => Array.isArray(list) && list.length === 1) ? outputs.flat() : outputs),
});

/** @throws INVALID_REQUEST where the caller asks for more than this server makes */
function boundedLength(model: ServedModel, options: Record<string, unknown>): { maxNewTokens: number } {
  const { maxNewTokens, maxSequences } = model.limits;
  const bounds = { maxNewTokens, maxLength: maxNewTokens, numBeams: maxSequences, numReturnSequences: maxSequences };
  for (const [name, most] of Object.entries(bounds)) {
    const asked = options[name];
    if (typeof asked !== "number" || asked <= most) continue;
    throw badRequest(`${snakeCase(name)} is ${asked}; this server allows ${most}.`, snakeCase(name));
  }
  return { maxNewTokens };
}

/** The tasks that are served. */
export const WIRES = {
  "text-classification": {
    parameters: named("topK", "functionToApply"),
    input: z.union([text, pair]),
    texts: (input) => (typeof input === "string" ? [input] : fieldsOf(input).map(([, field]) => String(field))),
    isGathered: true,
    run: (model, inputs, options) => {
      const pairs = inputs.map((input) => {
        if (typeof input === "string") return input;
        const { text: first, text_pair: textPair } = pair.parse(input);
        return textPair === undefined ? first : { text: first, textPair };
      });
      return listed(model, pairs, { topK: null, ...options });
    },
    output: renamed,
    // Clients take the first of the list: it was a list of texts before single texts were allowed.
    one: (output) => [output],
  },
  "token-classification": {
    ...textOnly,
    parameters: named("aggregationStrategy", "ignoreLabels", "stride"),
    isGathered: true,
    run: (model, inputs, options) => listed(model, inputs, { aggregationStrategy: "simple", ...options }),
    output: (output, input) => placedIn(String(input), output),
  },
  "question-answering": {
    input: question,
    texts: (input) => fieldsOf(input).map(([, field]) => String(field)),
    parameters: named("topK", "docStride", "maxAnswerLen", "maxSeqLen", "handleImpossibleAnswer", "alignToWords"),
    isGathered: true,
    run: listed,
    output: (output, input) => placedIn(question.parse(input).context, output),
  },
  "fill-mask": {
    ...textOnly,
    parameters: named("topK", "targets"),
    isGathered: true,
    run: listed,
    output: renamed,
  },
  "zero-shot-classification": {
    ...textOnly,
    parameters: named("candidateLabels", "hypothesisTemplate", "multiLabel"),
    isGathered: true,
    options: (_, options) => {
      if (options["candidateLabels"] !== undefined) return options;
      throw badRequest("zero-shot-classification needs candidate_labels.", "parameters.candidate_labels");
    },
    run: (model, inputs, { candidateLabels, ...options }) => listed(model, inputs, candidateLabels, options),
    // As the API gives it today, and as both of Hugging Face's clients read it.
    output: labelsWithScores,
  },
  "feature-extraction": {
    ...textOnly,
    parameters: named("pooling", "normalize"),
    beside: ["normalize"],
    isGathered: true,
    options: (_, options) => {
      const isPooled = options["pooling"] !== undefined && options["pooling"] !== "none";
      if (options["normalize"] !== true || isPooled) return options;
      throw badRequest("normalize changes nothing without a pooling: mean, cls, lastToken or max.", "normalize");
    },
    run: featuresOf,
    output: (output) => output,
  },
  "text-generation": {
    ...textOnly,
    parameters: {
      ...generation,
      ...{ stop: "stopStrings", stop_sequences: "stopStrings" },
      ...named("seed", "returnFullText", "addSpecialTokens"),
    },
    isGathered: false,
    options: (model, options) => {
      boundedLength(model, options);
      const isGiven = options["maxNewTokens"] !== undefined || options["maxLength"] !== undefined;
      return isGiven ? options : { ...options, ...lengthOf(model) };
    },
    run: listed,
    output: renamed,
  },
  "text2text-generation": toText(),
  summarization: toText(),
  translation: {
    ...toText(),
    parameters: { ...toText().parameters, ...named("srcLang", "tgtLang") },
  },
} as const satisfies Readonly<Record<string, Wire>>;

/** Of each text its own tokens' states, without those that fill up a batch, or its vector. */
async function featuresOf(model: ServedModel, inputs: unknown[], options: Record<string, unknown>): Promise<unknown[]> {
  const features = await model.call(inputs, options);
  if (!(features instanceof Tensor)) throw new RequestError(500, { code: "INTERNAL", message: "internal: no tensor" });
  const list = await features.tolist();
  const rows = Array.isArray(list) ? list : [];
  if (features.shape.length === 2) return rows;
  return rows.map((row, at) => {
    // A text that was cut fills its row.
    const length = model.tokenizer.encode(String(inputs[at]), { maxLength: Number.POSITIVE_INFINITY }).length;
    return Array.isArray(row) ? row.slice(0, length) : row;
  });
}
