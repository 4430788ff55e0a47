// Organizations: made by users, with members whose roles say what they may do, from where, and in which groups.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSession, findUser } from "../../hub-server/services/users.ts";
import { type Answer, type Call, caller } from "../support/caller.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";

let hub: TestHub;
let tokens: Record<string, string>;
let as: Record<string, Call>;
const nobody: Call = (...call) => caller(hub)(...call);

/** A caller of a name. */
const by = (name: string): Call => {
  const call = as[name];
  if (call === undefined) throw new Error(`no caller ${name}`);
  return call;
};
const named = (answer: Answer): unknown[] =>
  Array.isArray(answer.body)
    ? answer.body.map((row: { name?: string; user?: string; id?: string }) => row.user ?? row.id ?? row.name)
    : [];

beforeAll(async () => {
  hub = await testHub();
  const names = ["ada", "ben", "cy", "dee", "eve", "finn"];
  const pairs: [string, string][] = [];
  for (const name of names) pairs.push([name, await hub.user(name)]);
  pairs.push(["root", await hub.user("root", { admin: true })]);
  tokens = Object.fromEntries(pairs);
  as = Object.fromEntries(pairs.map(([name, token]) => [name, caller(hub, { token })]));
  expect((await by("ada")("POST", "/api/organizations", { name: "Acme", fullname: "Acme, Inc." })).status).toBe(201);
  for (const [user, role] of [
    ["ben", "write"],
    ["cy", "contributor"],
    ["dee", "read"],
  ])
    expect((await by("ada")("POST", "/api/organizations/acme/members", { user, role })).status).toBe(201);
});
afterAll(() => hub.stop());

const create = (who: string, name: string, more: object = {}) =>
  by(who)("POST", "/api/repos/create", { name, organization: "Acme", ...more });

describe("making organizations", () => {
  it("takes names of one space with users, whatever the case, and none that are reserved", async () => {
    for (const name of ["acme", "ACME", "Ben"]) {
      const answer = await by("ada")("POST", "/api/organizations", { name });
      expect([name, answer.status, answer.headers.get("x-error-code")]).toEqual([name, 409, "NAME_TAKEN"]);
    }
    for (const name of ["datasets", "OAuth", "collections", "_x", "a b", "../x", "a--b", "x.git"])
      expect([name, (await by("ada")("POST", "/api/organizations", { name })).status]).toEqual([name, 400]);
    await expect(hub.user("aCmE")).rejects.toMatchObject({ status: 409 });
  });

  it("is for signed-in callers with a token that writes", async () => {
    expect((await nobody("POST", "/api/organizations", { name: "x1" })).status).toBe(401);
    const { token } = await hub.tokenOf("ben", "read");
    expect((await caller(hub, { token })("POST", "/api/organizations", { name: "x1" })).status).toBe(403);
  });

  it("is for administrators alone where the hub says so", async () => {
    const strict = await testHub({ organizations: "admins" });
    try {
      const [ana, root] = [await strict.user("ana"), await strict.user("root", { admin: true })];
      const make = (token: string) => caller(strict, { token })("POST", "/api/organizations", { name: "lab" });
      expect((await make(ana)).status).toBe(403);
      expect((await make(root)).status).toBe(201);
    } finally {
      await strict.stop();
    }
  });

  it("never logs in", async () => {
    const form = new URLSearchParams({ name: "Acme", password: "" });
    expect((await nobody("POST", "/login", form, { origin: hub.url, accept: "text/html" })).status).toBe(401);
  });

  it("is deleted once it owns nothing", async () => {
    expect((await by("eve")("POST", "/api/organizations", { name: "Gone" })).status).toBe(201);
    expect((await by("eve")("POST", "/api/repos/create", { name: "m", organization: "Gone" })).status).toBe(200);
    expect((await by("ada")("DELETE", "/api/organizations/gone")).status).toBe(403);
    expect((await by("eve")("DELETE", "/api/organizations/gone")).headers.get("x-error-code")).toBe("ORG_NOT_EMPTY");
    await by("eve")("DELETE", "/api/repos/delete", { name: "m", organization: "Gone" });
    expect((await by("eve")("DELETE", "/api/organizations/gone")).status).toBe(200);
    expect((await nobody("GET", "/api/organizations/gone/overview")).status).toBe(404);
  });
});

