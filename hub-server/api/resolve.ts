// File contents: resolve (the file) and raw (what git stores), with HEAD, ranges and the headers that clients read.

import { Readable } from "node:stream";
import type { Context as HonoContext } from "hono";
import { plural, type RepoType } from "../../src/hub/repo-id.ts";
import { encodePointer } from "../../src/io/git-objects.ts";
import { ServiceError } from "../errors.ts";
import type { Repo } from "../services/access.ts";
import { type FileHandle, openFile } from "../services/files.ts";
import { countDownload } from "../services/repos.ts";
import { contentTypeOf } from "./content-type.ts";
import { defineRoute, type HubEnv, type Route, repoOf, splitRevision } from "./route.ts";

interface Served {
  size: number;
  etag: string;
  open(start: number, end: number): Promise<Readable>;
}

function route(type: RepoType, kind: "resolve" | "raw"): Route {
  const prefix = type === "model" ? "" : `/${plural(type)}`;
  return defineRoute({
    operation: `${kind}${type === "model" ? "" : "Dataset"}`,
    method: "GET",
    path: `${prefix}/:namespace/:name/${kind}/*`,
    access: "read",
    summary: kind === "resolve" ? "The bytes of a file" : "What git stores for a file: the pointer of a large one",
    handle: async (c, ctx) => {
      const { revision, path } = splitRevision(c, kind);
      const file = await openFile(ctx, { ...repoOf(c), type }, revision, path);
      const served = kind === "raw" ? rawOf(file) : resolvedOf(file);
      if (kind === "resolve" && isDownload(c, file.repo, path)) await countDownload(ctx, file.repo);
      return respond(c, file, served, path, revision);
    },
  });
}

/**
 * Whether a request is a download to count: the whole of a file that stands for the repository. That is a model's config,
 * or its weights where it has none, and each file of data. A client that looks whether its copy is current (HEAD), or
 * asks for the first byte to learn the size, downloads nothing.
 */
function isDownload(c: HonoContext<HubEnv>, { type, config }: Repo, path: string): boolean {
  if (c.req.method === "HEAD" || !/^(bytes=0-(?!0$).*)?$/.test(c.req.header("range") ?? "")) return false;
  if (type === "dataset") return /\.(csv|tsv|jsonl?|parquet|txt|zip|tar|arrow)(\.\w+)?$/.test(path);
  const hasConfig = Object.keys(config ?? {}).length > 0;
  return hasConfig ? path === "config.json" : /\.(safetensors|onnx|gguf|bin|pt|pth)$/.test(path);
}

function resolvedOf({ entry, open }: FileHandle): Served {
  return { size: entry.size, etag: entry.lfs?.sha256 ?? entry.id, open: (start, end) => open({ start, end }) };
}

function rawOf(file: FileHandle): Served {
  const { lfs } = file.entry;
  if (lfs === undefined) return resolvedOf(file);
  const pointer = encodePointer(lfs.sha256, lfs.size);
  return {
    size: pointer.length,
    etag: file.entry.id,
    open: async (start, end) => Readable.from([pointer.subarray(start, end)]),
  };
}

async function respond(
  c: HonoContext<HubEnv>,
  { entry, commit }: FileHandle,
  served: Served,
  path: string,
  revision: string,
): Promise<Response> {
  const { size, etag } = served;
  const name = path.split("/").at(-1) ?? path;
  const plain = name.replace(/[^\x20-\x7e]|["\\]/g, "_");
  const headers: Record<string, string> = {
    "X-Repo-Commit": commit.id,
    ETag: `"${etag}"`,
    "Accept-Ranges": "bytes",
    "Content-Type": contentTypeOf(path),
    "Content-Disposition": `inline; filename*=UTF-8''${encodeURIComponent(name)}; filename="${plain}";`,
    "Cache-Control": revision === commit.id ? "public, max-age=31536000, immutable" : "no-cache",
    "X-Content-Type-Options": "nosniff",
    // Files come from users: whatever they are, they run nothing in this origin.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Access-Control-Expose-Headers":
      "X-Repo-Commit, X-Linked-Etag, X-Linked-Size, ETag, Content-Range, Content-Length, Accept-Ranges, X-Error-Code, X-Error-Message, X-Request-Id",
  };
  if (entry.lfs !== undefined) {
    headers["X-Linked-Etag"] = `"${entry.lfs.sha256}"`;
    headers["X-Linked-Size"] = `${entry.lfs.size}`;
  }
  if (c.req.header("if-none-match") === `"${etag}"`) return new Response(null, { status: 304, headers });
  const range = parseRange(c.req.header("range"), size);
  if (range === "empty") headers["Content-Range"] = "bytes */0";
  const [start, end] = range === undefined || range === "empty" ? [0, size] : range;
  const partial = range !== undefined && range !== "empty";
  if (partial) headers["Content-Range"] = `bytes ${start}-${end - 1}/${size}`;
  headers["Content-Length"] = `${end - start}`;
  if (c.req.method === "HEAD") return new Response(null, { status: partial ? 206 : 200, headers });
  // safe because Node's stream types and fetch types describe the same object
  const body = Readable.toWeb(await served.open(start, end)) as ReadableStream;
  return new Response(body, { status: partial ? 206 : 200, headers });
}

/** The range asked for; undefined is the whole. A range of an empty file gets the empty file, because clients cannot take a 416 for it. */
function parseRange(header: string | undefined, size: number): [number, number] | "empty" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  if (size === 0) return "empty";
  const start = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === "" || match[2] === "" ? size : Math.min(size, Number(match[2]) + 1);
  if (start >= size || end <= start) {
    throw new ServiceError(416, `The file has ${size} bytes.`, {
      code: "RANGE",
      headers: { "Content-Range": `bytes */${size}` },
    });
  }
  return [start, end];
}

export const resolveRoutes = [
  route("model", "resolve"),
  route("dataset", "resolve"),
  route("model", "raw"),
  route("dataset", "raw"),
];
