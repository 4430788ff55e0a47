// What is too long to hold and not yet known to be worth keeping: bytes in a temporary file that has no name, so that nothing of it
// stays however the process ends; what is short stays in memory. Lies where TMPDIR says.
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asStorageError } from "./disk-full.ts";

const PIECE = 1024 * 1024;

export class Spool {
  #file: FileHandle | undefined;
  /** Where the folder stays until the end: systems that do not let go of the name of an open file. */
  #folder: string | undefined;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #written = 0;

  /** Bytes that were appended. */
  get length(): number {
    return this.#written + this.#heldBytes;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes >= PIECE) await this.#flush();
  }

  /** Begins anew: what was appended is no longer wanted. */
  clear(): void {
    [this.#held, this.#heldBytes, this.#written] = [[], 0, 0];
  }

  /** Bytes of a range, in pieces whose length is a multiple of four but for the last. */
  async *read(start: number, end: number): AsyncGenerator<Buffer> {
    if (this.#written === 0) {
      const all = Buffer.concat(this.#held);
      this.#held = [all];
      if (start < end) yield all.subarray(start, end);
      return;
    }
    await this.#flush();
    for (let at = start; at < end; at += PIECE) {
      const piece = Buffer.alloc(Math.min(PIECE, end - at));
      for (let done = 0; done < piece.length; ) {
        const { bytesRead } = await (await this.#open()).read(piece, done, piece.length - done, at + done);
        if (bytesRead === 0) throw new Error("internal: the spool is shorter than it should be");
        done += bytesRead;
      }
      yield piece;
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
    this.#file = undefined;
  }

  async #flush(): Promise<void> {
    if (this.#heldBytes === 0) return;
    const bytes = Buffer.concat(this.#held);
    [this.#held, this.#heldBytes] = [[], 0];
    try {
      const file = await this.#open();
      // A disk that is nearly full takes a part; the rest is written or its refusal is told.
      for (let done = 0; done < bytes.length; )
        done += (await file.write(bytes, done, bytes.length - done, this.#written + done)).bytesWritten;
    } catch (error) {
      throw asStorageError(error);
    }
    this.#written += bytes.length;
  }

  async #open(): Promise<FileHandle> {
    if (this.#file !== undefined) return this.#file;
    const folder = await mkdtemp(join(tmpdir(), "abrazo-spool-"));
    this.#file = await open(join(folder, "bytes"), "wx+");
    const gone = await rm(folder, { recursive: true, force: true }).then(
      () => true,
      () => false,
    );
    this.#folder = gone ? undefined : folder;
    return this.#file;
  }
}
