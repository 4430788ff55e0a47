// Pull requests as far as they are no merge: opening one, what it changes, its ref and the room it takes.
// Who may push to one is asked in pushes.ts.
import { and, eq, inArray, ne } from "drizzle-orm";
import { fullName } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Db, Tx } from "../db/client.ts";
import { commits, contents, lfsObjects, refs } from "../db/schema.ts";
import { badRequest, forbidden, revisionNotFound, ServiceError } from "../errors.ts";
import type { Repo } from "./access.ts";
import { type CommitChanges, fileChanges } from "./changes.ts";
import { commitsBetween, mergeBase } from "./commit-graph.ts";
import { addEvent, beginning, COMMENT_LETTERS, type Discussion, insertDiscussion } from "./discussion-log.ts";
import { record } from "./events.ts";
import { readTree } from "./files.ts";
import { pullRequestRef } from "./pushes.ts";
import { branchRef, type CommitRow, resolveRevision } from "./refs.ts";

/** As the Hub has it; a title that comes from a commit may be shorter. */
export const TITLE_LETTERS = { least: 3, most: 200 } as const;

/** @throws 403 where discussions are switched off */
export function requireDiscussions(repo: Repo): void {
  if (repo.discussionsDisabled) throw forbidden(`Discussions are switched off for ${fullName(repo)}.`);
}

export interface PullRequestInput {
  title: string;
  description: string;
  /** The branch that it is to go into. */
  base: string;
  /** A commit to start from instead of the head of the base. */
  from?: string | undefined;
  draft: boolean;
}

/** Opens a pull request with its ref; the caller has the right to contribute. */
export async function openPullRequest(
  tx: Tx,
  ctx: Context,
  repo: Repo,
  { title, description, base, from, draft }: PullRequestInput,
): Promise<Discussion> {
  requireDiscussions(repo);
  const ref = base.startsWith("refs/") ? base : branchRef(base);
  if (!ref.startsWith("refs/heads/")) throw badRequest(`A pull request goes into a branch, not into "${base}".`);
  const start = (await resolveRevision({ db: tx }, repo, ref)) ?? undefined;
  if (start === undefined) throw revisionNotFound(base);
  if (from !== undefined && (await commitRow(tx, repo, from)) === undefined) throw revisionNotFound(from);
  const words = beginning(title.trim(), TITLE_LETTERS.most);
  const discussion = await insertDiscussion(tx, repo, {
    title: words === "" ? "Changes" : words,
    authorId: ctx.actor?.id ?? null,
    start: { base: ref, commitId: from ?? start.id, draft },
  });
  await opened(tx, ctx, repo, discussion, description);
  return discussion;
}

/** The first comment of a new discussion, and the news of both. */
export async function opened(
  tx: Tx,
  ctx: Context,
  repo: Repo,
  discussion: Discussion,
  description: string,
): Promise<void> {
  if (description.length > COMMENT_LETTERS)
    throw badRequest(`A description has up to ${COMMENT_LETTERS} characters; this one has ${description.length}.`);
  const authorId = ctx.actor?.id ?? null;
  const comment =
    description === "" ? undefined : await addEvent(tx, discussion.id, { type: "comment", authorId, raw: description });
  await record(tx, ctx, { scope: "discussion", action: "create", repo, discussion, comment });
}

export async function commitRow(db: Db | Tx, repo: Repo, id: string): Promise<CommitRow | undefined> {
  const [row] = await db
    .select()
    .from(commits)
    .where(and(eq(commits.repoId, repo.id), eq(commits.id, id)));
  return row;
}

export interface RequestSides {
  /** Where the pull request parted from its base. */
  base: CommitRow | undefined;
  head: CommitRow;
  /** Head of the base branch now, or before the merge; undefined when the branch is gone. */
  target: CommitRow | undefined;
}

/** The commits that a pull request is about; undefined where its commits are gone. */
export async function sidesOf(db: Db | Tx, repo: Repo, request: Discussion): Promise<RequestSides | undefined> {
  const head = request.headCommit === null ? undefined : await commitRow(db, repo, request.headCommit);
  if (head === undefined) return undefined;
  const target = await targetOf(db, repo, request);
  const baseId = target === undefined ? undefined : await mergeBase(db, repo, target.id, head.id);
  return { base: baseId === undefined ? undefined : await commitRow(db, repo, baseId), head, target };
}

