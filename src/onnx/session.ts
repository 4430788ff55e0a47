// Structural key → session: compiled once, kept while its bytes fit the budget, released when cold.
// Knows nothing of building graphs.
import type { Session, SessionOptions } from "./runtime.ts";

/** Below this many multiply-adds a second thread costs more than it gives. */
const ONE_THREAD_FLOPS = 1_000_000;
/** What cached sessions may hold together, in estimated bytes of their arenas and constants. */
const BYTE_BUDGET = 1024 ** 3;
/** A session whose intermediates exceed this runs without an arena: slower, but it gives the memory back. */
const ARENA_LIMIT = BYTE_BUDGET / 2;
const MOST_SESSIONS = 500;

interface Entry {
  session: Session;
  bytes: number;
}

const sessions = new Map<string, Entry>();
let held = 0;
export const sessionStats = { compiled: 0, reused: 0, runs: 0, released: 0 };

/** The session of a key, compiled by `compile` the first time. The most recently used stays longest. */
export function cachedSession(key: string, bytes: number, compile: () => Session): Session {
  const known = sessions.get(key);
  if (known !== undefined) {
    sessions.delete(key);
    sessions.set(key, known);
    sessionStats.reused++;
    return known.session;
  }
  const session = compile();
  sessionStats.compiled++;
  sessions.set(key, { session, bytes });
  held += bytes;
  evict(key);
  return session;
}

function evict(keep: string): void {
  for (const [key, entry] of sessions) {
    if (held <= BYTE_BUDGET && sessions.size <= MOST_SESSIONS) return;
    if (key === keep) continue;
    sessions.delete(key);
    held -= entry.bytes;
    entry.session.release();
    sessionStats.released++;
  }
}

/** Releases every cached session. */
export function clearSessions(): void {
  for (const { session } of sessions.values()) session.release();
  sessionStats.released += sessions.size;
  sessions.clear();
  held = 0;
}

export function sessionOptions(
  device: string,
  flops: number,
  bytes: number,
  threads: number | undefined,
): SessionOptions {
  const options: SessionOptions = {
    intraOpNumThreads: threads ?? (flops < ONE_THREAD_FLOPS ? 1 : 0),
    interOpNumThreads: 1,
    enableCpuMemArena: bytes < ARENA_LIMIT,
    enableMemPattern: true,
    graphOptimizationLevel: "all",
    // A spinning pool keeps a core busy after each run and makes releasing sessions slow.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  };
  if (device !== "cpu") options.executionProviders = [device, "cpu"];
  return options;
}
