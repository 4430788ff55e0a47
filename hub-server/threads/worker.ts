// The thread that unpacks and hashes, so that the one that serves does not wait for it. Several streams take turns, a piece each.
// Knows no storage: bytes come and go by messages.
import { createHash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import { ChunkReader, unpack } from "../xet/chunks.ts";
import { XorbVerifier } from "../xet/xorb.ts";
import type { Digest, FromWorker, Results, ToWorker, Work } from "./messages.ts";

interface Job {
  readonly taken: number;
  push(piece: Uint8Array): void;
  finish(): Results[Work];
}

class Digester implements Job {
  readonly #reader = new ChunkReader();
  readonly #hash = createHash("sha256");
  #size = 0;

  get taken(): number {
    return this.#reader.taken;
  }

  push(piece: Uint8Array): void {
    for (const chunk of this.#reader.push(piece)) {
      this.#hash.update(unpack(chunk));
      this.#size += chunk.size;
    }
  }

  finish(): Digest {
    this.#reader.finish();
    return { sha256: this.#hash.digest("hex"), size: this.#size };
  }
}

class Sha256 implements Job {
  readonly #hash = createHash("sha256");
  taken = 0;

  push(piece: Uint8Array): void {
    this.#hash.update(piece);
    this.taken += piece.length;
  }

  finish(): string {
    return this.#hash.digest("hex");
  }
}

const JOBS: { readonly [Kind in Work]: () => Job } = {
  xorb: () => new XorbVerifier(),
  digest: () => new Digester(),
  sha256: () => new Sha256(),
};

const jobs = new Map<number, Job>();

function post(message: FromWorker, give: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, give);
}

/** A stream that is refused is forgotten: what still comes of it is given back unread. */
function tried(id: number, work: () => void): void {
  try {
    work();
  } catch (error) {
    jobs.delete(id);
    post({ kind: "refused", id, message: error instanceof Error ? error.message : String(error) });
  }
}

parentPort?.on("message", (message: ToWorker) => {
  const { id } = message;
  if (message.kind === "open") jobs.set(id, JOBS[message.work]());
  else if (message.kind === "drop") jobs.delete(id);
  else {
    const job = jobs.get(id);
    if (job !== undefined) tried(id, () => (message.kind === "piece" ? take(id, job, message.bytes) : end(id, job)));
  }
});

function take(id: number, job: Job, bytes: Uint8Array): void {
  job.push(bytes);
  const give = bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
  post({ kind: "took", id, bytes, taken: job.taken }, give);
}

function end(id: number, job: Job): void {
  post({ kind: "done", id, result: job.finish() });
  jobs.delete(id);
}
