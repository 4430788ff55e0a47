// Merging a pull request into its branch, in turn with all commits: one commit with two parents, or none where there is
// nothing to merge. What stands in the way is told beforehand to whoever looks.
import { eq } from "drizzle-orm";
import type { Context } from "../context.ts";
import type { Db, Tx } from "../db/client.ts";
import { discussions } from "../db/schema/discussions.ts";
import { ServiceError } from "../errors.ts";
import type { Repo } from "./access.ts";
import { commitsBetween } from "./commit-graph.ts";
import { authorOf, inRepoTurn, insertCommit, moveRef } from "./commits.ts";
import { addEvent, type Discussion } from "./discussion-log.ts";
import { record, type UpdatedRef } from "./events.ts";
import { idOf, type Keep, keepIn, mergeTrees } from "./merge-trees.ts";
import { EMPTY_TREE } from "./objects.ts";
import { type RequestSides, sidesOf } from "./pull-requests.ts";
import { pullRequestRef } from "./pushes.ts";
import { resolveRevision } from "./refs.ts";

/** Commits that the message of a merge lists. */
const MOST_LISTED = 50;

/** Paths that a merge would have to decide about; none when it is merged, closed or without its branch. */
export async function conflictsOf({ db }: Context, repo: Repo, request: Discussion): Promise<string[]> {
  if (request.status === "merged" || request.status === "closed") return [];
  const sides = await sidesOf(db, repo, request);
  if (sides === undefined || sides.target === undefined) return [];
  const look: Keep = (entries) => Promise.resolve(idOf(entries));
  return (await treeOf(db, look, sides)).conflicts;
}

/** The tree of a merge: of the pull request itself where its base did not move. */
async function treeOf(db: Db | Tx, keep: Keep, { base, head, target }: RequestSides) {
  if (target === undefined || base?.id === target.id) return { id: head.treeId, conflicts: [] };
  if (base?.id === head.id) return { id: target.treeId, conflicts: [] };
  const ids = { base: base?.treeId, ours: target.treeId, theirs: head.treeId };
  const merged = await mergeTrees(db, keep, ids);
  return { ...merged, id: merged.id ?? EMPTY_TREE };
}

/**
 * Merges a pull request; the caller may write to the repository.
 *
 * @returns the head of the branch after the merge
 * @throws 409 when it is no open pull request, when its branch or its own ref is gone, and when files conflict
 */
export async function mergePullRequest(
  ctx: Context,
  repo: Repo,
  discussionId: string,
  comment: string | undefined,
): Promise<string> {
  return inRepoTurn<string>(ctx, repo, async (tx) => {
    const [request] = await tx.select().from(discussions).where(eq(discussions.id, discussionId)).for("update");
    if (request === undefined) throw refused("It was deleted in the meantime.", "DISCUSSION_NOT_FOUND");
    const sides = await mergeable(tx, repo, request);
    const { id: treeId, conflicts } = await treeOf(tx, keepIn(tx), sides);
    if (conflicts.length > 0) throw conflicting(request, conflicts);
    const { result, updatedRefs } = await writeMerge(tx, ctx, repo, { request, sides, treeId });
    const authorId = ctx.actor?.id ?? null;
    const said =
      comment === undefined || comment === ""
        ? undefined
        : await addEvent(tx, request.id, { type: "comment", authorId, raw: comment });
    await addEvent(tx, request.id, { type: "status-change", authorId, data: { status: "merged" } });
    const [merged] = await tx
      .update(discussions)
      .set({ status: "merged", mergeCommit: result, updatedAt: new Date() })
      .where(eq(discussions.id, request.id))
      .returning();
    await record(tx, ctx, {
      scope: "discussion",
      action: "update",
      repo,
      discussion: merged ?? request,
      comment: said,
    });
    return { result, updatedRefs };
  });
}

const refused = (message: string, code: string, hint?: string) =>
  new ServiceError(409, message, hint === undefined ? { code } : { code, hint });

/** What a merge begins with, read in its transaction. */
async function mergeable(
  tx: Tx,
  repo: Repo,
  request: Discussion,
): Promise<RequestSides & { target: NonNullable<RequestSides["target"]> }> {
  const what = `Pull request ${request.num}`;
  if (!request.isPullRequest) throw refused(`Discussion ${request.num} is no pull request.`, "NO_PULL_REQUEST");
  if (request.status === "merged") throw refused(`${what} is merged already.`, "PULL_REQUEST_MERGED");
  if (request.status === "closed") throw refused(`${what} is closed.`, "PULL_REQUEST_CLOSED", "Open it again first.");
  if (request.status === "draft")
    throw refused(`${what} is a draft.`, "PULL_REQUEST_DRAFT", 'Publish it first, by the status "open".');
  const ref = pullRequestRef(request.num);
  const head = await resolveRevision({ db: tx }, repo, ref).catch((error: unknown) => {
    if (error instanceof ServiceError && error.status === 404) return undefined;
    throw error;
  });
  const sides = head === undefined ? undefined : await sidesOf(tx, repo, { ...request, headCommit: head.id });
  if (sides === undefined) throw refused(`${ref} is gone.`, "PULL_REQUEST_REF_GONE");
  const { target } = sides;
  if (target === undefined) throw refused(`The branch ${request.base} is gone.`, "BRANCH_GONE");
  return { ...sides, target };
}

function conflicting({ num }: Discussion, conflicts: readonly string[]): ServiceError {
  const shown = conflicts.slice(0, 10).map((path) => `"${path}"`);
  const more = conflicts.length > shown.length ? ` and ${conflicts.length - shown.length} more` : "";
  const message = `Pull request ${num} cannot be merged: both sides changed ${shown.join(", ")}${more}.`;
  return new ServiceError(409, message, {
    code: "MERGE_CONFLICT",
    hint: `Merge the branch into ${pullRequestRef(num)}, decide about these files, and push that.`,
    data: { conflicts },
  });
}

async function writeMerge(
  tx: Tx,
  ctx: Context,
  repo: Repo,
  {
    request,
    sides: { base, head, target },
    treeId,
  }: { request: Discussion; sides: RequestSides & { target: NonNullable<RequestSides["target"]> }; treeId: string },
): Promise<{ result: string; updatedRefs: UpdatedRef[] }> {
  // Everything is there already.
  if (base?.id === head.id) return { result: target.id, updatedRefs: [] };
  const listed = await commitsBetween(tx, repo, target.id, head.id, MOST_LISTED);
  const lines = listed.map(({ id, message }) => `- ${message.split("\n")[0]} (${id})`);
  const message = `${request.title} (#${request.num})\n\n${lines.reverse().join("\n")}`;
  const parents = [target.id, head.id];
  const result = await insertCommit(tx, repo, { treeId, parents, author: authorOf(ctx), message });
  const ref = request.base ?? "";
  await moveRef(tx, repo, ref, result);
  return { result, updatedRefs: [{ ref, oldSha: target.id, newSha: result }] };
}
