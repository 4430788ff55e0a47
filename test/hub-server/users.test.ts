// Users: what is shown of them, likes, followers, pictures, their own profile.
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Answer, type Call, caller } from "../support/caller.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";

let hub: TestHub;
let [ana, ben]: [Call, Call] = [async () => Promise.reject(), async () => Promise.reject()];
let reader: Call;
const nobody: Call = (...call) => caller(hub)(...call);
const users = ({ body }: Answer): string[] =>
  Array.isArray(body) ? body.map(({ user }: { user: string }) => user) : [];

beforeAll(async () => {
  hub = await testHub();
  ana = caller(hub, { token: await hub.user("ana") });
  ben = caller(hub, { token: await hub.user("Ben") });
  reader = caller(hub, { token: (await hub.tokenOf("ben", "read")).token });
  await ana("POST", "/api/repos/create", { name: "open" });
  await ana("POST", "/api/repos/create", { name: "data", type: "dataset" });
  await ana("POST", "/api/repos/create", { name: "hidden", private: true });
});
afterAll(() => hub.stop());

operation("GET /api/whoami-v2", async () => {
  await ana("POST", "/api/organizations", { name: "lab", fullname: "The Lab" });
  const who = await ana("GET", "/api/whoami-v2");
  expect(who.body).toMatchObject({
    type: "user",
    name: "ana",
    fullname: "ana",
    email: null,
    isPro: false,
    canPay: false,
    billingMode: "prepaid",
    periodEnd: null,
    avatarUrl: `${hub.url}/api/avatars/ana/picture`,
    orgs: [{ type: "org", name: "lab", fullname: "The Lab", roleInOrg: "admin" }],
    auth: { type: "access_token", accessToken: { displayName: "test", role: "write" } },
  });
  expect(who.get("id")).toMatch(/^[0-9a-f]{24}$/);
  expect((await reader("GET", "/api/whoami-v2")).get("auth")).toMatchObject({ accessToken: { role: "read" } });
  const wrong = await caller(hub, { token: `hf_${"x".repeat(34)}` })("GET", "/api/whoami-v2");
  expect([wrong.status, wrong.headers.get("x-error-message")]).toEqual([
    401,
    "Invalid credentials in Authorization header",
  ]);
});

operation("GET /api/users/{username}/likes", async () => {
  for (const path of ["/api/models/ana/open/like", "/api/models/ana/open/like", "/api/datasets/ana/data/like"])
    expect((await ben("POST", path)).status).toBe(200);
  await ana("POST", "/api/models/ana/hidden/like");
  const likes = await nobody("GET", "/api/users/ben/likes");
  expect(likes.body).toMatchObject([
    { repo: { name: "ana/data", type: "dataset" } },
    { repo: { name: "ana/open", type: "model" } },
  ]);
  expect(JSON.stringify(likes.body)).toMatch(/"createdAt":"\d{4}-\d\d-\d\dT[^"]*Z"/);
  expect((await nobody("GET", "/api/models/ana/open")).get("likes")).toBe(1);
  expect(users(await nobody("GET", "/api/models/ana/open/likers"))).toEqual(["Ben"]);
  // A private repository is in nobody's list who may not see it.
  expect((await nobody("GET", "/api/users/ana/likes")).body).toEqual([]);
  expect((await ana("GET", "/api/users/ana/likes")).body).toMatchObject([{ repo: { name: "ana/hidden" } }]);
  expect((await ben("DELETE", "/api/models/ana/open/like")).status).toBe(200);
  expect((await ben("DELETE", "/api/models/ana/open/like")).status).toBe(200);
  expect((await nobody("GET", "/api/models/ana/open")).get("likes")).toBe(0);
  expect((await nobody("GET", "/api/models/ana/open/likers")).body).toEqual([]);
});

operation("GET /api/users/{username}/overview", async () => {
  const seen = (who: Call) => who("GET", "/api/users/ANA/overview");
  expect((await seen(ana)).body).toMatchObject({
    user: "ana",
    type: "user",
    numModels: 2,
    numDatasets: 1,
    numSpaces: 0,
  });
  expect((await seen(ben)).body).toMatchObject({ numModels: 1, isFollowing: false, orgs: [{ name: "lab" }] });
  await ben("POST", "/api/users/ana/follow");
  expect((await seen(ben)).body).toMatchObject({ isFollowing: true, numFollowers: 1, numFollowing: 0 });
  expect((await nobody("GET", "/api/users/nobody-here/overview")).status).toBe(404);
  expect((await nobody("GET", "/api/users/lab/overview")).status).toBe(404);
});

