// Counts downloads: one for each visitor, repository and minute, however many files they fetch. Notes are gathered in
// memory and written together every few seconds, so that no request waits for a write.
import { createHash } from "node:crypto";
import { inArray, lt, sql } from "drizzle-orm";
import { log } from "../../src/log.ts";
import type { Context, Store } from "../context.ts";
import type { Db } from "../db/client.ts";
import { inWords } from "../db/in-words.ts";
import { likes } from "../db/schema/accounts.ts";
import { downloadMarks, repoDownloads } from "../db/schema/repos.ts";
import { repos, settings } from "../db/schema.ts";
import type { Repo } from "./access.ts";

const FLUSH_MS = 5000;
/** So many notes are written without waiting. */
const MOST_WAITING = 20_000;
/** Marks are kept this long against the same visitor at another server process. */
const KEPT_MINUTES = 5;
const MONTH_DAYS = 30;
const WEEK_DAYS = 7;
/** A like is rarer than a download, and says more. */
const LIKE_WEIGHT = 10;

interface Mark {
  repoId: string;
  visitor: string;
  minute: number;
}

interface Waiting {
  marks: Map<string, Mark>;
  timer: NodeJS.Timeout | undefined;
  /** The day up to which the numbers of all repositories are right. */
  day: string | undefined;
}

const waiting = new WeakMap<Db, Waiting>();

function waitingOf({ db }: Pick<Store, "db">): Waiting {
  const known = waiting.get(db) ?? { marks: new Map(), timer: undefined, day: undefined };
  waiting.set(db, known);
  return known;
}

/** Notes that somebody fetches from a repository. Costs no write: what many requests note is written together. */
export function noteDownload(ctx: Context, repo: Pick<Repo, "id">, address: string): void {
  const minute = Math.floor(Date.now() / 60_000);
  const who = `${ctx.actor?.id ?? address} ${repo.id} ${minute}`;
  // No address is kept: the digest is another one in the next minute and for the next repository.
  const visitor = createHash("sha256").update(`${ctx.signingKey} ${who}`).digest("base64url").slice(0, 22);
  const state = waitingOf(ctx);
  state.marks.set(visitor, { repoId: repo.id, visitor, minute });
  const flush = () =>
    flushDownloads(ctx).catch((error: unknown) => log.warn(`Downloads were not counted: ${inWords(error)}`));
  if (state.marks.size >= MOST_WAITING) void flush();
  else state.timer ??= setTimeout(flush, FLUSH_MS).unref();
}

/** Writes what was noted. Of the same visitor at several processes the database keeps one. */
export async function flushDownloads(store: Pick<Store, "db">): Promise<void> {
  const state = waitingOf(store);
  clearTimeout(state.timer);
  state.timer = undefined;
  const marks = [...state.marks.values()];
  state.marks.clear();
  for (let at = 0; at < marks.length; at += 1000) await countMarks(store, marks.slice(at, at + 1000));
  const day = today();
  if (marks.length > 0 && state.day !== day) {
    await refreshNumbers(store);
    state.day = day;
  }
}

const today = (): string => new Date().toISOString().slice(0, 10);

async function countMarks({ db }: Pick<Store, "db">, marks: readonly Mark[]): Promise<void> {
  const minute = Math.floor(Date.now() / 60_000);
  await db.transaction(async (tx) => {
    // Locked, so that none of them is deleted meanwhile.
    const alive = await tx
      .select({ id: repos.id })
      .from(repos)
      .where(inArray(repos.id, [...new Set(marks.map(({ repoId }) => repoId))]))
      .orderBy(repos.id)
      .for("key share");
    const there = new Set(alive.map(({ id }) => id));
    // In one order everywhere: two processes that write at once do not wait for each other in a ring.
    const kept = marks.filter(({ repoId }) => there.has(repoId)).sort((a, b) => (a.visitor < b.visitor ? -1 : 1));
    if (kept.length === 0) return;
    const fresh = await tx
      .insert(downloadMarks)
      .values(kept)
      .onConflictDoNothing()
      .returning({ id: downloadMarks.repoId });
    const counts = new Map<string, number>();
    for (const { id } of fresh) counts.set(id, (counts.get(id) ?? 0) + 1);
    const rising = [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([repoId, count]) => ({ repoId, day: today(), count }));
    if (rising.length > 0) {
      await tx
        .insert(repoDownloads)
        .values(rising)
        .onConflictDoUpdate({
          target: [repoDownloads.repoId, repoDownloads.day],
          set: { count: sql`${repoDownloads.count} + excluded.count` },
        });
      const values = sql.join(
        rising.map(({ repoId, count }) => sql`(${repoId}::uuid, ${count}::int)`),
        sql`, `,
      );
      await tx.execute(sql`
        update ${repos} set downloads = downloads + new.count, downloads_all_time = downloads_all_time + new.count,
          trending_score = trending_score + new.count
        from (values ${values}) as new (id, count) where ${repos.id} = new.id`);
    }
    await tx.delete(downloadMarks).where(lt(downloadMarks.minute, minute - KEPT_MINUTES));
  });
}

/**
 * Once a day: downloads of the last 30 days, and what trends, for repositories whose numbers time has changed. The first
 * process that comes to a new day does it for all.
 */
export async function refreshNumbers({ db }: Pick<Store, "db">): Promise<void> {
  const value = today();
  await db.transaction(async (tx) => {
    const mine = await tx
      .insert(settings)
      .values({ key: "numbers_day", value })
      .onConflictDoUpdate({ target: settings.key, set: { value }, setWhere: sql`${settings.value} < ${value}` })
      .returning();
    if (mine.length === 0) return;
    await tx.delete(repoDownloads).where(lt(repoDownloads.day, sql`${value}::date - ${MONTH_DAYS}::int`));
    await tx.execute(sql`
      with counted as (
        select repo_id, sum(count)::int as month,
          sum(count) filter (where day > ${value}::date - ${WEEK_DAYS}::int)::int as week
        from ${repoDownloads} group by repo_id
      ), liked as (
        select repo_id, count(*) filter (where created_at > now() - ${MONTH_DAYS} * interval '1 day')::int as month,
          count(*) filter (where created_at > now() - ${WEEK_DAYS} * interval '1 day')::int as week
        from ${likes} group by repo_id
      ), numbers as (
        select r.id, coalesce(c.month, 0) as downloads, coalesce(l.month, 0) as likes,
          coalesce(c.week, 0) + ${LIKE_WEIGHT}::int * coalesce(l.week, 0) as trending
        from ${repos} r left join counted c on c.repo_id = r.id left join liked l on l.repo_id = r.id
      )
      update ${repos} set downloads = n.downloads, likes_30d = n.likes, trending_score = n.trending from numbers n
      where ${repos.id} = n.id and (${repos.downloads}, ${repos.likes30d}, ${repos.trendingScore})
        is distinct from (n.downloads, n.likes, n.trending)`);
  });
}
