// The pages: every route in one list, what they share, and what happens to an address that nobody has.
// Every page answers without JavaScript.
import { Hono } from "hono";
import { csrf } from "hono/csrf";
import { HTTPException } from "hono/http-exception";
import { REPO_TYPES } from "../../src/hub/repo-id.ts";
import { type HubEnv, originOf, wholeBody } from "../api/route.ts";
import { ServiceError } from "../errors.ts";
import { accountRoutes } from "./account-routes.tsx";
import { ASSETS } from "./assets.ts";
import { collectionPages } from "./collection-routes.tsx";
import { discussionPages } from "./discussion-routes.tsx";
import { gatePages } from "./gate-routes.tsx";
import { listRoutes, userRoute } from "./list-routes.tsx";
import { oauthPages } from "./oauth-routes.tsx";
import { organizationPages } from "./organization-routes.tsx";
import { repositoryRoutes } from "./repository-routes.tsx";
import { errorPage } from "./respond.tsx";

/** Bytes of a form: the longest comment fits, also with most of its letters escaped. */
const FORM_LIMIT = 4 * 1024 * 1024;

export interface WebOptions {
  /** Opens the first set-up; a link with it is printed when there is no user. */
  setupSecret: string;
}

export function webRoutes({ setupSecret }: WebOptions): Hono<HubEnv> {
  const web = new Hono<HubEnv>();
  // Behind a proxy that ends TLS, this hub is reached under another origin than its own requests name.
  web.use(csrf({ origin: (origin, c) => origin === originOf(c) }));
  // Forms are parsed whole: no more of them is read than pages of this hub send.
  web.use(async (c, next) => {
    if (c.req.method === "POST") {
      const { url, headers } = c.req.raw;
      c.req.raw = new Request(url, { method: "POST", headers, body: await wholeBody(c, FORM_LIMIT) });
    }
    return next();
  });
  // Pages are for people: what a token with limits may do is settled route by route, by the API alone.
  web.use((c, next) => {
    const ctx = c.get("ctx");
    if (ctx.actor?.limits !== undefined) c.set("ctx", { ...ctx, actor: undefined });
    return next();
  });
  for (const { path, type, body } of Object.values(ASSETS)) {
    const headers = { "Content-Type": type, "Cache-Control": "public, max-age=31536000, immutable" };
    web.get(path, (c) => c.body(body, 200, headers));
  }
  listRoutes(web);
  accountRoutes(web, setupSecret);
  oauthPages(web);
  collectionPages(web);
  organizationPages(web);
  gatePages(web);
  for (const type of REPO_TYPES) {
    discussionPages(web, type);
    repositoryRoutes(web, type);
  }
  userRoute(web);
  web.get("*", () => {
    throw new ServiceError(404, "There is no such page.", { code: "NO_PAGE" });
  });
  web.onError((error, c) => errorPage(c, error instanceof HTTPException ? refused(error) : error));
  return web;
}

const refused = ({ status }: HTTPException): ServiceError =>
  new ServiceError(status, "The form was not sent by a page of this hub.", {
    code: "FORBIDDEN",
    hint: "Open the page again and send the form from there.",
  });
