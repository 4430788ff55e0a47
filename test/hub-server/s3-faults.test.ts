// A bucket that fails in the middle of uploads and downloads: by its answers, by connections that are cut, and by being slow. Callers are told
// to come again, nothing half-written is visible, and the next try works.
import { createHash, randomBytes } from "node:crypto";
import * as hf from "@huggingface/hub";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { type Caller, caller, file } from "../support/calls.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { type S3Call, type S3Fault, startS3, type TestS3 } from "../support/s3-server.ts";
import { Cas, makeShard, makeXorb, noise, pieces, XetClient } from "../support/xet.ts";

const MIB = 1024 * 1024;
const PART = 5 * MIB;
const REPO = "/api/models/ana/m";
const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

let s3: TestS3;
let hub: TestHub;
let token: string;
let ana: Caller;

beforeAll(async () => {
  s3 = await startS3();
  for (const [name, value] of Object.entries(s3.credentials)) vi.stubEnv(name, value);
  const { bucket, region, url: endpoint } = s3;
  const transfers = { partSize: PART, multipartAbove: 10 * MIB };
  hub = await testHub({ s3: { bucket, region, endpoint, redirect: false }, transfers });
  token = await hub.user("ana");
  ana = caller(hub.url, token);
  await ana.ok("POST", "/api/repos/create", { name: "m" });
});
beforeEach(() => {
  s3.fault = undefined;
});
afterAll(async () => {
  await hub?.stop();
  await s3?.stop();
  vi.unstubAllEnvs();
});

/** What goes wrong, until told otherwise, with calls of one kind. */
function failing(fault: S3Fault, fits: (call: S3Call) => boolean): void {
  s3.fault = (call) => (fits(call) ? fault : undefined);
}
const AWAY = [503, "STORAGE_AWAY", "2"];
const told = ({ status, headers }: Response) => [status, headers.get("x-error-code"), headers.get("retry-after")];
const head = async () => (await ana.ok<{ sha: string }>("GET", REPO)).sha;
const FAULTS: readonly [what: string, S3Fault][] = [
  ["an answer of 500", { status: 500 }],
  ["an answer of 503", { status: 503 }],
  ["a connection that is cut", { cutAfter: 100 }],
];

interface Batch {
  objects: { actions?: { upload: { href: string; header: Record<string, string> } } }[];
}
const batch = async (oid: string, size: number) => {
  const asked = { operation: "upload", transfers: ["basic", "multipart"], objects: [{ oid, size }] };
  return (await ana.ok<Batch>("POST", "/ana/m.git/info/lfs/objects/batch", asked)).objects[0]?.actions?.upload;
};
const lfsFile = (path: string, oid: string, size: number) => ({
  key: "lfsFile",
  value: { path, algo: "sha256", oid, size },
});

/** A large object of which nothing is there: its commit is refused, and neither it nor a part of it is in the bucket. */
async function expectNothing(oid: string, size: number): Promise<void> {
  const before = await head();
  const line = JSON.stringify({ key: "header", value: { summary: "x" } });
  const refused = await ana.call(
    "POST",
    `${REPO}/commit/main`,
    undefined,
    `${line}\n${JSON.stringify(lfsFile("x.bin", oid, size))}`,
  );
  expect([refused.status, await head()]).toEqual([400, before]);
  expect(s3.keys().filter((key) => key.endsWith(oid) || key.includes("incoming"))).toEqual([]);
}

async function expectFile(path: string, bytes: Uint8Array): Promise<void> {
  const got = await fetch(`${hub.url}/ana/m/resolve/main/${path}`);
  expect([path, sha256(Buffer.from(await got.arrayBuffer()))]).toEqual([path, sha256(bytes)]);
}

it.each(FAULTS)("a large file in one piece, and %s", async (_, fault) => {
  const bytes = randomBytes(300_000);
  const oid = sha256(bytes);
  const upload = await batch(oid, bytes.length);
  const put = () => fetch(upload?.href ?? "", { method: "PUT", body: bytes });
  failing(fault, ({ method }) => method === "PUT");
  expect(told(await put())).toEqual(AWAY);
  s3.fault = undefined;
  await expectNothing(oid, bytes.length);
  expect((await put()).status).toBe(200);
  await ana.commit(REPO, "main", [lfsFile("one.bin", oid, bytes.length)]);
  await expectFile("one.bin", bytes);
});

