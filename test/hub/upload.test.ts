// Folders to a real hub: what is sent, to which branch, and what is told meanwhile.
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  commitOf,
  createRepo,
  deleteRepo,
  listFiles,
  parseRepoId,
  snapshotDownload,
  uploadFolder,
} from "../../src/hub/index.ts";
import { onProgress, type ProgressEvent } from "../../src/log.ts";
import { type TestHub, testHub } from "../support/hub.ts";

let home: string;
let hub: TestHub;
let access: { endpoint: string; token: string };
let folder: string;
const id = parseRepoId("ana/folder");

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-upload-"));
  hub = await testHub();
  access = { endpoint: hub.url, token: await hub.user("ana") };
  await createRepo(access, id);
});
beforeEach(async () => {
  folder = await mkdtemp(join(home, "folder-"));
  await writeFile(join(folder, "config.json"), "{}");
});
afterAll(async () => {
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

const names = async (revision = "main") => (await listFiles(access, id, revision)).map(({ path }) => path);
/** What is told while something runs. */
async function told(run: () => Promise<unknown>): Promise<ProgressEvent[]> {
  const events: ProgressEvent[] = [];
  const stop = onProgress((event) => events.push(event));
  await run().finally(stop);
  return events;
}

describe("uploadFolder", () => {
  it("tells bytes as they go, as one task; so does a download", async () => {
    const sizes = [12_000_000, 11_000_000];
    for (const [at, size] of sizes.entries()) await writeFile(join(folder, `w${at}.bin`), randomBytes(size));
    const total = 23_000_002;
    const up = await told(() => uploadFolder(access, id, folder, { message: "Weights" }));
    const down = await told(() => snapshotDownload(access, id, { cacheDir: join(home, "cache") }));
    for (const [events, task] of [
      [up, "upload ana/folder"],
      [down, "download ana/folder"],
    ] as const) {
      expect(new Set(events.map((event) => event.task))).toEqual(new Set([task]));
      const loaded = events.map((event) => event.loaded);
      expect(loaded[0]).toBe(0);
      expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
      expect(new Set(loaded).size).toBeGreaterThan(20);
      expect(events.at(-1)).toMatchObject({ unit: "bytes", done: true, loaded: events.at(-1)?.total });
      expect(events.filter(({ done }) => done === true)).toHaveLength(1);
    }
    expect(up.at(-1)?.total).toBe(total);
    const head = await commitOf(access, id, "main");
    const again = await uploadFolder(access, id, folder, { message: "Again" });
    expect(again).toMatchObject({ commit: head, files: 3, unchanged: 3, bytes: 0, sent: 0 });
  });

  it("makes a branch that is not there, from main, and leaves main alone", async () => {
    const main = await uploadFolder(access, id, folder, { message: "Main" });
    await writeFile(join(folder, "only-here.json"), "[]");
    const dev = await uploadFolder(access, id, folder, { message: "Branch", revision: "feature/dev" });
    await writeFile(join(folder, "later.json"), "[]");
    await uploadFolder(access, id, folder, { message: "Branch again", revision: "feature/dev" });
    expect(await commitOf(access, id, "main")).toBe(main.commit);
    expect(dev.commit).not.toBe(main.commit);
    expect(await names()).not.toContain("only-here.json");
    expect(await names("feature/dev")).toEqual(expect.arrayContaining(["config.json", "only-here.json", "later.json"]));
  });

  it("follows links to files, as those of a cache, and leaves git and caches out", async () => {
    await writeFile(join(home, "blob"), "linked");
    await symlink("../blob", join(folder, "linked.txt"));
    for (const hidden of [".git", ".cache", "node_modules"]) {
      await mkdir(join(folder, hidden));
      await writeFile(join(folder, hidden, "no.txt"), "no");
    }
    await uploadFolder(access, id, folder, { message: "Links" });
    const entry = (await listFiles(access, id, "main")).find(({ path }) => path === "linked.txt");
    expect(entry?.size).toBe("linked".length);
    expect((await names()).filter((path) => path.endsWith("no.txt"))).toEqual([]);
  });

  it("says what is wrong with the token before it sends anything", async () => {
    const upload = (token: string | undefined) =>
      uploadFolder({ ...access, token: token as string }, id, folder, { message: "" });
    await expect(createRepo({ ...access, token: "nonsense-secret" }, id)).rejects.toMatchObject({
      code: "INVALID_TOKEN",
      message: expect.not.stringContaining("secret"),
      hint: expect.stringContaining(`--endpoint ${hub.url}`),
    });
    await expect(upload("nonsense")).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    await expect(createRepo({ endpoint: hub.url, token: undefined }, id)).rejects.toMatchObject({
      code: "NOT_LOGGED_IN",
    });
  });

  it("gives the hub's own words and code for what it refuses", async () => {
    const stranger = { endpoint: hub.url, token: await hub.user("bob") };
    await expect(createRepo(stranger, parseRepoId("ana/theirs"))).rejects.toMatchObject({
      code: "HUB_FORBIDDEN",
      message: `${hub.url} answered 403: bob may not create repositories under "ana".`,
    });
    await expect(deleteRepo(stranger, id)).rejects.toMatchObject({ data: { status: 403 } });
    await expect(deleteRepo(access, parseRepoId("ana/nothing"))).rejects.toMatchObject({ code: "HUB_REPO_NOT_FOUND" });
    expect(await createRepo(access, id)).toBe(false);
  });
});
