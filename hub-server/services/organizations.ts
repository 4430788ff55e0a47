// Organizations: made, described, deleted; who belongs to them and as what.
// What members may do with repositories is in access.ts.
import { and, asc, count, eq, ilike, inArray, or, sql } from "drizzle-orm";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import {
  type OrgRole,
  orgMembers,
  resourceGroupMembers,
  resourceGroups,
  revokedOrgTokens,
  serviceAccounts,
} from "../db/schema/organizations.ts";
import { repos, tokens, users } from "../db/schema.ts";
import { badRequest, forbidden, ServiceError, unauthorized } from "../errors.ts";
import { requireWriter, roleIn } from "./access.ts";
import { record } from "./audit.ts";
import { containing } from "./like-pattern.ts";
import { permits } from "./scopes.ts";
import { type Account, findUser, invalidOwner, sha256 } from "./users.ts";

const orgNotFound = (name: string) =>
  new ServiceError(404, `There is no organization "${name}".`, { code: "ORG_NOT_FOUND" });
const memberNotFound = (org: string, name: string) =>
  new ServiceError(404, `${name} is no member of ${org}.`, { code: "MEMBER_NOT_FOUND" });

/** An organization; that there is one is no secret, as its name is taken. */
export async function getOrg(ctx: Pick<Context, "db">, name: string): Promise<Account> {
  const org = await findUser(ctx, name);
  if (org?.kind !== "org") throw orgNotFound(name);
  return org;
}

/** An organization that the caller belongs to, or manages. Administrators of the hub manage them all. */
export async function requireOrg(ctx: Context, name: string, need: "read" | "admin"): Promise<Account> {
  const { actor } = ctx;
  if (actor === undefined) throw unauthorized();
  const org = await getOrg(ctx, name);
  const role = actor.admin ? "admin" : await roleIn(ctx, org.id);
  const wanted = need === "read" ? "org.read" : "org.write";
  if (role === undefined || !permits(actor.limits, wanted, { ownerId: org.id }))
    throw forbidden(`${actor.name} may not see the settings of ${org.name}.`);
  if (need === "read") return org;
  requireWriter(ctx, wanted, { ownerId: org.id });
  if (role !== "admin") throw forbidden(`${actor.name} may not manage ${org.name}: their role is ${role}.`);
  return org;
}

export interface OrgInput {
  name: string;
  fullName?: string | undefined;
  details?: string | undefined;
}

/** Makes an organization; who makes it is its first administrator. */
export async function createOrg(ctx: Context, { name, fullName, details }: OrgInput): Promise<Account> {
  const { actor, db, policy } = ctx;
  if (actor === undefined) throw unauthorized();
  if (actor.limits !== undefined) throw forbidden("A token with limits makes no organizations.");
  requireWriter(ctx, "org.write");
  if (policy.organizations === "admins" && !actor.admin)
    throw forbidden("Only administrators make organizations on this hub (ABRAZO_ORGANIZATIONS=admins).");
  const reason = invalidOwner(name);
  if (reason !== undefined) throw badRequest(`"${name}" is no name of an organization: ${reason}.`);
  return db.transaction(async (tx) => {
    const values = { name, kind: "org" as const, fullName: fullName?.trim() || null, details: details?.trim() || null };
    const [org] = await tx.insert(users).values(values).onConflictDoNothing().returning();
    if (org === undefined) throw new ServiceError(409, `The name "${name}" is taken already.`, { code: "NAME_TAKEN" });
    await tx.insert(orgMembers).values({ orgId: org.id, userId: actor.id, role: "admin" });
    await record(tx, ctx, { orgId: org.id, action: "org.create", target: org.name });
    return org;
  });
}

export async function updateOrg(ctx: Context, name: string, { fullName, details }: Omit<OrgInput, "name">) {
  const org = await requireOrg(ctx, name, "admin");
  const changed = {
    ...(fullName !== undefined && { fullName: fullName.trim() || null }),
    ...(details !== undefined && { details: details.trim() || null }),
  };
  if (Object.keys(changed).length === 0) return;
  await ctx.db.transaction(async (tx) => {
    await tx.update(users).set(changed).where(eq(users.id, org.id));
    await record(tx, ctx, { orgId: org.id, action: "org.settings", target: org.name, data: changed });
  });
}

