// The pages of discussions: what each visitor is offered, and what the forms do. Without a browser.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Caller, caller, file } from "../support/calls.ts";
import { type TestHub, testHub } from "../support/hub.ts";

let hub: TestHub;
let ben: Caller;
let cookies: Record<"ana" | "ben" | "eve", string>;

beforeAll(async () => {
  hub = await testHub();
  const password = "correct horse";
  const ana = caller(hub.url, await hub.user("ana", { password }));
  ben = caller(hub.url, await hub.user("ben", { password }));
  await hub.user("eve", { password });
  const login = async (name: string) => {
    const response = await send("/login", { name, password });
    return response.headers.get("set-cookie")?.split(";")[0] ?? "";
  };
  cookies = { ana: await login("ana"), ben: await login("ben"), eve: await login("eve") };
  await ana.ok("POST", "/api/repos/create", { name: "mood" });
  await ana.commit("/api/models/ana/mood", "main", [file("a.txt", "one\n")]);
});
afterAll(() => hub.stop());

/** Sends a form as a page of this hub does. */
const send = (path: string, fields: Record<string, string>, cookie = "", origin = hub.url): Promise<Response> =>
  fetch(`${hub.url}${path}`, {
    method: "POST",
    redirect: "manual",
    headers: { origin, cookie, accept: "text/html" },
    body: new URLSearchParams(fields),
  });
const page = async (path: string, cookie = ""): Promise<string> => {
  const response = await fetch(`${hub.url}${path}`, { headers: { cookie, accept: "text/html" } });
  expect(response.status, path).toBe(200);
  return response.text();
};
const AT = "/ana/mood/discussions";

describe("pages of discussions", () => {
  it("open a discussion and answer it", async () => {
    const made = await send(AT, { title: "A title", description: "**Bold**\r\nline" }, cookies.ben);
    expect([made.status, made.headers.get("location")]).toEqual([303, `${AT}/1`]);
    const said = await send(`${AT}/1`, { action: "comment", comment: "An answer" }, cookies.eve);
    expect(said.status).toBe(303);
    expect(said.headers.get("location")).toMatch(/^\/ana\/mood\/discussions\/1#[0-9a-f]{24}$/);
    const shown = await page(`${AT}/1`);
    expect(shown).toContain("<strong>Bold</strong>");
    expect(shown).toContain("An answer");
    expect(shown, "strangers are asked to log in").toContain(`/login?next=${encodeURIComponent(`${AT}/1`)}`);
    expect(await page(AT)).toContain(`href="${AT}/1"`);
    expect(await page("/ana/mood")).toContain(`href="${AT}"`);
  });

  it("keep what was written when it cannot be sent", async () => {
    const short = await send(AT, { title: "ab", description: "My words" }, cookies.ben);
    expect(short.status).toBe(400);
    expect(await short.text()).toMatch(/A title has 3 to 200 characters[\s\S]*My words/);
    const empty = await send(`${AT}/1`, { action: "comment", comment: "  " }, cookies.ben);
    expect(empty.status).toBe(400);
    const foreign = await send(`${AT}/1`, { action: "close", comment: "My reasons" }, cookies.eve);
    expect(foreign.status).toBe(403);
    expect(await foreign.text()).toMatch(/somebody else opened it[\s\S]*My reasons/);
    expect((await send(`${AT}/1`, { action: "explode" }, cookies.ana)).status).toBe(400);
    expect((await send(`${AT}/99`, { action: "comment", comment: "x" }, cookies.ana)).status).toBe(404);
  });

  it("offer what one may do and no more", async () => {
    const offers = async (who: keyof typeof cookies) => {
      const text = await page(`${AT}/1`, cookies[who]);
      return ["rename", "close", "edit", "hide"].filter((action) => text.includes(`value="${action}"`));
    };
    expect(await offers("ana")).toEqual(["rename", "close", "edit", "hide"]);
    expect(await offers("ben")).toEqual(["rename", "close", "edit", "hide"]);
    expect(await offers("eve"), "her own comment").toEqual(["edit", "hide"]);
    await send(`${AT}/1`, { action: "rename", title: "Another title" }, cookies.ben);
    await send(`${AT}/1`, { action: "close", comment: "" }, cookies.ben);
    const shown = await page(`${AT}/1`, cookies.ben);
    expect(shown).toContain("Another title");
    expect(shown).toContain('value="open"');
    expect(await page(`${AT}?status=closed`)).toContain("Another title");
    expect(await page(AT)).not.toContain("Another title");
  });

  it("show and merge a pull request", async () => {
    await ben.commit("/api/models/ana/mood", "main", [file("a.txt", "two\n")], { summary: "Two" }, "?create_pr=1");
    expect(await page(`${AT}/2`, cookies.ben)).not.toContain('value="merge"');
    expect(await page(`${AT}/2`, cookies.ana)).toContain('value="merge"');
    expect(await page(`${AT}/2/files`)).toContain("a.txt");
    expect((await send(`${AT}/2`, { action: "merge" }, cookies.ben)).status).toBe(403);
    expect((await send(`${AT}/2`, { action: "merge" }, cookies.ana)).status).toBe(303);
    expect(await page(`${AT}/2`)).toMatch(/Merged into[\s\S]*\/ana\/mood\/commit\/[0-9a-f]{40}/);
    const again = await send(`${AT}/2`, { action: "merge" }, cookies.ana);
    expect(again.status).toBe(409);
    expect(await again.text()).toContain("is merged already");
  });

  it("take no form of another site, and none of nobody", async () => {
    const evil = await send(`${AT}/1`, { action: "comment", comment: "x" }, cookies.ana, "https://evil.example");
    expect(evil.status).toBe(403);
    const nobody = await send(`${AT}/1`, { action: "comment", comment: "x" });
    expect([nobody.status, nobody.headers.get("location")?.startsWith("/login")]).toEqual([303, true]);
    const form = await fetch(`${hub.url}${AT}/new`, { redirect: "manual", headers: { accept: "text/html" } });
    expect([form.status, form.headers.get("location")?.startsWith("/login")]).toEqual([303, true]);
  });
});
