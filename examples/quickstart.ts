// The whole loop in one process: start a hub, push the shipped models with the official client, pull one back into an empty
// cache, run a pipeline on it through the hub. `--once` ends there; without it the hub keeps serving.
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createRepo, uploadFiles } from "@huggingface/hub";
import { createToken, createUser, startHub } from "../hub-server/main.ts";
import { pipeline } from "../pipelines/index.ts";
import { packageFile } from "../src/package-root.ts";

const once = process.argv.includes("--once");
const TEXTS = ["I love this book!", "What a waste of time.", "The film is not bad at all."];
const NAMES: Readonly<Record<string, string>> = { "text-classification": "sentiment", "text-generation": "reviews" };

const folder = await mkdtemp(join(tmpdir(), "abrazo-quickstart-"));
const hub = await startHub({ dataDir: join(folder, "hub"), ...(once && { port: 0 }) });
const password = randomBytes(12).toString("base64url");
const user = await createUser(hub.deps, { name: "abrazo", password, admin: true });
const accessToken = await createToken(hub.deps, user.id, { name: "quickstart" });
console.log(`Abrazo hub listening on ${hub.url}`);

const tasks = await readdir(packageFile("pipelines", "defaults"));
for (const task of tasks) {
  const repo = { type: "model", name: `abrazo/${NAMES[task] ?? task}` } as const;
  const from = packageFile("pipelines", "defaults", task);
  const paths = (await readdir(from, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const files = paths.map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return { path: path.slice(from.length + 1).replaceAll("\\", "/"), content: pathToFileURL(path) };
  });
  await createRepo({ hubUrl: hub.url, accessToken, repo });
  const pushed = await uploadFiles({ hubUrl: hub.url, accessToken, repo, files, useXet: false });
  console.log(`Pushed ${repo.name}: ${files.length} files, commit ${pushed?.commit.oid.slice(0, 7)}`);
}

const classify = await pipeline("sentiment-analysis", "abrazo/sentiment", {
  endpoint: hub.url,
  cacheDir: join(folder, "cache"),
});
const outputs = await classify(TEXTS);
const results = TEXTS.map((text, index) => ({ text, ...outputs[index] }));
for (const { text, label, score } of results) console.log(`${label?.padEnd(8)} ${score?.toFixed(4)}  ${text}`);
await classify.dispose();

if (once) {
  await hub.close();
  await rm(folder, { recursive: true, force: true });
  console.log(JSON.stringify({ ok: true, url: hub.url, results }));
} else {
  const pages = ["", ...tasks.map((task) => `abrazo/${NAMES[task] ?? task}`)].map((page) => `  ${hub.url}/${page}`);
  console.log(`\nOpen\n${pages.join("\n")}\nLog in as abrazo with the password ${password}\nCtrl-C stops the hub.`);
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, async () => {
      await hub.close();
      await rm(folder, { recursive: true, force: true });
    });
  }
}
