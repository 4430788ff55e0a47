// Who may move which ref: writers every one, and contributors the ref of a pull request of their own.
// Moves none.
import { and, eq } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { discussions } from "../db/schema/discussions.ts";
import { forbidden, revisionNotFound, ServiceError } from "../errors.ts";
import { mayAccess, type Repo, requireAccess } from "./access.ts";

/** The number of the pull request whose ref this is; undefined for branches, tags and all else. */
export function pullRequestOf(ref: string): number | undefined {
  const match = /^refs\/pr\/([1-9]\d{0,8})$/.exec(ref);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

export const pullRequestRef = (num: number): string => `refs/pr/${num}`;

/**
 * The repository, if the caller may commit or push to this revision of it: a branch, a tag, or the ref of a pull request.
 *
 * @param createPr a new pull request is to be made for what comes: this takes no right to write
 * @throws 403 for who may not, 404 for a pull request that does not exist, 409 for one that is closed or merged
 */
export async function requirePush(
  ctx: Context,
  id: RepoId,
  revision: string | undefined,
  { createPr = false } = {},
): Promise<Repo> {
  if (createPr || revision === undefined) return requireAccess(ctx, "contribute", id);
  const num = pullRequestOf(revision);
  if (num === undefined) return requireAccess(ctx, "write", id);
  const repo = await requireAccess(ctx, "contribute", id);
  const [request] = await ctx.db
    .select({ authorId: discussions.authorId, status: discussions.status })
    .from(discussions)
    .where(and(eq(discussions.repoId, repo.id), eq(discussions.num, num), eq(discussions.isPullRequest, true)));
  if (request === undefined) throw revisionNotFound(revision);
  if (request.authorId !== ctx.actor?.id && !(await mayAccess(ctx, "write", repo)))
    throw forbidden(`${ctx.actor?.name} may not push to ${revision}: somebody else opened it.`);
  if (request.status === "merged" || request.status === "closed") throw requestClosed(num, request.status);
  return repo;
}

/** What is told to those who come too late. */
export const requestClosed = (num: number, status: "merged" | "closed"): ServiceError =>
  new ServiceError(409, `Pull request ${num} is ${status}; nothing can be added to it.`, {
    code: "PULL_REQUEST_CLOSED",
    hint: status === "closed" ? "Open it again first." : "Open another one.",
  });
