// What comes in by Xet: xorbs, whose every chunk is checked; and shards, whose every claim is, before a file is there for anybody.
import { setImmediate } from "node:timers/promises";
import { and, eq, inArray } from "drizzle-orm";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { garbage, xetChunks, xetFiles, xetFileXorbs, xetXorbs } from "../db/schema/xet.ts";
import { lfsObjects, repos } from "../db/schema.ts";
import { badRequest, repoNotFound, ServiceError } from "../errors.ts";
import { addBlob } from "../storage/add-blob.ts";
import { Spool } from "../storage/spool.ts";
import { RefusedBytes } from "../threads/pool.ts";
import { MOST_FOOTER_BYTES } from "../xet/chunks.ts";
import { fileHash, hashText, MerkleRoot, rangeHash } from "../xet/hash.ts";
import { readPacked, type XetFile } from "../xet/reconstruct.ts";
import { type ClaimedFile, type ClaimedXorb, type ParsedShard, packTerms, parseShard, TURN } from "../xet/shard.ts";
import { digestChunks, verifyXorb } from "../xet/workers.ts";
import { ChunkTable, MOST_XORB_BYTES, type VerifiedXorb } from "../xet/xorb.ts";
import { keep } from "./blobs.ts";
import { findXorb, forgetXorbs, xorbSource } from "./xet-files.ts";
import { noteFiles } from "./xet-hints.ts";
import type { XetGrant } from "./xet-tokens.ts";

/** With what older clients put behind the chunks. */
const MOST_BODY_BYTES = MOST_XORB_BYTES + MOST_FOOTER_BYTES;
/** Clients cut their shards at 64 MiB. */
export const MOST_SHARD_BYTES = 65 * 1024 * 1024;
/** A file of a terabyte has some 16,000 of them. */
const MOST_TERMS = 200_000;
/** Bytes of all files of a shard: all of them are hashed, and a few bytes can tell of the same chunks again and again. */
const MOST_DATA = 1024 ** 4;

/** A claim that does not hold, or bytes that are broken, as an answer. */
function refused(error: unknown): unknown {
  if (!(error instanceof RefusedBytes || error instanceof RangeError)) return error;
  return new ServiceError(400, `The upload was refused: ${error.message}`, {
    code: "XET_REFUSED",
    hint: "Nothing was stored. Upload again; if that does not help, clear the cache of hf_xet.",
  });
}

/** A body up to a limit. What is left of it when it is refused is read all the same, as far as it goes: else the client sees no answer. */
async function* bounded(source: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  let received = 0;
  let ended = false;
  const next = async () => {
    const { value, done } = await chunks.next();
    ended = done === true;
    received += value?.length ?? 0;
    return ended ? undefined : value;
  };
  try {
    for (let chunk = await next(); chunk !== undefined; chunk = await next()) {
      if (received > limit) throw new RangeError(`it has more than ${limit} bytes.`);
      yield chunk;
    }
  } finally {
    while (!ended && received < 2 * limit) await next();
    if (!ended) await chunks.return?.();
  }
}

/** Takes a xorb in; gives whether it was not there before. */
export async function putXorb(ctx: Context, hash: string, body: AsyncIterable<Uint8Array>): Promise<boolean> {
  await keep(ctx, "xorb", hash);
  const source = bounded(body, MOST_BODY_BYTES);
  const known = await findXorb(ctx, hash);
  if (known !== undefined && (await ctx.blobs.has(known.sha256))) {
    for await (const _ of source);
    return false;
  }
  let verified: VerifiedXorb | undefined;
  const checked = verifyXorb(source, (xorb) => {
    if (xorb.hash !== hash) throw new RangeError(`its chunks make the xorb ${xorb.hash}, not ${hash}.`);
    verified = xorb;
  });
  const { sha256 } = await addBlob(ctx.blobs, checked).catch((error: unknown) => {
    throw refused(error);
  });
  if (verified === undefined) throw new Error("internal: a xorb was stored that nobody checked");
  await noteXorb(ctx, { ...verified, sha256 });
  return true;
}

async function noteXorb(ctx: Context, { hash, table, ...xorb }: VerifiedXorb & { sha256: string }): Promise<void> {
  const eligible = new ChunkTable(table).eligible();
  await ctx.db.transaction(async (tx) => {
    await tx.delete(garbage).where(and(eq(garbage.kind, "blob"), eq(garbage.id, xorb.sha256)));
    const row = { hash, chunks: table, ...xorb };
    await tx.insert(xetXorbs).values(row).onConflictDoUpdate({ target: xetXorbs.hash, set: row });
    await offer(
      tx,
      eligible.map((chunk) => ({ hash: chunk, xorb: hash })),
    );
  });
  forgetXorbs(ctx, [hash]);
  if (await ctx.blobs.has(xorb.sha256)) return;
  await ctx.db.delete(xetXorbs).where(eq(xetXorbs.hash, hash));
  throw new ServiceError(503, "The xorb was swept away while it came. Send it again.", { code: "XORB_LOST" });
}

