// Question answering: questions and contexts → the parts of the contexts that answer them.
// Knows no model and no runtime.
import { z } from "zod";
import { AbrazoError } from "../../src/errors.ts";
import type { Encoding } from "../../src/text/tokenizer.ts";
import { withAdapter } from "../adapted.ts";
import { adapter, count, parseOptions, signal } from "../options.ts";
import { encodeWindows, runRows } from "../rows.ts";
import { softmax } from "../scores.ts";
import type { InputStream } from "../stream.ts";
import { defineTask, type Encoder, type Output } from "../task.ts";

const optionsSchema = z.strictObject({
  /** Answers to give for each question, best first; 1 when absent, without a list around it. */
  topK: count.optional(),
  /** Tokens that neighbouring parts of a long context share; 128, or half of a part, when absent. */
  docStride: z.number().int().nonnegative().optional(),
  /** Tokens of an answer at most; 15 when absent. */
  maxAnswerLen: count.optional(),
  /** Tokens of a question and a part of its context together; 384, or what the model takes, when absent. */
  maxSeqLen: count.optional(),
  /** Gives an empty answer too, with the score that there is none. */
  handleImpossibleAnswer: z.boolean().optional(),
  /** Answers start and end with words (the default), not within. */
  alignToWords: z.boolean().optional(),
  adapter,
  signal,
  /** Parts of contexts that run together at most, for this call. */
  batchSize: count.optional(),
});

/** How answers are looked for. */
export type QuestionAnsweringOptions = z.infer<typeof optionsSchema>;

/** A question and the text that answers it. */
export interface QuestionAnsweringInput {
  question: string;
  context: string;
}

/** A part of a context; `start` and `end` are places in it, in UTF-16 units as JavaScript counts. */
export interface Answer {
  score: number;
  start: number;
  end: number;
  answer: string;
}

type One = { topK?: undefined | 1 };
type Many = { topK: number };

/**
 * `pipeline("question-answering")`: call it with a question and a context, with `{ question, context }`, or with an array of
 * those. With `topK` above 1 each gives a list of answers. Contexts longer than the model are read in parts that overlap.
 */
export interface QuestionAnsweringPipeline {
  (question: string, context: string, options?: QuestionAnsweringOptions & One): Promise<Answer>;
  (question: string, context: string, options: QuestionAnsweringOptions & Many): Promise<Answer[]>;
  (input: QuestionAnsweringInput, options?: QuestionAnsweringOptions & One): Promise<Answer>;
  (input: QuestionAnsweringInput, options: QuestionAnsweringOptions & Many): Promise<Answer[]>;
  (inputs: readonly QuestionAnsweringInput[], options?: QuestionAnsweringOptions & One): Promise<Answer[]>;
  (inputs: readonly QuestionAnsweringInput[], options: QuestionAnsweringOptions & Many): Promise<Answer[][]>;
  (
    inputs: InputStream<QuestionAnsweringInput>,
    options?: QuestionAnsweringOptions & One,
  ): AsyncGenerator<Answer, void, undefined>;
}

export const questionAnswering = defineTask({
  name: "question-answering",
  kind: "encoder",
  auto: "AutoModelForQuestionAnswering",
  create: (base: Encoder, context) => {
    async function answer(first: unknown, ...others: unknown[]): Promise<Answer | Answer[] | Answer[][]> {
      const isPair = typeof first === "string";
      const input = isPair ? { question: first, context: others[0] } : first;
      const options = parseOptions("question-answering", optionsSchema, isPair ? others[1] : others[0]);
      const { inputs, single } = inputsOf(input);
      const engine = withAdapter(base, options.adapter);
      const answers = await answersOf(engine, inputs, { batchSize: context.batchSize, ...options });
      const given =
        options.topK === undefined || options.topK === 1 ? answers.flatMap((list) => list.slice(0, 1)) : answers;
      return single ? (given[0] ?? []) : (given as Answer[] | Answer[][]); // safe because all of them are of one kind
    }
    return answer as QuestionAnsweringPipeline; // safe because the overloads describe what the branches above return
  },
});

function inputsOf(input: unknown): { inputs: QuestionAnsweringInput[]; single: boolean } {
  const single = !Array.isArray(input);
  const list: readonly unknown[] = Array.isArray(input) ? input : [input];
  return { single, inputs: list.map(checked) };
}

const inputSchema = z.strictObject({ question: z.string().min(1), context: z.string().min(1) });

