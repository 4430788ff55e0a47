// Which commit last touched each entry of a folder, for the list of files.
// Looks back a bounded way: what is older has no answer.
import { inArray } from "drizzle-orm";
import type { Context } from "../context.ts";
import { type StoredEntry, trees } from "../db/schema.ts";
import type { CommitRow } from "./refs.ts";

/** Commits worth looking at. */
export const LOOK_BACK = 100;
/** Folders with more entries are listed without, because every version of them would be read. */
const MOST_ENTRIES = 500;

/** The last commit by the name of an entry. `commits` are the newest of a revision, along first parents. */
export async function lastChanges(
  ctx: Context,
  commits: readonly CommitRow[],
  segments: readonly string[],
): Promise<Map<string, CommitRow>> {
  const found = new Map<string, CommitRow>();
  const [head] = commits;
  if (head === undefined) return found;
  const now = (await foldersAt(ctx, [head], segments)).get(head.id) ?? new Map<string, string>();
  if (now.size > MOST_ENTRIES) return found;
  const folders = await foldersAt(ctx, commits, segments);
  for (const [index, commit] of commits.entries()) {
    if (found.size === now.size) break;
    const before = commits[index + 1];
    // The end of what was looked at is the beginning only when it has no parent.
    if (before === undefined && commit.parents.length > 0) break;
    const [here, there] = [folders.get(commit.id), before === undefined ? undefined : folders.get(before.id)];
    for (const [name, id] of now) {
      if (!found.has(name) && here?.get(name) === id && there?.get(name) !== id) found.set(name, commit);
    }
  }
  return found;
}

/** The ids of the entries of one folder by name, at each of some commits; a query for each level of the path. */
async function foldersAt(
  ctx: Context,
  commits: readonly CommitRow[],
  segments: readonly string[],
): Promise<Map<string, Map<string, string>>> {
  let at = new Map(commits.map((commit) => [commit.id, commit.treeId]));
  let rows = await entriesOf(ctx, [...at.values()]);
  for (const segment of segments) {
    const next = new Map<string, string>();
    for (const [commitId, treeId] of at) {
      const child = rows.get(treeId)?.find(({ name, kind }) => name === segment && kind === "directory");
      if (child !== undefined) next.set(commitId, child.id);
    }
    at = next;
    rows = await entriesOf(ctx, [...at.values()]);
  }
  const named = ([commitId, treeId]: [string, string]): [string, Map<string, string>] => [
    commitId,
    new Map((rows.get(treeId) ?? []).map(({ name, id }) => [name, id])),
  ];
  return new Map([...at].map(named));
}

async function entriesOf(ctx: Context, treeIds: readonly string[]): Promise<Map<string, StoredEntry[]>> {
  const ids = [...new Set(treeIds)];
  const rows = ids.length === 0 ? [] : await ctx.db.select().from(trees).where(inArray(trees.id, ids));
  return new Map(rows.map(({ id, entries }) => [id, entries]));
}
