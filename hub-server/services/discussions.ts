// Discussions and pull requests: opened, commented, renamed, closed, pinned, locked, deleted.
// Merging is in merge.ts, reading in discussion-lists.ts.
import { and, eq } from "drizzle-orm";
import { fullName, type RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { discussionEvents, discussions } from "../db/schema/discussions.ts";
import { users } from "../db/schema.ts";
import { badRequest, forbidden, ServiceError } from "../errors.ts";
import { type Action, mayAccess, type Repo, requireAccess } from "./access.ts";
import { inRepoTurn } from "./commits.ts";
import {
  addEvent,
  COMMENT_LETTERS,
  countLetters,
  type Discussion,
  type DiscussionEvent,
  insertDiscussion,
} from "./discussion-log.ts";
import { record } from "./events.ts";
import { mergePullRequest } from "./merge.ts";
import { isBroken } from "./paths.ts";
import { dropRef, opened, openPullRequest, requireDiscussions, storageOf, TITLE_LETTERS } from "./pull-requests.ts";

/** Versions of one comment that are kept; then it stays as it is. */
const MOST_EDITS = 50;

export interface Opened {
  repo: Repo;
  discussion: Discussion;
}

const notFound = (num: number | string) =>
  new ServiceError(404, `There is no discussion ${num} here.`, { code: "DISCUSSION_NOT_FOUND" });

/** The repository of a discussion, if the caller may do this with it and discussions are on. */
export async function discussionRepo(ctx: Context, id: RepoId, action: Action): Promise<Repo> {
  const repo = await requireAccess(ctx, action, id);
  requireDiscussions(repo);
  return repo;
}

/** A discussion of a repository that the caller may do this with. */
export async function findDiscussion(ctx: Context, id: RepoId, num: number, action: Action): Promise<Opened> {
  const repo = await discussionRepo(ctx, id, action);
  const [discussion] = await ctx.db
    .select()
    .from(discussions)
    .where(and(eq(discussions.repoId, repo.id), eq(discussions.num, num)));
  if (discussion === undefined) throw notFound(num);
  return { repo, discussion };
}

function checkTitle(text: string): string {
  const title = text.trim().replace(/\s+/g, " ");
  const { least, most } = TITLE_LETTERS;
  if (title.length < least || title.length > most)
    throw badRequest(`A title has ${least} to ${most} characters; this one has ${title.length}.`);
  checkText(title);
  return title;
}

/** Text as the database and UTF-8 can hold it, and as one page can show it. */
function checkText(text: string): string {
  if (text.length > COMMENT_LETTERS)
    throw badRequest(`A comment has up to ${COMMENT_LETTERS} characters; this one has ${text.length}.`);
  if (text.includes("\0") || isBroken(text)) throw badRequest("The text holds a NUL or broken Unicode.");
  return text;
}

function checkComment(text: string): string {
  if (text.trim() === "") throw badRequest("A comment needs some text.");
  return checkText(text);
}

export interface NewDiscussion {
  title: string;
  description: string;
  pullRequest: boolean;
}

/** Opens a discussion, or a pull request that changes nothing yet: a draft, as on the Hub. */
export async function createDiscussion(ctx: Context, id: RepoId, input: NewDiscussion): Promise<Opened> {
  const repo = await discussionRepo(ctx, id, "contribute");
  const title = checkTitle(input.title);
  const description = checkText(input.description);
  // The turn, because the ref of a pull request begins where the branch is.
  const discussion = await inRepoTurn<Discussion>(ctx, repo, async (tx) => {
    if (input.pullRequest) {
      const result = await openPullRequest(tx, ctx, repo, { title, description, base: "main", draft: true });
      return { result, updatedRefs: [] };
    }
    const result = await insertDiscussion(tx, repo, { title, authorId: ctx.actor?.id ?? null });
    await opened(tx, ctx, repo, result, description);
    return { result, updatedRefs: [] };
  });
  return { repo, discussion };
}

/** Whether the caller may moderate: change what others wrote, and the state of what others opened. */
const moderates = (ctx: Context, repo: Repo): Promise<boolean> => mayAccess(ctx, "write", repo);

async function requireAuthorOrWriter(ctx: Context, { repo, discussion }: Opened, what: string): Promise<void> {
  if (discussion.authorId !== null && discussion.authorId === ctx.actor?.id) return;
  if (await moderates(ctx, repo)) return;
  throw forbidden(`${ctx.actor?.name} may not ${what}: somebody else opened it.`);
}

/** Reads a discussion again inside the transaction that changes it, so that two changes come one after the other. */
async function locked(tx: Tx, { discussion }: Opened): Promise<Discussion> {
  const [now] = await tx.select().from(discussions).where(eq(discussions.id, discussion.id)).for("update");
  if (now === undefined) throw notFound(discussion.num);
  return now;
}

export async function comment(ctx: Context, id: RepoId, num: number, text: string): Promise<DiscussionEvent> {
  const found = await findDiscussion(ctx, id, num, "contribute");
  const { repo } = found;
  const raw = checkComment(text);
  const moderator = await moderates(ctx, repo);
  return ctx.db.transaction(async (tx) => {
    const discussion = await locked(tx, found);
    if (discussion.locked && !moderator)
      throw forbidden(`Discussion ${num} is locked: only who may write to ${fullName(repo)} may comment.`);
    const made = await addEvent(tx, discussion.id, { type: "comment", authorId: ctx.actor?.id ?? null, raw });
    await record(tx, ctx, { scope: "discussion.comment", action: "create", repo, discussion, comment: made });
    return made;
  });
}

/** A comment of this very discussion; ids of others do not exist here. */
async function commentOf(tx: Tx, discussion: Discussion, commentId: string): Promise<DiscussionEvent> {
  const [found] = await tx
    .select()
    .from(discussionEvents)
    .where(
      and(
        eq(discussionEvents.id, commentId),
        eq(discussionEvents.discussionId, discussion.id),
        eq(discussionEvents.type, "comment"),
      ),
    );
  if (found === undefined)
    throw new ServiceError(404, `There is no comment ${commentId} in discussion ${discussion.num}.`, {
      code: "COMMENT_NOT_FOUND",
    });
  return found;
}

async function changeComment(
  ctx: Context,
  id: RepoId,
  { num, commentId }: { num: number; commentId: string },
  change: (tx: Tx, comment: DiscussionEvent, discussion: Discussion) => Promise<Partial<DiscussionEvent>>,
): Promise<DiscussionEvent> {
  const found = await findDiscussion(ctx, id, num, "contribute");
  const { repo } = found;
  const manages = await mayAccess(ctx, "manage", repo);
  return ctx.db.transaction(async (tx) => {
    const discussion = await locked(tx, found);
    const before = await commentOf(tx, discussion, commentId);
    if (!manages && (before.authorId === null || before.authorId !== ctx.actor?.id))
      throw forbidden(`${ctx.actor?.name} may not change this comment: somebody else wrote it.`);
    if (before.hidden) throw new ServiceError(409, "The comment is hidden; it stays so.", { code: "COMMENT_HIDDEN" });
    const set = await change(tx, before, discussion);
    const [after] = await tx
      .update(discussionEvents)
      .set({ ...set, editorId: ctx.actor?.id ?? null, updatedAt: new Date() })
      .where(eq(discussionEvents.id, before.id))
      .returning();
    const changed = after ?? before;
    await record(tx, ctx, { scope: "discussion.comment", action: "update", repo, discussion, comment: changed });
    return changed;
  });
}

/** Changes a comment of the caller's own, or as a manager one of others; what it said before is kept. */
export function editComment(
  ctx: Context,
  id: RepoId,
  { text, ...which }: { num: number; commentId: string; text: string },
): Promise<DiscussionEvent> {
  const raw = checkComment(text);
  return changeComment(ctx, id, which, async (tx, before, discussion) => {
    if (before.history.length >= MOST_EDITS)
      throw new ServiceError(409, `A comment can be edited ${MOST_EDITS} times.`, { code: "TOO_MANY_EDITS" });
    await countLetters(tx, discussion.id, raw.length);
    const author = await nameOf(tx, before.editorId ?? before.authorId);
    const updatedAt = (before.updatedAt ?? before.createdAt).toISOString();
    return { raw, history: [...before.history, { raw: before.raw ?? "", author, updatedAt }] };
  });
}

async function nameOf(tx: Tx, id: string | null): Promise<string> {
  const [user] = id === null ? [] : await tx.select({ name: users.name }).from(users).where(eq(users.id, id));
  return user?.name ?? "deleted";
}

/** Hides a comment for good. */
export const hideComment = (
  ctx: Context,
  id: RepoId,
  which: { num: number; commentId: string },
): Promise<DiscussionEvent> => changeComment(ctx, id, which, async () => ({ hidden: true }));

/** Changes a discussion and writes down what changed. */
async function change(
  ctx: Context,
  found: Opened,
  type: DiscussionEvent["type"],
  make: (now: Discussion) => { set: Partial<Discussion>; data: Record<string, unknown> },
  said?: string,
): Promise<DiscussionEvent> {
  const { repo } = found;
  const authorId = ctx.actor?.id ?? null;
  return ctx.db.transaction(async (tx) => {
    const { set, data } = make(await locked(tx, found));
    const raw = said === undefined || said.trim() === "" ? undefined : checkText(said);
    const words =
      raw === undefined ? undefined : await addEvent(tx, found.discussion.id, { type: "comment", authorId, raw });
    const event = await addEvent(tx, found.discussion.id, { type, authorId, data });
    const [discussion = found.discussion] = await tx
      .update(discussions)
      .set({ ...set, updatedAt: new Date() })
      .where(eq(discussions.id, found.discussion.id))
      .returning();
    await record(tx, ctx, { scope: "discussion", action: "update", repo, discussion, comment: words });
    return event;
  });
}

export async function rename(ctx: Context, id: RepoId, num: number, text: string): Promise<DiscussionEvent> {
  const found = await findDiscussion(ctx, id, num, "contribute");
  const title = checkTitle(text);
  await requireAuthorOrWriter(ctx, found, "rename this");
  return change(ctx, found, "title-change", (now) => ({ set: { title }, data: { from: now.title, to: title } }));
}

/** Closes, opens again, or publishes a draft. */
export async function changeStatus(
  ctx: Context,
  id: RepoId,
  num: number,
  { status, comment: said }: { status: "open" | "closed"; comment?: string | undefined },
): Promise<DiscussionEvent> {
  const found = await findDiscussion(ctx, id, num, "contribute");
  await requireAuthorOrWriter(ctx, found, status === "open" ? "open this" : "close this");
  const check = (now: Discussion) => {
    if (now.status === "merged" || now.status === status)
      throw new ServiceError(409, `Discussion ${num} is ${now.status}; it cannot become ${status}.`, {
        code: "STATUS_UNCHANGED",
      });
    return { set: { status }, data: { status } };
  };
  return change(ctx, found, "status-change", check, said);
}

export async function pin(ctx: Context, id: RepoId, num: number, pinned: boolean): Promise<DiscussionEvent> {
  const found = await findDiscussion(ctx, id, num, "write");
  return change(ctx, found, "pinning-change", () => ({ set: { pinned }, data: { pinned } }));
}

/** Leaves comments to those who may write. */
export async function lock(ctx: Context, id: RepoId, num: number, on: boolean): Promise<DiscussionEvent> {
  const found = await findDiscussion(ctx, id, num, "write");
  return change(ctx, found, "locking-change", () => ({ set: { locked: on }, data: { locked: on } }));
}

/** @returns the head of the branch after the merge */
export async function merge(ctx: Context, id: RepoId, num: number, said: string | undefined): Promise<string> {
  const { repo, discussion } = await findDiscussion(ctx, id, num, "write");
  return mergePullRequest(ctx, repo, discussion.id, said === undefined ? undefined : checkText(said));
}

/** Deletes a discussion with its comments; of a pull request its ref goes too. What was merged stays. */
export async function deleteDiscussion(ctx: Context, id: RepoId, num: number): Promise<void> {
  const found = await findDiscussion(ctx, id, num, "manage");
  const { repo } = found;
  await inRepoTurn<void>(ctx, repo, async (tx) => {
    const discussion = await locked(tx, found);
    await record(tx, ctx, { scope: "discussion", action: "delete", repo, discussion });
    if (discussion.isPullRequest) await dropRef(tx, repo, discussion);
    await tx.delete(discussions).where(eq(discussions.id, discussion.id));
    return { result: undefined, updatedRefs: [] };
  });
}

/** Takes the ref of a pull request that is over, and the room of what it alone holds; its page stays. */
export async function deleteRequestRef(ctx: Context, id: RepoId, num: number): Promise<void> {
  const found = await findDiscussion(ctx, id, num, "write");
  const { repo } = found;
  requirePullRequest(found);
  await inRepoTurn<void>(ctx, repo, async (tx) => {
    const discussion = await locked(tx, found);
    if (discussion.status !== "closed" && discussion.status !== "merged")
      throw new ServiceError(409, `Pull request ${num} is ${discussion.status}; close it first.`, {
        code: "PULL_REQUEST_OPEN",
      });
    await dropRef(tx, repo, discussion);
    return { result: undefined, updatedRefs: [] };
  });
}

function requirePullRequest({ discussion }: Opened): void {
  if (!discussion.isPullRequest) throw badRequest(`Discussion ${discussion.num} is no pull request.`);
}

/** Bytes that deleting the ref of a pull request would free, and of how many files. */
export async function requestStorage(ctx: Context, id: RepoId, num: number): Promise<{ bytes: number; files: number }> {
  const found = await findDiscussion(ctx, id, num, "write");
  requirePullRequest(found);
  const sizes = [...(await storageOf(ctx.db, found.repo, found.discussion)).values()];
  return { bytes: sizes.reduce((sum, size) => sum + size, 0), files: sizes.length };
}
