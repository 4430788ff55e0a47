// Reading versions: folders, files and their bytes. Nothing here writes.

import { Readable } from "node:stream";
import { eq, inArray } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import { encodePointer } from "../../src/io/git-objects.ts";
import type { Context } from "../context.ts";
import type { Db, Tx } from "../db/client.ts";
import { contents, type StoredEntry, trees } from "../db/schema.ts";
import { entryNotFound } from "../errors.ts";
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

/** Rows of a folder by its tree id; no row is an empty folder. */
export async function readTree({ db }: Reader, treeId: string): Promise<StoredEntry[]> {
  const [tree] = await db.select().from(trees).where(eq(trees.id, treeId));
  return tree?.entries ?? [];
}

/** The entry at a path below a tree, or undefined. */
export async function findEntry(
  reader: Reader,
  treeId: string,
  segments: readonly string[],
): Promise<StoredEntry | undefined> {
  let at: StoredEntry = { name: "", kind: "directory", id: treeId };
  for (const segment of segments) {
    if (at.kind !== "directory") return undefined;
    const next = (await readTree(reader, at.id)).find(({ name }) => name === segment);
    if (next === undefined) return undefined;
    at = next;
  }
  return at;
}

/** Entries with sizes, for stored entries under a prefix. */
async function describeEntries(
  { db }: Reader,
  found: readonly { path: string; entry: StoredEntry }[],
): Promise<Entry[]> {
  const ids = [...new Set(found.filter(({ entry }) => entry.kind === "file").map(({ entry }) => entry.id))];
  const { id, size, sha256, isLfs } = contents;
  const rows: { id: string; size: number; sha256: string | null; isLfs: boolean }[] = [];
  for (let start = 0; start < ids.length; start += 5000) {
    rows.push(
      ...(await db
        .select({ id, size, sha256, isLfs })
        .from(contents)
        .where(inArray(id, ids.slice(start, start + 5000)))),
    );
  }
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
  if (commit === undefined) return { commit, entries: [] };
  return { commit, entries: await listTreeOf(ctx, commit.treeId, path, recursive, commit.id) };
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
    const rows = await reader.db
      .select()
      .from(trees)
      .where(
        inArray(
          trees.id,
          level.map((item) => item.id),
        ),
      );
    const byId = new Map(rows.map((row) => [row.id, row.entries]));
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

/** Entries of given paths; those that do not exist are left out. */
export async function pathsInfo(
  ctx: Context,
  id: RepoId,
  revision: string,
  paths: readonly string[],
): Promise<Entry[]> {
  const repo = await requireAccess(ctx, "read", id);
  const commit = await requireRevision(ctx, repo, revision);
  const found: { path: string; entry: StoredEntry }[] = [];
  for (const path of paths) {
    const entry = await findEntry(ctx, commit.treeId, checkPath(path.replace(/\/$/, "")));
    if (entry !== undefined) found.push({ path, entry });
  }
  return describeEntries(ctx, found);
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
  const repo = await requireAccess(ctx, "read", id);
  const commit = await requireRevision(ctx, repo, revision);
  const stored = await findEntry(ctx, commit.treeId, checkPath(path));
  if (stored?.kind !== "file") throw entryNotFound(path, commit.id);
  const [entry] = await describeEntries(ctx, [{ path, entry: stored }]);
  if (entry?.kind !== "file") throw entryNotFound(path, commit.id);
  return { repo, commit, entry, open: (range) => openContent(ctx, entry.id, range) };
}

/** Bytes behind a git blob id. */
export async function openContent(
  { db, blobs }: Pick<Context, "blobs"> & Reader,
  blobId: string,
  range?: Range,
): Promise<Readable> {
  const [content] = await db.select().from(contents).where(eq(contents.id, blobId));
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
