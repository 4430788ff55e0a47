// The history of a revision, and what one commit changed.
import { fullName, repoPath } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import type { CommitChanges, FileChange, MetricChange } from "../../services/changes.ts";
import type { CommitRow, RefInfo } from "../../services/refs.ts";
import { Pager, RepoHeader, RevisionSelect } from "../components/repo.tsx";
import { diffLines } from "../diff.ts";
import { ago, bytes, pathUrl } from "../format.ts";
import { Page, type Shell } from "../layout.tsx";

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

const Author = ({ commit }: { commit: CommitRow }) => {
  const time = new Date(commit.time * 1000);
  return (
    <span class="muted small">
      {commit.authorName}, <time datetime={time.toISOString()}>{ago(time)}</time>
    </span>
  );
};

export function HistoryPage({ shell, repo, revision, refs, commits, total, page, pageSize }: HistoryProps) {
  const url = (name: string, at = 0) =>
    `${repoPath(repo)}/commits/${encodeURIComponent(name)}${at === 0 ? "" : `?p=${at}`}`;
  return (
    <Page title={`${fullName(repo)}: history`} shell={shell}>
      <RepoHeader repo={repo} tab="commits" />
      <div class="row">
        <RevisionSelect refs={refs} current={revision} url={(name) => url(name)} />
        <span class="muted">
          {total} {total === 1 ? "commit" : "commits"}
        </span>
      </div>
      <ul class="history">
        {commits.map((commit) => (
          <li>
            <a class="title" href={`${repoPath(repo)}/commit/${commit.id}`}>
              {commit.message.split("\n")[0]}
            </a>
            <div class="row">
              <Author commit={commit} />
              <a
                class="mono small"
                href={`${repoPath(repo)}/tree/${commit.id}`}
                aria-label={`Files at ${commit.id.slice(0, 7)}`}
              >
                {commit.id.slice(0, 7)}
              </a>
            </div>
          </li>
        ))}
      </ul>
      <Pager
        previous={page > 0 ? url(revision, page - 1) : undefined}
        next={(page + 1) * pageSize < total ? url(revision, page + 1) : undefined}
      />
    </Page>
  );
}

export function CommitPage({ shell, changes }: { shell: Shell; changes: CommitChanges }) {
  const { repo, commit, files, more, metrics } = changes;
  const [title, ...body] = commit.message.split("\n");
  const parent = commit.parents[0];
  return (
    <Page title={`${fullName(repo)}: ${title}`} shell={shell}>
      <RepoHeader repo={repo} tab="commits" />
      <h2>{title}</h2>
      {body.join("").trim() === "" ? null : <pre tabindex={0}>{body.join("\n").trim()}</pre>}
      <p class="row">
        <Author commit={commit} />
        <span class="mono small">{commit.id.slice(0, 12)}</span>
        {parent === undefined ? null : (
          <a class="small" href={`${repoPath(repo)}/commit/${parent}`}>
            parent {parent.slice(0, 7)}
          </a>
        )}
        <a class="small" href={`${repoPath(repo)}/tree/${commit.id}`}>
          files at this commit
        </a>
      </p>
      {metrics.length === 0 ? null : <Metrics rows={metrics} />}
      <h2>
        {files.length + more} {files.length + more === 1 ? "file" : "files"} changed
      </h2>
      {files.map((file) => (
        <FileDiff repo={repo} revision={commit.id} file={file} />
      ))}
      {more > 0 ? <p class="note">{more} more files are not shown.</p> : null}
    </Page>
  );
}

function Metrics({ rows }: { rows: readonly MetricChange[] }) {
  const show = (value: number | undefined) => (value === undefined ? "–" : value.toFixed(4));
  return (
    <>
      <h2>Metrics</h2>
      <section class="scroll" tabindex={0} aria-label="Changed metrics">
        <table>
          <thead>
            <tr>
              <th>Metric</th>
              <th class="num">Before</th>
              <th class="num">After</th>
              <th class="num">Change</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ dataset, split, metric, before, after }) => {
              const change = before === undefined || after === undefined ? undefined : after - before;
              return (
                <tr>
                  <td class="name">
                    {metric}{" "}
                    <span class="muted">
                      on {dataset}, {split}
                    </span>
                  </td>
                  <td class="num">{show(before)}</td>
                  <td class="num">{show(after)}</td>
                  <td class={`num ${change === undefined ? "" : change > 0 ? "up" : "down"}`}>
                    {change === undefined ? "" : `${change > 0 ? "+" : ""}${change.toFixed(4)}`}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
    </>
  );
}

const SIGNS = { added: "added", removed: "removed", changed: "changed" } as const;

function FileDiff({ repo, revision, file }: { repo: Repo; revision: string; file: FileChange }) {
  const { path, change, before, after, text, tensors } = file;
  const name = after === undefined ? path : <a href={`${repoPath(repo)}/blob/${revision}/${pathUrl(path)}`}>{path}</a>;
  const sizes = [before, after].filter((side) => side !== undefined).map((side) => bytes(side.size));
  return (
    <section class="diff">
      <h3>
        {name} <span class="badge">{SIGNS[change]}</span> <span class="muted small">{sizes.join(" → ")}</span>
      </h3>
      {tensors === undefined ? null : <TensorDiff tensors={tensors} />}
      {text === undefined ? (
        tensors === undefined ? (
          <p class="muted small">Not text, or too large to compare line by line.</p>
        ) : null
      ) : (
        <Lines before={text.before} after={text.after} />
      )}
    </section>
  );
}

const MOST_LINES = 400;

function Lines({ before, after }: { before: string; after: string }) {
  const lines = diffLines(before, after);
  const marks = { same: " ", add: "+", del: "−", gap: "" } as const;
  return (
    <section class="scroll" tabindex={0} aria-label="Changed lines">
      <table class="code">
        <tbody>
          {lines.slice(0, MOST_LINES).map(({ kind, text, before: old, after: now }) => (
            <tr class={kind}>
              <td class="line">{old ?? ""}</td>
              <td class="line">{now ?? ""}</td>
              <td>
                {marks[kind]} {text}
              </td>
            </tr>
          ))}
          {lines.length > MOST_LINES ? (
            <tr class="gap">
              <td class="line" />
              <td class="line" />
              <td>{lines.length - MOST_LINES} more lines</td>
            </tr>
          ) : null}
        </tbody>
      </table>
    </section>
  );
}

function TensorDiff({ tensors }: { tensors: NonNullable<FileChange["tensors"]> }) {
  const { changes, same, byContent } = tensors;
  return (
    <>
      <p class="small">
        {changes.length} {changes.length === 1 ? "tensor" : "tensors"} changed, {same} the same
        {byContent ? "" : " (compared by type and shape alone: the file is large)"}
      </p>
      {changes.length === 0 ? null : (
        <section class="scroll" tabindex={0} aria-label="Changed tensors">
          <table>
            <thead>
              <tr>
                <th>Tensor</th>
                <th>Change</th>
                <th>Before</th>
                <th>After</th>
              </tr>
            </thead>
            <tbody>
              {changes.slice(0, MOST_LINES).map(({ name, change, before, after }) => (
                <tr>
                  <td class="name mono">{name}</td>
                  <td>{change}</td>
                  <td class="mono">{before ?? ""}</td>
                  <td class="mono">{after ?? ""}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </>
  );
}
