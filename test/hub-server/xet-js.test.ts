// The official JavaScript client with Xet and without: up, down, in part, deduplicated, edited.
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  commit,
  downloadFile,
  fileDownloadInfo,
  listFiles,
  modelInfo,
  snapshotDownload,
  uploadFiles,
} from "@huggingface/hub";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { check } from "../clients/conformance/harness.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { noise, XetClient } from "../support/xet.ts";

let hub: TestHub;
let accessToken: string;
let hubUrl: string;

interface Seen {
  method: string;
  path: string;
  status: number;
  sent: Headers;
  bytes: number;
}

/** A fetch that writes down what it did, as the clients see it. */
function watched(seen: Seen[]): typeof fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const body = init?.body;
    const bytes = body instanceof Uint8Array ? body.length : body instanceof Blob ? body.size : 0;
    const response = await fetch(input, init);
    const sent = new Headers(init?.headers);
    seen.push({ method: init?.method ?? "GET", path: url.pathname, status: response.status, sent, bytes });
    return response;
  };
}

const sequence = (seen: readonly Seen[]): string[] =>
  seen.map(({ status, method, path }) => `${status} ${method} ${path.replace(/[0-9a-f]{40,64}/g, "<hash>")}`);

const blobOf = (bytes: Uint8Array): Blob => new Blob([Uint8Array.from(bytes)]);
const bytesOf = async (blob: Blob | null): Promise<Buffer> =>
  Buffer.from((await blob?.arrayBuffer()) ?? new ArrayBuffer(0));
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

beforeAll(async () => {
  hub = await testHub({ transfers: { partSize: 5 * 2 ** 20, multipartAbove: 6 * 2 ** 20 } });
  hubUrl = hub.url;
  accessToken = await hub.user("ana");
  const ana = new XetClient(hub.url, accessToken);
  for (const name of ["js1", "plain", "edits"]) await ana.createRepo(name);
});
afterAll(() => hub.stop());

