// What goes wrong with files while they are pushed and pulled: links to nothing, writers, patterns, interruptions.
import { appendFileSync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { listFiles, parseRepoId } from "../../src/hub/index.ts";
import { onProgress, setLogListener } from "../../src/log.ts";
import { startCli } from "../support/cli.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { runCommand } from "./run-command.ts";

let home: string;
let hub: TestHub;
let token: string;
let folder: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-push-"));
  hub = await testHub();
  token = await hub.user("ana");
}, 60_000);
beforeEach(async () => {
  vi.stubEnv("ABRAZO_ENDPOINT", hub.url);
  vi.stubEnv("ABRAZO_TOKEN", token);
  vi.stubEnv("HF_HUB_CACHE", join(home, "cache"));
  vi.stubEnv("XDG_CACHE_HOME", join(home, "xdg"));
  vi.stubEnv("XDG_CONFIG_HOME", join(home, "config"));
  folder = await mkdtemp(join(home, "folder-"));
  await writeFile(join(folder, "notes.txt"), "one\n");
});
afterEach(() => vi.unstubAllEnvs());
afterAll(async () => {
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

const filesOf = async (name: string): Promise<string[]> =>
  (await listFiles({ endpoint: hub.url, token }, parseRepoId(name), "main")).map(({ path }) => path);

describe("push", () => {
  it("tells of a link that leads to nothing, unless it is left out", async () => {
    await symlink("nowhere", join(folder, "dangling"));
    await expect(runCommand("push", folder, "ana/links")).rejects.toMatchObject({
      code: "BROKEN_LINK",
      message: `${join(folder, "dangling")} is a link that leads to nothing.`,
    });
    await runCommand("push", folder, "ana/links", "--exclude", "dangling");
    expect(await filesOf("ana/links")).toEqual([".gitattributes", "README.md", "notes.txt"]);
  });

  it("puts a file into a folder where the path ends in a slash", async () => {
    for (const place of ["sub/", "named.txt", "/deep/er/"])
      await runCommand("push", join(folder, "notes.txt"), "ana/places", place);
    expect(await filesOf("ana/places")).toEqual([".gitattributes", "deep/er/notes.txt", "named.txt", "sub/notes.txt"]);
  });

  it("tells a name that cannot be one in a line", async () => {
    await writeFile(join(folder, "two\nlines"), "");
    await expect(runCommand("push", folder, "ana/lines")).rejects.toMatchObject({
      code: "UNSAFE_PATH",
      message: expect.stringMatching(/^"two\\nlines" is no path/),
    });
  });

  it.each(["grows", "is written over", "goes"])("commits nothing of a file that %s meanwhile", async (how) => {
    const path = join(folder, "weights.bin");
    await writeFile(path, Buffer.alloc(200_000, how));
    const stop = onProgress(({ task }) => {
      if (!task.startsWith("upload")) return;
      stop();
      if (how === "grows") appendFileSync(path, "more");
      else if (how === "goes") void rm(path);
      else void writeFile(path, Buffer.alloc(200_000, "other"));
    });
    const name = `ana/${how.replaceAll(" ", "-")}`;
    await expect(runCommand("push", folder, name, "--no-card")).rejects.toMatchObject({
      code: "FILE_CHANGED",
      message: `${path} changed while it was sent; nothing was committed.`,
    });
    expect(await filesOf(name)).toEqual([".gitattributes"]);
  });

  it("says that a repository which everybody sees does not become private by it", async () => {
    const warned: string[] = [];
    const restore = setLogListener(({ level, message }) => level === "warn" && warned.push(message));
    await runCommand("push", folder, "ana/shown");
    await runCommand("push", folder, "ana/hidden", "--private");
    await runCommand("push", folder, "ana/hidden", "--private");
    expect(warned).toEqual([]);
    await runCommand("push", folder, "ana/shown", "--private");
    restore();
    expect(warned).toEqual([expect.stringContaining("abrazo repo settings ana/shown --type model --private")]);
  });
});

describe("pull", () => {
  it("has exit code 1 where the patterns let nothing through", async () => {
    await runCommand("push", folder, "ana/some");
    const none = await runCommand("pull", "ana/some", join(home, "none"), "--include", "*.nope");
    expect(none.isBad).toBe(true);
    expect(none.words).toMatch(/^No file of ana\/some at [0-9a-f]{7} is let through by the patterns/);
    const some = await runCommand("pull", "ana/some", join(home, "some"), "--include", "*.txt");
    expect([some.isBad, await readdir(join(home, "some"))]).toEqual([false, ["notes.txt"]]);
    expect(some.document).toMatchObject({ files: 1 });
  });

  it("leaves nothing that is half there: where it is refused, and where it is interrupted", {
    timeout: 60_000,
  }, async () => {
    const commit = "a".repeat(40);
    const snapshot = join(home, "cache", "models--x--y", "snapshots", commit);
    const refs = join(home, "cache", "models--x--y", "refs");
    await Promise.all([mkdir(snapshot, { recursive: true }), mkdir(refs, { recursive: true })]);
    await writeFile(join(refs, "main"), commit);
    const size = 400_000_000;
    const file = await open(join(snapshot, "big.bin"), "w");
    for (let at = 0; at < size; at += 4_000_000) await file.write(Buffer.alloc(4_000_000, at), 0, 4_000_000, at);
    await file.close();
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    const taken = join(home, "taken");
    await mkdir(join(taken, "big.bin"), { recursive: true });
    await expect(runCommand("pull", "x/y", taken)).rejects.toMatchObject({ code: "EISDIR" });
    expect(await readdir(taken)).toEqual(["big.bin"]);
    const place = join(home, "interrupted");
    const env = { HF_HUB_OFFLINE: "1", HF_HUB_CACHE: join(home, "cache") };
    const child = startCli(["pull", "x/y", place], { home, env });
    const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
    const found = () => readdir(place).catch(() => []);
    while ((await found()).length === 0 && child.exitCode === null) await sleep(1);
    child.kill("SIGINT");
    expect(["SIGINT", 0]).toContain(await ended);
    for (const name of await found()) expect([name, (await stat(join(place, name))).size]).toEqual(["big.bin", size]);
  });
});
