// Before the suite: in .cache, virtual environments with what the files of requirements name, made once and kept until those change,
// and the clients that are not Python's (native-setup.ts).
// The second has the next huggingface_hub alone, and finds every other package in the first.
// Where one cannot be had its tests are skipped and say why; under CI that is a failure.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { packageFile } from "../../src/package-root.ts";
import { ensureNative } from "./native-setup.ts";

/** The folder of an environment's programs, or why there is none. */
type Installed = { programs: string } | { missing: string };

declare module "vitest" {
  interface ProvidedContext {
    /** huggingface_hub 1.33, and all that builds on it. */
    python: Installed;
    /** huggingface_hub 2.0, with the packages of the first. */
    python2: Installed;
    /** llama.cpp, and Rust's hf-hub. */
    native: Installed;
  }
}

interface Environment {
  folder: string;
  requirements: string;
  /** What it is told to be when it is made: a download takes its time. */
  size: string;
  /** The environment whose packages it finds where it has none of its own. */
  over?: Environment;
}

const FIRST: Environment = {
  folder: packageFile(".cache", "python-clients"),
  requirements: packageFile("test", "clients", "requirements.txt"),
  size: "about 1.5 GB with PyTorch for the CPU",
};
const SECOND: Environment = {
  folder: packageFile(".cache", "python-clients-2"),
  requirements: packageFile("test", "clients", "requirements-2.txt"),
  size: "about 60 MB",
  over: FIRST,
};

const run = promisify(execFile);
const programsOf = ({ folder }: Environment) => join(folder, process.platform === "win32" ? "Scripts" : "bin");

export async function setup(project: TestProject): Promise<void> {
  project.provide("python", await install("Python clients", () => ensureEnvironment(FIRST)));
  project.provide("python2", await install("Python clients", () => ensureEnvironment(SECOND)));
  project.provide("native", await install("clients llama.cpp and hf-hub", ensureNative));
}

async function install(what: string, ensure: () => Promise<string>): Promise<Installed> {
  try {
    return { programs: await ensure() };
  } catch (error) {
    const missing = reasonOf(error);
    if (/^(1|true)$/.test(process.env["CI"] ?? "")) throw new Error(`The ${what} are missing: ${missing}`);
    console.warn(`Tests of the ${what} are skipped: ${missing}`);
    return { missing };
  }
}

/** Gives the folder of the environment's programs. */
async function ensureEnvironment(environment: Environment): Promise<string> {
  const { folder, requirements, size, over } = environment;
  const python = process.env["PYTHON"] ?? "python3";
  const { stdout: version } = await run(python, ["--version"]);
  const wanted = createHash("sha256")
    .update(version)
    .update(await readFile(requirements, "utf8"))
    .digest("hex");
  const stamp = join(folder, ".requirements");
  if ((await readFile(stamp, "utf8").catch(() => "")) === wanted) return programsOf(environment);
  console.warn(`Installing the Python clients of ${basename(requirements)} (${size}) …`);
  await rm(folder, { recursive: true, force: true });
  await run(python, ["-m", "venv", folder]);
  const program = join(programsOf(environment), "python");
  const pip = ["-m", "pip", "--disable-pip-version-check"];
  // The user's own settings of pip count, also where the suites run with an empty HOME.
  const env = { ...process.env, HOME: userInfo().homedir };
  const { stdout: config } = await run(program, [...pip, "config", "list"], { env });
  const args = ["install", "--quiet", ...indexesOf(config), "--requirement", requirements];
  await run(program, [...pip, ...args], { env, maxBuffer: 64 * 1024 * 1024 });
  if (over !== undefined) await writeFile(join(await packagesOf(environment), "over.pth"), await packagesOf(over));
  await writeFile(stamp, wanted);
  return programsOf(environment);
}

/** Where Python looks for an environment's packages. */
async function packagesOf(environment: Environment): Promise<string> {
  const code = "import sysconfig; print(sysconfig.get_path('purelib'))";
  const { stdout } = await run(join(programsOf(environment), "python"), ["-c", code]);
  return stdout.trim();
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
