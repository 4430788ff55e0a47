// The workers of a loader, seen from the main thread: they fetch ahead, batches come out in order, and the end of one is an error.
// Knows no samples and no order of indices.
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { AbrazoError } from "../errors.ts";
import { IS_SOURCE, packageFile, packageModule } from "../package-root.ts";
import { plainFromWire, type Wire } from "./wire.ts";
import type { FromWorker, ToWorker, WorkerFault, WorkerSetup } from "./worker-messages.ts";

/** What an idle worker gets to end by itself before it is ended. */
const GRACE_MS = 5000;

export interface PoolOptions {
  count: number;
  /** Seed of the epoch in which the workers start. */
  seed: bigint;
  dataset: Wire;
  batchSize: number | undefined;
  dropLast: boolean;
  collates: boolean;
  prefetchFactor: number;
  /** Seconds; 0 waits for ever. */
  timeout: number;
}

/** Where a worker stands: how many batches of it were given, and its generator after the last of them. */
export interface WorkerState {
  batches: number;
  generator: readonly number[] | undefined;
}

export interface EpochPlan {
  /** Indices of the batches to come; an iterable dataset has none, and its order never ends. */
  order: Iterator<readonly number[] | undefined>;
  /** Number of the first batch, which says whose turn it is. */
  turn: number;
  states: readonly WorkerState[] | undefined;
}

interface Member {
  id: number;
  thread: Worker;
  exited: Promise<void>;
  fault: WorkerFault | undefined;
  exhausted: boolean;
  state: WorkerState;
}

interface Task {
  member: Member;
  indices: readonly number[] | undefined;
}

export class WorkerPool {
  readonly seed: bigint;
  readonly #members: Member[];
  readonly #ahead: number;
  readonly #timeout: number;
  readonly #results = new Map<number, Exclude<FromWorker, { kind: "failed" }>>();
  #epoch = 0;
  #turn = 0;
  #stopping: Promise<void> | undefined;
  #wake: () => void = () => undefined;

