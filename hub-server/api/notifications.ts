// News for the caller, and what they want to be told.
import type { Context as HonoContext } from "hono";
import { z } from "zod";
import { fullName, REPO_TYPES } from "../../src/hub/repo-id.ts";
import { badRequest } from "../errors.ts";
import {
  deleteNotifications,
  listNotifications,
  markNotifications,
  NOTIFICATION_SETTINGS,
  type Notification,
  type NotificationFilter,
  type Selection,
  updateNotificationSettings,
} from "../services/notifications.ts";
import { updateWatches } from "../services/watches.ts";
import { wireId } from "../services/wire-ids.ts";
import { avatarUrl } from "./people.ts";
import { defineRoute, type HubEnv, isTrue, jsonBody } from "./route.ts";

const FILTERS = {
  p: "Number of the page, from 0",
  readStatus: "all or unread",
  repoType: REPO_TYPES.join(", "),
  repoName: "namespace/name",
  mention: "all, participating or mentions",
  lastUpdate: "Only what happened up to this time",
  postAuthor: "This hub has no posts: nothing is found",
  paperId: "This hub has no papers: nothing is found",
  articleId: "This hub has no articles: nothing is found",
} as const;

const filterSchema = z.object({
  p: z.coerce.number().int().min(0).max(1_000_000).default(0),
  readStatus: z.enum(["all", "unread"]).default("all"),
  repoType: z.enum([...REPO_TYPES, "bucket", "kernel"]).optional(),
  repoName: z.string().max(200).optional(),
  mention: z.enum(["all", "participating", "mentions"]).default("all"),
  lastUpdate: z.iso.datetime().optional(),
  applyToAll: z.enum(["true", "True", "1", "false", "False", "0"]).default("false"),
});

function filterOf(c: HonoContext<HubEnv>): { filter: NotificationFilter; page: number; applyToAll: boolean } {
  const asked = filterSchema.safeParse(c.req.query());
  if (!asked.success) {
    const [issue] = asked.error.issues;
    throw badRequest(`The query is not as expected: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const { p, readStatus, repoType, repoName, mention, lastUpdate, applyToAll } = asked.data;
  const type = REPO_TYPES.find((candidate) => candidate === repoType);
  const foreign = ["postAuthor", "paperId", "articleId"].some((key) => c.req.query(key) !== undefined);
  return {
    page: p,
    applyToAll: isTrue(applyToAll),
    filter: {
      unread: readStatus === "unread",
      repoType: type,
      repoName,
      mention,
      lastUpdate: lastUpdate === undefined ? undefined : new Date(lastUpdate),
      elsewhere: foreign || (repoType !== undefined && type === undefined),
    },
  };
}

const wire = (c: HonoContext<HubEnv>, { updatedAt, read, eventId, repo, discussion, participating }: Notification) => ({
  type: "repo",
  updatedAt: updatedAt.toISOString(),
  read,
  ...(eventId !== null && { discussionEventId: eventId }),
  repo: { name: fullName(repo), type: repo.type },
  discussion: {
    ...discussion,
    participating: participating.map(({ id, name }) => ({
      _id: wireId(id),
      user: name,
      avatar: avatarUrl(c, { name }),
    })),
  },
});

const list = defineRoute({
  operation: "listNotifications",
  answers: ["GET /api/notifications"],
  method: "GET",
  path: "/api/notifications",
  access: "user",
  summary: "Discussions with news for the caller",
  query: FILTERS,
  handle: async (c, ctx) => {
    const { filter, page } = filterOf(c);
    const { notifications, count, start } = await listNotifications(ctx, filter, page);
    return c.json({ notifications: notifications.map((item) => wire(c, item)), count, start });
  },
});

const idsSchema = z.array(z.string().regex(/^[0-9a-f]{24}$/)).max(1000);
const deleteSchema = z.object({ discussionIds: idsSchema.min(1).optional() });
const markSchema = z.object({ discussionIds: idsSchema.default([]), read: z.boolean().default(true) });

/** What a change is about: the discussions in the body, or with applyToAll all that the query finds. */
function selectionOf(c: HonoContext<HubEnv>, discussionIds: readonly string[]): Selection {
  const { filter, applyToAll } = filterOf(c);
  if (applyToAll) return { filter };
  if (discussionIds.length === 0)
    throw badRequest("Say which: discussionIds in the body, or applyToAll=true in the query.");
  return { discussionIds };
}

const ALL = { ...FILTERS, applyToAll: "true for all that the query finds, instead of discussionIds" } as const;

const remove = defineRoute({
  operation: "deleteNotifications",
  answers: ["DELETE /api/notifications"],
  method: "DELETE",
  path: "/api/notifications",
  access: "user",
  summary: "Be done with some news",
  body: deleteSchema,
  query: ALL,
  handle: async (c, ctx) => {
    const { discussionIds = [] } = await jsonBody(c, deleteSchema);
    await deleteNotifications(ctx, selectionOf(c, discussionIds));
    return c.json({ success: true });
  },
});

const mark = defineRoute({
  operation: "markNotifications",
  answers: ["POST /api/notifications/mark-as-read"],
  method: "POST",
  path: "/api/notifications/mark-as-read",
  access: "user",
  summary: "Mark news as read, or as not read",
  body: markSchema,
  query: ALL,
  handle: async (c, ctx) => {
    const { discussionIds, read } = await jsonBody(c, markSchema);
    await markNotifications(ctx, selectionOf(c, discussionIds), read);
    return c.json({ success: true });
  },
});

const settingsSchema = z.object({
  notifications: z.record(z.string().max(100), z.boolean()),
});

const settings = defineRoute({
  operation: "updateNotificationSettings",
  answers: ["PATCH /api/settings/notifications"],
  method: "PATCH",
  path: "/api/settings/notifications",
  access: "user",
  summary: `Switch news on or off: ${NOTIFICATION_SETTINGS.join(", ")}`,
  body: settingsSchema,
  handle: async (c, ctx) => {
    const { notifications } = await jsonBody(c, settingsSchema);
    return c.json({ notifications: await updateNotificationSettings(ctx, notifications) });
  },
});

const watchItem = z.object({ id: z.string().min(1).max(200), type: z.enum(["org", "user", "repo"]) });
const watchSchema = z.object({
  add: z.array(watchItem).max(100).default([]),
  delete: z.array(watchItem).max(100).default([]),
});

const watch = defineRoute({
  operation: "updateWatches",
  answers: ["PATCH /api/settings/watch"],
  method: "PATCH",
  path: "/api/settings/watch",
  access: "user",
  summary: "Watch users, organizations and repositories, or stop it; ids are 24 hex digits or names",
  body: watchSchema,
  handle: async (c, ctx) => {
    await updateWatches(ctx, await jsonBody(c, watchSchema));
    return c.json({ success: true });
  },
});

export const notificationRoutes = [list, remove, mark, settings, watch];
