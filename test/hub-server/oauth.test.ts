// OAuth 2 and OpenID Connect: apps, consent, codes with PKCE, devices, refresh tokens; and what tokens of apps may do.
import { createHash, createPublicKey, verify } from "node:crypto";
import { oauthHandleRedirect, oauthLoginUrl } from "@huggingface/hub";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { oauthGrants, oauthRefreshTokens, oauthTokens } from "../../hub-server/db/schema/oauth.ts";
import { tokens } from "../../hub-server/db/schema.ts";
import { createSession, findUser, sha256 } from "../../hub-server/services/users.ts";
import { SESSION_COOKIE } from "../../hub-server/web/cookie.ts";
import { check } from "../clients/conformance/harness.ts";
import { type Answer, type Call, caller } from "../support/caller.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";

let hub: TestHub;
let ana: Call;
let browser: Call;
let benBrowser: Call;
let clientId: string;
const nobody: Call = (...call) => caller(hub)(...call);
const REDIRECT = "https://app.example/callback";
const VERIFIER = "v".repeat(64);
const CHALLENGE = createHash("sha256").update(VERIFIER).digest("base64url");

const text = (answer: Answer, name: string): string => String(answer.get(name));

async function sessionOf(name: string): Promise<Call> {
  const user = await findUser(hub.deps, name);
  return caller(hub, { cookie: `${SESSION_COOKIE}=${await createSession(hub.deps, user?.id ?? "")}` });
}

beforeAll(async () => {
  hub = await testHub();
  ana = caller(hub, { token: await hub.user("ana", { password: "correct horse" }) });
  await hub.user("ben");
  [browser, benBrowser] = [await sessionOf("ana"), await sessionOf("ben")];
  expect((await ana("POST", "/api/repos/create", { name: "secret", private: true })).status).toBe(200);
  expect((await ana("POST", "/api/repos/create", { name: "open" })).status).toBe(200);
  expect((await ana("POST", "/api/organizations", { name: "lab" })).status).toBe(201);
  await ana("POST", "/api/repos/create", { name: "hidden", organization: "lab", private: true });
  await ana("PATCH", "/api/settings/profile", {
    fullname: "Ana B",
    email: "ana@example.org",
    website: "https://ana.example",
  });
  const made = await nobody("POST", "/oauth/register", {
    client_name: "Viewer",
    redirect_uris: [REDIRECT, "http://localhost/cb"],
  });
  clientId = text(made, "client_id");
});
afterAll(() => hub.stop());

interface Asked {
  scope?: string;
  redirect?: string;
  client?: string;
  orgs?: string[];
  as?: Call;
  decision?: string;
  [name: string]: unknown;
}

const parameters = ({ scope = "openid profile", redirect = REDIRECT, client = clientId }: Asked) => ({
  client_id: client,
  redirect_uri: redirect,
  response_type: "code",
  scope,
  state: "s1",
  code_challenge: CHALLENGE,
  code_challenge_method: "S256",
  nonce: "n1",
});

/** The user allows, as the page of consent does; gives the address that the browser is sent to. */
async function consent(asked: Asked = {}): Promise<URL> {
  const form = new URLSearchParams({ ...parameters(asked), decision: asked.decision ?? "allow" });
  for (const org of asked.orgs ?? []) form.append("org", org);
  const answer = await (asked.as ?? browser)("POST", "/oauth/authorize", form);
  expect(answer.status).toBe(303);
  return new URL(answer.headers.get("location") ?? "");
}

const exchange = (code: string, more: Record<string, string> = {}) =>
  nobody(
    "POST",
    "/oauth/token",
    new URLSearchParams({
      grant_type: "authorization_code",
      code,
      redirect_uri: REDIRECT,
      code_verifier: VERIFIER,
      ...more,
    }),
  );

async function tokensFor(asked: Asked = {}): Promise<Answer> {
  const code = (await consent(asked)).searchParams.get("code") ?? "";
  const answer = await exchange(code, { redirect_uri: asked.redirect ?? REDIRECT });
  expect(answer.status).toBe(200);
  return answer;
}

const withToken = async (asked: Asked): Promise<Call> =>
  caller(hub, { token: text(await tokensFor(asked), "access_token") });

