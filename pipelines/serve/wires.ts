// WIRES: each task as the Inference API speaks it: its inputs, its parameters, its results in snake_case. Those of images stand in
// image-wires.ts.
// Knows no HTTP. Holds no logic of a task: a pipeline does it.
import { z } from "zod";
import { wireName } from "../../src/generate/generation-config.ts";
import { GENERATION_OPTIONS, type GenerationOptionName } from "../../src/generate/options.ts";
import { Tensor } from "../../src/tensor/index.ts";
import { badRequest, RequestError, snakeCase } from "./errors.ts";
import { AT_ONCE } from "./generated.ts";
import { IMAGE_WIRES } from "./image-wires.ts";
import { hasLength, lengthOf, madeLength } from "./lengths.ts";
import { someAtOnce } from "./merged.ts";
import type { ServedModel } from "./models.ts";
import { detailedText } from "./token-events.ts";
import { listed, named, type RunOptions, type Wire, withLabels } from "./wire.ts";

const text = z.string();
const textOnly = { input: text, texts: (input: unknown) => [String(input)] };

/** Scores and logits are no part of a text; what cannot be written as JSON has no name on the wire. */
const generation = Object.fromEntries(
  (Object.keys(GENERATION_OPTIONS) as GenerationOptionName[]) // safe because they are the table's own keys
    .filter((name) => !("wire" in GENERATION_OPTIONS[name]) || GENERATION_OPTIONS[name].wire !== false)
    .filter((name) => name !== "outputScores" && name !== "outputLogits")
    .map((name) => [wireName(name), name]),
);

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
  // A text drawn with a seed depends on its place among the texts of a call.
  together: ({ seed }) => (seed === undefined ? "gathered" : "turn"),
  options: (model, options) => {
    boundedLength(model, options);
    return { ...options, ...madeLength(model, options) };
  },
  run: async (model, inputs, options) => {
    const outputs = await listed(model, inputs, options);
    return outputs.map((output) => [output].flat());
  },
  output: renamed,
  many: (outputs) => (outputs.every((list) => Array.isArray(list) && list.length === 1) ? outputs.flat() : outputs),
});

/** Each text by itself, a few at once: they grow beside those of others. */
function continued(
  model: ServedModel,
  inputs: unknown[],
  { signal, details, ...options }: RunOptions,
): Promise<unknown[]> {
  const { seed, numReturnSequences: copies } = options;
  return someAtOnce(inputs, AT_ONCE, signal, async (input, at, ended) => {
    const own = typeof seed === "number" ? { seed: (seed + at * Number(copies ?? 1)) % 2 ** 32 } : {};
    const all = { ...options, ...own };
    if (details !== true) return model.call(input, { ...all, signal: ended });
    return [await detailedText({ model, prompt: String(input), options: all, signal: ended })];
  });
}

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
    run: (model, inputs, options) => listed(model, inputs, { aggregationStrategy: "simple", ...options }),
    output: (output, input) => placedIn(String(input), output),
  },
  "question-answering": {
    input: question,
    texts: (input) => fieldsOf(input).map(([, field]) => String(field)),
    parameters: named("topK", "docStride", "maxAnswerLen", "maxSeqLen", "handleImpossibleAnswer", "alignToWords"),
    run: listed,
    output: (output, input) => placedIn(question.parse(input).context, output),
  },
  "fill-mask": {
    ...textOnly,
    parameters: named("topK", "targets"),
    run: listed,
    output: renamed,
  },
  "zero-shot-classification": {
    ...textOnly,
    parameters: named("candidateLabels", "hypothesisTemplate", "multiLabel"),
    options: withLabels("zero-shot-classification"),
    run: (model, inputs, { candidateLabels, ...options }) => listed(model, inputs, candidateLabels, options),
    // As the API gives it today, and as both of Hugging Face's clients read it.
    output: labelsWithScores,
  },
  "feature-extraction": {
    ...textOnly,
    parameters: named("pooling", "normalize"),
    beside: ["normalize"],
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
      ...named("seed", "returnFullText", "addSpecialTokens", "details"),
    },
    isStreamed: true,
    together: () => "shared",
    options: (model, options) => {
      boundedLength(model, options);
      if (typeof (options["details"] ?? false) !== "boolean")
        throw badRequest("details is true or false.", "parameters.details");
      return hasLength(options) ? options : { ...options, ...lengthOf(model) };
    },
    run: continued,
    output: renamed,
  },
  ...IMAGE_WIRES,
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