function checked(input: unknown, at: number): QuestionAnsweringInput {
  const result = inputSchema.safeParse(input);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${path.join(".") || "input"}: ${message}`);
  throw new AbrazoError({
    code: "INVALID_INPUT",
    message: `Input ${at} of question-answering is no question with a context: ${issues.join("; ")}`,
    hint: "Call it with a question and a context, neither of them empty, or with { question, context }.",
    data: { at },
  });
}

async function answersOf(
  engine: Encoder,
  inputs: readonly QuestionAnsweringInput[],
  options: QuestionAnsweringOptions,
): Promise<Answer[][]> {
  const maxLength = Math.min(options.maxSeqLen ?? 384, engine.maxLength);
  const stride = options.docStride ?? Math.min(Math.floor(maxLength / 2), 128);
  const windows = inputs.flatMap(({ question, context }, at) =>
    encodeWindows(engine, { text: question, textPair: context }, { stride, maxLength, truncation: "onlySecond" }).map(
      (encoding) => ({ at, context, encoding }),
    ),
  );
  const rows = windows.map(({ encoding }) => encoding);
  const outputs = await runRows(engine, rows, options);
  const found = inputs.map(() => new Answers());
  for (const [window, { at, context, encoding }] of windows.entries()) {
    found[at]?.add(context, encoding, outputs[window] ?? {}, options);
  }
  return found.map((answers) => answers.best(options));
}

/** The answers that the parts of one context give. */
class Answers {
  readonly #bySpan = new Map<string, Answer>();
  /** The least score of "no answer" among the parts: one part with an answer is enough. */
  #none = 1;

  add(
    context: string,
    encoding: Encoding,
    outputs: Readonly<Record<string, Output>>,
    { topK = 1, maxAnswerLen = 15, alignToWords = true }: QuestionAnsweringOptions,
  ): void {
    const inContext = encoding.ids.map((_, place) => encoding.sequenceIds[place] === 1);
    const starts = masked(outputs["start_logits"]?.data, inContext);
    const ends = masked(outputs["end_logits"]?.data, inContext);
    this.#none = Math.min(this.#none, (starts[0] ?? 0) * (ends[0] ?? 0));
    for (const { first, last, score } of spans(starts, ends, inContext, maxAnswerLen, topK)) {
      const [start, end] = alignToWords
        ? wordsAround(encoding, first, last)
        : [first, last].map((place, side) => encoding.offsets[place]?.[side] ?? 0);
      const answer = { score, start: start ?? 0, end: end ?? 0, answer: context.slice(start, end) };
      const key = `${answer.start} ${answer.end}`;
      const known = this.#bySpan.get(key);
      // Parts overlap: an answer in both is one.
      if (known === undefined || known.score < score) this.#bySpan.set(key, answer);
    }
  }

  best({ topK = 1, handleImpossibleAnswer = false }: QuestionAnsweringOptions): Answer[] {
    const none =
      handleImpossibleAnswer || this.#bySpan.size === 0 ? [{ score: this.#none, start: 0, end: 0, answer: "" }] : [];
    return [...this.#bySpan.values(), ...none].sort((a, b) => b.score - a.score).slice(0, topK);
  }
}

/** Probabilities of the places; those outside the context take no part, but for the first, which means that there is no answer. */
function masked(logits: Float32Array | undefined, inContext: readonly boolean[]): number[] {
  return softmax(inContext.map((isIn, place) => (isIn || place === 0 ? (logits?.[place] ?? 0) : -10000)));
}

interface Span {
  first: number;
  last: number;
  score: number;
}

function spans(
  starts: readonly number[],
  ends: readonly number[],
  inContext: readonly boolean[],
  maxAnswerLen: number,
  count: number,
): Span[] {
  let best: Span[] = [];
  for (const [first, start] of starts.entries()) {
    if (inContext[first] !== true) continue;
    for (let last = first; last < Math.min(ends.length, first + maxAnswerLen); last++) {
      const score = start * (ends[last] ?? 0);
      if (inContext[last] !== true || score <= (best[count - 1]?.score ?? -1)) continue;
      best = [...best, { first, last, score }].sort((a, b) => b.score - a.score).slice(0, count);
    }
  }
  return best;
}

/** From the start of the first token's word to the end of the last one's. */
function wordsAround({ wordIds, sequenceIds, offsets }: Encoding, first: number, last: number): [number, number] {
  const isSame = (place: number, of: number) =>
    wordIds[of] !== undefined && wordIds[place] === wordIds[of] && sequenceIds[place] === sequenceIds[of];
  let [from, to] = [first, last];
  while (isSame(from - 1, first)) from--;
  while (isSame(to + 1, last)) to++;
  return [offsets[from]?.[0] ?? 0, offsets[to]?.[1] ?? 0];
}
