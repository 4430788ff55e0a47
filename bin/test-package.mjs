// Packs the package, installs it into an empty project with an empty HOME, and uses it as a stranger would.
// Ends with "N passed, N failed".
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureInstalled, root } from "./install.mjs";

ensureInstalled();
const folder = mkdtempSync(join(tmpdir(), "abrazo-package-"));
const home = mkdtempSync(join(tmpdir(), "abrazo-home-"));
const env = { ...process.env, HOME: home, XDG_DATA_HOME: "", XDG_CONFIG_HOME: "", ONNXRUNTIME_NODE_INSTALL: "skip" };
let passed = 0;
let failed = 0;

const USE = `
import { AbrazoError, pipeline } from "abrazo";
const classify = await pipeline("sentiment-analysis");
const [result] = await classify("I love this book!");
if (result.label !== "POSITIVE") throw new Error(JSON.stringify(result));
if (typeof AbrazoError !== "function") throw new Error("AbrazoError is not exported");
console.log(JSON.stringify(result));
`;

try {
  step("npm pack", "npm", ["pack", "--silent", "--pack-destination", folder], root);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  writeFileSync(join(folder, "package.json"), '{"name":"stranger","private":true,"type":"module"}');
  writeFileSync(join(folder, "use.js"), USE);
  step("npm install in an empty project", "npm", ["install", "--silent", "--no-fund", "--no-audit", `./${tarball}`]);
  step('import { pipeline } from "abrazo"', process.execPath, ["use.js"]);
  step("npx --no-install abrazo --version", "npx", ["--no-install", "abrazo", "--version"]);
  step("abrazo run", "npx", ["--no-install", "abrazo", "run", "sentiment-analysis", "What a wonderful day", "--json"]);
} finally {
  rmSync(folder, { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

function step(title, command, args, cwd = folder) {
  const result = spawnSync(command, args, { cwd, env, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const ok = result.status === 0;
  console.log(`${ok ? "✓" : "✗"} ${title}`);
  if (!ok) console.log(`${result.stdout}${result.stderr}${result.error ?? ""}`);
  if (ok) passed++;
  else failed++;
}
