// git: who may clone and push, and what they are shown.
import { readdir } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { and, eq, inArray, sql } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context, Deps } from "../context.ts";
import { discussions } from "../db/schema/discussions.ts";
import { repos } from "../db/schema.ts";
import { credentialsWanted, ServiceError } from "../errors.ts";
import type { GitCall } from "../git/cache.ts";
import { receiveAdvertisement } from "../git/receive.ts";
import { type Repo, requireAccess } from "./access.ts";
import { gitRefs, gitRows } from "./git-rows.ts";

export type GitService = "git-upload-pack" | "git-receive-pack";

/**
 * The repository, if the caller may fetch from it or push to it.
 *
 * @throws ServiceError 401 for strangers wherever it is not public, or not there: git sends credentials only when asked
 */
export async function gitRepo(ctx: Context, service: GitService, id: RepoId): Promise<Repo> {
  try {
    if (service === "git-upload-pack") return await requireAccess(ctx, "content", id);
    const mine = await ownRequest(ctx, id);
    return mine ?? (await requireAccess(ctx, "write", id));
  } catch (error) {
    if (ctx.actor === undefined && error instanceof ServiceError && error.status < 500) throw credentialsWanted();
    throw error;
  }
}

/** The repository, where the caller has a pull request that is not over: they may push to that, and to nothing else. */
async function ownRequest(ctx: Context, id: RepoId): Promise<Repo | undefined> {
  if (ctx.actor === undefined) return undefined;
  const repo = await requireAccess(ctx, "contribute", id);
  const [request] = await ctx.db
    .select({ num: discussions.num })
    .from(discussions)
    .where(
      and(
        eq(discussions.repoId, repo.id),
        eq(discussions.authorId, ctx.actor.id),
        eq(discussions.isPullRequest, true),
        inArray(discussions.status, ["draft", "open"]),
      ),
    )
    .limit(1);
  return request === undefined ? undefined : repo;
}

export interface UploadPack {
  /** Value of the header Git-Protocol. */
  protocol: string | undefined;
  /** Shows what there is, rather than answering a request. */
  advertise: boolean;
  input?: AsyncIterable<Uint8Array>;
}

/** git's answer to a clone or fetch, as it comes. */
export async function uploadPack(ctx: Context, repo: Repo, request: UploadPack, call: GitCall): Promise<Readable> {
  const lease = await ctx.git.lease(repo.id, call);
  try {
    await lease.sync(gitRows(ctx, repo));
    return await lease.uploadPack(request);
  } catch (error) {
    lease.release();
    throw error;
  }
}

/** A whole conversation about what to fetch; it ends with one of both sides. */
export async function converse(
  ctx: Context,
  repo: Repo,
  { protocol, input, output }: { protocol: string | undefined; input: AsyncIterable<Uint8Array>; output: Writable },
  call: GitCall,
): Promise<void> {
  const lease = await ctx.git.lease(repo.id, call);
  try {
    await lease.sync(gitRows(ctx, repo));
  } catch (error) {
    lease.release();
    throw error;
  }
  await lease.converse(protocol, input, output);
}

/** What somebody who is about to push is shown. */
export async function showRefs(ctx: Context, repo: Repo): Promise<Uint8Array> {
  await ctx.git.required();
  return receiveAdvertisement(await gitRefs(ctx, repo));
}

/** Of one statement. */
const AT_ONCE = 1000;

/** Throws away what git has of repositories that are gone: a process that died may have deleted them, and no more than that. */
export async function forgetDeleted({ db, git }: Pick<Deps, "db" | "git">): Promise<void> {
  const kept = await readdir(git.repositories);
  for (let start = 0; start < kept.length; start += AT_ONCE) {
    const some = kept.slice(start, start + AT_ONCE);
    const rows = await db
      .select({ id: repos.id })
      .from(repos)
      .where(inArray(sql`${repos.id}::text`, some));
    const there = new Set(rows.map(({ id }) => id));
    for (const id of some) if (!there.has(id)) await git.forget(id);
  }
}
