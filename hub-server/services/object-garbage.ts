// Commits that no ref leads to any more, and folders and contents that no commit does, go after four weeks: deleted repositories leave
// them, and so do histories that were squashed, rewritten or forced away.
//
// Commits go by repository, in its turn. Folders and contents are shared by all repositories, so a run first notes everything that any
// commit leads to (`reached`), marks what is not among it, and takes away what was marked long enough before it began. Whoever names an
// object takes its mark back first (services/objects.ts). All is done in pieces: others get their turn between them.
import { randomUUID } from "node:crypto";
import { and, asc, eq, gt, inArray, lt, sql } from "drizzle-orm";
import type { Store } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { discussionEvents, discussions } from "../db/schema/discussions.ts";
import { garbage, reached } from "../db/schema/xet.ts";
import { commits, contents, evaluations, refs, repos, trees } from "../db/schema.ts";
import { EMPTY_TREE } from "./objects.ts";

const GRACE_MS = 28 * 24 * 3600 * 1000;
/** Of one statement or transaction; a folder may have ten thousand entries. */
const AT_ONCE = { repos: 100, rows: 2000, folders: 100, removed: 200 };
/** What a run that was cut off left behind. */
const LEFT_MS = 7 * 24 * 3600 * 1000;

export interface Removed {
  commits: number;
  trees: number;
  contents: number;
}

/**
 * Marks what nothing leads to since now, and removes what was marked before this run and longer ago than the grace.
 *
 * @returns how many of each kind went
 */
export async function collectObjects(store: Pick<Store, "db">, { graceMs = GRACE_MS } = {}): Promise<Removed> {
  const [{ now } = { now: "" }] = await store.db.execute<{ now: string }>(sql`select now()::text as now`);
  // What this run marks stays until the next: somebody may have named it since the run looked.
  const before = sql`least(${now}::timestamptz, ${now}::timestamptz - ${graceMs} * interval '1 millisecond')`;
  await markCommits(store);
  const removed = { commits: await sweepCommits(store, before), trees: 0, contents: 0 };
  const run = randomUUID();
  try {
    await noteReached(store, run);
    await mark(store, run, "tree");
    await mark(store, run, "content");
  } finally {
    await forget(store, run);
  }
  removed.trees = await sweep(store, "tree", before);
  removed.contents = await sweep(store, "content", before);
  return removed;
}

type Before = ReturnType<typeof sql>;

/** What leads to commits of some repositories: refs, pull requests and what was said of their commits, and the index. */
const named = (repoIds: readonly string[]) => {
  const mine = sql`any(${`{${repoIds.join(",")}}`}::uuid[])`;
  return sql`
    select ${refs.repoId} as repo_id, ${refs.commitId} as id from ${refs} where ${refs.repoId} = ${mine}
    union select ${discussions.repoId}, unnest(array[${discussions.headCommit}, ${discussions.mergeCommit}])
      from ${discussions} where ${discussions.repoId} = ${mine}
    union select ${discussions.repoId}, ${discussionEvents.data}->>'oid' from ${discussions}
      join ${discussionEvents} on ${discussionEvents.discussionId} = ${discussions.id} and ${discussionEvents.type} = 'commit'
      where ${discussions.repoId} = ${mine}
    union select ${repos.id}, ${repos.indexedCommit} from ${repos} where ${repos.id} = ${mine}`;
};

async function markCommits({ db }: Pick<Store, "db">): Promise<void> {
  for (let after: string | undefined; ; ) {
    const some = await db
      .select({ id: repos.id })
      .from(repos)
      .where(after === undefined ? undefined : gt(repos.id, after))
      .orderBy(asc(repos.id))
      .limit(AT_ONCE.repos);
    const ids = some.map(({ id }) => id);
    if (ids.length > 0)
      await db.execute(sql`
        with recursive behind(repo_id, id) as (
          ${named(ids)}
          union
          select c.repo_id, unnest(c.parents) from behind b join ${commits} c on c.repo_id = b.repo_id and c.id = b.id
        ), kept as (
          delete from ${garbage} g using behind b where g.kind = 'commit' and g.id = b.repo_id || ' ' || b.id
        )
        insert into ${garbage} (kind, id, since)
        select 'commit', c.repo_id || ' ' || c.id, now() from ${commits} c
        where c.repo_id = any(${`{${ids.join(",")}}`}::uuid[])
          and not exists (select 1 from behind b where b.repo_id = c.repo_id and b.id = c.id)
        on conflict do nothing`);
    after = ids.at(-1);
    if (ids.length < AT_ONCE.repos) break;
  }
  // Those of repositories that are gone went with them.
  await db.execute(sql`
    delete from ${garbage} g where g.kind = 'commit' and not exists (
      select 1 from ${repos} r where r.id = split_part(g.id, ' ', 1)::uuid)`);
}

/** Repository by repository; each is locked as for a commit, so that no ref comes to what goes. */
async function sweepCommits({ db }: Pick<Store, "db">, before: Before): Promise<number> {
  const found = await db.execute<{ id: string }>(sql`
    select distinct split_part(${garbage.id}, ' ', 1) as id from ${garbage}
    where ${garbage.kind} = 'commit' and ${garbage.since} < ${before}`);
  let removed = 0;
  for (const { id } of found) removed += await db.transaction((tx) => sweepRepo(tx, id, before));
  return removed;
}

