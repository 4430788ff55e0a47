// What a push brings, checked before any of it is kept: commits, folders, files, pointers and cards, as sentences that say
// what to do. Stores nothing.
import { and, eq, inArray, notExists, sql } from "drizzle-orm";
import {
  encodeCommit,
  looksLikePointer,
  objectId,
  parseCommit,
  parsePointer,
  parseTag,
} from "../../src/io/git-objects.ts";
import type { Context } from "../context.ts";
import { annotatedTags } from "../db/schema/uploads.ts";
import { garbage } from "../db/schema/xet.ts";
import { commits, contents, lfsObjects, trees } from "../db/schema.ts";
import type { Quarantine } from "../git/cache.ts";
import type { PushCommand } from "../git/receive.ts";
import { cardCheckOf } from "../texts/read.ts";
import type { Repo } from "./access.ts";
import { PushedTrees } from "./git-trees.ts";
import { EMPTY_TREE } from "./objects.ts";

type CommitRow = typeof commits.$inferInsert;

export interface Target {
  command: PushCommand;
  /** Undefined for a ref that goes. */
  commitId: string | undefined;
  /** The object between an annotated tag and its commit. */
  tag: { id: string; message: string; raw: Uint8Array } | undefined;
}

/** What is new and sound. */
export interface Inspected {
  targets: Target[];
  commits: CommitRow[];
  trees: string[];
  /** Ids of files, with a path each. */
  blobs: ReadonlyMap<string, string>;
  problems: string[];
}

const AT_ONCE = 5000;
/** Bytes of a card that is checked. */
const CARD_LIMIT = 1024 * 1024;
/** Years that a date of JavaScript and of Postgres can hold. */
const LATEST = 253_402_300_799;
const CARD = "README.md";

export async function inspectPush(
  ctx: Context,
  repo: Repo,
  quarantine: Quarantine,
  commands: readonly PushCommand[],
): Promise<Inspected> {
  const problems: string[] = [];
  const targets: Target[] = [];
  for (const command of commands) targets.push(await targetOf(ctx, repo, quarantine, command, problems));
  const rows = await newCommits(ctx, repo, quarantine, targets, problems);
  const walked = new PushedTrees(quarantine);
  await walked.walk(new Set([...rows.values()].map(({ treeId }) => treeId)));
  problems.push(...walked.problems);
  if (problems.length === 0) {
    problems.push(...(await missingRows(ctx, walked)));
    problems.push(...(await wrongPointers(ctx, repo, quarantine, walked)));
    problems.push(...(await wrongCards(repo, quarantine, walked, targets, rows)));
  }
  const blobs = new Map([...walked.blobs.keys()].map((id) => [id, walked.pathOf(id)]));
  return { targets, commits: [...rows.values()], trees: [...walked.trees], blobs, problems };
}

async function readOne(quarantine: Quarantine, id: string): Promise<Buffer | undefined> {
  for await (const { content } of quarantine.read([id])) return content;
  return undefined;
}

/** The commit that a command leads to. */
async function targetOf(
  ctx: Context,
  repo: Repo,
  quarantine: Quarantine,
  command: PushCommand,
  problems: string[],
): Promise<Target> {
  const { ref, after } = command;
  if (after === undefined) return { command, commitId: undefined, tag: undefined };
  const type = quarantine.objects.get(after)?.type;
  if (type === "commit") return { command, commitId: after, tag: undefined };
  const wrong = (what: string): Target => {
    problems.push(what);
    return { command, commitId: undefined, tag: undefined };
  };
  if (type !== undefined && type !== "tag") return wrong(`${ref} is to name a ${type}; refs name commits.`);
  if (type === undefined && (await knownCommits(ctx, repo, [after])).has(after))
    return { command, commitId: after, tag: undefined };
  const raw = type === "tag" ? await readOne(quarantine, after) : await storedTag(ctx, repo, after);
  if (raw === undefined)
    return wrong(`${ref} is to name ${after}, which did not come along. Run git fetch and push again.`);
  if (!ref.startsWith("refs/tags/")) return wrong(`${ref} is to name a tag; branches name commits.`);
  const tag = parseTag(raw);
  if (tag.type !== "commit") return wrong(`${ref} tags a ${tag.type}; tag the commit itself.`);
  const { object, message } = tag;
  if (quarantine.objects.get(object)?.type !== "commit" && !(await knownCommits(ctx, repo, [object])).has(object))
    return wrong(`${ref} tags ${object}, which is no commit here.`);
  return { command, commitId: object, tag: { id: after, message: message.replaceAll("\0", ""), raw } };
}

async function storedTag(ctx: Context, repo: Repo, id: string): Promise<Uint8Array | undefined> {
  const mine = and(eq(annotatedTags.repoId, repo.id), eq(annotatedTags.id, id));
  const [row] = await ctx.db.select({ raw: annotatedTags.raw }).from(annotatedTags).where(mine).limit(1);
  return row?.raw;
}

async function knownCommits({ db }: Context, repo: Repo, ids: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const mine = and(eq(commits.repoId, repo.id), inArray(commits.id, ids.slice(start, start + AT_ONCE)));
    for (const { id } of await db.select({ id: commits.id }).from(commits).where(mine)) found.add(id);
  }
  return found;
}

