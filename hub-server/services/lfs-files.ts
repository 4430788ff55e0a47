// The large objects of a repository: listed with a name that one of them has, deleted for good, copied to another repository.
import { and, asc, desc, eq, inArray, lt, or, sql } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import { encodePointer, objectId } from "../../src/io/git-objects.ts";
import type { Context } from "../context.ts";
import { garbage } from "../db/schema/xet.ts";
import { commits, lfsObjects, refs } from "../db/schema.ts";
import { badRequest, ServiceError } from "../errors.ts";
import { type Repo, requireAccess } from "./access.ts";
import { inRepoTurn } from "./commits.ts";
import { readTrees } from "./files.ts";
import { dropFromHistory } from "./history.ts";

/** Folders that are looked through for names; objects beyond go by their SHA-256. */
const MOST_TREES = 20_000;
const TREES_AT_ONCE = 100;

export interface LfsFile {
  sha256: string;
  size: number;
  /** git's id of the pointer. */
  pointerId: string;
  filename: string;
  /** The ref where the name was found. */
  ref: string | undefined;
  pushedAt: Date;
}

export interface LfsPage {
  files: LfsFile[];
  next: string | undefined;
}

/** Objects that were uploaded to a repository, the newest first. */
export async function listLfsFiles(
  ctx: Context,
  id: RepoId,
  { limit, after }: { limit: number; after: string | undefined },
): Promise<LfsPage> {
  const repo = await requireAccess(ctx, "content", id);
  const [, time, sha] = /^(\d{1,15})\.([0-9a-f]{64})$/.exec(after ?? "") ?? [];
  if (after !== undefined && (time === undefined || sha === undefined))
    throw badRequest(`"${after}" is no place in this list.`);
  const date = new Date(Number(time ?? 0));
  const below = or(
    lt(lfsObjects.createdAt, date),
    and(eq(lfsObjects.createdAt, date), sql`${lfsObjects.sha256} > ${sha ?? ""}`),
  );
  const rows = await ctx.db
    .select()
    .from(lfsObjects)
    .where(and(eq(lfsObjects.repoId, repo.id), after === undefined ? undefined : below))
    .orderBy(desc(lfsObjects.createdAt), asc(lfsObjects.sha256))
    .limit(limit + 1);
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  const pointers = new Map(page.map((row) => [objectId("blob", encodePointer(row.sha256, row.size)), row]));
  const names = await namesOf(ctx, repo, new Set(pointers.keys()));
  const files = [...pointers].map(([pointerId, { sha256, size, createdAt }]) => ({
    sha256,
    size,
    pointerId,
    filename: names.get(pointerId)?.path ?? sha256,
    ref: names.get(pointerId)?.ref,
    pushedAt: createdAt,
  }));
  return { files, next: last && `${last.createdAt.getTime()}.${last.sha256}` };
}

/** A path for each blob, from the heads of refs or else from older commits. */
async function namesOf(
  ctx: Context,
  repo: Repo,
  wanted: ReadonlySet<string>,
): Promise<Map<string, { path: string; ref: string | undefined }>> {
  const found = new Map<string, { path: string; ref: string | undefined }>();
  const seen = new Set<string>();
  for (const rootsOf of [headTrees, allTrees]) {
    if (found.size === wanted.size) break;
    let open = (await rootsOf(ctx, repo)).filter(({ id }) => !seen.has(id));
    for (const { id } of open) seen.add(id);
    while (open.length > 0 && found.size < wanted.size && seen.size < MOST_TREES) {
      const some = open.slice(0, TREES_AT_ONCE);
      const read = await readTrees(
        ctx,
        some.map(({ id }) => id),
      );
      const next: typeof open = [];
      for (const { id, prefix, ref } of some) {
        for (const entry of read.get(id) ?? []) {
          const path = prefix + entry.name;
          if (entry.kind === "directory" && !seen.has(entry.id)) {
            seen.add(entry.id);
            next.push({ id: entry.id, prefix: `${path}/`, ref });
          } else if (wanted.has(entry.id) && !found.has(entry.id)) found.set(entry.id, { path, ref });
        }
      }
      open = [...next, ...open.slice(TREES_AT_ONCE)];
    }
  }
  return found;
}

