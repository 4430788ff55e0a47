// What a commit changed: files, lines, tensors and metrics, against its first parent.
// Renders nothing.
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { type Repo, requireAccess } from "./access.ts";
import { type FileEntry, listTreeOf, readContent } from "./files.ts";
import { listEvaluations } from "./indexer.ts";
import { type CommitRow, requireRevision } from "./refs.ts";
import { type TensorChanges, tensorChanges } from "./tensor-changes.ts";

/** Texts up to this are compared line by line. */
const TEXT_LIMIT = 256 * 1024;
const MOST_FILES = 100;

export interface FileChange {
  path: string;
  change: "added" | "removed" | "changed";
  before: FileEntry | undefined;
  after: FileEntry | undefined;
  /** Both texts, when the file is text and small enough. */
  text?: { before: string; after: string };
  tensors?: TensorChanges;
}

export interface MetricChange {
  dataset: string;
  split: string;
  metric: string;
  metricName: string | null;
  slice: string | null;
  before: number | undefined;
  after: number | undefined;
}

export interface CommitChanges {
  repo: Repo;
  commit: CommitRow;
  files: FileChange[];
  /** Files beyond those that are shown. */
  more: number;
  metrics: MetricChange[];
}

export async function commitChanges(ctx: Context, id: RepoId, revision: string): Promise<CommitChanges> {
  const repo = await requireAccess(ctx, "read", id);
  const commit = await requireRevision(ctx, repo, revision);
  const parentId = commit.parents[0];
  const parent = parentId === undefined ? undefined : await requireRevision(ctx, repo, parentId);
  const changed = await fileChanges(ctx, parent, commit);
  return { repo, commit, ...changed, metrics: await metricChanges(ctx, repo, parent, commit) };
}

/** Files that differ between two commits, the first hundred of them compared; none is an empty tree. */
export async function fileChanges(
  ctx: Context,
  from: CommitRow | undefined,
  to: CommitRow | undefined,
): Promise<Pick<CommitChanges, "files" | "more">> {
  const [before, after] = [await filesOf(ctx, from), await filesOf(ctx, to)];
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort(weightsFirst);
  const changed = paths.filter((path) => before.get(path)?.id !== after.get(path)?.id);
  const files: FileChange[] = [];
  for (const path of changed.slice(0, MOST_FILES))
    files.push(await fileChange(ctx, path, before.get(path), after.get(path)));
  return { files, more: Math.max(0, changed.length - MOST_FILES) };
}

/** What a model is comes before what describes it. */
function weightsFirst(a: string, b: string): number {
  const rank = (path: string) => (path.endsWith(".safetensors") ? 0 : 1);
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}

async function filesOf(ctx: Context, commit: CommitRow | undefined): Promise<Map<string, FileEntry>> {
  const entries = commit === undefined ? [] : await listTreeOf(ctx, commit.treeId, "", true);
  return new Map(entries.filter((entry) => entry.kind === "file").map((entry) => [entry.path, entry]));
}

async function fileChange(
  ctx: Context,
  path: string,
  before: FileEntry | undefined,
  after: FileEntry | undefined,
): Promise<FileChange> {
  const change = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  const made: FileChange = { path, change, before, after };
  if (path.endsWith(".safetensors")) {
    const tensors = await tensorChanges(ctx, before, after).catch(() => undefined);
    return tensors === undefined ? made : { ...made, tensors };
  }
  const sides = [before, after].filter((side) => side !== undefined);
  if (sides.some(({ size, lfs }) => size > TEXT_LIMIT || lfs !== undefined)) return made;
  const [old, now] = [await textOf(ctx, before), await textOf(ctx, after)];
  return old === undefined || now === undefined ? made : { ...made, text: { before: old, after: now } };
}

/** Text of a file, "" for none, undefined when it is no text. */
async function textOf(ctx: Context, file: FileEntry | undefined): Promise<string | undefined> {
  if (file === undefined) return "";
  const bytes = await readContent(ctx, file.id);
  return decodeText(bytes);
}

/** UTF-8 text without zero bytes, or undefined. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}

async function metricChanges(
  ctx: Context,
  repo: Repo,
  parent: CommitRow | undefined,
  commit: CommitRow,
): Promise<MetricChange[]> {
  const key = (row: { dataset: string; split: string; metric: string; slice: string | null }) =>
    [row.dataset, row.split, row.metric, row.slice ?? ""].join("\n");
  const old = parent === undefined ? [] : await listEvaluations(ctx, repo, parent.id);
  const now = await listEvaluations(ctx, repo, commit.id);
  const rows = new Map([...old, ...now].map((row) => [key(row), row]));
  const value = (list: typeof now, of: string) => list.find((row) => key(row) === of)?.value;
  return [...rows]
    .map(([of, { dataset, split, metric, metricName, slice }]) => ({
      dataset,
      split,
      metric,
      metricName,
      slice,
      before: value(old, of),
      after: value(now, of),
    }))
    .filter(({ before, after }) => before !== after);
}
