// Who may do what with a repository. What a caller may not see does not exist.
import { and, eq, exists, inArray, not, or, type SQL, sql } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Actor, Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { prepared } from "../db/prepared.ts";
import { accessRequests, type RequestStatus } from "../db/schema/gates.ts";
import {
  networkRules,
  type OrgRole,
  orgMembers,
  repoCreators,
  repoGroups,
  resourceGroupMembers,
  resourceGroups,
  revokedOrgTokens,
} from "../db/schema/organizations.ts";
import { redirects, repos, users } from "../db/schema.ts";
import { badRequest, forbidden, repoNotFound, ServiceError, unauthorized } from "../errors.ts";
import { type Permission, permits, placesOf } from "./scopes.ts";

export type Repo = typeof repos.$inferSelect;
/** read: see that it is there · content: have its bytes · contribute: discuss, propose · write: change · manage: settings, delete. */
export type Action = "read" | "content" | "contribute" | "write" | "manage";
type Caller = Pick<Context, "db" | "actor">;

const repoByName = prepared((db) =>
  db
    .select()
    .from(repos)
    .where(
      and(
        eq(repos.type, sql.placeholder("type")),
        eq(sql`lower(${repos.namespace})`, sql.placeholder("namespace")),
        eq(sql`lower(${repos.name})`, sql.placeholder("name")),
      ),
    ),
);

/** The repository of a name, or of one it had before. */
export async function findRepo(
  { db }: Pick<Context, "db">,
  { type, namespace, name }: RepoId,
): Promise<Repo | undefined> {
  const [repo] = await repoByName(db, { type, namespace: namespace.toLowerCase(), name: name.toLowerCase() });
  if (repo !== undefined) return repo;
  const from = `${namespace}/${name}`.toLowerCase();
  const [moved] = await db
    .select({ repo: repos })
    .from(redirects)
    .innerJoin(repos, eq(repos.id, redirects.repoId))
    .where(and(eq(redirects.type, type), eq(redirects.from, from)));
  return moved?.repo;
}

/** What a member of the owning organization may, from the least. A contributor's own repositories are apart (maker). */
const ROLES: Readonly<Record<Action, readonly OrgRole[]>> = {
  read: ["read", "contributor", "write", "admin"],
  content: ["read", "contributor", "write", "admin"],
  contribute: ["read", "contributor", "write", "admin"],
  write: ["write", "admin"],
  manage: ["admin"],
};

/** What a token with limits needs for each. */
const NEEDED: Readonly<Record<Action, Permission>> = {
  read: "repo.content.read",
  content: "repo.content.read",
  contribute: "discussion.write",
  write: "repo.write",
  manage: "repo.manage",
};

/** Whether a membership counts for this request: the organization may take it from some addresses alone, and not by every token. */
export function membershipCounts({ db, actor }: Caller): SQL<boolean> {
  const barred = db
    .select({ one: sql`1` })
    .from(networkRules)
    .where(
      and(
        eq(networkRules.orgId, orgMembers.orgId),
        networkRules.enforceIpRestriction,
        sql`not coalesce(${actor?.address ?? null}::inet <<= any(${networkRules.ipRanges}::inet[]), false)`,
      ),
    );
  const revoked = db
    .select({ one: sql`1` })
    .from(revokedOrgTokens)
    .where(and(eq(revokedOrgTokens.orgId, orgMembers.orgId), eq(revokedOrgTokens.tokenId, actor?.tokenId ?? NOBODY)));
  return sql<boolean>`(${not(exists(barred))} and ${not(exists(revoked))})`;
}
const NOBODY = "00000000-0000-0000-0000-000000000000";

/** The caller's role in an organization; undefined for strangers, and where it is a user. */
export async function roleIn({ db, actor }: Caller, orgId: string): Promise<OrgRole | undefined> {
  if (actor === undefined) return undefined;
  const [row] = await db
    .select({ role: orgMembers.role })
    .from(orgMembers)
    .where(and(eq(orgMembers.orgId, orgId), eq(orgMembers.userId, actor.id), membershipCounts({ db, actor })));
  return row?.role;
}

