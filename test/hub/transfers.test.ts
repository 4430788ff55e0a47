// Pushes and pulls that are killed in the middle and go on, and how many bytes that costs. A proxy before a real hub counts them.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createRepo, listFiles, parseRepoId, planUpload, snapshotDownload, uploadFolder } from "../../src/hub/index.ts";
import { runCli, startCli } from "../support/cli.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { HubProxy } from "./proxy.ts";

const MB = 1_000_000;
let home: string;
let hub: TestHub;
let proxy: HubProxy;
let access: { endpoint: string; token: string };
let env: Record<string, string>;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-transfers-"));
  hub = await testHub();
  proxy = await HubProxy.before(hub.url);
  access = { endpoint: proxy.url, token: await hub.user("ana") };
  env = { ABRAZO_ENDPOINT: proxy.url, ABRAZO_TOKEN: access.token, XDG_CACHE_HOME: join(home, "xdg") };
  vi.stubEnv("XDG_CACHE_HOME", env["XDG_CACHE_HOME"]);
});
beforeEach(() => {
  proxy.passed.length = 0;
  proxy.rules = {};
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await proxy.close();
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

const folderWith = async (name: string, files: Record<string, Buffer | string>): Promise<string> => {
  const folder = join(home, name);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
};
const XORBS = /\/v1\/xorbs\//;

describe("a push", () => {
  it("that is killed goes on with the pieces that are missing", { timeout: 180_000 }, async () => {
    const folder = await folderWith("killed", { "w.bin": randomBytes(80 * MB) });
    const args = ["push", folder, "ana/killed", "--no-card"];
    const first = startCli(args, { home, env });
    const uploads = join(home, "xdg", "abrazo", "uploads");
    const notes = async () => {
      const [name] = await readdir(uploads).catch(() => []);
      return name === undefined ? "" : readFile(join(uploads, name), "utf8");
    };
    await expect.poll(notes, { timeout: 120_000, interval: 20 }).toContain("\n");
    first.kill("SIGKILL");
    await once(first, "close");
    // What arrived as it was killed may be sent again; what was noted may not.
    const noted = await notes();
    const before = proxy.passed
      .filter(({ path, status }) => XORBS.test(path) && status === 200)
      .map(({ path }) => path)
      .filter((path) => noted.includes(path.slice(path.lastIndexOf("/") + 1)));
    proxy.passed.length = 0;
    proxy.rules = {};
    const again = await runCli([...args, "--json"], { home, env });
    expect(again.stderr).toContain("Sent ");
    expect(JSON.parse(again.stdout)).toMatchObject({ files: 1, bytes: 80 * MB });
    const after = proxy.passed.filter(({ path }) => XORBS.test(path)).map(({ path }) => path);
    expect(before.length).toBeGreaterThan(0);
    expect(after.filter((path) => before.includes(path))).toEqual([]);
    // The file is two pieces, of which the smaller has 13 MB at least.
    expect(proxy.total(XORBS, "sent")).toBeLessThan(70 * MB);
    // What was noted of it is gone with its end.
    expect(await readdir(uploads)).toEqual([]);
    const [, file] = await listFiles(access, parseRepoId("ana/killed"), "main");
    expect(file).toMatchObject({ path: "w.bin", size: 80 * MB });
  });

  it("of a fine-tune sends what changed, and nothing for what did not", async () => {
    const id = parseRepoId("ana/tuned");
    const weights = randomBytes(24 * MB);
    const folder = await folderWith("tuned", { "w.bin": weights, "config.json": "{}" });
    await createRepo(access, id);
    const first = await uploadFolder(access, id, folder, { message: "Base" });
    expect(first).toMatchObject({ files: 2, unchanged: 0, bytes: 24 * MB + 2 });
    randomBytes(1.2 * MB).copy(weights, 10 * MB);
    await writeFile(join(folder, "w.bin"), weights);
    proxy.passed.length = 0;
    const next = await uploadFolder(access, id, folder, { message: "Tuned" });
    expect(next).toMatchObject({ files: 2, unchanged: 1, bytes: 24 * MB });
    expect(next.sent).toBeLessThan(2.4 * MB);
    expect(proxy.total(XORBS, "sent")).toBe(next.sent);
    const { folder: there } = await snapshotDownload(access, id, { cacheDir: join(home, "tuned-cache") });
    expect((await readFile(join(there, "w.bin"))).equals(weights)).toBe(true);
  });

  it("believes a note of what was sent no longer than the hub does", async () => {
    const id = parseRepoId("ana/forgotten");
    const folder = await folderWith("forgotten", { "w.bin": randomBytes(12 * MB) });
    await createRepo(access, id);
    // The hub takes a piece, says so, and has lost it when the file is named.
    proxy.rules.instead = ({ url = "", method }, response) => {
      if (method !== "POST" || !XORBS.test(url)) return false;
      response.end('{"was_inserted":true}');
      return true;
    };
    await expect(uploadFolder(access, id, folder, { message: "Lost" })).rejects.toMatchObject({
      data: { status: expect.any(Number) },
    });
    proxy.rules = {};
    const done = await uploadFolder(access, id, folder, { message: "Again" });
    expect(done.sent).toBeGreaterThan(11 * MB);
  });

  it("goes by LFS where Xet is off, and a limit is waited for", async () => {
    const id = parseRepoId("ana/lfs");
    const folder = await folderWith("lfs", { "w.bin": randomBytes(11 * MB) });
    await createRepo(access, id);
    let refused = 0;
    proxy.rules.instead = ({ url = "" }, response) => {
      if (!url.includes("/preupload/") || refused++ > 0) return false;
      response.writeHead(429, { "Retry-After": "1" }).end();
      return true;
    };
    vi.stubEnv("HF_HUB_DISABLE_XET", "1");
    const done = await uploadFolder(access, id, folder, { message: "LFS" });
    vi.stubEnv("HF_HUB_DISABLE_XET", "");
    expect(done.sent).toBe(11 * MB);
    expect(proxy.passed.filter(({ path }) => path.includes("/preupload/")).map(({ status }) => status)).toEqual([
      0, 200,
    ]);
    expect(proxy.total(XORBS, "sent")).toBe(0);
  });

  it("tells that the answer to its commit was cut off", async () => {
    const id = parseRepoId("ana/cut");
    const folder = await folderWith("cut", { "a.txt": "a" });
    await createRepo(access, id);
    proxy.rules.instead = (request, response) => {
      if (request.url?.includes("/commit/") !== true) return false;
      request.resume().once("end", () => {
        response.writeHead(200, { "Content-Length": "100" });
        response.write('{"commitOid":', () => response.destroy());
      });
      return true;
    };
    const cut = uploadFolder(access, id, folder, { message: "Cut" });
    await expect(cut).rejects.toMatchObject({ code: "HUB_UNREACHABLE" });
    proxy.rules = {};
  });

  it("takes what patterns let through, deletes what they name, and says so before", async () => {
    const id = parseRepoId("ana/patterns");
    const folder = await folderWith("patterns", { "a.json": "{}", "b.txt": "b", "sub/c.json": "[]", "old.bin": "old" });
    await createRepo(access, id);
    await uploadFolder(access, id, folder, { message: "All" });
    await rm(join(folder, "old.bin"));
    await writeFile(join(folder, "a.json"), '{"a":1}');
    const options = { message: "Some", include: ["*.json"], exclude: ["sub/"], delete: ["*.bin", "a.json"] };
    const plan = await planUpload(access, id, folder, options);
    expect(plan.upload.map(({ path }) => path)).toEqual(["a.json"]);
    expect(plan.deleted).toEqual(["old.bin"]);
    expect(await uploadFolder(access, id, folder, options)).toMatchObject({ files: 1, deleted: 1, unchanged: 0 });
    const names = async () => (await listFiles(access, id, "main")).map(({ path }) => path);
    expect(await names()).toEqual([".gitattributes", "a.json", "b.txt", "sub/c.json"]);
    await uploadFolder(access, id, join(folder, "b.txt"), { message: "One", pathInRepo: "deep/er.txt" });
    await uploadFolder(access, id, folder, { message: "Below", pathInRepo: "below/", include: ["b.txt"] });
    expect(await names()).toEqual(expect.arrayContaining(["deep/er.txt", "below/b.txt"]));
    const inside = { message: "There", include: ["a.json"], delete: ["*.txt"] };
    for (const pathInRepo of ["below", "./below/", "/below//"])
      expect(await planUpload(access, id, folder, { ...inside, pathInRepo })).toMatchObject({
        upload: [{ path: "below/a.json" }],
        deleted: ["below/b.txt"],
      });
    const outside = uploadFolder(access, id, join(folder, "b.txt"), { message: "No", pathInRepo: "../up.txt" });
    await expect(outside).rejects.toMatchObject({ code: "UNSAFE_PATH" });
    const none = uploadFolder(access, id, folder, { message: "No", include: ["*.nothing"] });
    await expect(none).rejects.toMatchObject({ code: "NOTHING_TO_COMMIT" });
  });
});

describe("a pull", () => {
  const id = parseRepoId("ana/pulled");
  const content = randomBytes(40 * MB);
  beforeAll(async () => {
    const folder = await folderWith("pulled", { "w.bin": content, "config.json": "{}" });
    await createRepo(access, id);
    await uploadFolder(access, id, folder, { message: "Weights" });
  });

  it.each([
    ["by Range", { HF_HUB_DISABLE_XET: "1" }, /\/resolve\/.*w\.bin/],
    ["by chunks", {}, /^\/cas\/data\//],
  ])("that is killed goes on %s", async (name, more: Record<string, string>, way) => {
    const cache = join(home, `cache ${name}`);
    const args = ["pull", "ana/pulled"];
    const all = { home, env: { ...env, ...more, HF_HUB_CACHE: cache } };
    const first = startCli(args, all);
    const half = new Promise<void>((resolve) => {
      proxy.rules.passing = ({ url = "" }, bytes) => {
        if (!way.test(url) || bytes < 16 * MB) return true;
        setTimeout(resolve, 1000);
        return false;
      };
    });
    await half;
    first.kill("SIGKILL");
    await once(first, "close");
    const blobs = join(cache, "models--ana--pulled", "blobs");
    const part = (await readdir(blobs)).find((each) => each.endsWith(".incomplete")) ?? "none";
    const held = (await stat(join(blobs, part))).size;
    expect(held).toBeGreaterThan(8 * MB);
    proxy.passed.length = 0;
    proxy.rules = {};
    const again = await runCli([...args, "--json"], all);
    expect(again.status, again.stderr).toBe(0);
    const { folder } = JSON.parse(again.stdout);
    expect((await readFile(join(folder, "w.bin"))).equals(content)).toBe(true);
    // Chunks are whole: of the one that was cut off all is fetched again, with what is packed beside it.
    expect(proxy.total(way, "received")).toBeLessThanOrEqual(40 * MB - held + (name === "by Range" ? 0 : 8 * MB));
    expect((await readdir(blobs)).filter((each) => each.endsWith(".incomplete"))).toEqual([]);
  });

  it("takes plain HTTP where the chunks cannot be had", async () => {
    proxy.rules.instead = ({ url = "" }, response) => {
      if (!url.startsWith("/cas/")) return false;
      response.writeHead(403).end();
      return true;
    };
    const { folder } = await snapshotDownload(access, id, { cacheDir: join(home, "plain"), include: ["*.bin"] });
    expect((await readFile(join(folder, "w.bin"))).equals(content)).toBe(true);
    expect(await readdir(folder)).toEqual(["w.bin"]);
    expect(proxy.total(/\/resolve\/.*w\.bin/, "received")).toBeGreaterThanOrEqual(40 * MB);
  });
});
