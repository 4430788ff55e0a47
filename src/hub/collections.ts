// Collections: what users and organizations gather, with notes. A slug names one: "ana/small-models-64f9a55bb3115b4f513ec026".
// Knows no page.
import { z } from "zod";
import { pagesOf, queryOf, takeOf } from "./client.ts";
import { type ExistOk, unlessThere } from "./refs.ts";
import { type HubAccess, HubError, requestJson, requestText } from "./request.ts";

const itemSchema = z.looseObject({
  _id: z.string(),
  id: z.string(),
  type: z.string(),
  /** Of a collection in a collection. */
  slug: z.string().optional(),
  note: z.looseObject({ text: z.string() }).nullish(),
});
/** What lies in a collection: `id` names it on the hub, `_id` its place in the collection. */
export type CollectionItem = z.infer<typeof itemSchema>;

const collectionSchema = z.looseObject({
  slug: z.string(),
  title: z.string(),
  description: z.string().nullish(),
  private: z.boolean(),
  upvotes: z.number().optional(),
  lastUpdated: z.string().nullish(),
  items: z.array(itemSchema),
});
/** A collection; lists give its first four items. */
export type Collection = z.infer<typeof collectionSchema>;

const collectionPath = (slug: string, rest = ""): string =>
  `/api/collections/${slug.split("/").map(encodeURIComponent).join("/")}${rest}`;

/** Which collections are wanted, and how many at most. */
export interface ListCollectionsOptions {
  owner?: string | readonly string[] | undefined;
  /** What they hold: "models/ana/mood", "datasets/ana/reviews". */
  item?: string | readonly string[] | undefined;
  /** Part of the title or the description. */
  search?: string | undefined;
  sort?: "lastModified" | "trending" | "upvotes" | undefined;
  limit?: number | undefined;
}

/**
 * Collections of a hub, all pages.
 *
 * @example needs a hub
 * ```ts
 * await listCollections({ endpoint: "http://127.0.0.1:7860", token: undefined }, { owner: "ana" });
 * // [{ slug: "ana/small-models-64f9…", title: "Small models", items: [{ id: "ana/mood", type: "model", … }], … }]
 * ```
 */
export function listCollections(
  access: HubAccess,
  { owner, item, search, sort, limit }: ListCollectionsOptions = {},
): Promise<Collection[]> {
  const query = queryOf({
    owner,
    item,
    q: search,
    sort,
    limit: limit === undefined ? undefined : Math.min(limit, 100),
  });
  return takeOf(pagesOf(access, `/api/collections${query}`, collectionSchema), limit);
}

/**
 * A collection with all its items.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * await getCollection(access, "ana/small-models-64f9…"); // { title: "Small models", items: [{ id: "ana/mood", … }], … }
 * ```
 */
export async function getCollection(access: HubAccess, slug: string): Promise<Collection> {
  return (await requestJson(access, collectionPath(slug), collectionSchema)).value;
}

/** What a collection says of itself, and who sees it. */
export interface CollectionOptions {
  description?: string | undefined;
  isPrivate?: boolean | undefined;
}

/**
 * Makes a collection; of the caller, where no namespace is named. Returns it, and whether it was made.
 *
 * @throws HubError with status 409 where its owner has one of that title, unless `existOk`
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * const { slug } = await createCollection(access, "Small models", { existOk: true }); // "ana/small-models-64f9…"
 * ```
 */
export async function createCollection(
  access: HubAccess,
  title: string,
  { namespace, description, isPrivate, existOk }: CollectionOptions & ExistOk & { namespace?: string | undefined } = {},
): Promise<Collection & { created: boolean }> {
  const json = { title, namespace, description, private: isPrivate };
  try {
    const { value } = await requestJson(access, "/api/collections", collectionSchema, { method: "POST", json });
    return { ...value, created: true };
  } catch (error) {
    const slug = existOk === true && error instanceof HubError && error.data["status"] === 409 && error.data["slug"];
    if (typeof slug !== "string") throw error;
    return { ...(await getCollection(access, slug)), created: false };
  }
}

const updatedSchema = z.looseObject({ data: collectionSchema });

/**
 * Changes what a collection says of itself, or who sees it. With another title it has another slug; the old one leads to it, too.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await updateCollectionMetadata(access, "ana/small-models-64f9…", { title: "Tiny models" }); // { slug: "ana/tiny-models-64f9…", … }
 * ```
 */
export async function updateCollectionMetadata(
  access: HubAccess,
  slug: string,
  { title, description, isPrivate }: CollectionOptions & { title?: string | undefined },
): Promise<Collection> {
  const json = { title, description, private: isPrivate };
  const options = { method: "PATCH", json, isRepeatable: true } as const;
  return (await requestJson(access, collectionPath(slug), updatedSchema, options)).value.data;
}

/**
 * Deletes a collection; what it held stays.
 *
 * @example needs a hub
 * ```ts
 * await deleteCollection({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, "ana/small-models-64f9…"); // undefined
 * ```
 */
export async function deleteCollection(access: HubAccess, slug: string): Promise<void> {
  await requestText(access, collectionPath(slug), { method: "DELETE" });
}

/** What is put into a collection: a repository by its full name, a collection by its slug. */
export interface NewCollectionItem {
  id: string;
  type: "model" | "dataset" | "space" | "collection";
  /** At most 500 characters. */
  note?: string | undefined;
}

/**
 * Puts something into a collection, at its end. Returns whether it was not there yet.
 *
 * @throws HubError with status 409 where it is there, unless `existOk`
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await addCollectionItem(access, "ana/small-models-64f9…", { id: "ana/mood", type: "model", note: "The first." }); // true
 * ```
 */
export function addCollectionItem(
  access: HubAccess,
  slug: string,
  { id, type, note }: NewCollectionItem,
  { existOk }: ExistOk = {},
): Promise<boolean> {
  const json = { item: { id, type }, note };
  return unlessThere(existOk, () => requestText(access, collectionPath(slug, "/items"), { method: "POST", json }));
}

/** What changes of an item. */
export interface CollectionItemChange {
  /** At most 500 characters; none of them takes the note away. */
  note?: string | undefined;
  /** Its place, from 0; what is there and behind it moves on. */
  position?: number | undefined;
}

/**
 * Changes an item's note or place, by its `_id` in the collection.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * const { items } = await getCollection(access, "ana/small-models-64f9…");
 * await updateCollectionItem(access, "ana/small-models-64f9…", items[1]?._id ?? "", { position: 0 }); // undefined
 * ```
 */
export async function updateCollectionItem(
  access: HubAccess,
  slug: string,
  itemId: string,
  { note, position }: CollectionItemChange,
): Promise<void> {
  const path = collectionPath(slug, `/items/${encodeURIComponent(itemId)}`);
  await requestText(access, path, { method: "PATCH", json: { note, position } });
}

/**
 * Takes something out of a collection, by its `_id` there.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * const { items: [first] } = await getCollection(access, "ana/small-models-64f9…");
 * await deleteCollectionItem(access, "ana/small-models-64f9…", first?._id ?? ""); // undefined
 * ```
 */
export async function deleteCollectionItem(access: HubAccess, slug: string, itemId: string): Promise<void> {
  await requestText(access, collectionPath(slug, `/items/${encodeURIComponent(itemId)}`), { method: "DELETE" });
}
