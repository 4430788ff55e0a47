// A thread of a pipeline: makes the pipeline, does what it is asked, and posts what comes out.
// Keeps no queue; the main thread does.
import { parentPort, workerData } from "node:worker_threads";
import { plainFromWire, type Wire } from "../../src/data/wire.ts";
import { internalError } from "../../src/errors.ts";
import { type LogRecord, setLogLevel, setLogListener } from "../../src/log.ts";
import { isForeign } from "../delegate.ts";
import { pipeline } from "../index.ts";
import type { EngineKind, LoadedModel } from "../task.ts";
import { taskRow } from "../tasks.ts";
import { sayWhenGone } from "./exit.ts";
import { faultOf } from "./faults.ts";
import type { FromWorker, Request, ToWorker, WorkerStart } from "./messages.ts";
import { readAhead } from "./read-ahead.ts";
import { giveSignal } from "./signals.ts";
import { wireResult } from "./values.ts";

/** Kinds whose calls share the model's steps: as many as come are in hand at once. */
const SHARED: ReadonlySet<EngineKind | undefined> = new Set<EngineKind>(["decoder"]);
/** Results of a stream that are made before they are asked for. */
const AHEAD = 16;

/** What is used of a pipeline, whatever its task. */
interface AnyPipeline {
  (...args: unknown[]): Promise<unknown>;
  runtime: LoadedModel["runtime"];
  dispose(): Promise<void>;
  [way: string]: unknown;
}

interface Loaded {
  pipe: AnyPipeline;
  takesSignal: boolean;
}

const port = parentPort;
if (port === null) throw internalError("pipelines/worker/body.ts is the body of a thread");
// safe because pool.ts alone starts this file
const { setup, gone } = workerData as WorkerStart;

sayWhenGone(gone);

// The main thread's level decides what is said.
setLogLevel("debug");
setLogListener((record) => postLog(record));

/** Undefined where the pipeline could not be made: the main thread knows, and ends this one. */
const loaded: Promise<Loaded | undefined> = load().catch((error: unknown) => {
  post({ kind: "failed", error: faultOf(error) });
  return undefined;
});
const streams = new Map<number, AsyncIterator<unknown>>();
const controllers = new Map<number, AbortController>();

port.on("message", (message: ToWorker) => void HANDLERS[message.kind](message as never)); // safe because the kind names the handler

const HANDLERS: { [Kind in ToWorker["kind"]]: (message: Extract<ToWorker, { kind: Kind }>) => unknown } = {
  call: (message) => answer(message, call),
  pull: (message) => answer(message, pull),
  cancel: ({ id }) => controllers.get(id)?.abort(),
  leave: ({ id }) => leave(id),
  stop,
  exit: () => process.exit(0),
};

async function load(): Promise<Loaded> {
  const { task, folder, options } = setup;
  const made: unknown = await pipeline(task as "text-classification", folder, options);
  const pipe = made as AnyPipeline; // safe because every pipeline is such a function, and the main thread checked the task's name
  const ways = Object.entries(pipe).flatMap(([name, way]) =>
    typeof way === "function" && name !== "dispose" ? [name] : [],
  );
  // Tasks that are handed on to transformers.js are of no kind, and take no signal.
  const kind = isForeign(task) ? undefined : (await taskRow(task).row.load()).kind;
  post({ kind: "ready", runtime: pipe.runtime, ways, together: SHARED.has(kind) ? Number.MAX_SAFE_INTEGER : 1 });
  return { pipe, takesSignal: kind !== undefined };
}

type Step = { value: unknown } | undefined;
type Work<Message> = (message: Message, loaded: Loaded) => Promise<Step>;

/** Posts what the work gives, or that there is no more of it. */
async function answer<Message extends Request>(message: Message, work: Work<Message>): Promise<void> {
  const { id } = message;
  // A call may be cancelled while the model is still loaded.
  if (isCancellable(message)) controllers.set(id, new AbortController());
  const made = await loaded;
  if (made === undefined) return;
  try {
    controllers.get(id)?.signal.throwIfAborted();
    const step = await work(message, made);
    if (step === undefined) return post({ kind: "end", id });
    const give = new Set<ArrayBuffer>();
    post({ kind: "value", id, value: wireResult(step.value, give) }, [...give]);
  } catch (error) {
    await leave(id);
    post({ kind: "error", id, error: faultOf(error) });
  }
}

const isCancellable = (request: Request): boolean =>
  request.kind === "call" ? request.isCancellable : request.open?.isCancellable === true;

async function call({ id, args }: Extract<Request, { kind: "call" }>, made: Loaded): Promise<Step> {
  const value = await made.pipe(...argumentsOf(id, args, made));
  controllers.delete(id);
  return { value };
}

async function pull({ id, open }: Extract<Request, { kind: "pull" }>, made: Loaded): Promise<Step> {
  if (open !== undefined) {
    const way = made.pipe[open.way];
    const stream: unknown = typeof way === "function" ? way(...argumentsOf(id, open.args, made)) : undefined;
    if (!isStream(stream)) throw internalError(`${open.way} of ${setup.task} gives no stream`);
    streams.set(id, readAhead(stream[Symbol.asyncIterator](), AHEAD));
  }
  const step = await streams.get(id)?.next();
  if (step?.done === false) return { value: step.value };
  await leave(id);
  return undefined;
}

const isStream = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value;

function argumentsOf(id: number, wires: readonly Wire[], { takesSignal }: Loaded): unknown[] {
  const args = wires.map(plainFromWire);
  const controller = controllers.get(id);
  return takesSignal && controller !== undefined ? giveSignal(args, controller.signal) : args;
}

/** Ends a stream between two of its results. */
async function leave(id: number): Promise<void> {
  const stream = streams.get(id);
  streams.delete(id);
  controllers.delete(id);
  await stream?.return?.();
}

/** The main thread asks for it when nothing runs: a thread that is ended within a run takes the process with it. */
async function stop(): Promise<void> {
  await Promise.all([...streams.keys()].map(leave));
  await (await loaded)?.pipe.dispose();
  process.exit(0);
}

function postLog(record: LogRecord): void {
  try {
    post({ kind: "log", record });
  } catch {
    // Its data cannot be cloned; what it says can.
    post({ kind: "log", record: { level: record.level, message: record.message } });
  }
}

function post(message: FromWorker, give: ArrayBuffer[] = []): void {
  port?.postMessage(message, give);
}
