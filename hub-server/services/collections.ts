// Collections: who sees and changes them, and the lists of them. Their items are in collection-items.ts.
import { and, count, desc, eq, exists, ilike, inArray, or, type SQL, sql } from "drizzle-orm";
import { parseRepoId, plural, REPO_TYPES, type RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { collectionItems, collections, collectionUpvotes } from "../db/schema/collections.ts";
import { orgMembers, resourceGroupMembers } from "../db/schema/organizations.ts";
import { users } from "../db/schema.ts";
import { badRequest, ServiceError, unauthorized } from "../errors.ts";
import { findRepo, mayAccess, membershipCounts, requireNamespace, requireWriter } from "./access.ts";
import { containing } from "./like-pattern.ts";
import { groupForNew } from "./resource-groups.ts";
import { permits, placesOf } from "./scopes.ts";
import { newId } from "./wire-ids.ts";

type Row = typeof collections.$inferSelect;

export interface Collection extends Row {
  owner: typeof users.$inferSelect;
  upvoted: boolean;
}

export const THEMES = ["orange", "blue", "green", "purple", "pink", "indigo"] as const;
/** Collections that one owner may have. */
const MOST_COLLECTIONS = 2000;

const collectionNotFound = () => new ServiceError(404, "Collection not found", { code: "COLLECTION_NOT_FOUND" });

/** "ana/small-models-64f9a55bb3115b4f513ec026" */
export const slugOf = ({ owner, slug, id }: Pick<Collection, "owner" | "slug" | "id">): string =>
  `${owner.name}/${slug}-${id}`;

function slugged(title: string): string {
  const plain = title
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase();
  return (
    plain
      .replace(/[^a-z0-9]+/g, "-")
      .slice(0, 60)
      .replace(/^-+|-+$/g, "") || "collection"
  );
}

/** Private collections are there for their owner, for its members (of the group, where one is set) and for administrators. */
export function visibleCollections({ db, actor }: Pick<Context, "db" | "actor">): SQL | undefined {
  const isPublic = eq(collections.isPrivate, false);
  if (actor === undefined) return isPublic;
  if (actor.admin) return undefined;
  const inGroup = db
    .select({ one: sql`1` })
    .from(resourceGroupMembers)
    .where(and(eq(resourceGroupMembers.groupId, collections.groupId), eq(resourceGroupMembers.userId, actor.id)));
  const member = db
    .select({ one: sql`1` })
    .from(orgMembers)
    .where(
      and(
        eq(orgMembers.orgId, collections.ownerId),
        eq(orgMembers.userId, actor.id),
        membershipCounts({ db, actor }),
        or(sql`${collections.groupId} is null`, eq(orgMembers.role, "admin"), exists(inGroup)),
      ),
    );
  const mine = or(eq(collections.ownerId, actor.id), exists(member));
  const { limits } = actor;
  if (limits === undefined || permits({ ...limits, scoped: [] }, "collection.read")) return or(isPublic, mine);
  const owners = placesOf(limits, "owner", "collection.read");
  return or(isPublic, owners.length === 0 ? sql`false` : and(mine, inArray(collections.ownerId, owners)));
}

function withOwner({ db, actor }: Pick<Context, "db" | "actor">) {
  const upvoted = db
    .select({ one: sql`1` })
    .from(collectionUpvotes)
    .where(
      and(
        eq(collectionUpvotes.collectionId, collections.id),
        eq(sql`${collectionUpvotes.userId}::text`, actor?.id ?? ""),
      ),
    );
  return db
    .select({ collection: collections, owner: users, upvoted: sql<boolean>`${exists(upvoted)}` })
    .from(collections)
    .innerJoin(users, eq(users.id, collections.ownerId));
}

const joined = ({ collection, owner, upvoted }: { collection: Row; owner: Collection["owner"]; upvoted: boolean }) => ({
  ...collection,
  owner,
  upvoted,
});

/** A collection by the last part of its name; with or without its id. Hidden is not found. */
export async function getCollection(ctx: Context, namespace: string, name: string): Promise<Collection> {
  const id = /(?:^|-)([0-9a-f]{24})$/.exec(name)?.[1];
  const named = id === undefined ? eq(collections.slug, name) : eq(collections.id, id);
  const [row] = await withOwner(ctx)
    .where(and(named, eq(sql`lower(${users.name})`, namespace.toLowerCase()), visibleCollections(ctx)))
    .orderBy(desc(collections.createdAt))
    .limit(1);
  if (row === undefined) throw collectionNotFound();
  return joined(row);
}

/** A collection that the caller may change: their own, or of an organization where they may make things. */
export async function requireCollection(ctx: Context, namespace: string, name: string): Promise<Collection> {
  const collection = await getCollection(ctx, namespace, name);
  await requireNamespace(ctx, collection.owner.name, "collection.write");
  return collection;
}

export interface CollectionInput {
  title?: string | undefined;
  description?: string | undefined;
  isPrivate?: boolean | undefined;
  theme?: (typeof THEMES)[number] | undefined;
  position?: number | undefined;
}

export async function createCollection(
  ctx: Context,
  namespace: string,
  { title = "", description, isPrivate = false, groupId }: CollectionInput & { groupId?: string | undefined },
): Promise<Collection> {
  const owner = await requireNamespace(ctx, namespace, "collection.write");
  const name = title.trim();
  if (name === "") throw badRequest("A collection needs a title.");
  const [own] = await ctx.db.select({ value: count() }).from(collections).where(eq(collections.ownerId, owner.id));
  const position = own?.value ?? 0;
  if (position >= MOST_COLLECTIONS) throw badRequest(`${owner.name} has ${MOST_COLLECTIONS} collections already.`);
  const group = groupId === undefined ? undefined : await groupForNew(ctx, owner, groupId);
  const id = newId();
  const theme = THEMES[Number.parseInt(id.slice(-2), 16) % THEMES.length] ?? "blue";
  const described = { title: name, slug: slugged(name), description, isPrivate };
  const values = {
    id,
    ownerId: owner.id,
    ...described,
    theme,
    position,
    ...(group !== undefined && { groupId: group }),
  };
  const [made] = await ctx.db.insert(collections).values(values).onConflictDoNothing().returning();
  if (made !== undefined) return getCollection(ctx, owner.name, `${made.slug}-${made.id}`);
  const [there] = await withOwner(ctx).where(and(eq(collections.ownerId, owner.id), eq(collections.title, name)));
  throw new ServiceError(409, `${owner.name} has a collection "${name}" already.`, {
    code: "COLLECTION_EXISTS",
    data: there === undefined ? {} : { slug: slugOf(joined(there)) },
  });
}

export async function updateCollection(ctx: Context, collection: Collection, input: CollectionInput): Promise<void> {
  const title = input.title?.trim();
  if (title === "") throw badRequest("A collection needs a title.");
  const { description, isPrivate, theme, position } = input;
  const changed = {
    ...(title !== undefined && { title, slug: slugged(title) }),
    ...(description !== undefined && { description }),
    ...(isPrivate !== undefined && { isPrivate }),
    ...(theme !== undefined && { theme }),
    ...(position !== undefined && { position }),
    updatedAt: new Date(),
  };
  const [taken] =
    title === undefined
      ? []
      : await ctx.db
          .select({ id: collections.id })
          .from(collections)
          .where(and(eq(collections.ownerId, collection.ownerId), eq(collections.title, title)));
  if (taken !== undefined && taken.id !== collection.id)
    throw new ServiceError(409, `${collection.owner.name} has a collection "${title}" already.`, {
      code: "COLLECTION_EXISTS",
    });
  await ctx.db.update(collections).set(changed).where(eq(collections.id, collection.id));
}

export async function deleteCollection({ db }: Context, { id }: Collection): Promise<void> {
  await db.delete(collections).where(eq(collections.id, id));
}

/** Likes a collection or takes it back; doing it twice is doing it once. */
export async function setUpvote(ctx: Context, { id }: Collection, upvote: boolean): Promise<void> {
  const { id: userId } = requireWriter(ctx, "discussion.write");
  await ctx.db.transaction(async (tx) => {
    const changed = upvote
      ? await tx.insert(collectionUpvotes).values({ collectionId: id, userId }).onConflictDoNothing().returning()
      : await tx
          .delete(collectionUpvotes)
          .where(and(eq(collectionUpvotes.collectionId, id), eq(collectionUpvotes.userId, userId)))
          .returning();
    if (changed.length === 0) return;
    await tx
      .update(collections)
      .set({ upvotes: sql`greatest(0, ${collections.upvotes} + ${upvote ? 1 : -1})` })
      .where(eq(collections.id, id));
  });
}

export const COLLECTION_SORTS = ["lastModified", "trending", "upvotes"] as const;

export interface CollectionQuery {
  owners?: readonly string[];
  /** "models/ana/mood", "datasets/…", "spaces/…" */
  items?: readonly string[];
  search?: string | undefined;
  sort?: (typeof COLLECTION_SORTS)[number];
  limit: number;
  offset: number;
}

/** Collections that the caller may see; one more than the page. */
export async function listCollections(ctx: Context, query: CollectionQuery): Promise<Collection[]> {
  const { owners = [], items = [], search = "", sort = "trending" } = query;
  const repoIds: string[] = [];
  for (const item of items) {
    const repo = await findRepo(ctx, itemId(item));
    if (repo !== undefined && (await mayAccess(ctx, "read", repo))) repoIds.push(repo.id);
  }
  const having = ctx.db
    .select({ id: collectionItems.collectionId })
    .from(collectionItems)
    .where(repoIds.length === 0 ? sql`false` : inArray(collectionItems.repoId, repoIds));
  const pattern = containing(search);
  const rows = await withOwner(ctx)
    .where(
      and(
        visibleCollections(ctx),
        owners.length === 0
          ? undefined
          : inArray(
              sql`lower(${users.name})`,
              owners.map((name) => name.toLowerCase()),
            ),
        items.length === 0 ? undefined : inArray(collections.id, having),
        search === "" ? undefined : or(ilike(collections.title, pattern), ilike(collections.description, pattern)),
      ),
    )
    .orderBy(
      ...(sort === "lastModified" ? [] : [desc(collections.upvotes)]),
      desc(collections.updatedAt),
      collections.id,
    )
    .limit(query.limit + 1)
    .offset(query.offset);
  return rows.map(joined);
}

function itemId(item: string): RepoId {
  const [type = "", ...rest] = item.split("/");
  const known = REPO_TYPES.find((one) => plural(one) === type);
  if (known === undefined) throw badRequest(`"${item}" names no model, dataset or space, such as models/ana/mood.`);
  return parseRepoId(rest.join("/"), known);
}

/** The owner of new collections when none is named. */
export function ownNamespace({ actor }: Context): string {
  if (actor === undefined) throw unauthorized();
  return actor.name;
}
