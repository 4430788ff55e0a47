// Tokens: what each role does, what fine-grained ones are kept to, and when they end.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createToken, findUser } from "../../hub-server/services/users.ts";
import { type Call, caller } from "../support/caller.ts";
import { type TestHub, testHub } from "../support/hub.ts";

let hub: TestHub;
let [ana, ben]: [Call, Call] = [async () => Promise.reject(), async () => Promise.reject()];
const line = JSON.stringify({ key: "header", value: { summary: "x" } });

interface Grant {
  gated?: boolean;
  global?: string[];
  scoped?: [string, string, string[]][];
}

/** A token of ana's with these permissions. */
async function limited({ gated = false, global = [], scoped = [] }: Grant): Promise<Call> {
  const made = await ana("POST", "/api/settings/tokens", {
    name: "limited",
    role: "fineGrained",
    fineGrained: {
      canReadGatedRepos: gated,
      global,
      scoped: scoped.map(([type, name, permissions]) => ({ entity: { type, name }, permissions })),
    },
  });
  expect(made.status).toBe(201);
  return caller(hub, { token: String(made.get("token")) });
}

beforeAll(async () => {
  hub = await testHub();
  ana = caller(hub, { token: await hub.user("ana") });
  ben = caller(hub, { token: await hub.user("ben") });
  await ana("POST", "/api/organizations", { name: "lab" });
  for (const name of ["one", "two"]) await ana("POST", "/api/repos/create", { name, private: true });
  await ana("POST", "/api/repos/create", { name: "open" });
  await ana("POST", "/api/repos/create", { name: "inside", organization: "lab", private: true });
  const files = [{ path: "w.txt", content: Buffer.from("w").toString("base64"), encoding: "base64" }];
  await ben("POST", "/api/repos/create", { name: "gated", files });
  await ben("PUT", "/api/models/ben/gated/settings", { gated: "auto" });
  await ana("POST", "/ben/gated/ask-access", {});
});
afterAll(() => hub.stop());

/** What a token gets of each thing: statuses in this order. */
const THINGS = [
  "see one",
  "write one",
  "see two",
  "see inside",
  "write open",
  "delete open",
  "create",
  "create in lab",
  "discuss",
  "gated bytes",
];
async function outcome(call: Call): Promise<number[]> {
  const status = async (...asked: Parameters<Call>) => (await call(...asked)).status;
  return [
    await status("GET", "/api/models/ana/one"),
    await status("POST", "/api/models/ana/one/commit/main", line),
    await status("GET", "/api/models/ana/two"),
    await status("GET", "/api/models/lab/inside"),
    await status("POST", "/api/models/ana/open/commit/main", line),
    await status("DELETE", "/api/repos/delete", { name: "ana/nothing-there" }),
    await status("POST", "/api/repos/create", { name: "open" }),
    await status("POST", "/api/repos/create", { name: "inside", organization: "lab" }),
    await status("POST", "/api/models/ben/gated/like"),
    await status("GET", "/ben/gated/resolve/main/w.txt"),
  ];
}

