// Who may do what with a repository. What a caller may not see does not exist.
import { and, eq, sql } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { redirects, repos } from "../db/schema.ts";
import { forbidden, repoNotFound, unauthorized } from "../errors.ts";

export type Repo = typeof repos.$inferSelect;
export type Action = "read" | "write" | "manage";

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

/** The repository, if the caller may do this with it. Hidden is "not found"; a readable one that may not be written is 403. */
export async function requireAccess(ctx: Context, action: Action, id: RepoId): Promise<Repo> {
  const repo = await findRepo(ctx, id);
  const { actor } = ctx;
  const owner = repo !== undefined && actor !== undefined && (actor.admin || actor.id === repo.ownerId);
  if (repo === undefined || (repo.isPrivate && !owner)) throw repoNotFound();
  if (action === "read") return repo;
  if (actor === undefined) throw unauthorized();
  if (actor.role !== "write") throw forbidden("This token may only read. Use one with the role write.");
  if (!owner) throw forbidden(`${actor.name} may not write to ${repo.namespace}/${repo.name}.`);
  return repo;
}

/** Whether the caller may make repositories in a namespace: their own, or any for an administrator. */
export function requireNamespace({ actor }: Context, namespace: string): void {
  if (actor === undefined) throw unauthorized();
  if (actor.role !== "write") throw forbidden("This token may only read. Use one with the role write.");
  if (!actor.admin && actor.name.toLowerCase() !== namespace.toLowerCase()) {
    throw forbidden(`${actor.name} may not create repositories under "${namespace}".`);
  }
}
