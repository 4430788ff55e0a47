// News of discussions for those who take part, who are mentioned, and who watch; one entry for each user and discussion.
// Sends no mail: entries wait to be read.
import { and, count, desc, eq, inArray, lte, type SQL, sql } from "drizzle-orm";
import type { RepoType } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { discussionEvents, discussions } from "../db/schema/discussions.ts";
import { type NotificationReason, notificationSettings, notifications } from "../db/schema/notifications.ts";
import { repos, users } from "../db/schema.ts";
import { badRequest, unauthorized } from "../errors.ts";
import { visible } from "./access.ts";
import type { HubEvent } from "./events.ts";
import { readersAmong } from "./readers.ts";
import { watchersOf } from "./watches.ts";

/** Names of one comment that are looked up. */
const MOST_MENTIONS = 20;
const PAGE = 20;

/** What a user may switch, with the reasons that it is about. */
const SETTINGS: Readonly<Record<string, readonly NotificationReason[]>> = {
  web_discussions_participating: ["mention", "participating"],
  web_discussions_watched: ["watched"],
};
export const NOTIFICATION_SETTINGS = Object.keys(SETTINGS);

/** Tells those concerned, but not who did it. */
export async function notify(tx: Tx, { actor }: Pick<Context, "actor">, event: HubEvent): Promise<void> {
  if (!("discussion" in event) || event.action === "delete") return;
  const { discussion, repo } = event;
  const comment = "comment" in event ? event.comment : undefined;
  // An edit is no news.
  if (event.scope === "discussion.comment" && event.action === "update") return;
  const reasons = new Map<string, NotificationReason>();
  if (event.action === "create") for (const id of await watchersOf(tx, repo)) reasons.set(id, "watched");
  for (const id of await participantsOf(tx, discussion.id)) reasons.set(id, "participating");
  for (const id of await mentionedIn(tx, comment?.raw ?? "")) reasons.set(id, "mention");
  if (actor !== undefined) reasons.delete(actor.id);
  const readers = await readersAmong(tx, repo, [...reasons.keys()]);
  const wanted = await whoWants(tx, new Map([...reasons].filter(([id]) => readers.has(id))));
  const rows = [...wanted].map(([userId, reason]) => ({
    userId,
    discussionId: discussion.id,
    eventId: comment?.id ?? null,
    reason,
    updatedAt: new Date(),
  }));
  for (let start = 0; start < rows.length; start += 500) {
    await tx
      .insert(notifications)
      .values(rows.slice(start, start + 500))
      .onConflictDoUpdate({
        target: [notifications.userId, notifications.discussionId],
        set: {
          read: false,
          updatedAt: new Date(),
          eventId: sql`coalesce(excluded.event_id, ${notifications.eventId})`,
          reason: sql`case
            when 'mention' in (excluded.reason, ${notifications.reason}) then 'mention'
            when 'participating' in (excluded.reason, ${notifications.reason}) then 'participating'
            else 'watched' end`,
        },
      });
  }
}

async function participantsOf(tx: Tx, discussionId: string): Promise<string[]> {
  const rows = await tx
    .selectDistinct({ id: discussionEvents.authorId })
    .from(discussionEvents)
    .where(eq(discussionEvents.discussionId, discussionId));
  return rows.map(({ id }) => id).filter((id) => id !== null);
}

