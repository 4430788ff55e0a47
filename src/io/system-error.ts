// What the system says of files, as Python says it.
// Knows no format.
import { argumentError } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";

/** Python's words, its number of the error, and what to do. */
const KNOWN: Readonly<Record<string, readonly [number: number, words: string, hint: string]>> = {
  ENOENT: [2, "No such file or directory", "Look at the path; a relative one starts from the working folder."],
  EACCES: [13, "Permission denied", "The user of this process may not do that there."],
  EPERM: [1, "Operation not permitted", "The user of this process may not do that there."],
  ENOTDIR: [20, "Not a directory", "A part of the path is a file."],
  EISDIR: [21, "Is a directory", "Name a file in it."],
  EROFS: [30, "Read-only file system", "Write to another disk."],
  ENOSPC: [28, "No space left on device", "Free some, or write to another disk."],
  ENAMETOOLONG: [36, "File name too long", "Use a shorter name."],
};

/** An error of the system under its own code, and in Python's words; another error as it is. */
export function fileError(path: string, cause: unknown): unknown {
  const isSystem = cause instanceof Error && "syscall" in cause && "code" in cause && !(cause instanceof AbrazoError);
  if (!isSystem) return cause;
  const code = String(cause.code);
  const [number, words, hint] = KNOWN[code] ?? [undefined, cause.message, "See the system's own words."];
  return new AbrazoError({
    code,
    message: number === undefined ? words : `[Errno ${number}] ${words}: '${path}'`,
    hint,
    data: { path },
    cause,
  });
}

/** Runs what reads or writes a file or a folder. */
export async function onFile<Result>(path: string, act: () => Promise<Result>): Promise<Result> {
  if (typeof path !== "string") throw argumentError("open", 1, "a path", path);
  try {
    return await act();
  } catch (error) {
    throw fileError(path, error);
  }
}
