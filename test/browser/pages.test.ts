// Every page in Chromium: light, dark and phone width. No horizontal scroll, no serious axe finding, no console error,
// nothing fetched from elsewhere, no script of a stranger run. Pictures go to .cache/screenshots.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { makeWorld, type World } from "./world.ts";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
const PICTURES = packageFile(".cache", "screenshots");
const MODES = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "phone", colorScheme: "light", viewport: { width: 360, height: 740 } },
] as const;

const PAGES = {
  home: "/",
  search: "/search?search=mood",
  "search-nothing": "/search?search=nothing-like-it",
  models: "/models",
  "models-narrowed": "/models?search=mood&pipeline_tag=text-classification&filter=license%3Aapache-2.0",
  "models-nothing": "/models?filter=nothing",
  datasets: "/datasets",
  spaces: "/spaces",
  space: "/spaces/ana/demo",
  model: "/ana/mood",
  "model-strange": "/ana/strange",
  "model-without-card": "/ana/no-card",
  "model-empty": "/ana/empty",
  "model-bad-yaml": "/ana/bad-yaml",
  "model-private": "/ana/private",
  dataset: "/datasets/ana/reviews",
  "dataset-csv": "/datasets/ana/strange?table=data.csv",
  "dataset-jsonl": "/datasets/ana/strange?table=data.jsonl",
  "dataset-without-table": "/datasets/ana/no-table",
  files: "/ana/mood/tree/main",
  "files-strange": "/ana/strange/tree/main",
  "files-many": "/ana/many/tree/main?p=1",
  folder: "/ana/mood/tree/main/sub%20dir",
  "folder-deep": "/ana/strange/tree/main/deep/er/and/deeper/still/and/then/some/more/folders",
  text: "/ana/mood/blob/main/config.json",
  "text-strange": "/ana/strange/blob/main/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E.txt",
  "text-long": "/ana/strange/blob/main/long.txt",
  "text-enormous": "/ana/strange/blob/main/enormous.txt",
  "text-one-line": "/ana/strange/blob/main/one-line.json",
  "text-html": "/ana/strange/blob/main/page.html",
  binary: "/ana/strange/blob/main/binary.dat",
  markdown: "/ana/mood/blob/main/README.md",
  "markdown-source": "/ana/mood/blob/main/README.md?source",
  rows: "/datasets/ana/strange/blob/main/data.csv",
  tensors: "/ana/mood/blob/main/model.safetensors",
  "tensors-broken": "/ana/strange/blob/main/broken.safetensors",
  history: "/ana/mood/commits/main",
  "history-strange": "/ana/strange/commits/main",
  commit: "fineTuned",
  "commit-strange": "strange",
  discussions: "/ana/strange/discussions",
  "discussions-nothing": "/ana/empty/discussions?type=pull_request&search=nothing",
  discussion: "/ana/strange/discussions/1",
  "discussion-new": "/ana/strange/discussions/new",
  "pull-request": "/ana/strange/discussions/2",
  "pull-request-files": "/ana/strange/discussions/2/files",
  "pull-request-conflict": "/ana/strange/discussions/3",
  user: "/ana",
  new: "/new",
  tokens: "/settings/tokens",
  "ssh-keys": "/settings/ssh-keys",
  applications: "/settings/applications",
  organization: "/lab",
  "organization-settings": "/organizations/lab/settings",
  "organization-new": "/organizations/new",
  collections: "/collections",
  collection: "collection",
  gated: "/cy/theirs",
  access: "/cy/theirs/access",
  "access-owner": "/lab/gated/access",
  "access-requests": "/lab/gated/access-requests",
  consent: "consent",
  "device-code": "/oauth/device",
  device: "device",
  api: "/api/docs",
  "api-narrowed": "/api/docs?area=versions",
  compat: "/compat",
  "not-found": "/ana/nothing",
  "no-revision": "/ana/mood/tree/nope",
  "no-file": "/ana/mood/blob/main/nope.txt",
  "bad-request": "/ana/mood/blob/main/..%2f..%2fx",
} as const;
/** Pages whose addresses are known once the world is made. */
const NAMED: Readonly<Record<string, (world: World) => string>> = {
  fineTuned: ({ fineTuned }) => fineTuned,
  strange: ({ strange }) => strange,
  collection: ({ collection }) => collection,
  consent: ({ consent }) => consent,
  device: ({ device }) => device,
};
const STATUS: Readonly<Record<string, number>> = {
  "not-found": 404,
  "no-revision": 404,
  "no-file": 404,
  "bad-request": 400,
};
/** Pages of somebody who is not logged in. */
const STRANGER = {
  "home-stranger": "/",
  "model-stranger": "/ana/mood",
  "empty-stranger": "/ana/empty",
  "discussion-stranger": "/ana/strange/discussions/1",
  login: "/login",
};

