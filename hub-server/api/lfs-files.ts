// The large objects that a repository keeps: listed, deleted for good, given to another repository.

import { z } from "zod";
import { parseRepoId, REPO_TYPES } from "../../src/hub/repo-id.ts";
import { badRequest } from "../errors.ts";
import { deleteLfsFiles, duplicateLfsFiles, listLfsFiles, noSuchFile } from "../services/lfs-files.ts";
import { limitOf, nextLink } from "./paging.ts";
import { defineRoute, isTrue, jsonBody, LONG_TEXTS, ofEach, repoOf } from "./route.ts";

const PAGE = 1000;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const list = defineRoute({
  operation: "listLfsFiles",
  answers: ofEach("GET", "lfs-files"),
  method: "GET",
  path: "/api/:type/:namespace/:name/lfs-files",
  access: "content",
  summary: "Large files of a repository and of its history",
  query: { limit: "Files of a page", cursor: "Where the page begins, from the Link of the one before" },
  handle: async (c, ctx) => {
    const limit = limitOf(c, PAGE);
    const { files, next } = await listLfsFiles(ctx, repoOf(c), { limit, after: c.req.query("cursor") });
    const headers: Record<string, string> = next === undefined ? {} : { Link: nextLink(c, next) };
    const wire = files.map(({ sha256: fileOid, size, pointerId, filename, ref, pushedAt }) => ({
      fileOid,
      filename,
      oid: pointerId,
      pushedAt: pushedAt.toISOString(),
      ref: ref ?? null,
      size,
    }));
    return c.json(wire, 200, headers);
  },
});

const deleteOne = defineRoute({
  operation: "deleteLfsFile",
  answers: ofEach("DELETE", "lfs-files/{sha}"),
  method: "DELETE",
  path: "/api/:type/:namespace/:name/lfs-files/:sha",
  access: "write",
  summary: "Delete a large file for good",
  query: { rewriteHistory: "true to take it out of every commit, too" },
  handle: async (c, ctx) => {
    const sha = c.req.param("sha") ?? "";
    if (!sha256.safeParse(sha).success) throw badRequest(`"${sha}" is no SHA-256.`);
    const rewriteHistory = isTrue(c.req.query("rewriteHistory"));
    if ((await deleteLfsFiles(ctx, repoOf(c), [sha], { rewriteHistory })) === 0) throw noSuchFile(sha);
    return c.json({ success: true });
  },
});

const deletionsSchema = z.object({
  deletions: z.object({ sha: z.array(sha256).max(PAGE), rewriteHistory: z.boolean().default(false) }),
});

const deleteMany = defineRoute({
  operation: "deleteLfsFiles",
  answers: ofEach("POST", "lfs-files/batch"),
  method: "POST",
  path: "/api/:type/:namespace/:name/lfs-files/batch",
  access: "write",
  summary: "Delete large files for good, a thousand at once",
  body: deletionsSchema,
  handle: async (c, ctx) => {
    const { sha, rewriteHistory } = (await jsonBody(c, deletionsSchema)).deletions;
    const deleted = await deleteLfsFiles(ctx, repoOf(c), sha, { rewriteHistory });
    return c.json({ success: true, deleted });
  },
});

const duplicateSchema = z.object({
  target: z.object({ type: z.enum(REPO_TYPES), name: z.string() }),
  files: z.array(z.object({ xetHash: z.string().nullish(), sha256, filename: z.string() })).max(PAGE),
});

const duplicate = defineRoute({
  operation: "duplicateLfsFiles",
  answers: ofEach("POST", "lfs-files/duplicate"),
  method: "POST",
  path: "/api/:type/:namespace/:name/lfs-files/duplicate",
  access: "content",
  summary: "Give large files of this repository to another one without sending them",
  body: duplicateSchema,
  handle: async (c, ctx) => {
    const { target, files } = await jsonBody(c, duplicateSchema, LONG_TEXTS);
    const failed = await duplicateLfsFiles(ctx, repoOf(c), { target: targetOf(target), files });
    return c.json({ success: failed.length === 0, failed });
  },
});

function targetOf({ type, name }: z.infer<typeof duplicateSchema>["target"]) {
  try {
    return { ...parseRepoId(name, type), type };
  } catch {
    throw badRequest(`"${name}" is no repository.`);
  }
}

export const lfsFileRoutes = [list, deleteMany, duplicate, deleteOne];
