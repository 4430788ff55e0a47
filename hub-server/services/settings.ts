// Facts of this hub that are made once and kept.
import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import type { Db } from "../db/client.ts";
import { settings } from "../db/schema.ts";

/** The key that signs links: made at the first start, so that links outlive a restart and hold on every process. */
export async function signingKey(db: Db): Promise<string> {
  const value = randomBytes(32).toString("hex");
  await db.insert(settings).values({ key: "signing_key", value }).onConflictDoNothing();
  const [row] = await db.select().from(settings).where(eq(settings.key, "signing_key"));
  return row?.value ?? value;
}
