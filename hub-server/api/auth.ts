// Who the caller is, and the tokens that they make.
import { z } from "zod";
import { REPO_TYPES } from "../../src/hub/repo-id.ts";
import type { Actor, Context } from "../context.ts";
import { unauthorized } from "../errors.ts";
import { orgsOf } from "../services/organizations.ts";
import { getUser } from "../services/profiles.ts";
import { permits } from "../services/scopes.ts";
import { makeOwnToken, nameScopes } from "../services/tokens.ts";
import { listTokens, revokeToken } from "../services/users.ts";
import { wireId } from "../services/wire-ids.ts";
import { avatarUrl, wireOrg } from "./people.ts";
import { defineRoute, jsonBody } from "./route.ts";

/** Whether a token of an app is told something that only its scope opens. */
const told = ({ limits }: Actor, scope: string): boolean =>
  limits?.app === undefined || limits.app.scopes.includes(scope);

async function authOf(ctx: Context, actor: Actor) {
  const { limits, credential } = actor;
  const fineGrained = limits === undefined ? undefined : await nameScopes(ctx, limits);
  return {
    type: limits?.app === undefined ? "access_token" : "oauth",
    accessToken: {
      displayName: credential.name,
      role: actor.role,
      createdAt: credential.createdAt.toISOString(),
      ...(fineGrained !== undefined && { fineGrained }),
    },
    ...(limits?.app !== undefined && {
      app: { id: limits.app.id, name: limits.app.name },
      scope: limits.app.scopes.join(" "),
    }),
  };
}

const whoami = defineRoute({
  operation: "whoami",
  answers: ["GET /api/whoami-v2"],
  method: "GET",
  path: "/api/whoami-v2",
  access: "user",
  scope: "any",
  summary: "The user behind the credentials, their organizations, and what the credentials allow",
  handle: async (c, ctx) => {
    const { actor } = ctx;
    if (actor === undefined) throw unauthorized();
    const user = await getUser(ctx, actor.name);
    const orgs = (await orgsOf(ctx, actor.id)).filter(({ org }) =>
      permits(actor.limits, "org.read", { ownerId: org.id }),
    );
    return c.json({
      type: "user",
      id: wireId(actor.id),
      name: actor.name,
      fullname: told(actor, "profile") ? (user.fullName ?? user.name) : user.name,
      email: told(actor, "email") ? user.email : null,
      emailVerified: false,
      canPay: false,
      billingMode: "prepaid",
      isPro: false,
      isAdmin: actor.admin,
      periodEnd: null,
      avatarUrl: avatarUrl(c, actor),
      orgs: orgs.map(({ org, role }) => ({
        ...wireOrg(c, org),
        email: null,
        canPay: false,
        periodEnd: null,
        roleInOrg: role,
      })),
      auth: await authOf(ctx, actor),
    });
  },
});

export const scopesSchema = z.strictObject({
  canReadGatedRepos: z.boolean().default(false),
  global: z.array(z.string()).max(20).default([]),
  scoped: z
    .array(
      z.strictObject({
        entity: z.object({ type: z.enum(["user", "org", ...REPO_TYPES]), name: z.string() }),
        permissions: z.array(z.string()).min(1).max(20),
      }),
    )
    .max(100)
    .default([]),
});

const tokenSchema = z.strictObject({
  name: z.string().min(1).max(80),
  role: z.enum(["read", "write", "fineGrained"]).default("read"),
  fineGrained: scopesSchema.optional(),
  expiresAt: z.iso.datetime().optional(),
});

const list = defineRoute({
  operation: "listTokens",
  method: "GET",
  path: "/api/settings/tokens",
  access: "user",
  summary: "The caller's tokens, without their values",
  handle: async (c, ctx) => {
    const rows = await listTokens(ctx);
    const wired = rows.map(async ({ scopes, createdAt, expiresAt, lastUsedAt, ...row }) => ({
      ...row,
      ...(scopes !== null && { fineGrained: await nameScopes(ctx, scopes) }),
      createdAt: createdAt.toISOString(),
      expiresAt: expiresAt?.toISOString() ?? null,
      lastUsedAt: lastUsedAt?.toISOString() ?? null,
    }));
    return c.json(await Promise.all(wired), 200, { "Cache-Control": "no-store" });
  },
});

const create = defineRoute({
  operation: "createToken",
  method: "POST",
  path: "/api/settings/tokens",
  access: "user",
  summary: "Make a token; its value is in this answer alone",
  body: tokenSchema,
  handle: async (c, ctx) => {
    const { name, role, fineGrained, expiresAt } = await jsonBody(c, tokenSchema);
    const made = await makeOwnToken(ctx, {
      name,
      role,
      scopes: fineGrained,
      expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt),
    });
    return c.json({ ...made, name, role }, 201, { "Cache-Control": "no-store" });
  },
});

const revoke = defineRoute({
  operation: "revokeToken",
  method: "DELETE",
  path: "/api/settings/tokens/:tokenId",
  access: "user",
  // Any token may end itself; the service knows which is which.
  scope: "any",
  summary: "Revoke a token of one's own",
  handle: async (c, ctx) => {
    await revokeToken(ctx, c.req.param("tokenId") ?? "");
    return c.json({ success: true });
  },
});

export const authRoutes = [whoami, list, create, revoke];
