// The threads of a pipeline, seen from the main thread: calls wait in one queue for the next that takes them, the end of a thread is
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

/** A thread, and what it does now, by the requests' ids; an answer may not be wanted any more. */
interface Member {
  thread: Worker;
  jobs: Map<number, Job>;
  /** Requests that it takes at once. */
  together: number;
  /** Streams that it holds: it may compute their next results unasked. */
  streams: Set<number>;
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
      member.streams.add(id);
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
      if (holder !== undefined) this.#leave(holder, id);
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
    const { id } = job.request;
    const running = [...this.#members].find((member) => member.jobs.get(id) === job);
    if (running !== undefined) post(running, { kind: "cancel", id });
  }

  /** The stream is not read any further. */
  #leave(holder: Member, id: number): void {
    holder.streams.delete(id);
    post(holder, { kind: "leave", id });
  }

  /** What waits goes, in its order, to the thread that has the least to do, as long as one takes more. */
  #dispatch(): void {
    for (const job of [...this.#queue]) {
      const member = job.member ?? this.#leastBusy();
      if (member === undefined || !hasRoom(member)) continue;
      this.#queue.splice(this.#queue.indexOf(job), 1);
      this.#give(job, member);
    }
  }

  #leastBusy(): Member | undefined {
    const load = ({ jobs, streams }: Member) => new Set([...jobs.keys(), ...streams]).size;
    const [first] = [...this.#members].filter(hasRoom).sort((a, b) => load(a) - load(b));
    if (first !== undefined && load(first) === 0) return first;
    return this.#members.size < this.#count ? this.#spawn() : first;
  }

  #give(job: Job, member: Member): void {
    try {
      post(member, job.request);
    } catch (error) {
      // Something deep inside of a Map or an Error, say.
      job.answer.reject(cannotSend({ message: String(error) }));
      return;
    }
    member.jobs.set(job.request.id, job);
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
    const state = { fault: undefined, exitCode: undefined, isReady: false, isStopping: false };
    const work = { jobs: new Map<number, Job>(), streams: new Set<number>(), together: 1 };
    const member: Member = { thread, ready, exited: exited.promise, ...state, ...work };
    const left = letLeave({
      isBusy: () => !isIdle(member) || member.streams.size > 0 || !member.isReady || member.isStopping,
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
        member.together = message.together;
        member.ready.resolve(message);
        this.#dispatch();
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
    const job = member.jobs.get(message.id);
    if (job === undefined) return;
    member.jobs.delete(message.id);
    if (isIdle(member)) member.thread.unref();
    settle(job, message);
    if (!this.#isClosed) this.#dispatch();
    else if (isIdle(member)) stop(member);
  }

  /** A thread that is of no more use: what it did fails, and what waits for none but it. */
  #drop(member: Member, error: unknown): void {
    if (!this.#members.delete(member)) return;
    member.ready.reject(error);
    for (const { answer } of member.jobs.values()) answer.reject(error);
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
    for (const member of members) if (isIdle(member)) stop(member);
    await Promise.all(members.map(({ exited }) => exited));
  }
}

const isIdle = ({ jobs }: Member): boolean => jobs.size === 0;
const hasRoom = ({ jobs, together }: Member): boolean => jobs.size < together;

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
