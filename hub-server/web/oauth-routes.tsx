// Pages of OAuth: a user consents to an app, confirms a device, and keeps apps of their own.
// Holds no rules: services do.
import type { Hono } from "hono";
import { type HubEnv, originOf } from "../api/route.ts";
import { ServiceError } from "../errors.ts";
import {
  type AuthorizeInput,
  type AuthorizeRequest,
  answerUrl,
  endGrant,
  grantCode,
  listGrants,
  readAuthorize,
  redirectOf,
} from "../services/oauth.ts";
import { type App, CLI_APP, createApp, deleteApp, listApps, OAuthRefusal } from "../services/oauth-apps.ts";
import { decideDevice, findDevice } from "../services/oauth-devices.ts";
import { orgsOf } from "../services/organizations.ts";
import { OAUTH_SCOPES } from "../services/scopes.ts";
import { field, fields, toLogin } from "./forms.ts";
import { AppsPage, ConsentPage, DeviceDonePage, DevicePage } from "./pages/oauth.tsx";
import { type C, html, PAGE_HEADERS, shellOf, signedIn } from "./respond.tsx";

export function oauthPages(web: Hono<HubEnv>): void {
  authorize(web);
  devices(web);
  apps(web);
}

const PARAMETERS = [
  "client_id",
  "redirect_uri",
  "response_type",
  "scope",
  "state",
  "code_challenge",
  "code_challenge_method",
  "nonce",
] as const;

function inputOf(get: (name: (typeof PARAMETERS)[number]) => string | undefined): AuthorizeInput {
  return {
    clientId: get("client_id") ?? "",
    redirectUri: get("redirect_uri") ?? "",
    responseType: get("response_type") ?? "",
    scope: get("scope"),
    state: get("state"),
    challenge: get("code_challenge"),
    challengeMethod: get("code_challenge_method"),
    nonce: get("nonce"),
  };
}

/** Back to the app with an answer, to an address that is its own. */
const answer = (c: C, input: AuthorizeInput, values: Readonly<Record<string, string>>): Response =>
  c.redirect(answerUrl(input.redirectUri, { ...values, state: input.state, iss: originOf(c) }), 303);

/** The request, or the way back to the app with what is wrong with it. */
function readOr(c: C, app: App, input: AuthorizeInput): AuthorizeRequest | Response {
  try {
    return readAuthorize(app, input);
  } catch (error) {
    if (!(error instanceof OAuthRefusal)) throw error;
    return answer(c, input, { error: error.oauthCode, error_description: error.message });
  }
}

/** The form's answer leads to the app, which the policy of other pages forbids. */
function headersFor(redirectUri: string): Record<string, string> {
  const { protocol, origin } = new URL(redirectUri);
  const target = protocol === "http:" || protocol === "https:" ? origin : protocol;
  const policy = PAGE_HEADERS["Content-Security-Policy"] ?? "";
  return {
    "Content-Security-Policy": policy.replace("form-action 'self'", `form-action 'self' ${target}`),
    "Cache-Control": "no-store",
  };
}

async function ownOrgs(c: C, chosen: (id: string, name: string) => boolean) {
  const ctx = c.get("ctx");
  return (await orgsOf(ctx, signedIn(c).id)).map(({ org }) => ({
    id: org.id,
    name: org.name,
    chosen: chosen(org.id, org.name),
  }));
}

