// Large files that come in parts. What arrived is remembered for a day, so that a client that was cut off sends the rest.
import { and, eq, lt } from "drizzle-orm";
import { log } from "../../src/log.ts";
import type { Context } from "../context.ts";
import { inWords } from "../db/in-words.ts";
import { uploadParts, uploads } from "../db/schema/uploads.ts";
import { lfsObjects } from "../db/schema.ts";
import { badRequest, ServiceError } from "../errors.ts";
import type { Expected } from "../storage/blobs.ts";

type Upload = typeof uploads.$inferSelect;

const KEPT_MS = 24 * 3600 * 1000;
/** S3 takes no more. */
const MOST_PARTS = 10_000;
/** Forgotten uploads that one new upload clears away. */
const SWEPT = 20;

interface NewUpload extends Expected {
  repoId: string;
}

/** Bytes of each part of an object but the last. */
export const partSizeOf = ({ transfers }: Pick<Context, "transfers">, size: number): number =>
  Math.max(transfers.partSize, Math.ceil(size / MOST_PARTS));

/** The upload of an object that has begun, or a new one. */
export async function startUpload(ctx: Context, { repoId, sha256, size }: NewUpload): Promise<Upload> {
  await sweep(ctx);
  const partSize = partSizeOf(ctx, size);
  const same = and(eq(uploads.repoId, repoId), eq(uploads.sha256, sha256), eq(uploads.size, size));
  const [begun] = await ctx.db
    .select()
    .from(uploads)
    .where(and(same, eq(uploads.partSize, partSize)));
  if (begun !== undefined) return begun;
  const handle = await ctx.blobs.startParts({ sha256, size });
  const [made] = await ctx.db.insert(uploads).values({ repoId, sha256, size, partSize, handle }).returning();
  if (made === undefined) throw new Error("internal: an upload was not kept");
  return made;
}

/** Uploads that nobody has touched for a day. */
async function sweep(ctx: Context): Promise<void> {
  const old = await ctx.db
    .select({ id: uploads.id })
    .from(uploads)
    .where(lt(uploads.touchedAt, new Date(Date.now() - KEPT_MS)))
    .limit(SWEPT);
  for (const { id } of old) {
    const gone = await take(ctx, id);
    if (gone !== undefined) await end(ctx, gone);
  }
}

async function end({ blobs }: Context, { handle }: Upload): Promise<void> {
  await blobs.endParts(handle).catch((error: unknown) => log.warn(`An old upload stays: ${inWords(error)}`));
}

/** Removes an upload from the list: of several who try, one gets it. */
async function take(ctx: Context, id: string): Promise<Upload | undefined> {
  const [gone] = await ctx.db.delete(uploads).where(eq(uploads.id, id)).returning();
  return gone;
}

async function requireUpload(ctx: Context, id: string | undefined): Promise<Upload> {
  const [upload] = await ctx.db
    .select()
    .from(uploads)
    .where(eq(uploads.id, id ?? ""));
  if (upload === undefined) throw over();
  return upload;
}

const over = (): ServiceError =>
  new ServiceError(404, "This upload is over.", { code: "UPLOAD_OVER", hint: "Ask for new links and begin again." });

/** Parts on their way, by upload; none are taken while it is put together. A part that went on would change what was checked. */
const sending = new Map<string, number>();
const closing = new Set<string>();

const busy = (what: string): ServiceError =>
  new ServiceError(409, what, { code: "UPLOAD_BUSY", hint: "Wait until it is done, and try again." });

/** Takes one part; gives its ETag, which the client names at the end. */
export async function putPart(
  ctx: Context,
  uploadId: string | undefined,
  number: number,
  source: AsyncIterable<Uint8Array>,
): Promise<string> {
  const key = uploadId ?? "";
  if (closing.has(key)) throw busy("The parts of this upload are being put together.");
  sending.set(key, (sending.get(key) ?? 0) + 1);
  try {
    return await takePart(ctx, uploadId, number, source);
  } finally {
    const left = (sending.get(key) ?? 1) - 1;
    if (left > 0) sending.set(key, left);
    else sending.delete(key);
  }
}

