// Which files of a folder go up, and under which paths.
// Asks no hub.
import type { Stats } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import { AbrazoError } from "../errors.ts";
import type { UploadFile } from "./large-files.ts";
import { filterOf, type PathFilter } from "./patterns.ts";
import { unsafePath } from "./safe-path.ts";

const IGNORED = new Set([".git", ".cache", "node_modules", ".DS_Store"]);

/** Files of a folder by their path in it, sorted, links to files among them; caches and git's own are left out. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new AbrazoError({
      code: "FOLDER_MISSING",
      message: `The folder ${folder} cannot be read.`,
      hint: "Give a folder that holds the repository's files.",
      cause,
    });
  });
  const files: string[] = [];
  for (const entry of entries) {
    const full = join(entry.parentPath, entry.name);
    const path = relative(folder, full).split(sep).join("/");
    if (path.split("/").some((segment) => IGNORED.has(segment))) continue;
    if (entry.isFile() || (entry.isSymbolicLink() && (await leadsToFile(full)))) files.push(path);
  }
  return files.sort();
}

/** A link that leads nowhere counts as a file, unless it is left out: what is wanted and not there is told. */
const leadsToFile = (link: string): Promise<boolean> =>
  stat(link).then(
    (found) => found.isFile(),
    () => true,
  );

/** What paths in a folder of a repository begin with; the folder may be written as in a shell. */
export const folderPrefix = (pathInRepo: string): string => `${pathInRepo}/`.replace(/^\.?\/+|(?<=\/)\/+$/g, "");

/** The files of a folder that are wanted, or one file, with their paths in the repository. */
export async function filesToUpload(
  place: string,
  { include, exclude, pathInRepo = "" }: PathFilter & { pathInRepo?: string | undefined },
): Promise<UploadFile[]> {
  const isFile = (await stat(place).catch(() => undefined))?.isFile() === true;
  const below = folderPrefix(pathInRepo);
  // "sub/" is a folder, as for cp.
  if (isFile) return [await fileAt(place, /(^|\/)$/.test(pathInRepo) ? `${below}${basename(place)}` : pathInRepo)];
  const wanted = filterOf({ include, exclude });
  const found = (await filesOf(place)).filter(wanted);
  if (found.length > 0) return Promise.all(found.map((path) => fileAt(join(place, path), `${below}${path}`)));
  const isFiltered = include !== undefined || exclude !== undefined;
  throw new AbrazoError({
    code: "NOTHING_TO_COMMIT",
    message: `${place} holds no files${isFiltered ? " that --include and --exclude let through" : ""}.`,
    hint: isFiltered ? "Change the patterns; * goes across folders." : "Give a folder with files.",
  });
}

async function fileAt(source: string, path: string): Promise<UploadFile> {
  const reason = unsafePath(path);
  if (reason === undefined) return { path, source, size: (await statOf(source)).size };
  throw new AbrazoError({
    code: "UNSAFE_PATH",
    message: `${JSON.stringify(path)} is no path of a repository: ${reason}.`,
    hint: "Rename the file, or name another path.",
    data: { path },
  });
}

/** What the operating system knows of a file. */
export async function statOf(source: string): Promise<Stats> {
  try {
    return await stat(source);
  } catch (cause) {
    const isLink = (await lstat(source).catch(() => undefined))?.isSymbolicLink() === true;
    if (!isLink) throw cause;
    throw new AbrazoError({
      code: "BROKEN_LINK",
      message: `${source} is a link that leads to nothing.`,
      hint: "Delete it, or leave it out with --exclude.",
      data: { path: source },
      cause,
    });
  }
}

/** How files are now: they are read more than once, and must stay so until they are committed. */
export async function stampsOf(files: readonly UploadFile[]): Promise<ReadonlyMap<string, string>> {
  const stamps = files.map(async ({ source }) => {
    const found = await stat(source).catch(() => undefined);
    return [source, `${found?.size} ${found?.mtimeMs}`] as const;
  });
  return new Map(await Promise.all(stamps));
}

/** Refuses what is not as it was. */
export async function checkUnchanged(files: readonly UploadFile[], before: ReadonlyMap<string, string>): Promise<void> {
  const now = await stampsOf(files);
  const changed = files.find(({ source }) => now.get(source) !== before.get(source));
  if (changed === undefined) return;
  throw new AbrazoError({
    code: "FILE_CHANGED",
    message: `${changed.source} changed while it was sent; nothing was committed.`,
    hint: "Push again once nothing writes to it any more.",
    data: { path: changed.path },
  });
}
