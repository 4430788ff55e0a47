// Which file names a repository may hold, and which may come in. The same rule for every door.
import { badRequest, type ServiceError } from "../errors.ts";

export const MOST_BYTES = 1024;

/** Segments of a path inside a repository, or a 400 that says what is wrong with it. */
export function checkPath(path: string): string[] {
  const clean = path.startsWith("./") ? path.slice(2) : path;
  const segments = clean.split("/");
  const reason = problem(clean, segments);
  if (reason !== undefined) throw notAllowed(path, reason);
  return segments;
}

/** The same for a path that something is to be put at. What lies at others since they were allowed can be read and removed. */
export function checkNewPath(path: string): string[] {
  const segments = checkPath(path);
  if (segments.some(isDotGit)) throw notAllowed(path, "it has a .git segment, or one that some system takes for it");
  return segments;
}

const notAllowed = (path: string, reason: string): ServiceError =>
  badRequest(`The path "${path.slice(0, MOST_BYTES)}" is not allowed: ${reason}.`);

function problem(path: string, segments: readonly string[]): string | undefined {
  if (path === "" || path.startsWith("/")) return "it must be relative and not empty";
  if (Buffer.byteLength(path) > MOST_BYTES) return `it is longer than ${MOST_BYTES} bytes`;
  if (segments.some((segment) => segment === "" || segment === "." || segment === ".."))
    return "it has an empty, . or .. segment";
  if (segments.some((segment) => Buffer.byteLength(segment) > 255)) return "a segment is longer than 255 bytes";
  if (path.includes("\\") || hasControl(path)) return "it has a backslash or a control character";
  if (isBroken(path)) return "it is not well-formed Unicode";
  return undefined;
}

/** Letters that macOS passes over in names. */
const PASSED_OVER = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;
/** Windows knows .git by its short name, too, and drops what follows: spaces, dots, and a stream. */
const DOT_GIT = /^(?:\.git|git~1)[ .]*(?::.*)?$/i;

/** git refuses to check out these, as `git fsck` does (hasDotgit): a repository with one could not be cloned. */
const isDotGit = (segment: string): boolean => DOT_GIT.test(segment.replace(PASSED_OVER, ""));

/** Half of a surrogate pair: JSON can carry one, UTF-8 and the database cannot. */
export const isBroken = (text: string): boolean => /\p{Surrogate}/u.test(text);

function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 32 || code === 127) return true;
  }
  return false;
}
