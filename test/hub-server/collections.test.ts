// Collections: made, filled, ordered, listed; private ones and what callers may not see.
import * as hf from "@huggingface/hub";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, type Call, caller } from "../support/caller.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";

let hub: TestHub;
let [ana, ben]: [Call, Call] = [async () => Promise.reject(), async () => Promise.reject()];
let token: string;
const nobody: Call = (...call) => caller(hub)(...call);

beforeAll(async () => {
  hub = await testHub();
  token = await hub.user("ana");
  ana = caller(hub, { token });
  ben = caller(hub, { token: await hub.user("ben") });
  for (const name of ["one", "two", "three", "four", "five", "six"]) await ana("POST", "/api/repos/create", { name });
  await ana("POST", "/api/repos/create", { name: "hidden", private: true });
  await ana("POST", "/api/repos/create", { name: "data", type: "dataset" });
});
afterAll(() => hub.stop());

let made = 0;
async function collection(more: object = {}, who = ana): Promise<string> {
  const answer = await who("POST", "/api/collections", { title: `Collection ${made++}`, ...more });
  expect(answer.status).toBe(200);
  return String(answer.get("slug"));
}
const model = (name: string) => ({ item: { type: "model", id: `ana/${name}` } });
interface Listed {
  slug: string;
  items: { _id: string; id: string; type: string; position: number; note?: { text: string } }[];
}
const items = (answer: Answer): Listed["items"] => JSON.parse(JSON.stringify(answer.get("items")));
const ids = (answer: Answer): string[] => items(answer).map(({ id }) => id);
const at = (slug: string, rest = "") => `/api/collections/${slug}${rest}`;
/** Without its id, where titles differ. */
const short = (slug: string) => slug.replace(/-[0-9a-f]{24}$/, "");

