// What lies in collections: repositories and other collections, with notes, in an order. What the caller may not see is left out.
import { and, asc, count, eq, inArray, sql } from "drizzle-orm";
import { parseRepoId, REPO_TYPES, type RepoType } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { collectionItems, collections } from "../db/schema/collections.ts";
import { repos, users } from "../db/schema.ts";
import { badRequest, ServiceError } from "../errors.ts";
import { type Repo, requireAccess, visible } from "./access.ts";
import { type Collection, getCollection, slugOf, visibleCollections } from "./collections.ts";
import { newId } from "./wire-ids.ts";

/** Items that one collection may have. */
const MOST_ITEMS = 1000;

type Row = typeof collectionItems.$inferSelect;

export interface Item extends Row {
  repo: Repo | undefined;
  other: { collection: typeof collections.$inferSelect; owner: typeof users.$inferSelect; items: number } | undefined;
}

/** Items of collections by their ids, in order. */
export async function itemsOf(ctx: Context, ids: readonly string[]): Promise<Map<string, Item[]>> {
  const out = new Map<string, Item[]>(ids.map((id) => [id, []]));
  if (ids.length === 0) return out;
  const rows = await ctx.db
    .select()
    .from(collectionItems)
    .where(inArray(collectionItems.collectionId, [...ids]))
    .orderBy(asc(collectionItems.position), asc(collectionItems.createdAt), collectionItems.id);
  const [known, others] = [await reposIn(ctx, rows), await collectionsIn(ctx, rows)];
  for (const row of rows) {
    const repo = row.repoId === null ? undefined : known.get(row.repoId);
    const other = row.otherId === null ? undefined : others.get(row.otherId);
    if (repo !== undefined || other !== undefined) out.get(row.collectionId)?.push({ ...row, repo, other });
  }
  return out;
}

async function reposIn(ctx: Context, rows: readonly Row[]): Promise<Map<string, Repo>> {
  const ids = [...new Set(rows.flatMap(({ repoId }) => repoId ?? []))];
  if (ids.length === 0) return new Map();
  const found = await ctx.db
    .select()
    .from(repos)
    .where(and(inArray(repos.id, ids), visible(ctx)));
  return new Map(found.map((repo) => [repo.id, repo]));
}

async function collectionsIn(ctx: Context, rows: readonly Row[]): Promise<Map<string, NonNullable<Item["other"]>>> {
  const ids = [...new Set(rows.flatMap(({ otherId }) => otherId ?? []))];
  if (ids.length === 0) return new Map();
  const found = await ctx.db
    .select({ collection: collections, owner: users, items: count(collectionItems.id) })
    .from(collections)
    .innerJoin(users, eq(users.id, collections.ownerId))
    .leftJoin(collectionItems, eq(collectionItems.collectionId, collections.id))
    .where(and(inArray(collections.id, ids), visibleCollections(ctx)))
    .groupBy(collections.id, users.id);
  return new Map(found.map((row) => [row.collection.id, row]));
}

export interface ItemInput {
  type: string;
  id: string;
  note?: string | undefined;
}

/** Adds what the caller sees; twice is 409. */
export async function addItem(ctx: Context, collection: Collection, { type, id, note }: ItemInput): Promise<void> {
  const what = await namedBy(ctx, collection, type, id);
  const added = await ctx.db.transaction(async (tx) => {
    const order = await lockItems(tx, collection.id);
    if (order.length >= MOST_ITEMS) throw badRequest(`A collection holds at most ${MOST_ITEMS} items.`);
    const [row] = await tx
      .insert(collectionItems)
      .values({ id: newId(), collectionId: collection.id, ...what, note: note ?? null, position: order.length })
      .onConflictDoNothing()
      .returning();
    if (row !== undefined) await touch(tx, collection.id);
    return row;
  });
  if (added !== undefined) return;
  throw new ServiceError(409, `"${id}" is in this collection already.`, {
    code: "ITEM_EXISTS",
    data: { slug: slugOf(collection) },
  });
}

async function namedBy(ctx: Context, collection: Collection, type: string, id: string) {
  const repoType = REPO_TYPES.find((one): one is RepoType => one === type);
  if (repoType !== undefined) return { repoId: (await requireAccess(ctx, "read", parseRepoId(id, repoType))).id };
  if (type !== "collection")
    throw new ServiceError(501, `This hub has nothing of the type "${type}" to collect.`, { code: "NOT_IMPLEMENTED" });
  const [namespace = "", name = ""] = id.split("/");
  const other = await getCollection(ctx, namespace, name);
  if (other.id === collection.id) throw badRequest("A collection does not hold itself.");
  return { otherId: other.id };
}

export interface ItemChange {
  note?: string | null | undefined;
  position?: number | undefined;
}

const itemNotFound = (id: string) =>
  new ServiceError(404, `This collection has no item ${id}.`, { code: "ITEM_NOT_FOUND" });

/** Changes notes and places of items, all or none. */
export async function updateItems(
  ctx: Context,
  collection: Collection,
  changes: readonly ({ id: string } & ItemChange)[],
): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const order = await lockItems(tx, collection.id);
    for (const { id, note, position } of changes) {
      const from = order.indexOf(id);
      if (from < 0) throw itemNotFound(id);
      if (note !== undefined) await tx.update(collectionItems).set({ note }).where(eq(collectionItems.id, id));
      if (position === undefined) continue;
      order.splice(from, 1);
      order.splice(Math.min(position, order.length), 0, id);
    }
    await renumber(tx, order);
    await touch(tx, collection.id);
  });
}

/** Takes an item out. */
export async function removeItem(ctx: Context, collection: Collection, id: string): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const order = await lockItems(tx, collection.id);
    if (!order.includes(id)) throw itemNotFound(id);
    await tx.delete(collectionItems).where(eq(collectionItems.id, id));
    await renumber(
      tx,
      order.filter((other) => other !== id),
    );
    await touch(tx, collection.id);
  });
}

/** Ids in order; the collection is locked, so that two changes come one after the other. */
async function lockItems(tx: Tx, collectionId: string): Promise<string[]> {
  await tx.select({ id: collections.id }).from(collections).where(eq(collections.id, collectionId)).for("update");
  const rows = await tx
    .select({ id: collectionItems.id })
    .from(collectionItems)
    .where(eq(collectionItems.collectionId, collectionId))
    .orderBy(asc(collectionItems.position), asc(collectionItems.createdAt), collectionItems.id);
  return rows.map(({ id }) => id);
}

async function renumber(tx: Tx, order: readonly string[]): Promise<void> {
  if (order.length === 0) return;
  const ids = sql.join(
    order.map((id) => sql`${id}`),
    sql`, `,
  );
  await tx.execute(
    sql`update ${collectionItems} set position = place.n - 1
        from unnest(array[${ids}]::text[]) with ordinality as place(id, n) where ${collectionItems.id} = place.id`,
  );
}

const touch = (tx: Tx, id: string) =>
  tx.update(collections).set({ updatedAt: new Date() }).where(eq(collections.id, id));
