// Commits: one queue per repository, only touched folders written, contents first, the ref last, all in one transaction.
// The API makes them here; git's pushes end here too (services/git-push.ts), through `inRepoTurn` and `moveRef`.
import { setImmediate as turn } from "node:timers/promises";
import { and, eq } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import { parseGitignore } from "../../src/io/git-ignore.ts";
import { encodeCommit, encodeTree, isLfsPath, objectId, type Signature } from "../../src/io/git-objects.ts";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { annotatedTags } from "../db/schema/uploads.ts";
import { commits, refs, repos, type StoredEntry, type trees } from "../db/schema.ts";
import { badRequest, repoNotFound, revisionNotFound, ServiceError } from "../errors.ts";
import { Turns } from "../in-turn.ts";
import type { Repo } from "./access.ts";
import { IncomingContents } from "./contents.ts";
import { record, type UpdatedRef } from "./events.ts";
import { describeEntries, findEntries, findEntry, readContent, readTree } from "./files.ts";
import { indexNow } from "./indexer.ts";
import { commitMark, EMPTY_TREE, keepObjects, putTrees } from "./objects.ts";
import { checkNewPath, checkPath, isBroken } from "./paths.ts";
import { openPullRequest } from "./pull-requests.ts";
import { pullRequestRef, requirePush } from "./pushes.ts";
import { branchRef, commitById, resolveRevision } from "./refs.ts";

export const LFS_LIMIT = 10 * 1024 * 1024;
/** Characters of a .gitignore that are read: each rule costs time for each file of an upload. */
const MOST_RULES = 64 * 1024;
/** As the Hub recommends. */
export const MOST_ENTRIES = 10_000;

export type Operation =
  | { kind: "file"; path: string; bytes: Uint8Array }
  /** A file that is too large to hold: its bytes are read before the next operation is asked for. */
  | { kind: "stream"; path: string; size: number; open(): AsyncIterable<Uint8Array> }
  | { kind: "lfs"; path: string; sha256: string; size?: number | undefined }
  | { kind: "delete"; path: string }
  | { kind: "deleteFolder"; path: string };

export interface CommitInput {
  /** A branch's name, or a full ref. */
  branch: string;
  message: string;
  /** The head that the caller saw; another one is refused with 412. */
  parent?: string | undefined;
  /** As they come: contents are stored while the next are on their way. */
  operations: Iterable<Operation> | AsyncIterable<Operation>;
  /** Leave the branch: open a pull request into it, named by the first line of the message. */
  createPr?: boolean | undefined;
}

export interface CommitResult {
  id: string;
  /** False when everything was so already. */
  changed: boolean;
  /** Number of the pull request that was opened. */
  pullRequest?: number | undefined;
}

/** Commits to one repository wait their turn, in the order they came. */
/** Changes of a commit after which others get their turn. */
const CHANGES_A_TURN = 1000;

const turns = new Turns();

/**
 * Changes refs of a repository, in turn with all others that do: in one transaction, which tells what happened to whom it
 * concerns. Afterwards the index follows where main moved.
 */
export async function inRepoTurn<Result>(
  ctx: Context,
  repo: Repo,
  work: (tx: Tx) => Promise<{ result: Result; updatedRefs: readonly UpdatedRef[] }>,
): Promise<Result> {
  const { result, updatedRefs } = await turns.run(repo.id, () =>
    ctx.db.transaction(async (tx) => {
      // The row lock keeps other processes on the same database in turn, too.
      const [still] = await tx.select({ id: repos.id }).from(repos).where(eq(repos.id, repo.id)).for("update");
      if (still === undefined) throw repoNotFound();
      const done = await work(tx);
      await tellOf(tx, ctx, repo, done.updatedRefs);
      return done;
    }),
  );
  if (movesMain(updatedRefs)) await indexNow(ctx, repo);
  return result;
}

