// Members of organizations that are programs: nobody logs in as one, its tokens are not tied to any person.
import { and, asc, desc, eq, sql } from "drizzle-orm";
import type { Context } from "../context.ts";
import { type OrgRole, orgMembers, serviceAccounts } from "../db/schema/organizations.ts";
import { tokens, users } from "../db/schema.ts";
import { badRequest, forbidden, ServiceError } from "../errors.ts";
import { record } from "./audit.ts";
import { joinGroups, requireOrg } from "./organizations.ts";
import { type NamedScopes, resolveScopes } from "./tokens.ts";
import { type Account, invalidOwner, issueToken } from "./users.ts";
import { uuidRange } from "./wire-ids.ts";

type TokenRow = typeof tokens.$inferSelect;

export interface ServiceAccount {
  user: Account;
  role: OrgRole;
  description: string | null;
  createdAt: Date;
  tokens: TokenRow[];
}

/** Accounts that one organization may have, and tokens that one account may. */
const MOST_ACCOUNTS = 200;
const MOST_TOKENS = 50;

const accountNotFound = (id: string) =>
  new ServiceError(404, `There is no service account ${id}.`, { code: "SERVICE_ACCOUNT_NOT_FOUND" });
const tokenNotFound = (id: string) => new ServiceError(404, `There is no token ${id}.`, { code: "TOKEN_NOT_FOUND" });

export async function listServiceAccounts(ctx: Context, orgName: string): Promise<ServiceAccount[]> {
  const org = await requireOrg(ctx, orgName, "admin");
  return accountsOf(ctx, org.id);
}

async function accountsOf({ db }: Context, orgId: string): Promise<ServiceAccount[]> {
  const rows = await db
    .select({ account: serviceAccounts, user: users, role: orgMembers.role })
    .from(serviceAccounts)
    .innerJoin(users, eq(users.id, serviceAccounts.userId))
    .innerJoin(orgMembers, and(eq(orgMembers.userId, users.id), eq(orgMembers.orgId, serviceAccounts.orgId)))
    .where(eq(serviceAccounts.orgId, orgId))
    .orderBy(asc(sql`lower(${users.name})`));
  const held = await db
    .select({ token: tokens })
    .from(tokens)
    .innerJoin(serviceAccounts, eq(serviceAccounts.userId, tokens.userId))
    .where(eq(serviceAccounts.orgId, orgId))
    .orderBy(desc(tokens.createdAt));
  return rows.map(({ account, user, role }) => ({
    user,
    role,
    description: account.description,
    createdAt: account.createdAt,
    tokens: held.flatMap(({ token }) => (token.userId === user.id ? [token] : [])),
  }));
}

/** An account by the id that clients know. */
export async function getServiceAccount(ctx: Context, orgName: string, id: string): Promise<ServiceAccount> {
  const range = uuidRange(id);
  const found = (await listServiceAccounts(ctx, orgName)).find(
    ({ user }) => range !== undefined && user.id >= range[0] && user.id <= range[1],
  );
  if (found === undefined) throw accountNotFound(id);
  return found;
}

export interface ServiceAccountInput {
  name: string;
  description?: string | undefined;
  role: OrgRole;
}

/** Makes an account "org-name": names of accounts are names like those of users. */
export async function createServiceAccount(
  ctx: Context,
  orgName: string,
  { name, description, role }: ServiceAccountInput,
): Promise<ServiceAccount> {
  const org = await requireOrg(ctx, orgName, "admin");
  const plain = name
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  const username = `${org.name}-${plain}`;
  const reason = plain === "" ? "it has no letters" : invalidOwner(username);
  if (reason !== undefined) throw badRequest(`"${name}" is no name of a service account: ${reason}.`);
  if ((await accountsOf(ctx, org.id)).length >= MOST_ACCOUNTS)
    throw badRequest(`${org.name} has ${MOST_ACCOUNTS} service accounts already.`);
  const userId = await ctx.db.transaction(async (tx) => {
    const values = { name: username, kind: "service" as const, fullName: name.trim() };
    const [user] = await tx.insert(users).values(values).onConflictDoNothing().returning();
    if (user === undefined)
      throw new ServiceError(409, `The name "${username}" is taken already.`, { code: "NAME_TAKEN" });
    const more = { description: description?.trim() || null, createdBy: ctx.actor?.id ?? null };
    await tx.insert(serviceAccounts).values({ userId: user.id, orgId: org.id, ...more });
    await tx.insert(orgMembers).values({ orgId: org.id, userId: user.id, role });
    await joinGroups(tx, org.id, user.id);
    await record(tx, ctx, { orgId: org.id, action: "service-account.create", target: username, data: { role } });
    return user.id;
  });
  const made = (await accountsOf(ctx, org.id)).find(({ user }) => user.id === userId);
  if (made === undefined) throw accountNotFound(userId);
  return made;
}

