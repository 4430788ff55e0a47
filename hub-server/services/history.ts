// A repository's history rewritten so that some contents were never in it. Old commits stay where they were, unnamed, until they are
// collected (object-garbage.ts).
// Asks nobody's permission: callers do, and hold the repository's turn.
import { and, eq, inArray } from "drizzle-orm";
import { encodeCommit, encodeTag, encodeTree, objectId } from "../../src/io/git-objects.ts";
import type { Tx } from "../db/client.ts";
import { annotatedTags } from "../db/schema/uploads.ts";
import { commits, refs, type StoredEntry } from "../db/schema.ts";
import type { Repo } from "./access.ts";
import { moveRef } from "./commits.ts";
import type { UpdatedRef } from "./events.ts";
import { readTrees } from "./files.ts";
import { EMPTY_TREE, putTrees } from "./objects.ts";
import type { CommitRow } from "./refs.ts";

/** Commits that are read at once. */
const AT_ONCE = 500;

/** Drops files with these contents from every commit that a ref leads to; gives the refs that moved. */
export async function dropFromHistory(tx: Tx, repo: Repo, blobIds: ReadonlySet<string>): Promise<UpdatedRef[]> {
  const heads = await tx.select().from(refs).where(eq(refs.repoId, repo.id)).orderBy(refs.name);
  const history = await reachable(
    tx,
    repo,
    heads.map(({ commitId }) => commitId),
  );
  const rewrite = new TreeRewrite(tx, blobIds);
  const renamed = new Map<string, string>();
  for (const commit of oldestFirst(history)) {
    const treeId = (await rewrite.tree(commit.treeId)) ?? EMPTY_TREE;
    const parents = commit.parents.map((parent) => renamed.get(parent) ?? parent);
    if (treeId === commit.treeId && parents.every((parent, index) => parent === commit.parents[index])) continue;
    renamed.set(commit.id, await insertRewritten(tx, { ...commit, treeId, parents }));
  }
  const updated: UpdatedRef[] = [];
  for (const { name, commitId } of heads) {
    const newSha = renamed.get(commitId);
    if (newSha === undefined) continue;
    await moveRef(tx, repo, name, newSha, await tagFor(tx, repo, name, newSha));
    updated.push({ ref: name, oldSha: commitId, newSha });
  }
  return updated;
}

async function reachable(tx: Tx, repo: Repo, heads: readonly string[]): Promise<Map<string, CommitRow>> {
  const found = new Map<string, CommitRow>();
  let open = [...new Set(heads)];
  while (open.length > 0) {
    const rows = await tx
      .select()
      .from(commits)
      .where(and(eq(commits.repoId, repo.id), inArray(commits.id, open.slice(0, AT_ONCE))));
    for (const row of rows) found.set(row.id, row);
    const parents = rows.flatMap((row) => row.parents).filter((parent) => !found.has(parent));
    open = [...new Set([...open.slice(AT_ONCE), ...parents])];
  }
  return found;
}

/** Every commit after its parents, without recursion: histories are long. */
function oldestFirst(history: ReadonlyMap<string, CommitRow>): CommitRow[] {
  const [out, done, entered] = [[] as CommitRow[], new Set<string>(), new Set<string>()];
  for (const start of history.keys()) {
    const stack = [start];
    for (let id = stack.at(-1); id !== undefined; id = stack.at(-1)) {
      const commit = history.get(id);
      if (commit === undefined || done.has(id)) stack.pop();
      else if (entered.has(id)) {
        stack.pop();
        done.add(id);
        out.push(commit);
      } else {
        entered.add(id);
        stack.push(...commit.parents.filter((parent) => !done.has(parent)));
      }
    }
  }
  return out;
}

/** The same commit with other files and parents: whose it is, when and why stay, a signature of it would be wrong. */
async function insertRewritten(tx: Tx, commit: CommitRow): Promise<string> {
  const { repoId, treeId, parents, authorName, authorEmail, time, message } = commit;
  const author = { name: authorName, email: authorEmail, time };
  const id = objectId("commit", encodeCommit({ tree: treeId, parents, author, committer: author, message }));
  const row = { repoId, id, treeId, parents, authorName, authorEmail, time, message };
  await tx.insert(commits).values(row).onConflictDoNothing();
  return id;
}

/** A tag's object names its commit, so another commit takes another object. */
async function tagFor(tx: Tx, repo: Repo, ref: string, commitId: string) {
  const [tag] = await tx
    .select({ message: annotatedTags.message })
    .from(annotatedTags)
    .where(and(eq(annotatedTags.repoId, repo.id), eq(annotatedTags.name, ref)));
  if (tag === undefined) return undefined;
  const { message } = tag;
  const who = { name: repo.namespace, email: `${repo.namespace}@users.noreply.abrazo` };
  const tagger = { ...who, time: Math.floor(Date.now() / 1000) };
  const name = ref.slice("refs/tags/".length);
  const raw = encodeTag({ object: commitId, name, tagger, message: message.replace(/\n?$/, "\n") });
  return { id: objectId("tag", raw), message, raw };
}

/** Folders without some files; each is looked at once, however many commits have it. */
class TreeRewrite {
  readonly #tx: Tx;
  readonly #drop: ReadonlySet<string>;
  readonly #done = new Map<string, string | undefined>();

  constructor(tx: Tx, drop: ReadonlySet<string>) {
    [this.#tx, this.#drop] = [tx, drop];
  }

  /** The id of the folder without them; undefined when nothing is left of it. */
  async tree(id: string): Promise<string | undefined> {
    if (this.#done.has(id)) return this.#done.get(id);
    const entries = (await readTrees({ db: this.#tx }, [id])).get(id) ?? [];
    const kept: StoredEntry[] = [];
    for (const entry of entries) {
      if (entry.kind === "file" && this.#drop.has(entry.id)) continue;
      const below = entry.kind === "directory" ? await this.tree(entry.id) : entry.id;
      if (below !== undefined) kept.push({ ...entry, id: below });
    }
    const same = kept.length === entries.length && kept.every((entry, index) => entry.id === entries[index]?.id);
    const made = same ? id : kept.length === 0 ? undefined : objectId("tree", encodeTree(kept));
    this.#done.set(id, made);
    if (!same) {
      const row = made === undefined ? { id: EMPTY_TREE, entries: [] } : { id: made, entries: kept };
      await putTrees(this.#tx, [row]);
    }
    return made;
  }
}
