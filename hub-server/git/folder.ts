// Bare repositories as files: what git needs to take a folder for one, its refs as one file, and how much room they take.
// Starts no process.
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface GitRef {
  /** Full name, "refs/heads/main". */
  name: string;
  /** What it names: a commit, or an annotated tag. */
  id: string;
  /** Of an annotated tag: the commit behind it. */
  peeled?: string | undefined;
}

/** Little memory, no threads of its own, and what clones may ask for. */
const CONFIG = `[core]
	repositoryformatversion = 0
	bare = true
	bigFileThreshold = 16m
	packedGitWindowSize = 16m
	packedGitLimit = 128m
	deltaBaseCacheLimit = 32m
[pack]
	threads = 1
	windowMemory = 64m
	deltaCacheSize = 32m
[gc]
	auto = 0
[uploadpack]
	allowFilter = true
	allowAnySHA1InWant = true
`;

/** Makes a folder a bare repository; one that is there already stays as it is. */
export async function prepareFolder(folder: string, alternate?: string): Promise<void> {
  await mkdir(join(folder, "objects", "pack"), { recursive: true });
  await mkdir(join(folder, "objects", "info"), { recursive: true });
  await mkdir(join(folder, "refs"), { recursive: true });
  if (alternate !== undefined) await writeFile(join(folder, "objects", "info", "alternates"), `${alternate}\n`);
  await writeFile(join(folder, "config"), CONFIG);
  await writeFile(join(folder, "HEAD"), "ref: refs/heads/main\n");
}

/** Refs as git's file of packed refs. */
export function packedRefs(refs: readonly GitRef[]): string {
  const sorted = [...refs].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  const lines = sorted.map(({ name, id, peeled }) => `${id} ${name}\n${peeled === undefined ? "" : `^${peeled}\n`}`);
  return `# pack-refs with: peeled fully-peeled sorted \n${lines.join("")}`;
}

/** What the refs of a folder name; empty where there are none yet. */
export async function readRefs(folder: string): Promise<{ text: string; ids: string[] }> {
  const text = await readFile(join(folder, "packed-refs"), "utf8").catch(() => "");
  const ids = [...text.matchAll(/^\^?([0-9a-f]{40})/gm)].map((match) => match[1] ?? "");
  return { text, ids };
}

/** Puts all refs in place at once: readers see the old ones or the new. */
export async function writeRefs(folder: string, text: string): Promise<void> {
  const temporary = join(folder, "packed-refs.new");
  await writeFile(temporary, text);
  await rename(temporary, join(folder, "packed-refs"));
}

/** Ids of the objects of a pack's index, in git's second version of it: head, 256 counts, ids. */
export function idsOfIndex(index: Buffer): string[] {
  if (index.readUInt32BE(0) !== 0xff744f63 || index.readUInt32BE(4) !== 2)
    throw new Error("internal: git wrote an index of another version");
  const count = index.readUInt32BE(8 + 255 * 4);
  const start = 8 + 256 * 4;
  return Array.from({ length: count }, (_, at) => index.toString("hex", start + at * 20, start + at * 20 + 20));
}

export async function packsOf(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, "objects", "pack")).catch(() => []);
  return names.filter((name) => name.endsWith(".idx")).map((name) => join(folder, "objects", "pack", name));
}

/** Removes what a process that died left of packs that were being written. */
export async function removeUnfinished(folder: string): Promise<void> {
  const path = join(folder, "objects", "pack");
  for (const name of await readdir(path).catch(() => []))
    if (name.startsWith("tmp_") || name.startsWith(".tmp-")) await rm(join(path, name), { force: true });
}

export const touch = (folder: string): Promise<void> => utimes(folder, new Date(), new Date()).catch(() => {});

interface Room {
  name: string;
  bytes: number;
  used: number;
}

/** Folders that have to go so that the others take no more than so many bytes: the longest unused ones. */
export async function longestUnused(root: string, limit: number): Promise<string[]> {
  const rooms: Room[] = [];
  for (const name of await readdir(root)) {
    const path = join(root, name, "objects", "pack");
    let bytes = 0;
    for (const file of await readdir(path).catch(() => []))
      bytes += (await stat(join(path, file)).catch(() => undefined))?.size ?? 0;
    rooms.push({ name, bytes, used: (await stat(join(root, name)).catch(() => undefined))?.mtimeMs ?? 0 });
  }
  rooms.sort((a, b) => b.used - a.used);
  let total = 0;
  const over = ({ bytes }: Room) => {
    total += bytes;
    return total > limit;
  };
  return rooms.filter(over).map(({ name }) => name);
}
