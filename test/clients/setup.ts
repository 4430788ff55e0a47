// Before the suite: a virtual environment in .cache with what requirements.txt names, made once and kept until that changes.
// Without Python the tests are skipped and say why; under CI that is a failure.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { packageFile } from "../../src/package-root.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of the environment's programs, or why there is none. */
    python: { programs: string } | { missing: string };
  }
}

const run = promisify(execFile);
const FOLDER = packageFile(".cache", "python-clients");
const PROGRAMS = join(FOLDER, process.platform === "win32" ? "Scripts" : "bin");
const REQUIREMENTS = packageFile("test", "clients", "requirements.txt");

export async function setup(project: TestProject): Promise<void> {
  try {
    await ensureEnvironment(process.env["PYTHON"] ?? "python3");
    project.provide("python", { programs: PROGRAMS });
  } catch (error) {
    const missing = reasonOf(error);
    if (/^(1|true)$/.test(process.env["CI"] ?? "")) throw new Error(`The Python clients are missing: ${missing}`);
    console.warn(`Tests of the Python clients are skipped: ${missing}`);
    project.provide("python", { missing });
  }
}

async function ensureEnvironment(python: string): Promise<void> {
  const { stdout: version } = await run(python, ["--version"]);
  const requirements = await readFile(REQUIREMENTS, "utf8");
  const wanted = createHash("sha256").update(version).update(requirements).digest("hex");
  const stamp = join(FOLDER, ".requirements");
  if ((await readFile(stamp, "utf8").catch(() => "")) === wanted) return;
  console.warn("Installing the Python clients (about 1.5 GB with PyTorch for the CPU) …");
  await rm(FOLDER, { recursive: true, force: true });
  await run(python, ["-m", "venv", FOLDER]);
  const pip = ["-m", "pip", "--disable-pip-version-check"];
  // The user's own settings of pip count, also where the suites run with an empty HOME.
  const env = { ...process.env, HOME: userInfo().homedir };
  const { stdout: config } = await run(join(PROGRAMS, "python"), [...pip, "config", "list"], { env });
  const install = ["install", "--quiet", ...indexesOf(config), "--requirement", REQUIREMENTS];
  await run(join(PROGRAMS, "python"), [...pip, ...install], { env, maxBuffer: 64 * 1024 * 1024 });
  await writeFile(stamp, wanted);
}

/**
 * Where packages come from: pip's own default, unless the machine has nothing but indexes in its file system. Those
 * are configured as extra ones, and pip would ask the default index over the network first.
 */
function indexesOf(config: string): string[] {
  const [first, ...rest] = valuesOf(config, "extra-index-url");
  const local = first !== undefined && [first, ...rest].every((url) => url.startsWith("file:"));
  if (!local || valuesOf(config, "index-url").length > 0) return [];
  return ["--index-url", first, ...rest.flatMap((url) => ["--extra-index-url", url])];
}

/** The values of an option in `pip config list`, whose lines are like `global.index-url='https://…'`. */
function valuesOf(config: string, option: string): string[] {
  const lines = config.split(/\r?\n/).map((line) => /^[\w:]+\.([\w-]+)='(.*)'$/.exec(line));
  const found = lines.filter((match) => match?.[1] === option).map((match) => match?.[2] ?? "");
  return found.flatMap((value) => value.split(/\s+|\\n/)).filter((url) => url !== "");
}

/** What a program said last about its failure, or the failure itself. */
function reasonOf(error: unknown): string {
  const failure: { stderr?: string; stdout?: string; message?: string; code?: unknown; path?: string } =
    error instanceof Error ? error : {};
  if (failure.code === "ENOENT") return `${failure.path} was not found.`;
  const said = `${failure.stdout ?? ""}\n${failure.stderr ?? ""}`.split("\n").filter((line) => line.trim() !== "");
  return said.length > 0 ? said.slice(-5).join(" ") : (failure.message ?? String(error));
}
