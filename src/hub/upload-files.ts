// Which files of a folder go up, and under which paths.
// Asks no hub.
import { readdir, stat } from "node:fs/promises";
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
    if (entry.isFile() || (entry.isSymbolicLink() && (await stat(full)).isFile())) files.push(path);
  }
  return files.sort();
}

/** What paths in a folder of a repository begin with; the folder may be written as in a shell. */
export const folderPrefix = (pathInRepo: string): string => `${pathInRepo}/`.replace(/^\.?\/+|(?<=\/)\/+$/g, "");

/** The files of a folder that are wanted, or one file, with their paths in the repository. */
export async function filesToUpload(
  place: string,
  { include, exclude, pathInRepo = "" }: PathFilter & { pathInRepo?: string | undefined },
): Promise<UploadFile[]> {
  const isFile = (await stat(place).catch(() => undefined))?.isFile() === true;
  if (isFile) return [await fileAt(place, pathInRepo === "" ? basename(place) : pathInRepo)];
  const wanted = filterOf({ include, exclude });
  const below = folderPrefix(pathInRepo);
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
  if (reason === undefined) return { path, source, size: (await stat(source)).size };
  throw new AbrazoError({
    code: "UNSAFE_PATH",
    message: `"${path}" is no path of a repository: ${reason}.`,
    hint: "Rename the file, or name another path.",
    data: { path },
  });
}
