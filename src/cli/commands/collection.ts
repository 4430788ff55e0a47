// abrazo collection: repositories that somebody gathered, with notes.
import { AbrazoError, suggestion } from "../../errors.ts";
import {
  addCollectionItem,
  type Collection,
  type CollectionItem,
  createCollection,
  deleteCollection,
  deleteCollectionItem,
  getCollection,
  listCollections,
  updateCollectionItem,
  updateCollectionMetadata,
} from "../../hub/collections.ts";
import { fullName, plural, REPO_TYPES, type RepoId } from "../../hub/repo-id.ts";
import type { HubAccess } from "../../hub/request.ts";
import { readAccess, writeAccess } from "../access.ts";
import { defineCommand, HUB_FLAGS } from "../command.ts";
import { oneOf, repoId, repoType, requireYes, usage } from "../repository.ts";
import { shortDate, table } from "../table.ts";

const SLUG = { name: "SLUG", summary: "The collection, as collection ls shows it" } as const;
const SORTS = ["lastModified", "trending", "upvotes"] as const;
const ITEM_TYPES = [...REPO_TYPES, "collection"] as const;
const ITEM_TYPE_FLAG = {
  type: { type: "string", value: ITEM_TYPES.join("|"), summary: "What is named; model when left out" },
} as const;
const ABOUT_FLAGS = {
  description: { type: "string", value: "TEXT", summary: "What it is for" },
  private: { type: "boolean", summary: "Only its owner sees it" },
} as const;

