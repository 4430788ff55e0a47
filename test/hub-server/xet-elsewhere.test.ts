// Xet where the blobs are not in the data folder, and files of chunks by git.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { describeGit, type Git, gitHome } from "../support/git.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { startS3, type TestS3 } from "../support/s3-server.ts";
import { bytesOf, Cas, errorOf, hashOf, makeXorb, noise, pieces, type TestFile, XetClient } from "../support/xet.ts";

const fileOf = (name: string, size: number): TestFile => {
  const data = pieces(noise(name, size), 60_000);
  return { terms: [{ xorb: makeXorb(data), start: 0, end: data.length }] };
};

describe("the chunk store on S3", () => {
  let s3: TestS3;
  let hub: TestHub;
  let ana: XetClient;

  beforeAll(async () => {
    s3 = await startS3();
    for (const [name, value] of Object.entries(s3.credentials)) vi.stubEnv(name, value);
    const { bucket, region, url: endpoint } = s3;
    hub = await testHub({ s3: { bucket, region, endpoint } });
    ana = new XetClient(hub.url, await hub.user("ana"));
    await ana.createRepo("m");
  });
  afterAll(async () => {
    await hub?.stop();
    await s3?.stop();
    vi.unstubAllEnvs();
  });

  it("keeps xorbs as objects, and puts files together from ranges of them", async () => {
    const file = fileOf("on S3", 1_000_000);
    await ana.upload("ana/m", file);
    expect((await ana.commit("ana/m", "model.bin", file)).status).toBe(200);
    expect(s3.keys()).toHaveLength(1);
    const url = `${hub.url}/ana/m/resolve/main/model.bin`;
    // No link leads to the bucket: it has no such file.
    const whole = await fetch(url, { redirect: "manual" });
    expect([whole.status, Buffer.from(await whole.arrayBuffer()).equals(bytesOf(file))]).toEqual([200, true]);
    const part = await fetch(url, { headers: { range: "bytes=500000-500099" } });
    expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([
      206,
      bytesOf(file).subarray(500_000, 500_100),
    ]);
    expect((await new Cas(await ana.token("read", "ana/m")).plan(hashOf(file))).status).toBe(200);
  });

  it("leaves nothing of a xorb that is refused", async () => {
    const [right, wrong] = [makeXorb([noise("right", 5000)]), makeXorb([noise("wrong", 5000)])];
    const before = s3.keys();
    const cas = new Cas(await ana.token("write", "ana/m"));
    expect((await errorOf(await cas.putXorb(right.hash, wrong.bytes)))[0]).toBe(400);
    expect([s3.keys(), s3.openUploads()]).toEqual([before, 0]);
  });
});

describeGit("a file of chunks by git", () => {
  let hub: TestHub;
  let git: Git;

  beforeAll(async () => {
    [hub, git] = [await testHub(), await gitHome()];
  });
  afterAll(async () => {
    await git?.remove();
    await hub?.stop();
  });

  it("is in a clone, whole", async () => {
    const file = fileOf("by git", 3_000_000);
    const ana = new XetClient(hub.url, await hub.user("ana"));
    await ana.createRepo("m");
    await ana.upload("ana/m", file);
    expect((await ana.commit("ana/m", "model.bin", file)).status).toBe(200);
    await git.ok("", "clone", "--quiet", `${hub.url}/ana/m`, "clone");
    const bytes = await readFile(join(git.folder, "clone", "model.bin"));
    expect([bytes.length, bytes.equals(bytesOf(file))]).toEqual([3_000_000, true]);
  });
});
