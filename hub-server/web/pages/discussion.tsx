// One discussion: what was said and done, the form to say more; of a pull request its changes and the merge.

import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import { fullName, repoPath } from "../../../src/hub/repo-id.ts";
import type { CommitChanges, FileChange } from "../../services/changes.ts";
import type { DiscussionDetails, EventItem } from "../../services/discussion-lists.ts";
import { FileDiff } from "../components/diff.tsx";
import { DiscussionState, EventLine, Who } from "../components/discussion.tsx";
import { FileName } from "../components/plain-text.tsx";
import { RepoHeader, Snippet, Time } from "../components/repo.tsx";
import { many } from "../format.ts";
import { Avatar, Page, type Shell } from "../layout.tsx";
import type { LineDiff } from "../line-diffs.ts";

interface Props extends DiscussionDetails {
  shell: Shell;
  /** Comments as HTML, by the ids of their events. */
  comments: ReadonlyMap<string, string>;
  /** Of the page with the changes alone. */
  changes: (Pick<CommitChanges, "files" | "more"> & { diffs: ReadonlyMap<FileChange, LineDiff> }) | undefined;
  rights: { write: boolean; manage: boolean; comment: boolean };
  problem: string | undefined;
  /** What was written and could not be sent. */
  text: string;
}

export function DiscussionPage(props: Props) {
  const { shell, repo, discussion, changes } = props;
  return (
    <Page title={`${discussion.title} · #${discussion.num} · ${fullName(repo)}`} shell={shell}>
      <RepoHeader repo={repo} tab="discussions" />
      <Head {...props} />
      {discussion.isPullRequest ? <Parts {...props} /> : null}
      {changes === undefined ? <Thread {...props} /> : <Changes {...props} changes={changes} />}
    </Page>
  );
}

const at = ({ repo, discussion }: Props): string => `${repoPath(repo)}/discussions/${discussion.num}`;
const opensIt = ({ shell, discussion }: Props): boolean =>
  shell.actor !== undefined && discussion.authorId === shell.actor.id;

function Head(props: Props) {
  const { discussion, rights } = props;
  const { author, createdAt, base } = discussion;
  return (
    <div class="talk-head">
      <h2>
        <bdi>{discussion.title}</bdi> <span class="count">#{discussion.num}</span>
      </h2>
      <p class="row small">
        <DiscussionState discussion={discussion} />
        {discussion.locked ? <span class="badge">locked</span> : null}
        <span>
          <Who author={author} /> opened this <Time at={createdAt} />
          {base === null ? null : (
            <>
              {" "}
              to change{" "}
              <code>
                <bdi>{base.replace("refs/heads/", "")}</bdi>
              </code>
            </>
          )}
        </span>
      </p>
      {opensIt(props) || rights.write ? (
        <details class="rename small">
          <summary>Rename</summary>
          <form class="row" method="post" action={at(props)}>
            <input type="hidden" name="action" value="rename" />
            <input
              class="grow"
              name="title"
              aria-label="New title"
              required
              minlength={3}
              maxlength={200}
              value={discussion.title}
            />
            <button type="submit" class="quiet">
              Rename
            </button>
          </form>
        </details>
      ) : null}
    </div>
  );
}

/** A pull request has two pages. */
const Parts = (props: Props) => (
  <div class="ways talk-parts">
    <a href={at(props)} aria-current={props.changes === undefined ? "page" : undefined}>
      Conversation
    </a>
    <a href={`${at(props)}/files`} aria-current={props.changes === undefined ? undefined : "page"}>
      Files changed
    </a>
  </div>
);

function Changes({
  repo,
  discussion,
  changes: { files, more, diffs },
}: Props & { changes: NonNullable<Props["changes"]> }) {
  return (
    <>
      <h2>{many(files.length + more, "file")} changed</h2>
      {files.length === 0 ? <p class="blank panel">This pull request changes nothing.</p> : null}
      {files.map((file) => (
        <FileDiff repo={repo} revision={discussion.headCommit ?? ""} file={file} diff={diffs.get(file)} />
      ))}
      {more > 0 ? <p class="note">{many(more, "more file")} changed; they are not shown.</p> : null}
    </>
  );
}

function Thread(props: Props) {
  const { repo, events } = props;
  return (
    <div class="talk-page">
      <ol class="talk-list">
        {events.map((event) =>
          event.type === "comment" ? <Comment {...props} event={event} /> : <EventLine repo={repo} event={event} />,
        )}
      </ol>
      <MergeBox {...props} />
      <Answer {...props} />
    </div>
  );
}

function Comment(props: Props & { event: EventItem }) {
  const { shell, comments, rights, event } = props;
  const { id, author, createdAt, hidden, history } = event;
  const mine = shell.actor !== undefined && event.authorId === shell.actor.id && rights.comment;
  return (
    <li class="panel comment" id={id}>
      <div class="row comment-head small">
        <Avatar name={author?.name ?? "?"} />
        <Who author={author} />
        <a class="muted" href={`#${id}`}>
          <Time at={createdAt} />
        </a>
        {history.length > 0 ? <span class="badge">edited</span> : null}
      </div>
      <div class={`prose comment-text${hidden ? " muted" : ""}`}>{raw(comments.get(id) ?? "")}</div>
      {!hidden && (mine || rights.manage) ? <CommentForms {...props} /> : null}
    </li>
  );
}

