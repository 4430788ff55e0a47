// Resource groups of organizations, and the group of a repository or a collection.
import type { Context as HonoContext } from "hono";
import { z } from "zod";
import { fullName, parseRepoId, plural, REPO_TYPES } from "../../src/hub/repo-id.ts";
import { ORG_ROLES, type OrgRole } from "../db/schema/organizations.ts";
import { requireCollection, slugOf } from "../services/collections.ts";
import {
  addGroupUsers,
  createGroup,
  deleteGroup,
  type Group,
  getGroup,
  groupOfCollection,
  groupOfRepo,
  listGroups,
  MOST_NAMED,
  setCollectionGroup,
  setGroupUser,
  setRepoGroup,
  updateGroup,
} from "../services/resource-groups.ts";
import { wireId } from "../services/wire-ids.ts";
import { wireUser } from "./people.ts";
import { defineRoute, type HubEnv, jsonBody, repoOf } from "./route.ts";

type C = HonoContext<HubEnv>;
const GROUPS = "/api/organizations/:name/resource-groups";
const ROWS = "/api/organizations/{name}/resource-groups";
const orgIn = (c: C): string => c.req.param("name") ?? "";
const groupIn = (c: C): string => c.req.param("resourceGroupId") ?? "";

const autoJoin = (role: OrgRole | null) => (role === null ? { enabled: false } : { enabled: true, role });

const wire = (c: C, { id, name, description, autoJoinRole, users, repos }: Group) => ({
  id,
  name,
  ...(description !== null && { description }),
  users: users.map(({ user, role }) => ({ ...wireUser(c, user), role })),
  repos: repos.map((repo) => ({
    id: wireId(repo.id),
    name: fullName(repo),
    type: repo.type,
    private: repo.isPrivate,
  })),
  autoJoin: autoJoin(autoJoinRole),
});

/** A group where only its name matters. */
const wireShort = (group: { id: string; name: string } | undefined) =>
  group === undefined ? null : { id: group.id, name: group.name };

const role = z.enum(ORG_ROLES);
const name = z.string().trim().min(1).max(200);
const description = z.string().max(500);
const people = z.array(z.object({ user: z.string(), role })).max(MOST_NAMED);
const joining = z.discriminatedUnion("enabled", [
  z.object({ enabled: z.literal(true), role }),
  z.object({ enabled: z.literal(false) }),
]);
const createSchema = z.object({
  name,
  description: description.optional(),
  users: people.default([]),
  repos: z
    .array(z.object({ type: z.enum(REPO_TYPES), name: z.string() }))
    .max(MOST_NAMED)
    .default([]),
  autoJoin: joining.optional(),
});

const list = defineRoute({
  operation: "listResourceGroups",
  answers: [`GET ${ROWS}`],
  method: "GET",
  path: GROUPS,
  access: "user",
  scope: "org.read",
  summary: "The resource groups that the caller belongs to; all for administrators",
  handle: async (c, ctx) => c.json((await listGroups(ctx, orgIn(c))).map((group) => wire(c, group))),
});

const create = defineRoute({
  operation: "createResourceGroup",
  answers: [`POST ${ROWS}`],
  method: "POST",
  path: GROUPS,
  access: "user",
  scope: "org.write",
  summary: "Make a resource group, with members and repositories",
  body: createSchema,
  handle: async (c, ctx) => {
    const { repos, autoJoin: join, ...input } = await jsonBody(c, createSchema);
    const made = await createGroup(ctx, orgIn(c), {
      ...input,
      repos: repos.map((repo) => parseRepoId(repo.name, repo.type)),
      autoJoinRole: join?.enabled === true ? join.role : null,
    });
    return c.json(wire(c, made));
  },
});

const get = defineRoute({
  operation: "getResourceGroup",
  answers: [`GET ${ROWS}/{resourceGroupId}`],
  method: "GET",
  path: `${GROUPS}/:resourceGroupId`,
  access: "user",
  scope: "org.read",
  summary: "A resource group with its members and repositories",
  handle: async (c, ctx) => c.json(wire(c, await getGroup(ctx, orgIn(c), groupIn(c)))),
});

const updateSchema = z.object({ name: name.optional(), description: description.optional() });

const update = defineRoute({
  operation: "updateResourceGroup",
  answers: [`PATCH ${ROWS}/{resourceGroupId}`],
  method: "PATCH",
  path: `${GROUPS}/:resourceGroupId`,
  access: "user",
  scope: "org.write",
  summary: "Rename or describe a resource group",
  body: updateSchema,
  handle: async (c, ctx) =>
    c.json(wire(c, await updateGroup(ctx, orgIn(c), groupIn(c), await jsonBody(c, updateSchema)))),
});

const remove = defineRoute({
  operation: "deleteResourceGroup",
  answers: [`DELETE ${ROWS}/{resourceGroupId}`],
  method: "DELETE",
  path: `${GROUPS}/:resourceGroupId`,
  access: "user",
  scope: "org.write",
  summary: "Delete a resource group; what it held is there for all members again",
  handle: async (c, ctx) => {
    await deleteGroup(ctx, orgIn(c), groupIn(c));
    return c.json({ success: true });
  },
});

const settingsSchema = z.object({ autoJoin: joining });