/** Deletes an organization that owns nothing any more. */
export async function deleteOrg(ctx: Context, name: string): Promise<void> {
  const org = await requireOrg(ctx, name, "admin");
  const [owned] = await ctx.db.select({ value: count() }).from(repos).where(eq(repos.ownerId, org.id));
  if ((owned?.value ?? 0) > 0)
    throw new ServiceError(409, `${org.name} still owns ${owned?.value} repositories.`, {
      code: "ORG_NOT_EMPTY",
      hint: "Delete or move them first.",
    });
  await ctx.db.transaction(async (tx) => {
    const programs = tx
      .select({ id: serviceAccounts.userId })
      .from(serviceAccounts)
      .where(eq(serviceAccounts.orgId, org.id));
    await tx.delete(users).where(and(eq(users.kind, "service"), inArray(users.id, programs)));
    await tx.delete(users).where(eq(users.id, org.id));
  });
}

export interface Member {
  user: Account;
  role: OrgRole;
}

/** Members by name, one more than the page. */
export async function listMembers(
  { db }: Pick<Context, "db">,
  orgId: string,
  { search = "", limit, offset }: { search?: string | undefined; limit: number; offset: number },
): Promise<Member[]> {
  const pattern = containing(search);
  return db
    .select({ user: users, role: orgMembers.role })
    .from(orgMembers)
    .innerJoin(users, eq(users.id, orgMembers.userId))
    .where(and(eq(orgMembers.orgId, orgId), or(ilike(users.name, pattern), ilike(users.fullName, pattern))))
    .orderBy(asc(sql`lower(${users.name})`))
    .limit(limit + 1)
    .offset(offset);
}

/** The organizations of a user, by name. */
export async function orgsOf({ db }: Pick<Context, "db">, userId: string): Promise<{ org: Account; role: OrgRole }[]> {
  return db
    .select({ org: users, role: orgMembers.role })
    .from(orgMembers)
    .innerJoin(users, eq(users.id, orgMembers.orgId))
    .where(eq(orgMembers.userId, userId))
    .orderBy(asc(sql`lower(${users.name})`));
}

/** A user who exists and is a person: organizations join none, and programs belong to the one that made them. */
async function joiner(ctx: Context, org: Account, name: string): Promise<Account> {
  const user = await findUser(ctx, name);
  if (user?.kind === "user") return user;
  throw new ServiceError(404, `There is no user "${name}" who could be a member of ${org.name}.`, {
    code: "USER_NOT_FOUND",
  });
}

export async function addMember(ctx: Context, name: string, username: string, role: OrgRole): Promise<void> {
  const org = await requireOrg(ctx, name, "admin");
  const user = await joiner(ctx, org, username);
  await ctx.db.transaction(async (tx) => {
    const [made] = await tx
      .insert(orgMembers)
      .values({ orgId: org.id, userId: user.id, role })
      .onConflictDoNothing()
      .returning();
    if (made === undefined)
      throw new ServiceError(409, `${user.name} is a member of ${org.name} already.`, { code: "MEMBER_EXISTS" });
    await joinGroups(tx, org.id, user.id);
    await record(tx, ctx, { orgId: org.id, action: "org.member.add", target: user.name, data: { role } });
  });
}

/** New members join the groups that take them by themselves. */
export async function joinGroups(tx: Tx, orgId: string, userId: string): Promise<void> {
  const groups = await tx.select().from(resourceGroups).where(eq(resourceGroups.orgId, orgId));
  for (const { id, autoJoinRole } of groups) {
    if (autoJoinRole === null) continue;
    await tx.insert(resourceGroupMembers).values({ groupId: id, userId, role: autoJoinRole }).onConflictDoNothing();
  }
}

export interface RoleChange {
  role: OrgRole;
  /** Roles in resource groups, by the group's id. */
  groups?: readonly { id: string; role: OrgRole }[];
}

export async function setRole(ctx: Context, name: string, username: string, { role, groups = [] }: RoleChange) {
  const org = await requireOrg(ctx, name, "admin");
  const user = await findUser(ctx, username);
  if (user === undefined) throw memberNotFound(org.name, username);
  await ctx.db.transaction(async (tx) => {
    const before = await lockMember(tx, org, user);
    if (role !== "admin") await keepAnAdmin(tx, org, user.id, before);
    await tx
      .update(orgMembers)
      .set({ role })
      .where(and(eq(orgMembers.orgId, org.id), eq(orgMembers.userId, user.id)));
    for (const group of groups) await setGroupRole(tx, org, user, group);
    await record(tx, ctx, {
      orgId: org.id,
      action: "org.member.role",
      target: user.name,
      data: { from: before, to: role },
    });
  });
}