let world: World;
let profile: string;
let context: BrowserContext;
const pages: Page[] = [];

const launch = (options: BrowserContextOptions = {}) =>
  chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-sync",
    ],
    // axe is put into the page, which the pages' own policy forbids.
    bypassCSP: true,
    ...options,
  });

beforeAll(async () => {
  if (!existsSync(CHROMIUM))
    throw new Error(`Chromium is not at ${CHROMIUM}; install it, or name it in CHROMIUM_PATH.`);
  world = await makeWorld();
  await rm(PICTURES, { recursive: true, force: true });
  await mkdir(PICTURES, { recursive: true });
  profile = await mkdtemp(join(tmpdir(), "abrazo-chromium-"));
  context = await launch();
}, 240_000);

afterEach(async () => {
  for (const page of pages.splice(0)) await page.close();
});

afterAll(async () => {
  await context?.close();
  await world?.hub.stop();
  await world?.fresh.stop();
  await rm(profile, { recursive: true, force: true });
  console.log(`The pictures are in ${PICTURES}`);
});

const logIn = () => context.addCookies([{ name: "abrazo_session", value: world.cookie, url: world.hub.url }]);

async function open(): Promise<Page> {
  const page = await context.newPage();
  pages.push(page);
  return page;
}

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

async function findings(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: axe });
  return page.evaluate(async () => {
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
}

const overflow = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** The tallest picture: what lies below looks like what lies above. */
const TALLEST = 4000;

async function visit(url: string, mode: (typeof MODES)[number], name: string) {
  const page = await open();
  const errors: string[] = [];
  const elsewhere: string[] = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("dialog", (dialog) => {
    errors.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on(
    "request",
    (request) => new URL(request.url()).origin !== new URL(url).origin && elsewhere.push(request.url()),
  );
  await page.setViewportSize(mode.viewport);
  await page.emulateMedia({ colorScheme: mode.colorScheme });
  const response = await page.goto(url);
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  const clip = { x: 0, y: 0, width: mode.viewport.width, height: Math.min(height, TALLEST) };
  await page.screenshot({ path: join(PICTURES, `${name}-${mode.name}.png`), fullPage: true, clip });
  const status = response?.status() ?? 0;
  return {
    status,
    title: await page.title(),
    seen: {
      overflow: await overflow(page),
      // The browser itself reports the status of a page that is an error, and of a card's picture that is not there.
      errors: errors.filter((text) => !/the server responded with a status of 40/.test(text)),
      elsewhere,
      findings: await findings(page),
    },
  };
}

const CLEAN = { overflow: 0, errors: [], elsewhere: [], findings: [] };

describe.each(MODES)("$name", (mode) => {
  describe("logged in", () => {
    beforeAll(logIn);

    it.each(Object.entries(PAGES))("%s", async (name, path) => {
      const at = path in NAMED ? NAMED[path]?.(world) : path;
      const { status, seen, title } = await visit(`${world.hub.url}${at}`, mode, name);
      expect(status).toBe(STATUS[name] ?? 200);
      expect(seen).toEqual(CLEAN);
      expect(title).toMatch(/ · Abrazo$/);
    });
  });

  describe("not logged in", () => {
    beforeAll(() => context.clearCookies());

    it.each(Object.entries(STRANGER))("%s", async (name, path) => {
      const { status, seen } = await visit(`${world.hub.url}${path}`, mode, name);
      expect([status, seen]).toEqual([200, CLEAN]);
    });

    it("an empty hub and its set-up", async () => {
      expect((await visit(`${world.fresh.url}/`, mode, "home-empty")).seen).toEqual(CLEAN);
      expect((await visit(`${world.fresh.setupUrl}`, mode, "setup")).seen).toEqual(CLEAN);
    });
  });
});

describe("menus", () => {
  beforeAll(logIn);

  it.each(MODES)("open inside the window, readable: $name", async (mode) => {
    const page = await open();
    await page.setViewportSize(mode.viewport);
    await page.emulateMedia({ colorScheme: mode.colorScheme });
    for (const [name, path, menu] of [
      ["menu-use", "/ana/mood", ".use"],
      ["menu-user", "/ana/mood", "header .menu"],
      ["menu-revisions", "/ana/strange/tree/main", ".revisions"],
      ["menu-tables", "/datasets/ana/reviews", ".rows .menu"],
    ] as const) {
      await page.goto(`${world.hub.url}${path}`);
      await page.click(`${menu} summary`);
      await page.screenshot({ path: join(PICTURES, `${name}-${mode.name}.png`) });
      const box = await page.locator(`${menu} .sheet`).boundingBox();
      expect(box?.x, name).toBeGreaterThanOrEqual(0);
      expect((box?.x ?? 0) + (box?.width ?? 9999), name).toBeLessThanOrEqual(mode.viewport.width);
      expect([await overflow(page), await findings(page)], name).toEqual([0, []]);
      await page.keyboard.press("Escape");
      expect(await page.isVisible(`${menu} .sheet`), name).toBe(false);
    }
  });

  it("close when something else is clicked, and snippets are copied whole", async () => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: world.hub.url });
    const page = await open();
    await page.goto(`${world.hub.url}/ana/mood`);
    await page.click(".use summary");
    await page.click(".use .snippet:first-child .copy");
    await page.waitForSelector(".use .copy:text-is('Copied')");
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
      `abrazo pull ana/mood --endpoint ${world.hub.url}`,
    );
    await page.click("h1");
    expect(await page.isVisible(".use .sheet")).toBe(false);
  });
});

