// Where the parts of a repository lie in Hugging Face's cache, and how a file gets its place there. Python's client reads and writes the same.
// Asks no hub.
//
//   models--ns--name/refs/<revision>          the commit id
//   models--ns--name/blobs/<etag>             contents, by SHA-256 or git's blob id
//   models--ns--name/snapshots/<commit>/path  links to blobs; the contents themselves where there can be no links
//   models--ns--name/.no_exist/<commit>/path  an empty file for what is known not to be there
//   models--ns--name/trees/<commit>.json      all files of a commit
//   models--ns--name/.endpoint                the hub it came from: another hub's repository of that name is another one
import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, lstat, mkdir, readFile, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { AbrazoError } from "../errors.ts";
import type { RemoteEntry } from "./client.ts";
import { hasBlob, isRight } from "./download.ts";
import { plural, type RepoId } from "./repo-id.ts";
import { type HubAccess, HubError } from "./request.ts";
import { unsafePath } from "./safe-path.ts";
import { linksAllowed, pythonEndpoint } from "./settings.ts";

export const MARKER = ".endpoint";
export const COMMIT = /^[0-9a-f]{40}$/;
/** Folder of the cache with repositories of other hubs that bear a name that is taken. */
export const OTHERS = ".endpoints";

/** A commit of a repository in the cache. */
export interface Place {
  root: string;
  commit: string;
}

export const folderName = ({ type, namespace, name }: RepoId): string => `${plural(type)}--${namespace}--${name}`;
export const snapshotOf = ({ root, commit }: Place): string => join(root, "snapshots", commit);
export const blobOf = (root: string, { lfs, oid }: Pick<RemoteEntry, "lfs" | "oid">): string =>
  join(root, "blobs", lfs?.oid ?? oid);
export const refOf = (root: string, revision: string): string => join(root, "refs", revision);
export const absentOf = ({ root, commit }: Place, path: string): string => join(root, ".no_exist", commit, path);
/** Marks a commit whose files are all there, so that a later call asks for none of them. */
export const completeOf = ({ root, commit }: Place): string => join(root, ".complete", commit);

/** The cache folder of a repository of this endpoint; one that holds another endpoint's repository is left alone. */
export async function repoFolder({ endpoint }: HubAccess, id: RepoId, cacheDir: string): Promise<string> {
  const base = join(cacheDir, folderName(id));
  const owner = await readText(join(base, MARKER));
  if (owner === endpoint) return base;
  // Python's client writes no marker: a folder without one is of the hub that it asks here.
  const theirs = owner ?? (existsSync(base) ? pythonEndpoint() : undefined);
  if (theirs === undefined || theirs === endpoint) return base;
  const host = createHash("sha256").update(endpoint).digest("hex").slice(0, 16);
  return join(cacheDir, OTHERS, host, basename(base));
}

/** A revision names a file of the cache. */
export function checkRevision(revision: string): string {
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
export function checkPaths(files: readonly Pick<RemoteEntry, "path">[]): void {
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

/** Whether a file has its content: as a blob, or in its own place where there are no links. */
export async function isThere(place: Place, file: RemoteEntry): Promise<boolean> {
  if (await hasBlob(blobOf(place.root, file), file.size)) return true;
  const path = join(snapshotOf(place), file.path);
  const found = await lstat(path).catch(() => undefined);
  return found?.isFile() === true && found.size === file.size && isRight(path, file);
}

/** Puts a link where a file belongs, in one step: another process may be reading there. A file in its own place stays. */
export async function placeFile(place: Place, file: RemoteEntry): Promise<string> {
  const [blob, path] = [blobOf(place.root, file), join(snapshotOf(place), file.path)];
  if (!(await hasBlob(blob, file.size))) return path;
  const target = relative(dirname(path), blob);
  if ((await readlink(path).catch(() => undefined)) === target) return path;
  await mkdir(dirname(path), { recursive: true });
  await replace(path, async (temporary) => {
    // Windows without developer mode makes no links.
    const made = linksAllowed() && (await succeeds(symlink(target, temporary)));
    if (!made) await copyFile(blob, temporary);
  });
  return path;
}

const succeeds = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => true,
    () => false,
  );

/** All files of a commit, as Python's client keeps them to tell a whole snapshot from a part. */
export async function writeTree({ root, commit }: Place, files: readonly RemoteEntry[]): Promise<void> {
  const rows = files.map(({ path, size, oid, lfs, xetHash }) => [
    path,
    {
      size,
      blob_id: oid,
      ...(lfs !== undefined && { lfs_sha256: lfs.oid, lfs_size: lfs.size }),
      ...(xetHash != null && { xet_hash: xetHash }),
    },
  ]);
  const text = JSON.stringify({ format_version: 1, files: Object.fromEntries(rows) }, null, 2);
  await writeText(join(root, "trees", `${commit}.json`), text);
}

/** What a file says, without white space around it; undefined when it cannot be read. */
export async function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

/** Writes a file unless it says that already: a cache that has everything need not be writable. */
export async function writeText(path: string, text: string): Promise<void> {
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
