// Repositories: create, delete, move, copy, settings, and what those of an owner take up.
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
import { duplicateRepo } from "../services/duplicate.ts";
import { createRepo, deleteRepo, getRepo, moveRepo, SDKS, updateSettings } from "../services/repos.ts";
import { storageOfOrganization, storageOfUser } from "../services/storage.ts";
import { wireId } from "../services/wire-ids.ts";
import { nextLink } from "./paging.ts";
import { infoRoutes } from "./repo-info.ts";
import { searchRoutes } from "./repo-search.ts";
import { defineRoute, type HubEnv, jsonBody, MANY_FILES, originOf, repoOf } from "./route.ts";

/** What clients also make as repositories, and this hub does not keep. */
const NOT_KEPT = ["kernel", "bucket"] as const;
const repoType = z.enum([...REPO_TYPES, ...NOT_KEPT]).nullish();
const visibility = z.enum(["public", "private", "protected"]);
const createSchema = z.looseObject({
  name: z.string().min(1),
  organization: z.string().nullish(),
  type: repoType,
  private: z.boolean().nullish(),
  visibility: visibility.nullish(),
  sdk: z.enum(SDKS).nullish(),
  license: z.string().min(1).max(100).nullish(),
  files: z
    .array(z.object({ path: z.string(), content: z.string(), encoding: z.literal("base64") }))
    .max(100)
    .nullish(),
  resourceGroupId: z
    .string()
    .regex(/^[0-9a-f]{24}$/)
    .nullish(),
});
const namedSchema = z.object({ name: z.string().min(1), organization: z.string().nullish(), type: repoType });
const moveSchema = z.object({ fromRepo: z.string(), toRepo: z.string(), type: repoType });
const duplicateSchema = z.looseObject({
  repository: z.string().min(1),
  private: z.boolean().nullish(),
  visibility: visibility.nullish(),
});
const settingsSchema = z.looseObject({
  private: z.boolean().nullish(),
  visibility: visibility.nullish(),
  gated: z.union([z.literal(false), z.enum(["auto", "manual"])]).nullish(),
  discussionsDisabled: z.boolean().nullish(),
  xetEnabled: z.boolean().nullish(),
});

/** Keys for what runs spaces, which this hub does not do, and for places to keep things, of which it has one. */
const NOT_HERE = new Set([
  "hardware",
  "storageTier",
  "sleepTimeSeconds",
  "secrets",
  "variables",
  "volumes",
  "template",
  "devMode",
  "region",
  "resourceGroupId",
]);

/** Refuses what this hub would not do, by name: a caller learns it now, and not when it is missed. */
function refuseOthers(body: Readonly<Record<string, unknown>>, schema: z.ZodObject, what: string): void {
  const others = Object.keys(body).filter((key) => body[key] != null && !(key in schema.shape));
  if (others.length === 0) return;
  const known = Object.keys(schema.shape).join(", ");
  const [status, code] = others.some((key) => NOT_HERE.has(key))
    ? ([501, "NOT_IMPLEMENTED"] as const)
    : ([400, "BAD_REQUEST"] as const);
  throw new ServiceError(status, `${what} not supported: ${others.join(", ")}.`, {
    code,
    hint: `Supported are ${known}.`,
  });
}

function privacyOf(input: {
  private?: boolean | null | undefined;
  visibility?: string | null | undefined;
}): boolean | undefined {
  if (input.visibility === "protected") {
    throw badRequest(
      'The visibility "protected" is for spaces that run, which this hub does not do.',
      'Choose "private" or "public".',
    );
  }
  return input.private ?? (input.visibility == null ? undefined : input.visibility === "private");
}

/** The type of a repository as clients name it; without a name it is a model. */
function kept(type: z.infer<typeof repoType>): RepoType {
  const other = NOT_KEPT.find((name) => name === type);
  if (other !== undefined)
    throw new ServiceError(501, `This hub does not support ${other}s.`, { code: "NOT_IMPLEMENTED" });
  return REPO_TYPES.find((name) => name === type) ?? "model";
}

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

/** The answer to whoever makes a repository. Python reads the address also off a refusal, when an existing one is fine. */
async function made(c: HonoContext<HubEnv>, id: RepoId, make: () => Promise<Repo>): Promise<Response> {
  const url = (of: RepoId) => `${originOf(c)}${repoPath(of)}`;
  try {
    const repo = await make();
    return c.json({ url: url(repo), id: wireId(repo.id), name: fullName(repo) });
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== "REPO_EXISTS") throw error;
    const headers = { "X-Error-Code": error.code, "X-Error-Message": error.message };
    return c.json({ error: error.message, url: url(id) }, 409, headers);
  }
}

