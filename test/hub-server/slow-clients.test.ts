// Clients that say nothing for long, or next to nothing: they are told so and let go, and take no place that others need.
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FLUSH, pktLine } from "../../hub-server/git/pkt-line.ts";
import { type Caller, caller, file } from "../support/calls.ts";
import { describeGit, type Git, gitHome, withToken } from "../support/git.ts";
import { type TestHub, testHub } from "../support/hub.ts";

const MIB = 1024 * 1024;
const SILENCE = 1;

let hub: TestHub;
let token: string;
let ana: Caller;
beforeAll(async () => {
  hub = await testHub({ transfers: { silenceSeconds: SILENCE } });
  token = await hub.user("ana");
  ana = caller(hub.url, token);
  await ana.ok("POST", "/api/repos/create", { name: "kept", type: "model" });
});
afterAll(() => hub.stop());

interface Answered {
  status: number | undefined;
  code: string | undefined;
  text: string;
}

function begin(method: string, path: string, type = "application/json"): ClientRequest {
  const headers = { authorization: `Bearer ${token}`, "content-type": type, origin: hub.url };
  return request(`${hub.url}${path}`, { method, headers });
}

/** The answer to a request whose body goes on in its own way; it may come before the end of that. */
async function answerTo(sending: ClientRequest, send: (sending: ClientRequest) => Promise<void>): Promise<Answered> {
  const answered = new Promise<IncomingMessage>((resolve, reject) =>
    sending.once("response", resolve).once("error", reject),
  );
  void send(sending);
  const response = await answered;
  let text = "";
  for await (const chunk of response) text += chunk;
  sending.destroy();
  return { status: response.statusCode, code: response.headers["x-error-code"]?.toString(), text };
}

const line = (key: string, value: object) => `${JSON.stringify({ key, value })}\n`;
const HEADER = line("header", { summary: "slow" });

/** The address to which a large file is sent. */
async function uploadTo(bytes: Uint8Array): Promise<string> {
  const oid = createHash("sha256").update(bytes).digest("hex");
  const { objects } = await ana.ok<{ objects: { actions: { upload: { href: string } } }[] }>(
    "POST",
    "/ana/kept.git/info/lfs/objects/batch",
    { operation: "upload", transfers: ["basic"], objects: [{ oid, size: bytes.length }] },
  );
  return objects[0]?.actions.upload.href.slice(hub.url.length) ?? "";
}

it.each([
  ["a call", "POST", () => "/api/repos/create", '{"name":'],
  ["a commit", "POST", () => "/api/models/ana/kept/commit/main", `${HEADER}{"key":"file","value":{"path":"a`],
  ["a large file", "PUT", () => uploadTo(randomBytes(4096)), "abc"],
  ["a form", "POST", () => "/login", "name=a"],
])("%s that stops, or comes byte by byte", async (what, method, path, start) => {
  const type = what === "a form" ? "application/x-www-form-urlencoded" : "application/json";
  const stopped = await answerTo(begin(method, await path(), type), async (sending) => void sending.write(start));
  expect([stopped.status, what === "a form" || stopped.code === "BODY_TOO_SLOW"]).toEqual([408, true]);
  expect(stopped.text).toContain(`${SILENCE} seconds`);
  const dripping = await answerTo(begin(method, await path(), type), async (sending) => {
    sending.write(start);
    for (; !sending.destroyed; await sleep(100)) sending.write("x");
  });
  expect(dripping.status).toBe(408);
  expect(await readdir(join(hub.folder, "blobs", "incoming"))).toEqual([]);
});

it("what is slow and goes on is taken, however long it takes", async () => {
  const bytes = randomBytes(40 * 1024);
  const started = performance.now();
  const { status, text } = await answerTo(begin("PUT", await uploadTo(bytes)), async (sending) => {
    sending.setHeader("content-length", bytes.length);
    for (let at = 0; at < bytes.length; at += 4096) {
      sending.write(bytes.subarray(at, at + 4096));
      await sleep(SILENCE * 400);
    }
    sending.end();
  });
  expect(status, text).toBe(200);
  expect(performance.now() - started).toBeGreaterThan(SILENCE * 3000);
});

/** A connection that asks for something, and takes nothing of it until it goes on. */
async function stalled(ask: string | Uint8Array, url = hub.url): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1").pause();
  socket.on("error", () => {});
  await new Promise((resolve) => socket.write(ask, resolve));
  return socket;
}

/** How many bytes are left of an answer, taken at a pace: so many milliseconds for each piece. */
async function rest(socket: Socket, pause = 0): Promise<number> {
  let taken = 0;
  try {
    for await (const chunk of socket) {
      taken += chunk.length;
      if (pause > 0) await sleep(pause);
    }
  } catch {
    // It was cut off.
  }
  return taken;
}

