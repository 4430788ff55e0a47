// One schema, one driver: Postgres through DATABASE_URL, or PGlite in a worker behind a socket, spoken to the same way.
// Holds no queries but the migrations.
import { AsyncLocalStorage } from "node:async_hooks";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import { AbrazoError } from "../../src/errors.ts";
import { packageFile } from "../../src/package-root.ts";
import { openPool } from "./pool.ts";
import * as schema from "./schema.ts";
import { MIGRATIONS, usableTemplate } from "./template.ts";

export type Db = PostgresJsDatabase<typeof schema>;
export type Tx = Parameters<Parameters<Db["transaction"]>[0]>[0];

export interface Database {
  db: Db;
  close(): Promise<void>;
}

/** Opens the database and brings its schema up to date. */
export async function openDatabase(source: { url: string } | { folder: string }): Promise<Database> {
  const embedded = "folder" in source ? await startPglite(source.folder) : undefined;
  const url = "url" in source ? source.url : `postgres://postgres@127.0.0.1:${embedded?.port}/postgres`;
  // PGlite is one connection. Notices of the migrator ("already exists") are no news.
  const pool = openPool(url, {
    max: embedded === undefined ? 10 : 1,
    onnotice: () => {},
    ...(embedded && { ssl: false }),
  });
  const db = onlyOutsideTransactions(drizzle(pool.sql, { schema }));
  await migrate(db, { migrationsFolder: MIGRATIONS });
  return {
    db,
    close: async () => {
      await pool.close();
      await embedded?.close();
    },
  };
}

const transactions = new AsyncLocalStorage<true>();
const QUERIES = new Set<string | symbol>([
  "select",
  "selectDistinct",
  "insert",
  "update",
  "delete",
  "execute",
  "query",
]);

/** Handles of databases, in contrast to those of transactions. */
const ofDatabases = new WeakSet<object>();

/** Refuses a database's own handle inside a transaction. */
export function checkHandle(db: Db | Tx, what: string): void {
  if (ofDatabases.has(db) && transactions.getStore() === true)
    throw new Error(`internal: db.${what} inside a transaction; use the transaction's handle`);
}

/**
 * Inside a transaction only its own handle may be used. With one connection anything else would wait for the transaction,
 * which waits for it, for ever; and on a server it would not see what the transaction wrote.
 */
function onlyOutsideTransactions(db: Db): Db {
  const outside = new Proxy(db, {
    get(target, name, receiver) {
      if (name === "transaction" || QUERIES.has(name)) checkHandle(outside, String(name));
      if (name !== "transaction") return Reflect.get(target, name, receiver);
      const transaction: Db["transaction"] = (run, config) =>
        target.transaction((tx) => transactions.run(true, () => run(tx)), config);
      return transaction;
    },
  });
  ofDatabases.add(outside);
  return outside;
}

/** Major version of the Postgres that PGlite embeds: its data folders are of no use to another one. */
export const EMBEDDED_POSTGRES = 18;

/** Refuses a folder that another major version wrote, before anything touches it. */
async function checkVersion(path: string): Promise<void> {
  const written = await readFile(join(path, "PG_VERSION"), "utf8").catch(() => undefined);
  const major = Number(written?.trim() ?? EMBEDDED_POSTGRES);
  if (major === EMBEDDED_POSTGRES) return;
  throw new AbrazoError({
    code: "DATABASE_VERSION",
    message: `${path} was written by Postgres ${major}; this version of Abrazo embeds Postgres ${EMBEDDED_POSTGRES}.`,
    hint:
      `Dump it with the Abrazo that wrote it (npx pglite-server --db=${path} --port=5433, then ` +
      `pg_dump -h 127.0.0.1 -p 5433 -U postgres postgres > hub.sql), move the folder away, and load the dump the same way ` +
      "with this version (psql -h 127.0.0.1 -p 5433 -U postgres postgres -f hub.sql). Blobs stay where they are.",
    data: { path, written: major, embedded: EMBEDDED_POSTGRES },
  });
}

/** Stands beside a data folder that is being made: what a crash left of it holds nothing yet, and is made anew. */
const UNFINISHED = "postgres.unfinished";

export async function startPglite(folder: string): Promise<{ port: number; close(): Promise<void> }> {
  const [path, unfinished] = [join(folder, "postgres"), join(folder, UNFINISHED)];
  if (existsSync(unfinished)) await rm(path, { recursive: true, force: true });
  await checkVersion(path);
  const isNew = !existsSync(join(path, "PG_VERSION"));
  await mkdir(path, { recursive: true });
  if (isNew) await writeFile(unfinished, "");
  const worker = new Worker(packageFile("hub-server", "db", "pglite-worker.mjs"), {
    workerData: { folder: path, template: isNew ? usableTemplate() : undefined },
    execArgv: [],
  });
  const port = await new Promise<number>((resolve, reject) => {
    worker.once("message", (message: { port: number }) => resolve(message.port));
    worker.once("error", reject);
  });
  await rm(unfinished, { force: true });
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        worker.once("exit", () => resolve());
        worker.postMessage("close");
      }),
  };
}
