// After a commit: card metadata, tensor summary, tags, search text and evaluations of the head of main → rows.
// The only place that reads files to learn about a repository.
import { and, eq, sql } from "drizzle-orm";
import { parse as parseYaml } from "yaml";
import { headerLength, parseHeader, type SafetensorsHeader } from "../../src/io/safetensors.ts";
import { trainingRecordSchema } from "../../src/io/training-record.ts";
import type { Store } from "../context.ts";
import { evaluations, repos } from "../db/schema.ts";
import type { Repo } from "./access.ts";
import { type FileEntry, listTreeOf, openContent, readContent } from "./files.ts";
import { claimedEvaluations } from "./model-index.ts";
import { type CommitRow, resolveRevision } from "./refs.ts";

const CARD_LIMIT = 1024 * 1024;
/** What a column of integers holds. */
const MOST_EXAMPLES = 2 ** 31 - 1;
export const FRONT_MATTER = /^\s*---\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/;

/**
 * Brings the index up to the head of main. Whoever finds that the head moved meanwhile goes on with the new one, so that
 * of several at once the last to write has read the latest.
 */
export async function indexRepo(ctx: Store, repo: Repo): Promise<void> {
  let done: string | undefined;
  for (;;) {
    const head = await resolveRevision(ctx, repo, "refs/heads/main");
    if (head === undefined || head.id === done) return;
    await indexCommit(ctx, repo, head);
    done = head.id;
  }
}

/** A job of the queue: does nothing when the commit's own request has indexed it already. */
export async function indexById(ctx: Store, repoId: string): Promise<void> {
  const [repo] = await ctx.db.select().from(repos).where(eq(repos.id, repoId));
  if (repo === undefined) return;
  const head = await resolveRevision(ctx, repo, "refs/heads/main");
  if (head?.id !== repo.indexedCommit) await indexRepo(ctx, repo);
}

async function indexCommit(ctx: Store, repo: Repo, commit: CommitRow): Promise<void> {
  const files = (await listTreeOf(ctx, commit.treeId, "", true)).filter((entry) => entry.kind === "file");
  const named = (path: string) => files.find((file) => file.path === path && file.size <= CARD_LIMIT);
  const read = async (path: string) => {
    const file = named(path);
    return file === undefined ? undefined : storableText((await readContent(ctx, file.id)).toString("utf8"));
  };
  const readme = await read("README.md");
  const card = cardData(readme);
  const config = jsonObject(await read("config.json"));
  const safetensors = await parametersByDtype(ctx, files);
  const parameters = Object.values(safetensors).reduce((sum, count) => sum + count, 0);
  const task = text(card["pipeline_tag"]);
  const library = text(card["library_name"]) ?? (config["model_type"] === undefined ? undefined : "transformers");
  await ctx.db
    .update(repos)
    .set({
      indexedCommit: commit.id,
      cardData: card,
      tags: tagsOf(card, config, files, task, library),
      pipelineTag: task ?? null,
      libraryName: library ?? null,
      parameters: parameters > 0 ? parameters : null,
      safetensors: parameters > 0 ? safetensors : null,
      config,
      usedStorage: files.reduce((sum, file) => sum + file.size, 0),
      searchText: searchText(repo, card, readme),
    })
    .where(eq(repos.id, repo.id));
  await indexEvaluations(ctx, repo, commit, card, await read("training-record.json"));
}

