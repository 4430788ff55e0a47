// Background work over the embedded database: with a transaction or not at all, once for one key, again after a failure,
// and by the next process when one dies.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Database, openDatabase } from "../../hub-server/db/client.ts";
import { repos } from "../../hub-server/db/schema.ts";
import { startQueue } from "../../hub-server/queue.ts";
import { audit } from "../support/audit.ts";
import { testHub } from "../support/hub.ts";

let folder: string;
let database: Database;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "abrazo-queue-"));
  database = await openDatabase({ folder });
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const POLL = { pollingIntervalSeconds: 0.5 };

it("does what a transaction asked for, once for one key, and nothing of one that failed", async () => {
  const { db } = database;
  const done: string[] = [];
  const queue = await startQueue(db, { index: async ({ repoId }) => void done.push(repoId) }, POLL);
  await db.transaction(async (tx) => {
    for (const repoId of ["it's", "it's", "$1 \\"]) await queue.send(tx, "index", { repoId }, repoId);
  });
  const failed = db.transaction(async (tx) => {
    await queue.send(tx, "index", { repoId: "undone" }, "undone");
    throw new Error("rolled back");
  });
  await expect(failed).rejects.toThrow("rolled back");
  await expect.poll(() => [...done].sort()).toEqual(["$1 \\", "it's"]);
  await queue.close();
});

it("tries again what failed, and keeps what waits for the next start", async () => {
  const { db } = database;
  let tries = 0;
  const first = await startQueue(
    db,
    {
      index: async () => {
        if (++tries === 1) throw new Error("it's broken");
      },
    },
    POLL,
  );
  await db.transaction((tx) => first.send(tx, "index", { repoId: "shaky" }, "shaky"));
  await expect.poll(() => tries).toBe(2);
  await first.close();
  await db.transaction((tx) => first.send(tx, "index", { repoId: "left" }, "left"));
  const done: string[] = [];
  const second = await startQueue(db, { index: async ({ repoId }) => void done.push(repoId) }, POLL);
  await expect.poll(() => done).toEqual(["left"]);
  await second.close();
});

it("goes on when a failure holds what the database cannot, and when the database is away for what it writes down", async () => {
  const { db } = database;
  const done: string[] = [];
  let away = false;
  let back: Promise<unknown> | undefined;
  const queue = await startQueue(
    db,
    {
      index: async ({ repoId }) => {
        done.push(repoId);
        if (repoId === "nul" && done.length === 1) throw new Error("a \0 and \\u0000 in the message");
        if (repoId === "away" && !away) {
          away = true;
          await db.execute(sql`ALTER TABLE jobs.job RENAME TO job_away`);
          back = sleep(1000).then(() => db.execute(sql`ALTER TABLE jobs.job_away RENAME TO job`));
        }
      },
    },
    POLL,
  );
  const ask = (name: string) => db.transaction((tx) => queue.send(tx, "index", { repoId: name }, name));
  await ask("nul");
  await expect.poll(() => done).toEqual(["nul", "nul"]);
  await ask("away");
  await expect.poll(() => away).toBe(true);
  await expect.poll(() => back !== undefined).toBe(true);
  await back;
  await ask("after");
  await expect.poll(() => done).toContain("after");
  await queue.close();
});

it("a commit whose indexing was cut off is indexed after the next start", async () => {
  const first = await testHub();
  const token = await first.user("ana");
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/x-ndjson" };
  await fetch(`${first.url}/api/repos/create`, { method: "POST", headers, body: JSON.stringify({ name: "cut" }) });
  const card = Buffer.from("---\npipeline_tag: text-classification\n---\n").toString("base64");
  const lines = [
    { key: "header", value: { summary: "card" } },
    { key: "file", value: { path: "README.md", content: card, encoding: "base64" } },
  ];
  const body = lines.map((line) => JSON.stringify(line)).join("\n");
  const response = await fetch(`${first.url}/api/models/ana/cut/commit/main`, { method: "POST", headers, body });
  expect(response.status).toBe(200);
  // As a crash would leave it: the commit and its job are there, what the index says is of before.
  await first.deps.queue.close();
  const { db } = first.deps;
  await db.update(repos).set({ indexedCommit: null, pipelineTag: null }).where(eq(repos.name, "cut"));
  await db.execute(sql`UPDATE jobs.job SET state = 'created', started_on = NULL, completed_on = NULL
    WHERE id = (SELECT id FROM jobs.job WHERE name = 'index' ORDER BY created_on DESC LIMIT 1)`);
  await first.close();
  const second = await testHub({ dataDir: first.folder });
  try {
    const task = async () => {
      const info: { pipeline_tag?: string } = await (
        await fetch(`${second.url}/api/models/ana/cut`, { headers })
      ).json();
      return info.pipeline_tag;
    };
    await expect.poll(task).toBe("text-classification");
    expect((await audit(second.deps)).faults).toEqual([]);
  } finally {
    await second.close();
    await rm(first.folder, { recursive: true, force: true });
  }
});
