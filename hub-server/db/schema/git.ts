// What git-lfs keeps at its server beside objects: who is at work on which file.
import { pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { now, repos, users } from "../schema.ts";

export const lfsLocks = pgTable(
  "lfs_locks",
  {
    /** 24 hex digits. */
    id: text("id").primaryKey(),
    repoId: uuid("repo_id")
      .notNull()
      .references(() => repos.id, { onDelete: "cascade" }),
    path: text("path").notNull(),
    ownerId: uuid("owner_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    lockedAt: now("locked_at"),
  },
  (table) => [uniqueIndex("lfs_locks_path").on(table.repoId, table.path)],
);