describe("discovery", () => {
  it("names the endpoints from the host that was asked", async () => {
    const found = await nobody("GET", "/.well-known/openid-configuration");
    expect(found.body).toMatchObject({
      issuer: hub.url,
      authorization_endpoint: `${hub.url}/oauth/authorize`,
      token_endpoint: `${hub.url}/oauth/token`,
      userinfo_endpoint: `${hub.url}/oauth/userinfo`,
      device_authorization_endpoint: `${hub.url}/oauth/device`,
      code_challenge_methods_supported: ["S256"],
    });
  });
});

describe("codes", () => {
  it("come with the state and the issuer, and become tokens once", async () => {
    const back = await consent();
    expect(back.origin + back.pathname).toBe(REDIRECT);
    expect([back.searchParams.get("state"), back.searchParams.get("iss")]).toEqual(["s1", hub.url]);
    const code = back.searchParams.get("code") ?? "";
    const first = await exchange(code);
    expect(first.body).toMatchObject({ token_type: "bearer", expires_in: 28_800, scope: "openid profile" });
    expect(text(first, "access_token")).toMatch(/^hf_[A-Za-z0-9]{34}$/);
    const whoami = caller(hub, { token: text(first, "access_token") });
    expect((await whoami("GET", "/api/whoami-v2")).body).toMatchObject({
      name: "ana",
      email: null,
      auth: { type: "oauth", accessToken: { displayName: "Viewer", role: "fineGrained" }, scope: "openid profile" },
    });
    const second = await exchange(code);
    expect([second.status, second.get("error")]).toEqual([400, "invalid_grant"]);
    // Somebody has the code who should not: what came of it has ended.
    expect((await whoami("GET", "/api/whoami-v2")).status).toBe(401);
  });

  it.each([
    ["another verifier", { code_verifier: "w".repeat(64) }, "invalid_grant"],
    ["no verifier", { code_verifier: "" }, "invalid_request"],
    ["another address", { redirect_uri: "https://app.example/other" }, "invalid_grant"],
    ["another client", { client_id: "26be6b09-91c5-47da-9861-d2d2bb7a7e36" }, "invalid_grant"],
    ["another code", { code: "x".repeat(43) }, "invalid_grant"],
    ["another grant type", { grant_type: "password" }, "unsupported_grant_type"],
  ])("are refused with %s", async (_, more, error) => {
    const code = (await consent()).searchParams.get("code") ?? "";
    const answer = await exchange(code, more);
    expect([answer.status, answer.get("error")]).toEqual([400, error]);
  });

  it("are the user's word alone: no token gives one, and strangers log in first", async () => {
    expect(
      (
        await ana("POST", "/oauth/authorize", new URLSearchParams({ ...parameters({}), decision: "allow" }), {
          origin: hub.url,
        })
      ).status,
    ).toBe(401);
    const page = await nobody("GET", `/oauth/authorize?${new URLSearchParams(parameters({}))}`, undefined, {
      accept: "text/html",
    });
    expect(page.status).toBe(303);
    const next = new URL(page.headers.get("location") ?? "", hub.url).searchParams.get("next") ?? "";
    expect(next).toMatch(/^\/oauth\/authorize\?client_id=/);
    const forged = await browser(
      "POST",
      "/oauth/authorize",
      new URLSearchParams({ ...parameters({}), decision: "allow" }),
      {
        origin: "https://evil.example",
      },
    );
    expect([401, 403]).toContain(forged.status);
  });

  it("are not given when the user declines", async () => {
    const back = await consent({ decision: "deny" });
    expect([back.searchParams.get("error"), back.searchParams.get("state")]).toEqual(["access_denied", "s1"]);
    expect(back.searchParams.get("code")).toBeNull();
  });
});

