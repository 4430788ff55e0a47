// A folder → one commit on a hub, through the official client.
// Writes no card: that is the caller's.
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import * as official from "@huggingface/hub";
import { AbrazoError } from "../errors.ts";
import { reportProgress } from "../log.ts";
import { commitOf } from "./client.ts";
import { fullName, type RepoId } from "./repo-id.ts";
import { fetchFor, type HubAccess, HubError, strange } from "./request.ts";

/** What the official client needs: whom to ask, as whom, about which repository, and how. */
function call(access: HubAccess, id: RepoId, sent: (bytes: number) => void = () => {}) {
  return {
    hubUrl: access.endpoint,
    accessToken: checkToken(access),
    repo: { type: id.type, name: fullName(id) },
    fetch: fetchFor(access, sent),
  };
}

/** The official client takes no token of another form, and none at all for one. */
function checkToken({ endpoint, token }: HubAccess): string {
  if (token?.startsWith("hf_") === true) return token;
  throw new AbrazoError({
    code: token === undefined ? "NOT_LOGGED_IN" : "INVALID_TOKEN",
    message:
      token === undefined ? `There is no token for ${endpoint}.` : 'A token begins with "hf_"; this one does not.',
    hint: `Log in: abrazo login --endpoint ${endpoint}`,
    data: { endpoint },
  });
}

/** What the official client cannot read is no answer of a hub. */
async function translated<Result>({ endpoint }: HubAccess, ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (error) {
    const unread =
      error instanceof TypeError ||
      error instanceof SyntaxError ||
      error instanceof official.InvalidApiResponseFormatError;
    if (unread) throw strange(endpoint, error.message, error);
    if (error instanceof official.HubApiError) throw strange(endpoint, error.message, error);
    throw error;
  }
}

/**
 * Makes a repository; one that exists already is fine. Returns whether it was made.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await createRepo(access, parseRepoId("ana/mood"), { isPrivate: true }); // true
 * ```
 */
export async function createRepo(access: HubAccess, id: RepoId, { isPrivate = false } = {}): Promise<boolean> {
  return translated(access, async () => {
    try {
      await official.createRepo({ ...call(access, id), private: isPrivate });
      return true;
    } catch (error) {
      if (error instanceof HubError && error.data["status"] === 409) return false;
      throw error;
    }
  });
}

/**
 * Deletes a repository with all its versions.
 *
 * @example needs a hub
 * ```ts
 * await deleteRepo({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, parseRepoId("ana/mood")); // undefined
 * ```
 */
export function deleteRepo(access: HubAccess, id: RepoId): Promise<void> {
  return translated(access, () => official.deleteRepo(call(access, id)));
}

const IGNORED = new Set([".git", ".cache", "node_modules", ".DS_Store"]);

/** Files of a folder by their path in the repository, sorted, links to files among them; caches and git's own are left out. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new AbrazoError({
      code: "FOLDER_MISSING",
      message: `The folder ${folder} cannot be read.`,
      hint: "Give a folder that holds the repository's files.",
      cause,
    });
  });
  const files: string[] = [];
  for (const entry of entries) {
    const full = join(entry.parentPath, entry.name);
    const path = relative(folder, full).split(sep).join("/");
    if (path.split("/").some((segment) => IGNORED.has(segment))) continue;
    if (entry.isFile() || (entry.isSymbolicLink() && (await stat(full)).isFile())) files.push(path);
  }
  return files.sort();
}

export interface UploadOptions {
  message: string;
  /** A branch; made from main when it is not there. */
  revision?: string | undefined;
}

/**
 * Commits a folder's files: one commit, files that the hub has already are not sent again.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await uploadFolder(access, parseRepoId("ana/mood"), "./my-model", { message: "Train on May" });
 * // { commit: "2640b68b09b3…", url: "http://127.0.0.1:7860/ana/mood/commit/2640b68b09b3…", files: 6 }
 * ```
 */
export async function uploadFolder(
  access: HubAccess,
  id: RepoId,
  folder: string,
  { message, revision = "main" }: UploadOptions,
): Promise<{ commit: string; url: string; files: number }> {
  const sizes = new Map<string, number>();
  for (const path of await filesOf(folder)) sizes.set(path, (await stat(join(folder, path))).size);
  if (sizes.size === 0) {
    throw new AbrazoError({
      code: "NOTHING_TO_COMMIT",
      message: `${folder} holds no files.`,
      hint: "Give a folder with files.",
    });
  }
  if (revision !== "main") await ensureBranch(access, id, revision);
  const progress = new UploadProgress(`upload ${fullName(id)}`, sizes);
  return translated(access, async () => {
    const upload = official.commitIter({
      ...call(access, id, (bytes) => progress.sent(bytes)),
      branch: revision,
      title: message,
      useXet: false,
      operations: [...sizes.keys()].map((path) => ({
        operation: "addOrUpdate",
        path,
        content: pathToFileURL(join(folder, path)),
      })),
    });
    for (let next = await upload.next(); ; next = await upload.next()) {
      if (next.done === true) {
        if (next.value === undefined) throw strange(access.endpoint, "the commit was answered with nothing");
        progress.end();
        const { oid, url } = next.value.commit;
        return { commit: oid, url, files: sizes.size };
      }
      if (next.value.event === "fileProgress") progress.of(next.value);
    }
  });
}

async function ensureBranch(access: HubAccess, id: RepoId, branch: string): Promise<void> {
  try {
    await commitOf(access, id, branch);
  } catch (error) {
    if (!(error instanceof HubError) || error.data["status"] !== 404) throw error;
    await translated(access, () => official.createBranch({ ...call(access, id), branch }));
  }
}

/** The upload of a folder as one task, in bytes. */
class UploadProgress {
  readonly #task: string;
  readonly #sizes: ReadonlyMap<string, number>;
  readonly #total: number;
  readonly #begun = new Set<string>();
  #sent = 0;

  constructor(task: string, sizes: ReadonlyMap<string, number>) {
    this.#task = task;
    this.#sizes = sizes;
    this.#total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    this.#report();
  }

  #report(done = false): void {
    const loaded = done ? this.#total : Math.min(this.#sent, this.#total);
    reportProgress({ task: this.#task, loaded, total: this.#total, unit: "bytes", done });
  }

  sent(bytes: number): void {
    this.#sent += bytes;
    this.#report();
  }

  /** A large file that ends without having begun is on the hub already. */
  of({ path, state, progress }: { path: string; state: string; progress: number }): void {
    if (state !== "uploading") return;
    if (progress >= 1 && !this.#begun.has(path)) this.sent(this.#sizes.get(path) ?? 0);
    this.#begun.add(path);
  }

  end(): void {
    this.#report(true);
  }
}
