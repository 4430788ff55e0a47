// Collections as clients read and change them.
import type { Context as HonoContext } from "hono";
import { z } from "zod";
import { fullName } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { headerSafe } from "../error-response.ts";
import { ServiceError } from "../errors.ts";
import { escaped } from "../escape-html.ts";
import { addItem, type Item, itemsOf, removeItem, updateItems } from "../services/collection-items.ts";
import {
  COLLECTION_SORTS,
  type Collection,
  createCollection,
  deleteCollection,
  getCollection,
  listCollections,
  ownNamespace,
  requireCollection,
  setUpvote,
  slugOf,
  THEMES,
  updateCollection,
} from "../services/collections.ts";
import { pageOf, pageResponse } from "./paging.ts";
import { wireUser } from "./people.ts";
import { defineRoute, type HubEnv, jsonBody, originOf, type Route } from "./route.ts";

type C = HonoContext<HubEnv>;

const PATH = "/api/collections/:namespace/:slug";
/** Operations with and without an id in the name: one address. */
const both = (method: string, rest = ""): string[] =>
  ["{slug}", "{slug}-{id}"].map((name) => `${method} /api/collections/{namespace}/${name}${rest}`);

const names = (c: C): [string, string] => [c.req.param("namespace") ?? "", c.req.param("slug") ?? ""];

function wireItem(c: C, { id, position, note, repo, other }: Item): Record<string, unknown> {
  const base = { _id: id, position, ...(note !== null && { note: { text: note, html: escaped(note) } }) };
  if (repo !== undefined)
    return {
      ...base,
      id: fullName(repo),
      type: repo.type,
      repoType: repo.type,
      author: repo.namespace,
      private: repo.isPrivate,
      gated: repo.gated ?? false,
      likes: repo.likes,
      downloads: repo.downloads,
      lastModified: repo.updatedAt.toISOString(),
      ...(repo.pipelineTag !== null && { pipeline_tag: repo.pipelineTag }),
    };
  if (other === undefined) return base;
  const { collection, owner, items } = other;
  const slug = slugOf({ ...collection, owner });
  return {
    ...base,
    id: collection.id,
    type: "collection",
    slug,
    title: collection.title,
    description: collection.description ?? "",
    theme: collection.theme,
    upvotes: collection.upvotes,
    lastUpdated: collection.updatedAt.toISOString(),
    owner: wireUser(c, owner),
    numberItems: items,
    shareUrl: `${originOf(c)}/collections/${slug}`,
  };
}

/** A collection in lists. It has no position there: Python counts by itself, and refuses to be told. */
const wireListed = (c: C, collection: Collection, items: readonly Item[]) => ({
  slug: slugOf(collection),
  _id: collection.id,
  title: collection.title,
  description: collection.description ?? "",
  owner: { ...wireUser(c, collection.owner), name: collection.owner.name },
  items: items.map((item) => wireItem(c, item)),
  lastUpdated: collection.updatedAt.toISOString(),
  private: collection.isPrivate,
  gating: false,
  theme: collection.theme,
  upvotes: collection.upvotes,
  isUpvotedByUser: collection.upvoted,
});

/** A collection by itself, with all of its items and its place among those of its owner. */
async function wire(c: C, ctx: Context, collection: Collection): Promise<Record<string, unknown>> {
  const items = (await itemsOf(ctx, [collection.id])).get(collection.id) ?? [];
  return {
    ...wireListed(c, collection, items),
    position: collection.position,
    shareUrl: `${originOf(c)}/collections/${slugOf(collection)}`,
  };
}

/** The refusal of what is there already names the collection: Python reads it off when that is fine. */
function conflict(c: C, error: unknown): Response {
  if (!(error instanceof ServiceError) || error.status !== 409) throw error;
  return c.json({ error: error.message, slug: error.data["slug"] }, 409, {
    "X-Error-Code": error.code,
    "X-Error-Message": headerSafe(error.message),
  });
}

const list = defineRoute({
  operation: "listCollections",
  answers: ["GET /api/collections"],
  method: "GET",
  path: "/api/collections",
  access: "public",
  summary: "Collections, with up to four items each",
  query: {
    owner: "of these users or organizations (may repeat)",
    item: "that hold one of these, e.g. models/ana/mood (may repeat)",
    q: "part of the title or the description",
    sort: "lastModified, trending or upvotes",
    limit: "rows of a page, 100 at most",
    cursor: "where the page begins",
  },
  handle: async (c, ctx) => {
    const page = pageOf(c, { fallback: 100, most: 100 });
    const several = (name: string) => [...(c.req.queries(name) ?? []), ...(c.req.queries(`${name}[]`) ?? [])];
    const rows = await listCollections(ctx, {
      ...page,
      owners: several("owner").slice(0, 50),
      items: several("item").slice(0, 50),
      search: c.req.query("q")?.slice(0, 200),
      sort: COLLECTION_SORTS.find((name) => name === c.req.query("sort")) ?? "trending",
    });
    const items = await itemsOf(
      ctx,
      rows.map(({ id }) => id),
    );
    return pageResponse(c, page, rows, (row) => wireListed(c, row, (items.get(row.id) ?? []).slice(0, 4)));
  },
});

const hexId = z.string().regex(/^[0-9a-f]{24}$/);
const itemSchema = z.object({ type: z.string().max(20), id: z.string().max(300) });
const createSchema = z.object({
  title: z.string().min(1).max(60),
  description: z.string().max(150).optional(),
  namespace: z.string().optional(),
  private: z.boolean().default(false),
  item: itemSchema.optional(),
  resourceGroupId: hexId.nullish(),
});

