// Folders and files of a revision.
import { fullName, repoPath } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import type { Entry, FileEntry } from "../../services/files.ts";
import type { CommitRow, RefInfo } from "../../services/refs.ts";
import { Icon } from "../components/icons.tsx";
import { FileName } from "../components/plain-text.tsx";
import { Breadcrumbs, isCommitId, Pager, RepoHeader, RevisionMenu, Time } from "../components/repo.tsx";
import { ViewOf } from "../components/view.tsx";
import { bytes, grouped, many, pathUrl } from "../format.ts";
import { Page, type Shell } from "../layout.tsx";
import { type FileView, hasTwoWays, type Way } from "../views.ts";

export interface Place {
  shell: Shell;
  repo: Repo;
  revision: string;
  path: string;
  refs: { branches: RefInfo[]; tags: RefInfo[] };
  commit: CommitRow | undefined;
  /** The commit that last changed what lies at the path, where it is known. */
  touched: CommitRow | undefined;
  /** Commits behind the revision. */
  total: number;
}

const at = (repo: Repo, kind: "tree" | "blob" | "resolve" | "raw" | "commits", revision: string, path = ""): string =>
  `${repoPath(repo)}/${kind}/${encodeURIComponent(revision)}${path === "" ? "" : `/${pathUrl(path)}`}`;

export const CommitLine = ({ repo, commit }: { repo: Repo; commit: CommitRow }) => (
  <a class="cut" href={`${repoPath(repo)}/commit/${commit.id}`} dir="auto">
    {commit.message.split("\n")[0] || "(no message)"}
  </a>
);

const Top = ({ repo, revision, path, refs, commit, touched, total, kind }: Place & { kind: "tree" | "blob" }) => (
  <>
    <RepoHeader repo={repo} tab="files" />
    <div class="row place">
      <RevisionMenu refs={refs} current={revision} url={(name) => at(repo, kind, name, path)} />
      <Breadcrumbs repo={repo} revision={revision} path={path} />
      <a class="small history-link" href={at(repo, "commits", revision)}>
        <Icon name="history" /> {many(total, "commit")}
      </a>
    </div>
    {isCommitId(revision) ? (
      <p class="note">
        This is the version of one commit. <a href={at(repo, kind, "main", path)}>Go to main</a>
      </p>
    ) : null}
    {commit === undefined ? null : (
      <div class="last-commit">
        {touched === undefined ? (
          <span class="muted">As of</span>
        ) : (
          <strong>
            <bdi>{touched.authorName}</bdi>
          </strong>
        )}
        <CommitLine repo={repo} commit={touched ?? commit} />
        <span class="grow" />
        <code class="small">{(touched ?? commit).id.slice(0, 7)}</code>
        <span class="muted small">
          <Time at={new Date((touched ?? commit).time * 1000)} />
        </span>
      </div>
    )}
  </>
);

export interface TreeProps extends Place {
  entries: readonly Entry[];
  /** The commit that last touched an entry, by its name; older ones are missing. */
  changes: ReadonlyMap<string, CommitRow>;
  page: number;
  pageSize: number;
}

const nameOf = ({ path }: Entry): string => path.split("/").at(-1) ?? path;

