// A snapshot of the cache → a folder of the user's.
// Downloads nothing.
import { constants, rmSync, statSync } from "node:fs";
import { copyFile, mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { AbrazoError } from "../errors.ts";

/** Before a download: the files could not be put there. */
export function checkTarget(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== false) return;
  throw new AbrazoError({
    code: "NOT_A_FOLDER",
    message: `${folder} is a file; the repository needs a folder.`,
    hint: "Give another name.",
    data: { folder },
  });
}

/** Paths of a snapshot's files that are wanted. */
export async function pathsOf(snapshot: string, wanted: (path: string) => boolean): Promise<string[]> {
  const entries = await readdir(snapshot, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  return files
    .map(({ parentPath, name }) => relative(snapshot, join(parentPath, name)).split(sep).join("/"))
    .filter(wanted);
}

/** Copies files, not links; each is there whole or not at all. */
export async function copySnapshot(from: string, to: string, paths: readonly string[]): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const path of paths) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    await copyWhole(join(from, path), join(to, path));
  }
}

/** A copy under another name until it is whole; who interrupts it leaves nothing. */
async function copyWhole(from: string, to: string): Promise<void> {
  const temporary = `${to}.${process.pid}.tmp`;
  const giveUp = (signal: NodeJS.Signals) => {
    rmSync(temporary, { force: true });
    process.off(signal, giveUp);
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, giveUp);
  try {
    await copyFile(from, temporary, constants.COPYFILE_FICLONE);
    await rename(temporary, to);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, giveUp);
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
