// Webhooks: made and changed by the API, and delivered to a server that listens.
import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { outbound } from "../../hub-server/services/outbound.ts";
import { type Caller, caller, file } from "../support/calls.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";

interface Payload {
  event: { action: string; scope: string };
  repo: { type: string; name: string; id: string; private: boolean; headSha?: string; owner: { id: string } };
  discussion?: Record<string, unknown>;
  comment?: Record<string, unknown>;
  updatedRefs?: { ref: string; oldSha: string | null; newSha: string | null }[];
  updatedConfig?: Record<string, unknown>;
  movedTo?: { name: string; owner: { id: string } };
  webhook: { id: string; version: number };
}
interface Received {
  headers: IncomingMessage["headers"];
  body: string;
  payload: Payload;
}
interface Webhook {
  id: string;
  url: string;
  secret?: string;
  disabled: boolean | string;
  domains: string[];
  watched: { type: string; name: string }[];
}
interface Log {
  id: string;
  state: string;
  attempts: number;
  status: number | null;
  answer: string | null;
  payload: Payload;
}

/** A receiver with an inbox for each path; what it answers can be set. */
class Receiver {
  readonly #server: Server;
  readonly inbox = new Map<string, Received[]>();
  readonly answers = new Map<string, (response: ServerResponse, count: number) => void>();

  constructor() {
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(Buffer.from(chunk));
      const body = Buffer.concat(chunks).toString("utf8");
      const path = request.url ?? "";
      const received = this.at(path);
      received.push({ headers: request.headers, body, payload: JSON.parse(body) });
      const answer = this.answers.get(path);
      if (answer === undefined) response.end("thanks");
      else answer(response, received.length);
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    // safe because a server that listens on a port has an address of this kind
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  at(path: string): Received[] {
    const received = this.inbox.get(path) ?? [];
    this.inbox.set(path, received);
    return received;
  }

  /** Waits for so many messages. */
  async wait(path: string, count: number): Promise<Received[]> {
    for (let tries = 0; tries < 200 && this.at(path).length < count; tries++) await sleep(100);
    expect(this.at(path).length, `messages at ${path}`).toBeGreaterThanOrEqual(count);
    return this.at(path);
  }
}

let hub: TestHub;
let ana: Caller;
let eve: Caller;
const receiver = new Receiver();
let address: string;
let made = 0;

beforeAll(async () => {
  address = await receiver.start();
  hub = await testHub({ webhookHosts: ["127.0.0.1"] });
  [ana, eve] = [caller(hub.url, await hub.user("ana")), caller(hub.url, await hub.user("eve"))];
});
afterAll(async () => {
  await hub.stop();
  receiver.stop();
});

const BASE = "/api/settings/webhooks";
async function webhook(by: Caller, input: Record<string, unknown> = {}): Promise<{ hook: Webhook; inbox: string }> {
  const inbox = `/inbox${made++}`;
  const { webhook: hook } = await by.ok<{ webhook: Webhook }>("POST", BASE, {
    watched: [{ type: "user", name: "ana" }],
    domains: ["repo", "discussion"],
    url: `${address}${inbox}`,
    ...input,
  });
  return { hook, inbox };
}
async function repo(more: Record<string, unknown> = {}): Promise<{ name: string; path: string }> {
  const name = `w${made++}`;
  await ana.ok("POST", "/api/repos/create", { name, ...more });
  return { name, path: `/api/models/ana/${name}` };
}
const logs = (by: Caller, id: string): Promise<Log[]> => by.ok("GET", `${BASE}/${id}/logs`);
async function logged(by: Caller, id: string, state: string): Promise<Log> {
  for (let tries = 0; tries < 200; tries++) {
    const found = (await logs(by, id)).find((entry) => entry.state === state);
    if (found !== undefined) return found;
    await sleep(100);
  }
  throw new Error(`no delivery became ${state}: ${JSON.stringify(await logs(by, id))}`);
}

describe("webhooks by the API", () => {
  operation("POST /api/settings/webhooks", async () => {
    const { hook } = await webhook(ana, { secret: "my-secret" });
    expect(hook).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      secret: "my-secret",
      disabled: false,
      domains: ["repo", "discussion"],
      watched: [{ type: "user", name: "ana" }],
    });
    expect(await ana.ok("GET", `${BASE}/${hook.id}`)).toEqual({ webhook: hook });
    await ana.ok("DELETE", `${BASE}/${hook.id}`);
  });

