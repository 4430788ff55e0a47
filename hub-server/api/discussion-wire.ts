// Discussions and their events as clients read them. Knows no routes.
import type { Context as HonoContext } from "hono";
import { fullName } from "../../src/hub/repo-id.ts";
import type { Repo } from "../services/access.ts";
import type { DiscussionItem, EventItem, Person } from "../services/discussion-lists.ts";
import { wireId } from "../services/wire-ids.ts";
import { commentHtml, HIDDEN } from "../web/comment-html.ts";
import { avatarUrl } from "./people.ts";
import type { HubEnv } from "./route.ts";

/** The author of something, with a key of its own: clients want it to be missing for users who are gone. */
function wireAuthor(c: HonoContext<HubEnv>, repo: Repo, author: Person | undefined) {
  if (author === undefined) return {};
  return {
    author: {
      _id: wireId(author.id),
      name: author.name,
      fullname: author.fullName ?? author.name,
      avatarUrl: avatarUrl(c, author),
      type: author.kind === "org" ? "org" : "user",
      isPro: false,
      isHf: false,
      isHfAdmin: false,
      isMod: false,
      isOwner: author.id === repo.ownerId,
    },
  };
}

export const wireDiscussion = (c: HonoContext<HubEnv>, repo: Repo, item: DiscussionItem) => ({
  _id: item.id,
  num: item.num,
  title: item.title,
  status: item.status,
  isPullRequest: item.isPullRequest,
  pinned: item.pinned,
  locked: item.locked,
  numComments: item.comments,
  createdAt: item.createdAt.toISOString(),
  updatedAt: item.updatedAt.toISOString(),
  repo: { name: fullName(repo), type: repo.type },
  repoOwner: { name: repo.namespace },
  ...wireAuthor(c, repo, item.author),
});

export async function wireEvent(c: HonoContext<HubEnv>, repo: Repo, event: EventItem) {
  const shared = {
    id: event.id,
    type: event.type,
    createdAt: event.createdAt.toISOString(),
    ...wireAuthor(c, repo, event.author),
  };
  if (event.type !== "comment") return { ...shared, data: event.data ?? {} };
  return {
    ...shared,
    data: {
      edited: event.history.length > 0,
      hidden: event.hidden,
      ...(event.hidden && { hiddenBy: event.editor?.name ?? "deleted" }),
      latest: {
        raw: event.hidden ? HIDDEN : (event.raw ?? ""),
        html: await commentHtml(repo, event),
        updatedAt: (event.updatedAt ?? event.createdAt).toISOString(),
        ...wireAuthor(c, repo, event.editor),
      },
      numEdits: event.history.length,
      history: event.hidden
        ? []
        : event.history.map(({ raw, author, updatedAt }) => ({ raw, updatedAt, author: { name: author } })),
      reactions: [],
    },
  };
}
