// A repository at a commit, in Hugging Face's cache layout on disk: only what is missing is downloaded, and every byte is checked.
//
//   models--ns--name/refs/<revision>          the commit id
//   models--ns--name/blobs/<etag>             contents
//   models--ns--name/snapshots/<commit>/path  links to blobs
//   models--ns--name/.endpoint                the hub it came from: another hub's repository of that name is another one
import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { AbrazoError } from "../errors.ts";
import { log } from "../log.ts";
import { commitOf, listFiles, type RemoteEntry } from "./client.ts";
import { hasBlob, Transfer } from "./download.ts";
import { fullName, plural, type RepoId } from "./repo-id.ts";
import { type HubAccess, HubError, isAway } from "./request.ts";
import { unsafePath } from "./safe-path.ts";

/** Which version is wanted, which files, and where they are kept. */
export interface SnapshotOptions {
  revision?: string | undefined;
  cacheDir: string;
  /** Ask nobody: the cached reference or an error. */
  localFilesOnly?: boolean | undefined;
  /** Files to leave out. */
  ignore?: ((path: string) => boolean) | undefined;
}

/** Where a version of a repository lies on disk. */
export interface Snapshot {
  folder: string;
  commit: string;
  /** "cache" when the hub was not asked or did not answer. */
  source: "hub" | "cache";
}