  it.each([
    ["no url", { url: undefined }, 400],
    ["nothing watched", { watched: [] }, 400],
    ["an unknown user", { watched: [{ type: "user", name: "nobody" }] }, 400],
    ["a user as an organization", { watched: [{ type: "org", name: "ana" }] }, 400],
    ["an unknown repository", { watched: [{ type: "model", name: "ana/nothing" }] }, 404],
    ["no name of a repository", { watched: [{ type: "model", name: "../x" }] }, 404],
    ["an unknown domain", { domains: ["all"] }, 400],
    ["a secret of several lines", { secret: "a\r\nX-Evil: 1" }, 400],
    ["a job", { job: { dockerImage: "x", flavor: "cpu-basic" } }, 501],
  ])("refuses %s", async (_, input, status) => {
    const body = { watched: [{ type: "user", name: "ana" }], domains: ["repo"], url: `${address}/x`, ...input };
    expect((await ana.call("POST", BASE, body)).status).toBe(status);
  });

  operation("GET /api/settings/webhooks", async () => {
    const before = (await ana.ok<Webhook[]>("GET", BASE)).length;
    const { hook } = await webhook(ana);
    expect((await ana.ok<Webhook[]>("GET", BASE)).map(({ id }) => id)).toContain(hook.id);
    expect((await eve.ok<Webhook[]>("GET", BASE)).map(({ id }) => id)).not.toContain(hook.id);
    await ana.ok("DELETE", `${BASE}/${hook.id}`);
    expect(await ana.ok<Webhook[]>("GET", BASE)).toHaveLength(before);
  });

  operation("GET /api/settings/webhooks/{webhookId}", async () => {
    const { hook } = await webhook(ana);
    expect(await ana.ok("GET", `${BASE}/${hook.id}`)).toEqual({ webhook: hook });
    const foreign = await eve.call("GET", `${BASE}/${hook.id}`);
    expect([foreign.status, foreign.headers.get("x-error-code")]).toEqual([404, "WEBHOOK_NOT_FOUND"]);
    await ana.ok("DELETE", `${BASE}/${hook.id}`);
  });

  operation("POST /api/settings/webhooks/{webhookId}", async () => {
    const { name } = await repo();
    const { hook } = await webhook(ana, { secret: "one" });
    await ana.ok("POST", `${BASE}/${hook.id}`, {
      watched: [{ type: "model", name: `ANA/${name}` }],
      domains: ["repo"],
      url: `${address}/elsewhere`,
    });
    const { webhook: now } = await ana.ok<{ webhook: Webhook }>("GET", `${BASE}/${hook.id}`);
    expect(now).toEqual({
      ...hook,
      url: `${address}/elsewhere`,
      domains: ["repo"],
      watched: [{ type: "model", name: `ana/${name}` }],
    });
    await ana.ok("POST", `${BASE}/${hook.id}`, { watched: [], secret: "" });
    const { webhook: later } = await ana.ok<{ webhook: Webhook }>("GET", `${BASE}/${hook.id}`);
    expect([later.watched, later.secret]).toEqual([now.watched, undefined]);
    expect((await eve.call("POST", `${BASE}/${hook.id}`, { url: `${address}/mine` })).status).toBe(404);
    await ana.ok("DELETE", `${BASE}/${hook.id}`);
  });

  operation("DELETE /api/settings/webhooks/{webhookId}", async () => {
    const { hook } = await webhook(ana);
    expect((await eve.call("DELETE", `${BASE}/${hook.id}`)).status).toBe(404);
    await ana.ok("DELETE", `${BASE}/${hook.id}`);
    expect((await ana.call("GET", `${BASE}/${hook.id}`)).status).toBe(404);
  });

  it("are not for tokens that may only read", async () => {
    const reader = caller(hub.url, (await hub.tokenOf("ana", "read")).token);
    expect((await reader.call("POST", BASE, {})).status).toBe(403);
    expect((await reader.call("GET", BASE)).status).toBe(403);
  });

  it("watch no private repository of others", async () => {
    const { name } = await repo({ private: true });
    const watched = [{ type: "model", name: `ana/${name}` }];
    const response = await eve.call("POST", BASE, { watched, domains: ["repo"], url: `${address}/x` });
    expect(response.status).toBe(404);
  });
});

