// Large files → a hub, by Xet or LFS, through the official client. That client uploads in order to commit; here its commit stays with
// us, so that files go up in groups, each of which is kept by the hub, and one commit of our own names them all.
// Writes no commit.
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { callOf, translated } from "./official.ts";
import type { RepoId } from "./repo-id.ts";
import { fetchFor, type HubAccess, HubError, strange } from "./request.ts";
import { usesXet } from "./settings.ts";
import type { UploadState } from "./upload-state.ts";

/** A file on disk and its path in the repository. */
export interface UploadFile {
  path: string;
  /** Where it is. */
  source: string;
  size: number;
}

/** What is told while files go up. */
export interface UploadListener {
  /** Bytes of files that are done: sent, or found on the hub. */
  progress(bytes: number): void;
  /** Bytes that went over the wire. */
  sent(bytes: number): void;
}

export interface LargeUpload {
  access: HubAccess;
  id: RepoId;
  revision: string;
  state: UploadState;
  listener: UploadListener;
}

/** Uploads files of which the hub wants no content in the commit. Returns the SHA-256 of each by its path. */
export async function uploadLargeFiles(
  upload: LargeUpload,
  files: readonly UploadFile[],
): Promise<ReadonlyMap<string, string>> {
  const hashes = new Map<string, string>();
  for (const group of groupsOf(files)) {
    for (const [path, sha256] of await uploadGroup(upload, group)) hashes.set(path, sha256);
  }
  return hashes;
}

const GROUP_BYTES = 64 * 1024 * 1024;
const GROUP_FILES = 100;

/** Large files alone, so that the pieces of a file are the same the next time; small ones together. */
function groupsOf(files: readonly UploadFile[]): UploadFile[][] {
  const groups: UploadFile[][] = [];
  let [current, bytes]: [UploadFile[], number] = [[], 0];
  for (const file of files) {
    if (file.size >= GROUP_BYTES) {
      groups.push([file]);
      continue;
    }
    if (current.length === GROUP_FILES || bytes + file.size > GROUP_BYTES) {
      groups.push(current);
      [current, bytes] = [[], 0];
    }
    current.push(file);
    bytes += file.size;
  }
  return current.length > 0 ? [current, ...groups] : groups;
}

async function uploadGroup(upload: LargeUpload, group: readonly UploadFile[]): Promise<Map<string, string>> {
  const staged = new Staging(upload, group);
  try {
    return await commitLocally(upload, group, staged);
  } catch (error) {
    // The hub no longer has what it took in an earlier try, or somebody else has just sent the same file.
    const isRefused = error instanceof HubError && Number(error.data["status"]) < 500;
    const isOver = error instanceof HubError && error.code === "HUB_UPLOAD_OVER";
    if (!isOver && (staged.skipped === 0 || !isRefused)) throw error;
    await upload.state.clear();
    return commitLocally(upload, group, new Staging(upload, group));
  }
}

async function commitLocally(
  { access, id, revision }: LargeUpload,
  group: readonly UploadFile[],
  staging: Staging,
): Promise<Map<string, string>> {
  return translated(access, async (official) => {
    const steps = official.commitIter({
      ...callOf(access, id, staging.fetch),
      branch: revision,
      title: "upload",
      useXet: usesXet(),
      operations: group.map(({ path, source }) => ({
        operation: "addOrUpdate",
        path,
        content: pathToFileURL(source),
      })),
    });
    for (let next = await steps.next(); next.done !== true; next = await steps.next()) {
      const { value } = next;
      if (value.event === "fileProgress" && value.state === "uploading") staging.tell(value);
    }
    return staging.hashes;
  });
}

const lineSchema = z.looseObject({
  key: z.string(),
  value: z.looseObject({ path: z.string().optional(), oid: z.string().optional() }),
});

const batchSchema = z.looseObject({ transfer: z.string().optional() });

/** Pieces on their way at once, of up to 64 MB each. */
const IN_FLIGHT = 3;

/** Links of a hub like ours tell which parts of a file arrived; those to a bucket do not. */
const PART = /\/api\/lfs\/[0-9a-f]{64}\/parts\/\d+$/;

/** The fetch of one group: answers for the hub what needs no hub, leaves out what it has, and lets pieces go ahead. */
class Staging {
  readonly hashes = new Map<string, string>();
  skipped = 0;
  readonly #access: HubAccess;
  readonly #state: UploadState;
  readonly #listener: UploadListener;
  readonly #sizes: ReadonlyMap<string, number>;
  readonly #shares = new Map<string, number>();
  readonly #send: typeof fetch;
  #isXet = false;
  readonly #pieces = new Set<Promise<void>>();
  #failure: unknown;

