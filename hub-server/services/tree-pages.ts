// Long listings piece by piece: what lies under a folder in order of path, from where the last page ended.
// A page reads the folders on the way to it and those that it shows, whatever else the repository holds.
import { sql } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { contents, type StoredEntry, trees } from "../db/schema.ts";
import { badRequest, entryNotFound } from "../errors.ts";
import { type Repo, requireAccess } from "./access.ts";
import { describeEntries, type Entry, type FileEntry, findEntry, readTrees } from "./files.ts";
import { checkPath } from "./paths.ts";
import { type CommitRow, resolveRevision } from "./refs.ts";

type Reader = Parameters<typeof findEntry>[0];

/** Folders that are read ahead of a listing that goes through many small ones. */
const AHEAD = 16;
/** Entries that are added up before the answer is refused: a few folders can name one another in ever more ways. */
const MOST_ADDED = 5_000_000;

export interface TreePage {
  repo: Repo;
  commit: CommitRow | undefined;
  entries: Entry[];
  /** The last path of this page, where there is another one. */
  next: string | undefined;
}

export async function treePage(
  ctx: Context,
  id: RepoId,
  revision: string,
  path: string,
  { recursive, after, limit }: { recursive: boolean; after: string | undefined; limit: number },
): Promise<TreePage> {
  const { repo, commit, folder, segments } = await folderAt(ctx, id, revision, path);
  if (folder === undefined) return { repo, commit, entries: [], next: undefined };
  const walk = new Walk(ctx, { recursive, after, most: limit + 1 });
  const prefix = segments.length === 0 ? "" : `${segments.join("/")}/`;
  await walk.visit(folder.id, prefix);
  const shown = walk.found.slice(0, limit);
  const next = walk.found.length > limit ? shown.at(-1)?.path : undefined;
  return { repo, commit, entries: await describeEntries(ctx, shown), next };
}

/** Files of a tree up to a number, those that lie at its root among them in any case; whether there are more. */
export async function firstFiles(
  reader: Reader,
  treeId: string,
  most: number,
): Promise<{ files: FileEntry[]; more: boolean }> {
  const walk = new Walk(reader, { recursive: true, after: undefined, most: most + 1 });
  await walk.visit(treeId, "");
  const root = (await readTrees(reader, [treeId])).get(treeId) ?? [];
  const found = new Map(root.map((entry) => [entry.name, entry]));
  for (const { path, entry } of walk.found.slice(0, most)) found.set(path, entry);
  const entries = await describeEntries(
    reader,
    [...found].map(([path, entry]) => ({ path, entry })),
  );
  const files = entries.filter((entry) => entry.kind === "file");
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), more: walk.found.length > most };
}

/** Bytes of all files under a folder together, or of one file. */
export async function treeSize(ctx: Context, id: RepoId, revision: string, path: string): Promise<number> {
  const { folder } = await folderAt(ctx, id, revision, path, "any");
  return folder === undefined ? 0 : sizeOf(ctx, folder);
}

/** Bytes under a stored entry. */
export async function sizeOf({ db }: Reader, { kind, id }: Pick<StoredEntry, "kind" | "id">): Promise<number> {
  const [row] = await db.execute<{ size: string; entries: number }>(sql`
    with recursive walk as (
      select ${kind}::text as kind, ${id}::text as id
      union all
      select e ->> 'kind', e ->> 'id' from walk w
      join ${trees} t on t.id = w.id
      cross join lateral jsonb_array_elements(t.entries) e
      where w.kind = 'directory'
    ), seen as (select kind, id from walk limit ${MOST_ADDED})
    select coalesce(sum(c.size), 0)::text as size, (select count(*)::int from seen) as entries
    from seen s join ${contents} c on c.id = s.id where s.kind = 'file'`);
  if ((row?.entries ?? 0) >= MOST_ADDED) throw badRequest(`The folder holds more than ${MOST_ADDED} entries.`);
  return Number(row?.size ?? 0);
}

/** The folder of a path; none in a repository without commits. A path that is a file, where a folder is wanted, is not found. */
async function folderAt(ctx: Context, id: RepoId, revision: string, path: string, wanted?: "any") {
  const repo = await requireAccess(ctx, "read", id);
  const commit = await resolveRevision(ctx, repo, revision);
  const segments = path === "" ? [] : checkPath(path.replace(/\/$/, ""));
  const folder = commit && (await findEntry(ctx, commit.treeId, segments));
  const nothing = commit === undefined ? segments.length > 0 : folder === undefined;
  if (nothing || (folder?.kind === "file" && wanted === undefined)) throw entryNotFound(path, commit?.id);
  return { repo, commit, folder, segments };
}

interface Asked {
  recursive: boolean;
  /** Paths up to this one were shown. */
  after: string | undefined;
  most: number;
}

/** A step through one folder: an entry itself, or what lies under it. */
interface Step {
  key: string;
  entry: StoredEntry;
  under: boolean;
}

class Walk {
  readonly found: { path: string; entry: StoredEntry }[] = [];
  readonly #reader: Reader;
  readonly #asked: Asked;
  readonly #ahead = new Map<string, StoredEntry[]>();

  constructor(reader: Reader, asked: Asked) {
    this.#reader = reader;
    this.#asked = asked;
  }

  async visit(treeId: string, prefix: string): Promise<void> {
    const steps = this.#steps(await this.#read(treeId, []), prefix);
    for (const [index, { key, entry, under }] of steps.entries()) {
      if (this.found.length >= this.#asked.most) return;
      if (!under) this.found.push({ path: key, entry });
      else {
        await this.#read(entry.id, steps.slice(index));
        await this.visit(entry.id, key);
        this.#ahead.delete(entry.id);
      }
    }
  }

  /**
   * The steps of a folder that come after what was shown, in order of their whole paths. "a/b" comes after "a-b", so what
   * lies under "a" has a place of its own.
   */
  #steps(entries: readonly StoredEntry[], prefix: string): Step[] {
    const { recursive, after } = this.#asked;
    const steps = entries.flatMap((entry): Step[] => {
      const key = prefix + entry.name;
      const itself = { key, entry, under: false };
      return recursive && entry.kind === "directory" ? [itself, { key: `${key}/`, entry, under: true }] : [itself];
    });
    const left = steps.filter(
      ({ key, under }) => after === undefined || key > after || (under && after.startsWith(key)),
    );
    return left.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** A folder's entries, read together with those that will be wanted next. */
  async #read(treeId: string, upcoming: readonly Step[]): Promise<StoredEntry[]> {
    const known = this.#ahead.get(treeId);
    if (known !== undefined) return known;
    const wanted = upcoming.filter(({ under }) => under).map(({ entry }) => entry.id);
    const read = await readTrees(this.#reader, [treeId, ...wanted.slice(0, AHEAD)]);
    for (const [id, entries] of read) this.#ahead.set(id, entries);
    return read.get(treeId) ?? [];
  }
}
