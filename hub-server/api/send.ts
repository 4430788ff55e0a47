// Bytes as an answer: conditions, ranges, HEAD, and how they reach the socket. Knows nothing of what they are.
import type { Readable } from "node:stream";
import type { Context as HonoContext } from "hono";
import { ServiceError } from "../errors.ts";
import { toSocket } from "./node-server.ts";
import type { HubEnv } from "./route.ts";

/** How long a link to a blob that lies elsewhere holds: long enough for a slow client to begin. */
export const LINK_SECONDS = 3600;

export interface Sendable {
  size: number;
  /** Hex digits that are the same for the same bytes, whatever their name. */
  etag: string;
  headers: Readonly<Record<string, string>>;
  /** Bytes from start to end, which is excluded. */
  open(start: number, end: number): Promise<Readable>;
}

type Range = { start: number; end: number };

export async function send(c: HonoContext<HubEnv>, { size, etag, headers: own, open }: Sendable): Promise<Response> {
  const headers: Record<string, string> = { ...own, ETag: `"${etag}"`, "Accept-Ranges": "bytes" };
  if (names(c.req.header("if-none-match"), etag)) return c.body(null, 304, headers);
  if (c.req.method === "HEAD") return c.body(null, 200, { ...headers, "Content-Length": `${size}` });
  const range = stillApplies(c.req.header("if-range"), etag)
    ? parseRange(c.req.header("range"), size, headers)
    : undefined;
  if (range !== undefined && size === 0) headers["Content-Range"] = "bytes */0";
  const { start, end } = range ?? { start: 0, end: size };
  const partial = range !== undefined && size > 0;
  if (partial) headers["Content-Range"] = `bytes ${start}-${end - 1}/${size}`;
  headers["Content-Length"] = `${end - start}`;
  return toSocket(c, partial ? 206 : 200, headers, await open(start, end));
}

/** Whether an If-None-Match names this ETag, among others or as "whatever it is". */
function names(header: string | undefined, etag: string): boolean {
  const tags = (header ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes("*") || tags.includes(`"${etag}"`);
}

/** A range holds for the bytes that the client has a part of; dates are not kept, so they never do. */
const stillApplies = (header: string | undefined, etag: string): boolean =>
  header === undefined || header === `"${etag}"`;

/**
 * The range asked for; undefined is the whole, also where the header has several or is of no known form. An empty file has
 * every range, because clients cannot take a refusal for it.
 */
function parseRange(header: string | undefined, size: number, headers: Record<string, string>): Range | undefined {
  const [, from = "", to = ""] = /^bytes=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/.exec(header ?? "") ?? [];
  if ((from === "" && to === "") || (from !== "" && to !== "" && Number(to) < Number(from))) return undefined;
  if (size === 0) return { start: 0, end: 0 };
  const start = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === "" || to === "" ? size : Math.min(size, Number(to) + 1);
  if (start < end) return { start, end };
  const told = Object.entries(headers).filter(([name]) => name.startsWith("X-") || name.startsWith("Access-"));
  throw new ServiceError(416, `There are ${size} bytes.`, {
    code: "RANGE",
    headers: { ...Object.fromEntries(told), "Content-Range": `bytes */${size}` },
  });
}
