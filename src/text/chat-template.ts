// Conversations → prompts by a repository's chat template: which template, which variables, where a last message goes on.
// Knows no model's format, and not how a template is rendered.
import { AbrazoError, nearestName, suggestion } from "../errors.ts";
import { unknownOption } from "../options.ts";
import { renderTemplate } from "./chat-renderer.ts";
import type { TokenizerConfig } from "./special-tokens.ts";

/** A message of a conversation: a role, and what else the template reads. */
export interface ChatMessage {
  role: string;
  content?: string | readonly Readonly<Record<string, unknown>>[] | null | undefined;
  [field: string]: unknown;
}

/** What a prompt is made with besides messages, and how it ends. */
export interface ChatTemplateOptions {
  /** Tools that the model may call, as JSON schemas. */
  tools?: readonly object[] | undefined;
  /** Documents to answer from, each with a title and a text. */
  documents?: readonly object[] | undefined;
  /** Ends with what begins an answer of the assistant. */
  addGenerationPrompt?: boolean;
  /** Leaves the last message open, so that the model goes on with it; a string names the field that goes on. */
  continueFinalMessage?: boolean | string;
  /** The name of one of the repository's templates, or a template. */
  chatTemplate?: string | undefined;
  /** Ids in place of a text. */
  tokenize?: boolean;
  /** What else the template reads, by the template's names, such as `enable_thinking`. */
  [variable: string]: unknown;
}

const OPTIONS: readonly string[] = [
  "tools",
  "documents",
  "addGenerationPrompt",
  "continueFinalMessage",
  "chatTemplate",
  "tokenize",
];

export const DEFAULT_TEMPLATE = "default";

/** The templates of tokenizer_config.json by their names. */
export function templatesOf({ chat_template }: TokenizerConfig): Map<string, string> {
  if (!chat_template) return new Map();
  if (typeof chat_template === "string") return new Map([[DEFAULT_TEMPLATE, chat_template]]);
  return new Map(chat_template.map(({ name, template }) => [name, template]));
}

/** The prompt of a conversation. `special` are the special tokens by the names that templates have for them. */
export async function applyTemplate(
  messages: readonly ChatMessage[],
  options: ChatTemplateOptions,
  templates: ReadonlyMap<string, string>,
  special: Readonly<Record<string, string>>,
): Promise<string> {
  const {
    tools,
    documents,
    addGenerationPrompt = false,
    continueFinalMessage = false,
    chatTemplate,
    ...rest
  } = options;
  if (!Array.isArray(messages) || messages.length === 0) throw noMessages();
  if (continueFinalMessage && addGenerationPrompt) throw bothEnds();
  const template = chosen(chatTemplate, templates, tools !== undefined);
  const { tokenize: _, ...variables } = rest;
  for (const name of Object.keys(variables)) checkVariable(name, template);
  const field = typeof continueFinalMessage === "string" ? continueFinalMessage : "content";
  const open = continueFinalMessage ? opened(messages, field, template) : undefined;
  const text = await renderTemplate(template, {
    ...special,
    messages: open?.messages ?? messages,
    tools: tools ?? null,
    documents: documents ?? null,
    add_generation_prompt: addGenerationPrompt,
    ...variables,
  });
  return open === undefined ? text : cutAtTag(text, open.final);
}

