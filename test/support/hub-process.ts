// A hub in a process of its own, so that it can be killed. The process loads the hub, as it is built, before it is told what to serve: tests begin the
// next one while they look at what the last one left.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { HubOptions } from "../../hub-server/main.ts";
import { packageFile } from "../../src/package-root.ts";

const SCRIPT = `
  import { createInterface } from "node:readline";
  import { startHub } from ${JSON.stringify(packageFile("dist", "hub-server", "main.js"))};
  // The first line says what to serve; where the lines end, whoever wanted this process is gone.
  const lines = createInterface({ input: process.stdin });
  lines.once("line", async (line) => console.log((await startHub(JSON.parse(line))).url));
  lines.once("close", () => process.kill(process.pid, "SIGKILL"));
`;

export interface HubProcess {
  /** Starts the hub; gives its address. */
  serve(options: HubOptions): Promise<string>;
  /** Kills it with SIGKILL, and waits until it has ended. */
  kill(): Promise<void>;
}

export function hubProcess(): HubProcess {
  const clean = Object.entries(process.env).filter(([name]) => !/^(HF_|ABRAZO_|XDG_|DATABASE_URL)/.test(name));
  const child = spawn(process.execPath, ["--input-type=module", "-e", SCRIPT], {
    env: Object.fromEntries(clean),
    cwd: packageFile(),
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stdin.on("error", () => {});
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    serve: (options) =>
      new Promise((resolve, reject) => {
        createInterface({ input: child.stdout }).once("line", resolve);
        child.once("exit", () => reject(new Error(`The hub ended: ${said}`)));
        child.stdin.write(`${JSON.stringify(options)}\n`);
      }),
    kill: () => {
      child.kill("SIGKILL");
      return gone;
    },
  };
}