/** Names after an @ that stands at the beginning of a word. */
export const mentions = (raw: string): string[] => {
  const found = raw.matchAll(/(?<![\w@/.`-])@([A-Za-z0-9_](?:[A-Za-z0-9_]|[-.](?=[A-Za-z0-9_])){0,95})/g);
  const names = new Set<string>();
  for (const [, name = ""] of found) {
    names.add(name.toLowerCase());
    if (names.size === MOST_MENTIONS) break;
  }
  return [...names];
};

async function mentionedIn(tx: Tx, raw: string): Promise<string[]> {
  const names = mentions(raw);
  if (names.length === 0) return [];
  const rows = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(inArray(sql`lower(${users.name})`, names), eq(users.kind, "user")));
  return rows.map(({ id }) => id);
}

async function whoWants(tx: Tx, reasons: Map<string, NotificationReason>): Promise<Map<string, NotificationReason>> {
  if (reasons.size === 0) return reasons;
  const settings = await tx
    .select()
    .from(notificationSettings)
    .where(inArray(notificationSettings.userId, [...reasons.keys()]));
  for (const { userId, values } of settings) {
    const reason = reasons.get(userId);
    const off = Object.entries(SETTINGS).some(
      ([key, about]) => reason !== undefined && about.includes(reason) && values[key] === false,
    );
    if (off) reasons.delete(userId);
  }
  return reasons;
}

export interface NotificationFilter {
  unread?: boolean | undefined;
  repoType?: RepoType | undefined;
  repoName?: string | undefined;
  mention?: "all" | "participating" | "mentions" | undefined;
  /** Only what happened up to then. */
  lastUpdate?: Date | undefined;
  /** About papers, posts and articles, of which this hub has none. */
  elsewhere?: boolean | undefined;
}

export interface Notification {
  updatedAt: Date;
  read: boolean;
  eventId: string | null;
  repo: { type: RepoType; namespace: string; name: string };
  discussion: Pick<typeof discussions.$inferSelect, "id" | "num" | "title" | "status" | "isPullRequest">;
  participating: { id: string; name: string }[];
}

const REASONS: Readonly<Record<NonNullable<NotificationFilter["mention"]>, readonly NotificationReason[]>> = {
  all: ["mention", "participating", "watched"],
  participating: ["mention", "participating"],
  mentions: ["mention"],
};

/** What the caller may still see of what they were told. */
function mine(ctx: Context): SQL | undefined {
  if (ctx.actor === undefined) throw unauthorized();
  return and(eq(notifications.userId, ctx.actor.id), visible(ctx));
}

function narrowed(filter: NotificationFilter): SQL | undefined {
  const { unread, repoType, repoName, mention = "all", lastUpdate, elsewhere } = filter;
  const [namespace = "", name = ""] = (repoName ?? "").toLowerCase().split("/");
  return and(
    inArray(notifications.reason, [...REASONS[mention]]),
    unread === true ? eq(notifications.read, false) : undefined,
    repoType === undefined ? undefined : eq(repos.type, repoType),
    repoName === undefined
      ? undefined
      : and(eq(sql`lower(${repos.namespace})`, namespace), eq(sql`lower(${repos.name})`, name)),
    lastUpdate === undefined ? undefined : lte(notifications.updatedAt, lastUpdate),
    elsewhere === true ? sql`false` : undefined,
  );
}

export async function listNotifications(
  ctx: Context,
  filter: NotificationFilter,
  page: number,
): Promise<{ notifications: Notification[]; count: { view: number; unread: number; all: number }; start: number }> {
  const start = page * PAGE;
  const where = and(mine(ctx), narrowed(filter));
  const rows = await ctx.db
    .select({
      updatedAt: notifications.updatedAt,
      read: notifications.read,
      eventId: notifications.eventId,
      repo: { type: repos.type, namespace: repos.namespace, name: repos.name },
      discussion: {
        id: discussions.id,
        num: discussions.num,
        title: discussions.title,
        status: discussions.status,
        isPullRequest: discussions.isPullRequest,
      },
    })
    .from(notifications)
    .innerJoin(discussions, eq(discussions.id, notifications.discussionId))
    .innerJoin(repos, eq(repos.id, discussions.repoId))
    .where(where)
    .orderBy(desc(notifications.updatedAt), notifications.discussionId)
    .limit(PAGE)
    .offset(start);
  const people = await peopleIn(
    ctx,
    rows.map(({ discussion }) => discussion.id),
  );
  return {
    notifications: rows.map((row) => ({ ...row, participating: people.get(row.discussion.id) ?? [] })),
    count: {
      view: await total(ctx, where),
      unread: await total(ctx, and(mine(ctx), eq(notifications.read, false))),
      all: await total(ctx, mine(ctx)),
    },
    start,
  };
}

async function total({ db }: Context, where: SQL | undefined): Promise<number> {
  const [row] = await db
    .select({ value: count() })
    .from(notifications)
    .innerJoin(discussions, eq(discussions.id, notifications.discussionId))
    .innerJoin(repos, eq(repos.id, discussions.repoId))
    .where(where);
  return row?.value ?? 0;
}

/** Up to five of those who take part in each discussion. */
async function peopleIn({ db }: Context, ids: readonly string[]): Promise<Map<string, { id: string; name: string }[]>> {
  const out = new Map<string, { id: string; name: string }[]>();
  if (ids.length === 0) return out;
  const rows = await db
    .selectDistinct({ discussionId: discussionEvents.discussionId, id: users.id, name: users.name })
    .from(discussionEvents)
    .innerJoin(users, eq(users.id, discussionEvents.authorId))
    .where(inArray(discussionEvents.discussionId, [...ids]));
  for (const { discussionId, id, name } of rows) {
    const people = out.get(discussionId) ?? [];
    if (people.length < 5) people.push({ id, name });
    out.set(discussionId, people);
  }
  return out;
}

/** Which entries a change is about: some discussions, or all that a filter finds. */
export type Selection = { discussionIds: readonly string[] } | { filter: NotificationFilter };

function selected(ctx: Context, selection: Selection): SQL | undefined {
  const about = "filter" in selection ? narrowed(selection.filter) : undefined;
  const found = ctx.db
    .select({ id: notifications.discussionId })
    .from(notifications)
    .innerJoin(discussions, eq(discussions.id, notifications.discussionId))
    .innerJoin(repos, eq(repos.id, discussions.repoId))
    .where(and(mine(ctx), about));
  return and(
    eq(notifications.userId, ctx.actor?.id ?? ""),
    "filter" in selection
      ? inArray(notifications.discussionId, found)
      : inArray(notifications.discussionId, [...selection.discussionIds]),
  );
}

export async function markNotifications(ctx: Context, selection: Selection, read: boolean): Promise<void> {
  if (ctx.actor === undefined) throw unauthorized();
  await ctx.db.update(notifications).set({ read }).where(selected(ctx, selection));
}

export async function deleteNotifications(ctx: Context, selection: Selection): Promise<void> {
  if (ctx.actor === undefined) throw unauthorized();
  await ctx.db.delete(notifications).where(selected(ctx, selection));
}

/** Switches some kinds of news on or off; gives all that the caller has set. */
export async function updateNotificationSettings(
  { actor, db }: Context,
  values: Readonly<Record<string, boolean>>,
): Promise<Record<string, boolean>> {
  if (actor === undefined) throw unauthorized();
  const unknown = Object.keys(values).filter((key) => !(key in SETTINGS));
  if (unknown.length > 0)
    throw badRequest(
      `This hub sends no notifications of this kind: ${unknown.slice(0, 10).join(", ")}.`,
      `What can be set: ${NOTIFICATION_SETTINGS.join(", ")}.`,
    );
  const [row] = await db
    .insert(notificationSettings)
    .values({ userId: actor.id, values: { ...values } })
    .onConflictDoUpdate({
      target: notificationSettings.userId,
      set: { values: sql`${notificationSettings.values} || excluded.values` },
    })
    .returning();
  const all = Object.fromEntries(NOTIFICATION_SETTINGS.map((key) => [key, true]));
  return { ...all, ...row?.values };
}