function authorize(web: Hono<HubEnv>): void {
  web.get("/oauth/authorize", async (c) => {
    const ctx = c.get("ctx");
    const input = inputOf((name) => c.req.query(name));
    const app = await redirectOf(ctx, input);
    const request = readOr(c, app, input);
    if (request instanceof Response) return request;
    if (c.req.query("prompt") === "none") return answer(c, input, { error: "interaction_required" });
    if (ctx.actor === undefined) return toLogin(c);
    const asked = (c.req.query("orgIds") ?? "").split(",");
    const props = {
      shell: shellOf(c),
      app,
      builtIn: app.id === CLI_APP,
      words: wordsOf(request.scopes),
      orgs: await ownOrgs(c, (id, name) => asked.includes(id) || asked.includes(name)),
      hidden: PARAMETERS.map((name) => [name, c.req.query(name) ?? ""] as const),
      target: new URL(request.redirectUri),
    };
    return html(c, <ConsentPage {...props} />, 200, headersFor(request.redirectUri));
  });
  web.post("/oauth/authorize", async (c) => {
    const form = await c.req.formData();
    const ctx = c.get("ctx");
    signedIn(c);
    const input = inputOf((name) => field(form, name) || undefined);
    const app = await redirectOf(ctx, input);
    const request = readOr(c, app, input);
    if (request instanceof Response) return request;
    if (field(form, "decision") !== "allow")
      return answer(c, input, { error: "access_denied", error_description: "The user has declined." });
    return answer(c, input, { code: await grantCode(ctx, request, fields(form, "org")) });
  });
}

const wordsOf = (scopes: readonly string[]): string[] =>
  scopes.flatMap((scope) => OAUTH_SCOPES[scope]?.words ?? []).filter((words) => !words.startsWith("Nothing here"));

function devices(web: Hono<HubEnv>): void {
  const page = async (c: C, code: string) => {
    try {
      const { app, scopes } = await findDevice(c.get("ctx"), code);
      const device = { code, app, words: wordsOf(scopes), orgs: await ownOrgs(c, () => app.id === CLI_APP) };
      return html(c, <DevicePage shell={shellOf(c)} device={device} />, 200, { "Cache-Control": "no-store" });
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status >= 500) throw error;
      const status = error.status === 429 ? 429 : 404;
      return html(c, <DevicePage shell={shellOf(c)} problem={error.message} typed={code} />, status);
    }
  };
  web.get("/oauth/device", async (c) => {
    if (c.get("ctx").actor === undefined) return toLogin(c);
    const code = c.req.query("user_code") ?? "";
    return code === "" ? html(c, <DevicePage shell={shellOf(c)} />) : page(c, code);
  });
  web.post("/oauth/device/confirm", async (c) => {
    signedIn(c);
    const form = await c.req.formData();
    const allowed = field(form, "decision") === "allow";
    await decideDevice(c.get("ctx"), field(form, "user_code"), allowed, fields(form, "org"));
    return html(c, <DeviceDonePage shell={shellOf(c)} allowed={allowed} />);
  });
}

function apps(web: Hono<HubEnv>): void {
  const page = async (c: C, more: { made?: { app: App; secret: string | undefined }; problem?: string } = {}) => {
    const ctx = c.get("ctx");
    const props = { shell: shellOf(c), apps: await listApps(ctx), grants: await listGrants(ctx), ...more };
    return html(c, <AppsPage {...props} />, more.problem === undefined ? 200 : 400, { "Cache-Control": "no-store" });
  };
  web.get("/settings/applications", async (c) => {
    signedIn(c);
    return page(c);
  });
  web.post("/settings/applications", async (c) => {
    signedIn(c);
    const form = await c.req.formData();
    try {
      const made = await createApp(c.get("ctx"), {
        name: field(form, "name"),
        homepage: field(form, "homepage") || undefined,
        redirectUris: field(form, "redirect_uris").split(/\s+/).filter(Boolean),
        confidential: field(form, "confidential") === "yes",
      });
      return page(c, { made });
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status >= 500) throw error;
      return page(c, { problem: error.message });
    }
  });
  web.post("/settings/applications/delete", async (c) => {
    signedIn(c);
    await deleteApp(c.get("ctx"), field(await c.req.formData(), "id"));
    return c.redirect("/settings/applications", 303);
  });
  web.post("/settings/applications/revoke", async (c) => {
    signedIn(c);
    await endGrant(c.get("ctx"), field(await c.req.formData(), "id"));
    return c.redirect("/settings/applications", 303);
  });
}
