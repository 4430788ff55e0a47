// The life of repositories: create, delete, move, settings, look up.
// Lists are in list-repos.ts, copies in duplicate.ts.
import { randomUUID } from "node:crypto";
import { and, eq, ne, sql } from "drizzle-orm";
import { stringify } from "yaml";
import { fullName, invalidName, type RepoId } from "../../src/hub/repo-id.ts";
import { defaultGitattributes } from "../../src/io/git-objects.ts";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { redirects, repos } from "../db/schema.ts";
import { badRequest, ServiceError } from "../errors.ts";
import { noteCreator, type Repo, requireAccess, requireNamespace } from "./access.ts";
import { firstCommit, type Operation } from "./commits.ts";
import { record } from "./events.ts";
import { indexNow } from "./indexer.ts";
import { checkNewPath } from "./paths.ts";
import { groupForNew, placeInGroup } from "./resource-groups.ts";

/** What a space may be written for. This hub keeps spaces; it does not run them. */
export const SDKS = ["gradio", "docker", "static", "streamlit"] as const;
export type Sdk = (typeof SDKS)[number];

export interface CreateRepoInput extends RepoId {
  isPrivate?: boolean | undefined;
  /** Of spaces alone. */
  sdk?: Sdk | undefined;
  /** Stands in the card that the repository begins with. */
  license?: string | undefined;
  files?: readonly { path: string; bytes: Uint8Array }[];
  /** The resource group of the organization that it belongs to from the first. */
  groupId?: string | undefined;
}

/** Names that addresses of files take: "ns/resolve/…" would not be the file of a repository. */
const RESERVED = new Set([
  "resolve",
  "raw",
  "tree",
  "blob",
  "blame",
  "commit",
  "commits",
  "discussions",
  "settings",
  "info",
]);

/** Refuses a name that no repository may have. */
export function checkName(name: string): void {
  const reason = invalidName(name) ?? (RESERVED.has(name.toLowerCase()) ? "it is reserved" : undefined);
  if (reason !== undefined) throw badRequest(`"${name}" is no repository name: ${reason}.`);
}

export const repoExists = (id: RepoId) =>
  new ServiceError(409, `The ${id.type} ${fullName(id)} exists already.`, { code: "REPO_EXISTS" });

/** Makes a repository with its first commit: the default .gitattributes, a card where there is something to say, and what the caller sends along. */
export async function createRepo(ctx: Context, input: CreateRepoInput): Promise<Repo> {
  const { type, namespace, name, isPrivate = false, sdk, license, files = [], groupId } = input;
  const owner = await requireNamespace(ctx, namespace);
  checkName(name);
  // Before anybody is told that it is there.
  for (const { path } of files) checkNewPath(path);
  const group = groupId === undefined ? undefined : await groupForNew(ctx, owner, groupId);
  const row = { id: randomUUID(), type, namespace: owner.name, name, ownerId: owner.id, isPrivate, sdk: sdk ?? null };
  const attributes: Operation = { kind: "file", path: ".gitattributes", bytes: Buffer.from(defaultGitattributes()) };
  const card = files.some(({ path }) => path === "README.md") ? undefined : firstCard(row, { sdk, license });
  const all = card === undefined ? files : [{ path: "README.md", bytes: Buffer.from(card) }, ...files];
  const operations = [attributes, ...all.map((file): Operation => ({ kind: "file", ...file }))];
  const commitFirst = await firstCommit(ctx, row.id, operations);
  const repo = await ctx.db.transaction(async (tx) => {
    const made = await insertRepo(ctx, tx, row);
    if (group !== undefined) await placeInGroup(tx, made.id, group);
    await commitFirst(tx, made);
    return made;
  });
  await indexNow(ctx, repo);
  return repo;
}

type RepoRow = typeof repos.$inferInsert;

/** The row of a new repository; a name that led to another one is its own from now on. */
export async function insertRepo(ctx: Context, tx: Tx, row: RepoRow): Promise<Repo> {
  await holdName(tx, row);
  const [repo] = await tx.insert(repos).values(row).onConflictDoNothing().returning();
  if (repo === undefined) throw repoExists(row);
  await tx.delete(redirects).where(leadsFrom(row));
  await noteCreator(ctx, tx, repo.id);
  await record(tx, ctx, { scope: "repo", action: "create", repo });
  return repo;
}

const leadsFrom = (id: RepoId) => and(eq(redirects.type, id.type), eq(redirects.from, fullName(id).toLowerCase()));

