// Organizations: what is shown of them, their members and settings.
import { z } from "zod";
import { ORG_ROLES } from "../db/schema/organizations.ts";
import { roleIn } from "../services/access.ts";
import { readLog } from "../services/audit.ts";
import { readRules, writeRules } from "../services/network-rules.ts";
import {
  addMember,
  createOrg,
  deleteOrg,
  getOrg,
  listMembers,
  removeMember,
  requireOrg,
  revokeOrgToken,
  setRole,
  updateOrg,
} from "../services/organizations.ts";
import { followersOf, overviewOf, setAvatar, updateProfile } from "../services/profiles.ts";
import { wireId } from "../services/wire-ids.ts";
import { pageOf, pageResponse } from "./paging.ts";
import { avatarResponse, avatarUrl, wireOrg, wireUser } from "./people.ts";
import { defineRoute, jsonBody } from "./route.ts";
import { profileSchema, readPicture, socialsResponse } from "./users.ts";

const createSchema = z.strictObject({
  name: z.string().min(1).max(96),
  fullname: z.string().max(100).optional(),
  details: z.string().max(500).optional(),
});

const create = defineRoute({
  operation: "createOrganization",
  method: "POST",
  path: "/api/organizations",
  access: "user",
  summary: "Make an organization; the caller is its first administrator",
  body: createSchema,
  handle: async (c, ctx) => {
    const { name, fullname, details } = await jsonBody(c, createSchema);
    return c.json(wireOrg(c, await createOrg(ctx, { name, fullName: fullname, details })), 201);
  },
});

const remove = defineRoute({
  operation: "deleteOrganization",
  method: "DELETE",
  path: "/api/organizations/:name",
  access: "user",
  scope: "org.write",
  summary: "Delete an organization that owns no repositories",
  handle: async (c, ctx) => {
    await deleteOrg(ctx, c.req.param("name") ?? "");
    return c.json({ success: true });
  },
});

const overview = defineRoute({
  operation: "getOrganizationOverview",
  method: "GET",
  path: "/api/organizations/:name/overview",
  access: "public",
  summary: "What is shown of an organization, with numbers of what the caller may see",
  handle: async (c, ctx) => {
    const org = await getOrg(ctx, c.req.param("name") ?? "");
    const numbers = await overviewOf(ctx, org);
    return c.json({
      ...wireOrg(c, org),
      _id: wireId(org.id),
      details: org.details ?? "",
      isVerified: false,
      isFollowing: numbers.isFollowing,
      createdAt: org.createdAt.toISOString(),
      numUsers: numbers.members,
      numModels: numbers.repos.model,
      numDatasets: numbers.repos.dataset,
      numSpaces: numbers.repos.space,
      numFollowers: numbers.followers,
      numPapers: 0,
    });
  },
});

const members = defineRoute({
  operation: "listMembers",
  answers: ["GET /api/organizations/{name}/members"],
  method: "GET",
  path: "/api/organizations/:name/members",
  access: "public",
  summary: "Who belongs to an organization; roles are told to members",
  query: { search: "part of a name", limit: "rows of a page", cursor: "where the page begins" },
  handle: async (c, ctx) => {
    const org = await getOrg(ctx, c.req.param("name") ?? "");
    const page = pageOf(c);
    const inside = ctx.actor?.admin === true || (await roleIn(ctx, org.id)) !== undefined;
    const rows = await listMembers(ctx, org.id, { ...page, search: c.req.query("search") });
    return pageResponse(c, page, rows, ({ user, role }) => ({ ...wireUser(c, user), ...(inside && { role }) }));
  },
});

const followers = defineRoute({
  operation: "listOrganizationFollowers",
  method: "GET",
  path: "/api/organizations/:name/followers",
  access: "public",
  summary: "Who follows an organization",
  query: { limit: "rows of a page", cursor: "where the page begins" },
  handle: async (c, ctx) => {
    const page = pageOf(c);
    const org = await getOrg(ctx, c.req.param("name") ?? "");
    return pageResponse(c, page, await followersOf(ctx, org.id, page), (user) => wireUser(c, user));
  },
});

const memberSchema = z.strictObject({ user: z.string().min(1), role: z.enum(ORG_ROLES).default("read") });

const add = defineRoute({
  operation: "addMember",
  method: "POST",
  path: "/api/organizations/:name/members",
  access: "user",
  scope: "org.write",
  summary: "Take a user into an organization",
  body: memberSchema,
  handle: async (c, ctx) => {
    const { user, role } = await jsonBody(c, memberSchema);
    await addMember(ctx, c.req.param("name") ?? "", user, role);
    return c.json({ success: true }, 201);
  },
});

const removeOne = defineRoute({
  operation: "removeMember",
  method: "DELETE",
  path: "/api/organizations/:name/members/:username",
  access: "user",
  scope: "org.write",
  summary: "Take a member out; members may leave by themselves",
  handle: async (c, ctx) => {
    await removeMember(ctx, c.req.param("name") ?? "", c.req.param("username") ?? "");
    return c.json({ success: true });
  },
});

const roleSchema = z.strictObject({
  role: z.enum(ORG_ROLES),
  resourceGroups: z
    .array(z.object({ id: z.string().regex(/^[0-9a-f]{24}$/i), role: z.enum(ORG_ROLES) }))
    .max(100)
    .default([]),
});

