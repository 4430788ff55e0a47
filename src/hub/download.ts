// Files of a hub → blobs on disk, several at once: each goes on where an earlier try stopped, in chunks where the hub has it so, and is
// renamed once size and hash are right.
// Knows no layout of a cache.
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { objectHash } from "../io/git-objects.ts";
import { log, reportProgress } from "../log.ts";
import { type RemoteEntry, resolvePath } from "./client.ts";
import { officialClient } from "./official.ts";
import { fullName, type RepoId } from "./repo-id.ts";
import { fetchFor, type HubAccess, HubError, Patience, request } from "./request.ts";
import { usesXet } from "./settings.ts";

/** Whether a blob is there in its full size; its hash was checked when it was written. */
export async function hasBlob(blob: string, size: number): Promise<boolean> {
  const found = await stat(blob).catch(() => undefined);
  return found?.isFile() === true && found.size === size;
}

/** Files on their way at once. */
const AT_ONCE = 4;
/** From this size on a file is fetched in chunks where the hub has it so. */
const CHUNKED_BYTES = 16 * 1024 * 1024;

/** The download of several files, told as one. */
export class Transfer {
  readonly #access: HubAccess;
  readonly #id: RepoId;
  readonly #commit: string;
  readonly #total: number;
  readonly #at = new Map<RemoteEntry, number>();
  #loaded = 0;
  #fetched = 0;

