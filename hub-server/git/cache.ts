// git over repositories that live in Postgres: a bare repository for each, made from rows when somebody asks and brought up to date
// before each answer; it may be thrown away at any time. The only file that starts git; knows neither tables nor who may do what.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, rename, rm } from "node:fs/promises";
import { devNull } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ServiceError } from "../errors.ts";
import { Turns } from "../in-turn.ts";
import { CatFile, type ObjectFacts, type ReadObject } from "./cat-file.ts";
import { GitFailed } from "./failed.ts";
import {
  type GitRef,
  longestUnused,
  packedRefs,
  packsOf,
  prepareFolder,
  readRefs,
  removeUnfinished,
  touch,
  writeRefs,
} from "./folder.ts";
import { GitLease } from "./lease.ts";
import { type PackObject, writePack } from "./pack.ts";
import { Slots } from "./slots.ts";

export type { GitRef } from "./folder.ts";

/** What the database says of one repository. */
export interface GitRows {
  refs(): Promise<readonly GitRef[]>;
  /** What the refs need and the cache lacks. `known` names commits that are there; `present` tells which of some objects are. */
  missing(
    refs: readonly GitRef[],
    known: readonly string[],
    present: (ids: readonly string[]) => Promise<ReadonlySet<string>>,
  ): Promise<{ count: number; objects: AsyncIterable<PackObject> }>;
}

/** A pack that git unpacked beside a repository, and that nobody else sees. */
export interface Quarantine {
  objects: ReadonlyMap<string, ObjectFacts>;
  read(ids: readonly string[]): AsyncGenerator<ReadObject>;
}

/** Who wants something of git, and until when. */
export interface GitCall {
  /** One caller has a share of what may be done at once, and never all of it. */
  caller: string;
  signal: AbortSignal;
}

export interface GitOptions {
  /** Folder of its own: no other process works in it. */
  folder: string;
  /** Search path for git. */
  path: string;
  /** Bytes that all repositories may take together. */
  limit?: number;
  /** Clones and pushes at once. */
  atOnce?: number;
}

const GIB = 1024 ** 3;
/** Packs of one repository that are joined into one when there are more: each fetch looks into all of them. */
const MOST_PACKS = 40;
/** A process that runs longer has lost its way, or its reader. */
const LONGEST_MS = 3600_000;
/** Bytes of what a process says about its failure that are kept. */
const STDERR = 8192;
type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** A git process. */
export interface Running {
  child: Child;
  /** Resolves when it ended well. */
  ended: Promise<void>;
}

export class GitCache {
  readonly #root: string;
  readonly #path: string;
  readonly #limit: number;
  readonly #turns = new Turns();
  readonly #slots: Slots;
  readonly #running = new Set<Child>();
  /** How many work with a repository now. */
  readonly #users = new Map<string, number>();
  /** Looked at since this process began. */
  readonly #seen = new Set<string>();
  #version: Promise<string | undefined> | undefined;

  private constructor({ folder, path, limit = 10 * GIB, atOnce = 12 }: GitOptions) {
    this.#root = folder;
    this.#path = path;
    this.#limit = limit;
    this.#slots = new Slots(atOnce);
  }

  /** Opens a folder; what a process that died left unfinished is removed. */
  static async open(options: GitOptions): Promise<GitCache> {
    const cache = new GitCache(options);
    await rm(cache.incoming, { recursive: true, force: true });
    await mkdir(cache.incoming, { recursive: true });
    await mkdir(cache.repositories, { recursive: true });
    return cache;
  }