describe("roles", () => {
  it.each<[string, () => Promise<Call>, number[]]>([
    ["write", async () => ana, [200, 200, 200, 200, 200, 404, 409, 409, 200, 200]],
    [
      "read",
      async () => caller(hub, { token: (await hub.tokenOf("ana", "read")).token }),
      [200, 403, 200, 200, 403, 404, 403, 403, 403, 200],
    ],
    ["nothing", () => limited({}), [404, 404, 404, 404, 403, 404, 403, 403, 403, 403]],
    [
      "read of the user",
      () => limited({ scoped: [["user", "ana", ["repo.content.read"]]] }),
      [200, 403, 200, 404, 403, 404, 403, 403, 403, 403],
    ],
    [
      "read of one repository",
      () => limited({ scoped: [["model", "ana/one", ["repo.content.read"]]] }),
      [200, 403, 404, 404, 403, 404, 403, 403, 403, 403],
    ],
    [
      "write of one repository",
      () => limited({ scoped: [["model", "ana/one", ["repo.write"]]] }),
      [200, 200, 404, 404, 403, 404, 403, 403, 403, 403],
    ],
    [
      "write of the organization",
      () => limited({ scoped: [["org", "lab", ["repo.write"]]] }),
      [404, 404, 404, 200, 403, 404, 403, 403, 403, 403],
    ],
    [
      "manage of the user",
      () => limited({ scoped: [["user", "ana", ["repo.manage"]]] }),
      [200, 200, 200, 404, 200, 404, 409, 403, 403, 403],
    ],
    [
      "discussions everywhere",
      () => limited({ global: ["discussion.write"] }),
      [404, 404, 404, 404, 403, 404, 403, 403, 200, 403],
    ],
    ["gated repositories", () => limited({ gated: true }), [404, 404, 404, 404, 403, 404, 403, 403, 403, 200]],
  ])("%s", async (_, make, expected) => {
    const got = await outcome(await make());
    expect(Object.fromEntries(THINGS.map((thing, index) => [thing, got[index]]))).toEqual(
      Object.fromEntries(THINGS.map((thing, index) => [thing, expected[index]])),
    );
  });

  it("say what they are by whoami", async () => {
    const call = await limited({
      gated: true,
      scoped: [
        ["model", "ana/one", ["repo.write"]],
        ["org", "lab", ["org.read"]],
      ],
    });
    expect((await call("GET", "/api/whoami-v2")).body).toMatchObject({
      name: "ana",
      isAdmin: false,
      orgs: [{ name: "lab" }],
      auth: {
        accessToken: {
          role: "fineGrained",
          fineGrained: {
            canReadGatedRepos: true,
            global: [],
            scoped: [
              { entity: { type: "model", name: "ana/one" }, permissions: ["repo.write"] },
              { entity: { type: "org", name: "lab" }, permissions: ["org.read"] },
            ],
          },
        },
      },
    });
    expect((await (await limited({}))("GET", "/api/whoami-v2")).get("orgs")).toEqual([]);
  });

  it("lists hold what a token may see", async () => {
    const call = await limited({ scoped: [["model", "ana/one", ["repo.content.read"]]] });
    const { body } = await call("GET", "/api/models?limit=100");
    const names = Array.isArray(body) ? body.map(({ id }: { id: string }) => id).sort() : [];
    expect(names).toEqual(["ana/one", "ana/open", "ben/gated"]);
  });

  it("follow a repository to its new name", async () => {
    await ana("POST", "/api/repos/create", { name: "before", private: true });
    const call = await limited({ scoped: [["model", "ana/before", ["repo.content.read"]]] });
    await ana("POST", "/api/repos/move", { fromRepo: "ana/before", toRepo: "ana/after", type: "model" });
    expect((await call("GET", "/api/models/ana/after")).status).toBe(200);
  });

  it("of an administrator with limits are no administrator's", async () => {
    const root = caller(hub, { token: await hub.user("root", { admin: true }) });
    const made = await root("POST", "/api/settings/tokens", { name: "x", role: "fineGrained", fineGrained: {} });
    const call = caller(hub, { token: String(made.get("token")) });
    expect((await root("GET", "/api/models/ana/one")).status).toBe(200);
    expect((await call("GET", "/api/models/ana/one")).status).toBe(404);
    expect((await call("GET", "/api/whoami-v2")).get("isAdmin")).toBe(false);
  });
});

