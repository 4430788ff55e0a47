// Renders chat templates in a process of its own, within limits of time, memory and length: one that does not come to an end is
// stopped, and the next call starts another. A thread would not do: one that fills its heap can take the whole process with it.
// Knows no tokenizer and no roles.
import { type ChildProcess, fork } from "node:child_process";
import { AbrazoError } from "../errors.ts";
import { packageFile } from "../package-root.ts";

export interface RenderLimits {
  /** Milliseconds that one rendering may take. */
  timeout: number;
  /** Characters that the text may have. */
  maxLength: number;
  /** Megabytes of JavaScript values that the process may hold. */
  memory: number;
}

export const RENDER_LIMITS: RenderLimits = { timeout: 5000, maxLength: 2 ** 24, memory: 256 };

type Answer =
  | { kind: "ready" }
  | { kind: "text"; text: string }
  | { kind: "tooLong"; length: number }
  | { kind: "raised" | "failed"; message: string };

/** A process that renders, and what it was started with. */
interface Renderer {
  child: ChildProcess;
  limits: RenderLimits;
}

let renderer: Renderer | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * The text of a template with its variables. Calls are served one after the other; the event loop goes on meanwhile.
 *
 * @throws CHAT_TEMPLATE where the template raises an exception, is wrong, takes too long or too much memory, or writes
 * too much; BAD_ARGUMENT for variables that are no plain values
 */
export function renderTemplate(
  template: string,
  variables: Readonly<Record<string, unknown>>,
  limits: RenderLimits = RENDER_LIMITS,
): Promise<string> {
  const result = last.then(() => render(template, variables, limits));
  last = result.catch(() => undefined);
  return result;
}

async function render(
  template: string,
  variables: Readonly<Record<string, unknown>>,
  limits: RenderLimits,
): Promise<string> {
  const { child } = await rendererOf(limits);
  // A rendering that is waited for holds this process, an idle renderer does not.
  child.ref();
  child.channel?.ref();
  try {
    const answered = answerOf(child, limits);
    try {
      child.send({ template, variables });
    } catch (cause) {
      answered.catch(() => undefined);
      stop(child);
      throw noValues(cause);
    }
    return textOf(await answered, limits);
  } finally {
    child.unref();
    child.channel?.unref();
  }
}

async function rendererOf(limits: RenderLimits): Promise<Renderer> {
  if (renderer !== undefined && renderer.limits === limits && renderer.child.connected) return renderer;
  if (renderer !== undefined) stop(renderer.child);
  const child = fork(packageFile("src/text/chat-worker.mjs"), [limits.maxLength, process.pid].map(String), {
    execArgv: [`--max-old-space-size=${limits.memory}`],
    // Values keep their kinds on the way; what the process says when it dies is of no use to anybody.
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  // To start takes what it takes; only rendering is timed.
  await answerOf(child, { ...limits, timeout: 60_000 });
  renderer = { child, limits };
  return renderer;
}

function stop(child: ChildProcess): void {
  if (renderer?.child === child) renderer = undefined;
  child.kill("SIGKILL");
}

/** The next message of a process, or an error when it dies or says nothing for too long. */
function answerOf(child: ChildProcess, limits: RenderLimits): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer);
      child.off("message", onMessage).off("error", onError).off("exit", onExit);
      act();
    };
    const fail = (error: AbrazoError) =>
      settle(() => {
        // One that was stopped says so in its own time.
        child.on("error", () => undefined);
        stop(child);
        reject(error);
      });
    const onMessage = (answer: unknown) => settle(() => resolve(answer as Answer)); // safe because chat-worker.mjs sends nothing else
    const onError = (error: Error) => fail(died(error, limits));
    const onExit = (code: number | null, signal: string | null) => fail(ended(code, signal, limits));
    const timer = setTimeout(() => fail(tooSlow(limits)), limits.timeout);
    child.on("message", onMessage).on("error", onError).on("exit", onExit);
  });
}

function textOf(answer: Answer, limits: RenderLimits): string {
  if (answer.kind === "text") return answer.text;
  if (answer.kind === "raised") throw raised(answer.message);
  if (answer.kind === "tooLong") throw tooLong(answer.length, limits);
  throw wrong(answer.kind === "failed" ? answer.message : "it is not ready");
}

const CODE = "CHAT_TEMPLATE";

function raised(message: string): AbrazoError {
  return new AbrazoError({
    code: CODE,
    message: `The chat template refuses these messages: ${message}`,
    hint: "Give it messages as its model expects them: which roles there are, and in which order, is the template's to say.",
    data: { message },
  });
}

function wrong(message: string): AbrazoError {
  return new AbrazoError({
    code: CODE,
    message: `The chat template cannot be rendered: ${message}`,
    hint: "Check the template, and that the messages have the fields that it reads.",
    data: { message },
  });
}

function tooSlow({ timeout }: RenderLimits): AbrazoError {
  return new AbrazoError({
    code: CODE,
    message: `The chat template did not come to an end within ${timeout} ms.`,
    hint: "It loops without end, or for very long; take another template.",
    data: { timeout },
  });
}

function tooLong(length: number, { maxLength }: RenderLimits): AbrazoError {
  return new AbrazoError({
    code: CODE,
    message: `The chat template wrote ${length} characters, of which ${maxLength} are allowed.`,
    hint: "Give it shorter messages, or take another template.",
    data: { length, maxLength },
  });
}

/** Node ends itself where its heap is full. */
function ended(code: number | null, signal: string | null, limits: RenderLimits): AbrazoError {
  if (signal === "SIGABRT" || code === 134) return tooLarge(limits);
  return died(new Error(signal === null ? `exit code ${code}` : signal), limits);
}

function tooLarge({ memory }: RenderLimits): AbrazoError {
  return new AbrazoError({
    code: CODE,
    message: `The chat template took more than ${memory} MB of memory.`,
    hint: "The template builds lists or texts without bounds; take another one.",
    data: { memory },
  });
}

function died(cause: Error, { memory }: RenderLimits): AbrazoError {
  return new AbrazoError({
    code: CODE,
    message: `The process of the chat template ended: ${cause.message}`,
    hint: "The template builds lists or texts without bounds; take another one.",
    data: { memory },
    cause,
  });
}

function noValues(cause: unknown): AbrazoError {
  return new AbrazoError({
    code: "BAD_ARGUMENT",
    message: `Messages, tools, documents and variables of a chat template are plain values: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: "Leave functions and class instances out; a tool is described by its JSON schema.",
    cause,
  });
}
