// POST /v1/completions and /v1/chat/completions: prompts and chats → texts, whole or as server-sent events.
// Knows no model's format: a chat becomes a prompt by the tokenizer's own template.
import { randomUUID } from "node:crypto";
import type { Context } from "hono";
import { untilAborted } from "./batcher.ts";
import { asRequestError, badRequest, RequestError } from "./errors.ts";
import { eventStream } from "./events.ts";
import { type GenerationEvent, type GenerationJob, generated, type Usage } from "./generated.ts";
import { lengthOf } from "./lengths.ts";
import { checkTexts, jsonOf, parsed } from "./limits.ts";
import type { ServedModel } from "./models.ts";
import { type Chosen, failure, type Models } from "./openai.ts";
import { type ChatMessages, chatSchema, completionSchema, type Sampling } from "./openai-schemas.ts";
import type { Tickets } from "./tickets.ts";

/** The words of one kind of answer. */
interface Form {
  prefix: string;
  object: string;
  chunk: string;
  /** What says which role speaks, before the text of a choice. */
  opening?: object;
  choice(text: string): object;
  delta(text: string): object;
}

const TEXT: Form = {
  ...{ prefix: "cmpl", object: "text_completion", chunk: "text_completion" },
  choice: (text) => ({ text, logprobs: null }),
  delta: (text) => ({ text, logprobs: null }),
};

const CHAT: Form = {
  ...{ prefix: "chatcmpl", object: "chat.completion", chunk: "chat.completion.chunk" },
  opening: { delta: { role: "assistant", content: "" } },
  choice: (content) => ({ message: { role: "assistant", content }, logprobs: null }),
  delta: (content) => ({ delta: content === "" ? {} : { content } }),
};

/** OpenAI's own, where nobody names a length. */
const COMPLETION_TOKENS = 16;

export async function complete(c: Context, models: Models, tickets: Tickets): Promise<Response> {
  const body = parsed(completionSchema, await jsonOf(c));
  const { model, adapter } = generatorOf(models, body.model);
  const prompts = [body.prompt].flat();
  checkTexts(prompts, model.limits, "prompt");
  const maxNewTokens = bounded(model, body.max_tokens ?? COMPLETION_TOKENS, "max_tokens");
  return answer(c, { model, body, tickets, form: TEXT, job: jobOf(model, body, prompts, { maxNewTokens, adapter }) });
}

export async function chat(c: Context, models: Models, tickets: Tickets): Promise<Response> {
  const body = parsed(chatSchema, await jsonOf(c));
  const { model, adapter } = generatorOf(models, body.model);
  const prompt = await promptOf(model, body.messages);
  const { max_tokens: older, max_completion_tokens: asked = older } = body;
  const name = body.max_completion_tokens === undefined ? "max_tokens" : "max_completion_tokens";
  const length = asked === undefined ? lengthOf(model) : { maxNewTokens: bounded(model, asked, name) };
  // The template has written the special tokens.
  const job = jobOf(model, body, [prompt], { ...length, adapter, addSpecialTokens: false });
  return answer(c, { model, body, tickets, form: CHAT, job });
}

function generatorOf(models: Models, id: string): Chosen {
  const chosen = models.get(id);
  const { model } = chosen;
  if (model.task === "text-generation") return chosen;
  throw badRequest(`${id} does ${model.task}; completions need a model that does text-generation.`, "model");
}

function bounded({ limits }: ServedModel, asked: number, name: string): number {
  if (asked <= limits.maxNewTokens) return asked;
  throw badRequest(`${name} is ${asked}; this server allows ${limits.maxNewTokens}.`, name);
}

async function promptOf({ tokenizer, limits, id }: ServedModel, messages: ChatMessages): Promise<string> {
  const parts = messages.map(({ content }) =>
    [content].flat().map((part) => (typeof part === "string" ? part : part.text)),
  );
  checkTexts([parts.flat().join("")], limits, "messages");
  if (tokenizer.chatTemplates.length === 0) {
    throw new RequestError(400, {
      code: "CHAT_TEMPLATE",
      message: `${id} has no chat template.`,
      hint: "Send a prompt to /v1/completions.",
      param: "messages",
    });
  }
  // Templates of texts alone know no parts.
  const texts = messages.map((message, at) => ({ ...message, content: parts[at]?.join("") ?? "" }));
  return tokenizer.applyChatTemplate(texts, { addGenerationPrompt: true });
}

