// Home, search, the lists and the pages of users: address → service calls → page.
// Holds no rules: services do.
import type { Hono } from "hono";
import { plural, REPO_TYPES, type RepoType } from "../../src/hub/repo-id.ts";
import { type HubEnv, originOf } from "../api/route.ts";
import { ServiceError } from "../errors.ts";
import { facetsOf } from "../services/facets.ts";
import { FILTER_NAMES, type ListFilters, sortOf } from "../services/list-parameters.ts";
import { countRepos, listRepos, MOST_COUNTED } from "../services/list-repos.ts";
import { findUser, userCount } from "../services/users.ts";
import { Home, SearchPage, UserPage } from "./pages/home.tsx";
import { RepoList, sortNames } from "./pages/lists.tsx";
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
    const of = (type: RepoType) => listRepos(ctx, { type, filters: { search: [search] }, limit: SHELF });
    const props = { models: await of("model"), datasets: await of("dataset"), spaces: await of("space") };
    return html(c, <SearchPage shell={shellOf(c)} search={search} {...props} />);
  });
  for (const type of REPO_TYPES) web.get(`/${plural(type)}`, (c) => list(c, type));
}

/** So that the way back leads through the same pages. */
const wholePages = (offset: number): number => offset - (offset % PAGE_SIZE);

async function list(c: C, type: RepoType): Promise<Response> {
  const ctx = c.get("ctx");
  const query = new URL(c.req.url).searchParams;
  const filters = filtersOf(query);
  const names = sortNames(type, filters.search !== undefined);
  const sort = names.find((name) => name === query.get("sort")) ?? names[0] ?? "lastModified";
  const cursor = Math.floor(Number(query.get("cursor") ?? 0));
  const offset = Number.isSafeInteger(cursor) && cursor > 0 ? wholePages(Math.min(cursor, MOST_COUNTED)) : 0;
  const order = sort === "relevance" ? undefined : sortOf(sort, type);
  const other = {
    type: type === "model" ? ("dataset" as const) : ("model" as const),
    filters: { search: filters.search ?? [] },
  };
  const found = await listRepos(ctx, { type, filters, sort: order, limit: PAGE_SIZE, offset });
  const props = {
    shell: shellOf(c),
    type,
    ...found,
    others: filters.search === undefined ? 0 : await countRepos(ctx, other),
    facets: await facetsOf(ctx, { type, filters }, found.total),
    query,
    sort,
    offset,
    pageSize: PAGE_SIZE,
  };
  return html(c, <RepoList {...props} />);
}

/** Filters that say something: an empty field of a form says nothing. */
function filtersOf(query: URLSearchParams): ListFilters {
  const given = FILTER_NAMES.map((name) => [name, query.getAll(name).filter((value) => value.trim() !== "")] as const);
  return Object.fromEntries(given.filter(([, values]) => values.length > 0));
}

export function userRoute(web: Hono<HubEnv>): void {
  web.get("/:name", async (c) => {
    const ctx = c.get("ctx");
    const user = await findUser(ctx, c.req.param("name"));
    if (user === undefined) throw new ServiceError(404, "There is no such page.", { code: "NO_PAGE" });
    const of = (type: RepoType) => listRepos(ctx, { type, filters: { author: [user.name] }, limit: SHELF });
    const props = { models: await of("model"), datasets: await of("dataset"), spaces: await of("space") };
    return html(c, <UserPage shell={shellOf(c)} name={user.name} {...props} />);
  });
}
