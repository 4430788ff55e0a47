// What of a file a page shows: text, rendered Markdown, a picture, tensors, rows.
// Renders no page.
import { repoPath } from "../../src/hub/repo-id.ts";
import type { SafetensorsHeader } from "../../src/io/safetensors.ts";
import type { Context } from "../context.ts";
import { Latest } from "../latest.ts";
import type { Repo } from "../services/access.ts";
import { decodeText } from "../services/changes.ts";
import { type FileEntry, type FileHandle, openContent, readContent } from "../services/files.ts";
import { safetensorsHeader } from "../services/indexer.ts";
import { cardCheckOf } from "../texts/read.ts";
import { bytes, pathUrl } from "./format.ts";
import type { MarkdownPlace } from "./markdown.ts";
import { layOut, NOT_LAID_OUT, withoutFrontMatter } from "./rendered.ts";
import { isTable, previewRows, type RowsPreview } from "./rows.ts";

/** Cards above this are shown by their beginning: benchmarks write front matter of several hundred kilobytes. */
const CARD_LIMIT = 1024 * 1024;
/** How much of a text is shown. */
const TEXT_LIMIT = 256 * 1024;
const PREVIEW_BYTES = 512 * 1024;

/** How a file may be looked at; where there are two ways, the page offers the other. */
export type Way = "rendered" | "source";

export type FileView =
  | { kind: "text"; text: string; part?: string | undefined }
  | { kind: "markdown"; html: string }
  | { kind: "rows"; rows: RowsPreview }
  | { kind: "image" }
  | { kind: "tensors"; header: SafetensorsHeader }
  | { kind: "none"; reason: string };

export interface RenderedCard {
  html: string | undefined;
  /** Shown where it cannot be rendered. */
  source: string;
  problem: string | undefined;
  /** What is wrong with the front matter. */
  metadataProblem: string | undefined;
}

/** Where links of a Markdown file lead: to the files beside it. */
function placeOf(repo: Repo, revision: string, path: string): MarkdownPlace {
  const folder = path.split("/").slice(0, -1).join("/");
  const at = (kind: string) =>
    `${repoPath(repo)}/${kind}/${encodeURIComponent(revision)}${folder === "" ? "" : `/${pathUrl(folder)}`}`;
  return { blob: at("blob"), resolve: at("resolve") };
}

/** What is wrong with a card, by its content: it is asked for more often than it changes. */
const checked = new Latest<string | undefined>(200);

function metadataProblem({ type }: Repo, file: FileEntry, text: string): Promise<string | undefined> {
  // Below the first line, the parser shows the place with an arrow.
  return checked.get(`${file.id} ${type}`, async () => (await cardCheckOf(text, type)).errors[0]?.split("\n")[0]);
}

const render = (key: string, text: string, place: MarkdownPlace): Promise<string | undefined> =>
  layOut(`${key} ${place.blob}`, withoutFrontMatter(text), place);

/** README.md of the main branch. */
export async function cardOf(ctx: Context, repo: Repo, file: FileEntry): Promise<RenderedCard> {
  const { text, part } = await textOf(ctx, file, CARD_LIMIT);
  if (text === undefined)
    return {
      html: undefined,
      source: "",
      problem: "README.md is no UTF-8 text, so it cannot be shown as a card.",
      metadataProblem: undefined,
    };
  const html = await render(file.id, text, placeOf(repo, "main", file.path));
  const problem = html === undefined ? NOT_LAID_OUT : part;
  return { html, source: text.slice(0, TEXT_LIMIT), problem, metadataProblem: await metadataProblem(repo, file, text) };
}

export async function viewOf(ctx: Context, file: FileHandle, revision: string, way: Way): Promise<FileView> {
  const { entry, repo } = file;
  if (entry.path.endsWith(".safetensors")) return tensors(ctx, file);
  if (/\.(png|jpe?g|gif|webp|avif)$/i.test(entry.path)) return { kind: "image" };
  if (way === "rendered" && isTable(entry.path)) {
    const rows = await rowsOf(ctx, entry);
    if (rows !== undefined) return { kind: "rows", rows };
  }
  const { text, part } = await textOf(ctx, entry, TEXT_LIMIT);
  if (text === undefined) return { kind: "none", reason: "This file is not text." };
  if (way === "rendered" && part === undefined && entry.path.endsWith(".md")) {
    const html = await render(entry.id, text, placeOf(repo, revision, entry.path));
    return html === undefined ? { kind: "text", text, part: NOT_LAID_OUT } : { kind: "markdown", html };
  }
  return { kind: "text", text, part };
}

/** Whether a file has a rendered view beside its source. */
export const hasTwoWays = ({ path }: FileEntry): boolean => path.endsWith(".md") || isTable(path);

/** The text of a file, or of its beginning; undefined when it is none. */
async function textOf(
  ctx: Context,
  file: FileEntry,
  limit: number,
): Promise<{ text: string | undefined; part?: string }> {
  if (file.size <= limit) return { text: decodeText(await readContent(ctx, file.id)) };
  const part = await beginning(ctx, file, limit);
  const end = part.lastIndexOf(0x0a) + 1 || lastCharacter(part);
  return {
    text: decodeText(part.subarray(0, end)),
    part: `The first ${bytes(end)} of ${bytes(file.size)} are shown.`,
  };
}

/** Where the last character of UTF-8 begins: it may be cut in the middle. */
function lastCharacter(part: Uint8Array): number {
  let at = part.length - 1;
  while (at > 0 && ((part[at] ?? 0) & 0xc0) === 0x80) at--;
  return at;
}

async function beginning(ctx: Context, file: FileEntry, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const end = Math.min(file.size, length);
  for await (const chunk of await openContent(ctx, file.id, { start: 0, end })) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function tensors(ctx: Context, { entry }: FileHandle): Promise<FileView> {
  try {
    return { kind: "tensors", header: await safetensorsHeader(ctx, entry) };
  } catch (error) {
    return { kind: "none", reason: error instanceof Error ? error.message : String(error) };
  }
}

export interface DatasetPreview {
  /** Paths of all tables. */
  tables: string[];
  shown: string | undefined;
  rows: RowsPreview | undefined;
}

/** The first rows of a table of a dataset: of the one asked for, else of one called train, else of the first. */
export async function datasetPreview(
  ctx: Context,
  files: readonly FileEntry[],
  asked: string | undefined,
): Promise<DatasetPreview> {
  const tables = files.filter(({ path }) => isTable(path));
  const file =
    tables.find(({ path }) => path === asked) ?? tables.find(({ path }) => /(^|\/)train/i.test(path)) ?? tables[0];
  return {
    tables: tables.map(({ path }) => path),
    shown: file?.path,
    rows: file === undefined ? undefined : await rowsOf(ctx, file),
  };
}

async function rowsOf(ctx: Context, file: FileEntry): Promise<RowsPreview | undefined> {
  const part = await beginning(ctx, file, PREVIEW_BYTES);
  // A character that is cut in the middle goes with the last line.
  return previewRows(file.path, part.toString("utf8"), part.length === file.size);
}
