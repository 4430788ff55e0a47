// Structural key → session: compiled once, kept while its bytes fit the budget, released when cold.
// Knows nothing of building graphs.
import { totalmem } from "node:os";
import type { Session, SessionOptions } from "./runtime.ts";

/** Below this many multiply-adds a second thread costs more than it gives. */
const ONE_THREAD_FLOPS = 1_000_000;
const MOST_SESSIONS = 500;
/** A session that was not asked for during this many others is cold: it is released to make room. */
const COLD_AFTER = 100;
/** An arena grows by doubling, and its blocks do not fit one another exactly. */
const ARENA_FACTOR = 1.5;

interface Entry {
  session: Session;
  bytes: number;
  lastUse: number;
}

export const sessionStats = { compiled: 0, reused: 0, runs: 0, released: 0 };

/** Sessions by key. Their arenas share one budget; one for which there is no room left runs without an arena. */
export class SessionCache {
  readonly budget: number;
  readonly #entries = new Map<string, Entry>();
  #held = 0;
  #uses = 0;

  constructor(budget: number) {
    this.budget = budget;
  }

  /** Estimated bytes of all arenas. */
  get held(): number {
    return this.#held;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * The session of a key, compiled the first time.
   *
   * @param bytes what its intermediate results need at one time
   * @param compile makes it, with an arena (faster) or without (gives its memory back after each run)
   */
  get(key: string, bytes: number, compile: (arena: boolean) => Session): Session {
    const lastUse = ++this.#uses;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, { ...known, lastUse });
      sessionStats.reused++;
      return known.session;
    }
    const wanted = bytes * ARENA_FACTOR;
    this.#makeRoom(wanted);
    const arena = this.#held + wanted <= this.budget;
    const session = compile(arena);
    sessionStats.compiled++;
    const entry = { session, bytes: arena ? wanted : 0, lastUse };
    this.#entries.set(key, entry);
    this.#held += entry.bytes;
    return session;
  }

  /** Releases every session. */
  clear(): void {
    for (const key of this.#entries.keys()) this.#release(key);
  }

  /** The coldest go first; those in use stay, as compiling again and again costs more than an arena gives. */
  #makeRoom(wanted: number): void {
    for (const [key, { lastUse }] of this.#entries) {
      const cold = this.#uses - lastUse > COLD_AFTER;
      const crowded = this.#entries.size >= MOST_SESSIONS;
      if (!crowded && !(cold && this.#held + wanted > this.budget)) return;
      this.#release(key);
    }
  }

  #release(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#held -= entry.bytes;
    entry.session.release();
    sessionStats.released++;
  }
}

/** A sixth of the memory that this process may use. */
function budgetOfMachine(): number {
  const constrained = process.constrainedMemory();
  return (constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()) / 6;
}

export const sessions: SessionCache = new SessionCache(budgetOfMachine());

/** Releases every cached session. */
export function clearSessions(): void {
  sessions.clear();
}

export function sessionOptions(device: string, flops: number, threads: number | undefined): SessionOptions {
  const options: SessionOptions = {
    intraOpNumThreads: threads ?? (flops < ONE_THREAD_FLOPS ? 1 : 0),
    interOpNumThreads: 1,
    // One planned block for all results would come on top of the arena of the first run, and is no faster.
    enableMemPattern: false,
    graphOptimizationLevel: "all",
    // Threads spin between the kernels of a run, which takes a sixth off a small step, and sleep after it: a pool that
    // spins on keeps a core busy and makes releasing sessions slow.
    extra: { session: { intra_op: { allow_spinning: "1" }, force_spinning_stop: "1" } },
  };
  if (device !== "cpu") options.executionProviders = [device, "cpu"];
  return options;
}
