// A text token by token, as text-generation-inference sends it: each with its id and the logarithm of its probability, the text and
// why it ended with the last.
// Knows no HTTP.
import type { FinishReason } from "../../src/generate/contract.ts";
import { cutAtStop } from "../../src/generate/stop.ts";
import type { RequestError } from "./errors.ts";
import type { ServedModel } from "./models.ts";

/** What is to be generated. */
export interface TokenJob {
  model: ServedModel;
  prompt: string;
  /** Options of the pipeline. */
  options: Readonly<Record<string, unknown>>;
  signal: AbortSignal;
}

interface Token {
  id: number;
  text: string;
  /** Of the scores that it was chosen by, after all processors. */
  logprob: number | undefined;
  special: boolean;
}

interface Details {
  finish_reason: "length" | "eos_token" | "stop_sequence";
  generated_tokens: number;
  input_length: number;
  seed: number | null;
}

/** One event: what comes with the last token is null before. */
interface TokenEvent<Of extends Details | null = Details | null> {
  index: number;
  token: Token;
  generated_text: Of extends null ? null : string;
  details: Of;
}

const REASONS: Readonly<Record<FinishReason, Details["finish_reason"]>> = {
  eos: "eos_token",
  stop: "stop_sequence",
  length: "length",
  time: "length",
  criterion: "length",
};

/** The events of a text; `returnFullText` puts the prompt in front of the whole, which only its last event has. */
async function* tokenEvents({ model, prompt, options, signal }: TokenJob): AsyncGenerator<TokenEvent, void, undefined> {
  const { returnFullText, ...others } = options;
  const stopStrings = [others["stopStrings"] ?? []].flat().map(String);
  const isDrawn = others["doSample"] ?? model.generation.doSample ?? true;
  let [index, text] = [0, ""];
  for await (const given of model.tokens(prompt, { ...others, logprobs: true, signal })) {
    const { id, text: fresh, name, isSpecial, logprob, end } = given;
    index++;
    text += fresh;
    const isNamed = isSpecial || (end?.reason === "eos" && fresh === "");
    const event = { index, token: { id, text: isNamed ? name : fresh, logprob, special: isSpecial } };
    if (end === undefined) yield { ...event, generated_text: null, details: null };
    else {
      const whole = cutAtStop(text, stopStrings) ?? text;
      const counts = { generated_tokens: index, input_length: end.promptTokens };
      const details = { finish_reason: REASONS[end.reason], ...counts, seed: isDrawn === true ? end.seed : null };
      yield { ...event, generated_text: returnFullText === true ? prompt + whole : whole, details };
    }
  }
}

/** The events as they are sent: details for those who asked for them. */
export async function* streamedTokens(job: TokenJob): AsyncGenerator<object, void, undefined> {
  const { details: isAsked, ...options } = job.options;
  for await (const event of tokenEvents({ ...job, options }))
    yield isAsked === true ? event : { ...event, details: null };
}

/** The whole text with all its tokens; the prompt comes first unless `returnFullText` is false, as it does without details. */
export async function detailedText(job: TokenJob): Promise<object> {
  const { details: _, returnFullText = true, ...options } = job.options;
  const tokens: Token[] = [];
  let last: TokenEvent | undefined;
  for await (const event of tokenEvents({ ...job, options: { ...options, returnFullText } })) {
    tokens.push(event.token);
    last = event;
  }
  return { generated_text: last?.generated_text, details: { ...last?.details, prefill: [], tokens } };
}

/** An error within a stream, of one of the kinds that its clients know. */
export function streamFailure({ status, text }: RequestError): object {
  const type = status === 503 ? "overloaded" : status < 500 ? "validation" : "generation";
  return { error: text, error_type: type };
}
