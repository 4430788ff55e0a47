// A hub whose blobs are in a bucket: what goes there straight, and what the hub says itself.
import { createHash, randomBytes } from "node:crypto";
import * as hf from "@huggingface/hub";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { check } from "../clients/conformance/harness.ts";
import { type Caller, caller, file } from "../support/calls.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { startS3, type TestS3 } from "../support/s3-server.ts";

const MIB = 1024 * 1024;
const PART = 5 * MIB;

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

interface Batch {
  objects: { actions?: { upload: { href: string; header: Record<string, string> } } }[];
}

describe("a hub whose blobs are in S3", () => {
  let s3: TestS3;
  let away: TestHub;
  let user: Caller;
  let accessToken: string;

  beforeAll(async () => {
    s3 = await startS3();
    for (const [name, value] of Object.entries(s3.credentials)) vi.stubEnv(name, value);
    const { bucket, region, url: endpoint } = s3;
    away = await testHub({ s3: { bucket, region, endpoint }, transfers: { partSize: PART, multipartAbove: 10 * MIB } });
    accessToken = await away.user("ana");
    user = caller(away.url, accessToken);
    await user.ok("POST", "/api/repos/create", { name: "m" });
  });
  afterAll(async () => {
    await away?.stop();
    await s3?.stop();
    vi.unstubAllEnvs();
  });

  it("sends clients to the bucket for large files, and tells HEAD itself", async () => {
    const weights = await user.lfs("/api/models/ana/m", "weights");
    const { commitOid } = await user.commit("/api/models/ana/m", "main", [weights("w.bin"), file("a.txt", "a")]);
    const path = `${away.url}/ana/m/resolve/main/w.bin`;
    const head = await fetch(path, { method: "HEAD", redirect: "manual" });
    expect([head.status, head.headers.get("content-length"), head.headers.get("x-repo-commit")]).toEqual([
      200,
      "7",
      commitOid,
    ]);
    const sent = await fetch(path, { redirect: "manual", headers: { origin: "http://localhost:5173" } });
    // A page of another origin may follow; whether it may read what the bucket answers the bucket's own rules say.
    expect(sent.headers.get("access-control-allow-origin")).toMatch(/^(\*|http:\/\/localhost:5173)$/);
    expect([sent.status, sent.headers.get("x-linked-etag"), sent.headers.get("x-linked-size")]).toEqual([
      302,
      `"${sha256("weights")}"`,
      "7",
    ]);
    expect(sent.headers.get("location")).toMatch(/^http:.*X-Amz-Signature=/);
    expect(sent.headers.get("cache-control")).toBe("no-store");
    const followed = await fetch(path, { headers: { range: "bytes=1-3" } });
    expect([followed.status, await followed.text(), followed.headers.get("content-range")]).toEqual([
      206,
      "eig",
      "bytes 1-3/7",
    ]);
    expect(followed.headers.get("content-disposition")).toContain('filename="w.bin";');
    expect((await fetch(`${away.url}/ana/m/resolve/main/a.txt`, { redirect: "manual" })).status).toBe(200);
  });

  it("takes parts, and puts them together there", async () => {
    const bytes = randomBytes(11 * MIB);
    const oid = sha256(bytes);
    const batch = await user.ok<Batch>("POST", "/ana/m.git/info/lfs/objects/batch", {
      operation: "upload",
      transfers: ["basic", "multipart"],
      objects: [{ oid, size: bytes.length }],
    });
    const upload = batch.objects[0]?.actions?.upload;
    const parts = [];
    for (const [name, href] of Object.entries(upload?.header ?? {}).filter(([key]) => /^\d+$/.test(key))) {
      const number = Number(name);
      const answer = await fetch(href, { method: "PUT", body: bytes.subarray((number - 1) * PART, number * PART) });
      parts.push({ partNumber: number, etag: answer.headers.get("etag") });
    }
    expect(parts).toHaveLength(3);
    const done = await fetch(upload?.href ?? "", { method: "POST", body: JSON.stringify({ oid, parts }) });
    expect(done.status).toBe(200);
    expect(s3.keys().some((key) => key.endsWith(oid))).toBe(true);
    expect(s3.openUploads()).toBe(0);
    await user.commit("/api/models/ana/m", "main", [
      { key: "lfsFile", value: { path: "parts.bin", algo: "sha256", oid, size: bytes.length } },
    ]);
    const read = await fetch(`${away.url}/ana/m/resolve/main/parts.bin`);
    expect(Buffer.from(await read.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it("commits of large regular files go there, too", async () => {
    const text = "line\n".repeat(100_000);
    await user.commit("/api/models/ana/m", "main", [file("long.txt", text)]);
    expect(await (await fetch(`${away.url}/ana/m/resolve/main/long.txt`)).text()).toBe(text);
  });

  check(
    30,
    "JavaScript's downloadFile from a bucket: small, by its redirects, in part, by Xet, and missing",
    async () => {
      const client = { hubUrl: away.url, accessToken, repo: "ana/js" };
      await hf.createRepo(client);
      const [whole, chunked] = [randomBytes(700_000), randomBytes(900_000)];
      const blob = (bytes: Uint8Array) => new Blob([Uint8Array.from(bytes)]);
      const small = { path: "config.json", content: new Blob(["{}"]) };
      await hf.uploadFiles({ ...client, files: [small, { path: "whole.bin", content: blob(whole) }], useXet: false });
      await hf.uploadFiles({ ...client, files: [{ path: "chunks.bin", content: blob(chunked) }], useXet: true });
      const answers: Response[] = [];
      const watched: typeof fetch = async (input, init) => {
        const answer = await fetch(input, init);
        answers.push(answer);
        return answer;
      };
      const get = async (path: string, xet: boolean, part?: readonly [start: number, end: number]) => {
        answers.splice(0);
        const got = await hf.downloadFile({ ...client, path, xet, fetch: watched });
        const wanted = part === undefined ? got : got?.slice(...part);
        return wanted && Buffer.from(await wanted.arrayBuffer());
      };
      const fromBucket = () => answers.filter(({ url }) => url.startsWith(s3.url));
      expect((await get("config.json", false))?.toString()).toBe("{}");
      expect(fromBucket()).toEqual([]);
      expect((await get("whole.bin", false))?.equals(whole)).toBe(true);
      // What it takes the size from is the bucket's answer, behind the redirect: a range, and a tag.
      const [probe, ...rest] = fromBucket();
      expect([probe?.status, probe?.redirected, probe?.headers.get("content-range")]).toEqual([
        206,
        true,
        `bytes 0-0/${whole.length}`,
      ]);
      expect(probe?.headers.get("etag")).toMatch(/^"[0-9a-f]+"$/);
      expect(rest.length).toBeGreaterThan(0);
      expect((await get("whole.bin", false, [300_000, 300_100]))?.equals(whole.subarray(300_000, 300_100))).toBe(true);
      expect(fromBucket().at(-1)?.headers.get("content-range")).toBe(`bytes 300000-300099/${whole.length}`);
      // A file that came in chunks is none of the bucket's objects: the hub puts it together, for either way to ask.
      for (const xet of [true, false]) {
        expect([xet, (await get("chunks.bin", xet))?.equals(chunked)]).toEqual([xet, true]);
        expect([xet, answers.some(({ url }) => url.includes("/cas/v2/reconstructions/"))]).toEqual([xet, xet]);
      }
      expect(await get("missing.bin", false)).toBeNull();
    },
  );
});
