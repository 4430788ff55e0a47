// The list of a repository's discussions and pull requests, and the form for a new one.
import { fullName, repoPath } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import type { DiscussionItem } from "../../services/discussion-lists.ts";
import { DiscussionState } from "../components/discussion.tsx";
import { Pager, RepoHeader, Time } from "../components/repo.tsx";
import { grouped, many } from "../format.ts";
import { Avatar, Page, type Shell } from "../layout.tsx";

interface ListProps {
  shell: Shell;
  repo: Repo;
  items: readonly DiscussionItem[];
  count: number;
  open: number;
  closed: number;
  type: "discussion" | "pull_request" | undefined;
  status: "open" | "closed" | "all";
  search: string;
  page: number;
  pageSize: number;
}

/** The address of the list with some choices, its first page unless said otherwise. */
function listUrl(
  repo: Repo,
  { type, status, search }: Pick<ListProps, "type" | "status" | "search">,
  page = 0,
): string {
  const query = new URLSearchParams({
    ...(type !== undefined && { type }),
    ...(status !== "open" && { status }),
    ...(search !== "" && { search }),
    ...(page > 0 && { p: `${page}` }),
  }).toString();
  return `${repoPath(repo)}/discussions${query === "" ? "" : `?${query}`}`;
}

const TYPES = [
  [undefined, "All"],
  ["discussion", "Discussions"],
  ["pull_request", "Pull requests"],
] as const;

export function DiscussionsPage(props: ListProps) {
  const { shell, repo, items, count, open, closed, type, status, search, page, pageSize } = props;
  const choice = { type, status, search };
  return (
    <Page title={`${fullName(repo)}: discussions`} shell={shell}>
      <RepoHeader repo={repo} tab="discussions" />
      <div class="row place">
        <div class="ways">
          {TYPES.map(([name, label]) => (
            <a href={listUrl(repo, { ...choice, type: name })} aria-current={name === type ? "true" : undefined}>
              {label}
            </a>
          ))}
        </div>
        <form class="talk-find" action={`${repoPath(repo)}/discussions`}>
          {type === undefined ? null : <input type="hidden" name="type" value={type} />}
          {status === "open" ? null : <input type="hidden" name="status" value={status} />}
          <input type="search" name="search" value={search} placeholder="Search titles" aria-label="Search titles" />
        </form>
        <a class="button" href={`${repoPath(repo)}/discussions/new`}>
          New discussion
        </a>
      </div>
      <section class="threads" aria-label="Discussions">
        <div class="file-bar">
          <a
            href={listUrl(repo, { ...choice, status: "open" })}
            aria-current={status === "open" ? "true" : undefined}
          >{`${grouped(open)} open`}</a>
          <a
            href={listUrl(repo, { ...choice, status: "closed" })}
            aria-current={status === "closed" ? "true" : undefined}
          >{`${grouped(closed)} closed`}</a>
        </div>
        {items.length === 0 ? (
          <p class="blank panel joined">
            {search === "" && type === undefined && open + closed === 0
              ? "Nobody has opened a discussion yet."
              : "Nothing here fits."}
          </p>
        ) : (
          <ul class="history joined">
            {items.map((item) => (
              <Row repo={repo} item={item} />
            ))}
          </ul>
        )}
      </section>
      <Pager
        previous={page > 0 ? listUrl(repo, choice, page - 1) : undefined}
        next={(page + 1) * pageSize < count ? listUrl(repo, choice, page + 1) : undefined}
        words={["Newer", "Older"]}
      >
        {`${grouped(page * pageSize + 1)} to ${grouped(page * pageSize + items.length)} of ${grouped(count)}`}
      </Pager>
    </Page>
  );
}

const Row = ({ repo, item }: { repo: Repo; item: DiscussionItem }) => (
  <li>
    <div>
      <a class="title" href={`${repoPath(repo)}/discussions/${item.num}`} dir="auto">
        {item.title}
      </a>
      <span class="author small">
        <DiscussionState discussion={item} />
        {item.pinned ? <span class="badge">pinned</span> : null}
        <span class="muted">
          #{item.num} by <bdi>{item.author?.name ?? "a deleted user"}</bdi>, <Time at={item.createdAt} />
        </span>
      </span>
    </div>
    <span class="muted small talk" title={many(item.comments, "comment")}>
      {grouped(item.comments)}
      <span class="wide"> {item.comments === 1 ? "comment" : "comments"}</span>
    </span>
  </li>
);

export const NewDiscussionPage = ({
  shell,
  repo,
  problem,
  values = { title: "", description: "" },
}: {
  shell: Shell;
  repo: Repo;
  problem?: string;
  values?: { title: string; description: string };
}) => (
  <Page title={`${fullName(repo)}: new discussion`} shell={shell}>
    <RepoHeader repo={repo} tab="discussions" />
    <form class="panel talk-form" method="post" action={`${repoPath(repo)}/discussions`}>
      <h2>New discussion</h2>
      {problem === undefined ? null : (
        <p class="note bad" role="alert">
          {problem}
        </p>
      )}
      <label for="title">Title</label>
      <input
        id="title"
        name="title"
        required
        minlength={3}
        maxlength={200}
        value={values.title}
        autofocus={problem === undefined}
      />
      <label for="description">What is it about?</label>
      <textarea id="description" name="description" rows={8} maxlength={65_536} aria-describedby="how">
        {values.description}
      </textarea>
      <p class="hint" id="how">
        Markdown. Mention somebody by @name.
      </p>
      <div class="row">
        <button type="submit">Open the discussion</button>
        {shell.actor === undefined ? null : (
          <span class="author small muted">
            <Avatar name={shell.actor.name} /> as <bdi>{shell.actor.name}</bdi>
          </span>
        )}
      </div>
    </form>
    <p class="muted small">
      To propose changes, commit with <code>create_pr=True</code>, or push to the ref of a pull request: files changed
      that way are shown here and can be merged.
    </p>
  </Page>
);
