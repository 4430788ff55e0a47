// Webhooks of the caller: made, changed, switched off, and what they were told.
// Sends nothing but what is asked to be sent again.
import { and, count, desc, eq, inArray } from "drizzle-orm";
import { REPO_TYPES, type RepoType } from "../../src/hub/repo-id.ts";
import type { Actor, Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { type WebhookDomain, webhookDeliveries, webhooks, webhookWatches } from "../db/schema/webhooks.ts";
import { repos, users } from "../db/schema.ts";
import { badRequest, forbidden, ServiceError } from "../errors.ts";
import { requireAccess, requireWriter } from "./access.ts";
import { CLI_APP } from "./oauth-apps.ts";
import { permits } from "./scopes.ts";
import { findUser } from "./users.ts";
import { isGood, note, post, succeeded } from "./webhook-delivery.ts";
import { trimDeliveries } from "./webhook-events.ts";
import { newId } from "./wire-ids.ts";

export const WATCHED_TYPES = ["user", "org", ...REPO_TYPES] as const;
export interface Watched {
  type: (typeof WATCHED_TYPES)[number];
  name: string;
}

export interface Webhook {
  id: string;
  url: string;
  secret: string | null;
  domains: WebhookDomain[];
  watched: Watched[];
  disabled: boolean | "suspended-after-failure";
  lastTriggerAt: Date | null;
}

export interface WebhookInput {
  url?: string | undefined;
  secret?: string | undefined;
  domains?: readonly WebhookDomain[] | undefined;
  watched?: readonly Watched[] | undefined;
}

/** Of one user. */
const MOST_WEBHOOKS = 100;

/** A webhook is told what its user may read, so making one takes a credential that may write. */
const owner = (ctx: Context): Actor => requireWriter(ctx, "user.webhooks.write");

/** Of an app what gave it an address ends with. The command line is nobody but its user. */
const grantOf = ({ limits }: Actor): string | null =>
  limits?.app === undefined || limits.app.id === CLI_APP ? null : limits.app.grantId;

const notFound = () => new ServiceError(404, "There is no such webhook.", { code: "WEBHOOK_NOT_FOUND" });

export async function listWebhooks(ctx: Context): Promise<Webhook[]> {
  const { id } = owner(ctx);
  const rows = await ctx.db.select().from(webhooks).where(eq(webhooks.userId, id)).orderBy(webhooks.createdAt);
  return describe(ctx, rows);
}

async function mine(ctx: Context, id: string): Promise<typeof webhooks.$inferSelect> {
  const actor = owner(ctx);
  const [row] = await ctx.db
    .select()
    .from(webhooks)
    .where(and(eq(webhooks.id, id), eq(webhooks.userId, actor.id)));
  if (row === undefined) throw notFound();
  return row;
}

export async function getWebhook(ctx: Context, id: string): Promise<Webhook> {
  const [webhook] = await describe(ctx, [await mine(ctx, id)]);
  if (webhook === undefined) throw notFound();
  return webhook;
}

async function describe(ctx: Context, rows: (typeof webhooks.$inferSelect)[]): Promise<Webhook[]> {
  const watched = await ctx.db
    .select({
      webhookId: webhookWatches.webhookId,
      kind: users.kind,
      owner: users.name,
      type: repos.type,
      namespace: repos.namespace,
      name: repos.name,
    })
    .from(webhookWatches)
    .leftJoin(users, eq(users.id, webhookWatches.ownerId))
    .leftJoin(repos, eq(repos.id, webhookWatches.repoId))
    .where(
      inArray(
        webhookWatches.webhookId,
        rows.map(({ id }) => id),
      ),
    );
  return rows.map((row) => ({
    id: row.id,
    url: row.url,
    secret: row.secret,
    domains: row.domains,
    watched: watched.filter(({ webhookId }) => webhookId === row.id).map(watchedName),
    disabled: row.disabled === "suspended-after-failure" ? row.disabled : row.disabled !== null,
    lastTriggerAt: row.lastTriggerAt,
  }));
}

function watchedName(row: {
  kind: string | null;
  owner: string | null;
  type: RepoType | null;
  namespace: string | null;
  name: string | null;
}): Watched {
  if (row.type !== null) return { type: row.type, name: `${row.namespace}/${row.name}` };
  return { type: row.kind === "org" ? "org" : "user", name: row.owner ?? "" };
}

export async function createWebhook(ctx: Context, input: WebhookInput, origin: string): Promise<Webhook> {
  const actor = owner(ctx);
  const { url, domains = ["repo", "discussion"], secret, watched = [] } = input;
  if (url === undefined) throw badRequest("A webhook needs a url.");
  if (watched.length === 0) throw badRequest("A webhook needs something to watch.");
  checkUrl(ctx, url);
  const targets = await targetsOf(ctx, watched);
  const id = newId();
  await ctx.db.transaction(async (tx) => {
    await tx.select({ id: users.id }).from(users).where(eq(users.id, actor.id)).for("update");
    const [has] = await tx.select({ value: count() }).from(webhooks).where(eq(webhooks.userId, actor.id));
    if ((has?.value ?? 0) >= MOST_WEBHOOKS)
      throw new ServiceError(409, `A user may have ${MOST_WEBHOOKS} webhooks.`, { code: "TOO_MANY_WEBHOOKS" });
    const told = { url, secret: secret || null, domains: [...new Set(domains)], origin };
    await tx.insert(webhooks).values({ id, userId: actor.id, grantId: grantOf(actor), ...told });
    await watch(tx, id, targets);
  });
  return getWebhook(ctx, id);
}

/** Changes what is given; an empty list of what to watch changes nothing, as Python's client sends one for "unchanged". */
export async function updateWebhook(ctx: Context, id: string, input: WebhookInput, origin: string): Promise<Webhook> {
  await mine(ctx, id);
  const grantId = grantOf(owner(ctx));
  const { url, domains, secret, watched = [] } = input;
  if (url !== undefined) checkUrl(ctx, url);
  const targets = await targetsOf(ctx, watched);
  await ctx.db.transaction(async (tx) => {
    await tx
      .update(webhooks)
      .set({
        origin,
        // Whoever gives the address is who is told.
        ...(url !== undefined && { url, grantId }),
        ...(secret !== undefined && { secret: secret || null }),
        ...(domains !== undefined && { domains: [...new Set(domains)] }),
      })
      .where(eq(webhooks.id, id));
    if (targets.length === 0) return;
    await tx.delete(webhookWatches).where(eq(webhookWatches.webhookId, id));
    await watch(tx, id, targets);
  });
  return getWebhook(ctx, id);
}

export async function deleteWebhook(ctx: Context, id: string): Promise<void> {
  await mine(ctx, id);
  await ctx.db.delete(webhooks).where(eq(webhooks.id, id));
}

/** Switches a webhook on, forgetting that it failed, or off. */
export async function toggleWebhook(ctx: Context, id: string, on: boolean): Promise<Webhook> {
  await mine(ctx, id);
  await ctx.db
    .update(webhooks)
    .set(on ? { disabled: null, failures: 0 } : { disabled: "by-user" })
    .where(eq(webhooks.id, id));
  return getWebhook(ctx, id);
}

/** What a webhook was told, the latest first; as many as are kept. */
export async function listDeliveries(ctx: Context, id: string): Promise<(typeof webhookDeliveries.$inferSelect)[]> {
  await mine(ctx, id);
  return ctx.db
    .select()
    .from(webhookDeliveries)
    .where(eq(webhookDeliveries.webhookId, id))
    .orderBy(desc(webhookDeliveries.position));
}

/** Sends a payload of the log again, now, and gives the HTTP status of the answer. */
export async function replay(ctx: Context, id: string, deliveryId: string): Promise<number> {
  const webhook = await mine(ctx, id);
  const [logged] = await ctx.db
    .select()
    .from(webhookDeliveries)
    .where(and(eq(webhookDeliveries.id, deliveryId), eq(webhookDeliveries.webhookId, id)));
  if (logged === undefined)
    throw new ServiceError(404, "There is no such entry in the log of this webhook.", { code: "DELIVERY_NOT_FOUND" });
  const again = await ctx.db.transaction(async (tx) => {
    // Not waiting: no job of the queue sends this one.
    const values = { id: newId(), webhookId: id, payload: logged.payload, state: "failed" as const };
    const [made] = await tx.insert(webhookDeliveries).values(values).returning();
    await trimDeliveries(tx, id);
    return made;
  });
  if (again === undefined) throw new Error("internal: a delivery was not inserted");
  const answer = await post(webhook, again, ctx.outbound);
  await note(ctx.db, again, { answer, attempts: 1, givenUp: true });
  if (isGood(answer)) await succeeded(ctx.db, id);
  if (answer.status !== undefined) return answer.status;
  throw new ServiceError(422, `The receiver did not answer: ${answer.text}.`, { code: "WEBHOOK_UNREACHABLE" });
}

function checkUrl({ outbound }: Context, text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol))
    throw badRequest("The url of a webhook begins with http:// or https://.");
  if (url.username !== "" || url.password !== "")
    throw badRequest("The url of a webhook holds no user or password.", "Use the secret.");
  const reason = outbound.refusal(url);
  if (reason === undefined) return;
  const hint = "Whoever runs this hub can allow it by ABRAZO_WEBHOOK_HOSTS.";
  throw new ServiceError(400, `The webhook cannot be sent there: ${reason}.`, { code: "PRIVATE_ADDRESS", hint });
}

