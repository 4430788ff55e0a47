// What happens to repositories, told once in the transaction in which it happens: pull requests note what was pushed,
// webhooks and notifications are queued. Every door that changes something calls `record`.
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import type { Repo } from "./access.ts";
import { type Discussion, type DiscussionEvent, notePushes, type UpdatedRef } from "./discussion-log.ts";
import { notify } from "./notifications.ts";
import { queueWebhooks } from "./webhook-events.ts";

export type { UpdatedRef } from "./discussion-log.ts";

/** Something that happened, with the repository as it is after it. */
export type HubEvent =
  | { scope: "repo"; action: "create" | "delete"; repo: Repo }
  /** The repository has its old name still. */
  | { scope: "repo"; action: "move"; repo: Repo; movedTo: { name: string; ownerId: string } }
  | { scope: "repo.content"; action: "update"; repo: Repo; updatedRefs: readonly UpdatedRef[] }
  | { scope: "repo.config"; action: "update"; repo: Repo; updatedConfig: Record<string, unknown> }
  | {
      scope: "discussion";
      action: "create" | "update" | "delete";
      repo: Repo;
      discussion: Discussion;
      comment?: DiscussionEvent | undefined;
    }
  | {
      scope: "discussion.comment";
      action: "create" | "update";
      repo: Repo;
      discussion: Discussion;
      comment: DiscussionEvent;
    };

/**
 * Tells those who want to know: call it in the transaction that makes the change, after the change, but before a deletion.
 *
 * @example
 * ```ts
 * await record(tx, ctx, {
 *   scope: "repo.content",
 *   action: "update",
 *   repo,
 *   updatedRefs: [{ ref: "refs/heads/main", oldSha: "2640b68…", newSha: "91be332…" }],
 * });
 * ```
 */
export async function record(tx: Tx, ctx: Pick<Context, "queue" | "actor">, event: HubEvent): Promise<void> {
  if (event.scope === "repo.content") await notePushes(tx, ctx, event.repo, event.updatedRefs);
  await notify(tx, ctx, event);
  await queueWebhooks(tx, ctx, event);
}