  constructor({ access, state, listener }: LargeUpload, group: readonly UploadFile[]) {
    [this.#access, this.#state, this.#listener] = [access, state, listener];
    this.#sizes = new Map(group.map(({ path, size }) => [path, size]));
    // Whole files tell how they are read; pieces tell nothing, and their files tell for them.
    this.#send = fetchFor(access, (bytes) => {
      listener.sent(bytes);
      listener.progress(bytes);
    });
  }

  /** A file that ends without having begun is on the hub already. */
  tell({ path, progress }: { path: string; progress: number }): void {
    const [before, size] = [this.#shares.get(path), this.#sizes.get(path) ?? 0];
    if (before === undefined && progress >= 1) this.#listener.progress(size);
    else if (this.#isXet && progress > (before ?? 0)) this.#listener.progress((progress - (before ?? 0)) * size);
    this.#shares.set(path, Math.max(progress, before ?? 0));
  }

  readonly fetch: typeof fetch = async (input, init = {}) => {
    const { pathname, origin } = new URL(input instanceof Request ? input.url : `${input}`);
    if (PART.test(pathname) && origin === new URL(this.#access.endpoint).origin) return this.#part(input, init);
    if (pathname.includes("/preupload/")) return this.#modes();
    if (pathname.includes("/commit/")) return this.#keep(init.body);
    const piece = /\/v1\/xorbs\/[^/]+\/([0-9a-f]{64})$/.exec(pathname)?.[1];
    if (piece !== undefined) return this.#piece(piece, input, init);
    if (pathname.endsWith("/v1/shards")) await this.#arrived();
    if (pathname.includes("/v1/chunks/")) return this.#known(input, init);
    const response = await this.#send(input, init);
    if (pathname.endsWith("/objects/batch"))
      this.#isXet = batchSchema.parse(await response.clone().json()).transfer === "xet";
    return response;
  };

  /** Where a chunk lies that somebody has sent; that nobody has is an answer like another. */
  async #known(...request: Parameters<typeof fetch>): Promise<Response> {
    try {
      return await this.#send(...request);
    } catch (error) {
      if (error instanceof HubError && error.data["status"] === 404) return new Response(null, { status: 404 });
      throw error;
    }
  }

  /** A part of a file that goes by LFS, unless it arrived in an earlier try. */
  async #part(link: Parameters<typeof fetch>[0], init: RequestInit): Promise<Response> {
    const arrived = await this.#send(link, { signal: init.signal ?? null }).catch((error: unknown) => {
      if (error instanceof HubError && error.code === "HUB_PART_MISSING") return undefined;
      throw error;
    });
    if (arrived === undefined) return this.#send(link, init);
    this.skipped++;
    if (init.body instanceof Blob) this.#listener.progress(init.body.size);
    return arrived;
  }

  #modes(): Response {
    const files = [...this.#sizes.keys()].map((path) => ({ path, uploadMode: "lfs", shouldIgnore: false }));
    return Response.json({ files });
  }

  /** The lines of the commit that is not made, for their hashes. */
  #keep(body: unknown): Response {
    for (const line of String(body).split("\n")) {
      const { key, value } = lineSchema.parse(JSON.parse(line));
      if (key === "lfsFile" && value.path !== undefined && value.oid !== undefined)
        this.hashes.set(value.path, value.oid);
    }
    const lost = [...this.#sizes.keys()].find((path) => !this.hashes.has(path));
    if (lost !== undefined) throw strange(this.#access.endpoint, `${lost} was left out of its own upload`);
    return Response.json({ commitOid: "", commitUrl: "" });
  }

  async #piece(piece: string, ...request: Parameters<typeof fetch>): Promise<Response> {
    if (this.#state.has(piece)) {
      this.skipped++;
      return Response.json({ was_inserted: false });
    }
    if (this.#pieces.size >= IN_FLIGHT) await Promise.race(this.#pieces);
    if (this.#failure !== undefined) throw this.#failure;
    const sending = this.#sendPiece(piece, request)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#pieces.delete(sending));
    this.#pieces.add(sending);
    return Response.json({ was_inserted: true });
  }

  async #sendPiece(piece: string, [input, init]: Parameters<typeof fetch>): Promise<void> {
    await this.#send(input, init);
    if (init?.body instanceof Uint8Array) this.#listener.sent(init.body.length);
    await this.#state.add(piece);
  }

  /** Before anything that refers to pieces: they must be there. */
  async #arrived(): Promise<void> {
    await Promise.all(this.#pieces);
    if (this.#failure !== undefined) throw this.#failure;
  }
}
