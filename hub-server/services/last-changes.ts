// Which commit last touched an entry: for the list of files, and for clients that ask for it.
// Looks back a bounded way, along first parents.
import type { Context } from "../context.ts";
import type { StoredEntry } from "../db/schema.ts";
import type { Repo } from "./access.ts";
import { entriesNamed, readTrees } from "./files.ts";
import { type CommitRow, firstParents } from "./refs.ts";

/** Commits worth looking at for a page. */
export const LOOK_BACK = 100;
/** Folders with more entries are listed without, because every version of them would be read. */
const MOST_ENTRIES = 500;
/** Commits that are looked at for a client, and how many at once. */
const [MOST_COMMITS, FIRST_STEP, MOST_STEP] = [2000, 16, 256];

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

/**
 * The last commit that touched each of some paths that a commit has. What was last touched longer ago than is looked back
 * has the oldest commit that was looked at: there it is the same still.
 */
export async function lastCommits(
  ctx: Context,
  repo: Repo,
  head: CommitRow,
  paths: readonly string[],
): Promise<Map<string, CommitRow>> {
  const found = new Map<string, CommitRow>();
  const open = new Map(paths.map((path) => [path, path.split("/")]));
  let [oldest, looked, step] = [head, 0, FIRST_STEP];
  while (open.size > 0) {
    const log = await firstParents(ctx, repo, oldest, { limit: step + 1, offset: 0, counted: false });
    const ids = await idsAt(ctx, log.commits, open);
    for (const [index, commit] of log.commits.entries()) {
      const before = log.commits[index + 1];
      if (before === undefined && commit.parents.length > 0) break;
      for (const path of open.keys()) {
        if (before !== undefined && ids(commit, path) === ids(before, path)) continue;
        found.set(path, commit);
        open.delete(path);
      }
    }
    oldest = log.commits.at(-1) ?? oldest;
    looked += step;
    step = Math.min(2 * step, MOST_STEP);
    if (looked >= MOST_COMMITS || log.commits.length < 2) break;
  }
  for (const path of open.keys()) found.set(path, oldest);
  return found;
}

/** Ids of paths at commits, a query for each level of the paths. */
async function idsAt(
  ctx: Context,
  commits: readonly CommitRow[],
  paths: ReadonlyMap<string, readonly string[]>,
): Promise<(commit: CommitRow, path: string) => string | undefined> {
  const key = (commit: CommitRow, path: string) => `${commit.id} ${path}`;
  const at = new Map<string, StoredEntry>();
  for (const commit of commits) {
    for (const path of paths.keys()) at.set(key(commit, path), { name: "", kind: "directory", id: commit.treeId });
  }
  const deepest = Math.max(0, ...[...paths.values()].map((segments) => segments.length));
  for (let depth = 0; depth < deepest; depth++) {
    const [folders, names] = [new Set<string>(), new Set<string>()];
    const going = [...paths].filter(([, segments]) => depth < segments.length);
    for (const [path, segments] of going) {
      names.add(segments[depth] ?? "");
      for (const commit of commits) {
        const entry = at.get(key(commit, path));
        if (entry?.kind === "directory") folders.add(entry.id);
      }
    }
    const here = await entriesNamed(ctx, [...folders], [...names]);
    for (const [path, segments] of going) {
      for (const commit of commits) {
        const folder = at.get(key(commit, path));
        const next = folder?.kind === "directory" ? here.get(folder.id)?.get(segments[depth] ?? "") : undefined;
        if (next === undefined) at.delete(key(commit, path));
        else at.set(key(commit, path), next);
      }
    }
  }
  return (commit, path) => at.get(key(commit, path))?.id;
}

/** The ids of the entries of one folder by name, at each of some commits; a query for each level of the path. */
async function foldersAt(
  ctx: Context,
  commits: readonly CommitRow[],
  segments: readonly string[],
): Promise<Map<string, Map<string, string>>> {
  let at = new Map(commits.map((commit) => [commit.id, commit.treeId]));
  let rows = await readTrees(ctx, [...at.values()]);
  for (const segment of segments) {
    const next = new Map<string, string>();
    for (const [commitId, treeId] of at) {
      const child = rows.get(treeId)?.find(({ name, kind }) => name === segment && kind === "directory");
      if (child !== undefined) next.set(commitId, child.id);
    }
    at = next;
    rows = await readTrees(ctx, [...at.values()]);
  }
  const named = ([commitId, treeId]: [string, string]): [string, Map<string, string>] => [
    commitId,
    new Map((rows.get(treeId) ?? []).map(({ name, id }) => [name, id])),
  ];
  return new Map([...at].map(named));
}
