// A push: saved, looked through, unpacked by git where nobody sees it, checked, and written as the API writes its commits.
// Whatever is refused leaves nothing. Knows no HTTP.
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { entryOf, parseTree } from "../../src/io/git-objects.ts";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { commits, type StoredEntry } from "../db/schema.ts";
import { ServiceError } from "../errors.ts";
import type { GitCall, Quarantine } from "../git/cache.ts";
import { type PackLimits, packRefused, scanPack } from "../git/pack.ts";
import type { PushCommand } from "../git/receive.ts";
import type { Repo } from "./access.ts";
import { inRepoTurn, moveRef } from "./commits.ts";
import { IncomingContents } from "./contents.ts";
import type { UpdatedRef } from "./events.ts";
import { type Inspected, inspectPush, type Target } from "./git-checks.ts";
import { gitRefs, gitRows } from "./git-rows.ts";
import { putTrees } from "./objects.ts";
import { pullRequestOf, requirePush } from "./pushes.ts";
import { checkRefName, checkRoom } from "./ref-changes.ts";

/** Bytes of a pack as it is sent. */
const PACK_LIMIT = 2 * 1024 ** 3;
const LIMITS: PackLimits = {
  objects: 300_000,
  unpacked: 4 * 1024 ** 3,
  held: 16 * 1024 ** 2,
  depth: 4095,
  ratio: 500,
};
/** Bytes of a folder: as many entries as are allowed, with the longest names. */
const MOST_TREE_BYTES = 3 * 1024 ** 2;
/** Bytes of a commit or an annotated tag, and of all of a push: these are held together. */
const MOST_TEXT_BYTES = 1024 ** 2;
const MOST_TEXTS_BYTES = 128 * 1024 ** 2;
/** Problems that are shown; the first ones are usually the reason of the others. */
const MOST_SHOWN = 12;
const COMMITS_AT_ONCE = 500;
const TREES_AT_ONCE = 100;

export interface PushOutcome {
  unpacked: string;
  refs: { ref: string; why?: string | undefined }[];
}

export interface Push extends GitCall {
  commands: readonly PushCommand[];
  pack: AsyncIterable<Uint8Array>;
  /** Shows a line to whoever pushes. */
  say(text: string): void;
}

/** Takes a push, whole or not at all; a refusal is an outcome, not an error. */
export async function receivePush(ctx: Context, repo: Repo, push: Push): Promise<PushOutcome> {
  const { commands, say } = push;
  const refuse = (why: (ref: string) => string, unpacked = "ok"): PushOutcome => ({
    unpacked,
    refs: commands.map(({ ref }) => ({ ref, why: why(ref) })),
  });
  try {
    return await ctx.git.withFolder(async (folder) => {
      const path = join(folder, "push.pack");
      // First of all, for a client that is still sending reads no answer.
      const size = await save(push.pack, path);
      const wrong = await wrongCommands(ctx, repo, commands);
      if (wrong.size > 0) return refuse((ref) => wrong.get(ref) ?? "another ref of this push was refused");
      const problems = await accept(ctx, repo, push, size === 0 ? undefined : path, join(folder, "quarantine"));
      if (problems.length === 0) return { unpacked: "ok", refs: commands.map(({ ref }) => ({ ref })) };
      for (const problem of problems.slice(0, MOST_SHOWN)) say(problem);
      if (problems.length > MOST_SHOWN) say(`… and ${problems.length - MOST_SHOWN} more.`);
      say("Nothing was pushed.");
      return refuse(() => "see the lines above that begin with remote:");
    });
  } catch (error) {
    if (!(error instanceof ServiceError) || error.status >= 500) throw error;
    say(error.hint === undefined ? error.message : `${error.message} ${error.hint}`);
    const isPack = error.code === "PACK_REFUSED";
    return refuse(() => (isPack ? "unpacker error" : error.message), isPack ? error.message : "ok");
  }
}

async function save(pack: AsyncIterable<Uint8Array>, path: string): Promise<number> {
  let size = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of pack) {
      size += chunk.length;
      if (size <= PACK_LIMIT) yield chunk;
    }
  }
  await pipeline(counted, createWriteStream(path));
  if (size > PACK_LIMIT) {
    throw packRefused(
      `The push has ${size} bytes; ${PACK_LIMIT} are allowed at once.`,
      "Put large files into Git LFS (git lfs migrate import --above=10MB), or push older commits first.",
    );
  }
  return size;
}

/** Why commands are refused before anything is looked at, by ref. */
async function wrongCommands(ctx: Context, repo: Repo, commands: readonly PushCommand[]): Promise<Map<string, string>> {
  const wrong = new Map<string, string>();
  const seen = new Set<string>();
  for (const command of commands) {
    const why = seen.has(command.ref) ? "it was named twice" : await wrongCommand(ctx, repo, command);
    seen.add(command.ref);
    if (why !== undefined) wrong.set(command.ref, why);
  }
  return wrong;
}