async function setGroupRole(tx: Tx, org: Account, user: Account, { id, role }: { id: string; role: OrgRole }) {
  const [group] = await tx
    .select()
    .from(resourceGroups)
    .where(and(eq(resourceGroups.id, id), eq(resourceGroups.orgId, org.id)));
  if (group === undefined) throw badRequest(`${org.name} has no resource group ${id}.`);
  await tx
    .insert(resourceGroupMembers)
    .values({ groupId: id, userId: user.id, role })
    .onConflictDoUpdate({ target: [resourceGroupMembers.groupId, resourceGroupMembers.userId], set: { role } });
}

/** Takes a member out, of the groups too. Members may leave by themselves. */
export async function removeMember(ctx: Context, name: string, username: string): Promise<void> {
  const { actor } = ctx;
  const leaves =
    actor !== undefined && actor.limits === undefined && actor.name.toLowerCase() === username.toLowerCase();
  if (leaves) requireWriter(ctx, "org.write");
  const org = leaves ? await getOrg(ctx, name) : await requireOrg(ctx, name, "admin");
  const user = await findUser(ctx, username);
  if (user === undefined) throw memberNotFound(org.name, username);
  if (user.kind === "service") throw badRequest(`${user.name} is a service account; delete it instead.`);
  await ctx.db.transaction(async (tx) => {
    const before = await lockMember(tx, org, user);
    await keepAnAdmin(tx, org, user.id, before);
    await tx.delete(orgMembers).where(and(eq(orgMembers.orgId, org.id), eq(orgMembers.userId, user.id)));
    const groups = tx.select({ id: resourceGroups.id }).from(resourceGroups).where(eq(resourceGroups.orgId, org.id));
    await tx
      .delete(resourceGroupMembers)
      .where(and(eq(resourceGroupMembers.userId, user.id), sql`${resourceGroupMembers.groupId} in ${groups}`));
    await record(tx, ctx, { orgId: org.id, action: "org.member.remove", target: user.name });
  });
}

/** The member's role, with all administrators locked: two of them cannot leave at once. */
async function lockMember(tx: Tx, org: Account, user: Account): Promise<OrgRole> {
  const rows = await tx
    .select({ userId: orgMembers.userId, role: orgMembers.role })
    .from(orgMembers)
    .where(and(eq(orgMembers.orgId, org.id), or(eq(orgMembers.role, "admin"), eq(orgMembers.userId, user.id))))
    .for("update");
  const row = rows.find(({ userId }) => userId === user.id);
  if (row === undefined) throw memberNotFound(org.name, user.name);
  return row.role;
}

async function keepAnAdmin(tx: Tx, org: Account, userId: string, role: OrgRole): Promise<void> {
  if (role !== "admin") return;
  const admins = await tx
    .select({ userId: orgMembers.userId })
    .from(orgMembers)
    .where(and(eq(orgMembers.orgId, org.id), eq(orgMembers.role, "admin")));
  if (admins.some((admin) => admin.userId !== userId)) return;
  throw new ServiceError(409, `${org.name} would have no administrator.`, {
    code: "LAST_ADMIN",
    hint: "Make another member an administrator first.",
  });
}

/** Takes a token's rights in the organization; elsewhere it works on. Its value proves that the caller has found it. */
export async function revokeOrgToken(ctx: Context, name: string, token: string): Promise<void> {
  const org = await requireOrg(ctx, name, "admin");
  const [row] = await ctx.db
    .select({ id: tokens.id, ending: tokens.ending, user: users.name })
    .from(tokens)
    .innerJoin(users, eq(users.id, tokens.userId))
    .innerJoin(orgMembers, and(eq(orgMembers.userId, tokens.userId), eq(orgMembers.orgId, org.id)))
    .where(eq(tokens.hash, sha256(token)));
  if (row === undefined)
    throw new ServiceError(404, `No member of ${org.name} has this token.`, { code: "TOKEN_NOT_FOUND" });
  await ctx.db.transaction(async (tx) => {
    await tx.insert(revokedOrgTokens).values({ orgId: org.id, tokenId: row.id }).onConflictDoNothing();
    const data = { token: `hf_…${row.ending}` };
    await record(tx, ctx, { orgId: org.id, action: "org.token.revoke", target: row.user, data });
  });
}
