// What of a request and its answer belongs to Node's HTTP server: bytes go from and to its sockets without a detour.
// The only file that knows which server the application runs in.
import type { Server, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context as HonoContext } from "hono";
import { log } from "../../src/log.ts";
import { ServiceError } from "../errors.ts";
import { Pace } from "../pace.ts";
import { FileBytes } from "../storage/file-bytes.ts";
import type { HubEnv } from "./route.ts";

/** Node's request and response; undefined where the application is called without a server. */
function bindings(c: HonoContext<HubEnv>): HttpBindings | undefined {
  // safe because @hono/node-server sets these two, and nothing else sets any
  const env = c.env as Partial<HttpBindings> | undefined;
  const { incoming, outgoing } = env ?? {};
  return incoming === undefined || outgoing === undefined ? undefined : { incoming, outgoing };
}

/** The port that the request came to. */
export const portOf = (c: HonoContext<HubEnv>): number | undefined => bindings(c)?.incoming.socket.localPort;

/** Whether a part of the request is still on its way. */
export const isSending = (c: HonoContext<HubEnv>): boolean => bindings(c)?.incoming.complete === false;

/**
 * The body of a request, in the chunks in which it arrives.
 *
 * @throws ServiceError 408 `BODY_TOO_SLOW` where the client says nothing for too long
 */
export function bodyOf(c: HonoContext<HubEnv>): AsyncGenerator<Uint8Array> {
  const seconds = c.get("ctx").transfers.silenceSeconds;
  const node = bindings(c);
  // Who stops reading means to answer, and the answer takes the same socket.
  if (node !== undefined) return inTime(node.incoming.iterator({ destroyOnReturn: false }), seconds);
  const { body } = c.req.raw;
  // safe because Node's fetch types and stream types describe the same object
  const web = body as Parameters<typeof Readable.fromWeb>[0] | null;
  return inTime(web === null ? Readable.from([]) : Readable.fromWeb(web), seconds);
}

/** The chunks of a body, as long as the next one comes in time; only what is spent on waiting for them counts. */
async function* inTime(body: AsyncIterable<Uint8Array>, seconds: number): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  const pace = new Pace(seconds * 1000);
  let isWaiting = false;
  const next = () =>
    new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
      const since = performance.now();
      // A turn later: what came while the hub itself was busy is read first.
      const late = setTimeout(() => setImmediate(() => reject(tooSlow(seconds))), pace.left);
      isWaiting = true;
      chunks
        .next()
        .then((result) => {
          pace.count(performance.now() - since, result.done === true ? 0 : result.value.length);
          isWaiting = false;
          resolve(result);
        }, reject)
        .finally(() => clearTimeout(late));
    });
  try {
    for (let result = await next(); result.done !== true; result = await next()) yield result.value;
  } finally {
    // Of one that waits nothing ends before the socket does.
    if (!isWaiting) await chunks.return?.();
  }
}

const tooSlow = (seconds: number): ServiceError =>
  new ServiceError(408, `The body did not go on for ${seconds} seconds, or hardly.`, {
    code: "BODY_TOO_SLOW",
    hint: "Nothing was stored. Send it again over a steadier line.",
    data: { seconds },
  });

interface Reader {
  pace: Pace;
  /** Bytes that the system took. */
  taken: number;
}

/**
 * Ends answers that nobody takes, or hardly: what waits for a reader holds memory, files and processes. That nothing moves at all is
 * seen by Node; how fast it moves, by whole pieces.
 */
export function watchReaders(server: Server, seconds: number): void {
  const readers = new Map<ServerResponse, Reader>();
  server.on("request", (_, outgoing) => {
    readers.set(outgoing, { pace: new Pace(seconds * 1000), taken: takenBy(outgoing) });
    outgoing.once("close", () => readers.delete(outgoing));
    // What has nothing to send yet is the hub's own silence.
    outgoing.setTimeout(seconds * 1000, () => outgoing.writableLength > 0 && outgoing.destroy());
  });
  const each = (seconds * 1000) / 8;
  const timer = setInterval(() => {
    for (const [outgoing, reader] of readers) {
      // An answer behind another one waits for that.
      if (outgoing.socket === null) continue;
      const taken = takenBy(outgoing);
      const pending = outgoing.writableLength;
      const isInTime = reader.pace.count(pending > 0 ? each : 0, taken - reader.taken, pending);
      reader.taken = taken;
      if (!isInTime) outgoing.destroy();
    }
  }, each).unref();
  server.on("close", () => clearInterval(timer));
}

const takenBy = ({ socket }: ServerResponse): number =>
  socket === null ? 0 : socket.bytesWritten - socket.writableLength;

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
  const { incoming, outgoing } = node;
  outgoing.writeHead(status, { ...c.get("common"), ...headers });
  // By the socket: an answer that waits behind another one is not told that its connection ends.
  const { socket } = incoming;
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  if (socket.destroyed) leave();
  socket.once("close", leave);
  const { signal } = leaving;
  // A client that goes away ends the stream, and that is all; what cannot be read whoever runs the hub has to know.
  source.once("error", (error) => {
    if (outgoing.destroyed || signal.aborted) return;
    log.error(`request ${c.get("requestId")}: the answer broke off: ${error.message}`);
  });
  const sent = source instanceof FileBytes ? source.sendTo(outgoing, signal) : pipeline(source, outgoing, { signal });
  await sent.catch(() => outgoing.destroy());
  socket.off("close", leave);
  return RESPONSE_ALREADY_SENT;
}

/** Whether the answer is on its way by `toSocket`: what stands in for it must be left as it is. */
export const isSent = (c: HonoContext<HubEnv>): boolean => bindings(c)?.outgoing.headersSent === true;
