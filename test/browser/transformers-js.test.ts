// transformers.js in Chromium, on a page of another origin than the hub's: what it fetches it may fetch, and progress is told. Also
// where the bytes are in a bucket, which is an origin of its own.
import { createReadStream, existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as hf from "@huggingface/hub";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, vi } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { check } from "../clients/conformance/harness.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { startS3, type TestS3 } from "../support/s3-server.ts";

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
let s3: TestS3;
let overS3: TestHub;
let site: Server;
let browser: Browser;
let origin: string;

beforeAll(async () => {
  if (!existsSync(CHROMIUM))
    throw new Error(`Chromium is not at ${CHROMIUM}; install it, or name it in CHROMIUM_PATH.`);
  hub = await testHub();
  s3 = await startS3();
  for (const [name, value] of Object.entries(s3.credentials)) vi.stubEnv(name, value);
  overS3 = await testHub({ s3: { bucket: s3.bucket, region: s3.region, endpoint: s3.url } });
  for (const each of [hub, overS3]) await fill(each);
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
  await overS3?.stop();
  await s3?.stop();
  vi.unstubAllEnvs();
});

async function fill({ url: hubUrl, user }: TestHub): Promise<void> {
  const repo = { hubUrl, accessToken: await user("ana"), repo: { type: "model", name: "ana/mood" } } as const;
  await hf.createRepo(repo);
  const files = NAMES.map((path) => ({ path, content: pathToFileURL(join(FOLDER, path)) }));
  await hf.uploadFiles({ ...repo, files, useXet: false });
}

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

/** What the page of another origin gets of a hub whose links lead to itself, or to another server as well. */
async function classify(hubUrl: string, ...others: readonly string[]): Promise<{ bytes: URL[] }> {
  const page = await browser.newPage();
  const errors: string[] = [];
  const elsewhere: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  const bytes: URL[] = [];
  page.on("response", (response) => {
    const url = new URL(response.url());
    if (/onnx|[0-9a-f]{64}/.test(url.pathname) && url.origin !== origin && response.ok()) bytes.push(url);
  });
  page.on("request", (request) => {
    const to = new URL(request.url()).origin;
    if (![origin, hubUrl, ...others].includes(to) && to !== "null") elsewhere.push(request.url());
  });
  await page.goto(origin);
  const seen: Seen = await page.evaluate(`${CLASSIFY}(${JSON.stringify([hubUrl, origin])})`);
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
  return { bytes };
}

check(24, "transformers.js on a page of another origin", async () => {
  const { bytes } = await classify(hub.url);
  expect(bytes.map(({ origin }) => origin)).toContain(hub.url);
});

check(24, "transformers.js on a page of another origin, where the bytes come from a bucket", async () => {
  const { bytes } = await classify(overS3.url, s3.url);
  expect(bytes.map(({ origin }) => origin)).toContain(s3.url);
});