/** Makes chunks known to those who ask before they upload. */
async function offer(tx: Tx, chunks: readonly { hash: string; xorb: string }[]): Promise<void> {
  for (let start = 0; start < chunks.length; start += 1000)
    await tx
      .insert(xetChunks)
      .values(chunks.slice(start, start + 1000))
      .onConflictDoNothing();
}

/** How far the check of a shard is: files that are right, of all. */
export type Progress = (verified: number, total: number) => void;

/** A file of a shard whose claims hold, but for its SHA-256. */
interface CheckedFile extends XetFile {
  claimedSha256: string | undefined;
  xorbs: string[];
  firstChunk: { hash: string; xorb: string } | undefined;
}

/** Shards above this are held one at a time. */
const SMALL_SHARD_BYTES = 4 * 1024 * 1024;
let large: Promise<unknown> = Promise.resolve();

/** A shard that has come, and what to call when nobody needs it any more. */
export interface HeldShard {
  shard: ParsedShard;
  release(): void;
}

/**
 * Takes a shard's body. It is small beside what it tells of; many large ones at once would fill the memory all the same. A large one
 * waits on the disk, and for its turn only once it is there: who sends slowly stops nobody.
 *
 * @param size bytes that are announced
 */
export async function takeShard(body: AsyncIterable<Uint8Array>, size: number | undefined): Promise<HeldShard> {
  try {
    if (size !== undefined && size <= SMALL_SHARD_BYTES)
      return { shard: await readShard(bounded(body, size)), release: () => {} };
    return await takeLargeShard(body);
  } catch (error) {
    throw refused(error);
  }
}

async function takeLargeShard(body: AsyncIterable<Uint8Array>): Promise<HeldShard> {
  const spool = new Spool();
  let release = () => {};
  try {
    for await (const piece of bounded(body, MOST_SHARD_BYTES)) await spool.append(piece);
    const before = large;
    large = new Promise<void>((resolve) => {
      release = resolve;
    });
    await before;
    return { shard: await readShard(spool.read(0, spool.length)), release };
  } catch (error) {
    release();
    throw error;
  } finally {
    await spool.close();
  }
}

async function readShard(source: AsyncIterable<Uint8Array>): Promise<ParsedShard> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return parseShard(Buffer.concat(pieces.splice(0)));
}

/**
 * Checks all that a shard says and makes its files readable in the token's repository; all of them or none. Gives whether
 * anything is new.
 */
export async function registerShard(
  ctx: Context,
  grant: XetGrant,
  { files, xorbs }: ParsedShard,
  progress: Progress,
): Promise<boolean> {
  try {
    progress(0, files.length);
    await checkSizes(files);
    for (const xorb of xorbs) await checkXorb(ctx, xorb);
    const checked: CheckedFile[] = [];
    for (const file of files) checked.push(await checkFile(ctx, file));
    const digests = new Map<string, string>();
    for (const [index, file] of checked.entries()) {
      await checkSha256(ctx, file, digests);
      progress(index + 1, files.length);
    }
    const isNew = await ctx.db.transaction((tx) => note(tx, grant, checked));
    noteFiles(
      ctx,
      grant,
      checked.map(({ hash }) => hash),
    );
    return isNew;
  } catch (error) {
    throw refused(error);
  }
}

async function requireXorb(ctx: Context, hash: string): Promise<ChunkTable> {
  const xorb = await findXorb(ctx, hash);
  if (xorb === undefined) throw new RangeError(`there is no xorb ${hash}.`);
  return xorb.table;
}

/** A xorb is what its bytes are; a shard that tells otherwise of it comes from a client that is wrong about more. */
async function checkXorb(ctx: Context, { hash, count, chunks }: ClaimedXorb): Promise<void> {
  const table = await requireXorb(ctx, hash);
  if (count !== table.count) throw new RangeError(`the xorb ${hash} has ${table.count} chunks, not ${count}.`);
  let at = 0;
  for (const chunk of chunks()) {
    const isRight = chunk.hash === hashText(table.hashAt(at)) && chunk.size === table.sizeOf(at, at + 1);
    if (!isRight) throw new RangeError(`the xorb ${hash} has another chunk ${at}.`);
    at++;
    if (at % TURN === 0) await setImmediate();
  }
}

/** Counts what is claimed, before any of it is looked at. */
async function checkSizes(files: readonly ClaimedFile[]): Promise<void> {
  let [total, turn] = [0, 0];
  for (const { hash, count, terms } of files) {
    if (count > MOST_TERMS) throw new RangeError(`the file ${hash} has more than ${MOST_TERMS} terms.`);
    for (const { size } of terms()) total += size;
    if (total > MOST_DATA) throw new RangeError(`its files have more than ${MOST_DATA} bytes.`);
    turn += count;
    if (turn > TURN) turn = (await setImmediate(0)) ?? 0;
  }
}

