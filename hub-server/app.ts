// createApp(deps): every mount in one list.
// Holds no handlers.
import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import { getCookie } from "hono/cookie";
import { ROUTES } from "./api/index.ts";
import type { HubEnv } from "./api/route.ts";
import type { Actor, Deps } from "./context.ts";
import { errorResponse } from "./error-response.ts";
import { ServiceError, unauthorized } from "./errors.ts";
import { actorOfSession, actorOfToken } from "./services/users.ts";
import { SESSION_COOKIE } from "./web/cookie.ts";
import { type WebOptions, webRoutes } from "./web/routes.tsx";

export function createApp(deps: Deps, web: WebOptions): Hono<HubEnv> {
  const app = new Hono<HubEnv>();
  app.use(async (c, next) => {
    const requestId = c.req.header("x-request-id") ?? c.req.header("x-amzn-trace-id") ?? randomUUID();
    c.set("requestId", requestId.slice(0, 200).replace(/[^\x20-\x7e]/g, ""));
    c.header("X-Request-Id", c.get("requestId"));
    c.header("Access-Control-Allow-Origin", "*");
    if (c.req.method === "OPTIONS") return preflight();
    c.set("ctx", { ...deps, actor: await actorOf(deps, c.req.header("authorization"), getCookie(c, SESSION_COOKIE)) });
    return next();
  });
  for (const route of ROUTES) {
    app.on(route.method, route.path, (c) => {
      const ctx = c.get("ctx");
      if (route.access === "user" && ctx.actor === undefined) throw unauthorized();
      return route.handle(c, ctx);
    });
  }
  app.all("/api/*", () => {
    throw new ServiceError(501, "This hub does not support that operation.", { code: "NOT_IMPLEMENTED" });
  });
  app.route("/", webRoutes(web));
  app.notFound((c) => c.json({ error: "Not found" }, 404));
  app.onError((error, c) => errorResponse(error, c.get("requestId")));
  return app;
}

function preflight(): Response {
  const headers = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Range, X-Request-Id",
    "Access-Control-Max-Age": "86400",
  };
  return new Response(null, { status: 204, headers });
}

/** The caller by token, by password-style credentials that git sends, or by the browser's cookie. */
async function actorOf(
  deps: Deps,
  authorization: string | undefined,
  cookie: string | undefined,
): Promise<Actor | undefined> {
  const [scheme = "", value = ""] = (authorization ?? "").split(" ");
  if (scheme.toLowerCase() === "bearer") return actorOfToken(deps, value);
  if (scheme.toLowerCase() === "basic") {
    const [, password = ""] = Buffer.from(value, "base64").toString("utf8").split(":");
    return actorOfToken(deps, password);
  }
  return cookie === undefined ? undefined : actorOfSession(deps, cookie);
}
