// Merging three trees by path: what one side changed is taken, what both changed differently is a conflict.
// Contents are not merged line by line. Writes the folders that are new.
import { encodeTree, objectId } from "../../src/io/git-objects.ts";
import type { Db, Tx } from "../db/client.ts";
import type { StoredEntry } from "../db/schema.ts";
import { badRequest } from "../errors.ts";
import { MOST_ENTRIES } from "./commits.ts";
import { readTree } from "./files.ts";
import { putTrees } from "./objects.ts";

/** Conflicts that are told by name; a merge with more is as impossible as one with these. */
const MOST_CONFLICTS = 100;

export interface MergedTree {
  /** Undefined for an empty folder, which git does not keep. */
  id: string | undefined;
  /** Paths that both sides changed differently; the tree is of no use when there are some. */
  conflicts: string[];
}

interface Sides {
  base: StoredEntry | undefined;
  ours: StoredEntry | undefined;
  theirs: StoredEntry | undefined;
}

const same = (a: StoredEntry | undefined, b: StoredEntry | undefined): boolean =>
  a?.id === b?.id && a?.kind === b?.kind && a?.mode === b?.mode;

const folderId = (entry: StoredEntry | undefined): string | undefined =>
  entry?.kind === "directory" ? entry.id : undefined;

/** A merge that only looks writes nothing. */
export type Keep = (entries: StoredEntry[]) => Promise<string>;

export const idOf = (entries: StoredEntry[]): string => objectId("tree", encodeTree(entries));

/** Keeps the folders of a merge. */
export const keepIn =
  (tx: Tx): Keep =>
  async (entries) => {
    const id = idOf(entries);
    await putTrees(tx, [{ id, entries }]);
    return id;
  };

export async function mergeTrees(
  db: Db | Tx,
  keep: Keep,
  { base, ours, theirs }: { base: string | undefined; ours: string | undefined; theirs: string | undefined },
  path = "",
): Promise<MergedTree> {
  const [before, mine, yours] = [await folder(db, base), await folder(db, ours), await folder(db, theirs)];
  const names = new Set([...before.keys(), ...mine.keys(), ...yours.keys()]);
  const entries: StoredEntry[] = [];
  const conflicts: string[] = [];
  for (const name of [...names].sort()) {
    const sides = { base: before.get(name), ours: mine.get(name), theirs: yours.get(name) };
    const merged = await mergeEntry(db, keep, sides, path === "" ? name : `${path}/${name}`);
    if (merged.entry !== undefined) entries.push(merged.entry);
    conflicts.push(...merged.conflicts);
    if (conflicts.length >= MOST_CONFLICTS) break;
  }
  if (conflicts.length > 0 || entries.length === 0) return { id: undefined, conflicts };
  if (entries.length > MOST_ENTRIES)
    throw badRequest(`A folder may hold ${MOST_ENTRIES} entries; "${path}" would have more.`);
  return { id: await keep(entries), conflicts };
}

async function folder(db: Db | Tx, id: string | undefined): Promise<Map<string, StoredEntry>> {
  const entries = id === undefined ? [] : await readTree({ db }, id);
  return new Map(entries.map((entry) => [entry.name, entry]));
}

async function mergeEntry(
  db: Db | Tx,
  keep: Keep,
  { base, ours, theirs }: Sides,
  path: string,
): Promise<{ entry: StoredEntry | undefined; conflicts: string[] }> {
  if (same(ours, theirs) || same(base, theirs)) return { entry: ours, conflicts: [] };
  if (same(base, ours)) return { entry: theirs, conflicts: [] };
  // A folder against a folder, or against one that the other side emptied: its files decide, one by one.
  const files = [ours, theirs].some((side) => side?.kind === "file");
  const folders = [base, ours, theirs].filter((side) => side?.kind === "directory").length;
  if (files || folders < 2) return { entry: undefined, conflicts: [path] };
  const ids = { base: folderId(base), ours: folderId(ours), theirs: folderId(theirs) };
  const { id, conflicts } = await mergeTrees(db, keep, ids, path);
  const name = (ours ?? theirs)?.name ?? "";
  return { entry: id === undefined ? undefined : { name, kind: "directory", id }, conflicts };
}
