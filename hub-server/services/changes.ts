// What a commit changed: files, lines, tensors and metrics, against its first parent.
// Renders nothing.
import { createHash } from "node:crypto";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { SafetensorsHeader } from "../../src/io/safetensors.ts";
import type { Context } from "../context.ts";
import { type Repo, requireAccess } from "./access.ts";
import { type FileEntry, listTreeOf, openContent, readContent } from "./files.ts";
import { listEvaluations, safetensorsHeader } from "./indexer.ts";
import { type CommitRow, requireRevision } from "./refs.ts";

/** Texts up to this are compared line by line. */
const TEXT_LIMIT = 256 * 1024;
/** Weights up to this are compared by content, larger ones by name, dtype and shape. */
const HASH_LIMIT = 256 * 1024 * 1024;
const MOST_FILES = 100;

export interface TensorChange {
  name: string;
  change: "added" | "removed" | "changed";
  before?: string;
  after?: string;
}

export interface FileChange {
  path: string;
  change: "added" | "removed" | "changed";
  before: FileEntry | undefined;
  after: FileEntry | undefined;
  /** Both texts, when the file is text and small enough. */
  text?: { before: string; after: string };
  tensors?: { changes: TensorChange[]; same: number; byContent: boolean };
}

export interface MetricChange {
  dataset: string;
  split: string;
  metric: string;
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
  const [before, after] = [await filesOf(ctx, parent), await filesOf(ctx, commit)];
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  const changed = paths.filter((path) => before.get(path)?.id !== after.get(path)?.id);
  const files: FileChange[] = [];
  for (const path of changed.slice(0, MOST_FILES))
    files.push(await fileChange(ctx, path, before.get(path), after.get(path)));
  return {
    repo,
    commit,
    files,
    more: Math.max(0, changed.length - MOST_FILES),
    metrics: await metricChanges(ctx, repo, parent, commit),
  };
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

async function tensorChanges(
  ctx: Context,
  before: FileEntry | undefined,
  after: FileEntry | undefined,
): Promise<NonNullable<FileChange["tensors"]>> {
  const [old, now] = [await tensorsOf(ctx, before), await tensorsOf(ctx, after)];
  const byContent = [before, after].every((side) => side === undefined || side.size <= HASH_LIMIT);
  const changes: TensorChange[] = [];
  let same = 0;
  for (const name of [...new Set([...old.keys(), ...now.keys()])].sort()) {
    const [left, right] = [old.get(name), now.get(name)];
    if (left === undefined || right === undefined) {
      const kind = left === undefined ? ("added" as const) : ("removed" as const);
      changes.push({ name, change: kind, ...(left && { before: left.kind }), ...(right && { after: right.kind }) });
    } else if (left.kind !== right.kind || left.hash !== right.hash) {
      changes.push({ name, change: "changed", before: left.kind, after: right.kind });
    } else same++;
  }
  return { changes, same, byContent };
}

/** Dtype, shape and (for files that are not too large) content hash of every tensor. */
async function tensorsOf(
  ctx: Context,
  file: FileEntry | undefined,
): Promise<Map<string, { kind: string; hash: string }>> {
  const out = new Map<string, { kind: string; hash: string }>();
  if (file === undefined) return out;
  const header: SafetensorsHeader = await safetensorsHeader(ctx, file);
  for (const { name, dtype, shape, offset, byteLength } of header.tensors.values()) {
    const hash = createHash("sha256");
    if (file.size <= HASH_LIMIT) {
      for await (const chunk of await openContent(ctx, file.id, { start: offset, end: offset + byteLength }))
        hash.update(chunk);
    }
    out.set(name, { kind: `${dtype} [${shape.join(", ")}]`, hash: hash.digest("hex") });
  }
  return out;
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
    .map(([of, { dataset, split, metric }]) => ({
      dataset,
      split,
      metric,
      before: value(old, of),
      after: value(now, of),
    }))
    .filter(({ before, after }) => before !== after);
}
