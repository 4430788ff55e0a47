// The client's cache against a real hub, and against a server that misbehaves.
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRepo, parseRepoId, snapshotDownload, uploadFolder, whoAmI } from "../../src/hub/index.ts";
import { type TestHub, testHub } from "../support/hub.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-client-"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

describe("a repository through the cache", () => {
  let hub: TestHub;
  let access: { endpoint: string; token: string };
  const id = parseRepoId("ana/cached");
  const large = randomBytes(11 * 1024 * 1024);
  const options = () => ({ cacheDir: join(home, "cache") });

  beforeAll(async () => {
    hub = await testHub();
    access = { endpoint: hub.url, token: await hub.user("ana") };
    const folder = join(home, "folder");
    await mkdir(join(folder, "sub"), { recursive: true });
    await writeFile(join(folder, "config.json"), "{}");
    await writeFile(join(folder, "sub", "weights.bin"), large);
    await createRepo(access, id, { isPrivate: true });
    await uploadFolder(access, id, folder, { message: "Upload" });
  });
  afterAll(() => hub.stop());

  it("brings a private repository with the token, byte for byte", async () => {
    expect((await whoAmI(access)).name).toBe("ana");
    const found = await snapshotDownload(access, id, options());
    expect(found.source).toBe("hub");
    expect((await readFile(join(found.folder, "sub", "weights.bin"))).equals(large)).toBe(true);
    await expect(
      snapshotDownload({ ...access, token: undefined }, id, { cacheDir: join(home, "other") }),
    ).rejects.toMatchObject({ code: "HUB_REPO_NOT_FOUND" });
  });

  it("leaves no folder behind for a name that is not there", async () => {
    const cacheDir = join(home, "empty-cache");
    await expect(snapshotDownload(access, parseRepoId("ana/nothing"), { cacheDir })).rejects.toMatchObject({
      code: "HUB_REPO_NOT_FOUND",
    });
    await expect(readdir(cacheDir)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("has Hugging Face's layout", async () => {
    const root = join(home, "cache", "models--ana--cached");
    const commit = await readFile(join(root, "refs", "main"), "utf8");
    expect(await readdir(join(root, "snapshots"))).toEqual([commit]);
    expect(await readdir(join(root, "blobs"))).toContain(createHash("sha256").update(large).digest("hex"));
  });

  it("asks nobody with localFilesOnly, and says what is not cached", async () => {
    const found = await snapshotDownload({ endpoint: hub.url, token: undefined }, id, {
      ...options(),
      localFilesOnly: true,
    });
    expect(found.source).toBe("cache");
    await expect(
      snapshotDownload(access, id, { ...options(), localFilesOnly: true, revision: "v9" }),
    ).rejects.toMatchObject({
      code: "NOT_CACHED",
    });
  });

  it("takes another hub's repository of the same name for another one", async () => {
    const other = await testHub();
    try {
      const token = await other.user("ana");
      await createRepo({ endpoint: other.url, token }, id);
      const found = await snapshotDownload({ endpoint: other.url, token }, id, options());
      expect(await readdir(found.folder)).toEqual([".gitattributes"]);
    } finally {
      await other.stop();
    }
  });
});

describe("a server that misbehaves", () => {
  const commit = "a".repeat(40);
  const content = Buffer.from("the right content");
  const sha256 = createHash("sha256").update(content).digest("hex");
  let mode: "right" | "wrong" | "cut" | "resume" = "right";
  let ranges: (string | undefined)[] = [];
  let server: Server;
  let endpoint: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url?.includes("/revision/")) response.end(JSON.stringify({ id: "x/y", sha: commit }));
      else if (request.url?.includes("/tree/")) {
        response.end(
          JSON.stringify([
            {
              type: "file",
              path: "w.bin",
              oid: "b".repeat(40),
              size: content.length,
              lfs: { oid: sha256, size: content.length },
            },
          ]),
        );
      } else {
        ranges.push(request.headers.range);
        const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
        if (start > 0) response.statusCode = 206;
        const body = mode === "wrong" ? Buffer.from("the wrong content") : content.subarray(start);
        response.setHeader("content-length", body.length);
        if (mode === "cut") {
          response.write(body.subarray(0, 5));
          setTimeout(() => response.destroy(), 20);
        } else response.end(body);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  });
  afterAll(() => server.close());

  const fetchIt = (cache: string) =>
    snapshotDownload({ endpoint, token: undefined }, parseRepoId("x/y"), { cacheDir: join(home, cache) });

  it("throws away what has the wrong hash", async () => {
    mode = "wrong";
    await expect(fetchIt("wrong")).rejects.toMatchObject({ code: "DOWNLOAD_DAMAGED" });
    expect(await readdir(join(home, "wrong", "models--x--y", "blobs"))).toEqual([]);
  });

  it("goes on where a cut-off download stopped", async () => {
    mode = "cut";
    await expect(fetchIt("cut")).rejects.toMatchObject({ code: "DOWNLOAD_CUT_OFF" });
    const [part = ""] = await readdir(join(home, "cut", "models--x--y", "blobs"));
    const { size } = await stat(join(home, "cut", "models--x--y", "blobs", part));
    mode = "resume";
    ranges = [];
    const found = await fetchIt("cut");
    expect(ranges).toEqual([size > 0 ? `bytes=${size}-` : undefined]);
    expect(await readFile(join(found.folder, "w.bin"))).toEqual(content);
  });

  it("says so when nobody answers", async () => {
    const nobody = snapshotDownload({ endpoint: "http://127.0.0.1:1", token: undefined }, parseRepoId("x/y"), {
      cacheDir: join(home, "none"),
    });
    await expect(nobody).rejects.toMatchObject({ code: "HUB_UNREACHABLE" });
  });
});
