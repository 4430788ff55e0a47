// OAuth 2 and OpenID Connect for programs: what there is, tokens, who the user is, devices, registration.
// The pages where users consent are in web/oauth-routes.tsx.
import type { Context as HonoContext } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";
import { networkOf } from "../address.ts";
import type { Context } from "../context.ts";
import { headerSafe } from "../error-response.ts";
import { badRequest } from "../errors.ts";
import { Attempts } from "../services/attempts.ts";
import { ACCESS_SECONDS, exchangeCode, type Granted, refresh, revokeByToken } from "../services/oauth.ts";
import { OAuthRefusal, registerApp } from "../services/oauth-apps.ts";
import { DEVICE_SECONDS, INTERVAL_SECONDS, pollDevice, startDevice } from "../services/oauth-devices.ts";
import { idToken, publicKeys, userInfo } from "../services/oidc.ts";
import { OAUTH_SCOPES } from "../services/scopes.ts";
import { defineRoute, type HubEnv, jsonBody, originOf, type Route, wholeBody } from "./route.ts";

type C = HonoContext<HubEnv>;
const NO_STORE = { "Cache-Control": "no-store", Pragma: "no-cache" } as const;
const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

const configuration = defineRoute({
  operation: "openidConfiguration",
  method: "GET",
  path: "/.well-known/openid-configuration",
  access: "public",
  summary: "Where the endpoints of OAuth and OpenID Connect are",
  handle: (c) => {
    const origin = originOf(c);
    return c.json({
      issuer: origin,
      authorization_endpoint: `${origin}/oauth/authorize`,
      token_endpoint: `${origin}/oauth/token`,
      userinfo_endpoint: `${origin}/oauth/userinfo`,
      jwks_uri: `${origin}/oauth/jwks`,
      registration_endpoint: `${origin}/oauth/register`,
      device_authorization_endpoint: `${origin}/oauth/device`,
      revocation_endpoint: `${origin}/oauth/revoke`,
      scopes_supported: Object.keys(OAUTH_SCOPES),
      response_types_supported: ["code"],
      response_modes_supported: ["query"],
      grant_types_supported: ["authorization_code", "refresh_token", DEVICE_GRANT],
      token_endpoint_auth_methods_supported: ["none", "client_secret_basic", "client_secret_post"],
      code_challenge_methods_supported: ["S256"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
      authorization_response_iss_parameter_supported: true,
      claims_supported: [
        "sub",
        "name",
        "preferred_username",
        "email",
        "email_verified",
        "picture",
        "profile",
        "website",
      ],
    });
  },
});

const jwks = defineRoute({
  operation: "jwks",
  method: "GET",
  path: "/oauth/jwks",
  access: "public",
  summary: "The public key that id_tokens are signed with",
  handle: async (c, ctx) => c.json(await publicKeys(ctx), 200, { "Cache-Control": "public, max-age=3600" }),
});

/** Fields of a form, or of JSON; those that come twice are refused, as OAuth wants it. */
async function fieldsOf(c: C): Promise<Map<string, string>> {
  const text = (await wholeBody(c, 64 * 1024)).toString("utf8");
  if (c.req.header("content-type")?.includes("json")) {
    const parsed = z.record(z.string(), z.union([z.string(), z.number()])).safeParse(parseJson(text));
    if (!parsed.success) throw new OAuthRefusal("invalid_request", "The body is no object of texts.");
    return new Map(Object.entries(parsed.data).map(([name, value]) => [name, `${value}`]));
  }
  const fields = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (fields.has(name)) throw new OAuthRefusal("invalid_request", `"${name}" comes more than once.`);
    fields.set(name, value);
  }
  return fields;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest("The body is no JSON.");
  }
}

/** A client's name and secret, as fields or as Basic credentials. */
function clientOf(c: C, fields: Map<string, string>): { clientId: string | undefined; secret: string | undefined } {
  const [scheme = "", value = ""] = (c.req.header("authorization") ?? "").split(" ");
  if (scheme.toLowerCase() !== "basic")
    return { clientId: fields.get("client_id"), secret: fields.get("client_secret") };
  const [id = "", secret = ""] = Buffer.from(value, "base64").toString("utf8").split(":");
  return { clientId: formDecoded(id), secret: formDecoded(secret) };
}

const formDecoded = (text: string): string => new URLSearchParams(`x=${text}`).get("x") ?? "";

/** A route whose refusals are worded as OAuth words them. */
const worded =
  (handle: Route["handle"]): Route["handle"] =>
  async (c, ctx) => {
    try {
      return await handle(c, ctx);
    } catch (error) {
      if (!(error instanceof OAuthRefusal)) throw error;
      // safe because refusals are made with statuses of errors, and those carry a body
      const status = error.status as ContentfulStatusCode;
      return c.json({ error: error.oauthCode, error_description: error.message }, status, {
        ...NO_STORE,
        "X-Error-Code": error.code,
        "X-Error-Message": headerSafe(error.message),
      });
    }
  };

/** Exchanges from one address; guessing a code of 256 bits is hopeless, but must not cost much either. */
const exchanges = new Attempts(600, 300);

