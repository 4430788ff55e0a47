// createApp(deps): every mount in one list.
// Holds no handlers.
import { randomUUID } from "node:crypto";
import { Hono, type Context as HonoContext } from "hono";
import { getCookie } from "hono/cookie";
import { getPath } from "hono/utils/url";
import { plural, REPO_TYPES } from "../src/hub/repo-id.ts";
import { addressOf } from "./address.ts";
import { subjectOf, unanswered } from "./api/compat.ts";
import { ROUTES } from "./api/index.ts";
import { isSending, isSent, portOf } from "./api/node-server.ts";
import { callerOf, type HubEnv, oneSlash, originOf, requireCaller } from "./api/route.ts";
import type { Actor, Deps } from "./context.ts";
import { errorResponse } from "./error-response.ts";
import { ServiceError } from "./errors.ts";
import { isKnown, mayRead, type Names } from "./names.ts";
import { type RateLimit, rateLimiter } from "./rate-limit.ts";
import { actorOfRepoToken, isRepoToken } from "./services/repo-tokens.ts";
import { actorOfSession, actorOfToken } from "./services/users.ts";
import { SESSION_COOKIE } from "./web/cookie.ts";
import { docsRoutes } from "./web/docs-routes.tsx";
import { type WebOptions, webRoutes } from "./web/routes.tsx";

export interface AppOptions extends WebOptions {
  rateLimit?: RateLimit | undefined;
  names: Names;
}

export function createApp(deps: Deps, options: AppOptions): Hono<HubEnv> {
  const { rateLimit, names, ...web } = options;
  const limit = rateLimit && limiter(rateLimit);
  const app = new Hono<HubEnv>({ getPath: (request) => oneSlash(getPath(request)) });
  app.use(async (c, next) => {
    const requestId = c.req.header("x-request-id") ?? c.req.header("x-amzn-trace-id") ?? randomUUID();
    c.set("requestId", requestId.slice(0, 200).replace(/[^\x20-\x7e]/g, ""));
    const isRead = greet(c, names);
    if (c.req.method === "OPTIONS") return isRead ? preflight() : new Response(null, { status: 204 });
    await next();
    // Afterwards, as what is set before does not reach the answers that handlers make themselves.
    if (!isSent(c)) addCommon(c, c.res);
  });
  app.use(async (c, next) => {
    const named = OWN_CREDENTIALS.test(c.req.path) ? undefined : c.req.header("authorization");
    c.set("ctx", { ...deps, actor: undefined });
    try {
      const actor = await actorOf(deps, named, isFromElsewhere(c) ? undefined : getCookie(c, SESSION_COOKIE));
      c.set("ctx", { ...deps, actor: actor && { ...actor, address: addressOf(c) } });
    } finally {
      // Calls with a token that is none count, too.
      limit?.(c);
    }
    return next();
  });
  docsRoutes(app);
  const open = unanswered(ROUTES);
  // An address without parameters is none of the repositories that the routes with parameters would take it for.
  for (const { method, path } of open.filter(({ fixed }) => fixed)) app.on(method, path, notImplemented);
  for (const route of ROUTES) {
    app.on(route.method, typed(route.path), (c) => {
      const ctx = c.get("ctx");
      requireCaller(route, ctx.actor);
      return route.handle(c, ctx);
    });
  }
  for (const { method, path } of open.filter(({ fixed }) => !fixed)) app.on(method, path, notImplemented);
  app.all("/api/*", notImplemented);
  // Clients read a paper off its page's address.
  app.get("/papers/:paper{[^/]+\\.md}", notImplemented);
  app.route("/", webRoutes(web));
  app.notFound((c) => c.json({ error: "Not found" }, 404));
  app.onError((error, c) => {
    const answer = errorResponse(error, c.get("requestId"));
    // What the client is still sending is not read: the next request takes another connection.
    if (isSending(c)) answer.headers.set("Connection", "close");
    return addCommon(c, answer);
  });
  return app;
}

/** Any page may call the API: what it is allowed comes with a token that it holds, never with a cookie. */
const CROSS_ORIGIN = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Expose-Headers":
    "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Error-Code, X-Error-Message, X-Linked-ETag, X-Linked-Size, X-Repo-Commit, X-Request-Id, X-Total-Count, X-Xet-Hash",
};

/** What every answer to a request carries; whether the page that sends it, if one does, may read the answer. */
function greet(c: HonoContext<HubEnv>, names: Names): boolean {
  const common = { "X-Content-Type-Options": "nosniff", "X-Request-Id": c.get("requestId") };
  c.set("common", common);
  const host = c.req.header("host") ?? "";
  if (!isKnown(names, host, portOf(c))) throw unknownName(host);
  const isRead = mayRead(names, host, c.req.header("origin"));
  c.set("common", { ...common, ...(isRead ? CROSS_ORIGIN : { Vary: "Origin" }) });
  return isRead;
}

function addCommon(c: HonoContext<HubEnv>, answer: Response): Response {
  for (const [name, value] of Object.entries(c.get("common"))) answer.headers.set(name, value);
  return answer;
}

const unknownName = (host: string): ServiceError =>
  new ServiceError(403, `This hub is not called "${host}".`, {
    code: "UNKNOWN_HOST",
    hint: "Whoever runs it can allow the name by ABRAZO_HOSTS.",
    data: { host },
  });

/** Signed links and the chunk store's tokens: what they allow stands in them, whoever sends them. */
const OWN_CREDENTIALS = /^\/(cas|api\/lfs)\//;

/** A :type of repositories is one of those there are: other first words belong to other routes. */
const typed = (path: string): string => path.replace("/:type/", `/:type{${REPO_TYPES.map(plural).join("|")}}/`);

function notImplemented(c: HonoContext<HubEnv>): never {
  throw new ServiceError(501, `This hub does not support ${subjectOf(c.req.path)}.`, {
    code: "NOT_IMPLEMENTED",
    hint: "What it does support is listed at /compat.",
  });
}

/** Calls of the API count, files and signed links do not: an upload of many parts is one intention. */
function limiter(limit: RateLimit): (c: HonoContext<HubEnv>) => void {
  const count = rateLimiter(limit);
  return (c) => {
    if (!/^\/api\/(?!(lfs|telemetry)\/)/.test(c.req.path)) return;
    c.set("common", { ...c.get("common"), ...count(callerOf(c)) });
  };
}

/** A page of another place must not change things with the cookie of whoever looks at it. */
function isFromElsewhere(c: HonoContext<HubEnv>): boolean {
  if (["GET", "HEAD"].includes(c.req.method)) return false;
  const [origin, site] = [c.req.header("origin"), c.req.header("sec-fetch-site")];
  return (origin !== undefined && origin !== originOf(c)) || site === "cross-site" || site === "same-site";
}

function preflight(): Response {
  const headers = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers":
      "Accept, Authorization, Content-Type, If-None-Match, Range, X-HF-Download-Counter, X-Request-Id, X-Xet-Session-Id",
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
  if (scheme.toLowerCase() === "bearer" && isRepoToken(value)) return actorOfRepoToken(deps, value);
  if (scheme.toLowerCase() === "bearer") return actorOfToken(deps, value);
  if (scheme.toLowerCase() === "basic") {
    const [name = "", password = ""] = Buffer.from(value, "base64").toString("utf8").split(":");
    // Some write the token in place of the name, and nothing behind it.
    return actorOfToken(deps, password === "" ? name : password);
  }
  return cookie === undefined ? undefined : actorOfSession(deps, cookie);
}