function jobOf(model: ServedModel, body: Sampling, prompts: string[], options: Record<string, unknown>): GenerationJob {
  const { n: copies = 1, stop = [], seed, repetition_penalty: repetitionPenalty } = body;
  const { maxSequences } = model.limits;
  if (copies > maxSequences) throw badRequest(`n is ${copies}; this server allows ${maxSequences}.`, "n");
  const penalty = repetitionPenalty === undefined ? {} : { repetitionPenalty };
  return { prompts, copies, stop: [stop].flat(), seed, options: { ...options, ...penalty, ...drawing(model, body) } };
}

/** What the request says, then the repository, then OpenAI: tokens are drawn, unless the temperature is 0 or the caller will not. */
function drawing({ generation }: ServedModel, { temperature, do_sample, top_p, top_k, min_p }: Sampling): object {
  // The most probable token is within every bound.
  if (temperature === 0 || do_sample === false) return { doSample: false };
  const minP = min_p ?? generation.minP;
  return {
    doSample: true,
    temperature: temperature ?? generation.temperature ?? 1,
    topP: top_p ?? generation.topP ?? 1,
    topK: top_k ?? generation.topK ?? 0,
    ...(minP !== undefined && { minP }),
  };
}

interface Answering {
  model: ServedModel;
  body: Sampling;
  tickets: Tickets;
  form: Form;
  job: GenerationJob;
}

async function answer(c: Context, { model, body, tickets, form, job }: Answering): Promise<Response> {
  if (body.stream_options !== undefined && body.stream !== true)
    throw badRequest("stream_options need stream: true.", "stream_options");
  const ticket = tickets.open(c, model);
  const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  const head = { id: `${form.prefix}-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: body.model };
  const events = generated(model, job, ticket.signal, usage);
  if (body.stream === true) {
    const withUsage = body.stream_options?.include_usage === true;
    const chunks = chunksOf(events, { ...head, object: form.chunk }, form, withUsage ? usage : undefined);
    return eventStream(chunks, {
      closing: "[DONE]",
      signal: ticket.signal,
      failed: (error) => failure(asRequestError(error)).body,
      left: ticket.abort,
      ended: ticket.done,
    });
  }
  try {
    const choices = await untilAborted(choicesOf(events, form), ticket.signal);
    return c.json({ ...head, object: form.object, choices, usage });
  } finally {
    ticket.done();
  }
}

async function choicesOf(events: AsyncIterable<GenerationEvent>, form: Form): Promise<object[]> {
  const texts: string[] = [];
  const ends: GenerationEvent["finish"][] = [];
  for await (const { index, text, finish } of events) {
    texts[index] = (texts[index] ?? "") + text;
    ends[index] = finish;
  }
  return texts.map((text, index) => ({ index, ...form.choice(text), finish_reason: ends[index] }));
}

async function* chunksOf(
  events: AsyncIterable<GenerationEvent>,
  head: object,
  { opening, delta }: Form,
  usage: Usage | undefined,
): AsyncGenerator<object, void, undefined> {
  const none = usage === undefined ? {} : { usage: null };
  const chunk = (choice: object) => ({ ...head, choices: [choice], ...none });
  const opened = new Set<number>();
  for await (const { index, text, finish } of events) {
    if (!opened.has(index) && opening !== undefined) yield chunk({ index, ...opening, finish_reason: null });
    opened.add(index);
    if (text !== "") yield chunk({ index, ...delta(text), finish_reason: null });
    if (finish !== undefined) yield chunk({ index, ...delta(""), finish_reason: finish });
  }
  if (usage !== undefined) yield { ...head, choices: [], usage };
}