/** "ana/small-models-64f9…", also as the address of its page has it. */
function slugOf(text = ""): string {
  const slug = /^(?:https?:\/\/[^/]+\/)?(?:collections\/)?([^/\s?#]+\/[^/\s?#]+)$/.exec(text)?.[1];
  if (slug !== undefined) return slug;
  throw usage(`"${text}" is no collection.`, "Give it as NS/SLUG; abrazo collection ls shows them.");
}

const pageOf = ({ endpoint }: HubAccess, slug: string): string => `${endpoint}/collections/${slug}`;

/** What an item is called in the commands that take one. */
function nameOf({ id, type, slug }: Pick<CollectionItem, "id" | "type" | "slug">): string {
  const repo = REPO_TYPES.find((one) => one === type);
  return repo === undefined || repo === "model" ? (slug ?? id) : `${plural(repo)}/${id}`;
}

const fullPath = (id: RepoId): string => `${plural(id.type)}/${fullName(id)}`;

export const collectionLs = defineCommand({
  name: "collection ls",
  summary: "List collections of a hub.",
  args: [{ name: "WORDS", summary: "Part of the title or the description", optional: true }],
  flags: {
    ...HUB_FLAGS,
    owner: { type: "string", many: true, value: "USER|ORG", summary: "Only those of an owner; may be given again" },
    item: {
      type: "string",
      many: true,
      value: "NS/NAME",
      summary: "Only those that hold a model, datasets/NS/NAME or spaces/NS/NAME; may be given again",
    },
    sort: { type: "string", value: SORTS.join("|"), summary: "Order; trending when left out" },
    limit: { type: "number", short: "n", whole: true, least: 1, summary: "How many at most; 100 when left out" },
  },
  examples: ["abrazo collection ls --owner ana", "abrazo collection ls --item datasets/ana/reviews --sort upvotes"],
  run: async ({ args: [search], flags, ui }) => {
    const item = flags.item?.map((name) => fullPath(repoId(name)));
    const sort = flags.sort === undefined ? undefined : oneOf("--sort", flags.sort, SORTS);
    const wanted = { search, owner: flags.owner, item, sort, limit: flags.limit ?? 100 };
    const found = await listCollections(readAccess(flags), wanted);
    ui.result(found, table(["SLUG", "SEEN BY", "UPVOTES", "CHANGED", "TITLE"], found.map(rowOf), "There are none."));
  },
});

const rowOf = ({ slug, private: hidden, upvotes = 0, lastUpdated, title }: Collection): string[] => [
  ...[slug, hidden ? "owner" : "all", `${upvotes}`, shortDate(lastUpdated), title],
];

export const collectionView = defineCommand({
  name: "collection view",
  summary: "Show a collection with what it holds.",
  args: [SLUG],
  flags: HUB_FLAGS,
  examples: ["abrazo collection view ana/small-models-65f0a1b2c3d4e5f601234567"],
  run: async ({ args: [name], flags, ui }) => {
    const access = readAccess(flags);
    const found = await getCollection(access, slugOf(name));
    const { slug, title, description, private: hidden, lastUpdated, items } = found;
    const head = [title, ...(description ? [description] : []), pageOf(access, slug)];
    const seen = `seen by ${hidden ? "its owner" : "all"}, changed ${shortDate(lastUpdated)}`;
    const rows = items.map((item) => [nameOf(item), item.type, item.note?.text.replaceAll(/\s+/g, " ") ?? ""]);
    const body = table(["ITEM", "TYPE", "NOTE"], rows, "It is empty.");
    ui.result(found, `${[...head, seen].join("\n")}\n\n${body}`);
  },
});

export const collectionCreate = defineCommand({
  name: "collection create",
  summary: "Make a collection.",
  args: [{ name: "TITLE", summary: "What it is called; 60 characters at most" }],
  flags: {
    ...HUB_FLAGS,
    ...ABOUT_FLAGS,
    owner: { type: "string", value: "ORG", summary: "Whose it is; yours when left out" },
    "exist-ok": { type: "boolean", summary: "It is fine when there is one of that title already" },
  },
  examples: [
    'abrazo collection create "Small models"',
    'abrazo collection create "Small models" --owner team --description "What fits in 1 GB" --private',
  ],
  run: async ({ args: [title = ""], flags, ui }) => {
    const access = writeAccess(flags);
    const { owner: namespace, description, private: isPrivate, "exist-ok": existOk } = flags;
    const made = await createCollection(access, title, { namespace, description, isPrivate, existOk });
    const url = pageOf(access, made.slug);
    ui.result({ ...made, url }, made.created ? `Created ${url}` : `${url} exists already.`);
  },
});

export const collectionAdd = defineCommand({
  name: "collection add",
  summary: "Put a repository, or another collection, into a collection.",
  args: [SLUG, { name: "NS/NAME", summary: "What is put into it" }],
  flags: {
    ...HUB_FLAGS,
    ...ITEM_TYPE_FLAG,
    note: { type: "string", value: "TEXT", summary: "What is to be said of it; 500 characters at most" },
    "exist-ok": { type: "boolean", summary: "It is fine when it is there already" },
  },
  examples: [
    'abrazo collection add ana/small-models-65f0a1b2c3d4e5f601234567 ana/mood --note "The smallest."',
    "abrazo collection add ana/small-models-65f0a1b2c3d4e5f601234567 datasets/ana/reviews",
  ],
  run: async ({ args: [name, what], flags, ui }) => {
    const access = writeAccess(flags);
    const slug = slugOf(name);
    const item = itemOf(what, flags.type);
    const added = await addCollectionItem(access, slug, { ...item, note: flags.note }, { existOk: flags["exist-ok"] });
    const told = nameOf(item);
    ui.result({ slug, item, added }, added ? `Added ${told} to ${slug}` : `${told} is in ${slug} already.`);
  },
});

type ItemType = (typeof ITEM_TYPES)[number];

/** What a name means: with --type collection a slug, else a repository. */
function itemOf(name: string | undefined, type: string | undefined): { id: string; type: ItemType } {
  if (oneOf("--type", type ?? "model", ITEM_TYPES) === "collection") return { id: slugOf(name), type: "collection" };
  const id = repoId(name, repoType(type));
  return { id: fullName(id), type: id.type };
}

/** An item by its name, as collection view shows it, or by its `_id`. */
async function findItem(access: HubAccess, slug: string, what: string, type?: string): Promise<CollectionItem> {
  const { items } = await getCollection(access, slug);
  const wanted = type === undefined ? what : nameOf(itemOf(what, type));
  const found = items.find((item) => item._id === what || nameOf(item) === wanted);
  if (found !== undefined) return found;
  throw new AbrazoError({
    code: "ITEM_NOT_FOUND",
    message: `${what} is not in ${slug}.`,
    hint: items.length === 0 ? "It is empty." : suggestion(what, items.map(nameOf)),
    data: { slug },
  });
}

export const collectionRemove = defineCommand({
  name: "collection remove",
  summary: "Take a repository, or another collection, out of a collection.",
  args: [SLUG, { name: "NS/NAME", summary: "What is taken out, as collection view shows it, or its _id" }],
  flags: { ...HUB_FLAGS, ...ITEM_TYPE_FLAG },
  examples: ["abrazo collection remove ana/small-models-65f0a1b2c3d4e5f601234567 datasets/ana/reviews"],
  run: async ({ args: [name, what = ""], flags, ui }) => {
    const access = writeAccess(flags);
    const slug = slugOf(name);
    const found = await findItem(access, slug, what, flags.type);
    await deleteCollectionItem(access, slug, found._id);
    ui.result({ slug, removed: found._id, id: found.id }, `Took ${nameOf(found)} out of ${slug}`);
  },
});

export const collectionEdit = defineCommand({
  name: "collection edit",
  summary: "Change what a collection says of itself, or who sees it. Its old name leads to the new one.",
  args: [SLUG],
  flags: {
    ...HUB_FLAGS,
    title: { type: "string", value: "TEXT", summary: "What it is called" },
    ...ABOUT_FLAGS,
    public: { type: "boolean", summary: "Everybody sees it" },
  },
  examples: ['abrazo collection edit ana/small-models-65f0a1b2c3d4e5f601234567 --title "Tiny models" --public'],
  run: async ({ args: [name], flags, ui }) => {
    const { title, description, private: hidden, public: shown } = flags;
    if (hidden === true && shown === true)
      throw usage("--private and --public contradict each other.", "Pass one of them.");
    const isPrivate = hidden === true ? true : shown === true ? false : undefined;
    if (title === undefined && description === undefined && isPrivate === undefined)
      throw usage("Nothing is to be changed.", "Pass --title, --description, --private or --public.");
    const access = writeAccess(flags);
    const after = await updateCollectionMetadata(access, slugOf(name), { title, description, isPrivate });
    ui.result(after, `Changed ${pageOf(access, after.slug)}`);
  },
});

export const collectionEditItem = defineCommand({
  name: "collection edit-item",
  summary: "Change what a collection says of something in it, or where it stands.",
  args: [SLUG, { name: "NS/NAME", summary: "The item, as collection view shows it, or its _id" }],
  flags: {
    ...HUB_FLAGS,
    ...ITEM_TYPE_FLAG,
    note: { type: "string", value: "TEXT", summary: 'What is to be said of it; 500 characters at most, "" for none' },
    position: { type: "number", whole: true, least: 1, summary: "Its place; 1 is the first" },
  },
  examples: [
    'abrazo collection edit-item ana/small-models-65f0a1b2c3d4e5f601234567 ana/mood --note "The best." --position 1',
  ],
  run: async ({ args: [name, what = ""], flags, ui }) => {
    const { note, position } = flags;
    if (note === undefined && position === undefined)
      throw usage("Nothing is to be changed.", "Pass --note or --position.");
    const access = writeAccess(flags);
    const slug = slugOf(name);
    const item = await findItem(access, slug, what, flags.type);
    const place = position === undefined ? undefined : position - 1;
    await updateCollectionItem(access, slug, item._id, { note, position: place });
    ui.result({ slug, changed: item._id, id: item.id }, `Changed ${nameOf(item)} in ${slug}`);
  },
});

export const collectionDelete = defineCommand({
  name: "collection delete",
  summary: "Delete a collection. What it held stays.",
  args: [SLUG],
  flags: { ...HUB_FLAGS, yes: { type: "boolean", summary: "Do not ask" } },
  examples: ["abrazo collection delete ana/small-models-65f0a1b2c3d4e5f601234567 --yes"],
  run: async ({ args: [name], flags, ui }) => {
    const slug = slugOf(name);
    requireYes(flags.yes, slug);
    await deleteCollection(writeAccess(flags), slug);
    ui.result({ deleted: slug }, `Deleted ${slug}`);
  },
});
