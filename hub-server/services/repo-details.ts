// What has to be read, besides their rows, to describe repositories: for a whole page of them in a few queries.
// Says nothing of what may be seen but of the repositories that others name.
import { and, eq, exists, inArray, ne, sql } from "drizzle-orm";
import { fullName } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { prepared } from "../db/prepared.ts";
import { orgMembers, repoGroups, resourceGroupMembers, resourceGroups } from "../db/schema/organizations.ts";
import { type RepoFacts, repoIndex, repoLinks } from "../db/schema/repos.ts";
import { commits, refs, repos } from "../db/schema.ts";
import { membershipCounts, type Repo, visible } from "./access.ts";
import { type FileEntry, listTreeOf, readTrees } from "./files.ts";
import { branchRef } from "./refs.ts";

export type Source = "facts" | "heads" | "files" | "links" | "spaces" | "children" | "groups";

export interface Head {
  id: string;
  treeId: string;
}

export interface Sibling {
  rfilename: string;
  size?: number;
  blobId?: string;
  lfs?: { sha256: string; size: number; pointerSize: number };
}

/** By the ids of repositories; links also by what they are, as "dataset <id>". */
export interface Loaded {
  facts: ReadonlyMap<string, RepoFacts>;
  heads: ReadonlyMap<string, Head>;
  siblings: ReadonlyMap<string, readonly Sibling[]>;
  links: ReadonlyMap<string, readonly string[]>;
  spaces: ReadonlyMap<string, readonly string[]>;
  children: ReadonlyMap<string, number>;
  groups: ReadonlyMap<string, ResourceGroup>;
}

/** A resource group as its repositories name it. */
export interface ResourceGroup {
  id: string;
  name: string;
  numUsers: number;
}

/** Spaces that are named of a model. */
const MOST_SPACES = 100;

export async function load(
  ctx: Context,
  rows: readonly Repo[],
  sources: ReadonlySet<Source>,
  { blobs, at }: { blobs: boolean; at: Head | undefined },
): Promise<Loaded> {
  const ids = rows.map(({ id }) => id);
  const wants = (source: Source) => sources.has(source) && ids.length > 0;
  const none = new Map<string, never>();
  const known = at && new Map(ids.map((id) => [id, at]));
  const heads = known ?? (wants("heads") || wants("files") ? await headsOf(ctx, ids) : none);
  const [facts, siblings, links, spaces, children, groups] = await Promise.all([
    wants("facts") ? factsOf(ctx, ids) : none,
    wants("files") ? siblingsOf(ctx, heads, blobs) : none,
    wants("links") ? linksOf(ctx, ids) : none,
    wants("spaces") ? spacesOf(ctx, rows) : none,
    wants("children") ? childrenOf(ctx, rows) : none,
    wants("groups") ? groupsOf(ctx, ids) : none,
  ]);
  return { heads, facts, siblings, links, spaces, children, groups };
}

const headsById = prepared((db) =>
  db
    .select({ repoId: refs.repoId, id: commits.id, treeId: commits.treeId })
    .from(refs)
    .innerJoin(commits, and(eq(commits.repoId, refs.repoId), eq(commits.id, refs.commitId)))
    .where(and(sql`${refs.repoId} = any(${sql.placeholder("ids")})`, eq(refs.name, branchRef("main")))),
);

async function headsOf({ db }: Context, ids: readonly string[]): Promise<Map<string, Head>> {
  const found = await headsById(db, { ids });
  return new Map(found.map(({ repoId, id, treeId }) => [repoId, { id, treeId }]));
}

const factsById = prepared((db) =>
  db
    .select({ id: repoIndex.repoId, facts: repoIndex.facts })
    .from(repoIndex)
    .where(sql`${repoIndex.repoId} = any(${sql.placeholder("ids")})`),
);

async function factsOf({ db }: Context, ids: readonly string[]): Promise<Map<string, RepoFacts>> {
  const found = await factsById(db, { ids });
  return new Map(found.map(({ id, facts }) => [id, facts]));
}

async function siblingsOf(
  ctx: Context,
  heads: ReadonlyMap<string, Head>,
  blobs: boolean,
): Promise<Map<string, Sibling[]>> {
  if (!blobs) return namesOf(ctx, heads);
  const out = new Map<string, Sibling[]>();
  for (const [repoId, { treeId }] of heads) {
    const files = (await listTreeOf(ctx, treeId, "", true)).filter(
      (entry): entry is FileEntry => entry.kind === "file",
    );
    const described = files.map(({ path, size, id, lfs }) => ({
      rfilename: path,
      size,
      blobId: id,
      ...(lfs && { lfs }),
    }));
    out.set(repoId, described);
  }
  return out;
}

