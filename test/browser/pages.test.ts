// Every page in Chromium: light, dark and phone width. No horizontal scroll, no serious axe finding, no console error.
// Pictures go to .cache/screenshots.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRepo, uploadFiles } from "@huggingface/hub";
import { type BrowserContext, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { type TestHub, testHub } from "../support/hub.ts";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
const MODES = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "phone", colorScheme: "light", viewport: { width: 360, height: 740 } },
] as const;

const CARD = `---
license: apache-2.0
pipeline_tag: text-classification
tags: [tiny, "<b>bold</b>"]
---
# Mood

A [file](config.json), an [evil link](javascript:alert(1)), and <img src=x onerror="document.title='hacked'"> <script>document.title="hacked"</script>

| a wide | table | of | many | columns | that | does | not | fit | a | phone |
|---|---|---|---|---|---|---|---|---|---|---|
| averyveryverylongwordthatcannotbreak | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 |

\`\`\`ts
const averylongline = "that goes on and on and on and on and on and on and on and on and on and on and on";
\`\`\`
`;

const PAGES = {
  home: "/",
  models: "/models?search=mood",
  datasets: "/datasets",
  model: "/ana/mood",
  "model-without-card": "/ana/empty",
  dataset: "/datasets/ana/reviews",
  files: "/ana/mood/tree/main",
  folder: "/ana/mood/tree/main/sub%20dir",
  text: "/ana/mood/blob/main/config.json",
  markdown: "/ana/mood/blob/main/README.md",
  tensors: "/ana/mood/blob/main/model.safetensors",
  history: "/ana/mood/commits/main",
  user: "/ana",
  login: "/login",
  new: "/new",
  tokens: "/settings/tokens",
  "not-found": "/ana/nothing",
} as const;

let hub: TestHub;
let profile: string;
let context: BrowserContext;
let commitPath: string;
let cookie: string;

beforeAll(async () => {
  if (!existsSync(CHROMIUM))
    throw new Error(`Chromium is not at ${CHROMIUM}; install it, or name it in CHROMIUM_PATH.`);
  hub = await testHub();
  const accessToken = await hub.user("ana", { password: "correct horse" });
  const at = { hubUrl: hub.url, accessToken, useXet: false };
  const file = (path: string, content: string | Uint8Array<ArrayBuffer>) => ({ path, content: new Blob([content]) });
  const weights = new Uint8Array(
    await readFile(packageFile("pipelines", "defaults", "text-classification", "model.safetensors")),
  );
  const changed = weights.slice();
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  await createRepo({ ...at, repo: "ana/mood" });
  await createRepo({ ...at, repo: "ana/empty" });
  await createRepo({ ...at, repo: "datasets/ana/reviews" });
  const record = (value: number) =>
    JSON.stringify({
      version: 1,
      createdAt: "",
      abrazoVersion: "0",
      task: "text-classification",
      seed: 0,
      device: "cpu",
      model: { modelType: "distilbert", parameters: 1 },
      datasets: [],
      hyperparameters: {},
      steps: 1,
      durationSeconds: 1,
      environment: {},
      history: [],
      evaluations: [
        {
          dataset: { name: "SST-2", split: "validation" },
          metric: "accuracy",
          value,
          interval: [value - 0.03, value + 0.03],
          count: 872,
        },
      ],
    });
  await uploadFiles({
    ...at,
    repo: "ana/mood",
    commitTitle: "First weights",
    files: [
      file("README.md", CARD),
      file("config.json", '{\n  "model_type": "distilbert"\n}\n'),
      file("model.safetensors", weights),
      file("sub dir/é#?.txt", "text"),
      file("training-record.json", record(0.81)),
    ],
  });
  const second = await uploadFiles({
    ...at,
    repo: "ana/mood",
    commitTitle: "Fine-tune on reviews, with a rather long title that has to wrap on a phone",
    files: [
      file("config.json", '{\n  "model_type": "distilbert",\n  "dropout": 0.1\n}\n'),
      file("model.safetensors", changed),
      file("training-record.json", record(0.84)),
    ],
  });
  commitPath = `/ana/mood/commit/${second?.commit.oid}`;
  const rows = Array.from(
    { length: 120 },
    (_, index) => `A review number ${index} with a few words in it\t${index % 2}`,
  ).join("\n");
  await uploadFiles({
    ...at,
    repo: "datasets/ana/reviews",
    files: [file("train.tsv", `text\tlabel\n${rows}\n`), file("README.md", "---\nlicense: cc0-1.0\n---\n# Reviews\n")],
  });
  const login = await fetch(`${hub.url}/login`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: hub.url },
    body: new URLSearchParams({ name: "ana", password: "correct horse", next: "/" }),
  });
  cookie = /abrazo_session=([^;]+)/.exec(login.headers.get("set-cookie") ?? "")?.[1] ?? "";
  await mkdir(packageFile(".cache", "screenshots"), { recursive: true });
  profile = await mkdtemp(join(tmpdir(), "abrazo-chromium-"));
  const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
  ];
  context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args,
    bypassCSP: true,
  });
}, 120_000);

