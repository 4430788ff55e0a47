// Bytes in and out of a hub: 1 GB down beside nginx with the same file, up by LFS beside what hashing and the disk allow, up and
// down by Xet, a commit to a repository of 100,000 files, and the memory of the server, which runs in a process of its own.
// npx tsx bench/main.ts hub [MiB] [rounds]: needs nginx, curl and openssl; Xet needs the Python clients' environment. Runs alone.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageFile } from "../src/package-root.ts";
import { startPostgres } from "../test/support/postgres.ts";
import { type BenchHub, startBenchHub, startNginx } from "./hub-servers.ts";

const MIB = 1024 * 1024;
const [FOLDERS, FILES_EACH] = [1000, 100];

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const best = (values: readonly number[]): number => Math.max(...values);

/** Random bytes, as weights are: nothing of them can be compressed or found twice. */
async function writeFile(path: string, mib: number): Promise<void> {
  const file = await open(path, "w");
  const { randomFillSync } = await import("node:crypto");
  const piece = Buffer.alloc(16 * MIB);
  for (let written = 0; written < mib * MIB; ) {
    randomFillSync(piece);
    const { bytesWritten } = await file.write(piece, 0, Math.min(piece.length, mib * MIB - written));
    written += bytesWritten;
  }
  await file.sync();
  await file.close();
}

async function sha256Of(path: string): Promise<{ sha256: string; seconds: number }> {
  const file = await open(path);
  const hash = createHash("sha256");
  const piece = Buffer.alloc(MIB);
  let seconds = 0;
  for (;;) {
    const { bytesRead } = await file.read(piece, 0, MIB);
    if (bytesRead === 0) break;
    const began = performance.now();
    hash.update(piece.subarray(0, bytesRead));
    seconds += (performance.now() - began) / 1000;
  }
  await file.close();
  return { sha256: hash.digest("hex"), seconds };
}

/**
 * Seconds that the disk takes for as many bytes, flushed, in a file that stays, as what a hub is sent does: to write where another
 * file was a moment ago takes less, because neither memory nor blocks have to be found.
 */
async function diskSeconds(path: string, mib: number): Promise<number> {
  const piece = Buffer.alloc(MIB, 7);
  const began = performance.now();
  const file = await open(path, "w");
  for (let at = 0; at < mib; at++) await file.write(piece);
  await file.sync();
  await file.close();
  return (performance.now() - began) / 1000;
}

/** Seconds that curl takes, which costs next to nothing itself. */
const curl = (...args: string[]): number =>
  Number(
    execFileSync("curl", ["-sS", "--fail", "-o", "/dev/null", "-w", "%{time_total}", ...args], { encoding: "utf8" }),
  );

/** Seconds that the system's own tools take to receive a file, to hash it and to keep it flushed, all at once. */
function toolsSeconds(url: string, path: string): number {
  const began = performance.now();
  const script = 'curl -sS --fail "$1" | tee "$2" | openssl dgst -sha256 && sync "$2"';
  execFileSync("sh", ["-c", script, "sh", url, path], { stdio: ["ignore", "ignore", "inherit"] });
  return (performance.now() - began) / 1000;
}

interface Row {
  what: string;
  value: string;
  goal?: string;
}

