// The thread that unpacks and hashes, so that the one that serves does not wait for it. Several streams take turns, a piece each.
// Knows no storage: bytes come and go by messages.
import { createHash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import { ChunkReader, MOST_CHUNK_BYTES, unpack } from "../xet/chunks.ts";
import { XorbVerifier } from "../xet/xorb.ts";
import type { Digest, FromWorker, Results, ToWorker, Work } from "./messages.ts";

interface Job {
  readonly taken: number;
  push(piece: Uint8Array): void;
  finish(): Results[Work];
}

class Digester implements Job {
  readonly #reader = new ChunkReader();
  readonly #memory = new Uint8Array(MOST_CHUNK_BYTES);
  readonly #hash = createHash("sha256");
  #size = 0;

  get taken(): number {
    return this.#reader.taken;
  }

  push(piece: Uint8Array): void {
    for (const chunk of this.#reader.push(piece)) {
      this.#hash.update(unpack(chunk, this.#memory));
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

const post = (message: FromWorker): void => parentPort?.postMessage(message);

/** A stream that is refused is forgotten: what still comes of it is not read. */
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
  post({ kind: "took", id, taken: job.taken });
}

function end(id: number, job: Job): void {
  post({ kind: "done", id, result: job.finish() });
  jobs.delete(id);
}
