// Names that a hub or a user gave, before they become paths on disk.
// Touches no disk.

/** Why a name may not become a path below a folder, or undefined when it may. */
export function unsafePath(path: string): string | undefined {
  const segments = path.split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === ".."))
    return "it has an empty, . or .. segment";
  // Hooks of a working tree that somebody pulls into would run.
  if (segments.some((segment) => segment.toLowerCase() === ".git")) return "it has a .git segment";
  if (/[\\\p{Cc}\p{Cs}]/u.test(path)) return "it has a backslash, a control character or half a character";
  if (process.platform === "win32" && path.includes(":")) return "it has a colon";
  return undefined;
}
