// Changed files as one text in git's unified format, bounded. Knows no repository.
import { setImmediate as turn } from "node:timers/promises";
import type { FileChange } from "../services/changes.ts";
import { type DiffLine, diffLines } from "../web/diff.ts";

/** Characters of the whole text; what would come after is said in a line. */
const MOST_LETTERS = 1024 * 1024;

/** Stands behind a last line that does not end; no text of a file holds it. */
const OPEN_END = "\0";

/** Characters of all files that are compared; what comes after is named alone. */
const MOST_COMPARED = 8 * 1024 * 1024;

/** The text of a diff, as `git diff` writes it. Files that are no text, or too large, are named and no more. */
export async function unifiedDiff(files: readonly FileChange[], more: number): Promise<string> {
  const parts: string[] = [];
  let [letters, compared] = [0, 0];
  for (const [index, file] of files.entries()) {
    compared += (file.text?.before.length ?? 0) + (file.text?.after.length ?? 0);
    const { text: _, ...named } = file;
    const part = fileDiff(compared > MOST_COMPARED ? named : file);
    // Others get their turn between two files.
    await turn();
    letters += part.length;
    if (letters > MOST_LETTERS) {
      parts.push(`# ${files.length - index + more} more files are not shown.\n`);
      return parts.join("");
    }
    parts.push(part);
  }
  if (more > 0) parts.push(`# ${more} more files are not shown.\n`);
  return parts.join("");
}

/** Names that git quotes: with quotes, backslashes or control characters. */
function quoted(side: "a" | "b", path: string): string {
  const name = `${side}/${path}`;
  return /["\\\p{Cc}]/u.test(name) ? JSON.stringify(name) : name;
}

function fileDiff({ path, before, after, text }: FileChange): string {
  const [a, b] = [quoted("a", path), quoted("b", path)];
  const lines = [`diff --git ${a} ${b}`];
  if (before === undefined) lines.push("new file mode 100644");
  if (after === undefined) lines.push("deleted file mode 100644");
  const short = (id: string | undefined) => (id ?? "").padEnd(40, "0").slice(0, 7);
  lines.push(`index ${short(before?.id)}..${short(after?.id)}${before && after ? " 100644" : ""}`);
  const [from, to] = [before === undefined ? "/dev/null" : a, after === undefined ? "/dev/null" : b];
  if (text === undefined) return `${lines.join("\n")}\nBinary files ${from} and ${to} differ\n`;
  const hunks = hunksOf(diffLines(marked(text.before), marked(text.after)));
  if (hunks.length === 0) return `${lines.join("\n")}\n`;
  return `${[...lines, `--- ${from}`, `+++ ${to}`, ...hunks.flatMap(hunkLines)].join("\n")}\n`;
}

const marked = (text: string): string => (text === "" || text.endsWith("\n") ? text : `${text}${OPEN_END}`);

function hunksOf(lines: readonly DiffLine[]): DiffLine[][] {
  const hunks: DiffLine[][] = [[]];
  for (const line of lines) {
    if (line.kind === "gap") hunks.push([]);
    else hunks.at(-1)?.push(line);
  }
  return hunks.filter((hunk) => hunk.some(({ kind }) => kind !== "same"));
}

const MARKS = { same: " ", add: "+", del: "-", gap: "" } as const;

function hunkLines(hunk: readonly DiffLine[]): string[] {
  const range = (side: "before" | "after") => {
    const numbers = hunk.map((line) => line[side]).filter((number) => number !== undefined);
    return `${numbers[0] ?? 0},${numbers.length}`;
  };
  const head = `@@ -${range("before")} +${range("after")} @@`;
  const body = hunk.flatMap(({ kind, text }) =>
    text.endsWith(OPEN_END)
      ? [`${MARKS[kind]}${text.slice(0, -1)}`, "\\ No newline at end of file"]
      : [`${MARKS[kind]}${text}`],
  );
  return [head, ...body];
}
