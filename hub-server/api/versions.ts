// Trees, paths, refs and commits of a repository.

import type { Context as HonoContext } from "hono";
import { z } from "zod";
import { type Entry, listTree, pathsInfo } from "../services/files.ts";
import { createRef, deleteRef, listCommits, listRefs } from "../services/refs.ts";
import { defineRoute, type HubEnv, jsonBody, originOf, repoOf, splitRevision } from "./route.ts";

const PAGE = 1000;

/** A tree entry as clients read it. */
function wire(entry: Entry): Record<string, unknown> {
  const { kind, path, id, size } = entry;
  if (kind === "directory" || entry.lfs === undefined) return { type: kind, path, oid: id, size };
  const { sha256, size: lfsSize, pointerSize } = entry.lfs;
  return { type: kind, path, oid: id, size, lfs: { oid: sha256, size: lfsSize, pointerSize } };
}

const tree = defineRoute({
  operation: "listTree",
  method: "GET",
  path: "/api/:type/:namespace/:name/tree/*",
  access: "read",
  summary: "Files and folders of a revision",
  handle: async (c, ctx) => {
    const { revision, path } = splitRevision(c, "tree");
    const recursive = ["true", "True", "1"].includes(c.req.query("recursive") ?? "");
    const { entries, commit } = await listTree(ctx, repoOf(c), revision, path, { recursive });
    const start = Number(c.req.query("cursor") ?? 0) || 0;
    const headers: Record<string, string> = commit === undefined ? {} : { "X-Repo-Commit": commit.id };
    if (start + PAGE < entries.length) {
      const next = new URL(c.req.url);
      next.searchParams.set("cursor", `${start + PAGE}`);
      headers["Link"] = `<${originOf(c)}${next.pathname}${next.search}>; rel="next"`;
    }
    return c.json(entries.slice(start, start + PAGE).map(wire), 200, headers);
  },
});

const pathsSchema = z.object({ paths: z.union([z.string(), z.array(z.string())]), expand: z.unknown().optional() });

const paths = defineRoute({
  operation: "getPathsInfo",
  method: "POST",
  path: "/api/:type/:namespace/:name/paths-info/*",
  access: "read",
  summary: "Entries of given paths; those that do not exist are left out",
  body: pathsSchema,
  handle: async (c, ctx) => {
    const { revision } = splitRevision(c, "paths-info");
    const asked = c.req.header("content-type")?.includes("json")
      ? (await jsonBody(c, pathsSchema)).paths
      : await formPaths(c);
    const list = typeof asked === "string" ? [asked] : asked;
    return c.json((await pathsInfo(ctx, repoOf(c), revision, list)).map(wire));
  },
});

async function formPaths(c: HonoContext<HubEnv>): Promise<string[]> {
  return new URLSearchParams(await c.req.text()).getAll("paths");
}

const refs = defineRoute({
  operation: "listRefs",
  method: "GET",
  path: "/api/:type/:namespace/:name/refs",
  access: "read",
  summary: "Branches and tags",
  handle: async (c, ctx) => {
    const { branches, tags } = await listRefs(ctx, repoOf(c));
    return c.json({ branches, converts: [], tags, pullRequests: [] });
  },
});

const commits = defineRoute({
  operation: "listCommits",
  method: "GET",
  path: "/api/:type/:namespace/:name/commits/*",
  access: "read",
  summary: "Commits behind a revision, newest first",
  handle: async (c, ctx) => {
    const { revision } = splitRevision(c, "commits");
    const limit = Math.min(Number(c.req.query("limit") ?? 50) || 50, 1000);
    const offset = limit * (Number(c.req.query("p") ?? 0) || 0);
    const { commits: rows, total } = await listCommits(ctx, repoOf(c), revision, { limit, offset });
    const headers: Record<string, string> = { "X-Total-Count": `${total}` };
    if (offset + rows.length < total) {
      const next = new URL(c.req.url);
      next.searchParams.set("p", `${offset / limit + 1}`);
      headers["Link"] = `<${originOf(c)}${next.pathname}${next.search}>; rel="next"`;
    }
    const list = rows.map(({ id, message, time, authorName }) => {
      const [title = "", ...rest] = message.split("\n");
      const body = rest.join("\n").trim();
      return {
        id,
        title,
        message: body,
        date: new Date(time * 1000).toISOString(),
        authors: [{ user: authorName }],
        formatted: { title, message: body },
      };
    });
    return c.json(list, 200, headers);
  },
});

const branchSchema = z.object({
  startingPoint: z.string().nullish(),
  emptyBranch: z.boolean().optional(),
  overwrite: z.boolean().optional(),
});
const tagSchema = z.object({ tag: z.string(), message: z.string().nullish() });

const createBranch = defineRoute({
  operation: "createBranch",
  method: "POST",
  path: "/api/:type/:namespace/:name/branch/*",
  access: "write",
  summary: "Make a branch",
  body: branchSchema,
  handle: async (c, ctx) => {
    const { startingPoint } = await jsonBody(c, branchSchema);
    await createRef(ctx, repoOf(c), {
      kind: "branch",
      name: restOf(c, "branch"),
      startingPoint: startingPoint ?? "main",
    });
    return c.json({ success: true }, 201);
  },
});

const deleteBranch = defineRoute({
  operation: "deleteBranch",
  method: "DELETE",
  path: "/api/:type/:namespace/:name/branch/*",
  access: "write",
  summary: "Delete a branch",
  handle: async (c, ctx) => {
    await deleteRef(ctx, repoOf(c), { kind: "branch", name: restOf(c, "branch") });
    return c.json({ success: true });
  },
});

const createTag = defineRoute({
  operation: "createTag",
  method: "POST",
  path: "/api/:type/:namespace/:name/tag/*",
  access: "write",
  summary: "Tag a revision",
  body: tagSchema,
  handle: async (c, ctx) => {
    const { tag } = await jsonBody(c, tagSchema);
    await createRef(ctx, repoOf(c), { kind: "tag", name: tag, startingPoint: restOf(c, "tag") });
    return c.json({ success: true }, 201);
  },
});

const deleteTag = defineRoute({
  operation: "deleteTag",
  method: "DELETE",
  path: "/api/:type/:namespace/:name/tag/*",
  access: "write",
  summary: "Delete a tag",
  handle: async (c, ctx) => {
    await deleteRef(ctx, repoOf(c), { kind: "tag", name: restOf(c, "tag") });
    return c.json({ success: true });
  },
});

/** Everything after the marker, slashes of branch names included. */
function restOf(c: HonoContext<HubEnv>, marker: string): string {
  const { revision, path } = splitRevision(c, marker);
  return path === "" ? revision : `${revision}/${path}`;
}

export const versionRoutes = [tree, paths, refs, commits, createBranch, deleteBranch, createTag, deleteTag];
