// The cache put in order: sizes, contents hashed again, what nobody names given up, and places without links.
import { lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { findInCache } from "../../src/hub/cache-care.ts";
import {
  createRepo,
  createTag,
  downloadFile,
  parseRepoId,
  pruneCache,
  removeFromCache,
  scanCacheDir,
  snapshotDownload,
  uploadFolder,
  verifyCache,
} from "../../src/hub/index.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { HubProxy } from "./proxy.ts";

let home: string;
let hub: TestHub;
let proxy: HubProxy;
let access: { endpoint: string; token: string };
let cacheDir: string;
const id = parseRepoId("ana/kept");
let commits: [string, string];
const large = Buffer.alloc(11_000_000, "weights ");

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-cache-"));
  vi.stubEnv("XDG_CACHE_HOME", join(home, "xdg"));
  hub = await testHub();
  proxy = await HubProxy.before(hub.url);
  access = { endpoint: proxy.url, token: await hub.user("ana") };
  const folder = join(home, "folder");
  await mkdir(join(folder, "sub"), { recursive: true });
  await writeFile(join(folder, "w.bin"), large);
  await writeFile(join(folder, "sub", "config.json"), "{}");
  await createRepo(access, id);
  const first = await uploadFolder(access, id, folder, { message: "First" });
  await createTag(access, id, "v1");
  await writeFile(join(folder, "sub", "config.json"), '{"b":2}');
  const second = await uploadFolder(access, id, folder, { message: "Second" });
  commits = [first.commit, second.commit];
});
beforeEach(async () => {
  cacheDir = await mkdtemp(join(home, "cache-"));
  proxy.passed.length = 0;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await proxy.close();
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

const root = () => join(cacheDir, "models--ana--kept");
const blobs = () => readdir(join(root(), "blobs"));
/** As if all of it had been there for days. */
async function age(): Promise<void> {
  const past = new Date(Date.now() - 48 * 3_600_000);
  for (const name of await blobs()) await utimes(join(root(), "blobs", name), past, past);
}

it("is a folder, and empty where there is none", async () => {
  const file = join(cacheDir, "file");
  await writeFile(file, "");
  await expect(scanCacheDir(file)).rejects.toMatchObject({ code: "NOT_A_FOLDER" });
  expect(await scanCacheDir(join(cacheDir, "nothing"))).toEqual([]);
});

it("is told by repository, commit and size, each content once", async () => {
  await snapshotDownload(access, id, { cacheDir, revision: "v1" });
  await snapshotDownload(access, id, { cacheDir });
  await mkdir(join(cacheDir, "version.txt"), { recursive: true });
  const [repo, ...others] = await scanCacheDir(cacheDir);
  expect(others).toEqual([]);
  expect(repo).toMatchObject({ id: "ana/kept", type: "model", endpoint: proxy.url });
  expect(repo?.revisions.map(({ commit, refs }) => [commit, refs]).sort()).toEqual(
    [
      [commits[0], ["v1"]],
      [commits[1], ["main"]],
    ].sort(),
  );
  expect(repo?.size).toBeGreaterThan(11_000_000);
  expect(repo?.size).toBeLessThan(11_010_000);
  expect(await scanCacheDir(join(home, "nowhere"))).toEqual([]);
});

it("is hashed again: what is damaged or gone is told, deleted when asked for, and fetched again", async () => {
  const { folder } = await snapshotDownload(access, id, { cacheDir });
  expect(await verifyCache(await scanCacheDir(cacheDir))).toMatchObject({ checked: 3, problems: [], unknown: 0 });
  const files = await scanCacheDir(cacheDir);
  const config = files[0]?.revisions[0]?.files.find(({ path }) => path === "sub/config.json");
  await writeFile(join(root(), "blobs", config?.blob ?? ""), '{"b":3}');
  await rm(join(folder, "w.bin"));
  await symlink("../../blobs/gone", join(folder, "w.bin"));
  const { problems } = await verifyCache(await scanCacheDir(cacheDir), { repair: true });
  expect(problems.map(({ problem }) => problem)).toEqual([
    expect.stringContaining(`not ${config?.blob}`),
    "its content is gone",
  ]);
  await snapshotDownload(access, id, { cacheDir });
  expect(await readFile(join(folder, "sub", "config.json"), "utf8")).toBe('{"b":2}');
  expect((await readFile(join(folder, "w.bin"))).equals(large)).toBe(true);
  expect((await verifyCache(await scanCacheDir(cacheDir))).problems).toEqual([]);
});

it("gives up commits that no branch or tag names, and keeps contents that others have", async () => {
  await snapshotDownload(access, id, { cacheDir, revision: commits[0] });
  await snapshotDownload(access, id, { cacheDir });
  await writeFile(join(root(), "blobs", `${"a".repeat(64)}.x-1-0.incomplete`), "part");
  const fresh = await pruneCache(await scanCacheDir(cacheDir), cacheDir, { dryRun: true });
  // A download may be going on.
  expect(fresh).toMatchObject({ revisions: [{ repo: "ana/kept", commit: commits[0] }], blobs: 0 });
  await age();
  const would = await pruneCache(await scanCacheDir(cacheDir), cacheDir, { dryRun: true });
  expect(would).toMatchObject({ blobs: 2, bytes: 2 + 4 });
  expect(await readdir(join(root(), "snapshots"))).toHaveLength(2);
  expect(await pruneCache(await scanCacheDir(cacheDir), cacheDir)).toEqual(would);
  expect(await readdir(join(root(), "snapshots"))).toEqual([commits[1]]);
  expect(await blobs()).toHaveLength(3);
  proxy.passed.length = 0;
  await snapshotDownload(access, id, { cacheDir });
  expect(proxy.passed.filter(({ path }) => path.includes("/resolve/"))).toEqual([]);
});

it("gives up one commit or a repository, with what it shares with nobody", async () => {
  await snapshotDownload(access, id, { cacheDir, revision: "v1" });
  await snapshotDownload(access, id, { cacheDir });
  const [repo] = await findInCache(cacheDir, "ana/kept");
  if (repo === undefined) throw new Error("nothing is cached");
  expect(await removeFromCache(repo, cacheDir, { commit: commits[0] })).toBe(2);
  await expect(snapshotDownload(access, id, { cacheDir, revision: "v1", localFilesOnly: true })).rejects.toMatchObject({
    code: "NOT_CACHED",
  });
  expect((await snapshotDownload(access, id, { cacheDir, localFilesOnly: true })).commit).toBe(commits[1]);
  const [left] = await findInCache(cacheDir, "ana/kept");
  if (left === undefined) throw new Error("nothing is cached");
  expect(await removeFromCache(left, cacheDir)).toBeGreaterThan(11_000_000);
  expect(await readdir(cacheDir)).toEqual([]);
});

it("shares contents as Python's client does: one goes with the last that is named", async () => {
  await snapshotDownload(access, id, { cacheDir });
  const name = (await blobs()).find((each) => each.length === 64) ?? "";
  const store = join(cacheDir, "blobs", "ab");
  const shared = join(store, `ab${"0".repeat(62)}`);
  await mkdir(store, { recursive: true });
  await rename(join(root(), "blobs", name), shared);
  await symlink(`../../blobs/ab/ab${"0".repeat(62)}`, join(root(), "blobs", name));
  await writeFile(`${shared}.refs`, `models--ana--kept/blobs/${name}\nmodels--bob--kept/blobs/${name}\n`);
  const [repo] = await scanCacheDir(cacheDir);
  expect(repo?.size).toBeGreaterThan(11_000_000);
  expect((await verifyCache([...(repo === undefined ? [] : [repo])])).problems).toEqual([]);
  await mkdir(join(cacheDir, "models--bob--kept", "blobs"), { recursive: true });
  await symlink(shared, join(cacheDir, "models--bob--kept", "blobs", name));
  if (repo !== undefined) await removeFromCache(repo, cacheDir);
  expect((await lstat(shared)).size).toBe(11_000_000);
  const [bob] = await scanCacheDir(cacheDir);
  if (bob !== undefined) await removeFromCache(bob, cacheDir);
  expect(await readdir(store)).toEqual([]);
});

it("holds the contents in their places where there are no links, and finds them there", async () => {
  vi.stubEnv("HF_HUB_DISABLE_SYMLINKS", "1");
  try {
    const { folder } = await snapshotDownload(access, id, { cacheDir });
    expect((await lstat(join(folder, "w.bin"))).isSymbolicLink()).toBe(false);
    // As Python's client leaves it: what was fetched is moved to its place.
    await rm(join(root(), "blobs"), { recursive: true });
    await rm(join(root(), ".complete"), { recursive: true });
    proxy.passed.length = 0;
    expect((await snapshotDownload(access, id, { cacheDir })).folder).toBe(folder);
    expect(await downloadFile(access, id, "w.bin", { cacheDir })).toBe(join(folder, "w.bin"));
    expect(proxy.passed.filter(({ path }) => path.includes("/resolve/"))).toEqual([]);
    await writeFile(join(folder, "sub", "config.json"), '{"b":3}');
    expect((await verifyCache(await scanCacheDir(cacheDir), { repair: true })).problems).toHaveLength(1);
    await snapshotDownload(access, id, { cacheDir });
    expect(await readFile(join(folder, "sub", "config.json"), "utf8")).toBe('{"b":2}');
    expect(await pruneCache(await scanCacheDir(cacheDir), cacheDir)).toMatchObject({ blobs: 0 });
  } finally {
    vi.stubEnv("HF_HUB_DISABLE_SYMLINKS", "");
  }
});
