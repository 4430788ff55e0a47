// The changed lines of the files of one page: as many as a page can show, computed a file at a time so that others get their turn.
// Knows no HTML.
import { setImmediate as turn } from "node:timers/promises";
import type { FileChange } from "../services/changes.ts";
import { type DiffLine, diffLines } from "./diff.ts";

/** Lines of one file, and of all of a page. */
const MOST_LINES = { file: 400, page: 8000 };
/** Letters of a line. */
const MOST_LETTERS = 2000;
/** Letters of a page: of texts that are compared, and of lines that are shown. */
const OF_PAGE = { compared: 8 * 1024 * 1024, shown: 2 * 1024 * 1024 };

export interface LineDiff {
  lines: DiffLine[];
  /** Lines beyond those. */
  more: number;
  added: number;
  deleted: number;
}

/** The differences of files that are text; those that the page has no room for are left out. */
export async function lineDiffs(files: readonly FileChange[]): Promise<ReadonlyMap<FileChange, LineDiff>> {
  const out = new Map<FileChange, LineDiff>();
  let [compared, lines, shown] = [0, 0, 0];
  for (const file of files) {
    if (file.text === undefined) continue;
    compared += file.text.before.length + file.text.after.length;
    if (compared > OF_PAGE.compared) break;
    const diff = shortened(diffLines(file.text.before, file.text.after));
    lines += diff.lines.length;
    shown += diff.lines.reduce((sum, { text }) => sum + text.length, 0);
    if (lines > MOST_LINES.page || shown > OF_PAGE.shown) break;
    out.set(file, diff);
    await turn();
  }
  return out;
}

function shortened(all: readonly DiffLine[]): LineDiff {
  const count = (kind: DiffLine["kind"]) => all.reduce((sum, line) => (line.kind === kind ? sum + 1 : sum), 0);
  const lines = all.slice(0, MOST_LINES.file).map((line) => ({ ...line, text: cut(line.text) }));
  return { lines, more: all.length - lines.length, added: count("add"), deleted: count("del") };
}

const cut = (text: string): string => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)}…` : text);
