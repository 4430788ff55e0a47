// One schema, one driver: Postgres through DATABASE_URL, or PGlite in a worker behind a socket, spoken to the same way.
// Holds no queries but the migrations.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";
import { packageFile } from "../../src/package-root.ts";
import * as schema from "./schema.ts";

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
  const sql = postgres(url, {
    max: embedded === undefined ? 10 : 1,
    onnotice: () => {},
    ...(embedded && { ssl: false }),
  });
  const db = drizzle(sql, { schema });
  await migrate(db, { migrationsFolder: packageFile("hub-server", "db", "migrations") });
  return {
    db,
    close: async () => {
      await sql.end({ timeout: 5 });
      await embedded?.close();
    },
  };
}

async function startPglite(folder: string): Promise<{ port: number; close(): Promise<void> }> {
  const path = join(folder, "postgres");
  await mkdir(path, { recursive: true });
  const worker = new Worker(packageFile("hub-server", "db", "pglite-worker.mjs"), {
    workerData: { folder: path },
    execArgv: [],
  });
  const port = await new Promise<number>((resolve, reject) => {
    worker.once("message", (message: { port: number }) => resolve(message.port));
    worker.once("error", reject);
  });
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        worker.once("exit", () => resolve());
        worker.postMessage("close");
      }),
  };
}