describe("deliveries", () => {
  it("tell what happened, signed", async () => {
    const { hook, inbox } = await webhook(ana, { secret: "my-secret" });
    const { path, name } = await repo();
    const { commitOid } = await ana.commit(path, "main", [file("a.txt", "hello\n")]);
    const received = await receiver.wait(inbox, 3);
    const told = received.map(({ payload }) => payload);
    expect(told.map(({ event }) => `${event.scope} ${event.action}`).sort()).toEqual([
      "repo create",
      "repo.content update",
      "repo.content update",
    ]);
    const pushed = told.find(({ updatedRefs }) => updatedRefs?.[0]?.newSha === commitOid);
    expect(pushed).toMatchObject({
      event: { action: "update", scope: "repo.content" },
      repo: {
        type: "model",
        name: `ana/${name}`,
        id: expect.stringMatching(/^[0-9a-f]{24}$/),
        private: false,
        url: { web: `${hub.url}/ana/${name}`, api: `${hub.url}/api/models/ana/${name}` },
        headSha: commitOid,
        owner: { id: expect.stringMatching(/^[0-9a-f]{24}$/) },
      },
      updatedRefs: [{ ref: "refs/heads/main", oldSha: expect.stringMatching(/^[0-9a-f]{40}$/), newSha: commitOid }],
      webhook: { id: hook.id, version: 3 },
    });
    for (const { headers, body } of received) {
      expect(headers["x-webhook-secret"]).toBe("my-secret");
      const right = createHmac("sha256", "my-secret").update(body).digest("hex");
      expect(headers["x-webhook-signature"]).toBe(`sha256=${right}`);
      expect(headers["content-type"]).toBe("application/json");
    }
    await ana.ok("DELETE", `${BASE}/${hook.id}`);
  });

  it("tell of settings, moves, deletions, discussions and comments", async () => {
    const { path, name } = await repo();
    const { hook, inbox } = await webhook(eve, { watched: [{ type: "model", name: `ana/${name}` }] });
    await ana.ok("PUT", `${path}/settings`, { gated: "auto" });
    const { num } = await eve.ok<{ num: number }>("POST", `${path}/discussions`, {
      title: "A title",
      description: "Hi",
    });
    await ana.ok("POST", `${path}/discussions/${num}/comment`, { comment: "Hello" });
    await ana.ok("POST", `${path}/discussions/${num}/status`, { status: "closed" });
    await ana.ok("POST", "/api/repos/move", { fromRepo: `ana/${name}`, toRepo: `ana/${name}-b`, type: "model" });
    await ana.ok("DELETE", "/api/repos/delete", { name: `ana/${name}-b`, type: "model" });
    const told = (await receiver.wait(inbox, 6)).map(({ payload }) => payload);
    const of = (scope: string, action: string) =>
      told.find(({ event }) => event.scope === scope && event.action === action);
    expect(of("repo.config", "update")?.updatedConfig).toEqual({ gated: "auto" });
    expect(of("discussion", "create")).toMatchObject({
      discussion: {
        num,
        title: "A title",
        status: "open",
        isPullRequest: false,
        url: { web: `${hub.url}/ana/${name}/discussions/${num}` },
      },
      comment: { content: "Hi", hidden: false },
    });
    expect(of("discussion", "create")?.repo.headSha).toBeUndefined();
    expect(of("discussion.comment", "create")?.comment).toMatchObject({ content: "Hello" });
    expect(of("discussion", "update")?.discussion).toMatchObject({ status: "closed" });
    expect(of("repo", "move")).toMatchObject({ repo: { name: `ana/${name}` }, movedTo: { name: `ana/${name}-b` } });
    expect(of("repo", "delete")).toMatchObject({ repo: { name: `ana/${name}-b` } });
    await eve.ok("DELETE", `${BASE}/${hook.id}`);
  });

  it("keep to their domains, and private repositories to those who may read them", async () => {
    const all = await webhook(ana);
    const strangers = await webhook(eve);
    const discussions = await webhook(ana, { domains: ["discussion"] });
    const { path } = await repo({ private: true });
    await ana.ok("POST", `${path}/discussions`, { title: "Secret", description: "Secret" });
    await ana.ok("PUT", `${path}/settings`, { private: false });
    await receiver.wait(all.inbox, 4);
    const told = (inbox: string) =>
      receiver.at(inbox).map(({ payload: { event } }) => `${event.scope} ${event.action}`);
    await receiver.wait(strangers.inbox, 1);
    await receiver.wait(discussions.inbox, 1);
    await sleep(500);
    expect(told(strangers.inbox)).toEqual(["repo.config update"]);
    expect(told(discussions.inbox)).toEqual(["discussion create"]);
    expect(JSON.stringify(receiver.at(strangers.inbox))).not.toContain("Secret");
    for (const { hook } of [all, discussions]) await ana.ok("DELETE", `${BASE}/${hook.id}`);
    await eve.ok("DELETE", `${BASE}/${strangers.hook.id}`);
  });

  it("are tried again, follow no redirect, and read little of an answer", async () => {
    const { path, name } = await repo();
    const watched = [{ type: "model", name: `ana/${name}` }];
    const failing = await webhook(ana, { watched, domains: ["discussion"] });
    const leading = await webhook(ana, { watched, domains: ["discussion"] });
    const talking = await webhook(ana, { watched, domains: ["discussion"] });
    receiver.answers.set(failing.inbox, (response, count) => {
      response.statusCode = count === 1 ? 503 : 200;
      response.end("later");
    });
    receiver.answers.set(leading.inbox, (response, count) => {
      response.writeHead(count === 1 ? 302 : 200, { location: `${address}/led` });
      response.end();
    });
    receiver.answers.set(talking.inbox, (response) => {
      for (let index = 0; index < 64; index++) response.write("x".repeat(65_536));
      response.end();
    });
    await ana.ok("POST", `${path}/discussions`, { title: "A title", description: "Hi" });
    const done = await logged(ana, failing.hook.id, "delivered");
    expect([done.attempts, done.status, done.answer]).toEqual([2, 200, "later"]);
    expect((await logged(ana, leading.hook.id, "delivered")).attempts).toBe(2);
    expect(receiver.at("/led")).toEqual([]);
    expect((await logged(ana, talking.hook.id, "delivered")).answer).toBe("x".repeat(2048));
    const [first, second] = await receiver.wait(failing.inbox, 2);
    expect(second?.headers["x-webhook-delivery"]).toBe(first?.headers["x-webhook-delivery"]);
    expect(second?.body).toBe(first?.body);
    for (const { hook } of [failing, leading, talking]) await ana.ok("DELETE", `${BASE}/${hook.id}`);
  });

  operation("POST /api/settings/webhooks/{webhookId}/{action}", async () => {
    const { path, name } = await repo();
    const { hook, inbox } = await webhook(ana, {
      watched: [{ type: "model", name: `ana/${name}` }],
      domains: ["discussion"],
    });
    const set = (by: Caller, action: string) => by.call("POST", `${BASE}/${hook.id}/${action}`);
    const isDisabled = async () => (await ana.ok<{ webhook: Webhook }>("GET", `${BASE}/${hook.id}`)).webhook.disabled;
    expect((await set(eve, "disable")).status).toBe(404);
    expect((await set(ana, "disable")).status).toBe(200);
    expect(await isDisabled()).toBe(true);
    await ana.ok("POST", `${path}/discussions`, { title: "Not told", description: "" });
    expect((await set(ana, "enable")).status).toBe(200);
    expect(await isDisabled()).toBe(false);
    await ana.ok("POST", `${path}/discussions`, { title: "Told", description: "" });
    expect((await receiver.wait(inbox, 1)).map(({ payload }) => payload.discussion?.["title"])).toEqual(["Told"]);
    // Who says that it is gone is not asked twice, and after many failures not asked at all.
    receiver.answers.set(inbox, (response) => {
      response.statusCode = 410;
      response.end();
    });
    for (let index = 0; index < 20; index++)
      await ana.ok("POST", `${path}/discussions`, { title: `Number ${index}`, description: "" });
    for (let tries = 0; tries < 300 && (await isDisabled()) === false; tries++) await sleep(100);
    expect(await isDisabled()).toBe("suspended-after-failure");
    expect(receiver.at(inbox)).toHaveLength(21);
    await set(ana, "enable");
    expect(await isDisabled()).toBe(false);
    await ana.ok("DELETE", `${BASE}/${hook.id}`);
  });

  operation("POST /api/settings/webhooks/{webhookId}/replay/{logId}", async () => {
    const { path, name } = await repo();
    const watched = [{ type: "model", name: `ana/${name}` }];
    const { hook, inbox } = await webhook(ana, { watched, domains: ["discussion"] });
    const other = await webhook(eve, { watched, domains: ["discussion"] });
    await ana.ok("POST", `${path}/discussions`, { title: "A title", description: "Hi" });
    const entry = await logged(ana, hook.id, "delivered");
    const [first] = await receiver.wait(inbox, 1);
    expect(await ana.ok("POST", `${BASE}/${hook.id}/replay/${entry.id}`)).toEqual({ status: 200 });
    const [, second] = await receiver.wait(inbox, 2);
    expect(second?.payload).toEqual(first?.payload);
    expect((await logs(ana, hook.id)).map(({ state }) => state)).toEqual(["delivered", "delivered"]);
    for (const [by, path] of [
      [eve, `${BASE}/${hook.id}/replay/${entry.id}`],
      [eve, `${BASE}/${other.hook.id}/replay/${entry.id}`],
      [ana, `${BASE}/${hook.id}/replay/${"0".repeat(24)}`],
      [eve, `${BASE}/${hook.id}/logs`],
    ] as const) {
      const response = await by.call(path.endsWith("logs") ? "GET" : "POST", path);
      expect([path, response.status]).toEqual([path, 404]);
    }
    expect(receiver.at(inbox)).toHaveLength(2);
    // A receiver that never answers is not waited for.
    receiver.answers.set(inbox, () => {});
    const hanging = await ana.call("POST", `${BASE}/${hook.id}/replay/${entry.id}`);
    expect([hanging.status, hanging.headers.get("x-error-code")]).toEqual([422, "WEBHOOK_UNREACHABLE"]);
    await ana.ok("DELETE", `${BASE}/${hook.id}`);
    await eve.ok("DELETE", `${BASE}/${other.hook.id}`);
  });

  it("keep the latest hundred in the log", async () => {
    const { path, name } = await repo();
    const { num } = await ana.ok<{ num: number }>("POST", `${path}/discussions`, { title: "A title", description: "" });
    const { hook } = await webhook(ana, { watched: [{ type: "model", name: `ana/${name}` }], domains: ["discussion"] });
    for (let index = 0; index < 105; index++)
      await ana.ok("POST", `${path}/discussions/${num}/comment`, { comment: `Number ${index}` });
    const kept = await logs(ana, hook.id);
    expect(kept).toHaveLength(100);
    expect([kept[0]?.payload.comment?.["content"], kept.at(-1)?.payload.comment?.["content"]]).toEqual([
      "Number 104",
      "Number 5",
    ]);
    await ana.ok("DELETE", `${BASE}/${hook.id}`);
  });
});

