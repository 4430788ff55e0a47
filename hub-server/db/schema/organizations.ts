// Organizations, which are rows of users themselves: who belongs to them, their resource groups, service accounts, rules and log.
import { boolean, index, jsonb, pgTable, primaryKey, text, timestamp, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { now, repos, tokens, users } from "../schema.ts";

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

/** Who made a repository, and with which app: a contributor may change what is theirs. */
export const repoCreators = pgTable("repo_creators", {
  repoId: uuid("repo_id")
    .primaryKey()
    .references(() => repos.id, { onDelete: "cascade" }),
  userId: uuid("user_id")
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  /** The OAuth app that asked for it on the user's behalf. */
  appId: text("app_id"),
});

/** Repositories of an organization that a part of its members sees. */
export const resourceGroups = pgTable(
  "resource_groups",
  {
    id: text("id").primaryKey(),
    orgId: uuid("org_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    description: text("description"),
    /** The role that new members of the organization get in the group; null: they do not join by themselves. */
    autoJoinRole: text("auto_join_role", { enum: ORG_ROLES }),
    createdAt: now("created_at"),
  },
  (table) => [uniqueIndex("resource_groups_name").on(table.orgId, table.name)],
);

export const resourceGroupMembers = pgTable(
  "resource_group_members",
  {
    groupId: text("group_id")
      .notNull()
      .references(() => resourceGroups.id, { onDelete: "cascade" }),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    role: text("role", { enum: ORG_ROLES }).notNull(),
    addedBy: uuid("added_by").references(() => users.id, { onDelete: "set null" }),
    createdAt: now("created_at"),
  },
  (table) => [
    primaryKey({ columns: [table.groupId, table.userId] }),
    index("resource_group_members_user").on(table.userId),
  ],
);

/** The group of a repository; without a row it is there for every member. */
export const repoGroups = pgTable(
  "repo_groups",
  {
    repoId: uuid("repo_id")
      .primaryKey()
      .references(() => repos.id, { onDelete: "cascade" }),
    groupId: text("group_id")
      .notNull()
      .references(() => resourceGroups.id, { onDelete: "cascade" }),
    createdAt: now("created_at"),
  },
  (table) => [index("repo_groups_group").on(table.groupId)],
);

/** Members that are programs: rows of users that nobody logs in as. */
export const serviceAccounts = pgTable("service_accounts", {
  userId: uuid("user_id")
    .primaryKey()
    .references(() => users.id, { onDelete: "cascade" }),
  orgId: uuid("org_id")
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  description: text("description"),
  createdBy: uuid("created_by").references(() => users.id, { onDelete: "set null" }),
  createdAt: now("created_at"),
});

/** From where the members of an organization may use what it owns. */
export const networkRules = pgTable("network_rules", {
  orgId: uuid("org_id")
    .primaryKey()
    .references(() => users.id, { onDelete: "cascade" }),
  /** CIDR, e.g. "10.0.0.0/8". */
  ipRanges: text("ip_ranges").array().notNull(),
  enforceIpRestriction: boolean("enforce_ip_restriction").notNull().default(false),
  updatedAt: now("updated_at"),
});

/** Tokens that an organization no longer takes; elsewhere they work on. */
export const revokedOrgTokens = pgTable(
  "revoked_org_tokens",
  {
    orgId: uuid("org_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    tokenId: uuid("token_id")
      .notNull()
      .references(() => tokens.id, { onDelete: "cascade" }),
    createdAt: now("created_at"),
  },
  (table) => [primaryKey({ columns: [table.orgId, table.tokenId] })],
);

/** What was changed, by whom, from where. Names are kept as they were. */
export const auditLog = pgTable(
  "audit_log",
  {
    id: text("id").primaryKey(),
    orgId: uuid("org_id").references(() => users.id, { onDelete: "cascade" }),
    actorId: uuid("actor_id").references(() => users.id, { onDelete: "set null" }),
    actorName: text("actor_name").notNull(),
    /** e.g. "org.member.role" */
    action: text("action").notNull(),
    /** What it was done to: a user, a repository, a group. */
    target: text("target").notNull(),
    data: jsonb("data").$type<Record<string, unknown>>().notNull().default({}),
    address: text("address"),
    createdAt: timestamp("created_at", { withTimezone: true, precision: 3 }).notNull().defaultNow(),
  },
  (table) => [index("audit_log_org").on(table.orgId, table.createdAt.desc())],
);
