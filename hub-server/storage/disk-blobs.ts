// Blobs as files: written under a temporary name, flushed, renamed. A blob that is visible is whole.
import { randomUUID } from "node:crypto";
import { access, type FileHandle, link, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type Sha256, sha256Of, startSha256 } from "../threads/sha256.ts";
import { type BlobStore, checkHash, counted, type Expected, mismatch, type Part, type Range } from "./blobs.ts";
import { asStorageError } from "./disk-full.ts";
import { FileBytes } from "./file-bytes.ts";
import { writeAll } from "./write-all.ts";

/** Uploads in parts whose last part came longer ago than this are nobody's any more. */
const FORGOTTEN_MS = 2 * 24 * 3600 * 1000;

export class DiskBlobStore implements BlobStore {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens a folder; what a process that died left half-written is removed. */
  static async create(folder: string): Promise<DiskBlobStore> {
    const store = new DiskBlobStore(folder);
    for (const name of ["incoming", "uploads"]) await mkdir(join(folder, name), { recursive: true });
    for (const name of await readdir(store.#incoming)) await rm(join(store.#incoming, name), { force: true });
    await store.#forgetOldUploads();
    return store;
  }

  get #incoming(): string {
    return join(this.#folder, "incoming");
  }

  #path(sha256: string): string {
    return join(this.#folder, sha256.slice(0, 2), sha256.slice(2, 4), sha256);
  }

  #upload(handle: string): string {
    return join(this.#folder, "uploads", handle);
  }

  /** Parts that are together what they should be: under this name nothing is written to them any more. */
  #checked(handle: string): string {
    return `${this.#upload(handle)}.checked`;
  }

  has(sha256: string): Promise<boolean> {
    return isThere(this.#path(sha256));
  }

  async put(source: AsyncIterable<Uint8Array>, expected: Expected): Promise<void> {
    const found = (sha256: string) => checkHash(sha256, expected);
    await this.#take(counted(source, expected.size), startSha256(expected.size), found);
  }

  add(source: AsyncIterable<Uint8Array>): Promise<Expected> {
    return this.#take(source, startSha256(), () => {});
  }

  /** Writes bytes and gives them their name, if that is as it should be. */
  async #take(source: AsyncIterable<Uint8Array>, hash: Sha256, check: (sha256: string) => void): Promise<Expected> {
    const temporary = join(this.#incoming, randomUUID());
    const found: Expected = { sha256: "", size: 0 };
    const seen = (piece: Uint8Array) => {
      found.size += piece.length;
      return hash.update(piece);
    };
    try {
      await withFile(temporary, "wx", async (file) => {
        await writeAll(file, 0, source, { seen, flushed: true });
        found.sha256 = await hash.digest();
        check(found.sha256);
        await this.#publish(file, found, (path) => rename(temporary, path));
      });
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      hash.close();
    }
    return found;
  }

  /** Gives a whole file its name. Both the bytes and the name are on the disk before anybody is told. */
  async #publish(file: FileHandle, { sha256 }: Expected, give: (path: string) => Promise<void>): Promise<void> {
    await file.sync();
    const path = this.#path(sha256);
    const made = await mkdir(join(path, ".."), { recursive: true });
    await give(path);
    await syncFolder(join(path, ".."));
    if (made !== undefined) {
      await syncFolder(join(path, "..", ".."));
      await syncFolder(this.#folder);
    }
  }

  async open(sha256: string, range?: Range): Promise<Readable> {
    if (range !== undefined && range.end <= range.start) return Readable.from([]);
    return FileBytes.open(this.#path(sha256), range);
  }

  async delete(sha256: string): Promise<void> {
    await rm(this.#path(sha256), { force: true });
  }

  /** Parts are written to their places in one file, so that putting them together costs nothing. */
  async startParts(): Promise<string> {
    await this.#forgetOldUploads();
    const handle = randomUUID();
    await withFile(this.#upload(handle), "wx", async () => {});
    return handle;
  }

  async putPart(handle: string, { start, size }: Part, source: AsyncIterable<Uint8Array>): Promise<string> {
    const bytes = counted(source, size);
    // What was checked stays as it is: it holds this part.
    if (await isThere(this.#checked(handle))) for await (const _ of bytes);
    else
      await withFile(this.#upload(handle), "r+", async (file) => {
        await writeAll(file, start, bytes, { flushed: true });
        await file.sync();
      });
    return randomUUID().replaceAll("-", "");
  }

  async finishParts(handle: string, _parts: readonly unknown[], expected: Expected): Promise<void> {
    const checked = this.#checked(handle);
    try {
      if (!(await isThere(checked))) await this.#checkParts(handle, expected);
      await withFile(checked, "r+", (file) => this.#publish(file, expected, (path) => linkOnce(checked, path)));
    } catch (error) {
      await this.endParts(handle);
      throw error;
    }
  }

  async #checkParts(handle: string, expected: Expected): Promise<void> {
    const path = this.#upload(handle);
    await withFile(path, "r", async (file) => {
      const { size } = await file.stat();
      if (size !== expected.size) throw mismatch(`${size} bytes arrived, ${expected.size} were announced`);
      checkHash(await sha256Of(await FileBytes.open(path), size), expected);
      await rename(path, this.#checked(handle));
    });
  }

  async endParts(handle: string): Promise<void> {
    for (const path of [this.#upload(handle), this.#checked(handle)]) await rm(path, { force: true });
  }

  async #forgetOldUploads(): Promise<void> {
    const before = Date.now() - FORGOTTEN_MS;
    for (const name of await readdir(join(this.#folder, "uploads"))) {
      const found = await stat(this.#upload(name)).catch(() => undefined);
      if (found !== undefined && found.mtimeMs < before) await this.endParts(name);
    }
  }
}

async function withFile(path: string, flags: string, use: (file: FileHandle) => Promise<void>): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, flags);
    await use(file);
  } catch (error) {
    throw asStorageError(error);
  } finally {
    await file?.close();
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** What systems of files say that have one name for each. */
const NO_LINKS = new Set(["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]);

/** Gives a file another name, or where that cannot be that one alone; what has the name already is of the same bytes. */
async function linkOnce(from: string, path: string): Promise<void> {
  await link(from, path).catch(async (error: NodeJS.ErrnoException) => {
    if (NO_LINKS.has(error.code ?? "")) await rename(from, path);
    else if (error.code !== "EEXIST") throw error;
  });
}

/** A name is on the disk once its folder is; where folders cannot be flushed the system sees to it. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}
