// A repository at a commit, or one file of it, through Hugging Face's cache: only what is missing is downloaded, and every byte is checked.
// Knows no layout: that is cache-layout.ts.
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AbrazoError } from "../errors.ts";
import { log } from "../log.ts";
import {
  absentOf,
  blobOf,
  COMMIT,
  checkPaths,
  checkRevision,
  completeOf,
  folderName,
  isThere,
  MARKER,
  type Place,
  placeFile,
  readText,
  refOf,
  repoFolder,
  snapshotOf,
  writeText,
  writeTree,
} from "./cache-layout.ts";
import { commitOf, getPathsInfo, listFiles, type RemoteEntry } from "./client.ts";
import { Transfer } from "./download.ts";
import { filterOf, type PathFilter } from "./patterns.ts";
import { fullName, type RepoId } from "./repo-id.ts";
import { type HubAccess, HubError, isAway } from "./request.ts";

/** Which version is wanted, and where it is kept. */
interface DownloadOptions {
  revision?: string | undefined;
  cacheDir: string;
  /** Ask nobody: what is cached or an error. */
  localFilesOnly?: boolean | undefined;
}

/** Which version is wanted, which files, and where they are kept. */
export interface SnapshotOptions extends DownloadOptions, PathFilter {
  /** Files to leave out, besides those of the patterns. */
  ignore?: ((path: string) => boolean) | undefined;
}

/** Where a version of a repository lies on disk. */
export interface Snapshot {
  folder: string;
  commit: string;
  /** "cache" when the hub was not asked or did not answer. */
  source: "hub" | "cache";
}

/**
 * Brings a revision into the cache, or the files of it that `include` and `exclude` let through.
 *
 * @throws AbrazoError NOT_CACHED with `localFilesOnly`, HubError for what the hub refuses or what arrives damaged
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * const { folder } = await snapshotDownload(access, parseRepoId("ana/mood"), { cacheDir: cacheFolder(), include: ["*.json"] });
 * // folder: "…/models--ana--mood/snapshots/2640b68b09b3…"
 * ```
 */
export function snapshotDownload(access: HubAccess, id: RepoId, options: SnapshotOptions): Promise<Snapshot> {
  return usable(options.cacheDir, () => bring(access, id, options));
}

/**
 * Brings one file of a revision into the cache. Returns where it lies.
 *
 * @throws HubError HUB_ENTRY_NOT_FOUND where the revision has no such file
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * await downloadFile(access, parseRepoId("ana/mood"), "config.json", { cacheDir: cacheFolder() });
 * // "…/models--ana--mood/snapshots/2640b68b09b3…/config.json"
 * ```
 */
export function downloadFile(access: HubAccess, id: RepoId, path: string, options: DownloadOptions): Promise<string> {
  return usable(options.cacheDir, () => bringFile(access, id, path, options));
}

/** What the operating system refuses is the cache's matter. */
async function usable<Result>(folder: string, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof AbrazoError || !(error instanceof Error) || !("syscall" in error)) throw error;
    throw new AbrazoError({
      code: "CACHE_UNUSABLE",
      message: `The cache in ${folder} cannot be used: ${error.message}`,
      hint: "Free or repair it, or set HF_HUB_CACHE to a folder that may be written.",
      data: { folder },
      cause: error,
    });
  }
}

async function bring(access: HubAccess, id: RepoId, options: SnapshotOptions): Promise<Snapshot> {
  const asked = await ask(access, id, options);
  if (asked.source === "cache") return { folder: snapshotOf(asked), commit: asked.commit, source: "cache" };
  const { root, commit } = asked;
  const { include, exclude, ignore } = options;
  const isWhole = include === undefined && exclude === undefined && ignore === undefined;
  const folder = snapshotOf(asked);
  if (!existsSync(completeOf(asked)) || !isWhole) {
    const all = await listFiles(access, id, commit);
    checkPaths(all);
    const wanted = filterOf({ include, exclude });
    await begin(access, asked);
    await writeTree(asked, all);
    await fetchFiles(
      access,
      id,
      asked,
      all.filter(({ path }) => wanted(path) && ignore?.(path) !== true),
    );
    if (isWhole) await writeText(completeOf(asked), "");
  }
  await noteRevision(root, options.revision, commit);
  return { folder, commit, source: "hub" };
}