/** What the caller is to a repository. */
interface Standing {
  /** Undefined for strangers, and for members who do not count now. */
  role: OrgRole | undefined;
  /** Made by the caller. */
  maker: boolean;
  /** A member whom the organization does not take from here, or with this token. */
  barred: boolean;
  /** Whether the token's limits leave room for an action. */
  allows(action: Action): boolean;
}

async function standingOn({ db, actor }: Caller, repo: Repo): Promise<Standing> {
  const place = { ownerId: repo.ownerId, repoId: repo.id };
  const limits = actor?.limits;
  const allows = (action: Action) => permits(limits, NEEDED[action], place);
  if (actor === undefined) return { role: undefined, maker: false, barred: false, allows };
  const owns = actor.admin || actor.id === repo.ownerId;
  if (owns && limits?.app === undefined) return { role: "admin", maker: true, barred: false, allows };
  const [row] = await db
    .select({
      role: orgMembers.role,
      counts: membershipCounts({ db, actor }),
      groupId: resourceGroups.id,
      groupRole: resourceGroupMembers.role,
      makerId: repoCreators.userId,
      appId: repoCreators.appId,
    })
    .from(repos)
    .leftJoin(orgMembers, and(eq(orgMembers.orgId, repos.ownerId), eq(orgMembers.userId, actor.id)))
    .leftJoin(repoGroups, eq(repoGroups.repoId, repos.id))
    .leftJoin(resourceGroups, and(eq(resourceGroups.id, repoGroups.groupId), eq(resourceGroups.orgId, repos.ownerId)))
    .leftJoin(
      resourceGroupMembers,
      and(eq(resourceGroupMembers.groupId, resourceGroups.id), eq(resourceGroupMembers.userId, actor.id)),
    )
    .leftJoin(repoCreators, eq(repoCreators.repoId, repos.id))
    .where(eq(repos.id, repo.id))
    .prepare("standing")
    .execute();
  const member = row?.role ?? undefined;
  const inGroup = row?.groupId == null || member === "admin" ? member : (row.groupRole ?? undefined);
  const maker = row?.makerId === actor.id;
  // An app that may make repositories may go on with those that it made.
  const byApp = maker && limits?.app !== undefined && row?.appId === limits.app.id && permits(limits, "repo.create");
  return {
    role: owns ? "admin" : member !== undefined && row?.counts === true ? inGroup : undefined,
    maker,
    barred: member !== undefined && row?.counts !== true,
    allows: (action) => allows(action) || (byApp && action !== "manage"),
  };
}

/** The repository, if the caller may do this with it. Hidden is "not found"; a readable one that may not be written is 403. */
export async function requireAccess(ctx: Context, action: Action, id: RepoId): Promise<Repo> {
  const repo = await findRepo(ctx, id);
  if (repo === undefined) throw repoNotFound();
  // Everybody may: nothing has to be known of the caller.
  if (!repo.isPrivate && action === "read") return repo;
  const standing = await standingOn(ctx, repo);
  if (repo.isPrivate && standing.barred) throw notFromHere(repo);
  if (repo.isPrivate && (standing.role === undefined || !standing.allows("read"))) throw repoNotFound();
  if (action === "read") return repo;
  // The exact words: clients look for them.
  if (repo.isDisabled && ctx.actor?.admin !== true)
    throw new ServiceError(403, "Access to this resource is disabled.", { code: "DISABLED" });
  if (action === "content") await requireContent(ctx, repo, standing);
  else requireRight(ctx.actor, action, repo, standing);
  return repo;
}

/** Whether the caller may do this with a repository that is in hand; a question, where requireAccess is a demand. */
export async function mayAccess(ctx: Context, action: Action, repo: Repo): Promise<boolean> {
  return requireAccess(ctx, action, repo).then(
    () => true,
    (error: unknown) => {
      if (error instanceof ServiceError && error.status < 500) return false;
      throw error;
    },
  );
}

