// What nothing names goes after its time, what anything names stays, and what somebody has in hand stays, too.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { garbage, storedBlobs, xetFiles, xetXorbs } from "../../hub-server/db/schema/xet.ts";
import { collectGarbage } from "../../hub-server/services/garbage.ts";
import { addBlob } from "../../hub-server/storage/add-blob.ts";
import { caller } from "../support/calls.ts";
import { describeEngines } from "../support/engines.ts";
import type { TestHub } from "../support/hub.ts";
import {
  bytesOf,
  Cas,
  hashOf,
  makeShard,
  makeXorb,
  noise,
  pieces,
  sha256Of,
  type TestFile,
  XetClient,
} from "../support/xet.ts";

let hub: TestHub;
let ana: XetClient;
let token: string;
let made = 0;

const fileOf = (name: string): TestFile => {
  const data = pieces(noise(name, 5000), 1000);
  return { terms: [{ xorb: makeXorb(data), start: 0, end: 5 }] };
};
const nothing = { xetFile: 0, xorb: 0, blob: 0 };
/** Everything that is unnamed now goes now. */
const collect = () => collectGarbage(hub.deps, { graceMs: -60_000 });

async function repoWith(file: TestFile): Promise<string> {
  const name = `r${made++}`;
  await ana.createRepo(name);
  await ana.upload(`ana/${name}`, file);
  expect((await ana.commit(`ana/${name}`, "model.bin", file)).status).toBe(200);
  return name;
}

const read = async (name: string): Promise<Buffer> =>
  Buffer.from(await (await ana.call("GET", `/ana/${name}/resolve/main/model.bin`)).arrayBuffer());

async function remove(name: string): Promise<void> {
  const response = await ana.call("DELETE", "/api/repos/delete", { name, organization: "ana" });
  expect(response.ok).toBe(true);
}

async function counts(): Promise<{ files: number; xorbs: number; blobs: number }> {
  const { db } = hub.deps;
  return {
    files: (await db.select().from(xetFiles)).length,
    xorbs: (await db.select().from(xetXorbs)).length,
    blobs: (await db.select().from(storedBlobs)).length,
  };
}

