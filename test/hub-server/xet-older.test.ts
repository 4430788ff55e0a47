// Older clients of Xet, replayed: what each asks first, what it goes by, and how its file is there in the end.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { check } from "../clients/conformance/harness.ts";
import { describeGit, type Git, gitHome, withToken } from "../support/git.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import {
  bytesOf,
  Cas,
  hashOf,
  makeShard,
  makeXorb,
  noise,
  sha256Of,
  type TestFile,
  XetClient,
} from "../support/xet.ts";

const SIZE = 5000;
let hub: TestHub;
let token: string;
let ana: XetClient;

beforeAll(async () => {
  hub = await testHub();
  token = await hub.user("ana");
  ana = new XetClient(hub.url, token);
  await ana.createRepo("old");
});
afterAll(() => hub.stop());

interface Batch {
  transfer: string;
  objects: {
    oid: string;
    size: number;
    actions?: { upload: Action; verify?: Action; download?: Action };
  }[];
}
interface Action {
  href: string;
  header?: Record<string, string>;
}

const fileOf = (name: string): TestFile => ({ terms: [{ xorb: makeXorb([noise(name, SIZE)]), start: 0, end: 1 }] });
const xorbOf = (file: TestFile) => {
  const xorb = file.terms[0]?.xorb;
  if (xorb === undefined) throw new Error("a file has a term");
  return xorb;
};

async function batchOf(transfers: readonly string[], oid: string, ref?: string, operation = "upload"): Promise<Batch> {
  const response = await ana.call("POST", "/ana/old.git/info/lfs/objects/batch", {
    operation,
    transfers,
    objects: [{ oid, size: SIZE }],
    hash_algo: "sha256",
    ...(ref !== undefined && { ref: { name: ref } }),
  });
  expect(response.status).toBe(200);
  return response.json();
}

/** What each version asks first: how a file is to come. */
async function preupload(path: string, file: TestFile): Promise<void> {
  const sample = bytesOf(file).subarray(0, 512).toString("base64");
  const asked = { files: [{ path, sample, size: SIZE }] };
  const answer = await (await ana.call("POST", "/api/models/ana/old/preupload/main", asked)).json();
  expect(answer).toMatchObject({ files: [{ path, uploadMode: "lfs", shouldIgnore: false }] });
}

async function putChunks(cas: Cas, file: TestFile): Promise<void> {
  const xorb = xorbOf(file);
  expect((await cas.putXorb(xorb.hash, xorb.bytes)).status).toBe(200);
  expect((await cas.putShard(makeShard([file], [xorb]))).status).toBe(200);
}

/** The way of LFS in one piece: bytes without a token, then verify with it. */
async function putWhole({ transfer, objects }: Batch, file: TestFile): Promise<void> {
  const { upload, verify } = objects[0]?.actions ?? {};
  expect([transfer, objects[0]?.oid]).toEqual(["basic", sha256Of(file)]);
  const body = Uint8Array.from(bytesOf(file));
  expect((await fetch(upload?.href ?? "", { method: "PUT", body, ...headersOf(upload) })).status).toBe(200);
  const said = { oid: sha256Of(file), size: SIZE };
  expect((await ana.call("POST", (verify?.href ?? "").slice(hub.url.length), said)).status).toBe(200);
}
const headersOf = (action: Action | undefined) => (action?.header === undefined ? {} : { headers: action.header });

/** The commit, and what is there after it: with a Xet hash where the file came in chunks. */
async function commitOf(path: string, file: TestFile, xetHash: string | null): Promise<void> {
  expect((await ana.commit("ana/old", path, file)).status).toBe(200);
  const head = await ana.call("HEAD", `/ana/old/resolve/main/${path}`);
  expect([head.headers.get("x-linked-etag"), head.headers.get("x-xet-hash")]).toEqual([`"${sha256Of(file)}"`, xetHash]);
  const got = await ana.call("GET", `/ana/old/resolve/main/${path}`);
  expect(Buffer.from(await got.arrayBuffer()).equals(bytesOf(file))).toBe(true);
}

