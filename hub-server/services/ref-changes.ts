// Branches and tags made, moved and deleted, and histories made one commit.
// Asks before it changes; every change goes through the repository's turn.
import { and, eq, inArray, like, or } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import { encodeTag, objectId } from "../../src/io/git-objects.ts";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { refs, trees } from "../db/schema.ts";
import { badRequest, revisionNotFound, ServiceError } from "../errors.ts";
import { type Repo, requireAccess } from "./access.ts";
import { authorOf, inRepoTurn, insertCommit, moveRef } from "./commits.ts";
import { literally } from "./like-pattern.ts";
import { EMPTY_TREE } from "./objects.ts";
import { isBroken } from "./paths.ts";
import { branchRef, type CommitRow, requireRevision, resolveRevision } from "./refs.ts";

export const tagRef = (name: string): string => `refs/tags/${name}`;

/** git's rules for ref names, the ones that can be broken here. */
export function checkRefName(name: string): void {
  const bad =
    /[\s~^:?*[\\]|\.\.|@\{|^[./-]|[./]$|\/\/|\.lock(\/|$)|\/\./.test(name) || name === "" || name.length > 200;
  const taken = /^[0-9a-f]{40}$/.test(name) || name === "HEAD" || name === "@" || name.startsWith("refs/");
  if (bad || taken || isBroken(name) || [...name].some((char) => char < " " || char === "\x7f"))
    throw badRequest(`"${name}" is no valid branch or tag name.`);
}

/** A branch's name as clients give it, with git's prefix or without. */
const shortName = (name: string, prefix: string): string =>
  name.startsWith(prefix) ? name.slice(prefix.length) : name;

/** git keeps refs as files: where one is called "a", none can be called "a/b". */
export async function checkRoom(tx: Tx, repo: Repo, ref: string): Promise<void> {
  const segments = ref.split("/");
  const above = segments.map((_, end) => segments.slice(0, end).join("/")).slice(3);
  const below = like(refs.name, `${literally(ref)}/%`);
  const [clash] = await tx
    .select({ name: refs.name })
    .from(refs)
    .where(and(eq(refs.repoId, repo.id), above.length === 0 ? below : or(below, inArray(refs.name, above))))
    .limit(1);
  if (clash === undefined) return;
  throw new ServiceError(
    409,
    `There is "${clash.name}", so there cannot be "${ref}" as well: git could not keep both.`,
    {
      code: "REF_CLASH",
    },
  );
}

const exists = (what: string): ServiceError =>
  new ServiceError(409, `${what} exists already.`, {
    code: "REF_EXISTS",
    hint: "Choose another name, or delete it first.",
  });

export interface BranchInput {
  name: string;
  startingPoint?: string | undefined;
  /** Begins with a commit that holds nothing. */
  empty?: boolean | undefined;
  /** Moves a branch that exists. */
  overwrite?: boolean | undefined;
}

export async function createBranch(
  ctx: Context,
  id: RepoId,
  { name: given, startingPoint = "main", empty = false, overwrite = false }: BranchInput,
): Promise<void> {
  const repo = await requireAccess(ctx, "write", id);
  const name = shortName(given, "refs/heads/");
  checkRefName(name);
  const start = empty ? undefined : await requireRevision(ctx, repo, startingPoint);
  const ref = branchRef(name);
  await inRepoTurn(ctx, repo, async (tx) => {
    const before = await commitOf(tx, repo, ref);
    if (before !== undefined && !overwrite) throw exists(`The branch "${name}"`);
    if (before === undefined) await checkRoom(tx, repo, ref);
    if (start === undefined) await tx.insert(trees).values({ id: EMPTY_TREE, entries: [] }).onConflictDoNothing();
    const commitId =
      start?.id ??
      (await insertCommit(tx, repo, {
        treeId: EMPTY_TREE,
        parents: [],
        author: authorOf(ctx),
        message: `Begin the branch ${name}`,
      }));
    await moveRef(tx, repo, ref, commitId);
    const moved = before === commitId ? [] : [{ ref, oldSha: before ?? null, newSha: commitId }];
    return { result: undefined, updatedRefs: moved };
  });
}

async function commitOf(tx: Tx, repo: Repo, ref: string): Promise<string | undefined> {
  const [row] = await tx
    .select({ commitId: refs.commitId })
    .from(refs)
    .where(and(eq(refs.repoId, repo.id), eq(refs.name, ref)));
  return row?.commitId;
}

/** A tag on a revision; one with a message is an object of its own in git. */
export async function createTag(
  ctx: Context,
  id: RepoId,
  { name: given, revision, message = "" }: { name: string; revision: string; message?: string | undefined },
): Promise<void> {
  const repo = await requireAccess(ctx, "write", id);
  const name = shortName(given, "refs/tags/");
  checkRefName(name);
  if (isBroken(message) || message.includes("\0")) throw badRequest("The tag's message is not well-formed text.");
  const commit = await requireRevision(ctx, repo, revision);
  const ref = tagRef(name);
  await inRepoTurn(ctx, repo, async (tx) => {
    if ((await commitOf(tx, repo, ref)) !== undefined) throw exists(`The tag "${name}"`);
    await checkRoom(tx, repo, ref);
    await moveRef(
      tx,
      repo,
      ref,
      commit.id,
      message === "" ? undefined : tagOf(ctx, { name, object: commit.id, message }),
    );
    return { result: undefined, updatedRefs: [{ ref, oldSha: null, newSha: commit.id }] };
  });
}

function tagOf(ctx: Context, { name, object, message }: { name: string; object: string; message: string }) {
  const tagger = { ...authorOf(ctx), time: Math.floor(Date.now() / 1000) };
  const raw = encodeTag({ object, name, tagger, message: message.endsWith("\n") ? message : `${message}\n` });
  return { id: objectId("tag", raw), message, raw };
}

export async function deleteRef(
  ctx: Context,
  id: RepoId,
  { kind, name: given }: { kind: "branch" | "tag"; name: string },
): Promise<void> {
  const repo = await requireAccess(ctx, "write", id);
  const name = shortName(given, kind === "branch" ? "refs/heads/" : "refs/tags/");
  if (kind === "branch" && name === "main") {
    throw new ServiceError(403, "The branch main cannot be deleted.", { code: "PROTECTED_BRANCH" });
  }
  const ref = kind === "branch" ? branchRef(name) : tagRef(name);
  await inRepoTurn(ctx, repo, async (tx) => {
    const before = await commitOf(tx, repo, ref);
    if (before === undefined) throw revisionNotFound(name);
    await moveRef(tx, repo, ref, null);
    return { result: undefined, updatedRefs: [{ ref, oldSha: before, newSha: null }] };
  });
}

/** Makes the history of a branch one commit with the same files. Commits that were before stay readable by their ids. */
export async function superSquash(ctx: Context, id: RepoId, branch: string, said = ""): Promise<string> {
  const repo = await requireAccess(ctx, "write", id);
  const message = said || `Super-squash branch '${branch}'`;
  if (message.includes("\0") || isBroken(message)) throw badRequest("The message is not well-formed text.");
  const ref = branchRef(shortName(branch, "refs/heads/"));
  return inRepoTurn(ctx, repo, async (tx) => {
    const head: CommitRow | undefined = await resolveRevision({ db: tx }, repo, ref);
    if (head === undefined) throw revisionNotFound(branch);
    const squashed = await insertCommit(tx, repo, {
      treeId: head.treeId,
      parents: [],
      author: authorOf(ctx),
      message,
    });
    await moveRef(tx, repo, ref, squashed);
    return { result: squashed, updatedRefs: [{ ref, oldSha: head.id, newSha: squashed }] };
  });
}
