// What a commit changed: files, lines, tensors and metrics, against its first parent.
// Renders nothing.
import type { RepoId } from "../../src/hub/repo-id.ts";
import { encodePointer } from "../../src/io/git-objects.ts";
import type { Context } from "../context.ts";
import { badRequest } from "../errors.ts";
import { type Repo, requireAccess } from "./access.ts";
import { mergeBase } from "./commit-graph.ts";
import { describeEntries, type FileEntry, readContent } from "./files.ts";
import { listEvaluations } from "./indexer.ts";
import { type CommitRow, requireRevision } from "./refs.ts";
import { type TensorChanges, tensorChanges } from "./tensor-changes.ts";
import { differences, type Sides } from "./tree-differences.ts";

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
  const repo = await requireAccess(ctx, "content", id);
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
  const differing = await differences(ctx, from?.treeId, to?.treeId);
  const paths = [...differing.keys()].sort(weightsFirst);
  const shown = paths.slice(0, MOST_FILES);
  const described = async (side: keyof Sides): Promise<Map<string, FileEntry>> => {
    const found = shown.flatMap((path) => {
      const entry = differing.get(path)?.[side];
      return entry === undefined ? [] : [{ path, entry }];
    });
    const entries = await describeEntries(ctx, found);
    return new Map(entries.flatMap((entry) => (entry.kind === "file" ? [[entry.path, entry]] : [])));
  };
  const [before, after] = [await described("before"), await described("after")];
  const files: FileChange[] = [];
  for (const path of shown) files.push(await fileChange(ctx, path, before.get(path), after.get(path)));
  return { files, more: paths.length - shown.length };
}

/** What `a..b` and `a...b` name: the changes from a to b, or those of b since the two parted. */
export async function comparison(
  ctx: Context,
  id: RepoId,
  spec: string,
): Promise<Pick<CommitChanges, "files" | "more"> & { from: CommitRow; to: CommitRow }> {
  const repo = await requireAccess(ctx, "content", id);
  const [, base = "", dots, head = ""] = /^(.+?)(\.{2,3})(.+)$/.exec(spec) ?? [];
  if (dots === undefined) throw badRequest(`"${spec}" is no comparison.`, "Write it as main..next, or main...next.");
  const [named, to] = [await requireRevision(ctx, repo, base), await requireRevision(ctx, repo, head)];
  const parted = dots === "..." ? await mergeBase(ctx.db, repo, named.id, to.id) : named.id;
  if (parted === undefined)
    throw badRequest(`"${base}" and "${head}" have no commit in common.`, "Compare them with two dots.");
  const from = await requireRevision(ctx, repo, parted);
  const { files, more } = await fileChanges(ctx, from, to);
  const told = await Promise.all(files.map((file) => withPointers(ctx, file)));
  return { from, to, files: told.sort((a, b) => (a.path < b.path ? -1 : 1)), more };
}

/** A large file's change as that of its pointer, which is what git compares. */
async function withPointers(ctx: Context, file: FileChange): Promise<FileChange> {
  const { before, after } = file;
  if (before?.lfs === undefined && after?.lfs === undefined) return file;
  const [old, now] = [await pointerOrText(ctx, before), await pointerOrText(ctx, after)];
  return old === undefined || now === undefined ? file : { ...file, text: { before: old, after: now } };
}

async function pointerOrText(ctx: Context, file: FileEntry | undefined): Promise<string | undefined> {
  if (file?.lfs !== undefined) return Buffer.from(encodePointer(file.lfs.sha256, file.lfs.size)).toString("utf8");
  return file !== undefined && file.size > TEXT_LIMIT ? undefined : textOf(ctx, file);
}

/** What a model is comes before what describes it. */
function weightsFirst(a: string, b: string): number {
  const rank = (path: string) => (path.endsWith(".safetensors") ? 0 : 1);
  return rank(a) - rank(b) || (a < b ? -1 : 1);
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
