// Xet: xorbs with their chunks, files as terms of them, and what waits to be thrown away.
// Which repository may read a file is said by lfs_objects: a file of chunks is an LFS object that is kept in another form.
import { sql } from "drizzle-orm";
import { bigint, boolean, index, integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { bytea, now } from "../schema.ts";

/** Containers of chunks, by their Xet hash; their bytes are a blob. */
export const xetXorbs = pgTable(
  "xet_xorbs",
  {
    hash: text("hash").primaryKey(),
    /** Of the bytes as they are stored, which is the blob's name. */
    sha256: text("sha256").notNull(),
    packedSize: integer("packed_size").notNull(),
    /** Bytes of data. */
    size: bigint("size", { mode: "number" }).notNull(),
    /** The table of chunks (hub-server/xet/xorb.ts). */
    chunks: bytea("chunks").notNull(),
    createdAt: now("created_at"),
  },
  (table) => [index("xet_xorbs_sha256").on(table.sha256)],
);

/** Files by their Xet hash. The same bytes cut into other chunks are another row. */
export const xetFiles = pgTable(
  "xet_files",
  {
    hash: text("hash").primaryKey(),
    sha256: text("sha256").notNull(),
    size: bigint("size", { mode: "number" }).notNull(),
    /** Terms, packed (hub-server/xet/shard.ts). */
    terms: bytea("terms").notNull(),
    createdAt: now("created_at"),
  },
  (table) => [index("xet_files_sha256").on(table.sha256)],
);

/** Which xorbs a file needs: none of them goes while it is there. */
export const xetFileXorbs = pgTable(
  "xet_file_xorbs",
  {
    file: text("file")
      .notNull()
      .references(() => xetFiles.hash, { onDelete: "cascade" }),
    xorb: text("xorb")
      .notNull()
      .references(() => xetXorbs.hash),
  },
  (table) => [primaryKey({ columns: [table.file, table.xorb] }), index("xet_file_xorbs_xorb").on(table.xorb)],
);

/** Chunks that clients ask for before they upload, with a xorb that has them. */
export const xetChunks = pgTable(
  "xet_chunks",
  {
    hash: text("hash").primaryKey(),
    xorb: text("xorb")
      .notNull()
      .references(() => xetXorbs.hash, { onDelete: "cascade" }),
  },
  (table) => [index("xet_chunks_xorb").on(table.xorb)],
);

/** Every blob that was ever put, so that those which nothing names can be found. */
export const storedBlobs = pgTable("stored_blobs", {
  sha256: text("sha256").primaryKey(),
  createdAt: now("created_at"),
});

/**
 * What nothing names, since when. Whoever is about to name a thing deletes its row first, and waits where the collector
 * holds it: so the row is the lock between the two.
 */
export const garbage = pgTable(
  "garbage",
  {
    kind: text("kind", { enum: ["xetFile", "xorb", "blob", "commit", "tree", "content"] }).notNull(),
    id: text("id").notNull(),
    since: now("since"),
  },
  (table) => [primaryKey({ columns: [table.kind, table.id] }), index("garbage_since").on(table.since)],
);

/** What a run of the collector has found that commits lead to; empty between runs. */
export const reached = pgTable(
  "garbage_reached",
  {
    run: uuid("run").notNull(),
    kind: text("kind", { enum: ["tree", "content"] }).notNull(),
    id: text("id").notNull(),
    /** Of a folder: what lies in it was not noted yet. */
    open: boolean("open").notNull(),
    since: now("since"),
  },
  (table) => [
    primaryKey({ columns: [table.run, table.kind, table.id] }),
    index("garbage_reached_open").on(table.run, table.id).where(sql`${table.open}`),
  ],
);
