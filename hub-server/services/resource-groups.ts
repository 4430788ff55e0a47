// Resource groups of organizations: repositories and collections that only a part of the members sees. access.ts holds them to it.
import { and, asc, count, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { collections } from "../db/schema/collections.ts";
import {
  type OrgRole,
  orgMembers,
  repoGroups,
  resourceGroupMembers,
  resourceGroups,
} from "../db/schema/organizations.ts";
import { repos, users } from "../db/schema.ts";
import { badRequest, forbidden, ServiceError } from "../errors.ts";
import { findRepo, type Repo, requireAccess, roleIn, visible } from "./access.ts";
import { record } from "./audit.ts";
import type { Collection } from "./collections.ts";
import { requireOrg } from "./organizations.ts";
import { type Account, findUser } from "./users.ts";
import { newId } from "./wire-ids.ts";

type Row = typeof resourceGroups.$inferSelect;

export interface Group extends Row {
  users: { user: Account; role: OrgRole }[];
  repos: Repo[];
}

/** Groups that one organization may have. */
const MOST_GROUPS = 500;
/** Members or repositories that one call may name. */
export const MOST_NAMED = 500;

const groupNotFound = (id: string) =>
  new ServiceError(404, `There is no resource group ${id}.`, { code: "GROUP_NOT_FOUND" });

/** Groups that the caller belongs to; all of them for administrators of the organization. */
export const listGroups = (ctx: Context, name: string): Promise<Group[]> => groupsOf(ctx, name, undefined);

/** One of those groups; any other is not there. */
export async function getGroup(ctx: Context, name: string, id: string): Promise<Group> {
  const [group] = await groupsOf(ctx, name, eq(resourceGroups.id, id));
  if (group === undefined) throw groupNotFound(id);
  return group;
}

async function groupsOf(ctx: Context, name: string, which: SQL | undefined): Promise<Group[]> {
  const org = await requireOrg(ctx, name, "read");
  const rows = await ctx.db
    .select()
    .from(resourceGroups)
    .where(and(eq(resourceGroups.orgId, org.id), which))
    .orderBy(asc(sql`lower(${resourceGroups.name})`));
  const groups = await describe(ctx, rows);
  const manages = ctx.actor?.admin === true || (await roleIn(ctx, org.id)) === "admin";
  return groups.filter((group) => manages || group.users.some(({ user }) => user.id === ctx.actor?.id));
}

/** Groups with their members, and those of their repositories that the caller's token lets see. */
async function describe(ctx: Context, rows: readonly Row[]): Promise<Group[]> {
  const { db } = ctx;
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  const members = await db
    .select({ groupId: resourceGroupMembers.groupId, role: resourceGroupMembers.role, user: users })
    .from(resourceGroupMembers)
    .innerJoin(users, eq(users.id, resourceGroupMembers.userId))
    .where(inArray(resourceGroupMembers.groupId, ids))
    .orderBy(asc(sql`lower(${users.name})`));
  const held = await db
    .select({ groupId: repoGroups.groupId, repo: repos })
    .from(repoGroups)
    .innerJoin(repos, eq(repos.id, repoGroups.repoId))
    .where(and(inArray(repoGroups.groupId, ids), visible(ctx)))
    .orderBy(repos.type, repos.name);
  return rows.map((row) => ({
    ...row,
    users: members.filter(({ groupId }) => groupId === row.id),
    repos: held.filter(({ groupId }) => groupId === row.id).map(({ repo }) => repo),
  }));
}

export interface NamedRole {
  user: string;
  role: OrgRole;
}

export interface GroupInput {
  name: string;
  description?: string | undefined;
  users?: readonly NamedRole[];
  repos?: readonly RepoId[];
  /** The role of new members; null when they do not join by themselves. */
  autoJoinRole?: OrgRole | null | undefined;
}

export async function createGroup(ctx: Context, orgName: string, input: GroupInput): Promise<Group> {
  const org = await requireOrg(ctx, orgName, "admin");
  const people = await membersNamed(ctx, org, input.users ?? []);
  const held = await reposNamed(ctx, org, input.repos ?? []);
  const id = newId();
  await ctx.db.transaction(async (tx) => {
    const [number] = await tx.select({ value: count() }).from(resourceGroups).where(eq(resourceGroups.orgId, org.id));
    if ((number?.value ?? 0) >= MOST_GROUPS)
      throw badRequest(`${org.name} has ${MOST_GROUPS} resource groups already.`);
    const values = {
      id,
      orgId: org.id,
      name: input.name.trim(),
      description: input.description?.trim() || null,
      autoJoinRole: input.autoJoinRole ?? null,
    };
    const [made] = await tx.insert(resourceGroups).values(values).onConflictDoNothing().returning();
    if (made === undefined) throw taken(org, values.name);
    await addUsers(tx, ctx, id, people);
    for (const repo of held) await placeInGroup(tx, repo.id, id);
    await record(tx, ctx, { orgId: org.id, action: "group.create", target: values.name, data: { id } });
  });
  return getGroup(ctx, org.name, id);
}

const taken = (org: Account, name: string) =>
  new ServiceError(409, `${org.name} has a resource group "${name}" already.`, { code: "GROUP_EXISTS" });

async function membersNamed(ctx: Context, org: Account, named: readonly NamedRole[]) {
  const out: { user: Account; role: OrgRole }[] = [];
  for (const { user: name, role } of named) {
    const user = await findUser(ctx, name);
    const [member] =
      user === undefined
        ? []
        : await ctx.db
            .select()
            .from(orgMembers)
            .where(and(eq(orgMembers.orgId, org.id), eq(orgMembers.userId, user.id)));
    if (user === undefined || member === undefined) throw badRequest(`${name} is no member of ${org.name}.`);
    out.push({ user, role });
  }
  return out;
}

async function reposNamed(ctx: Context, org: Account, ids: readonly RepoId[]): Promise<Repo[]> {
  const out: Repo[] = [];
  for (const id of ids) {
    const repo = await findRepo(ctx, id);
    if (repo?.ownerId !== org.id) throw badRequest(`${org.name} has no ${id.type} ${id.namespace}/${id.name}.`);
    out.push(repo);
  }
  return out;
}

async function addUsers(
  tx: Tx,
  { actor }: Context,
  groupId: string,
  people: readonly { user: Account; role: OrgRole }[],
) {
  for (const { user, role } of people)
    await tx
      .insert(resourceGroupMembers)
      .values({ groupId, userId: user.id, role, addedBy: actor?.id ?? null })
      .onConflictDoUpdate({ target: [resourceGroupMembers.groupId, resourceGroupMembers.userId], set: { role } });
}

export const placeInGroup = (tx: Tx, repoId: string, groupId: string) =>
  tx.insert(repoGroups).values({ repoId, groupId }).onConflictDoUpdate({ target: repoGroups.repoId, set: { groupId } });

/** A group that the caller manages, as an administrator of the organization. */
async function managed(ctx: Context, orgName: string, id: string): Promise<{ org: Account; group: Row }> {
  const org = await requireOrg(ctx, orgName, "admin");
  const [group] = await ctx.db
    .select()
    .from(resourceGroups)
    .where(and(eq(resourceGroups.id, id), eq(resourceGroups.orgId, org.id)));
  if (group === undefined) throw groupNotFound(id);
  return { org, group };
}

export async function updateGroup(
  ctx: Context,
  orgName: string,
  id: string,
  input: { name?: string | undefined } & Pick<GroupInput, "description" | "autoJoinRole">,
): Promise<Group> {
  const { org, group } = await managed(ctx, orgName, id);
  const changed = {
    ...(input.name !== undefined && { name: input.name.trim() }),
    ...(input.description !== undefined && { description: input.description.trim() || null }),
    ...(input.autoJoinRole !== undefined && { autoJoinRole: input.autoJoinRole }),
  };
  if (Object.keys(changed).length === 0) return getGroup(ctx, org.name, id);
  await ctx.db.transaction(async (tx) => {
    const named = and(eq(resourceGroups.orgId, org.id), eq(resourceGroups.name, changed.name ?? ""));
    const [same] = changed.name === undefined ? [] : await tx.select().from(resourceGroups).where(named);
    if (same !== undefined && same.id !== id) throw taken(org, same.name);
    await tx.update(resourceGroups).set(changed).where(eq(resourceGroups.id, id));
    await record(tx, ctx, { orgId: org.id, action: "group.update", target: group.name, data: { id, ...changed } });
  });
  return getGroup(ctx, org.name, id);
}

/** Deletes a group; what it held is there for all members again. */
export async function deleteGroup(ctx: Context, orgName: string, id: string): Promise<void> {
  const { org, group } = await managed(ctx, orgName, id);
  await ctx.db.transaction(async (tx) => {
    await tx.delete(resourceGroups).where(eq(resourceGroups.id, id));
    await record(tx, ctx, { orgId: org.id, action: "group.delete", target: group.name, data: { id } });
  });
}

export async function addGroupUsers(ctx: Context, orgName: string, id: string, named: readonly NamedRole[]) {
  const { org, group } = await managed(ctx, orgName, id);
  const people = await membersNamed(ctx, org, named);
  await ctx.db.transaction(async (tx) => {
    await addUsers(tx, ctx, id, people);
    const data = { id, users: people.map(({ user, role }) => ({ user: user.name, role })) };
    await record(tx, ctx, { orgId: org.id, action: "group.users.add", target: group.name, data });
  });
  return getGroup(ctx, org.name, id);
}

/** Changes a member's role in a group; undefined takes them out. */
export async function setGroupUser(
  ctx: Context,
  orgName: string,
  id: string,
  username: string,
  role: OrgRole | undefined,
): Promise<Group> {
  const { org, group } = await managed(ctx, orgName, id);
  const user = await findUser(ctx, username);
  const one = and(eq(resourceGroupMembers.groupId, id), eq(sql`${resourceGroupMembers.userId}::text`, user?.id ?? ""));
  await ctx.db.transaction(async (tx) => {
    const changed =
      role === undefined
        ? await tx.delete(resourceGroupMembers).where(one).returning()
        : await tx.update(resourceGroupMembers).set({ role }).where(one).returning();
    if (changed.length === 0)
      throw new ServiceError(404, `${username} is not in this resource group.`, { code: "MEMBER_NOT_FOUND" });
    const data = { id, user: username, role: role ?? null };
    await record(tx, ctx, { orgId: org.id, action: "group.users.change", target: group.name, data });
  });
  return getGroup(ctx, org.name, id);
}

/** The group of a repository, for those who may manage it. */
export async function groupOfRepo(ctx: Context, id: RepoId): Promise<Row | undefined> {
  const repo = await requireAccess(ctx, "manage", id);
  const [row] = await ctx.db
    .select({ group: resourceGroups })
    .from(repoGroups)
    .innerJoin(resourceGroups, eq(resourceGroups.id, repoGroups.groupId))
    .where(and(eq(repoGroups.repoId, repo.id), eq(resourceGroups.orgId, repo.ownerId)));
  return row?.group;
}

/** The group that something new goes to: one where the caller may add to it, or they would not see what they made. */
export async function groupForNew(ctx: Context, owner: { id: string; name: string }, groupId: string): Promise<string> {
  const group = await groupOf(ctx, owner.id, owner.name, groupId);
  if (group === undefined) throw groupNotFound(groupId);
  const { actor } = ctx;
  if (actor?.admin === true || (await roleIn(ctx, owner.id)) === "admin") return group.id;
  const [member] = await ctx.db
    .select({ role: resourceGroupMembers.role })
    .from(resourceGroupMembers)
    .where(and(eq(resourceGroupMembers.groupId, group.id), eq(resourceGroupMembers.userId, actor?.id ?? "")));
  if (member !== undefined && member.role !== "read") return group.id;
  throw forbidden(`${actor?.name} may not add to the resource group "${group.name}" of ${owner.name}.`);
}

/** Puts a repository into a group of its organization; null takes it out. */
export async function setRepoGroup(ctx: Context, id: RepoId, groupId: string | null): Promise<Repo> {
  const repo = await requireAccess(ctx, "manage", id);
  const group = await groupOf(ctx, repo.ownerId, repo.namespace, groupId);
  await ctx.db.transaction(async (tx) => {
    if (group === undefined) await tx.delete(repoGroups).where(eq(repoGroups.repoId, repo.id));
    else await placeInGroup(tx, repo.id, group.id);
    const target = `${repo.type} ${repo.namespace}/${repo.name}`;
    await record(tx, ctx, { orgId: repo.ownerId, action: "repo.group", target, data: { group: group?.name ?? null } });
  });
  return repo;
}

async function groupOf({ db }: Context, orgId: string, name: string, groupId: string | null): Promise<Row | undefined> {
  if (groupId === null) return undefined;
  const [group] = await db
    .select()
    .from(resourceGroups)
    .where(and(eq(resourceGroups.id, groupId), eq(resourceGroups.orgId, orgId)));
  if (group === undefined) throw badRequest(`${name} has no resource group ${groupId}.`);
  return group;
}

export async function setCollectionGroup(ctx: Context, collection: Collection, groupId: string | null): Promise<void> {
  const group = await groupOf(ctx, collection.ownerId, collection.owner.name, groupId);
  await ctx.db
    .update(collections)
    .set({ groupId: group?.id ?? null })
    .where(eq(collections.id, collection.id));
}

export async function groupOfCollection({ db }: Context, { groupId }: Collection): Promise<Row | undefined> {
  if (groupId === null) return undefined;
  const [group] = await db.select().from(resourceGroups).where(eq(resourceGroups.id, groupId));
  return group;
}
