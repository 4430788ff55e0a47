// Resource groups and service accounts of organizations: who sees what, and programs that belong.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, type Call, caller } from "../support/caller.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";

let hub: TestHub;
let as: Record<string, Call>;
const nobody: Call = (...call) => caller(hub)(...call);
const by = (name: string): Call => as[name] ?? nobody;
const GROUPS = "/api/organizations/acme/resource-groups";
const ACCOUNTS = "/api/organizations/acme/service-accounts";

beforeAll(async () => {
  hub = await testHub();
  as = {};
  for (const name of ["ada", "ben", "cy", "dee", "eve"]) as[name] = caller(hub, { token: await hub.user(name) });
  await by("ada")("POST", "/api/organizations", { name: "acme" });
  for (const user of ["ben", "cy", "dee"])
    await by("ada")("POST", "/api/organizations/acme/members", { user, role: "write" });
  await by("eve")("POST", "/api/organizations", { name: "other" });
});
afterAll(() => hub.stop());

let made = 0;
async function repo(type = "model"): Promise<string> {
  const name = `r${made++}`;
  expect(
    (
      await by("ada")("POST", "/api/repos/create", {
        name,
        type,
        organization: "acme",
        private: true,
        ...(type === "space" && { sdk: "static" }),
      })
    ).status,
  ).toBe(200);
  return name;
}
async function group(body: object = {}): Promise<string> {
  const answer = await by("ada")("POST", GROUPS, { name: `Group ${made++}`, ...body });
  expect(answer.status).toBe(200);
  return String(answer.get("id"));
}
const see = async (who: string, name: string, type = "model") =>
  (await by(who)("GET", `/api/${type}s/acme/${name}`)).status;
const write = async (who: string, name: string) =>
  (
    await by(who)(
      "POST",
      `/api/models/acme/${name}/commit/main`,
      JSON.stringify({ key: "header", value: { summary: "x" } }),
    )
  ).status;
const users = (answer: Answer): unknown =>
  JSON.parse(JSON.stringify(answer.get("users"))).map(({ user, role }: { user: string; role: string }) => [user, role]);

