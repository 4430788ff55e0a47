// Whether a .gitignore leaves a path out, by git's rules.
// Knows one file's text; reads none.
import { type Glob, globMatches, parseGlob } from "./glob.ts";

interface Rule {
  glob: Glob;
  /** Puts back what an earlier line took out. */
  negated: boolean;
  /** Written with a slash at its end: folders alone. */
  folders: boolean;
}

/**
 * The rules of a .gitignore, as a question about paths. The last line that matches decides; what lies in a folder that is
 * left out stays out.
 *
 * @example
 * ```ts
 * const ignored = parseGitignore("*.log\n!keep.log\nbuild/");
 * ignored("a/x.log"); // true
 * ignored("keep.log"); // false
 * ignored("build/out.bin"); // true
 * ```
 */
export function parseGitignore(text: string): (path: string) => boolean {
  const rules = text
    .split(/\r?\n/)
    .map(parseRule)
    .filter((rule) => rule !== undefined);
  return (path) => {
    const segments = path.split("/");
    return segments.some((_, at) => {
      const isFolder = at < segments.length - 1;
      const part = segments.slice(0, at + 1).join("/");
      const last = rules.findLast(({ folders, glob }) => (isFolder || !folders) && globMatches(glob, part));
      return last !== undefined && !last.negated;
    });
  };
}

function parseRule(line: string): Rule | undefined {
  // Spaces at the end count only behind a backslash.
  const text = line.replace(/(?<!\\)\s+$/, "");
  if (text === "" || text.startsWith("#")) return undefined;
  const negated = text.startsWith("!");
  const pattern = negated ? text.slice(1) : text;
  const folders = pattern.endsWith("/");
  const bare = folders ? pattern.slice(0, -1) : pattern;
  const glob = parseGlob(bare.includes("/") ? bare.replace(/^\//, "") : `**/${bare}`);
  return { glob, negated, folders };
}
