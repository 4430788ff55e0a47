// nginx in front of a hub, set up as the README and `abrazo doctor` say, for what only a proxy does to addresses.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";

export interface Nginx {
  url: string;
  stop(): Promise<void>;
}

/** Why nginx cannot be had, if so; under CI that is a failure. */
export function missingNginx(): string | undefined {
  try {
    execFileSync("nginx", ["-v"], { stdio: "pipe" });
    return undefined;
  } catch {
    const reason = "nginx is not installed";
    if (/^(1|true)$/.test(process.env["CI"] ?? "")) throw new Error(reason);
    return reason;
  }
}

/** nginx on a free port, in one process of the caller's own user, with all that it writes in a folder of its own. */
export async function startNginx(target: string): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), "abrazo-nginx-"));
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const config = join(folder, "nginx.conf");
  await writeFile(
    config,
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
     events { worker_connections 256; }
     http {
       access_log off; ${temporary.join(" ")}
       server {
         listen 127.0.0.1:${port};
         client_max_body_size 0;
         location / {
           proxy_pass ${target};
           proxy_http_version 1.1;
           proxy_request_buffering off;
           proxy_set_header Host $http_host;
           proxy_set_header X-Forwarded-Proto $scheme;
           proxy_set_header X-Forwarded-For $remote_addr;
         }
       }
     }`,
  );
  const child = spawn("nginx", ["-c", config, "-p", folder], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; !(await answers(url)); tries++) {
    if (child.exitCode === null && tries < 100) await sleep(100);
    else throw new Error(`nginx did not start: ${await readFile(join(folder, "error.log"), "utf8").catch(() => "")}`);
  }
  return {
    url,
    stop: async () => {
      child.kill("SIGTERM");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    () => true,
    () => false,
  );
