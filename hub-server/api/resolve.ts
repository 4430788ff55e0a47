// File contents: resolve (the file) and raw (what git stores), with HEAD, ranges and the headers that clients read.

import { Readable } from "node:stream";
import type { Context as HonoContext } from "hono";
import { plural, REPO_TYPES, type RepoId, type RepoType } from "../../src/hub/repo-id.ts";
import { encodePointer } from "../../src/io/git-objects.ts";
import type { Context } from "../context.ts";
import { type FileHandle, openFile } from "../services/files.ts";
import { contentTypeOf } from "./content-type.ts";
import { countDownload } from "./count-download.ts";
import { defineRoute, type HubEnv, type Route, repoOf, splitRevision, TYPE_SUFFIX } from "./route.ts";
import { LINK_SECONDS, type Sendable, send } from "./send.ts";
import { asksWhere, XET_FILE_INFO, xetFileHeaders } from "./xet.ts";

type Kind = "resolve" | "raw";

function route(type: RepoType, kind: Kind): Route {
  const prefix = type === "model" ? "" : `/${plural(type)}`;
  const place = `${prefix}/{namespace}/{repo}/resolve/{rev}/{path}`;
  return defineRoute({
    operation: `${kind}${TYPE_SUFFIX[type]}`,
    ...(kind === "resolve" && { answers: [`GET ${place}`] }),
    method: "GET",
    path: `${prefix}/:namespace/:name/${kind}/*`,
    access: "content",
    summary: kind === "resolve" ? "The bytes of a file" : "What git stores for a file: the pointer of a large one",
    query: QUERY,
    handle: (c, ctx) => respond(c, ctx, { ...repoOf(c), type }, kind, splitRevision(c)),
  });
}

const QUERY = {
  download: "Whether browsers save the file rather than show it",
  noContentDisposition: "Leaves out the file's name",
};

/** Where the Hub sends for small files, and where clients may have been told to look. */
const resolveCache = defineRoute({
  operation: "resolveCache",
  answers: REPO_TYPES.map((type) => `GET /api/resolve-cache/${plural(type)}/{namespace}/{repo}/{rev}/{path}`),
  method: "GET",
  path: "/api/resolve-cache/:type/:namespace/:name/*",
  access: "content",
  summary: "The bytes of a file",
  query: QUERY,
  handle: (c, ctx) => respond(c, ctx, repoOf(c), "resolve", splitRevision(c)),
});

async function respond(
  c: HonoContext<HubEnv>,
  ctx: Context,
  id: RepoId,
  kind: Kind,
  { revision, path }: { revision: string; path: string },
): Promise<Response> {
  const file = await openFile(ctx, id, revision, path);
  if (kind === "resolve") countDownload(c, ctx, file.repo);
  const xet = kind === "resolve" ? await xetFileHeaders(c, ctx, file) : {};
  const headers = { ...headersOf(c, file, path, revision), ...xet };
  if (xet["X-Xet-Hash"] !== undefined && asksWhere(c)) return fileInfo(c, file, headers);
  const elsewhere = kind === "resolve" && c.req.method === "GET" ? await linkTo(ctx, file, headers) : undefined;
  if (elsewhere !== undefined)
    return c.body(null, 302, { ...headers, Location: elsewhere, "Cache-Control": "no-store", "Content-Length": "0" });
  return send(c, { ...(kind === "raw" ? rawOf(file) : resolvedOf(file)), headers });
}

/** Where a file is, for a client that would rather fetch it in chunks. */
function fileInfo(c: HonoContext<HubEnv>, { entry: { size, lfs } }: FileHandle, headers: Headers): Response {
  const etag = `"${lfs?.sha256}"`;
  return c.json({ hash: headers["X-Xet-Hash"], size }, 200, { ...headers, ETag: etag, "Content-Type": XET_FILE_INFO });
}

function resolvedOf({ entry, open }: FileHandle): Omit<Sendable, "headers"> {
  return { size: entry.size, etag: entry.lfs?.sha256 ?? entry.id, open: (start, end) => open({ start, end }) };
}

function rawOf(file: FileHandle): Omit<Sendable, "headers"> {
  const { lfs } = file.entry;
  if (lfs === undefined) return resolvedOf(file);
  const pointer = encodePointer(lfs.sha256, lfs.size);
  return {
    size: pointer.length,
    etag: file.entry.id,
    open: async (start, end) => Readable.from([pointer.subarray(start, end)]),
  };
}

/** Where the store gives a large file to clients itself. Small ones would take longer by two requests than by one. */
async function linkTo(ctx: Context, { entry }: FileHandle, headers: Headers): Promise<string | undefined> {
  if (entry.lfs === undefined || ctx.blobs.link === undefined) return undefined;
  return ctx.blobs.link(entry.lfs.sha256, {
    seconds: LINK_SECONDS,
    contentType: headers["Content-Type"] ?? "application/octet-stream",
    contentDisposition: headers["Content-Disposition"],
  });
}

type Headers = Record<string, string>;

function headersOf(
  c: HonoContext<HubEnv>,
  { repo, entry, commit }: FileHandle,
  path: string,
  revision: string,
): Headers {
  const shared = repo.isPrivate || repo.gated !== null ? "private" : "public";
  const disposition = c.req.query("noContentDisposition") === undefined ? dispositionOf(c, path) : undefined;
  return {
    "X-Repo-Commit": commit.id,
    "Content-Type": contentTypeOf(path),
    ...(disposition !== undefined && { "Content-Disposition": disposition }),
    "Cache-Control": revision === commit.id ? `${shared}, max-age=31536000, immutable` : "no-cache",
    "X-Content-Type-Options": "nosniff",
    // Files come from users: whatever they are, they run nothing in this origin.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    // Pages that shut others out still show pictures and play sounds from here.
    "Cross-Origin-Resource-Policy": "cross-origin",
    ...(entry.lfs !== undefined && {
      "X-Linked-Etag": `"${entry.lfs.sha256}"`,
      "X-Linked-Size": `${entry.lfs.size}`,
    }),
  };
}

/** The file's name twice, for clients that know UTF-8 and for those that do not; Python's wants the last semicolon. */
function dispositionOf(c: HonoContext<HubEnv>, path: string): string {
  const name = path.split("/").at(-1) ?? path;
  const plain = name.replace(/[^\x20-\x7e]|["\\;]/g, "_");
  const exact = encodeURIComponent(name).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const way = ["", "true", "True", "1"].includes(c.req.query("download") ?? "no") ? "attachment" : "inline";
  return `${way}; filename*=UTF-8''${exact}; filename="${plain}";`;
}

export const resolveRoutes = [
  ...REPO_TYPES.flatMap((type) => [route(type, "resolve"), route(type, "raw")]),
  resolveCache,
];