const create = defineRoute({
  operation: "createRepo",
  answers: ["POST /api/repos/create"],
  method: "POST",
  path: "/api/repos/create",
  access: "user",
  scope: "repo.create",
  summary: "Make a repository",
  body: createSchema,
  handle: async (c, ctx) => {
    const input = await jsonBody(c, createSchema, MANY_FILES);
    const type = kept(input.type);
    refuseOthers(input, createSchema, "For new repositories");
    const { sdk, license, files, resourceGroupId } = input;
    if (type === "space" && sdk == null) throw badRequest("A space needs an sdk.", `Choose one of ${SDKS.join(", ")}.`);
    if (type !== "space" && sdk != null) throw badRequest(`Only spaces have an sdk, and this is a ${type}.`);
    const id = idFrom(ctx, input, type);
    const wanted = {
      ...id,
      isPrivate: privacyOf(input),
      sdk: sdk ?? undefined,
      license: license ?? undefined,
      groupId: resourceGroupId ?? undefined,
      files: (files ?? []).map(({ path, content }) => ({ path, bytes: Buffer.from(content, "base64") })),
    };
    return made(c, id, () => createRepo(ctx, wanted));
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
    await deleteRepo(ctx, idFrom(ctx, input, kept(input.type)));
    return c.json({ success: true });
  },
});

const move = defineRoute({
  operation: "moveRepo",
  answers: ["POST /api/repos/move"],
  method: "POST",
  path: "/api/repos/move",
  access: "manage",
  summary: "Rename a repository; the old name leads to the new one",
  body: moveSchema,
  handle: async (c, ctx) => {
    const { fromRepo, toRepo, ...input } = await jsonBody(c, moveSchema);
    const type = kept(input.type);
    await moveRepo(ctx, idFrom(ctx, { name: fromRepo }, type), idFrom(ctx, { name: toRepo }, type));
    return c.json({ success: true });
  },
});

const duplicate = defineRoute({
  operation: "duplicateRepo",
  answers: ["POST /api/{repoType}/{namespace}/{repo}/duplicate"],
  method: "POST",
  path: "/api/:type/:namespace/:name/duplicate",
  access: "contribute",
  summary: "Make a copy with all branches, tags and commits; no bytes are moved",
  body: duplicateSchema,
  handle: async (c, ctx) => {
    const input = await jsonBody(c, duplicateSchema);
    refuseOthers(input, duplicateSchema, "For copies");
    const from = repoOf(c);
    await getRepo(ctx, from);
    const to = idFrom(ctx, { name: input.repository }, from.type);
    return made(c, to, () => duplicateRepo(ctx, from, to, { isPrivate: privacyOf(input) }));
  },
});

const settings = defineRoute({
  operation: "updateRepoSettings",
  answers: REPO_TYPES.map((type) => `PUT /api/${plural(type)}/{namespace}/{repo}/settings`),
  method: "PUT",
  path: "/api/:type/:namespace/:name/settings",
  access: "manage",
  summary: "Change who sees a repository, who has to ask for its content, and whether it is discussed",
  body: settingsSchema,
  handle: async (c, ctx) => {
    const input = await jsonBody(c, settingsSchema);
    refuseOthers(input, settingsSchema, "Settings");
    if (input.xetEnabled === false) throw badRequest("Xet cannot be switched off for a repository of this hub.");
    const { gated, discussionsDisabled } = input;
    const repo = await updateSettings(ctx, repoOf(c), {
      isPrivate: privacyOf(input),
      gated: gated == null ? undefined : gated === false ? null : gated,
      discussionsDisabled: discussionsDisabled ?? undefined,
    });
    return c.json({
      private: repo.isPrivate,
      visibility: repo.isPrivate ? "private" : "public",
      gated: repo.gated ?? false,
      discussionsDisabled: repo.discussionsDisabled,
    });
  },
});

const CURSOR = { cursor: "Where a page begins, as the Link header of the one before gives it" };

function storageAnswer(
  c: HonoContext<HubEnv>,
  { repos, next, total }: Awaited<ReturnType<typeof storageOfUser>>,
): Response {
  const headers: Record<string, string> = next === undefined ? {} : { Link: nextLink(c, next) };
  const rows = repos.map((repo) => ({
    id: fullName(repo),
    type: repo.type,
    updatedAt: repo.updatedAt.toISOString(),
    visibility: repo.isPrivate ? "private" : "public",
    storage: repo.usedStorage,
    storagePercent: total === 0 ? 0 : (repo.usedStorage / total) * 100,
  }));
  return c.json(rows, 200, headers);
}

const ownStorage = defineRoute({
  operation: "listOwnRepos",
  answers: ["GET /api/settings/repositories"],
  method: "GET",
  path: "/api/settings/repositories",
  access: "user",
  scope: "repo.content.read",
  summary: "The caller's repositories with the bytes that they take up, the largest first",
  query: CURSOR,
  handle: async (c, ctx) => storageAnswer(c, await storageOfUser(ctx, c.req.query("cursor"))),
});

const organizationStorage = defineRoute({
  operation: "listOrganizationRepos",
  answers: ["GET /api/organizations/{name}/settings/repositories"],
  method: "GET",
  path: "/api/organizations/:name/settings/repositories",
  access: "user",
  scope: "org.read",
  summary: "The repositories of an organization with the bytes that they take up, for its members",
  query: CURSOR,
  handle: async (c, ctx) =>
    storageAnswer(c, await storageOfOrganization(ctx, c.req.param("name") ?? "", c.req.query("cursor"))),
});

export const repoRoutes = [
  create,
  remove,
  move,
  ownStorage,
  organizationStorage,
  ...searchRoutes,
  duplicate,
  settings,
  ...infoRoutes,
];
