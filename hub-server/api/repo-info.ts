// What repositories are and hold: one of them, or lists.
import type { Context as HonoContext } from "hono";
import { plural, REPO_TYPES, type RepoType } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { badRequest } from "../errors.ts";
import { requireAccess } from "../services/access.ts";
import {
  booleanOf,
  FILTER_NAMES,
  LIST_CONTROLS,
  type ListFilters,
  listQuery,
  sortOf,
} from "../services/list-parameters.ts";
import { pageOfRepos } from "../services/list-repos.ts";
import { requireRevision } from "../services/refs.ts";
import {
  describeRepos,
  FIELD_NAMES,
  type FieldName,
  needsFiles,
  needsWhole,
  type Told,
} from "../services/repo-fields.ts";
import { LONGEST, makeRepoToken } from "../services/repo-tokens.ts";
import { getRepo } from "../services/repos.ts";
import { scanOf } from "../services/scan.ts";
import { nextLink } from "./paging.ts";
import { defineRoute, type HubEnv, type Route, repoOf, splitRevision } from "./route.ts";

/** Values of a key as clients write lists: repeated, with brackets, or with commas. */
function valuesOf(query: URLSearchParams, name: string): string[] {
  return [...query.getAll(name), ...query.getAll(`${name}[]`)];
}

/** The fields that are asked for; undefined when none are named. */
function expandOf(query: URLSearchParams): string[] | undefined {
  const names = valuesOf(query, "expand").flatMap((value) => value.split(","));
  return names.length === 0 ? undefined : names;
}

const isSet = (query: URLSearchParams, name: string): boolean => {
  const value = query.get(name);
  return value !== null && value !== "" && booleanOf(name, value);
};

const INFO_QUERY = {
  expand: `A field to give instead of the usual ones; may be given several times, as expand[], or with commas: ${FIELD_NAMES.join(", ")}`,
  blobs: "true: files with their sizes and ids",
  securityStatus: "true: also what the scan of the files says",
};

async function infoResponse(c: HonoContext<HubEnv>, ctx: Context, revision: string | undefined): Promise<Response> {
  const repo = await getRepo(ctx, repoOf(c));
  const named = revision !== undefined && revision !== "HEAD" && revision !== "main";
  // The head of main is read with what else is told.
  const commit = named ? await requireRevision(ctx, repo, revision) : undefined;
  const query = new URL(c.req.url).searchParams;
  const told: Told = { expand: expandOf(query), more: "info", blobs: isSet(query, "blobs") };
  const [info = {}] = await describeRepos(ctx, repo.type, [repo], told, commit);
  if (isSet(query, "securityStatus") || told.expand?.includes("securityRepoStatus") === true)
    info["securityRepoStatus"] = await scanOf(ctx, repo);
  return c.json(info);
}

const info = defineRoute({
  operation: "getRepo",
  method: "GET",
  path: "/api/:type/:namespace/:name",
  access: "read",
  summary: "What a repository is and holds",
  query: INFO_QUERY,
  handle: (c, ctx) => infoResponse(c, ctx, undefined),
});

const infoAt = defineRoute({
  operation: "getRepoAtRevision",
  method: "GET",
  path: "/api/:type/:namespace/:name/revision/*",
  access: "read",
  summary: "What a repository is, and what it holds at a revision",
  query: INFO_QUERY,
  handle: (c, ctx) => infoResponse(c, ctx, splitRevision(c).revision),
});

const scan = defineRoute({
  operation: "scanRepo",
  answers: REPO_TYPES.map((type) => `GET /api/${plural(type)}/{namespace}/{repo}/scan`),
  method: "GET",
  path: "/api/:type/:namespace/:name/scan",
  access: "read",
  summary: "Which files would run code when Python loads them",
  handle: async (c, ctx) => c.json(await scanOf(ctx, await getRepo(ctx, repoOf(c)))),
});

