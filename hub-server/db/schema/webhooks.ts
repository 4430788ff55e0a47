// Webhooks: addresses that are told what happens to repositories, and what they were told.
import { sql } from "drizzle-orm";
import {
  bigserial,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { now, repos, users } from "../schema.ts";
import { oauthGrants } from "./oauth.ts";

export const WEBHOOK_DOMAINS = ["repo", "discussion"] as const;
export type WebhookDomain = (typeof WEBHOOK_DOMAINS)[number];

export const webhooks = pgTable(
  "webhooks",
  {
    id: text("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    url: text("url").notNull(),
    /** Of an app that gave the address: the webhook ends with what its user granted the app. */
    grantId: uuid("grant_id").references(() => oauthGrants.id, { onDelete: "cascade" }),
    secret: text("secret"),
    domains: text("domains", { enum: WEBHOOK_DOMAINS }).array().notNull(),
    /** Why nothing is sent: its user switched it off, or it failed too often. */
    disabled: text("disabled", { enum: ["by-user", "suspended-after-failure"] }),
    /** Where its user reached this hub: addresses in what is sent begin with it. */
    origin: text("origin").notNull(),
    /** Deliveries in a row that were given up. */
    failures: integer("failures").notNull().default(0),
    createdAt: now("created_at"),
    lastTriggerAt: timestamp("last_trigger_at", { withTimezone: true, precision: 3 }),
  },
  (table) => [index("webhooks_user").on(table.userId), index("webhooks_grant").on(table.grantId)],
);

/** What a webhook watches: all repositories of an owner, or one. */
export const webhookWatches = pgTable(
  "webhook_watches",
  {
    webhookId: text("webhook_id")
      .notNull()
      .references(() => webhooks.id, { onDelete: "cascade" }),
    ownerId: uuid("owner_id").references(() => users.id, { onDelete: "cascade" }),
    repoId: uuid("repo_id").references(() => repos.id, { onDelete: "cascade" }),
  },
  (table) => [
    uniqueIndex("webhook_watches_owner").on(table.ownerId, table.webhookId),
    uniqueIndex("webhook_watches_repo").on(table.repoId, table.webhookId),
    index("webhook_watches_webhook").on(table.webhookId),
    check("webhook_watches_one", sql`num_nonnulls(${table.ownerId}, ${table.repoId}) = 1`),
  ],
);

export const webhookDeliveries = pgTable(
  "webhook_deliveries",
  {
    id: text("id").primaryKey(),
    position: bigserial("position", { mode: "number" }).notNull(),
    webhookId: text("webhook_id")
      .notNull()
      .references(() => webhooks.id, { onDelete: "cascade" }),
    payload: jsonb("payload").$type<Record<string, unknown>>().notNull(),
    state: text("state", { enum: ["waiting", "delivered", "failed"] })
      .notNull()
      .default("waiting"),
    attempts: integer("attempts").notNull().default(0),
    /** HTTP status of the last answer; null when there was none. */
    status: integer("status"),
    /** The beginning of the last answer, or why there was none. */
    answer: text("answer"),
    createdAt: now("created_at"),
    finishedAt: timestamp("finished_at", { withTimezone: true, precision: 3 }),
  },
  (table) => [index("webhook_deliveries_webhook").on(table.webhookId, table.position.desc())],
);