/** Names alone, of all repositories together: a query for each level of folders. */
async function namesOf(reader: Context, heads: ReadonlyMap<string, Head>): Promise<Map<string, Sibling[]>> {
  const out = new Map<string, Sibling[]>([...heads.keys()].map((id) => [id, []]));
  let level = [...heads].map(([repoId, { treeId }]) => ({ repoId, prefix: "", treeId }));
  while (level.length > 0) {
    const entries = await readTrees(
      reader,
      level.map(({ treeId }) => treeId),
    );
    const next: typeof level = [];
    for (const { repoId, prefix, treeId } of level) {
      for (const { name, kind, id } of entries.get(treeId) ?? []) {
        if (kind === "file") out.get(repoId)?.push({ rfilename: prefix + name });
        else next.push({ repoId, prefix: `${prefix}${name}/`, treeId: id });
      }
    }
    level = next;
  }
  for (const files of out.values()) files.sort((a, b) => (a.rfilename < b.rfilename ? -1 : 1));
  return out;
}

const linksById = prepared((db) =>
  db
    .select()
    .from(repoLinks)
    .where(sql`${repoLinks.repoId} = any(${sql.placeholder("ids")})`)
    .orderBy(repoLinks.target),
);

/** What the cards name, as they write it. */
async function linksOf({ db }: Context, ids: readonly string[]): Promise<Map<string, string[]>> {
  const rows = await linksById(db, { ids });
  const out = new Map<string, string[]>();
  for (const { repoId, kind, target } of rows) {
    const key = `${kind} ${repoId}`;
    out.set(key, [...(out.get(key) ?? []), target]);
  }
  return out;
}

const lowered = (rows: readonly Repo[]): Map<string, string> =>
  new Map(rows.map((repo) => [fullName(repo).toLowerCase(), repo.id]));

/** Spaces that the caller may see and whose cards name these models. */
async function spacesOf(ctx: Context, rows: readonly Repo[]): Promise<Map<string, string[]>> {
  const byName = lowered(rows);
  const target = sql<string>`lower(${repoLinks.target})`;
  const found = await ctx.db
    .select({ target, namespace: repos.namespace, name: repos.name })
    .from(repoLinks)
    .innerJoin(repos, eq(repos.id, repoLinks.repoId))
    .where(and(eq(repoLinks.kind, "model"), inArray(target, [...byName.keys()]), eq(repos.type, "space"), visible(ctx)))
    .orderBy(repos.namespace, repos.name)
    .limit(MOST_SPACES * rows.length);
  const out = new Map<string, string[]>();
  for (const row of found) {
    const id = byName.get(row.target) ?? "";
    const list = out.get(id) ?? [];
    if (list.length < MOST_SPACES) out.set(id, [...list, fullName(row)]);
  }
  return out;
}

/** The resource groups of repositories: what an organization is made of is told to its members alone. */
async function groupsOf({ db, actor }: Context, ids: readonly string[]): Promise<Map<string, ResourceGroup>> {
  if (actor === undefined) return new Map();
  const ofMember = exists(
    db
      .select({ one: sql`1` })
      .from(orgMembers)
      .where(
        and(
          eq(orgMembers.orgId, resourceGroups.orgId),
          eq(orgMembers.userId, actor.id),
          membershipCounts({ db, actor }),
        ),
      ),
  );
  const numUsers = db.$count(resourceGroupMembers, eq(resourceGroupMembers.groupId, resourceGroups.id));
  const found = await db
    .select({ repoId: repoGroups.repoId, id: resourceGroups.id, name: resourceGroups.name, numUsers })
    .from(repoGroups)
    .innerJoin(resourceGroups, eq(resourceGroups.id, repoGroups.groupId))
    .where(and(inArray(repoGroups.repoId, [...ids]), actor.admin ? undefined : ofMember));
  return new Map(found.map(({ repoId, ...group }) => [repoId, group]));
}

/** How many models that the caller may see were made from these. */
async function childrenOf(ctx: Context, rows: readonly Repo[]): Promise<Map<string, number>> {
  const byName = lowered(rows);
  const target = sql<string>`lower(${repoLinks.target})`;
  const found = await ctx.db
    .select({ target, count: sql<number>`count(*)::int` })
    .from(repoLinks)
    .innerJoin(repos, eq(repos.id, repoLinks.repoId))
    .where(
      and(
        eq(repoLinks.kind, "base_model"),
        inArray(target, [...byName.keys()]),
        // A model that was trained further in place names itself.
        ne(sql`lower(${repos.namespace} || '/' || ${repos.name})`, target),
        visible(ctx),
      ),
    )
    .groupBy(target);
  return new Map(found.map((row) => [byName.get(row.target) ?? "", row.count]));
}