const jwt = defineRoute({
  operation: "makeRepoToken",
  answers: REPO_TYPES.map((type) => `GET /api/${plural(type)}/{namespace}/{repo}/jwt`),
  method: "GET",
  path: "/api/:type/:namespace/:name/jwt",
  access: "content",
  summary: "A bearer token that reads this repository, and no other private one, for a while",
  query: { expiration: `Seconds that it holds, up to ${LONGEST}` },
  handle: async (c, ctx) => {
    const asked = c.req.query("expiration") ?? `${LONGEST}`;
    if (!/^\d{1,9}$/.test(asked) || Number(asked) === 0) throw badRequest(`"${asked}" is no number of seconds.`);
    const made = await makeRepoToken(ctx, repoOf(c), Math.min(Number(asked), LONGEST));
    return c.json({ token: made.token, exp: made.expiresAt.toISOString() }, 200, { "Cache-Control": "no-store" });
  },
});

const authCheck = defineRoute({
  operation: "authCheck",
  method: "GET",
  path: "/api/:type/:namespace/:name/auth-check",
  access: "content",
  summary: "200 if the caller may read the files",
  handle: async (c, ctx) => {
    await requireAccess(ctx, "content", repoOf(c));
    return c.json({ success: true });
  },
});

const writeCheck = defineRoute({
  operation: "authCheckWrite",
  method: "GET",
  path: "/api/:type/:namespace/:name/auth-check/write",
  access: "write",
  summary: "200 if the caller may change the files",
  handle: async (c, ctx) => {
    await requireAccess(ctx, "write", repoOf(c));
    return c.json({ success: true });
  },
});

const MOST = 1000;
/** With the names of all their files. */
const MOST_WITH_FILES = 100;

/** What a list tells beyond the usual, for parameters of older clients. */
function moreOf(query: URLSearchParams): Told["more"] {
  if (isSet(query, "full")) return ["sha", "siblings", "cardData", "models", "datasets"];
  const named: FieldName[] = [];
  if (isSet(query, "cardData")) named.push("cardData");
  if (isSet(query, "config")) named.push("config");
  return named;
}

/** The filters of a query, as the table names them. */
export function filtersOf(query: URLSearchParams): ListFilters {
  const given = FILTER_NAMES.map((name) => [name, valuesOf(query, name)] as const);
  return Object.fromEntries(given.filter(([, values]) => values.length > 0));
}

function listOf(type: RepoType): Route {
  return defineRoute({
    operation: `list${type.charAt(0).toUpperCase()}${type.slice(1)}s`,
    method: "GET",
    path: `/api/${plural(type)}`,
    access: "public",
    summary: `List ${plural(type)}`,
    query: listQuery(type),
    handle: async (c, ctx) => {
      const query = new URL(c.req.url).searchParams;
      const told: Told = { expand: expandOf(query), more: moreOf(query) ?? [] };
      const limit = limitOf(query.get("limit"), needsFiles(type, told) ? MOST_WITH_FILES : MOST);
      if (limit === 0) return c.json([]);
      const sort = query.get("sort") ?? "";
      const { repos, next } = await pageOfRepos(ctx, {
        type,
        filters: filtersOf(query),
        sort: sort === "" ? undefined : sortOf(sort, type),
        ascending: directionOf(query.get("direction")),
        limit,
        cursor: query.get("cursor") ?? undefined,
        whole: needsWhole(type, told),
      });
      const headers: Record<string, string> = next === undefined ? {} : { Link: nextLink(c, next) };
      return c.json(await describeRepos(ctx, type, repos, told), 200, headers);
    },
  });
}

function limitOf(value: string | null, most: number): number {
  if (value === null || value === "") return Math.min(100, most);
  if (!/^\d+$/.test(value)) throw badRequest(`"${value}" is no number of repositories.`);
  return Math.min(Number(value), most);
}

function directionOf(value: string | null): boolean | undefined {
  if (value === null || value === "") return undefined;
  if (value !== "-1" && value !== "1") throw badRequest(`"${value}" is no direction.`, LIST_CONTROLS["direction"]);
  return value === "1";
}

export const infoRoutes: readonly Route[] = [...REPO_TYPES.map(listOf), infoAt, scan, jwt, writeCheck, authCheck, info];
