// Files that are kept as chunks: which there are, which of them a repository may read, and their bytes.
// Nothing here writes.
import { Readable } from "node:stream";
import { and, asc, eq, inArray } from "drizzle-orm";
import type { Store } from "../context.ts";
import { xetFiles, xetXorbs } from "../db/schema/xet.ts";
import { lfsObjects } from "../db/schema.ts";
import type { Range } from "../storage/blobs.ts";
import { readFile, type Span, type XetFile, type XorbSource } from "../xet/reconstruct.ts";
import { ChunkTable } from "../xet/xorb.ts";

type Database = Pick<Store, "db">;

interface Xorb {
  table: ChunkTable;
  sha256: string;
  at: number;
}

/** Tables of xorbs that were read lately, for speed alone. */
const MOST_KEPT = 64;
const KEPT_MS = 5 * 60_000;
const kept = new WeakMap<Store["db"], Map<string, Xorb>>();

/** A xorb of the store; undefined where there is none of that name. */
export async function findXorb({ db }: Database, hash: string): Promise<Xorb | undefined> {
  const known = kept.get(db) ?? new Map<string, Xorb>();
  kept.set(db, known);
  const found = known.get(hash);
  if (found !== undefined && Date.now() - found.at < KEPT_MS) return found;
  const [row] = await db.select().from(xetXorbs).where(eq(xetXorbs.hash, hash));
  known.delete(hash);
  if (row === undefined) return undefined;
  const xorb = { table: new ChunkTable(Uint8Array.from(row.chunks)), sha256: row.sha256, at: Date.now() };
  known.set(hash, xorb);
  const [oldest] = known.keys();
  if (known.size > MOST_KEPT && oldest !== undefined) known.delete(oldest);
  return xorb;
}

/** Forgets what was read of xorbs that go or come anew. Other processes do so after a while. */
export function forgetXorbs({ db }: Database, hashes: readonly string[]): void {
  for (const hash of hashes) kept.get(db)?.delete(hash);
}

async function requireXorb(database: Database, hash: string): Promise<Xorb> {
  const xorb = await findXorb(database, hash);
  if (xorb === undefined) throw new Error(`internal: the xorb ${hash} of a file is not there`);
  return xorb;
}

/** Where readers of files get tables and bytes of xorbs. */
export const xorbSource = ({ db, blobs }: Store): XorbSource => ({
  tableOf: async (hash) => (await requireXorb({ db }, hash)).table,
  open: async (hash, span) => blobs.open((await requireXorb({ db }, hash)).sha256, span),
});

/** The file of chunks that has these bytes. Of several, always the same: clients keep the name for ever. */
export async function findFileBySha256({ db }: Database, sha256: string): Promise<XetFile | undefined> {
  const order = [asc(xetFiles.createdAt), asc(xetFiles.hash)];
  const [file] = await db
    .select()
    .from(xetFiles)
    .where(eq(xetFiles.sha256, sha256))
    .orderBy(...order)
    .limit(1);
  return file;
}

export function openXetFile(store: Store, file: XetFile, range?: Range): Readable {
  const span: Span = range ?? { start: 0, end: file.size };
  return Readable.from(readFile(file, span, xorbSource(store)), { objectMode: false });
}

/** A file that a repository may read: one whose bytes are an object of it. */
export async function readableFile({ db }: Database, repoId: string, hash: string): Promise<XetFile | undefined> {
  const [row] = await db
    .select({ file: xetFiles })
    .from(xetFiles)
    .innerJoin(lfsObjects, and(eq(lfsObjects.sha256, xetFiles.sha256), eq(lfsObjects.repoId, repoId)))
    .where(eq(xetFiles.hash, hash));
  return row?.file;
}

/** Xet hashes by SHA-256, of those objects of a repository that are kept as chunks. */
export async function xetHashes(
  { db }: Database,
  repoId: string,
  sha256s: readonly string[],
): Promise<Map<string, string>> {
  const out = new Map<string, string>();
  const wanted = [...new Set(sha256s)];
  for (let start = 0; start < wanted.length; start += 1000) {
    const rows = await db
      .select({ sha256: xetFiles.sha256, hash: xetFiles.hash })
      .from(xetFiles)
      .innerJoin(lfsObjects, and(eq(lfsObjects.sha256, xetFiles.sha256), eq(lfsObjects.repoId, repoId)))
      .where(inArray(xetFiles.sha256, wanted.slice(start, start + 1000)))
      .orderBy(asc(xetFiles.createdAt), asc(xetFiles.hash));
    for (const { sha256, hash } of rows) if (!out.has(sha256)) out.set(sha256, hash);
  }
  return out;
}
