// The first rows of a CSV, TSV or JSONL file, for pages.
// Reads only what it is given, and takes time in proportion to it.

export interface Column {
  name: string;
  /** How its cells are best read: numbers to the right, long texts over several lines. */
  kind: "number" | "short" | "long";
}

export interface RowsPreview {
  path: string;
  columns: Column[];
  /** A cell that the record does not have is undefined. */
  rows: (string | undefined)[][];
  /** Whether a cell was cut. */
  cut: boolean;
  moreColumns: number;
  /** Lines that are no record. */
  skipped: number;
}

const MOST_ROWS = 100;
const MOST_COLUMNS = 50;
const MOST_CELL = 500;
/** Longer than this, a cell takes several lines. */
const SHORT_CELL = 40;

/** File names whose rows can be shown. */
export const isTable = (path: string): boolean => /\.(csv|tsv|jsonl)$/i.test(path);

interface Records {
  columns: string[];
  rows: (string | undefined)[][];
  skipped: number;
}

/** Parses the beginning of a file; the last line may be cut off and is left out when `whole` is false. */
export function previewRows(path: string, source: string, whole: boolean): RowsPreview | undefined {
  const text = source.replace(/^\uFEFF/, "");
  const name = path.toLowerCase();
  const { columns, rows, skipped } = name.endsWith(".jsonl")
    ? jsonRecords(text, whole)
    : withHeader(name.endsWith(".tsv") ? tabbed(text, whole) : commaSeparated(text, whole));
  if (columns.length === 0 || rows.length === 0) return undefined;
  let cut = false;
  const shorten = (cell: string | undefined): string | undefined => {
    if (cell === undefined || cell.length <= MOST_CELL) return cell;
    cut = true;
    // Not in the middle of a character of two halves.
    return `${cell.slice(0, MOST_CELL).replace(/[\uD800-\uDBFF]$/, "")}…`;
  };
  const width = Math.min(columns.length, MOST_COLUMNS);
  const cells = rows.map((row) => Array.from({ length: width }, (_, index) => shorten(row[index])));
  return {
    path,
    columns: columns.slice(0, width).map((column, index) => ({ name: column, kind: kindOf(cells, index) })),
    rows: cells,
    cut,
    moreColumns: columns.length - width,
    skipped,
  };
}

function kindOf(rows: readonly (string | undefined)[][], index: number): Column["kind"] {
  const cells = rows.map((row) => row[index] ?? "").filter((cell) => cell !== "");
  if (cells.length > 0 && cells.every((cell) => /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(cell))) return "number";
  return cells.some((cell) => cell.length > SHORT_CELL || cell.includes("\n")) ? "long" : "short";
}

function completeLines(text: string, whole: boolean): string[] {
  const lines = text.split(/\r?\n/);
  if (!whole) lines.pop();
  return lines.filter((line) => line !== "");
}

function withHeader([columns = [], ...rows]: string[][]): Records {
  return { columns, rows: rows.slice(0, MOST_ROWS), skipped: 0 };
}

const tabbed = (text: string, whole: boolean): string[][] =>
  completeLines(text, whole)
    .slice(0, MOST_ROWS + 1)
    .map((line) => line.split("\t"));

function jsonRecords(text: string, whole: boolean): Records {
  const lines = completeLines(text, whole).slice(0, MOST_ROWS);
  const objects = lines.map(jsonObject).filter((object) => object !== undefined);
  const columns = [...new Set(objects.flatMap((object) => [...object.keys()]))];
  // Every line may bring columns of its own; no more cells are made than are shown.
  const shown = columns.slice(0, MOST_COLUMNS);
  const rows = objects.map((object) => shown.map((column) => cellOf(object.get(column))));
  return { columns, rows, skipped: lines.length - objects.length };
}

function cellOf(value: unknown): string | undefined {
  if (typeof value === "string" || value === undefined) return value;
  try {
    return JSON.stringify(value);
  } catch {
    return "(nested too deeply to be shown)";
  }
}

function jsonObject(line: string): Map<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? new Map(Object.entries(value))
      : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 4180, and what breaks it is read as it stands: a quote inside a field that does not begin with one. */
function commaSeparated(text: string, whole: boolean): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  let at = 0;
  while (at < text.length && records.length <= MOST_ROWS) {
    const { field, end } = text[at] === '"' ? quoted(text, at) : plain(text, at);
    record.push(field);
    at = end;
    if (text[at] === ",") {
      at++;
      if (at < text.length) continue;
      record.push("");
    }
    if (at >= text.length) break;
    at += text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1;
    if (record.length > 1 || record[0] !== "") records.push(record);
    record = [];
  }
  if (whole && records.length <= MOST_ROWS && record.length > 0) records.push(record);
  return records;
}

function plain(text: string, start: number): { field: string; end: number } {
  let end = start;
  while (end < text.length && text[end] !== "," && text[end] !== "\n" && text[end] !== "\r") end++;
  return { field: text.slice(start, end), end };
}

/** A field in quotes, where two of them stand for one; what follows the closing quote belongs to it. */
function quoted(text: string, start: number): { field: string; end: number } {
  let field = "";
  let from = start + 1;
  for (;;) {
    const quote = text.indexOf('"', from);
    if (quote === -1) return { field: field + text.slice(from), end: text.length };
    field += text.slice(from, quote);
    if (text[quote + 1] !== '"') {
      const rest = plain(text, quote + 1);
      return { field: field + rest.field, end: rest.end };
    }
    field += '"';
    from = quote + 2;
  }
}
