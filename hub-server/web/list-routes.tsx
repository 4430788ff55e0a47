// Home, search, the lists and the pages of users: address → service calls → page.
// Holds no rules: services do.
import type { Hono } from "hono";
import { plural, REPO_TYPES, type RepoType } from "../../src/hub/repo-id.ts";
import { type HubEnv, originOf } from "../api/route.ts";
import { ServiceError } from "../errors.ts";
import { facets } from "../services/facets.ts";
import { type ListQuery, listRepos } from "../services/repos.ts";
import { findUser, userCount } from "../services/users.ts";
import { Home, SearchPage, UserPage } from "./pages/home.tsx";
import { RepoList, SORT_NAMES } from "./pages/lists.tsx";
import { type C, html, shellOf } from "./respond.tsx";

const PAGE_SIZE = 30;
/** Repositories of each type on home, in search results and on the page of a user. */
const SHELF = 8;

export function listRoutes(web: Hono<HubEnv>): void {
  web.get("/", async (c) => {
    const ctx = c.get("ctx");
    const models = await listRepos(ctx, { type: "model", limit: SHELF });
    const datasets = await listRepos(ctx, { type: "dataset", limit: SHELF });
    const unclaimed = (await userCount(ctx)) === 0;
    const props = { shell: shellOf(c), models, datasets, origin: originOf(c), unclaimed };
    return html(c, <Home {...props} />);
  });
  web.get("/search", async (c) => {
    const ctx = c.get("ctx");
    const search = (c.req.query("search") ?? "").trim();
    if (search === "") return c.redirect("/models", 302);
    const models = await listRepos(ctx, { type: "model", search, limit: SHELF });
    const datasets = await listRepos(ctx, { type: "dataset", search, limit: SHELF });
    return html(c, <SearchPage shell={shellOf(c)} search={search} models={models} datasets={datasets} />);
  });
  for (const type of REPO_TYPES) web.get(`/${plural(type)}`, (c) => list(c, type));
}

async function list(c: C, type: RepoType): Promise<Response> {
  const ctx = c.get("ctx");
  const query = new URL(c.req.url).searchParams;
  const sort = SORT_NAMES.find((name) => name === query.get("sort")) ?? "lastModified";
  const cursor = Math.floor(Number(query.get("cursor") ?? 0));
  // Whole pages, so that the way back leads through the same ones.
  const offset = Number.isSafeInteger(cursor) && cursor > 0 ? cursor - (cursor % PAGE_SIZE) : 0;
  const narrowed: ListQuery = {
    type,
    search: query.get("search") ?? undefined,
    author: query.get("author") ?? undefined,
    tags: query.getAll("filter"),
    pipelineTag: query.get("pipeline_tag") ?? undefined,
    library: query.get("library") ?? undefined,
  };
  const other: ListQuery = { type: type === "model" ? "dataset" : "model", search: narrowed.search, limit: 1 };
  const props = {
    shell: shellOf(c),
    type,
    ...(await listRepos(ctx, { ...narrowed, sort, limit: PAGE_SIZE, offset })),
    others: narrowed.search === undefined ? 0 : (await listRepos(ctx, other)).total,
    facets: await facets(ctx, narrowed),
    query,
    sort,
    offset,
    pageSize: PAGE_SIZE,
  };
  return html(c, <RepoList {...props} />);
}

export function userRoute(web: Hono<HubEnv>): void {
  web.get("/:name", async (c) => {
    const ctx = c.get("ctx");
    const user = await findUser(ctx, c.req.param("name"));
    if (user === undefined) throw new ServiceError(404, "There is no such page.", { code: "NO_PAGE" });
    const of = (type: RepoType) => listRepos(ctx, { type, author: user.name, limit: SHELF });
    const props = { shell: shellOf(c), name: user.name, models: await of("model"), datasets: await of("dataset") };
    return html(c, <UserPage {...props} />);
  });
}
