// What was changed by whom: one table, written by the services in the transaction of the change.
// Knows no action's meaning.
import { and, desc, eq, ilike, or } from "drizzle-orm";
import type { Context } from "../context.ts";
import type { Db, Tx } from "../db/client.ts";
import { auditLog } from "../db/schema/organizations.ts";
import { containing } from "./like-pattern.ts";
import { newId } from "./wire-ids.ts";

export interface Change {
  orgId: string;
  /** e.g. "org.member.role" */
  action: string;
  target: string;
  data?: Record<string, unknown>;
}

export async function record(at: Db | Tx, { actor }: Pick<Context, "actor">, change: Change): Promise<void> {
  await at.insert(auditLog).values({
    ...change,
    id: newId(),
    actorId: actor?.id ?? null,
    actorName: actor?.name ?? "",
    address: actor?.address ?? null,
  });
}

/** Events of one export. */
const MOST_EVENTS = 100_000;

/** An organization's log, newest first; a word narrows it to names and actions that hold it. */
export async function readLog({ db }: Pick<Context, "db">, orgId: string, word: string | undefined) {
  const pattern = containing(word ?? "");
  const narrowed = or(
    ilike(auditLog.action, pattern),
    ilike(auditLog.target, pattern),
    ilike(auditLog.actorName, pattern),
  );
  return db
    .select()
    .from(auditLog)
    .where(and(eq(auditLog.orgId, orgId), narrowed))
    .orderBy(desc(auditLog.createdAt), desc(auditLog.id))
    .limit(MOST_EVENTS);
}
