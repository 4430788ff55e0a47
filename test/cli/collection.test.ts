// Collections from the command line against a real hub: made, filled, shown, changed, emptied and deleted; found over pages.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { createCollection, createOrganization, createRepo, parseRepoId } from "../../src/hub/index.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { type Ran, runCommand } from "./run-command.ts";

let home: string;
let hub: TestHub;
let bob: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-collections-"));
  hub = await testHub();
  const token = await hub.user("ana");
  bob = await hub.user("bob");
  vi.stubEnv("ABRAZO_ENDPOINT", hub.url);
  vi.stubEnv("ABRAZO_TOKEN", token);
  vi.stubEnv("XDG_CONFIG_HOME", join(home, "config"));
  const access = { endpoint: hub.url, token };
  for (const name of ["ana/mood", "datasets/ana/reviews", "datasets/ana/mood"])
    await createRepo(access, parseRepoId(name));
  await createOrganization(access, "team");
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

const collection = (...words: readonly string[]): Promise<Ran> => runCommand("collection", ...words);
const said = async (...words: readonly string[]): Promise<string> => (await collection(...words)).words;

/** Makes a collection and returns its slug. */
async function made(...words: readonly string[]): Promise<string> {
  const { document } = await collection("create", ...words);
  return (document as { slug: string }).slug; // safe because the command's document is the collection
}

it("is made, once or where there is none", async () => {
  const slug = await made("Small models", "--description", "What fits");
  expect(slug).toMatch(/^ana\/small-models-[0-9a-f]{24}$/);
  await expect(collection("create", "Small models")).rejects.toMatchObject({ code: "HUB_COLLECTION_EXISTS" });
  const again = await collection("create", "Small models", "--exist-ok");
  expect(again.document).toMatchObject({ slug, created: false });
  expect(again.words).toBe(`${hub.url}/collections/${slug} exists already.`);
  expect(await made("Ours", "--owner", "team", "--private")).toMatch(/^team\/ours-/);
  expect(await said("ls", "--owner", "team")).toMatch(/^SLUG.*\nteam\/ours-\S+ +owner +0 +\S+ \S+ +Ours$/);
  await expect(collection("create", "Theirs", "--owner", "bob")).rejects.toMatchObject({ data: { status: 403 } });
  await expect(collection("create", "x".repeat(61))).rejects.toMatchObject({ data: { status: 400 } });
});

it("takes repositories and collections, with notes, and gives them back by name or by id", async () => {
  const slug = await made("Mixed");
  const other = await made("Other");
  expect(await said("add", slug, "ana/mood", "--note", "The\nfirst.")).toBe(`Added ana/mood to ${slug}`);
  await collection("add", `${hub.url}/collections/${slug}`, "datasets/ana/mood");
  await collection("add", slug, "ana/reviews", "--type", "dataset");
  await collection("add", slug, other, "--type", "collection");
  expect(await said("view", slug)).toMatch(
    new RegExp(
      `^Mixed\n${hub.url}/collections/${slug}\nseen by all, changed \\S+ \\S+\n\nITEM +TYPE +NOTE\nana/mood +model +The first\\.\n` +
        `datasets/ana/mood +dataset\ndatasets/ana/reviews +dataset\n${other} +collection$`,
    ),
  );
  await expect(collection("add", slug, "ana/mood")).rejects.toMatchObject({ code: "HUB_ITEM_EXISTS" });
  expect(await said("add", slug, "ana/mood", "--exist-ok")).toBe(`ana/mood is in ${slug} already.`);
  await expect(collection("add", slug, "ana/none")).rejects.toMatchObject({ code: "HUB_REPO_NOT_FOUND" });
  await expect(collection("remove", slug, "ana/moods")).rejects.toMatchObject({
    code: "ITEM_NOT_FOUND",
    hint: 'Did you mean "ana/mood"?',
  });
  expect(await said("remove", slug, "ana/mood", "--type", "dataset")).toBe(`Took datasets/ana/mood out of ${slug}`);
  expect(await said("remove", slug, other)).toBe(`Took ${other} out of ${slug}`);
  expect(await said("remove", slug, "ana/mood")).toBe(`Took ana/mood out of ${slug}`);
  const { document } = await collection("view", slug);
  const { items } = document as { items: { _id: string; id: string }[] }; // safe because the command's document is the collection
  expect(items).toMatchObject([{ id: "ana/reviews" }]);
  await collection("remove", slug, items[0]?._id ?? "");
  expect(await said("view", slug)).toMatch(/\n\nIt is empty\.$/);
});

