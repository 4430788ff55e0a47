// The content-addressed store through the real server: what it takes, what it refuses, and who gets what back.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeXetToken } from "../../hub-server/services/xet-tokens.ts";
import { parseShard } from "../../hub-server/xet/shard.ts";
import { check } from "../clients/conformance/harness.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";
import {
  bytesOf,
  Cas,
  errorOf,
  hashOf,
  lz4Frame,
  makeShard,
  makeXorb,
  noise,
  packed,
  pieces,
  sha256Of,
  type TestFile,
  XetClient,
} from "../support/xet.ts";

let hub: TestHub;
let ana: XetClient;
let ben: XetClient;
let nobody: XetClient;
let cas: Cas;

beforeAll(async () => {
  hub = await testHub();
  ana = new XetClient(hub.url, await hub.user("ana"));
  ben = new XetClient(hub.url, await hub.user("ben"));
  nobody = new XetClient(hub.url, undefined);
  await ana.createRepo("m1");
  await ana.createRepo("secret", { isPrivate: true });
  await ben.createRepo("own");
  cas = new Cas(await ana.token("write", "ana/m1"));
});
afterAll(() => hub.stop());

const fileOf = (name: string, size: number, step = 1000): TestFile => {
  const data = pieces(noise(name, size), step);
  return { terms: [{ xorb: makeXorb(data), start: 0, end: data.length }] };
};

const json = async (response: Response): Promise<Record<string, unknown>> => {
  expect([response.status, response.headers.get("x-error-message")]).toEqual([200, null]);
  return response.json();
};

describe("tokens", () => {
  for (const type of ["models", "datasets", "spaces"] as const) {
    const name = `${type}-tokens`;
    const repo = type === "models" ? `ana/${name}` : `${type}/ana/${name}`;
    const file = fileOf(name, 2500);

    operation(`GET /api/${type}/{namespace}/{repo}/xet-write-token/{rev}`, async () => {
      await ana.createRepo(name, { type: type.slice(0, -1) });
      const response = await ana.tokenResponse("write", repo, "refs%2Fpr%2F1", "?create_pr=1");
      const { casUrl, accessToken, exp } = await json(response);
      const { headers } = response;
      expect(casUrl).toBe(`${hub.url}/cas`);
      expect([
        headers.get("x-xet-cas-url"),
        headers.get("x-xet-access-token"),
        headers.get("x-xet-token-expiration"),
      ]).toEqual([casUrl, accessToken, `${exp}`]);
      expect(Number(exp) - Date.now() / 1000).toBeGreaterThan(15 * 60);
      // The effect: what is sent with it can be committed, and is a file of the repository.
      await ana.upload(repo, file);
      expect((await ana.commit(repo, "a.bin", file)).status).toBe(200);
      const path = type === "models" ? "" : `${type}/`;
      const bytes = await (await fetch(`${hub.url}/${path}ana/${name}/resolve/main/a.bin`)).arrayBuffer();
      expect(Buffer.from(bytes)).toEqual(bytesOf(file));
    });

    operation(`GET /api/${type}/{namespace}/{repo}/xet-read-token/{rev}`, async () => {
      const { accessToken, casUrl, exp } = await nobody.token("read", repo);
      const plan = await json(await new Cas({ accessToken, casUrl, exp }).plan(hashOf(file)));
      expect(plan["terms"]).toEqual([
        { hash: file.terms[0]?.xorb.hash, unpacked_length: 2500, range: { start: 0, end: 3 } },
      ]);
      // A token for reading writes nothing, also where its user might.
      const reading = new Cas(await ana.token("read", repo));
      expect(await errorOf(await reading.putShard(makeShard([])))).toEqual([
        403,
        "FORBIDDEN",
        "The token was made for reading.",
      ]);
    });
  }

  it("are for who may push, or propose", async () => {
    const status = async (client: XetClient, revision: string, query = "") =>
      (await client.tokenResponse("write", "ana/m1", revision, query)).status;
    expect(await status(ana, "None", "?create_pr=1")).toBe(200);
    expect(await status(ben, "None", "?create_pr=1")).toBe(200);
    expect(await status(ben, "main")).toBe(403);
    expect(await status(nobody, "main")).toBe(401);
    expect(await status(nobody, "None", "?create_pr=1")).toBe(401);
    expect(await errorOf(await ben.tokenResponse("read", "ana/secret"))).toEqual([
      404,
      "RepoNotFound",
      "Repository not found",
    ]);
    expect(await errorOf(await ben.tokenResponse("write", "ana/secret", "None", "?create_pr=1"))).toEqual([
      404,
      "RepoNotFound",
      "Repository not found",
    ]);
  });

  it("of nobody, of others and of yesterday open nothing", async () => {
    const { casUrl, accessToken } = await ana.token("write", "ana/m1");
    const [payload = "", signature = ""] = accessToken.split(".");
    const forged = Buffer.from(
      Buffer.from(payload, "base64url").toString().replace('"content":true', '"content":true '),
    ).toString("base64url");
    const old = writeXetToken(hub.deps, {
      scope: "write",
      repoId: "x",
      content: true,
      expires: Math.floor(Date.now() / 1000) - 1,
    });
    const told = async (token: string, path: string) =>
      errorOf(await fetch(`${casUrl}${path}`, { headers: { authorization: `Bearer ${token}` } }));
    const path = `/v2/reconstructions/${"0".repeat(64)}`;
    expect((await told(`${forged}.${signature}`, path)).slice(0, 2)).toEqual([401, "INVALID_TOKEN"]);
    expect((await told("hf_of_the_hub", path)).slice(0, 2)).toEqual([401, "INVALID_TOKEN"]);
    expect((await told("", path)).slice(0, 2)).toEqual([401, "INVALID_TOKEN"]);
    expect((await told(old, path))[2]).toMatch(/^The token has expired/);
    expect((await fetch(`${casUrl}${path}`)).status).toBe(401);
    expect((await fetch(`${casUrl}/v1/chunks/default/${"0".repeat(64)}`)).status).toBe(401);
    expect((await fetch(`${casUrl}/v1/shards`, { method: "POST", body: "x" })).status).toBe(401);
    expect((await fetch(`${casUrl}/v1/xorbs/default/${"0".repeat(64)}`, { method: "POST", body: "x" })).status).toBe(
      401,
    );
  });
});

