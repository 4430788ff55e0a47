// Facts of this hub that are kept beside what it holds.
import { randomBytes } from "node:crypto";
import { and, eq, lt } from "drizzle-orm";
import type { Db, Tx } from "../db/client.ts";
import { settings } from "../db/schema.ts";

/** The key that signs links: made at the first start, so that links outlive a restart and hold on every process. */
export const signingKey = (db: Db): Promise<string> =>
  madeOnce(db, "signing_key", () => randomBytes(32).toString("hex"));

/** The private key by which this hub is known over SSH, in PEM: the same on every process, or clients would warn of an attack. */
export const sshHostKey = (db: Db, make: () => string): Promise<string> => madeOnce(db, "ssh_host_key", make);

async function madeOnce(db: Db, key: string, make: () => string): Promise<string> {
  const [known] = await db.select().from(settings).where(eq(settings.key, key));
  if (known !== undefined) return known.value;
  const value = make();
  await db.insert(settings).values({ key, value }).onConflictDoNothing();
  const [row] = await db.select().from(settings).where(eq(settings.key, key));
  return row?.value ?? value;
}

/**
 * Whether it is time again for what is done once in a while; from then on it counts as done. One of several processes is told so, and
 * that they are started again in between changes nothing. The first time is a while after the first start.
 *
 * @param every milliseconds
 */
export async function isDue(tx: Tx, what: string, every: number): Promise<boolean> {
  const key = `last_${what}`;
  const value = new Date().toISOString();
  await tx.insert(settings).values({ key, value }).onConflictDoNothing();
  const before = new Date(Date.now() - every).toISOString();
  const isOver = and(eq(settings.key, key), lt(settings.value, before));
  return (await tx.update(settings).set({ value }).where(isOver).returning()).length > 0;
}