type Target = { ownerId: string } | { repoId: string };

/** Rows of what is named; what the caller may not see cannot be watched. */
async function targetsOf(ctx: Context, watched: readonly Watched[]): Promise<Target[]> {
  const out = new Map<string, Target>();
  for (const { type, name } of watched) {
    const target = await targetOf(ctx, type, name);
    out.set(JSON.stringify(target), target);
  }
  return [...out.values()];
}

async function targetOf(ctx: Context, type: Watched["type"], name: string): Promise<Target> {
  if (type !== "user" && type !== "org") {
    const [namespace = "", rest = "", ...more] = name.split("/");
    if (more.length > 0 || rest === "") throw badRequest(`"${name}" is no name of a ${type}: it needs namespace/name.`);
    return { repoId: (await requireAccess(ctx, "read", { type, namespace, name: rest })).id };
  }
  const found = await findUser(ctx, name);
  if (found?.kind !== type)
    throw badRequest(`There is no ${type === "org" ? "organization" : "user"} "${name}" to watch.`);
  // What a token may not read, it may not have told either.
  if (!permits(ctx.actor?.limits, "repo.content.read", { ownerId: found.id }))
    throw forbidden(`This token has no permission "repo.content.read" for ${name}.`);
  return { ownerId: found.id };
}

async function watch(tx: Tx, webhookId: string, targets: readonly Target[]): Promise<void> {
  await tx.insert(webhookWatches).values(targets.map((target) => ({ webhookId, ...target })));
}