describe("the page of consent", () => {
  it("says who asks, for what, and lets the answer lead to the app alone", async () => {
    const query = new URLSearchParams(parameters({ scope: "openid write-repos" }));
    const page = await browser("GET", `/oauth/authorize?${query}`, undefined, { accept: "text/html" });
    expect(page.body).toContain("Change the files of your repositories");
    expect(page.body).toContain("app.example");
    expect(page.body).toContain("registered itself");
    expect(page.headers.get("content-security-policy")).toContain("form-action 'self' https://app.example;");
    expect(page.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
  });

  it.each([
    "https://evil.example/callback",
    "https://app.example/callback/../x",
    "https://app.example/callback?x=1",
    "https://app.example.evil.example/callback",
    "http://app.example/callback",
    "javascript:alert(1)",
    "//evil.example",
    "",
  ])("sends nobody to %s", async (redirect) => {
    for (const decision of ["allow", "deny"]) {
      const form = new URLSearchParams({ ...parameters({ redirect }), decision });
      const answer = await browser("POST", "/oauth/authorize", form);
      expect([answer.status, answer.headers.get("location")]).toEqual([400, null]);
    }
  });

  it("takes any port of this machine where the app is a program on it", async () => {
    const back = await consent({ redirect: "http://localhost:51234/cb" });
    expect(back.href).toMatch(/^http:\/\/localhost:51234\/cb\?code=/);
    const form = new URLSearchParams({
      ...parameters({ redirect: "http://localhost:51234/other" }),
      decision: "allow",
    });
    expect((await browser("POST", "/oauth/authorize", form)).status).toBe(400);
  });

  it.each([
    [{ response_type: "token" }, "unsupported_response_type"],
    [{ code_challenge: "" }, "invalid_request"],
    [{ code_challenge_method: "plain" }, "invalid_request"],
    [{ scope: "openid everything" }, "invalid_scope"],
  ])("tells the app what is wrong: %j", async (more, error) => {
    const query = new URLSearchParams({ ...parameters({}), ...more });
    const answer = await browser("GET", `/oauth/authorize?${query}`);
    const back = new URL(answer.headers.get("location") ?? "");
    expect([back.origin, back.searchParams.get("error")]).toEqual(["https://app.example", error]);
  });
});

describe("scopes", () => {
  const see = async (call: Call, repo: string) => (await call("GET", `/api/models/${repo}`)).status;
  const line = JSON.stringify({ key: "header", value: { summary: "x" } });

  it("are all that a token may do", async () => {
    const nothing = await withToken({ scope: "openid profile" });
    expect([await see(nothing, "ana/secret"), await see(nothing, "ana/open")]).toEqual([404, 200]);
    const reads = await withToken({ scope: "openid read-repos" });
    expect([await see(reads, "ana/secret"), await see(reads, "lab/hidden")]).toEqual([200, 404]);
    expect((await reads("POST", "/api/models/ana/secret/commit/main", line)).status).toBe(403);
    const writes = await withToken({ scope: "openid write-repos" });
    expect((await writes("POST", "/api/models/ana/secret/commit/main", line)).status).toBe(200);
    expect((await writes("DELETE", "/api/repos/delete", { name: "ana/open" })).status).toBe(403);
    expect((await writes("POST", "/api/repos/create", { name: "more" })).status).toBe(403);
    for (const [method, path] of [
      ["GET", "/api/settings/tokens"],
      ["POST", "/api/settings/tokens"],
      ["PATCH", "/api/settings/profile"],
      ["POST", "/api/organizations"],
    ] as const)
      expect([path, (await writes(method, path, method === "GET" ? undefined : { name: "x" })).status]).toEqual([
        path,
        403,
      ]);
  });

  it("hold for organizations that the user chose", async () => {
    const org = await findUser(hub.deps, "lab");
    const call = await withToken({ scope: "openid read-repos read-memberships", orgs: [org?.id ?? ""] });
    expect(await see(call, "lab/hidden")).toBe(200);
    expect((await call("GET", "/oauth/userinfo")).get("orgs")).toMatchObject([
      { preferred_username: "lab", roleInOrg: "admin" },
    ]);
    const stranger = await withToken({ scope: "openid read-repos", orgs: [org?.id ?? ""], as: benBrowser });
    expect(await see(stranger, "lab/hidden")).toBe(404);
  });

  it("contribute-repos: what the app made, and nothing else", async () => {
    const call = await withToken({ scope: "openid contribute-repos" });
    expect((await call("POST", "/api/repos/create", { name: "by-app", private: true })).status).toBe(200);
    expect(await see(call, "ana/by-app")).toBe(200);
    expect((await call("POST", "/api/models/ana/by-app/commit/main", line)).status).toBe(200);
    expect(await see(call, "ana/secret")).toBe(404);
    const listed = await call("GET", "/api/models?author=ana");
    expect(JSON.stringify(listed.body)).toContain("ana/by-app");
    expect(JSON.stringify(listed.body)).not.toContain("ana/secret");
    const made = await nobody("POST", "/oauth/register", { client_name: "Other", redirect_uris: [REDIRECT] });
    const other = await withToken({ scope: "openid contribute-repos", client: text(made, "client_id") });
    expect(await see(other, "ana/by-app")).toBe(404);
  });

  it("of an administrator make none", async () => {
    await hub.user("root", { admin: true });
    const call = await withToken({ scope: "openid read-repos", as: await sessionOf("root") });
    expect(await see(call, "ana/secret")).toBe(404);
  });
});

describe("who the user is", () => {
  operation("GET /oauth/userinfo", async () => {
    const call = await withToken({ scope: "openid profile email" });
    const info = await call("GET", "/oauth/userinfo");
    expect(info.body).toMatchObject({
      name: "Ana B",
      preferred_username: "ana",
      email: "ana@example.org",
      email_verified: false,
      profile: `${hub.url}/ana`,
      website: "https://ana.example",
      isPro: false,
      orgs: [],
    });
    expect(info.get("sub")).toBe((await ana("GET", "/api/whoami-v2")).get("id"));
    expect((await fetch(String(info.get("picture")))).headers.get("content-type")).toBe("image/svg+xml");
    const less = await withToken({ scope: "openid" });
    expect((await less("GET", "/oauth/userinfo")).get("email")).toBeUndefined();
    expect((await nobody("GET", "/oauth/userinfo")).status).toBe(401);
    expect((await ana("GET", "/oauth/userinfo")).status).toBe(403);
  });

  operation("POST /oauth/userinfo", async () => {
    const call = await withToken({ scope: "openid profile" });
    expect((await call("POST", "/oauth/userinfo")).body).toEqual((await call("GET", "/oauth/userinfo")).body);
    expect((await nobody("POST", "/oauth/userinfo")).status).toBe(401);
  });

  it("is signed, with a key that others can check", async () => {
    const token = text(await tokensFor({ scope: "openid email" }), "id_token");
    const [head = "", body = "", signature = ""] = token.split(".");
    const header: { kid: string; alg: string } = JSON.parse(Buffer.from(head, "base64url").toString());
    const keys: { keys: { kid: string }[] } = JSON.parse(JSON.stringify((await nobody("GET", "/oauth/jwks")).body));
    const jwk = keys.keys.find(({ kid }) => kid === header.kid);
    expect(Object.keys(jwk ?? {}).sort()).toEqual(["alg", "e", "kid", "kty", "n", "use"]);
    const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
    expect(verify("sha256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url"))).toBe(true);
    const claims: Record<string, unknown> = JSON.parse(Buffer.from(body, "base64url").toString());
    expect(claims).toMatchObject({ iss: hub.url, aud: clientId, nonce: "n1", email: "ana@example.org" });
    expect(Number(claims["exp"]) - Number(claims["iat"])).toBe(28_800);
  });

  check(66, "oauthLoginUrl and oauthHandleRedirect of @huggingface/hub", async () => {
    const kept: { nonce?: string; codeVerifier?: string } = {};
    const url = new URL(
      await oauthLoginUrl({
        clientId,
        redirectUrl: REDIRECT,
        hubUrl: hub.url,
        scopes: "openid profile",
        localStorage: kept,
      }),
    );
    const page = await browser("GET", `${url.pathname}${url.search}`);
    expect(page.status).toBe(200);
    const form = new URLSearchParams(url.searchParams);
    form.set("decision", "allow");
    const back = (await browser("POST", "/oauth/authorize", form)).headers.get("location") ?? "";
    const result = await oauthHandleRedirect({
      hubUrl: hub.url,
      redirectedUrl: back,
      nonce: kept.nonce ?? "",
      codeVerifier: kept.codeVerifier ?? "",
    });
    expect(result.userInfo).toMatchObject({ name: "Ana B", preferred_username: "ana" });
    expect(result.scope).toBe("openid profile");
    expect((await caller(hub, { token: result.accessToken })("GET", "/api/whoami-v2")).get("name")).toBe("ana");
  });
});

