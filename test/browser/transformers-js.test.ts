// transformers.js in Chromium, on a page of another origin than the hub's: what it fetches it may fetch, and progress is told.
import { createReadStream, existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as hf from "@huggingface/hub";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { check } from "../clients/conformance/harness.ts";
import { type TestHub, testHub } from "../support/hub.ts";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
const FOLDER = packageFile("pipelines", "defaults", "text-classification");
const NAMES = ["config.json", "onnx/model_quantized.onnx", "tokenizer.json", "tokenizer_config.json"];
const RUNTIME = "ort-wasm-simd-threaded.asyncify";
/** What the page loads from its own origin: the library and the runtime that it would else take from a CDN. */
const OWN: Readonly<Record<string, readonly [path: string, type: string]>> = {
  "/transformers.js": [
    packageFile("node_modules", "@huggingface", "transformers", "dist", "transformers.min.js"),
    "text/javascript",
  ],
  [`/${RUNTIME}.mjs`]: [packageFile("node_modules", "onnxruntime-web", "dist", `${RUNTIME}.mjs`), "text/javascript"],
  [`/${RUNTIME}.wasm`]: [packageFile("node_modules", "onnxruntime-web", "dist", `${RUNTIME}.wasm`), "application/wasm"],
};

let hub: TestHub;
let site: Server;
let browser: Browser;
let origin: string;

beforeAll(async () => {
  if (!existsSync(CHROMIUM))
    throw new Error(`Chromium is not at ${CHROMIUM}; install it, or name it in CHROMIUM_PATH.`);
  hub = await testHub();
  const repo = {
    hubUrl: hub.url,
    accessToken: await hub.user("ana"),
    repo: { type: "model", name: "ana/mood" },
  } as const;
  await hf.createRepo(repo);
  const files = NAMES.map((path) => ({ path, content: pathToFileURL(join(FOLDER, path)) }));
  await hf.uploadFiles({ ...repo, files, useXet: false });
  site = createServer((request, response) => {
    const [path, type] = OWN[request.url ?? ""] ?? [];
    if (path === undefined)
      return response.setHeader("content-type", "text/html").end("<!doctype html><title>A page</title>");
    response.setHeader("content-type", type ?? "");
    createReadStream(path).pipe(response);
  });
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  // safe because the server listens on a port
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run"],
  });
}, 120_000);

afterAll(async () => {
  await browser?.close();
  site?.close();
  await hub?.stop();
});

/** Runs in the page. */
const CLASSIFY = `(async ([url, origin]) => {
  const { env, pipeline } = await import(origin + "/transformers.js");
  Object.assign(env, { remoteHost: url + "/", allowLocalModels: false, useBrowserCache: false });
  Object.assign(env.backends.onnx.wasm, { wasmPaths: origin + "/", numThreads: 1 });
  const progress = {};
  const classify = await pipeline("text-classification", "ana/mood", {
    dtype: "q8",
    device: "wasm",
    progress_callback: (event) => {
      if (event.status === "progress") progress[event.file] = [event.progress, event.loaded, event.total];
    },
  });
  const head = await fetch(url + "/ana/mood/resolve/main/onnx/model_quantized.onnx", { method: "HEAD" });
  const names = ["content-length", "etag", "x-repo-commit", "x-linked-size", "accept-ranges"];
  const missing = await fetch(url + "/ana/mood/resolve/main/nothing.json");
  return {
    answer: await classify("A wonderful film."),
    progress,
    headers: names.map((name) => head.headers.get(name)),
    missing: [missing.status, missing.headers.get("x-error-code")],
  };
})`;

interface Seen {
  answer: { label: string; score: number }[];
  progress: Record<string, [progress: number, loaded: number, total: number]>;
  headers: (string | null)[];
  missing: [number, string | null];
}

check(24, "transformers.js on a page of another origin", async () => {
  const page = await browser.newPage();
  const errors: string[] = [];
  const elsewhere: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("request", (request) => {
    const to = new URL(request.url()).origin;
    if (![origin, hub.url].includes(to) && to !== "null") elsewhere.push(request.url());
  });
  await page.goto(origin);
  const seen: Seen = await page.evaluate(`${CLASSIFY}(${JSON.stringify([hub.url, origin])})`);
  expect(seen.answer).toEqual([{ label: expect.stringMatching(/positive/i), score: expect.closeTo(1, 0) }]);
  const [progress, loaded, total] = seen.progress["onnx/model_quantized.onnx"] ?? [];
  expect([progress, loaded]).toEqual([100, total]);
  expect(total).toBe(Number(seen.headers[0]));
  expect(seen.headers).toEqual([
    expect.stringMatching(/^\d+$/),
    expect.stringMatching(/^"[0-9a-f]{64}"$/),
    expect.stringMatching(/^[0-9a-f]{40}$/),
    seen.headers[0],
    "bytes",
  ]);
  expect(seen.missing).toEqual([404, "EntryNotFound"]);
  // The browser itself tells of each answer that is a 404; nothing else goes wrong.
  expect(errors.filter((text) => !/the server responded with a status of 404/.test(text))).toEqual([]);
  expect(elsewhere).toEqual([]);
  await page.close();
});
