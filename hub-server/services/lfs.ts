// Large files: which are missing, links that authorise themselves, and the uploads behind them.
import { createHmac, timingSafeEqual } from "node:crypto";
import { and, eq, inArray } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context, Deps } from "../context.ts";
import { lfsObjects } from "../db/schema.ts";
import { credentialsWanted, forbidden, ServiceError } from "../errors.ts";
import { requireAccess } from "./access.ts";
import { type Bearer, bearerOf } from "./bearers.ts";
import { partSizeOf, startUpload } from "./lfs-parts.ts";

const LINK_SECONDS = 24 * 3600;
/** Blobs that are looked for at once: on S3 each is a request. */
const AT_ONCE = 32;
/** Links to parts in one answer, of some 300 bytes each; one object has up to 10,000. */
const MOST_PARTS = 50_000;

/** What a signed link allows: one object of one repository to be sent or fetched, for a time. */
export interface Grant extends Bearer {
  kind: "upload" | "download" | "parts";
  repoId: string;
  sha256: string;
  size: number;
  expires: number;
  /** The upload that parts belong to. */
  upload?: string | undefined;
}

/** Signature over everything a link allows. */
function sign({ signingKey }: Pick<Deps, "signingKey">, grant: Grant): string {
  const { kind, repoId, sha256, size, expires, upload = "", userId = "", by = "" } = grant;
  const allowed = [kind, repoId, sha256, size, expires, upload, userId, by];
  return createHmac("sha256", signingKey).update(allowed.join(" ")).digest("base64url");
}

/** The query of a signed link. */
export function linkQuery(ctx: Pick<Deps, "signingKey">, grant: Omit<Grant, "expires">): string {
  const signed = { ...grant, expires: Math.floor(Date.now() / 1000) + LINK_SECONDS };
  return new URLSearchParams({
    repo: signed.repoId,
    size: `${signed.size}`,
    expires: `${signed.expires}`,
    ...(signed.upload !== undefined && { upload: signed.upload }),
    ...(signed.userId !== undefined && { user: signed.userId }),
    ...(signed.by !== undefined && { by: signed.by }),
    signature: sign(ctx, signed),
  }).toString();
}

export interface BatchObject {
  oid: string;
  size: number;
  /** Query of the signed links; none where an upload is there already. */
  upload?: string;
  download?: string;
  /** Where the bytes go in parts: their size, and the query of the parts' links. */
  parts?: { size: number; query: string };
  error?: { code: number; message: string };
}

export interface BatchInput {
  operation: "upload" | "download";
  objects: readonly { oid: string; size: number }[];
  /** Whether the client can send parts, and whether it sends all objects of a batch so when it does one. */
  parts?: "none" | "large" | "all" | undefined;
}

/** What a client has to upload; objects that this repository has already get no link. */
export async function lfsBatch(ctx: Context, id: RepoId, input: BatchInput): Promise<BatchObject[]> {
  const { operation, objects, parts = "none" } = input;
  const repo = await requireAccess(ctx, operation === "upload" ? "contribute" : "content", id).catch(
    (error: unknown) => {
      // git sends credentials only when it is asked for them, so a stranger learns nothing but that.
      throw ctx.actor === undefined ? credentialsWanted() : error;
    },
  );
  const known = await storedSizes(
    ctx,
    repo.id,
    objects.map(({ oid }) => oid),
  );
  const missing = objects.filter(({ oid }) => !known.has(oid));
  const { multipartAbove } = ctx.transfers;
  const inParts = parts !== "none" && missing.some(({ size }) => size > multipartAbove);
  const out: BatchObject[] = [];
  let links = 0;
  for (const { oid, size } of objects) {
    const stored = known.get(oid);
    const grant = { repoId: repo.id, sha256: oid, size: stored ?? size, ...bearerOf(ctx) };
    if (operation === "download") {
      if (stored === undefined) out.push({ oid, size, error: { code: 404, message: "Object does not exist" } });
      else out.push({ oid, size, download: linkQuery(ctx, { kind: "download", ...grant }) });
    } else if (stored !== undefined)
      out.push(stored === size ? { oid, size } : { oid, size, error: otherSize(stored) });
    else {
      const upload = linkQuery(ctx, { kind: "upload", ...grant });
      const split = inParts && size > 0 && (parts === "all" || size > multipartAbove);
      const count = split ? Math.ceil(size / partSizeOf(ctx, size)) : 0;
      if (links + count > MOST_PARTS) {
        out.push({ oid, size, error: tooManyParts() });
        continue;
      }
      links += count;
      const begun = split ? await startUpload(ctx, grant) : undefined;
      const query = begun && linkQuery(ctx, { kind: "parts", ...grant, upload: begun.id });
      out.push({ oid, size, upload, ...(begun && query !== undefined && { parts: { size: begun.partSize, query } }) });
    }
  }
  return out;
}

const tooManyParts = () => ({
  code: 413,
  message: `The objects of this batch have more than ${MOST_PARTS} parts; send this one in the next.`,
});

const otherSize = (stored: number) => ({ code: 422, message: `The object with this SHA-256 has ${stored} bytes.` });

/** Objects of a repository that are there, with their sizes. */
async function storedSizes(ctx: Context, repoId: string, oids: readonly string[]): Promise<Map<string, number>> {
  const rows =
    oids.length === 0
      ? []
      : await ctx.db
          .select({ sha256: lfsObjects.sha256, size: lfsObjects.size })
          .from(lfsObjects)
          .where(and(eq(lfsObjects.repoId, repoId), inArray(lfsObjects.sha256, [...new Set(oids)])));
  const out = new Map<string, number>();
  for (let start = 0; start < rows.length; start += AT_ONCE) {
    const some = rows.slice(start, start + AT_ONCE);
    const there = await Promise.all(some.map(({ sha256 }) => ctx.blobs.has(sha256)));
    for (const [index, { sha256, size }] of some.entries()) if (there[index] === true) out.set(sha256, size);
  }
  return out;
}

/** Reads a grant off a signed link, or refuses it. */
export function readGrant(
  deps: Pick<Deps, "signingKey">,
  kind: Grant["kind"],
  sha256: string,
  params: URLSearchParams,
): Grant {
  const grant = {
    kind,
    repoId: params.get("repo") ?? "",
    sha256,
    size: Number(params.get("size")),
    expires: Number(params.get("expires")),
    upload: params.get("upload") ?? undefined,
    userId: params.get("user") ?? undefined,
    by: params.get("by") ?? undefined,
  };
  const [given, right] = [Buffer.from(params.get("signature") ?? ""), Buffer.from(sign(deps, grant))];
  if (given.length !== right.length || !timingSafeEqual(given, right))
    throw forbidden("The link's signature is wrong.");
  if (grant.expires < Date.now() / 1000) throw forbidden("The link has expired; ask for a new one.");
  return grant;
}

/** Stores an upload; size and hash are checked before anything becomes visible. */
export async function putObject(ctx: Context, grant: Grant, source: AsyncIterable<Uint8Array>): Promise<void> {
  await ctx.blobs.put(source, grant);
  const { repoId, sha256, size } = grant;
  await ctx.db.insert(lfsObjects).values({ repoId, sha256, size }).onConflictDoNothing();
}

/** Refuses an object that is no part of the grant's repository, or is not there whole. */
export async function verifyObject(ctx: Context, grant: Grant): Promise<void> {
  const known = await storedSizes(ctx, grant.repoId, [grant.sha256]);
  if (known.get(grant.sha256) !== grant.size)
    throw new ServiceError(404, "The object has not arrived.", { code: "OBJECT_MISSING" });
}