it("says something else of an item, and puts it elsewhere", async () => {
  const slug = await made("Ordered");
  for (const name of ["ana/mood", "datasets/ana/mood", "datasets/ana/reviews"]) await collection("add", slug, name);
  const rows = async () => (await said("view", slug)).split("\n").slice(5);
  expect(await said("edit-item", slug, "ana/reviews", "--type", "dataset", "--position", "1")).toBe(
    `Changed datasets/ana/reviews in ${slug}`,
  );
  await collection("edit-item", slug, "datasets/ana/mood", "--note", "In the end.", "--position", "3");
  expect(await rows()).toEqual([
    expect.stringMatching(/^datasets\/ana\/reviews +dataset$/),
    expect.stringMatching(/^ana\/mood +model$/),
    expect.stringMatching(/^datasets\/ana\/mood +dataset +In the end\.$/),
  ]);
  const [, , last] = ((await collection("view", slug)).document as { items: { _id: string }[] }).items; // safe because the command's document is the collection
  await collection("edit-item", slug, last?._id ?? "", "--note", "");
  expect((await rows()).join()).not.toContain("In the end.");
  await expect(collection("edit-item", slug, "ana/other", "--note", "x")).rejects.toMatchObject({
    code: "ITEM_NOT_FOUND",
  });
  await expect(collection("edit-item", slug, "ana/mood", "--note", "x".repeat(501))).rejects.toMatchObject({
    data: { status: 400 },
  });
  await expect(collection("edit-item", slug, "ana/mood", "--note", "x", "--token", bob)).rejects.toMatchObject({
    data: { status: 403 },
  });
  await collection("delete", slug, "--yes");
});

it("is changed under its name, which leads to the new one, and deleted for good", async () => {
  const slug = await made("Before");
  const edited = await collection("edit", slug, "--title", "After", "--description", "Why", "--private");
  expect(edited.document).toMatchObject({ title: "After", description: "Why", private: true });
  expect(await said("view", slug)).toMatch(/^After\nWhy\n\S+\/ana\/after-\S+\nseen by its owner,/);
  await expect(collection("view", slug, "--token", bob)).rejects.toMatchObject({ code: "HUB_COLLECTION_NOT_FOUND" });
  await collection("edit", slug, "--public", "--description", "");
  expect(await said("view", slug, "--token", bob)).toMatch(/^After\n\S+\nseen by all,/);
  await expect(collection("edit", slug, "--title", "Taken", "--token", bob)).rejects.toMatchObject({
    data: { status: 403 },
  });
  await expect(collection("delete", slug)).rejects.toMatchObject({ code: "USAGE" });
  expect(await said("delete", slug, "--yes")).toBe(`Deleted ${slug}`);
  await expect(collection("view", slug)).rejects.toMatchObject({ code: "HUB_COLLECTION_NOT_FOUND" });
});

it("is found by its words, its owner and what it holds, over as many pages as there are", async () => {
  const access = { endpoint: hub.url, token: bob };
  for (let number = 0; number < 103; number++) await createCollection(access, `Shelf ${number}`);
  const count = async (...words: readonly string[]) => {
    const { document } = await collection("ls", ...words);
    return Array.isArray(document) && new Set(document.map(({ slug }) => slug)).size;
  };
  expect(await count("--owner", "bob")).toBe(100);
  expect(await count("--owner", "bob", "--limit", "1000")).toBe(103);
  expect(await count("--owner", "bob", "--owner", "team", "-n", "1000")).toBe(104);
  expect(await count("Shelf 10", "-n", "3")).toBe(3);
  const slug = await made("Held");
  await collection("add", slug, "datasets/ana/reviews");
  expect(await said("ls", "--item", "datasets/ana/reviews", "--sort", "lastModified")).toMatch(
    new RegExp(`^SLUG.*\n${slug} [^\n]*Held$`),
  );
  expect(await said("ls", "no such words")).toBe("There are none.");
});

it.each([
  [["view", "small"], "Give it as NS/SLUG; abrazo collection ls shows them."],
  [["ls", "--sort", "upvote"], 'Did you mean "upvotes"?'],
  [["add", "ana/x", "ana/mood", "--type", "modle"], 'Did you mean "model"?'],
  [["edit", "ana/x"], "Pass --title, --description, --private or --public."],
  [["edit", "ana/x", "--private", "--public"], "Pass one of them."],
  [["edit-item", "ana/x", "ana/mood"], "Pass --note or --position."],
])("refuses %j", async (words, hint) => {
  await expect(collection(...words)).rejects.toMatchObject({ code: "USAGE", hint });
});
