// One process owns a data folder: an exclusive lock file that names the process and where it listens.
// A lock whose process is gone is taken over.

import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AbrazoError } from "../src/errors.ts";

export interface LockInfo {
  pid: number;
  url?: string;
  /** What the server asks for from the command line of this machine. */
  key?: string;
}

const lockPath = (folder: string): string => join(folder, "hub.lock");

/** Who owns a folder now; undefined when nobody alive does. */
export function lockOwner(folder: string): LockInfo | undefined {
  try {
    const info: LockInfo = JSON.parse(readFileSync(lockPath(folder), "utf8"));
    process.kill(info.pid, 0);
    return info;
  } catch (error) {
    // EPERM: it lives, under another user.
    return error instanceof Error && "code" in error && error.code === "EPERM" ? { pid: -1 } : undefined;
  }
}

export interface FolderLock {
  /** Says where the server listens, and the key by which commands on this machine reach it. */
  announce(url: string, key: string): void;
  release(): void;
}

/** Takes the folder, or fails naming the process that has it. */
export function lockFolder(folder: string): FolderLock {
  mkdirSync(folder, { recursive: true });
  const owner = lockOwner(folder);
  if (owner !== undefined) throw inUse(folder, owner);
  rmSync(lockPath(folder), { force: true });
  const mine = join(folder, `.lock-${randomUUID()}`);
  const write = (info: LockInfo, path: string) => writeFileSync(path, JSON.stringify(info), { mode: 0o600 });
  write({ pid: process.pid }, mine);
  try {
    // A hard link fails if the name exists: of two processes that come at once, one wins.
    linkSync(mine, lockPath(folder));
  } catch {
    throw inUse(folder, lockOwner(folder) ?? { pid: -1 });
  } finally {
    rmSync(mine, { force: true });
  }
  return {
    announce: (url, key) => write({ pid: process.pid, url, key }, lockPath(folder)),
    release: () => rmSync(lockPath(folder), { force: true }),
  };
}

function inUse(folder: string, { pid, url }: LockInfo): AbrazoError {
  return new AbrazoError({
    code: "DATA_FOLDER_IN_USE",
    message: `The data folder ${folder} is in use by process ${pid}${url === undefined ? "" : `, which serves ${url}`}.`,
    hint: "Talk to that server, stop it, or choose another folder with --data.",
    data: { folder, pid, url },
  });
}
