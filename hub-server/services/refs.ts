// Revisions: branches, tags and commit ids, and the log behind them.
import { and, eq, inArray, sql } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Db, Tx } from "../db/client.ts";
import { commits, refs } from "../db/schema.ts";
import { badRequest, revisionNotFound, ServiceError } from "../errors.ts";
import { type Repo, requireAccess } from "./access.ts";

export type CommitRow = typeof commits.$inferSelect;

export const branchRef = (name: string): string => `refs/heads/${name}`;

/** Candidates for a name, in git's order. */
function candidates(revision: string): string[] {
  if (revision === "HEAD") return [branchRef("main")];
  return revision.startsWith("refs/") ? [revision] : [`refs/tags/${revision}`, branchRef(revision)];
}

/** The commit of a branch, tag, full ref or 40-digit id; undefined for the main branch of an empty repository. */
export async function resolveRevision(
  { db }: { db: Db | Tx },
  repo: Repo,
  revision: string,
): Promise<CommitRow | undefined> {
  if (/^[0-9a-f]{40}$/.test(revision)) {
    const [commit] = await db
      .select()
      .from(commits)
      .where(and(eq(commits.repoId, repo.id), eq(commits.id, revision)));
    if (commit !== undefined) return commit;
  }
  const names = candidates(revision);
  const found = await db
    .select({ name: refs.name, commit: commits })
    .from(refs)
    .innerJoin(commits, and(eq(commits.repoId, refs.repoId), eq(commits.id, refs.commitId)))
    .where(and(eq(refs.repoId, repo.id), inArray(refs.name, names)));
  const match = names.map((name) => found.find((row) => row.name === name)).find((row) => row !== undefined);
  if (match !== undefined) return match.commit;
  if (names.includes(branchRef("main"))) return undefined;
  throw revisionNotFound(revision);
}

/** The commit of a revision, an error for an empty repository. */
export async function requireRevision(ctx: Context, repo: Repo, revision: string): Promise<CommitRow> {
  const commit = await resolveRevision(ctx, repo, revision);
  if (commit === undefined) throw revisionNotFound(revision);
  return commit;
}

export interface RefInfo {
  name: string;
  ref: string;
  targetCommit: string;
}

export async function listRefs(ctx: Context, id: RepoId): Promise<{ branches: RefInfo[]; tags: RefInfo[] }> {
  const repo = await requireAccess(ctx, "read", id);
  const rows = await ctx.db.select().from(refs).where(eq(refs.repoId, repo.id)).orderBy(refs.name);
  const under = (prefix: string) =>
    rows
      .filter(({ name }) => name.startsWith(prefix))
      .map(({ name, commitId }) => ({ name: name.slice(prefix.length), ref: name, targetCommit: commitId }));
  return { branches: under("refs/heads/"), tags: under("refs/tags/") };
}

/** git's rules for ref names, the ones that can be broken here. */
function checkRefName(name: string): void {
  const bad = /[\s~^:?*[\\]|\.\.|@\{|^[./]|[./]$|\/\/|\.lock$|\/\./.test(name) || name === "" || name.length > 200;
  if (bad || /^[0-9a-f]{40}$/.test(name)) throw badRequest(`"${name}" is no valid branch or tag name.`);
}

export async function createRef(
  ctx: Context,
  id: RepoId,
  { kind, name, startingPoint = "main" }: { kind: "branch" | "tag"; name: string; startingPoint?: string },
): Promise<void> {
  const repo = await requireAccess(ctx, "write", id);
  checkRefName(name);
  const commit = await requireRevision(ctx, repo, startingPoint);
  const ref = kind === "branch" ? branchRef(name) : `refs/tags/${name}`;
  const made = await ctx.db
    .insert(refs)
    .values({ repoId: repo.id, name: ref, commitId: commit.id })
    .onConflictDoNothing()
    .returning();
  if (made.length === 0) throw new ServiceError(409, `The ${kind} "${name}" exists already.`, { code: "REF_EXISTS" });
}

export async function deleteRef(
  ctx: Context,
  id: RepoId,
  { kind, name }: { kind: "branch" | "tag"; name: string },
): Promise<void> {
  const repo = await requireAccess(ctx, "write", id);
  if (kind === "branch" && name === "main") throw forbiddenMain();
  const ref = kind === "branch" ? branchRef(name) : `refs/tags/${name}`;
  const gone = await ctx.db
    .delete(refs)
    .where(and(eq(refs.repoId, repo.id), eq(refs.name, ref)))
    .returning();
  if (gone.length === 0) throw revisionNotFound(name);
}

function forbiddenMain(): ServiceError {
  return new ServiceError(403, "The branch main cannot be deleted.", { code: "PROTECTED_BRANCH" });
}

/** Commits behind a revision, newest first, along first parents. */
export async function listCommits(
  ctx: Context,
  id: RepoId,
  revision: string,
  { limit = 50, offset = 0 }: { limit?: number; offset?: number } = {},
): Promise<{ commits: CommitRow[]; total: number }> {
  const repo = await requireAccess(ctx, "read", id);
  const head = await resolveRevision(ctx, repo, revision);
  return head === undefined ? { commits: [], total: 0 } : firstParents(ctx, repo, head, { limit, offset });
}

/** A part of the log behind a commit of a repository that the caller may read. */
export async function firstParents(
  ctx: Context,
  repo: Repo,
  head: CommitRow,
  { limit, offset }: { limit: number; offset: number },
): Promise<{ commits: CommitRow[]; total: number }> {
  const rows = await ctx.db.execute<{ id: string; depth: number; total: number }>(sql`
    with recursive history as (
      select ${commits.id} as id, ${commits.parents} as parents, 0 as depth from ${commits}
      where ${commits.repoId} = ${repo.id} and ${commits.id} = ${head.id}
      union all
      select c.id, c.parents, h.depth + 1 from history h
      join ${commits} c on c.repo_id = ${repo.id} and c.id = h.parents[1]
    )
    select id, depth, (select count(*)::int from history) as total from history
    order by depth limit ${limit} offset ${offset}`);
  const ids = rows.map((row) => row.id);
  if (ids.length === 0) return { commits: [], total: 0 };
  const found = await ctx.db
    .select()
    .from(commits)
    .where(and(eq(commits.repoId, repo.id), inArray(commits.id, ids)));
  const byId = new Map(found.map((commit) => [commit.id, commit]));
  return {
    commits: ids.map((commitId) => byId.get(commitId)).filter((commit) => commit !== undefined),
    total: Number(rows[0]?.total ?? 0),
  };
}
