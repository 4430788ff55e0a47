// Branches, tags, and the commits behind them.
// Sends no file.
import { z } from "zod";
import { apiPath, pagesOf, queryOf, takeOf } from "./client.ts";
import type { RepoId } from "./repo-id.ts";
import { type HubAccess, HubError, requestJson, requestText } from "./request.ts";

const refSchema = z.looseObject({ name: z.string(), ref: z.string(), targetCommit: z.string() });
/** A branch or tag: its name, its full name in git, and the commit that it is at. */
export type GitRef = z.infer<typeof refSchema>;

const refsSchema = z.looseObject({
  branches: z.array(refSchema),
  converts: z.array(refSchema).default([]),
  tags: z.array(refSchema),
  pullRequests: z.array(refSchema).default([]),
});
/** What names the commits of a repository. */
export type GitRefs = z.infer<typeof refsSchema>;

/**
 * Branches and tags of a repository, and its pull requests when asked for.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * (await listRepoRefs(access, parseRepoId("ana/mood"))).branches;
 * // [{ name: "main", ref: "refs/heads/main", targetCommit: "2640b68b09b3…" }]
 * ```
 */
export async function listRepoRefs(
  access: HubAccess,
  id: RepoId,
  { includePullRequests = false }: { includePullRequests?: boolean } = {},
): Promise<GitRefs> {
  const path = `${apiPath(id)}/refs${includePullRequests ? "?include_prs=1" : ""}`;
  return (await requestJson(access, path, refsSchema)).value;
}

const commitSchema = z.looseObject({
  id: z.string(),
  title: z.string(),
  message: z.string().default(""),
  date: z.string(),
  authors: z.array(z.looseObject({ user: z.string().optional() })).default([]),
});
/** A commit of a history: its id, title, what follows the title, date and authors. */
export type GitCommit = z.infer<typeof commitSchema>;

/**
 * Commits of a revision, newest first.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * const [last] = await listRepoCommits(access, parseRepoId("ana/mood"), { revision: "main", limit: 1 });
 * last?.title; // "Train on May"
 * ```
 */
export function listRepoCommits(
  access: HubAccess,
  id: RepoId,
  { revision = "main", limit }: { revision?: string | undefined; limit?: number | undefined } = {},
): Promise<GitCommit[]> {
  const query = queryOf({ limit: Math.min(limit ?? 100, 100) });
  return takeOf(pagesOf(access, `${apiPath(id)}/commits/${encodeURIComponent(revision)}${query}`, commitSchema), limit);
}

/** Whether it is fine when there is one of that name. */
export interface ExistOk {
  existOk?: boolean | undefined;
}

/** Makes what may be there already. Returns whether it was made. */
export async function unlessThere(existOk: boolean | undefined, make: () => Promise<unknown>): Promise<boolean> {
  try {
    await make();
    return true;
  } catch (error) {
    if (existOk === true && error instanceof HubError && error.data["status"] === 409) return false;
    throw error;
  }
}

const refPath = (id: RepoId, kind: "branch" | "tag", name: string): string =>
  `${apiPath(id)}/${kind}/${encodeURIComponent(name)}`;

/**
 * Makes a branch at a revision; at the head of main where none is named. Returns whether it was made.
 *
 * @throws HubError with status 409 where there is one, unless `existOk`
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await createBranch(access, parseRepoId("ana/mood"), "dev", { revision: "v1", existOk: true }); // true
 * ```
 */
export function createBranch(
  access: HubAccess,
  id: RepoId,
  branch: string,
  { revision, existOk }: ExistOk & { revision?: string | undefined } = {},
): Promise<boolean> {
  const json = revision === undefined ? {} : { startingPoint: revision };
  return unlessThere(existOk, () => requestText(access, refPath(id, "branch", branch), { method: "POST", json }));
}

/**
 * Deletes a branch. Its commits stay while another branch or tag leads to them.
 *
 * @example needs a hub
 * ```ts
 * await deleteBranch({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, parseRepoId("ana/mood"), "dev"); // undefined
 * ```
 */
export async function deleteBranch(access: HubAccess, id: RepoId, branch: string): Promise<void> {
  await requestText(access, refPath(id, "branch", branch), { method: "DELETE" });
}

/**
 * Tags a revision; the head of main where none is named. Returns whether the tag was made.
 *
 * @throws HubError with status 409 where there is one, unless `existOk`
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await createTag(access, parseRepoId("ana/mood"), "v1", { message: "First release" }); // true
 * ```
 */
export function createTag(
  access: HubAccess,
  id: RepoId,
  tag: string,
  {
    revision = "main",
    message,
    existOk,
  }: ExistOk & { revision?: string | undefined; message?: string | undefined } = {},
): Promise<boolean> {
  const json = { tag, ...(message !== undefined && { message }) };
  return unlessThere(existOk, () => requestText(access, refPath(id, "tag", revision), { method: "POST", json }));
}

/**
 * Deletes a tag.
 *
 * @example needs a hub
 * ```ts
 * await deleteTag({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, parseRepoId("ana/mood"), "v1"); // undefined
 * ```
 */
export async function deleteTag(access: HubAccess, id: RepoId, tag: string): Promise<void> {
  await requestText(access, refPath(id, "tag", tag), { method: "DELETE" });
}
