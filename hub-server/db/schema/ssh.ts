// SSH: the keys by which users are known to git.
import { index, pgTable, text, timestamp, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { now, users } from "../schema.ts";

export const sshKeys = pgTable(
  "ssh_keys",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    title: text("title").notNull(),
    /** e.g. "ssh-ed25519" */
    type: text("type").notNull(),
    /** The public key as SSH sends it, in base64. */
    key: text("key").notNull(),
    /** "SHA256:" and its digest in base64, as ssh-keygen shows it. */
    fingerprint: text("fingerprint").notNull(),
    createdAt: now("created_at"),
    lastUsedAt: timestamp("last_used_at", { withTimezone: true, precision: 3 }),
  },
  // A key is one user's: it says who comes.
  (table) => [uniqueIndex("ssh_keys_key").on(table.key), index("ssh_keys_user").on(table.userId)],
);
