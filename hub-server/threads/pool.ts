// The threads that check and hash bytes, seen from the one that serves: streams go in by pieces and come out checked.
// Holds a few pieces of each stream, whatever its length. Knows no storage.
import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { IS_SOURCE, packageFile, packageModule } from "../../src/package-root.ts";
import type { FromWorker, Results, ToWorker, Work } from "./messages.ts";
import { givePieces, PIECE, type Piece, takePiece } from "./pieces.ts";

const BODY = pathToFileURL(packageModule("hub-server/threads/worker")).href;
/** Pieces of one stream that are on their way: one that is checked, one that waits, one that fills. */
const AHEAD = 3;
/** One core is for serving. */
const MOST_THREADS = Math.max(1, Math.min(4, availableParallelism() - 1));
const IDLE_MS = 60_000;

/** A piece that its thread has seen, which stays as it is until the next is asked for; and how many bytes of chunks are right up to there. */
export interface Seen {
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
    this.#worker.ref();
    const session = new Session<Kind>(
      (message) => this.#worker.postMessage({ ...message, id }),
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
    // A thread that has nothing to do keeps no process alive.
    this.#worker.unref();
    this.#idle = setTimeout(() => void this.#worker.terminate(), IDLE_MS).unref();
  }
}

type WithoutId<Message> = Message extends { id: number } ? Omit<Message, "id"> : never;

type Post = (message: WithoutId<ToWorker>) => void;

/** One stream in a thread. */
export class Session<Kind extends Work> {
  readonly #post: Post;
  readonly #closed: () => void;
  readonly #waiting: { resolve(taken: number): void; reject(error: Error): void }[] = [];
  #finished: { resolve(value: Results[Kind]): void; reject(error: Error): void } | undefined;
  #failure: Error | undefined;

  constructor(post: Post, closed: () => void) {
    this.#post = post;
    this.#closed = closed;
  }

  /** Sends a piece, which stays as it is until it was taken: shared memory is read where it lies, other memory is copied. */
  push(bytes: Uint8Array): Promise<number> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#post({ kind: "piece", bytes });
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
    if (message.kind === "took") this.#waiting.shift()?.resolve(message.taken);
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

/** Sends a stream through a session and gives its pieces once they were seen. */
export async function* through(source: AsyncIterable<Uint8Array>, session: Session<Work>): AsyncGenerator<Seen> {
  const pieces: Piece[] = [];
  const ahead: { bytes: Piece; taken: Promise<number> }[] = [];
  const seen = async ({ bytes, taken }: { bytes: Piece; taken: Promise<number> }) => ({ bytes, taken: await taken });
  const send = (bytes: Piece) => {
    const taken = session.push(bytes);
    // Whoever awaits it sees the failure; until then it is no unhandled one.
    taken.catch(() => {});
    ahead.push({ bytes, taken });
  };
  let [at, filled] = [0, 0];
  try {
    for await (const chunk of source) {
      for (let done = 0; done < chunk.length; ) {
        if (at === pieces.length) pieces.push(takePiece());
        // safe because pieces are taken one after the other
        const piece = pieces[at] as Piece;
        const part = Math.min(chunk.length - done, PIECE - filled);
        piece.set(chunk.subarray(done, done + part), filled);
        [done, filled] = [done + part, filled + part];
        if (filled < PIECE) continue;
        send(piece);
        [at, filled] = [(at + 1) % AHEAD, 0];
        const first = ahead.length === AHEAD ? ahead.shift() : undefined;
        if (first !== undefined) yield await seen(first);
      }
    }
    const last = pieces[at];
    if (filled > 0 && last !== undefined) send(last.subarray(0, filled));
    for (let first = ahead.shift(); first !== undefined; first = ahead.shift()) yield await seen(first);
  } finally {
    // A piece is free once the thread does not read it, however this ends.
    await Promise.allSettled(ahead.map(({ taken }) => taken));
    givePieces(pieces);
  }
}