describeEngines("garbage", (start) => {
  beforeAll(async () => {
    hub = await start();
    token = await hub.user("ana");
    ana = new XetClient(hub.url, token);
  });
  afterAll(() => hub.stop());
  beforeEach(async () => {
    await collect();
    await collect();
  });

  it("is what the last repository left that had a file", async () => {
    const file = fileOf("shared by two");
    const before = await counts();
    const [first, second] = [await repoWith(file), await repoWith(file)];
    expect(await collect()).toEqual(nothing);
    await remove(first);
    expect(await collect()).toEqual(nothing);
    expect(await read(second)).toEqual(bytesOf(file));
    await remove(second);
    expect(await collect()).toEqual({ xetFile: 1, xorb: 1, blob: 0 });
    expect(await counts()).toEqual(before);
    const [term] = file.terms;
    expect(
      (
        await new Cas(await ana.token("write", `ana/${await repoWith(fileOf("any"))}`)).call(
          "HEAD",
          `/v1/xorbs/default/${term?.xorb.hash}`,
        )
      ).status,
    ).toBe(404);
  });

  it("stays for four weeks", async () => {
    const name = await repoWith(fileOf("forgotten"));
    await remove(name);
    expect(await collectGarbage(hub.deps)).toEqual(nothing);
    expect((await hub.deps.db.select().from(garbage)).map(({ kind }) => kind)).toContain("xetFile");
    const almost = new Date(Date.now() - 27 * 24 * 3600 * 1000);
    await hub.deps.db.update(garbage).set({ since: almost });
    expect(await collectGarbage(hub.deps)).toEqual(nothing);
    await hub.deps.db.update(garbage).set({ since: new Date(almost.getTime() - 2 * 24 * 3600 * 1000) });
    expect(await collectGarbage(hub.deps)).toMatchObject({ xetFile: 1 });
  });

  it("that is uploaded again is none, and waits anew", async () => {
    const file = fileOf("again");
    await remove(await repoWith(file));
    await collectGarbage(hub.deps);
    const marks = async () => (await hub.deps.db.select().from(garbage)).filter(({ id }) => id === hashOf(file));
    expect(await marks()).toHaveLength(1);
    const name = await repoWith(file);
    expect(await marks()).toEqual([]);
    expect(await collect()).toEqual(nothing);
    expect(await read(name)).toEqual(bytesOf(file));
  });

  it("is no xorb that a client was told of or has just sent", async () => {
    const file = fileOf("told");
    const xorb = file.terms[0]?.xorb ?? makeXorb([]);
    const name = await repoWith(fileOf("another"));
    const cas = new Cas(await ana.token("write", `ana/${name}`));
    await cas.putXorb(xorb.hash, xorb.bytes);
    await collectGarbage(hub.deps);
    const marks = () => hub.deps.db.select().from(garbage).where(eq(garbage.id, xorb.hash));
    expect(await marks()).toHaveLength(1);
    expect(await (await cas.putXorb(xorb.hash, xorb.bytes)).json()).toEqual({ was_inserted: false });
    expect(await marks()).toEqual([]);
    expect(await collectGarbage(hub.deps)).toEqual(nothing);
    expect((await cas.putShard(makeShard([file]))).status).toBe(200);
    expect(await marks()).toEqual([]);
    expect(await collect()).toEqual(nothing);
  });

  it("is never what an upload has in hand", async () => {
    const file = fileOf("in hand");
    const name = await repoWith(fileOf("in hand, too"));
    const xorb = file.terms[0]?.xorb ?? makeXorb([]);
    const cas = new Cas(await ana.token("write", `ana/${name}`));
    for (let round = 0; round < 8; round++) {
      await cas.putXorb(xorb.hash, xorb.bytes);
      const [registered] = await Promise.all([cas.putShard(makeShard([file])), collect()]);
      // Either it was there in time, or the client is told to send it again; never a file without its bytes.
      if (registered.status !== 200) {
        expect(registered.status).toBe(400);
        continue;
      }
      expect((await ana.commit(`ana/${name}`, "model.bin", file)).status).toBe(200);
      expect(await read(name)).toEqual(bytesOf(file));
      break;
    }
  });

  it("that comes again while it is swept away is not taken for kept", async () => {
    const { db, blobs } = hub.deps;
    const bytes = noise("swept", 100_000);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const path = join(hub.folder, "blobs", sha256.slice(0, 2), sha256.slice(2, 4), sha256);
    await addBlob(blobs, Readable.from([bytes]));
    await rm(path);
    await db.insert(garbage).values({ kind: "blob", id: sha256 });
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    async function* later() {
      await begun;
      yield bytes;
    }
    const coming = expect(addBlob(blobs, later())).rejects.toMatchObject({ status: 503, code: "BLOB_LOST" });
    await db.transaction(async (tx) => {
      // As the collector does: it holds the row, and the bytes go before it ends.
      await tx.delete(garbage).where(eq(garbage.id, sha256));
      begin();
      await expect.poll(() => existsSync(path)).toBe(true);
      await rm(path);
    });
    await coming;
    await addBlob(blobs, Readable.from([bytes]));
    expect(existsSync(path)).toBe(true);
  });

  it("are blobs that LFS brought, too, and never those of a small file or of another repository", async () => {
    const lfs = caller(hub.url, token);
    const content = noise("by lfs", 200_000).toString("hex");
    for (const name of ["lfs1", "lfs2"]) {
      await ana.createRepo(name);
      const line = await lfs.lfs(`/api/models/ana/${name}`, content);
      await lfs.commit(`/api/models/ana/${name}`, "main", [line("model.bin")]);
    }
    await remove("lfs1");
    expect(await collect()).toEqual(nothing);
    expect((await read("lfs2")).toString()).toBe(content);
    await remove("lfs2");
    expect(await collect()).toEqual({ ...nothing, blob: 1 });
  });

  it("is no file of chunks that a small file is read from", async () => {
    const data = pieces(noise("as text", 100_000), 50_000);
    const file = { terms: [{ xorb: makeXorb(data), start: 0, end: 2 }] };
    const large = await repoWith(file);
    await ana.createRepo("plain");
    const line = {
      key: "file",
      value: { path: "model.txt", content: bytesOf(file).toString("base64"), encoding: "base64" },
    };
    await caller(hub.url, token).commit("/api/models/ana/plain", "main", [line]);
    await remove(large);
    expect(await collect()).toEqual(nothing);
    const response = await ana.call("GET", "/ana/plain/resolve/main/model.txt");
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytesOf(file));
  });

  it("goes while nobody looks", async () => {
    await remove(await repoWith(fileOf("queued")));
    await hub.deps.db.transaction((tx) => hub.deps.queue.send(tx, "collect", {}, "now"));
    await expect
      .poll(async () => (await hub.deps.db.select().from(garbage)).length, { interval: 200 })
      .toBeGreaterThan(0);
  });

  it("that was permanently deleted here is read there", async () => {
    const file = fileOf("here and there");
    const [here, there] = [await repoWith(file), await repoWith(file)];
    const body = { deletions: { sha: [sha256Of(file)], rewriteHistory: true } };
    expect((await ana.call("POST", `/api/models/ana/${here}/lfs-files/batch`, body)).ok).toBe(true);
    await collect();
    expect(await read(there)).toEqual(bytesOf(file));
    const reading = new Cas(await ana.token("read", `ana/${here}`));
    expect((await reading.plan(hashOf(file))).status).toBe(404);
    expect((await new Cas(await ana.token("read", `ana/${there}`)).plan(hashOf(file))).status).toBe(200);
  });
});
