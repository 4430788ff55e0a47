// Pages of collections: the list, one of them, and the forms that change it.
// Holds no rules: services do.
import type { Hono } from "hono";
import type { HubEnv } from "../api/route.ts";
import { ServiceError } from "../errors.ts";
import { roleIn } from "../services/access.ts";
import { addItem, itemsOf, removeItem } from "../services/collection-items.ts";
import {
  createCollection,
  deleteCollection,
  getCollection,
  listCollections,
  requireCollection,
  slugOf,
} from "../services/collections.ts";
import { field } from "./forms.ts";
import { CollectionPage, CollectionsPage } from "./pages/collections.tsx";
import { type C, html, pageNumber, shellOf, signedIn } from "./respond.tsx";

const PAGE = 30;

export function collectionPages(web: Hono<HubEnv>): void {
  const list = async (c: C, problem?: string) => {
    const ctx = c.get("ctx");
    const page = pageNumber(c.req.query("p"));
    const search = c.req.query("q")?.slice(0, 200) ?? "";
    const owner = c.req.query("owner");
    const rows = await listCollections(ctx, {
      search,
      owners: owner === undefined ? [] : [owner],
      sort: "lastModified",
      limit: PAGE,
      offset: page * PAGE,
    });
    const items = await itemsOf(
      ctx,
      rows.map(({ id }) => id),
    );
    const props = {
      shell: shellOf(c),
      rows: rows.slice(0, PAGE).map((row) => ({ collection: row, items: items.get(row.id)?.length ?? 0 })),
      search,
      page,
      more: rows.length > PAGE,
      ...(problem !== undefined && { problem }),
    };
    return html(c, <CollectionsPage {...props} />, problem === undefined ? 200 : 400);
  };
  web.get("/collections", (c) => list(c));
  web.post("/collections", async (c) => {
    const form = await c.req.formData();
    const owner = signedIn(c).name;
    const isPrivate = field(form, "private") === "yes";
    const input = { title: field(form, "title").slice(0, 60), description: field(form, "description").slice(0, 150) };
    try {
      const made = await createCollection(c.get("ctx"), owner, { ...input, isPrivate });
      return c.redirect(`/collections/${slugOf(made)}`, 303);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status >= 500) throw error;
      return list(c, error.message);
    }
  });
  one(web);
}

function one(web: Hono<HubEnv>): void {
  const base = "/collections/:namespace/:slug";
  const names = (c: C): [string, string] => [c.req.param("namespace") ?? "", c.req.param("slug") ?? ""];
  const page = async (c: C, problem?: string) => {
    const ctx = c.get("ctx");
    const collection = await getCollection(ctx, ...names(c));
    const { actor } = ctx;
    const role = actor === undefined ? undefined : await roleIn(ctx, collection.ownerId);
    const props = {
      shell: shellOf(c),
      collection,
      items: (await itemsOf(ctx, [collection.id])).get(collection.id) ?? [],
      mayChange: actor?.admin === true || actor?.id === collection.ownerId || (role !== undefined && role !== "read"),
      ...(problem !== undefined && { problem }),
    };
    return html(c, <CollectionPage {...props} />, problem === undefined ? 200 : 400);
  };
  web.get(base, (c) => page(c));
  web.post(`${base}/items`, async (c) => {
    signedIn(c);
    const form = await c.req.formData();
    const collection = await requireCollection(c.get("ctx"), ...names(c));
    try {
      const note = field(form, "note").slice(0, 500) || undefined;
      await addItem(c.get("ctx"), collection, { type: field(form, "type"), id: field(form, "id").trim(), note });
    } catch (error) {
      if (error instanceof ServiceError && error.status >= 500) throw error;
      return page(c, error instanceof Error ? error.message : String(error));
    }
    return c.redirect(`/collections/${slugOf(collection)}`, 303);
  });
  web.post(`${base}/items/remove`, async (c) => {
    signedIn(c);
    const form = await c.req.formData();
    const collection = await requireCollection(c.get("ctx"), ...names(c));
    await removeItem(c.get("ctx"), collection, field(form, "id"));
    return c.redirect(`/collections/${slugOf(collection)}`, 303);
  });
  web.post(`${base}/delete`, async (c) => {
    signedIn(c);
    await deleteCollection(c.get("ctx"), await requireCollection(c.get("ctx"), ...names(c)));
    return c.redirect("/collections", 303);
  });
}