describe("what members may do", () => {
  /** Rows: a role; columns: see a private repository, create, write to another's, write to one's own, manage. */
  it.each([
    ["dee", "read", [200, 403, 403, undefined, 403]],
    ["cy", "contributor", [200, 200, 403, 200, 403]],
    ["ben", "write", [200, 200, 200, 200, 403]],
    ["ada", "admin", [200, 200, 200, 200, 200]],
    ["root", "an administrator of the hub", [200, 200, 200, 200, 200]],
    ["eve", "a stranger", [404, 403, 404, undefined, 404]],
  ])("%s, %s", async (who, _role, expected) => {
    expect((await create("ada", `base-${who}`, { private: true })).status).toBe(200);
    const commit = (name: string) =>
      by(who)(
        "POST",
        `/api/models/Acme/${name}/commit/main`,
        JSON.stringify({ key: "header", value: { summary: "x" } }),
      );
    const see = (await by(who)("GET", `/api/models/acme/base-${who}`)).status;
    const made = (await create(who, `own-${who}`, { private: true })).status;
    const write = (await commit(`base-${who}`)).status;
    const own = made === 200 ? (await commit(`own-${who}`)).status : undefined;
    const manage = (await by(who)("PUT", `/api/models/Acme/base-${who}/settings`, { private: true })).status;
    expect([see, made, write, own, manage]).toEqual(expected);
    const listed = named(await by(who)("GET", "/api/models?author=Acme&limit=1000"));
    expect(listed.includes(`Acme/base-${who}`)).toBe(expected[0] === 200);
  });

  it("hides repositories from strangers as if there were none", async () => {
    const [hidden, missing] = [
      await by("eve")("GET", "/api/models/Acme/base-ada"),
      await by("eve")("GET", "/api/models/Acme/not-there"),
    ];
    expect([hidden.status, hidden.body]).toEqual([missing.status, missing.body]);
  });
});

describe("members", () => {
  operation("GET /api/organizations/{name}/members", async () => {
    expect(named(await nobody("GET", "/api/organizations/acme/members"))).toEqual(["ada", "ben", "cy", "dee"]);
    const inside = await by("dee")("GET", "/api/organizations/acme/members?search=b");
    expect(inside.body).toMatchObject([{ user: "ben", role: "write", type: "user", isPro: false }]);
    const outside = await nobody("GET", "/api/organizations/acme/members?search=b");
    expect(JSON.stringify(outside.body)).not.toContain("role");
    const page = await nobody("GET", "/api/organizations/acme/members?limit=3");
    expect(named(page)).toHaveLength(3);
    const next = /^<(.*)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1] ?? "";
    expect(named(await nobody("GET", next.slice(hub.url.length)))).toEqual(["dee"]);
    await by("ada")("POST", "/api/organizations/acme/members", { user: "eve", role: "read" });
    expect(named(await nobody("GET", "/api/organizations/acme/members?search=eve"))).toEqual(["eve"]);
    expect((await by("ada")("DELETE", "/api/organizations/acme/members/eve")).status).toBe(200);
    expect(named(await nobody("GET", "/api/organizations/acme/members?search=eve"))).toEqual([]);
  });

  operation("PUT /api/organizations/{name}/members/{username}/role", async () => {
    const role = (who: string, user: string, value: string) =>
      by(who)("PUT", `/api/organizations/acme/members/${user}/role`, { role: value });
    expect((await role("ben", "dee", "admin")).status).toBe(403);
    expect((await role("ada", "eve", "read")).headers.get("x-error-code")).toBe("MEMBER_NOT_FOUND");
    expect((await role("ada", "dee", "owner")).status).toBe(400);
    expect((await role("ada", "ada", "read")).headers.get("x-error-code")).toBe("LAST_ADMIN");
    expect((await create("dee", "promoted")).status).toBe(403);
    expect((await role("ada", "dee", "write")).status).toBe(200);
    expect((await create("dee", "promoted")).status).toBe(200);
    const who = await by("dee")("GET", "/api/whoami-v2");
    expect(who.get("orgs")).toMatchObject([{ name: "Acme", fullname: "Acme, Inc.", roleInOrg: "write", type: "org" }]);
    expect((await role("ada", "dee", "read")).status).toBe(200);
  });

  it("join once, leave by themselves, and lose what they saw", async () => {
    const add = (user: string) => by("ada")("POST", "/api/organizations/acme/members", { user, role: "read" });
    expect((await add("finn")).status).toBe(201);
    expect((await add("FINN")).status).toBe(409);
    expect((await add("nobody-here")).status).toBe(404);
    expect((await add("Acme")).status).toBe(404);
    expect((await by("finn")("GET", "/api/models/Acme/base-ada")).status).toBe(200);
    expect((await by("ben")("DELETE", "/api/organizations/acme/members/finn")).status).toBe(403);
    expect((await by("finn")("DELETE", "/api/organizations/acme/members/finn")).status).toBe(200);
    expect((await by("finn")("GET", "/api/models/Acme/base-ada")).status).toBe(404);
    expect((await by("ada")("DELETE", "/api/organizations/acme/members/ada")).status).toBe(409);
  });
});

