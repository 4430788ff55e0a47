// The embedded database under faults: clients that die, code that forgets its transaction, folders of another version, locks.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import postgres from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EMBEDDED_POSTGRES, openDatabase, startPglite } from "../../hub-server/db/client.ts";
import { prepared } from "../../hub-server/db/prepared.ts";
import { settings } from "../../hub-server/db/schema.ts";
import { lockFolder, lockOwner } from "../../hub-server/lock.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-database-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

it("a client that dies in mid-transaction leaves nothing behind and nobody waiting", async () => {
  const folder = join(root, "dies");
  const server = await startPglite(folder);
  const url = `postgres://postgres@127.0.0.1:${server.port}/postgres`;
  const script = `
    import postgres from "postgres";
    const sql = postgres(${JSON.stringify(url)}, { max: 1, ssl: false });
    await sql\`CREATE TABLE kept (n int)\`;
    await sql.begin(async (tx) => {
      await tx\`INSERT INTO kept VALUES (1)\`;
      console.log("inside");
      await new Promise(() => {});
    });
    setInterval(() => {}, 1000);
  `;
  const client = spawn(process.execPath, ["--input-type=module", "-e", script], { cwd: process.cwd() });
  await new Promise<void>((resolve, reject) => {
    client.stdout.on("data", (chunk: Buffer) => chunk.includes("inside") && resolve());
    client.stderr.on("data", (chunk: Buffer) => reject(new Error(String(chunk))));
  });
  const dead = new Promise((resolve) => client.once("exit", resolve));
  client.kill("SIGKILL");
  await dead;
  const sql = postgres(url, { max: 1, ssl: false, connect_timeout: 5, onnotice: () => {} });
  try {
    expect(await sql`SELECT count(*)::int AS n FROM kept`).toEqual([{ n: 0 }]);
    await sql`INSERT INTO kept VALUES (2)`;
    expect(await sql`SELECT n FROM kept`).toEqual([{ n: 2 }]);
  } finally {
    await sql.end();
    await server.close();
  }
});

it("another handle inside a transaction is refused at once, and does not wait for ever", async () => {
  const { db, close } = await openDatabase({ folder: join(root, "nested") });
  try {
    await expect(db.transaction(async () => db.select().from(settings))).rejects.toThrow(
      /use the transaction's handle/,
    );
    await expect(db.transaction(() => db.transaction(async () => {}))).rejects.toThrow(/use the transaction's handle/);
    await db.transaction((tx) => tx.select().from(settings));
    expect(await db.select().from(settings)).toEqual([]);
  } finally {
    await close();
  }
});

it("prepared statements take other values each time, in transactions too, and on a handle that may be used", async () => {
  const { db, close } = await openDatabase({ folder: join(root, "prepared") });
  const byKeys = prepared((at) =>
    at
      .select()
      .from(settings)
      .where(sql`${settings.key} = any(${sql.placeholder("keys")})`)
      .orderBy(settings.key),
  );
  try {
    expect(await byKeys(db, { keys: ["a"] })).toEqual([]);
    await db.transaction(async (tx) => {
      await tx.insert(settings).values([
        { key: "a", value: "1" },
        { key: "b", value: "2" },
      ]);
      expect(await byKeys(tx, { keys: ["a"] })).toEqual([{ key: "a", value: "1" }]);
    });
    expect(await byKeys(db, { keys: ["b", "a"] })).toMatchObject([{ key: "a" }, { key: "b" }]);
    expect(await byKeys(db, { keys: [] })).toEqual([]);
    await expect(db.transaction(() => byKeys(db, { keys: ["a"] }))).rejects.toThrow(/use the transaction's handle/);
  } finally {
    await close();
  }
});

it("is the Postgres that it says, and refuses the folder of another one with the way out", async () => {
  const folder = join(root, "version");
  const { db, close } = await openDatabase({ folder });
  const [row] = await db.execute<{ server_version_num: string }>("SHOW server_version_num");
  await close();
  expect(Math.floor(Number(row?.server_version_num) / 10_000)).toBe(EMBEDDED_POSTGRES);
  expect((await readFile(join(folder, "postgres", "PG_VERSION"), "utf8")).trim()).toBe(`${EMBEDDED_POSTGRES}`);
  await writeFile(join(folder, "postgres", "PG_VERSION"), "15\n");
  await expect(openDatabase({ folder })).rejects.toMatchObject({
    code: "DATABASE_VERSION",
    hint: expect.stringContaining("pg_dump"),
  });
  expect((await readFile(join(folder, "postgres", "PG_VERSION"), "utf8")).trim()).toBe("15");
});

it("makes anew what a crash in the first start left of a data folder", async () => {
  const folder = join(root, "unfinished");
  await mkdir(join(folder, "postgres"), { recursive: true });
  await writeFile(join(folder, "postgres", "PG_VERSION"), `${EMBEDDED_POSTGRES}\n`);
  await writeFile(join(folder, "postgres.unfinished"), "");
  const { db, close } = await openDatabase({ folder });
  expect(await db.select().from(settings)).toEqual([]);
  await close();
  expect(await readdir(folder)).toEqual(["postgres"]);
});

const writeLock = (folder: string, info: object) => writeFile(join(folder, "hub.lock"), JSON.stringify(info));

it("a lock counts while its process lives, and not when the id belongs to another one by now", async () => {
  const folder = join(root, "lock");
  await mkdir(folder);
  const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  try {
    await writeLock(folder, { pid: other.pid, host: hostname() });
    expect(lockOwner(folder)?.pid).toBe(other.pid);
    expect(() => lockFolder(folder)).toThrow(new RegExp(`process ${other.pid}`));
    if (process.platform === "linux") {
      await writeLock(folder, { pid: other.pid, host: hostname(), born: "another boot 1" });
      expect(lockOwner(folder)).toBeUndefined();
    }
    // As in a container that was started anew: the dead server had our own id.
    await writeLock(folder, { pid: process.pid, host: hostname() });
    const lock = lockFolder(folder);
    expect(lockOwner(folder)?.pid).toBe(process.pid);
    expect(() => lockFolder(folder)).toThrow(/in use/);
    lock.release();
    expect(lockOwner(folder)).toBeUndefined();
    // Another machine's processes cannot be seen: its lock counts while it is fresh.
    await writeLock(folder, { pid: 1, host: "another machine" });
    expect(() => lockFolder(folder)).toThrow(/process 1/);
  } finally {
    other.kill("SIGKILL");
  }
});
