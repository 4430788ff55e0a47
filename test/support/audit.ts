// Reads everything a hub keeps and recomputes every id: what is named must be there, and be what its name says.
import { createHash } from "node:crypto";
import { asc, eq, sql } from "drizzle-orm";
import type { Deps } from "../../hub-server/context.ts";
import { commits, contents, lfsObjects, refs, repos, trees, users } from "../../hub-server/db/schema.ts";
import { commitBytes } from "../../hub-server/services/git-rows.ts";
import { encodePointer, encodeTree, objectId } from "../../src/io/git-objects.ts";

export interface Audit {
  commits: number;
  trees: number;
  contents: number;
  /** What is wrong, in words; empty when the store is sound. */
  faults: string[];
}

/** Walks every ref of every repository, and every large object, also those that no commit names. */
export async function audit({ db, blobs }: Deps): Promise<Audit> {
  const faults: string[] = [];
  const seen = { commits: new Set<string>(), trees: new Set<string>(), contents: new Set<string>() };

  const checkBlob = async (sha256: string, size: number, of: string) => {
    if (!(await blobs.has(sha256))) return faults.push(`${of}: the blob ${sha256} is missing`);
    const hash = createHash("sha256");
    let length = 0;
    for await (const chunk of await blobs.open(sha256)) {
      hash.update(chunk);
      length += chunk.length;
    }
    if (hash.digest("hex") !== sha256 || length !== size) faults.push(`${of}: the blob ${sha256} holds other bytes`);
  };

  const checkContent = async (id: string) => {
    if (seen.contents.has(id)) return;
    seen.contents.add(id);
    const [row] = await db.select().from(contents).where(eq(contents.id, id));
    if (row === undefined) return faults.push(`content ${id} is missing`);
    if (row.bytes !== null) {
      if (objectId("blob", row.bytes) !== id) faults.push(`content ${id} holds other bytes`);
    } else if (row.sha256 === null) faults.push(`content ${id} has neither bytes nor blob`);
    else {
      await checkBlob(row.sha256, row.size, `content ${id}`);
      if (row.isLfs && objectId("blob", encodePointer(row.sha256, row.size)) !== id)
        faults.push(`content ${id} is another pointer`);
    }
  };

  const checkTree = async (id: string): Promise<void> => {
    if (seen.trees.has(id)) return;
    seen.trees.add(id);
    const [row] = await db.select().from(trees).where(eq(trees.id, id));
    if (row === undefined) return void faults.push(`tree ${id} is missing`);
    if (objectId("tree", encodeTree(row.entries)) !== id) faults.push(`tree ${id} holds other entries`);
    for (const entry of row.entries) await (entry.kind === "directory" ? checkTree(entry.id) : checkContent(entry.id));
  };

  const checkCommit = async (repoId: string, start: string) => {
    const open = [start];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      const key = `${repoId} ${id}`;
      if (seen.commits.has(key)) continue;
      seen.commits.add(key);
      const [row] = await db.select().from(commits).where(sql`${commits.repoId} = ${repoId} AND ${commits.id} = ${id}`);
      if (row === undefined) {
        faults.push(`commit ${id} is missing`);
        continue;
      }
      if (objectId("commit", commitBytes(row)) !== id) faults.push(`commit ${id} holds something else`);
      await checkTree(row.treeId);
      open.push(...row.parents);
    }
  };

  for (const { repoId, commitId } of await db.select().from(refs)) await checkCommit(repoId, commitId);
  for (const { sha256, size } of await db.select().from(lfsObjects)) await checkBlob(sha256, size, "large object");
  for (const { name, stale } of await staleIndexes({ db }))
    if (stale) faults.push(`${name} is not indexed up to its head`);
  return {
    commits: seen.commits.size,
    trees: seen.trees.size,
    contents: seen.contents.size,
    faults,
  };
}

/** Repositories, and whether what is known of them is of an older commit than their head. */
function staleIndexes({ db }: Pick<Deps, "db">): Promise<{ name: string; stale: boolean }[]> {
  const head = sql`(SELECT commit_id FROM refs WHERE refs.repo_id = ${repos.id} AND refs.name = 'refs/heads/main')`;
  return db
    .select({ name: repos.name, stale: sql<boolean>`${repos.indexedCommit} IS DISTINCT FROM ${head}` })
    .from(repos)
    .orderBy(asc(repos.name));
}

/** Tables whose rows, counted through an index and without one, differ in number. */
export async function unsoundIndexes({ db }: Pick<Deps, "db">): Promise<string[]> {
  const bad: string[] = [];
  for (const [name, table, column] of [
    ["users", users, users.id],
    ["commits", commits, commits.id],
    ["trees", trees, trees.id],
    ["contents", contents, contents.id],
  ] as const) {
    const count = async (scan: "seqscan" | "indexscan") =>
      db.transaction(async (tx) => {
        const [off, also] = scan === "seqscan" ? ["indexscan", "indexonlyscan"] : ["seqscan", "bitmapscan"];
        await tx.execute(sql.raw(`SET LOCAL enable_${off} = off`));
        await tx.execute(sql.raw(`SET LOCAL enable_${also} = off`));
        await tx.execute(
          sql.raw(scan === "seqscan" ? "SET LOCAL enable_bitmapscan = off" : "SET LOCAL enable_sort = off"),
        );
        const rows = await tx.select({ column }).from(table).orderBy(column);
        return rows
          .map((row) => String(row.column))
          .sort()
          .join();
      });
    if ((await count("seqscan")) !== (await count("indexscan"))) bad.push(name);
  }
  return bad;
}
