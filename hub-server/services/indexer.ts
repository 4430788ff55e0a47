// After a commit: card metadata, tensor summary, tags, search text and evaluations of the head of main → rows.
// The only place that reads files to learn about a repository.
import { and, eq, gt, isNull, ne, or, sql } from "drizzle-orm";
import { headerLength, type SafetensorsHeader } from "../../src/io/safetensors.ts";
import { trainingRecordSchema } from "../../src/io/training-record.ts";
import { log } from "../../src/log.ts";
import type { Store } from "../context.ts";
import { inWords } from "../db/in-words.ts";
import { type RepoFacts, repoIndex, repoLinks } from "../db/schema/repos.ts";
import { commits, evaluations, lfsObjects, refs, repos } from "../db/schema.ts";
import { tensorsOf, yamlOf } from "../texts/read.ts";
import type { Repo } from "./access.ts";
import { type Described, linksOf, list, tagsOf, text } from "./card-tags.ts";
import { type FileEntry, openContent, readContent } from "./files.ts";
import { FRONT_MATTER } from "./front-matter.ts";
import { ggufFacts } from "./gguf.ts";
import { claimedEvaluations } from "./model-index.ts";
import { type CommitRow, resolveRevision } from "./refs.ts";
import { describedBy, evalResultsOf, scoresOf, taskOfConfig, tokenizerFacts, transformersInfo } from "./repo-facts.ts";
import { searchDocument } from "./search-text.ts";
import { sizeDifference } from "./tree-differences.ts";
import { firstFiles, sizeOf } from "./tree-pages.ts";

const CARD_LIMIT = 1024 * 1024;
/** Raised when a row would come out otherwise: those that older versions wrote are written again at the next start. */
export const INDEX_VERSION = 2;
const MOST_RESULT_FILES = 100;
/** Files by whose names a repository is known: what a commit costs has to do with what it changes, not with what is there. */
const MOST_FILES = 5000;
/** What a column of integers holds. */
const MOST_EXAMPLES = 2 ** 31 - 1;

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

/** Does so at once, as clients ask for what they changed. If this fails or is cut off, the job that was queued with the change does it. */
export async function indexNow(ctx: Store, repo: Repo): Promise<void> {
  await indexRepo(ctx, repo).catch((error: unknown) =>
    log.warn(`${repo.namespace}/${repo.name} was not indexed; it is tried again: ${inWords(error)}`),
  );
}

/** A job of the queue: does nothing when the commit's own request has indexed it already. */
export async function indexById(ctx: Store, repoId: string): Promise<void> {
  const [found] = await ctx.db
    .select({ repo: repos, version: repoIndex.version })
    .from(repos)
    .leftJoin(repoIndex, eq(repoIndex.repoId, repos.id))
    .where(eq(repos.id, repoId));
  if (found === undefined) return;
  const head = await resolveRevision(ctx, found.repo, "refs/heads/main");
  const current = head?.id === found.repo.indexedCommit && found.version === INDEX_VERSION;
  if (!current) await indexRepo(ctx, found.repo);
}

const AT_ONCE = 200;

/**
 * A job of the queue: indexes what an older version of this file indexed, or nothing did yet, and what was left behind its head: the job
 * of a process that died is taken up a quarter of an hour later, and that is long for what is to be found.
 *
 * @throws once all were tried, where some could not be indexed: those alone are left for the next time
 */
export async function indexStale(ctx: Store): Promise<void> {
  const failures: unknown[] = [];
  for (let after = "00000000-0000-0000-0000-000000000000"; ; ) {
    const isOld = or(isNull(repoIndex.version), ne(repoIndex.version, INDEX_VERSION));
    const isBehind = sql`${repos.indexedCommit} is distinct from ${refs.commitId}`;
    const rows = await ctx.db
      .select({ repo: repos })
      .from(repos)
      .leftJoin(repoIndex, eq(repoIndex.repoId, repos.id))
      .leftJoin(refs, and(eq(refs.repoId, repos.id), eq(refs.name, "refs/heads/main")))
      .where(and(or(isOld, isBehind), gt(repos.id, after)))
      .orderBy(repos.id)
      .limit(AT_ONCE);
    for (const { repo } of rows) await indexRepo(ctx, repo).catch((error: unknown) => failures.push(error));
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.repo.id;
  }
  if (failures.length > 0) throw new Error(`${failures.length} repositories were not indexed: ${failures[0]}`);
}

