// Large files: which are missing, links that authorise themselves, and the uploads behind them.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Readable } from "node:stream";
import { and, eq } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context, Deps } from "../context.ts";
import { lfsObjects } from "../db/schema.ts";
import { credentialsWanted, forbidden, ServiceError } from "../errors.ts";
import { requireAccess } from "./access.ts";

const LINK_SECONDS = 24 * 3600;

/** What a signed link allows: one object of one repository to be sent or fetched, for a time. */
export interface Grant {
  kind: "upload" | "download";
  repoId: string;
  sha256: string;
  size: number;
  expires: number;
}

/** Signature over everything a link allows. */
function sign({ signingKey }: Pick<Deps, "signingKey">, { kind, repoId, sha256, size, expires }: Grant): string {
  return createHmac("sha256", signingKey).update(`${kind} ${repoId} ${sha256} ${size} ${expires}`).digest("base64url");
}

function query(ctx: Context, grant: Grant): string {
  const { repoId, size, expires } = grant;
  return new URLSearchParams({
    repo: repoId,
    size: `${size}`,
    expires: `${expires}`,
    signature: sign(ctx, grant),
  }).toString();
}

export interface BatchObject {
  oid: string;
  size: number;
  /** Query of the signed links; none where an upload is there already. */
  upload?: string;
  download?: string;
  error?: { code: number; message: string };
}

/** What a client has to upload; objects that this repository has already get no link. */
export async function lfsBatch(
  ctx: Context,
  id: RepoId,
  operation: "upload" | "download",
  objects: readonly { oid: string; size: number }[],
): Promise<BatchObject[]> {
  const repo = await requireAccess(ctx, operation === "upload" ? "write" : "read", id).catch((error: unknown) => {
    // git sends credentials only when it is asked for them, so a stranger learns nothing but that.
    throw ctx.actor === undefined ? credentialsWanted() : error;
  });
  const expires = Math.floor(Date.now() / 1000) + LINK_SECONDS;
  const out: BatchObject[] = [];
  for (const { oid, size } of objects) {
    const [known] = await ctx.db
      .select()
      .from(lfsObjects)
      .where(and(eq(lfsObjects.repoId, repo.id), eq(lfsObjects.sha256, oid)));
    if (operation === "download") {
      out.push(
        known === undefined
          ? { oid, size, error: { code: 404, message: "Object does not exist" } }
          : {
              oid,
              size,
              download: query(ctx, { kind: operation, repoId: repo.id, sha256: oid, size: known.size, expires }),
            },
      );
    } else if (known !== undefined && (await ctx.blobs.has(oid))) out.push({ oid, size });
    else out.push({ oid, size, upload: query(ctx, { kind: operation, repoId: repo.id, sha256: oid, size, expires }) });
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

/** Bytes of an object that is part of the grant's repository. */
export async function openObject(ctx: Context, grant: Grant): Promise<Readable> {
  await verifyObject(ctx, grant);
  return ctx.blobs.open(grant.sha256);
}

export async function verifyObject(ctx: Context, grant: Grant): Promise<void> {
  const mine = and(eq(lfsObjects.repoId, grant.repoId), eq(lfsObjects.sha256, grant.sha256));
  const [object] = await ctx.db.select().from(lfsObjects).where(mine);
  if (object?.size !== grant.size || !(await ctx.blobs.has(grant.sha256))) {
    throw new ServiceError(404, "The object has not arrived.", { code: "OBJECT_MISSING" });
  }
}
