// What git sees of a repository, from its rows: refs, and the objects behind them that somebody lacks.
// Knows no process and no folder: git/cache.ts asks.
import { and, eq, inArray, sql } from "drizzle-orm";
import { encodeCommit, encodePointer, encodeTree, parseTag } from "../../src/io/git-objects.ts";
import type { Store } from "../context.ts";
import type { Db, Tx } from "../db/client.ts";
import { annotatedTags } from "../db/schema/uploads.ts";
import { commits, contents, refs, type StoredEntry, trees } from "../db/schema.ts";
import type { GitRef, GitRows } from "../git/cache.ts";
import type { PackObject } from "../git/pack.ts";
import type { Repo } from "./access.ts";
import { openContent } from "./files.ts";
import { EMPTY_TREE } from "./objects.ts";

type Present = Parameters<GitRows["missing"]>[2];
type CommitRow = typeof commits.$inferSelect;

/** Rows of one query: folders may have ten thousand entries each, contents 64 KiB. */
const TREES_AT_ONCE = 32;
const CONTENTS_AT_ONCE = 64;
const COMMITS_AT_ONCE = 500;

/** Refs that git is shown, tags with their objects. */
export async function gitRefs({ db }: { db: Db | Tx }, repo: Repo): Promise<GitRef[]> {
  const rows = await db
    .select({ name: refs.name, commitId: refs.commitId, tagId: annotatedTags.id, raw: annotatedTags.raw })
    .from(refs)
    .leftJoin(annotatedTags, and(eq(annotatedTags.repoId, refs.repoId), eq(annotatedTags.name, refs.name)))
    .where(eq(refs.repoId, repo.id));
  return rows.map(({ name, commitId, tagId, raw }): GitRef => {
    // A tag that was moved since is a plain one.
    const annotates = tagId !== null && raw !== null && parseTag(raw).object === commitId;
    return annotates ? { name, id: tagId, peeled: commitId } : { name, id: commitId };
  });
}

/** A repository as git/cache.ts reads it. */
export function gitRows(store: Store, repo: Repo): GitRows {
  return {
    refs: () => gitRefs(store, repo),
    missing: (wanted, known, present) => missing(store, repo, wanted, known, present),
  };
}

async function missing(
  store: Store,
  repo: Repo,
  wanted: readonly GitRef[],
  known: readonly string[],
  present: Present,
): Promise<{ count: number; objects: AsyncIterable<PackObject> }> {
  const absent = async (ids: readonly string[]): Promise<string[]> => {
    const there = await present(ids);
    return ids.filter((id) => !there.has(id));
  };
  const tips = await absent([...new Set(wanted.map(({ id, peeled }) => peeled ?? id))]);
  const commitIds = await absent(await reachable(store, repo, tips, known));
  const tagIds = await absent(wanted.filter(({ peeled }) => peeled !== undefined).map(({ id }) => id));
  const { treeIds, blobIds } = await objectsBehind(store, repo, commitIds, absent);
  const count = commitIds.length + tagIds.length + treeIds.length + blobIds.length;
  return { count, objects: objectsOf(store, repo, { commitIds, tagIds, treeIds, blobIds }) };
}

/** Commits behind some that are not behind what is known. */
async function reachable(
  { db }: Store,
  repo: Repo,
  tips: readonly string[],
  known: readonly string[],
): Promise<string[]> {
  if (tips.length === 0) return [];
  const stop = known.length === 0 ? sql`true` : sql`not (c.id = any(${list(known)}))`;
  const rows = await db.execute<{ id: string }>(sql`
    with recursive walk as (
      select ${commits.id} as id, ${commits.parents} as parents from ${commits}
      where ${commits.repoId} = ${repo.id} and ${commits.id} = any(${list(tips)})
      union
      select c.id, c.parents from walk w
      cross join lateral unnest(w.parents) as parent
      join ${commits} c on c.repo_id = ${repo.id} and c.id = parent
      where ${stop}
    )
    select id from walk`);
  return rows.map(({ id }) => id);
}

/** Ids are hex digits: one parameter holds them all. */
const list = (ids: readonly string[]) => sql`string_to_array(${ids.join(",")}, ',')`;