const refreshWith = (token: string, more: Record<string, string> = {}) =>
  nobody("POST", "/oauth/token", new URLSearchParams({ grant_type: "refresh_token", refresh_token: token, ...more }));

describe("refresh tokens", () => {
  it("are used up, and end everything when they come again", async () => {
    const first = await tokensFor();
    const [old, access] = [text(first, "refresh_token"), text(first, "access_token")];
    const second = await refreshWith(old, { client_id: clientId });
    expect(second.status).toBe(200);
    const works = (token: string) => caller(hub, { token })("GET", "/api/whoami-v2").then(({ status }) => status);
    expect(await works(access)).toBe(401);
    expect(await works(text(second, "access_token"))).toBe(200);
    const stolen = await refreshWith(old);
    expect([stolen.status, stolen.get("error")]).toEqual([400, "invalid_grant"]);
    expect(await works(text(second, "access_token"))).toBe(401);
    expect((await refreshWith(text(second, "refresh_token"))).get("error")).toBe("invalid_grant");
  });

  it("are no access tokens, and of one app", async () => {
    const refreshToken = text(await tokensFor(), "refresh_token");
    expect((await caller(hub, { token: refreshToken })("GET", "/api/whoami-v2")).status).toBe(401);
    expect((await refreshWith(refreshToken, { client_id: "another" })).get("error")).toBe("invalid_grant");
    expect((await refreshWith("nothing")).get("error")).toBe("invalid_grant");
    expect((await refreshWith(refreshToken)).status).toBe(200);
  });

  it("end when the user takes the grant back, or the app gives it back", async () => {
    const given = await tokensFor();
    await nobody("POST", "/oauth/revoke", new URLSearchParams({ token: text(given, "refresh_token") }));
    expect((await caller(hub, { token: text(given, "access_token") })("GET", "/api/whoami-v2")).status).toBe(401);
    const taken = await tokensFor({ as: benBrowser });
    const page = String((await benBrowser("GET", "/settings/applications")).body);
    const id = /name="id" value="([0-9a-f-]{36})"/.exec(page)?.[1] ?? "";
    expect((await browser("POST", "/settings/applications/revoke", new URLSearchParams({ id }))).status).toBe(303);
    expect((await caller(hub, { token: text(taken, "access_token") })("GET", "/api/whoami-v2")).status).toBe(200);
    await benBrowser("POST", "/settings/applications/revoke", new URLSearchParams({ id }));
    expect((await caller(hub, { token: text(taken, "access_token") })("GET", "/api/whoami-v2")).status).toBe(401);
  });
});

