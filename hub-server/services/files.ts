// Reading versions: folders, files and their bytes. Nothing here writes.

import { Readable } from "node:stream";
import { and, eq, sql } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import { encodePointer } from "../../src/io/git-objects.ts";
import type { Context } from "../context.ts";
import type { Db, Tx } from "../db/client.ts";
import { prepared } from "../db/prepared.ts";
import { contents, lfsObjects, type StoredEntry, trees } from "../db/schema.ts";
import { badRequest, entryNotFound } from "../errors.ts";
import type { Range } from "../storage/blobs.ts";
import { type Repo, requireAccess } from "./access.ts";
import { checkPath } from "./paths.ts";
import { type CommitRow, requireRevision, resolveRevision } from "./refs.ts";

export interface FileEntry {
  kind: "file";
  path: string;
  /** git's blob id; of the pointer for an LFS file */
  id: string;
  size: number;
  lfs?: { sha256: string; size: number; pointerSize: number };
}

export interface DirectoryEntry {
  kind: "directory";
  path: string;
  id: string;
  size: 0;
}

export type Entry = FileEntry | DirectoryEntry;

type Reader = { db: Db | Tx };

const treesById = prepared((db) =>
  db
    .select()
    .from(trees)
    .where(sql`${trees.id} = any(${sql.placeholder("ids")})`),
);

/** Rows of a folder by its tree id; no row is an empty folder. */
export const readTree = async (reader: Reader, treeId: string): Promise<StoredEntry[]> =>
  (await readTrees(reader, [treeId])).get(treeId) ?? [];

/** Rows of several folders by their tree ids. */
export async function readTrees({ db }: Reader, treeIds: readonly string[]): Promise<Map<string, StoredEntry[]>> {
  const ids = [...new Set(treeIds)];
  const rows = ids.length === 0 ? [] : await treesById(db, { ids });
  return new Map(rows.map(({ id, entries }) => [id, entries]));
}

const entryAt = prepared((db) => {
  const at = (name: string) => sql.placeholder(name);
  const walk = sql`(
    with recursive walk as (
      select 0 as depth, jsonb_build_object('name', '', 'kind', 'directory', 'id', ${at("treeId")}::text) as entry
      union all
      select w.depth + 1, e from walk w
      join ${trees} t on t.id = w.entry ->> 'id'
      cross join lateral jsonb_array_elements(t.entries) e
      where w.entry ->> 'kind' = 'directory' and e ->> 'name' = (${at("names")}::text)::jsonb ->> w.depth
    )
    select entry from walk where depth = ${at("depth")}::int) as found`;
  return db.select({ entry: sql<StoredEntry>`found.entry` }).from(walk);
});

/** The entry at a path below a tree, or undefined. The database walks down, so that large folders stay there. */
export async function findEntry(
  { db }: Reader,
  treeId: string,
  segments: readonly string[],
): Promise<StoredEntry | undefined> {
  if (segments.length === 0) return { name: "", kind: "directory", id: treeId };
  const [row] = await entryAt(db, { treeId, names: JSON.stringify(segments), depth: segments.length });
  return row?.entry;
}

/** A list for a query: one parameter, however long it is. */
const asJson = (list: readonly string[]) => sql`(${JSON.stringify(list)}::text)::jsonb`;

/** Entries of some names in some folders: by the folder's id, then by name. */
export async function entriesNamed(
  { db }: Reader,
  treeIds: readonly string[],
  names: readonly string[],
): Promise<Map<string, Map<string, StoredEntry>>> {
  const out = new Map<string, Map<string, StoredEntry>>();
  if (treeIds.length === 0 || names.length === 0) return out;
  const rows = await db.execute<{ id: string; entry: StoredEntry }>(sql`
    select t.id, e as entry from ${trees} t
    cross join lateral jsonb_array_elements(t.entries) e
    where t.id in (select jsonb_array_elements_text(${asJson([...new Set(treeIds)])}))
      and e ->> 'name' in (select jsonb_array_elements_text(${asJson([...new Set(names)])}))`);
  for (const { id, entry } of rows) {
    const folder = out.get(id) ?? new Map<string, StoredEntry>();
    out.set(id, folder.set(entry.name, entry));
  }
  return out;
}