const token = defineRoute({
  operation: "oauthToken",
  method: "POST",
  path: "/oauth/token",
  access: "public",
  summary: "Codes, codes of devices and refresh tokens for tokens",
  handle: worded(async (c, ctx) => {
    exchanges.count(networkOf(c));
    const fields = await fieldsOf(c);
    const granted = await grantedFor(c, ctx, fields);
    return c.json(
      {
        access_token: granted.accessToken,
        token_type: "bearer",
        expires_in: ACCESS_SECONDS,
        refresh_token: granted.refreshToken,
        scope: granted.scopes.join(" "),
        id_token: await idToken(ctx, originOf(c), granted),
      },
      200,
      NO_STORE,
    );
  }),
});

async function grantedFor(c: C, ctx: Context, fields: Map<string, string>): Promise<Granted> {
  const client = clientOf(c, fields);
  const needed = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined || value === "") throw new OAuthRefusal("invalid_request", `"${name}" is missing.`);
    return value;
  };
  const type = needed("grant_type");
  if (type === "authorization_code") {
    const [code, redirectUri] = [needed("code"), needed("redirect_uri")];
    return exchangeCode(ctx, { code, redirectUri, verifier: needed("code_verifier"), ...client });
  }
  if (type === "refresh_token") return refresh(ctx, { refreshToken: needed("refresh_token"), ...client });
  if (type === DEVICE_GRANT) {
    const [clientId, deviceCode] = [client.clientId ?? needed("client_id"), needed("device_code")];
    return pollDevice(ctx, { clientId, secret: client.secret, deviceCode });
  }
  throw new OAuthRefusal("unsupported_grant_type", `"${type}" is no grant type of this hub.`);
}

const revoke = defineRoute({
  operation: "oauthRevoke",
  method: "POST",
  path: "/oauth/revoke",
  access: "public",
  summary: "End the grant that an access or refresh token belongs to",
  handle: worded(async (c, ctx) => {
    exchanges.count(networkOf(c));
    await revokeByToken(ctx, (await fieldsOf(c)).get("token") ?? "");
    return c.json({}, 200, NO_STORE);
  }),
});

function info(method: "GET" | "POST"): Route {
  return defineRoute({
    operation: method === "GET" ? "oauthUserInfo" : "postOauthUserInfo",
    answers: [`${method} /oauth/userinfo`],
    method,
    path: "/oauth/userinfo",
    access: "user",
    scope: "any",
    summary: "Who the user is, as far as their app may know",
    handle: async (c, ctx) => c.json(await userInfo(ctx, originOf(c)), 200, NO_STORE),
  });
}

/** Codes that one address may start, and apps that it may register. */
const starts = new Attempts(60, 600);
const registrations = new Attempts(20, 3600);

const device = defineRoute({
  operation: "oauthDevice",
  answers: ["POST /oauth/device"],
  method: "POST",
  path: "/oauth/device",
  access: "public",
  summary: "Start the login of a program without a browser",
  handle: worded(async (c, ctx) => {
    starts.count(networkOf(c));
    const fields = await fieldsOf(c);
    const { deviceCode, userCode } = await startDevice(ctx, fields.get("client_id") ?? "", fields.get("scope"));
    const page = `${originOf(c)}/oauth/device`;
    return c.json(
      {
        device_code: deviceCode,
        user_code: userCode,
        verification_uri: page,
        verification_uri_complete: `${page}?user_code=${userCode}`,
        expires_in: DEVICE_SECONDS,
        interval: INTERVAL_SECONDS,
      },
      200,
      NO_STORE,
    );
  }),
});

const METHODS = ["none", "client_secret_basic", "client_secret_post"] as const;
const registerSchema = z.object({
  redirect_uris: z.array(z.string().max(1000)).max(20).default([]),
  client_name: z.string().max(200).default("app"),
  client_uri: z.string().max(500).optional(),
  logo_uri: z.string().max(500).optional(),
  scope: z.string().max(1000).optional(),
  contacts: z.array(z.string().max(200)).max(20).optional(),
  token_endpoint_auth_method: z.enum(METHODS).default("none"),
  software_id: z.string().max(200).optional(),
  software_version: z.string().max(200).optional(),
});

const register = defineRoute({
  operation: "oauthRegister",
  answers: ["POST /oauth/register"],
  method: "POST",
  path: "/oauth/register",
  access: "public",
  summary: "An app registers itself",
  body: registerSchema,
  handle: worded(async (c, ctx) => {
    registrations.count(networkOf(c));
    const input = await jsonBody(c, registerSchema);
    const { app, secret } = await registerApp(ctx, {
      name: input.client_name,
      homepage: input.client_uri,
      redirectUris: input.redirect_uris,
      scopes: input.scope?.split(/\s+/).filter(Boolean),
      confidential: input.token_endpoint_auth_method !== "none",
    });
    return c.json(
      {
        client_id: app.id,
        client_id_issued_at: Math.floor(app.createdAt.getTime() / 1000),
        ...(secret !== undefined && { client_secret: secret, client_secret_expires_at: 0 }),
        client_name: app.name,
        redirect_uris: app.redirectUris,
        scope: app.scopes.join(" "),
        grant_types: ["authorization_code", "refresh_token", DEVICE_GRANT],
        response_types: ["code"],
        token_endpoint_auth_method: input.token_endpoint_auth_method,
      },
      201,
      NO_STORE,
    );
  }),
});

export const oauthRoutes = [configuration, jwks, token, revoke, info("GET"), info("POST"), device, register];
