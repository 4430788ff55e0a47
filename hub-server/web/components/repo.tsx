// Parts that pages of repositories share: the card in a list, the header with tabs, the revision selector.
import type { Child } from "hono/jsx";
import { fullName, repoPath } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import type { RefInfo } from "../../services/refs.ts";
import { ago, pathUrl, short } from "../format.ts";

export const RepoCard = ({ repo }: { repo: Repo }) => (
  <li class="repo">
    <a href={repoPath(repo)}>{fullName(repo)}</a> {repo.isPrivate ? <span class="badge">private</span> : null}
    <ul class="facts">
      {repo.pipelineTag === null ? null : <li>{repo.pipelineTag}</li>}
      {repo.parameters === null ? null : <li>{short(repo.parameters)} parameters</li>}
      <li>
        <time datetime={repo.updatedAt.toISOString()}>{ago(repo.updatedAt)}</time>
      </li>
      <li>
        {repo.downloads} {repo.downloads === 1 ? "download" : "downloads"}
      </li>
    </ul>
  </li>
);

export type Tab = "card" | "files" | "commits";

/** Tags worth a filter; the rest of them would only repeat the sidebar. */
const filterUrl = (repo: Repo, tag: string): string => `/${repo.type}s?filter=${encodeURIComponent(tag)}`;

export function RepoHeader({ repo, tab }: { repo: Repo; tab: Tab }) {
  const base = repoPath(repo);
  const tabs: [Tab, string, string][] = [
    ["card", repo.type === "model" ? "Model card" : "Dataset card", base],
    ["files", "Files", `${base}/tree/main`],
    ["commits", "History", `${base}/commits/main`],
  ];
  return (
    <div class="head">
      <h1>
        <a href={`/${repo.namespace}`}>{repo.namespace}</a>
        <span class="muted"> / </span>
        {repo.name} {repo.isPrivate ? <span class="badge">private</span> : null}
      </h1>
      {repo.tags.length === 0 ? null : (
        <ul class="tags">
          {repo.tags.slice(0, 16).map((tag) => (
            <li>
              <a class="tag" href={filterUrl(repo, tag)}>
                {tag}
              </a>
            </li>
          ))}
        </ul>
      )}
      <ul class="tabs">
        {tabs.map(([name, label, href]) => (
          <li>
            <a href={href} aria-current={name === tab ? "page" : undefined}>
              {label}
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Where the same page is at another revision. */
export function RevisionSelect({
  refs,
  current,
  url,
}: {
  refs: { branches: RefInfo[]; tags: RefInfo[] };
  current: string;
  url(revision: string): string;
}) {
  const names = [...refs.branches, ...refs.tags].map(({ name }) => name);
  const all = names.includes(current) ? names : [current, ...names];
  return (
    <label class="row small">
      Revision
      <select data-go aria-label="Revision">
        {all.map((name) => (
          <option value={url(name)} selected={name === current}>
            {/^[0-9a-f]{40}$/.test(name) ? name.slice(0, 7) : name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** "main / sub / file": every part leads to its folder. */
export function Breadcrumbs({ repo, revision, path }: { repo: Repo; revision: string; path: string }) {
  const segments = path === "" ? [] : path.split("/");
  const base = `${repoPath(repo)}/tree/${encodeURIComponent(revision)}`;
  const crumbs: Child[] = segments.map((segment, index) => {
    const last = index === segments.length - 1;
    return (
      <>
        <span class="muted"> / </span>
        {last ? (
          <strong>{segment}</strong>
        ) : (
          <a href={`${base}/${pathUrl(segments.slice(0, index + 1).join("/"))}`}>{segment}</a>
        )}
      </>
    );
  });
  return (
    <p class="crumbs">
      <a href={base}>{repo.name}</a>
      {crumbs}
    </p>
  );
}

export function Pager({ previous, next }: { previous: string | undefined; next: string | undefined }) {
  if (previous === undefined && next === undefined) return null;
  return (
    <nav class="pager" aria-label="Pages">
      {previous === undefined ? <span /> : <a href={previous}>← Previous</a>}
      {next === undefined ? <span /> : <a href={next}>Next →</a>}
    </nav>
  );
}
