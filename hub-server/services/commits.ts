// Commits: one queue per repository, only touched folders written, contents first, the ref last, all in one transaction.
import { createHash } from "node:crypto";
import { and, eq } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import { parseGitignore } from "../../src/io/git-ignore.ts";
import {
  encodeCommit,
  encodePointer,
  encodeTree,
  isLfsPath,
  objectId,
  type Signature,
} from "../../src/io/git-objects.ts";
import { log } from "../../src/log.ts";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { commits, contents, lfsObjects, refs, repos, type StoredEntry, trees } from "../db/schema.ts";
import { badRequest, ServiceError } from "../errors.ts";
import { type Repo, requireAccess } from "./access.ts";
import { findEntry, readContent, readTree } from "./files.ts";
import { indexRepo } from "./indexer.ts";
import { checkPath, isBroken } from "./paths.ts";
import { branchRef, resolveRevision } from "./refs.ts";

/** Up to this a content is a row, above it a blob. */
const ROW_LIMIT = 64 * 1024;
export const LFS_LIMIT = 10 * 1024 * 1024;
/** Characters of a .gitignore that are read: each rule costs time for each file of an upload. */
const MOST_RULES = 64 * 1024;
/** As the Hub recommends. */
const MOST_ENTRIES = 10_000;

export type Operation =
  | { kind: "file"; path: string; bytes: Uint8Array }
  | { kind: "lfs"; path: string; sha256: string; size?: number | undefined }
  | { kind: "delete"; path: string }
  | { kind: "deleteFolder"; path: string };

export interface CommitInput {
  branch: string;
  message: string;
  /** The head that the caller saw; another one is refused with 412. */
  parent?: string | undefined;
  operations: readonly Operation[];
}

/** Waits its turn: commits to one repository run one after the other, in the order they came. */
const queues = new Map<string, Promise<unknown>>();

function inTurn<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
  const before = queues.get(key) ?? Promise.resolve();
  const mine = before.then(work, work);
  const settled = mine.catch(() => {});
  queues.set(key, settled);
  void settled.then(() => {
    if (queues.get(key) === settled) queues.delete(key);
  });
  return mine;
}

export async function createCommit(
  ctx: Context,
  id: RepoId,
  input: CommitInput,
): Promise<{ id: string; changed: boolean }> {
  const repo = await requireAccess(ctx, "write", id);
  if (input.message.includes("\0")) throw badRequest("The message of a commit cannot hold a NUL.");
  if (isBroken(input.message)) throw badRequest("The message of the commit is not well-formed Unicode.");
  const { actor } = ctx;
  const author = { name: actor?.name ?? "", email: `${actor?.name}@users.noreply.abrazo` };
  const prepared = await prepare(ctx, repo, input.operations);
  const result = await inTurn(repo.id, () =>
    ctx.db.transaction(async (tx) => {
      const written = await write(tx, repo, input, prepared, author);
      if (written.changed) await ctx.queue.send(tx, "index", { repoId: repo.id }, repo.id);
      return written;
    }),
  );
  // Clients ask for what they committed at once. If this fails or is cut off, the queue does it again.
  if (result.changed) {
    await indexRepo(ctx, repo).catch((error: unknown) =>
      log.warn(`${repo.namespace}/${repo.name} was not indexed; it is tried again: ${error}`),
    );
  }
  return result;
}

interface Prepared {
  path: string[];
  /** Undefined deletes. */
  content: { id: string; size: number; bytes: Uint8Array | null; sha256: string | null; isLfs: boolean } | undefined;
  folder: boolean;
}

/** Checks names, hashes contents and stores large ones before the transaction begins. */
async function prepare(ctx: Context, repo: Repo, operations: readonly Operation[]): Promise<Prepared[]> {
  const out: Prepared[] = [];
  for (const operation of operations) {
    const path = checkPath(operation.path.replace(/\/$/, ""));
    const deletes = operation.kind === "delete" || operation.kind === "deleteFolder";
    const content = deletes ? undefined : await contentOf(ctx, repo, operation);
    out.push({ path, content, folder: operation.kind === "deleteFolder" });
  }
  return out;
}

