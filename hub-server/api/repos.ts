// Repositories: create, delete, move, settings; info and lists.
import type { Context as HonoContext } from "hono";
import { z } from "zod";
import {
  fullName,
  parseRepoId,
  plural,
  REPO_TYPES,
  type RepoId,
  type RepoType,
  repoPath,
} from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { badRequest, ServiceError, unauthorized } from "../errors.ts";
import type { Repo } from "../services/access.ts";
import { listTreeOf } from "../services/files.ts";
import { type CommitRow, requireRevision, resolveRevision } from "../services/refs.ts";
import { createRepo, deleteRepo, getRepo, listRepos, moveRepo, SORTS, updateSettings } from "../services/repos.ts";
import { defineRoute, type HubEnv, jsonBody, originOf, type Route, repoOf, splitRevision } from "./route.ts";

const repoType = z.enum(REPO_TYPES).default("model");
const createSchema = z.object({
  name: z.string().min(1),
  organization: z.string().nullish(),
  type: z.enum([...REPO_TYPES, "space"]).nullish(),
  private: z.boolean().nullish(),
  visibility: z.enum(["public", "private", "protected"]).nullish(),
  files: z.array(z.object({ path: z.string(), content: z.string(), encoding: z.literal("base64") })).optional(),
});
const namedSchema = z.object({ name: z.string().min(1), organization: z.string().nullish(), type: repoType.nullish() });
const moveSchema = z.object({ fromRepo: z.string(), toRepo: z.string(), type: repoType });
const settingsSchema = z.looseObject({
  private: z.boolean().optional(),
  visibility: z.enum(["public", "private"]).optional(),
});

/** "name" with an organization, "ns/name", or the caller's own namespace. */
function idFrom(
  { actor }: Context,
  { name, organization }: { name: string; organization?: string | null | undefined },
  type: RepoType,
): RepoId {
  const isFull = organization == null && name.includes("/");
  const namespace = isFull ? undefined : (organization ?? actor?.name);
  if (!isFull && namespace === undefined) throw unauthorized();
  try {
    return parseRepoId(namespace === undefined ? name : `${namespace}/${name}`, type);
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
}

const create = defineRoute({
  operation: "createRepo",
  method: "POST",
  path: "/api/repos/create",
  access: "user",
  summary: "Make a repository",
  body: createSchema,
  handle: async (c, ctx) => {
    const input = await jsonBody(c, createSchema);
    if (input.type === "space")
      throw new ServiceError(501, "Spaces are not supported by this hub.", { code: "NOT_IMPLEMENTED" });
    const id = idFrom(ctx, input, input.type ?? "model");
    const url = `${originOf(c)}${repoPath(id)}`;
    const isPrivate = input.private ?? (input.visibility != null && input.visibility !== "public");
    const files = (input.files ?? []).map(({ path, content }) => ({ path, bytes: Buffer.from(content, "base64") }));
    try {
      const repo = await createRepo(ctx, { ...id, isPrivate, files });
      return c.json({ url, id: repo.id, name: fullName(repo) });
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status !== 409) throw error;
      // Python reads the URL off the refusal when it was told that an existing repository is fine.
      return c.json({ error: error.message, url }, 409, {
        "X-Error-Code": error.code,
        "X-Error-Message": error.message,
      });
    }
  },
});

const remove = defineRoute({
  operation: "deleteRepo",
  method: "DELETE",
  path: "/api/repos/delete",
  access: "manage",
  summary: "Delete a repository",
  body: namedSchema,
  handle: async (c, ctx) => {
    const input = await jsonBody(c, namedSchema);
    await deleteRepo(ctx, idFrom(ctx, input, input.type ?? "model"));
    return c.json({ success: true });
  },
});

const move = defineRoute({
  operation: "moveRepo",
  method: "POST",
  path: "/api/repos/move",
  access: "manage",
  summary: "Rename a repository; the old name leads to the new one",
  body: moveSchema,
  handle: async (c, ctx) => {
    const { fromRepo, toRepo, type } = await jsonBody(c, moveSchema);
    await moveRepo(ctx, idFrom(ctx, { name: fromRepo }, type), idFrom(ctx, { name: toRepo }, type));
    return c.json({ success: true });
  },
});

const settings = defineRoute({
  operation: "updateRepoSettings",
  method: "PUT",
  path: "/api/:type/:namespace/:name/settings",
  access: "manage",
  summary: "Change who sees a repository",
  body: settingsSchema,
  handle: async (c, ctx) => {
    const input = await jsonBody(c, settingsSchema);
    const unknown = Object.keys(input).filter((key) => !["private", "visibility"].includes(key));
    if (unknown.length > 0)
      throw new ServiceError(501, `Settings not supported: ${unknown.join(", ")}.`, { code: "NOT_IMPLEMENTED" });
    const isPrivate = input.private ?? (input.visibility === undefined ? undefined : input.visibility === "private");
    await updateSettings(ctx, repoOf(c), { isPrivate });
    return c.json({ success: true });
  },
});

