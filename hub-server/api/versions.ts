// Trees, paths, refs and commits of a repository.

import type { Context as HonoContext } from "hono";
import { z } from "zod";
import type { Context } from "../context.ts";
import { ServiceError } from "../errors.ts";
import { escaped } from "../escape-html.ts";
import type { Repo } from "../services/access.ts";
import { comparison } from "../services/changes.ts";
import { type Entry, pathsInfo } from "../services/files.ts";
import { lastCommits } from "../services/last-changes.ts";
import { createBranch, createTag, deleteRef, superSquash } from "../services/ref-changes.ts";
import { type CommitRow, listCommits, listRefs } from "../services/refs.ts";
import { type TreePage, treePage, treeSize } from "../services/tree-pages.ts";
import { xetHashes } from "../services/xet-files.ts";
import { limitOf, nextLink } from "./paging.ts";
import { avatarUrl } from "./people.ts";
import {
  defineRoute,
  type HubEnv,
  isTrue,
  jsonBody,
  LONG_TEXTS,
  ofEach,
  repoOf,
  splitRevision,
  wholeBody,
} from "./route.ts";
import { unifiedDiff } from "./unified-diff.ts";

/** Entries of a page; fewer where the last commit of each has to be found. */
const [PAGE, EXPANDED_PAGE] = [1000, 100];

/** A message's first line, and what follows it. */
function titled(message: string): { title: string; message: string } {
  const [title = "", ...rest] = message.split("\n");
  return { title, message: rest.join("\n").trim() };
}

const dateOf = ({ time }: CommitRow): string => new Date(time * 1000).toISOString();

/** A tree entry as clients read it. */
function wireEntry(entry: Entry, xetHashes: ReadonlyMap<string, string>): Record<string, unknown> {
  const { kind, path, id, size } = entry;
  if (kind === "directory" || entry.lfs === undefined) return { type: kind, path, oid: id, size };
  const { sha256, size: lfsSize, pointerSize } = entry.lfs;
  const xetHash = xetHashes.get(sha256);
  const lfs = { oid: sha256, size: lfsSize, pointerSize };
  return { type: kind, path, oid: id, size, lfs, ...(xetHash !== undefined && { xetHash }) };
}

/** Nobody has looked: saying "safe" would be a promise. */
const UNSCANNED = { status: "unscanned", avScan: null, pickleImportScan: null };

/** Entries with the commit that last touched each, if they are asked for so. */
async function wireAll(
  ctx: Context,
  { repo, commit, entries }: { repo: Repo; commit: CommitRow | undefined; entries: readonly Entry[] },
  expand: boolean,
): Promise<Record<string, unknown>[]> {
  const large = entries.flatMap((entry) =>
    entry.kind === "file" && entry.lfs !== undefined ? [entry.lfs.sha256] : [],
  );
  const hashes = await xetHashes(ctx, repo.id, large);
  const wire = (entry: Entry) => wireEntry(entry, hashes);
  if (!expand || commit === undefined) return entries.map(wire);
  const paths = entries.map(({ path }) => path);
  const last = await lastCommits(ctx, repo, commit, paths);
  return entries.map((entry) => {
    const touched = last.get(entry.path);
    return {
      ...wire(entry),
      lastCommit: touched && { id: touched.id, title: titled(touched.message).title, date: dateOf(touched) },
      ...(entry.kind === "file" && { securityFileStatus: UNSCANNED }),
    };
  });
}

const tree = defineRoute({
  operation: "listTree",
  answers: ofEach("GET", "tree/{rev}/{path}"),
  method: "GET",
  path: "/api/:type/:namespace/:name/tree/*",
  access: "read",
  summary: "Files and folders of a revision",
  query: {
    recursive: "true for what lies in folders, too",
    expand: "true for the commit that last touched each entry",
    limit: "Entries of a page",
    cursor: "Where the page begins, from the Link of the one before",
  },
  handle: async (c, ctx) => {
    const expand = isTrue(c.req.query("expand"));
    const most = expand ? EXPANDED_PAGE : PAGE;
    const limit = limitOf(c, most);
    const cursor = c.req.query("cursor");
    const after = cursor === undefined ? undefined : Buffer.from(cursor, "base64url").toString("utf8");
    const page = await treeOf(c, (revision, path) =>
      treePage(ctx, repoOf(c), revision, path, { recursive: isTrue(c.req.query("recursive")), after, limit }),
    );
    const { commit, next } = page;
    const link = next === undefined ? undefined : nextLink(c, Buffer.from(next).toString("base64url"));
    const headers = { ...(commit && { "X-Repo-Commit": commit.id }), ...(link !== undefined && { Link: link }) };
    return c.json(await wireAll(ctx, page, expand), 200, headers);
  },
});

