// The first rows of a CSV, TSV or JSONL file, for the page of a dataset.
// Reads only what it is given.

export interface RowsPreview {
  path: string;
  columns: string[];
  rows: string[][];
  /** Whether a cell was cut. */
  truncated: boolean;
}

const MOST_ROWS = 100;
const MOST_COLUMNS = 50;
const MOST_CELL = 300;

/** Parses the beginning of a file; the last line may be cut off and is left out when `whole` is false. */
export function previewRows(path: string, text: string, whole: boolean): RowsPreview | undefined {
  const records = path.endsWith(".jsonl")
    ? jsonlRecords(text, whole)
    : delimited(text, path.endsWith(".tsv") ? "\t" : ",", whole);
  const [columns, ...rows] = records.slice(0, MOST_ROWS + 1);
  if (columns === undefined || rows.length === 0) return undefined;
  let truncated = false;
  const cut = (cell: string): string => {
    if (cell.length <= MOST_CELL) return cell;
    truncated = true;
    return `${cell.slice(0, MOST_CELL)}…`;
  };
  const cells = rows.map((row) => row.slice(0, MOST_COLUMNS).map(cut));
  return { path, columns: columns.slice(0, MOST_COLUMNS), rows: cells, truncated };
}

function completeLines(text: string, whole: boolean): string[] {
  const lines = text.split(/\r?\n/);
  if (!whole) lines.pop();
  return lines.filter((line) => line !== "");
}

function jsonlRecords(text: string, whole: boolean): string[][] {
  const objects = completeLines(text, whole)
    .slice(0, MOST_ROWS)
    .flatMap((line): Record<string, unknown>[] => {
      try {
        const value: unknown = JSON.parse(line);
        return typeof value === "object" && value !== null && !Array.isArray(value)
          ? [Object.fromEntries(Object.entries(value))]
          : [];
      } catch {
        return [];
      }
    });
  const columns = [...new Set(objects.flatMap((object) => Object.keys(object)))];
  const show = (value: unknown): string =>
    typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
  return [columns, ...objects.map((object) => columns.map((column) => show(object[column])))];
}

function delimited(text: string, separator: "," | "\t", whole: boolean): string[][] {
  if (separator === "\t")
    return completeLines(text, whole)
      .slice(0, MOST_ROWS + 1)
      .map((line) => line.split("\t"));
  const records: string[][] = [];
  let record: string[] = [];
  for (const match of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    record.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === ",") continue;
    const last = match[3] === "";
    if ((!last || whole) && (record.length > 1 || record[0] !== "")) records.push(record);
    record = [];
    if (last || records.length > MOST_ROWS) break;
  }
  return records;
}
