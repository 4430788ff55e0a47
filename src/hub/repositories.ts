// Repositories as a whole: what they are, which there are, and their life from creation to deletion.
// Knows no file of one.
import type { SpaceSdk } from "@huggingface/hub";
import { z } from "zod";
import { apiPath, pagesOf, queryOf, takeOf } from "./client.ts";
import { callOf, translated } from "./official.ts";
import { unlessThere } from "./refs.ts";
import { fullName, parseRepoId, plural, type RepoId, type RepoType } from "./repo-id.ts";
import { type HubAccess, HubError, requestJson, requestText } from "./request.ts";

const repoSchema = z.looseObject({
  id: z.string(),
  private: z.boolean().default(false),
  gated: z.union([z.boolean(), z.string()]).optional(),
  downloads: z.number().optional(),
  likes: z.number().optional(),
  tags: z.array(z.string()).default([]),
  pipeline_tag: z.string().nullish(),
  library_name: z.string().nullish(),
  lastModified: z.string().optional(),
  createdAt: z.string().optional(),
});
/** A repository as lists show it, with whatever else the hub tells of it. */
export type RepoSummary = z.infer<typeof repoSchema>;

const infoSchema = repoSchema.extend({
  sha: z.string().nullish(),
  siblings: z.array(z.looseObject({ rfilename: z.string() })).optional(),
});
/** What a repository is and holds at a revision. */
export type RepoInfo = z.infer<typeof infoSchema>;

/** Which version is told of. */
interface InfoOptions {
  revision?: string | undefined;
}

/**
 * What a repository of any type is and holds.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * const { sha, siblings } = await repoInfo(access, parseRepoId("datasets/ana/reviews"), { revision: "v1" });
 * ```
 */
export async function repoInfo(access: HubAccess, id: RepoId, { revision }: InfoOptions = {}): Promise<RepoInfo> {
  const at = revision === undefined ? "" : `/revision/${encodeURIComponent(revision)}`;
  return (await requestJson(access, `${apiPath(id)}${at}`, infoSchema)).value;
}

/**
 * What a model is and holds, by its name.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * (await modelInfo(access, "ana/mood")).pipeline_tag; // "text-classification"
 * ```
 */
export const modelInfo = (access: HubAccess, name: string, options: InfoOptions = {}): Promise<RepoInfo> =>
  repoInfo(access, parseRepoId(name, "model"), options);

/**
 * What a dataset is and holds, by its name.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * (await datasetInfo(access, "ana/reviews", { revision: "v1" })).sha; // "2640b68b09b3…"
 * ```
 */
export const datasetInfo = (access: HubAccess, name: string, options: InfoOptions = {}): Promise<RepoInfo> =>
  repoInfo(access, parseRepoId(name, "dataset"), options);

/**
 * What a space is and holds, by its name.
 *
 * @example needs a hub
 * ```ts
 * await spaceInfo({ endpoint: "http://127.0.0.1:7860", token: undefined }, "ana/demo"); // { id: "ana/demo", … }
 * ```
 */
export const spaceInfo = (access: HubAccess, name: string, options: InfoOptions = {}): Promise<RepoInfo> =>
  repoInfo(access, parseRepoId(name, "space"), options);

/**
 * Whether there is such a repository that the token may see.
 *
 * @example needs a hub
 * ```ts
 * await repoExists({ endpoint: "http://127.0.0.1:7860", token: undefined }, parseRepoId("ana/nothing")); // false
 * ```
 */
export async function repoExists(access: HubAccess, id: RepoId): Promise<boolean> {
  try {
    await repoInfo(access, id);
    return true;
  } catch (error) {
    const { status, wireCode } = error instanceof HubError ? error.data : {};
    if (status === 404 || wireCode === "RepoNotFound") return false;
    throw error;
  }
}

/** Which repositories are wanted, and in what order. */
export interface ListReposOptions {
  /** Words of the name. */
  search?: string | undefined;
  /** A user or organization. */
  author?: string | undefined;
  /** Tags that all must be there. */
  filter?: readonly string[] | undefined;
  /** A task of models. */
  pipelineTag?: string | undefined;
  sort?: "downloads" | "likes" | "lastModified" | "createdAt" | "trendingScore" | undefined;
  /** How many at most. */
  limit?: number | undefined;
}

function listRepos(access: HubAccess, type: RepoType, options: ListReposOptions): Promise<RepoSummary[]> {
  const { pipelineTag, limit, ...rest } = options;
  const query = queryOf({ ...rest, pipeline_tag: pipelineTag, limit: Math.min(limit ?? 1000, 1000) });
  return takeOf(pagesOf(access, `/api/${plural(type)}${query}`, repoSchema), limit);
}

