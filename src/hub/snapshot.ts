// A repository at a commit, in Hugging Face's cache layout on disk: only what is missing is downloaded, and every byte is checked.
//
//   models--ns--name/refs/<revision>          the commit id
//   models--ns--name/blobs/<etag>             contents
//   models--ns--name/snapshots/<commit>/path  links to blobs
//   models--ns--name/.endpoint                the hub it came from: another hub's repository of that name is another one
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AbrazoError } from "../errors.ts";
import { objectHash } from "../io/git-objects.ts";
import { log, reportProgress } from "../log.ts";
import { commitOf, type HubAccess, HubError, listFiles, type RemoteEntry, request, resolvePath } from "./client.ts";
import { fullName, plural, type RepoId } from "./repo-id.ts";

export interface SnapshotOptions {
  revision?: string | undefined;
  cacheDir: string;
  /** Ask nobody: the cached reference or an error. */
  localFilesOnly?: boolean | undefined;
  /** Files to leave out. */
  ignore?: ((path: string) => boolean) | undefined;
}

export interface Snapshot {
  folder: string;
  commit: string;
  /** "cache" when the hub was not asked or did not answer. */
  source: "hub" | "cache";
}

const MARKER = ".endpoint";
const COMMIT = /^[0-9a-f]{40}$/;

/** Brings a revision into the cache and returns its folder. */
export async function snapshot(access: HubAccess, id: RepoId, options: SnapshotOptions): Promise<Snapshot> {
  const revision = options.revision ?? "main";
  const root = await repoFolder(access, id, options.cacheDir);
  if (options.localFilesOnly === true) return cached(root, id, revision);
  let commit: string;
  try {
    commit =
      COMMIT.test(revision) && existsSync(complete(root, revision)) ? revision : await commitOf(access, id, revision);
  } catch (error) {
    if (!(error instanceof HubError) || error.code !== "HUB_UNREACHABLE") throw error;
    const known = await cached(root, id, revision).catch(() => undefined);
    if (known === undefined) throw error;
    log.warn(
      `${access.endpoint} does not answer; using ${fullName(id)} at ${known.commit.slice(0, 7)} from the cache.`,
    );
    return known;
  }
  const folder = join(root, "snapshots", commit);
  if (!existsSync(complete(root, commit)) || options.ignore !== undefined) {
    // Nothing is written before the hub knows the commit: a name that is not there leaves no folder behind.
    await mkdir(folder, { recursive: true });
    await writeAtomically(join(root, MARKER), access.endpoint);
    const files = (await listFiles(access, id, commit)).filter(({ path }) => options.ignore?.(path) !== true);
    for (const file of files) await fetchFile(access, id, { root, folder, commit }, file);
    if (options.ignore === undefined) await writeAtomically(complete(root, commit), "");
  }
  if (!COMMIT.test(revision)) await writeAtomically(join(root, "refs", revision), commit);
  return { folder, commit, source: "hub" };
}

/** Marks a commit whose files are all there, so that a later call asks for none of them. */
const complete = (root: string, commit: string): string => join(root, ".complete", commit);

async function cached(root: string, id: RepoId, revision: string): Promise<Snapshot> {
  const commit = COMMIT.test(revision)
    ? revision
    : await readFile(join(root, "refs", revision), "utf8").catch(() => undefined);
  const folder = join(root, "snapshots", commit?.trim() ?? "");
  if (commit !== undefined && existsSync(folder)) return { folder, commit: commit.trim(), source: "cache" };
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
  const owner = await readFile(join(base, MARKER), "utf8").catch(() => undefined);
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

async function fetchFile(
  access: HubAccess,
  id: RepoId,
  { root, folder, commit }: Place,
  file: RemoteEntry,
): Promise<void> {
  const link = join(folder, file.path);
  if (relative(folder, link).startsWith("..")) {
    throw new HubError({
      code: "UNSAFE_PATH",
      message: `The hub named a file outside the repository: ${file.path}`,
      hint: "Do not trust this hub.",
    });
  }
  const blob = join(root, "blobs", file.lfs?.oid ?? file.oid);
  if (!existsSync(blob)) await download(access, resolvePath(id, commit, file.path), blob, file);
  await mkdir(dirname(link), { recursive: true });
  await rm(link, { force: true });
  // Windows without developer mode makes no links.
  await symlink(relative(dirname(link), blob), link).catch(() => copyFile(blob, link));
}

/** Downloads to "<blob>.incomplete", going on where an earlier try stopped, and renames once size and hash are right. */
async function download(access: HubAccess, path: string, blob: string, file: RemoteEntry): Promise<void> {
  const part = `${blob}.incomplete`;
  await mkdir(dirname(blob), { recursive: true });
  const done = await stat(part).then(
    ({ size }) => (size < file.size ? size : 0),
    () => 0,
  );
  const response = await request(access, path, done > 0 ? { headers: { Range: `bytes=${done}-` } } : {});
  const append = response.status === 206;
  let loaded = append ? done : 0;
  const task = `download ${file.path}`;
  const counted = async function* (source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      loaded += chunk.length;
      reportProgress({ task, loaded, total: file.size, unit: "bytes" });
      yield chunk;
    }
  };
  if (response.body === null) await writeFile(part, "");
  else {
    // safe because Node's fetch types and stream types describe the same object
    const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
    await pipeline(body, counted, createWriteStream(part, { flags: append ? "a" : "w" })).catch((cause: unknown) => {
      throw new HubError({
        code: "DOWNLOAD_CUT_OFF",
        message: `The download of ${file.path} was cut off after ${loaded} of ${file.size} bytes.`,
        hint: "Run the command again; it goes on where it stopped.",
        cause,
      });
    });
  }
  await check(part, file);
  await rename(part, blob);
  reportProgress({ task, loaded: file.size, total: file.size, unit: "bytes", done: true });
}

/** Size and SHA-256 of large files, size and git's blob id of the others. */
async function check(part: string, { path, size, oid, lfs }: RemoteEntry): Promise<void> {
  const { size: found } = await stat(part);
  const hash = lfs === undefined ? objectHash("blob", found) : createHash("sha256");
  await pipeline(createReadStream(part), hash);
  const digest = hash.digest("hex");
  if (found === size && digest === (lfs?.oid ?? oid)) return;
  await rm(part, { force: true });
  throw new HubError({
    code: "DOWNLOAD_DAMAGED",
    message: `${path} arrived with ${found} bytes and hash ${digest}; ${size} bytes and ${lfs?.oid ?? oid} were promised.`,
    hint: "What arrived was thrown away. Try again; if it stays so, the hub's storage or a proxy is at fault.",
  });
}

async function writeAtomically(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, text);
  await rename(temporary, path);
}