const MARKER = ".endpoint";
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * Brings a revision into the cache.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * const { folder } = await snapshot(access, parseRepoId("ana/mood"), { cacheDir: cacheFolder() });
 * // folder: "…/models--ana--mood/snapshots/2640b68b09b3…"
 * ```
 */
export async function snapshot(access: HubAccess, id: RepoId, options: SnapshotOptions): Promise<Snapshot> {
  try {
    return await bring(access, id, options);
  } catch (error) {
    if (error instanceof AbrazoError || !(error instanceof Error) || !("syscall" in error)) throw error;
    throw new AbrazoError({
      code: "CACHE_UNUSABLE",
      message: `The cache in ${options.cacheDir} cannot be used: ${error.message}`,
      hint: "Free or repair it, or set HF_HUB_CACHE to a folder that may be written.",
      data: { folder: options.cacheDir },
      cause: error,
    });
  }
}

async function bring(access: HubAccess, id: RepoId, options: SnapshotOptions): Promise<Snapshot> {
  const revision = checkRevision(options.revision ?? "main");
  const root = await repoFolder(access, id, options.cacheDir);
  if (options.localFilesOnly === true) return cached(root, id, revision);
  let commit: string;
  try {
    commit =
      COMMIT.test(revision) && existsSync(complete(root, revision)) ? revision : await commitOf(access, id, revision);
  } catch (error) {
    if (!isAway(error)) throw error;
    const known = await cached(root, id, revision).catch(() => undefined);
    if (known === undefined) throw error;
    log.warn(
      `${access.endpoint} does not answer; using ${fullName(id)} at ${known.commit.slice(0, 7)} from the cache.`,
    );
    return known;
  }
  const folder = join(root, "snapshots", commit);
  if (!existsSync(complete(root, commit)) || options.ignore !== undefined) {
    const files = (await listFiles(access, id, commit)).filter(({ path }) => options.ignore?.(path) !== true);
    checkPaths(files);
    // Nothing is written before the hub knows the commit: a name that is not there leaves no folder behind.
    await mkdir(folder, { recursive: true });
    await writeText(join(root, MARKER), access.endpoint);
    await fetchFiles(access, id, { root, folder, commit }, files);
    if (options.ignore === undefined) await writeText(complete(root, commit), "");
  }
  if (!COMMIT.test(revision)) await writeText(join(root, "refs", revision), commit);
  return { folder, commit, source: "hub" };
}

/** A revision names a file of the cache. */
function checkRevision(revision: string): string {
  const reason = unsafePath(revision);
  if (reason === undefined) return revision;
  throw new AbrazoError({
    code: "INVALID_REVISION",
    message: `"${revision}" is no revision: ${reason}.`,
    hint: "Give a branch, a tag or a commit id.",
    data: { revision },
  });
}

/** All names are looked at before the first is written. */
function checkPaths(files: readonly RemoteEntry[]): void {
  for (const { path } of files) {
    const reason = unsafePath(path);
    if (reason === undefined) continue;
    throw new HubError({
      code: "UNSAFE_PATH",
      message: `The hub names the file ${JSON.stringify(path)}, which is not written: ${reason}.`,
      hint: "Do not trust this repository.",
      data: { path },
    });
  }
}

/** Marks a commit whose files are all there, so that a later call asks for none of them. */
const complete = (root: string, commit: string): string => join(root, ".complete", commit);

async function cached(root: string, id: RepoId, revision: string): Promise<Snapshot> {
  const commit = COMMIT.test(revision) ? revision : await readText(join(root, "refs", revision));
  if (commit !== undefined && COMMIT.test(commit)) {
    const folder = join(root, "snapshots", commit);
    if (existsSync(folder)) return { folder, commit, source: "cache" };
  }
  throw new AbrazoError({
    code: "NOT_CACHED",
    message: `${fullName(id)} at ${revision} is not in the cache.`,
    hint: "Load it once while the hub answers, without localFilesOnly and HF_HUB_OFFLINE.",
    data: { folder: root, revision },
  });
}

/** The cache folder of a repository of this endpoint; one that holds another endpoint's repository is left alone. */
async function repoFolder(
  { endpoint }: HubAccess,
  { type, namespace, name }: RepoId,
  cacheDir: string,
): Promise<string> {
  const base = join(cacheDir, `${plural(type)}--${namespace}--${name}`);
  const owner = await readText(join(base, MARKER));
  if (owner === endpoint) return base;
  // Python's client writes no marker: a folder without one is of huggingface.co.
  const theirs = owner ?? (existsSync(base) ? "https://huggingface.co" : undefined);
  if (theirs === undefined || theirs === endpoint) return base;
  const host = createHash("sha256").update(endpoint).digest("hex").slice(0, 16);
  return join(cacheDir, ".endpoints", host, basename(base));
}

interface Place {
  root: string;
  folder: string;
  commit: string;
}

async function fetchFiles(
  access: HubAccess,
  id: RepoId,
  { root, folder, commit }: Place,
  files: readonly RemoteEntry[],
): Promise<void> {
  const missing: RemoteEntry[] = [];
  for (const file of files) if (!(await hasBlob(blobOf(root, file), file.size))) missing.push(file);
  const transfer = new Transfer(access, id, commit, missing);
  for (const file of missing) await transfer.fetch(file, blobOf(root, file));
  transfer.end();
  for (const { path, ...file } of files) await linkTo(blobOf(root, file), join(folder, path));
}

const blobOf = (root: string, { lfs, oid }: Pick<RemoteEntry, "lfs" | "oid">): string =>
  join(root, "blobs", lfs?.oid ?? oid);

/** Puts a link where a file belongs, in one step: another process may be reading there. */
async function linkTo(blob: string, link: string): Promise<void> {
  const target = relative(dirname(link), blob);
  if ((await readlink(link).catch(() => undefined)) === target) return;
  await mkdir(dirname(link), { recursive: true });
  await replace(link, async (temporary) => {
    // Windows without developer mode makes no links.
    await symlink(target, temporary).catch(() => copyFile(blob, temporary));
  });
}

/** What a file says, without white space around it; undefined when it cannot be read. */
async function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

/** Writes a file unless it says that already: a cache that has everything need not be writable. */
async function writeText(path: string, text: string): Promise<void> {
  if ((await readText(path)) === text) return;
  await mkdir(dirname(path), { recursive: true });
  await replace(path, (temporary) => writeFile(temporary, text));
}

async function replace(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await write(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
