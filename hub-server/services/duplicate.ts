// Copies of repositories: refs, the commits behind them and the right to their large files. Contents are shared by their
// hashes, so no bytes move.
import { and, eq, like, not, sql } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { annotatedTags } from "../db/schema/uploads.ts";
import { commits, lfsObjects, refs, repos } from "../db/schema.ts";
import { type Repo, requireAccess, requireNamespace } from "./access.ts";
import { indexNow } from "./indexer.ts";
import { checkName, insertRepo } from "./repos.ts";

/** Makes a copy under another name; as visible as the original where nothing else is said. */
export async function duplicateRepo(
  ctx: Context,
  from: RepoId,
  to: RepoId,
  { isPrivate }: { isPrivate?: boolean | undefined } = {},
): Promise<Repo> {
  const source = await requireAccess(ctx, "content", from);
  const owner = await requireNamespace(ctx, to.namespace);
  checkName(to.name);
  const copy = await ctx.db.transaction(async (tx) => {
    // As long as the original is there, nobody takes its contents for garbage.
    await tx.select({ id: repos.id }).from(repos).where(eq(repos.id, source.id)).for("share");
    const repo = await insertRepo(ctx, tx, {
      type: source.type,
      namespace: owner.name,
      name: to.name,
      ownerId: owner.id,
      // What people had to ask for is not handed on to everybody.
      isPrivate: source.gated === null ? (isPrivate ?? source.isPrivate) : (isPrivate ?? true),
      gated: source.gated,
      sdk: source.sdk,
    });
    await copyVersions(tx, source, repo);
    await ctx.queue.send(tx, "index", { repoId: repo.id }, repo.id);
    return repo;
  });
  await indexNow(ctx, copy);
  return copy;
}

/** Branches and tags with all commits that they lead to; pull requests belong to the original. */
async function copyVersions(tx: Tx, source: Repo, copy: Repo): Promise<void> {
  const kept = and(eq(refs.repoId, source.id), not(like(refs.name, "refs/pr/%")));
  await tx.execute(sql`
    with recursive behind as (
      select c.id, c.parents from ${commits} c join ${refs} on ${refs.repoId} = c.repo_id and ${refs.commitId} = c.id
      where ${kept}
      union
      select c.id, c.parents from behind b join ${commits} c on c.repo_id = ${source.id} and c.id = any(b.parents)
    )
    insert into ${commits} (repo_id, id, tree_id, parents, author_name, author_email, time, message, raw)
    select ${copy.id}::uuid, c.id, c.tree_id, c.parents, c.author_name, c.author_email, c.time, c.message, c.raw
    from ${commits} c join behind b on b.id = c.id where c.repo_id = ${source.id}`);
  await tx.execute(sql`
    insert into ${refs} (repo_id, name, commit_id)
    select ${copy.id}::uuid, ${refs.name}, ${refs.commitId} from ${refs} where ${kept}`);
  await tx.execute(sql`
    insert into ${annotatedTags} (repo_id, name, id, message, raw)
    select ${copy.id}::uuid, t.name, t.id, t.message, t.raw from ${annotatedTags} t where t.repo_id = ${source.id}`);
  await tx.execute(sql`
    insert into ${lfsObjects} (repo_id, sha256, size)
    select ${copy.id}::uuid, ${lfsObjects.sha256}, ${lfsObjects.size} from ${lfsObjects} where ${eq(lfsObjects.repoId, source.id)}`);
}
