// The threads of a pipeline, seen from the main thread: calls wait in one queue for the next free one, the end of a thread is
// an error of what it did, and nothing ends a thread while it computes.
// Knows no task.
import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { plainFromWire } from "../../src/data/wire.ts";
import { AbrazoError } from "../../src/errors.ts";
import { log } from "../../src/log.ts";
import { IS_SOURCE, packageFile, packageModule } from "../../src/package-root.ts";
import { letLeave } from "./exit.ts";
import { errorOf } from "./faults.ts";
import type { Answer, FromWorker, Ready, Request, ToWorker, WorkerSetup, WorkerStart } from "./messages.ts";
import { cannotSend, wireArguments } from "./values.ts";

export interface PoolOptions extends WorkerSetup {
  count: number;
  /** Module that the threads run. */
  body?: URL;
}

/** A thread, and what it does now, whose answer may not be wanted any more. */
interface Member {
  thread: Worker;
  job: Job | undefined;
  ready: Settling<Ready>;
  exited: Promise<void>;
  /** What ended it. */
  fault: Error | undefined;
  exitCode: number | undefined;
  isReady: boolean;
  isStopping: boolean;
}

/** A request that waits, or runs. */
interface Job {
  request: Request;
  /** The thread that holds the stream. */
  member: Member | undefined;
  answer: Settling<{ value: unknown } | undefined>;
  /** The thread that got it. */
  given(member: Member): void;
}

interface Settling<Value> {
  promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: unknown): void;
}

const BODY = pathToFileURL(packageModule("pipelines/worker/body"));

export class PipelinePool {
  readonly #setup: WorkerSetup;
  readonly #count: number;
  readonly #body: URL;
  readonly #members = new Set<Member>();
  readonly #queue: Job[] = [];
  #nextId = 0;
  #isClosed = false;

  constructor({ count, body = BODY, task, folder, options }: PoolOptions) {
    this.#count = count;
    this.#body = body;
    // Each session has threads of its own: together they take the cores once.
    const { threads = Math.max(1, Math.floor(availableParallelism() / count)), ...others } = options;
    this.#setup = { task, folder, options: { ...others, threads } };
  }

