// Revisions: branches, tags and commit ids, and the log behind them.
import { and, eq, inArray, like, sql } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Db, Tx } from "../db/client.ts";
import { prepared } from "../db/prepared.ts";
import { annotatedTags } from "../db/schema/uploads.ts";
import { commits, refs } from "../db/schema.ts";
import { revisionNotFound } from "../errors.ts";
import { type Repo, requireAccess } from "./access.ts";

export type CommitRow = typeof commits.$inferSelect;

export const branchRef = (name: string): string => `refs/heads/${name}`;

/** Candidates for a name, in git's order. */
function candidates(revision: string): string[] {
  if (revision === "HEAD") return [branchRef("main")];
  return revision.startsWith("refs/") ? [revision] : [`refs/tags/${revision}`, branchRef(revision)];
}

/** A commit of a repository by its whole id. */
export const commitById = prepared((db) =>
  db
    .select()
    .from(commits)
    .where(and(eq(commits.repoId, sql.placeholder("repoId")), eq(commits.id, sql.placeholder("id")))),
);

const commitsByRef = prepared((db) =>
  db
    .select({ name: refs.name, commit: commits })
    .from(refs)
    .innerJoin(commits, and(eq(commits.repoId, refs.repoId), eq(commits.id, refs.commitId)))
    .where(and(eq(refs.repoId, sql.placeholder("repoId")), sql`${refs.name} = any(${sql.placeholder("names")})`)),
);

/** The commit of a branch, tag, full ref or 40-digit id; undefined for the main branch of an empty repository. */
export async function resolveRevision(
  { db }: { db: Db | Tx },
  repo: Repo,
  revision: string,
): Promise<CommitRow | undefined> {
  if (/^[0-9a-f]{40}$/.test(revision)) {
    const [commit] = await commitById(db, { repoId: repo.id, id: revision });
    if (commit !== undefined) return commit;
  }
  const names = candidates(revision);
  const found = await commitsByRef(db, { repoId: repo.id, names });
  const match = names.map((name) => found.find((row) => row.name === name)).find((row) => row !== undefined);
  if (match !== undefined) return match.commit;
  if (names.includes(branchRef("main"))) return undefined;
  const short = /^[0-9a-f]{7,39}$/.test(revision) ? await byBeginning(db, repo, revision) : undefined;
  if (short === undefined) throw revisionNotFound(revision);
  return short;
}

/** The commit whose id begins so, if there is exactly one. */
async function byBeginning(db: Db | Tx, repo: Repo, beginning: string): Promise<CommitRow | undefined> {
  const found = await db
    .select()
    .from(commits)
    .where(and(eq(commits.repoId, repo.id), like(commits.id, `${beginning}%`)))
    .limit(2);
  return found.length === 1 ? found[0] : undefined;
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
  /** Of an annotated tag. */
  message?: string;
}

export interface RefLists {
  branches: RefInfo[];
  converts: RefInfo[];
  tags: RefInfo[];
  pullRequests: RefInfo[];
}

export async function listRefs(ctx: Context, id: RepoId): Promise<RefLists> {
  const repo = await requireAccess(ctx, "read", id);
  const rows = await ctx.db
    .select({ name: refs.name, commitId: refs.commitId, message: annotatedTags.message })
    .from(refs)
    .leftJoin(annotatedTags, and(eq(annotatedTags.repoId, refs.repoId), eq(annotatedTags.name, refs.name)))
    .where(eq(refs.repoId, repo.id))
    .orderBy(refs.name);
  const under = (prefix: string, shown = prefix): RefInfo[] =>
    rows
      .filter(({ name }) => name.startsWith(prefix))
      .map(({ name, commitId, message }) => ({
        name: name.slice(shown.length),
        ref: name,
        targetCommit: commitId,
        ...(message !== null && { message }),
      }));
  return {
    branches: under("refs/heads/"),
    converts: under("refs/convert/"),
    tags: under("refs/tags/"),
    // The number alone would be no revision.
    pullRequests: under("refs/pr/", ""),
  };
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
  { limit, offset, counted = true }: { limit: number; offset: number; counted?: boolean },
): Promise<{ commits: CommitRow[]; total: number }> {
  // Counting reads the log to its end.
  const total = counted ? sql`(select count(*)::int from history)` : sql`0`;
  const deepest = counted ? sql`true` : sql`h.depth < ${offset + limit - 1}`;
  const rows = await ctx.db.execute<{ id: string; depth: number; total: number }>(sql`
    with recursive history as (
      select ${commits.id} as id, ${commits.parents} as parents, 0 as depth from ${commits}
      where ${commits.repoId} = ${repo.id} and ${commits.id} = ${head.id}
      union all
      select c.id, c.parents, h.depth + 1 from history h
      join ${commits} c on c.repo_id = ${repo.id} and c.id = h.parents[1]
      where ${deepest}
    )
    select id, depth, ${total} as total from history
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