async function infoResponse(c: HonoContext<HubEnv>, ctx: Context, revision: string | undefined): Promise<Response> {
  const repo = await getRepo(ctx, repoOf(c));
  const commit =
    revision === undefined ? await resolveRevision(ctx, repo, "HEAD") : await requireRevision(ctx, repo, revision);
  const blobs = c.req.query("blobs") === "true" || c.req.query("blobs") === "True";
  return c.json(await describe(ctx, repo, commit, blobs));
}

async function describe(
  ctx: Context,
  repo: Repo,
  commit: CommitRow | undefined,
  blobs: boolean,
): Promise<Record<string, unknown>> {
  const entries = commit === undefined ? [] : await listTreeOf(ctx, commit.treeId, "", true);
  const files = entries.filter((entry) => entry.kind === "file");
  const siblings = files.map(({ path, size, id, lfs }) => ({
    rfilename: path,
    ...(blobs && { size, blobId: id, ...(lfs && { lfs }) }),
  }));
  return { ...summary(repo), sha: commit?.id ?? null, siblings, usedStorage: repo.usedStorage };
}

/** What lists and info have in common. */
function summary(repo: Repo): Record<string, unknown> {
  return {
    _id: repo.id.replaceAll("-", "").slice(0, 24),
    id: fullName(repo),
    ...(repo.type === "model" && { modelId: fullName(repo) }),
    author: repo.namespace,
    private: repo.isPrivate,
    disabled: false,
    gated: false,
    downloads: repo.downloads,
    likes: 0,
    tags: repo.tags,
    ...(repo.pipelineTag !== null && { pipeline_tag: repo.pipelineTag }),
    ...(repo.libraryName !== null && { library_name: repo.libraryName }),
    ...(repo.cardData !== null && { cardData: repo.cardData }),
    ...(repo.config !== null && Object.keys(repo.config).length > 0 && { config: configSummary(repo.config) }),
    ...(repo.safetensors !== null && { safetensors: { parameters: repo.safetensors, total: repo.parameters } }),
    createdAt: repo.createdAt.toISOString(),
    lastModified: repo.updatedAt.toISOString(),
  };
}

const configSummary = ({ architectures, model_type }: Record<string, unknown>) => ({ architectures, model_type });

const info = defineRoute({
  operation: "getRepo",
  method: "GET",
  path: "/api/:type/:namespace/:name",
  access: "read",
  summary: "What a repository is and holds",
  handle: (c, ctx) => infoResponse(c, ctx, undefined),
});

const infoAt = defineRoute({
  operation: "getRepoAtRevision",
  method: "GET",
  path: "/api/:type/:namespace/:name/revision/*",
  access: "read",
  summary: "What a repository is and holds at a revision",
  handle: (c, ctx) => infoResponse(c, ctx, splitRevision(c, "revision").revision),
});

const authCheck = defineRoute({
  operation: "authCheck",
  method: "GET",
  path: "/api/:type/:namespace/:name/auth-check",
  access: "read",
  summary: "200 if the caller may read",
  handle: async (c, ctx) => {
    await getRepo(ctx, repoOf(c));
    return c.json({ success: true });
  },
});

function listOf(type: RepoType): Route {
  return defineRoute({
    operation: `list${type === "model" ? "Models" : "Datasets"}`,
    method: "GET",
    path: `/api/${plural(type)}`,
    access: "public",
    summary: `List ${plural(type)}`,
    handle: async (c, ctx) => {
      const limit = boundedInt(c.req.query("limit"), 100, 1000);
      const offset = boundedInt(c.req.query("cursor"), 0, 1e9);
      const sort = Object.keys(SORTS).find((key): key is keyof typeof SORTS => key === c.req.query("sort"));
      const filters = (c.req.queries("filter") ?? []).flatMap((value) => value.split(","));
      const { repos, total } = await listRepos(ctx, {
        type,
        search: c.req.query("search"),
        author: c.req.query("author"),
        tags: filters,
        pipelineTag: c.req.query("pipeline_tag"),
        sort,
        limit,
        offset,
      });
      const headers: Record<string, string> = {};
      if (offset + repos.length < total) {
        const next = new URL(c.req.url);
        next.searchParams.set("cursor", `${offset + repos.length}`);
        headers["Link"] = `<${originOf(c)}${next.pathname}${next.search}>; rel="next"`;
      }
      return c.json(repos.map(summary), 200, headers);
    },
  });
}

function boundedInt(value: string | undefined, fallback: number, most: number): number {
  const number = Number(value ?? fallback);
  if (!Number.isInteger(number) || number < 0) throw badRequest(`"${value}" is no whole number.`);
  return Math.min(number, most);
}

export const repoRoutes = [create, remove, move, settings, listOf("model"), listOf("dataset"), infoAt, authCheck, info];