describe("one collection", () => {
  operation("POST /api/collections", async () => {
    const first = await ana("POST", "/api/collections", {
      title: "Small Models é!",
      description: "For phones",
      namespace: "ana",
    });
    expect(String(first.get("slug"))).toMatch(/^ana\/small-models-e-[0-9a-f]{24}$/);
    expect(first.body).toMatchObject({
      title: "Small Models é!",
      description: "For phones",
      private: false,
      items: [],
      upvotes: 0,
    });
    expect(first.get("position")).toBe(0);
    const again = await ana("POST", "/api/collections", { title: "Small Models é!" });
    expect([again.status, again.get("slug")]).toEqual([409, first.get("slug")]);
    expect((await nobody("POST", "/api/collections", { title: "x" })).status).toBe(401);
    expect((await ben("POST", "/api/collections", { title: "x", namespace: "ana" })).status).toBe(403);
    expect((await ana("POST", "/api/collections", { title: "x".repeat(61) })).status).toBe(400);
    const { token: reads } = await hub.tokenOf("ana", "read");
    expect((await caller(hub, { token: reads })("POST", "/api/collections", { title: "y" })).status).toBe(403);
    const filled = await ana("POST", "/api/collections", { title: "With one", item: { type: "model", id: "ana/one" } });
    expect(ids(filled)).toEqual(["ana/one"]);
    expect(ids(await nobody("GET", at(String(filled.get("slug")))))).toEqual(["ana/one"]);
    expect((await nobody("GET", at(String(first.get("slug"))))).body).toMatchObject({ description: "For phones" });
  });

  type Name = (slug: string) => string;
  const whole: Name = (slug) => slug;

  const getting = async (named: Name) => {
    const slug = await collection({ private: true });
    expect((await ana("GET", at(named(slug)))).get("slug")).toBe(slug);
    const [hidden, missing] = [await ben("GET", at(named(slug))), await ben("GET", at("ana/nothing"))];
    expect([hidden.status, hidden.body]).toEqual([404, missing.body]);
    expect((await ben("GET", at(named(slug.replace("ana/", "ben/"))))).status).toBe(404);
  };

  const changing = async (named: Name) => {
    const slug = await collection();
    const change = (who: Call, body: object) => who("PATCH", at(named(slug)), body);
    expect((await change(ben, { title: "Mine" })).status).toBe(403);
    expect((await change(ana, { theme: "grey" })).status).toBe(400);
    const answer = await change(ana, { description: "new", private: true, theme: "green", position: 3 });
    expect(answer.get("data")).toMatchObject({ description: "new", private: true, theme: "green", position: 3 });
    expect((await nobody("GET", at(slug))).status).toBe(404);
    const other = await collection();
    const title = (await ana("GET", at(other))).get("title");
    expect((await change(ana, { title })).status).toBe(409);
  };

  const deleting = async (named: Name) => {
    const slug = await collection();
    expect((await ben("DELETE", at(named(slug)))).status).toBe(403);
    expect((await ana("DELETE", at(named(slug)))).status).toBe(200);
    expect((await ana("GET", at(slug))).status).toBe(404);
  };

  const adding = async (named: Name) => {
    const slug = await collection();
    const add = (who: Call, body: object) => who("POST", at(named(slug), "/items"), body);
    expect((await add(ben, model("one"))).status).toBe(403);
    await add(ana, { ...model("one"), note: "<b>best</b>" });
    await add(ana, { item: { type: "dataset", id: "ana/data" } });
    const full = await add(ana, model("hidden"));
    expect(ids(full)).toEqual(["ana/one", "ana/data", "ana/hidden"]);
    expect(items(full)[0]).toMatchObject({
      type: "model",
      position: 0,
      note: { text: "<b>best</b>", html: "&lt;b&gt;best&lt;/b&gt;" },
    });
    const again = await add(ana, model("one"));
    expect([again.status, again.get("slug")]).toEqual([409, slug]);
    expect((await add(ana, model("nothing"))).headers.get("x-error-code")).toBe("RepoNotFound");
    expect((await add(ana, { item: { type: "paper", id: "1706.03762" } })).status).toBe(501);
    expect((await add(ana, { ...model("two"), note: "x".repeat(501) })).status).toBe(400);
    expect((await add(ana, { item: { type: "collection", id: slug } })).status).toBe(400);
    expect(ids(await nobody("GET", at(slug)))).toEqual(["ana/one", "ana/data"]);
  };

  const ordering = async (named: Name) => {
    const slug = await collection();
    for (const name of ["one", "two", "three"]) await ana("POST", at(slug, "/items"), model(name));
    const [one, , three] = items(await ana("GET", at(slug)));
    const batch = (body: unknown, who = ana) => who("POST", at(named(slug), "/items/batch"), body);
    const update = (id: string | undefined, data: object) => ({ action: "update", _id: id, data });
    const both = [update(three?._id, { position: 0, note: "first" }), update(one?._id, { position: 2 })];
    expect((await batch(both, ben)).status).toBe(403);
    expect((await batch(both)).status).toBe(200);
    const after = await ana("GET", at(slug));
    expect(ids(after)).toEqual(["ana/three", "ana/two", "ana/one"]);
    expect(items(after).map(({ position }) => position)).toEqual([0, 1, 2]);
    expect(items(after)[0]?.note?.text).toBe("first");
    // All or none.
    expect((await batch([update(one?._id, { position: 0 }), update("0".repeat(24), {})])).status).toBe(404);
    expect(ids(await ana("GET", at(slug)))).toEqual(["ana/three", "ana/two", "ana/one"]);
    expect((await batch({})).status).toBe(400);
  };
  operation("GET /api/collections/{namespace}/{slug}", () => getting(short));
  operation("GET /api/collections/{namespace}/{slug}-{id}", () => getting(whole));
  operation("PATCH /api/collections/{namespace}/{slug}", () => changing(short));
  operation("PATCH /api/collections/{namespace}/{slug}-{id}", () => changing(whole));
  operation("DELETE /api/collections/{namespace}/{slug}", () => deleting(short));
  operation("DELETE /api/collections/{namespace}/{slug}-{id}", () => deleting(whole));
  operation("POST /api/collections/{namespace}/{slug}/items", () => adding(short));
  operation("POST /api/collections/{namespace}/{slug}-{id}/items", () => adding(whole));
  operation("POST /api/collections/{namespace}/{slug}/items/batch", () => ordering(short));
  operation("POST /api/collections/{namespace}/{slug}-{id}/items/batch", () => ordering(whole));

  const removing = async (named: Name) => {
    const slug = await collection();
    for (const name of ["one", "two"]) await ana("POST", at(slug, "/items"), model(name));
    const [one] = items(await ana("GET", at(slug)));
    const name = named(slug);
    expect((await ben("DELETE", at(name, `/items/${one?._id}`))).status).toBe(403);
    expect((await ana("DELETE", at(name, `/items/${one?._id}`))).status).toBe(200);
    expect((await ana("DELETE", at(name, `/items/${one?._id}`))).status).toBe(404);
    const left = await ana("GET", at(slug));
    expect(items(left).map(({ id, position }) => [id, position])).toEqual([["ana/two", 0]]);
  };
  operation("DELETE /api/collections/{namespace}/{slug}/items/{slug}", () => removing(short));
  operation("DELETE /api/collections/{namespace}/{slug}-{id}/items/{itemId}", () => removing(whole));

  it("holds other collections, as far as the caller sees them", async () => {
    const [outer, open, closed] = [await collection(), await collection(), await collection({ private: true })];
    for (const id of [open, closed]) await ana("POST", at(outer, "/items"), { item: { type: "collection", id } });
    const slugs = (answer: Answer) =>
      JSON.parse(JSON.stringify(answer.get("items"))).map(({ slug }: { slug: string }) => slug);
    expect(slugs(await ana("GET", at(outer)))).toEqual([open, closed]);
    expect(slugs(await nobody("GET", at(outer)))).toEqual([open]);
    expect(
      (await ben("POST", at(await collection({}, ben), "/items"), { item: { type: "collection", id: closed } })).status,
    ).toBe(404);
  });

  it("is upvoted once by each", async () => {
    const slug = await collection();
    for (const who of [ana, ana, ben]) expect((await who("POST", at(slug, "/upvote"))).status).toBe(200);
    expect((await ben("GET", at(slug))).body).toMatchObject({ upvotes: 2, isUpvotedByUser: true });
    await ben("DELETE", at(slug, "/upvote"));
    expect((await ben("GET", at(slug))).body).toMatchObject({ upvotes: 1, isUpvotedByUser: false });
    expect((await nobody("POST", at(slug, "/upvote"))).status).toBe(401);
  });
});

