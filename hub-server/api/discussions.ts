// Discussions and pull requests of models, datasets and spaces.
import type { Context as HonoContext } from "hono";
import { z } from "zod";
import { repoPath } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { badRequest } from "../errors.ts";
import { type Action, mayAccess } from "../services/access.ts";
import {
  DISCUSSION_SORTS,
  type DiscussionDetails,
  type DiscussionQuery,
  describeEvent,
  discussionDetails,
  listDiscussions,
} from "../services/discussion-lists.ts";
import type { DiscussionEvent } from "../services/discussion-log.ts";
import {
  changeStatus,
  comment,
  createDiscussion,
  deleteDiscussion,
  deleteRequestRef,
  discussionRepo,
  editComment,
  hideComment,
  lock,
  merge,
  pin,
  rename,
  requestStorage,
} from "../services/discussions.ts";
import { requestChanges } from "../services/pull-requests.ts";
import { wireDiscussion, wireEvent } from "./discussion-wire.ts";
import { defineRoute, type HubEnv, isTrue, jsonBody, LONG_TEXTS, originOf, repoOf } from "./route.ts";
import { unifiedDiff } from "./unified-diff.ts";

const BASE = "/api/:type/:namespace/:name/discussions";
const ONE = `${BASE}/:num`;

/** Asks before anything of the call is read: a stranger's body is not worth the memory. */
const asks = (c: HonoContext<HubEnv>, ctx: Context, action: Action) => discussionRepo(ctx, repoOf(c), action);

/** The number of a discussion in the path. */
function numOf(c: HonoContext<HubEnv>): number {
  const num = Number(c.req.param("num"));
  if (!Number.isInteger(num) || num < 1 || num > 2 ** 31 - 1) throw badRequest("Discussions are numbered from 1.");
  return num;
}

function oneOf<Name extends string>(c: HonoContext<HubEnv>, key: string, names: readonly Name[]): Name | undefined {
  const value = c.req.query(key);
  if (value === undefined || value === "") return undefined;
  const found = names.find((name) => name === value);
  if (found === undefined) throw badRequest(`"${value}" is no ${key}; there are ${names.join(", ")}.`);
  return found;
}

/** Far more than there are discussions, far less than what a database counts to. */
const MOST_PAGES = 1_000_000;

function queryOf(c: HonoContext<HubEnv>): DiscussionQuery {
  const page = Number(c.req.query("p") ?? 0);
  if (!Number.isInteger(page) || page < 0 || page > MOST_PAGES) throw badRequest(`"${c.req.query("p")}" is no page.`);
  // safe because Object.keys gives the keys that the object is declared with
  const sorts = Object.keys(DISCUSSION_SORTS) as (keyof typeof DISCUSSION_SORTS)[];
  return {
    type: oneOf(c, "type", ["all", "discussion", "pull_request"]),
    status: oneOf(c, "status", ["all", "open", "closed"]),
    author: c.req.query("author"),
    search: c.req.query("search"),
    sort: oneOf(c, "sort", sorts),
    page,
  };
}

const list = defineRoute({
  operation: "listDiscussions",
  answers: ["GET /api/{repoType}/{namespace}/{repo}/discussions"],
  method: "GET",
  path: BASE,
  access: "read",
  summary: "Discussions and pull requests of a repository, the newest first",
  query: {
    p: "Number of the page, from 0",
    type: "all, discussion or pull_request",
    status: "all, open (drafts are) or closed (merged ones are)",
    author: "Name of the user who opened it",
    search: "Words of the title",
    sort: Object.keys(DISCUSSION_SORTS).join(", "),
  },
  handle: async (c, ctx) => {
    await asks(c, ctx, "read");
    const { repo, items, count, start, closed } = await listDiscussions(ctx, repoOf(c), queryOf(c));
    const discussions = items.map((item) => wireDiscussion(c, repo, item));
    return c.json({ discussions, count, start, numClosedDiscussions: closed });
  },
});

const createSchema = z.object({
  title: z.string(),
  description: z.string().nullish(),
  pullRequest: z.boolean().nullish(),
});

const create = defineRoute({
  operation: "createDiscussion",
  answers: ["POST /api/{repoType}/{namespace}/{repo}/discussions"],
  method: "POST",
  path: BASE,
  access: "contribute",
  summary: "Open a discussion, or a draft of a pull request",
  body: createSchema,
  handle: async (c, ctx) => {
    await asks(c, ctx, "contribute");
    const { title, description, pullRequest } = await jsonBody(c, createSchema, LONG_TEXTS);
    const input = { title, description: description ?? "", pullRequest: pullRequest === true };
    const { repo, discussion } = await createDiscussion(ctx, repoOf(c), input);
    const url = `${originOf(c)}${repoPath(repo)}/discussions/${discussion.num}`;
    return c.json({ num: discussion.num, url, pullRequest: discussion.isPullRequest });
  },
});

