// createApp(deps): every mount in one list.
// Holds no handlers.
import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import { getCookie } from "hono/cookie";
import { AbrazoError } from "../src/errors.ts";
import { log } from "../src/log.ts";
import { ROUTES } from "./api/index.ts";
import type { HubEnv } from "./api/route.ts";
import type { Actor, Deps } from "./context.ts";
import { badRequest, ServiceError, unauthorized } from "./errors.ts";
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
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE, OPTIONS",
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

/** Header values are one line of Latin-1. */
const headerSafe = (text: string): string => text.replace(/[^\x20-\x7e]+/g, " ");

/** Postgres's codes for text that it cannot hold: a NUL, or bytes that are no Unicode. */
const NO_TEXT = new Set(["22021", "22P05"]);

/** Whether the database refused what the caller wrote, in an address or a body. */
function isNoText(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" && NO_TEXT.has(cause.code);
}

export function errorResponse(error: unknown, requestId: string | undefined): Response {
  const headers: Record<string, string> = { "Content-Type": "application/json", "Access-Control-Allow-Origin": "*" };
  if (requestId !== undefined) headers["X-Request-Id"] = requestId;
  if (error instanceof ServiceError) {
    const text = error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
    Object.assign(headers, error.headers, {
      "X-Error-Message": headerSafe(text),
      "X-Error-Code": error.wireCode ?? error.code,
    });
    return new Response(JSON.stringify({ error: text }), { status: error.status, headers });
  }
  if (isNoText(error))
    return errorResponse(badRequest("The request is not allowed: it holds a NUL or broken Unicode."), requestId);
  const known = error instanceof AbrazoError;
  log.error(`request ${requestId}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  const message = known ? error.message : "Internal error; the server's log has the details under this request id.";
  headers["X-Error-Message"] = headerSafe(message);
  return new Response(JSON.stringify({ error: message }), { status: 500, headers });
}
