// Labelled text from TSV, CSV and JSONL files, plain or gzipped.
// Downloads nothing and knows no tokenizer.
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { AbrazoError, suggestion } from "../errors.ts";

export interface Row {
  [column: string]: string;
}

/** Rows of a file by its ending: .tsv, .csv or .jsonl, also with .gz. The first line of TSV and CSV names the columns. */
export async function readRows(path: string): Promise<Row[]> {
  const text = await readText(path);
  const name = path.replace(/\.gz$/, "");
  if (name.endsWith(".tsv")) return parseTsv(text, path);
  if (name.endsWith(".csv")) return parseCsv(text, path);
  if (name.endsWith(".jsonl")) return parseJsonl(text, path);
  throw new AbrazoError({
    code: "UNKNOWN_FORMAT",
    message: `${path}: the ending says neither .tsv, .csv nor .jsonl.`,
    hint: "Rename the file, or convert it.",
  });
}

/** The lines of a text file that are not empty. */
export async function readLines(path: string): Promise<string[]> {
  return (await readText(path)).split(/\r?\n/).filter((line) => line !== "");
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path);
  return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8").replace(/^\uFEFF/, "");
}

function parseTsv(text: string, path: string): Row[] {
  const [header = "", ...lines] = text.split(/\r?\n/);
  const columns = header.split("\t");
  return lines.flatMap((line, index) => {
    if (line === "") return [];
    return [row(columns, line.split("\t"), path, index + 2)];
  });
}

/** RFC 4180: quoted fields may hold commas, line ends and doubled quotes. */
function parseCsv(text: string, path: string): Row[] {
  const records: string[][] = [];
  let record: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  while (field.lastIndex < text.length || record.length > 0) {
    const start = field.lastIndex;
    const match = field.exec(text);
    if (match === null) throw badQuote(text, start, path);
    record.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === ",") continue;
    if (record.length > 1 || record[0] !== "") records.push(record);
    record = [];
  }
  const [columns = [], ...rows] = records;
  return rows.map((fields, index) => row(columns, fields, path, index + 2));
}

function badQuote(text: string, at: number, path: string): AbrazoError {
  const line = text.slice(0, at).split("\n").length;
  return new AbrazoError({
    code: "BAD_ROW",
    message: `${path}, line ${line}: a quote is not closed, or stands in the middle of a field.`,
    hint: "Put the whole field in quotes and double the quotes inside it.",
    data: { path, line },
  });
}

function row(columns: readonly string[], fields: readonly string[], path: string, line: number): Row {
  if (fields.length !== columns.length) {
    throw new AbrazoError({
      code: "BAD_ROW",
      message: `${path}, row ${line}: ${fields.length} fields, the header names ${columns.length}.`,
      hint: "Check for stray tabs, commas or quotes in that row.",
    });
  }
  return Object.fromEntries(columns.map((column, index) => [column, fields[index] ?? ""]));
}

function parseJsonl(text: string, path: string): Row[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    if (line.trim() === "") return [];
    const value = parseObject(line);
    if (value !== undefined)
      return [Object.fromEntries(Object.entries(value).map(([key, field]) => [key, String(field)]))];
    throw new AbrazoError({
      code: "BAD_ROW",
      message: `${path}, line ${index + 1} is no JSON object.`,
      hint: "JSONL holds one object a line.",
    });
  });
}

function parseObject(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const TEXT_COLUMNS = ["text", "sentence", "review", "content"];
const LABEL_COLUMNS = ["label", "labels", "sentiment", "class"];

export interface Example {
  text: string;
  label: number;
}

/**
 * Examples for a classifier. Labels are class numbers or class names in any case.
 *
 * @param labels names of the classes in order
 */
export function toExamples(rows: readonly Row[], labels: readonly string[], path: string): Example[] {
  const columns = Object.keys(rows[0] ?? {});
  const pick = (names: readonly string[], what: string) => {
    const found = names.find((name) => columns.includes(name));
    if (found !== undefined) return found;
    throw new AbrazoError({
      code: "COLUMN_MISSING",
      message: `${path} has no column for the ${what}; its columns are ${columns.join(", ") || "none"}.`,
      hint: `Name it one of: ${names.join(", ")}.`,
    });
  };
  const [textColumn, labelColumn] = [pick(TEXT_COLUMNS, "text"), pick(LABEL_COLUMNS, "label")];
  const byName = new Map(labels.map((label, index) => [label.toLowerCase(), index]));
  return rows.map((fields, index) => {
    const value = (fields[labelColumn] ?? "").trim();
    const number = /^\d+$/.test(value) ? Number(value) : undefined;
    const label = byName.get(value.toLowerCase()) ?? number;
    if (label === undefined || label >= labels.length) {
      throw new AbrazoError({
        code: "UNKNOWN_LABEL",
        message: `${path}, row ${index + 2}: the label "${value}" is none of the model's.`,
        hint: suggestion(value, labels),
      });
    }
    return { text: fields[textColumn] ?? "", label };
  });
}
