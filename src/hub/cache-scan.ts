// What Hugging Face's cache holds: repositories, their commits and contents, by whichever client they came.
// Changes nothing.
import { type Dirent, existsSync } from "node:fs";
import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../errors.ts";
import { COMMIT, MARKER, OTHERS, readText } from "./cache-layout.ts";
import { plural, REPO_TYPES, type RepoType } from "./repo-id.ts";

/** A commit of a repository in the cache. */
export interface CachedRevision {
  commit: string;
  /** Branches and tags that are at it. */
  refs: string[];
  files: CachedFile[];
}

/** A file of a commit in the cache. */
export interface CachedFile {
  /** Its path in the repository. */
  path: string;
  /** Name of its content among the blobs; undefined where the file holds its content itself. */
  blob: string | undefined;
  /** undefined where the content is gone. */
  size: number | undefined;
}

/** A content of the cache. */
export interface CachedBlob {
  name: string;
  path: string;
  size: number;
  /** Milliseconds since 1970. */
  modified: number;
  /** Where the content lies if it is shared by repositories. */
  shared: string | undefined;
  /** What a download left that is not at its end. */
  isPart: boolean;
}

/** A repository in the cache. */
export interface CachedRepo {
  type: RepoType;
  /** "namespace/name", or a name alone where huggingface.co has it so. */
  id: string;
  /** The hub that it came from, if that is noted. */
  endpoint: string | undefined;
  folder: string;
  revisions: CachedRevision[];
  blobs: CachedBlob[];
  /** Bytes on disk. */
  size: number;
  lastModified: Date;
}

/**
 * Repositories in the cache, the largest first; none where there is no cache yet.
 *
 * @throws NOT_A_FOLDER for a file
 *
 * @example needs files
 * ```ts
 * const repos = await scanCacheDir(cacheFolder());
 * repos.map(({ id, size }) => `${id} ${size}`); // ["ana/mood 1200345"]
 * ```
 */
export async function scanCacheDir(cacheDir: string): Promise<CachedRepo[]> {
  if ((await stat(cacheDir).catch(() => undefined))?.isFile() === true) {
    throw new AbrazoError({
      code: "NOT_A_FOLDER",
      message: `${cacheDir} is a file; a cache is a folder.`,
      hint: "Name the folder that HF_HUB_CACHE names, or ~/.cache/huggingface/hub.",
      data: { path: cacheDir },
    });
  }
  const others = await namesIn(join(cacheDir, OTHERS));
  const repos: CachedRepo[] = [];
  for (const folder of [cacheDir, ...others.map((name) => join(cacheDir, OTHERS, name))]) {
    for (const name of await namesIn(folder)) {
      const of = repoOf(name);
      if (of !== undefined) repos.push(await scanRepo({ ...of, folder: join(folder, name) }));
    }
  }
  return repos.sort((a, b) => b.size - a.size);
}

function repoOf(name: string): { type: RepoType; id: string } | undefined {
  const [first, ...rest] = name.split("--");
  const type = REPO_TYPES.find((each) => plural(each) === first);
  return type === undefined || rest.length === 0 || rest.length > 2 ? undefined : { type, id: rest.join("/") };
}

async function scanRepo(repo: { type: RepoType; id: string; folder: string }): Promise<CachedRepo> {
  const { folder } = repo;
  const blobs = await scanBlobs(join(folder, "blobs"));
  const refs = await scanRefs(join(folder, "refs"));
  const revisions: CachedRevision[] = [];
  for (const commit of await namesIn(join(folder, "snapshots"))) {
    if (!COMMIT.test(commit)) continue;
    const at = [...refs].filter(([, target]) => target === commit).map(([name]) => name);
    revisions.push({ commit, refs: at, files: await scanFiles(join(folder, "snapshots", commit)) });
  }
  const own = revisions.flatMap(({ files }) => files.filter(({ blob }) => blob === undefined));
  const size = sum(blobs) + sum(own);
  const lastModified = new Date(
    blobs.reduce((last, { modified }) => Math.max(last, modified), (await stat(folder)).mtimeMs),
  );
  return { ...repo, endpoint: await readText(join(folder, MARKER)), revisions, blobs, size, lastModified };
}

const sum = (items: readonly { size: number | undefined }[]): number =>
  items.reduce((total, { size }) => total + (size ?? 0), 0);

async function scanBlobs(folder: string): Promise<CachedBlob[]> {
  const blobs: CachedBlob[] = [];
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    const [found, itself] = await Promise.all([stat(path).catch(() => undefined), lstat(path).catch(() => undefined)]);
    if (found?.isFile() !== true || itself === undefined) continue;
    const shared = itself.isSymbolicLink() ? await targetOf(path) : undefined;
    const isPart = name.endsWith(".incomplete") || name.endsWith(".tmp");
    blobs.push({ name, path, size: found.size, modified: found.mtimeMs, shared, isPart });
  }
  return blobs;
}

async function scanRefs(folder: string): Promise<Map<string, string>> {
  const refs = new Map<string, string>();
  for (const entry of await entriesIn(folder)) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) refs.set(relative(folder, path).split(sep).join("/"), (await readText(path)) ?? "");
  }
  return refs;
}

async function scanFiles(folder: string): Promise<CachedFile[]> {
  const files: CachedFile[] = [];
  for (const entry of await entriesIn(folder)) {
    if (entry.isDirectory()) continue;
    const full = join(entry.parentPath, entry.name);
    const target = entry.isSymbolicLink() ? await targetOf(full) : undefined;
    const found = await stat(full).catch(() => undefined);
    const blob = target === undefined ? undefined : target.split(sep).at(-1);
    files.push({ path: relative(folder, full).split(sep).join("/"), blob, size: found?.size });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** One step of a link. */
async function targetOf(link: string): Promise<string> {
  return resolve(dirname(link), await readlink(link));
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

async function entriesIn(folder: string): Promise<Dirent[]> {
  return existsSync(folder) ? readdir(folder, { recursive: true, withFileTypes: true }) : [];
}

const treeSchema = z.looseObject({
  files: z.record(
    z.string(),
    z.looseObject({ size: z.number(), blob_id: z.string(), lfs_sha256: z.string().optional() }),
  ),
});

/** The name that each file's content has, as it was listed when the commit was fetched; undefined where it was not. */
export async function readTree(folder: string, commit: string): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const { files } = treeSchema.parse(JSON.parse(await readFile(join(folder, "trees", `${commit}.json`), "utf8")));
    return new Map(Object.entries(files).map(([path, { blob_id, lfs_sha256 }]) => [path, lfs_sha256 ?? blob_id]));
  } catch {
    return undefined;
  }
}
