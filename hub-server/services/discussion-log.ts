// Rows of discussions and of what happens in them, written inside the transaction of whatever happens.
// Asks nobody's permission: callers do.
import { and, eq, sql } from "drizzle-orm";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { type DISCUSSION_EVENTS, discussionCounters, discussionEvents, discussions } from "../db/schema/discussions.ts";
import { refs } from "../db/schema.ts";
import { ServiceError } from "../errors.ts";
import type { Repo } from "./access.ts";
import { commitsBetween } from "./commit-graph.ts";
import { pullRequestOf, pullRequestRef, requestClosed } from "./pushes.ts";
import { newId } from "./wire-ids.ts";

export type Discussion = typeof discussions.$inferSelect;
export type DiscussionEvent = typeof discussionEvents.$inferSelect;

/** Characters that one discussion may hold, edits included: all are shown at once. */
const MOST_LETTERS = 1024 * 1024;
/** What an event counts beside its text. */
const EVENT_LETTERS = 100;
/** Of one comment. */
export const COMMENT_LETTERS = 65_536;
/** Commits of one push that are listed one by one. */
const MOST_COMMITS = 100;

/** What a pull request is made from. */
export interface RequestStart {
  /** Full name of the branch that it is to go into. */
  base: string;
  /** Where its ref begins. */
  commitId: string;
  /** A draft is not to be merged yet. */
  draft: boolean;
}

/** A new discussion with its number; of a pull request with its ref. */
export async function insertDiscussion(
  tx: Tx,
  repo: Repo,
  { title, authorId, start }: { title: string; authorId: string | null; start?: RequestStart | undefined },
): Promise<Discussion> {
  const [counter] = await tx
    .insert(discussionCounters)
    .values({ repoId: repo.id, last: 1 })
    .onConflictDoUpdate({
      target: discussionCounters.repoId,
      set: { last: sql`${discussionCounters.last} + 1` },
    })
    .returning();
  const num = counter?.last ?? 1;
  const [made] = await tx
    .insert(discussions)
    .values({
      id: newId(),
      repoId: repo.id,
      num,
      title,
      authorId,
      isPullRequest: start !== undefined,
      status: start?.draft === true ? "draft" : "open",
      base: start?.base ?? null,
      headCommit: start?.commitId ?? null,
    })
    .returning();
  if (made === undefined) throw new Error("internal: a discussion was not inserted");
  if (start !== undefined)
    await tx.insert(refs).values({ repoId: repo.id, name: pullRequestRef(num), commitId: start.commitId });
  return made;
}

export interface NewEvent {
  type: (typeof DISCUSSION_EVENTS)[number];
  authorId: string | null;
  raw?: string;
  data?: Record<string, unknown>;
}

/** Adds to what happened; everything counts towards what a discussion may hold. */
export async function addEvent(tx: Tx, discussionId: string, event: NewEvent): Promise<DiscussionEvent> {
  const [made] = await tx
    .insert(discussionEvents)
    .values({ id: newId(), discussionId, ...event })
    .returning();
  if (made === undefined) throw new Error("internal: an event was not inserted");
  const letters = EVENT_LETTERS + (event.raw ?? JSON.stringify(event.data ?? {})).length;
  const adds = event.type === "comment" || event.type === "title-change" || event.type === "commit";
  await countLetters(tx, discussionId, letters, { comments: event.raw === undefined ? 0 : 1, most: adds ? 1 : 2 });
  return made;
}

/**
 * Counts what is added, and refuses more than one page can show.
 *
 * @param options most: times the limit; what is full can be closed, too
 */
export async function countLetters(
  tx: Tx,
  discussionId: string,
  letters: number,
  { comments = 0, most = 1 } = {},
): Promise<void> {
  const [now] = await tx
    .update(discussions)
    .set({
      updatedAt: new Date(),
      letters: sql`${discussions.letters} + ${letters}`,
      comments: sql`${discussions.comments} + ${comments}`,
    })
    .where(eq(discussions.id, discussionId))
    .returning({ letters: discussions.letters });
  if (now === undefined || now.letters <= most * MOST_LETTERS) return;
  throw new ServiceError(409, "This discussion is full; open another one.", {
    code: "DISCUSSION_FULL",
    data: { letters: now.letters },
  });
}

/** The beginning of a text, without half of a letter at its end. */
export const beginning = (text: string, most: number): string => text.slice(0, most).replace(/[\uD800-\uDBFF]$/, "");

export interface UpdatedRef {
  /** Full name. */
  ref: string;
  /** Null for a ref that is new. */
  oldSha: string | null;
  /** Null for one that is gone. */
  newSha: string | null;
}

/** What pushes did to pull requests: their commits become events, the oldest first. */
export async function notePushes(
  tx: Tx,
  { actor }: Pick<Context, "actor">,
  repo: Repo,
  updated: readonly UpdatedRef[],
): Promise<void> {
  for (const { ref, oldSha, newSha } of updated) {
    const num = pullRequestOf(ref);
    if (num === undefined || newSha === null) continue;
    const [request] = await tx
      .update(discussions)
      .set({ headCommit: newSha, updatedAt: new Date() })
      .where(and(eq(discussions.repoId, repo.id), eq(discussions.num, num), eq(discussions.isPullRequest, true)))
      .returning({ id: discussions.id, status: discussions.status });
    if (request === undefined) continue;
    // Asked before, too, but a merge may have come in between.
    if (request.status === "merged" || request.status === "closed") throw requestClosed(num, request.status);
    const added = await commitsBetween(tx, repo, oldSha, newSha, MOST_COMMITS);
    for (const { id, message } of added.reverse()) {
      const subject = message.split("\n")[0] ?? "";
      const data = { subject: beginning(subject, 500), oid: id };
      await addEvent(tx, request.id, { type: "commit", authorId: actor?.id ?? null, data });
    }
  }
}