async function targetOf(db: Db | Tx, repo: Repo, { base, mergeCommit }: Discussion): Promise<CommitRow | undefined> {
  const merge = mergeCommit === null ? undefined : await commitRow(db, repo, mergeCommit);
  // What was merged is compared with what it was merged into.
  if (merge?.parents.length === 2) return commitRow(db, repo, merge.parents[0] ?? "");
  if (merge !== undefined) return merge;
  return resolveRevision({ db }, repo, base ?? "").catch((error: unknown) => {
    if (error instanceof ServiceError && error.status === 404) return undefined;
    throw error;
  });
}

/** What a pull request changes, against where it parted from its base. */
export async function requestChanges(
  ctx: Context,
  repo: Repo,
  request: Discussion,
): Promise<Pick<CommitChanges, "files" | "more">> {
  const sides = await sidesOf(ctx.db, repo, request);
  if (sides === undefined || sides.base === undefined) return { files: [], more: 0 };
  return fileChanges(ctx, sides.base, sides.head);
}

/** Bytes of LFS objects that nothing but a pull request names, by their SHA-256. */
export async function storageOf(db: Db | Tx, repo: Repo, request: Discussion): Promise<Map<string, number>> {
  const sides = await sidesOf(db, repo, request);
  if (sides === undefined) return new Map();
  const own = await commitsBetween(db, repo, sides.base?.id, sides.head.id, MOST_COMMITS);
  const seen = new Set<string>();
  const found = new Map<string, number>();
  for (const { treeId } of own) for (const [sha256, size] of await lfsUnder(db, treeId, seen)) found.set(sha256, size);
  if (found.size === 0) return found;
  const others = await db
    .select({ commitId: refs.commitId })
    .from(refs)
    .where(and(eq(refs.repoId, repo.id), ne(refs.name, pullRequestRef(request.num))));
  const visited = new Set<string>();
  const walked = new Set<string>();
  for (let ids = others.map(({ commitId }) => commitId); ids.length > 0 && found.size > 0; ) {
    const rows = await db
      .select()
      .from(commits)
      .where(and(eq(commits.repoId, repo.id), inArray(commits.id, ids.slice(0, 500))));
    for (const id of ids.slice(0, 500)) walked.add(id);
    const parents = rows.flatMap((row) => row.parents);
    ids = [...new Set([...ids.slice(500), ...parents])].filter((id) => !walked.has(id));
    for (const { treeId } of rows) for (const [sha256] of await lfsUnder(db, treeId, visited)) found.delete(sha256);
  }
  return found;
}

const MOST_COMMITS = 1000;

/** LFS objects of a tree, without what lies under folders that were seen before. */
async function lfsUnder(db: Db | Tx, treeId: string, seen: Set<string>): Promise<Map<string, number>> {
  const out = new Map<string, number>();
  const waiting = [treeId];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const entries = await readTree({ db }, id);
    waiting.push(...entries.filter(({ kind }) => kind === "directory").map((entry) => entry.id));
    const files = entries.filter(({ kind }) => kind === "file").map((entry) => entry.id);
    for (let start = 0; start < files.length; start += 5000) {
      const rows = await db
        .select({ sha256: contents.sha256, size: contents.size })
        .from(contents)
        .where(and(inArray(contents.id, files.slice(start, start + 5000)), eq(contents.isLfs, true)));
      for (const { sha256, size } of rows) if (sha256 !== null) out.set(sha256, size);
    }
  }
  return out;
}

/** Takes a pull request's ref away, and with it the objects that nothing else names. */
export async function dropRef(tx: Tx, repo: Repo, request: Discussion): Promise<void> {
  const freed = [...(await storageOf(tx, repo, request)).keys()];
  const ref = pullRequestRef(request.num);
  await tx.delete(refs).where(and(eq(refs.repoId, repo.id), eq(refs.name, ref)));
  for (let start = 0; start < freed.length; start += 5000) {
    const some = inArray(lfsObjects.sha256, freed.slice(start, start + 5000));
    await tx.delete(lfsObjects).where(and(eq(lfsObjects.repoId, repo.id), some));
  }
}
