// Lists of repositories: the pages of a query, how many there are, and who among them the caller may see.
// What can be asked for stands in list-parameters.ts.
import { and, count, eq, getTableColumns, inArray, or, type SQL, sql } from "drizzle-orm";
import type { RepoId, RepoType } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { orgMembers } from "../db/schema/organizations.ts";
import { repoIndex } from "../db/schema/repos.ts";
import { repos } from "../db/schema.ts";
import { badRequest } from "../errors.ts";
import { type Repo, visible } from "./access.ts";
import {
  filtered,
  LIST_SORTS,
  type ListFilters,
  type ListSort,
  orderBy,
  type SortName,
  searchOf,
} from "./list-parameters.ts";
import { divideWords, type Words } from "./word-statistics.ts";

export interface ListQuery {
  type: RepoType;
  filters?: ListFilters;
  /** Without one: how well it fits the words that are searched for, else the latest first. */
  sort?: SortName | undefined;
  /** Names begin with the first, everything else with the most, unless this says otherwise. */
  ascending?: boolean | undefined;
}

/** What a query asks of a repository, that the caller may see it among it. */
export const conditions = (ctx: Context, { type, filters = {} }: ListQuery): SQL | undefined =>
  and(eq(repos.type, type), visible(ctx), filtered(type, filters));

/** How many names, and how many other texts, are ranked: beyond that a search is too wide for an order to mean much. */
export const MOST_RANKED = 1000;
/** Weights of places: body, inside a word of the name, title and tags, name. */
const WEIGHTS = "{0.05, 0.2, 0.4, 1}";

interface Place {
  id: string;
  key: string;
}

/** Part of a list, as ids with their places in its order. */
interface Slice {
  limit: number;
  offset?: number;
  after?: Place | undefined;
}

interface Places {
  places: Place[];
  /** How many there are in all, where it came out on the way. */
  total: number | undefined;
}

async function placesOf(ctx: Context, query: ListQuery, slice: Slice): Promise<Places> {
  const search = searchOf(query.filters?.search);
  if (query.sort === undefined && search !== undefined) return rankedPlaces(ctx, query, search, slice);
  return { places: await sortedPlaces(ctx, query, search, slice), total: undefined };
}

/**
 * Public repositories and those of the caller are two pieces of an index, each read from its beginning and merged: however
 * many private ones of others lie between, none of them is looked at.
 */
async function sortedPlaces(
  ctx: Context,
  query: ListQuery,
  search: string | undefined,
  { limit, offset = 0, after }: Slice,
): Promise<Place[]> {
  const sort: ListSort = LIST_SORTS[query.sort ?? "lastModified"];
  const ascending = query.ascending ?? sort.ascending ?? false;
  const compared = ascending ? sql`>` : sql`<`;
  const cast = sql.raw(sort.cast);
  const beyond = after && sql`(${sort.key}, ${repos.id}) ${compared} (${after.key}::${cast}, ${after.id}::uuid)`;
  const where = and(await narrowed(ctx, query, search), beyond);
  const order = orderBy(sort, ascending);
  const pieces = (await shares(ctx)).map(
    (share) =>
      sql`(select ${repos.id} as id, ${sort.key} as key from ${repos} where ${and(share, where)} order by ${order} limit ${limit + offset})`,
  );
  const way = sql.raw(ascending ? "asc" : "desc");
  const rows = await ctx.db.execute<{ id: string; key: string }>(
    sql`select id, key::text as key from (${sql.join(pieces, sql` union all `)}) as found order by found.key ${way}, id ${way} limit ${limit} offset ${offset}`,
  );
  return [...rows];
}

/** The conditions of a query; of a search for something rare what is found first, and not looked for along the order of the list. */
async function narrowed(ctx: Context, query: ListQuery, search: string | undefined): Promise<SQL | undefined> {
  const words = search === undefined ? undefined : await divideWords(ctx, search, "document");
  if (words?.rare !== true) return conditions(ctx, query);
  const found = sql`array(select ${repoIndex.repoId} from ${repoIndex} where ${hasWords(query.type, words)})`;
  return and(
    conditions(ctx, { ...query, filters: { ...query.filters, search: [] } }),
    sql`${repos.id} = any(${found})`,
  );
}

/** What the caller may see, in parts that indexes hold together. */
async function shares({ actor, db }: Context): Promise<SQL[]> {
  const open = eq(repos.isPrivate, false);
  if (actor === undefined) return [open];
  if (actor.admin) return [open, eq(repos.isPrivate, true)];
  const rows = await db.select({ id: orgMembers.orgId }).from(orgMembers).where(eq(orgMembers.userId, actor.id));
  const owned = and(eq(repos.isPrivate, true), inArray(repos.ownerId, [actor.id, ...rows.map(({ id }) => id)]));
  return owned === undefined ? [open] : [open, owned];
}

/**
 * Those whose name fits are ranked before the others are looked at, so that a wide search misses none of them. Where all
 * words are common, names that fit may be enough; else what fits at all may be, as the names are among it. Only when the
 * first have not settled it are the second looked for.
 */