/**
 * Models of a hub that the token may see.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * const models = await listModels(access, { author: "ana", pipelineTag: "text-classification", limit: 10 });
 * models.map(({ id }) => id); // ["ana/mood"]
 * ```
 */
export const listModels = (access: HubAccess, options: ListReposOptions = {}): Promise<RepoSummary[]> =>
  listRepos(access, "model", options);

/**
 * Datasets of a hub that the token may see.
 *
 * @example needs a hub
 * ```ts
 * await listDatasets({ endpoint: "http://127.0.0.1:7860", token: undefined }, { search: "reviews" });
 * // [{ id: "ana/reviews", … }]
 * ```
 */
export const listDatasets = (access: HubAccess, options: ListReposOptions = {}): Promise<RepoSummary[]> =>
  listRepos(access, "dataset", options);

/**
 * Spaces of a hub that the token may see.
 *
 * @example needs a hub
 * ```ts
 * await listSpaces({ endpoint: "http://127.0.0.1:7860", token: undefined }, { author: "ana" }); // [{ id: "ana/demo", … }]
 * ```
 */
export const listSpaces = (access: HubAccess, options: ListReposOptions = {}): Promise<RepoSummary[]> =>
  listRepos(access, "space", options);

/**
 * Makes a repository; one that exists already is fine. Returns whether it was made.
 *
 * @param options `sdk` says what a space runs: "static", "gradio", "docker" or "streamlit"
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await createRepo(access, parseRepoId("ana/mood"), { isPrivate: true }); // true
 * ```
 */
export function createRepo(
  access: HubAccess,
  id: RepoId,
  { isPrivate = false, sdk = "static" }: { isPrivate?: boolean | undefined; sdk?: SpaceSdk | undefined } = {},
): Promise<boolean> {
  const space = id.type === "space" ? { sdk } : {};
  return translated(access, async (official) => {
    const make = () => official.createRepo({ ...callOf(access, id), private: isPrivate, ...space });
    try {
      return await unlessThere(true, make);
    } catch (error) {
      // Who may write to it, or propose changes, need not be one who may make it.
      const isForbidden = error instanceof HubError && error.data["status"] === 403;
      if (isForbidden && (await repoExists(access, id))) return false;
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
  return translated(access, (official) => official.deleteRepo(callOf(access, id)));
}

/**
 * Renames a repository, or gives it to another user or organization. The old name leads to the new one.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await moveRepo(access, parseRepoId("ana/mood"), parseRepoId("team/mood")); // undefined
 * ```
 */
export async function moveRepo(access: HubAccess, from: RepoId, to: RepoId): Promise<void> {
  const json = { fromRepo: fullName(from), toRepo: fullName(to), type: from.type };
  await requestText(access, "/api/repos/move", { method: "POST", json });
}

const duplicatedSchema = z.looseObject({ url: z.string() });

/**
 * Copies a repository of the hub under another name. Returns the address of the copy.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await duplicateRepo(access, parseRepoId("ana/mood"), parseRepoId("bob/mood"), { isPrivate: true });
 * // "http://127.0.0.1:7860/bob/mood"
 * ```
 */
export async function duplicateRepo(
  access: HubAccess,
  from: RepoId,
  to: RepoId,
  { isPrivate }: { isPrivate?: boolean | undefined } = {},
): Promise<string> {
  const visibility = isPrivate === undefined ? {} : { visibility: isPrivate ? "private" : "public" };
  const json = { repository: fullName(to), ...visibility };
  return (await requestJson(access, `${apiPath(from)}/duplicate`, duplicatedSchema, { method: "POST", json })).value
    .url;
}

/** Who may see a repository, and whether they must ask first. */
export interface RepoSettings {
  isPrivate?: boolean | undefined;
  /** "auto": asking is enough; "manual": the owner decides; false: nobody need ask. */
  gated?: "auto" | "manual" | false | undefined;
}

/**
 * Changes who may see a repository.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await updateRepoSettings(access, parseRepoId("ana/mood"), { isPrivate: false, gated: "manual" }); // undefined
 * ```
 */
export async function updateRepoSettings(
  access: HubAccess,
  id: RepoId,
  { isPrivate, gated }: RepoSettings,
): Promise<void> {
  const json = {
    ...(isPrivate !== undefined && { visibility: isPrivate ? "private" : "public" }),
    ...(gated !== undefined && { gated }),
  };
  await requestText(access, `${apiPath(id)}/settings`, { method: "PUT", json, isRepeatable: true });
}
