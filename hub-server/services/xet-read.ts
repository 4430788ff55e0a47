// What goes out by Xet: plans of files, bytes of xorbs, and which chunks are there already.
import { randomBytes } from "node:crypto";
import type { Readable } from "node:stream";
import { desc, eq, inArray } from "drizzle-orm";
import type { Context } from "../context.ts";
import { xetChunks, xetFiles, xetFileXorbs, xetXorbs } from "../db/schema/xet.ts";
import { ServiceError } from "../errors.ts";
import { keyedHash } from "../xet/hash.ts";
import { type Plan, planFetches, type Span, type XetFile } from "../xet/reconstruct.ts";
import { writeDedupShard } from "../xet/shard.ts";
import { ChunkTable } from "../xet/xorb.ts";
import { keep } from "./blobs.ts";
import { findXorb, readableFile, xorbSource } from "./xet-files.ts";
import { likelyXorbs, noteFiles } from "./xet-hints.ts";
import type { XetGrant, XorbRange } from "./xet-tokens.ts";

/** Xorbs that one answer tells of. */
const MOST_XORBS = 32;
/** How long clients may believe an answer: less than what nothing names is kept for. */
const BELIEVED_SECONDS = 3 * 7 * 24 * 3600;

const notFound = (what: string) => new ServiceError(404, `${what} is not in the store.`, { code: "XET_NOT_FOUND" });

/** A file that the token's repository has. One that others have alone is not there. */
export async function requireFile(ctx: Context, grant: XetGrant, hash: string): Promise<XetFile> {
  const file = grant.content ? await readableFile(ctx, grant.repoId, hash) : undefined;
  if (file === undefined) throw notFound(`The file ${hash}`);
  noteFiles(ctx, grant, [hash]);
  return file;
}

export const plan = (ctx: Context, file: XetFile, span: Span): Promise<Plan> =>
  planFetches(file, span, xorbSource(ctx).tableOf);

/** Bytes of a xorb as it is stored. */
export async function openXorb(ctx: Context, { xorb, start, end }: XorbRange): Promise<Readable> {
  const found = await findXorb(ctx, xorb);
  if (found === undefined) throw notFound(`The xorb ${xorb}`);
  return ctx.blobs.open(found.sha256, { start, end });
}

/** Bytes of a xorb as it is stored; undefined where there is none. */
export async function xorbSize(ctx: Context, hash: string): Promise<number | undefined> {
  const found = await findXorb(ctx, hash);
  return found?.table.packedStart(found.table.count);
}

/**
 * The shard that tells where a chunk is, with the other xorbs of the newest file that it is in; of a chunk that is nowhere, once, what
 * else may be in the upload.
 */
export async function dedupShard(ctx: Context, grant: XetGrant, chunk: string): Promise<Uint8Array> {
  const [found] = await ctx.db.select().from(xetChunks).where(eq(xetChunks.hash, chunk));
  const hashes =
    found === undefined
      ? await likelyXorbs(ctx, grant, MOST_XORBS)
      : [found.xorb, ...(await neighbours(ctx, found.xorb))].slice(0, MOST_XORBS);
  if (hashes.length === 0) throw notFound(`The chunk ${chunk}`);
  // Clients will name these for weeks without asking again.
  for (const hash of hashes) await keep(ctx, "xorb", hash);
  const rows = await ctx.db
    .select({ hash: xetXorbs.hash, chunks: xetXorbs.chunks })
    .from(xetXorbs)
    .where(inArray(xetXorbs.hash, hashes));
  if (rows.length === 0) throw notFound(`The chunk ${chunk}`);
  const xorbs = rows.map(({ hash, chunks }) => ({ hash, table: new ChunkTable(Uint8Array.from(chunks)) }));
  const key = Uint8Array.from(randomBytes(32));
  const created = Math.floor(Date.now() / 1000);
  return writeDedupShard(xorbs, { key, hide: await keyedHash(key), created, expires: created + BELIEVED_SECONDS });
}

async function neighbours({ db }: Context, xorb: string): Promise<string[]> {
  const [newest] = await db
    .select({ hash: xetFiles.hash })
    .from(xetFiles)
    .innerJoin(xetFileXorbs, eq(xetFileXorbs.file, xetFiles.hash))
    .where(eq(xetFileXorbs.xorb, xorb))
    .orderBy(desc(xetFiles.createdAt))
    .limit(1);
  if (newest === undefined) return [];
  const rows = await db
    .select({ xorb: xetFileXorbs.xorb })
    .from(xetFileXorbs)
    .where(eq(xetFileXorbs.file, newest.hash))
    .limit(MOST_XORBS);
  return rows.map((row) => row.xorb).filter((hash) => hash !== xorb);
}