/** Tells of refs that moved, in the transaction in which they do. */
async function tellOf(tx: Tx, ctx: Context, repo: Repo, updatedRefs: readonly UpdatedRef[]): Promise<void> {
  if (updatedRefs.length === 0) return;
  await tx.update(repos).set({ updatedAt: new Date() }).where(eq(repos.id, repo.id));
  await record(tx, ctx, { scope: "repo.content", action: "update", repo, updatedRefs });
  if (movesMain(updatedRefs)) await ctx.queue.send(tx, "index", { repoId: repo.id }, repo.id);
}

const movesMain = (updated: readonly UpdatedRef[]): boolean => updated.some(({ ref }) => ref === branchRef("main"));

/** Sets a ref; null removes it. What annotated it before does not any more. */
export async function moveRef(
  tx: Tx,
  repo: Repo,
  name: string,
  commitId: string | null,
  tag?: { id: string; message: string; raw: Uint8Array } | undefined,
): Promise<void> {
  if (commitId === null) {
    await tx.delete(refs).where(and(eq(refs.repoId, repo.id), eq(refs.name, name)));
    return;
  }
  // Whoever chose it did so before it was his turn.
  if ((await commitById(tx, { repoId: repo.id, id: commitId })).length === 0) throw revisionNotFound(commitId);
  await keepObjects(tx, "commit", [commitMark(repo.id, commitId)]);
  await tx
    .insert(refs)
    .values({ repoId: repo.id, name, commitId })
    .onConflictDoUpdate({ target: [refs.repoId, refs.name], set: { commitId } });
  await tx.delete(annotatedTags).where(and(eq(annotatedTags.repoId, repo.id), eq(annotatedTags.name, name)));
  if (tag !== undefined) await tx.insert(annotatedTags).values({ repoId: repo.id, name, ...tag });
}