describe("@huggingface/hub", () => {
  const repo = "ana/js1";
  const large = noise("js large", 6_200_000);
  const shared = Buffer.concat([large.subarray(0, 3_000_000), noise("between", 500_000), large.subarray(0, 3_000_000)]);
  const at = { hubUrl: "", accessToken: "" };
  beforeAll(() => Object.assign(at, { hubUrl, accessToken }));

  check(27, "JavaScript's uploadFiles with Xet, as it was recorded (A5)", async () => {
    const seen: Seen[] = [];
    const files = [
      { path: "a b/mödel.bin", content: blobOf(large) },
      { path: "shared.bin", content: blobOf(shared) },
      { path: "config.json", content: new Blob(["{}"]) },
      { path: "empty.bin", content: new Blob([]) },
    ];
    await uploadFiles({ repo, ...at, files, fetch: watched(seen), useXet: true });
    const calls = sequence(seen);
    expect(calls.slice(0, 2)).toEqual([
      `200 POST /api/models/${repo}/preupload/main`,
      `200 POST /${repo}.git/info/lfs/objects/batch`,
    ]);
    expect(calls.at(-1)).toBe(`200 POST /api/models/${repo}/commit/main`);
    // The batch's answer has the credentials: no token is asked for.
    const store = calls.slice(2, -1);
    expect(calls.filter((call) => call.includes("xet-write-token"))).toEqual([]);
    expect(seen.filter(({ path }) => path.startsWith("/cas/")).every(({ sent }) => sent.has("authorization"))).toBe(
      true,
    );
    expect(store[0]).toBe("404 GET /cas/v1/chunks/default/<hash>");
    expect(store).toContain("200 POST /cas/v1/xorbs/default/<hash>");
    expect(store.at(-1)).toBe("200 POST /cas/v1/shards");
    // The second file ends as it begins, and that went once.
    const sent = seen.filter(({ path }) => path.startsWith("/cas/v1/xorbs")).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(sent).toBeLessThan(10_200_000);
    const listed: Record<string, string | undefined> = {};
    for await (const { path, xetHash } of listFiles({ repo, ...at, recursive: true })) listed[path] = xetHash;
    expect(listed).toMatchObject({
      "a b/mödel.bin": expect.stringMatching(/^[0-9a-f]{64}$/),
      "shared.bin": expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect([listed["config.json"], listed["empty.bin"]]).toEqual([undefined, undefined]);
  });

  check(30, "JavaScript's downloadFile by Xet, as it was recorded (A6), by HTTP, small and missing", async () => {
    const seen: Seen[] = [];
    const got = await downloadFile({ repo, ...at, path: "a b/mödel.bin", xet: true, fetch: watched(seen) });
    expect(sha256(await bytesOf(got))).toBe(sha256(large));
    const [probe, token, plan, ...data] = seen;
    expect([probe?.path, probe?.sent.get("range"), probe?.sent.get("accept")]).toEqual([
      `/${repo}/resolve/main/a%20b/m%C3%B6del.bin`,
      "bytes=0-0",
      "application/vnd.xet-fileinfo+json, */*",
    ]);
    expect([probe?.status, token?.status, plan?.status]).toEqual([200, 200, 200]);
    expect(token?.path).toMatch(/^\/api\/models\/ana\/js1\/xet-read-token\/[0-9a-f]{40}$/);
    expect(plan?.path).toMatch(/^\/cas\/v2\/reconstructions\/[0-9a-f]{64}$/);
    expect(
      data.every(
        ({ path, status, sent }) => path.startsWith("/cas/data/") && status === 206 && !sent.has("authorization"),
      ),
    ).toBe(true);
    const plain = await downloadFile({ repo, ...at, path: "a b/mödel.bin", xet: false });
    expect(sha256(await bytesOf(plain))).toBe(sha256(large));
    expect((await bytesOf(await downloadFile({ repo, ...at, path: "config.json" }))).toString()).toBe("{}");
    expect(await downloadFile({ repo, ...at, path: "missing.bin" })).toBeNull();
    expect((await fileDownloadInfo({ repo, ...at, path: "a b/mödel.bin" }))?.size).toBe(large.length);
  });

  check(31, "JavaScript and a file without bytes", async () => {
    expect(await bytesOf(await downloadFile({ repo, ...at, path: "empty.bin" }))).toEqual(Buffer.alloc(0));
    const cacheDir = await mkdtemp(join(tmpdir(), "abrazo-js-"));
    const folder = await snapshotDownload({ repo, ...at, cacheDir });
    expect(await readFile(join(folder, "empty.bin"))).toEqual(Buffer.alloc(0));
    expect(sha256(await readFile(join(folder, "shared.bin")))).toBe(sha256(shared));
    await rm(cacheDir, { recursive: true });
  });

  check(32, "JavaScript and a file that has chunks of a xorb several times", async () => {
    const got = await downloadFile({ repo, ...at, path: "shared.bin", xet: true });
    expect(sha256(await bytesOf(got))).toBe(sha256(shared));
  });

  check(33, "JavaScript's slices fetch what they need", async () => {
    for (const xet of [true, false]) {
      const seen: Seen[] = [];
      const blob = await downloadFile({ repo, ...at, path: "a b/mödel.bin", xet, fetch: watched(seen) });
      const part = await bytesOf(blob?.slice(3_000_000, 3_000_100) ?? null);
      expect([xet, part]).toEqual([xet, large.subarray(3_000_000, 3_000_100)]);
      const ranges = seen
        .slice(1)
        .flatMap(({ path, sent }) => (/\/(data|resolve)\//.test(path) ? [sent.get("range")] : []));
      expect([xet, ranges.length > 0]).toEqual([xet, true]);
      for (const range of ranges) {
        const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
        expect(Number(to) - Number(from)).toBeLessThan(300_000);
      }
    }
  });

  check(56, "JavaScript's tokens of the store are renewed before they end, up and down", async () => {
    const { transfers } = hub.deps;
    const { xetTokenSeconds } = transfers;
    // It asks for another one a minute before the end of the one it has: of these, before each call.
    transfers.xetTokenSeconds = 30;
    const seen: Seen[] = [];
    const bytes = noise("js renewed", 2_000_000);
    const of = { repo: "ana/plain", ...at, fetch: watched(seen) };
    try {
      await uploadFiles({ ...of, files: [{ path: "renewed.bin", content: blobOf(bytes) }], useXet: true });
      const got = await downloadFile({ ...of, path: "renewed.bin", xet: true });
      expect(await bytesOf(got?.slice(1_000_000, 1_000_100) ?? null)).toEqual(bytes.subarray(1_000_000, 1_000_100));
      expect(sha256(await bytesOf(got))).toBe(sha256(bytes));
    } finally {
      transfers.xetTokenSeconds = xetTokenSeconds;
    }
    const renewals = (scope: string) => seen.filter(({ path }) => path.includes(`/xet-${scope}-token/`)).length;
    // The first one for writing comes with the batch's answer; the first one for reading is asked for, too.
    expect([renewals("write") > 0, renewals("read") > 1]).toEqual([true, true]);
    expect(seen.filter(({ status }) => status === 401 || status === 403)).toEqual([]);
  });

  check(28, "JavaScript's uploadFiles without Xet: whole and in parts, never verified", async () => {
    const seen: Seen[] = [];
    const [small, huge] = [noise("js small", 1_000_000), noise("js huge", 7_000_000)];
    for (const [path, bytes] of [
      ["small.bin", small],
      ["huge.bin", huge],
    ] as const)
      await uploadFiles({
        repo: "ana/plain",
        ...at,
        files: [{ path, content: blobOf(bytes) }],
        useXet: false,
        fetch: watched(seen),
      });
    expect(sequence(seen).filter((call) => call.includes("/cas/") || call.includes("verify"))).toEqual([]);
    expect(sequence(seen).filter((call) => call.includes("/parts/"))).toHaveLength(2);
    for (const [path, bytes] of [
      ["small.bin", small],
      ["huge.bin", huge],
    ] as const) {
      const head = await fetch(`${hubUrl}/ana/plain/resolve/main/${path}`, { method: "HEAD" });
      expect([head.headers.get("x-linked-etag"), head.headers.get("x-xet-hash")]).toEqual([`"${sha256(bytes)}"`, null]);
      expect(sha256(await bytesOf(await downloadFile({ repo: "ana/plain", ...at, path })))).toBe(sha256(bytes));
    }
  });

  check(29, "JavaScript's commit of a file whose bytes never came: 400, and no commit", async () => {
    const lost: string[] = [];
    // Says yes to the upload and loses it, as a proxy with a full disk might.
    const losing: typeof fetch = (input, init) => {
      if (init?.method !== "PUT") return fetch(input, init);
      lost.push(String(input));
      return Promise.resolve(new Response(null, { status: 200 }));
    };
    const name = "ana/plain";
    const before = (await modelInfo({ name, ...at, additionalFields: ["sha"] })).sha;
    const content = blobOf(noise("js never", 100_000));
    const operations = [{ operation: "addOrUpdate", path: "never.bin", content }] as const;
    const committed = commit({
      repo: name,
      ...at,
      title: "Never",
      operations: [...operations],
      useXet: false,
      fetch: losing,
    });
    await expect(committed).rejects.toMatchObject({
      statusCode: 400,
      message: expect.stringMatching(/LFS pointer pointed to a file that does not exist/),
    });
    expect(lost).toHaveLength(1);
    expect((await modelInfo({ name, ...at, additionalFields: ["sha"] })).sha).toBe(before);
    expect(await downloadFile({ repo: name, ...at, path: "never.bin" })).toBeNull();
  });

  check(92, "JavaScript's SplicedBlob: what is edited goes up as a whole, and its old chunks do not", async () => {
    await uploadFiles({
      repo: "ana/edits",
      ...at,
      files: [{ path: "model.bin", content: blobOf(large) }],
      useXet: true,
    });
    const original = await downloadFile({ repo: "ana/edits", ...at, path: "model.bin", xet: true });
    if (original === null) throw new Error("model.bin is not there");
    const insert = noise("inserted", 50_000);
    const edited = Buffer.concat([large.subarray(0, 2_000_000), insert, large.subarray(2_000_100)]);
    const seen: Seen[] = [];
    await commit({
      repo: "ana/edits",
      ...at,
      title: "Edit",
      operations: [
        {
          operation: "edit",
          path: "model.bin",
          originalContent: original,
          edits: [{ content: blobOf(insert), start: 2_000_000, end: 2_000_100 }],
        },
      ],
      useXet: true,
      fetch: watched(seen),
    });
    expect(sequence(seen).filter((call) => call.includes("file-chunk-hashes"))).toEqual([
      "404 GET /cas/v2/file-chunk-hashes/<hash>",
    ]);
    const got = await downloadFile({ repo: "ana/edits", ...at, path: "model.bin", xet: true });
    expect(sha256(await bytesOf(got))).toBe(sha256(edited));
    const sent = seen.filter(({ path }) => path.startsWith("/cas/v1/xorbs")).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(sent).toBeLessThan(4_000_000);
  });

  it("is refused where it may not write, by what it understands", async () => {
    const other = await hub.user("ben");
    const files = [{ path: "x.bin", content: blobOf(noise("x", 1000)) }];
    await expect(uploadFiles({ repo, hubUrl, accessToken: other, files, useXet: true })).rejects.toMatchObject({
      statusCode: 403,
    });
  });
});