  constructor({ count, seed, prefetchFactor, timeout, ...setup }: PoolOptions) {
    this.seed = seed;
    this.#ahead = Math.max(1, prefetchFactor * count);
    this.#timeout = timeout;
    this.#members = Array.from({ length: count }, (_, id) =>
      this.#start({ ...setup, id, numWorkers: count, seed: seed + BigInt(id) }),
    );
  }

  get states(): WorkerState[] {
    return this.#members.map(({ state }) => state);
  }

  /** Whose turn the next batch is. */
  get turn(): number {
    return this.#turn;
  }

  #start(setup: WorkerSetup): Member {
    const thread = new Worker(packageFile("src/data/worker-start.mjs"), {
      workerData: { setup, body: BODY, typescript: needsTypeScript(setup.dataset) },
    });
    const member: Member = {
      id: setup.id,
      thread,
      exited: new Promise((resolve) => {
        thread.once("exit", (code) => {
          member.fault ??= faultOf(new Error(`exit code ${code}`), "WORKER_DIED");
          this.#wake();
          resolve();
        });
      }),
      fault: undefined,
      exhausted: false,
      state: { batches: 0, generator: undefined },
    };
    thread.on("error", (error) => {
      member.fault ??= faultOf(error, "WORKER_DIED");
    });
    thread.on("message", (message: FromWorker) => this.#receive(member, message));
    // A loader that was given up must not hold the process; a wait for a batch holds it while it lasts. To listen to
    // messages is to hold, so this comes last.
    thread.unref();
    return member;
  }

  #receive(member: Member, message: FromWorker): void {
    if (message.kind === "failed") member.fault ??= message.error;
    else if (message.epoch === this.#epoch) this.#results.set(message.batch, message);
    this.#wake();
  }

  /** The batches of one epoch in order. Workers fetch ahead while the caller works. */
  async *run({ order, turn, states }: EpochPlan): AsyncGenerator<unknown> {
    const tasks = new Map<number, Task>();
    let [next, sent, open] = [0, 0, true];
    this.#begin(turn, states);
    const epoch = this.#epoch;
    const dispatch = () => {
      while (open && sent - next < this.#ahead) {
        const member = this.#nextMember();
        const step = member === undefined ? undefined : order.next();
        if (member === undefined || step === undefined || step.done === true) {
          open = false;
          return;
        }
        tasks.set(sent, { member, indices: step.value });
        post(member, { kind: "fetch", epoch, batch: sent, indices: step.value });
        sent++;
      }
    };
    for (dispatch(); next < sent; dispatch()) {
      if (epoch !== this.#epoch) throw restarted();
      const task = tasks.get(next);
      if (task === undefined) return;
      const result = await this.#result(task, next);
      this.#results.delete(next);
      tasks.delete(next++);
      if (result.kind === "error") throw fetchError(task, result.error, next - 1);
      if (result.kind === "end") {
        task.member.exhausted = true;
        continue;
      }
      const { member } = task;
      member.state = { batches: member.state.batches + 1, generator: result.generator };
      this.#turn = (member.id + 1) % this.#members.length;
      // The next ones are asked for before the caller works on this one.
      dispatch();
      yield plainFromWire(result.value);
    }
  }

  #begin(turn: number, states: readonly WorkerState[] | undefined): void {
    this.#epoch++;
    this.#results.clear();
    this.#turn = turn % this.#members.length;
    this.#dispatchTurn = this.#turn;
    for (const member of this.#members) {
      const state = states?.[member.id];
      member.exhausted = false;
      member.state = { batches: state?.batches ?? 0, generator: state?.generator ?? member.state.generator };
      post(member, { kind: "epoch", epoch: this.#epoch, generator: state?.generator, skip: state?.batches ?? 0 });
    }
  }

  #dispatchTurn = 0;

  /** The workers in turn, without those whose share is used up. */
  #nextMember(): Member | undefined {
    for (let tries = 0; tries < this.#members.length; tries++) {
      const member = this.#members[this.#dispatchTurn];
      this.#dispatchTurn = (this.#dispatchTurn + 1) % this.#members.length;
      if (member?.exhausted === false) return member;
    }
    return undefined;
  }

  async #result({ member, indices }: Task, batch: number): Promise<Exclude<FromWorker, { kind: "failed" }>> {
    const until = performance.now() + (this.#timeout > 0 ? this.#timeout * 1000 : Number.POSITIVE_INFINITY);
    member.thread.ref();
    try {
      for (;;) {
        const result = this.#results.get(batch);
        if (result !== undefined) return result;
        if (member.fault !== undefined) throw deathError(member, member.fault, batch, indices);
        await this.#message(until - performance.now());
        if (performance.now() < until || this.#results.has(batch)) continue;
        await member.thread.terminate();
        throw timeoutError(member, this.#timeout, batch);
      }
    } finally {
      member.thread.unref();
    }
  }

  /** Waits for the next message, or so long. */
  #message(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = Number.isFinite(milliseconds) ? setTimeout(resolve, Math.max(0, milliseconds)) : undefined;
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the threads: each after what it does now, or when the time of grace is over. */
  stop(): Promise<void> {
    this.#stopping ??= Promise.all(this.#members.map(end)).then(() => undefined);
    return this.#stopping;
  }
}

async function end({ thread, exited, fault }: Member): Promise<void> {
  if (fault?.code === "WORKER_DIED") return;
  thread.ref();
  thread.postMessage({ kind: "stop" } satisfies ToWorker);
  const timer = setTimeout(() => void thread.terminate(), GRACE_MS);
  await exited;
  clearTimeout(timer);
}

function post({ thread }: Member, message: ToWorker): void {
  thread.postMessage(message);
}

const BODY = pathToFileURL(packageModule("src/data/worker")).href;

/** Whether a worker has to load TypeScript: ours, or a dataset's. */
function needsTypeScript(dataset: Wire): boolean {
  return IS_SOURCE || modulesOf(dataset).some((module) => /\.[mc]?tsx?$/.test(module));
}

function modulesOf(wire: Wire): string[] {
  if (wire.kind === "source") return [wire.module, ...wire.args.flatMap(modulesOf)];
  if (wire.kind === "list") return wire.items.flatMap(modulesOf);
  return wire.kind === "object" ? wire.entries.flatMap(([, item]) => modulesOf(item)) : [];
}

function faultOf(error: unknown, code: string): WorkerFault {
  const known = error instanceof Error ? error : new Error(String(error));
  return { name: known.name, message: known.message, code, hint: undefined, stack: known.stack };
}

function fetchError({ member, indices }: Task, fault: WorkerFault, batch: number): AbrazoError {
  return new AbrazoError({
    code: "WORKER_FAILED",
    message: `Caught ${fault.name} in DataLoader worker ${member.id} while it fetched batch ${batch}${samples(indices)}: ${fault.message}`,
    hint: fault.hint ?? "The dataset threw the error; data.stack says where.",
    data: { worker: member.id, batch, indices, code: fault.code, stack: fault.stack },
  });
}

function deathError(
  member: Member,
  fault: WorkerFault,
  batch: number,
  indices: readonly number[] | undefined,
): AbrazoError {
  if (fault.code !== "WORKER_DIED") return setupError(member, fault);
  return new AbrazoError({
    code: "WORKER_DIED",
    message: `DataLoader worker ${member.id} exited unexpectedly (${fault.message}) before it had batch ${batch}${samples(indices)}.`,
    hint: "The thread ended itself, ran out of memory, or an error was thrown outside of the dataset's own calls. Try numWorkers: 0.",
    data: { worker: member.id, batch, indices, stack: fault.stack },
  });
}

function setupError(member: Member, fault: WorkerFault): AbrazoError {
  return new AbrazoError({
    code: "WORKER_FAILED",
    message: `Caught ${fault.name} in DataLoader worker ${member.id} while it made the dataset: ${fault.message}`,
    hint: fault.hint ?? "The dataset's constructor threw the error; data.stack says where.",
    data: { worker: member.id, code: fault.code, stack: fault.stack },
  });
}

function timeoutError(member: Member, seconds: number, batch: number): AbrazoError {
  return new AbrazoError({
    code: "WORKER_TIMEOUT",
    message: `DataLoader timed out after ${seconds} seconds: worker ${member.id} did not give batch ${batch}.`,
    hint: "Raise the timeout, or make the dataset quicker.",
    data: { worker: member.id, batch, seconds },
  });
}

function restarted(): AbrazoError {
  return new AbrazoError({
    code: "LOADER_RESTARTED",
    message: "The loader was iterated again; workers that are kept serve one iteration at a time.",
    hint: "Finish one loop before the next, or leave persistentWorkers out.",
  });
}

const samples = (indices: readonly number[] | undefined): string =>
  indices === undefined ? "" : ` (samples ${indices.slice(0, 8).join(", ")}${indices.length > 8 ? ", …" : ""})`;
