// Hugging Face's cache put in order: contents hashed again, and what no branch or tag names given up.
// Fetches nothing.
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { lstat, readFile, readlink, rm } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { objectHash } from "../io/git-objects.ts";
import { reportProgress } from "../log.ts";
import { completeOf, OTHERS } from "./cache-layout.ts";
import { type CachedBlob, type CachedRepo, type CachedRevision, readTree, scanCacheDir } from "./cache-scan.ts";

/** Something in the cache that is not as it was fetched. */
export interface CacheProblem {
  repo: string;
  path: string;
  problem: string;
}

/** What was found when contents were hashed again. */
export interface CacheReport {
  checked: number;
  bytes: number;
  /** Files whose right hash nobody noted. */
  unknown: number;
  problems: CacheProblem[];
}

/**
 * Hashes the contents of repositories again. What is damaged is told, and with `repair` deleted, so that the next download brings it.
 *
 * @example needs files
 * ```ts
 * const { problems } = await verifyCache(await scanCacheDir(cacheFolder()), { repair: true });
 * ```
 */
export async function verifyCache(
  repos: readonly CachedRepo[],
  { repair = false }: { repair?: boolean } = {},
): Promise<CacheReport> {
  const report: CacheReport = { checked: 0, bytes: 0, unknown: 0, problems: [] };
  const total = repos.reduce((sum, { size }) => sum + size, 0);
  const tell = (done = false) =>
    reportProgress({
      task: "verify",
      loaded: done ? total : Math.min(report.bytes, total),
      total,
      unit: "bytes",
      done,
    });
  for (const repo of repos) {
    for await (const found of checksOf(repo)) {
      report.checked += found.isKnown ? 1 : 0;
      report.unknown += found.isKnown ? 0 : 1;
      report.bytes += found.size;
      tell();
      if (found.problem === undefined) continue;
      report.problems.push({ repo: repo.id, path: found.path, problem: found.problem });
      if (repair) await giveUp(repo, found.path);
    }
  }
  tell(true);
  return report;
}

interface Check {
  path: string;
  size: number;
  isKnown: boolean;
  problem?: string;
}

async function* checksOf({ folder, blobs, revisions }: CachedRepo): AsyncGenerator<Check> {
  const names = new Set(blobs.map(({ name }) => name));
  for (const { name, path, size, isPart } of blobs) if (!isPart) yield checkHash(path, name, size);
  for (const { commit, files } of revisions) {
    const tree = await readTree(folder, commit);
    for (const { path, blob, size } of files) {
      const full = join(folder, "snapshots", commit, path);
      if (size === undefined) yield { path: full, size: 0, isKnown: true, problem: "its content is gone" };
      else if (blob === undefined) yield checkHash(full, tree?.get(path), size);
      else if (!names.has(blob)) yield { path: full, size, isKnown: true, problem: "it leads out of its repository" };
    }
  }
}

/** By the name of the content: SHA-256, or git's id of a blob. */
async function checkHash(path: string, name: string | undefined, size: number): Promise<Check> {
  const length = name !== undefined && /^[0-9a-f]+$/.test(name) ? name.length : 0;
  if (length !== 40 && length !== 64) return { path, size, isKnown: false };
  const hash = length === 64 ? createHash("sha256") : objectHash("blob", size);
  await pipeline(createReadStream(path), hash);
  const digest = hash.digest("hex");
  return { path, size, isKnown: true, ...(digest !== name && { problem: `its hash is ${digest}, not ${name}` }) };
}

/** Deletes what is damaged, and what says that all is there. */
async function giveUp({ folder, revisions }: CachedRepo, path: string): Promise<void> {
  const shared = (await lstat(path)).isSymbolicLink() && path.startsWith(join(folder, "blobs"));
  // The content itself, where repositories share it.
  if (shared) await rm(resolve(dirname(path), await readlink(path)), { force: true });
  await rm(path, { force: true });
  for (const { commit } of revisions) await rm(completeOf({ root: folder, commit }), { force: true });
}

/** What was deleted, or would be. */
export interface CacheSavings {
  revisions: { repo: string; commit: string }[];
  blobs: number;
  bytes: number;
}

/** A content that is younger may be of a download that goes on. */
const YOUNG_MS = 60 * 60 * 1000;

/**
 * Deletes commits that no branch or tag of the cache names, and contents that no commit is left to name. With `dryRun` only tells what it would.
 *
 * @example needs files
 * ```ts
 * const { bytes } = await pruneCache(await scanCacheDir(cacheFolder()), cacheFolder(), { dryRun: true });
 * ```
 */