describe("what is shown", () => {
  it("counts what the caller may see", async () => {
    const inside = await by("ada")("GET", "/api/organizations/ACME/overview");
    const outside = await nobody("GET", "/api/organizations/ACME/overview");
    expect(inside.body).toMatchObject({ name: "Acme", fullname: "Acme, Inc.", numUsers: 4, isVerified: false });
    expect(Number(inside.get("numModels"))).toBeGreaterThan(Number(outside.get("numModels")));
  });

  operation("GET /api/organizations/{name}/socials", async () => {
    const profile = "/api/organizations/acme/settings/profile";
    expect((await by("ben")("PATCH", profile, { socials: { github: "acme" } })).status).toBe(403);
    expect((await by("ada")("PATCH", profile, { socials: { github: "<script>" } })).status).toBe(400);
    expect(
      (await by("ada")("PATCH", profile, { socials: { github: "acme-ai" }, details: "We make models." })).status,
    ).toBe(200);
    expect((await nobody("GET", "/api/organizations/acme/socials")).body).toEqual({
      socialHandles: { github: "acme-ai" },
    });
    expect((await nobody("GET", "/api/organizations/acme/overview")).get("details")).toBe("We make models.");
  });

  operation("GET /api/organizations/{name}/avatar", async () => {
    const address = (await nobody("GET", "/api/organizations/acme/avatar")).get("avatarUrl");
    expect(address).toBe(`${hub.url}/api/avatars/Acme/picture`);
    const png = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), Buffer.alloc(100, 7)]);
    const put = (who: string, bytes: Uint8Array) => by(who)("PUT", "/api/organizations/acme/settings/avatar", bytes);
    expect((await put("ben", png)).status).toBe(403);
    expect((await put("ada", Buffer.from("<svg onload=alert(1)>"))).status).toBe(400);
    expect((await put("ada", Buffer.alloc(1024 * 1024 + 1))).status).toBe(413);
    expect((await put("ada", png)).status).toBe(200);
    const picture = await fetch(`${address}`);
    expect(picture.headers.get("content-type")).toBe("image/png");
    expect(Buffer.from(await picture.arrayBuffer()).equals(png)).toBe(true);
    const shown = await nobody("GET", "/api/organizations/acme/avatar", undefined, { "sec-fetch-dest": "image" });
    expect([shown.status, shown.headers.get("location")]).toEqual([302, address]);
  });
});

