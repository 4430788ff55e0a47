// The pages of discussions and pull requests: address → service calls → page, form → service call → page.
// Holds no rules: services do.
import type { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { plural, type RepoType, repoPath } from "../../src/hub/repo-id.ts";
import type { HubEnv } from "../api/route.ts";
import type { Context } from "../context.ts";
import { ServiceError } from "../errors.ts";
import { mayAccess, type Repo } from "../services/access.ts";
import { type DiscussionQuery, discussionDetails, listDiscussions } from "../services/discussion-lists.ts";
import type { Discussion } from "../services/discussion-log.ts";
import {
  changeStatus,
  comment,
  createDiscussion,
  discussionRepo,
  editComment,
  hideComment,
  merge,
  rename,
} from "../services/discussions.ts";
import { requestChanges } from "../services/pull-requests.ts";
import { commentHtml } from "./comment-html.ts";
import { lineDiffs } from "./line-diffs.ts";
import { DiscussionPage } from "./pages/discussion.tsx";
import { DiscussionsPage, NewDiscussionPage } from "./pages/discussions.tsx";
import { type C, html, idOf, pageNumber, shellOf, signedIn } from "./respond.tsx";

const PAGE_SIZE = 30;
const STATUSES = ["open", "closed", "all"] as const;

const field = (form: FormData, name: string): string => {
  const value = form.get(name);
  return typeof value === "string" ? value.replaceAll("\r\n", "\n") : "";
};

export function discussionPages(web: Hono<HubEnv>, type: RepoType): void {
  const base = `${type === "model" ? "" : `/${plural(type)}`}/:namespace/:name/discussions`;
  const one = `${base}/:num{[1-9][0-9]{0,8}}`;
  web.get(base, (c) => listPage(c, type));
  web.get(`${base}/new`, async (c) => {
    signedIn(c);
    const repo = await discussionRepo(c.get("ctx"), idOf(c, type), "contribute");
    return html(c, <NewDiscussionPage shell={shellOf(c)} repo={repo} />);
  });
  web.post(base, (c) => open(c, type));
  web.get(one, (c) => discussionPage(c, type));
  web.get(`${one}/files`, (c) => discussionPage(c, type));
  web.post(one, (c) => act(c, type));
}

async function listPage(c: C, type: RepoType): Promise<Response> {
  const page = pageNumber(c.req.query("p"));
  const kind = (["discussion", "pull_request"] as const).find((name) => name === c.req.query("type"));
  const status = STATUSES.find((name) => name === c.req.query("status")) ?? "open";
  const search = c.req.query("search") ?? "";
  const query: DiscussionQuery = { type: kind, status, search, page, pageSize: PAGE_SIZE };
  const found = await listDiscussions(c.get("ctx"), idOf(c, type), query);
  const props = { shell: shellOf(c), ...found, type: kind, status, search, page, pageSize: PAGE_SIZE };
  return html(c, <DiscussionsPage {...props} />);
}

async function open(c: C, type: RepoType): Promise<Response> {
  const [ctx, id] = [c.get("ctx"), idOf(c, type)];
  const form = await c.req.formData();
  const values = { title: field(form, "title"), description: field(form, "description") };
  const repo = await discussionRepo(ctx, id, "contribute");
  try {
    const { discussion } = await createDiscussion(ctx, id, { ...values, pullRequest: false });
    return c.redirect(`${repoPath(repo)}/discussions/${discussion.num}`, 303);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const page = <NewDiscussionPage shell={shellOf(c)} repo={repo} problem={error.message} values={values} />;
    return html(c, page, statusOf(error));
  }
}

// safe because services give statuses of errors alone, and those carry a body
const statusOf = ({ status }: ServiceError): ContentfulStatusCode => status as ContentfulStatusCode;

/** What was written and could not be done, so that it is not lost. */
interface Failed {
  problem: string;
  text: string;
  status: ContentfulStatusCode;
}

async function discussionPage(c: C, type: RepoType, failed?: Failed): Promise<Response> {
  const [ctx, id] = [c.get("ctx"), idOf(c, type)];
  const found = await discussionDetails(ctx, id, Number(c.req.param("num")));
  const { repo, discussion } = found;
  const isFiles = c.req.path.endsWith("/files") && discussion.isPullRequest;
  const comments = new Map<string, string>();
  if (!isFiles)
    for (const event of found.events)
      if (event.type === "comment") comments.set(event.id, await commentHtml(repo, event));
  const props = {
    shell: shellOf(c),
    ...found,
    comments,
    changes: isFiles ? await changesOf(ctx, repo, discussion) : undefined,
    rights: {
      write: await mayAccess(ctx, "write", repo),
      manage: await mayAccess(ctx, "manage", repo),
      comment: await mayAccess(ctx, "contribute", repo),
    },
    problem: failed?.problem,
    text: failed?.text ?? "",
  };
  return html(c, <DiscussionPage {...props} />, failed?.status ?? 200);
}

async function changesOf(ctx: Context, repo: Repo, discussion: Discussion) {
  const changes = await requestChanges(ctx, repo, discussion);
  return { ...changes, diffs: await lineDiffs(changes.files) };
}

/** Every form of a discussion comes here: its button says what is to be done. */
async function act(c: C, type: RepoType): Promise<Response> {
  const num = Number(c.req.param("num"));
  const form = await c.req.formData();
  const text = field(form, "comment");
  const at = `${repoPath({ ...idOf(c, type) })}/discussions/${num}`;
  try {
    const anchor = await perform(c, type, form);
    return c.redirect(anchor === undefined ? at : `${at}#${anchor}`, 303);
  } catch (error) {
    if (!(error instanceof ServiceError) || error.status === 404 || error.status === 401) throw error;
    const hint = error.hint === undefined ? "" : ` ${error.hint}`;
    return discussionPage(c, type, { problem: `${error.message}${hint}`, text, status: statusOf(error) });
  }
}

/** Does what a form asks for; gives the place on the page where it shows. */
async function perform(c: C, type: RepoType, form: FormData): Promise<string | undefined> {
  const [ctx, id, num] = [c.get("ctx"), idOf(c, type), Number(c.req.param("num"))];
  const text = field(form, "comment");
  const commentId = field(form, "id");
  switch (field(form, "action")) {
    case "comment":
      return (await comment(ctx, id, num, text)).id;
    case "close":
      return (await changeStatus(ctx, id, num, { status: "closed", comment: text })).id;
    case "open":
      return (await changeStatus(ctx, id, num, { status: "open", comment: text })).id;
    case "merge":
      await merge(ctx, id, num, text === "" ? undefined : text);
      return undefined;
    case "edit":
      return (await editComment(ctx, id, { num, commentId, text })).id;
    case "hide":
      return (await hideComment(ctx, id, { num, commentId })).id;
    case "rename":
      await rename(ctx, id, num, field(form, "title"));
      return undefined;
    default:
      throw new ServiceError(400, "The form does not say what is to be done.", { code: "BAD_REQUEST" });
  }
}