async function contentOf(ctx: Context, repo: Repo, operation: Exclude<Operation, { kind: "delete" | "deleteFolder" }>) {
  if (operation.kind === "lfs") {
    const { sha256 } = operation;
    const mine = and(eq(lfsObjects.repoId, repo.id), eq(lfsObjects.sha256, sha256));
    const [object] = await ctx.db.select().from(lfsObjects).where(mine);
    if (object === undefined || !(await ctx.blobs.has(sha256))) {
      throw badRequest(
        `LFS pointer pointed to a file that does not exist: ${operation.path} (${sha256}).`,
        "Upload the file first.",
      );
    }
    if (operation.size !== undefined && operation.size !== object.size) {
      throw badRequest(
        `${operation.path} is said to have ${operation.size} bytes; the uploaded object has ${object.size}.`,
      );
    }
    return {
      id: objectId("blob", encodePointer(sha256, object.size)),
      size: object.size,
      bytes: null,
      sha256,
      isLfs: true,
    };
  }
  const { bytes } = operation;
  const id = objectId("blob", bytes);
  if (bytes.length <= ROW_LIMIT) return { id, size: bytes.length, bytes, sha256: null, isLfs: false };
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (!(await ctx.blobs.has(sha256))) await ctx.blobs.put(asSource(bytes), { sha256, size: bytes.length });
  return { id, size: bytes.length, bytes: null, sha256, isLfs: false };
}

