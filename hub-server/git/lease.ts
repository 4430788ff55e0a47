// Work with one cached repository, for one caller: what git is asked while the folder is kept for it.
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { log } from "../../src/log.ts";
import { ServiceError } from "../errors.ts";
import type { GitCache, GitRows, Quarantine, Running } from "./cache.ts";
import { CatFile, type ObjectFacts } from "./cat-file.ts";
import { DAMAGED, firstError, GitFailed, refused } from "./failed.ts";
import { idsOfIndex, packsOf, prepareFolder, readRefs } from "./folder.ts";
import { packRefused } from "./pack.ts";

export class GitLease {
  readonly #cache: GitCache;
  readonly #repoId: string;
  readonly #signal: AbortSignal;
  readonly #done: () => void;
  #reader: Running | undefined;

  constructor(cache: GitCache, repoId: string, signal: AbortSignal, done: () => void) {
    this.#cache = cache;
    this.#repoId = repoId;
    this.#signal = signal;
    this.#done = done;
  }

  sync(rows: GitRows): Promise<void> {
    return this.#cache.sync(this.#repoId, rows, this.#signal);
  }

  /** What `git upload-pack` answers to a request, as it comes; the lease ends with it. */
  async uploadPack({
    protocol,
    advertise,
    input,
  }: {
    protocol: string | undefined;
    advertise: boolean;
    input?: AsyncIterable<Uint8Array>;
  }): Promise<Readable> {
    const folder = this.#cache.folderOf(this.#repoId);
    const args = ["upload-pack", "--stateless-rpc", "--timeout=300", ...(advertise ? ["--advertise-refs"] : []), "."];
    const extra: Record<string, string> = protocol === undefined ? {} : { GIT_PROTOCOL: protocol };
    const { child, ended } = this.#cache.start(args, folder, this.#signal, extra);
    if (input === undefined) child.stdin.end();
    // What a process that fails did not read is nobody's loss; its own words say why.
    else pipeline(input, child.stdin).catch(() => child.stdin.destroy());
    const outcome = this.#outcome(ended);
    outcome.catch(() => {}).finally(() => this.release());
    // An answer that never begins is an error that can be told still.
    if (child.stdout.readableLength === 0 && !child.stdout.readableEnded)
      await Promise.race([once(child.stdout, "readable"), outcome]);
    if (child.stdout.readableLength === 0) await outcome;
    return child.stdout;
  }

  /**
   * A whole conversation with `git upload-pack`, as over SSH: it ends with one of both sides, and the lease with it.
   *
   * @throws ServiceError 400 in git's words where it refuses, 503 where the cache was damaged and is made anew
   */
  async converse(protocol: string | undefined, input: AsyncIterable<Uint8Array>, output: Writable): Promise<void> {
    const folder = this.#cache.folderOf(this.#repoId);
    const extra: Record<string, string> = protocol === undefined ? {} : { GIT_PROTOCOL: protocol };
    const { child, ended } = this.#cache.start(["upload-pack", "--timeout=300", "."], folder, this.#signal, extra);
    pipeline(input, child.stdin).catch(() => child.stdin.destroy());
    try {
      await pipeline(child.stdout, output, { end: false });
      await this.#outcome(ended);
    } finally {
      child.kill("SIGKILL");
      this.release();
    }
  }

  /** How git ended; a cache that lacks what it should have is thrown away. */
  #outcome(ended: Promise<void>): Promise<void> {
    return ended.catch(async (error: unknown) => {
      if (!(error instanceof GitFailed) || error.killed) throw error;
      if (!DAMAGED.test(error.said) && !(await this.#lacksRef(error.said))) throw refused(error);
      log.warn(`The git cache of ${this.#repoId} is made anew: ${error.said}`);
      await this.#cache.forget(this.#repoId);
      throw new ServiceError(503, "The repository is made ready for git anew.", {
        code: "GIT_CACHE",
        hint: "Try again.",
        headers: { "Retry-After": "1" },
      });
    });
  }

  /** Whether git does not find what one of its own refs names. */
  async #lacksRef(said: string): Promise<boolean> {
    const [, id] = /not our ref ([0-9a-f]{40})/.exec(said) ?? [];
    return id !== undefined && (await readRefs(this.#cache.folderOf(this.#repoId))).ids.includes(id);
  }

  /**
   * Has git unpack a pack beside the repository, in a folder that nobody else looks into.
   *
   * @throws ServiceError 400 with git's words for a pack that it refuses
   */
  async unpack(pack: string, folder: string): Promise<Quarantine> {
    await prepareFolder(folder, join(this.#cache.folderOf(this.#repoId), "objects"));
    const args = ["index-pack", "--stdin", "--fix-thin", "--strict"];
    await this.#cache.run(args, folder, this.#signal, createReadStream(pack)).catch((error: unknown) => {
      if (!(error instanceof GitFailed) || error.killed) throw error;
      throw packRefused(`git refuses what was pushed: ${firstError(error)}.`, "Look at it with git fsck.");
    });
    const [index] = await packsOf(folder);
    const ids = index === undefined ? [] : idsOfIndex(await readFile(index));
    const objects = new Map<string, ObjectFacts>();
    const check = this.#cache.start(["cat-file", "--batch-check"], folder, this.#signal);
    try {
      for await (const facts of new CatFile(check.child).facts(ids)) objects.set(facts.id, facts);
      check.child.stdin.end();
      await check.ended;
    } finally {
      // Nobody asks it anything more, however this ends.
      check.child.kill("SIGKILL");
    }
    this.#reader = this.#cache.start(["cat-file", "--batch"], folder, this.#signal);
    const reader = new CatFile(this.#reader.child);
    return { objects, read: (wanted) => reader.read(wanted) };
  }

  release(): void {
    this.#reader?.child.kill("SIGKILL");
    this.#done();
  }
}