const role = defineRoute({
  operation: "setMemberRole",
  answers: ["PUT /api/organizations/{name}/members/{username}/role"],
  method: "PUT",
  path: "/api/organizations/:name/members/:username/role",
  access: "user",
  scope: "org.write",
  summary: "Change what a member may do",
  body: roleSchema,
  handle: async (c, ctx) => {
    const input = await jsonBody(c, roleSchema);
    const groups = input.resourceGroups.map((group) => ({ ...group, id: group.id.toLowerCase() }));
    await setRole(ctx, c.req.param("name") ?? "", c.req.param("username") ?? "", { role: input.role, groups });
    return c.json({ success: true });
  },
});

const socials = defineRoute({
  operation: "getOrganizationSocials",
  answers: ["GET /api/organizations/{name}/socials"],
  method: "GET",
  path: "/api/organizations/:name/socials",
  access: "public",
  summary: "Names of an organization at other places",
  handle: async (c, ctx) => socialsResponse(c, await getOrg(ctx, c.req.param("name") ?? "")),
});

const avatar = defineRoute({
  operation: "getOrganizationAvatar",
  answers: ["GET /api/organizations/{name}/avatar"],
  method: "GET",
  path: "/api/organizations/:name/avatar",
  access: "public",
  summary: "Where the picture is",
  query: { redirect: "true: go there at once" },
  handle: async (c, ctx) => avatarResponse(c, await getOrg(ctx, c.req.param("name") ?? "")),
});

const putPicture = defineRoute({
  operation: "setOrganizationPicture",
  method: "PUT",
  path: "/api/organizations/:name/settings/avatar",
  access: "user",
  scope: "org.write",
  summary: "Set an organization's picture: PNG, JPEG or WebP, up to 1 MiB, as the body",
  handle: async (c, ctx) => {
    const org = await requireOrg(ctx, c.req.param("name") ?? "", "admin");
    await setAvatar(ctx, org.id, await readPicture(c));
    return c.json({ avatarUrl: avatarUrl(c, org) });
  },
});

const orgProfile = profileSchema.omit({ email: true });

const settings = defineRoute({
  operation: "updateOrganization",
  method: "PATCH",
  path: "/api/organizations/:name/settings/profile",
  access: "user",
  scope: "org.write",
  summary: "Change what is shown of an organization",
  body: orgProfile,
  handle: async (c, ctx) => {
    const { fullname, details, ...more } = await jsonBody(c, orgProfile);
    const org = await requireOrg(ctx, c.req.param("name") ?? "", "admin");
    await updateOrg(ctx, org.name, { fullName: fullname, details });
    await updateProfile(ctx, org.id, more);
    return c.json({ success: true });
  },
});

const revokeSchema = z.strictObject({ token: z.string().regex(/^hf_[A-Za-z0-9_.-]{1,4000}$/) });

const revoke = defineRoute({
  operation: "revokeOrganizationToken",
  answers: ["POST /api/organizations/{name}/settings/tokens/revoke"],
  method: "POST",
  path: "/api/organizations/:name/settings/tokens/revoke",
  access: "user",
  scope: "org.write",
  summary: "Take a member's token the rights in an organization",
  body: revokeSchema,
  handle: async (c, ctx) => {
    await revokeOrgToken(ctx, c.req.param("name") ?? "", (await jsonBody(c, revokeSchema)).token);
    return c.json({ success: true });
  },
});

const log = defineRoute({
  operation: "exportAuditLog",
  answers: ["GET /api/organizations/{name}/audit-log/export"],
  method: "GET",
  path: "/api/organizations/:name/audit-log/export",
  access: "user",
  scope: "org.write",
  summary: "What was changed in an organization, by whom, from where",
  query: { q: "part of an action or of a name" },
  handle: async (c, ctx) => {
    const org = await requireOrg(ctx, c.req.param("name") ?? "", "admin");
    const events = await readLog(ctx, org.id, c.req.query("q"));
    const wire = events.map(({ id, action, target, data, address, actorName, createdAt }) => ({
      _id: id,
      type: action,
      target,
      data,
      ip: address,
      author: { name: actorName },
      createdAt: createdAt.toISOString(),
    }));
    return c.json(wire, 200, { "Content-Disposition": `attachment; filename="${org.name}-audit-log.json"` });
  },
});

const getRules = defineRoute({
  operation: "getNetworkSecurity",
  answers: ["GET /api/organizations/{name}/settings/network-security"],
  method: "GET",
  path: "/api/organizations/:name/settings/network-security",
  access: "user",
  scope: "org.write",
  summary: "From where members may use what an organization owns",
  handle: async (c, ctx) => c.json(await readRules(ctx, c.req.param("name") ?? "")),
});

const rulesSchema = z.strictObject({
  enforceIpRestriction: z.boolean().optional(),
  ipRanges: z
    .array(z.union([z.cidrv4(), z.cidrv6()]))
    .min(1)
    .max(200)
    .optional(),
});

const setRules = defineRoute({
  operation: "setNetworkSecurity",
  answers: ["PATCH /api/organizations/{name}/settings/network-security"],
  method: "PATCH",
  path: "/api/organizations/:name/settings/network-security",
  access: "user",
  scope: "org.write",
  summary: "Say from where members may use what an organization owns",
  body: rulesSchema,
  handle: async (c, ctx) => c.json(await writeRules(ctx, c.req.param("name") ?? "", await jsonBody(c, rulesSchema))),
});

export const organizationRoutes = [
  create,
  remove,
  overview,
  members,
  followers,
  add,
  removeOne,
  role,
  socials,
  avatar,
  putPicture,
  settings,
  revoke,
  log,
  getRules,
  setRules,
];