async function rankedPlaces(
  ctx: Context,
  query: ListQuery,
  search: string,
  { limit, offset = 0, after }: Slice,
): Promise<Places> {
  const [names, document] = [await divideWords(ctx, search, "names"), await divideWords(ctx, search, "document")];
  const rare = names.rare || document.rare;
  const hits = (words: Words, needed: SQL) => hitsOf(ctx, query, search, words, needed);
  const counted = sql`(select count(*) from first)`;
  const first = rare ? hits(document, sql`true`) : hits(names, sql`true`);
  const second = rare
    ? hits(names, sql`${counted} >= ${MOST_RANKED}::int`)
    : hits(document, sql`${counted} < ${MOST_RANKED}::int`);
  const beyond = after === undefined ? sql`true` : sql`(key, id) < (${after.key}::float8, ${after.id}::uuid)`;
  const rows = await ctx.db.execute<{ id: string; key: string; total: number }>(sql`
    with first as materialized ${first}, second as materialized ${second},
      found as materialized (select * from first union select * from second)
    select id, key::text as key, (select count(*)::int from found) as total from found where ${beyond}
    order by found.key desc, id desc limit ${limit} offset ${offset}`);
  const total = rows[0]?.total ?? (offset === 0 && after === undefined ? 0 : undefined);
  const places = rows.map(({ id, key }) => ({ id, key }));
  return { places, total: total === undefined || total >= MOST_RANKED ? undefined : total };
}

/** Repositories in which words are found, in no order, with how well the whole search fits them. */
function hitsOf(ctx: Context, { type, filters = {} }: ListQuery, search: string, words: Words, needed: SQL): SQL {
  const rank = sql`ts_rank(${WEIGHTS}::float4[], ${repoIndex.document}, ${search}::tsquery)::float8`;
  const where = and(hasWords(type, words), visible(ctx), filtered(type, { ...filters, search: [] }), needed);
  return sql`(select ${repos.id} as id, ${rank} as key from ${repoIndex} join ${repos} on ${repos.id} = ${repoIndex.repoId} where ${where} limit ${MOST_RANKED})`;
}

/** What is no condition for an index is written so that none is asked for it. */
function hasWords(type: RepoType, { column, indexed, rest }: Words): SQL | undefined {
  const where = repoIndex[column];
  return and(
    eq(repoIndex.type, type),
    sql`${where} @@ ${indexed}::tsquery`,
    rest === undefined ? undefined : sql`coalesce(${where} @@ ${rest}::tsquery, false)`,
  );
}

/** What is large in a row and seldom wanted. */
const LIGHT = {
  ...getTableColumns(repos),
  cardData: sql<Repo["cardData"]>`null`,
  config: sql<Repo["config"]>`null`,
};

/** Rows in the order of their ids, without cards and configurations unless these are wanted. */
async function rowsOf(ctx: Context, places: readonly Place[], whole: boolean): Promise<Repo[]> {
  if (places.length === 0) return [];
  const ids = places.map(({ id }) => id);
  const rows = await ctx.db
    .select(whole ? getTableColumns(repos) : LIGHT)
    .from(repos)
    .where(inArray(repos.id, ids));
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => byId.get(id)).filter((row) => row !== undefined);
}

/** Beyond this nobody counts. */
export const MOST_COUNTED = 10_000;

/** Repositories that the caller may see, without cards, and how many there are in all: MOST_COUNTED at most. */
export async function listRepos(
  ctx: Context,
  { limit = 30, offset = 0, ...query }: ListQuery & { limit?: number; offset?: number },
): Promise<{ repos: Repo[]; total: number }> {
  const { places, total } = await placesOf(ctx, query, { limit, offset });
  const complete = offset === 0 && places.length < limit;
  return {
    repos: await rowsOf(ctx, places, false),
    total: complete ? places.length : (total ?? (await countRepos(ctx, query))),
  };
}

export async function countRepos(ctx: Context, query: ListQuery, most = MOST_COUNTED): Promise<number> {
  const found = ctx.db.select({ id: repos.id }).from(repos).where(conditions(ctx, query)).limit(most).as("found");
  const [total] = await ctx.db.select({ value: count() }).from(found);
  return total?.value ?? 0;
}

/** A page that begins behind a place of the order, with cards where `whole` says so: what is made or changed meanwhile moves nobody else. */
export async function pageOfRepos(
  ctx: Context,
  { limit, cursor, whole, ...query }: ListQuery & { limit: number; cursor?: string | undefined; whole: boolean },
): Promise<{ repos: Repo[]; next: string | undefined; total: number | undefined }> {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const { places, total } = await placesOf(ctx, query, { limit: limit + 1, after });
  const page = places.slice(0, limit);
  const last = page.at(-1);
  const next = places.length > limit && last !== undefined ? writeCursor(last) : undefined;
  return { repos: await rowsOf(ctx, page, whole), next, total };
}

const writeCursor = ({ key, id }: Place): string => Buffer.from(JSON.stringify([key, id])).toString("base64url");

function readCursor(cursor: string): Place {
  const wrong = () =>
    badRequest(`"${cursor}" is no place in a list.`, "Take it from the Link header of the page before.");
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    throw wrong();
  }
  const [key, id] = Array.isArray(value) ? value : [];
  if (typeof key !== "string" || typeof id !== "string" || !/^[0-9a-f-]{36}$/.test(id)) throw wrong();
  return { key, id };
}

/** Those of some repositories that exist and that the caller may see, by their names as given. */
export async function visibleRepos(ctx: Context, ids: readonly RepoId[]): Promise<RepoId[]> {
  const wanted = ids.map(({ type, namespace, name }) =>
    and(eq(repos.type, type), eq(repos.namespace, namespace), eq(repos.name, name)),
  );
  if (wanted.length === 0) return [];
  return ctx.db
    .select({ type: repos.type, namespace: repos.namespace, name: repos.name })
    .from(repos)
    .where(and(visible(ctx), or(...wanted)));
}