async function takePart(
  ctx: Context,
  uploadId: string | undefined,
  number: number,
  source: AsyncIterable<Uint8Array>,
): Promise<string> {
  const upload = await requireUpload(ctx, uploadId);
  const start = (number - 1) * upload.partSize;
  if (!Number.isSafeInteger(number) || number < 1 || start >= upload.size)
    throw badRequest(`There is no part ${number} of ${Math.ceil(upload.size / upload.partSize)}.`);
  const size = Math.min(upload.partSize, upload.size - start);
  const etag = await ctx.blobs.putPart(upload.handle, { number, start, size }, source);
  await ctx.db.transaction(async (tx) => {
    const [still] = await tx
      .update(uploads)
      .set({ touchedAt: new Date() })
      .where(eq(uploads.id, upload.id))
      .returning();
    if (still === undefined) throw over();
    await tx
      .insert(uploadParts)
      .values({ uploadId: upload.id, number, etag })
      .onConflictDoUpdate({ target: [uploadParts.uploadId, uploadParts.number], set: { etag } });
  });
  return etag;
}

/** The ETag of a part that arrived, for a client that goes on; undefined when it has to be sent. */
export async function partOf(ctx: Context, uploadId: string | undefined, number: number): Promise<string | undefined> {
  const upload = await requireUpload(ctx, uploadId);
  const [part] = await ctx.db
    .select({ etag: uploadParts.etag })
    .from(uploadParts)
    .where(and(eq(uploadParts.uploadId, upload.id), eq(uploadParts.number, number)));
  return part?.etag;
}

export interface Completion extends NewUpload {
  upload: string | undefined;
  parts: readonly { number: number; etag: string }[];
}

/** Puts the parts together. A part that is missing leaves the upload open; a wrong hash ends it. */
export async function completeUpload(ctx: Context, { upload: id, parts, ...expected }: Completion): Promise<void> {
  const { repoId, sha256, size } = expected;
  const stored = and(eq(lfsObjects.repoId, repoId), eq(lfsObjects.sha256, sha256));
  // A client that did not see the first answer asks again.
  if ((await ctx.db.select().from(lfsObjects).where(stored)).length > 0) return;
  const upload = await requireUpload(ctx, id);
  const arrived = await ctx.db.select().from(uploadParts).where(eq(uploadParts.uploadId, upload.id));
  const named = checkParts(upload, parts, new Map(arrived.map(({ number, etag }) => [number, etag])));
  if (closing.has(upload.id)) throw busy("The parts of this upload are being put together.");
  if (sending.has(upload.id)) throw busy("A part of this upload is still on its way.");
  closing.add(upload.id);
  try {
    await ctx.blobs.finishParts(upload.handle, named, { sha256, size }).catch(async (error: unknown) => {
      await take(ctx, upload.id);
      throw error;
    });
    // Until it is written down the upload stays: the hashing may take minutes, and who is cut off in them completes it again.
    await ctx.db.transaction(async (tx) => {
      await tx.insert(lfsObjects).values({ repoId, sha256, size }).onConflictDoNothing();
      await tx.delete(uploads).where(eq(uploads.id, upload.id));
    });
    await end(ctx, upload);
  } finally {
    closing.delete(upload.id);
  }
}

function checkParts(
  { size, partSize }: Upload,
  given: Completion["parts"],
  arrived: ReadonlyMap<number, string>,
): { number: number; etag: string }[] {
  const count = Math.ceil(size / partSize);
  const claimed = new Map(given.map(({ number, etag }) => [number, etag.replace(/^W\/|"/g, "")]));
  if (given.length !== count || claimed.size !== count)
    throw badRequest(`The upload has ${count} parts; ${given.length} were named.`, "Name each of them once.");
  return Array.from({ length: count }, (_, index) => {
    const [number, etag] = [index + 1, arrived.get(index + 1)];
    if (etag === undefined)
      throw badRequest(`Part ${number} of ${count} has not arrived.`, "Send it and complete again.");
    if (claimed.get(number) !== etag)
      throw badRequest(`Part ${number} of ${count} was named with another ETag than it has.`);
    return { number, etag };
  });
}