export function TreePage({ entries, changes, page, pageSize, ...place }: TreeProps) {
  const { shell, repo, revision, path } = place;
  const folders = [...entries].sort((a, b) => Number(a.kind === "file") - Number(b.kind === "file"));
  const shown = folders.slice(page * pageSize, (page + 1) * pageSize);
  const pageUrl = (to: number) => `${at(repo, "tree", revision, path)}${to === 0 ? "" : `?p=${to}`}`;
  const parent = path.split("/").slice(0, -1).join("/");
  const last = page * pageSize + shown.length;
  return (
    <Page title={`${fullName(repo)}: ${path === "" ? "files" : path}`} shell={shell}>
      <Top {...place} kind="tree" />
      {entries.length === 0 ? (
        <p class="blank panel">This repository has no files yet.</p>
      ) : (
        <section class="scroll joined" tabindex={0} aria-label="Files">
          <table class="files">
            <thead>
              <tr>
                <th scope="col">Name</th>
                {changes.size === 0 ? null : (
                  <th scope="col" class="wide">
                    Last change
                  </th>
                )}
                <th scope="col" class="num">
                  Size
                </th>
                <th scope="col">
                  <span class="hidden">Download</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {path === "" ? null : (
                <tr>
                  <td class="name" colspan={4}>
                    <a href={at(repo, "tree", revision, parent)} aria-label="The folder above">
                      ..
                    </a>
                  </td>
                </tr>
              )}
              {shown.map((entry) => (
                <Row
                  repo={repo}
                  revision={revision}
                  entry={entry}
                  change={changes.get(nameOf(entry))}
                  dated={changes.size > 0}
                />
              ))}
            </tbody>
          </table>
        </section>
      )}
      <Pager
        previous={page > 0 ? pageUrl(page - 1) : undefined}
        next={last < folders.length ? pageUrl(page + 1) : undefined}
      >
        {`${grouped(page * pageSize + 1)} to ${grouped(last)} of ${grouped(folders.length)}`}
      </Pager>
    </Page>
  );
}

function Row({
  repo,
  revision,
  entry,
  change,
  dated,
}: {
  repo: Repo;
  revision: string;
  entry: Entry;
  change: CommitRow | undefined;
  /** Whether the table has a column for changes. */
  dated: boolean;
}) {
  const isFile = entry.kind === "file";
  return (
    <tr>
      <td class="name">
        <span class="entry">
          <Icon name={isFile ? "file" : "folder"} />
          <a href={at(repo, isFile ? "blob" : "tree", revision, entry.path)}>
            <FileName name={nameOf(entry)} />
          </a>
          {isFile && entry.lfs !== undefined ? <span class="badge wide">LFS</span> : null}
        </span>
      </td>
      {dated ? (
        <td class="wide change">
          {change === undefined ? null : (
            <span class="change-line">
              <CommitLine repo={repo} commit={change} />
              <span class="muted">
                <Time at={new Date(change.time * 1000)} />
              </span>
            </span>
          )}
        </td>
      ) : null}
      <td class="num">{isFile ? bytes(entry.size) : ""}</td>
      <td class="get">
        {isFile ? (
          <a
            href={`${at(repo, "resolve", revision, entry.path)}?download=true`}
            aria-label={`Download ${nameOf(entry)}`}
            download={nameOf(entry)}
          >
            <Icon name="download" />
          </a>
        ) : null}
      </td>
    </tr>
  );
}

export function FilePage({ file, view, way, ...place }: Place & { file: FileEntry; view: FileView; way: Way }) {
  const { shell, repo, revision, path } = place;
  const here = at(repo, "blob", revision, path);
  const download = `${at(repo, "resolve", revision, path)}?download=true`;
  return (
    <Page title={`${fullName(repo)}: ${path}`} shell={shell}>
      <Top {...place} kind="blob" />
      <div class="file-bar">
        <span>{bytes(file.size)}</span>
        {file.lfs === undefined ? null : <span class="badge">LFS</span>}
        <span class="grow" />
        {hasTwoWays(file) ? (
          <span class="ways">
            <a href={here} aria-current={way === "rendered" ? "true" : undefined}>
              {view.kind === "rows" ? "Rows" : "View"}
            </a>
            <a href={`${here}?source`} aria-current={way === "source" ? "true" : undefined}>
              Source
            </a>
          </span>
        ) : null}
        {file.lfs === undefined ? <a href={at(repo, "raw", revision, path)}>Raw</a> : null}
        <a href={download} download={nameOf(file)}>
          Download
        </a>
      </div>
      {file.lfs === undefined ? null : (
        <p class="sha small">
          <span class="muted">SHA-256</span> <code>{file.lfs.sha256}</code>
        </p>
      )}
      <ViewOf view={view} src={at(repo, "resolve", revision, path)} name={nameOf(file)} download={download} />
    </Page>
  );
}
