// Forms of accounts, organizations, collections and gates, as a browser sends them.
import { afterAll, beforeAll, expect, it } from "vitest";
import { createSession, findUser } from "../../hub-server/services/users.ts";
import { SESSION_COOKIE } from "../../hub-server/web/cookie.ts";
import { type Answer, type Call, caller } from "../support/caller.ts";
import { type TestHub, testHub } from "../support/hub.ts";

let hub: TestHub;
let [ana, ben]: [Call, Call] = [async () => Promise.reject(), async () => Promise.reject()];
let api: Call;
const nobody: Call = (...call) => caller(hub)(...call);
const form = (values: Record<string, string>) => new URLSearchParams(values);
const to = ({ status, headers }: Answer) => [status, headers.get("location")];

async function browserOf(name: string): Promise<Call> {
  const user = await findUser(hub.deps, name);
  return caller(hub, { cookie: `${SESSION_COOKIE}=${await createSession(hub.deps, user?.id ?? "")}` });
}

beforeAll(async () => {
  hub = await testHub();
  api = caller(hub, { token: await hub.user("ana") });
  await hub.user("ben");
  [ana, ben] = [await browserOf("ana"), await browserOf("ben")];
});
afterAll(() => hub.stop());

it("an organization is made, filled and described", async () => {
  expect(to(await ana("POST", "/organizations/new", form({ name: "lab", full_name: "The <b>Lab</b>" })))).toEqual([
    303,
    "/lab",
  ]);
  expect((await ana("POST", "/organizations/new", form({ name: "LAB" }))).status).toBe(409);
  expect((await nobody("POST", "/organizations/new", form({ name: "x" }), { origin: hub.url })).status).toBe(401);
  const settings = "/organizations/lab/settings";
  expect(to(await ana("POST", `${settings}/members`, form({ user: "ben", role: "write" })))).toEqual([303, settings]);
  expect((await ben("GET", settings)).status).toBe(403);
  expect((await ben("POST", `${settings}/members`, form({ user: "ben", role: "admin" }))).status).toBe(403);
  const unknown = await ana("POST", `${settings}/members`, form({ user: "nobody-here", role: "read" }));
  expect([unknown.status, String(unknown.body)]).toEqual([400, expect.stringContaining("nobody-here")]);
  expect((await ana("POST", `${settings}/role`, form({ user: "ana", role: "read" }))).status).toBe(400);
  await ana("POST", `${settings}/role`, form({ user: "ben", role: "read" }));
  await ana("POST", settings, form({ full_name: "The Lab", details: "We measure." }));
  const page = String((await nobody("GET", "/lab")).body);
  expect(page).toContain("2 members");
  expect(page).toContain("We measure.");
  expect((await api("GET", "/api/organizations/lab/members?search=ben")).body).toMatchObject([
    { user: "ben", role: "read" },
  ]);
  await ana("POST", `${settings}/remove`, form({ user: "ben" }));
  expect(String((await nobody("GET", "/lab")).body)).toContain("1 member<");
});

it("a fine-grained token is ticked together", async () => {
  await api("POST", "/api/repos/create", { name: "mine", private: true });
  const values = form({
    name: "ci",
    role: "fineGrained",
    days: "30",
    repo: "ana/mine",
    repo_permission: "repo.content.read",
  });
  values.append("of lab", "repo.write");
  const page = String((await ana("POST", "/settings/tokens", values)).body);
  const token = /data-copy="?[^>]*>(hf_[A-Za-z0-9]{34})</.exec(page)?.[1] ?? "";
  expect(page).toContain("lab: repo.write; ana/mine: repo.content.read");
  const call = caller(hub, { token });
  expect((await call("GET", "/api/models/ana/mine")).status).toBe(200);
  expect((await call("POST", "/api/models/ana/mine/branch/x", {})).status).toBe(403);
  const wrong = form({ name: "x", role: "fineGrained", repo: "no name", repo_permission: "repo.write" });
  expect((await ana("POST", "/settings/tokens", wrong)).status).toBe(400);
  // Pages are for people: with this token they know nobody.
  for (const path of ["/settings/tokens", "/settings/applications", "/organizations/new", "/ana/mine"])
    expect([path, [401, 404].includes((await call("GET", path)).status)]).toEqual([path, true]);
  const more = await call("POST", "/settings/tokens", form({ name: "more", role: "write" }), { origin: hub.url });
  expect(more.status).toBe(401);
});

it("a collection is made, filled and deleted", async () => {
  const made = await ana("POST", "/collections", form({ title: "Good ones", private: "yes" }));
  const path = made.headers.get("location") ?? "";
  expect(path).toMatch(/^\/collections\/ana\/good-ones-[0-9a-f]{24}$/);
  await ana("POST", `${path}/items`, form({ type: "model", id: "ana/mine", note: "<i>note</i>" }));
  const page = String((await ana("GET", path)).body);
  expect(page).toContain("&lt;i&gt;note&lt;/i&gt;");
  expect((await ben("GET", path)).status).toBe(404);
  expect((await ben("POST", `${path}/items`, form({ type: "model", id: "ana/mine" }))).status).toBe(404);
  expect((await ana("POST", `${path}/items`, form({ type: "model", id: "ana/none" }))).status).toBe(400);
  const id = /name="id" value="([0-9a-f]{24})"/.exec(page)?.[1] ?? "";
  await ana("POST", `${path}/items/remove`, form({ id }));
  expect(String((await ana("GET", path)).body)).toContain("Nothing in it yet");
  expect(to(await ana("POST", `${path}/delete`, form({})))).toEqual([303, "/collections"]);
  expect((await ana("GET", path)).status).toBe(404);
});

it("access is asked for and given on pages", async () => {
  await api("POST", "/api/repos/create", { name: "gated" });
  await api("PUT", "/api/models/ana/gated/settings", { gated: "manual" });
  expect(to(await nobody("GET", "/ana/gated/access"))).toEqual([303, "/login?next=%2Fana%2Fgated%2Faccess"]);
  expect(to(await ben("POST", "/ana/gated/access", form({})))).toEqual([303, "/ana/gated/access"]);
  expect(String((await ben("GET", "/ana/gated/access")).body)).toContain("waits for the owners");
  expect((await ben("GET", "/ana/gated/access-requests")).status).toBe(403);
  expect(String((await ana("GET", "/ana/gated/access-requests")).body)).toContain("ben");
  await ana("POST", "/ana/gated/access-requests", form({ user: "ben", status: "accepted" }));
  expect(String((await ben("GET", "/ana/gated/access")).body)).toContain("You have access");
  expect((await ben("GET", "/ana/gated/resolve/main/.gitattributes")).status).toBe(200);
  const gone = await ana("POST", "/ana/gated/access-requests", form({ user: "nobody-here", status: "grant" }));
  expect(gone.status).toBe(400);
});