it("follow and are followed, users and organizations alike", async () => {
  expect((await ben("POST", "/api/users/ana/follow")).status).toBe(200);
  expect((await ben("POST", "/api/users/lab/follow")).status).toBe(200);
  expect((await ben("POST", "/api/users/ben/follow")).status).toBe(400);
  expect((await reader("POST", "/api/users/ana/follow")).status).toBe(403);
  expect((await nobody("POST", "/api/users/ana/follow")).status).toBe(401);
  expect(users(await nobody("GET", "/api/users/ana/followers"))).toEqual(["Ben"]);
  expect(users(await nobody("GET", "/api/users/ben/following"))).toEqual(["lab", "ana"]);
  expect(users(await nobody("GET", "/api/organizations/lab/followers"))).toEqual(["Ben"]);
  const page = await nobody("GET", "/api/users/ben/following?limit=1");
  expect(page.headers.get("link")).toBe(`<${hub.url}/api/users/ben/following?limit=1&cursor=1>; rel="next"`);
  await ben("DELETE", "/api/users/ana/follow");
  expect(users(await nobody("GET", "/api/users/ana/followers"))).toEqual([]);
});

operation("GET /api/users/{username}/socials", async () => {
  const change = (body: object, who = ana) => who("PATCH", "/api/settings/profile", body);
  expect((await change({ fullname: "Ana B", website: "https://ana.example", socials: { github: "ana" } })).status).toBe(
    200,
  );
  expect((await nobody("GET", "/api/users/ana/socials")).body).toEqual({ socialHandles: { github: "ana" } });
  expect((await ana("GET", "/api/whoami-v2")).get("fullname")).toBe("Ana B");
  for (const wrong of [
    { website: "javascript:alert(1)" },
    { socials: { github: "../x" } },
    { socials: { myspace: "x" } },
    { email: "no address" },
    { admin: true },
    { fullname: "x".repeat(101) },
  ])
    expect([wrong, (await change(wrong)).status]).toEqual([wrong, 400]);
  expect((await change({ fullname: "x" }, reader)).status).toBe(403);
  expect((await change({ fullname: "x" }, nobody)).status).toBe(401);
});

const PNG = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), Buffer.alloc(32, 1)]);

operation("GET /api/users/{username}/avatar", async () => {
  const url = `${hub.url}/api/avatars/Ben/picture`;
  expect((await nobody("GET", "/api/users/ben/avatar")).body).toEqual({ avatarUrl: url });
  const drawn = await fetch(url);
  expect(drawn.headers.get("content-type")).toBe("image/svg+xml");
  expect(drawn.headers.get("content-security-policy")).toBe("default-src 'none'; sandbox");
  expect(await drawn.text()).toMatch(
    /^<svg xmlns="[^"]+" viewBox="0 0 64 64"><rect [^>]*\/><text [^>]*>B<\/text><\/svg>$/,
  );
  expect((await ben("PUT", "/api/settings/avatar", PNG)).status).toBe(200);
  const uploaded = await fetch(url);
  expect([uploaded.headers.get("content-type"), uploaded.headers.get("x-content-type-options")]).toEqual([
    "image/png",
    "nosniff",
  ]);
  const etag = uploaded.headers.get("etag") ?? "";
  expect((await fetch(url, { headers: { "if-none-match": etag } })).status).toBe(304);
  const redirected = await nobody("GET", "/api/users/ben/avatar?redirect=true");
  expect([redirected.status, redirected.headers.get("location")]).toEqual([302, url]);
});

operation("GET /api/avatars/{namespace}", async () => {
  const way = await nobody("GET", "/api/avatars/LAB");
  expect([way.status, way.headers.get("location")]).toEqual([302, `${hub.url}/api/avatars/lab/picture`]);
  expect((await nobody("GET", "/api/avatars/nobody-here")).status).toBe(404);
  expect((await ana("PUT", "/api/settings/avatar", PNG)).status).toBe(200);
  const own = await nobody("GET", "/api/avatars/ana");
  const picture = await fetch(own.headers.get("location") ?? "");
  expect(Buffer.from(await picture.arrayBuffer())).toEqual(PNG);
  for (const bad of [Buffer.from("<svg/>"), Buffer.from("GIF89a"), Buffer.alloc(0)])
    expect((await ben("PUT", "/api/settings/avatar", bad)).status).toBe(400);
  expect((await nobody("PUT", "/api/settings/avatar", PNG)).status).toBe(401);
});

it("likes are for signed-in users, of repositories that they see", async () => {
  expect((await nobody("POST", "/api/models/ana/open/like")).status).toBe(401);
  expect((await reader("POST", "/api/models/ana/open/like")).status).toBe(403);
  expect((await ben("POST", "/api/models/ana/hidden/like")).headers.get("x-error-code")).toBe("RepoNotFound");
  expect((await ben("GET", "/api/models/ana/hidden/likers")).headers.get("x-error-code")).toBe("RepoNotFound");
});
