// `npm test` and its siblings: installs what is missing, runs one suite, ends with "N passed, N failed".
// Usage: node bin/test.mjs [unit|browser|clients|gpu] [vitest arguments]
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
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
/** What failed, a line each: said once more at the end, because a long run's output buries it. */
const failures = [];

if (suite === "unit" && rest.length === 0) {
  for (const [title, tool, ...args] of CHECKS) {
    const { ok, output } = runTool(tool, args, "pipe");
    console.log(`${ok ? "✓" : "✗"} ${title}`);
    if (!ok) console.log(output);
    if (ok) passed++;
    else fail(title);
  }
}

if (suite === "gpu") {
  const { ok, output } = runTool("tsx", ["bin/gpu-driver.ts"], "pipe");
  if (!ok) {
    // Where nobody promised a driver there is nothing to test; continuous integration does promise one.
    if (process.env.CI) fail("the software Vulkan driver");
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
failures.push(...counts.failures);
skipped += counts.skipped;
// A run that broke outside a test (an unhandled error, a file that does not load) is a failure of its own.
if (!ok && counts.failed === 0) fail("an error outside of every test");

if (suite === "clients" && rest.length === 0)
  console.log(runTool("tsx", ["bin/conformance.ts", "results"], "pipe").output);

finish();

function fail(what) {
  failed++;
  failures.push(what);
}

function finish() {
  for (const line of failures) console.log(`failed: ${line}`);
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
  let results;
  try {
    results = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return { passed: 0, failed: 1, skipped: 0, failures: ["the suite wrote no report"] };
  }
  const named = [];
  let broken = 0;
  for (const file of results.testResults) {
    const path = relative(root, file.name);
    const tests = file.assertionResults.filter((test) => test.status === "failed");
    for (const test of tests) named.push(`${path} > ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
    if (file.status === "failed" && file.assertionResults.length === 0) {
      broken++;
      named.push(`${path}: ${firstLine(file.message)}`);
    }
  }
  const { numPassedTests, numFailedTests, numPendingTests } = results;
  return { passed: numPassedTests, failed: numFailedTests + broken, skipped: numPendingTests, failures: named };
}

function firstLine(message = "") {
  return message.trim().split("\n")[0].slice(0, 300);
}
