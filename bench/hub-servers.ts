// The two servers that bench/hub.ts compares: a hub with a user, and nginx with a folder. Measures nothing.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { packageFile } from "../src/package-root.ts";
import { freePort } from "../test/support/free-port.ts";

/** The command from the sources, whatever was built of them last. */
export const SOURCES: readonly string[] = ["--import", "tsx", packageFile("src", "cli", "main.ts")];
/** The built command where there is one, as users run it; else the sources. */
export const COMMAND = existsSync(packageFile("dist", "src", "cli", "main.js"))
  ? [packageFile("dist", "src", "cli", "main.js")]
  : SOURCES;

export interface BenchHub {
  url: string;
  token: string;
  /** Of the users that were named, in order. */
  tokens: readonly string[];
  pid: number;
  stop(): Promise<void>;
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null) resolve();
    else child.once("exit", () => resolve());
  });

/** Where a hub listens that a process has started, once it says so. */
export function urlOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk;
      const found = /^Abrazo hub listening on (http:\S+)$/m.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", (code) => reject(new Error(`serve ended with ${code}`)));
  });
}

const environment = (folder: string, databaseUrl: string | undefined) => ({
  ...process.env,
  HOME: folder,
  DATABASE_URL: databaseUrl,
  TMPDIR: folder,
});

/** A hub with users; the first one is whose token most need. */
export async function startBenchHub(
  folder: string,
  databaseUrl: string | undefined,
  users: readonly string[] = ["bench"],
): Promise<BenchHub> {
  const env = environment(folder, databaseUrl);
  const data = ["--data", join(folder, "hub")];
  const tokens = users.map((name) => {
    const made = execFileSync(process.execPath, [...COMMAND, "admin", "user", "create", name, ...data, "--json"], {
      cwd: packageFile(),
      env,
      encoding: "utf8",
    });
    const { token }: { token: string } = JSON.parse(made.trim().split("\n").at(-1) ?? "");
    return token;
  });
  return { ...(await serveBenchHub(folder, databaseUrl, COMMAND)), token: tokens[0] ?? "", tokens };
}

/** A hub of what is in a folder and a database. */
export async function serveBenchHub(
  folder: string,
  databaseUrl: string | undefined,
  command: readonly string[],
): Promise<Omit<BenchHub, "token" | "tokens">> {
  const serve = ["serve", "--port", "0", "--data", join(folder, "hub")];
  const child = spawn(process.execPath, [...command, ...serve], {
    cwd: packageFile(),
    env: environment(folder, databaseUrl),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await urlOf(child);
  await (await fetch(url)).text();
  return {
    url,
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill("SIGTERM");
      await ended(child);
    },
  };
}

/** nginx with a folder on a free port, with what it does best: sendfile. What is put under /put/ is stored as it comes. */
export async function startNginx(folder: string): Promise<{ url: string; stop(): Promise<void> }> {
  const port = await freePort();
  const own = join(folder, "nginx");
  mkdirSync(own, { recursive: true });
  mkdirSync(join(folder, "put"), { recursive: true });
  const config = join(own, "nginx.conf");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${own}/${name};`,
  );
  writeFileSync(
    config,
    `daemon off; worker_processes 1; user root; pid ${own}/pid; error_log ${own}/error.log;
     events { worker_connections 64; }
     http { access_log off; sendfile on; tcp_nopush on; ${temporary.join(" ")}
       server { listen 127.0.0.1:${port}; root ${folder}; default_type application/octet-stream;
         location /put/ { dav_methods PUT; client_max_body_size 0; } } }`,
  );
  const child = spawn("nginx", ["-c", config, "-p", own], { stdio: ["ignore", "ignore", "inherit"] });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    const there = await fetch(url).then(
      () => true,
      () => false,
    );
    if (there) break;
    if (tries > 50) throw new Error("nginx did not start");
    await sleep(100);
  }
  return {
    url,
    stop: async () => {
      child.kill("SIGTERM");
      await ended(child);
    },
  };
}