async function bringFile(access: HubAccess, id: RepoId, path: string, options: DownloadOptions): Promise<string> {
  checkPaths([{ path }]);
  const asked = await ask(access, id, options);
  const found = join(snapshotOf(asked), path);
  if (existsSync(found)) return found;
  if (asked.source === "cache") throw notCached(id, path, asked.root);
  const [file] = await getPathsInfo(access, id, [path], { revision: asked.commit });
  if (file?.type !== "file" || file.path !== path) {
    // Python's client asks for many files that may be there, and keeps which are not.
    if (existsSync(asked.root)) await writeText(absentOf(asked, path), "");
    throw new HubError({
      code: "HUB_ENTRY_NOT_FOUND",
      message: `${fullName(id)} at ${asked.commit.slice(0, 7)} has no file ${path}.`,
      hint: `Its files are listed by abrazo ls ${fullName(id)}.`,
      data: { status: 404, path },
    });
  }
  await begin(access, asked);
  await fetchFiles(access, id, asked, [file]);
  await noteRevision(asked.root, options.revision, asked.commit);
  return found;
}

interface Asked extends Place {
  source: "hub" | "cache";
}

/** Which commit a revision is, asked of the hub, or of the cache where the hub is not to be asked or is away. */
async function ask(access: HubAccess, id: RepoId, options: DownloadOptions): Promise<Asked> {
  const revision = checkRevision(options.revision ?? "main");
  const root = await repoFolder(access, id, options.cacheDir);
  const known = async (): Promise<Asked | undefined> => {
    // What Python's client has fetched serves, too, whatever hub it was told to ask.
    for (const place of new Set([root, join(options.cacheDir, folderName(id))])) {
      const commit = await cachedCommit(place, revision);
      if (commit !== undefined) return { root: place, commit, source: "cache" };
    }
    return undefined;
  };
  if (options.localFilesOnly === true) {
    const found = await known();
    if (found === undefined) throw notCached(id, revision, root);
    return found;
  }
  if (COMMIT.test(revision) && existsSync(completeOf({ root, commit: revision })))
    return { root, commit: revision, source: "hub" };
  try {
    return { root, commit: await commitOf(access, id, revision), source: "hub" };
  } catch (error) {
    if (!isAway(error)) throw error;
    const found = await known();
    if (found === undefined) throw error;
    log.warn(
      `${access.endpoint} does not answer; using ${fullName(id)} at ${found.commit.slice(0, 7)} from the cache.`,
    );
    return found;
  }
}

async function cachedCommit(root: string, revision: string): Promise<string | undefined> {
  const commit = COMMIT.test(revision) ? revision : await readText(refOf(root, revision));
  return commit !== undefined && COMMIT.test(commit) && existsSync(snapshotOf({ root, commit })) ? commit : undefined;
}

function notCached(id: RepoId, what: string, folder: string): AbrazoError {
  return new AbrazoError({
    code: "NOT_CACHED",
    message: `${fullName(id)} at ${what} is not in the cache.`,
    hint: "Load it once while the hub answers, without localFilesOnly and HF_HUB_OFFLINE.",
    data: { folder, revision: what },
  });
}

/** Nothing is written before the hub knows the commit: a name that is not there leaves no folder behind. */
async function begin({ endpoint }: HubAccess, place: Place): Promise<void> {
  await mkdir(snapshotOf(place), { recursive: true });
  await writeText(join(place.root, MARKER), endpoint);
}

async function noteRevision(root: string, revision = "main", commit: string): Promise<void> {
  if (!COMMIT.test(revision)) await writeText(refOf(root, revision), commit);
}

async function fetchFiles(access: HubAccess, id: RepoId, place: Place, files: readonly RemoteEntry[]): Promise<void> {
  const missing: RemoteEntry[] = [];
  for (const file of files) if (!(await isThere(place, file))) missing.push(file);
  const transfer = new Transfer(access, id, place.commit, missing);
  await transfer.fetchAll(missing, (file) => blobOf(place.root, file));
  transfer.end();
  for (const file of files) await placeFile(place, file);
}