const settings = defineRoute({
  operation: "setResourceGroupSettings",
  answers: [`POST ${ROWS}/{resourceGroupId}/settings`],
  method: "POST",
  path: `${GROUPS}/:resourceGroupId/settings`,
  access: "user",
  scope: "org.write",
  summary: "Whether new members of the organization join a group, and as what",
  body: settingsSchema,
  handle: async (c, ctx) => {
    const { autoJoin: join } = await jsonBody(c, settingsSchema);
    const autoJoinRole = join.enabled ? join.role : null;
    return c.json(wire(c, await updateGroup(ctx, orgIn(c), groupIn(c), { autoJoinRole })));
  },
});

const usersSchema = z.object({ users: people.min(1) });

const addUsers = defineRoute({
  operation: "addResourceGroupUsers",
  answers: [`POST ${ROWS}/{resourceGroupId}/users`],
  method: "POST",
  path: `${GROUPS}/:resourceGroupId/users`,
  access: "user",
  scope: "org.write",
  summary: "Put members into a resource group",
  body: usersSchema,
  handle: async (c, ctx) => {
    const { users } = await jsonBody(c, usersSchema);
    return c.json(wire(c, await addGroupUsers(ctx, orgIn(c), groupIn(c), users)));
  },
});

const roleSchema = z.object({ role });

const setUser = defineRoute({
  operation: "setResourceGroupUser",
  answers: [`PATCH ${ROWS}/{resourceGroupId}/users/{username}`],
  method: "PATCH",
  path: `${GROUPS}/:resourceGroupId/users/:username`,
  access: "user",
  scope: "org.write",
  summary: "Change a member's role in a resource group",
  body: roleSchema,
  handle: async (c, ctx) => {
    const input = await jsonBody(c, roleSchema);
    return c.json(wire(c, await setGroupUser(ctx, orgIn(c), groupIn(c), c.req.param("username") ?? "", input.role)));
  },
});

const removeUser = defineRoute({
  operation: "removeResourceGroupUser",
  answers: [`DELETE ${ROWS}/{resourceGroupId}/users/{username}`],
  method: "DELETE",
  path: `${GROUPS}/:resourceGroupId/users/:username`,
  access: "user",
  scope: "org.write",
  summary: "Take a member out of a resource group",
  handle: async (c, ctx) =>
    c.json(wire(c, await setGroupUser(ctx, orgIn(c), groupIn(c), c.req.param("username") ?? "", undefined))),
});

const placeSchema = z.object({
  resourceGroupId: z
    .string()
    .regex(/^[0-9a-f]{24}$/)
    .nullable(),
});
const ofRepos = (method: string): string[] =>
  REPO_TYPES.map((type) => `${method} /api/${plural(type)}/{namespace}/{repo}/resource-group`);
const ofCollections = (method: string): string[] =>
  ["{slug}", "{slug}-{id}"].map((slug) => `${method} /api/collections/{namespace}/${slug}/resource-group`);

const getRepoGroup = defineRoute({
  operation: "getRepoResourceGroup",
  answers: ofRepos("GET"),
  method: "GET",
  path: "/api/:type/:namespace/:name/resource-group",
  access: "manage",
  summary: "The resource group of a repository; null when it is in none",
  handle: async (c, ctx) => c.json(wireShort(await groupOfRepo(ctx, repoOf(c)))),
});

const putRepoGroup = defineRoute({
  operation: "setRepoResourceGroup",
  answers: ofRepos("POST"),
  method: "POST",
  path: "/api/:type/:namespace/:name/resource-group",
  access: "manage",
  summary: "Put a repository into a resource group of its organization; null takes it out",
  body: placeSchema,
  handle: async (c, ctx) => {
    const { resourceGroupId } = await jsonBody(c, placeSchema);
    const repo = await setRepoGroup(ctx, repoOf(c), resourceGroupId);
    return c.json({ id: wireId(repo.id), name: fullName(repo), type: repo.type, private: repo.isPrivate });
  },
});

const COLLECTION = "/api/collections/:namespace/:slug/resource-group";
const collectionIn = (c: C): [string, string] => [c.req.param("namespace") ?? "", c.req.param("slug") ?? ""];

const getCollectionGroup = defineRoute({
  operation: "getCollectionResourceGroup",
  answers: ofCollections("GET"),
  method: "GET",
  path: COLLECTION,
  access: "user",
  scope: "collection.write",
  summary: "The resource group of a collection; null when it is in none",
  handle: async (c, ctx) =>
    c.json(wireShort(await groupOfCollection(ctx, await requireCollection(ctx, ...collectionIn(c))))),
});

const putCollectionGroup = defineRoute({
  operation: "setCollectionResourceGroup",
  answers: ofCollections("POST"),
  method: "POST",
  path: COLLECTION,
  access: "user",
  scope: "collection.write",
  summary: "Put a collection into a resource group of its organization; null takes it out",
  body: placeSchema,
  handle: async (c, ctx) => {
    const { resourceGroupId } = await jsonBody(c, placeSchema);
    const collection = await requireCollection(ctx, ...collectionIn(c));
    await setCollectionGroup(ctx, collection, resourceGroupId);
    return c.json({ slug: slugOf(collection), title: collection.title, private: collection.isPrivate });
  },
});

export const resourceGroupRoutes = [
  list,
  create,
  get,
  update,
  remove,
  settings,
  addUsers,
  setUser,
  removeUser,
  getRepoGroup,
  putRepoGroup,
  getCollectionGroup,
  putCollectionGroup,
];