  get incoming(): string {
    return join(this.#root, "incoming");
  }

  get repositories(): string {
    return join(this.#root, "repositories");
  }

  folderOf(repoId: string): string {
    return join(this.repositories, repoId);
  }

  /** @throws ServiceError 501 where there is no git on this machine */
  async required(): Promise<void> {
    this.#version ??= this.run(["version"], this.#root, new AbortController().signal).then(
      (said) => said.toString("utf8").trim(),
      () => undefined,
    );
    if ((await this.#version) !== undefined) return;
    throw new ServiceError(501, "This hub cannot speak git: the program git is not installed where it runs.", {
      code: "GIT_NOT_INSTALLED",
      hint: "Whoever runs it can install git and start it again. Files can be read and committed over the API meanwhile.",
    });
  }

  /** Work with one repository: a slot, and its folder kept until `release`. */
  async lease(repoId: string, { caller, signal }: GitCall): Promise<GitLease> {
    await this.required();
    const giveBack = await this.#slots.take(caller, signal);
    this.#users.set(repoId, (this.#users.get(repoId) ?? 0) + 1);
    return new GitLease(this, repoId, signal, () => {
      giveBack();
      const left = (this.#users.get(repoId) ?? 1) - 1;
      if (left > 0) this.#users.set(repoId, left);
      else this.#users.delete(repoId);
    });
  }

  /** Brings a repository up to what the database says, unless it is already. */
  sync(repoId: string, rows: GitRows, signal: AbortSignal): Promise<void> {
    return this.#turns.run(repoId, async () => {
      signal.throwIfAborted();
      const folder = this.folderOf(repoId);
      if (!this.#seen.has(repoId)) await this.#inspect(repoId, signal);
      this.#seen.add(repoId);
      const refs = await rows.refs();
      const [now, before] = [packedRefs(refs), await readRefs(folder)];
      if (before.text !== now) {
        await prepareFolder(folder);
        await this.#fill(folder, refs, before.ids, rows, signal);
        await writeRefs(folder, now);
        await this.#tidy(repoId, signal);
      }
      await touch(folder);
    });
  }

  /** What an earlier process left: packs that it was writing go, and all of it where it lacks what it should have. */
  async #inspect(repoId: string, signal: AbortSignal): Promise<void> {
    const folder = this.folderOf(repoId);
    await removeUnfinished(folder);
    const ids = [...new Set((await readRefs(folder)).ids)];
    if (ids.length === 0) return;
    const present = await this.#present(folder, signal, (known) => known(ids));
    if (present.size < ids.length) await this.forget(repoId);
  }

  /** Work with a question that git answers: which of some objects are there. */
  async #present<Result>(
    folder: string,
    signal: AbortSignal,
    work: (present: (ids: readonly string[]) => Promise<Set<string>>) => Promise<Result>,
  ): Promise<Result> {
    const check = this.start(["cat-file", "--batch-check"], folder, signal);
    const reader = new CatFile(check.child);
    try {
      return await work(async (ids) => {
        const found = new Set<string>();
        for await (const { id } of reader.facts(ids)) found.add(id);
        return found;
      });
    } finally {
      check.child.kill("SIGKILL");
    }
  }

  async #fill(folder: string, refs: readonly GitRef[], known: string[], rows: GitRows, signal: AbortSignal) {
    const isNew = (await packsOf(folder)).length === 0;
    const write = async (present: (ids: readonly string[]) => Promise<ReadonlySet<string>>) => {
      const { count, objects } = await rows.missing(refs, isNew ? [] : known, present);
      if (count > 0) await this.run(["index-pack", "--stdin"], folder, signal, writePack(count, objects));
    };
    if (isNew) await write(async () => new Set());
    else await this.#present(folder, signal, write);
  }

  /** Joins packs where there are many, and makes room where all repositories take too much. */
  async #tidy(repoId: string, signal: AbortSignal): Promise<void> {
    const folder = this.folderOf(repoId);
    if ((this.#users.get(repoId) ?? 0) <= 1 && (await packsOf(folder)).length > MOST_PACKS)
      await this.run(["repack", "-a", "-d", "-k", "-q"], folder, signal);
    for (const name of await longestUnused(this.repositories, this.#limit))
      if (!this.#users.has(name)) await this.forget(name);
  }

  /** A folder for what comes in; it goes with the work. */
  async withFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
    const folder = join(this.incoming, randomUUID());
    await mkdir(folder, { recursive: true });
    try {
      return await work(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Throws the folder of a repository away; the next who asks makes it anew. */
  async forget(repoId: string): Promise<void> {
    const aside = join(this.incoming, randomUUID());
    await rename(this.folderOf(repoId), aside).catch(() => {});
    await rm(aside, { recursive: true, force: true });
  }

  /** Ends what runs. */
  async close(): Promise<void> {
    const running = [...this.#running];
    for (const child of running) child.kill("SIGKILL");
    // By its event alone: one whose caller leaves now tells of an error first.
    const gone = (child: Child) => new Promise((resolve) => child.once("close", resolve));
    await Promise.all(running.map((child) => child.exitCode ?? child.signalCode ?? gone(child)));
  }

  /** Runs a command to its end; gives what it wrote. */
  async run(args: readonly string[], folder: string, signal: AbortSignal, input?: AsyncIterable<Uint8Array>) {
    const { child, ended } = this.start(args, folder, signal);
    const out: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    if (input === undefined) child.stdin.end();
    else {
      // What the source fails with is the reason; of a process that fails, its own words are.
      await pipeline(input, child.stdin).catch(async (error: unknown) => {
        child.kill("SIGKILL");
        const isPipe = error instanceof Error && "code" in error && /EPIPE|PREMATURE_CLOSE/.test(String(error.code));
        await ended.catch((failed: unknown) => {
          throw isPipe ? failed : error;
        });
      });
    }
    await ended;
    return Buffer.concat(out);
  }

  start(args: readonly string[], folder: string, signal: AbortSignal, extra: Record<string, string> = {}): Running {
    const child = spawn("git", ["-c", "safe.directory=*", ...args], {
      cwd: folder,
      env: {
        PATH: this.#path,
        HOME: this.#root,
        GIT_DIR: folder,
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_CONFIG_GLOBAL: devNull,
        GIT_TERMINAL_PROMPT: "0",
        LC_ALL: "C",
        ...extra,
      },
      stdio: ["pipe", "pipe", "pipe"],
      signal,
      timeout: LONGEST_MS,
      killSignal: "SIGKILL",
    });
    this.#running.add(child);
    child.stdin.on("error", () => {});
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = `${said}${text}`.slice(-STDERR);
    });
    const ended = new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        this.#running.delete(child);
        if (code === 0) resolve();
        else reject(signal.aborted ? signal.reason : new GitFailed(args[0] ?? "", code, said.trim()));
      });
    });
    ended.catch(() => {});
    return { child, ended };
  }
}
