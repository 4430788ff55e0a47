// Uploads in parts that are on their way, and the tags that carry a message.
// Holds no queries.
import { bigint, foreignKey, index, integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { bytea, now, refs, repos } from "../schema.ts";

/** A large object that arrives in parts: kept for a day after the last one, so that a client that was cut off goes on. */
export const uploads = pgTable(
  "uploads",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    repoId: uuid("repo_id")
      .notNull()
      .references(() => repos.id, { onDelete: "cascade" }),
    sha256: text("sha256").notNull(),
    size: bigint("size", { mode: "number" }).notNull(),
    partSize: bigint("part_size", { mode: "number" }).notNull(),
    /** What the blob store calls it. */
    handle: text("handle").notNull(),
    touchedAt: now("touched_at"),
  },
  (table) => [index("uploads_object").on(table.repoId, table.sha256), index("uploads_touched").on(table.touchedAt)],
);

/** Parts that arrived whole. */
export const uploadParts = pgTable(
  "upload_parts",
  {
    uploadId: uuid("upload_id")
      .notNull()
      .references(() => uploads.id, { onDelete: "cascade" }),
    /** From 1. */
    number: integer("number").notNull(),
    etag: text("etag").notNull(),
  },
  (table) => [primaryKey({ columns: [table.uploadId, table.number] })],
);

/** git's tag objects: refs name the commit, this is what git sees in between. */
export const annotatedTags = pgTable(
  "annotated_tags",
  {
    repoId: uuid("repo_id").notNull(),
    /** The ref, e.g. "refs/tags/v1". */
    name: text("name").notNull(),
    /** git's id of the object. */
    id: text("id").notNull(),
    message: text("message").notNull(),
    /** The object's content as git knows it. */
    raw: bytea("raw").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.repoId, table.name] }),
    foreignKey({ columns: [table.repoId, table.name], foreignColumns: [refs.repoId, refs.name] }).onDelete("cascade"),
  ],
);