const details = defineRoute({
  operation: "getDiscussion",
  answers: ["GET /api/{repoType}/{namespace}/{repo}/discussions/{num}"],
  method: "GET",
  path: ONE,
  access: "read",
  summary: "One discussion with all that happened in it",
  query: { diff: "1 for the changes of a pull request, in git's unified format" },
  handle: async (c, ctx) => {
    await asks(c, ctx, "read");
    const found = await discussionDetails(ctx, repoOf(c), numOf(c));
    const events = [];
    for (const event of found.events) events.push(await wireEvent(c, found.repo, event));
    return c.json({
      ...wireDiscussion(c, found.repo, found.discussion),
      events,
      ...(found.discussion.isPullRequest && (await requestParts(c, ctx, found))),
    });
  },
});

/** What pull requests have besides. */
async function requestParts(
  c: HonoContext<HubEnv>,
  ctx: Context,
  { repo, discussion, conflicts, hasRef }: DiscussionDetails,
): Promise<Record<string, unknown>> {
  const { base, mergeCommit, num } = discussion;
  // Python's client asks for it always; who may not have the contents gets the rest.
  const wantsDiff = isTrue(c.req.query("diff")) && (await mayAccess(ctx, "content", repo));
  const changes = wantsDiff ? await requestChanges(ctx, repo, discussion) : undefined;
  return {
    changes: { base, ...(mergeCommit !== null && { mergeCommitId: mergeCommit }) },
    filesWithConflicts: conflicts,
    ...(hasRef && { headRef: `refs/pr/${num}` }),
    ...(changes !== undefined && { diff: await unifiedDiff(changes.files, changes.more) }),
  };
}

const remove = defineRoute({
  operation: "deleteDiscussion",
  answers: ["DELETE /api/{repoType}/{namespace}/{repo}/discussions/{num}"],
  method: "DELETE",
  path: ONE,
  access: "manage",
  summary: "Delete a discussion with its comments, and the ref of a pull request",
  handle: async (c, ctx) => {
    await asks(c, ctx, "manage");
    await deleteDiscussion(ctx, repoOf(c), numOf(c));
    return c.json({ success: true });
  },
});

const eventBody = async (c: HonoContext<HubEnv>, ctx: Context, event: DiscussionEvent) =>
  wireEvent(c, await discussionRepo(ctx, repoOf(c), "read"), await describeEvent(ctx, event));

const commentSchema = z.object({ comment: z.string() });

const addComment = defineRoute({
  operation: "commentDiscussion",
  answers: ["POST /api/{repoType}/{namespace}/{repo}/discussions/{num}/comment"],
  method: "POST",
  path: `${ONE}/comment`,
  access: "contribute",
  summary: "Write a comment",
  body: commentSchema,
  handle: async (c, ctx) => {
    await asks(c, ctx, "contribute");
    const { comment: text } = await jsonBody(c, commentSchema, LONG_TEXTS);
    const event = await comment(ctx, repoOf(c), numOf(c), text);
    return c.json({ newMessage: await eventBody(c, ctx, event) }, 201);
  },
});

const editSchema = z.object({ content: z.string() });
const commentIdOf = (c: HonoContext<HubEnv>): string => c.req.param("commentId") ?? "";

const edit = defineRoute({
  operation: "editDiscussionComment",
  method: "POST",
  path: `${ONE}/comment/:commentId/edit`,
  access: "contribute",
  summary: "Change a comment of one's own; what it said is kept",
  body: editSchema,
  handle: async (c, ctx) => {
    await asks(c, ctx, "contribute");
    const { content } = await jsonBody(c, editSchema, LONG_TEXTS);
    const event = await editComment(ctx, repoOf(c), { num: numOf(c), commentId: commentIdOf(c), text: content });
    return c.json({ updatedComment: await eventBody(c, ctx, event) });
  },
});

const hide = defineRoute({
  operation: "hideDiscussionComment",
  method: "POST",
  path: `${ONE}/comment/:commentId/hide`,
  access: "contribute",
  summary: "Hide a comment for good",
  handle: async (c, ctx) => {
    await asks(c, ctx, "contribute");
    const event = await hideComment(ctx, repoOf(c), { num: numOf(c), commentId: commentIdOf(c) });
    return c.json({ updatedComment: await eventBody(c, ctx, event) });
  },
});

