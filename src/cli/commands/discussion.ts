// abrazo discussion, abrazo pr: talk about a repository, and changes that are proposed to it.
import {
  changeDiscussionStatus,
  commentDiscussion,
  createDiscussion,
  createPullRequest,
  type Discussion,
  type DiscussionDetails,
  type DiscussionEvent,
  getDiscussionDetails,
  getRepoDiscussions,
  mergePullRequest,
} from "../../hub/discussions.ts";
import { fullName, type RepoId, repoPath } from "../../hub/repo-id.ts";
import { cacheFolder } from "../../hub/settings.ts";
import { snapshotDownload } from "../../hub/snapshot.ts";
import { uploadFolder } from "../../hub/upload.ts";
import { type Command, defineCommand } from "../command.ts";
import { checkTarget, copySnapshot, pathsOf } from "../copy.ts";
import { discussionNumber, NAME, oneOf, REPO_FLAGS, source, type Target, target } from "../repository.ts";
import { shortDate, table } from "../table.ts";

const NUMBER = { name: "NUMBER", summary: "Number of the discussion or pull request" } as const;
const COMMENT_FLAG = { comment: { type: "string", value: "TEXT", summary: "What to say with it" } } as const;
const STATUSES = ["open", "closed", "all"] as const;
const TEXT_FLAGS = {
  title: { type: "string", value: "TEXT", summary: "Title" },
  description: { type: "string", value: "TEXT", summary: "First comment, in Markdown" },
} as const;

const urlOf = ({ access, id }: Target, num: number): string => `${access.endpoint}${repoPath(id)}/discussions/${num}`;

/** The two kinds, which are listed, shown, commented on and closed alike. */
const KINDS = {
  discussion: { word: "discussion", words: "discussions", type: "discussion" },
  pr: { word: "pull request", words: "pull requests", type: "pull_request" },
} as const;
type Kind = keyof typeof KINDS;

const listCommand = (kind: Kind): Command =>
  defineCommand({
    name: `${kind} list`,
    summary: `List the ${KINDS[kind].words} of a repository.`,
    args: [NAME],
    flags: {
      ...REPO_FLAGS,
      status: { type: "string", value: STATUSES.join("|"), summary: "open when left out" },
      author: { type: "string", value: "USER", summary: "Only those of a user" },
    },
    examples: [`abrazo ${kind} list ana/sentiment-small`, `abrazo ${kind} list ana/sentiment-small --status all`],
    run: async ({ args: [name], flags, ui }) => {
      const { access, id } = source(name, flags);
      const wanted = oneOf("--status", flags.status ?? "open", STATUSES);
      const filter = { type: KINDS[kind].type, author: flags.author, status: wanted === "all" ? undefined : wanted };
      const found = await getRepoDiscussions(access, id, filter);
      ui.result(found, table(["NUMBER", "STATUS", "AUTHOR", "SINCE", "TITLE"], found.map(rowOf), "There are none."));
    },
  });

const rowOf = ({ num, status, author, createdAt, title }: Discussion): string[] => [
  ...[`#${num}`, status, author?.name ?? "", shortDate(createdAt), title],
];

const showCommand = (kind: Kind): Command =>
  defineCommand({
    name: `${kind} show`,
    summary: `Show a ${KINDS[kind].word} with what was said${kind === "pr" ? " and what it changes" : ""}.`,
    args: [NAME, NUMBER],
    flags: REPO_FLAGS,
    examples: [`abrazo ${kind} show ana/sentiment-small 2`],
    run: async ({ args: [name, number], flags, ui }) => {
      const { access, id } = source(name, flags);
      const found = await getDiscussionDetails(access, id, discussionNumber(number), { diff: kind === "pr" });
      ui.result(found, described(found));
    },
  });

function described({ num, title, status, author, createdAt, events, changes, diff }: DiscussionDetails): string {
  const base = changes == null ? "" : `, into ${changes.base.replace(/^refs\/heads\//, "")}`;
  const head = `#${num} ${title}\n${status}${base}, ${author?.name ?? "deleted"}, ${shortDate(createdAt)}`;
  return [head, ...events.map(toldOf), ...(diff ? [diff.trimEnd()] : [])].join("\n\n");
}

/** What an event says, by its type. */
const EVENTS: Readonly<Record<string, (data: Readonly<Record<string, unknown>>) => string>> = {
  comment: ({ hidden, latest }) => {
    const raw = typeof latest === "object" && latest !== null && "raw" in latest ? latest.raw : "";
    return hidden === true ? "(hidden)" : String(raw);
  },
  commit: ({ oid, subject }) => `${String(oid).slice(0, 7)} ${String(subject)}`,
  "status-change": ({ status }) => `is ${String(status)} now`,
  "title-change": ({ from, to }) => `"${String(from)}" is called "${String(to)}" now`,
};

function toldOf({ type, author, createdAt, data }: DiscussionEvent): string {
  const text = EVENTS[type]?.(data ?? {}) ?? type;
  return `${author?.name ?? "deleted"}, ${shortDate(createdAt)}\n${text.replace(/^/gm, "  ")}`;
}

