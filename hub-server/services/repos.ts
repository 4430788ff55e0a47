// Repositories: create, delete, move, settings, look up, list.
import { and, arrayContains, asc, count, desc, eq, ilike, or, type SQL, sql } from "drizzle-orm";
import { fullName, invalidName, type RepoId, type RepoType } from "../../src/hub/repo-id.ts";
import { defaultGitattributes } from "../../src/io/git-objects.ts";
import type { Context } from "../context.ts";
import { redirects, repos } from "../db/schema.ts";
import { badRequest, ServiceError } from "../errors.ts";
import { findRepo, type Repo, requireAccess, requireNamespace, visible } from "./access.ts";
import { createCommit, type Operation } from "./commits.ts";

export interface CreateRepoInput extends RepoId {
  isPrivate?: boolean;
  files?: readonly { path: string; bytes: Uint8Array }[];
}

/** Makes a repository with its first commit: the default .gitattributes and what the caller sends along. */
export async function createRepo(
  ctx: Context,
  { isPrivate = false, files = [], ...id }: CreateRepoInput,
): Promise<Repo> {
  const owner = await requireNamespace(ctx, id.namespace);
  const reason = invalidName(id.name);
  if (reason !== undefined) throw badRequest(`"${id.name}" is no repository name: ${reason}.`);
  const [repo] = await ctx.db
    .insert(repos)
    .values({ ...id, namespace: owner.name, ownerId: owner.id, isPrivate, searchText: fullName(id).toLowerCase() })
    .onConflictDoNothing()
    .returning();
  if (repo === undefined) {
    throw new ServiceError(409, `The ${id.type} ${fullName(id)} exists already.`, { code: "REPO_EXISTS" });
  }
  const attributes: Operation = { kind: "file", path: ".gitattributes", bytes: Buffer.from(defaultGitattributes()) };
  const operations = [attributes, ...files.map((file): Operation => ({ kind: "file", ...file }))];
  await createCommit(ctx, id, { branch: "main", message: "initial commit", operations });
  return repo;
}

export async function deleteRepo(ctx: Context, id: RepoId): Promise<void> {
  const repo = await requireAccess(ctx, "manage", id);
  await ctx.db.delete(repos).where(eq(repos.id, repo.id));
}

/** Renames; the old name keeps leading here until somebody takes it. */
export async function moveRepo(ctx: Context, from: RepoId, to: RepoId): Promise<void> {
  const repo = await requireAccess(ctx, "manage", from);
  const owner = await requireNamespace(ctx, to.namespace);
  const reason = invalidName(to.name);
  if (reason !== undefined) throw badRequest(`"${to.name}" is no repository name: ${reason}.`);
  if ((await findRepo(ctx, to))?.id !== undefined) {
    throw new ServiceError(409, `The ${to.type} ${fullName(to)} exists already.`, { code: "REPO_EXISTS" });
  }
  await ctx.db.transaction(async (tx) => {
    await tx
      .insert(redirects)
      .values({ type: repo.type, from: fullName(repo).toLowerCase(), repoId: repo.id })
      .onConflictDoUpdate({ target: [redirects.type, redirects.from], set: { repoId: repo.id } });
    await tx
      .update(repos)
      .set({ namespace: owner.name, name: to.name, ownerId: owner.id, updatedAt: new Date() })
      .where(eq(repos.id, repo.id));
  });
}

export async function updateSettings(
  ctx: Context,
  id: RepoId,
  { isPrivate }: { isPrivate?: boolean | undefined },
): Promise<void> {
  const repo = await requireAccess(ctx, "manage", id);
  if (isPrivate !== undefined) await ctx.db.update(repos).set({ isPrivate }).where(eq(repos.id, repo.id));
}

export const getRepo = (ctx: Context, id: RepoId): Promise<Repo> => requireAccess(ctx, "read", id);

export async function countDownload(ctx: Context, repo: Repo): Promise<void> {
  await ctx.db
    .update(repos)
    .set({ downloads: sql`${repos.downloads} + 1` })
    .where(eq(repos.id, repo.id));
}

export const SORTS = {
  lastModified: repos.updatedAt,
  createdAt: repos.createdAt,
  downloads: repos.downloads,
  num_parameters: repos.parameters,
  name: repos.name,
} as const;

export interface ListQuery {
  type: RepoType;
  search?: string | undefined;
  author?: string | undefined;
  /** All of these tags. */
  tags?: readonly string[];
  pipelineTag?: string | undefined;
  library?: string | undefined;
  sort?: keyof typeof SORTS | undefined;
  limit?: number;
  offset?: number;
}

/** Repositories that the caller may see. */
export async function listRepos(ctx: Context, query: ListQuery): Promise<{ repos: Repo[]; total: number }> {
  const { sort = "lastModified", limit = 30, offset = 0 } = query;
  const where = conditions(ctx, query);
  const order = sort === "name" ? asc(sql`lower(${repos.name})`) : sql`${desc(SORTS[sort])} nulls last`;
  const rows = await ctx.db.select().from(repos).where(where).orderBy(order, repos.id).limit(limit).offset(offset);
  const [total] = await ctx.db.select({ value: count() }).from(repos).where(where);
  return { repos: rows, total: total?.value ?? 0 };
}

/** What a query asks of a repository, that the caller may see it among it. */
export function conditions(ctx: Context, query: ListQuery): SQL | undefined {
  const words = (query.search ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  return and(
    eq(repos.type, query.type),
    visible(ctx),
    query.author === undefined ? undefined : eq(sql`lower(${repos.namespace})`, query.author.toLowerCase()),
    query.pipelineTag === undefined ? undefined : eq(repos.pipelineTag, query.pipelineTag),
    query.library === undefined ? undefined : eq(repos.libraryName, query.library),
    query.tags === undefined || query.tags.length === 0 ? undefined : arrayContains(repos.tags, [...query.tags]),
    ...words.map((word) => ilike(repos.searchText, `%${word.replace(/[\\%_]/g, "\\$&")}%`)),
  );
}

/** Those of some repositories that exist and that the caller may see, by their names as given. */
export async function visibleRepos(ctx: Context, ids: readonly RepoId[]): Promise<RepoId[]> {
  const wanted = ids.map(({ type, namespace, name }) =>
    and(eq(repos.type, type), eq(repos.namespace, namespace), eq(repos.name, name)),
  );
  if (wanted.length === 0) return [];
  return ctx.db
    .select({ type: repos.type, namespace: repos.namespace, name: repos.name })
    .from(repos)
    .where(and(visible(ctx), or(...wanted)));
}
