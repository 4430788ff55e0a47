// The real git with git-lfs, as a user has it: a home of its own that no other settings reach.
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";

export interface Ran {
  status: number | null;
  /** What it wrote, to both streams. */
  text: string;
}

export interface Git {
  folder: string;
  /** Runs git in a folder below the home. */
  run(
    folder: string,
    args: readonly string[],
    options?: { env?: NodeJS.ProcessEnv; signal?: AbortSignal },
  ): Promise<Ran>;
  /** What a command wrote that has to succeed. */
  ok(folder: string, ...args: string[]): Promise<string>;
  /** Writes files and commits them. */
  commit(folder: string, files: Record<string, string | Uint8Array>, message?: string): Promise<string>;
  remove(): Promise<void>;
}

const CLEAN = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(GIT_|XDG_|HF_)/.test(name)));

export async function gitHome(): Promise<Git> {
  const home = await mkdtemp(join(tmpdir(), "abrazo-git-home-"));
  const base = {
    ...CLEAN,
    HOME: home,
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_NOSYSTEM: "1",
    NO_PROXY: "127.0.0.1",
    no_proxy: "127.0.0.1",
  };
  const run: Git["run"] = (folder, args, { env = {}, signal } = {}) =>
    new Promise((resolve, reject) => {
      const options = { cwd: join(home, folder), env: { ...base, ...env }, ...(signal !== undefined && { signal }) };
      const child = spawn("git", args, { ...options, killSignal: "SIGKILL" });
      let text = "";
      child.stdin.end();
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      child.once("error", (error) => (signal?.aborted === true ? resolve({ status: null, text }) : reject(error)));
      child.once("close", (status) => resolve({ status, text }));
    });
  const ok: Git["ok"] = async (folder, ...args) => {
    const { status, text } = await run(folder, args);
    if (status !== 0) throw new Error(`git ${args.join(" ")} ended with ${status}: ${text}`);
    return text.trim();
  };
  const config =
    "[user]\n\tname = Ana Gómez\n\temail = ana@example.org\n[init]\n\tdefaultBranch = main\n[core]\n\tquotePath = false\n";
  await writeFile(join(home, ".gitconfig"), `${config}[advice]\n\tdetachedHead = false\n`);
  await ok("", "lfs", "install");
  return {
    folder: home,
    run,
    ok,
    commit: async (folder, files, message = "change") => {
      for (const [name, content] of Object.entries(files)) await writeFile(join(home, folder, name), content);
      await ok(folder, "add", "--all");
      await ok(folder, "commit", "--quiet", "--allow-empty", "--message", message);
      return ok(folder, "rev-parse", "HEAD");
    },
    remove: () => rm(home, { recursive: true, force: true }),
  };
}

/** An address with a token in it, as users write it. */
export const withToken = (url: string, token: string): string => url.replace("://", `://ana:${token}@`);

const GIT = { program: "git", args: ["lfs", "version"], called: "git and git-lfs are" };
const SSH = { program: "ssh", args: ["-V"], called: "ssh (openssh-client) is" };

function missing(tools: readonly (typeof GIT)[]): string | undefined {
  for (const { program, args, called } of tools) {
    try {
      execFileSync(program, args, { stdio: "pipe" });
    } catch {
      return `${called} not installed`;
    }
  }
  return undefined;
}

function describeWith(tools: readonly (typeof GIT)[], title: string, body: () => void): void {
  const reason = missing(tools);
  if (reason !== undefined && /^(1|true)$/.test(process.env["CI"] ?? "")) throw new Error(reason);
  describe.skipIf(reason !== undefined)(reason === undefined ? title : `${title} (skipped: ${reason})`, body);
}

/** A suite that needs git and git-lfs: skipped, with the reason in its title, where they are missing; under CI that is a failure. */
export const describeGit = (title: string, body: () => void): void => describeWith([GIT], title, body);

/** The same of one that needs ssh, too. */
export const describeSsh = (title: string, body: () => void): void => describeWith([GIT, SSH], title, body);