const commentCommand = (kind: Kind): Command =>
  defineCommand({
    name: `${kind} comment`,
    summary: `Comment on a ${KINDS[kind].word}.`,
    args: [NAME, NUMBER, { name: "TEXT", summary: "The comment, in Markdown" }],
    flags: REPO_FLAGS,
    examples: [`abrazo ${kind} comment ana/sentiment-small 2 "Looks right."`],
    run: async ({ args: [name, number, text = ""], flags, ui }) => {
      const found = target(name, flags);
      const num = discussionNumber(number);
      await commentDiscussion(found.access, found.id, num, text);
      ui.result({ num, url: urlOf(found, num) }, urlOf(found, num));
    },
  });

const statusCommand = (kind: Kind, action: "close" | "reopen"): Command =>
  defineCommand({
    name: `${kind} ${action}`,
    summary: `${action === "close" ? "Close" : "Open"} a ${KINDS[kind].word}${action === "close" ? "" : " again"}.`,
    args: [NAME, NUMBER],
    flags: { ...REPO_FLAGS, ...COMMENT_FLAG },
    examples: [`abrazo ${kind} ${action} ana/sentiment-small 2 --comment "It is answered."`],
    run: async ({ args: [name, number], flags, ui }) => {
      const { access, id } = target(name, flags);
      const num = discussionNumber(number);
      const status = action === "close" ? "closed" : "open";
      await changeDiscussionStatus(access, id, num, status, { comment: flags.comment });
      ui.result({ num, status }, `#${num} of ${fullName(id)} is ${status}.`);
    },
  });

export const discussionList = listCommand("discussion");
export const discussionShow = showCommand("discussion");
export const discussionComment = commentCommand("discussion");
export const discussionClose = statusCommand("discussion", "close");
export const discussionReopen = statusCommand("discussion", "reopen");
export const prList = listCommand("pr");
export const prShow = showCommand("pr");
export const prComment = commentCommand("pr");
export const prClose = statusCommand("pr", "close");
export const prReopen = statusCommand("pr", "reopen");

export const discussionCreate = defineCommand({
  name: "discussion create",
  summary: "Open a discussion.",
  args: [NAME, { name: "TITLE", summary: "What it is about" }],
  flags: { ...REPO_FLAGS, description: TEXT_FLAGS.description },
  examples: ['abrazo discussion create ana/sentiment-small "Which data?" --description "The card does not say."'],
  run: async ({ args: [name, title = ""], flags, ui }) => {
    const found = target(name, flags);
    const num = await createDiscussion(found.access, found.id, title, { description: flags.description });
    ui.result({ num, url: urlOf(found, num) }, urlOf(found, num));
  },
});

export const prCreate = defineCommand({
  name: "pr create",
  summary: "Propose a change: open a pull request, with a folder's files if one is named.",
  args: [NAME, { name: "DIR", summary: "Folder or file to propose; without it the request is empty", optional: true }],
  flags: {
    ...REPO_FLAGS,
    ...TEXT_FLAGS,
    revision: { type: "string", value: "BRANCH", summary: "Branch that it is for; main when left out" },
  },
  examples: [
    'abrazo pr create ana/sentiment-small ./model --title "Train on June"',
    'abrazo pr create ana/sentiment-small --title "Later"',
  ],
  run: async ({ args: [name, folder], flags, ui }) => {
    const found = target(name, flags);
    const { title = "Change files", description, revision } = flags;
    if (folder === undefined) {
      const num = await createPullRequest(found.access, found.id, title, { description });
      const next = `Its files are pushed with: abrazo push DIR ${fullName(found.id)} --revision refs/pr/${num}`;
      ui.result({ num, url: urlOf(found, num) }, `${urlOf(found, num)}\n${next}`);
      return;
    }
    const options = { message: title, description, revision, createPr: true };
    const done = await uploadFolder(found.access, found.id, folder, options);
    const words = done.pullRequestUrl ?? "Nothing differs from what is there; there is no pull request.";
    ui.result(done, words);
  },
});

export const prMerge = defineCommand({
  name: "pr merge",
  summary: "Merge a pull request into the branch that it is for.",
  args: [NAME, NUMBER],
  flags: { ...REPO_FLAGS, ...COMMENT_FLAG },
  examples: ["abrazo pr merge ana/sentiment-small 2"],
  run: async ({ args: [name, number], flags, ui }) => {
    const { access, id } = target(name, flags);
    const num = discussionNumber(number);
    await mergePullRequest(access, id, num, { comment: flags.comment });
    ui.result({ num, status: "merged" }, `Merged #${num} of ${fullName(id)}`);
  },
});

export const prCheckout = defineCommand({
  name: "pr checkout",
  summary: "Download the files of a pull request into the cache, or into a folder.",
  args: [NAME, NUMBER, { name: "DIR", summary: "Folder to copy the files to", optional: true }],
  flags: REPO_FLAGS,
  examples: ["abrazo pr checkout ana/sentiment-small 2 ./proposed"],
  run: async ({ args: [name, number, folder], flags, ui }) => {
    const { access, id } = source(name, flags);
    const num = discussionNumber(number);
    if (folder !== undefined) checkTarget(folder);
    const found = await snapshotDownload(access, id, { revision: `refs/pr/${num}`, cacheDir: cacheFolder() });
    if (folder !== undefined) await copySnapshot(found.folder, folder, await pathsOf(found.folder, () => true));
    ui.result({ ...found, folder: folder ?? found.folder }, toldPlace(id, num, folder ?? found.folder));
  },
});

const toldPlace = (id: RepoId, num: number, folder: string): string => `#${num} of ${fullName(id)} is in ${folder}`;