afterAll(async () => {
  await context?.close();
  await hub?.stop();
  await rm(profile, { recursive: true, force: true });
});

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

async function visit(path: string, mode: (typeof MODES)[number], name: string) {
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  await page.setViewportSize(mode.viewport);
  await page.emulateMedia({ colorScheme: mode.colorScheme });
  const response = await page.goto(`${hub.url}${path}`);
  await page.screenshot({ path: packageFile(".cache", "screenshots", `${name}-${mode.name}.png`), fullPage: true });
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  await page.addScriptTag({ path: axe });
  const findings = await page.evaluate(async () => {
    // safe because the script tag above defined it
    const { run } = (
      globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
      }
    ).axe;
    const { violations } = await run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  });
  const title = await page.title();
  await page.close();
  const expected = response?.status() === 404 ? errors.filter((text) => !text.includes("404")) : errors;
  return { status: response?.status(), overflow, findings, errors: expected, title };
}

describe.each(MODES)("$name", (mode) => {
  beforeAll(async () => {
    await context.addCookies([{ name: "abrazo_session", value: cookie, url: hub.url }]);
  });

  it.each(Object.entries({ ...PAGES, commit: "" }))("%s", async (name, path) => {
    const { status, overflow, findings, errors, title } = await visit(
      name === "commit" ? commitPath : path,
      mode,
      name,
    );
    expect(status).toBe(name === "not-found" ? 404 : 200);
    expect({ overflow, findings, errors }).toEqual({ overflow: 0, findings: [], errors: [] });
    expect(title).not.toBe("hacked");
  });
});

it("a stranger logs in, makes a repository and a token, and logs out", async () => {
  await context.clearCookies();
  const page = await context.newPage();
  await page.goto(`${hub.url}/new`);
  expect(page.url()).toContain("/login");
  await page.fill("#name", "ana");
  await page.fill("#password", "wrong wrong");
  await page.click("button:text('Log in')");
  expect(await page.textContent("[role=alert]")).toContain("Invalid username or password");
  await page.fill("#password", "correct horse");
  await page.click("main button");
  await page.fill("#name", "made-here");
  await page.check("[name=private]");
  await page.click("main button");
  expect(new URL(page.url()).pathname).toBe("/ana/made-here");
  await page.goto(`${hub.url}/settings/tokens`);
  await page.fill("#name", "laptop");
  await page.click("text=Make a token");
  expect(await page.textContent("[role=status] code")).toMatch(/^hf_[A-Za-z0-9]{34}$/);
  await page.click("text=Log out");
  const hidden = await page.goto(`${hub.url}/ana/made-here`);
  expect(hidden?.status()).toBe(404);
  await page.close();
});