/** JavaScript's client sends the slashes of a branch's name as they are: the shortest name that there is counts. */
async function treeOf(
  c: HonoContext<HubEnv>,
  list: (revision: string, path: string) => Promise<TreePage>,
): Promise<TreePage> {
  const { revision, path } = splitRevision(c);
  let failure: unknown;
  const segments = path === "" ? [] : path.split("/");
  for (let taken = 0; taken <= Math.min(segments.length, 4); taken++) {
    try {
      return await list([revision, ...segments.slice(0, taken)].join("/"), segments.slice(taken).join("/"));
    } catch (error) {
      failure ??= error;
      if (!(error instanceof ServiceError && error.wireCode === "RevisionNotFound")) throw error;
    }
  }
  throw failure;
}

const size = defineRoute({
  operation: "getTreeSize",
  answers: ofEach("GET", "treesize/{rev}/{path}"),
  method: "GET",
  path: "/api/:type/:namespace/:name/treesize/*",
  access: "read",
  summary: "Bytes of all files under a path",
  handle: async (c, ctx) => {
    const { revision, path } = splitRevision(c);
    return c.json({ path: `/${path}`, size: await treeSize(ctx, repoOf(c), revision, path) });
  },
});

const pathsSchema = z.object({ paths: z.union([z.string(), z.array(z.string())]), expand: z.unknown().optional() });

const paths = defineRoute({
  operation: "getPathsInfo",
  answers: ofEach("POST", "paths-info/{rev}"),
  method: "POST",
  path: "/api/:type/:namespace/:name/paths-info/*",
  access: "read",
  summary: "Entries of given paths; those that do not exist are left out",
  body: pathsSchema,
  handle: async (c, ctx) => {
    const isJson = c.req.header("content-type")?.includes("json") === true;
    const asked = isJson ? await jsonBody(c, pathsSchema, LONG_TEXTS) : await formBody(c);
    const list = typeof asked.paths === "string" ? [asked.paths] : asked.paths;
    const found = await pathsInfo(ctx, repoOf(c), restOf(c), list);
    return c.json(await wireAll(ctx, found, isTrue(asked.expand)));
  },
});

/** Characters of a form; two thousand paths of the longest fit. */
const FORM_LIMIT = 8 * 1024 * 1024;

async function formBody(c: HonoContext<HubEnv>): Promise<z.infer<typeof pathsSchema>> {
  const form = new URLSearchParams((await wholeBody(c, FORM_LIMIT)).toString("utf8"));
  return { paths: form.getAll("paths"), expand: form.get("expand") ?? undefined };
}

const refs = defineRoute({
  operation: "listRefs",
  answers: ofEach("GET", "refs"),
  method: "GET",
  path: "/api/:type/:namespace/:name/refs",
  access: "read",
  summary: "Branches and tags",
  query: { include_prs: "1 for the refs of pull requests, too" },
  handle: async (c, ctx) => {
    const { pullRequests, ...lists } = await listRefs(ctx, repoOf(c));
    return c.json({ ...lists, ...(isTrue(c.req.query("include_prs")) && { pullRequests }) });
  },
});

const commits = defineRoute({
  operation: "listCommits",
  answers: ofEach("GET", "commits/{rev}"),
  method: "GET",
  path: "/api/:type/:namespace/:name/commits/*",
  access: "read",
  summary: "Commits behind a revision, newest first",
  query: { limit: "Commits of a page", p: "Number of the page, from 0", expand: "formatted for titles as HTML" },
  handle: async (c, ctx) => {
    const limit = limitOf(c, 50, 1000);
    const page = Math.min(Math.max(0, Math.floor(Number(c.req.query("p") ?? 0)) || 0), 1_000_000);
    const asked = [...(c.req.queries("expand") ?? []), ...(c.req.queries("expand[]") ?? [])];
    const formatted = asked.some((names) => names.split(",").includes("formatted"));
    const window = { limit, offset: limit * page };
    const { commits: rows, total } = await listCommits(ctx, repoOf(c), restOf(c), window);
    const more = window.offset + rows.length < total;
    const headers = { "X-Total-Count": `${total}`, ...(more && { Link: nextLink(c, `${page + 1}`, "p") }) };
    const list = rows.map((commit) => {
      const said = titled(commit.message);
      const avatar = avatarUrl(c, { name: commit.authorName });
      return {
        id: commit.id,
        ...said,
        date: dateOf(commit),
        authors: [{ user: commit.authorName, avatar }],
        parents: commit.parents,
        ...(formatted && { formatted: { title: escaped(said.title), message: escaped(said.message) } }),
      };
    });
    return c.json(list, 200, headers);
  },
});

