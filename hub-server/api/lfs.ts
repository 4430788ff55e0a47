// Git LFS over HTTP: the batch, the uploads and their verification.
// Links authorise themselves: clients send no credentials to them.
import { Readable } from "node:stream";
import { z } from "zod";
import { lfsBatchRequestSchema } from "../../src/hub/protocol/commit.ts";
import { plural, type RepoType } from "../../src/hub/repo-id.ts";
import { badRequest } from "../errors.ts";
import { lfsBatch, openObject, putObject, readGrant, verifyObject } from "../services/lfs.ts";
import { defineRoute, jsonBody, originOf, type Route, repoOf } from "./route.ts";

const MEDIA = "application/vnd.git-lfs+json";

function batch(type: RepoType): Route {
  const prefix = type === "model" ? "" : `/${plural(type)}`;
  return defineRoute({
    operation: `lfsBatch${type === "model" ? "" : "Dataset"}`,
    method: "POST",
    path: `${prefix}/:namespace/:name/info/lfs/objects/batch`,
    access: "write",
    summary: "Which large files are missing, and where to send them",
    body: lfsBatchRequestSchema,
    handle: async (c, ctx) => {
      const { operation, objects } = await jsonBody(c, lfsBatchRequestSchema);
      const id = { ...repoOf(c), type };
      const origin = originOf(c);
      const answers = (await lfsBatch(ctx, id, operation, objects)).map(({ oid, size, upload, download, error }) => {
        if (error !== undefined) return { oid, size, error };
        const base = `${origin}/api/lfs/${oid}`;
        if (upload !== undefined) {
          return {
            oid,
            size,
            actions: { upload: { href: `${base}?${upload}` }, verify: { href: `${base}/verify?${upload}` } },
          };
        }
        return download === undefined
          ? { oid, size }
          : { oid, size, actions: { download: { href: `${base}?${download}` } } };
      });
      return c.body(JSON.stringify({ transfer: "basic", objects: answers, hash_algo: "sha256" }), 200, {
        "Content-Type": MEDIA,
      });
    },
  });
}

const put = defineRoute({
  operation: "lfsUpload",
  method: "PUT",
  path: "/api/lfs/:oid",
  access: "link",
  summary: "Send a large file; its size and SHA-256 are checked",
  handle: async (c, ctx) => {
    const { body } = c.req.raw;
    const grant = readGrant(ctx, "upload", c.req.param("oid") ?? "", new URL(c.req.url).searchParams);
    // safe because Node's fetch types and stream types describe the same object
    const source = body === null ? Readable.from([]) : Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
    await putObject(ctx, grant, source);
    return c.body(null, 200, { ETag: `"${grant.sha256}"` });
  },
});

const get = defineRoute({
  operation: "lfsDownload",
  method: "GET",
  path: "/api/lfs/:oid",
  access: "link",
  summary: "Fetch a large file",
  handle: async (c, ctx) => {
    const grant = readGrant(ctx, "download", c.req.param("oid") ?? "", new URL(c.req.url).searchParams);
    const source = await openObject(ctx, grant);
    // safe because Node's fetch types and stream types describe the same object
    const body = Readable.toWeb(source) as ReadableStream<Uint8Array>;
    return c.body(body, 200, { "Content-Type": "application/octet-stream", "Content-Length": `${grant.size}` });
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
    const grant = readGrant(ctx, "upload", c.req.param("oid") ?? "", new URL(c.req.url).searchParams);
    const { oid, size } = await jsonBody(c, verifySchema);
    if (oid !== grant.sha256 || size !== grant.size) throw badRequest("The link was made for another object.");
    await verifyObject(ctx, grant);
    return c.json({ success: true });
  },
});

export const lfsRoutes = [batch("model"), batch("dataset"), put, get, verify];
