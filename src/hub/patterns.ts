// Which paths a pattern of a command line means: fnmatch, as Python's client has it. "*" goes across folders.
// Touches no disk.

/** Whether a path is wanted: one of `include` matches where there are any, and none of `exclude` does. */
export interface PathFilter {
  include?: readonly string[] | undefined;
  exclude?: readonly string[] | undefined;
}

export function filterOf({ include = [], exclude = [] }: PathFilter): (path: string) => boolean {
  const [wanted, unwanted] = [include.map(fnmatch), exclude.map(fnmatch)];
  return (path) =>
    (wanted.length === 0 || wanted.some((matches) => matches(path))) && !unwanted.some((matches) => matches(path));
}

/** "*" any text, "?" a character, "[a-c]" and "[!a]" one of several; a folder ("name/") means all that is in it. */
export function fnmatch(pattern: string): (path: string) => boolean {
  const whole = pattern.endsWith("/") ? `${pattern}*` : pattern;
  let source = "";
  for (let at = 0; at < whole.length; at++) {
    const set = whole[at] === "[" ? /^\[(!?)(\]?[^\]]*)\]/.exec(whole.slice(at)) : null;
    if (set !== null) {
      source += `[${set[1] === "!" ? "^" : ""}${(set[2] ?? "").replace(/[\\\]^[]/g, "\\$&")}]`;
      at += set[0].length - 1;
    } else if (whole[at] === "*") source += "[^]*";
    else if (whole[at] === "?") source += "[^]";
    else source += (whole[at] ?? "").replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  }
  const matcher = compiled(source, pattern);
  return (path) => matcher(path);
}

/** A set that no regular expression takes, such as "[z-a]", stands for itself. */
function compiled(source: string, pattern: string): (path: string) => boolean {
  try {
    const regular = new RegExp(`^${source}$`, "u");
    return (path) => regular.test(path);
  } catch {
    return (path) => path === pattern;
  }
}
