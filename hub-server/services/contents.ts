// Contents on their way in: hashed, and stored as rows when small and as blobs when large. The same for both doors, the API
// and git. Nothing here can be seen until a commit names it.
import { createHash, type Hash } from "node:crypto";
import { and, eq } from "drizzle-orm";
import { encodePointer, objectHash, objectId, parsePointer } from "../../src/io/git-objects.ts";
import type { Context } from "../context.ts";
import type { Db, Tx } from "../db/client.ts";
import { contents, lfsObjects } from "../db/schema.ts";
import { badRequest } from "../errors.ts";
import { addBlob } from "../storage/add-blob.ts";
import { counted } from "../storage/blobs.ts";
import type { Repo } from "./access.ts";
import { keepObjects } from "./objects.ts";

/** Up to this a content is a row, above it a blob. */
const ROW_LIMIT = 64 * 1024;
/** Bytes of rows that wait for the transaction; what is beyond is written ahead of it. */
const HELD = 4 * 1024 * 1024;
/** What a row takes beside its bytes. */
const ROW = 512;
/** Of one statement: the embedded database keeps the memory that the largest one took. */
const AT_ONCE = { rows: 200, bytes: 256 * 1024 };

type ContentRow = typeof contents.$inferSelect;

export class IncomingContents {
  readonly #ctx: Context;
  readonly #repo: Pick<Repo, "id">;
  #rows: ContentRow[] = [];
  #held = 0;

  constructor(ctx: Context, repo: Pick<Repo, "id">) {
    this.#ctx = ctx;
    this.#repo = repo;
  }

  /**
   * Takes the bytes that git stores for a file; gives their id. A pointer is one however it comes: it stands for an object
   * of this repository.
   */
  async add(path: string, bytes: Uint8Array): Promise<string> {
    const pointer = parsePointer(bytes);
    if (pointer !== undefined) return this.addLfs(path, pointer.sha256, pointer.size);
    const [id, size] = [objectId("blob", bytes), bytes.length];
    if (size <= ROW_LIMIT) return this.#take({ id, size, bytes, sha256: null, isLfs: false });
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    if (!(await this.#ctx.blobs.has(sha256))) await this.#ctx.blobs.put(asSource(bytes), { sha256, size });
    return this.#take({ id, size, bytes: null, sha256, isLfs: false });
  }

  /** Takes bytes that are too many to hold, of a length that is known; none of them is a pointer, which is short. */
  async addStream(size: number, source: AsyncIterable<Uint8Array>): Promise<string> {
    const hash = objectHash("blob", size);
    const { sha256 } = await addBlob(this.#ctx.blobs, hashed(counted(source, size), hash));
    return this.#take({ id: hash.digest("hex"), size, bytes: null, sha256, isLfs: false });
  }

  /** Takes a large object that was uploaded to this repository before. */
  async addLfs(path: string, sha256: string, claimed: number | undefined): Promise<string> {
    const { db, blobs } = this.#ctx;
    const mine = and(eq(lfsObjects.repoId, this.#repo.id), eq(lfsObjects.sha256, sha256));
    const [object] = await db.select().from(lfsObjects).where(mine);
    if (object === undefined || !(await blobs.has(sha256))) {
      throw badRequest(
        `LFS pointer pointed to a file that does not exist: ${path} (${sha256}).`,
        "Upload the file first.",
      );
    }
    const { size } = object;
    if (claimed !== undefined && claimed !== size)
      throw badRequest(`${path} is said to have ${claimed} bytes; the uploaded object has ${size}.`);
    return this.#take({ id: objectId("blob", encodePointer(sha256, size)), size, bytes: null, sha256, isLfs: true });
  }

  /** Writes what waits; the last time in the transaction that names it. */
  async flush(db: Db | Tx): Promise<void> {
    const rows = this.#rows;
    [this.#rows, this.#held] = [[], 0];
    for (let start = 0; start < rows.length; ) {
      const some = rows.slice(start, start + countOf(rows, start));
      await keepObjects(
        db,
        "content",
        some.map(({ id }) => id),
      );
      await db.insert(contents).values(some).onConflictDoNothing();
      start += some.length;
    }
  }

  async #take(row: ContentRow): Promise<string> {
    this.#rows.push(row);
    this.#held += ROW + (row.bytes?.length ?? 0);
    if (this.#held > HELD) await this.flush(this.#ctx.db);
    return row.id;
  }
}

/** Rows from a place on that go into one statement; at least one. */
function countOf(rows: readonly ContentRow[], start: number): number {
  let [count, bytes] = [0, 0];
  while (start + count < rows.length && count < AT_ONCE.rows && bytes < AT_ONCE.bytes) {
    bytes += rows[start + count]?.bytes?.length ?? 0;
    count++;
  }
  return count;
}

async function* hashed(source: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}

async function* asSource(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
