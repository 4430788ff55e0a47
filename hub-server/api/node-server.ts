// What of a request and its answer belongs to Node's HTTP server: bytes go from and to its sockets without a detour.
// The only file that knows which server the application runs in.
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context as HonoContext } from "hono";
import { log } from "../../src/log.ts";
import type { HubEnv } from "./route.ts";

/** Node's request and response; undefined where the application is called without a server. */
function bindings(c: HonoContext<HubEnv>): HttpBindings | undefined {
  // safe because @hono/node-server sets these two, and nothing else sets any
  const env = c.env as Partial<HttpBindings> | undefined;
  const { incoming, outgoing } = env ?? {};
  return incoming === undefined || outgoing === undefined ? undefined : { incoming, outgoing };
}

/** Whether a part of the request is still on its way. */
export const isSending = (c: HonoContext<HubEnv>): boolean => bindings(c)?.incoming.complete === false;

/** The body of a request, in the chunks in which it arrives. */
export function bodyOf(c: HonoContext<HubEnv>): AsyncIterable<Uint8Array> {
  const node = bindings(c);
  if (node !== undefined) return node.incoming;
  const { body } = c.req.raw;
  // safe because Node's fetch types and stream types describe the same object
  return body === null ? Readable.from([]) : Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
}

/** Sends a stream. By way of fetch's streams the same would take twice the time. */
export async function toSocket(
  c: HonoContext<HubEnv>,
  status: number,
  headers: Readonly<Record<string, string>>,
  source: Readable,
): Promise<Response> {
  const node = bindings(c);
  // safe because Node's stream types and fetch types describe the same object
  if (node === undefined) return new Response(Readable.toWeb(source) as ReadableStream, { status, headers });
  const { outgoing } = node;
  outgoing.writeHead(status, { ...c.get("common"), ...headers });
  // A client that goes away ends the stream, and that is all; what cannot be read whoever runs the hub has to know.
  source.once("error", (error) => {
    if (!outgoing.destroyed) log.error(`request ${c.get("requestId")}: the answer broke off: ${error.message}`);
  });
  await pipeline(source, outgoing).catch(() => outgoing.destroy());
  return RESPONSE_ALREADY_SENT;
}

/** Whether the answer is on its way by `toSocket`: what stands in for it must be left as it is. */
export const isSent = (c: HonoContext<HubEnv>): boolean => bindings(c)?.outgoing.headersSent === true;
