// How common words are among what repositories are found by, as Postgres itself has counted in a sample (ANALYZE). An index
// gives all places of a word at once: of a search for "bert" and a rare word only the rare one is worth asking it for.
import { sql } from "drizzle-orm";
import type { Context } from "../context.ts";
import type { Db } from "../db/client.ts";

type Column = "names" | "document";

/** How many of a thousand repositories have a word: by column, the words that some have. */
type Common = ReadonlyMap<Column, readonly { word: string; part: number }[]>;

export interface Words {
  column: Column;
  /** Words that the index is asked for. */
  indexed: string;
  /** The others: what the index finds is looked through for them. */
  rest: string | undefined;
  /** Whether few have all the words. */
  rare: boolean;
}

/** A word that fewer have is rare. */
const RARE = 0.005;
const KEPT_MS = 10 * 60_000;
const kept = new WeakMap<Db, { until: number; common: Promise<Common> }>();

async function read(db: Db): Promise<Common> {
  const rows = await db.execute<{ column: Column; words: string[]; parts: number[] }>(sql`
    select attname as column, most_common_elems::text::text[] as words, most_common_elem_freqs as parts from pg_stats
    where schemaname = current_schema() and tablename = 'repo_index' and attname in ('names', 'document')
      and most_common_elems is not null`);
  return new Map(
    rows.map(({ column, words, parts }) => [column, words.map((word, at) => ({ word, part: parts[at] ?? 0 }))]),
  );
}

/** Divides the words of a query (searchQuery) into those to ask the index for and the rest. */
export async function divideWords({ db }: Pick<Context, "db">, query: string, column: Column): Promise<Words> {
  const known = kept.get(db);
  const entry =
    known !== undefined && known.until > Date.now() ? known : { until: Date.now() + KEPT_MS, common: read(db) };
  if (entry !== known) {
    kept.set(db, entry);
    entry.common.catch(() => kept.delete(db));
  }
  return { column, ...divide(query, (await entry.common).get(column) ?? []) };
}

/** Without statistics all words are taken for rare ones. */
export function divide(query: string, common: readonly { word: string; part: number }[]): Omit<Words, "column"> {
  const words = query.split(" & ").map((text) => ({ text, part: partOf(text, common) }));
  const rare = words.filter(({ part }) => part <= RARE);
  const together = (chosen: readonly { text: string }[]) => chosen.map(({ text }) => text).join(" & ");
  if (rare.length === 0 || rare.length === words.length)
    return { indexed: query, rest: undefined, rare: rare.length > 0 };
  return { indexed: together(rare), rest: together(words.filter(({ part }) => part > RARE)), rare: true };
}

/** What part of all has a word of a query, or one that begins so. */
function partOf(text: string, common: readonly { word: string; part: number }[]): number {
  const [, word = "", begins] = /^'(.*)'(:\*)?$/.exec(text) ?? [];
  const fits = (other: string) => (begins === undefined ? other === word : other.startsWith(word));
  return common.reduce((sum, { word: other, part }) => (fits(other) ? sum + part : sum), 0);
}