/** The card of a repository whose maker said something about it; others write their own. */
function firstCard(repo: RepoId, { sdk, license }: Pick<CreateRepoInput, "sdk" | "license">): string | undefined {
  const facts = {
    ...(repo.type === "space" && { title: repo.name, sdk }),
    ...(license !== undefined && { license }),
  };
  return Object.keys(facts).length === 0 ? undefined : `---\n${stringify(facts)}---\n`;
}

/** Deletes, by the name that the repository has now: an old name that a script remembers deletes nothing. */
export async function deleteRepo(ctx: Context, id: RepoId): Promise<void> {
  const repo = await requireAccess(ctx, "manage", id);
  if (fullName(repo).toLowerCase() !== fullName(id).toLowerCase()) {
    throw new ServiceError(409, `${fullName(id)} was moved to ${fullName(repo)}, and was not deleted.`, {
      code: "REPO_MOVED",
      hint: `To delete it, name it ${fullName(repo)}.`,
    });
  }
  await ctx.db.transaction(async (tx) => {
    await record(tx, ctx, { scope: "repo", action: "delete", repo });
    await tx.delete(repos).where(eq(repos.id, repo.id));
  });
  await ctx.git.forget(repo.id);
}

/** Renames; all old names keep leading here until somebody takes them. */
export async function moveRepo(ctx: Context, from: RepoId, to: RepoId): Promise<void> {
  const repo = await requireAccess(ctx, "manage", from);
  if (to.type !== repo.type) throw badRequest(`A ${repo.type} cannot become a ${to.type}.`);
  const owner = await requireNamespace(ctx, to.namespace);
  checkName(to.name);
  const target = { type: repo.type, namespace: owner.name, name: to.name };
  const moved = await ctx.db.transaction(async (tx) => {
    await requireFree(tx, target, repo.id);
    await tx
      .insert(redirects)
      .values({ type: repo.type, from: fullName(repo).toLowerCase(), repoId: repo.id })
      .onConflictDoUpdate({ target: [redirects.type, redirects.from], set: { repoId: repo.id } });
    await tx.delete(redirects).where(leadsFrom(target));
    const movedTo = { name: fullName(target), ownerId: owner.id };
    await record(tx, ctx, { scope: "repo", action: "move", repo, movedTo });
    const [row] = await tx
      .update(repos)
      .set({ namespace: owner.name, name: to.name, ownerId: owner.id, updatedAt: new Date(), indexedCommit: null })
      .where(eq(repos.id, repo.id))
      .returning();
    // It is found by its new name, too, even if this process ends here.
    await ctx.queue.send(tx, "index", { repoId: repo.id }, repo.id);
    return row;
  });
  if (moved !== undefined) await indexNow(ctx, moved);
}

/** Of two that take a name at once, one waits for the other. */
async function holdName(tx: Tx, id: RepoId): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext(${`${id.type} ${fullName(id).toLowerCase()}`}))`);
}

/** Refuses a name that another repository has. */
async function requireFree(tx: Tx, id: RepoId, ownId: string): Promise<void> {
  await holdName(tx, id);
  const [other] = await tx
    .select({ id: repos.id })
    .from(repos)
    .where(
      and(
        eq(repos.type, id.type),
        eq(sql`lower(${repos.namespace})`, id.namespace.toLowerCase()),
        eq(sql`lower(${repos.name})`, id.name.toLowerCase()),
        ne(repos.id, ownId),
      ),
    );
  if (other !== undefined) throw repoExists(id);
}

export interface RepoSettings {
  isPrivate?: boolean | undefined;
  /** null opens the gate. */
  gated?: "auto" | "manual" | null | undefined;
  discussionsDisabled?: boolean | undefined;
}

export async function updateSettings(ctx: Context, id: RepoId, given: RepoSettings): Promise<Repo> {
  const repo = await requireAccess(ctx, "manage", id);
  if (repo.type === "space" && given.gated != null) throw badRequest("A space cannot be gated; make it private.");
  const changes = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  if (Object.keys(changes).length === 0) return repo;
  return ctx.db.transaction(async (tx) => {
    const [changed = repo] = await tx.update(repos).set(changes).where(eq(repos.id, repo.id)).returning();
    const { isPrivate, ...others } = changes;
    const updatedConfig = { ...(isPrivate !== undefined && { private: isPrivate }), ...others };
    await record(tx, ctx, { scope: "repo.config", action: "update", repo: changed, updatedConfig });
    return changed;
  });
}

export const getRepo = (ctx: Context, id: RepoId): Promise<Repo> => requireAccess(ctx, "read", id);