/** Rows of the commits that came along and that refs lead to, by id. */
async function newCommits(
  ctx: Context,
  repo: Repo,
  quarantine: Quarantine,
  targets: readonly Target[],
  problems: string[],
): Promise<Map<string, CommitRow>> {
  const rows = new Map<string, CommitRow>();
  const old = new Set<string>();
  const isNew = (id: string) => quarantine.objects.get(id)?.type === "commit";
  let level = [...new Set(targets.map(({ commitId }) => commitId).filter((id) => id !== undefined))].filter(isNew);
  while (level.length > 0) {
    const next = new Set<string>();
    for await (const { id, content } of quarantine.read(level)) {
      const row = rowOf(repo, id, content);
      rows.set(id, row);
      for (const parent of row.parents) (isNew(parent) ? next : old).add(parent);
    }
    level = [...next].filter((id) => !rows.has(id));
  }
  const known = await knownCommits(ctx, repo, [...old]);
  const lost = [...old].find((id) => !known.has(id));
  if (lost !== undefined)
    problems.push(`The history is not whole: the commit ${lost} is missing. Run git fetch --unshallow and push again.`);
  return rows;
}

/** Text as the database can hold it. */
const storable = (text: string): string => text.replaceAll("\0", "");

/** A commit's columns, and its bytes where the columns would give others. */
function rowOf(repo: Repo, id: string, raw: Uint8Array): CommitRow {
  const { tree, parents, author, message } = parseCommit(raw);
  const time = Math.max(0, Math.min(LATEST, author.time));
  const who = { name: storable(author.name), email: storable(author.email), time };
  const text = storable(message);
  const encoded = encodeCommit({ tree, parents, author: who, committer: who, message: text });
  return {
    repoId: repo.id,
    id,
    treeId: tree,
    parents: [...parents],
    authorName: who.name,
    authorEmail: who.email,
    time,
    message: text,
    raw: objectId("commit", encoded) === id ? null : raw,
  };
}

/** Everything that new folders name and that did not come along has to be kept already. */
async function missingRows({ db }: Context, { oldTrees, oldBlobs }: PushedTrees): Promise<string[]> {
  const tables = [
    ["tree", trees, oldTrees],
    ["content", contents, oldBlobs],
  ] as const;
  for (const [kind, table, wanted] of tables) {
    const ids = [...wanted].filter((id) => id !== EMPTY_TREE);
    for (let start = 0; start < ids.length; start += AT_ONCE) {
      const some = ids.slice(start, start + AT_ONCE);
      // What nothing leads to may go at any time.
      const marked = db
        .select({ one: sql`1` })
        .from(garbage)
        .where(and(eq(garbage.kind, kind), eq(garbage.id, table.id)));
      const rows = await db
        .select({ id: table.id })
        .from(table)
        .where(and(inArray(table.id, some), notExists(marked)));
      const there = new Set(rows.map(({ id }) => id));
      const lost = some.find((id) => !there.has(id));
      if (lost !== undefined) return [`The object ${lost} is missing. Clone the repository anew and push from there.`];
    }
  }
  return [];
}

/** Pointers among the new files have to be whole, and their objects uploaded to this repository. */
async function wrongPointers(ctx: Context, repo: Repo, quarantine: Quarantine, walked: PushedTrees): Promise<string[]> {
  const problems: string[] = [];
  const small = [...walked.blobs.keys()].filter((id) => (quarantine.objects.get(id)?.size ?? 0) <= 1024);
  const pointers: { path: string; sha256: string; size: number }[] = [];
  for await (const { id, content } of quarantine.read(small)) {
    const pointer = parsePointer(content);
    if (pointer !== undefined) pointers.push({ path: walked.pathOf(id), ...pointer });
    else if (looksLikePointer(content))
      problems.push(
        `${walked.pathOf(id)} is a broken Git LFS pointer. Run: git lfs migrate import --no-rewrite "${walked.pathOf(id)}"`,
      );
  }
  for (let start = 0; start < pointers.length; start += AT_ONCE) {
    const some = pointers.slice(start, start + AT_ONCE);
    const rows = await ctx.db
      .select({ sha256: lfsObjects.sha256, size: lfsObjects.size })
      .from(lfsObjects)
      .where(
        and(eq(lfsObjects.repoId, repo.id), inArray(lfsObjects.sha256, [...new Set(some.map(({ sha256 }) => sha256))])),
      );
    const sizes = new Map(rows.map(({ sha256, size }) => [sha256, size]));
    for (const { path, sha256, size } of some) {
      const there = sizes.get(sha256);
      if (there === undefined || !(await ctx.blobs.has(sha256)))
        problems.push(
          `${path} is a Git LFS pointer whose object ${sha256} was not uploaded. Run: git lfs push --all origin`,
        );
      else if (there !== size)
        problems.push(`${path} names an object of ${size} bytes; the one that was uploaded has ${there}.`);
    }
  }
  return problems;
}

/** The cards of what branches name after the push. */
async function wrongCards(
  repo: Repo,
  quarantine: Quarantine,
  walked: PushedTrees,
  targets: readonly Target[],
  rows: ReadonlyMap<string, CommitRow>,
): Promise<string[]> {
  const problems: string[] = [];
  for (const { command, commitId } of targets) {
    const row = rows.get(commitId ?? "");
    const blob = row === undefined || command.ref.startsWith("refs/tags/") ? undefined : walked.readmeOf(row.treeId);
    if (blob === undefined || (quarantine.objects.get(blob)?.size ?? 0) > CARD_LIMIT) continue;
    const text = (await readOne(quarantine, blob))?.toString("utf8") ?? "";
    for (const error of (await cardCheckOf(text, repo.type)).errors) problems.push(`${CARD}: ${error}`);
  }
  return problems;
}
