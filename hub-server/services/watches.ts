// Who watches what. Unasked, users watch what they own and what their organizations own, until they mute it.
import { and, between, eq, type SQL, sql } from "drizzle-orm";
import { parseRepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { watches } from "../db/schema/notifications.ts";
import { orgMembers } from "../db/schema/organizations.ts";
import { repos, users } from "../db/schema.ts";
import { badRequest, unauthorized } from "../errors.ts";
import { type Repo, visible } from "./access.ts";
import { uuidRange } from "./wire-ids.ts";

/** Users who watch a repository or its owner; what they said of the repository goes before what they said of its owner. */
export async function watchersOf(tx: Tx, repo: Repo): Promise<string[]> {
  const out = new Set<string>([repo.ownerId]);
  const members = await tx.select({ id: orgMembers.userId }).from(orgMembers).where(eq(orgMembers.orgId, repo.ownerId));
  for (const { id } of members) out.add(id);
  for (const about of [eq(watches.ownerId, repo.ownerId), eq(watches.repoId, repo.id)]) {
    const said = await tx.select({ id: watches.userId, muted: watches.muted }).from(watches).where(about);
    for (const { id, muted } of said) {
      if (muted) out.delete(id);
      else out.add(id);
    }
  }
  const [owner] = await tx.select({ kind: users.kind }).from(users).where(eq(users.id, repo.ownerId));
  if (owner?.kind !== "user") out.delete(repo.ownerId);
  return [...out];
}

export interface WatchItem {
  type: "user" | "org" | "repo";
  /** 24 hex digits, or a name: "ana", "ana/mood", "datasets/ana/reviews". */
  id: string;
}

/** Watches what is added; what is deleted is muted, so that it is not watched unasked either. */
export async function updateWatches(
  ctx: Context,
  changes: { add: readonly WatchItem[]; delete: readonly WatchItem[] },
): Promise<void> {
  const { actor, db } = ctx;
  if (actor === undefined) throw unauthorized();
  const rows: (typeof watches.$inferInsert)[] = [];
  for (const [muted, items] of [[false, changes.add] as const, [true, changes.delete] as const])
    for (const item of items) rows.push({ userId: actor.id, muted, ...(await targetOf(ctx, item)) });
  await db.transaction(async (tx) => {
    for (const row of rows) {
      const target = row.ownerId != null ? [watches.ownerId, watches.userId] : [watches.repoId, watches.userId];
      await tx
        .insert(watches)
        .values(row)
        .onConflictDoUpdate({ target, set: { muted: row.muted } });
    }
  });
}

async function targetOf(ctx: Context, { type, id }: WatchItem): Promise<{ ownerId: string } | { repoId: string }> {
  const range = uuidRange(id);
  if (type === "repo") {
    const about = range === undefined ? repoNamed(id) : between(repos.id, ...range);
    const [repo] = await ctx.db
      .select({ id: repos.id })
      .from(repos)
      .where(and(about, visible(ctx)));
    if (repo === undefined) throw badRequest(`There is no repository "${id}" to watch.`);
    return { repoId: repo.id };
  }
  const about = range === undefined ? eq(sql`lower(${users.name})`, id.toLowerCase()) : between(users.id, ...range);
  const [owner] = await ctx.db
    .select({ id: users.id })
    .from(users)
    .where(and(about, eq(users.kind, type)));
  if (owner === undefined)
    throw badRequest(`There is no ${type === "org" ? "organization" : "user"} "${id}" to watch.`);
  return { ownerId: owner.id };
}

function repoNamed(text: string): SQL | undefined {
  try {
    const { type, namespace, name } = parseRepoId(text);
    return and(
      eq(repos.type, type),
      eq(sql`lower(${repos.namespace})`, namespace.toLowerCase()),
      eq(sql`lower(${repos.name})`, name.toLowerCase()),
    );
  } catch {
    throw badRequest(`"${text}" is no id of a repository.`);
  }
}