const CLI = "26be6b09-91c5-47da-9861-d2d2bb7a7e36";
const DEVICE = "urn:ietf:params:oauth:grant-type:device_code";
const poll = (code: string, client = CLI) =>
  nobody("POST", "/oauth/token", new URLSearchParams({ grant_type: DEVICE, device_code: code, client_id: client }));
const startDevice = () => nobody("POST", "/oauth/device", new URLSearchParams({ client_id: CLI }));

describe("devices", () => {
  operation("POST /oauth/device", async () => {
    const started = await startDevice();
    const [code, typed] = [text(started, "device_code"), text(started, "user_code")];
    expect(typed).toMatch(/^[B-Z]{4}-[B-Z]{4}$/);
    expect(started.body).toMatchObject({
      verification_uri: `${hub.url}/oauth/device`,
      verification_uri_complete: `${hub.url}/oauth/device?user_code=${typed}`,
      interval: 5,
      expires_in: 900,
    });
    expect((await poll(code)).get("error")).toBe("authorization_pending");
    expect((await poll(code)).get("error")).toBe("slow_down");
    const page = await browser("GET", `/oauth/device?user_code=${typed.toLowerCase()}`);
    expect(page.body).toContain("hf command line");
    const yes = new URLSearchParams({ user_code: typed, decision: "allow" });
    expect((await ana("POST", "/oauth/device/confirm", yes, { origin: hub.url })).status).toBe(401);
    expect((await browser("POST", "/oauth/device/confirm", yes)).status).toBe(200);
    expect((await poll(code, clientId)).get("error")).toBe("invalid_grant");
    const tokens = await poll(code);
    expect(text(tokens, "scope").split(" ")).toContain("manage-repos");
    const cli = caller(hub, { token: text(tokens, "access_token") });
    expect((await cli("POST", "/api/repos/create", { name: "from-cli" })).status).toBe(200);
    expect((await poll(code)).get("error")).toBe("invalid_grant");
  });

  it("are told that the user declined, and who asks nobody knows", async () => {
    const started = await startDevice();
    await browser(
      "POST",
      "/oauth/device/confirm",
      new URLSearchParams({ user_code: text(started, "user_code"), decision: "deny" }),
    );
    expect((await poll(text(started, "device_code"))).get("error")).toBe("access_denied");
    expect((await nobody("POST", "/oauth/device", new URLSearchParams({ client_id: "x" }))).get("error")).toBe(
      "invalid_client",
    );
    expect((await poll("x".repeat(43))).get("error")).toBe("invalid_grant");
  });

  it("wait for codes that nobody guesses", async () => {
    let status = 0;
    for (let attempt = 0; attempt < 25 && status !== 429; attempt++)
      status = (await benBrowser("GET", "/oauth/device?user_code=BBBB-BBBB")).status;
    expect(status).toBe(429);
  });
});

