// What two trees have not in common. Folders that are the same in both are not read.
// Reads no contents.
import type { StoredEntry } from "../db/schema.ts";
import { describeEntries, readTrees } from "./files.ts";

type Reader = Parameters<typeof readTrees>[0];

export interface Sides {
  before?: StoredEntry | undefined;
  after?: StoredEntry | undefined;
}

/** Folders that are compared at once. */
const AT_ONCE = 64;

/** By how many bytes the files of one tree are more than those of another. */
export async function sizeDifference(reader: Reader, before: string | undefined, after: string): Promise<number> {
  const sides = [...(await differences(reader, before, after)).entries()];
  const told = (side: keyof Sides) =>
    sides.flatMap(([path, { [side]: entry }]) => (entry === undefined ? [] : [{ path, entry }]));
  const sum = (entries: readonly { size: number }[]) => entries.reduce((total, { size }) => total + size, 0);
  return sum(await describeEntries(reader, told("after"))) - sum(await describeEntries(reader, told("before")));
}

/** Files that two trees have not in common, by path; only folders that differ are read. */
export async function differences(
  reader: Reader,
  before: string | undefined,
  after: string | undefined,
): Promise<Map<string, Sides>> {
  const out = new Map<string, Sides>();
  const open: { prefix: string; before: string | undefined; after: string | undefined }[] = [];
  if (before !== after) open.push({ prefix: "", before, after });
  while (open.length > 0) {
    const some = open.splice(-AT_ONCE);
    const ids = some.flatMap((folder) => [folder.before, folder.after]).filter((id) => id !== undefined);
    const read = await readTrees(reader, ids);
    for (const { prefix, ...folder } of some) {
      const [old, now] = [byName(read, folder.before), byName(read, folder.after)];
      for (const name of new Set([...old.keys(), ...now.keys()])) {
        const sides = { before: old.get(name), after: now.get(name) };
        if (sides.before?.id === sides.after?.id && sides.before?.kind === sides.after?.kind) continue;
        const [a, b] = [only("directory", sides.before)?.id, only("directory", sides.after)?.id];
        if (a !== undefined || b !== undefined) open.push({ prefix: `${prefix}${name}/`, before: a, after: b });
        const files = { before: only("file", sides.before), after: only("file", sides.after) };
        if (files.before !== undefined || files.after !== undefined) out.set(prefix + name, files);
      }
    }
  }
  return out;
}

const byName = (read: ReadonlyMap<string, StoredEntry[]>, id: string | undefined): Map<string, StoredEntry> =>
  new Map((read.get(id ?? "") ?? []).map((entry) => [entry.name, entry]));

const only = (kind: StoredEntry["kind"], entry: StoredEntry | undefined): StoredEntry | undefined =>
  entry?.kind === kind ? entry : undefined;
