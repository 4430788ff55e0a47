// Pages of other sites, with the cookie of whoever looks at them: they change nothing, lead nobody away, frame nothing and make no
// scripts of what this hub answers. Walked over the declarations, so that a new route is tested by being declared.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROUTES } from "../../hub-server/api/index.ts";
import { createSession, findUser } from "../../hub-server/services/users.ts";
import { SESSION_COOKIE } from "../../hub-server/web/cookie.ts";
import { webRoutes } from "../../hub-server/web/routes.tsx";
import { type Call, caller } from "../support/caller.ts";
import { type TestHub, testHub } from "../support/hub.ts";

let hub: TestHub;
let ana: Call;
let cookie: string;
beforeAll(async () => {
  hub = await testHub();
  ana = caller(hub, { token: await hub.user("ana", { password: "correct horse", admin: true }) });
  await hub.user("eve", { password: "evil evil evil" });
  const { id = "" } = (await findUser(hub.deps, "ana")) ?? {};
  cookie = `${SESSION_COOKIE}=${await createSession(hub.deps, id)}`;
  expect((await ana("POST", "/api/repos/create", { name: "mood", private: true })).status).toBe(200);
  expect((await ana("POST", "/api/organizations", { name: "lab" })).status).toBe(201);
});
afterAll(() => hub.stop());

const send = (method: string, path: string, headers: Record<string, string>, body?: string) =>
  fetch(`${hub.url}${path}`, { method, redirect: "manual", headers, ...(body !== undefined && { body }) });

/** What browsers say of a page elsewhere: newer ones both, older ones one of the two. */
const ELSEWHERE: readonly Record<string, string>[] = [
  { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
  { origin: "null" },
  { origin: "https://evil.example" },
  { "sec-fetch-site": "cross-site" },
  { "sec-fetch-site": "same-site" },
];

const VALUES: Readonly<Record<string, string>> = {
  type: "models",
  namespace: "ana",
  name: "mood",
  username: "eve",
  num: "1",
  status: "pending",
  action: "like",
};

/** The address of a route, with ana's things in it. */
const filled = (path: string): string =>
  path
    .replace("/organizations/:name", "/organizations/lab")
    .replace(/:(\w+)(\{[^}]*\}\}?)?/g, (_, name: string) => VALUES[name] ?? "0".repeat(24))
    .replace("*", "main");

describe("a page of another site", () => {
  it("is nobody to every route of the API that changes something", async () => {
    const changing = ROUTES.filter(
      ({ method, access }) => method !== "GET" && access !== "link" && access !== "public",
    );
    expect(changing.length).toBeGreaterThan(80);
    for (const { method, path } of changing) {
      const address = filled(path);
      const type = { "content-type": "text/plain" };
      const nobody = await send(method, address, type, "{}");
      for (const from of ELSEWHERE) {
        const answer = await send(method, address, { ...type, ...from, cookie }, "{}");
        expect([method, address, from, answer.status]).toEqual([method, address, from, nobody.status]);
        expect(await answer.text()).toBe(await nobody.clone().text());
      }
    }
  });

  it("sends no form of this hub, the login included", async () => {
    const forms = webRoutes({ setupSecret: "x" }).routes.filter(({ method }) => method === "POST");
    expect(forms.length).toBeGreaterThan(20);
    const body = new URLSearchParams({ name: "eve", password: "evil evil evil", action: "delete" }).toString();
    for (const { path } of forms)
      for (const from of ELSEWHERE)
        for (const type of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"]) {
          const answer = await send("POST", filled(path), { ...from, cookie, "content-type": type }, body);
          expect([path, from, type, answer.status]).toEqual([path, from, type, 403]);
          expect(answer.headers.get("set-cookie")).toBeNull();
        }
    expect((await ana("GET", "/api/models/ana/mood")).status).toBe(200);
  });

  it("does not read what a cookie opens", async () => {
    const answer = await send("GET", "/api/whoami-v2", { ...ELSEWHERE[0], cookie });
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    const near = await send("GET", "/api/whoami-v2", { origin: "http://localhost:5173", cookie });
    expect(near.headers.get("access-control-allow-origin")).toBe("*");
    expect(near.headers.get("access-control-allow-credentials")).toBeNull();
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
  });

  it("leads nobody elsewhere through the login", async () => {
    const away = [
      "//evil.example",
      "/\\evil.example",
      "\\\\evil.example",
      "https://evil.example",
      "https:evil.example",
      "javascript:alert(1)",
      "/\t/evil.example",
      "\t//evil.example",
      "/\n/evil.example",
      "/\r/evil.example",
      " //evil.example",
      "/.//evil.example",
      "/..//evil.example",
      "/%09/evil.example",
      "",
    ];
    for (const next of away) {
      const form = new URLSearchParams({ name: "ana", password: "correct horse", next }).toString();
      const type = "application/x-www-form-urlencoded";
      const posted = await send("POST", "/login", { origin: hub.url, "content-type": type }, form);
      const got = await send("GET", `/login?${new URLSearchParams({ next })}`, { cookie });
      for (const { status, headers } of [posted, got]) {
        expect([next, status]).toEqual([next, 303]);
        expect([next, new URL(headers.get("location") ?? "", hub.url).origin]).toEqual([next, hub.url]);
      }
    }
    const back = await send("GET", `/login?${new URLSearchParams({ next: "/ana/mood?a=b&c=/d//e#f" })}`, { cookie });
    expect(back.headers.get("location")).toBe("/ana/mood?a=b&c=/d//e#f");
  });

  it("frames no page, and makes no script of any answer", async () => {
    const { routes } = webRoutes({ setupSecret: "x" });
    const pages = routes.filter(({ method, path }) => method === "GET" && path !== "*").map(({ path }) => filled(path));
    for (const path of [...pages, "/login?next=/", "/nothing/at/all", "/compat", "/api/docs"]) {
      const { headers } = await send("GET", path, { cookie, accept: "text/html" });
      expect([path, headers.get("x-content-type-options")]).toEqual([path, "nosniff"]);
      if (!headers.get("content-type")?.startsWith("text/html")) continue;
      const policy = headers.get("content-security-policy");
      expect([path, policy]).toEqual([path, expect.stringContaining("frame-ancestors 'none'")]);
      expect([path, policy]).toEqual([path, expect.stringContaining("script-src 'self'")]);
    }
    const reading = ROUTES.filter(({ method }) => method === "GET").map(({ path }) => filled(path));
    for (const path of reading) {
      const { headers } = await send("GET", path, { cookie });
      expect([path, headers.get("x-content-type-options")]).toEqual([path, "nosniff"]);
    }
  });
});
