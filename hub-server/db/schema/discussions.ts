// Discussions and pull requests of repositories: one sequence of numbers, and what happened in each.
import { sql } from "drizzle-orm";
import {
  bigserial,
  boolean,
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

/** A draft is a pull request that nobody may merge yet. */
export const DISCUSSION_STATUSES = ["draft", "open", "closed", "merged"] as const;
export type DiscussionStatus = (typeof DISCUSSION_STATUSES)[number];

/** The last number that a repository gave; numbers of what was deleted are not given again. */
export const discussionCounters = pgTable("discussion_counters", {
  repoId: uuid("repo_id")
    .primaryKey()
    .references(() => repos.id, { onDelete: "cascade" }),
  last: integer("last").notNull(),
});

export const discussions = pgTable(
  "discussions",
  {
    /** 24 hex digits, as clients know them. */
    id: text("id").primaryKey(),
    repoId: uuid("repo_id")
      .notNull()
      .references(() => repos.id, { onDelete: "cascade" }),
    num: integer("num").notNull(),
    title: text("title").notNull(),
    /** Null once the user is gone. */
    authorId: uuid("author_id").references(() => users.id, { onDelete: "set null" }),
    isPullRequest: boolean("is_pull_request").notNull(),
    status: text("status", { enum: DISCUSSION_STATUSES }).notNull(),
    pinned: boolean("pinned").notNull().default(false),
    /** Only who may write to the repository may comment. */
    locked: boolean("locked").notNull().default(false),
    comments: integer("comments").notNull().default(0),
    /** Characters of all comments and of what they were before, so that one discussion stays small enough to show. */
    letters: integer("letters").notNull().default(0),
    createdAt: now("created_at"),
    updatedAt: now("updated_at"),
    /** Of pull requests: full name of the branch that it is to go into. */
    base: text("base"),
    /** Of pull requests: what was pushed last; kept when the ref is deleted. */
    headCommit: text("head_commit"),
    /** Of merged pull requests: the head of the base after the merge. */
    mergeCommit: text("merge_commit"),
  },
  (table) => [
    uniqueIndex("discussions_num").on(table.repoId, table.num),
    index("discussions_repo").on(table.repoId, table.pinned.desc(), table.num.desc()),
  ],
);

export const DISCUSSION_EVENTS = [
  "comment",
  "status-change",
  "commit",
  "title-change",
  "pinning-change",
  "locking-change",
] as const;

/** What a comment said before it was edited. */
export interface CommentVersion {
  raw: string;
  author: string;
  updatedAt: string;
}

export const discussionEvents = pgTable(
  "discussion_events",
  {
    id: text("id").primaryKey(),
    /** The order of events; several happen in one millisecond. */
    position: bigserial("position", { mode: "number" }).notNull(),
    discussionId: text("discussion_id")
      .notNull()
      .references(() => discussions.id, { onDelete: "cascade" }),
    type: text("type", { enum: DISCUSSION_EVENTS }).notNull(),
    authorId: uuid("author_id").references(() => users.id, { onDelete: "set null" }),
    createdAt: now("created_at"),
    /** Of comments: the text as it is now, what it was, and who changed it last. */
    raw: text("raw"),
    history: jsonb("history").$type<CommentVersion[]>().notNull().default(sql`'[]'::jsonb`),
    hidden: boolean("hidden").notNull().default(false),
    editorId: uuid("editor_id").references(() => users.id, { onDelete: "set null" }),
    updatedAt: timestamp("updated_at", { withTimezone: true, precision: 3 }),
    /** Of other events: what changed. */
    data: jsonb("data").$type<Record<string, unknown>>(),
  },
  (table) => [index("discussion_events_discussion").on(table.discussionId, table.position)],
);