const create = defineRoute({
  operation: "createCollection",
  answers: ["POST /api/collections"],
  method: "POST",
  path: "/api/collections",
  access: "user",
  scope: "collection.write",
  summary: "Make a collection, with a first item if need be",
  body: createSchema,
  handle: async (c, ctx) => {
    const { namespace = ownNamespace(ctx), item, resourceGroupId, ...input } = await jsonBody(c, createSchema);
    const groupId = resourceGroupId ?? undefined;
    try {
      const made = await createCollection(ctx, namespace, { ...input, isPrivate: input.private, groupId });
      if (item !== undefined) await addItem(ctx, made, item);
      return c.json(await wire(c, ctx, made));
    } catch (error) {
      return conflict(c, error);
    }
  },
});

const get = defineRoute({
  operation: "getCollection",
  answers: both("GET"),
  method: "GET",
  path: PATH,
  access: "public",
  summary: "A collection with its items",
  handle: async (c, ctx) => c.json(await wire(c, ctx, await getCollection(ctx, ...names(c)))),
});

const updateSchema = z.object({
  title: z.string().min(1).max(60).optional(),
  description: z.string().max(150).optional(),
  private: z.boolean().optional(),
  theme: z.enum(THEMES).optional(),
  position: z.int().min(0).max(100_000).optional(),
});

const update = defineRoute({
  operation: "updateCollection",
  answers: both("PATCH"),
  method: "PATCH",
  path: PATH,
  access: "user",
  scope: "collection.write",
  summary: "Change what a collection says of itself, who sees it and its place",
  body: updateSchema,
  handle: async (c, ctx) => {
    const { private: isPrivate, ...input } = await jsonBody(c, updateSchema);
    const collection = await requireCollection(ctx, ...names(c));
    await updateCollection(ctx, collection, { ...input, isPrivate });
    const after = await getCollection(ctx, collection.owner.name, collection.id);
    return c.json({ success: true, data: await wire(c, ctx, after) });
  },
});

const remove = defineRoute({
  operation: "deleteCollection",
  answers: both("DELETE"),
  method: "DELETE",
  path: PATH,
  access: "user",
  scope: "collection.write",
  summary: "Delete a collection; what it held stays",
  handle: async (c, ctx) => {
    await deleteCollection(ctx, await requireCollection(ctx, ...names(c)));
    return c.json({ success: true });
  },
});

const noteSchema = z.string().max(500);
const addSchema = z.object({ item: itemSchema, note: noteSchema.optional() });

const add = defineRoute({
  operation: "addCollectionItem",
  answers: both("POST", "/items"),
  method: "POST",
  path: `${PATH}/items`,
  access: "user",
  scope: "collection.write",
  summary: "Put a repository or a collection into a collection",
  body: addSchema,
  handle: async (c, ctx) => {
    const { item, note } = await jsonBody(c, addSchema);
    const collection = await requireCollection(ctx, ...names(c));
    try {
      await addItem(ctx, collection, { ...item, note });
    } catch (error) {
      return conflict(c, error);
    }
    return c.json(await wire(c, ctx, await getCollection(ctx, collection.owner.name, collection.id)));
  },
});

const changeSchema = z.object({ note: noteSchema.nullish(), position: z.int().min(0).max(100_000).optional() });
const batchSchema = z
  .array(z.object({ action: z.literal("update"), _id: hexId, data: changeSchema }))
  .min(1)
  .max(1000);

const batch = defineRoute({
  operation: "updateCollectionItems",
  answers: both("POST", "/items/batch"),
  method: "POST",
  path: `${PATH}/items/batch`,
  access: "user",
  scope: "collection.write",
  summary: "Change notes and places of several items, all or none",
  body: batchSchema,
  handle: async (c, ctx) => {
    const changes = await jsonBody(c, batchSchema);
    const collection = await requireCollection(ctx, ...names(c));
    await updateItems(
      ctx,
      collection,
      changes.map(({ _id, data }) => ({ id: _id, ...data })),
    );
    return c.json({ success: true });
  },
});

const updateOne = defineRoute({
  operation: "updateCollectionItem",
  method: "PATCH",
  path: `${PATH}/items/:itemId`,
  access: "user",
  scope: "collection.write",
  summary: "Change an item's note and place",
  body: changeSchema,
  handle: async (c, ctx) => {
    const change = await jsonBody(c, changeSchema);
    const collection = await requireCollection(ctx, ...names(c));
    await updateItems(ctx, collection, [{ id: c.req.param("itemId") ?? "", ...change }]);
    return c.json({ success: true });
  },
});

const removeOne = defineRoute({
  operation: "deleteCollectionItem",
  answers: [
    "DELETE /api/collections/{namespace}/{slug}/items/{slug}",
    "DELETE /api/collections/{namespace}/{slug}-{id}/items/{itemId}",
  ],
  method: "DELETE",
  path: `${PATH}/items/:itemId`,
  access: "user",
  scope: "collection.write",
  summary: "Take an item out of a collection",
  handle: async (c, ctx) => {
    await removeItem(ctx, await requireCollection(ctx, ...names(c)), c.req.param("itemId") ?? "");
    return c.json({ success: true });
  },
});

function upvote(method: "POST" | "DELETE"): Route {
  return defineRoute({
    operation: method === "POST" ? "upvoteCollection" : "unvoteCollection",
    method,
    path: `${PATH}/upvote`,
    access: "user",
    scope: "discussion.write",
    summary: method === "POST" ? "Say that a collection is good" : "Take that back",
    handle: async (c, ctx) => {
      await setUpvote(ctx, await getCollection(ctx, ...names(c)), method === "POST");
      return c.json({ success: true });
    },
  });
}

export const collectionRoutes = [
  list,
  create,
  get,
  update,
  remove,
  add,
  batch,
  updateOne,
  removeOne,
  upvote("POST"),
  upvote("DELETE"),
];
