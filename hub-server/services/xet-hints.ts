// What an upload is likely made of, for a client that asks for a chunk nobody has: the beginning of a model that was tuned is new, and
// clients ask for few other chunks. Told are the xorbs of what its user read or wrote lately, and of the newest files of the repository.
// Kept in memory, for speed alone: an answer of nothing is always right.
import { desc, eq, inArray } from "drizzle-orm";
import type { Context, Store } from "../context.ts";
import { xetFiles, xetFileXorbs } from "../db/schema/xet.ts";
import { lfsObjects } from "../db/schema.ts";
import type { XetGrant } from "./xet-tokens.ts";

const MOST_USERS = 1000;
const MOST_FILES = 4;
/** Tokens that were told of something: once is enough, an upload of a thousand files asks a thousand times. */
const MOST_TOKENS = 1000;

interface Known {
  /** Hashes of files by their user, the latest last. */
  files: Map<string, string[]>;
  told: Set<string>;
}

const known = new WeakMap<Store["db"], Known>();

function knownOf({ db }: Pick<Store, "db">): Known {
  const found = known.get(db) ?? { files: new Map(), told: new Set() };
  known.set(db, found);
  return found;
}

/** Puts it last, and lets the first one go where there are too many. */
function putLast<Key>(all: { delete(key: Key): boolean; size: number; keys(): Iterator<Key> }, key: Key, most: number) {
  all.delete(key);
  if (all.size < most) return;
  const { value, done } = all.keys().next();
  if (done !== true) all.delete(value);
}

/** Notes that a user read or wrote files. */
export function noteFiles(ctx: Context, { userId }: XetGrant, hashes: readonly string[]): void {
  if (userId === undefined) return;
  const { files } = knownOf(ctx);
  const before = files.get(userId)?.filter((hash) => !hashes.includes(hash)) ?? [];
  putLast(files, userId, MOST_USERS);
  files.set(userId, [...before, ...hashes].slice(-MOST_FILES));
}

/** Names of xorbs that what comes with this token may have chunks of, once for each token. */
export async function likelyXorbs(ctx: Context, grant: XetGrant, most: number): Promise<string[]> {
  const { files, told } = knownOf(ctx);
  const token = `${grant.by ?? grant.userId} ${grant.repoId} ${grant.expires}`;
  if (grant.userId === undefined || told.has(token)) return [];
  putLast(told, token, MOST_TOKENS);
  told.add(token);
  const lately = files.get(grant.userId) ?? [];
  const hashes = [...new Set([...lately.toReversed(), ...(grant.content ? await newestFiles(ctx, grant.repoId) : [])])];
  if (hashes.length === 0) return [];
  const rows = await ctx.db
    .select({ file: xetFileXorbs.file, xorb: xetFileXorbs.xorb })
    .from(xetFileXorbs)
    .where(inArray(xetFileXorbs.file, hashes))
    .limit(MOST_FILES * 2 * most);
  rows.sort((a, b) => hashes.indexOf(a.file) - hashes.indexOf(b.file));
  return [...new Set(rows.map(({ xorb }) => xorb))].slice(0, most);
}

async function newestFiles({ db }: Context, repoId: string): Promise<string[]> {
  const rows = await db
    .select({ hash: xetFiles.hash })
    .from(xetFiles)
    .innerJoin(lfsObjects, eq(lfsObjects.sha256, xetFiles.sha256))
    .where(eq(lfsObjects.repoId, repoId))
    .orderBy(desc(xetFiles.createdAt))
    .limit(MOST_FILES);
  return rows.map(({ hash }) => hash);
}
