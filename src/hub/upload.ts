// Files → one commit on a hub: what is there already is not sent again, and what was cut off goes on.
// Writes no card: that is the caller's.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { objectHash } from "../io/git-objects.ts";
import { reportProgress } from "../log.ts";
import { apiPath, commitOf, listFiles } from "./client.ts";
import { type UploadFile, type UploadListener, uploadLargeFiles } from "./large-files.ts";
import { checkToken } from "./official.ts";
import { fnmatch, type PathFilter } from "./patterns.ts";
import { createBranch } from "./refs.ts";
import { fullName, type RepoId, repoPath } from "./repo-id.ts";
import { type HubAccess, HubError, requestJson, requestLines } from "./request.ts";
import { uploadsFolder } from "./settings.ts";
import { checkUnchanged, filesToUpload, folderPrefix, stampsOf } from "./upload-files.ts";
import { UploadState } from "./upload-state.ts";

/** How an upload is committed, and what of a folder goes up. */
export interface UploadOptions extends PathFilter {
  message: string;
  /** What is said below the message. */
  description?: string | undefined;
  /** A branch, made from main when it is not there, or a pull request's `refs/pr/1`. */
  revision?: string | undefined;
  /** Opens a pull request with the commit, instead of moving the branch. */
  createPr?: boolean | undefined;
  /** Folder of the repository that the files go to. */
  pathInRepo?: string | undefined;
  /** Patterns of files of the repository that are deleted in the same commit, unless they are uploaded. */
  delete?: readonly string[] | undefined;
  /** Refuse if the revision is no longer at this commit. */
  parentCommit?: string | undefined;
  /** Folder where it is noted what was sent, for an upload that goes on. */
  stateDir?: string | undefined;
}

/** What an upload would do, or did. */
export interface UploadPlan {
  /** Files that are new or other than on the hub; whether they go up as large files, outside of the commit. */
  upload: readonly (UploadFile & { isLarge: boolean })[];
  /** Paths that the hub has with the same content. */
  unchanged: readonly string[];
  deleted: readonly string[];
}

/** The commit of an upload. */
export interface Uploaded {
  commit: string;
  url: string;
  /** Files that were given. */
  files: number;
  /** Files that were in the repository with the same content. */
  unchanged: number;
  deleted: number;
  /** Bytes of the files that were new or changed, and how many of them went over the wire: the hub had the rest. */
  bytes: number;
  sent: number;
  pullRequestUrl?: string | undefined;
}

/**
 * Commits a folder's files: one commit, and of large files only the chunks that the hub lacks are sent. An upload that was cut
 * off goes on where it was when it is called again. Where nothing changed there is no new commit.
 *
 * @throws AbrazoError NOTHING_TO_COMMIT for a folder without files
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await uploadFolder(access, parseRepoId("ana/mood"), "./my-model", { message: "Train on May", delete: ["*.bin"] });
 * // { commit: "2640b68b09b3…", url: "http://127.0.0.1:7860/ana/mood/commit/2640b68b09b3…", files: 6, sent: 1204, … }
 * ```
 */
export async function uploadFolder(
  access: HubAccess,
  id: RepoId,
  folder: string,
  options: UploadOptions,
): Promise<Uploaded> {
  checkToken(access);
  const { revision = "main", createPr = false, stateDir = uploadsFolder() } = options;
  const found = await filesToUpload(folder, options);
  if (revision !== "main" && !createPr) await ensureBranch(access, id, revision);
  const stamps = await stampsOf(found);
  const plan = await planOf(access, id, found, options);
  const { upload, unchanged, deleted } = plan;
  const done = { files: found.length, unchanged: unchanged.length, deleted: deleted.length };
  if (upload.length === 0 && deleted.length === 0) {
    const commit = await commitOf(access, id, revision);
    return { commit, url: commitUrl(access, id, commit), ...done, bytes: 0, sent: 0 };
  }
  const progress = new UploadProgress(`upload ${fullName(id)}`, upload);
  const state = await UploadState.open(stateDir, access, id);
  const large = upload.filter(({ isLarge }) => isLarge);
  const hashes = await uploadLargeFiles({ access, id, revision, state, listener: progress }, large).catch(
    async (error: unknown) => {
      // A hub can only say that the bytes are not what they were said to be.
      await checkUnchanged(large, stamps);
      throw error;
    },
  );
  await checkUnchanged(large, stamps);
  const made = await commitPlan(access, id, options, { plan, hashes, progress });
  await state.clear();
  const { bytes, sent } = progress.end();
  return { ...made, ...done, bytes, sent };
}

