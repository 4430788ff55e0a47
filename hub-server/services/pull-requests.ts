// Pull requests as far as they are no merge: opening one, what it changes, its ref and the room it takes.
// Who may push to one is asked in pushes.ts.
import { and, eq, inArray, sql } from "drizzle-orm";
import { fullName } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Db, Tx } from "../db/client.ts";
import { commits, contents, lfsObjects, refs, trees } from "../db/schema.ts";
import { badRequest, forbidden, revisionNotFound, ServiceError } from "../errors.ts";
import { type Repo, requireAccess } from "./access.ts";
import { type CommitChanges, fileChanges } from "./changes.ts";
import { commitsBetween, mergeBase } from "./commit-graph.ts";
import { addEvent, beginning, COMMENT_LETTERS, type Discussion, insertDiscussion } from "./discussion-log.ts";
import { record } from "./events.ts";
import { pullRequestRef } from "./pushes.ts";
import { branchRef, type CommitRow, resolveRevision } from "./refs.ts";
import { differences } from "./tree-differences.ts";

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
  const start = await resolveRevision({ db: tx }, repo, ref);
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
  // Contents are behind the gate, where there is one.
  await requireAccess(ctx, "content", repo);
  const sides = await sidesOf(ctx.db, repo, request);
  if (sides === undefined || sides.base === undefined) return { files: [], more: 0 };
  return fileChanges(ctx, sides.base, sides.head);
}

/** Bytes of LFS objects that nothing but a pull request names, by their SHA-256. */
export async function storageOf(db: Db | Tx, repo: Repo, request: Discussion): Promise<Map<string, number>> {
  const sides = await sidesOf(db, repo, request);
  if (sides === undefined) return new Map();
  const own = await commitsBetween(db, repo, sides.base?.id, sides.head.id, MOST_COMMITS);
  const added = new Set<string>();
  let before = sides.base?.treeId;
  for (const { treeId } of own.reverse()) {
    for (const { after } of (await differences({ db }, before, treeId)).values()) if (after) added.add(after.id);
    before = treeId;
  }
  const found = await lfsAmong(db, [...added]);
  for (const sha256 of await namedElsewhere(db, repo, request, [...found.keys()])) found.delete(sha256);
  return found;
}

/** Those of some objects that the history behind any other ref names. */
async function namedElsewhere(
  db: Db | Tx,
  repo: Repo,
  request: Discussion,
  sha256s: readonly string[],
): Promise<string[]> {
  if (sha256s.length === 0) return [];
  // Each folder is looked at once, however many commits have it.
  const rows = await db.execute<{ sha256: string }>(sql`
    with recursive history as (
      select c.id, c.parents, c.tree_id from ${refs} r
      join ${commits} c on c.repo_id = r.repo_id and c.id = r.commit_id
      where r.repo_id = ${repo.id} and r.name <> ${pullRequestRef(request.num)}
      union
      select c.id, c.parents, c.tree_id from history h cross join lateral unnest(h.parents) as parent
      join ${commits} c on c.repo_id = ${repo.id} and c.id = parent
    ), folders as (
      select tree_id as id from history
      union
      select entry ->> 'id' from folders f join ${trees} t on t.id = f.id
      cross join lateral jsonb_array_elements(t.entries) as entry where entry ->> 'kind' = 'directory'
    ), pointers as (
      select id, sha256 from ${contents} where ${and(inArray(contents.sha256, [...sha256s]), eq(contents.isLfs, true))}
    )
    select distinct p.sha256 from folders f join ${trees} t on t.id = f.id
    cross join lateral jsonb_array_elements(t.entries) as entry join pointers p on p.id = entry ->> 'id'`);
  return rows.map(({ sha256 }) => sha256);
}

const MOST_COMMITS = 1000;

/** The LFS objects among contents, with their sizes. */
async function lfsAmong(db: Db | Tx, ids: readonly string[]): Promise<Map<string, number>> {
  const out = new Map<string, number>();
  for (let start = 0; start < ids.length; start += 5000) {
    const rows = await db
      .select({ sha256: contents.sha256, size: contents.size })
      .from(contents)
      .where(and(inArray(contents.id, ids.slice(start, start + 5000)), eq(contents.isLfs, true)));
    for (const { sha256, size } of rows) if (sha256 !== null) out.set(sha256, size);
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
