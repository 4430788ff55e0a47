// Git LFS over HTTP: the batch, the uploads whole and in parts, and their verification.
// Links authorise themselves: clients send no credentials to them.
import type { Context as HonoContext } from "hono";
import { z } from "zod";
import { lfsBatchRequestSchema } from "../../src/hub/protocol/commit.ts";
import { plural, REPO_TYPES, type RepoType } from "../../src/hub/repo-id.ts";
import { addressOf } from "../address.ts";
import type { Context } from "../context.ts";
import { badRequest, ServiceError } from "../errors.ts";
import { requireStillAllowed } from "../services/bearers.ts";
import {
  type BatchInput,
  type BatchObject,
  type Grant,
  lfsBatch,
  putObject,
  readGrant,
  verifyObject,
} from "../services/lfs.ts";
import { completeUpload, partOf, putPart } from "../services/lfs-parts.ts";
import { bodyOf } from "./node-server.ts";
import { defineRoute, type HubEnv, jsonBody, MANY_PARTS, originOf, type Route, repoOf, TYPE_SUFFIX } from "./route.ts";
import { LINK_SECONDS, send } from "./send.ts";
import { xetUpload } from "./xet.ts";

const MEDIA = "application/vnd.git-lfs+json";

function batch(type: RepoType): Route {
  const prefix = type === "model" ? "" : `/${plural(type)}`;
  return defineRoute({
    operation: `lfsBatch${TYPE_SUFFIX[type]}`,
    method: "POST",
    path: `${prefix}/:namespace/:name/info/lfs/objects/batch`,
    access: "contribute",
    summary: "Which large files are missing, and where to send them",
    body: lfsBatchRequestSchema,
    handle: async (c, ctx) => {
      const { operation, objects, transfers, ref } = await jsonBody(c, lfsBatchRequestSchema);
      const id = { ...repoOf(c), type };
      const byXet = operation === "upload" && transfers.includes("xet");
      const parts = byXet ? "none" : partsOf(transfers);
      const answers = await lfsBatch(ctx, id, { operation, objects, parts });
      const xet = byXet ? await xetUpload(c, ctx, id, ref?.name) : undefined;
      const transfer = byXet ? "xet" : answers.some((answer) => answer.parts !== undefined) ? "multipart" : "basic";
      const wire = answers.map((answer) => actionsOf(originOf(c), answer, xet));
      return c.body(JSON.stringify({ transfer, objects: wire, hash_algo: "sha256" }), 200, { "Content-Type": MEDIA });
    },
  });
}

/** git-lfs hands all files of a batch to one program, which knows files in parts alone; other clients look at each file. */
function partsOf(transfers: readonly string[]): BatchInput["parts"] {
  if (!transfers.includes("multipart")) return "none";
  return transfers.includes("lfs-standalone-file") ? "all" : "large";
}

/** @param xet how objects are uploaded in chunks, to clients that can */
function actionsOf(
  origin: string,
  { oid, size, upload, download, parts, error }: BatchObject,
  xet: Awaited<ReturnType<typeof xetUpload>> | undefined,
): unknown {
  if (error !== undefined) return { oid, size, error };
  const base = `${origin}/api/lfs/${oid}`;
  if (download !== undefined) return { oid, size, actions: { download: { href: `${base}?${download}` } } };
  if (upload === undefined) return { oid, size };
  if (xet !== undefined) return { oid, size, authenticated: true, actions: { upload: xet } };
  // Without the mark git-lfs asks for credentials before it follows a link.
  const verify = { href: `${base}/verify?${upload}` };
  if (parts === undefined)
    return { oid, size, authenticated: true, actions: { upload: { href: `${base}?${upload}` }, verify } };
  const count = Math.ceil(size / parts.size);
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const links = numbers.map((number) => [
    // Clients sort them as texts.
    `${number}`.padStart(5, "0"),
    `${base}/parts/${number}?${parts.query}`,
  ]);
  const header = { chunk_size: `${parts.size}`, ...Object.fromEntries(links) };
  const complete = { href: `${base}/complete?${parts.query}`, header };
  return { oid, size, authenticated: true, actions: { upload: complete, verify } };
}

/** What the link of a request allows, as long as whoever it was made for may do that. */
async function grantOf(c: HonoContext<HubEnv>, ctx: Context, kind: Grant["kind"]): Promise<Grant> {
  const grant = readGrant(ctx, kind, c.req.param("oid") ?? "", new URL(c.req.url).searchParams);
  await requireStillAllowed(ctx, { ...grant, scope: kind === "download" ? "read" : "write" }, addressOf(c));
  return grant;
}

