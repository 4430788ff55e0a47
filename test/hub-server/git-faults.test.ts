// Pushes and clones that are cut off: by a server that dies, and by a git that does. What was not answered is there whole or
// not at all, and the next try works.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { audit } from "../support/audit.ts";
import { caller } from "../support/calls.ts";
import { CLI } from "../support/cli.ts";
import { describeGit, type Git, gitHome, withToken } from "../support/git.ts";
import { testHub } from "../support/hub.ts";
import { type Recorder, recorder } from "../support/recorder.ts";

const ROUNDS = 4;

async function manyFiles(git: Git, folder: string, seed: string): Promise<string> {
  await mkdir(join(git.folder, folder, seed));
  for (let at = 0; at < 400; at++)
    await writeFile(join(git.folder, folder, seed, `${at}.txt`), `${seed} ${at} `.repeat(500 + ((at * 37) % 900)));
  return git.commit(folder, {}, seed);
}

describeGit("git cut off", () => {
  let folder: string;
  let git: Git;
  let url = "";
  let proxy: Recorder;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "abrazo-git-faults-"));
    git = await gitHome();
    proxy = await recorder(() => url);
  });
  afterAll(async () => {
    await proxy?.stop();
    await git?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  function serve(data: string): Promise<{ child: ChildProcess; gone: Promise<unknown> }> {
    const clean = Object.entries(process.env).filter(([name]) => !/^(HF_|ABRAZO_|XDG_|DATABASE_URL)/.test(name));
    const env = { ...Object.fromEntries(clean), HOME: folder };
    const child = spawn(process.execPath, [...CLI, "serve", "--port", "0", "--data", data], {
      env,
      cwd: packageFile(),
    });
    const gone = new Promise((resolve) => child.once("exit", resolve));
    return new Promise((resolve, reject) => {
      let text = "";
      const look = (chunk: Buffer) => {
        text += chunk;
        const found = /^Abrazo hub listening on (http:\S+)$/m.exec(text)?.[1];
        if (found === undefined) return;
        url = found;
        resolve({ child, gone });
      };
      child.stdout?.on("data", look);
      child.stderr?.on("data", look);
      child.once("exit", () => reject(new Error(`serve ended: ${text}`)));
    });
  }

  it(`${ROUNDS} kills of the server in the middle of pushes`, { timeout: 600_000 }, async () => {
    const data = join(folder, "killed");
    const first = await testHub({ dataDir: data });
    const token = await first.user("ana");
    await caller(first.url, token).ok("POST", "/api/repos/create", { name: "one", type: "model" });
    url = first.url;
    const mine = withToken(`${proxy.url}/ana/one`, token);
    await git.ok("", "clone", "--quiet", mine, "one");
    await first.stop();
    let took = 1000;
    for (let round = 0; round < ROUNDS; round++) {
      const { child, gone } = await serve(data);
      const ana = caller(url, token);
      const head = async () => (await ana.ok<{ sha: string }>("GET", "/api/models/ana/one")).sha;
      const before = await head();
      const commit = await manyFiles(git, "one", `round-${round}`);
      const received = new Promise<void>((resolve) => {
        proxy.watch = ({ url: path }) => path.endsWith("/git-receive-pack") && resolve();
      });
      const started = performance.now();
      const push = git.run("one", ["push", "--quiet", "origin", "main"]);
      await received;
      await sleep((took * (round + 1)) / (ROUNDS + 1));
      child.kill("SIGKILL");
      await gone;
      const { status } = await push;
      took = Math.max(300, performance.now() - started);

      const again = await serve(data);
      const now = await caller(url, token).ok<{ sha: string }>("GET", "/api/models/ana/one");
      if (status === 0) expect(now.sha).toBe(commit);
      else expect([before, commit]).toContain(now.sha);
      await git.ok("one", "push", "--quiet", "origin", "main");
      expect(await readdir(join(data, "git", "incoming"))).toEqual([]);
      again.child.kill("SIGTERM");
      await again.gone;
    }
    const hub = await testHub({ dataDir: data });
    try {
      url = hub.url;
      await git.ok("", "clone", "--quiet", mine, "checked");
      expect(await git.ok("checked", "rev-parse", "HEAD")).toBe(await git.ok("one", "rev-parse", "HEAD"));
      await expect.poll(async () => (await audit(hub.deps)).faults).toEqual([]);
    } finally {
      await hub.stop();
    }
  });

  it("kills of git in the middle of a push and of a clone", async () => {
    const hub = await testHub();
    try {
      url = hub.url;
      const token = await hub.user("ana");
      const ana = caller(hub.url, token);
      await ana.ok("POST", "/api/repos/create", { name: "two", type: "model" });
      const mine = withToken(`${proxy.url}/ana/two`, token);
      await git.ok("", "clone", "--quiet", mine, "two");
      const commit = await manyFiles(git, "two", "files");
      /** Kills the first git of the server that shows up while something runs. */
      const killing = async <Result>(work: Promise<Result>): Promise<Result> => {
        let over = false;
        const watching = (async () => {
          while (!over) {
            const lines = execFileSync("ps", ["--ppid", `${process.pid}`, "-o", "pid=,args="], {
              encoding: "utf8",
            }).split("\n");
            const found = lines.find((line) =>
              /safe\.directory.*(index-pack|upload-pack --stateless-rpc --timeout=300 \.)/.test(line),
            );
            if (found !== undefined) return process.kill(Number(found.trim().split(" ")[0]), "SIGKILL");
            await sleep(1);
          }
        })();
        const result = await work;
        over = true;
        await watching.catch(() => {});
        return result;
      };
      const before = (await ana.ok<{ sha: string }>("GET", "/api/models/ana/two")).sha;
      const { status, text } = await killing(git.run("two", ["push", "origin", "main"]));
      const now = (await ana.ok<{ sha: string }>("GET", "/api/models/ana/two")).sha;
      expect(now, text).toBe(status === 0 ? commit : before);
      await git.ok("two", "push", "--quiet", "origin", "main");
      await killing(git.run("", ["clone", "--quiet", mine, "cut"]));
      await git.ok("", "clone", "--quiet", mine, "whole");
      expect(await git.ok("whole", "rev-parse", "HEAD")).toBe(commit);
      expect(await git.ok("whole", "fsck", "--full")).toBe("");
      expect((await audit(hub.deps)).faults).toEqual([]);
    } finally {
      await hub.stop();
    }
  });
});