async function sweepRepo(tx: Tx, repoId: string, before: Before): Promise<number> {
  const [repo] = await tx.select({ id: repos.id }).from(repos).where(eq(repos.id, repoId)).for("update");
  if (repo === undefined) return 0;
  // A commit that stays keeps all that are behind it, whatever their marks say.
  const gone = await tx.execute<{ id: string }>(sql`
    with recursive marked as (
      select g.id from ${garbage} g where g.kind = 'commit' and g.id like ${`${repoId} %`} and g.since < ${before}
    ), behind(repo_id, id) as (
      (${named([repoId])}
      union select c.repo_id, c.id from ${commits} c where c.repo_id = ${repoId}
        and not exists (select 1 from marked m where m.id = c.repo_id || ' ' || c.id))
      union
      select c.repo_id, unnest(c.parents) from behind b join ${commits} c on c.repo_id = b.repo_id and c.id = b.id
    ), gone as (
      delete from ${commits} c where c.repo_id = ${repoId} and not exists (select 1 from behind b where b.id = c.id)
      returning c.id
    ), figures as (
      delete from ${evaluations} e using gone where e.repo_id = ${repoId} and e.commit_id = gone.id
    ), unmarked as (
      delete from ${garbage} g using marked m where g.kind = 'commit' and g.id = m.id
    )
    select id from gone`);
  return gone.length;
}

/** Walks from all commits of all repositories to every folder and content, by a table: there may be millions. */
async function noteReached({ db }: Pick<Store, "db">, run: string): Promise<void> {
  for (let [repoId, id] = ["00000000-0000-0000-0000-000000000000", ""]; ; ) {
    const [last] = await db.execute<{ repo_id: string; id: string }>(sql`
      with piece as (
        select c.repo_id, c.id, c.tree_id from ${commits} c where (c.repo_id, c.id) > (${repoId}::uuid, ${id})
        order by c.repo_id, c.id limit ${AT_ONCE.rows}
      ), noted as (
        insert into ${reached} (run, kind, id, open) select distinct ${run}::uuid, 'tree', tree_id, true from piece
        on conflict do nothing
      )
      select repo_id, id from piece order by repo_id desc, id desc limit 1`);
    if (last === undefined) break;
    [repoId, id] = [last.repo_id, last.id];
  }
  while (await passOver({ db }, run)) {
    // What a pass found before the place where it was is for the next.
  }
}

/** Notes what lies in the folders that are open, in the order of their ids: closed ones are not gone over again. False when none was. */
async function passOver({ db }: Pick<Store, "db">, run: string): Promise<boolean> {
  for (let [after, pieces] = ["", 0]; ; pieces++) {
    // The table was empty, and plans are made for what it was.
    if (pieces % 200 === 0) await db.execute(sql`analyze ${reached}`);
    const [row]: { last: string | null }[] = await db.execute<{ last: string | null }>(sql`
      with piece as (
        select r.id from ${reached} r where r.run = ${run} and r.open and r.id > ${after}
        order by r.id limit ${AT_ONCE.folders}
      ), closed as (
        update ${reached} r set open = false from piece where r.run = ${run} and r.kind = 'tree' and r.id = piece.id
      ), noted as (
        insert into ${reached} (run, kind, id, open)
        select distinct ${run}::uuid, case e->>'kind' when 'directory' then 'tree' else 'content' end, e->>'id',
          e->>'kind' = 'directory'
        from ${trees} t join piece on piece.id = t.id cross join lateral jsonb_array_elements(t.entries) e
        on conflict do nothing
      )
      select max(id) as last from piece`);
    if (row?.last == null) return after !== "";
    after = row.last;
  }
}

const TABLES = { tree: trees, content: contents } as const;
type Shared = keyof typeof TABLES;

async function mark({ db }: Pick<Store, "db">, run: string, kind: Shared): Promise<void> {
  for (let after: string | null = ""; after !== null; ) {
    const [row]: { last: string | null }[] = await db.execute<{ last: string | null }>(sql`
      with piece as (
        select o.id, exists (select 1 from ${reached} r where r.run = ${run} and r.kind = ${kind} and r.id = o.id) as named
        from ${TABLES[kind]} o where o.id > ${after} order by o.id limit ${AT_ONCE.rows}
      ), kept as (
        delete from ${garbage} g using piece where g.kind = ${kind} and g.id = piece.id and piece.named
      ), marked as (
        insert into ${garbage} (kind, id, since)
        select ${kind}, id, now() from piece where not named and id <> ${EMPTY_TREE} on conflict do nothing
      )
      select max(id) as last from piece`);
    after = row?.last ?? null;
  }
}

/** Rows that somebody is deleting, to name the thing, are his. */
async function sweep({ db }: Pick<Store, "db">, kind: Shared, before: Before): Promise<number> {
  const table = TABLES[kind];
  for (let removed = 0; ; ) {
    const count = await db.transaction(async (tx) => {
      const waiting = await tx
        .select({ id: garbage.id })
        .from(garbage)
        .where(and(eq(garbage.kind, kind), lt(garbage.since, before)))
        .limit(AT_ONCE.removed)
        .for("update", { skipLocked: true });
      const ids = waiting.map(({ id }) => id);
      if (ids.length === 0) return 0;
      await tx.delete(garbage).where(and(eq(garbage.kind, kind), inArray(garbage.id, ids)));
      await tx.delete(table).where(inArray(table.id, ids));
      return ids.length;
    });
    if (count === 0) return removed;
    removed += count;
  }
}

/** A piece at a time: the notes of a run, and those of runs that were cut off. */
async function forget({ db }: Pick<Store, "db">, run: string): Promise<void> {
  for (;;) {
    const gone = await db.execute<{ id: string }>(sql`
      delete from ${reached} where ctid = any(array(
        select r.ctid from ${reached} r where r.run = ${run} or r.since < now() - ${LEFT_MS} * interval '1 millisecond'
        limit ${AT_ONCE.rows}))
      returning 1`);
    if (gone.length === 0) return;
  }
}
