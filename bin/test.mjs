// `npm test` and its siblings: installs what is missing, runs one suite, ends with "N passed, N failed".
// Usage: node bin/test.mjs [unit|browser|clients|gpu] [vitest arguments]
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureInstalled, root } from "./install.mjs";

const [suite = "unit", ...rest] = process.argv.slice(2);

/** Checks that come before the tests of the unit suite; each counts as one. */
const CHECKS = [
  ["types", "tsc", "--noEmit"],
  ["types of tests", "tsc", "--noEmit", "-p", "test/tsconfig.json"],
  ["lint and layers", "biome", "check", "."],
  ["unused code and dependencies", "knip"],
];

ensureInstalled();
let passed = 0;
let failed = 0;
let skipped = 0;

if (suite === "unit" && rest.length === 0) {
  for (const [title, tool, ...args] of CHECKS) {
    const { ok, output } = runTool(tool, args, "pipe");
    console.log(`${ok ? "✓" : "✗"} ${title}`);
    if (!ok) console.log(output);
    if (ok) passed++;
    else failed++;
  }
}

if (suite === "gpu") {
  const { ok, output } = runTool("tsx", ["bin/gpu-driver.ts"], "pipe");
  if (!ok) {
    // Where nobody promised a driver there is nothing to test; continuous integration does promise one.
    if (process.env.CI) failed++;
    console.log(`The suite of devices did not run. ${output.trim().split("\n")[0] || "The driver ended the process."}`);
    finish();
  }
}

const report = join(root, ".cache", `vitest-${suite}.json`);
mkdirSync(join(root, ".cache"), { recursive: true });
rmSync(report, { force: true });
const args = ["run", "--config", "test/vitest.config.ts", "--project", suite];
args.push("--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...rest);
const { ok } = runTool("vitest", args, "inherit");
const counts = readReport();
passed += counts.passed;
failed += counts.failed;
skipped += counts.skipped;
// A run that broke outside a test (an unhandled error, a file that does not load) is a failure of its own.
if (!ok && counts.failed === 0) failed++;

if (suite === "clients" && rest.length === 0)
  console.log(runTool("tsx", ["bin/conformance.ts", "results"], "pipe").output);

finish();

function finish() {
  if (skipped > 0) console.log(`${skipped} skipped`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed > 0 ? 1 : 0);
}

function runTool(tool, toolArgs, stdio) {
  const command = join(root, "node_modules", ".bin", tool);
  const result = spawnSync(command, toolArgs, {
    cwd: root,
    stdio: stdio === "inherit" ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    shell: process.platform === "win32",
  });
  return { ok: result.status === 0, output: `${result.stdout ?? ""}${result.stderr ?? ""}` };
}

function readReport() {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
    const broken = testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
    return { passed: numPassedTests, failed: numFailedTests + broken, skipped: numPendingTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