const put = defineRoute({
  operation: "lfsUpload",
  method: "PUT",
  path: "/api/lfs/:oid",
  access: "link",
  summary: "Send a large file; its size and SHA-256 are checked",
  handle: async (c, ctx) => {
    const grant = await grantOf(c, ctx, "upload");
    checkLength(c, grant.size);
    await putObject(ctx, grant, bodyOf(c));
    return c.body(null, 200, { ETag: `"${grant.sha256}"` });
  },
});

/** Before a byte of it is written; a body without a length is counted as it comes. */
function checkLength(c: HonoContext<HubEnv>, size: number): void {
  const length = c.req.header("content-length");
  if (length !== undefined && Number(length) !== size)
    throw badRequest(
      `The body has ${length} bytes, and ${size} were announced.`,
      "Nothing was stored. Send the file again.",
    );
}

const get = defineRoute({
  operation: "lfsDownload",
  method: "GET",
  path: "/api/lfs/:oid",
  access: "link",
  summary: "Fetch a large file",
  handle: async (c, ctx) => {
    const grant = await grantOf(c, ctx, "download");
    await verifyObject(ctx, grant);
    const { sha256, size } = grant;
    const contentType = "application/octet-stream";
    const elsewhere = c.req.method === "GET" ? ctx.blobs.link : undefined;
    const link = await elsewhere?.(sha256, { seconds: LINK_SECONDS, contentType, contentDisposition: undefined });
    if (link !== undefined) return c.redirect(link, 302);
    const headers = { "Content-Type": contentType, "X-Content-Type-Options": "nosniff", "Cache-Control": "private" };
    return send(c, { size, etag: sha256, headers, open: (start, end) => ctx.blobs.open(sha256, { start, end }) });
  },
});

const verifySchema = z.object({ oid: z.string(), size: z.number() });

const verify = defineRoute({
  operation: "lfsVerify",
  method: "POST",
  path: "/api/lfs/:oid/verify",
  access: "link",
  summary: "Ask whether an upload arrived",
  body: verifySchema,
  handle: async (c, ctx) => {
    const grant = await grantOf(c, ctx, "upload");
    const { oid, size } = await jsonBody(c, verifySchema);
    if (oid !== grant.sha256 || size !== grant.size) throw badRequest("The link was made for another object.");
    await verifyObject(ctx, grant);
    return c.json({ success: true });
  },
});

const part = defineRoute({
  operation: "lfsUploadPart",
  method: "PUT",
  path: "/api/lfs/:oid/parts/:number",
  access: "link",
  summary: "Send a part of a large file; the ETag of the answer is named at the end",
  handle: async (c, ctx) => {
    const grant = await grantOf(c, ctx, "parts");
    const etag = await putPart(ctx, grant.upload, Number(c.req.param("number")), bodyOf(c));
    return c.body(null, 200, { ETag: `"${etag}"` });
  },
});

const partState = defineRoute({
  operation: "lfsPartState",
  method: "GET",
  path: "/api/lfs/:oid/parts/:number",
  access: "link",
  summary: "Whether a part arrived: its ETag, or 404 where it has to be sent",
  handle: async (c, ctx) => {
    const grant = await grantOf(c, ctx, "parts");
    const etag = await partOf(ctx, grant.upload, Number(c.req.param("number")));
    if (etag === undefined) throw new ServiceError(404, "The part has not arrived.", { code: "PART_MISSING" });
    return c.body(null, 200, { ETag: `"${etag}"` });
  },
});

const completeSchema = z.object({
  oid: z.string(),
  parts: z.array(z.object({ partNumber: z.number().int(), etag: z.string() })).max(10_000),
});

const complete = defineRoute({
  operation: "lfsComplete",
  method: "POST",
  path: "/api/lfs/:oid/complete",
  access: "link",
  summary: "Put the parts of a large file together; its size and SHA-256 are checked",
  body: completeSchema,
  handle: async (c, ctx) => {
    const grant = await grantOf(c, ctx, "parts");
    const { oid, parts } = await jsonBody(c, completeSchema, MANY_PARTS);
    if (oid !== grant.sha256) throw badRequest("The link was made for another object.");
    const named = parts.map(({ partNumber, etag }) => ({ number: partNumber, etag }));
    await completeUpload(ctx, { ...grant, upload: grant.upload, parts: named });
    return c.json({ success: true });
  },
});

export const lfsRoutes = [...REPO_TYPES.map(batch), put, get, verify, part, partState, complete];
