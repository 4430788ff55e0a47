// Which webhooks want to know of something that happened, and what each is told (version 3 of the payload).
// Sends nothing: a job for each delivery goes into the queue, with the change itself.
import { and, arrayContains, desc, eq, inArray, isNull, lt, or } from "drizzle-orm";
import { fullName, plural, type RepoId, repoPath } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { type WebhookDomain, webhookDeliveries, webhooks, webhookWatches } from "../db/schema/webhooks.ts";
import { refs } from "../db/schema.ts";
import type { Repo } from "./access.ts";
import type { HubEvent } from "./events.ts";
import { readersAmong } from "./readers.ts";
import { branchRef } from "./refs.ts";
import { newId, wireId } from "./wire-ids.ts";

/** Deliveries that a webhook's log keeps. */
const MOST_DELIVERIES = 100;
/** Of one event. */
const MOST_WEBHOOKS = 1000;

export async function queueWebhooks(tx: Tx, ctx: Pick<Context, "queue">, event: HubEvent): Promise<void> {
  const matching = await matchingWebhooks(tx, event);
  if (matching.length === 0) return;
  const head = event.scope.startsWith("repo") ? await headOf(tx, event.repo) : undefined;
  for (const { id, origin } of matching) {
    const payload = { ...payloadOf(event, origin, head), webhook: { id, version: 3 } };
    await queueDelivery(tx, ctx, id, payload);
  }
}

/** Writes a delivery into a webhook's log, whose oldest go, and into the queue. */
async function queueDelivery(
  tx: Tx,
  { queue }: Pick<Context, "queue">,
  webhookId: string,
  payload: Record<string, unknown>,
): Promise<void> {
  const deliveryId = newId();
  await tx.insert(webhookDeliveries).values({ id: deliveryId, webhookId, payload });
  await trimDeliveries(tx, webhookId);
  await queue.send(tx, "webhook", { deliveryId }, deliveryId);
}

export async function trimDeliveries(tx: Tx, webhookId: string): Promise<void> {
  const mine = eq(webhookDeliveries.webhookId, webhookId);
  const [oldest] = await tx
    .select({ position: webhookDeliveries.position })
    .from(webhookDeliveries)
    .where(mine)
    .orderBy(desc(webhookDeliveries.position))
    .offset(MOST_DELIVERIES - 1)
    .limit(1);
  if (oldest !== undefined)
    await tx.delete(webhookDeliveries).where(and(mine, lt(webhookDeliveries.position, oldest.position)));
}

/** Those that watch the repository or its owner, and whose user may read it now. */
async function matchingWebhooks(tx: Tx, { scope, repo }: HubEvent): Promise<{ id: string; origin: string }[]> {
  const domain: WebhookDomain = scope.startsWith("repo") ? "repo" : "discussion";
  const watching = tx
    .select({ id: webhookWatches.webhookId })
    .from(webhookWatches)
    .where(or(eq(webhookWatches.ownerId, repo.ownerId), eq(webhookWatches.repoId, repo.id)));
  const found = await tx
    .select({ id: webhooks.id, origin: webhooks.origin, userId: webhooks.userId })
    .from(webhooks)
    .where(and(isNull(webhooks.disabled), arrayContains(webhooks.domains, [domain]), inArray(webhooks.id, watching)))
    .limit(MOST_WEBHOOKS);
  const readers = await readersAmong(
    tx,
    repo,
    found.map(({ userId }) => userId),
  );
  return found.filter(({ userId }) => readers.has(userId));
}

async function headOf(tx: Tx, repo: Repo): Promise<string | undefined> {
  const [head] = await tx
    .select({ commitId: refs.commitId })
    .from(refs)
    .where(and(eq(refs.repoId, repo.id), eq(refs.name, branchRef("main"))));
  return head?.commitId;
}

const apiPath = (id: RepoId): string => `/api/${plural(id.type)}/${fullName(id)}`;
const person = (id: string | null) => ({ id: id === null ? "deleted" : wireId(id) });

/** What receivers read; addresses are those under which the webhook's user reached this hub. */
function payloadOf(event: HubEvent, origin: string, headSha: string | undefined): Record<string, unknown> {
  const { repo, scope, action } = event;
  const about = (path: string) => ({
    web: `${origin}${repoPath(repo)}${path}`,
    api: `${origin}${apiPath(repo)}${path}`,
  });
  const told: Record<string, unknown> = {
    event: { action, scope },
    repo: {
      type: repo.type,
      name: fullName(repo),
      id: wireId(repo.id),
      private: repo.isPrivate,
      url: about(""),
      owner: person(repo.ownerId),
      ...(headSha !== undefined && { headSha }),
      ...(scope.startsWith("repo") && { tags: repo.tags }),
    },
  };
  if ("updatedRefs" in event) told["updatedRefs"] = event.updatedRefs;
  if ("updatedConfig" in event) told["updatedConfig"] = event.updatedConfig;
  if ("movedTo" in event) told["movedTo"] = { name: event.movedTo.name, owner: person(event.movedTo.ownerId) };
  if (!("discussion" in event)) return told;
  const { discussion, comment } = event;
  const at = `/discussions/${discussion.num}`;
  told["discussion"] = {
    id: discussion.id,
    num: discussion.num,
    title: discussion.title,
    status: discussion.status,
    isPullRequest: discussion.isPullRequest,
    author: person(discussion.authorId),
    url: about(at),
    pinned: discussion.pinned,
    ...(discussion.isPullRequest && {
      changes: {
        base: discussion.base,
        ...(discussion.mergeCommit !== null && { mergeCommitId: discussion.mergeCommit }),
      },
    }),
  };
  if (comment !== undefined) {
    told["comment"] = {
      id: comment.id,
      author: person(comment.authorId),
      ...(!comment.hidden && { content: comment.raw ?? "" }),
      hidden: comment.hidden,
      url: { web: `${about(at).web}#${comment.id}` },
    };
  }
  return told;
}
