// Writes a stream of small chunks to a file in large pieces, some of which are on their way while the next comes in.
import type { FileHandle } from "node:fs/promises";
import { givePieces, PIECE, type Piece, takePiece } from "../threads/pieces.ts";

/** Pieces of one stream: one that fills, and those that are being written or hashed. */
const PIECES = 4;
/** So much is written before the disk is told to keep it: the flush at the end has little left to do then. */
const FLUSH_EACH = 64 * 1024 * 1024;

interface Slot {
  piece: Piece;
  /** Until it has been written and seen. */
  busy: Promise<unknown>;
}

export interface WriteOptions {
  /** Told of every piece while it is being written; it stays as it is until the promise settles. */
  seen?: (piece: Uint8Array) => Promise<unknown>;
  /** Whether the bytes will be flushed at the end: the disk is then told on the way. */
  flushed?: boolean;
}

/** Writes all chunks from a place in the file on. */
export async function writeAll(
  file: FileHandle,
  start: number,
  source: AsyncIterable<Uint8Array>,
  { seen = async () => {}, flushed = false }: WriteOptions = {},
): Promise<void> {
  const slots: Slot[] = [];
  const take = (): Slot => {
    const slot = { piece: takePiece(), busy: Promise.resolve() };
    slots.push(slot);
    return slot;
  };
  const flusher = new Flusher(file, flushed);
  let [position, filled, at] = [start, 0, 0];
  // One after the other: writers of one file wait for each other anyway, and not idly.
  let written: Promise<unknown> = Promise.resolve();
  const send = ({ piece }: Slot, length: number): Promise<unknown> => {
    const [bytes, place] = [piece.subarray(0, length), position];
    position += length;
    written = written.then(() => writeFully(file, bytes, place)).then(() => flusher.wrote(length));
    const busy = Promise.all([written, seen(bytes)]);
    // Whoever awaits it next sees the failure; until then it is no unhandled one.
    busy.catch(() => {});
    return busy;
  };
  try {
    for await (const chunk of source) {
      for (let taken = 0; taken < chunk.length; ) {
        const slot = slots[at] ?? take();
        if (filled === 0) await slot.busy;
        const part = Math.min(chunk.length - taken, PIECE - filled);
        slot.piece.set(chunk.subarray(taken, taken + part), filled);
        [taken, filled] = [taken + part, filled + part];
        if (filled < PIECE) continue;
        slot.busy = send(slot, PIECE);
        [at, filled] = [(at + 1) % PIECES, 0];
      }
    }
    const last = slots[at];
    if (filled > 0 && last !== undefined) last.busy = send(last, filled);
    await Promise.all(slots.map(({ busy }) => busy));
    await flusher.finish();
  } finally {
    // A piece is free once neither the disk nor a thread reads it, however this ends.
    await Promise.allSettled(slots.map(({ busy }) => busy));
    await flusher.settled();
    givePieces(slots.map(({ piece }) => piece));
  }
}

/** Tells the disk on the way to keep what it was given, one time after the other. */
class Flusher {
  readonly #file: FileHandle;
  readonly #wanted: boolean;
  #pending = 0;
  #flushing: Promise<void> | undefined;
  #failure: unknown;

  constructor(file: FileHandle, wanted: boolean) {
    [this.#file, this.#wanted] = [file, wanted];
  }

  wrote(bytes: number): void {
    this.#pending += bytes;
    if (!this.#wanted || this.#pending < FLUSH_EACH || this.#flushing !== undefined) return;
    this.#pending = 0;
    this.#flushing = this.#file
      .datasync()
      .catch((error: unknown) => (this.#failure = error))
      .then(() => (this.#flushing = undefined));
  }

  /** A system tells of a failure once: what was lost here, the flush at the end would not know. */
  async finish(): Promise<void> {
    await this.#flushing;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async settled(): Promise<void> {
    await this.#flushing;
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  // A disk may take a part; the rest is written or its refusal is told.
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}