describe("what webhooks may call", () => {
  let strict: TestHub;
  let someone: Caller;
  beforeAll(async () => {
    strict = await testHub();
    someone = caller(strict.url, await strict.user("ana"));
  });
  afterAll(() => strict.stop());

  it.each([
    "http://localhost:7860/x",
    "http://hub.localhost/",
    "http://localhost./",
    "http://127.0.0.2/",
    "http://127.1:80/",
    "http://2130706434/",
    "http://0x7f000002/",
    "http://0.0.0.0:1/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.2]/",
    "http://[64:ff9b::a00:1]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[2001::1]/",
    "http://[2002:7f00:1::]/",
    "http://[::ffff:169.254.169.254]/",
    "http://0177.0.0.1/",
    "http://127.0.0.1./",
    "http://localhost%2e/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://10.1.2.3/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://100.100.100.200/",
    "http://user:password@example.com/",
    "http://token@example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "//example.com/",
    "no address",
    `http://example.com/${"x".repeat(2000)}`,
  ])("not %s", async (url) => {
    const body = { watched: [{ type: "user", name: "ana" }], domains: ["repo"], url };
    expect((await someone.call("POST", BASE, body)).status).toBe(400);
  });

  const resolve = (allowed: string[], name: string): Promise<string> =>
    new Promise((done) => {
      outbound(allowed).lookup(name, { all: true }, (error, found) =>
        done(error === null ? JSON.stringify(found) : error.message),
      );
    });

  it("not names that lead to the inside, unless they are allowed", async () => {
    expect(await resolve([], "localhost")).toMatch(/^localhost \(.*\) is no public address$/);
    expect(await resolve(["localhost"], "localhost")).toContain("address");
    expect(await resolve(["127.0.0.0/8", "::1"], "localhost")).toContain("address");
    expect(outbound(["10.0.0.0/8"]).refusal(new URL("http://10.1.2.3/"))).toBeUndefined();
    expect(outbound(["10.0.0.0/8"]).refusal(new URL("http://11.1.2.3/"))).toBeUndefined();
    for (const open of ["8.8.8.8", "[::ffff:8.8.8.8]", "[2606:4700::1111]", "[2001:4860:4860::8888]"])
      expect(outbound([]).refusal(new URL(`http://${open}/`))).toBeUndefined();
    expect(outbound(["10.0.0.0/8"]).refusal(new URL("http://[::ffff:10.1.2.3]/"))).toBeUndefined();
    expect(outbound(["10.0.0.0/8"]).refusal(new URL("http://169.254.169.254/"))).toContain("is no public address");
    expect(outbound(["10.0.0.0/8"]).refusal(new URL("http://127.0.0.1/"))).toBe("127.0.0.1 is no public address");
    expect(() => outbound(["10.0.0.0/40"])).toThrow(/"10.0.0.0\/40" is no name, address or network/);
  });
});