function CommentForms(props: Props & { event: EventItem }) {
  const { event } = props;
  const hidden = (action: string) => (
    <>
      <input type="hidden" name="action" value={action} />
      <input type="hidden" name="id" value={event.id} />
    </>
  );
  return (
    <div class="row small comment-forms">
      <details>
        <summary>Edit</summary>
        <form method="post" action={at(props)}>
          {hidden("edit")}
          <textarea name="comment" rows={6} required maxlength={65_536} aria-label="Comment">
            {event.raw ?? ""}
          </textarea>
          <button type="submit" class="quiet">
            Save
          </button>
        </form>
      </details>
      <details>
        <summary>Hide</summary>
        <form method="post" action={at(props)}>
          {hidden("hide")}
          <p class="muted">What is hidden stays hidden.</p>
          <button type="submit" class="danger">
            Hide this comment
          </button>
        </form>
      </details>
    </div>
  );
}

/** What stands between a pull request and its branch, and the button where nothing does. */
function MergeBox(props: Props) {
  const { repo, discussion, conflicts, hasRef, rights, shell } = props;
  const { status, base, num, mergeCommit } = discussion;
  if (!discussion.isPullRequest) return null;
  const branch = (base ?? "").replace("refs/heads/", "");
  if (status === "merged")
    return (
      <p class="note good">
        Merged into{" "}
        <code>
          <bdi>{branch}</bdi>
        </code>
        {mergeCommit === null ? "." : null}
        {mergeCommit === null ? null : (
          <>
            {" "}
            as <a href={`${repoPath(repo)}/commit/${mergeCommit}`}>{mergeCommit.slice(0, 7)}</a>.
          </>
        )}
      </p>
    );
  if (status === "closed") return null;
  return (
    <section class="panel" aria-labelledby="merge">
      <h2 id="merge">{mergeWords(props)}</h2>
      {conflicts.length === 0 ? null : (
        <ul class="plain-list conflicts">
          {conflicts.map((path) => (
            <li>
              <code>
                <FileName name={path} />
              </code>
            </li>
          ))}
        </ul>
      )}
      {status === "open" && hasRef && rights.write && conflicts.length === 0 ? (
        <form method="post" action={at(props)}>
          <button type="submit" name="action" value="merge">
            Merge
          </button>
        </form>
      ) : null}
      {hasRef && shell.actor !== undefined ? (
        <details class="small locally">
          <summary>Work on it from here</summary>
          <Snippet title="With git, in a clone of this repository:" code={gitWords(num)} />
        </details>
      ) : null}
    </section>
  );
}

function mergeWords({ discussion: { status, base }, conflicts, hasRef }: Props): string {
  if (!hasRef) return "Its ref was deleted: nothing is left to merge";
  if (status === "draft") return "A draft: publish it before it can be merged";
  if (conflicts.length > 0) return `Cannot be merged yet: both sides changed ${many(conflicts.length, "file")}`;
  return `Ready to be merged into ${(base ?? "").replace("refs/heads/", "")}`;
}

const gitWords = (num: number): string =>
  [
    `git fetch origin refs/pr/${num}:pr/${num}`,
    `git checkout pr/${num}`,
    `git push origin pr/${num}:refs/pr/${num}`,
  ].join("\n");

function Answer(props: Props) {
  const { shell, discussion, rights, problem, text } = props;
  if (shell.actor === undefined)
    return (
      <p class="note">
        <a href={`/login?next=${encodeURIComponent(at(props))}`}>Log in</a> to take part.
      </p>
    );
  const silent = !rights.comment || (discussion.locked && !rights.write);
  if (silent) return <p class="note">Only who may write to this repository may comment here.</p>;
  const changes = opensIt(props) || rights.write;
  return (
    <form class="panel talk-form" method="post" action={at(props)}>
      {problem === undefined ? null : (
        <p class="note bad" role="alert">
          {problem}
        </p>
      )}
      <label for="comment">Your comment</label>
      <textarea id="comment" name="comment" rows={5} maxlength={65_536}>
        {text}
      </textarea>
      <div class="row">
        <button type="submit" name="action" value="comment">
          Comment
        </button>
        {changes ? <StatusButtons status={discussion.status} /> : null}
      </div>
    </form>
  );
}

function StatusButtons({ status }: { status: string }): Child {
  const button = (action: "close" | "open", words: string) => (
    <button type="submit" class="quiet" name="action" value={action}>
      {words}
    </button>
  );
  if (status === "merged") return null;
  if (status === "closed") return button("open", "Open again");
  return (
    <>
      {status === "draft" ? button("open", "Publish") : null}
      {button("close", "Close")}
    </>
  );
}