async function json<Answer>(hub: BenchHub, path: string, body: unknown): Promise<Answer> {
  const response = await fetch(`${hub.url}${path}`, {
    method: "POST",
    // While curl and Python run nothing here notices that the server let an idle connection go.
    headers: { authorization: `Bearer ${hub.token}`, "content-type": "application/json", connection: "close" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  const answer: Answer = await response.json();
  return answer;
}

interface Batch {
  objects: { actions?: { upload: { href: string } } }[];
}

const commitOf = (lines: readonly unknown[]): string =>
  [{ key: "header", value: { summary: "bench" } }, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("");

/** What one round measures, in MiB a second. */
interface Round {
  sha256: number;
  /** The mean of before and after the upload: the disk of a shared machine changes from minute to minute. */
  disk: number;
  up: number;
  tools: number;
  put: number;
}

const ratio = (rounds: readonly Round[], of: (round: Round) => number): string => median(rounds.map(of)).toFixed(2);

/** Speeds of a file of its size to and from the hub. What one measurement leaves to be written does not fall to the next. */
async function transfers(hub: BenchHub, folder: string, mib: number, count: number): Promise<Row[]> {
  const path = join(folder, "large.bin");
  const nginx = await startNginx(folder);
  const rounds: Round[] = [];
  const pairs: { hub: number; nginx: number }[] = [];
  try {
    for (let at = 0; at < count; at++) {
      await writeFile(path, mib);
      const { sha256, seconds } = await sha256Of(path);
      const name = `r${at}`;
      await json(hub, "/api/repos/create", { name });
      const objects = [{ oid: sha256, size: statSync(path).size }];
      const batch = await json<Batch>(hub, `/bench/${name}.git/info/lfs/objects/batch`, {
        operation: "upload",
        objects,
      });
      const before = await diskSeconds(join(folder, `before${at}`), mib);
      const up = curl("-T", path, batch.objects[0]?.actions?.upload.href ?? "");
      const after = await diskSeconds(join(folder, `after${at}`), mib);
      const tools = toolsSeconds(`${nginx.url}/large.bin`, join(folder, `tools${at}`));
      const put = curl("-T", path, `${nginx.url}/put/${name}`);
      execFileSync("sync");
      const disk = (mib / before + mib / after) / 2;
      rounds.push({ sha256: mib / seconds, disk, up: mib / up, tools: mib / tools, put: mib / put });
      const pointer = { key: "lfsFile", value: { path: "large.bin", algo: "sha256", oid: sha256, size: mib * MIB } };
      await json(hub, `/api/models/bench/${name}/commit/main`, commitOf([pointer]));
      for (let turn = 0; turn < 5; turn++) {
        const [peer, ours] = [`${nginx.url}/large.bin`, `${hub.url}/bench/${name}/resolve/main/large.bin`];
        pairs.push({ nginx: mib / curl(peer), hub: mib / curl(ours) });
      }
    }
  } finally {
    await nginx.stop();
  }
  const show = (values: readonly number[]) => `${median(values).toFixed(0)} MiB/s`;
  const row = (what: keyof Round) => show(rounds.map((round) => round[what]));
  const down = pairs.map((pair) => pair.hub);
  const beside = pairs.map((pair) => pair.nginx);
  return [
    { what: "down: nginx", value: show(beside) },
    {
      what: "down: hub",
      value: `${show(down)}, ${median(pairs.map((pair) => pair.hub / pair.nginx)).toFixed(2)} × nginx (best ${(best(down) / best(beside)).toFixed(2)})`,
      goal: "≥ 0.7",
    },
    { what: "SHA-256", value: row("sha256") },
    { what: "disk, flushed, a new file", value: row("disk") },
    {
      what: "up by LFS",
      value: `${row("up")}, ${ratio(rounds, ({ up, sha256, disk }) => up / Math.min(sha256, disk))} × the slower of both`,
      goal: "≥ 0.8",
    },
    {
      what: "up: nginx, which neither hashes nor flushes",
      value: `${row("put")}; hub ${ratio(rounds, ({ up, put }) => up / put)} × nginx`,
    },
    {
      what: "the same work by curl | tee | openssl, then sync",
      value: `${row("tools")}; hub ${ratio(rounds, ({ up, tools }) => up / tools)} × that`,
    },
  ];
}

const PYTHON = packageFile(".cache", "python-clients", "bin", "python");

/** The same by Xet: the client cuts, packs and hashes, so it is the client's speed above all. */
function xet(hub: BenchHub, folder: string, mib: number): Row[] {
  if (!existsSync(PYTHON)) return [{ what: "Xet", value: "not measured: the Python clients are not installed" }];
  const script = `
import json, os, time
from huggingface_hub import HfApi, hf_hub_download
api = HfApi()
api.create_repo("bench/xet", exist_ok=True)
t = time.time(); api.upload_file(path_or_fileobj=${JSON.stringify(join(folder, "large.bin"))}, path_in_repo="x.bin", repo_id="bench/xet"); up = time.time() - t
t = time.time(); hf_hub_download("bench/xet", "x.bin"); down = time.time() - t
print(json.dumps([up, down]))`;
  const env = {
    ...process.env,
    HF_ENDPOINT: hub.url,
    HF_TOKEN: hub.token,
    HF_HOME: join(folder, "hf"),
    HF_HUB_DISABLE_PROGRESS_BARS: "1",
  };
  const said = execFileSync(PYTHON, ["-c", script], { env, encoding: "utf8" });
  const [up = Number.NaN, down = Number.NaN]: number[] = JSON.parse(said.trim().split("\n").at(-1) ?? "[]");
  return [
    { what: "up by Xet (hf_xet)", value: `${(mib / up).toFixed(0)} MiB/s` },
    { what: "down by Xet (hf_xet)", value: `${(mib / down).toFixed(0)} MiB/s` },
  ];
}

/** A commit of one file to a repository of 100,000. */
async function manyFiles(hub: BenchHub): Promise<Row[]> {
  await json(hub, "/api/repos/create", { name: "many" });
  const each = 10_000;
  for (let from = 0; from < FOLDERS * FILES_EACH; from += each) {
    const lines = Array.from({ length: each }, (_, at) => ({
      key: "file",
      value: { path: `d${Math.floor((from + at) / FILES_EACH)}/${from + at}.txt`, content: "same" },
    }));
    await json(hub, "/api/models/bench/many/commit/main", commitOf(lines));
  }
  const times = [];
  for (let round = 0; round < 5; round++) {
    const began = performance.now();
    const line = { key: "file", value: { path: `d${round}/new.txt`, content: `${round}` } };
    await json(hub, "/api/models/bench/many/commit/main", commitOf([line]));
    times.push(performance.now() - began);
  }
  await json(hub, "/api/repos/create", { name: "few" });
  const few = [];
  for (let round = 0; round < 5; round++) {
    const began = performance.now();
    const line = { key: "file", value: { path: `d${round}/new.txt`, content: `${round}` } };
    await json(hub, "/api/models/bench/few/commit/main", commitOf([line]));
    few.push(performance.now() - began);
  }
  return [
    {
      what: "commit to 100,000 files",
      value: `${median(times).toFixed(0)} ms, to an empty repository ${median(few).toFixed(0)} ms`,
    },
  ];
}

/** MiB that a process holds now and held at most. */
function memoryOf(pid: number): { now: number; most: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const read = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  return { now: read("VmRSS"), most: read("VmHWM") };
}

export async function main([size = "1024", rounds = "3"]: readonly string[]): Promise<void> {
  const mib = Number(size);
  const postgres = await startPostgres();
  try {
    for (const database of ["DATABASE_URL", "embedded"] as const) {
      const folder = mkdtempSync(join(tmpdir(), "abrazo-bench-hub-"));
      const url = database === "embedded" ? undefined : await postgres.database("bench");
      const hub = await startBenchHub(folder, url);
      try {
        const idle = memoryOf(hub.pid);
        const rows = await transfers(hub, folder, mib, Number(rounds));
        rows.push(...xet(hub, folder, mib));
        const moved = memoryOf(hub.pid);
        if (url !== undefined) rows.push(...(await manyFiles(hub)));
        const goal = url === undefined ? "growth < 150 MiB" : "< 300 MiB";
        const grown = `${idle.now.toFixed(0)} MiB at the start, at most ${moved.most.toFixed(0)} MiB`;
        rows.push({
          what: "server's memory",
          value: `${grown}, ${(moved.most - idle.most).toFixed(0)} MiB more`,
          goal,
        });
        console.log(`## ${database}, ${mib} MiB`);
        for (const { what, value, goal: wanted } of rows)
          console.log(`${what}: ${value}${wanted === undefined ? "" : ` (goal ${wanted})`}`);
      } finally {
        await hub.stop();
        rmSync(folder, { recursive: true, force: true });
      }
    }
  } finally {
    await postgres.stop();
  }
}
