// The command line as a process of its own, with a HOME of its own: as it is built, which starts in a fifth of the time that the sources
// take (test/support/built.ts sees to it that it is of these sources).
import { type ChildProcess, spawn } from "node:child_process";
import { packageFile } from "../../src/package-root.ts";

export const CLI: readonly string[] = [packageFile("dist", "src", "cli", "main.js")];

export interface CliResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  home: string;
  env?: Record<string, string>;
  cwd?: string;
  /** What stdin gives; nothing when absent. */
  input?: string;
}

/** The caller's environment without what would point a client somewhere. */
export function cleanEnv(home: string, more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(HF_|ABRAZO_|XDG_|DATABASE_URL)/.test(name));
  return { ...Object.fromEntries(kept), HOME: home, ...more };
}

export function startCli(args: readonly string[], { home, env, cwd }: CliOptions): ChildProcess {
  return spawn(process.execPath, [...CLI, ...args], { env: cleanEnv(home, env), cwd: cwd ?? packageFile() });
}

/** Runs a command to its end. */
export function runCli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const child = startCli(args, options);
  const result: CliResult = { status: null, stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      result[name] += text;
    });
  }
  child.stdin?.on("error", () => {});
  child.stdin?.end(options.input ?? "");
  return new Promise((resolve) => child.once("close", (status) => resolve({ ...result, status })));
}
