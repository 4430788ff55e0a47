// What a hub does once in a while, however often it is started.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eq, sql } from "drizzle-orm";
import { expect, it } from "vitest";
import { settings } from "../../hub-server/db/schema.ts";
import { isDue } from "../../hub-server/services/settings.ts";
import { type TestHub, testHub } from "../support/hub.ts";

const HOUR = 3600 * 1000;

async function collections({ deps: { db } }: TestHub): Promise<number> {
  const [row] = await db.execute<{ count: number }>(
    sql`select count(*)::int as count from jobs.job where name = 'collect'`,
  );
  return row?.count ?? Number.NaN;
}

async function lastWas({ deps: { db } }: TestHub, hoursAgo: number): Promise<void> {
  const value = new Date(Date.now() - hoursAgo * HOUR).toISOString();
  const done = await db.update(settings).set({ value }).where(eq(settings.key, "last_collect")).returning();
  expect(done).toHaveLength(1);
}

it("a hub that is started again every day looks for what nothing names all the same, and once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "abrazo-settings-"));
  const started = async (work: (hub: TestHub) => Promise<void>) => {
    const hub = await testHub({ dataDir: folder });
    await work(hub).finally(() => hub.stop());
  };
  try {
    await started(async (hub) => {
      expect(await collections(hub)).toBe(0);
      await lastWas(hub, 23);
    });
    await started(async (hub) => {
      expect(await collections(hub)).toBe(0);
      await lastWas(hub, 25);
    });
    await started(async (hub) => {
      expect(await collections(hub)).toBe(1);
      const asked = Array.from({ length: 4 }, () => hub.deps.db.transaction((tx) => isDue(tx, "collect", 24 * HOUR)));
      expect(await Promise.all(asked)).toEqual([false, false, false, false]);
      await lastWas(hub, 25);
      const again = Array.from({ length: 4 }, () => hub.deps.db.transaction((tx) => isDue(tx, "collect", 24 * HOUR)));
      expect((await Promise.all(again)).filter(Boolean)).toHaveLength(1);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