export async function pruneCache(
  repos: readonly CachedRepo[],
  cacheDir: string,
  { dryRun = false, now = Date.now() }: { dryRun?: boolean; now?: number } = {},
): Promise<CacheSavings> {
  const savings: CacheSavings = { revisions: [], blobs: 0, bytes: 0 };
  for (const repo of repos) {
    const gone = repo.revisions.filter(({ refs }) => refs.length === 0);
    const kept = repo.revisions.filter(({ refs }) => refs.length > 0);
    await dropRevisions(repo, { gone, kept }, { cacheDir, dryRun, now, savings });
  }
  return savings;
}

interface Dropping {
  cacheDir: string;
  dryRun: boolean;
  now: number;
  savings: CacheSavings;
}

async function dropRevisions(
  repo: CachedRepo,
  { gone, kept }: { gone: readonly CachedRevision[]; kept: readonly CachedRevision[] },
  { cacheDir, dryRun, now, savings }: Dropping,
): Promise<void> {
  const { folder } = repo;
  for (const { commit, files } of gone) {
    savings.revisions.push({ repo: repo.id, commit });
    savings.bytes += files.reduce((sum, { blob, size = 0 }) => sum + (blob === undefined ? size : 0), 0);
    if (dryRun) continue;
    // What says that all is there goes first.
    for (const path of [join(".complete", commit), join("trees", `${commit}.json`), join(".no_exist", commit)])
      await rm(join(folder, path), { recursive: true, force: true });
    await rm(join(folder, "snapshots", commit), { recursive: true, force: true });
  }
  const named = await namedBlobs(folder, kept);
  for (const blob of repo.blobs) {
    if (named === undefined || named.has(blob.name) || now - blob.modified < YOUNG_MS) continue;
    savings.blobs++;
    savings.bytes += blob.size;
    if (!dryRun) await dropBlob(blob, cacheDir);
  }
}

/** Contents that commits name; undefined where that cannot be told: files hold their own contents, and no list of them is there. */
async function namedBlobs(folder: string, revisions: readonly CachedRevision[]): Promise<Set<string> | undefined> {
  const named = new Set<string>();
  for (const { commit, files } of revisions) {
    const own = files.some(({ blob }) => blob === undefined);
    const tree = own ? await readTree(folder, commit) : undefined;
    if (own && tree === undefined) return undefined;
    for (const { path, blob } of files) named.add(blob ?? tree?.get(path) ?? "");
  }
  return named;
}

/** A content that repositories share goes with the last of those that its list of references names. */
async function dropBlob({ path, shared }: CachedBlob, cacheDir: string): Promise<void> {
  await rm(path, { force: true });
  const inStore = shared?.startsWith(join(cacheDir, "blobs") + sep) === true;
  if (shared === undefined || !inStore) return;
  const references = await readFile(`${shared}.refs`, "utf8").catch(() => undefined);
  // Nobody knows who else has it.
  if (references === undefined) return;
  const isNamed = references.split("\n").some((line) => line !== "" && existsSync(join(cacheDir, line)));
  if (isNamed) return;
  await rm(shared, { force: true });
  await rm(`${shared}.refs`, { force: true });
}

/**
 * Deletes a repository from the cache, or one commit of it. Returns the bytes that this frees.
 *
 * @example needs files
 * ```ts
 * const [repo] = await scanCacheDir(cacheFolder());
 * if (repo !== undefined) await removeFromCache(repo, cacheFolder()); // 1200345
 * ```
 */
export async function removeFromCache(
  repo: CachedRepo,
  cacheDir: string,
  { commit }: { commit?: string | undefined } = {},
): Promise<number> {
  const gone = repo.revisions.filter((revision) => commit === undefined || revision.commit === commit);
  const kept = repo.revisions.filter((revision) => !gone.includes(revision));
  const savings: CacheSavings = { revisions: [], blobs: 0, bytes: 0 };
  await dropRevisions(repo, { gone, kept }, { cacheDir, dryRun: false, now: Number.POSITIVE_INFINITY, savings });
  for (const ref of gone.flatMap(({ refs }) => refs)) await rm(join(repo.folder, "refs", ref), { force: true });
  if (kept.length === 0) {
    await rm(repo.folder, { recursive: true, force: true });
    if (!repo.folder.includes(join(cacheDir, OTHERS)))
      await rm(join(cacheDir, ".locks", basename(repo.folder)), { recursive: true, force: true });
  }
  return savings.bytes;
}

/** Repositories of a name in the cache, of whichever hub and type where that is not said. */
export async function findInCache(cacheDir: string, id: string, type?: string): Promise<CachedRepo[]> {
  const repos = await scanCacheDir(cacheDir);
  return repos.filter((repo) => repo.id === id && (type === undefined || repo.type === type));
}
