// Renders chat templates in a thread, within limits of time, memory and length. One thread serves a process; one that does not
// come to an end is stopped, and the next call starts another.
// Knows no tokenizer and no roles.
import { Worker } from "node:worker_threads";
import { AbrazoError } from "../errors.ts";
import { packageFile } from "../package-root.ts";

export interface RenderLimits {
  /** Milliseconds that one rendering may take. */
  timeout: number;
  /** Characters that the text may have. */
  maxLength: number;
  /** Megabytes of JavaScript values that the thread may hold. */
  memory: number;
}

export const RENDER_LIMITS: RenderLimits = { timeout: 5000, maxLength: 2 ** 24, memory: 256 };

type Answer =
  | { kind: "ready" }
  | { kind: "text"; text: string }
  | { kind: "tooLong"; length: number }
  | { kind: "raised" | "failed"; message: string };

/** A thread, and what it was started with. */
interface Thread {
  worker: Worker;
  limits: RenderLimits;
}

let thread: Thread | undefined;
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
  const { worker } = await threadOf(limits);
  // A rendering that is waited for holds the process, an idle thread does not.
  worker.ref();
  try {
    const answered = answerOf(worker, limits);
    try {
      worker.postMessage({ template, variables });
    } catch (cause) {
      answered.catch(() => undefined);
      await stop(worker);
      throw noValues(cause);
    }
    return textOf(await answered, limits);
  } finally {
    worker.unref();
  }
}

async function threadOf(limits: RenderLimits): Promise<Thread> {
  if (thread !== undefined && thread.limits === limits) return thread;
  if (thread !== undefined) await stop(thread.worker);
  const worker = new Worker(packageFile("src/text/chat-worker.mjs"), {
    workerData: { maxLength: limits.maxLength },
    resourceLimits: { maxOldGenerationSizeMb: limits.memory },
  });
  // To start takes what it takes; only rendering is timed.
  await answerOf(worker, { ...limits, timeout: 60_000 });
  thread = { worker, limits };
  return thread;
}

async function stop(worker: Worker): Promise<void> {
  if (thread?.worker === worker) thread = undefined;
  await worker.terminate();
}

/** The next message of a thread, or an error when it dies or says nothing for too long. */
function answerOf(worker: Worker, limits: RenderLimits): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer);
      worker.off("message", onMessage).off("error", onError).off("exit", onExit);
      act();
    };
    const fail = (error: AbrazoError) =>
      settle(() => {
        // A thread that was stopped says so in its own time.
        worker.on("error", () => undefined);
        stop(worker).then(() => reject(error), reject);
      });
    const onMessage = (answer: Answer) => settle(() => resolve(answer));
    const onError = (error: Error) => fail(died(error, limits));
    const onExit = (code: number) => fail(died(new Error(`exit code ${code}`), limits));
    const timer = setTimeout(() => fail(tooSlow(limits)), limits.timeout);
    worker.on("message", onMessage).on("error", onError).on("exit", onExit);
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

function died(cause: Error, { memory }: RenderLimits): AbrazoError {
  const isMemory = "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY";
  return new AbrazoError({
    code: CODE,
    message: isMemory
      ? `The chat template took more than ${memory} MB of memory.`
      : `The thread of the chat template ended: ${cause.message}`,
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