/**
 * What uploadFolder would do, without doing it.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * const { upload } = await planUpload(access, parseRepoId("ana/mood"), "./my-model", { message: "Train on May" });
 * upload.map(({ path }) => path); // ["model.safetensors"]
 * ```
 */
export async function planUpload(
  access: HubAccess,
  id: RepoId,
  folder: string,
  options: UploadOptions,
): Promise<UploadPlan> {
  const found = await filesToUpload(folder, options);
  try {
    return await planOf(access, id, found, options);
  } catch (error) {
    // No such repository or branch yet: everything is new.
    if (!isMissing(error)) throw error;
    return { upload: found.map((file) => ({ ...file, isLarge: false })), unchanged: [], deleted: [] };
  }
}

const isMissing = (error: unknown): boolean => error instanceof HubError && error.data["status"] === 404;

const modesSchema = z.looseObject({
  files: z.array(
    z.looseObject({
      path: z.string(),
      uploadMode: z.enum(["regular", "lfs"]),
      shouldIgnore: z.boolean().optional(),
      oid: z.string().nullish(),
    }),
  ),
});
type Mode = z.infer<typeof modesSchema>["files"][number];

/** Files that are asked about at once. */
const ASKED = 256;
const SAMPLE = 512;

async function planOf(
  access: HubAccess,
  id: RepoId,
  files: readonly UploadFile[],
  { revision = "main", createPr = false, delete: patterns = [], pathInRepo }: UploadOptions,
): Promise<UploadPlan> {
  const upload: (UploadFile & { isLarge: boolean })[] = [];
  const unchanged: string[] = [];
  for (let at = 0; at < files.length; at += ASKED) {
    const part = files.slice(at, at + ASKED);
    const modes = await askModes(access, id, { revision, createPr }, part);
    for (const file of part) {
      const mode = modes.get(file.path);
      if (mode?.shouldIgnore === true) continue;
      // An empty file has nothing to be stored apart.
      const isLarge = mode?.uploadMode === "lfs" && file.size > 0;
      if (mode?.oid != null && (await contentId(file, isLarge)) === mode.oid) unchanged.push(file.path);
      else upload.push({ ...file, isLarge });
    }
  }
  const deleted = patterns.length === 0 ? [] : await toDelete(access, id, { revision, patterns, pathInRepo }, files);
  return { upload, unchanged, deleted };
}

async function askModes(
  access: HubAccess,
  id: RepoId,
  { revision, createPr }: { revision: string; createPr: boolean },
  files: readonly UploadFile[],
): Promise<Map<string, Mode>> {
  const asked = await Promise.all(
    files.map(async ({ path, source, size }) => ({ path, size, sample: await sampleOf(source) })),
  );
  const path = `${apiPath(id)}/preupload/${encodeURIComponent(revision)}${createPr ? "?create_pr=1" : ""}`;
  const options = { method: "POST", json: { files: asked }, isRepeatable: true } as const;
  const { value } = await requestJson(access, path, modesSchema, options);
  return new Map(value.files.map((mode) => [mode.path, mode]));
}

/** The first bytes, by which a hub tells text from the rest. */
async function sampleOf(source: string): Promise<string> {
  const file = await open(source);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SAMPLE), 0, SAMPLE, 0);
    return buffer.subarray(0, bytesRead).toString("base64");
  } finally {
    await file.close();
  }
}

/** As the hub names a content: by SHA-256 where it is stored apart, else by git's blob id. */
async function contentId({ source, size }: UploadFile, isLarge: boolean): Promise<string> {
  const hash = isLarge ? createHash("sha256") : objectHash("blob", size);
  await pipeline(createReadStream(source), hash);
  return hash.digest("hex");
}

