// Collections: lists of repositories and of other collections, with notes.
import { boolean, index, integer, pgTable, primaryKey, text, timestamp, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { now, repos, users } from "../schema.ts";
import { resourceGroups } from "./organizations.ts";

export const collections = pgTable(
  "collections",
  {
    /** 24 hex digits; the slug ends with them. */
    id: text("id").primaryKey(),
    ownerId: uuid("owner_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    title: text("title").notNull(),
    /** The title's letters and digits; with the id behind it, the collection's name in addresses. */
    slug: text("slug").notNull(),
    description: text("description"),
    isPrivate: boolean("is_private").notNull().default(false),
    theme: text("theme").notNull(),
    position: integer("position").notNull().default(0),
    upvotes: integer("upvotes").notNull().default(0),
    groupId: text("group_id").references(() => resourceGroups.id, { onDelete: "set null" }),
    createdAt: now("created_at"),
    updatedAt: now("updated_at"),
  },
  (table) => [
    uniqueIndex("collections_title").on(table.ownerId, table.title),
    index("collections_updated").on(table.updatedAt.desc()),
  ],
);

export const collectionItems = pgTable(
  "collection_items",
  {
    id: text("id").primaryKey(),
    collectionId: text("collection_id")
      .notNull()
      .references(() => collections.id, { onDelete: "cascade" }),
    /** One of the two is set. */
    repoId: uuid("repo_id").references(() => repos.id, { onDelete: "cascade" }),
    otherId: text("other_id").references(() => collections.id, { onDelete: "cascade" }),
    note: text("note"),
    position: integer("position").notNull(),
    createdAt: timestamp("created_at", { withTimezone: true, precision: 3 }).notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex("collection_items_repo").on(table.collectionId, table.repoId),
    uniqueIndex("collection_items_other").on(table.collectionId, table.otherId),
    index("collection_items_of_repo").on(table.repoId),
    index("collection_items_of_other").on(table.otherId),
  ],
);

export const collectionUpvotes = pgTable(
  "collection_upvotes",
  {
    collectionId: text("collection_id")
      .notNull()
      .references(() => collections.id, { onDelete: "cascade" }),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    createdAt: now("created_at"),
  },
  (table) => [primaryKey({ columns: [table.collectionId, table.userId] })],
);
