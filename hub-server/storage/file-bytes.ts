// Bytes of a file on their way out: a stream like any other, or straight to a socket through memory that is used again and again.
import { type FileHandle, open } from "node:fs/promises";
import { Readable, type Writable } from "node:stream";
import type { Range } from "./blobs.ts";

/** Node's default of 64 KiB reaches a third of the speed; who takes their bytes slowly is not to hold more than that. */
const [LEAST, MOST] = [64 * 1024, 1024 * 1024];
/** Milliseconds in which a socket takes a piece that could be larger, and those of one that should be smaller. */
const [QUICK, SLOW] = [50, 500];

/** A piece on its way to a socket. */
interface Slot {
  memory: Buffer;
  /** Until the system has the bytes: what writes over them before then would change what is sent. */
  taken: Promise<void>;
  /** Ends the waiting where the system will never have them. */
  drop: (reason: unknown) => void;
}

const emptySlot = (): Slot => ({ memory: Buffer.alloc(0), taken: Promise.resolve(), drop: () => {} });

export class FileBytes extends Readable {
  readonly #file: FileHandle;
  #at: number;
  readonly #end: number;
  #reading: Promise<unknown> = Promise.resolve();

  private constructor(file: FileHandle, { start, end }: Range) {
    super({ highWaterMark: MOST });
    [this.#file, this.#at, this.#end] = [file, start, end];
  }

  /** Opens all of a file, or a range of it. */
  static async open(path: string, range?: Range): Promise<FileBytes> {
    const file = await open(path);
    return new FileBytes(file, range ?? { start: 0, end: (await file.stat()).size });
  }

  /** The next bytes, as many as there is memory for; none at the end. */
  async #next(memory: Buffer): Promise<Buffer> {
    const reading = this.#file.read(memory, 0, Math.min(memory.length, this.#left), this.#at);
    this.#reading = reading;
    const { bytesRead } = await reading;
    if (bytesRead === 0 && this.#left > 0) throw new Error(`the file ends ${this.#left} bytes before it should`);
    this.#at += bytesRead;
    return memory.subarray(0, bytesRead);
  }

  get #left(): number {
    return Math.max(0, this.#end - this.#at);
  }

  override _read(): void {
    this.#next(Buffer.allocUnsafeSlow(Math.min(MOST, this.#left))).then(
      (bytes) => this.push(bytes.length === 0 ? null : bytes),
      (error: Error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // Closed under a read, its number may be another file's by the time that the system reads.
    const close = () => this.#file.close();
    this.#reading.then(close, close).then(
      () => callback(error),
      (failure: Error) => callback(error ?? failure),
    );
  }

  /**
   * Writes everything to a socket and ends it, in two thirds of the time that a pipe of the same stream takes: that has new memory for
   * each piece. The stream is closed afterwards, however it ends; if it was the file that could not be read, it has emitted an `error` before.
   *
   * @param signal aborted when nobody is there any more to take anything
   */
  async sendTo(socket: Writable, signal: AbortSignal): Promise<void> {
    const slots = [emptySlot(), emptySlot()] as const;
    let size = LEAST;
    const give = (slot: Slot, bytes: Buffer) => {
      const began = performance.now();
      slot.taken = new Promise((resolve, reject) => {
        slot.drop = reject;
        socket.write(bytes, (error) => {
          const took = performance.now() - began;
          if (took < QUICK) size = Math.min(MOST, size * 2);
          else if (took > SLOW) size = Math.max(LEAST, size / 2);
          if (error) reject(error);
          else resolve();
        });
      });
      // Whoever awaits it next sees the failure; until then it is no unhandled one.
      slot.taken.catch(() => {});
    };
    const stop = () => {
      for (const { drop } of slots) drop(signal.reason);
    };
    signal.addEventListener("abort", stop);
    try {
      for (let turn: 0 | 1 = 0; this.#left > 0; turn = turn === 0 ? 1 : 0) {
        signal.throwIfAborted();
        const slot = slots[turn];
        await slot.taken;
        const wanted = Math.min(size, this.#left);
        if (slot.memory.length !== wanted) slot.memory = Buffer.allocUnsafeSlow(wanted);
        give(slot, await this.#readOr(slot.memory));
      }
      await Promise.all(slots.map(({ taken }) => taken));
      socket.end();
    } finally {
      signal.removeEventListener("abort", stop);
      this.destroy();
    }
  }

  async #readOr(memory: Buffer): Promise<Buffer> {
    try {
      return await this.#next(memory);
    } catch (error) {
      // Whoever listens hears of it first: what follows looks to them as if nobody were there to be told.
      const closed = new Promise((resolve) => this.once("close", resolve));
      if (error instanceof Error) this.destroy(error);
      await closed;
      throw error;
    }
  }
}
