// Search across all kinds, what trends, tags, and the models that were measured on a dataset.
import type { Context as HonoContext } from "hono";
import { z } from "zod";
import { plural, REPO_TYPES, type RepoType } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { badRequest } from "../errors.ts";
import { FINDABLE, type Findable, find, tagsByType, trending } from "../services/find.ts";
import { leaderboardOf } from "../services/leaderboard.ts";
import { booleanOf } from "../services/list-parameters.ts";
import { describeRepos } from "../services/repo-fields.ts";
import { wireId } from "../services/wire-ids.ts";
import { wireUser } from "./people.ts";
import { defineRoute, type HubEnv, jsonBody, originOf, type Route, repoOf } from "./route.ts";

function tagsRoute(type: "model" | "dataset"): Route {
  return defineRoute({
    operation: `${type}TagsByType`,
    answers: [`GET /api/${plural(type)}-tags-by-type`],
    method: "GET",
    path: `/api/${plural(type)}-tags-by-type`,
    access: "public",
    summary: `Tags of public ${plural(type)} by what they say`,
    query: { type: "Only tags of this kind" },
    handle: async (c, ctx) => {
      const all = await tagsByType(ctx, type);
      const kind = c.req.query("type");
      return c.json(kind === undefined ? all : { [kind]: all[kind] ?? [] });
    },
  });
}

const trend = defineRoute({
  operation: "listTrending",
  answers: ["GET /api/trending"],
  method: "GET",
  path: "/api/trending",
  access: "public",
  summary: "What was fetched and liked most in the last week",
  query: { type: "all, model, dataset or space", limit: "Up to 20" },
  handle: async (c, ctx) => {
    const asked = c.req.query("type") ?? "all";
    const types = asked === "all" ? REPO_TYPES : REPO_TYPES.filter((type) => type === asked);
    if (types.length === 0)
      throw badRequest(`"${asked}" is nothing that trends.`, "Ask for all, model, dataset or space.");
    const rows = await trending(ctx, types, numberOf(c.req.query("limit"), 10, 20));
    const recentlyTrending: { repoType: RepoType; repoData: unknown }[] = [];
    for (const repo of rows) {
      const [repoData] = await describeRepos(ctx, repo.type, [repo], {});
      recentlyTrending.push({ repoType: repo.type, repoData });
    }
    return c.json({ recentlyTrending });
  },
});

function numberOf(value: string | undefined, fallback: number, most: number): number {
  if (value === undefined || value === "") return fallback;
  if (!/^\d+$/.test(value)) throw badRequest(`"${value}" is no whole number.`);
  return Math.min(Math.max(1, Number(value)), most);
}

const quickSchema = z.object({
  q: z.string().max(250).default(""),
  type: z.union([z.string().max(40), z.array(z.string().max(40)).max(20)]).optional(),
  limit: z.number().int().min(1).optional(),
});
const MOST_FOUND = 20;
const USUAL_FOUND = 5;

async function quick(
  c: HonoContext<HubEnv>,
  ctx: Context,
  words: string,
  types: readonly string[],
  limit: number,
): Promise<Response> {
  const kinds = FINDABLE.filter((kind) => types.length === 0 || types.includes(kind) || types.includes("all"));
  const found = await find(ctx, words, kinds, limit);
  const out: Record<string, unknown> = { q: words };
  for (const kind of kinds) Object.assign(out, answerFor(kind, found));
  return c.json(out);
}

/** The rows of one kind under the plural of its name, and how many there are. */
function answerFor(kind: Findable, { repos, owners }: Awaited<ReturnType<typeof find>>): Record<string, unknown> {
  if (kind === "user" || kind === "org") {
    const { rows, count } = owners[kind] ?? { rows: [], count: 0 };
    const list = rows.map(({ id, name, fullName }) => ({
      _id: wireId(id),
      [kind === "user" ? "user" : "name"]: name,
      fullname: fullName ?? name,
      avatarUrl: `/api/avatars/${name}`,
    }));
    return { [`${kind}s`]: list, [`${kind}sCount`]: count };
  }
  const { rows, count } = repos[kind] ?? { rows: [], count: 0 };
  const list = rows.map((repo) => ({
    _id: wireId(repo.id),
    id: `${repo.namespace}/${repo.name}`,
    ...(repo.isPrivate && { private: true }),
    trendingWeight: repo.trendingScore,
  }));
  return { [plural(kind)]: list, [`${plural(kind)}Count`]: count };
}

const QUICK_QUERY = {
  q: "Words, or beginnings of them",
  type: `Kinds to look among, several times: ${FINDABLE.join(", ")}`,
  limit: `How many of each, up to ${MOST_FOUND}`,
};

const quickSearch = defineRoute({
  operation: "quickSearch",
  answers: ["GET /api/quicksearch"],
  method: "GET",
  path: "/api/quicksearch",
  access: "public",
  summary: "The first repositories, users and organizations for some words",
  query: QUICK_QUERY,
  handle: (c, ctx) => {
    const words = (c.req.query("q") ?? "").slice(0, 250);
    const limit = numberOf(c.req.query("limit"), USUAL_FOUND, MOST_FOUND);
    return quick(c, ctx, words, c.req.queries("type") ?? [], limit);
  },
});

const quickSearchPost = defineRoute({
  operation: "quickSearchByBody",
  answers: ["POST /api/quicksearch"],
  method: "POST",
  path: "/api/quicksearch",
  access: "public",
  summary: "The same, for words that are no part of an address",
  body: quickSchema,
  handle: async (c, ctx) => {
    const { q, type = [], limit = USUAL_FOUND } = await jsonBody(c, quickSchema);
    return quick(c, ctx, q, typeof type === "string" ? [type] : type, Math.min(limit, MOST_FOUND));
  },
});

const leaderboard = defineRoute({
  operation: "leaderboardOfDataset",
  answers: ["GET /api/datasets/{namespace}/{repo}/leaderboard"],
  method: "GET",
  path: "/api/datasets/:namespace/:name/leaderboard",
  access: "read",
  summary: "Models by what was measured on the dataset, the best first",
  query: {
    task_id: "Only results of this task or split",
    base_model: "false: also models that come from another one",
  },
  handle: async (c, ctx) => {
    const bases = c.req.query("base_model");
    const rows = await leaderboardOf(
      ctx,
      { ...repoOf(c), type: "dataset" },
      {
        task: c.req.query("task_id"),
        basesOnly: bases === undefined || bases === "" || booleanOf("base_model", bases),
      },
    );
    return c.json(
      rows.map(({ owner, source, ...row }) => {
        const { user: name, ...author } = wireUser(c, owner);
        // Nobody but the model's owner says so.
        const claimed = { ...row, verified: false, author: { ...author, name } };
        const isExternal = source !== undefined && !source.url.startsWith(`${originOf(c)}/`);
        return source === undefined ? claimed : { ...claimed, source: { ...source, isExternal } };
      }),
    );
  },
});

export const searchRoutes: readonly Route[] = [
  tagsRoute("model"),
  tagsRoute("dataset"),
  trend,
  quickSearch,
  quickSearchPost,
  leaderboard,
];
