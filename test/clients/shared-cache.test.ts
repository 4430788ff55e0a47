// One cache for Python's client and for ours: what one has fetched, the other has without a hub, with links and without.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import {
  createRepo,
  downloadFile,
  parseRepoId,
  pruneCache,
  removeFromCache,
  scanCacheDir,
  snapshotDownload,
  uploadFolder,
  verifyCache,
} from "../../src/hub/index.ts";
import { HubProxy } from "../hub/proxy.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { describeVersions } from "./conformance/harness.ts";
import type { ClientHome } from "./python.ts";

const SETUP = `
  import os
  from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache
  from huggingface_hub.file_download import _CACHED_NO_EXIST
`;

describeVersions("the cache", ({ make }) => {
  let hub: TestHub;
  let proxy: HubProxy;
  let home: ClientHome;
  let access: { endpoint: string; token: string };
  const id = parseRepoId("ana/both");
  const content = Buffer.alloc(12_000_000, "weights and more ");
  const cache = (name: string) => join(home.folder, name);
  const python = (name: string, env: NodeJS.ProcessEnv = {}) => {
    const made = home.python({ HF_HUB_CACHE: cache(name), ...env });
    return made.run(SETUP).then(() => made);
  };
  const offline = { HF_HUB_OFFLINE: "1" };
  const fetched = () => proxy.passed.filter(({ path }) => /\/resolve\/|^\/cas\/data/.test(path)).length;

  beforeAll(async () => {
    hub = await testHub();
    proxy = await HubProxy.before(hub.url);
    access = { endpoint: proxy.url, token: await hub.user("ana") };
    home = await make(proxy.url, access.token);
    vi.stubEnv("XDG_CACHE_HOME", join(home.folder, "xdg"));
    const folder = join(home.folder, "folder");
    await mkdir(join(folder, "sub"), { recursive: true });
    await writeFile(join(folder, "w.bin"), content);
    await writeFile(join(folder, "sub", "config.json"), "{}");
    await createRepo(access, id);
    await uploadFolder(access, id, folder, { message: "Both" });
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await home?.remove();
    await proxy?.close();
    await hub?.stop();
  });

  it("that we filled is Python's without a network, in the same places", async () => {
    const cacheDir = cache("ours");
    const { folder, commit } = await snapshotDownload(access, id, { cacheDir });
    await expect(downloadFile(access, id, "nothing.json", { cacheDir })).rejects.toMatchObject({
      code: "HUB_ENTRY_NOT_FOUND",
    });
    const py = await python("ours", offline);
    const found = await py.run<Record<string, unknown>>(
      `
      info = scan_cache_dir()
      result = {
          "files": [hf_hub_download("ana/both", name) for name in ["w.bin", "sub/config.json"]],
          "by_commit": hf_hub_download("ana/both", "w.bin", revision=commit),
          "folder": snapshot_download("ana/both"),
          "absent": try_to_load_from_cache("ana/both", "nothing.json") is _CACHED_NO_EXIST,
          "repos": [[repo.repo_id, repo.size_on_disk > 12_000_000, [r.commit_hash for r in repo.revisions]] for repo in info.repos],
          "warnings": [str(warning) for warning in info.warnings],
      }
    `,
      { commit },
    );
    expect(found).toEqual({
      files: [join(folder, "w.bin"), join(folder, "sub", "config.json")],
      by_commit: join(folder, "w.bin"),
      folder,
      absent: true,
      repos: [["ana/both", true, [commit]]],
      warnings: [],
    });
  });

  it("that Python filled is ours without a network, and nothing is fetched again with one", async () => {
    const py = await python("theirs");
    const folder = await py.run<string>('result = snapshot_download("ana/both")');
    proxy.passed.length = 0;
    const cacheDir = cache("theirs");
    const found = await snapshotDownload(access, id, { cacheDir, localFilesOnly: true });
    expect(found).toMatchObject({ folder, source: "cache" });
    expect(await downloadFile(access, id, "sub/config.json", { cacheDir, localFilesOnly: true })).toBe(
      join(folder, "sub", "config.json"),
    );
    expect(proxy.passed).toEqual([]);
    vi.stubEnv("HF_ENDPOINT", proxy.url);
    expect((await snapshotDownload(access, id, { cacheDir })).folder).toBe(folder);
    vi.stubEnv("HF_ENDPOINT", "");
    expect(fetched()).toBe(0);
    expect((await readFile(join(folder, "w.bin"))).equals(content)).toBe(true);
    const [repo, ...others] = await scanCacheDir(cacheDir);
    expect([repo?.id, others]).toEqual(["ana/both", []]);
    expect(await verifyCache(await scanCacheDir(cacheDir))).toMatchObject({ problems: [], unknown: 0 });
    expect(await pruneCache(await scanCacheDir(cacheDir), cacheDir)).toMatchObject({ revisions: [], blobs: 0 });
    const again = await python("theirs", offline);
    expect(await again.run('result = snapshot_download("ana/both")')).toBe(folder);
  });

  it("without links is shared, too", async () => {
    const none = { HF_HUB_DISABLE_SYMLINKS: "1" };
    const py = await python("python copies", none);
    const folder = await py.run<string>('result = snapshot_download("ana/both")');
    vi.stubEnv("HF_HUB_DISABLE_SYMLINKS", "1");
    vi.stubEnv("HF_ENDPOINT", proxy.url);
    proxy.passed.length = 0;
    try {
      expect((await snapshotDownload(access, id, { cacheDir: cache("python copies") })).folder).toBe(folder);
      expect(fetched()).toBe(0);
      const ours = await snapshotDownload(access, id, { cacheDir: cache("our copies") });
      const reader = await python("our copies", { ...none, ...offline });
      expect(
        await reader.run('result = [snapshot_download("ana/both"), hf_hub_download("ana/both", "w.bin")]'),
      ).toEqual([ours.folder, join(ours.folder, "w.bin")]);
    } finally {
      vi.stubEnv("HF_HUB_DISABLE_SYMLINKS", "");
      vi.stubEnv("HF_ENDPOINT", "");
    }
  });

  it("that Python filled is emptied by us, with what its repositories share", async () => {
    await createRepo(access, parseRepoId("ana/twin"));
    await uploadFolder(access, parseRepoId("ana/twin"), join(home.folder, "folder"), { message: "Twin" });
    const py = await python("emptied");
    await py.run('result = [snapshot_download("ana/both"), snapshot_download("ana/twin")]');
    const cacheDir = cache("emptied");
    const repos = await scanCacheDir(cacheDir);
    expect(repos.map((repo) => repo.id).sort()).toEqual(["ana/both", "ana/twin"]);
    const [first, second] = repos;
    if (first !== undefined) await removeFromCache(first, cacheDir);
    const left = await python("emptied", offline);
    const [name] = (second?.id ?? "").split("/").slice(1);
    const code = `result = os.path.getsize(hf_hub_download("ana/${name}", "w.bin"))`;
    expect(await left.run(code)).toBe(content.length);
    if (second !== undefined) await removeFromCache(second, cacheDir);
    const files = (await readdir(cacheDir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    // Its own marks and locks stay.
    const paths = files.map((entry) => relative(cacheDir, join(entry.parentPath, entry.name)));
    expect(paths.filter((path) => !/\.lock$|\.huggingface-shared-blobs$|CACHEDIR\.TAG$/.test(path))).toEqual([]);
  });
});