async function wrongCommand(
  ctx: Context,
  repo: Repo,
  { ref, before, after }: PushCommand,
): Promise<string | undefined> {
  const [, kind, name = ""] = /^refs\/(heads|tags|pr)\/(.+)$/s.exec(ref) ?? [];
  if (kind === undefined || (kind === "pr" && pullRequestOf(ref) === undefined))
    return "push to refs/heads/…, refs/tags/… or refs/pr/…";
  if (before === undefined && after === undefined) return "there is no such ref";
  if (after === undefined && ref === "refs/heads/main") return "the branch main cannot be deleted";
  if (after === undefined && kind === "pr") return "a pull request is closed on its page, not deleted";
  try {
    if (after !== undefined) checkRefName(name);
    await requirePush(ctx, repo, ref);
    return undefined;
  } catch (error) {
    if (error instanceof ServiceError && error.status < 500) return error.message;
    throw error;
  }
}

/** Unpacks, checks and keeps a push; gives what is wrong with it, in sentences. */
async function accept(
  ctx: Context,
  repo: Repo,
  { commands, caller, signal }: Push,
  pack: string | undefined,
  folder: string,
): Promise<string[]> {
  const lease = await ctx.git.lease(repo.id, { caller, signal });
  try {
    let quarantine: Quarantine = { objects: new Map(), read: nothing };
    if (pack !== undefined && (await scanPack(pack, LIMITS)).objects > 0) {
      // What was pushed names and builds on what is here.
      await lease.sync(gitRows(ctx, repo));
      quarantine = await lease.unpack(pack, folder);
      checkSizes(quarantine);
    }
    const inspected = await inspectPush(ctx, repo, quarantine, commands);
    if (inspected.problems.length > 0) return inspected.problems;
    const incoming = new IncomingContents(ctx, repo);
    for await (const { id, content } of quarantine.read([...inspected.blobs.keys()])) {
      signal.throwIfAborted();
      await incoming.add(inspected.blobs.get(id) ?? id, content);
    }
    await inRepoTurn(ctx, repo, async (tx) => {
      signal.throwIfAborted();
      await incoming.flush(tx);
      await writeObjects(tx, quarantine, inspected);
      return { result: undefined, updatedRefs: await moveRefs(tx, repo, inspected.targets) };
    });
    return [];
  } finally {
    lease.release();
  }
}

/** Refuses what would be held whole, and is larger than anything that a git makes of work. */
function checkSizes({ objects }: Quarantine): void {
  let total = 0;
  for (const { id, type, size } of objects.values()) {
    if (type === "blob") continue;
    const limit = type === "tree" ? MOST_TREE_BYTES : MOST_TEXT_BYTES;
    if (size > limit)
      throw packRefused(
        `The ${type} ${id} has ${size} bytes; ${limit} are allowed.`,
        "Split it, or shorten its message.",
      );
    if (type !== "tree") total += size;
  }
  if (total > MOST_TEXTS_BYTES)
    throw packRefused(
      `The commits and tags of the push have ${total} bytes; ${MOST_TEXTS_BYTES} are allowed at once.`,
      "Push older commits first: git push origin <older commit>:refs/heads/<branch>.",
    );
}

async function* nothing(): AsyncGenerator<never> {}

async function writeObjects(tx: Tx, quarantine: Quarantine, inspected: Inspected): Promise<void> {
  let rows: { id: string; entries: StoredEntry[] }[] = [];
  const flush = async () => {
    await putTrees(tx, rows);
    rows = [];
  };
  for await (const { id, content } of quarantine.read(inspected.trees)) {
    rows.push({ id, entries: parseTree(content).flatMap((raw) => entryOf(raw) ?? []) });
    if (rows.length === TREES_AT_ONCE) await flush();
  }
  await flush();
  for (let start = 0; start < inspected.commits.length; start += COMMITS_AT_ONCE) {
    const some = inspected.commits.slice(start, start + COMMITS_AT_ONCE);
    await tx.insert(commits).values(some).onConflictDoNothing();
  }
}

/** Moves all refs, if each is where the client saw it. */
async function moveRefs(tx: Tx, repo: Repo, targets: readonly Target[]): Promise<UpdatedRef[]> {
  const now = new Map((await gitRefs({ db: tx }, repo)).map((ref) => [ref.name, ref]));
  const updated: UpdatedRef[] = [];
  // Deletions first: a name below another may be free then.
  const ordered = [...targets].sort((a, b) => Number(a.commitId !== undefined) - Number(b.commitId !== undefined));
  for (const { command, commitId, tag } of ordered) {
    const { ref, before } = command;
    const here = now.get(ref);
    if (here?.id !== before) {
      throw new ServiceError(409, `${ref} is at ${here?.id ?? "nothing"}, not at ${before ?? "nothing"}.`, {
        code: "STALE_PARENT",
        hint: "Somebody else moved it. Run git fetch, and push again on top of it.",
      });
    }
    if (here === undefined && commitId !== undefined) await checkRoom(tx, repo, ref);
    await moveRef(tx, repo, ref, commitId ?? null, tag);
    updated.push({ ref, oldSha: here?.peeled ?? here?.id ?? null, newSha: commitId ?? null });
  }
  return updated;
}
