// Every page that shows what others wrote or sent, in Chromium, with bait in every place: no script runs, with the pages' policy and without
// it; no element but the hub's own is there; and no text turns around what stands beside it.
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HostileWorld, makeHostileWorld } from "./hostile-world.ts";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
const ARGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync";

let world: HostileWorld;
let browser: Browser;
beforeAll(async () => {
  if (!existsSync(CHROMIUM))
    throw new Error(`Chromium is not at ${CHROMIUM}; install it, or name it in CHROMIUM_PATH.`);
  world = await makeHostileWorld();
  const args = [...ARGS.split(" "), "--host-resolver-rules=MAP evil.example 127.0.0.1"];
  browser = await chromium.launch({ executablePath: CHROMIUM, args });
}, 240_000);
afterAll(async () => {
  await browser?.close();
  await world?.hub.stop();
});

/** What of a page should not be there: runs in it. */
function suspicious(): string[] {
  const found: string[] = [];
  const own = (address: string) => new URL(address, location.href).origin === location.origin;
  for (const element of document.querySelectorAll("*")) {
    const tag = element.tagName.toLowerCase();
    if (/^(iframe|frame|object|embed|base|style|template|noscript|portal|math)$/.test(tag))
      found.push(element.outerHTML);
    if (tag === "script" && !/^\/assets\//.test(element.getAttribute("src") ?? "")) found.push(element.outerHTML);
    if (tag === "meta" && element.hasAttribute("http-equiv")) found.push(element.outerHTML);
    for (const { name, value } of element.attributes) {
      const isAddress = /^(href|src|action|formaction|data|poster|srcset|background|xlink:href|ping)$/.test(name);
      const leadsAway = /^(src|action|formaction|data|poster|srcset|background|ping)$/.test(name) && !own(value);
      const runs = isAddress && !/^(https?|mailto):$/.test(new URL(value, location.href).protocol);
      if (/^on|^style$|^srcdoc$/.test(name) || leadsAway || runs) found.push(`${name}="${value}" of ${tag}`);
    }
  }
  return found.map((text) => text.slice(0, 200));
}

/** Texts with a mark that turns them around, and others in the same line: runs in the page. */
function turning(): string[] {
  const found: string[] = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    // What somebody writes under their own name turns around their own words at most.
    if (!/[\u202A-\u202E\u2066-\u2069]/.test(node.textContent ?? "") || node.parentElement?.closest(".prose")) continue;
    let element = node.parentElement;
    const apart = (of: HTMLElement) =>
      /isolate|plaintext/.test(getComputedStyle(of).unicodeBidi) || getComputedStyle(of).display !== "inline";
    while (element !== null && !apart(element)) element = element.parentElement;
    const alone = element?.textContent.trim() === (node.textContent ?? "").trim();
    const isolated = element !== null && getComputedStyle(element).display === "inline";
    if (!alone && !isolated && element?.tagName !== "TEXTAREA" && element?.closest("pre") == null)
      found.push(element?.outerHTML.slice(0, 300) ?? "");
  }
  return found;
}

/** A page, and what it says while it shows one address after the other. */
interface Tab {
  page: Page;
  said: string[];
}

async function tab(context: BrowserContext): Promise<Tab> {
  const page = await context.newPage();
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(error.message));
  page.on("dialog", (dialog) => {
    said.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  // Not sent either: nobody else is asked for anything.
  await page.route(
    (url) => url.origin !== world.hub.url,
    (route) => {
      said.push(`elsewhere: ${route.request().url()}`);
      return route.abort();
    },
  );
  return { page, said };
}

/** Goes to an address; gives what was said there, and how often a script ran. */
async function visit({ page, said }: Tab, path: string): Promise<{ hits: number; said: string[] }> {
  said.length = 0;
  await page.goto(`${world.hub.url}${path}`, { waitUntil: "load" }).catch((error: Error) => {
    if (!/Download is starting/.test(error.message)) throw error;
  });
  const hits = await hitsOf(page);
  return { hits, said: said.filter((text) => !/responded with a status of 4\d\d/.test(text)) };
}

const hitsOf = (page: Page) => page.evaluate(() => Number(Reflect.get(globalThis, "hits") ?? 0));

describe.each([
  { name: "with the policy", bypassCSP: false },
  { name: "without it", bypassCSP: true },
])("pages, $name", ({ bypassCSP }) => {
  let context: BrowserContext;
  beforeAll(async () => {
    context = await browser.newContext({ bypassCSP });
    await context.addCookies([{ name: "abrazo_session", value: world.cookie, url: world.hub.url }]);
    await context.addInitScript(() => {
      Object.assign(globalThis, {
        hits: 0,
        hit: () => Reflect.set(globalThis, "hits", Reflect.get(globalThis, "hits") + 1),
      });
    });
  });
  afterAll(() => context.close());

  it("notice a script that runs", async () => {
    const here = await tab(context);
    const { page } = here;
    await visit(here, "/");
    await page.evaluate(() => document.body.insertAdjacentHTML("beforeend", '<img src="/none" onerror="hit()">'));
    await expect.poll(() => hitsOf(page)).toBe(bypassCSP ? 1 : 0);
    expect(await page.evaluate(suspicious)).toEqual(['onerror="hit()" of img']);
  });

  it("run nothing, hold nothing that could, and keep the order of what they say", async () => {
    const faults: unknown[] = [];
    const here = await tab(context);
    const { page } = here;
    for (const [name, path] of world.pages) {
      const { hits, said } = await visit(here, path);
      const [elements, turned] = [await page.evaluate(suspicious), await page.evaluate(turning)];
      const title = await page.title();
      if (hits + said.length + elements.length + turned.length > 0 || !/ · Abrazo$/.test(title))
        faults.push({ name, hits, said, elements, turned, title });
    }
    expect(faults).toEqual([]);
  }, 240_000);

  it("run no file of a repository", async () => {
    const faults: unknown[] = [];
    const here = await tab(context);
    for (const path of world.files) {
      const { hits, said } = await visit(here, path);
      if (hits + said.length > 0) faults.push({ path, hits, said });
    }
    expect(faults).toEqual([]);
  }, 120_000);

  it("show names of files as they are", async () => {
    const here = await tab(context);
    for (const name of ["files", "file in it", "commit", "dataset tsv"]) {
      await visit(here, world.pages.get(name) ?? "");
      expect([name, await here.page.textContent("main")]).toEqual([
        name,
        expect.stringContaining("onerror=hit()>U+202Egnp"),
      ]);
    }
  });
});

describe("a page of another site", () => {
  it("reads nothing: neither by its own name, where that was made to lead here, nor from its own place", async () => {
    const site = createServer((_, response) => response.setHeader("content-type", "text/html").end("<!doctype html>"));
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    // safe because the server listens on a port
    const { port } = site.address() as AddressInfo;
    const page = await browser.newPage();
    const read = (url: string) =>
      page.evaluate(
        (address) =>
          fetch(address)
            .then(({ status }) => status)
            .catch(() => "refused"),
        url,
      );
    const models = `${world.hub.url}/api/models`;
    const led = models.replace("127.0.0.1", "evil.example");
    expect((await page.goto(led))?.status()).toBe(403);
    await page.goto(`http://evil.example:${port}/`);
    expect([await read(models), await read(led), await read(`${world.hub.url}/eve/bait/resolve/main/a.txt`)]).toEqual([
      "refused",
      "refused",
      "refused",
    ]);
    await page.goto(`http://localhost:${port}/`);
    expect([await read(models), await read(led)]).toEqual([200, "refused"]);
    site.close();
    await page.close();
  });
});