function chosen(wanted: string | undefined, templates: ReadonlyMap<string, string>, withTools: boolean): string {
  if (wanted !== undefined) {
    const template = templates.get(wanted);
    if (template !== undefined) return template;
    if (/\{[{%#]/.test(wanted)) return wanted;
    throw unknownTemplate(wanted, [...templates.keys()]);
  }
  const template = (withTools ? templates.get("tool_use") : undefined) ?? templates.get(DEFAULT_TEMPLATE);
  if (template !== undefined) return template;
  throw noTemplate([...templates.keys()]);
}

/** A slip of an option's name would be a variable that no template reads. */
function checkVariable(name: string, template: string): void {
  if (nearestName(name.replaceAll("_", ""), OPTIONS) === undefined) return;
  if (!template.includes(name)) throw unknownOption("applyChatTemplate", name, OPTIONS);
}

const TAG = "CONTINUE_FINAL_MESSAGE_TAG ";

/** The messages with a mark where the last one is to go on, and what that one says. */
function opened(
  messages: readonly ChatMessage[],
  field: string,
  template: string,
): { messages: readonly ChatMessage[]; final: string } {
  const last = messages.at(-1);
  const value = last?.[field];
  if (last === undefined || value === undefined || value === null || !template.includes(field))
    throw nothingOpen(field);
  const before = messages.slice(0, -1);
  if (typeof value === "string") return { messages: [...before, { ...last, [field]: value + TAG }], final: value };
  const blocks: unknown[] = Array.isArray(value) ? value : [];
  const at = blocks.findLastIndex((block) => textOf(block) !== undefined);
  const text = textOf(blocks[at]);
  if (text === undefined) throw nothingOpen(field);
  const marked = blocks.with(at, { ...Object(blocks[at]), text: text + TAG });
  return { messages: [...before, { ...last, [field]: marked }], final: text };
}

function textOf(block: unknown): string | undefined {
  const text: unknown = typeof block === "object" && block !== null ? Reflect.get(block, "text") : undefined;
  return typeof text === "string" ? text : undefined;
}

/** The text up to the mark. A template that trims messages took the mark's space away, and the message's with it. */
function cutAtTag(text: string, final: string): string {
  const at = text.lastIndexOf(TAG.trim());
  if (at < 0 || !text.includes(final.trim())) throw lostMessage(final);
  const before = text.slice(0, at);
  return text.startsWith(TAG, at) ? before : before.trimEnd();
}

function noMessages(): AbrazoError {
  return new AbrazoError({
    code: "BAD_ARGUMENT",
    message: "applyChatTemplate(): there are no messages.",
    hint: 'Give at least one: [{ role: "user", content: "Hello" }].',
  });
}

function bothEnds(): AbrazoError {
  return new AbrazoError({
    code: "BAD_OPTION",
    message: "applyChatTemplate(): addGenerationPrompt and continueFinalMessage exclude each other.",
    hint: "The first begins a new message of the assistant, the second goes on with the last one.",
  });
}

function unknownTemplate(name: string, names: readonly string[]): AbrazoError {
  return new AbrazoError({
    code: CHAT_TEMPLATE,
    message: `"${name}" is neither a template nor the name of one.`,
    hint: names.length === 0 ? "The repository has no templates; give one as a text." : suggestion(name, names),
    data: { name, names },
  });
}

const CHAT_TEMPLATE = "CHAT_TEMPLATE";

function noTemplate(names: readonly string[]): AbrazoError {
  return new AbrazoError({
    code: CHAT_TEMPLATE,
    message:
      names.length === 0 ? "The tokenizer has no chat template." : "None of the tokenizer's templates is the default.",
    hint:
      names.length === 0
        ? "The model may not be made for conversations; else give chatTemplate, or add chat_template.jinja to its folder."
        : `Choose one by chatTemplate: ${names.join(", ")}.`,
    data: { names },
  });
}

function nothingOpen(field: string): AbrazoError {
  return new AbrazoError({
    code: "BAD_OPTION",
    message: `applyChatTemplate(): continueFinalMessage finds no text in the field "${field}" of the last message.`,
    hint: "The last message must have a text in that field, and the template must read it.",
    data: { field },
  });
}

function lostMessage(final: string): AbrazoError {
  return new AbrazoError({
    code: CHAT_TEMPLATE,
    message: "applyChatTemplate(): the last message, which is to go on, is not in the text as it was given.",
    hint: "The template changes or drops a part of it, such as the thoughts; give only what the template keeps.",
    data: { final },
  });
}
