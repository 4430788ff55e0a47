// A proxy between a client and a hub: what was asked and what was answered, in order; and what goes wrong on the way, when told so.
// Knows nothing of the hub's addresses. The host that the client used is passed on, so that links lead through here too.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Transform } from "node:stream";

export interface Call {
  method: string;
  /** Path and query, as sent. */
  url: string;
  headers: IncomingHttpHeaders;
  /** 0 until there is an answer, and 502 where the hub was not there. */
  status: number;
  answer: IncomingHttpHeaders;
  /** Bytes of the answer's body that were passed on. */
  bytes: number;
}

/** What goes wrong with a call: the client's connection is cut after so many bytes of the answer. */
export type Fault = (call: Call) => { cutAfter: number } | undefined;

export interface Recorder {
  url: string;
  calls: Call[];
  /** Those since the last look, as "GET /path" without queries. */
  take(): string[];
  fault: Fault | undefined;
  /** Told of each call as it comes in; what it changes in address or headers is what the hub sees. */
  watch: ((call: Call) => void) | undefined;
  /** Which byte of a call's body is damaged on the way to the hub, from 0. */
  damage: ((call: Call) => number | undefined) | undefined;
  /** What a client meets while the hub is not there: a proxy's 502, or a connection that ends without an answer. */
  away: "502" | "cut";
  stop(): Promise<void>;
}

/** How long a connection stays open for a hub that is not there, before it is cut: clients try again a few times only. */
const PATIENCE_MS = 2000;

/** Starts a proxy before the server that `target` names at each call. */
export async function recorder(target: () => string): Promise<Recorder> {
  const calls: Call[] = [];
  const out: Recorder = {
    url: "",
    calls,
    fault: undefined,
    watch: undefined,
    damage: undefined,
    away: "502",
    take,
    stop,
  };
  const server = createServer((asked, answer) => forward(asked, answer, target(), out));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // safe because the server listens on a port
  out.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return out;

  function take(): string[] {
    return calls.splice(0).map(({ method, url }) => `${method} ${url.split("?")[0]}`);
  }
  function stop(): Promise<void> {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  }
}

function forward(asked: IncomingMessage, answer: ServerResponse, target: string, how: Recorder): void {
  const { calls, fault, watch } = how;
  const { method = "", url = "", headers } = asked;
  const call: Call = { method, url, headers, status: 0, answer: {}, bytes: 0 };
  calls.push(call);
  watch?.(call);
  const { hostname, port } = new URL(target);
  const sent = request({ hostname, port, method, path: call.url, headers, agent: false });
  sent.on("error", () => {
    call.status = 502;
    if (how.away === "cut") setTimeout(() => answer.destroy(), PATIENCE_MS);
    else if (answer.headersSent) answer.end();
    else answer.writeHead(502).end();
  });
  sent.on("response", (given) => {
    call.status = given.statusCode ?? 0;
    call.answer = given.headers;
    answer.writeHead(call.status, given.rawHeaders);
    const cut = fault?.(call);
    given.on("data", (chunk: Buffer) => {
      call.bytes += chunk.length;
      if (cut !== undefined && call.bytes >= cut.cutAfter) {
        given.destroy();
        answer.destroy();
      } else if (!answer.write(chunk)) given.pause();
    });
    answer.on("drain", () => given.resume());
    given.on("end", () => answer.end());
    // A hub that goes away in the middle of an answer: so does the client's connection.
    given.on("error", () => answer.destroy());
    answer.on("close", () => given.destroy());
  });
  const damaged = how.damage?.(call);
  if (damaged === undefined) asked.pipe(sent);
  else asked.pipe(damaging(damaged)).pipe(sent);
}

/** Turns one byte of what goes through it into another. */
function damaging(at: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const here = at - seen;
      seen += chunk.length;
      if (here >= 0 && here < chunk.length) chunk[here] = (chunk[here] ?? 0) ^ 0xff;
      done(null, chunk);
    },
  });
}