async function* asSource(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function write(
  tx: Tx,
  repo: Repo,
  { branch, message, parent, operations }: CommitInput,
  prepared: readonly Prepared[],
  author: { name: string; email: string },
): Promise<{ id: string; changed: boolean }> {
  // The row lock keeps other processes on the same database in turn, too.
  await tx.select({ id: repos.id }).from(repos).where(eq(repos.id, repo.id)).for("update");
  const ref = branch.startsWith("refs/") ? branch : branchRef(branch);
  const head = await resolveRevision({ db: tx }, repo, ref);
  if (parent !== undefined && parent !== head?.id) {
    throw new ServiceError(412, `The branch ${branch} is at ${head?.id ?? "nothing"}, not at ${parent}.`, {
      code: "STALE_PARENT",
      hint: "Look at what changed, and commit again on top of it.",
    });
  }
  const rows = prepared.map(({ content }) => content).filter((content) => content !== undefined);
  for (const row of rows) await tx.insert(contents).values(row).onConflictDoNothing();
  const treeId = await applyAll(tx, head?.treeId, prepared);
  if (head !== undefined && (treeId === head.treeId || operations.length === 0)) return { id: head.id, changed: false };
  const time = Math.floor(Date.now() / 1000);
  const signature: Signature = { ...author, time };
  const parents = head === undefined ? [] : [head.id];
  const commitId = objectId(
    "commit",
    encodeCommit({ tree: treeId, parents, author: signature, committer: signature, message }),
  );
  await tx
    .insert(commits)
    .values({
      repoId: repo.id,
      id: commitId,
      treeId,
      parents,
      authorName: author.name,
      authorEmail: author.email,
      time,
      message,
    })
    .onConflictDoNothing();
  await tx
    .insert(refs)
    .values({ repoId: repo.id, name: ref, commitId })
    .onConflictDoUpdate({ target: [refs.repoId, refs.name], set: { commitId } });
  await tx.update(repos).set({ updatedAt: new Date() }).where(eq(repos.id, repo.id));
  return { id: commitId, changed: true };
}

/** A folder while it is changed: entries by name, subfolders opened on demand. */
interface Folder {
  entries: Map<string, StoredEntry>;
  opened: Map<string, Folder>;
}

const EMPTY_TREE = objectId("tree", new Uint8Array());

async function openFolder(tx: Tx, treeId: string | undefined): Promise<Folder> {
  const entries = treeId === undefined ? [] : await readTree({ db: tx }, treeId);
  return { entries: new Map(entries.map((entry) => [entry.name, entry])), opened: new Map() };
}

async function applyAll(tx: Tx, rootId: string | undefined, prepared: readonly Prepared[]): Promise<string> {
  const root = await openFolder(tx, rootId);
  for (const change of prepared) await apply(tx, root, change);
  return (await store(tx, root)) ?? EMPTY_TREE;
}

async function apply(tx: Tx, root: Folder, { path, content, folder }: Prepared): Promise<void> {
  const name = path.at(-1) ?? "";
  let at = root;
  for (const segment of path.slice(0, -1)) at = await descend(tx, at, segment, content !== undefined, path);
  if (content !== undefined) {
    if (at.opened.has(name) || at.entries.get(name)?.kind === "directory") {
      throw badRequest(`"${path.join("/")}" is a folder; delete it before putting a file there.`);
    }
    at.entries.set(name, { name, kind: "file", id: content.id });
    return;
  }
  const there = at.entries.get(name);
  const isFolder = at.opened.has(name) || there?.kind === "directory";
  if (folder ? !isFolder : there?.kind !== "file") {
    const what = folder ? "folder" : "file";
    throw new ServiceError(404, `A ${what} with this name doesn't exist: ${path.join("/")}`, {
      wireCode: "EntryNotFound",
    });
  }
  at.entries.delete(name);
  at.opened.delete(name);
}

async function descend(tx: Tx, at: Folder, segment: string, create: boolean, path: readonly string[]): Promise<Folder> {
  const open = at.opened.get(segment);
  if (open !== undefined) return open;
  const entry = at.entries.get(segment);
  if (entry?.kind === "file" && create)
    throw badRequest(`"${segment}" in "${path.join("/")}" is a file, not a folder.`);
  const folder = await openFolder(tx, entry?.kind === "directory" ? entry.id : undefined);
  at.opened.set(segment, folder);
  return folder;
}

/** Writes changed folders from the leaves up; an empty one disappears, as in git. */
async function store(tx: Tx, folder: Folder): Promise<string | undefined> {
  for (const [name, child] of folder.opened) {
    const id = await store(tx, child);
    if (id === undefined) folder.entries.delete(name);
    else folder.entries.set(name, { name, kind: "directory", id });
  }
  if (folder.entries.size === 0) return undefined;
  if (folder.entries.size > MOST_ENTRIES) throw badRequest(`A folder may hold ${MOST_ENTRIES} entries; split it.`);
  const entries = [...folder.entries.values()];
  const id = objectId("tree", encodeTree(entries));
  await tx.insert(trees).values({ id, entries }).onConflictDoNothing();
  return id;
}

/**
 * For each file of an upload: whether it goes by LFS, whether .gitignore leaves it out, and the id it has now, so that
 * clients skip what is unchanged. A .gitignore that comes along goes before the repository's own.
 */
export async function preupload(
  ctx: Context,
  id: RepoId,
  revision: string,
  { files, gitIgnore }: { files: readonly { path: string; size: number }[]; gitIgnore?: string | undefined },
): Promise<{ path: string; uploadMode: "lfs" | "regular"; shouldIgnore: boolean; oid: string | null }[]> {
  const repo = await requireAccess(ctx, "write", id);
  const head = await resolveRevision(ctx, repo, revision);
  const read = async (name: string) => {
    const entry = head === undefined ? undefined : await findEntry(ctx, head.treeId, [name]);
    return entry?.kind === "file" ? (await readContent(ctx, entry.id)).toString("utf8") : "";
  };
  const attributes = await read(".gitattributes");
  const ignored = parseGitignore((gitIgnore ?? (await read(".gitignore"))).slice(0, MOST_RULES));
  const out = [];
  for (const { path, size } of files) {
    const segments = checkPath(path);
    const isLfs = size > 0 && (size > LFS_LIMIT || isLfsPath(attributes, path));
    const now = head === undefined ? undefined : await findEntry(ctx, head.treeId, segments);
    out.push({
      path,
      uploadMode: isLfs ? ("lfs" as const) : ("regular" as const),
      shouldIgnore: ignored(path),
      oid: await currentOid(ctx, now),
    });
  }
  return out;
}

async function currentOid(ctx: Context, entry: StoredEntry | undefined): Promise<string | null> {
  if (entry?.kind !== "file") return null;
  const [content] = await ctx.db
    .select({ sha256: contents.sha256, isLfs: contents.isLfs })
    .from(contents)
    .where(eq(contents.id, entry.id));
  return content?.isLfs === true ? content.sha256 : entry.id;
}