  constructor(access: HubAccess, id: RepoId, commit: string, files: readonly RemoteEntry[]) {
    [this.#access, this.#id, this.#commit] = [access, id, commit];
    this.#total = files.reduce((sum, { size }) => sum + size, 0);
    if (files.length > 0) this.#report(0);
  }

  /** Bytes that came over the wire: not those that an earlier try had left. */
  get fetched(): number {
    return this.#fetched;
  }

  end(): void {
    if (this.#total > 0) this.#report(this.#total, true);
  }

  #report(loaded: number, done = false): void {
    reportProgress({ task: `download ${fullName(this.#id)}`, loaded, total: this.#total, unit: "bytes", done });
  }

  /** How much of a file is there. More than it has is judged later, as too long. */
  #reached(file: RemoteEntry, bytes: number): void {
    const now = Math.min(bytes, file.size);
    const before = this.#at.get(file) ?? 0;
    // What had to begin anew is not told as a step back.
    if (now <= before) return;
    this.#loaded += now - before;
    this.#at.set(file, now);
    this.#report(this.#loaded);
  }

  /** Fetches files to the blobs that they are named after. The first failure is told once the others have come to their end. */
  async fetchAll(files: readonly RemoteEntry[], blobOf: (file: RemoteEntry) => string): Promise<void> {
    const left = [...files];
    const failures: unknown[] = [];
    const work = async () => {
      for (let file = left.shift(); file !== undefined && failures.length === 0; file = left.shift()) {
        await this.#fetch(file, blobOf(file)).catch((error: unknown) => failures.push(error));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (failures.length > 0) throw failures[0];
  }

  async #fetch(file: RemoteEntry, blob: string): Promise<void> {
    // Two paths of one content are one blob.
    if (await hasBlob(blob, file.size)) return this.#reached(file, file.size);
    await mkdir(dirname(blob), { recursive: true });
    const part = await claimPart(blob);
    try {
      const resumed = await this.#receive(file, part);
      if (await isRight(part, file)) await rename(part, blob);
      else if (resumed) await this.#again(file, part, blob);
      else throw await damaged(part, file);
    } finally {
      release(part);
    }
    this.#reached(file, file.size);
  }

  /** What an earlier try left may have been the wrong half. */
  async #again(file: RemoteEntry, part: string, blob: string): Promise<void> {
    await rm(part, { force: true });
    await this.#receive(file, part);
    if (!(await isRight(part, file))) throw await damaged(part, file);
    await rename(part, blob);
  }

  /** Brings what the part lacks; returns whether it held something before. */
  async #receive(file: RemoteEntry, part: string): Promise<boolean> {
    const held = await sizeOf(part);
    const isResumed = held > 0 && held < file.size;
    const isChunked = usesXet() && file.xetHash != null && file.size >= CHUNKED_BYTES;
    if (isChunked && held < file.size && (await this.#receiveChunks(file, part, held))) return isResumed;
    const reached = await sizeOf(part);
    const done = reached < file.size ? reached : 0;
    const patience = new Patience(this.#access.endpoint);
    try {
      const headers = done > 0 ? { Range: `bytes=${done}-` } : undefined;
      const path = resolvePath(this.#id, this.#commit, file.path);
      const response = await request(this.#access, path, { patience, ...(headers !== undefined && { headers }) });
      const { body, status } = response;
      if (body === null) await writeFile(part, "");
      // safe because Node's fetch types and stream types describe the same object
      else
        await this.#write(Readable.fromWeb(body as WebStream), file, part, {
          done: status === 206 ? done : 0,
          patience,
        });
    } finally {
      patience.end();
    }
    return done > 0;
  }

  /** By Xet, from where the part ends. Whether it came to its end; if not, plain HTTP goes on. */
  async #receiveChunks(file: RemoteEntry, part: string, done: number): Promise<boolean> {
    const patience = new Patience(this.#access.endpoint);
    const { endpoint, token } = this.#access;
    try {
      const blob = await (await officialClient()).downloadFile({
        hubUrl: endpoint,
        ...(token !== undefined && { accessToken: token }),
        repo: { type: this.#id.type, name: fullName(this.#id) },
        path: file.path.split("/").map(encodeURIComponent).join("/"),
        revision: this.#commit,
        fetch: fetchFor(this.#access, () => {}),
        // What is fetched side by side lies in memory until its turn comes, and would be lost with the process.
        parallelDownloads: false,
      });
      if (blob === null || blob.size !== file.size) return false;
      // safe because Node's fetch types and stream types describe the same object
      const source = Readable.fromWeb(blob.slice(done).stream() as WebStream);
      await this.#write(source, file, part, { done, patience });
      return true;
    } catch (error) {
      // Whatever went wrong, the same bytes are to be had another way; if not, that failure is told.
      log.debug(`${file.path} does not come in chunks: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    } finally {
      patience.end();
    }
  }

  async #write(
    source: Readable,
    file: RemoteEntry,
    part: string,
    { done, patience }: { done: number; patience: Patience },
  ): Promise<void> {
    let loaded = done;
    const counted = async function* (this: Transfer, chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        patience.renew();
        loaded += chunk.length;
        this.#fetched += chunk.length;
        this.#reached(file, loaded);
        yield chunk;
        // Judged below as too long; what follows need not fill the disk.
        if (loaded > file.size) return;
      }
    };
    const target = createWriteStream(part, { flags: done > 0 ? "a" : "w" });
    await pipeline(source, counted.bind(this), target).catch((cause: unknown) => {
      // Of the network: fetch ends a body that breaks off with a TypeError, our patience with an error of its own.
      if (!(cause instanceof TypeError || cause instanceof HubError)) throw cause;
      throw new HubError({
        code: "DOWNLOAD_CUT_OFF",
        message: `The download of ${file.path} was cut off after ${loaded} of ${file.size} bytes${cause instanceof HubError ? `: ${cause.message}` : ""}.`,
        hint: "Run the command again; it goes on where it stopped.",
        cause,
      });
    });
  }
}

type WebStream = Parameters<typeof Readable.fromWeb>[0];

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** Size and SHA-256 of large files, size and git's blob id of the others. */
export async function isRight(part: string, { size, oid, lfs }: RemoteEntry): Promise<boolean> {
  return (await stat(part)).size === size && (await digestOf(part, { size, lfs })) === (lfs?.oid ?? oid);
}

async function digestOf(part: string, { size, lfs }: Pick<RemoteEntry, "size" | "lfs">): Promise<string> {
  const hash = lfs === undefined ? objectHash("blob", size) : createHash("sha256");
  await pipeline(createReadStream(part), hash);
  return hash.digest("hex");
}

async function damaged(part: string, { path, size, oid, lfs }: RemoteEntry): Promise<HubError> {
  const { size: found } = await stat(part);
  const digest = await digestOf(part, { size: found, lfs });
  await rm(part, { force: true });
  return new HubError({
    code: "DOWNLOAD_DAMAGED",
    message: `${path} arrived with ${found > size ? "more than " : ""}${Math.min(found, size)} bytes and hash ${digest}; ${size} bytes and ${lfs?.oid ?? oid} were promised.`,
    hint: "What arrived was thrown away. Try again; if it stays so, the hub's storage or a proxy is at fault.",
  });
}

/** Parts that this process writes at present. */
const active = new Set<string>();
const HOST = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
let claims = 0;

/**
 * A part to write to that no other download writes to: "<blob>.<host>-<process>-<number>.incomplete". One that was given
 * up, or left by a process that is no more, is taken over with what it holds.
 */
async function claimPart(blob: string): Promise<string> {
  const folder = dirname(blob);
  const own = `${blob}.${HOST}-${process.pid}-${claims++}.incomplete`;
  active.add(own);
  const prefix = `${basename(blob)}.${HOST}-`;
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(prefix) ? /^(\d+)-\d+\.incomplete$/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid === undefined || inUse(join(folder, name), Number(pid))) continue;
    // Another process may have been quicker.
    const taken = await rename(join(folder, name), own).then(
      () => true,
      () => false,
    );
    if (taken) break;
  }
  return own;
}

function release(part: string): void {
  active.delete(part);
}

function inUse(part: string, pid: number): boolean {
  if (pid === process.pid) return active.has(part);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Of another user, and alive.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