const compare = defineRoute({
  operation: "compare",
  answers: ofEach("GET", "compare/{compare}"),
  method: "GET",
  path: "/api/:type/:namespace/:name/compare/*",
  access: "content",
  summary: "What changed from a to b (a..b), or in b since they parted (a...b), as git's unified diff",
  handle: async (c, ctx) => {
    const { files, more, from, to } = await comparison(ctx, repoOf(c), restOf(c));
    const headers = { "Content-Type": "text/plain; charset=utf-8", "X-Compare-From": from.id, "X-Compare-To": to.id };
    return c.body(await unifiedDiff(files, more), 200, headers);
  },
});

const branchSchema = z.object({
  startingPoint: z.string().nullish(),
  emptyBranch: z.boolean().nullish(),
  overwrite: z.boolean().nullish(),
});
const tagSchema = z.object({
  tag: z.string(),
  message: z
    .string()
    .max(64 * 1024)
    .nullish(),
});
const squashSchema = z.object({
  message: z
    .string()
    .max(64 * 1024)
    .nullish(),
});

const postBranch = defineRoute({
  operation: "createBranch",
  answers: ofEach("POST", "branch/{rev}"),
  method: "POST",
  path: "/api/:type/:namespace/:name/branch/*",
  access: "write",
  summary: "Make a branch",
  body: branchSchema,
  handle: async (c, ctx) => {
    const { startingPoint, emptyBranch, overwrite } = await jsonBody(c, branchSchema);
    await createBranch(ctx, repoOf(c), {
      name: restOf(c),
      startingPoint: startingPoint ?? undefined,
      empty: emptyBranch ?? false,
      overwrite: overwrite ?? false,
    });
    return c.json({ success: true }, 201);
  },
});

const deleteBranch = defineRoute({
  operation: "deleteBranch",
  answers: ofEach("DELETE", "branch/{rev}"),
  method: "DELETE",
  path: "/api/:type/:namespace/:name/branch/*",
  access: "write",
  summary: "Delete a branch",
  handle: async (c, ctx) => {
    await deleteRef(ctx, repoOf(c), { kind: "branch", name: restOf(c) });
    return c.json({ success: true });
  },
});

const postTag = defineRoute({
  operation: "createTag",
  answers: ofEach("POST", "tag/{rev}"),
  method: "POST",
  path: "/api/:type/:namespace/:name/tag/*",
  access: "write",
  summary: "Tag a revision; with a message, as an object of its own in git",
  body: tagSchema,
  handle: async (c, ctx) => {
    const { tag, message } = await jsonBody(c, tagSchema);
    await createTag(ctx, repoOf(c), { name: tag, revision: restOf(c), message: message ?? undefined });
    return c.json({ success: true }, 201);
  },
});

const deleteTag = defineRoute({
  operation: "deleteTag",
  answers: ofEach("DELETE", "tag/{rev}"),
  method: "DELETE",
  path: "/api/:type/:namespace/:name/tag/*",
  access: "write",
  summary: "Delete a tag",
  handle: async (c, ctx) => {
    await deleteRef(ctx, repoOf(c), { kind: "tag", name: restOf(c) });
    return c.json({ success: true });
  },
});

const squash = defineRoute({
  operation: "superSquash",
  answers: ofEach("POST", "super-squash/{rev}"),
  method: "POST",
  path: "/api/:type/:namespace/:name/super-squash/*",
  access: "write",
  summary: "Make the history of a branch one commit with the same files",
  body: squashSchema,
  handle: async (c, ctx) => {
    const { message } = await jsonBody(c, squashSchema);
    const commitOid = await superSquash(ctx, repoOf(c), restOf(c), message ?? undefined);
    return c.json({ success: true, commitOid });
  },
});

/** Everything where the route has its star, slashes of branch names included. */
function restOf(c: HonoContext<HubEnv>): string {
  const { revision, path } = splitRevision(c);
  return path === "" ? revision : `${revision}/${path}`;
}

export const versionRoutes = [
  tree,
  size,
  paths,
  refs,
  commits,
  compare,
  postBranch,
  deleteBranch,
  postTag,
  deleteTag,
  squash,
];
