// A running Python to which tests send snippets, as a user would write them; and a home for it that no other program knows.
import { type ChildProcessWithoutNullStreams, execFile, type PromiseWithChild, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { describe, inject } from "vitest";
import { packageFile } from "../../src/package-root.ts";

/** What Python raised. */
export class PythonError extends Error {
  /** The exception's class and its bases, the nearest first. */
  readonly types: readonly string[];

  constructor(types: readonly string[], message: string) {
    super(`${types[0]}: ${message}`);
    this.types = types;
  }
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** An interpreter whose variables stay from one snippet to the next. */
export class Python {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting: Waiting[] = [];
  #errors = "";

  constructor(env: NodeJS.ProcessEnv) {
    this.#process = spawn("python", [packageFile("test", "clients", "worker.py")], { env });
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = `${this.#errors}${text}`.slice(-20_000);
    });
    createInterface({ input: this.#process.stdout }).on("line", (line) => this.#answer(line));
    this.#process.on("error", (error) => this.#fail(error));
    this.#process.on("exit", (code) => this.#fail(new Error(`Python ended with ${code}.\n${this.#errors}`)));
    this.#process.stdin.on("error", () => {});
  }

  /** Runs a snippet; gives what it left in `result`. Values become variables of the snippet. */
  run<Result = unknown>(code: string, values: Record<string, unknown> = {}): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      if (this.#process.exitCode !== null) return reject(new Error(`Python has ended.\n${this.#errors}`));
      // safe because the test names the type that its own snippet leaves
      this.#waiting.push({ resolve: (value) => resolve(value as Result), reject });
      this.#process.stdin.write(`${JSON.stringify({ code, values })}\n`);
    });
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    this.#process.stdin.end();
    await once(this.#process, "exit");
  }

  #answer(line: string): void {
    const { result, error }: { result?: unknown; error?: { types: string[]; message: string } } = JSON.parse(line);
    const waiting = this.#waiting.shift();
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new PythonError(error.types, error.message));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

const run = promisify(execFile);

/** A folder of its own with all that the clients keep, and interpreters and programs that use it. */
export class ClientHome {
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #running: Python[] = [];

  private constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.folder = folder;
    this.#env = env;
  }

  /** A home that uses the first environment's programs, or those of the other named. */
  static async make(
    endpoint: string,
    token?: string,
    environment: "python" | "python2" | "native" = "python",
  ): Promise<ClientHome> {
    const installed = inject(environment);
    if ("missing" in installed) throw new Error(installed.missing);
    const folder = await mkdtemp(join(tmpdir(), "abrazo-python-"));
    const outside = Object.entries(process.env).filter(([name]) => !/^(HF_|HUGGING|TRANSFORMERS_|PYTHON)/.test(name));
    return new ClientHome(folder, {
      ...Object.fromEntries(outside),
      PATH: [installed.programs, process.env["PATH"]].join(delimiter),
      HOME: folder,
      HF_HOME: join(folder, "hf"),
      HF_ENDPOINT: endpoint,
      ...(token !== undefined && { HF_TOKEN: token }),
      HF_HUB_DISABLE_TELEMETRY: "1",
      HF_HUB_DISABLE_PROGRESS_BARS: "1",
      TRANSFORMERS_VERBOSITY: "error",
      PYTHONUTF8: "1",
      PYTHONDONTWRITEBYTECODE: "1",
      OMP_NUM_THREADS: "1",
      NO_PROXY: "127.0.0.1",
      no_proxy: "127.0.0.1",
      NO_COLOR: "1",
    });
  }

  python(env: NodeJS.ProcessEnv = {}): Python {
    const python = new Python({ ...this.#env, ...env });
    this.#running.push(python);
    return python;
  }

  /** Runs a program of the environment to its end. */
  program(
    name: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): PromiseWithChild<{ stdout: string; stderr: string }> {
    return run(name, [...args], { env: { ...this.#env, ...env }, cwd: this.folder });
  }

  async remove(): Promise<void> {
    await Promise.all(this.#running.map((python) => python.stop()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A suite that needs the Python clients: skipped, with the reason in its title, where they are missing. */
export function describeClients(title: string, body: () => void): void {
  const python = inject("python");
  const missing = "missing" in python ? python.missing : undefined;
  describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, body);
}
