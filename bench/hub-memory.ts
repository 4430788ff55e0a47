// The memory of a hub with Postgres under each kind of load, each in a hub of its own: what its process held at most.
// npx tsx bench/main.ts hub-memory [names…]: Xet needs the Python clients' environment. Runs alone.
import { execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { packageFile } from "../src/package-root.ts";
import { startPostgres } from "../test/support/postgres.ts";
import { type BenchHub, startBenchHub } from "./hub-servers.ts";

const MIB = 1024 * 1024;
const GOAL = 300;

async function post<Answer>(hub: BenchHub, path: string, body: BodyInit): Promise<Answer> {
  const headers = { authorization: `Bearer ${hub.token}`, "content-type": "application/json", connection: "close" };
  const init = { method: "POST", headers, body, duplex: "half" };
  const response = await fetch(`${hub.url}${path}`, init);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  const answer: Answer = await response.json();
  return answer;
}

const create = (hub: BenchHub, name: string) => post(hub, "/api/repos/create", JSON.stringify({ name }));

/** A commit of files that are in its lines, sent as they are made. */
async function commit(hub: BenchHub, name: string, files: number, bytes: number): Promise<void> {
  await create(hub, name);
  function* lines() {
    yield `${JSON.stringify({ key: "header", value: { summary: "many" } })}\n`;
    for (let at = 0; at < files; at++) {
      const content = randomBytes(bytes).toString("base64");
      const value = { path: `d${at % 100}/${at}.txt`, content, encoding: "base64" };
      yield `${JSON.stringify({ key: "file", value })}\n`;
    }
  }
  const body = Readable.toWeb(Readable.from(lines()).map((line: string) => Buffer.from(line)));
  // safe because Node's two declarations of a stream are the same class
  await post(hub, `/api/models/bench/${name}/commit/main`, body as unknown as BodyInit);
}

/** Files by LFS, all at once. */
async function lfs(hub: BenchHub, files: number, mib: number): Promise<void> {
  await create(hub, "lfs");
  const piece = randomBytes(MIB);
  await Promise.all(
    Array.from({ length: files }, async (_, file) => {
      const pieces = Array.from({ length: mib }, (_, at) => (at === 0 ? Buffer.alloc(MIB, file) : piece));
      const hash = createHash("sha256");
      for (const each of pieces) hash.update(each);
      const objects = [{ oid: hash.digest("hex"), size: mib * MIB }];
      const batch = await post<{ objects: { actions: { upload: { href: string } } }[] }>(
        hub,
        "/bench/lfs.git/info/lfs/objects/batch",
        JSON.stringify({ operation: "upload", objects }),
      );
      // In a process of its own, as a client is.
      const curl = spawn(
        "curl",
        ["-sS", "--fail", "-o", "/dev/null", "-T", "-", batch.objects[0]?.actions.upload.href ?? ""],
        {
          stdio: ["pipe", "ignore", "inherit"],
        },
      );
      Readable.from(pieces).pipe(curl.stdin);
      const [code] = await once(curl, "exit");
      if (code !== 0) throw new Error(`curl ended with ${code}`);
    }),
  );
}

const PYTHON = packageFile(".cache", "python-clients", "bin", "python");

/** Files by Xet, each by a client of its own. */
async function xet(hub: BenchHub, folder: string, files: number, mib: number): Promise<void> {
  if (!existsSync(PYTHON)) throw new Error("The Python clients are not installed.");
  await create(hub, "xet");
  const script = `
import os, sys
from huggingface_hub import HfApi
HfApi().upload_file(path_or_fileobj=os.urandom(${mib} << 20), path_in_repo=sys.argv[1], repo_id="bench/xet")`;
  const env = { ...process.env, HF_ENDPOINT: hub.url, HF_TOKEN: hub.token, HF_HUB_DISABLE_PROGRESS_BARS: "1" };
  await Promise.all(
    Array.from({ length: files }, async (_, file) => {
      const home = join(folder, `hf${file}`);
      const child = spawn(PYTHON, ["-c", script, `${file}.bin`], {
        env: { ...env, HF_HOME: home },
        stdio: ["ignore", "ignore", "inherit"],
      });
      const [code] = await once(child, "exit");
      if (code !== 0) throw new Error(`Python ended with ${code}`);
    }),
  );
}

/** A push of files by git, and a clone of them. */
async function git(hub: BenchHub, folder: string, files: number, bytes: number): Promise<void> {
  await create(hub, "git");
  const source = join(folder, "source");
  const run = (...args: string[]) => execFileSync("git", args, { stdio: ["ignore", "ignore", "pipe"] });
  run("init", "-q", "-b", "main", source);
  const { mkdirSync, writeFileSync } = await import("node:fs");
  for (let at = 0; at < files; at++) {
    if (at < 100) mkdirSync(join(source, `d${at}`));
    writeFileSync(join(source, `d${at % 100}`, `${at}.txt`), randomBytes(bytes).toString("base64"));
  }
  run("-C", source, "add", ".");
  run("-C", source, "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-qm", "many");
  const url = hub.url.replace("http://", `http://bench:${hub.token}@`);
  await once(spawn("git", ["-C", source, "push", "-qf", `${url}/bench/git`, "main"], { stdio: "ignore" }), "exit");
  await once(spawn("git", ["clone", "-q", `${url}/bench/git`, join(folder, "clone")], { stdio: "ignore" }), "exit");
  if (!existsSync(join(folder, "clone", "d0", "0.txt"))) throw new Error("nothing was cloned");
}

type Load = (hub: BenchHub, folder: string) => Promise<void>;

const LOADS: Readonly<Record<string, Load>> = {
  "a commit of 100 MiB in 50 files": (hub) => commit(hub, "few", 50, 2 * MIB),
  "a commit of 60,000 files": (hub) => commit(hub, "many", 60_000, 100),
  "LFS, 8 × 256 MiB at once": (hub) => lfs(hub, 8, 256),
  "git, 50,000 files pushed and cloned": (hub, folder) => git(hub, folder, 50_000, 1000),
  "Xet, 1 GiB": (hub, folder) => xet(hub, folder, 1, 1024),
  "Xet, 8 × 256 MiB at once": (hub, folder) => xet(hub, folder, 8, 256),
};

export async function main(names: readonly string[]): Promise<void> {
  const postgres = await startPostgres();
  try {
    for (const [at, [name, load]] of Object.entries(LOADS).entries()) {
      if (names.length > 0 && !names.some((each) => name.includes(each))) continue;
      const folder = mkdtempSync(join(tmpdir(), "abrazo-bench-memory-"));
      const hub = await startBenchHub(folder, await postgres.database(`memory${at}`));
      try {
        await load(hub, folder);
        const most = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${hub.pid}/status`, "utf8"))?.[1]) / 1024;
        console.log(`${name}: at most ${most.toFixed(0)} MiB, ${(most / GOAL).toFixed(2)} × the goal of ${GOAL}`);
      } finally {
        await hub.stop();
        rmSync(folder, { recursive: true, force: true });
      }
    }
  } finally {
    await postgres.stop();
  }
}