/** Front matter of a card; an unreadable one counts as none, because a commit is not the place to fail for it. */
export function cardData(readme: string | undefined): Record<string, unknown> {
  const yaml = FRONT_MATTER.exec(readme ?? "")?.[1];
  if (yaml === undefined) return {};
  try {
    const value = storable(parseYaml(yaml, { maxAliasCount: 20 }));
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function jsonObject(source: string | undefined): Record<string, unknown> {
  try {
    const value = storable(JSON.parse(source ?? "{}"));
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** Postgres holds neither a NUL nor half a character; files may. */
const storableText = (value: string): string => value.replaceAll("\0", "").replaceAll(/\p{Surrogate}/gu, "\uFFFD");

const DEEPEST = 64;

/** What a file says, as the database can hold it. An alias of YAML may hold itself: such a thing has no end. */
function storable(value: unknown, depth = 0): unknown {
  if (depth > DEEPEST) throw new RangeError(`Nested more than ${DEEPEST} deep.`);
  if (typeof value === "string") return storableText(value);
  if (Array.isArray(value)) return value.map((item) => storable(item, depth + 1));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [storableText(key), storable(item, depth + 1)]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
const list = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter((item) => typeof item === "string");

function tagsOf(
  card: Record<string, unknown>,
  config: Record<string, unknown>,
  files: readonly FileEntry[],
  task: string | undefined,
  library: string | undefined,
): string[] {
  const formats = [
    files.some(({ path }) => path.endsWith(".safetensors")) ? "safetensors" : undefined,
    files.some(({ path }) => path.endsWith(".onnx")) ? "onnx" : undefined,
  ];
  const named = [
    library,
    ...formats,
    text(config["model_type"]),
    task,
    ...list(card["tags"]),
    ...list(card["language"]),
  ];
  const prefixed = [
    ...list(card["datasets"]).map((name) => `dataset:${name}`),
    ...list(card["base_model"]).map((name) => `base_model:${name}`),
    ...list(card["license"]).map((name) => `license:${name}`),
    ...list(card["task_categories"]).map((name) => `task_categories:${name}`),
  ];
  return [...new Set([...named, ...prefixed].filter((tag) => tag !== undefined))];
}

async function parametersByDtype(ctx: Store, files: readonly FileEntry[]): Promise<Record<string, number>> {
  const totals: Record<string, number> = {};
  for (const file of files.filter(({ path }) => /^model.*\.safetensors$/.test(path))) {
    const header = await safetensorsHeader(ctx, file).catch(() => undefined);
    for (const { dtype, shape } of header?.tensors.values() ?? []) {
      totals[dtype] = (totals[dtype] ?? 0) + shape.reduce((product, size) => product * size, 1);
    }
  }
  return totals;
}

/** The header of a stored safetensors file; only its first bytes are read. */
export async function safetensorsHeader(ctx: Pick<Store, "blobs" | "db">, file: FileEntry): Promise<SafetensorsHeader> {
  const part = async (start: number, end: number) => {
    const chunks: Buffer[] = [];
    for await (const chunk of await openContent(ctx, file.id, { start, end })) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  };
  const length = headerLength(await part(0, 8), file.size);
  return parseHeader(await part(8, 8 + length), file.size);
}

function searchText(repo: Repo, card: Record<string, unknown>, readme: string | undefined): string {
  const body = (readme ?? "").replace(FRONT_MATTER, "").slice(0, 20_000);
  return [`${repo.namespace}/${repo.name}`, text(card["pretty_name"]), ...list(card["tags"]), body]
    .join(" ")
    .toLowerCase();
}

/** What was measured: the training record says it with intervals and counts; without one, the card's own claims. */
async function indexEvaluations(
  ctx: Store,
  repo: Repo,
  commit: CommitRow,
  card: Record<string, unknown>,
  source: string | undefined,
): Promise<void> {
  const place = { repoId: repo.id, commitId: commit.id };
  const record = trainingRecordSchema.safeParse(jsonObject(source)).data;
  const rows =
    record === undefined
      ? claimedEvaluations(card).map((claim) => ({ ...place, ...claim }))
      : record.evaluations.map(({ dataset, metric, metricName, value, interval, count, slice }) => ({
          ...place,
          dataset: dataset.id ?? dataset.name,
          datasetRevision: dataset.revision ?? null,
          split: dataset.split,
          metric,
          metricName: metricName ?? null,
          slice: slice ?? null,
          value,
          low: interval?.[0] ?? null,
          high: interval?.[1] ?? null,
          count: count === undefined || count > MOST_EXAMPLES ? null : count,
        }));
  await ctx.db.transaction(async (tx) => {
    await tx.delete(evaluations).where(and(eq(evaluations.repoId, repo.id), eq(evaluations.commitId, commit.id)));
    if (rows.length > 0) await tx.insert(evaluations).values(rows);
  });
}

/** Evaluations of one commit. */
export async function listEvaluations(ctx: Store, repo: Repo, commitId: string) {
  return ctx.db
    .select()
    .from(evaluations)
    .where(and(eq(evaluations.repoId, repo.id), eq(evaluations.commitId, commitId)))
    .orderBy(evaluations.dataset, evaluations.split, sql`${evaluations.slice} nulls first`, evaluations.metric);
}
