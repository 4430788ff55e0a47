// A snapshot of the cache → a folder of the user's.
// Downloads nothing.
import { statSync } from "node:fs";
import { cp } from "node:fs/promises";
import { relative, sep } from "node:path";
import { AbrazoError } from "../errors.ts";

/** Before a download: the files could not be put there. */
export function checkTarget(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== false) return;
  throw new AbrazoError({
    code: "NOT_A_FOLDER",
    message: `${folder} is a file; the repository needs a folder.`,
    hint: "Give another name.",
    data: { folder },
  });
}

/** Copies files, not links, of those paths that are wanted. */
export async function copySnapshot(from: string, to: string, wanted?: (path: string) => boolean): Promise<void> {
  await cp(from, to, {
    recursive: true,
    dereference: true,
    filter: (place) => {
      const path = relative(from, place).split(sep).join("/");
      return path === "" || wanted === undefined || statSync(place).isDirectory() || wanted(path);
    },
  });
}
