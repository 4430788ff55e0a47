// Who likes which repository. The number stands in the repository's row, for lists.
import { and, desc, eq, sql } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { likes } from "../db/schema/accounts.ts";
import { repos, users } from "../db/schema.ts";
import { unauthorized } from "../errors.ts";
import { type Repo, requireAccess, visible } from "./access.ts";
import type { Account } from "./users.ts";

/** Likes a repository or takes it back; doing it twice is doing it once. */
export async function setLike(ctx: Context, id: RepoId, liked: boolean): Promise<void> {
  const repo = await requireAccess(ctx, "contribute", id);
  const { actor } = ctx;
  if (actor === undefined) throw unauthorized();
  const row = { userId: actor.id, repoId: repo.id };
  await ctx.db.transaction(async (tx) => {
    const changed = liked
      ? await tx.insert(likes).values(row).onConflictDoNothing().returning()
      : await tx
          .delete(likes)
          .where(and(eq(likes.userId, row.userId), eq(likes.repoId, row.repoId)))
          .returning();
    if (changed.length === 0) return;
    await tx
      .update(repos)
      .set({ likes: sql`greatest(0, ${repos.likes} + ${liked ? 1 : -1})` })
      .where(eq(repos.id, repo.id));
  });
}

interface Slice {
  limit: number;
  offset: number;
}

/** Who likes a repository, the newest first; one more than the page. */
export async function likersOf(ctx: Context, id: RepoId, { limit, offset }: Slice): Promise<Account[]> {
  const repo = await requireAccess(ctx, "read", id);
  const rows = await ctx.db
    .select({ user: users })
    .from(likes)
    .innerJoin(users, eq(users.id, likes.userId))
    .where(eq(likes.repoId, repo.id))
    .orderBy(desc(likes.createdAt), users.id)
    .limit(limit + 1)
    .offset(offset);
  return rows.map(({ user }) => user);
}

/** What a user likes, as far as the caller may see it; one more than the page. */
export async function likesOf(
  ctx: Context,
  userId: string,
  { limit, offset }: Slice,
): Promise<{ repo: Repo; createdAt: Date }[]> {
  return ctx.db
    .select({ repo: repos, createdAt: likes.createdAt })
    .from(likes)
    .innerJoin(repos, eq(repos.id, likes.repoId))
    .where(and(eq(likes.userId, userId), visible(ctx)))
    .orderBy(desc(likes.createdAt), repos.id)
    .limit(limit + 1)
    .offset(offset);
}