/** The entries at many paths below a tree, a query for each level; paths where nothing is are left out. */
export async function findEntries(
  reader: Reader,
  treeId: string,
  paths: readonly (readonly string[])[],
): Promise<Map<string, StoredEntry>> {
  const found = new Map<string, StoredEntry>();
  let at = paths.map((segments) => ({ segments, treeId }));
  for (let depth = 0; at.length > 0; depth++) {
    const names = at.map(({ segments }) => segments[depth] ?? "");
    const here = await entriesNamed(
      reader,
      at.map((item) => item.treeId),
      names,
    );
    const next: typeof at = [];
    for (const { segments, treeId: id } of at) {
      const entry = here.get(id)?.get(segments[depth] ?? "");
      if (entry === undefined) continue;
      if (depth === segments.length - 1) found.set(segments.join("/"), entry);
      else if (entry.kind === "directory") next.push({ segments, treeId: entry.id });
    }
    at = next;
  }
  return found;
}

const contentsById = prepared((db) =>
  db
    .select({ id: contents.id, size: contents.size, sha256: contents.sha256, isLfs: contents.isLfs })
    .from(contents)
    .where(sql`${contents.id} = any(${sql.placeholder("ids")})`),
);

/** Entries with sizes, for stored entries at their paths. */
export async function describeEntries(
  { db }: Reader,
  found: readonly { path: string; entry: StoredEntry }[],
): Promise<Entry[]> {
  const ids = [...new Set(found.filter(({ entry }) => entry.kind === "file").map(({ entry }) => entry.id))];
  const rows: Awaited<ReturnType<typeof contentsById>> = [];
  for (let start = 0; start < ids.length; start += 5000)
    rows.push(...(await contentsById(db, { ids: ids.slice(start, start + 5000) })));
  const byId = new Map(rows.map((row) => [row.id, row]));
  return found.map(({ path, entry }): Entry => {
    if (entry.kind === "directory") return { kind: "directory", path, id: entry.id, size: 0 };
    const content = byId.get(entry.id);
    const file: FileEntry = { kind: "file", path, id: entry.id, size: content?.size ?? 0 };
    if (content?.isLfs === true && content.sha256 !== null) {
      const pointerSize = encodePointer(content.sha256, content.size).length;
      file.lfs = { sha256: content.sha256, size: content.size, pointerSize };
    }
    return file;
  });
}

/** What lies under a folder of a revision, folders included, in order of path. */
export async function listTree(
  ctx: Context,
  id: RepoId,
  revision: string,
  path = "",
  { recursive = false } = {},
): Promise<{ commit: CommitRow | undefined; entries: Entry[] }> {
  const repo = await requireAccess(ctx, "read", id);
  const commit = await resolveRevision(ctx, repo, revision);
  if (commit !== undefined)
    return { commit, entries: await listTreeOf(ctx, commit.treeId, path, recursive, commit.id) };
  if (path !== "") throw entryNotFound(path);
  return { commit, entries: [] };
}

export async function listTreeOf(
  reader: Reader,
  treeId: string,
  path: string,
  recursive: boolean,
  commitId?: string,
): Promise<Entry[]> {
  const segments = path === "" ? [] : checkPath(path.replace(/\/$/, ""));
  const folder = await findEntry(reader, treeId, segments);
  if (folder?.kind !== "directory") throw entryNotFound(path, commitId);
  const found: { path: string; entry: StoredEntry }[] = [];
  let level = [{ prefix: segments.length === 0 ? "" : `${segments.join("/")}/`, id: folder.id }];
  while (level.length > 0) {
    const byId = await readTrees(
      reader,
      level.map((item) => item.id),
    );
    const next: typeof level = [];
    for (const { prefix, id } of level) {
      for (const entry of byId.get(id) ?? []) {
        found.push({ path: prefix + entry.name, entry });
        if (recursive && entry.kind === "directory") next.push({ prefix: `${prefix}${entry.name}/`, id: entry.id });
      }
    }
    level = next;
  }
  found.sort((a, b) => (a.path < b.path ? -1 : 1));
  return describeEntries(reader, found);
}

