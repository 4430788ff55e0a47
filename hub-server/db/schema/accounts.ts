// What people say about themselves, whom they follow and what they like.
import { index, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { bytea, now, repos, users } from "../schema.ts";

export const SOCIALS = ["github", "twitter", "linkedin", "bluesky"] as const;
export type Socials = Partial<Record<(typeof SOCIALS)[number], string>>;

export const profiles = pgTable("profiles", {
  userId: uuid("user_id")
    .primaryKey()
    .references(() => users.id, { onDelete: "cascade" }),
  website: text("website"),
  socials: jsonb("socials").$type<Socials>().notNull().default({}),
  /** An uploaded picture, made small. */
  avatar: bytea("avatar"),
});

export const follows = pgTable(
  "follows",
  {
    followerId: uuid("follower_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** A user or an organization. */
    followedId: uuid("followed_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    createdAt: now("created_at"),
  },
  (table) => [primaryKey({ columns: [table.followerId, table.followedId] }), index("follows_of").on(table.followedId)],
);

export const likes = pgTable(
  "likes",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    repoId: uuid("repo_id")
      .notNull()
      .references(() => repos.id, { onDelete: "cascade" }),
    createdAt: now("created_at"),
  },
  (table) => [primaryKey({ columns: [table.userId, table.repoId] }), index("likes_of").on(table.repoId)],
);