async function indexCommit(ctx: Store, repo: Repo, commit: CommitRow): Promise<void> {
  const { files, more } = await firstFiles(ctx, commit.treeId, MOST_FILES);
  const paths = files.map(({ path }) => path);
  const read = async (path: string) => {
    const file = files.find((candidate) => candidate.path === path && candidate.size <= CARD_LIMIT);
    return file === undefined ? undefined : storableText((await readContent(ctx, file.id)).toString("utf8"));
  };
  const readme = await read("README.md");
  const card = await cardData(readme);
  const config = { ...jsonObject(await read("config.json")), ...adapterOf(await read("adapter_config.json")) };
  const safetensors = await parametersByDtype(ctx, files);
  const gguf = repo.type === "model" ? await ggufFacts(ctx, files) : {};
  const inSafetensors = Object.values(safetensors).reduce((sum, count) => sum + count, 0);
  const parameters = inSafetensors > 0 ? inSafetensors : (gguf.gguf?.total ?? 0);
  const library = repo.type === "model" ? (text(card["library_name"]) ?? libraryOf(config, paths)) : undefined;
  const shown = library === "transformers" ? taskOfConfig(config) : undefined;
  const task = repo.type === "model" ? (text(card["pipeline_tag"]) ?? shown) : undefined;
  const sdk = repo.type === "space" ? (text(card["sdk"]) ?? repo.sdk ?? undefined) : undefined;
  const body = (readme ?? "").replace(FRONT_MATTER, "");
  const described: Described = { type: repo.type, card, config, paths, readme: body, task, library, sdk };
  const tags = tagsOf(described);
  const loading = library === "transformers" ? transformersInfo(config, paths, task) : undefined;
  const facts: RepoFacts = {
    ...(loading !== undefined && { transformersInfo: loading }),
    ...tokenizerFacts(jsonObject(await read("tokenizer_config.json"))),
    ...(isObject(config["quantization_config"]) && { quantizationConfig: config["quantization_config"] }),
    ...(repo.type === "dataset" && describedBy(body)),
    ...(repo.type === "model" && (await evalResults(paths, read))),
    ...gguf,
  };
  const titles = [card["pretty_name"], card["title"], card["short_description"]].flatMap(list);
  const { names, document } = searchDocument({
    name: `${repo.namespace}/${repo.name}`,
    titles: [...titles, ...tags],
    body,
  });
  const [mainSize, usedStorage] = await storageOf(ctx, repo, files, more ? commit : undefined);
  const record = await read("training-record.json");
  await ctx.db.transaction(async (tx) => {
    // First, as this row keeps others who index the same repository waiting.
    await tx
      .update(repos)
      .set({
        indexedCommit: commit.id,
        cardData: card,
        tags,
        pipelineTag: task ?? null,
        libraryName: library ?? null,
        sdk: sdk ?? null,
        parameters: parameters > 0 ? parameters : null,
        safetensors: inSafetensors > 0 ? safetensors : null,
        config,
        mainSize,
        usedStorage,
      })
      .where(eq(repos.id, repo.id));
    await tx
      .insert(repoIndex)
      .values({ repoId: repo.id, type: repo.type, version: INDEX_VERSION, names, document, facts })
      .onConflictDoUpdate({ target: repoIndex.repoId, set: { version: INDEX_VERSION, names, document, facts } });
    await tx.delete(repoLinks).where(eq(repoLinks.repoId, repo.id));
    const links = linksOf(described).map((link) => ({ repoId: repo.id, ...link }));
    if (links.length > 0) await tx.insert(repoLinks).values(links);
    const measured = evaluationsOf({ repoId: repo.id, commitId: commit.id }, { card, record, facts });
    await tx.delete(evaluations).where(and(eq(evaluations.repoId, repo.id), eq(evaluations.commitId, commit.id)));
    if (measured.length > 0) await tx.insert(evaluations).values(measured);
  });
}

