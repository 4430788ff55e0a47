// One process owns a data folder: a lock file that names the process and where it listens.
// A lock whose process is gone is taken over. Knows nothing of what lies in the folder.
import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { AbrazoError } from "../src/errors.ts";

export interface LockInfo {
  pid: number;
  host?: string;
  /** When the process began, as its system tells: a process id alone may belong to another one by now. */
  born?: string | undefined;
  url?: string;
  /** What the server asks for from the command line of this machine. */
  key?: string;
}

/** The owner touches its lock this often: a machine that shares the folder cannot see its processes. */
const TOUCH_MS = 5_000;
const SILENT_MS = 4 * TOUCH_MS;

/** Folders that this process owns. */
const owned = new Set<string>();

const lockPath = (folder: string): string => join(folder, "hub.lock");

/** Who owns a folder now; undefined when nobody alive does. */
export function lockOwner(folder: string): LockInfo | undefined {
  const path = lockPath(folder);
  let info: LockInfo;
  try {
    info = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
  if (info.host !== undefined && info.host !== hostname()) {
    return Date.now() - statSync(path).mtimeMs < SILENT_MS ? info : undefined;
  }
  // In a container every server is process 1: our own id in a lock that we do not hold is a dead one's.
  if (info.pid === process.pid) return owned.has(resolve(folder)) ? info : undefined;
  return isAlive(info) ? info : undefined;
}

function isAlive({ pid, born }: LockInfo): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, under another user.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  return born === undefined || birthOf(pid) === undefined || born === birthOf(pid);
}

/** When a process began, in ticks since the boot it belongs to; undefined where there is no /proc. */
function birthOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

export interface FolderLock {
  /** Says where the server listens, and the key by which commands on this machine reach it. */
  announce(url: string, key: string): void;
  release(): void;
}

/** Makes a folder and those above it. Node's own way does not end where a folder has no room for others, as /proc has none. */
function makeFolders(folder: string, isFirst = true): void {
  const code = (error: unknown): unknown => error instanceof Error && "code" in error && error.code;
  try {
    mkdirSync(folder);
  } catch (error) {
    if (code(error) === "EEXIST" && statSync(folder).isDirectory()) return;
    if (code(error) !== "ENOENT" || !isFirst || dirname(folder) === folder) throw error;
    makeFolders(dirname(folder));
    makeFolders(folder, false);
  }
}

/** Takes the folder, or fails naming the process that has it. */
export function lockFolder(folder: string): FolderLock {
  makeFolders(resolve(folder));
  const path = lockPath(folder);
  const self = { pid: process.pid, host: hostname(), born: birthOf(process.pid) };
  const mine = join(folder, `.lock-${randomUUID()}`);
  writeFileSync(mine, JSON.stringify(self), { mode: 0o600 });
  try {
    removeDead(folder);
    // A hard link fails if the name exists: of two processes that come at once, one wins.
    linkSync(mine, path);
  } catch (error) {
    if (error instanceof AbrazoError) throw error;
    throw inUse(folder, lockOwner(folder));
  } finally {
    rmSync(mine, { force: true });
  }
  owned.add(resolve(folder));
  const touching = setInterval(() => touch(path), TOUCH_MS);
  touching.unref();
  return {
    announce: (url, key) => {
      writeFileSync(mine, JSON.stringify({ ...self, url, key }), { mode: 0o600 });
      renameSync(mine, path);
    },
    release: () => {
      clearInterval(touching);
      owned.delete(resolve(folder));
      rmSync(path, { force: true });
    },
  };
}

/**
 * Removes the lock of a process that is gone. It is moved aside before it is judged again: what a quicker process put in
 * its place in the meantime is put back, and not thrown away.
 */
function removeDead(folder: string): void {
  const path = lockPath(folder);
  const owner = lockOwner(folder);
  if (owner !== undefined) throw inUse(folder, owner);
  const dead = readOrNothing(path);
  if (dead === undefined) return;
  const aside = join(folder, `.lock-${randomUUID()}`);
  renameSync(path, aside);
  if (readOrNothing(aside) !== dead) linkSync(aside, path);
  rmSync(aside, { force: true });
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function touch(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // The folder is gone, and the lock with it.
  }
}

function inUse(folder: string, { pid, url }: LockInfo = { pid: -1 }): AbrazoError {
  const who = pid < 0 ? "another process" : `process ${pid}`;
  return new AbrazoError({
    code: "DATA_FOLDER_IN_USE",
    message: `The data folder ${folder} is in use by ${who}${url === undefined ? "" : `, which serves ${url}`}.`,
    hint: "Talk to that server, stop it, or choose another folder with --data.",
    data: { folder, pid, url },
  });
}
