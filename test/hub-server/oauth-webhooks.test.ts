// Webhooks that apps make for a user: they tell the app, and end with what the user granted it.
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { oauthGrants, oauthRefreshTokens, oauthTokens } from "../../hub-server/db/schema/oauth.ts";
import { tokens } from "../../hub-server/db/schema.ts";
import { CLI_APP } from "../../hub-server/services/oauth-apps.ts";
import { createSession, findUser, sha256 } from "../../hub-server/services/users.ts";
import { SESSION_COOKIE } from "../../hub-server/web/cookie.ts";
import { type Call, caller } from "../support/caller.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { appToken } from "../support/victim.ts";

const BASE = "/api/settings/webhooks";
let hub: TestHub;
let ana: Call;
let browser: Call;
beforeAll(async () => {
  hub = await testHub();
  ana = caller(hub, { token: await hub.user("ana") });
  const id = (await findUser(hub.deps, "ana"))?.id ?? "";
  browser = caller(hub, { cookie: `${SESSION_COOKIE}=${await createSession(hub.deps, id)}` });
});
afterAll(() => hub.stop());

interface App {
  call: Call;
  token: string;
  grantId: string;
}

async function granted(): Promise<App> {
  const token = await appToken(hub, "ana", "openid read-repos webhooks");
  const [row] = await hub.deps.db
    .select({ grantId: oauthTokens.grantId })
    .from(oauthTokens)
    .innerJoin(tokens, eq(tokens.id, oauthTokens.tokenId))
    .where(eq(tokens.hash, sha256(token)));
  return { call: caller(hub, { token }), token, grantId: row?.grantId ?? "" };
}

async function hook(by: Call, name: string): Promise<string> {
  const body = { url: `https://hooks.example/${name}`, watched: [{ type: "user", name: "ana" }] };
  const made = await by("POST", BASE, body);
  expect(made.body).toMatchObject({ webhook: { url: body.url } });
  const { id }: { id: string } = Object(made.get("webhook"));
  return id;
}

/** The ends of the addresses of ana's webhooks. */
async function names(): Promise<string[]> {
  const all: { url: string }[] = Object((await ana("GET", BASE)).body);
  return all.map(({ url }) => url.split("/").at(-1) ?? "").sort();
}

const forget = async () => {
  for (const id of Object((await ana("GET", BASE)).body).map(({ id: one }: { id: string }) => one))
    await ana("DELETE", `${BASE}/${id}`);
};

it("end when the user revokes the app; those of the user and of other apps stay", async () => {
  const [app, other] = [await granted(), await granted()];
  await hook(ana, "own");
  await hook(app.call, "told");
  await hook(other.call, "other");
  await browser("POST", "/settings/applications/revoke", new URLSearchParams({ id: app.grantId }));
  expect(await names()).toEqual(["other", "own"]);
  await forget();
});

it("end when the app gives its token back", async () => {
  const app = await granted();
  await hook(app.call, "told");
  await caller(hub)("POST", "/oauth/revoke", new URLSearchParams({ token: app.token }));
  expect(await names()).toEqual([]);
});

it("are the app's whose address they were given last, and the user's after the user", async () => {
  const app = await granted();
  const [mine, taken] = [await hook(app.call, "app"), await hook(ana, "user")];
  const url = (name: string) => ({ url: `https://hooks.example/${name}`, watched: [] });
  expect((await ana("POST", `${BASE}/${mine}`, url("mine"))).status).toBe(200);
  expect((await app.call("POST", `${BASE}/${taken}`, url("taken"))).status).toBe(200);
  await browser("POST", "/settings/applications/revoke", new URLSearchParams({ id: app.grantId }));
  expect(await names()).toEqual(["mine"]);
  await forget();
});

it("keep an app in the user's list when its tokens are over", async () => {
  const { db, queue } = hub.deps;
  const [app, idle] = [await granted(), await granted()];
  await hook(app.call, "told");
  const past = new Date(Date.now() - 1000);
  await db.update(tokens).set({ expiresAt: past });
  await db.update(oauthRefreshTokens).set({ expiresAt: past });
  await db.transaction((tx) => queue.send(tx, "collect", {}, "all"));
  const grants = async () => (await db.select().from(oauthGrants)).map(({ id }) => id);
  await expect.poll(grants, { timeout: 20_000 }).not.toContain(idle.grantId);
  expect(await grants()).toContain(app.grantId);
  await db.update(tokens).set({ expiresAt: null });
  expect(await names()).toEqual(["told"]);
  await forget();
});

it("of the command line are the user's own", async () => {
  const started = await caller(hub)("POST", "/oauth/device", new URLSearchParams({ client_id: CLI_APP }));
  const typed = { user_code: String(started.get("user_code")), decision: "allow" };
  await browser("POST", "/oauth/device/confirm", new URLSearchParams(typed));
  const form = {
    grant_type: "urn:ietf:params:oauth:grant-type:device_code",
    device_code: String(started.get("device_code")),
    client_id: CLI_APP,
  };
  const token = String((await caller(hub)("POST", "/oauth/token", new URLSearchParams(form))).get("access_token"));
  await hook(caller(hub, { token }), "kept");
  await caller(hub)("POST", "/oauth/revoke", new URLSearchParams({ token }));
  expect((await caller(hub, { token })("GET", "/api/whoami-v2")).status).toBe(401);
  expect(await names()).toEqual(["kept"]);
});