/** Paths that one question may name. */
const MOST_PATHS = 2000;

/** Entries of given paths, files and folders; those that do not exist are left out. */
export async function pathsInfo(
  ctx: Context,
  id: RepoId,
  revision: string,
  paths: readonly string[],
): Promise<{ repo: Repo; commit: CommitRow; entries: Entry[] }> {
  const repo = await requireAccess(ctx, "read", id);
  if (paths.length > MOST_PATHS)
    throw badRequest(`${paths.length} paths in one question; ask for up to ${MOST_PATHS}.`);
  const commit = await requireRevision(ctx, repo, revision);
  const asked = [...new Set(paths)].map((path) => checkPath(path.replace(/\/$/, "")));
  const stored = await findEntries(ctx, commit.treeId, asked);
  const found = [...stored].map(([path, entry]) => ({ path, entry }));
  return { repo, commit, entries: await describeEntries(ctx, found) };
}

export interface FileHandle {
  repo: Repo;
  commit: CommitRow;
  entry: FileEntry;
  /** Bytes of the file, or of its LFS object. */
  open(range?: Range): Promise<Readable>;
}

/** A file of a revision, with its bytes ready to be read. */
export async function openFile(ctx: Context, id: RepoId, revision: string, path: string): Promise<FileHandle> {
  const repo = await requireAccess(ctx, "content", id);
  const commit = await requireRevision(ctx, repo, revision);
  const stored = await findEntry(ctx, commit.treeId, checkPath(path));
  if (stored?.kind !== "file") throw entryNotFound(path, commit.id);
  const [entry] = await describeEntries(ctx, [{ path, entry: stored }]);
  if (entry?.kind !== "file") throw entryNotFound(path, commit.id);
  if (entry.lfs !== undefined) await requireObject(ctx, repo, entry.lfs.sha256, path, commit.id);
  return { repo, commit, entry, open: (range) => openContent(ctx, entry.id, range) };
}

const objectOf = prepared((db) =>
  db
    .select({ size: lfsObjects.size })
    .from(lfsObjects)
    .where(and(eq(lfsObjects.repoId, sql.placeholder("repoId")), eq(lfsObjects.sha256, sql.placeholder("sha256")))),
);

/** An object that was deleted for good is gone from every commit, whoever else has the same. */
async function requireObject({ db }: Reader, repo: Repo, sha256: string, path: string, commit: string): Promise<void> {
  const [object] = await objectOf(db, { repoId: repo.id, sha256 });
  if (object === undefined) throw entryNotFound(path, commit);
}

const contentById = prepared((db) =>
  db
    .select()
    .from(contents)
    .where(eq(contents.id, sql.placeholder("id"))),
);

/** Bytes behind a git blob id. */
export async function openContent(
  { db, blobs }: Pick<Context, "blobs"> & Reader,
  blobId: string,
  range?: Range,
): Promise<Readable> {
  const [content] = await contentById(db, { id: blobId });
  if (content === undefined) throw entryNotFound(blobId);
  if (content.bytes === null) return blobs.open(content.sha256 ?? "", range);
  const bytes = range === undefined ? content.bytes : content.bytes.subarray(range.start, range.end);
  return Readable.from(bytes.length === 0 ? [] : [Buffer.from(bytes)]);
}

/** The whole content as bytes; for files that are known to be small. */
export async function readContent(ctx: Pick<Context, "blobs"> & Reader, blobId: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await openContent(ctx, blobId)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
