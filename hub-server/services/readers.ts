// Which users may read a repository, for what is told to them later on: webhooks and notifications.
import { and, eq, inArray } from "drizzle-orm";
import type { Actor } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { repos, users } from "../db/schema.ts";
import { type Repo, visible } from "./access.ts";

/** Those of some users who may see a repository now, wherever they are. */
export async function readersAmong(tx: Tx, repo: Repo, userIds: readonly string[]): Promise<Set<string>> {
  if (!repo.isPrivate || userIds.length === 0) return new Set(userIds);
  const people = await tx
    .select({ id: users.id, name: users.name, admin: users.admin })
    .from(users)
    .where(inArray(users.id, [...new Set(userIds)]));
  const out = new Set<string>();
  for (const person of people) {
    const actor: Actor = { ...person, role: "read", credential: { name: "none", createdAt: new Date(0) } };
    const [seen] = await tx
      .select({ id: repos.id })
      .from(repos)
      .where(and(eq(repos.id, repo.id), visible({ db: tx, actor })));
    if (seen !== undefined) out.add(person.id);
  }
  return out;
}