async function checkFile(ctx: Context, { hash, count, terms, sha256 }: ClaimedFile): Promise<CheckedFile> {
  const root = new MerkleRoot();
  let size = 0;
  let turn = 0;
  const xorbs = new Set<string>();
  for (const { xorb, start, end, size: claimed, rangeHash: proof } of terms()) {
    xorbs.add(xorb);
    const table = await requireXorb(ctx, xorb);
    if (start >= end || end > table.count) throw new RangeError(`the xorb ${xorb} has no chunks ${start} to ${end}.`);
    const place = `chunks ${start} to ${end} of the xorb ${xorb}`;
    if (claimed !== table.sizeOf(start, end)) throw new RangeError(`${place} do not have ${claimed} bytes.`);
    // Who knows a xorb's name alone could claim what is in it: this takes the hashes of its chunks.
    if (proof !== hashText(rangeHash(table.hashes(start, end)))) throw new RangeError(`${place} have another hash.`);
    for (let chunk = start; chunk < end; chunk++) root.add(table.hashAt(chunk), table.sizeOf(chunk, chunk + 1));
    size += claimed;
    turn += end - start;
    if (turn > TURN) turn = (await setImmediate(0)) ?? 0;
  }
  const found = hashText(fileHash(root.finish(), size));
  if (found !== hash) throw new RangeError(`the terms make the file ${found}, not ${hash}.`);
  const [first] = terms();
  return {
    hash,
    size,
    terms: packTerms(terms(), count),
    sha256: "",
    claimedSha256: sha256,
    xorbs: [...xorbs].sort(),
    firstChunk: first && {
      hash: hashText((await requireXorb(ctx, first.xorb)).hashAt(first.start)),
      xorb: first.xorb,
    },
  };
}

/**
 * The SHA-256 is what the rest of the hub knows a file by. It is computed, unless it was once for the same file.
 *
 * @param digests those of this shard, by the files' hashes
 */
async function checkSha256(ctx: Context, file: CheckedFile, digests: Map<string, string>): Promise<void> {
  const [known] = await ctx.db.select({ sha256: xetFiles.sha256 }).from(xetFiles).where(eq(xetFiles.hash, file.hash));
  file.sha256 = known?.sha256 ?? digests.get(file.hash) ?? (await digestOf(ctx, file));
  digests.set(file.hash, file.sha256);
  if (file.claimedSha256 !== undefined && file.claimedSha256 !== file.sha256)
    throw new RangeError(`the file ${file.hash} has the SHA-256 ${file.sha256}, not ${file.claimedSha256}.`);
}

async function digestOf(ctx: Context, file: CheckedFile): Promise<string> {
  try {
    return (await digestChunks(readPacked(file, xorbSource(ctx)))).sha256;
  } catch (error) {
    // What was there may have been swept away since; then it is for the client to send it again.
    forgetXorbs(ctx, file.xorbs);
    for (const hash of file.xorbs) {
      const xorb = await findXorb(ctx, hash);
      if (xorb === undefined || !(await ctx.blobs.has(xorb.sha256))) throw new RangeError(`there is no xorb ${hash}.`);
    }
    throw error;
  }
}

async function note(tx: Tx, { repoId }: XetGrant, files: readonly CheckedFile[]): Promise<boolean> {
  const [repo] = await tx.select({ id: repos.id }).from(repos).where(eq(repos.id, repoId)).for("share");
  if (repo === undefined) throw repoNotFound();
  const xorbs = [...new Set(files.flatMap((file) => file.xorbs))];
  await lockXorbs(tx, xorbs);
  let isNew = false;
  for (const { hash, sha256, size, terms, xorbs: needed, firstChunk } of files) {
    await tx.delete(garbage).where(and(eq(garbage.kind, "xetFile"), eq(garbage.id, hash)));
    const made = await tx
      .insert(xetFiles)
      .values({ hash, sha256, size, terms })
      .onConflictDoNothing()
      .returning({ hash: xetFiles.hash });
    if (made.length > 0 && needed.length > 0) {
      for (let start = 0; start < needed.length; start += 1000) {
        const rows = needed.slice(start, start + 1000).map((xorb) => ({ file: hash, xorb }));
        await tx.insert(xetFileXorbs).values(rows);
      }
    }
    const linked = await tx
      .insert(lfsObjects)
      .values({ repoId, sha256, size })
      .onConflictDoNothing()
      .returning({ sha256: lfsObjects.sha256 });
    if (firstChunk !== undefined) await offer(tx, [firstChunk]);
    isNew ||= made.length > 0 || linked.length > 0;
  }
  return isNew;
}

/** From here to the end of the transaction no xorb goes; one that is gone already is asked for again. */
async function lockXorbs(tx: Tx, xorbs: readonly string[]): Promise<void> {
  for (let start = 0; start < xorbs.length; start += 1000) {
    const some = xorbs.slice(start, start + 1000);
    await tx.delete(garbage).where(and(eq(garbage.kind, "xorb"), inArray(garbage.id, some)));
    const there = await tx
      .select({ hash: xetXorbs.hash })
      .from(xetXorbs)
      .where(inArray(xetXorbs.hash, some))
      .for("share");
    if (there.length !== some.length) throw badRequest("A xorb of the shard is not there any more; upload it again.");
  }
}
