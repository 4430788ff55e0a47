// Service accounts of organizations and their tokens.
import type { Context as HonoContext } from "hono";
import { z } from "zod";
import { ORG_ROLES } from "../db/schema/organizations.ts";
import {
  createServiceAccount,
  createServiceToken,
  deleteServiceAccount,
  deleteServiceToken,
  getServiceAccount,
  listServiceAccounts,
  rotateServiceToken,
  type ServiceAccount,
  updateServiceToken,
} from "../services/service-accounts.ts";
import { wireId } from "../services/wire-ids.ts";
import { scopesSchema } from "./auth.ts";
import { avatarUrl } from "./people.ts";
import { defineRoute, type HubEnv, jsonBody } from "./route.ts";

type C = HonoContext<HubEnv>;
const ACCOUNTS = "/api/organizations/:name/service-accounts";
const ROWS = "/api/organizations/{name}/service-accounts";
const ONE = `${ACCOUNTS}/:serviceAccountId`;
const orgIn = (c: C): string => c.req.param("name") ?? "";
const accountIn = (c: C): string => c.req.param("serviceAccountId") ?? "";
const tokenIn = (c: C): string => c.req.param("tokenId") ?? "";
/** Answers with a token's value are kept by nobody. */
const SECRET = { "Cache-Control": "no-store" } as const;

const wire = (c: C, { user, role, description, createdAt, tokens }: ServiceAccount) => ({
  _id: wireId(user.id),
  name: user.fullName ?? user.name,
  username: user.name,
  description: description ?? "",
  avatarUrl: avatarUrl(c, user),
  role,
  createdAt: createdAt.toISOString(),
  tokenCount: tokens.length,
  tokens: tokens.map((token) => ({
    _id: token.id,
    displayName: token.name,
    role: token.role,
    ending: token.ending,
    createdAt: token.createdAt.toISOString(),
    expiresAt: token.expiresAt?.toISOString() ?? null,
    lastUsedAt: token.lastUsedAt?.toISOString() ?? null,
  })),
});

const list = defineRoute({
  operation: "listServiceAccounts",
  answers: [`GET ${ROWS}`],
  method: "GET",
  path: ACCOUNTS,
  access: "user",
  scope: "org.write",
  summary: "Programs that belong to an organization",
  handle: async (c, ctx) => c.json((await listServiceAccounts(ctx, orgIn(c))).map((account) => wire(c, account))),
});

const createSchema = z.object({
  name: z.string().min(1).max(50),
  description: z.string().max(500).optional(),
  role: z.enum(ORG_ROLES).default("read"),
});

const create = defineRoute({
  operation: "createServiceAccount",
  answers: [`POST ${ROWS}`],
  method: "POST",
  path: ACCOUNTS,
  access: "user",
  scope: "org.write",
  summary: "Make a service account, a member with a role",
  body: createSchema,
  handle: async (c, ctx) =>
    c.json(wire(c, await createServiceAccount(ctx, orgIn(c), await jsonBody(c, createSchema))), 201),
});

const get = defineRoute({
  operation: "getServiceAccount",
  answers: [`GET ${ROWS}/{serviceAccountId}`],
  method: "GET",
  path: ONE,
  access: "user",
  scope: "org.write",
  summary: "A service account with its tokens, without their values",
  handle: async (c, ctx) => c.json(wire(c, await getServiceAccount(ctx, orgIn(c), accountIn(c)))),
});

const remove = defineRoute({
  operation: "deleteServiceAccount",
  answers: [`DELETE ${ROWS}/{serviceAccountId}`],
  method: "DELETE",
  path: ONE,
  access: "user",
  scope: "org.write",
  summary: "Delete a service account and its tokens",
  handle: async (c, ctx) => {
    await deleteServiceAccount(ctx, orgIn(c), accountIn(c));
    return c.json({ success: true });
  },
});

const role = z.enum(["read", "write", "fineGrained"]);
const shared = {
  displayName: z.string().min(1).max(80).optional(),
  fineGrained: scopesSchema.optional(),
  expiresAt: z.iso.datetime().optional(),
};
const tokenSchema = z.object({ ...shared, role: role.default("read") });
const changeSchema = z.object({ ...shared, role: role.optional() });

const date = (value: string | undefined): Date | undefined => (value === undefined ? undefined : new Date(value));

const createToken = defineRoute({
  operation: "createServiceAccountToken",
  answers: [`POST ${ROWS}/{serviceAccountId}/tokens`],
  method: "POST",
  path: `${ONE}/tokens`,
  access: "user",
  scope: "org.write",
  summary: "Make a token of a service account; its value is in this answer alone",
  body: tokenSchema,
  handle: async (c, ctx) => {
    const { displayName = "token", fineGrained, expiresAt, ...input } = await jsonBody(c, tokenSchema);
    const more = { name: displayName, scopes: fineGrained, expiresAt: date(expiresAt) };
    const { id, token } = await createServiceToken(ctx, orgIn(c), accountIn(c), { ...input, ...more });
    return c.json({ _id: id, displayName, token }, 201, SECRET);
  },
});

const updateToken = defineRoute({
  operation: "updateServiceAccountToken",
  answers: [`PATCH ${ROWS}/{serviceAccountId}/tokens/{tokenId}`],
  method: "PATCH",
  path: `${ONE}/tokens/:tokenId`,
  access: "user",
  scope: "org.write",
  summary: "Change what a token of a service account may do",
  body: changeSchema,
  handle: async (c, ctx) => {
    const input = await jsonBody(c, changeSchema);
    await updateServiceToken(ctx, orgIn(c), accountIn(c), tokenIn(c), {
      ...(input.displayName !== undefined && { name: input.displayName }),
      ...(input.role !== undefined && { role: input.role }),
      scopes: input.fineGrained,
      expiresAt: date(input.expiresAt),
    });
    return c.json({ success: true });
  },
});

const deleteToken = defineRoute({
  operation: "deleteServiceAccountToken",
  answers: [`DELETE ${ROWS}/{serviceAccountId}/tokens/{tokenId}`],
  method: "DELETE",
  path: `${ONE}/tokens/:tokenId`,
  access: "user",
  scope: "org.write",
  summary: "Revoke a token of a service account",
  handle: async (c, ctx) => {
    await deleteServiceToken(ctx, orgIn(c), accountIn(c), tokenIn(c));
    return c.json({ success: true });
  },
});

const rotate = defineRoute({
  operation: "rotateServiceAccountToken",
  answers: [`POST ${ROWS}/{serviceAccountId}/tokens/{tokenId}/rotate`],
  method: "POST",
  path: `${ONE}/tokens/:tokenId/rotate`,
  access: "user",
  scope: "org.write",
  summary: "Give a token of a service account a new value; the old one ends at once",
  handle: async (c, ctx) => {
    const { id, token } = await rotateServiceToken(ctx, orgIn(c), accountIn(c), tokenIn(c));
    return c.json({ _id: id, token }, 200, SECRET);
  },
});

export const serviceAccountRoutes = [list, create, get, remove, createToken, updateToken, deleteToken, rotate];
