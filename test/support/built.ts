// Before a suite: what tests run in processes of their own is built from these sources, and the database's template fits them.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { packageFile } from "../../src/package-root.ts";

export async function setup(): Promise<void> {
  const run = (...words: readonly string[]) => promisify(execFile)(process.execPath, words, { cwd: packageFile() });
  await run("bin/bundle.mjs");
  await run("--import", "tsx", "bin/make-template.ts");
}
