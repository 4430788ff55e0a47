// What people look for before they know its name: the first of each kind that fit some words, what trends, all tags.
// Gives rows, no pages.
import { and, eq, or, type SQL, sql } from "drizzle-orm";
import { REPO_TYPES, type RepoType } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { repos, users } from "../db/schema.ts";
import { Latest } from "../latest.ts";
import type { Repo } from "./access.ts";
import { literally } from "./like-pattern.ts";
import { countRepos, MOST_RANKED, pageOfRepos } from "./list-repos.ts";
import { wordsOf } from "./search-text.ts";

export const FINDABLE = [...REPO_TYPES, "user", "org"] as const;
export type Findable = (typeof FINDABLE)[number];

export interface FoundOwner {
  id: string;
  name: string;
  fullName: string | null;
}

export interface Found {
  repos: Partial<Record<RepoType, { rows: Repo[]; count: number }>>;
  owners: Partial<Record<"user" | "org", { rows: FoundOwner[]; count: number }>>;
}

/** Of more nobody counts how many more. */
const MOST_FOUND = MOST_RANKED;

/** The best of each kind; without words the most used. */
export async function find(ctx: Context, words: string, kinds: readonly Findable[], limit: number): Promise<Found> {
  const found: Found = { repos: {}, owners: {} };
  const search = wordsOf(words).length > 0;
  const look = async (kind: Findable) => {
    if (kind === "user" || kind === "org") {
      found.owners[kind] = await findOwners(ctx, kind, words, limit);
      return;
    }
    const query = search
      ? { type: kind, filters: { search: [words] } }
      : { type: kind, sort: "trendingScore" as const };
    const { repos: rows, total } = await pageOfRepos(ctx, { ...query, limit, whole: false });
    const count = total ?? (search ? MOST_FOUND : await countRepos(ctx, query, MOST_FOUND));
    found.repos[kind] = { rows, count };
  };
  await Promise.all(kinds.map(look));
  return found;
}

async function findOwners({ db }: Context, kind: "user" | "org", words: string, limit: number) {
  const start = `${literally(words.trim().toLowerCase())}%`;
  const fits: SQL | undefined = and(
    eq(users.kind, kind),
    or(sql`lower(${users.name}) like ${start}`, sql`lower(${users.fullName}) like ${start}`),
  );
  const page = db
    .select({ id: users.id, name: users.name, fullName: users.fullName })
    .from(users)
    .where(fits)
    .orderBy(sql`lower(${users.name})`)
    .limit(limit);
  const counted = db.select({ count: sql<number>`count(*)::int` }).from(users).where(fits);
  const [rows, [total]] = await Promise.all([page, counted]);
  return { rows, count: total?.count ?? 0 };
}

/** What was liked and fetched most in the last week. */
export async function trending(ctx: Context, types: readonly RepoType[], limit: number): Promise<Repo[]> {
  const rows: Repo[] = [];
  for (const type of types)
    rows.push(...(await pageOfRepos(ctx, { type, sort: "trendingScore", limit, whole: false })).repos);
  return rows.sort((a, b) => b.trendingScore - a.trendingScore).slice(0, limit);
}

export interface TagRow {
  id: string;
  label: string;
  type: string;
}

const MOST_TAGS = 10_000;
const KEPT_MS = 60_000;
const tags = new Latest<{ at: number; rows: TagRow[] }>(2 * REPO_TYPES.length);

/** Prefixes of tags, with the kinds that clients know them by. */
const KINDS: Readonly<Record<string, string>> = {
  license: "license",
  language: "language",
  dataset: "dataset",
  base_model: "base_model",
  region: "region",
  arxiv: "arxiv",
  task_categories: "task_categories",
  task_ids: "task_ids",
  size_categories: "size_categories",
  multilinguality: "multilinguality",
  language_creators: "language_creators",
  annotations_creators: "annotations_creators",
  source_datasets: "source_datasets",
  format: "format",
  modality: "modality",
  benchmark: "benchmark",
};

/** Tags of public repositories by their kind; the same for everybody, and counted once a minute. */
export async function tagsByType(ctx: Context, type: RepoType): Promise<Record<string, TagRow[]>> {
  const key = `${type} ${Math.floor(Date.now() / KEPT_MS)}`;
  const { rows } = await tags.get(key, async () => ({ at: Date.now(), rows: await readTags(ctx, type) }));
  const out: Record<string, TagRow[]> = {};
  for (const row of rows) {
    out[row.type] ??= [];
    out[row.type]?.push(row);
  }
  return out;
}

async function readTags({ db }: Context, type: RepoType): Promise<TagRow[]> {
  const open = and(eq(repos.type, type), eq(repos.isPrivate, false));
  const distinct = async (column: typeof repos.pipelineTag | typeof repos.libraryName) =>
    new Set((await db.selectDistinct({ name: column }).from(repos).where(open)).map(({ name }) => name));
  const [tasks, libraries] = [await distinct(repos.pipelineTag), await distinct(repos.libraryName)];
  const rows = await db.execute<{ tag: string }>(sql`
    select tag from (select unnest(${repos.tags}) as tag from ${repos} where ${open}) as all_tags
    group by tag order by count(*) desc, tag limit ${MOST_TAGS}`);
  return [...rows].map(({ tag }) => {
    const [prefix = "", ...rest] = tag.split(":");
    const kind = Object.hasOwn(KINDS, prefix) && rest.length > 0 ? KINDS[prefix] : undefined;
    if (kind !== undefined) return { id: tag, label: rest.join(":"), type: kind };
    if (tasks.has(tag)) return { id: tag, label: tag, type: "pipeline_tag" };
    if (libraries.has(tag)) return { id: tag, label: tag, type: "library" };
    const isLanguage = type === "model" && /^[a-z]{2,3}$/.test(tag);
    return { id: tag, label: tag, type: isLanguage ? "language" : "other" };
  });
}
