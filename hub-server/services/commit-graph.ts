// The graph of commits: what one has that another has not, and the commit where two parted.
// Writes nothing.
import { and, eq, inArray, sql } from "drizzle-orm";
import type { Db, Tx } from "../db/client.ts";
import { commits } from "../db/schema.ts";
import type { Repo } from "./access.ts";
import type { CommitRow } from "./refs.ts";

interface Node {
  id: string;
  parents: string[];
  time: number;
}

/** Generations of ancestors that are read at once. */
const STEP = 200;
/** Commits that are looked at before giving up: beyond it, two commits are taken for strangers. */
const MOST_NODES = 200_000;

/** Commits by id, read together with some generations behind them. */
class Graph {
  readonly #db: Db | Tx;
  readonly #repo: Repo;
  readonly #known = new Map<string, Node>();

  constructor(db: Db | Tx, repo: Repo) {
    this.#db = db;
    this.#repo = repo;
  }

  async get(id: string): Promise<Node | undefined> {
    if (!this.#known.has(id)) await this.#read(id);
    return this.#known.get(id);
  }

  async #read(id: string): Promise<void> {
    if (this.#known.size > MOST_NODES) return;
    const rows = await this.#db.execute<{ id: string; parents: string[]; time: string }>(sql`
      with recursive behind as (
        select ${commits.id} as id, ${commits.parents} as parents, ${commits.time} as time, 0 as depth from ${commits}
        where ${commits.repoId} = ${this.#repo.id} and ${commits.id} = ${id}
        union
        select c.id, c.parents, c.time, b.depth + 1 from behind b
        cross join lateral unnest(b.parents) as parent
        join ${commits} c on c.repo_id = ${this.#repo.id} and c.id = parent
        where b.depth < ${STEP}
      )
      select distinct id, parents, time from behind`);
    for (const { time, ...row } of rows) this.#known.set(row.id, { ...row, time: Number(time) });
  }
}

const [OURS, THEIRS, BOTH] = [1, 2, 3];

/**
 * The commit where two parted: the youngest that is behind both. Of several, as after merges in both directions, one of them.
 * Undefined when they share nothing.
 */
export const mergeBase = (db: Db | Tx, repo: Repo, ours: string, theirs: string): Promise<string | undefined> =>
  baseOf(new Graph(db, repo), ours, theirs);

async function baseOf(graph: Graph, ours: string, theirs: string): Promise<string | undefined> {
  const sides = new Map<string, number>();
  const waiting: Node[] = [];
  const reach = async (id: string, side: number): Promise<void> => {
    const before = sides.get(id) ?? 0;
    if ((before | side) === before) return;
    sides.set(id, before | side);
    const node = await graph.get(id);
    if (node !== undefined) waiting.push(node);
  };
  await reach(ours, OURS);
  await reach(theirs, THEIRS);
  // The youngest first, so that a commit is met from both sides before what is behind it.
  for (let next = takeYoungest(waiting); next !== undefined; next = takeYoungest(waiting)) {
    const side = sides.get(next.id) ?? 0;
    if (side === BOTH) return next.id;
    for (const parent of next.parents) await reach(parent, side);
  }
  return undefined;
}

function takeYoungest(waiting: Node[]): Node | undefined {
  let best = 0;
  for (const [index, node] of waiting.entries()) if (node.time > (waiting[best]?.time ?? 0)) best = index;
  return waiting.splice(best, 1)[0];
}

/** Commits behind `to` along first parents that are not behind `from`, the newest first. */
export async function commitsBetween(
  db: Db | Tx,
  repo: Repo,
  from: string | null | undefined,
  to: string,
  most: number,
): Promise<CommitRow[]> {
  const graph = new Graph(db, repo);
  const ids: string[] = [];
  let strangers = from == null;
  for (let at: string | undefined = to; at !== undefined && ids.length < most; ) {
    const base: string | undefined = from == null || strangers ? undefined : await baseOf(graph, from, at);
    if (base === at) break;
    // What has nothing in common with it has nothing behind it that has.
    strangers ||= base === undefined;
    ids.push(at);
    at = (await graph.get(at))?.parents[0];
  }
  if (ids.length === 0) return [];
  const rows = await db
    .select()
    .from(commits)
    .where(and(eq(commits.repoId, repo.id), inArray(commits.id, ids)));
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => byId.get(id)).filter((row) => row !== undefined);
}