describe("resource groups", () => {
  operation("POST /api/organizations/{name}/resource-groups", async () => {
    const name = await repo();
    const answer = await by("ada")("POST", GROUPS, {
      name: "Team A",
      description: "Secrets",
      users: [{ user: "ben", role: "read" }],
      repos: [{ type: "model", name: `acme/${name}` }],
    });
    expect(answer.body).toMatchObject({
      name: "Team A",
      description: "Secrets",
      users: [{ user: "ben", role: "read" }],
      repos: [{ name: `acme/${name}`, type: "model", private: true }],
      autoJoin: { enabled: false },
    });
    expect(answer.get("id")).toMatch(/^[0-9a-f]{24}$/);
    expect([await see("ada", name), await see("ben", name), await see("cy", name)]).toEqual([200, 200, 404]);
    expect([await write("ada", name), await write("ben", name), await write("cy", name)]).toEqual([200, 403, 404]);
    const listed = async (who: string) =>
      JSON.stringify((await by(who)("GET", "/api/models?author=acme&limit=1000")).body).includes(`acme/${name}"`);
    expect([await listed("ada"), await listed("ben"), await listed("cy")]).toEqual([true, true, false]);
    expect((await by("ada")("POST", GROUPS, { name: "Team A" })).status).toBe(409);
    expect((await by("ben")("POST", GROUPS, { name: "Team B" })).status).toBe(403);
    expect((await by("ada")("POST", GROUPS, { name: "Team C", users: [{ user: "eve", role: "read" }] })).status).toBe(
      400,
    );
    expect(
      (await by("ada")("POST", GROUPS, { name: "Team D", repos: [{ type: "model", name: "eve/x" }] })).status,
    ).toBe(400);
  });

  operation("GET /api/organizations/{name}/resource-groups", async () => {
    const id = await group({ users: [{ user: "cy", role: "write" }] });
    const ids = async (who: string) => JSON.stringify((await by(who)("GET", GROUPS)).body).includes(id);
    expect([await ids("ada"), await ids("cy"), await ids("dee")]).toEqual([true, true, false]);
    expect((await by("eve")("GET", GROUPS)).status).toBe(403);
  });

  operation("GET /api/organizations/{name}/resource-groups/{resourceGroupId}", async () => {
    const id = await group({ users: [{ user: "cy", role: "write" }] });
    expect(users(await by("cy")("GET", `${GROUPS}/${id}`))).toEqual([["cy", "write"]]);
    expect((await by("dee")("GET", `${GROUPS}/${id}`)).status).toBe(404);
    expect((await by("eve")("GET", `/api/organizations/other/resource-groups/${id}`)).status).toBe(404);
  });

  operation("PATCH /api/organizations/{name}/resource-groups/{resourceGroupId}", async () => {
    const [id, other] = [await group(), await group({ name: "Taken" })];
    expect((await by("ada")("PATCH", `${GROUPS}/${id}`, { name: "Renamed", description: "new" })).status).toBe(200);
    expect((await by("ada")("GET", `${GROUPS}/${id}`)).body).toMatchObject({ name: "Renamed", description: "new" });
    expect((await by("ada")("PATCH", `${GROUPS}/${id}`, { name: "Taken" })).status).toBe(409);
    expect((await by("ben")("PATCH", `${GROUPS}/${other}`, { name: "x" })).status).toBe(403);
    expect((await by("eve")("PATCH", `/api/organizations/other/resource-groups/${id}`, { name: "x" })).status).toBe(
      404,
    );
  });

  operation("DELETE /api/organizations/{name}/resource-groups/{resourceGroupId}", async () => {
    const name = await repo();
    const id = await group({ repos: [{ type: "model", name: `acme/${name}` }] });
    expect(await see("cy", name)).toBe(404);
    expect((await by("cy")("DELETE", `${GROUPS}/${id}`)).status).toBe(403);
    expect((await by("ada")("DELETE", `${GROUPS}/${id}`)).status).toBe(200);
    expect(await see("cy", name)).toBe(200);
    expect((await by("ada")("GET", `${GROUPS}/${id}`)).status).toBe(404);
  });

  operation("POST /api/organizations/{name}/resource-groups/{resourceGroupId}/settings", async () => {
    const id = await group();
    const settings = (autoJoin: object) => by("ada")("POST", `${GROUPS}/${id}/settings`, { autoJoin });
    expect((await settings({ enabled: true, role: "read" })).get("autoJoin")).toEqual({ enabled: true, role: "read" });
    const newcomer = `new${made++}`;
    await hub.user(newcomer);
    await by("ada")("POST", "/api/organizations/acme/members", { user: newcomer, role: "read" });
    expect(users(await by("ada")("GET", `${GROUPS}/${id}`))).toEqual([[newcomer, "read"]]);
    expect((await settings({ enabled: true })).status).toBe(400);
    expect((await settings({ enabled: false })).get("autoJoin")).toEqual({ enabled: false });
  });

  operation("POST /api/organizations/{name}/resource-groups/{resourceGroupId}/users", async () => {
    const name = await repo();
    const id = await group({ repos: [{ type: "model", name: `acme/${name}` }] });
    const add = (list: object[], who = "ada") => by(who)("POST", `${GROUPS}/${id}/users`, { users: list });
    expect((await add([{ user: "cy", role: "write" }], "cy")).status).toBe(403);
    expect(
      users(
        await add([
          { user: "cy", role: "write" },
          { user: "ben", role: "read" },
        ]),
      ),
    ).toEqual([
      ["ben", "read"],
      ["cy", "write"],
    ]);
    expect([await write("cy", name), await write("ben", name)]).toEqual([200, 403]);
    expect((await add([{ user: "eve", role: "read" }])).status).toBe(400);
    expect((await add([])).status).toBe(400);
  });

  operation("PATCH /api/organizations/{name}/resource-groups/{resourceGroupId}/users/{username}", async () => {
    const name = await repo();
    const id = await group({ users: [{ user: "cy", role: "read" }], repos: [{ type: "model", name: `acme/${name}` }] });
    expect(await write("cy", name)).toBe(403);
    const change = (user: string, role: string, who = "ada") =>
      by(who)("PATCH", `${GROUPS}/${id}/users/${user}`, { role });
    expect((await change("cy", "write", "cy")).status).toBe(403);
    expect((await change("cy", "write")).status).toBe(200);
    expect(await write("cy", name)).toBe(200);
    expect((await change("dee", "read")).status).toBe(404);
    expect((await change("cy", "owner")).status).toBe(400);
  });

  operation("DELETE /api/organizations/{name}/resource-groups/{resourceGroupId}/users/{username}", async () => {
    const name = await repo();
    const id = await group({ users: [{ user: "cy", role: "read" }], repos: [{ type: "model", name: `acme/${name}` }] });
    expect(await see("cy", name)).toBe(200);
    expect((await by("ada")("DELETE", `${GROUPS}/${id}/users/cy`)).status).toBe(200);
    expect(await see("cy", name)).toBe(404);
    expect((await by("ada")("DELETE", `${GROUPS}/${id}/users/cy`)).status).toBe(404);
  });

  operation("POST /api/{models|datasets|spaces}/{namespace}/{repo}/resource-group", async (types) => {
    const name = await repo(types.slice(0, -1));
    const id = await group({ users: [{ user: "cy", role: "read" }] });
    const path = `/api/${types}/acme/${name}/resource-group`;
    expect((await by("ben")("POST", path, { resourceGroupId: id })).status).toBe(403);
    expect((await by("ada")("POST", path, { resourceGroupId: "0".repeat(24) })).status).toBe(400);
    expect((await by("ada")("POST", path, {})).status).toBe(400);
    expect((await by("ada")("POST", path, { resourceGroupId: id })).get("name")).toBe(`acme/${name}`);
    const type = types.slice(0, -1);
    expect([await see("cy", name, type), await see("dee", name, type)]).toEqual([200, 404]);
    await by("ada")("POST", path, { resourceGroupId: null });
    expect(await see("dee", name, type)).toBe(200);
  });

  operation("GET /api/{models|datasets|spaces}/{namespace}/{repo}/resource-group", async (types) => {
    const name = await repo(types.slice(0, -1));
    const path = `/api/${types}/acme/${name}/resource-group`;
    expect((await by("ada")("GET", path)).body).toBe(null);
    const id = await group({ name: `Of ${types}` });
    await by("ada")("POST", path, { resourceGroupId: id });
    expect((await by("ada")("GET", path)).body).toEqual({ id, name: `Of ${types}` });
    expect((await by("cy")("GET", path)).status).toBe(404);
  });

  const grouping = async (named: (slug: string) => string) => {
    const slug = String(
      (await by("ada")("POST", "/api/collections", { title: `C${made++}`, namespace: "acme", private: true })).get(
        "slug",
      ),
    );
    const path = `/api/collections/${named(slug)}/resource-group`;
    const id = await group({ users: [{ user: "cy", role: "read" }] });
    expect((await by("ada")("POST", path, { resourceGroupId: id })).get("slug")).toBe(slug);
    const seen = async (who: string) => (await by(who)("GET", `/api/collections/${slug}`)).status;
    expect([await seen("ada"), await seen("cy"), await seen("dee"), await seen("eve")]).toEqual([200, 200, 404, 404]);
    expect((await by("ada")("GET", path)).get("id")).toBe(id);
    expect((await by("ada")("POST", path, { resourceGroupId: "0".repeat(24) })).status).toBe(400);
    await by("ada")("POST", path, { resourceGroupId: null });
    expect((await by("ada")("GET", path)).body).toBe(null);
    expect(await seen("dee")).toBe(200);
  };
  it("are told of by their repositories, to members alone", async () => {
    const id = await group({ name: "Told", users: [{ user: "ben", role: "write" }] });
    const body = { name: "told", organization: "acme", resourceGroupId: id };
    expect((await by("ada")("POST", "/api/repos/create", body)).status).toBe(200);
    const told = { id, name: "Told", numUsers: 1 };
    const groupSeen = async (who: string) =>
      (await by(who)("GET", "/api/models/acme/told?expand=resourceGroup")).get("resourceGroup");
    expect(await Promise.all(["ada", "dee", "eve", "nobody"].map(groupSeen))).toEqual([
      told,
      told,
      undefined,
      undefined,
    ]);
    const rows = (await by("ben")("GET", "/api/models?author=acme&search=told&expand=resourceGroup")).body;
    expect(rows).toMatchObject([{ id: "acme/told", resourceGroup: told }]);
    expect((await by("ada")("GET", "/api/models/acme/told")).get("resourceGroup")).toBeUndefined();
  });

  it("take what is made in them from the first, of those who may write there", async () => {
    const id = await group({ users: ["ben", "cy"].map((user) => ({ user, role: user === "ben" ? "write" : "read" })) });
    const make = (who: string, body: object) =>
      by(who)("POST", "/api/repos/create", { organization: "acme", private: true, resourceGroupId: id, ...body });
    expect((await make("ben", { name: "inside" })).status).toBe(200);
    expect(await Promise.all(["ada", "ben", "cy", "dee"].map((who) => see(who, "inside")))).toEqual([
      200, 200, 200, 404,
    ]);
    expect((await make("ada", { name: "inside-too" })).status).toBe(200);
    for (const who of ["cy", "dee"]) {
      const refused = await make(who, { name: `by-${who}` });
      expect([refused.status, refused.get("error")]).toEqual([403, expect.stringContaining(`${who} may not add to`)]);
    }
    expect((await make("ada", { name: "nowhere", resourceGroupId: "0".repeat(24) })).status).toBe(400);
    expect(await see("ada", "nowhere")).toBe(404);
  });

  it("take collections so too; a wrong group leaves none behind", async () => {
    const id = await group({ users: [{ user: "ben", role: "write" }] });
    const make = (who: string, title: string, resourceGroupId = id) =>
      by(who)("POST", "/api/collections", { title, namespace: "acme", private: true, resourceGroupId });
    const slug = (await make("ben", "Inside")).get("slug");
    const seen = async (who: string) => (await by(who)("GET", `/api/collections/${slug}`)).status;
    expect([await seen("ben"), await seen("dee")]).toEqual([200, 404]);
    expect((await make("dee", "Outside")).status).toBe(403);
    expect((await make("ada", "Outside", "0".repeat(24))).status).toBe(400);
    expect((await make("ada", "Outside")).status).toBe(200);
  });

  const short = (slug: string) => slug.replace(/-[0-9a-f]{24}$/, "");
  operation("GET /api/collections/{namespace}/{slug}/resource-group", () => grouping(short));
  operation("GET /api/collections/{namespace}/{slug}-{id}/resource-group", () => grouping((slug) => slug));
  operation("POST /api/collections/{namespace}/{slug}/resource-group", () => grouping(short));
  operation("POST /api/collections/{namespace}/{slug}-{id}/resource-group", () => grouping((slug) => slug));
});

