// A proxy before a hub, honest unless told otherwise: it counts what goes through, and can break off or change it.
// Knows no route.
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { Transform } from "node:stream";

export interface Passed {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  status: number;
  /** Bytes of the bodies. */
  sent: number;
  received: number;
}

export interface ProxyRules {
  /** Another path than was asked. */
  path?(path: string): string;
  /** Other headers than were sent; undefined ones are dropped. */
  headers?(headers: Record<string, string | string[] | undefined>): Record<string, string | string[] | undefined>;
  /** Other headers than were answered. */
  answer?(headers: Record<string, string | string[] | undefined>, asked: IncomingMessage): typeof headers;
  /** Drops the body of what is sent. */
  dropBody?(asked: IncomingMessage): boolean;
  /** Waited for before a request goes on. */
  before?(asked: IncomingMessage): Promise<void>;
  /** Answers in place of the hub, and returns true. */
  instead?(asked: IncomingMessage, response: ServerResponse): boolean;
  /** Told of bytes of an answer as they pass; false holds the answer there for good. */
  passing?(asked: IncomingMessage, bytes: number): boolean;
  /** Told once an answer is through. */
  done?(passed: Passed): void;
}

export class HubProxy {
  readonly passed: Passed[] = [];
  rules: ProxyRules = {};
  url = "";
  readonly #target: URL;
  readonly #server: Server;

  constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((asked, response) => this.#pass(asked, response));
  }

  static async before(target: string, rules: ProxyRules = {}): Promise<HubProxy> {
    const proxy = new HubProxy(target);
    proxy.rules = rules;
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    const address = proxy.#server.address();
    proxy.url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    return proxy;
  }

  /** Bytes sent to and received from paths that match. */
  total(pattern: RegExp, side: "sent" | "received"): number {
    return this.passed.filter(({ path }) => pattern.test(path)).reduce((sum, passed) => sum + passed[side], 0);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(asked: IncomingMessage, response: ServerResponse): void {
    const { method = "GET", url = "/" } = asked;
    const passed: Passed = { method, path: url, headers: asked.headers, status: 0, sent: 0, received: 0 };
    this.passed.push(passed);
    if (this.rules.instead?.(asked, response) === true) return;
    const waiting = this.rules.before?.(asked);
    if (waiting === undefined) this.#forward(asked, response, passed);
    else
      void waiting.then(
        () => this.#forward(asked, response, passed),
        () => response.destroy(),
      );
  }

  #forward(asked: IncomingMessage, response: ServerResponse, passed: Passed): void {
    const { method = "GET", url = "/" } = asked;
    const headers = this.rules.headers?.({ ...asked.headers }) ?? asked.headers;
    const drops = this.rules.dropBody?.(asked) === true;
    const kept = Object.entries(headers).filter(
      ([name, value]) => value !== undefined && !(drops && /^(content-length|transfer-encoding)$/.test(name)),
    );
    const path = this.rules.path?.(url) ?? url;
    const { hostname: host, port } = this.#target;
    const onward = request({ host, port, method, path, headers: Object.fromEntries(kept) }, (answer) => {
      passed.status = answer.statusCode ?? 0;
      const changed = this.rules.answer?.({ ...answer.headers }, asked) ?? answer.headers;
      response.writeHead(
        passed.status,
        Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined)),
      );
      const counting = new Transform({
        transform: (chunk: Buffer, _, next) => {
          passed.received += chunk.length;
          if (this.rules.passing?.(asked, passed.received) !== false) next(null, chunk);
        },
      });
      answer.pipe(counting).pipe(response);
      response.once("finish", () => this.rules.done?.(passed));
    });
    onward.on("error", () => response.destroy());
    response.once("close", () => onward.destroy());
    if (drops) {
      asked.resume();
      onward.end();
      return;
    }
    asked.on("data", (chunk: Buffer) => {
      passed.sent += chunk.length;
    });
    asked.pipe(onward);
  }
}