describe("older clients", () => {
  check(88, "huggingface_hub 0.30 to 0.35: xetEnabled decides", async () => {
    const file = fileOf("0.35 by chunks");
    await preupload("35-xet.bin", file);
    const info: Record<string, unknown> = await (await ana.call("GET", "/api/models/ana/old?expand=xetEnabled")).json();
    expect(info).toMatchObject({ id: "ana/old", xetEnabled: true });
    // Its token comes in headers.
    const { status, headers } = await ana.tokenResponse("write", "ana/old");
    const told = ["cas-url", "access-token", "token-expiration"].map((name) => headers.get(`x-xet-${name}`) ?? "");
    expect([status, told[0], Number(told[2]) > Date.now() / 1000]).toEqual([200, `${hub.url}/cas`, true]);
    await putChunks(new Cas({ casUrl: told[0] ?? "", accessToken: told[1] ?? "", exp: Number(told[2]) }), file);
    await commitOf("35-xet.bin", file, hashOf(file));
  });

  check(88, "huggingface_hub 0.30 to 0.35 without hf_xet: by LFS", async () => {
    const file = fileOf("0.35 as a whole");
    await preupload("35-lfs.bin", file);
    await putWhole(await batchOf(["basic", "multipart"], sha256Of(file)), file);
    await commitOf("35-lfs.bin", file, null);
  });

  check(89, "huggingface_hub 0.36 to 1.19: the answer to the batch decides", async () => {
    const [chunked, whole] = [fileOf("1.10 by chunks"), fileOf("1.10 as a whole")];
    await preupload("110-xet.bin", chunked);
    const { transfer, objects } = await batchOf(["basic", "multipart", "xet"], sha256Of(chunked), "main");
    expect([transfer, objects[0]?.oid]).toEqual(["xet", sha256Of(chunked)]);
    const answer: Record<string, unknown> = await (await ana.tokenResponse("write", "ana/old")).json();
    expect(Object.keys(answer).sort()).toEqual(["accessToken", "casUrl", "exp"]);
    await putChunks(new Cas(await ana.token("write", "ana/old")), chunked);
    await commitOf("110-xet.bin", chunked, hashOf(chunked));
    await putWhole(await batchOf(["basic", "multipart"], sha256Of(whole), "main"), whole);
    await commitOf("110-lfs.bin", whole, null);
  });

  check(29, "a commit of an object that was never uploaded", async () => {
    const response = await ana.commit("ana/old", "never.bin", fileOf("never"));
    expect(response.status).toBe(400);
    const answer: { error: string } = await response.json();
    expect(answer.error).toMatch(/LFS pointer pointed to a file that does not exist/);
    expect((await ana.call("HEAD", "/ana/old/resolve/main/never.bin")).status).toBe(404);
  });
});

describeGit("git-xet", () => {
  let git: Git;
  beforeAll(async () => {
    git = await gitHome();
  });
  afterAll(() => git?.remove());

  check(90, "git-xet: credentials in the header of each object, then git's push of the pointer", async () => {
    const file = fileOf("git-xet");
    const transfers = ["basic", "ssh", "lfs-standalone-file", "xet"];
    const batch = await batchOf(transfers, sha256Of(file), "refs/heads/main");
    const { href = "", header = {} } = batch.objects[0]?.actions?.upload ?? {};
    expect(batch.transfer).toBe("xet");
    expect(Object.keys(header).sort()).toEqual([
      "X-Xet-Access-Token",
      "X-Xet-Cas-Url",
      "X-Xet-Session-Id",
      "X-Xet-Token-Expiration",
    ]);
    expect(Object.values(header).every((value) => typeof value === "string")).toBe(true);
    const { "X-Xet-Cas-Url": casUrl = "", "X-Xet-Access-Token": accessToken = "" } = header;
    const cas = new Cas({ casUrl, accessToken, exp: Number(header["X-Xet-Token-Expiration"]) });
    await putChunks(cas, file);
    // When the credentials run out, the address gives others.
    const renewed = await ana.call("GET", href.slice(hub.url.length));
    expect(await renewed.json()).toMatchObject({ casUrl, accessToken: expect.any(String), exp: expect.any(Number) });
    // What is there is not asked for again.
    expect((await batchOf(transfers, sha256Of(file))).objects[0]).toEqual({ oid: sha256Of(file), size: SIZE });
    // The transfer has sent the object, so that git sends the pointer alone.
    const mine = withToken(`${hub.url}/ana/old`, token);
    await git.ok("", "clone", "--quiet", mine, "pushed");
    await git.commit("pushed", { "by-git.bin": bytesOf(file) });
    const env = { GIT_LFS_SKIP_PUSH: "1" };
    expect(await git.run("pushed", ["push", "origin", "main"], { env })).toMatchObject({ status: 0 });
    const head = await ana.call("HEAD", "/ana/old/resolve/main/by-git.bin");
    expect(head.headers.get("x-xet-hash")).toBe(hashOf(file));
    // Downloads never go by Xet, whatever is offered: git-lfs takes the bytes.
    const down = await batchOf(transfers, sha256Of(file), "refs/heads/main", "download");
    expect([down.transfer, typeof down.objects[0]?.actions?.download?.href]).toEqual(["basic", "string"]);
    await git.ok("", "clone", "--quiet", mine, "fetched");
    expect((await readFile(join(git.folder, "fetched", "by-git.bin"))).equals(bytesOf(file))).toBe(true);
  });
});
