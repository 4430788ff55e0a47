// Who may do what with a repository. What a caller may not see does not exist.
import { and, eq, inArray, or, type SQL, sql } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { type OrgRole, orgMembers } from "../db/schema/organizations.ts";
import { redirects, repos, users } from "../db/schema.ts";
import { badRequest, forbidden, repoNotFound, unauthorized } from "../errors.ts";

export type Repo = typeof repos.$inferSelect;
/** read: see that it is there · content: have its bytes · contribute: discuss, propose · write: change · manage: settings, delete. */
export type Action = "read" | "content" | "contribute" | "write" | "manage";

/** The repository of a name, or of one it had before. */
export async function findRepo({ db }: Context, { type, namespace, name }: RepoId): Promise<Repo | undefined> {
  const matches = and(
    eq(repos.type, type),
    eq(sql`lower(${repos.namespace})`, namespace.toLowerCase()),
    eq(sql`lower(${repos.name})`, name.toLowerCase()),
  );
  const [repo] = await db.select().from(repos).where(matches);
  if (repo !== undefined) return repo;
  const from = `${namespace}/${name}`.toLowerCase();
  const [moved] = await db
    .select({ repo: repos })
    .from(redirects)
    .innerJoin(repos, eq(repos.id, redirects.repoId))
    .where(and(eq(redirects.type, type), eq(redirects.from, from)));
  return moved?.repo;
}

/** What a member of the owning organization may, from the least. */
const ROLES: Readonly<Record<Action, readonly OrgRole[]>> = {
  read: ["read", "contributor", "write", "admin"],
  content: ["read", "contributor", "write", "admin"],
  contribute: ["read", "contributor", "write", "admin"],
  write: ["write", "admin"],
  manage: ["admin"],
};

/** The caller's role in an organization; undefined for strangers, and where it is a user. */
export async function roleIn(
  { db, actor }: Pick<Context, "db" | "actor">,
  orgId: string,
): Promise<OrgRole | undefined> {
  if (actor === undefined) return undefined;
  const [row] = await db
    .select({ role: orgMembers.role })
    .from(orgMembers)
    .where(and(eq(orgMembers.orgId, orgId), eq(orgMembers.userId, actor.id)));
  return row?.role;
}

/** The repository, if the caller may do this with it. Hidden is "not found"; a readable one that may not be written is 403. */
export async function requireAccess(ctx: Context, action: Action, id: RepoId): Promise<Repo> {
  const repo = await findRepo(ctx, id);
  if (repo === undefined) throw repoNotFound();
  const { actor } = ctx;
  const owns = actor !== undefined && (actor.admin || actor.id === repo.ownerId);
  const role = owns ? "admin" : await roleIn(ctx, repo.ownerId);
  if (repo.isPrivate && role === undefined) throw repoNotFound();
  if (action === "read" || action === "content") return repo;
  if (actor === undefined) throw unauthorized();
  if (actor.role !== "write") throw forbidden("This token may only read. Use one with the role write.");
  if (action === "contribute" && !repo.isPrivate) return repo;
  if (role === undefined || !ROLES[action].includes(role)) {
    throw forbidden(
      `${actor.name} may not ${action === "manage" ? "manage" : "write to"} ${repo.namespace}/${repo.name}.`,
    );
  }
  return repo;
}

/** The owner of repositories in a namespace, where the caller may make some: they themselves, or an organization of theirs. */
export async function requireNamespace(ctx: Context, namespace: string): Promise<{ id: string; name: string }> {
  const { actor, db } = ctx;
  if (actor === undefined) throw unauthorized();
  if (actor.role !== "write") throw forbidden("This token may only read. Use one with the role write.");
  const [owner] = await db
    .select({ id: users.id, name: users.name })
    .from(users)
    .where(eq(sql`lower(${users.name})`, namespace.toLowerCase()));
  const role = owner === undefined || owner.id === actor.id ? undefined : await roleIn(ctx, owner.id);
  const may = actor.admin || owner?.id === actor.id || (role !== undefined && role !== "read");
  if (!may) throw forbidden(`${actor.name} may not create repositories under "${namespace}".`);
  if (owner === undefined) throw badRequest(`There is no user or organization "${namespace}".`);
  return owner;
}

/** Private repositories are there for their owner, for its members and for administrators alone. */
export function visible({ actor, db }: Pick<Context, "actor" | "db">): SQL | undefined {
  if (actor === undefined) return eq(repos.isPrivate, false);
  if (actor.admin) return undefined;
  const mine = db.select({ id: orgMembers.orgId }).from(orgMembers).where(eq(orgMembers.userId, actor.id));
  return or(eq(repos.isPrivate, false), eq(repos.ownerId, actor.id), inArray(repos.ownerId, mine));
}