  /** Starts all threads, and says what the first one says of its pipeline. */
  async start(): Promise<Ready> {
    const members = Array.from({ length: this.#count }, () => this.#spawn());
    try {
      const [first] = await Promise.all(members.map(({ ready }) => ready.promise));
      for (const { thread } of members) thread.unref();
      return first as Ready; // safe because there is at least one
    } catch (error) {
      await this.dispose();
      throw error;
    }
  }

  /** A call of the pipeline. */
  async call(args: readonly unknown[], signal?: AbortSignal): Promise<unknown> {
    signal?.throwIfAborted();
    const wires = wireArguments(args);
    const request: Request = { kind: "call", id: this.#nextId++, args: wires, isCancellable: signal !== undefined };
    return (await this.#request(request, signal))?.value;
  }

  /** A further function of the pipeline: results are made as they are asked for. */
  async *stream(way: string, args: readonly unknown[], signal?: AbortSignal): AsyncGenerator<unknown, void, undefined> {
    const id = this.#nextId++;
    const opening = { way, args: wireArguments(args), isCancellable: signal !== undefined };
    let holder: Member | undefined;
    const given = (member: Member) => {
      holder = member;
    };
    try {
      for (;;) {
        signal?.throwIfAborted();
        const open = holder === undefined ? opening : undefined;
        const step = await this.#request({ kind: "pull", id, open }, signal, holder, given);
        if (step === undefined) return;
        yield step.value;
      }
    } finally {
      if (holder !== undefined) post(holder, { kind: "leave", id });
    }
  }

  #request(
    request: Request,
    signal: AbortSignal | undefined,
    member?: Member,
    given: (member: Member) => void = () => undefined,
  ): Promise<{ value: unknown } | undefined> {
    if (this.#isClosed) throw disposed(this.#setup.task);
    if (member !== undefined && !this.#members.has(member)) throw died(this.#setup.task, member);
    const answer = settling<{ value: unknown } | undefined>();
    const job: Job = { request, member, answer, given };
    const abort = () => {
      this.#cancel(job);
      answer.reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    this.#queue.push(job);
    this.#dispatch();
    return answer.promise.finally(() => signal?.removeEventListener("abort", abort));
  }

  #cancel(job: Job): void {
    const at = this.#queue.indexOf(job);
    if (at >= 0) this.#queue.splice(at, 1);
    const running = [...this.#members].find((member) => member.job === job);
    if (running !== undefined) post(running, { kind: "cancel", id: job.request.id });
  }

  #dispatch(): void {
    for (const member of this.#members) if (member.job === undefined) this.#giveNext(member);
    const isRoom = () => this.#members.size < this.#count && this.#queue.some(({ member }) => member === undefined);
    while (isRoom()) this.#giveNext(this.#spawn());
  }

  /** The first that waits, and that this thread may do. */
  #giveNext(member: Member): void {
    const at = this.#queue.findIndex(({ member: holder }) => holder === undefined || holder === member);
    const job = this.#queue[at];
    if (job === undefined) return;
    this.#queue.splice(at, 1);
    try {
      post(member, job.request);
    } catch (error) {
      // Something deep inside of a Map or an Error, say.
      job.answer.reject(cannotSend({ message: String(error) }));
      this.#giveNext(member);
      return;
    }
    member.job = job;
    job.given(member);
    // A call holds the process; a thread that waits does not.
    member.thread.ref();
  }

  #spawn(): Member {
    const gone = new Int32Array(new SharedArrayBuffer(4));
    const start: WorkerStart = { setup: this.#setup, gone };
    const thread = new Worker(packageFile("src/data/worker-start.mjs"), {
      name: `abrazo ${this.#setup.task}`,
      workerData: { ...start, body: this.#body.href, typescript: IS_SOURCE },
    });
    const exited = settling<void>();
    const ready = settling<Ready>();
    const state = { job: undefined, fault: undefined, exitCode: undefined, isReady: false, isStopping: false };
    const member: Member = { thread, ready, exited: exited.promise, ...state };
    const left = letLeave({
      isBusy: () => member.job !== undefined || !member.isReady || member.isStopping,
      ask: () => post(member, { kind: "exit" }),
      gone,
    });
    thread.on("message", (message: FromWorker) => this.#receive(member, message));
    thread.on("error", (error) => {
      member.fault ??= error instanceof Error ? error : new Error(String(error));
    });
    thread.once("exit", (code) => {
      left();
      member.exitCode = code;
      this.#drop(member, died(this.#setup.task, member));
      exited.resolve();
    });
    this.#members.add(member);
    return member;
  }

  #receive(member: Member, message: FromWorker): void {
    switch (message.kind) {
      case "log":
        log[message.record.level](message.record.message, message.record.data);
        break;
      case "ready":
        member.isReady = true;
        member.ready.resolve(message);
        break;
      case "failed":
        this.#drop(member, errorOf(message.error));
        stop(member);
        break;
      default:
        this.#finish(member, message);
    }
  }

  #finish(member: Member, message: Answer): void {
    const { job } = member;
    if (job === undefined) return;
    member.job = undefined;
    member.thread.unref();
    settle(job, message);
    if (this.#isClosed) stop(member);
    else this.#dispatch();
  }

  /** A thread that is of no more use: what it did fails, and what waits for none but it. */
  #drop(member: Member, error: unknown): void {
    if (!this.#members.delete(member)) return;
    member.ready.reject(error);
    member.job?.answer.reject(error);
    for (const job of this.#queue.filter(({ member: holder }) => holder === member)) {
      this.#queue.splice(this.#queue.indexOf(job), 1);
      job.answer.reject(error);
    }
    if (!this.#isClosed) this.#dispatch();
  }

  /** Finishes what runs, refuses what waits, and ends the threads. */
  async dispose(): Promise<void> {
    this.#isClosed = true;
    for (const { answer } of this.#queue.splice(0)) answer.reject(disposed(this.#setup.task));
    const members = [...this.#members];
    for (const member of members) if (member.job === undefined) stop(member);
    await Promise.all(members.map(({ exited }) => exited));
  }
}

function settle({ answer }: Job, message: Answer): void {
  if (message.kind === "error") answer.reject(errorOf(message.error));
  else answer.resolve(message.kind === "end" ? undefined : { value: plainFromWire(message.value) });
}

/** Asks a thread that does nothing to end: one that is ended from outside while it computes aborts the process. */
function stop(member: Member): void {
  if (member.isStopping) return;
  member.isStopping = true;
  member.thread.ref();
  post(member, { kind: "stop" });
}

function post({ thread }: Member, message: ToWorker): void {
  thread.postMessage(message);
}

function settling<Value>(): Settling<Value> {
  let resolve: (value: Value) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<Value>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  // Whoever waits hears of it; nobody has to.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

function died(task: string, { fault, exitCode }: Member): AbrazoError {
  const why = fault === undefined ? `exit code ${exitCode}` : `${fault.name}: ${fault.message}`;
  return new AbrazoError({
    code: "WORKER_DIED",
    message: `A worker thread of ${task} ended unexpectedly (${why}).`,
    hint:
      "The next call starts a new one. If it ran out of memory, give it less at once, set a smaller batchSize, or use fewer " +
      "workers; data.stack says where an error was thrown.",
    data: { task, exitCode, reason: fault === undefined ? undefined : Reflect.get(fault, "code"), stack: fault?.stack },
  });
}

function disposed(task: string): AbrazoError {
  return new AbrazoError({
    code: "PIPELINE_DISPOSED",
    message: `This ${task} pipeline was disposed of.`,
    hint: "Make a new one with pipeline().",
  });
}