/** What PEFT's file says of an adapter, where clients look for it in a model's configuration. */
function adapterOf(source: string | undefined): Record<string, unknown> {
  const { base_model_name_or_path: base, task_type: task } = jsonObject(source);
  const told = Object.entries({ base_model_name_or_path: text(base), task_type: text(task) });
  const peft = Object.fromEntries(told.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  return source === undefined ? {} : { peft };
}

/** The library of a model whose card names none. */
function libraryOf(config: Record<string, unknown>, paths: readonly string[]): string | undefined {
  if (paths.includes("model_index.json")) return "diffusers";
  if (paths.includes("modules.json")) return "sentence-transformers";
  if (paths.includes("adapter_config.json")) return "peft";
  return config["model_type"] === undefined ? undefined : "transformers";
}

async function evalResults(
  paths: readonly string[],
  read: (path: string) => Promise<string | undefined>,
): Promise<Pick<RepoFacts, "evalResults">> {
  const names = paths.filter((path) => /^\.eval_results\/[^/]+\.ya?ml$/.test(path)).slice(0, MOST_RESULT_FILES);
  const found: NonNullable<RepoFacts["evalResults"]> = [];
  for (const name of names) found.push(...evalResultsOf(name, await yamlOf((await read(name)) ?? "")));
  return found.length === 0 ? {} : { evalResults: found };
}

/** Bytes of the files of a version, and with all large files that the repository keeps. A content that stands twice is kept once. */
async function storageOf(
  ctx: Store,
  repo: Repo,
  files: readonly FileEntry[],
  partly: CommitRow | undefined,
): Promise<[main: number, used: number]> {
  const main =
    partly === undefined ? files.reduce((sum, file) => sum + file.size, 0) : await sizeAfter(ctx, repo, partly);
  const small = new Map(files.filter(({ lfs }) => lfs === undefined).map(({ id, size }) => [id, size]));
  const [large] = await ctx.db
    .select({ size: sql<string>`coalesce(sum(${lfsObjects.size}), 0)` })
    .from(lfsObjects)
    .where(eq(lfsObjects.repoId, repo.id));
  const used = [...small.values()].reduce((sum, size) => sum + size, 0) + Number(large?.size ?? 0);
  return [main, partly === undefined ? used : Math.max(used, main)];
}

/** Bytes of a version with more files than are listed: those of the last one that was indexed, and what has changed since. */
async function sizeAfter(ctx: Store, { id }: Repo, commit: CommitRow): Promise<number> {
  const [before] = await ctx.db
    .select({ size: repos.mainSize, treeId: commits.treeId })
    .from(repos)
    .innerJoin(commits, and(eq(commits.repoId, repos.id), eq(commits.id, repos.indexedCommit)))
    .where(eq(repos.id, id));
  if (before === undefined || before.size === 0) return sizeOf(ctx, { kind: "directory", id: commit.treeId });
  return before.size + (await sizeDifference(ctx, before.treeId, commit.treeId));
}

/** Front matter of a card; an unreadable one counts as none, because a commit is not the place to fail for it. */
async function cardData(readme: string | undefined): Promise<Record<string, unknown>> {
  const yaml = FRONT_MATTER.exec(readme ?? "")?.[1];
  if (yaml === undefined) return {};
  try {
    const read = await yamlOf(yaml);
    const value = "errors" in read ? {} : storable(read.value);
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
  return tensorsOf(length, file.size, () => part(8, 8 + length));
}

/** What was measured: the training record says it with intervals and counts; without one, the card's own claims. */
function evaluationsOf(
  place: { repoId: string; commitId: string },
  { card, record: source, facts }: { card: Record<string, unknown>; record: string | undefined; facts: RepoFacts },
): (typeof evaluations.$inferInsert)[] {
  const record = trainingRecordSchema.safeParse(jsonObject(source)).data;
  const measured =
    record === undefined
      ? claimedEvaluations(card).map((claim) => ({ ...place, ...claim, filename: "README.md" }))
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
          filename: "training-record.json",
        }));
  return [...measured, ...scoresOf(facts).map((score) => ({ ...place, ...score }))];
}

/** Evaluations of one commit. */
export async function listEvaluations(ctx: Store, repo: Repo, commitId: string) {
  return ctx.db
    .select()
    .from(evaluations)
    .where(and(eq(evaluations.repoId, repo.id), eq(evaluations.commitId, commitId)))
    .orderBy(evaluations.dataset, evaluations.split, sql`${evaluations.slice} nulls first`, evaluations.metric);
}
