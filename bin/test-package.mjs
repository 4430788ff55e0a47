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
const failures = [];

const USE = `
import { AbrazoError, pipeline } from "abrazo";
const classify = await pipeline("sentiment-analysis");
const [result] = await classify("I love this book!");
if (result.label !== "POSITIVE") throw new Error(JSON.stringify(result));
if (typeof AbrazoError !== "function") throw new Error("AbrazoError is not exported");
console.log(JSON.stringify(result));
`;

/** A thread of the package that computes, and the process that renders templates of chats. */
const APART = `
import { pipeline } from "abrazo";
const classify = await pipeline("sentiment-analysis", null, { worker: true });
const [result] = await classify("What a waste of time.");
if (result.label !== "NEGATIVE") throw new Error(JSON.stringify(result));
await classify.dispose();
const generate = await pipeline("text-generation");
const chatTemplate = "{% for message in messages %}{{ message.content }}{% endfor %}";
const [{ generatedText }] = await generate([{ role: "user", content: "This film" }], { chatTemplate, maxNewTokens: 3, seed: 1 });
if (generatedText[1]?.role !== "assistant") throw new Error(JSON.stringify(generatedText));
await generate.dispose();
`;

/** A worker starts from a file of the package that is no compiled one. */
const LOAD = `
import { DataLoader, TensorDataset } from "abrazo/data";
import { arange } from "abrazo/tensor";
const seen = [];
for await (const [batch] of new DataLoader(new TensorDataset(arange(4)), { batchSize: 3, numWorkers: 1 })) seen.push(batch.tolistSync());
if (JSON.stringify(seen) !== "[[0,1,2],[3]]") throw new Error(JSON.stringify(seen));
`;

/** The README's hub, on a free port. */
const LOOP = `
import { spawn, spawnSync } from "node:child_process";
const command = "node_modules/abrazo/bin/abrazo.js";
const hub = spawn(process.execPath, [command, "serve", "--port", "0", "--data", "hub", "--json"], { stdio: ["ignore", "pipe", "inherit"] });
const gone = new Promise((resolve) => hub.once("close", resolve));
const { url } = JSON.parse(await new Promise((resolve) => hub.stdout.once("data", resolve)));
const abrazo = (...args) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args, "--json"], {
    env: { ...process.env, ABRAZO_ENDPOINT: url },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(args.join(" ") + ": " + stdout + stderr);
  return JSON.parse(stdout);
};
try {
  const { token } = abrazo("admin", "user", "create", "ana", "--data", "hub");
  abrazo("login", "--token", token);
  const pushed = abrazo("push", "node_modules/abrazo/pipelines/defaults/text-classification", "ana/mood");
  const pulled = abrazo("pull", "ana/mood", "pulled");
  if (pulled.commit !== pushed.commit) throw new Error(JSON.stringify([pushed, pulled]));
  const [{ output }] = abrazo("run", "sentiment-analysis", "What a waste of time.", "--model", "ana/mood");
  if (output.label !== "NEGATIVE") throw new Error(JSON.stringify(output));
  const page = await fetch(url + "/ana/mood");
  if (page.status !== 200) throw new Error("page: " + page.status);
} finally {
  hub.kill("SIGTERM");
  if ((await gone) !== 0) throw new Error("serve did not end in order");
}
`;

try {
  step("npm pack", "npm", ["pack", "--silent", "--pack-destination", folder], root);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  writeFileSync(join(folder, "package.json"), '{"name":"stranger","private":true,"type":"module"}');
  writeFileSync(join(folder, "use.js"), USE);
  writeFileSync(join(folder, "load.js"), LOAD);
  writeFileSync(join(folder, "apart.js"), APART);
  writeFileSync(join(folder, "loop.js"), LOOP);
  step("npm install in an empty project", "npm", ["install", "--silent", "--no-fund", "--no-audit", `./${tarball}`]);
  step('import { pipeline } from "abrazo"', process.execPath, ["use.js"]);
  step("a loader with a worker", process.execPath, ["load.js"]);
  step("a model in a thread, a chat", process.execPath, ["apart.js"]);
  step("npx --no-install abrazo --version", "npx", ["--no-install", "abrazo", "--version"]);
  step("abrazo run", "npx", ["--no-install", "abrazo", "run", "sentiment-analysis", "What a wonderful day", "--json"]);
  step("serve, login, push, pull, run", process.execPath, ["loop.js"]);
} finally {
  rmSync(folder, { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
}
for (const title of failures) console.log(`failed: ${title}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

function step(title, command, args, cwd = folder) {
  const result = spawnSync(command, args, { cwd, env, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const ok = result.status === 0;
  console.log(`${ok ? "✓" : "✗"} ${title}`);
  if (!ok) console.log(`${result.stdout}${result.stderr}${result.error ?? ""}`);
  if (ok) passed++;
  else {
    failed++;
    failures.push(title);
  }
}
