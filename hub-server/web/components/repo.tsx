// Parts that pages of repositories share: the card in a list, the header with tabs, the menu of revisions, the crumbs.
import type { Child } from "hono/jsx";
import { plural, type RepoType, repoPath } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import type { RefInfo } from "../../services/refs.ts";
import { ago, day, many, pathUrl, short, words } from "../format.ts";
import { Icon } from "./icons.tsx";
import { FileName } from "./plain-text.tsx";

export const Time = ({ at }: { at: Date }) => (
  <time datetime={at.toISOString()} title={at.toUTCString()}>
    {ago(at)}
  </time>
);

export const Private = () => (
  <span class="badge">
    <Icon name="lock" /> private
  </span>
);

/** The task of a model, the first one that the card of a dataset names, or what a space is written for. */
function taskOf({ pipelineTag, sdk, tags }: Repo): string | undefined {
  return pipelineTag ?? sdk ?? tags.find((tag) => tag.startsWith("task_categories:"))?.slice("task_categories:".length);
}

export const RepoCard = ({ repo }: { repo: Repo }) => {
  const task = taskOf(repo);
  return (
    <li class="repo">
      <h3>
        <Icon name={repo.type} />
        <a href={repoPath(repo)}>
          <span class="owner">{repo.namespace}/</span>
          {repo.name}
        </a>
        {repo.isPrivate ? <Private /> : null}
      </h3>
      <ul class="facts">
        {task === undefined ? null : (
          <li>
            <bdi>{words(task)}</bdi>
          </li>
        )}
        {repo.parameters === null ? null : <li title={many(repo.parameters, "parameter")}>{short(repo.parameters)}</li>}
        <li>
          updated <Time at={repo.updatedAt} />
        </li>
        {repo.downloads === 0 ? null : <li>{many(repo.downloads, "download")}</li>}
      </ul>
    </li>
  );
};

const KINDS: Readonly<Record<RepoType, { all: string; card: string }>> = {
  model: { all: "Models", card: "Model card" },
  dataset: { all: "Datasets", card: "Dataset card" },
  space: { all: "Spaces", card: "Space card" },
};

export type Tab = "card" | "files" | "commits" | "discussions";

/** The list of repositories that share a value with this one. */
export const filterUrl = (repo: Repo, key: "filter" | "pipeline_tag" | "library" | "sdk", value: string): string =>
  `/${plural(repo.type)}?${new URLSearchParams({ [key]: value })}`;

export function RepoHeader({ repo, tab, children }: { repo: Repo; tab: Tab; children?: Child }) {
  const base = repoPath(repo);
  const tabs: [Tab, string, string][] = [
    ["card", KINDS[repo.type].card, base],
    ["files", "Files", `${base}/tree/main`],
    ["commits", "History", `${base}/commits/main`],
  ];
  if (!repo.discussionsDisabled) tabs.push(["discussions", "Discussions", `${base}/discussions`]);
  return (
    <div class="head">
      <p class="kind">
        <a href={`/${plural(repo.type)}`}>
          <Icon name={repo.type} /> {KINDS[repo.type].all}
        </a>
        {repo.isPrivate ? <Private /> : null}
        {repo.gated === null ? null : (
          <a class="badge" href={`${base}/access`}>
            <Icon name="lock" /> gated: ask for access
          </a>
        )}
      </p>
      <div class="row">
        <h1>
          <a href={`/${repo.namespace}`}>{repo.namespace}</a>
          <span class="slash">/</span>
          <wbr />
          {tab === "card" ? repo.name : <a href={base}>{repo.name}</a>}
        </h1>
        {children}
      </div>
      <nav aria-label="This repository">
        <ul class="tabs">
          {tabs.map(([name, label, href]) => (
            <li>
              <a href={href} aria-current={name === tab ? "page" : undefined}>
                {label}
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </div>
  );
}

export const isCommitId = (name: string): boolean => /^[0-9a-f]{40}$/.test(name);
const shown = (name: string): string => (isCommitId(name) ? name.slice(0, 7) : name);

/** Where the same page is at another revision. A menu of links, so that it works without a script. */
export function RevisionMenu({
  refs,
  current,
  url,
}: {
  refs: { branches: RefInfo[]; tags: RefInfo[] };
  current: string;
  url(revision: string): string;
}) {
  const group = (heading: string, list: readonly RefInfo[]) =>
    list.length === 0 ? null : (
      <>
        <p class="heading">{heading}</p>
        <ul>
          {list.map(({ name }) => (
            <li>
              <a href={url(name)} aria-current={name === current ? "true" : undefined}>
                <bdi>{name}</bdi>
              </a>
            </li>
          ))}
        </ul>
      </>
    );
  return (
    <details class="menu revisions">
      <summary aria-label={`Revision: ${shown(current)}`}>
        <Icon name="branch" />
        <span class="cut">{shown(current)}</span>
        <Icon name="down" />
      </summary>
      <div class="sheet">
        {group("Branches", refs.branches)}
        {group("Tags", refs.tags)}
      </div>
    </details>
  );
}

/** "main / sub / file": every part leads to its folder. */
export function Breadcrumbs({ repo, revision, path }: { repo: Repo; revision: string; path: string }) {
  const segments = path === "" ? [] : path.split("/");
  const base = `${repoPath(repo)}/tree/${encodeURIComponent(revision)}`;
  const crumbs: Child[] = segments.map((segment, index) => {
    const last = index === segments.length - 1;
    return (
      <li>
        {last ? (
          <strong>
            <FileName name={segment} />
          </strong>
        ) : (
          <a href={`${base}/${pathUrl(segments.slice(0, index + 1).join("/"))}`}>
            <FileName name={segment} />
          </a>
        )}
      </li>
    );
  });
  return (
    <nav class="crumbs" aria-label="Folders">
      <ol>
        <li>{path === "" ? <strong>{repo.name}</strong> : <a href={base}>{repo.name}</a>}</li>
        {crumbs}
      </ol>
    </nav>
  );
}

export function Pager({
  previous,
  next,
  words: [before, after] = ["Previous", "Next"],
  children,
}: {
  previous: string | undefined;
  next: string | undefined;
  words?: readonly [string, string];
  children?: Child;
}) {
  if (previous === undefined && next === undefined) return null;
  return (
    <nav class="pager" aria-label="Pages">
      {previous === undefined ? <span /> : <a href={previous}>← {before}</a>}
      <span class="muted small">{children}</span>
      {next === undefined ? <span /> : <a href={next}>{after} →</a>}
    </nav>
  );
}

/** Code to take along; the script puts a button beside it. */
export const Snippet = ({ title, code }: { title: string; code: string }) => (
  <div class="snippet">
    <p>{title}</p>
    <div class="code-box">
      <pre tabindex={0}>
        <code data-copy>{code}</code>
      </pre>
    </div>
  </div>
);

export const Day = ({ at }: { at: Date }) => <time datetime={at.toISOString()}>{day(at)}</time>;