async function* commitRows({ db }: Store, repo: Repo, ids: readonly string[]): AsyncGenerator<CommitRow> {
  for (let start = 0; start < ids.length; start += COMMITS_AT_ONCE) {
    const some = ids.slice(start, start + COMMITS_AT_ONCE);
    yield* await db
      .select()
      .from(commits)
      .where(and(eq(commits.repoId, repo.id), inArray(commits.id, some)));
  }
}

async function* treeRows(
  { db }: Store,
  ids: readonly string[],
): AsyncGenerator<{ id: string; entries: StoredEntry[] }> {
  for (let start = 0; start < ids.length; start += TREES_AT_ONCE) {
    const some = ids.slice(start, start + TREES_AT_ONCE);
    const rows = await db.select().from(trees).where(inArray(trees.id, some));
    const byId = new Map(rows.map((row) => [row.id, row.entries]));
    for (const id of some) {
      const entries = id === EMPTY_TREE ? [] : byId.get(id);
      if (entries === undefined) throw new Error(`internal: the folder ${id} is missing`);
      yield { id, entries };
    }
  }
}

/** Folders and files of commits, level by level; below what is there already everything is. */
async function objectsBehind(
  store: Store,
  repo: Repo,
  commitIds: readonly string[],
  absent: (ids: readonly string[]) => Promise<string[]>,
): Promise<{ treeIds: string[]; blobIds: string[] }> {
  const [seen, files] = [new Set<string>(), new Set<string>()];
  const treeIds: string[] = [];
  let level = new Set<string>();
  for await (const { treeId } of commitRows(store, repo, commitIds)) level.add(treeId);
  while (level.size > 0) {
    for (const id of level) seen.add(id);
    const here = await absent([...level]);
    treeIds.push(...here);
    level = new Set();
    for await (const { entries } of treeRows(store, here))
      for (const { kind, id } of entries) {
        if (kind === "file") files.add(id);
        else if (!seen.has(id)) level.add(id);
      }
  }
  return { treeIds, blobIds: await absent([...files]) };
}

async function* objectsOf(
  store: Store,
  repo: Repo,
  ids: { commitIds: string[]; tagIds: string[]; treeIds: string[]; blobIds: string[] },
): AsyncGenerator<PackObject> {
  for await (const row of commitRows(store, repo, ids.commitIds)) yield whole("commit", commitBytes(row));
  if (ids.tagIds.length > 0) {
    const mine = and(eq(annotatedTags.repoId, repo.id), inArray(annotatedTags.id, ids.tagIds));
    const found = await store.db
      .select({ id: annotatedTags.id, raw: annotatedTags.raw })
      .from(annotatedTags)
      .where(mine);
    for (const raw of new Map(found.map((row) => [row.id, row.raw])).values()) yield whole("tag", raw);
  }
  for await (const { entries } of treeRows(store, ids.treeIds)) yield whole("tree", encodeTree(entries));
  for (let start = 0; start < ids.blobIds.length; start += CONTENTS_AT_ONCE)
    yield* blobsOf(store, ids.blobIds.slice(start, start + CONTENTS_AT_ONCE));
}

const whole = (type: PackObject["type"], content: Uint8Array): PackObject => ({ type, size: content.length, content });

/** A commit as git knows it. */
export function commitBytes({ raw, treeId, parents, authorName, authorEmail, time, message }: CommitRow): Uint8Array {
  if (raw !== null) return raw;
  const who = { name: authorName, email: authorEmail, time };
  return encodeCommit({ tree: treeId, parents, author: who, committer: who, message });
}

async function* blobsOf(store: Store, ids: readonly string[]): AsyncGenerator<PackObject> {
  const rows = await store.db
    .select()
    .from(contents)
    .where(inArray(contents.id, [...ids]));
  if (rows.length !== ids.length) throw new Error(`internal: ${ids.length - rows.length} contents are missing`);
  for (const { id, size, bytes, sha256, isLfs } of rows) {
    if (bytes !== null) yield whole("blob", bytes);
    else if (isLfs && sha256 !== null) yield whole("blob", encodePointer(sha256, size));
    else yield { type: "blob", size, content: await openContent(store, id) };
  }
}
