// What of an upload a hub has taken already: a file a repository, a line a piece. Safe to delete: then it is sent again.
// Knows no protocol.
import { createHash } from "node:crypto";
import { appendFile, mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fullName, type RepoId } from "./repo-id.ts";
import type { HubAccess } from "./request.ts";

/** The pieces that arrived. One that two processes note twice is noted twice. */
export class UploadState {
  readonly #path: string;
  readonly #taken: Set<string>;

  private constructor(path: string, taken: Set<string>) {
    [this.#path, this.#taken] = [path, taken];
  }

  /** Of one user's uploads to one repository: what another may refer to is another matter. */
  static async open(folder: string, { endpoint, token = "" }: HubAccess, id: RepoId): Promise<UploadState> {
    const key = createHash("sha256")
      .update(`${endpoint}\n${id.type}\n${fullName(id)}\n${token}`)
      .digest("hex");
    const path = join(folder, key.slice(0, 32));
    const text = await readFile(path, "utf8").catch(() => "");
    // The last line may have been cut off.
    return new UploadState(path, new Set(text.split("\n").slice(0, -1)));
  }

  has(piece: string): boolean {
    return this.#taken.has(piece);
  }

  /** A cache that cannot be written to only costs the resumption. */
  async add(piece: string): Promise<void> {
    this.#taken.add(piece);
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      await appendFile(this.#path, `${piece}\n`);
    } catch {}
  }

  /** The upload is done, or the hub has lost what it took. */
  async clear(): Promise<void> {
    this.#taken.clear();
    await rm(this.#path, { force: true }).catch(() => {});
  }
}