describe("service accounts", () => {
  const account = async (role = "read"): Promise<string> => {
    const answer = await by("ada")("POST", ACCOUNTS, { name: `Bot ${made++}`, role });
    expect(answer.status).toBe(201);
    return String(answer.get("_id"));
  };
  const token = async (id: string, body: object = {}) => {
    const answer = await by("ada")("POST", `${ACCOUNTS}/${id}/tokens`, { displayName: "ci", ...body });
    expect(answer.status).toBe(201);
    return { id: String(answer.get("_id")), call: caller(hub, { token: String(answer.get("token")) }) };
  };

  operation("POST /api/organizations/{name}/service-accounts", async () => {
    const answer = await by("ada")("POST", ACCOUNTS, { name: "Deploy bot", description: "CI", role: "write" });
    expect(answer.body).toMatchObject({
      name: "Deploy bot",
      username: "acme-deploy-bot",
      description: "CI",
      role: "write",
      tokenCount: 0,
    });
    expect(JSON.stringify((await nobody("GET", "/api/organizations/acme/members")).body)).toContain("acme-deploy-bot");
    expect((await by("ada")("POST", ACCOUNTS, { name: "deploy-BOT" })).status).toBe(409);
    expect((await by("ada")("POST", ACCOUNTS, { name: "!!" })).status).toBe(400);
    expect((await by("ben")("POST", ACCOUNTS, { name: "mine" })).status).toBe(403);
    await expect(hub.user("Acme-Deploy-Bot")).rejects.toMatchObject({ status: 409 });
  });

  operation("GET /api/organizations/{name}/service-accounts", async () => {
    const id = await account();
    expect(JSON.stringify((await by("ada")("GET", ACCOUNTS)).body)).toContain(id);
    expect((await by("ben")("GET", ACCOUNTS)).status).toBe(403);
    expect((await by("eve")("GET", "/api/organizations/other/service-accounts")).body).toEqual([]);
  });

  operation("GET /api/organizations/{name}/service-accounts/{serviceAccountId}", async () => {
    const id = await account();
    await token(id);
    const found = await by("ada")("GET", `${ACCOUNTS}/${id}`);
    expect(found.body).toMatchObject({ _id: id, tokenCount: 1, tokens: [{ displayName: "ci", role: "read" }] });
    expect(JSON.stringify(found.body)).not.toMatch(/hf_[A-Za-z0-9]{34}/);
    expect((await by("ada")("GET", `${ACCOUNTS}/nonsense`)).status).toBe(404);
    expect((await by("eve")("GET", `/api/organizations/other/service-accounts/${id}`)).status).toBe(404);
  });

  operation("POST /api/organizations/{name}/service-accounts/{serviceAccountId}/tokens", async () => {
    const name = await repo();
    const [reads, writes] = [await account("read"), await account("write")];
    const status = async (call: Call) => [
      (await call("GET", `/api/models/acme/${name}`)).status,
      (
        await call(
          "POST",
          `/api/models/acme/${name}/commit/main`,
          JSON.stringify({ key: "header", value: { summary: "x" } }),
        )
      ).status,
    ];
    expect(await status((await token(reads, { role: "write" })).call)).toEqual([200, 403]);
    expect(await status((await token(writes, { role: "read" })).call)).toEqual([200, 403]);
    const write = await token(writes, { role: "write" });
    expect(await status(write.call)).toEqual([200, 200]);
    const fineGrained = { scoped: [{ entity: { type: "org", name: "acme" }, permissions: ["repo.content.read"] }] };
    expect(await status((await token(writes, { role: "fineGrained", fineGrained })).call)).toEqual([200, 403]);
    expect((await write.call("GET", "/api/whoami-v2")).get("name")).toMatch(/^acme-bot-/);
    expect((await write.call("POST", "/api/repos/create", { name: "own" })).status).toBe(403);
    expect((await by("ben")("POST", `${ACCOUNTS}/${writes}/tokens`, {})).status).toBe(403);
  });

  operation("PATCH /api/organizations/{name}/service-accounts/{serviceAccountId}/tokens/{tokenId}", async () => {
    const id = await account("write");
    const { id: tokenId, call } = await token(id, { role: "write" });
    const name = await repo();
    const commit = async () =>
      (
        await call(
          "POST",
          `/api/models/acme/${name}/commit/main`,
          JSON.stringify({ key: "header", value: { summary: "x" } }),
        )
      ).status;
    expect(await commit()).toBe(200);
    const change = (body: object, who = "ada") => by(who)("PATCH", `${ACCOUNTS}/${id}/tokens/${tokenId}`, body);
    expect((await change({ role: "read" }, "ben")).status).toBe(403);
    expect((await change({ role: "read" })).status).toBe(200);
    expect(await commit()).toBe(403);
    expect((await change({ role: "fineGrained" })).status).toBe(400);
    expect((await change({ expiresAt: "2001-01-01T00:00:00Z" })).status).toBe(200);
    expect(await commit()).toBe(401);
  });

  operation("POST /api/organizations/{name}/service-accounts/{serviceAccountId}/tokens/{tokenId}/rotate", async () => {
    const id = await account();
    const { id: tokenId, call } = await token(id);
    const rotated = await by("ada")("POST", `${ACCOUNTS}/${id}/tokens/${tokenId}/rotate`);
    expect((await call("GET", "/api/whoami-v2")).status).toBe(401);
    const next = caller(hub, { token: String(rotated.get("token")) });
    expect((await next("GET", "/api/whoami-v2")).get("auth")).toMatchObject({
      accessToken: { displayName: "ci", role: "read" },
    });
    expect((await by("ada")("POST", `${ACCOUNTS}/${id}/tokens/${tokenId}/rotate`)).status).toBe(404);
  });

  operation("DELETE /api/organizations/{name}/service-accounts/{serviceAccountId}/tokens/{tokenId}", async () => {
    const id = await account();
    const { id: tokenId, call } = await token(id);
    const other = await account();
    expect((await by("ada")("DELETE", `${ACCOUNTS}/${other}/tokens/${tokenId}`)).status).toBe(404);
    expect((await by("ada")("DELETE", `${ACCOUNTS}/${id}/tokens/${tokenId}`)).status).toBe(200);
    expect((await call("GET", "/api/whoami-v2")).status).toBe(401);
  });

  operation("DELETE /api/organizations/{name}/service-accounts/{serviceAccountId}", async () => {
    const id = await account();
    const { call } = await token(id);
    expect((await by("ben")("DELETE", `${ACCOUNTS}/${id}`)).status).toBe(403);
    expect((await by("ada")("DELETE", `${ACCOUNTS}/${id}`)).status).toBe(200);
    expect((await call("GET", "/api/whoami-v2")).status).toBe(401);
    expect((await by("ada")("GET", `${ACCOUNTS}/${id}`)).status).toBe(404);
  });

  it("end with their organization, and no token with limits makes one without", async () => {
    await by("eve")("POST", "/api/organizations", { name: "brief" });
    const made_ = await by("eve")("POST", "/api/organizations/brief/service-accounts", { name: "bot" });
    const path = `/api/organizations/brief/service-accounts/${made_.get("_id")}/tokens`;
    const call = caller(hub, { token: String((await by("eve")("POST", path, {})).get("token")) });
    expect((await call("GET", "/api/whoami-v2")).status).toBe(200);
    const fineGrained = { scoped: [{ entity: { type: "org", name: "brief" }, permissions: ["org.write"] }] };
    const limited = await by("eve")("POST", "/api/settings/tokens", { name: "x", role: "fineGrained", fineGrained });
    const manages = caller(hub, { token: String(limited.get("token")) });
    expect((await manages("GET", "/api/organizations/brief/service-accounts")).status).toBe(200);
    expect((await manages("POST", path, { role: "write" })).status).toBe(403);
    await by("eve")("DELETE", "/api/organizations/brief");
    expect((await call("GET", "/api/whoami-v2")).status).toBe(401);
  });
});
