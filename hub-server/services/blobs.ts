// The blobs that services see: whole ones from the store, and files of chunks put together as they are read. Who opens one does not
// learn which it is. Every blob that is put is written down, so that the collector finds those that nothing names any more.
import type { Readable } from "node:stream";
import { and, eq } from "drizzle-orm";
import type { Db } from "../db/client.ts";
import { garbage, storedBlobs } from "../db/schema/xet.ts";
import { ServiceError } from "../errors.ts";
import {
  type BlobStore,
  checkHash,
  counted,
  type Expected,
  type LinkOptions,
  type Part,
  type Range,
} from "../storage/blobs.ts";
import { sha256Of } from "../threads/sha256.ts";
import type { XetFile } from "../xet/reconstruct.ts";
import { findFileBySha256, openXetFile } from "./xet-files.ts";

/** Says that something is about to be named: the collector waits for four weeks anew. Waits where the collector has it in hand. */
export async function keep({ db }: { db: Db }, kind: "xetFile" | "xorb" | "blob", id: string): Promise<void> {
  await db.delete(garbage).where(and(eq(garbage.kind, kind), eq(garbage.id, id)));
}

export class HubBlobs implements BlobStore {
  readonly #db: Db;
  readonly #whole: BlobStore;

  constructor(db: Db, whole: BlobStore) {
    [this.#db, this.#whole] = [db, whole];
  }

  async has(sha256: string): Promise<boolean> {
    await keep({ db: this.#db }, "blob", sha256);
    return (await this.#hasChunks(sha256)) || (await this.#whole.has(sha256));
  }

  async #hasChunks(sha256: string): Promise<boolean> {
    const file = await findFileBySha256({ db: this.#db }, sha256);
    if (file === undefined) return false;
    await keep({ db: this.#db }, "xetFile", file.hash);
    return (await findFileBySha256({ db: this.#db }, sha256)) !== undefined;
  }

  /** The file to put together; undefined where there is a whole blob, or none at all. On S3 it is a request to ask for a blob. */
  async #chunksOf(sha256: string): Promise<XetFile | undefined> {
    const file = await findFileBySha256({ db: this.#db }, sha256);
    return file === undefined || (await this.#whole.has(sha256)) ? undefined : file;
  }

  async open(sha256: string, range?: Range): Promise<Readable> {
    const file = await this.#chunksOf(sha256);
    if (file === undefined) return this.#whole.open(sha256, range);
    return openXetFile({ db: this.#db, blobs: this.#whole }, file, range);
  }

  /** What is there as chunks is checked, and not kept a second time. */
  async put(source: AsyncIterable<Uint8Array>, expected: Expected): Promise<void> {
    if (await this.#hasChunks(expected.sha256))
      return checkHash(await sha256Of(counted(source, expected.size), expected.size), expected);
    await this.#note(expected.sha256);
    await this.#whole.put(source, expected);
  }

  get add(): BlobStore["add"] {
    const { add } = this.#whole;
    if (add === undefined) return undefined;
    return async (source) => {
      const found = await add.call(this.#whole, source);
      await this.#note(found.sha256);
      // The collector may have had an older one of the same bytes in hand, and taken what had just come.
      if (await this.#whole.has(found.sha256)) return found;
      throw new ServiceError(503, "The file was swept away while it came. Send it again.", { code: "BLOB_LOST" });
    };
  }

  async #note(sha256: string): Promise<void> {
    await keep({ db: this.#db }, "blob", sha256);
    await this.#db.insert(storedBlobs).values({ sha256 }).onConflictDoNothing();
  }

  delete(sha256: string): Promise<void> {
    return this.#whole.delete(sha256);
  }

  startParts(expected: Expected): Promise<string> {
    return this.#whole.startParts(expected);
  }

  putPart(handle: string, part: Part, source: AsyncIterable<Uint8Array>): Promise<string> {
    return this.#whole.putPart(handle, part, source);
  }

  async finishParts(
    handle: string,
    parts: readonly { number: number; etag: string }[],
    expected: Expected,
  ): Promise<void> {
    await this.#note(expected.sha256);
    return this.#whole.finishParts(handle, parts, expected);
  }

  endParts(handle: string): Promise<void> {
    return this.#whole.endParts(handle);
  }

  /** Chunks are put together here: there is nothing elsewhere to send a client to. */
  get link(): BlobStore["link"] {
    const { link } = this.#whole;
    if (link === undefined) return undefined;
    return async (sha256: string, options: LinkOptions) =>
      (await this.#chunksOf(sha256)) === undefined ? link.call(this.#whole, sha256, options) : undefined;
  }
}