/** Deletes an account; its tokens end with it. */
export async function deleteServiceAccount(ctx: Context, orgName: string, id: string): Promise<void> {
  const org = await requireOrg(ctx, orgName, "admin");
  const { user } = await getServiceAccount(ctx, orgName, id);
  await ctx.db.transaction(async (tx) => {
    await tx.delete(users).where(and(eq(users.id, user.id), eq(users.kind, "service")));
    await record(tx, ctx, { orgId: org.id, action: "service-account.delete", target: user.name });
  });
}

export interface ServiceTokenInput {
  name: string;
  role: "read" | "write" | "fineGrained";
  scopes?: NamedScopes | undefined;
  expiresAt?: Date | undefined;
}

export async function createServiceToken(
  ctx: Context,
  orgName: string,
  id: string,
  { name, role, scopes, expiresAt }: ServiceTokenInput,
): Promise<{ id: string; token: string }> {
  refuseLimits(ctx);
  const org = await requireOrg(ctx, orgName, "admin");
  const { user, tokens: held } = await getServiceAccount(ctx, orgName, id);
  if (held.length >= MOST_TOKENS) throw badRequest(`${user.name} has ${MOST_TOKENS} tokens already.`);
  const limits = scopes && (await resolveScopes(ctx, scopes));
  return ctx.db.transaction(async (tx) => {
    const made = await issueToken({ db: tx }, user.id, { name, role, scopes: limits, expiresAt });
    await record(tx, ctx, { orgId: org.id, action: "service-account.token.create", target: user.name, data: { name } });
    return made;
  });
}

/** A token with limits would make one without. */
function refuseLimits({ actor }: Context): void {
  if (actor?.limits !== undefined) throw forbidden("A token with limits makes no tokens.");
}

async function tokenOf(ctx: Context, orgName: string, id: string, tokenId: string) {
  const account = await getServiceAccount(ctx, orgName, id);
  const token = account.tokens.find((one) => one.id === tokenId);
  if (token === undefined) throw tokenNotFound(tokenId);
  return { account, token };
}

/** Changes a token's name, what it may do or when it ends; its value stays. */
export async function updateServiceToken(
  ctx: Context,
  orgName: string,
  id: string,
  tokenId: string,
  { name, role, scopes, expiresAt }: Partial<ServiceTokenInput>,
): Promise<void> {
  refuseLimits(ctx);
  const org = await requireOrg(ctx, orgName, "admin");
  const { account, token } = await tokenOf(ctx, orgName, id, tokenId);
  const limits = scopes && (await resolveScopes(ctx, scopes));
  const next = role ?? token.role;
  const held = next === "fineGrained" ? (limits ?? token.scopes) : null;
  if (next === "fineGrained" && held === null) throw badRequest("A token of the role fineGrained needs permissions.");
  await ctx.db.transaction(async (tx) => {
    await tx
      .update(tokens)
      .set({
        role: next,
        scopes: held,
        ...(name !== undefined && { name }),
        ...(expiresAt !== undefined && { expiresAt }),
      })
      .where(eq(tokens.id, token.id));
    const data = { name: name ?? token.name };
    await record(tx, ctx, { orgId: org.id, action: "service-account.token.update", target: account.user.name, data });
  });
}

export async function deleteServiceToken(ctx: Context, orgName: string, id: string, tokenId: string): Promise<void> {
  const org = await requireOrg(ctx, orgName, "admin");
  const { account, token } = await tokenOf(ctx, orgName, id, tokenId);
  await ctx.db.transaction(async (tx) => {
    await tx.delete(tokens).where(eq(tokens.id, token.id));
    const data = { name: token.name };
    await record(tx, ctx, { orgId: org.id, action: "service-account.token.delete", target: account.user.name, data });
  });
}

/** Gives a token a new value; the old one ends at once. */
export async function rotateServiceToken(ctx: Context, orgName: string, id: string, tokenId: string) {
  refuseLimits(ctx);
  const org = await requireOrg(ctx, orgName, "admin");
  const { account, token } = await tokenOf(ctx, orgName, id, tokenId);
  return ctx.db.transaction(async (tx) => {
    await tx.delete(tokens).where(eq(tokens.id, token.id));
    const made = await issueToken({ db: tx }, account.user.id, {
      name: token.name,
      role: token.role,
      scopes: token.scopes ?? undefined,
      expiresAt: token.expiresAt ?? undefined,
    });
    const data = { name: token.name };
    await record(tx, ctx, { orgId: org.id, action: "service-account.token.rotate", target: account.user.name, data });
    return made;
  });
}