it("whatever the keyboard reaches shows that it has the focus", async () => {
  await logIn();
  const page = await open();
  for (const path of [
    "/",
    "/models",
    "/ana/mood",
    "/datasets/ana/reviews",
    "/ana/mood/tree/main",
    "/settings/tokens",
  ]) {
    await page.goto(`${world.hub.url}${path}`);
    for (let step = 0; step < 30; step++) {
      await page.keyboard.press("Tab");
      const state = await page.evaluate(() => {
        const active = document.activeElement;
        if (active === null || active === document.body) return "out";
        const outlined = [getComputedStyle(active), getComputedStyle(active, "::after")];
        return outlined.some(({ outlineStyle }) => outlineStyle !== "none") ? "shown" : active.outerHTML.slice(0, 200);
      });
      if (state === "out") break;
      expect(state, path).toBe("shown");
    }
  }
  await page.goto(`${world.hub.url}/models`);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
});

it("the theme stays chosen, and headings of a card are found under their plain names", async () => {
  const page = await open();
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto(`${world.hub.url}/ana/mood`);
  await page.click("[data-toggle-theme]");
  await page.goto(`${world.hub.url}/ana/mood#mood`);
  expect(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)).toBe("dark");
  await page.click("[data-toggle-theme]");
  await page.setViewportSize({ width: 360, height: 400 });
  await page.goto("about:blank");
  await page.goto(`${world.hub.url}/ana/mood#mood`);
  expect(await page.locator("#user-content-mood").boundingBox()).toMatchObject({ y: expect.closeTo(16, -1) });
});

it("everything is reached without JavaScript", async () => {
  await context.close();
  context = await launch({ javaScriptEnabled: false });
  const page = await open();
  const clicked = async (selector: string) => {
    await page.click(selector);
    return decodeURIComponent(new URL(page.url()).pathname + new URL(page.url()).search);
  };
  await page.goto(`${world.hub.url}/login`);
  await page.fill("#name", "ana");
  await page.fill("#password", "correct horse");
  expect(await clicked("main button")).toBe("/");
  await page.fill("header input[type=search]", "mood");
  await page.press("header input[type=search]", "Enter");
  expect(await clicked("a:has-text('ana/mood')")).toBe("/ana/mood");
  await page.click(".use summary");
  expect(await page.isVisible("text=abrazo pull ana/mood")).toBe(true);
  await page.goto(`${world.hub.url}/ana/strange/tree/main/deep`);
  await page.click(".revisions summary");
  expect(await clicked(".revisions a >> nth=0")).toMatch(/^\/ana\/strange\/tree\/a-very-long-name.*\/deep$/);
  await page.goto(`${world.hub.url}/models`);
  await page.selectOption("select[name=sort]", "id");
  expect(await clicked(".list-form button")).toBe("/models?search=&sort=id");
  await page.goto(`${world.hub.url}/datasets/ana/reviews`);
  await page.click(".rows .menu summary");
  expect(await clicked(".rows .menu a:has-text('test.tsv')")).toBe("/datasets/ana/reviews?table=test.tsv");
  await page.click("header .menu summary");
  expect(await clicked("text=Log out")).toBe("/");
  await context.close();
  context = await launch();
});

it("a stranger logs in, makes a repository and a token, revokes it, and logs out", async () => {
  await context.clearCookies();
  const page = await open();
  await page.goto(`${world.hub.url}/new`);
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
  expect(await page.isVisible("text=Nothing here yet")).toBe(true);
  await page.goto(`${world.hub.url}/settings/tokens`);
  await page.fill("#name", "laptop");
  await page.click("text=Make a token");
  expect(await page.textContent("[role=status] code")).toMatch(/^hf_[A-Za-z0-9]{34}$/);
  await page.click("[aria-label='Revoke laptop']");
  await page.click("text=Yes, revoke it");
  expect(await page.isVisible(".token-list >> text=laptop")).toBe(false);
  await page.click("header .menu summary");
  await page.click("text=Log out");
  const hidden = await page.goto(`${world.hub.url}/ana/made-here`);
  expect(hidden?.status()).toBe(404);
});
