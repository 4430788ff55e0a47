// Rows of git's objects that are about to be named: folders are put here, and what the collector has marked is taken back.
// Decides nothing about what they hold.
import { and, eq, inArray } from "drizzle-orm";
import { objectId } from "../../src/io/git-objects.ts";
import type { Db, Tx } from "../db/client.ts";
import { garbage } from "../db/schema/xet.ts";
import { type StoredEntry, trees } from "../db/schema.ts";

export const EMPTY_TREE = objectId("tree", new Uint8Array());

type ObjectKind = "commit" | "tree" | "content";

/** How the collector knows a commit: each repository has rows of its own. */
export const commitMark = (repoId: string, id: string): string => `${repoId} ${id}`;

/**
 * Says that objects are about to be named. Comes before they are put: it waits where the collector has one in hand, and what it took
 * away is then put anew.
 */
export async function keepObjects(db: Db | Tx, kind: ObjectKind, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await db.delete(garbage).where(and(eq(garbage.kind, kind), inArray(garbage.id, [...ids])));
}

/** Of one statement: the embedded database keeps the memory that the largest one took. */
const AT_ONCE = { rows: 50, entries: 10_000 };

/** Puts folders that a commit of the same transaction leads to. */
export async function putTrees(tx: Tx, rows: readonly { id: string; entries: StoredEntry[] }[]): Promise<void> {
  for (let start = 0; start < rows.length; ) {
    const some = rows.slice(start, start + countOf(rows, start));
    await keepObjects(
      tx,
      "tree",
      some.map(({ id }) => id),
    );
    await tx.insert(trees).values(some).onConflictDoNothing();
    start += some.length;
  }
}

/** Rows from a place on that go into one statement; at least one. */
function countOf(rows: readonly { entries: readonly unknown[] }[], start: number): number {
  let [count, entries] = [0, 0];
  while (start + count < rows.length && count < AT_ONCE.rows && entries < AT_ONCE.entries) {
    entries += rows[start + count]?.entries.length ?? 0;
    count++;
  }
  return count;
}