it("a file that nobody takes is let go, and one that is taken slowly is not", async () => {
  const bytes = randomBytes(24 * MIB);
  const href = await uploadTo(bytes);
  expect((await fetch(`${hub.url}${href}`, { method: "PUT", body: bytes })).status).toBe(200);
  const oid = createHash("sha256").update(bytes).digest("hex");
  await ana.commit("/api/models/ana/kept", "main", [
    { key: "lfsFile", value: { path: "model.bin", algo: "sha256", oid, size: bytes.length } },
  ]);
  const ask = "GET /ana/kept/resolve/main/model.bin HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n";
  const [left, slow] = await Promise.all([stalled(ask), stalled(ask)]);
  const [, taken] = await Promise.all([sleep(SILENCE * 3000), rest(slow, 10)]);
  expect(taken).toBeGreaterThan(bytes.length);
  expect(await rest(left)).toBeLessThan(bytes.length);
});

describeGit("git and slow clients", () => {
  let git: Git;
  let sha: string;
  beforeAll(async () => {
    git = await gitHome();
    sha = await makeLarge(ana, "ana");
  });
  afterAll(() => git.remove());

  /** A repository that no buffer on the way holds; gives its commit. */
  async function makeLarge(owner: Caller, name: string): Promise<string> {
    await owner.ok("POST", "/api/repos/create", { name: "large", type: "model" });
    for (const path of ["a", "b"])
      await owner.commit(`/api/models/${name}/large`, "main", [file(path, randomBytes(6 * MIB).toString("base64"))]);
    return (await owner.ok<{ sha: string }>("GET", `/api/models/${name}/large`)).sha;
  }

  function fetchLarge(commit: string, as: string | undefined, owner = "ana"): Buffer {
    const lines = [pktLine("command=fetch"), Buffer.from("0001"), pktLine("no-progress"), pktLine(`want ${commit}\n`)];
    const body = Buffer.concat([...lines, pktLine("done\n"), FLUSH]);
    const head = [
      `POST /${owner}/large/git-upload-pack HTTP/1.1`,
      "Host: hub",
      "Git-Protocol: version=2",
      `Content-Length: ${body.length}`,
      ...(as === undefined ? [] : [`Authorization: Bearer ${as}`]),
    ];
    return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
  }

  /** What runs of git below this process, and serves somebody. */
  const gits = () =>
    execFileSync("ps", ["--ppid", `${process.pid}`, "-o", "args="], { encoding: "utf8" })
      .split("\n")
      .filter((text) => text.includes("safe.directory"));

  it("clones that nobody takes are let go, and others take their places", async () => {
    const eve = await hub.user("eve");
    const sockets = await Promise.all(
      Array.from({ length: 24 }, (_, at) => stalled(fetchLarge(sha, at % 2 === 0 ? undefined : eve))),
    );
    const started = performance.now();
    await git.ok("", "clone", "--quiet", withToken(`${hub.url}/ana/large`, token), "after");
    expect(performance.now() - started).toBeLessThan(30_000);
    await expect.poll(() => gits()).toEqual([]);
    for (const socket of sockets) socket.destroy();
  });

  it("one caller's clones leave places for others", async () => {
    const patient = await testHub();
    try {
      const bob = caller(patient.url, await patient.user("bob"));
      const large = await makeLarge(bob, "bob");
      const sockets = await Promise.all(
        Array.from({ length: 24 }, () => stalled(fetchLarge(large, undefined, "bob"), patient.url)),
      );
      // git shows no credentials to who asks for none.
      const cleo = `http.extraHeader=Authorization: Bearer ${await patient.user("cleo")}`;
      await git.ok("", "-c", cleo, "clone", "--quiet", `${patient.url}/bob/large`, "beside");
      for (const socket of sockets) socket.destroy();
    } finally {
      await patient.stop();
    }
  });

  it("a long request to fetch is answered, too", async () => {
    const have = Array.from({ length: 40_000 }, (_, at) => pktLine(`have ${`${at}`.padStart(40, "a")}\n`));
    const lines = [pktLine("command=fetch"), Buffer.from("0001"), pktLine(`want ${sha}\n`), ...have, pktLine("done\n")];
    const response = await fetch(`${hub.url}/ana/large/git-upload-pack`, {
      method: "POST",
      headers: { "git-protocol": "version=2" },
      body: Buffer.concat([...lines, FLUSH]),
    });
    expect(response.status).toBe(200);
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(8 * MIB);
  });
});

it("a form of any length is not held", async () => {
  const response = await fetch(`${hub.url}/login`, {
    method: "POST",
    headers: { origin: hub.url },
    body: new URLSearchParams({ name: "a", password: "x".repeat(5 * MIB) }),
  });
  expect([response.status, await response.text()]).toEqual([
    413,
    expect.stringContaining(`more than ${4 * MIB} bytes`),
  ]);
});