describe("security", () => {
  operation("POST /api/organizations/{name}/settings/tokens/revoke", async () => {
    const { token } = await hub.tokenOf("ben", "write");
    const leaked = caller(hub, { token });
    expect((await leaked("GET", "/api/models/Acme/base-ada")).status).toBe(200);
    const revoke = (who: string, value: string) =>
      by(who)("POST", "/api/organizations/acme/settings/tokens/revoke", { token: value });
    expect((await revoke("ben", token)).status).toBe(403);
    expect((await revoke("ada", tokens["eve"] ?? "")).headers.get("x-error-code")).toBe("TOKEN_NOT_FOUND");
    expect((await revoke("ada", token)).status).toBe(200);
    expect((await leaked("GET", "/api/whoami-v2")).status).toBe(200);
    expect((await leaked("GET", "/api/models/Acme/base-ada")).headers.get("x-error-code")).toBe("MEMBERSHIP_BARRED");
    expect(named(await leaked("GET", "/api/models?author=Acme&limit=1000"))).not.toContain("Acme/base-ada");
    expect((await by("ben")("GET", "/api/models/Acme/base-ada")).status).toBe(200);
  });

  const rules = "/api/organizations/acme/settings/network-security";
  operation("GET /api/organizations/{name}/settings/network-security", async () => {
    expect((await by("ben")("GET", rules)).status).toBe(403);
    expect((await by("ada")("GET", rules)).body).toEqual({ enforceIpRestriction: false, ipRanges: [] });
    await by("ada")("PATCH", rules, { ipRanges: ["10.1.0.0/16", "2001:db8::/32"] });
    expect((await by("ada")("GET", rules)).get("ipRanges")).toEqual(["10.1.0.0/16", "2001:db8::/32"]);
  });

  operation("PATCH /api/organizations/{name}/settings/network-security", async () => {
    expect((await by("ada")("PATCH", rules, { ipRanges: ["300.1.1.1/8"] })).status).toBe(400);
    const locked = await by("ada")("PATCH", rules, { enforceIpRestriction: true, ipRanges: ["10.1.0.0/16"] });
    expect([locked.status, locked.get("error")]).toEqual([400, expect.stringContaining("locked out")]);
    const from = (address: string) => ({ "x-forwarded-for": address });
    const allowed = await by("ada")(
      "PATCH",
      rules,
      { enforceIpRestriction: true, ipRanges: ["10.1.0.0/16"] },
      from("10.1.2.3"),
    );
    expect(allowed.status).toBe(200);
    expect((await by("ben")("GET", "/api/models/Acme/base-ada")).headers.get("x-error-code")).toBe("MEMBERSHIP_BARRED");
    expect(named(await by("ben")("GET", "/api/models?author=Acme&limit=1000"))).not.toContain("Acme/base-ada");
    expect((await by("ben")("GET", "/api/models/Acme/base-ada", undefined, from("10.1.9.9"))).status).toBe(200);
    expect((await by("eve")("GET", "/api/models/Acme/base-ada", undefined, from("10.1.9.9"))).status).toBe(404);
    const off = await by("ada")("PATCH", rules, { enforceIpRestriction: false }, from("10.1.2.3"));
    expect(off.status).toBe(200);
    expect((await by("ben")("GET", "/api/models/Acme/base-ada")).status).toBe(200);
  });

  operation("GET /api/organizations/{name}/audit-log/export", async () => {
    const path = "/api/organizations/acme/audit-log/export";
    expect((await by("ben")("GET", path)).status).toBe(403);
    await by("ada")("PUT", "/api/organizations/acme/members/dee/role", { role: "write" });
    const log = await by("ada")("GET", `${path}?q=org.member`);
    const rows: { type: string; target: string; author: { name: string }; ip: string }[] = JSON.parse(
      JSON.stringify(log.body),
    );
    expect(rows.find(({ type, target }) => type === "org.member.role" && target === "dee")).toMatchObject({
      author: { name: "ada" },
      ip: "127.0.0.1",
    });
    expect(rows.every(({ type }) => type.startsWith("org.member"))).toBe(true);
    expect(JSON.stringify((await by("ada")("GET", path)).body)).toContain("org.network");
  });

  it("takes no cookie from another origin", async () => {
    const user = await findUser(hub.deps, "ada");
    const cookie = `abrazo_session=${await createSession(hub.deps, user?.id ?? "")}`;
    const send = (origin: string) =>
      caller(hub)("POST", "/api/organizations/acme/members", { user: "eve" }, { cookie, origin });
    const name = (await import("../../hub-server/web/cookie.ts")).SESSION_COOKIE;
    expect(cookie.startsWith(name)).toBe(true);
    expect((await send("https://evil.example")).status).toBe(401);
    expect((await send(hub.url)).status).toBe(201);
    await by("ada")("DELETE", "/api/organizations/acme/members/eve");
  });
});
