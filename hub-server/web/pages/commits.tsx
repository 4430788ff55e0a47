// The history of a revision, and what one commit changed.
import { fullName, repoPath } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import type { CommitChanges, FileChange } from "../../services/changes.ts";
import type { CommitRow, RefInfo } from "../../services/refs.ts";
import { FileDiff } from "../components/diff.tsx";
import { MetricTable } from "../components/metric-table.tsx";
import { Pager, RepoHeader, RevisionMenu, Time } from "../components/repo.tsx";
import { day, grouped, many } from "../format.ts";
import { Avatar, Page, type Shell } from "../layout.tsx";
import type { LineDiff } from "../line-diffs.ts";

interface HistoryProps {
  shell: Shell;
  repo: Repo;
  revision: string;
  refs: { branches: RefInfo[]; tags: RefInfo[] };
  commits: readonly CommitRow[];
  total: number;
  page: number;
  pageSize: number;
}

const timeOf = (commit: CommitRow): Date => new Date(commit.time * 1000);
const titleOf = (commit: CommitRow): string => commit.message.split("\n")[0] || "(no message)";

const Author = ({ commit }: { commit: CommitRow }) => (
  <span class="author small">
    <Avatar name={commit.authorName} /> <bdi>{commit.authorName}</bdi>{" "}
    <span class="muted">
      <Time at={timeOf(commit)} />
    </span>
  </span>
);

export function HistoryPage({ shell, repo, revision, refs, commits, total, page, pageSize }: HistoryProps) {
  const url = (name: string, at = 0) =>
    `${repoPath(repo)}/commits/${encodeURIComponent(name)}${at === 0 ? "" : `?p=${at}`}`;
  const days = [...new Set(commits.map((commit) => day(timeOf(commit))))];
  return (
    <Page title={`${fullName(repo)}: history`} shell={shell}>
      <RepoHeader repo={repo} tab="commits" />
      <div class="row place">
        <RevisionMenu refs={refs} current={revision} url={(name) => url(name)} />
        <span class="muted">{many(total, "commit")}</span>
      </div>
      {commits.length === 0 ? <p class="blank panel">No commits here.</p> : null}
      {days.map((date) => (
        <section class="day" aria-label={`Commits of ${date}`}>
          <h2>{date}</h2>
          <ul class="history">
            {commits
              .filter((commit) => day(timeOf(commit)) === date)
              .map((commit) => (
                <HistoryRow repo={repo} commit={commit} />
              ))}
          </ul>
        </section>
      ))}
      <Pager
        previous={page > 0 ? url(revision, page - 1) : undefined}
        next={(page + 1) * pageSize < total ? url(revision, page + 1) : undefined}
        words={["Newer", "Older"]}
      >
        {`${grouped(page * pageSize + 1)} to ${grouped(page * pageSize + commits.length)} of ${grouped(total)}`}
      </Pager>
    </Page>
  );
}

const HistoryRow = ({ repo, commit }: { repo: Repo; commit: CommitRow }) => (
  <li>
    <div>
      <a class="title" href={`${repoPath(repo)}/commit/${commit.id}`} dir="auto">
        {titleOf(commit)}
      </a>
      <Author commit={commit} />
    </div>
    <a class="button quiet small" href={`${repoPath(repo)}/tree/${commit.id}`}>
      <code>{commit.id.slice(0, 7)}</code>
      <span class="wide"> files</span>
    </a>
  </li>
);

interface CommitProps {
  shell: Shell;
  changes: CommitChanges;
  diffs: ReadonlyMap<FileChange, LineDiff>;
}

export function CommitPage({ shell, changes, diffs }: CommitProps) {
  const { repo, commit, files, more, metrics } = changes;
  const title = titleOf(commit);
  const body = commit.message.split("\n").slice(1).join("\n").trim();
  const parent = commit.parents[0];
  return (
    <Page title={`${fullName(repo)}: ${title}`} shell={shell}>
      <RepoHeader repo={repo} tab="commits" />
      <section class="panel commit-head" aria-labelledby="commit">
        <div class="row">
          <h2 id="commit" class="grow" dir="auto">
            {title}
          </h2>
          <a class="button quiet small" href={`${repoPath(repo)}/tree/${commit.id}`}>
            Files at this commit
          </a>
        </div>
        {body === "" ? null : (
          <pre class="message" tabindex={0} dir="auto">
            {body}
          </pre>
        )}
        <div class="row small">
          <Author commit={commit} />
          <span class="grow" />
          {parent === undefined ? (
            <span class="muted">the first commit</span>
          ) : (
            <span>
              <span class="muted">parent</span>{" "}
              <a class="mono" href={`${repoPath(repo)}/commit/${parent}`}>
                {parent.slice(0, 7)}
              </a>
            </span>
          )}
          <span>
            <span class="muted">commit</span> <code title={commit.id}>{commit.id.slice(0, 12)}</code>
          </span>
        </div>
      </section>
      {metrics.length === 0 ? null : <MetricTable rows={metrics} />}
      <h2>{many(files.length + more, "file")} changed</h2>
      {files.length === 0 ? <p class="blank panel">This commit changed no file.</p> : null}
      {files.map((file) => (
        <FileDiff repo={repo} revision={commit.id} file={file} diff={diffs.get(file)} />
      ))}
      {more > 0 ? <p class="note">{many(more, "more file")} changed; they are not shown.</p> : null}
    </Page>
  );
}