const notFromHere = ({ namespace }: Repo) =>
  new ServiceError(403, `${namespace} does not take its members from this address, or no longer by this token.`, {
    code: "MEMBERSHIP_BARRED",
    hint: "Its administrators see the allowed addresses under the organization's settings.",
  });

function requireRight(actor: Actor | undefined, action: Action, repo: Repo, standing: Standing): void {
  const name = `${repo.namespace}/${repo.name}`;
  if (actor === undefined) throw unauthorized();
  if (actor.limits !== undefined && !standing.allows(action))
    throw forbidden(`This token has no permission "${NEEDED[action]}" for ${name}.`);
  if (actor.limits === undefined && actor.role !== "write") throw readOnly();
  if (action === "contribute" && !repo.isPrivate) return;
  const { role, maker } = standing;
  const own = role === "contributor" && maker && action === "write";
  if (own || (role !== undefined && ROLES[action].includes(role))) return;
  if (standing.barred) throw notFromHere(repo);
  throw forbidden(`${actor.name} may not ${action === "manage" ? "manage" : "write to"} ${name}.`);
}

const readOnly = () => forbidden("This token may only read. Use one with the role write.");

/** The caller, if their credential may change things at a place; for whatever is no repository. */
export function requireWriter(
  { actor }: Pick<Context, "actor">,
  permission: Permission,
  place?: { ownerId: string },
): Actor {
  if (actor === undefined) throw unauthorized();
  if (actor.limits === undefined && actor.role !== "write") throw readOnly();
  if (!permits(actor.limits, permission, place)) throw forbidden(`This token has no permission "${permission}" here.`);
  return actor;
}

const GATE_WORDS: Readonly<Record<RequestStatus | "none", (what: string) => string>> = {
  none: (what) => `Access to ${what} is restricted and you are not in the authorized list. Ask for access on its page.`,
  pending: (what) => `Your request to access ${what} is awaiting a review from the repo authors.`,
  accepted: (what) => `This token may not read gated repositories such as ${what}.`,
  rejected: (what) => `Your request to access ${what} has been rejected by the repo's authors.`,
  reset: (what) => `Your request to access ${what} has been reset by the repo's authors. Send a new one on its page.`,
};

/** The gate in front of the bytes: the owner and members go through, others once they were let in. */
async function requireContent({ db, actor }: Context, repo: Repo, { role, allows }: Standing): Promise<void> {
  if (repo.gated === null || (role !== undefined && allows("content"))) return;
  const what = `${repo.type} ${repo.namespace}/${repo.name}`;
  const gated = (status: number, message: string) => new ServiceError(status, message, { wireCode: "GatedRepo" });
  if (actor === undefined)
    throw gated(
      401,
      `Access to ${what} is restricted. You must have access to it and be authenticated. Please log in.`,
    );
  const [request] = await db
    .select({ status: accessRequests.status })
    .from(accessRequests)
    .where(and(eq(accessRequests.repoId, repo.id), eq(accessRequests.userId, actor.id)));
  const status = role === undefined ? (request?.status ?? "none") : "accepted";
  if (status === "accepted" && actor.limits?.canReadGatedRepos !== false) return;
  throw gated(403, GATE_WORDS[status](what));
}

