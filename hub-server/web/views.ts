// What of a file a page shows: text, rendered Markdown, a picture, tensors, rows.
// Renders no page.
import { repoPath } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Repo } from "../services/access.ts";
import { decodeText } from "../services/changes.ts";
import { type FileHandle, listTreeOf, openContent, readContent } from "../services/files.ts";
import { safetensorsHeader } from "../services/indexer.ts";
import type { CommitRow } from "../services/refs.ts";
import { renderMarkdown } from "./markdown.ts";
import type { FileView } from "./pages/files.tsx";
import { previewRows, type RowsPreview } from "./rows.ts";

const TEXT_LIMIT = 512 * 1024;
const PREVIEW_BYTES = 512 * 1024;

const place = (repo: Repo, revision: string) => {
  const at = (kind: string) => `${repoPath(repo)}/${kind}/${encodeURIComponent(revision)}`;
  return { blob: at("blob"), resolve: at("resolve") };
};

/** HTML of README.md at a commit, or undefined when there is none. */
export async function readme(ctx: Context, repo: Repo, commit: CommitRow): Promise<string | undefined> {
  const entries = await listTreeOf(ctx, commit.treeId, "", false);
  const file = entries.find((entry) => entry.kind === "file" && entry.path === "README.md");
  if (file === undefined || file.size > TEXT_LIMIT) return undefined;
  const text = decodeText(await readContent(ctx, file.id));
  return text === undefined ? undefined : renderMarkdown(text, place(repo, "main"));
}

export async function viewOf(ctx: Context, file: FileHandle, revision: string, plain: boolean): Promise<FileView> {
  const { entry, repo } = file;
  if (entry.path.endsWith(".safetensors")) return tensors(ctx, file);
  if (/\.(png|jpe?g|gif|webp)$/i.test(entry.path)) return { kind: "image" };
  if (entry.size > TEXT_LIMIT) return { kind: "none", reason: "The file is too large to show; download it." };
  const text = decodeText(await readContent(ctx, entry.id));
  if (text === undefined) return { kind: "none", reason: "The file is not text; download it." };
  if (!plain && entry.path.endsWith(".md"))
    return { kind: "markdown", html: await renderMarkdown(text, place(repo, revision)) };
  return { kind: "text", text };
}

async function tensors(ctx: Context, { entry }: FileHandle): Promise<FileView> {
  try {
    return { kind: "tensors", header: await safetensorsHeader(ctx, entry) };
  } catch (error) {
    return { kind: "none", reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The first rows of the first table of a dataset; a file called train comes before others. */
export async function datasetPreview(ctx: Context, commit: CommitRow): Promise<RowsPreview | undefined> {
  const entries = await listTreeOf(ctx, commit.treeId, "", true);
  const tables = entries.filter((entry) => entry.kind === "file" && /\.(csv|tsv|jsonl)$/.test(entry.path));
  const file = tables.find(({ path }) => /(^|\/)train/.test(path)) ?? tables[0];
  if (file?.kind !== "file") return undefined;
  const chunks: Buffer[] = [];
  const end = Math.min(file.size, PREVIEW_BYTES);
  for await (const chunk of await openContent(ctx, file.id, { start: 0, end })) chunks.push(Buffer.from(chunk));
  // The last character may be cut in the middle: it is dropped with the last line.
  const text = Buffer.concat(chunks).toString("utf8");
  return previewRows(file.path, text, end === file.size);
}
