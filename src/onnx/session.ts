// Structural key → session: compiled once, kept while its bytes fit the budget, released when cold.
// Knows nothing of building graphs.
import { availableParallelism, totalmem } from "node:os";
import { AbrazoError } from "../errors.ts";
import { optionsOf } from "../options.ts";
import type { Session, SessionOptions } from "./runtime.ts";

/** Below this many multiply-adds a second thread costs more than it gives. */
const ONE_THREAD_FLOPS = 1_000_000;
const MOST_SESSIONS = 500;
/** A session that was not asked for during this many others is cold: it is released to make room. */
const COLD_AFTER = 100;
/** An arena grows by doubling, and its blocks do not fit one another exactly. */
const ARENA_FACTOR = 1.5;
/** What a session takes besides, measured on graphs of a few nodes. */
const SESSION_BYTES = 150_000;
/** Threads of all pools together, or eight pools where cores are many. A pool has one a core, less the thread that runs. */
const MOST_THREADS = 40;
const MOST_POOLS = 8;

interface Entry {
  session: Session;
  bytes: number;
  threads: number;
  lastUse: number;
}

/** What a session may have of what all share. */
export interface Grant {
  /** Memory of its own (faster), or memory that it gives back after each run. */
  arena: boolean;
  /** 1, or undefined for one a core. */
  threads: 1 | undefined;
}

/** What a session would like. */
export interface Demand {
  /** What its intermediate results need at one time. */
  bytes: number;
  isLarge: boolean;
  compile(grant: Grant): Session;
}

/** How many sessions were compiled, used again, run and released since the process began. */
export const sessionStats = { compiled: 0, reused: 0, runs: 0, released: 0 };

/** Sessions by key. Arenas and threads share a budget each: a session for which nothing is left runs without. */
export class SessionCache {
  /** Bytes that arenas and sessions may take together. */
  budget: number;
  readonly #entries = new Map<string, Entry>();
  readonly #pool: number;
  readonly #mostThreads: number;
  #held = 0;
  #threads = 0;
  #uses = 0;

  constructor(budget: number, cores: number = availableParallelism()) {
    this.budget = budget;
    this.#pool = cores - 1;
    this.#mostThreads = Math.max(MOST_THREADS, MOST_POOLS * this.#pool);
  }

  /** Estimated bytes of all sessions and their arenas. */
  get held(): number {
    return this.#held;
  }

  /** Threads of all pools. */
  get threads(): number {
    return this.#threads;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The session of a key, compiled the first time. */
  get(key: string, demand: Demand): Session {
    const lastUse = ++this.#uses;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      known.lastUse = lastUse;
      this.#entries.set(key, known);
      sessionStats.reused++;
      return known.session;
    }
    const bytes = demand.bytes * ARENA_FACTOR;
    const threads = demand.isLarge ? this.#pool : 0;
    this.#makeRoom(bytes, threads);
    const arena = this.#held + SESSION_BYTES + bytes <= this.budget;
    const pooled = this.#threads + threads <= this.#mostThreads;
    const session = demand.compile({ arena, threads: threads > 0 && pooled ? undefined : 1 });
    sessionStats.compiled++;
    const entry = { session, bytes: SESSION_BYTES + (arena ? bytes : 0), threads: pooled ? threads : 0, lastUse };
    this.#entries.set(key, entry);
    this.#held += entry.bytes;
    this.#threads += entry.threads;
    return session;
  }

  /** Releases every session. */
  clear(): void {
    for (const key of this.#entries.keys()) this.#release(key);
  }

  /** The coldest go first; those in use stay, as compiling again and again costs more than an arena or a thread gives. */
  #makeRoom(bytes: number, threads: number): void {
    for (const [key, { lastUse }] of this.#entries) {
      const cold = this.#uses - lastUse > COLD_AFTER;
      const crowded = this.#entries.size >= MOST_SESSIONS;
      const scarce = this.#held + SESSION_BYTES + bytes > this.budget || this.#threads + threads > this.#mostThreads;
      if (!crowded && !(cold && scarce)) return;
      this.#release(key);
    }
  }

  #release(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#held -= entry.bytes;
    this.#threads -= entry.threads;
    entry.session.release();
    sessionStats.released++;
  }
}

/** A sixth of the memory that this process may use. */
function budgetOfMachine(): number {
  const constrained = process.constrainedMemory();
  return (constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()) / 6;
}

const sessionsOptions = optionsOf<{ memory: number }>({ memory: "required" });

export const sessions: SessionCache = new SessionCache(budgetOfMachine());

/**
 * Sets how much memory compiled graphs may keep for their intermediate results, in bytes; a sixth of the machine's when never
 * set. Beyond it cold ones are released, and others run without memory of their own, which is slower. On Linux the process
 * gives freed memory back to the system at once where MALLOC_MMAP_THRESHOLD_=131072 is in its environment.
 *
 * @example
 * ```ts
 * configureSessions({ memory: 512 * 1024 ** 2 });
 * configureSessions({ memory: -1 }); // throws The memory of sessions has to be 0 bytes or more, but got -1.
 * ```
 */
export function configureSessions(options: { memory: number }): void {
  const { memory } = sessionsOptions("configureSessions", options);
  if (!(memory >= 0)) {
    throw new AbrazoError({
      code: "SESSION_MEMORY",
      message: `The memory of sessions has to be 0 bytes or more, but got ${memory}.`,
      hint: "Give a number of bytes, e.g. 512 * 1024 ** 2.",
    });
  }
  sessions.budget = memory;
}

/**
 * Releases every cached session.
 *
 * @example
 * ```ts
 * ones([2]).add(1).tolistSync();
 * clearSessions();
 * sessionStats.released > 0; // true
 * ```
 */
export function clearSessions(): void {
  sessions.clear();
}

/** Whether a graph of so many multiply-adds is worth a second thread. */
export function isLarge(flops: number): boolean {
  return flops >= ONE_THREAD_FLOPS;
}

export function sessionOptions(device: string, flops: number, threads: number | undefined): SessionOptions {
  const options: SessionOptions = {
    intraOpNumThreads: threads ?? (isLarge(flops) ? 0 : 1),
    interOpNumThreads: 1,
    // One planned block for all results would come on top of the arena of the first run, and is no faster.
    enableMemPattern: false,
    graphOptimizationLevel: "all",
    // Threads spin between the kernels of a run, which takes a sixth off a small step, and sleep after it: a pool that
    // spins on keeps a core busy and makes releasing sessions slow.
    extra: { session: { intra_op: { allow_spinning: "1" }, force_spinning_stop: "1" } },
  };
  if (device !== "cpu") options.executionProviders = [device, "cpu"];
  // A submission costs as much as several kernels: 16 at a time, as it is by itself, keep a fast GPU waiting.
  if (device === "webgpu")
    options.extra = { ...options.extra, ep: { webgpuexecutionprovider: { maxNumPendingDispatches: "256" } } };
  return options;
}