const titleSchema = z.object({ title: z.string() });

const changeTitle = defineRoute({
  operation: "renameDiscussion",
  answers: ["POST /api/{repoType}/{namespace}/{repo}/discussions/{num}/title"],
  method: "POST",
  path: `${ONE}/title`,
  access: "contribute",
  summary: "Give a discussion another title",
  body: titleSchema,
  handle: async (c, ctx) => {
    await asks(c, ctx, "contribute");
    const { title } = await jsonBody(c, titleSchema);
    return c.json({ newTitle: await eventBody(c, ctx, await rename(ctx, repoOf(c), numOf(c), title)) });
  },
});

const statusSchema = z.object({ status: z.enum(["open", "closed"]), comment: z.string().nullish() });

const status = defineRoute({
  operation: "changeDiscussionStatus",
  answers: ["POST /api/{repoType}/{namespace}/{repo}/discussions/{num}/status"],
  method: "POST",
  path: `${ONE}/status`,
  access: "contribute",
  summary: "Close, open again, or publish a draft",
  body: statusSchema,
  handle: async (c, ctx) => {
    await asks(c, ctx, "contribute");
    const input = await jsonBody(c, statusSchema, LONG_TEXTS);
    const asked = { status: input.status, comment: input.comment ?? undefined };
    return c.json({ newStatus: await eventBody(c, ctx, await changeStatus(ctx, repoOf(c), numOf(c), asked)) });
  },
});

const pinSchema = z.object({ pinned: z.boolean() });

const pinned = defineRoute({
  operation: "pinDiscussion",
  answers: ["POST /api/{repoType}/{namespace}/{repo}/discussions/{num}/pin"],
  method: "POST",
  path: `${ONE}/pin`,
  access: "write",
  summary: "Put a discussion before all others, or back",
  body: pinSchema,
  handle: async (c, ctx) => {
    await asks(c, ctx, "write");
    const { pinned: on } = await jsonBody(c, pinSchema);
    return c.json({ newPinned: await eventBody(c, ctx, await pin(ctx, repoOf(c), numOf(c), on)) });
  },
});

const lockSchema = z.object({ locked: z.boolean() });

const lockRoute = defineRoute({
  operation: "lockDiscussion",
  method: "POST",
  path: `${ONE}/lock`,
  access: "write",
  summary: "Leave comments to those who may write",
  body: lockSchema,
  handle: async (c, ctx) => {
    await asks(c, ctx, "write");
    const { locked } = await jsonBody(c, lockSchema);
    return c.json({ newLocked: await eventBody(c, ctx, await lock(ctx, repoOf(c), numOf(c), locked)) });
  },
});

const mergeSchema = z.object({ comment: z.string().nullish() });

const mergeRoute = defineRoute({
  operation: "mergePullRequest",
  answers: ["POST /api/{repoType}/{namespace}/{repo}/discussions/{num}/merge"],
  method: "POST",
  path: `${ONE}/merge`,
  access: "write",
  summary: "Merge a pull request into its branch",
  body: mergeSchema,
  handle: async (c, ctx) => {
    await asks(c, ctx, "write");
    const input = await jsonBody(c, mergeSchema, LONG_TEXTS);
    const mergeCommitId = await merge(ctx, repoOf(c), numOf(c), input.comment ?? undefined);
    return c.json({ mergeCommitId });
  },
});

const deleteRef = defineRoute({
  operation: "deletePullRequestRef",
  answers: ["DELETE /api/{repoType}/{namespace}/{repo}/discussions/{num}/ref"],
  method: "DELETE",
  path: `${ONE}/ref`,
  access: "write",
  summary: "Delete the ref of a pull request that is over, and free what it alone holds",
  handle: async (c, ctx) => {
    await asks(c, ctx, "write");
    await deleteRequestRef(ctx, repoOf(c), numOf(c));
    return c.json({ success: true });
  },
});

const storage = defineRoute({
  operation: "getPullRequestStorage",
  answers: ["GET /api/{repoType}/{namespace}/{repo}/discussions/{num}/storage"],
  method: "GET",
  path: `${ONE}/storage`,
  access: "write",
  summary: "How much deleting the ref of a pull request would free",
  handle: async (c, ctx) => {
    await asks(c, ctx, "write");
    const { bytes, files } = await requestStorage(ctx, repoOf(c), numOf(c));
    return c.json({ size: bytes, numFiles: files });
  },
});

export const discussionRoutes = [
  list,
  create,
  details,
  remove,
  addComment,
  edit,
  hide,
  changeTitle,
  status,
  pinned,
  lockRoute,
  mergeRoute,
  deleteRef,
  storage,
];