it.each(FAULTS)("a large file in parts, and %s at a part and at their end", async (_, fault) => {
  const bytes = randomBytes(11 * MIB);
  const oid = sha256(bytes);
  const send = async () => {
    const upload = await batch(oid, bytes.length);
    const parts = [];
    for (const [name, href] of Object.entries(upload?.header ?? {}).filter(([key]) => /^\d+$/.test(key))) {
      const number = Number(name);
      const answer = await fetch(href, { method: "PUT", body: bytes.subarray((number - 1) * PART, number * PART) });
      if (!answer.ok) return answer;
      parts.push({ partNumber: number, etag: answer.headers.get("etag") });
    }
    return fetch(upload?.href ?? "", { method: "POST", body: JSON.stringify({ oid, parts }) });
  };
  failing(fault, ({ method, query }) => method === "PUT" && query.get("partNumber") === "2");
  expect(told(await send())).toEqual(AWAY);
  s3.fault = undefined;
  await expectNothing(oid, bytes.length);
  // Put together there, the object is read once more, for its hash; then it gets its name.
  for (const method of ["GET", "PUT"]) {
    // A copy has no body to cut.
    failing(
      method === "PUT" ? { status: 500, ...fault } : fault,
      (call) => call.method === method && !call.query.has("partNumber"),
    );
    expect([method, ...told(await send())]).toEqual([method, ...AWAY]);
    s3.fault = undefined;
    await expectNothing(oid, bytes.length);
    expect(s3.openUploads()).toBe(0);
  }
  expect((await send()).status).toBe(200);
  await ana.commit(REPO, "main", [lfsFile("parts.bin", oid, bytes.length)]);
  await expectFile("parts.bin", bytes);
});

it.each(FAULTS)("a commit whose contents go to the bucket, and %s", async (what, fault) => {
  const text = `${what} `.repeat(10_000);
  const before = await head();
  const lines = [{ key: "header", value: { summary: "long" } }, file("a.txt", "a"), file("long.txt", text)];
  const commit = () =>
    ana.call("POST", `${REPO}/commit/main`, undefined, lines.map((line) => JSON.stringify(line)).join("\n"));
  failing(fault, ({ method }) => method === "PUT");
  expect(told(await commit())).toEqual(AWAY);
  s3.fault = undefined;
  expect(await head()).toBe(before);
  expect((await commit()).status).toBe(200);
  await expectFile("long.txt", Buffer.from(text));
});

it.each(FAULTS)("chunks, and %s while they come and while they are checked", async (what, fault) => {
  const data = pieces(noise(what, 400_000), 50_000);
  const xorb = makeXorb(data);
  const shard = makeShard([{ terms: [{ xorb, start: 0, end: data.length }] }], [xorb]);
  const cas = new Cas(await new XetClient(hub.url, token).token("write", "ana/m"));
  failing(fault, ({ method }) => method === "PUT");
  expect(told(await cas.putXorb(xorb.hash, xorb.bytes))).toEqual(AWAY);
  s3.fault = undefined;
  expect((await cas.call("HEAD", `/v1/xorbs/default/${xorb.hash}`)).status).toBe(404);
  expect((await cas.putXorb(xorb.hash, xorb.bytes)).status).toBe(200);
  failing(fault, ({ method }) => method === "GET");
  expect(told(await cas.putShard(shard))).toEqual(AWAY);
  const last = (await (await cas.putShard(shard, 2)).text()).trimEnd().split("\n").at(-1);
  expect(JSON.parse(last ?? "")).toMatchObject({ type: "error", retryable: true });
  s3.fault = undefined;
  await expectNothing(sha256(Buffer.concat(data)), 400_000);
  expect((await cas.putShard(shard)).status).toBe(200);
  await ana.commit(REPO, "main", [lfsFile("chunks.bin", sha256(Buffer.concat(data)), 400_000)]);
  await expectFile("chunks.bin", Buffer.concat(data));
});

it("a download, which says so where nothing has come yet, and else ends before its end", async () => {
  const bytes = randomBytes(2 * MIB);
  const repo = { type: "model", name: "ana/m" } as const;
  const client = { hubUrl: hub.url, accessToken: token, repo };
  await hf.uploadFiles({ ...client, files: [{ path: "down.bin", content: new Blob([bytes]) }], useXet: false });
  const get = () => fetch(`${hub.url}/ana/m/resolve/main/down.bin`);
  failing({ status: 500 }, ({ method }) => method === "GET");
  expect(told(await get())).toEqual(AWAY);
  failing({ cutAfter: MIB }, ({ method }) => method === "GET");
  await expect(get().then((answer) => answer.arrayBuffer())).rejects.toThrow();
  failing({ delayMs: 1500 }, () => true);
  await expectFile("down.bin", bytes);
});