describe("making and ending them", () => {
  it("refuses permissions that are none, and places that are not one's own", async () => {
    const make = (fineGrained: object, role = "fineGrained") =>
      ana("POST", "/api/settings/tokens", { name: "x", role, fineGrained });
    const entity = (type: string, name: string, permission = "repo.write") => ({
      scoped: [{ entity: { type, name }, permissions: [permission] }],
    });
    const typo = await make(entity("user", "ana", "repo.writ"));
    expect([typo.status, typo.get("error")]).toEqual([400, expect.stringContaining('Did you mean "repo.write"?')]);
    expect((await make(entity("user", "ben"))).status).toBe(400);
    expect((await make(entity("org", "nowhere"))).status).toBe(400);
    expect((await make({ global: ["repo.write"] })).status).toBe(400);
    expect((await make({}, "write")).status).toBe(400);
    expect((await make({ admin: true })).status).toBe(400);
    const hidden = await ben("POST", "/api/settings/tokens", {
      name: "x",
      role: "fineGrained",
      fineGrained: entity("model", "ana/one"),
    });
    const missing = await ben("POST", "/api/settings/tokens", {
      name: "x",
      role: "fineGrained",
      fineGrained: entity("model", "ana/none"),
    });
    expect([hidden.status, hidden.body]).toEqual([404, missing.body]);
  });

  it("ends tokens at their time", async () => {
    const user = await findUser(hub.deps, "ana");
    const token = await createToken(hub.deps, user?.id ?? "", { name: "old", expiresAt: new Date(Date.now() - 1000) });
    const late = await caller(hub, { token })("GET", "/api/models/ana/open");
    expect([late.status, late.headers.get("x-error-message")]).toEqual([
      401,
      "Invalid credentials in Authorization header",
    ]);
    const past = await ana("POST", "/api/settings/tokens", { name: "x", expiresAt: "2001-01-01T00:00:00Z" });
    expect(past.status).toBe(400);
  });

  it("gives a token made with another one no longer a life", async () => {
    const user = await findUser(hub.deps, "ana");
    const expiresAt = new Date(Date.now() + 60_000);
    const short = caller(hub, { token: await createToken(hub.deps, user?.id ?? "", { name: "short", expiresAt }) });
    const made = await short("POST", "/api/settings/tokens", { name: "child", role: "write" });
    const { body } = await ana("GET", "/api/settings/tokens");
    const rows: { id: string; expiresAt: string | null }[] = Array.isArray(body) ? body : [];
    expect(rows.find(({ id }) => id === made.get("id"))?.expiresAt).toBe(expiresAt.toISOString());
  });

  it("is for the user, not for tokens that read or have limits; and one's own are one's own", async () => {
    const reads = caller(hub, { token: (await hub.tokenOf("ana", "read")).token });
    expect((await reads("POST", "/api/settings/tokens", { name: "x" })).status).toBe(403);
    const call = await limited({ scoped: [["user", "ana", ["repo.manage"]]] });
    expect((await call("POST", "/api/settings/tokens", { name: "x" })).status).toBe(403);
    expect((await call("GET", "/api/settings/tokens")).status).toBe(403);
    const made = await ana("POST", "/api/settings/tokens", { name: "mine", role: "write" });
    const own = caller(hub, { token: String(made.get("token")) });
    expect(made.headers.get("cache-control")).toBe("no-store");
    await ben("DELETE", `/api/settings/tokens/${made.get("id")}`);
    expect((await own("GET", "/api/whoami-v2")).status).toBe(200);
    await ana("DELETE", `/api/settings/tokens/${made.get("id")}`);
    expect((await own("GET", "/api/whoami-v2")).status).toBe(401);
    expect((await ana("DELETE", "/api/settings/tokens/nonsense")).status).toBe(200);
  });

  it("takes the same tokens as a password, for git", async () => {
    const made = await ana("POST", "/api/settings/tokens", { name: "git", role: "read" });
    const basic = Buffer.from(`ana:${made.get("token")}`).toString("base64");
    const answer = await caller(hub)("GET", "/api/whoami-v2", undefined, { authorization: `Basic ${basic}` });
    expect(answer.get("name")).toBe("ana");
  });
});
