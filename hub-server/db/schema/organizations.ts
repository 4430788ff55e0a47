// Who belongs to an organization, which is a row of users itself.
import { index, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { now, users } from "../schema.ts";

/** In order of what they may: read private repositories, make their own, change all, manage. */
export const ORG_ROLES = ["read", "contributor", "write", "admin"] as const;
export type OrgRole = (typeof ORG_ROLES)[number];

export const orgMembers = pgTable(
  "org_members",
  {
    orgId: uuid("org_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    role: text("role", { enum: ORG_ROLES }).notNull(),
    createdAt: now("created_at"),
  },
  (table) => [primaryKey({ columns: [table.orgId, table.userId] }), index("org_members_user").on(table.userId)],
);
