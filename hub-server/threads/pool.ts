// The threads that check and hash bytes, seen from the one that serves: streams go in by pieces and come out checked.
// Holds a few pieces of each stream, whatever its length. Knows no storage.
import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { IS_SOURCE, packageFile, packageModule } from "../../src/package-root.ts";
import type { FromWorker, Results, ToWorker, Work } from "./messages.ts";

const BODY = pathToFileURL(packageModule("hub-server/threads/worker")).href;
const PIECE = 1024 * 1024;
/** Pieces of one stream that are on their way: one that is checked, one that waits, one that comes back. */
const AHEAD = 3;
/** One core is for serving. */
const MOST_THREADS = Math.max(1, Math.min(4, availableParallelism() - 1));
const IDLE_MS = 60_000;

export interface Took {
  bytes: Uint8Array;
  taken: number;
}

/** Bytes that are not what they say they are, in words for whoever sent them. */
export class RefusedBytes extends Error {}

class Thread {
  readonly #worker: Worker;
  readonly #sessions = new Map<number, Session<Work>>();
  #idle: NodeJS.Timeout | undefined;

  constructor(ended: (thread: Thread) => void) {
    this.#worker = new Worker(packageFile("src/data/worker-start.mjs"), {
      workerData: { body: BODY, typescript: IS_SOURCE },
      execArgv: [],
    });
    this.#worker.unref();
    this.#worker.on("message", (message: FromWorker) => this.#sessions.get(message.id)?.receive(message));
    const end = (error?: unknown) => {
      ended(this);
      const reason = error instanceof Error ? error : new Error("internal: a thread that checks bytes ended");
      for (const session of this.#sessions.values()) session.fail(reason);
      this.#sessions.clear();
    };
    this.#worker.on("error", end);
    this.#worker.on("exit", () => end());
  }

  get busy(): number {
    return this.#sessions.size;
  }

  open<Kind extends Work>(id: number, work: Kind): Session<Kind> {
    clearTimeout(this.#idle);
    const session = new Session<Kind>(
      (message, give) => this.#worker.postMessage({ ...message, id }, give),
      () => this.#close(id),
    );
    // safe because the sessions are only told what the thread says of them
    this.#sessions.set(id, session as unknown as Session<Work>);
    this.#worker.postMessage({ kind: "open", id, work } satisfies ToWorker);
    return session;
  }

  #close(id: number): void {
    this.#sessions.delete(id);
    if (this.#sessions.size > 0) return;
    this.#idle = setTimeout(() => void this.#worker.terminate(), IDLE_MS).unref();
  }
}

type WithoutId<Message> = Message extends { id: number } ? Omit<Message, "id"> : never;

type Post = (message: WithoutId<ToWorker>, give?: ArrayBuffer[]) => void;

/** One stream in a thread. */
export class Session<Kind extends Work> {
  readonly #post: Post;
  readonly #closed: () => void;
  readonly #waiting: { resolve(value: Took): void; reject(error: Error): void }[] = [];
  #finished: { resolve(value: Results[Kind]): void; reject(error: Error): void } | undefined;
  #failure: Error | undefined;

  constructor(post: Post, closed: () => void) {
    this.#post = post;
    this.#closed = closed;
  }

  /** Sends a piece. What is given away with it is gone until it comes back; else memory is shared, or copied where it is not. */
  push(bytes: Uint8Array, give: ArrayBuffer[] = []): Promise<Took> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#post({ kind: "piece", bytes }, give);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  finish(): Promise<Results[Kind]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#post({ kind: "end" });
    return new Promise((resolve, reject) => {
      this.#finished = { resolve, reject };
    });
  }

  /** Ends it, whether it is done or not. */
  close(): void {
    this.#post({ kind: "drop" });
    this.#closed();
  }

  receive(message: FromWorker): void {
    if (message.kind === "took") this.#waiting.shift()?.resolve(message);
    // safe because a session ends with what its kind of work gives
    else if (message.kind === "done") this.#finished?.resolve(message.result as Results[Kind]);
    else this.fail(new RefusedBytes(message.message));
  }

  fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#finished?.reject(error);
  }
}

const threads: Thread[] = [];
let opened = 0;

/** A session in the thread that has the least to do; threads are started when they are needed. */
export function open<Kind extends Work>(work: Kind): Session<Kind> {
  let free = [...threads].sort((a, b) => a.busy - b.busy)[0];
  if (free === undefined || (free.busy > 0 && threads.length < MOST_THREADS)) {
    free = new Thread((ended) => {
      const at = threads.indexOf(ended);
      if (at >= 0) threads.splice(at, 1);
    });
    threads.push(free);
  }
  return free.open(opened++, work);
}

/** Pieces of about a megabyte, each in a buffer of its own that can be given away. */
async function* pieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let piece = new Uint8Array(PIECE);
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const part = Math.min(chunk.length - at, PIECE - filled);
      piece.set(chunk.subarray(at, at + part), filled);
      [at, filled] = [at + part, filled + part];
      if (filled < PIECE) continue;
      yield piece;
      [piece, filled] = [new Uint8Array(PIECE), 0];
    }
  }
  if (filled > 0) yield piece.slice(0, filled);
}

/** Sends a stream through a session and gives its pieces as they come back. */
export async function* through(source: AsyncIterable<Uint8Array>, session: Session<Work>): AsyncGenerator<Took> {
  const ahead: Promise<Took>[] = [];
  for await (const piece of pieces(source)) {
    const took = session.push(piece, [piece.buffer]);
    // Whoever awaits it sees the failure; until then it is no unhandled one.
    took.catch(() => {});
    ahead.push(took);
    const first = ahead.length === AHEAD ? ahead.shift() : undefined;
    if (first !== undefined) yield await first;
  }
  for (const took of ahead) yield await took;
}
