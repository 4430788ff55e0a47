// What nothing names any more goes, after four weeks: files of chunks, xorbs and blobs. Clients believe for three weeks what they
// were told of chunks, and a commit may come long after its upload.
// Whoever is about to name a thing deletes its row of `garbage` first (services/blobs.ts), so nothing goes that somebody has in hand.
import { and, eq, inArray, lt, notExists, type SQL, sql } from "drizzle-orm";
import type { Store } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { garbage, storedBlobs, xetFiles, xetFileXorbs, xetXorbs } from "../db/schema/xet.ts";
import { contents, lfsObjects } from "../db/schema.ts";
import { forgetXorbs } from "./xet-files.ts";

const GRACE_MS = 28 * 24 * 3600 * 1000;
/** Things that go in one transaction: who waits for one of them waits for these. */
const AT_ONCE = 50;

type Kind = "xetFile" | "xorb" | "blob";

/** A kind of thing: where all of them are, what names one, and how some of them go. */
interface Sort {
  table: typeof xetFiles | typeof xetXorbs | typeof storedBlobs;
  id: SQL;
  isUnnamed(db: Store["db"] | Tx): SQL | undefined;
  remove(store: Store, tx: Tx, ids: string[]): Promise<void>;
}

const SORTS: Readonly<Record<Kind, Sort>> = {
  xetFile: {
    table: xetFiles,
    id: sql`${xetFiles.hash}`,
    // A content that is no LFS object may have the same bytes, and was not stored a second time then.
    isUnnamed: (db) =>
      and(
        notExists(one(db, lfsObjects, eq(lfsObjects.sha256, xetFiles.sha256))),
        notExists(one(db, contents, and(eq(contents.sha256, xetFiles.sha256), eq(contents.isLfs, false)))),
      ),
    remove: async (_, tx, ids) => {
      await tx.delete(xetFiles).where(inArray(xetFiles.hash, ids));
    },
  },
  xorb: {
    table: xetXorbs,
    id: sql`${xetXorbs.hash}`,
    isUnnamed: (db) => notExists(one(db, xetFileXorbs, eq(xetFileXorbs.xorb, xetXorbs.hash))),
    remove: async ({ db, blobs }, tx, ids) => {
      forgetXorbs({ db }, ids);
      const gone = await tx.delete(xetXorbs).where(inArray(xetXorbs.hash, ids)).returning({ sha256: xetXorbs.sha256 });
      for (const { sha256 } of gone) {
        const [named] = await tx
          .select()
          .from(storedBlobs)
          .where(and(eq(storedBlobs.sha256, sha256), unnamedBlob(tx)));
        if (named !== undefined) await removeBlob(blobs, tx, sha256);
      }
    },
  },
  blob: {
    table: storedBlobs,
    id: sql`${storedBlobs.sha256}`,
    isUnnamed: unnamedBlob,
    remove: async ({ blobs }, tx, ids) => {
      for (const sha256 of ids) await removeBlob(blobs, tx, sha256);
    },
  },
};

function one(
  db: Store["db"] | Tx,
  table: typeof lfsObjects | typeof xetFileXorbs | typeof xetXorbs | typeof contents,
  where: SQL | undefined,
) {
  return db.select({ one: sql`1` }).from(table).where(where);
}

function unnamedBlob(db: Store["db"] | Tx): SQL | undefined {
  const isContent = and(eq(contents.sha256, storedBlobs.sha256), eq(contents.isLfs, false));
  return and(
    notExists(one(db, lfsObjects, eq(lfsObjects.sha256, storedBlobs.sha256))),
    notExists(one(db, xetXorbs, eq(xetXorbs.sha256, storedBlobs.sha256))),
    notExists(one(db, contents, isContent)),
  );
}

/** The bytes go before the transaction ends: who puts the same blob waits until they are gone. */
async function removeBlob(blobs: Store["blobs"], tx: Tx, sha256: string): Promise<void> {
  await tx.delete(storedBlobs).where(eq(storedBlobs.sha256, sha256));
  await blobs.delete(sha256);
}

/**
 * Notes what nothing names since now, and removes what nothing has named since the end of the grace.
 *
 * @returns how many of each kind went
 */
export async function collectGarbage(store: Store, { graceMs = GRACE_MS } = {}): Promise<Record<Kind, number>> {
  const removed: Record<Kind, number> = { xetFile: 0, xorb: 0, blob: 0 };
  for (const kind of ["xetFile", "xorb", "blob"] as const) {
    await mark(store, kind);
    for (;;) {
      const count = await sweep(store, kind, new Date(Date.now() - graceMs));
      removed[kind] += count;
      if (count < AT_ONCE) break;
    }
  }
  return removed;
}

async function mark({ db }: Store, kind: Kind): Promise<void> {
  const { table, id, isUnnamed } = SORTS[kind];
  const unnamed = isUnnamed(db);
  await db
    .insert(garbage)
    .select(
      db
        .select({ kind: sql`${kind}`.as("kind"), id: id.as("id"), since: sql`now()`.as("since") })
        .from(table)
        .where(unnamed),
    )
    .onConflictDoNothing();
  const still = db
    .select({ one: sql`1` })
    .from(table)
    .where(and(sql`${id} = ${garbage.id}`, unnamed));
  await db.delete(garbage).where(and(eq(garbage.kind, kind), notExists(still)));
}

/** Removes some that wait long enough; gives how many. Rows that somebody is deleting, to name the thing, are his. */
async function sweep(store: Store, kind: Kind, before: Date): Promise<number> {
  try {
    return await sweepSome(store, kind, before);
  } catch (error) {
    // Somebody named one of them meanwhile: the next time is soon enough for the others.
    if (isReferenced(error)) return 0;
    throw error;
  }
}

/** Whether Postgres refused a deletion because another row refers to what was to go. */
function isReferenced(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && cause.code === "23503";
}

function sweepSome(store: Store, kind: Kind, before: Date): Promise<number> {
  const { table, id, isUnnamed, remove } = SORTS[kind];
  return store.db.transaction(async (tx) => {
    const waiting = await tx
      .select({ id: garbage.id })
      .from(garbage)
      .where(and(eq(garbage.kind, kind), lt(garbage.since, before)))
      .orderBy(garbage.since)
      .limit(AT_ONCE)
      .for("update", { skipLocked: true });
    if (waiting.length === 0) return 0;
    const ids = waiting.map((row) => row.id);
    await tx.delete(garbage).where(and(eq(garbage.kind, kind), inArray(garbage.id, ids)));
    // Named since it was noted, without having been told: it stays.
    const rows = await tx
      .select({ id: id.mapWith(String).as("id") })
      .from(table)
      .where(and(inArray(id, ids), isUnnamed(tx)));
    await remove(
      store,
      tx,
      rows.map((row) => row.id),
    );
    return waiting.length;
  });
}