async function toDelete(
  access: HubAccess,
  id: RepoId,
  {
    revision,
    patterns,
    pathInRepo = "",
  }: { revision: string; patterns: readonly string[]; pathInRepo?: string | undefined },
  files: readonly UploadFile[],
): Promise<string[]> {
  const [kept, matchers] = [new Set(files.map(({ path }) => path)), patterns.map(fnmatch)];
  const below = folderPrefix(pathInRepo);
  // What git itself reads is no content that a pattern means.
  const paths = (await listFiles(access, id, revision)).map(({ path }) => path);
  return paths.filter((path) => {
    if (!path.startsWith(below) || kept.has(path) || path === ".gitattributes") return false;
    return matchers.some((matches) => matches(path.slice(below.length)));
  });
}

const commitSchema = z.looseObject({
  commitOid: z.string(),
  commitUrl: z.string(),
  pullRequestUrl: z.string().nullish(),
});

interface Planned {
  plan: UploadPlan;
  hashes: ReadonlyMap<string, string>;
  progress: UploadProgress;
}

async function commitPlan(
  access: HubAccess,
  id: RepoId,
  options: UploadOptions,
  planned: Planned,
): Promise<Pick<Uploaded, "commit" | "url" | "pullRequestUrl">> {
  const { revision = "main", createPr = false } = options;
  const path = `${apiPath(id)}/commit/${encodeURIComponent(revision)}${createPr ? "?create_pr=1" : ""}`;
  const made = await requestLines(access, path, commitSchema, () => commitLines(options, planned));
  return {
    commit: made.commitOid,
    url: made.commitUrl,
    ...(made.pullRequestUrl != null && { pullRequestUrl: made.pullRequestUrl }),
  };
}

/** The lines of the commit, one after the other: no more than a file of it is in memory. */
async function* commitLines(
  { message, description = "", parentCommit }: UploadOptions,
  { plan, hashes, progress }: Planned,
): AsyncGenerator<Uint8Array> {
  const line = (key: string, value: Record<string, unknown>) => Buffer.from(`${JSON.stringify({ key, value })}\n`);
  yield line("header", { summary: message, description, ...(parentCommit !== undefined && { parentCommit }) });
  for (const { path, source, size, isLarge } of plan.upload) {
    if (isLarge) {
      yield line("lfsFile", { path, algo: "sha256", oid: hashes.get(path), size });
      continue;
    }
    const content = await readFile(source);
    yield line("file", { path, encoding: "base64", content: content.toString("base64") });
    progress.sent(content.length);
    progress.progress(content.length);
  }
  for (const path of plan.deleted) yield line("deletedFile", { path });
}

const commitUrl = ({ endpoint }: HubAccess, id: RepoId, commit: string): string =>
  `${endpoint}${repoPath(id)}/commit/${commit}`;

/** A pull request's revision is made with it. */
async function ensureBranch(access: HubAccess, id: RepoId, branch: string): Promise<void> {
  try {
    await commitOf(access, id, branch);
  } catch (error) {
    if (!isMissing(error) || branch.startsWith("refs/")) throw error;
    await createBranch(access, id, branch, { existOk: true });
  }
}

/** The upload of a folder as one task, in bytes. */
class UploadProgress implements UploadListener {
  readonly #task: string;
  readonly #total: number;
  #loaded = 0;
  #sent = 0;

  constructor(task: string, files: readonly UploadFile[]) {
    this.#task = task;
    this.#total = files.reduce((sum, { size }) => sum + size, 0);
    this.#report();
  }

  #report(done = false): void {
    const loaded = done ? this.#total : Math.min(this.#loaded, this.#total);
    const saved = done && this.#saved > this.#total / 100 ? { figures: { "MB saved": this.#saved / 1e6 } } : {};
    reportProgress({ task: this.#task, loaded, total: this.#total, unit: "bytes", done, ...saved });
  }

  get #saved(): number {
    return Math.max(0, this.#total - this.#sent);
  }

  progress(bytes: number): void {
    this.#loaded += bytes;
    this.#report();
  }

  sent(bytes: number): void {
    this.#sent += bytes;
  }

  end(): { bytes: number; sent: number } {
    this.#report(true);
    return { bytes: this.#total, sent: Math.min(this.#sent, this.#total) };
  }
}