/** The owner of repositories in a namespace, where the caller may make some: they themselves, or an organization of theirs. */
export async function requireNamespace(
  ctx: Context,
  namespace: string,
  permission: Permission = "repo.create",
): Promise<{ id: string; name: string }> {
  const { actor, db } = ctx;
  if (actor === undefined) throw unauthorized();
  if (actor.limits === undefined && actor.role !== "write") throw readOnly();
  const [owner] = await db
    .select({ id: users.id, name: users.name, kind: users.kind })
    .from(users)
    .where(eq(sql`lower(${users.name})`, namespace.toLowerCase()));
  const role = owner === undefined || owner.id === actor.id ? undefined : await roleIn(ctx, owner.id);
  const may = actor.admin || owner?.id === actor.id || (role !== undefined && role !== "read");
  if (!may || owner?.kind === "service")
    throw forbidden(`${actor.name} may not create repositories under "${namespace}".`);
  if (owner === undefined) throw badRequest(`There is no user or organization "${namespace}".`);
  if (!permits(actor.limits, permission, { ownerId: owner.id }))
    throw forbidden(`This token has no permission "${permission}" for ${owner.name}.`);
  return { id: owner.id, name: owner.name };
}

/** Writes down who made a repository: a contributor may change it, and so may the app that asked for it. */
export async function noteCreator({ actor }: Pick<Context, "actor">, tx: Tx | Context["db"], repoId: string) {
  if (actor === undefined) return;
  await tx
    .insert(repoCreators)
    .values({ repoId, userId: actor.id, appId: actor.limits?.app?.id ?? null })
    .onConflictDoNothing();
}

/** Private repositories are there for their owner, for its members (of the group, where one is set) and for administrators alone. */
export function visible({ actor, db }: Caller): SQL | undefined {
  if (actor === undefined) return eq(repos.isPrivate, false);
  if (actor.admin) return undefined;
  const mine = or(eq(repos.ownerId, actor.id), throughMembership({ actor, db }));
  return or(eq(repos.isPrivate, false), actor.limits === undefined ? mine : and(mine, withinLimits({ actor, db })));
}

/** Whether the user of a row sees the repository of a row, whoever asks: memberships that hold for some addresses alone do not count. */
export const seenByUser = (db: Caller["db"]): SQL | undefined =>
  or(
    eq(repos.isPrivate, false),
    users.admin,
    eq(repos.ownerId, users.id),
    throughMembership({ actor: undefined, db }, users.id),
  );

function throughMembership({ actor, db }: Caller, userId: string | typeof users.id = actor?.id ?? NOBODY): SQL {
  const grouped = db
    .select({ one: sql`1` })
    .from(repoGroups)
    .innerJoin(resourceGroups, eq(resourceGroups.id, repoGroups.groupId))
    .where(and(eq(repoGroups.repoId, repos.id), eq(resourceGroups.orgId, repos.ownerId)));
  const inGroup = db
    .select({ one: sql`1` })
    .from(repoGroups)
    .innerJoin(resourceGroupMembers, eq(resourceGroupMembers.groupId, repoGroups.groupId))
    .where(and(eq(repoGroups.repoId, repos.id), eq(resourceGroupMembers.userId, userId)));
  const member = db
    .select({ one: sql`1` })
    .from(orgMembers)
    .where(
      and(
        eq(orgMembers.orgId, repos.ownerId),
        eq(orgMembers.userId, userId),
        membershipCounts({ actor, db }),
        or(eq(orgMembers.role, "admin"), not(exists(grouped)), exists(inGroup)),
      ),
    );
  return exists(member);
}

/** Repositories that the caller's token may see at all. */
function withinLimits({ actor, db }: Caller): SQL | undefined {
  const limits = actor?.limits;
  if (limits === undefined || permits({ ...limits, scoped: [] }, "repo.content.read")) return undefined;
  const owners = placesOf(limits, "owner", "repo.content.read");
  const single = placesOf(limits, "repo", "repo.content.read");
  const made = db
    .select({ id: repoCreators.repoId })
    .from(repoCreators)
    .where(and(eq(repoCreators.userId, actor?.id ?? NOBODY), eq(repoCreators.appId, limits.app?.id ?? "")));
  return or(
    owners.length === 0 ? undefined : inArray(repos.ownerId, owners),
    single.length === 0 ? undefined : inArray(repos.id, single),
    permits(limits, "repo.create") ? inArray(repos.id, made) : undefined,
    sql`false`,
  );
}