describe("apps", () => {
  operation("POST /oauth/register", async () => {
    const made = await nobody("POST", "/oauth/register", {
      client_name: "Server\u202e app",
      redirect_uris: [REDIRECT],
      scope: "openid read-repos",
      token_endpoint_auth_method: "client_secret_post",
    });
    expect([made.status, made.get("client_name")]).toEqual([201, "Server app"]);
    const [client, secret] = [text(made, "client_id"), text(made, "client_secret")];
    const code = async () => (await consent({ client, scope: "openid" })).searchParams.get("code") ?? "";
    expect((await exchange(await code())).get("error")).toBe("invalid_client");
    expect((await exchange(await code(), { client_id: client, client_secret: "wrong" })).status).toBe(401);
    expect((await exchange(await code(), { client_id: client, client_secret: secret })).status).toBe(200);
    const refused = await browser(
      "GET",
      `/oauth/authorize?${new URLSearchParams(parameters({ client, scope: "openid write-repos" }))}`,
    );
    expect(refused.headers.get("location")).toContain("error=invalid_scope");
  });

  it.each([
    "javascript:alert(1)",
    "data:text/html,x",
    "http://app.example/cb",
    "https://a.example/#x",
    "https://u:p@a.example/",
    "https://*.example/",
    "https://a;sandbox/",
    "https://a.example,frame-ancestors/",
    "nothing",
  ])("do not register %s", async (uri) => {
    const answer = await nobody("POST", "/oauth/register", { redirect_uris: [uri] });
    expect([answer.status, answer.get("error")]).toEqual([400, "invalid_redirect_uri"]);
  });

  it("are made and deleted in settings", async () => {
    const form = new URLSearchParams({ name: "Mine", redirect_uris: REDIRECT, confidential: "yes" });
    const page = String((await browser("POST", "/settings/applications", form)).body);
    expect(page).toContain("Copy its secret now");
    const id = /client id of <bdi>Mine<\/bdi> is <code>([^<]+)/.exec(page)?.[1] ?? "";
    await benBrowser("POST", "/settings/applications/delete", new URLSearchParams({ id }));
    expect(String((await browser("GET", "/settings/applications")).body)).toContain(id);
    await browser("POST", "/settings/applications/delete", new URLSearchParams({ id }));
    expect(String((await browser("GET", "/settings/applications")).body)).not.toContain(id);
  });

  it("end with what users granted them, at once", async () => {
    const form = new URLSearchParams({ name: "Gone", redirect_uris: REDIRECT });
    await browser("POST", "/settings/applications", form);
    const page = String((await browser("GET", "/settings/applications")).body);
    const client = /Gone[\s\S]*?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/.exec(page)?.[1] ?? "";
    const url = await consent({ client, scope: "openid read-repos", as: benBrowser });
    const granted = await exchange(url.searchParams.get("code") ?? "");
    const ben = caller(hub, { token: text(granted, "access_token") });
    expect((await ben("GET", "/api/whoami-v2")).status).toBe(200);
    await browser("POST", "/settings/applications/delete", new URLSearchParams({ id: client }));
    expect((await ben("GET", "/api/whoami-v2")).status).toBe(401);
    const again = { grant_type: "refresh_token", refresh_token: text(granted, "refresh_token") };
    expect((await nobody("POST", "/oauth/token", new URLSearchParams(again))).get("error")).toBe("invalid_grant");
    const rows = await hub.deps.db.query.tokens.findMany();
    expect(rows.filter(({ name }) => name === "Gone")).toEqual([]);
  });
});