describe("lists", () => {
  operation("GET /api/collections", async () => {
    const [first, second] = [
      await collection({ title: "Needle one" }),
      await collection({ title: "Other", description: "a needle" }),
    ];
    const third = await collection({ title: "Needle three", private: true });
    for (const name of ["one", "two", "three", "four", "five"]) await ana("POST", at(first, "/items"), model(name));
    await ana("POST", at(second, "/items"), model("six"));
    await ben("POST", at(second, "/upvote"));
    const slugs = async (query: string, who = nobody) => {
      const { body } = await who("GET", `/api/collections?${query}`);
      return (Array.isArray(body) ? body : []).map(({ slug }: Listed) => slug);
    };
    expect(await slugs("q=needle&sort=lastModified")).toEqual([second, first]);
    expect(await slugs("q=needle")).toEqual([second, first]);
    expect((await slugs("q=needle", ana)).sort()).toEqual([first, second, third].sort());
    expect(await slugs("owner=ben&q=needle")).toEqual([]);
    expect(await slugs("owner=ANA&owner=ben&q=needle&sort=upvotes")).toEqual([second, first]);
    expect(await slugs("item=models/ana/six")).toEqual([second]);
    expect(await slugs("item=models/ana/hidden")).toEqual([]);
    expect((await nobody("GET", "/api/collections?item=papers/1")).status).toBe(400);
    const { body } = await nobody("GET", "/api/collections?q=needle");
    const rows: Record<string, unknown>[] = Array.isArray(body) ? body : [];
    expect(rows.every((row) => !("position" in row))).toBe(true);
    expect(rows.map(({ items: list }) => (Array.isArray(list) ? list.length : 0))).toEqual([1, 4]);
    const page = await nobody("GET", "/api/collections?q=needle&limit=1");
    const next = /^<(.*)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1] ?? "";
    expect(next).toContain("q=needle");
    expect((await nobody("GET", next.slice(hub.url.length))).body).toMatchObject([{ slug: first }]);
    expect(page.headers.get("access-control-expose-headers")).toContain("Link");
  });

  it("are what @huggingface/hub reads", async () => {
    const client = { hubUrl: hub.url, accessToken: token };
    const { slug } = await hf.createCollection({
      ...client,
      collection: { title: "From JavaScript", namespace: "ana", private: false, description: "made" },
    });
    await ana("POST", at(slug, "/items"), { ...model("one"), note: "good" });
    const found: unknown[] = [];
    for await (const one of hf.listCollections({ ...client, search: { owner: ["ana"], q: "JavaScript" }, limit: 5 }))
      found.push(one);
    expect(found).toMatchObject([
      { slug, title: "From JavaScript", items: [{ type: "model", id: "ana/one", note: { text: "good" } }] },
    ]);
    await hf.deleteCollection({ ...client, slug });
    expect((await ana("GET", at(slug))).status).toBe(404);
    await expect(hf.deleteCollection({ ...client, slug })).rejects.toMatchObject({ statusCode: 404 });
  });
});
