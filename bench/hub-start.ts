// Start of a hub on the embedded database against the limit of 5 s to the first page: on an empty folder and on one that
// was used before, from the command to the answered page; and the memory of its one process.
// npx tsx bench/main.ts hub-start [rounds]
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageFile } from "../src/package-root.ts";
import { COMMAND, urlOf } from "./hub-servers.ts";

const LIMIT_MS = 5_000;
const PAGES = 50;

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** MiB that a process holds now and at most; undefined where there is no /proc. */
function memoryOf(pid: number | undefined): { now: number; most: number } | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const read = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
    return { now: read("VmRSS"), most: read("VmHWM") };
  } catch {
    return undefined;
  }
}

async function start(folder: string): Promise<{ child: ChildProcess; url: string; ms: number }> {
  const began = performance.now();
  const child = spawn(process.execPath, [...COMMAND, "serve", "--port", "0", "--data", join(folder, "hub")], {
    cwd: packageFile(),
    env: { ...process.env, HOME: folder, DATABASE_URL: undefined },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await urlOf(child);
  await (await fetch(url)).text();
  return { child, url, ms: performance.now() - began };
}

async function stop(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await gone;
}

export async function main([rounds = "3"]: readonly string[]): Promise<void> {
  const [first, again]: number[][] = [[], []];
  let memory: { idle: ReturnType<typeof memoryOf>; busy: ReturnType<typeof memoryOf> } | undefined;
  for (let round = 0; round < Number(rounds); round++) {
    const folder = mkdtempSync(join(tmpdir(), "abrazo-start-"));
    try {
      const fresh = await start(folder);
      first?.push(fresh.ms);
      await stop(fresh.child);
      const { child, url, ms } = await start(folder);
      again?.push(ms);
      const idle = memoryOf(child.pid);
      for (let page = 0; page < PAGES; page++) await (await fetch(`${url}/?q=${page}`)).text();
      memory = { idle, busy: memoryOf(child.pid) };
      await stop(child);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const line = (what: string, ms: number) =>
    console.log(
      `${what}: ${(ms / 1000).toFixed(2)} s, ${(LIMIT_MS / ms).toFixed(2)} times as fast as the limit of 5 s`,
    );
  line("first page, empty folder", median(first ?? []));
  line("first page, used folder", median(again ?? []));
  if (memory?.idle === undefined || memory.busy === undefined) return;
  const { idle, busy } = memory;
  console.log(
    `memory: ${idle.now.toFixed(0)} MiB after the start, ${busy.now.toFixed(0)} MiB after ${PAGES} pages, ${busy.most.toFixed(0)} MiB at most`,
  );
}
