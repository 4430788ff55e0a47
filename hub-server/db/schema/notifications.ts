// Who watches what, and which discussions have news for whom.
import { sql } from "drizzle-orm";
import { boolean, check, index, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { now, repos, users } from "../schema.ts";
import { discussions } from "./discussions.ts";

/** What a user watches, or mutes where it would be watched unasked: what they own, and what their organizations own. */
export const watches = pgTable(
  "watches",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    ownerId: uuid("owner_id").references(() => users.id, { onDelete: "cascade" }),
    repoId: uuid("repo_id").references(() => repos.id, { onDelete: "cascade" }),
    muted: boolean("muted").notNull(),
  },
  (table) => [
    uniqueIndex("watches_owner").on(table.ownerId, table.userId),
    uniqueIndex("watches_repo").on(table.repoId, table.userId),
    check("watches_one", sql`num_nonnulls(${table.ownerId}, ${table.repoId}) = 1`),
  ],
);

/** From the strongest: a mention stays one when others answer. */
export const NOTIFICATION_REASONS = ["mention", "participating", "watched"] as const;
export type NotificationReason = (typeof NOTIFICATION_REASONS)[number];

/** One row for each user and discussion, about the last that happened in it. */
export const notifications = pgTable(
  "notifications",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    discussionId: text("discussion_id")
      .notNull()
      .references(() => discussions.id, { onDelete: "cascade" }),
    eventId: text("event_id"),
    reason: text("reason", { enum: NOTIFICATION_REASONS }).notNull(),
    read: boolean("read").notNull().default(false),
    updatedAt: now("updated_at"),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.discussionId] }),
    index("notifications_user").on(table.userId, table.updatedAt.desc()),
    // A deletion of what a row belongs to looks for it.
    index("notifications_discussion").on(table.discussionId),
  ],
);

/** What a user wants to be told; a key that is missing is on. */
export const notificationSettings = pgTable("notification_settings", {
  userId: uuid("user_id")
    .primaryKey()
    .references(() => users.id, { onDelete: "cascade" }),
  values: jsonb("values").$type<Record<string, boolean>>().notNull(),
});