/** Commits to a branch, or to the ref of a pull request. */
export async function createCommit(ctx: Context, id: RepoId, input: CommitInput): Promise<CommitResult> {
  const ref = input.branch.startsWith("refs/") ? input.branch : branchRef(input.branch);
  const repo = await requirePush(ctx, id, ref, { createPr: input.createPr });
  if (!/^refs\/(heads|pr|convert)\//.test(ref)) throw badRequest(`"${ref}" is no branch; commits go to branches.`);
  return commitTo(ctx, repo, ref, input);
}

/** Commits to a ref; who may is the caller's to know. */
export async function commitTo(
  ctx: Context,
  repo: Repo,
  name: string,
  { message, parent, operations, createPr }: Omit<CommitInput, "branch">,
): Promise<CommitResult> {
  if (message.includes("\0")) throw badRequest("The message of a commit cannot hold a NUL.");
  if (isBroken(message)) throw badRequest("The message of the commit is not well-formed Unicode.");
  const author = authorOf(ctx);
  const incoming = new IncomingContents(ctx, repo);
  const prepared = await prepare(incoming, operations);
  return inRepoTurn<CommitResult>(ctx, repo, async (tx) => {
    const request = createPr === true ? await requestFor(tx, ctx, repo, name, { message, parent }) : undefined;
    const ref = request?.ref ?? name;
    const head = await resolveRevision({ db: tx }, repo, ref);
    if (parent !== undefined && parent !== head?.id) {
      throw new ServiceError(412, `${ref} is at ${head?.id ?? "nothing"}, not at ${parent}.`, {
        code: "STALE_PARENT",
        hint: "Look at what changed, and commit again on top of it.",
      });
    }
    await incoming.flush(tx);
    const treeId = await applyAll(tx, head?.treeId, prepared);
    if (head !== undefined && (treeId === head.treeId || prepared.length === 0))
      return { result: { id: head.id, changed: false, pullRequest: request?.num }, updatedRefs: [] };
    const commitId = await insertCommit(tx, repo, {
      treeId,
      parents: head === undefined ? [] : [head.id],
      author,
      message,
    });
    await moveRef(tx, repo, ref, commitId);
    const updatedRefs = [{ ref, oldSha: head?.id ?? null, newSha: commitId }];
    return { result: { id: commitId, changed: true, pullRequest: request?.num }, updatedRefs };
  });
}

/**
 * Stores what a repository that is about to be made begins with; gives what commits it, in the transaction that makes the repository:
 * it is there with its first commit, or not at all.
 */
export async function firstCommit(
  ctx: Context,
  repoId: string,
  operations: CommitInput["operations"],
): Promise<(tx: Tx, repo: Repo) => Promise<void>> {
  const incoming = new IncomingContents(ctx, { id: repoId });
  const prepared = await prepare(incoming, operations);
  return async (tx, repo) => {
    await incoming.flush(tx);
    const treeId = await applyAll(tx, undefined, prepared);
    const commit = { treeId, parents: [], author: authorOf(ctx), message: "initial commit" };
    const commitId = await insertCommit(tx, repo, commit);
    const ref = branchRef("main");
    await moveRef(tx, repo, ref, commitId);
    await tellOf(tx, ctx, repo, [{ ref, oldSha: null, newSha: commitId }]);
  };
}

/** A commit of now by an author who is the committer, too; gives its id. */
export async function insertCommit(
  tx: Tx,
  repo: Repo,
  {
    treeId,
    parents,
    author,
    message,
  }: { treeId: string; parents: string[]; author: { name: string; email: string }; message: string },
): Promise<string> {
  const signature: Signature = { ...author, time: Math.floor(Date.now() / 1000) };
  const encoded = encodeCommit({ tree: treeId, parents, author: signature, committer: signature, message });
  const id = objectId("commit", encoded);
  const { name: authorName, email: authorEmail, time } = signature;
  const row = { repoId: repo.id, id, treeId, parents, authorName, authorEmail, time, message };
  await tx.insert(commits).values(row).onConflictDoNothing();
  return id;
}

/** Whom commits of the caller name. */
export const authorOf = ({ actor }: Pick<Context, "actor">): { name: string; email: string } => ({
  name: actor?.name ?? "",
  email: `${actor?.name}@users.noreply.abrazo`,
});

/** Opens the pull request that a commit begins; it starts where the caller says the branch was. Gives its ref. */
async function requestFor(
  tx: Tx,
  ctx: Context,
  repo: Repo,
  base: string,
  { message, parent }: Pick<CommitInput, "message" | "parent">,
): Promise<{ ref: string; num: number }> {
  const [title = "", ...rest] = message.split("\n");
  const description = rest.join("\n").trim();
  const { num } = await openPullRequest(tx, ctx, repo, { title, description, base, from: parent, draft: false });
  return { ref: pullRequestRef(num), num };
}

interface Prepared {
  path: string[];
  /** Id of the content; undefined deletes. */
  content: string | undefined;
  folder: boolean;
}

/** Checks names, hashes contents and stores large ones before the transaction begins. */
async function prepare(incoming: IncomingContents, operations: CommitInput["operations"]): Promise<Prepared[]> {
  const out: Prepared[] = [];
  for await (const operation of operations) {
    const isDeletion = operation.kind === "delete" || operation.kind === "deleteFolder";
    const path = (isDeletion ? checkPath : checkNewPath)(operation.path.replace(/\/$/, ""));
    out.push({ path, content: await contentOf(incoming, operation), folder: operation.kind === "deleteFolder" });
  }
  return out;
}

function contentOf(incoming: IncomingContents, operation: Operation): Promise<string> | undefined {
  if (operation.kind === "file") return incoming.add(operation.path, operation.bytes);
  if (operation.kind === "stream") return incoming.addStream(operation.size, operation.open());
  if (operation.kind === "lfs") return incoming.addLfs(operation.path, operation.sha256, operation.size);
  return undefined;
}

/** A folder while it is changed: entries by name, subfolders opened on demand. */
interface Folder {
  entries: Map<string, StoredEntry>;
  opened: Map<string, Folder>;
}

async function openFolder(tx: Tx, treeId: string | undefined): Promise<Folder> {
  const entries = treeId === undefined ? [] : await readTree({ db: tx }, treeId);
  return { entries: new Map(entries.map((entry) => [entry.name, entry])), opened: new Map() };
}

async function applyAll(tx: Tx, rootId: string | undefined, prepared: readonly Prepared[]): Promise<string> {
  const root = await openFolder(tx, rootId);
  for (const [at, change] of prepared.entries()) {
    await apply(tx, root, change);
    // Most changes ask the database nothing; others have to get their turn.
    if (at % CHANGES_A_TURN === CHANGES_A_TURN - 1) await turn();
  }
  const made: TreeRow[] = [];
  const id = store(root, made) ?? EMPTY_TREE;
  await putTrees(tx, made);
  return id;
}

async function apply(tx: Tx, root: Folder, { path, content, folder }: Prepared): Promise<void> {
  const name = path.at(-1) ?? "";
  let at = root;
  for (const segment of path.slice(0, -1)) at = await descend(tx, at, segment, content !== undefined, path);
  if (content !== undefined) {
    if (at.opened.has(name) || at.entries.get(name)?.kind === "directory") {
      throw badRequest(`"${path.join("/")}" is a folder; delete it before putting a file there.`);
    }
    // A program stays one when its content changes; a link becomes the file that was put in its place.
    const mode = at.entries.get(name)?.mode;
    at.entries.set(name, { name, kind: "file", id: content, ...(mode === "100755" && { mode }) });
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

type TreeRow = typeof trees.$inferSelect;

/** Makes rows of changed folders from the leaves up; an empty one disappears, as in git. */
function store(folder: Folder, made: TreeRow[]): string | undefined {
  for (const [name, child] of folder.opened) {
    const id = store(child, made);
    if (id === undefined) folder.entries.delete(name);
    else folder.entries.set(name, { name, kind: "directory", id });
  }
  if (folder.entries.size === 0) return undefined;
  if (folder.entries.size > MOST_ENTRIES) throw badRequest(`A folder may hold ${MOST_ENTRIES} entries; split it.`);
  const entries = [...folder.entries.values()];
  const id = objectId("tree", encodeTree(entries));
  made.push({ id, entries });
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
  {
    files,
    gitIgnore,
    createPr,
  }: {
    files: readonly { path: string; size: number }[];
    gitIgnore?: string | undefined;
    createPr?: boolean | undefined;
  },
): Promise<{ path: string; uploadMode: "lfs" | "regular"; shouldIgnore: boolean; oid: string | null }[]> {
  const repo = await requirePush(ctx, id, revision, { createPr });
  const head = await resolveRevision(ctx, repo, revision);
  const read = async (name: string) => {
    const entry = head === undefined ? undefined : await findEntry(ctx, head.treeId, [name]);
    return entry?.kind === "file" ? (await readContent(ctx, entry.id)).toString("utf8") : "";
  };
  const attributes = await read(".gitattributes");
  const ignored = parseGitignore((gitIgnore ?? (await read(".gitignore"))).slice(0, MOST_RULES));
  const asked = files.map((file) => ({ ...file, segments: checkNewPath(file.path) }));
  const paths = asked.map(({ segments }) => segments);
  const there = head === undefined ? new Map<string, StoredEntry>() : await findEntries(ctx, head.treeId, paths);
  const described = await describeEntries(
    ctx,
    [...there].map(([path, entry]) => ({ path, entry })),
  );
  const oids = new Map(
    described.flatMap((entry) => (entry.kind === "file" ? [[entry.path, entry.lfs?.sha256 ?? entry.id]] : [])),
  );
  return asked.map(({ path, size, segments }) => ({
    path,
    uploadMode: size > 0 && (size > LFS_LIMIT || isLfsPath(attributes, path)) ? "lfs" : "regular",
    shouldIgnore: ignored(path),
    oid: oids.get(segments.join("/")) ?? null,
  }));
}