describe("xorbs", () => {
  it("are taken once, and said to be there", async () => {
    const xorb = makeXorb(pieces(noise("once", 300_000), 60_000));
    expect((await cas.call("HEAD", `/v1/xorbs/default/${xorb.hash}`)).status).toBe(404);
    expect(await json(await cas.putXorb(xorb.hash, xorb.bytes))).toEqual({ was_inserted: true });
    expect(await json(await cas.putXorb(xorb.hash, xorb.bytes))).toEqual({ was_inserted: false });
    const head = await cas.call("HEAD", `/v1/xorbs/default/${xorb.hash}`);
    expect([head.status, head.headers.get("content-length")]).toEqual([200, `${xorb.bytes.length}`]);
    expect((await cas.call("GET", `/v1/xorbs/default/${xorb.hash}`)).status).toBe(405);
  });

  it("sent at once by several are one", async () => {
    const xorb = makeXorb(pieces(noise("together", 2_000_000), 100_000));
    const answers = await Promise.all([1, 2, 3, 4].map(() => cas.putXorb(xorb.hash, xorb.bytes)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  it("may have the index of older clients behind them, which is not kept", async () => {
    const xorb = makeXorb(pieces(noise("indexed", 200_000), 50_000));
    const body = Buffer.concat([xorb.bytes, Buffer.from("XETBLOB\x01"), noise("index", 700)]);
    expect(await json(await cas.putXorb(xorb.hash, body))).toEqual({ was_inserted: true });
    const head = await cas.call("HEAD", `/v1/xorbs/default/${xorb.hash}`);
    expect(head.headers.get("content-length")).toBe(`${xorb.bytes.length}`);
  });

  const data = pieces(noise("damaged", 200_000), 50_000);
  const whole = makeXorb(data);
  const bomb = packed(lz4Frame({ data: Buffer.from([0x1f, 1, 1, 0, ...new Array(90_000).fill(255), 0]) }), {
    scheme: 1,
    size: 131072,
  });

  const broken: [string, string, Uint8Array, RegExp][] = [
    ["a wrong name", makeXorb(data.slice(1)).hash, whole.bytes, /its chunks make the xorb [0-9a-f]{64}, not/],
    ["a damaged chunk", whole.hash, Buffer.from(whole.bytes).fill(0, 60_000, 60_001), /its chunks make the xorb/],
    ["a damaged header", whole.hash, Buffer.from(whole.bytes).fill(9, 50_008, 50_009), /A chunk has version 9/],
    ["its end cut off", whole.hash, whole.bytes.subarray(0, -1), /The xorb ends within a chunk/],
    ["no chunks", whole.hash, Buffer.from("XETBLOB\x01"), /The xorb has no chunks/],
    ["a bomb in it", whole.hash, bomb, /it holds more than 131072 bytes/],
  ];

  check(58, "a xorb with a wrong name, damaged, cut off, empty or with a bomb in it", async () => {
    for (const [what, hash, body, message] of broken) {
      const [status, code, error] = await errorOf(await cas.putXorb(hash, body));
      expect([what, status, code]).toEqual([what, 400, "XET_REFUSED"]);
      expect(error).toMatch(message);
      expect((await cas.call("HEAD", `/v1/xorbs/default/${hash}`)).status).toBe(404);
    }
  });

  check(58, "a xorb above 64 MiB, and the server goes on", async () => {
    const chunk = packed(noise("large", 128 * 1024));
    const body = Buffer.concat(new Array(530).fill(chunk));
    const [status, code, error] = await errorOf(await cas.putXorb(whole.hash, body));
    expect([status, code]).toEqual([400, "XET_REFUSED"]);
    expect(error).toMatch(/more than (67174400|68222976) bytes/);
    expect((await cas.call("POST", "/v1/telemetry", { body: Buffer.from("{}") })).status).toBe(200);
  });

  it("go by hashes, under the one prefix", async () => {
    expect((await errorOf(await cas.putXorb("xyz", whole.bytes)))[0]).toBe(400);
    expect((await cas.call("POST", `/v1/xorbs/other/${whole.hash}`, { body: whole.bytes })).status).toBe(400);
  });
});

describe("shards", () => {
  const file = fileOf("claims", 5000);
  const [term] = file.terms;
  const xorb = term?.xorb ?? makeXorb([]);
  const other = makeXorb(pieces(noise("never sent", 2000), 1000));
  const zeros = new Uint8Array(32);

  beforeAll(async () => {
    expect((await cas.putXorb(xorb.hash, xorb.bytes)).status).toBe(200);
  });

  const wrong: [string, TestFile, RegExp][] = [
    ["a xorb that is not there", { terms: [{ xorb: other, start: 0, end: 2 }] }, /there is no xorb/],
    [
      "a wrong hash of a range",
      { terms: [{ xorb, start: 0, end: 5, claims: { rangeHash: zeros } }] },
      /have another hash/,
    ],
    ["chunks beyond the last", { terms: [{ xorb, start: 0, end: 5, claims: { end: 6 } }] }, /has no chunks 0 to 6/],
    ["chunks in no order", { terms: [{ xorb, start: 0, end: 5, claims: { start: 5 } }] }, /has no chunks 5 to 5/],
    ["a wrong length", { terms: [{ xorb, start: 0, end: 5, claims: { size: 4999 } }] }, /do not have 4999 bytes/],
    ["a wrong file hash", { ...file, claims: { hash: xorb.hash } }, /the terms make the file/],
    ["a wrong SHA-256", { ...file, claims: { sha256: "a".repeat(64) } }, /has the SHA-256 [0-9a-f]{64}, not a{64}/],
    ["no hashes of ranges", { ...file, claims: { flags: 0x40000000 } }, /comes without the hashes of its ranges/],
  ];
  const bad = async (claimed: TestFile, version: 1 | 2) => cas.putShard(makeShard([{ terms: [] }, claimed]), version);

  check(59, "a shard whose claims do not hold is refused as a whole", async () => {
    for (const [what, claimed, message] of wrong) {
      const [status, code, error] = await errorOf(await bad(claimed, 1));
      expect([what, status, code]).toEqual([what, 400, "XET_REFUSED"]);
      expect(error).toMatch(message);
      expect((await cas.plan(hashOf(file))).status).toBe(404);
      expect((await cas.plan("0".repeat(64))).status, "nothing of the shard is there").toBe(404);
      expect((await errorOf(await ana.commit("ana/m1", "claims.bin", file)))[0]).toBe(400);
    }
  });

  check(59, "a shard whose claims do not hold is refused by a frame, where those are told", async () => {
    for (const [what, claimed, message] of wrong.slice(0, -1)) {
      const response = await bad(claimed, 2);
      expect([what, response.status, response.headers.get("content-type")]).toEqual([
        what,
        200,
        "application/x-ndjson",
      ]);
      const lines = (await response.text())
        .trimEnd()
        .split("\n")
        .map((line): unknown => JSON.parse(line));
      expect(lines[0]).toMatchObject({ type: "validating", verified: 0 });
      expect(lines.at(-1)).toEqual({ type: "error", message: expect.stringMatching(message), retryable: false });
      expect((await cas.plan(hashOf(file))).status).toBe(404);
    }
  });

  it("that tell untruths of a xorb are refused", async () => {
    const lying = { ...xorb, chunks: xorb.chunks.toReversed().slice(1) };
    expect((await errorOf(await cas.putShard(makeShard([], [lying]))))[2]).toMatch(/has 5 chunks, not 4/);
    const turned = { ...xorb, chunks: xorb.chunks.toReversed() };
    expect((await errorOf(await cas.putShard(makeShard([], [turned]))))[2]).toMatch(/has another chunk 0/);
    expect((await errorOf(await cas.putShard(makeShard([], [other]))))[2]).toMatch(/there is no xorb/);
  });

  it("that tell of more than anybody hashes are refused before it is tried", async () => {
    const term = { xorb, start: 0, end: 5, claims: { size: 0xffff_ffff } };
    const huge = { terms: new Array<typeof term>(257).fill(term) };
    expect((await errorOf(await cas.putShard(makeShard([huge]))))[2]).toMatch(/more than 1099511627776 bytes/);
  });

  it("that tell of a file twice make it once", async () => {
    const twice = fileOf("twice", 3000);
    for (const { xorb: made } of twice.terms) await cas.putXorb(made.hash, made.bytes);
    expect(await json(await cas.putShard(makeShard([twice, twice])))).toEqual({ result: 1 });
    expect((await ana.commit("ana/m1", "twice.bin", twice)).status).toBe(200);
    const lying = { ...twice, claims: { sha256: "b".repeat(64) } };
    expect((await errorOf(await cas.putShard(makeShard([twice, lying]))))[2]).toMatch(/not b{64}/);
  });

  it("that are none, or too long, are refused", async () => {
    expect((await errorOf(await cas.putShard(Buffer.from("no shard"), 2)))[0]).toBe(400);
    const [status, , error] = await errorOf(await cas.putShard(Buffer.alloc(66 * 1024 * 1024)));
    expect([status, error]).toEqual([400, expect.stringMatching(/it has more than 68157440 bytes/)]);
  });

  it("whose claims hold make files, once", async () => {
    const before = await cas.putShard(makeShard([file], [xorb]), 2);
    const frames = (await before.text())
      .trimEnd()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    expect(frames.slice(-2)).toEqual([
      { type: "validating", verified: 1, total: 1 },
      { type: "result", result: 1 },
    ]);
    expect(await json(await cas.putShard(makeShard([file], [xorb])))).toEqual({ result: 0 });
    expect((await cas.call("HEAD", `/v1/files/${hashOf(file)}`)).headers.get("content-length")).toBe("5000");
  });

  it("may leave the SHA-256 to the hub", async () => {
    const silent = { ...fileOf("silent", 3000), claims: { sha256: undefined } };
    await ana.upload("ana/m1", silent);
    expect((await ana.commit("ana/m1", "silent.bin", silent)).status).toBe(200);
  });

  it("of an empty file make one", async () => {
    const empty: TestFile = { terms: [] };
    expect(await json(await cas.putShard(makeShard([empty])))).toEqual({ result: 1 });
    expect(await json(await cas.plan("0".repeat(64)))).toEqual({ offset_into_first_range: 0, terms: [], xorbs: {} });
    expect((await cas.plan("0".repeat(64), "0-10")).status).toBe(416);
  });
});

describe("files", () => {
  const [first, second] = [
    makeXorb(pieces(noise("first", 10_000), 1000)),
    makeXorb(pieces(noise("second", 8000), 2000)),
  ];
  // The first xorb comes twice, in two pieces that do not touch.
  const file: TestFile = {
    terms: [
      { xorb: first, start: 2, end: 5 },
      { xorb: second, start: 0, end: 4 },
      { xorb: first, start: 7, end: 10 },
    ],
  };
  const bytes = bytesOf(file);
  const hash = hashOf(file);

  beforeAll(async () => {
    await ana.upload("ana/secret", file);
    expect((await ana.commit("ana/secret", "a b/file.bin", file)).status).toBe(200);
  });

  interface Plan2 {
    offset_into_first_range: number;
    terms: { hash: string; unpacked_length: number; range: { start: number; end: number } }[];
    xorbs: Record<string, { url: string; ranges: { chunks: Span; bytes: Span }[] }[]>;
  }
  type Span = { start: number; end: number };

  async function planOf(range?: string): Promise<Plan2> {
    const response = await new Cas(await ana.token("read", "ana/secret")).plan(hash, range);
    expect(response.status).toBe(200);
    return response.json();
  }

  /** What a client makes of a plan: fetches, cut into chunks, in the order of the terms. */
  async function follow({ terms, xorbs, offset_into_first_range: offset }: Plan2, length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (const { hash: xorb, range } of terms) {
      const entry = xorbs[xorb]?.find(
        ({ ranges: [only] }) => only && only.chunks.start <= range.start && only.chunks.end >= range.end,
      );
      const [only] = entry?.ranges ?? [];
      const response = await fetch(entry?.url ?? "", {
        headers: { range: `bytes=${only?.bytes.start}-${only?.bytes.end}` },
      });
      expect(response.status).toBe(206);
      const packedBytes = Buffer.from(await response.arrayBuffer());
      for (let at = 0, chunk = only?.chunks.start ?? 0; at < packedBytes.length; chunk++) {
        const size = packedBytes.readUIntLE(at + 1, 3);
        if (chunk >= range.start && chunk < range.end) parts.push(packedBytes.subarray(at + 8, at + 8 + size));
        at += 8 + size;
      }
    }
    return Buffer.concat(parts).subarray(offset, offset + length);
  }

  it("are put together from plans, whole and in part", async () => {
    const plan = await planOf();
    expect(plan.terms.map(({ unpacked_length }) => unpacked_length)).toEqual([3000, 8000, 3000]);
    expect(await follow(plan, bytes.length)).toEqual(bytes);
    const urls = Object.values(plan.xorbs).flatMap((entries) => entries.map(({ url }) => url));
    expect(urls).toHaveLength(3);
    expect(new Set(urls).size).toBe(3);
    for (const [start, end] of [
      [0, 0],
      [0, 2999],
      [2999, 3000],
      [2500, 12_500],
      [13_999, 13_999],
      [13_000, 20_000],
    ] as const) {
      const part = await planOf(`${start}-${end}`);
      expect([start, end, await follow(part, end - start + 1)]).toEqual([start, end, bytes.subarray(start, end + 1)]);
    }
  });

  it("in part name only the chunks that are needed", async () => {
    expect(await planOf("1500-1600")).toMatchObject({
      offset_into_first_range: 500,
      terms: [{ hash: first.hash, unpacked_length: 1000, range: { start: 3, end: 4 } }],
      xorbs: {
        [first.hash]: [{ ranges: [{ chunks: { start: 3, end: 4 }, bytes: { start: 3 * 1008, end: 4 * 1008 - 1 } }] }],
      },
    });
    const end = await planOf("-10");
    expect([end.terms.length, end.offset_into_first_range]).toEqual([1, 990]);
  });

  check(55, "a plan of a range that begins at the end, ends beyond it, or lies in the middle of a chunk", async () => {
    const reader = new Cas(await ana.token("read", "ana/secret"));
    for (const range of ["14000-14001", "256000000-767999999"]) {
      const response = await reader.plan(hash, range);
      expect([range, response.status, response.headers.get("content-range")]).toEqual([range, 416, "bytes */14000"]);
    }
    expect((await reader.plan(hash, "0-255999999")).status).toBe(200);
    expect(await planOf("2500-99999")).toMatchObject({ offset_into_first_range: 500 });
  });

  it("are planned the older way, too", async () => {
    const reader = new Cas(await ana.token("read", "ana/secret"));
    const old: { terms: unknown; fetch_info: Record<string, { range: Span; url: string; url_range: Span }[]> } = await (
      await reader.plan(hash, undefined, 1)
    ).json();
    const plan = await planOf();
    expect(old.terms).toEqual(plan.terms);
    const xorbs = Object.fromEntries(
      Object.entries(old.fetch_info).map(([xorb, entries]) => [
        xorb,
        entries.map(({ range, url, url_range }) => ({ url, ranges: [{ chunks: range, bytes: url_range }] })),
      ]),
    );
    expect(await follow({ ...plan, xorbs }, bytes.length)).toEqual(bytes);
  });

  check(60, "a token of one repository asks for a file of another, private one", async () => {
    const own = new Cas(await ben.token("read", "ben/own"));
    expect((await errorOf(await own.plan(hash))).slice(0, 2)).toEqual([404, "XET_NOT_FOUND"]);
    expect((await own.call("HEAD", `/v1/files/${hash}`)).status).toBe(404);
    const writing = new Cas(await ben.token("write", "ben/own"));
    expect((await writing.plan(hash)).status).toBe(404);
    // Nor by claiming them: who knows the names of file and xorb does not know the chunks.
    const claimed = {
      ...file,
      terms: file.terms.map((part) => ({ ...part, claims: { rangeHash: new Uint8Array(32) } })),
    };
    expect((await errorOf(await writing.putShard(makeShard([claimed]))))[0]).toBe(400);
    expect((await writing.plan(hash)).status).toBe(404);
  });

  it("of gated repositories are there for those who were let in", async () => {
    const [row] = await Promise.all([ana.createRepo("gated")]);
    expect(row).toBeUndefined();
    const gatedFile = fileOf("gated", 3000);
    await ana.upload("ana/gated", gatedFile);
    expect((await ana.call("PUT", "/api/models/ana/gated/settings", { gated: "manual" })).status).toBe(200);
    expect((await ben.tokenResponse("read", "ana/gated")).status).toBe(403);
    const proposing: { casUrl: string; accessToken: string; exp: number } = await (
      await ben.tokenResponse("write", "ana/gated", "None", "?create_pr=1")
    ).json();
    expect((await new Cas(proposing).plan(hashOf(gatedFile))).status).toBe(404);
  });

  it("come by plain HTTP, whole and in part, and by LFS", async () => {
    const get = (range?: string) =>
      ana.call("GET", "/ana/secret/resolve/main/a%20b/file.bin").then(async (response) => {
        expect(range).toBeUndefined();
        return Buffer.from(await response.arrayBuffer());
      });
    expect(await get()).toEqual(bytes);
    const token = (await hub.tokenOf("ana", "read")).token;
    for (const [start, end] of [
      [0, 0],
      [2999, 3000],
      [3000, 10_999],
      [13_999, 13_999],
    ] as const) {
      const response = await fetch(`${hub.url}/ana/secret/resolve/main/a%20b/file.bin`, {
        headers: { authorization: `Bearer ${token}`, range: `bytes=${start}-${end}` },
      });
      expect([response.status, response.headers.get("content-range")]).toEqual([206, `bytes ${start}-${end}/14000`]);
      expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes.subarray(start, end + 1));
    }
    const batch: { transfer: string; objects: { actions: { download: { href: string } } }[] } = await (
      await ana.call("POST", "/ana/secret.git/info/lfs/objects/batch", {
        operation: "download",
        transfers: ["basic", "xet"],
        objects: [{ oid: sha256Of(file), size: bytes.length }],
      })
    ).json();
    expect(batch.transfer).toBe("basic");
    const lfs = await (await fetch(batch.objects[0]?.actions.download.href ?? "")).arrayBuffer();
    expect(createHash("sha256").update(Buffer.from(lfs)).digest("hex")).toBe(sha256Of(file));
  });

  it("are told of by headers, in trees and to those who ask where they are", async () => {
    const token = (await hub.tokenOf("ana", "read")).token;
    const url = `${hub.url}/ana/secret/resolve/main/a%20b/file.bin`;
    const head = await fetch(url, { method: "HEAD", headers: { authorization: `Bearer ${token}` } });
    const commit = head.headers.get("x-repo-commit");
    const [read, plan] = [
      `${hub.url}/api/models/ana/secret/xet-read-token/${commit}`,
      `${hub.url}/cas/v1/reconstructions/${hash}`,
    ];
    expect([head.status, head.headers.get("x-xet-hash"), head.headers.get("x-linked-size")]).toEqual([
      200,
      hash,
      "14000",
    ]);
    expect(head.headers.get("link")).toBe(`<${read}>; rel="xet-auth", <${plan}>; rel="xet-reconstruction-info"`);
    const where = await fetch(url, {
      headers: {
        authorization: `Bearer ${token}`,
        range: "bytes=0-0",
        accept: "application/vnd.xet-fileinfo+json, */*",
      },
    });
    expect([where.status, where.headers.get("content-type")]).toEqual([200, "application/vnd.xet-fileinfo+json"]);
    expect([where.headers.get("x-xet-hash"), where.headers.get("x-linked-etag")]).toEqual([
      hash,
      `"${sha256Of(file)}"`,
    ]);
    const tree: unknown[] = await (await ana.call("GET", "/api/models/ana/secret/tree/main/a%20b")).json();
    expect(tree).toEqual([expect.objectContaining({ path: "a b/file.bin", xetHash: hash })]);
    const info: unknown[] = await (
      await ana.call("POST", "/api/models/ana/secret/paths-info/main", { paths: ["a b/file.bin"] })
    ).json();
    expect(info).toEqual([expect.objectContaining({ xetHash: hash })]);
    // What is no file of chunks promises none.
    const plain = await ana.call("HEAD", "/ana/secret/resolve/main/.gitattributes");
    expect([plain.headers.get("x-xet-hash"), plain.headers.get("link")]).toEqual([null, null]);
  });
});

describe("links to bytes of xorbs", () => {
  const file = fileOf("links", 4000);
  const dataOf = async (range?: string): Promise<string> => {
    const plan: { xorbs: Record<string, { url: string }[]> } = await (await cas.plan(hashOf(file), range)).json();
    return Object.values(plan.xorbs)[0]?.[0]?.url ?? "";
  };

  beforeAll(() => ana.upload("ana/m1", file));

  it("give the bytes that were asked for, and no others", async () => {
    const url = await dataOf("1000-2999");
    const get = async (range?: string) => {
      const response = await fetch(url, range === undefined ? {} : { headers: { range: `bytes=${range}` } });
      return [response.status, response.headers.get("content-range"), (await response.arrayBuffer()).byteLength];
    };
    expect(await get("1008-3023")).toEqual([206, "bytes 1008-3023/4032", 2016]);
    expect(await get()).toEqual([206, "bytes 1008-3023/4032", 2016]);
    expect(await get("1008-1100")).toEqual([206, "bytes 1008-1100/4032", 93]);
    expect((await get("0-100"))[0]).toBe(416);
    expect((await get("3024-4031"))[0]).toBe(416);
  });

  check(57, "a link to bytes holds for a time and for what was signed", async () => {
    const url = await dataOf();
    expect((await fetch(url)).status).toBe(206);
    expect((await fetch(url.replace(/range=\d+-\d+/, "range=0-5"))).status).toBe(403);
    expect((await fetch(url.replace(/expires=\d+/, "expires=1"))).status).toBe(403);
    expect((await fetch(url.replace(/signature=[^&]*/, ""))).status).toBe(403);
    expect((await fetch(url.replace(file.terms[0]?.xorb.hash ?? "", makeXorb([noise("x", 9)]).hash))).status).toBe(403);
    // A signature of a token is none of a link.
    const { accessToken } = await ana.token("write", "ana/m1");
    expect((await fetch(url.replace(/signature=[^&]*/, `signature=${accessToken.split(".")[1]}`))).status).toBe(403);
  });
});

describe("questions for chunks", () => {
  it("are answered for the first chunk of a file, with its xorbs and without its chunks' hashes", async () => {
    const [head, tail] = [makeXorb(pieces(noise("head", 9000), 3000)), makeXorb(pieces(noise("tail", 6000), 3000))];
    const file = {
      terms: [
        { xorb: head, start: 0, end: 3 },
        { xorb: tail, start: 0, end: 2 },
      ],
    };
    const { hashText } = await import("../../hub-server/xet/hash.ts");
    const names = head.chunks.map((chunk) => hashText(chunk.hash));
    const writing = new Cas(await ben.token("write", "ben/own"));
    const ask = (hash: string | undefined) => writing.call("GET", `/v1/chunks/default/${hash}`);
    expect((await ask(names[0])).status).toBe(404);
    await ana.upload("ana/m1", file);
    expect((await ask(names[1])).status).toBe(404);
    const answer = await ask(names[0]);
    expect(answer.status).toBe(200);
    const { files, xorbs } = parseShard(Buffer.from(await answer.arrayBuffer()));
    expect([files, xorbs.map(({ hash, count }) => [hash, count]).sort()]).toEqual([
      [],
      [
        [head.hash, 3],
        [tail.hash, 2],
      ].sort(),
    ]);
    for (const { chunks } of xorbs) for (const { hash } of chunks()) expect(names).not.toContain(hash);
    const reading = new Cas(await ben.token("read", "ben/own"));
    expect((await reading.call("GET", `/v1/chunks/default/${names[0]}`)).status).toBe(403);
  });

  it("are answered once for a chunk that is new: with what its user or the repository had last", async () => {
    const [own, read, foreign] = ["own", "read", "foreign"].map((name) => fileOf(`likely ${name}`, 5000));
    if (own === undefined || read === undefined || foreign === undefined) throw new Error("three were made");
    const xorbOf = ({ terms }: TestFile) => terms[0]?.xorb.hash;
    for (const name of ["foreign", "base"]) await ana.createRepo(name);
    for (const name of ["likely", "empty"]) await ben.createRepo(name);
    await ana.upload("ana/foreign", foreign);
    await ana.upload("ana/base", read);
    await ben.upload("ben/likely", own);
    /** What two questions by one token are told. */
    const told = async (repo: string) => {
      const writing = new Cas(await ben.token("write", repo));
      const ask = async () => {
        const answer = await writing.call("GET", `/v1/chunks/default/${"7".repeat(64)}`);
        if (answer.status !== 200) return answer.status;
        return parseShard(Buffer.from(await answer.arrayBuffer())).xorbs.map(({ hash }) => hash);
      };
      return [await ask(), await ask()];
    };
    const [first, again] = await told("ben/likely");
    expect(first).toContain(xorbOf(own));
    expect(first).not.toContain(xorbOf(read));
    expect(again).toBe(404);
    // What was read counts too, in any repository; what is there and was not does not.
    expect((await new Cas(await ben.token("read", "ana/base")).plan(hashOf(read))).status).toBe(200);
    const [after] = await told("ben/empty");
    expect(after).toEqual(expect.arrayContaining([xorbOf(own), xorbOf(read)]));
    expect(after).not.toContain(xorbOf(foreign));
  });

  it("of edits of a part are not", async () => {
    expect((await cas.call("GET", `/v2/file-chunk-hashes/${"0".repeat(64)}`)).status).toBe(404);
  });
});
