// The hub killed in the middle of uploads and commits, again and again on one folder: what it acknowledged is there whole,
// what it did not is there whole or not at all.
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as hf from "@huggingface/hub";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startHub } from "../../hub-server/main.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator } from "../../src/tensor/index.ts";
import { audit, unsoundIndexes } from "../support/audit.ts";
import { CLI } from "../support/cli.ts";

const ROUNDS = 20;
const repo = { type: "model", name: "ana/tried" } as const;

let folder: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "abrazo-faults-"));
  const clean = Object.entries(process.env).filter(([name]) => !/^(HF_|ABRAZO_|XDG_|DATABASE_URL)/.test(name));
  env = { ...Object.fromEntries(clean), HOME: folder };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function serve(data: string): Promise<{ url: string; child: ChildProcess; gone: Promise<unknown> }> {
  const child = spawn(process.execPath, [...CLI, "serve", "--port", "0", "--data", data], { env, cwd: packageFile() });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const url = await new Promise<string>((resolve, reject) => {
    let text = "";
    const read = (chunk: Buffer) => {
      text += chunk;
      const found = /^Abrazo hub listening on (http:\S+)$/m.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("exit", () => reject(new Error(`serve ended: ${text}`)));
  });
  return { url, child, gone };
}

const abrazo = (...args: string[]): Promise<{ status: number | null; text: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [...CLI, ...args], { env, cwd: packageFile() });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => (text += chunk));
    child.stderr.on("data", (chunk: Buffer) => (text += chunk));
    child.once("exit", (status) => resolve({ status, text }));
  });

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Bytes that a seed and a place decide. */
function bytesOf(seed: number, length: number): Uint8Array<ArrayBuffer> {
  const generator = new Generator(seed);
  return Uint8Array.from({ length }, () => generator.u32() & 255);
}

interface Kept {
  commit: string;
  path: string;
  sha256: string;
}

it("20 kills in the middle of uploads, large files and commits", { timeout: 600_000 }, async () => {
  const data = join(folder, "killed");
  const { text } = await abrazo("admin", "user", "create", "ana", "--data", data, "--json");
  const { token: accessToken }: { token: string } = JSON.parse(text.trim().split("\n").at(-1) ?? "");
  const kept: Kept[] = [];
  let unanswered = 0;
  /** Milliseconds that a commit takes on this machine, at this load. */
  let pace = 300;

  for (let round = 0; round < ROUNDS; round++) {
    const { url, child, gone } = await serve(data);
    const client = { hubUrl: url, accessToken };
    if (round === 0) await hf.createRepo({ ...client, repo });
    for (const { commit, path, sha256: expected } of kept.slice(-6)) {
      const found = await hf.downloadFile({ ...client, repo, path, revision: commit });
      expect(sha256(new Uint8Array((await found?.arrayBuffer()) ?? [])), `round ${round}: ${path}`).toBe(expected);
    }
    const before = kept.length;
    let killed = false;
    const writer = async (number: number) => {
      for (let turn = 0; !killed; turn++) {
        // Rows, blobs that git sees as regular files, and LFS objects.
        const [name, length] = [
          ["small.txt", 900],
          ["regular.txt", 90_000],
          ["large.bin", 700_000],
        ][(number + turn) % 3] as [string, number]; // safe because the remainder is 0, 1 or 2
        const path = `round-${round}/writer-${number}/${turn}-${name}`;
        const content = bytesOf(round * 10_000 + number * 1000 + turn, length);
        const started = performance.now();
        try {
          const files = [{ path, content: new Blob([content]) }];
          const pushed = await hf.uploadFiles({ ...client, repo, files, useXet: false });
          if (pushed !== undefined) kept.push({ commit: pushed.commit.oid, path, sha256: sha256(content) });
          pace = performance.now() - started;
        } catch (error) {
          if (!killed) throw error;
          unanswered++;
        }
      }
    };
    const writers = [0, 1, 2].map(writer);
    // After none to three commits, somewhere in the next one.
    await expect.poll(() => kept.length - before, { interval: 5 }).toBeGreaterThanOrEqual(round % 4);
    await sleep(new Generator(round).float() * pace);
    killed = true;
    child.kill("SIGKILL");
    await gone;
    await Promise.all(writers);
  }

  const hub = await startHub({ port: 0, dataDir: data });
  try {
    // What was cut off between a commit and its index is taken up by the queue.
    let found = await audit(hub.deps);
    for (
      const until = Date.now() + 30_000;
      found.faults.length > 0 && Date.now() < until;
      found = await audit(hub.deps)
    )
      await sleep(500);
    expect(found.faults).toEqual([]);
    expect(await unsoundIndexes(hub.deps)).toEqual([]);
    expect(await readdir(join(data, "blobs", "incoming"))).toEqual([]);
    expect(kept.length).toBeGreaterThan(ROUNDS);
    expect(unanswered).toBeGreaterThan(0);
    expect(found.commits).toBeGreaterThanOrEqual(kept.length);
    for (const { commit, path, sha256: expected } of kept) {
      const file = await hf.downloadFile({ hubUrl: hub.url, accessToken, repo, path, revision: commit });
      expect(sha256(new Uint8Array((await file?.arrayBuffer()) ?? [])), path).toBe(expected);
    }
  } finally {
    await hub.close();
  }
});

it("users made from the command line during 200 commits leave every index sound", { timeout: 300_000 }, async () => {
  const data = join(folder, "busy");
  const { url, child, gone } = await serve(data);
  try {
    const first = await abrazo("admin", "user", "create", "ana", "--data", data, "--json");
    const { token: accessToken }: { token: string } = JSON.parse(first.text.trim().split("\n").at(-1) ?? "");
    await hf.createRepo({ hubUrl: url, accessToken, repo });
    const commits = (async () => {
      for (let at = 0; at < 200; at++) {
        const files = [{ path: `f${at % 7}.txt`, content: new Blob([`${at}`]) }];
        await hf.uploadFiles({ hubUrl: url, accessToken, repo, files, useXet: false });
      }
    })();
    const made = await Promise.all(
      Array.from({ length: 4 }, (_, at) => abrazo("admin", "user", "create", `user-${at}`, "--data", data)),
    );
    expect(made.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    await commits;
    const refused = await abrazo("serve", "--port", "0", "--data", data);
    expect(refused.status).toBe(1);
    expect(refused.text).toContain(`process ${child.pid}`);
  } finally {
    child.kill("SIGTERM");
    await gone;
  }
  const hub = await startHub({ port: 0, dataDir: data });
  try {
    expect(await audit(hub.deps)).toMatchObject({ faults: [], commits: 201 });
    expect(await unsoundIndexes(hub.deps)).toEqual([]);
  } finally {
    await hub.close();
  }
});
