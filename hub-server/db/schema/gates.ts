// Who asked for the content of a gated repository, and what came of it.
import { boolean, index, jsonb, pgTable, primaryKey, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { repos, users } from "../schema.ts";

/** reset: a decision taken back; the user may ask again. */
export const REQUEST_STATUSES = ["pending", "accepted", "rejected", "reset"] as const;
export type RequestStatus = (typeof REQUEST_STATUSES)[number];

export const accessRequests = pgTable(
  "access_requests",
  {
    repoId: uuid("repo_id")
      .notNull()
      .references(() => repos.id, { onDelete: "cascade" }),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    status: text("status", { enum: REQUEST_STATUSES }).notNull(),
    /** Answers to the questions of the card. */
    fields: jsonb("fields").$type<Record<string, string>>(),
    /** Whether the user agreed to show their address: who was let in without asking did not. */
    sharesEmail: boolean("shares_email").notNull(),
    reason: text("reason"),
    createdAt: timestamp("created_at", { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    reviewedAt: timestamp("reviewed_at", { withTimezone: true, precision: 3 }),
    grantedBy: uuid("granted_by").references(() => users.id, { onDelete: "set null" }),
  },
  (table) => [
    primaryKey({ columns: [table.repoId, table.userId] }),
    index("access_requests_list").on(table.repoId, table.status, table.createdAt),
  ],
);