interface Root {
  id: string;
  prefix: string;
  ref: string | undefined;
}

async function headTrees({ db }: Context, repo: Repo): Promise<Root[]> {
  const rows = await db
    .select({ ref: refs.name, id: commits.treeId })
    .from(refs)
    .innerJoin(commits, and(eq(commits.repoId, refs.repoId), eq(commits.id, refs.commitId)))
    .where(eq(refs.repoId, repo.id))
    .orderBy(sql`${refs.name} <> 'refs/heads/main'`, refs.name);
  return rows.map((row) => ({ ...row, prefix: "" }));
}

async function allTrees({ db }: Context, repo: Repo): Promise<Root[]> {
  const rows = await db
    .select({ id: commits.treeId })
    .from(commits)
    .where(eq(commits.repoId, repo.id))
    .orderBy(desc(commits.time))
    .limit(MOST_TREES);
  return rows.map(({ id }) => ({ id, prefix: "", ref: undefined }));
}

/**
 * Takes objects away from a repository for good: no commit of it can be read where they were. Other repositories keep theirs.
 * With `rewriteHistory` its branches, tags and pull requests go on as if the files had never been there.
 *
 * @returns how many there were
 */
export async function deleteLfsFiles(
  ctx: Context,
  id: RepoId,
  sha256s: readonly string[],
  { rewriteHistory }: { rewriteHistory: boolean },
): Promise<number> {
  const repo = await requireAccess(ctx, "write", id);
  const wanted = [...new Set(sha256s)];
  if (wanted.length === 0) return 0;
  return inRepoTurn(ctx, repo, async (tx) => {
    const gone = await tx
      .delete(lfsObjects)
      .where(and(eq(lfsObjects.repoId, repo.id), inArray(lfsObjects.sha256, wanted)))
      .returning();
    // Whether anybody else names their bytes is found out later, by the collector.
    if (gone.length > 0)
      await tx
        .insert(garbage)
        .values(gone.map(({ sha256 }) => ({ kind: "blob" as const, id: sha256 })))
        .onConflictDoNothing();
    const pointers = gone.map(({ sha256, size }) => objectId("blob", encodePointer(sha256, size)));
    const updatedRefs = rewriteHistory && gone.length > 0 ? await dropFromHistory(tx, repo, new Set(pointers)) : [];
    return { result: gone.length, updatedRefs };
  });
}

export interface Duplication {
  target: RepoId;
  files: readonly { sha256: string; filename: string }[];
}

/** Makes objects of one repository objects of another, too, without moving a byte; gives those that it could not. */
export async function duplicateLfsFiles(
  ctx: Context,
  source: RepoId,
  { target, files }: Duplication,
): Promise<{ sha256: string; error: string }[]> {
  const from = await requireAccess(ctx, "content", source);
  const to = await requireAccess(ctx, "write", target);
  const wanted = [...new Set(files.map(({ sha256 }) => sha256))];
  const there =
    wanted.length === 0
      ? []
      : await ctx.db
          .select()
          .from(lfsObjects)
          .where(and(eq(lfsObjects.repoId, from.id), inArray(lfsObjects.sha256, wanted)));
  const copied = new Set<string>();
  for (const { sha256, size } of there) {
    if (!(await ctx.blobs.has(sha256))) continue;
    await ctx.db.insert(lfsObjects).values({ repoId: to.id, sha256, size }).onConflictDoNothing();
    copied.add(sha256);
  }
  return files
    .filter(({ sha256 }) => !copied.has(sha256))
    .map(({ sha256, filename }) => ({
      sha256,
      error: `${filename} is no large file of ${from.namespace}/${from.name}.`,
    }));
}

export const noSuchFile = (sha256: string): ServiceError =>
  new ServiceError(404, `The repository has no large file ${sha256}.`, { code: "OBJECT_MISSING" });
