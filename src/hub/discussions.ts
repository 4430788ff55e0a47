// Discussions and pull requests of a repository.
// Knows no file: what a pull request changes is pushed to its revision.
import { z } from "zod";
import { apiPath, queryOf } from "./client.ts";
import type { RepoId } from "./repo-id.ts";
import { type HubAccess, requestJson, requestText } from "./request.ts";

const authorSchema = z.looseObject({ name: z.string().default("deleted") });
const discussionSchema = z.looseObject({
  num: z.number().int().positive(),
  title: z.string(),
  status: z.string(),
  isPullRequest: z.boolean(),
  createdAt: z.string(),
  author: authorSchema.nullish(),
});
/** A discussion or pull request as lists show it. */
export type Discussion = z.infer<typeof discussionSchema>;

const eventSchema = z.looseObject({
  id: z.string(),
  type: z.string(),
  createdAt: z.string(),
  author: authorSchema.nullish(),
  data: z.looseObject({}).nullish(),
});
/** What happened in a discussion: a comment, a commit, a new title or status. */
export type DiscussionEvent = z.infer<typeof eventSchema>;

const detailsSchema = discussionSchema.extend({
  events: z.array(eventSchema),
  changes: z.looseObject({ base: z.string(), mergeCommitId: z.string().nullish() }).nullish(),
  filesWithConflicts: z.union([z.boolean(), z.array(z.string())]).nullish(),
  diff: z.string().nullish(),
});
/** A discussion with what happened in it; of a pull request with its base and, when asked for, its diff. */
export type DiscussionDetails = z.infer<typeof detailsSchema>;

const pageSchema = z.looseObject({
  discussions: z.array(discussionSchema),
  count: z.number().int().nonnegative(),
  start: z.number().int().nonnegative(),
});

const discussionsPath = (id: RepoId, num?: number): string =>
  `${apiPath(id)}/discussions${num === undefined ? "" : `/${num}`}`;

/** Which discussions are wanted; all where nothing is said. */
export interface DiscussionFilter {
  type?: "discussion" | "pull_request" | undefined;
  status?: "open" | "closed" | undefined;
  author?: string | undefined;
}

/**
 * Discussions and pull requests of a repository, the newest first.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * const open = await getRepoDiscussions(access, parseRepoId("ana/mood"), { type: "pull_request", status: "open" });
 * open.map(({ num, title }) => `#${num} ${title}`); // ["#2 Train on June"]
 * ```
 */
export async function getRepoDiscussions(
  access: HubAccess,
  id: RepoId,
  { type, status, author }: DiscussionFilter = {},
): Promise<Discussion[]> {
  const found: Discussion[] = [];
  for (let p = 0; ; p++) {
    const path = `${discussionsPath(id)}${queryOf({ type, status, author, p })}`;
    const { discussions, count, start } = (await requestJson(access, path, pageSchema)).value;
    found.push(...discussions);
    if (discussions.length === 0 || start + discussions.length >= count) return found;
  }
}

/**
 * A discussion with its comments; of a pull request with its diff, if that is wanted.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * const { title, events } = await getDiscussionDetails(access, parseRepoId("ana/mood"), 2);
 * ```
 */
export async function getDiscussionDetails(
  access: HubAccess,
  id: RepoId,
  num: number,
  { diff = false }: { diff?: boolean } = {},
): Promise<DiscussionDetails> {
  return (await requestJson(access, `${discussionsPath(id, num)}${diff ? "?diff=1" : ""}`, detailsSchema)).value;
}

const createdSchema = z.looseObject({ num: z.number().int().positive() });

/**
 * Opens a discussion. Returns its number.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await createDiscussion(access, parseRepoId("ana/mood"), "Which data?", { description: "It is not in the card." }); // 1
 * ```
 */
export function createDiscussion(
  access: HubAccess,
  id: RepoId,
  title: string,
  { description = "" }: { description?: string | undefined } = {},
): Promise<number> {
  return open(access, id, { title, description, pullRequest: false });
}

/**
 * Opens a pull request without changes. What it is to change is uploaded to the revision `refs/pr/<number>`. Returns its number.
 *
 * @example needs a hub
 * ```ts
 * const [access, id] = [{ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, parseRepoId("ana/mood")];
 * const num = await createPullRequest(access, id, "Train on June");
 * await uploadFolder(access, id, "./my-model", { message: "Weights", revision: `refs/pr/${num}` });
 * ```
 */
export function createPullRequest(
  access: HubAccess,
  id: RepoId,
  title: string,
  { description = "" }: { description?: string | undefined } = {},
): Promise<number> {
  return open(access, id, { title, description, pullRequest: true });
}

async function open(access: HubAccess, id: RepoId, json: Record<string, unknown>): Promise<number> {
  return (await requestJson(access, discussionsPath(id), createdSchema, { method: "POST", json })).value.num;
}

/**
 * Writes a comment.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await commentDiscussion(access, parseRepoId("ana/mood"), 1, "The reviews of May."); // undefined
 * ```
 */
export async function commentDiscussion(access: HubAccess, id: RepoId, num: number, comment: string): Promise<void> {
  await requestText(access, `${discussionsPath(id, num)}/comment`, { method: "POST", json: { comment } });
}

/**
 * Gives a discussion another title.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await renameDiscussion(access, parseRepoId("ana/mood"), 1, "Which data was it?"); // undefined
 * ```
 */
export async function renameDiscussion(access: HubAccess, id: RepoId, num: number, title: string): Promise<void> {
  await requestText(access, `${discussionsPath(id, num)}/title`, { method: "POST", json: { title } });
}

/**
 * Closes a discussion or pull request, or opens it again, with a comment if one is given.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await changeDiscussionStatus(access, parseRepoId("ana/mood"), 1, "closed", { comment: "Answered." }); // undefined
 * ```
 */
export async function changeDiscussionStatus(
  access: HubAccess,
  id: RepoId,
  num: number,
  status: "open" | "closed",
  { comment }: { comment?: string | undefined } = {},
): Promise<void> {
  const json = { status, ...(comment !== undefined && { comment }) };
  await requestText(access, `${discussionsPath(id, num)}/status`, { method: "POST", json });
}

/**
 * Merges a pull request into the branch that it was opened for.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await mergePullRequest(access, parseRepoId("ana/mood"), 2, { comment: "Thank you." }); // undefined
 * ```
 */
export async function mergePullRequest(
  access: HubAccess,
  id: RepoId,
  num: number,
  { comment }: { comment?: string | undefined } = {},
): Promise<void> {
  const json = comment === undefined ? {} : { comment };
  await requestText(access, `${discussionsPath(id, num)}/merge`, { method: "POST", json });
}
