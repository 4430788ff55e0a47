// What a list can be narrowed by, with how many repositories each value leaves.
// Counts only what the caller may see.
import { count, desc, sql } from "drizzle-orm";
import type { RepoType } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { repos } from "../db/schema.ts";
import { Latest } from "../latest.ts";
import { conditions, type ListQuery, MOST_COUNTED } from "./list-repos.ts";

export interface Facet {
  name: string;
  count: number;
}

export interface Facets {
  tasks: Facet[];
  libraries: Facet[];
  licenses: Facet[];
  /** Datasets that models were trained on. */
  datasets: Facet[];
  /** What spaces are written for. */
  sdks: Facet[];
}

const MOST_VALUES = 24;

/** Facets of many repositories change little: they are counted once in a while. */
const KEPT_MS = 60_000;
const kept = new Latest<Facets>(200);

/** The facets of a query that so many repositories answer to. */
export function facetsOf(ctx: Context, query: ListQuery, total: number): Promise<Facets> {
  if (total < MOST_COUNTED) return facets(ctx, query);
  const key = [Math.floor(Date.now() / KEPT_MS), ctx.actor?.id, ctx.actor?.tokenId, query.type, query.filters];
  return kept.get(JSON.stringify(key), () => facets(ctx, query));
}

/** Each facet counts under the other filters of the query, so that every value it offers has a result. */
export async function facets(ctx: Context, query: ListQuery): Promise<Facets> {
  const { type, filters = {} } = query;
  const byColumn = async (
    column: typeof repos.pipelineTag | typeof repos.libraryName | typeof repos.sdk,
    own: "pipeline_tag" | "library" | "sdk",
  ) => {
    const rows = await ctx.db
      .select({ name: column, count: count() })
      .from(repos)
      .where(conditions(ctx, { type, filters: { ...filters, [own]: [] } }))
      .groupBy(column)
      .orderBy(desc(count()), column)
      .limit(MOST_VALUES + 1);
    return rows.flatMap(({ name, count: found }) => (name === null ? [] : [{ name, count: found }]));
  };
  const byTag = async (prefix: string) => {
    const others = (filters.filter ?? []).filter((tag) => !tag.startsWith(prefix));
    const tag = sql<string>`unnest(${repos.tags})`.as("tag");
    const tags = ctx.db
      .select({ tag })
      .from(repos)
      .where(conditions(ctx, { type, filters: { ...filters, filter: others } }))
      .as("tags");
    const rows = await ctx.db
      .select({ name: tags.tag, count: count() })
      .from(tags)
      .where(sql`starts_with(${tags.tag}, ${prefix})`)
      .groupBy(tags.tag)
      .orderBy(desc(count()), tags.tag)
      .limit(MOST_VALUES);
    return rows.map(({ name, count: found }) => ({ name: name.slice(prefix.length), count: found }));
  };
  const tasks: Readonly<Record<RepoType, () => Promise<Facet[]>>> = {
    model: () => byColumn(repos.pipelineTag, "pipeline_tag"),
    dataset: () => byTag("task_categories:"),
    space: async () => [],
  };
  const none: Facet[] = [];
  const [ofTasks, libraries, licenses, datasets, sdks] = await Promise.all([
    tasks[type](),
    type === "model" ? byColumn(repos.libraryName, "library") : none,
    byTag("license:"),
    type === "model" ? byTag("dataset:") : none,
    type === "space" ? byColumn(repos.sdk, "sdk") : none,
  ]);
  return { tasks: ofTasks, libraries, licenses, datasets, sdks };
}
