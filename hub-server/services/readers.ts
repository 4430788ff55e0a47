// Which users may read a repository, for what is told to them later on: webhooks and notifications.
import { and, eq, inArray } from "drizzle-orm";
import type { Tx } from "../db/client.ts";
import { repos, users } from "../db/schema.ts";
import { type Repo, seenByUser } from "./access.ts";

/** Those of some users who may see a repository now, wherever they are. */
export async function readersAmong(tx: Tx, repo: Repo, userIds: readonly string[]): Promise<Set<string>> {
  if (!repo.isPrivate || userIds.length === 0) return new Set(userIds);
  const people = await tx
    .select({ id: users.id })
    .from(users)
    .innerJoin(repos, eq(repos.id, repo.id))
    .where(and(inArray(users.id, [...new Set(userIds)]), seenByUser(tx)));
  return new Set(people.map(({ id }) => id));
}
