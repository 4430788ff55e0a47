// Locks of git-lfs: who is at work on which file, so that two do not change what cannot be merged.
// They bind nobody but git-lfs, which asks before it pushes.
import { and, asc, eq } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { lfsLocks } from "../db/schema/git.ts";
import { users } from "../db/schema.ts";
import { credentialsWanted, ServiceError, unauthorized } from "../errors.ts";
import { type Action, type Repo, requireAccess } from "./access.ts";
import { checkNewPath } from "./paths.ts";
import { newId } from "./wire-ids.ts";

export interface Lock {
  id: string;
  path: string;
  lockedAt: Date;
  owner: string;
  /** Whether it is the caller's. */
  ours: boolean;
}

const PAGE = 100;
/** Files of one repository that may be locked. */
const MOST_LOCKS = 10_000;

/** The repository, or the challenge that git-lfs answers with credentials. */
async function lockedRepo(ctx: Context, action: Action, id: RepoId): Promise<Repo> {
  return requireAccess(ctx, action, id).catch((error: unknown) => {
    throw ctx.actor === undefined ? credentialsWanted() : error;
  });
}

export class LockExists extends ServiceError {
  readonly lock: Lock;
  constructor(lock: Lock) {
    super(409, `${lock.path} is locked by ${lock.owner}.`, { code: "LOCK_EXISTS" });
    this.lock = lock;
  }
}

/** @throws LockExists 409 with the lock that is there */
export async function createLock(ctx: Context, id: RepoId, given: string): Promise<Lock> {
  const repo = await lockedRepo(ctx, "write", id);
  if (ctx.actor === undefined) throw unauthorized();
  const path = checkNewPath(given).join("/");
  if ((await locksOf(ctx, repo, { limit: 1, offset: MOST_LOCKS - 1 })).length > 0)
    throw new ServiceError(400, `${MOST_LOCKS} files are locked already; unlock some.`, { code: "TOO_MANY_LOCKS" });
  const [made] = await ctx.db
    .insert(lfsLocks)
    .values({ id: newId(), repoId: repo.id, path, ownerId: ctx.actor.id })
    .onConflictDoNothing()
    .returning({ id: lfsLocks.id });
  const [lock] = await locksOf(ctx, repo, { path });
  if (lock === undefined)
    throw new ServiceError(409, `${path} was unlocked just now. Try again.`, { code: "LOCK_GONE" });
  if (made === undefined) throw new LockExists(lock);
  return lock;
}

export interface LockQuery {
  path?: string | undefined;
  id?: string | undefined;
  limit?: number | undefined;
  offset?: number | undefined;
}

async function locksOf({ db, actor }: Context, repo: Repo, query: LockQuery): Promise<Lock[]> {
  const rows = await db
    .select({ id: lfsLocks.id, path: lfsLocks.path, lockedAt: lfsLocks.lockedAt, owner: users.name, ownerId: users.id })
    .from(lfsLocks)
    .innerJoin(users, eq(users.id, lfsLocks.ownerId))
    .where(
      and(
        eq(lfsLocks.repoId, repo.id),
        query.path === undefined ? undefined : eq(lfsLocks.path, query.path),
        query.id === undefined ? undefined : eq(lfsLocks.id, query.id),
      ),
    )
    .orderBy(asc(lfsLocks.path))
    .limit(query.limit ?? PAGE)
    .offset(query.offset ?? 0);
  return rows.map(({ ownerId, ...lock }) => ({ ...lock, ours: ownerId === actor?.id }));
}

/** Locks in order of path, a page of them; with the place of the next page where there is one. */
export async function listLocks(
  ctx: Context,
  id: RepoId,
  action: "content" | "contribute",
  query: LockQuery,
): Promise<{ locks: Lock[]; next: number | undefined }> {
  const repo = await lockedRepo(ctx, action, id);
  const limit = Math.max(1, Math.min(PAGE, query.limit ?? PAGE));
  const offset = Math.max(0, query.offset ?? 0);
  const locks = await locksOf(ctx, repo, { ...query, limit: limit + 1, offset });
  return { locks: locks.slice(0, limit), next: locks.length > limit ? offset + limit : undefined };
}

/**
 * Takes a lock away.
 *
 * @param force also somebody else's
 * @throws ServiceError 403 for somebody else's, 404 for none
 */
export async function deleteLock(ctx: Context, id: RepoId, lockId: string, force: boolean): Promise<Lock> {
  const repo = await lockedRepo(ctx, "write", id);
  const [lock] = await locksOf(ctx, repo, { id: lockId });
  if (lock === undefined) throw new ServiceError(404, `There is no lock ${lockId}.`, { code: "LOCK_NOT_FOUND" });
  if (!lock.ours && !force) {
    throw new ServiceError(403, `${lock.path} is locked by ${lock.owner}.`, {
      code: "LOCK_OF_ANOTHER",
      hint: "Ask them, or run git lfs unlock --force.",
    });
  }
  await ctx.db.delete(lfsLocks).where(and(eq(lfsLocks.repoId, repo.id), eq(lfsLocks.id, lockId)));
  return lock;
}