describe("what is over", () => {
  it("is forgotten: tokens of apps, and grants that no token is left of", async () => {
    const { db, queue } = hub.deps;
    const grantIds = async () => (await db.select().from(oauthGrants)).map(({ id }) => id);
    const before = await grantIds();
    const granted = async () =>
      exchange((await consent({ scope: "openid read-repos" })).searchParams.get("code") ?? "");
    const over = [await granted(), await granted()];
    const [dead = "", resting = ""] = (await grantIds()).filter((id) => !before.includes(id));
    const live = await granted();
    const past = new Date(Date.now() - 1000);
    for (const grantId of [dead, resting]) {
      const [row] = await db.select().from(oauthTokens).where(eq(oauthTokens.grantId, grantId));
      await db
        .update(tokens)
        .set({ expiresAt: past })
        .where(eq(tokens.id, row?.tokenId ?? ""));
    }
    await db.update(oauthRefreshTokens).set({ expiresAt: past }).where(eq(oauthRefreshTokens.grantId, dead));
    const mine = await ana("POST", "/api/settings/tokens", { name: "old" });
    await db
      .update(tokens)
      .set({ expiresAt: past })
      .where(eq(tokens.id, text(mine, "id")));
    await db.transaction((tx) => queue.send(tx, "collect", {}, "all"));
    await expect.poll(grantIds).not.toContain(dead);
    expect(await grantIds()).toContain(resting);
    const left = (await db.select({ hash: tokens.hash }).from(tokens)).map(({ hash }) => hash);
    for (const answer of over) expect(left).not.toContain(sha256(text(answer, "access_token")));
    expect(left).toContain(sha256(text(live, "access_token")));
    // The user's own ones are shown to them as expired.
    expect(left).toContain(sha256(text(mine, "token")));
    const app = caller(hub, { token: text(live, "access_token") });
    expect((await app("GET", "/api/models/ana/secret")).status).toBe(200);
    const tried = over.map(async (answer) => {
      const again = { grant_type: "refresh_token", refresh_token: text(answer, "refresh_token") };
      return (await nobody("POST", "/oauth/token", new URLSearchParams(again))).status;
    });
    expect((await Promise.all(tried)).sort()).toEqual([200, 400]);
  });
});

describe("bad input", () => {
  it("is refused before it costs anything", async () => {
    expect((await nobody("POST", "/oauth/token", "x".repeat(70_000))).status).toBe(413);
    expect((await nobody("POST", "/oauth/token", "[]", { "content-type": "application/json" })).status).toBe(400);
    const twice = await nobody("POST", "/oauth/token", "code=1&code=2", {
      "content-type": "application/x-www-form-urlencoded",
    });
    expect(twice.get("error")).toBe("invalid_request");
    expect((await nobody("GET", "/oauth/authorize?client_id=x")).status).toBe(400);
  });

  it("passwords are not guessed, and the login leads nowhere else", async () => {
    const login = (password: string, next = "/") =>
      nobody("POST", "/login", new URLSearchParams({ name: "ana", password, next }), { origin: hub.url });
    for (const next of ["//evil.example", "/\\evil.example", "https://evil.example"])
      expect((await login("correct horse", next)).headers.get("location")).toBe("/");
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 11; attempt++) statuses.push((await login("wrong")).status);
    expect([statuses[0], statuses[9], statuses[10]]).toEqual([401, 401, 429]);
    const blocked = await login("correct horse");
    expect([blocked.status, Number(blocked.headers.get("retry-after")) > 0]).toEqual([429, true]);
  });
});
