// Home, the lists of models and datasets, and the page of a user.
import type { RepoType } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import type { Facet } from "../../services/repos.ts";
import { Pager, RepoCard } from "../components/repo.tsx";
import { Page, type Shell } from "../layout.tsx";

const Repos = ({ repos, empty }: { repos: readonly Repo[]; empty: string }) =>
  repos.length === 0 ? (
    <p class="muted">{empty}</p>
  ) : (
    <ul class="cards">
      {repos.map((repo) => (
        <RepoCard repo={repo} />
      ))}
    </ul>
  );

export function Home({
  shell,
  models,
  datasets,
}: {
  shell: Shell;
  models: readonly Repo[];
  datasets: readonly Repo[];
}) {
  return (
    <Page title="Models and datasets" shell={shell} description="A self-hosted hub for models and datasets.">
      <div class="hero">
        <h1>Your models, versioned and measured</h1>
        <p>
          Push with the tools you have, browse what changed between versions, run what you find. Hugging Face's clients
          work here unchanged.
        </p>
      </div>
      <h2>Models updated last</h2>
      <Repos repos={models} empty="No models yet. Push one: abrazo push ./my-model you/my-model" />
      <p>
        <a href="/models">All models</a>
      </p>
      <h2>Datasets updated last</h2>
      <Repos repos={datasets} empty="No datasets yet. Push one: abrazo push ./my-data you/my-data --type dataset" />
      <p>
        <a href="/datasets">All datasets</a>
      </p>
    </Page>
  );
}

const SORT_LABELS = {
  lastModified: "Recently updated",
  downloads: "Most downloads",
  createdAt: "Newest",
  num_parameters: "Most parameters",
  name: "Name",
} as const;
export type SortName = keyof typeof SORT_LABELS;
export const SORT_NAMES: readonly SortName[] = ["lastModified", "downloads", "createdAt", "num_parameters", "name"];

export interface ListProps {
  shell: Shell;
  type: RepoType;
  repos: readonly Repo[];
  total: number;
  facets: { tasks: Facet[]; libraries: Facet[] };
  query: URLSearchParams;
  sort: SortName;
  offset: number;
  pageSize: number;
}

export function RepoList({ shell, type, repos, total, facets, query, sort, offset, pageSize }: ListProps) {
  const title = type === "model" ? "Models" : "Datasets";
  const withQuery = (changes: Record<string, string | undefined>): string => {
    const next = new URLSearchParams(query);
    next.delete("cursor");
    for (const [key, value] of Object.entries(changes)) {
      if (value === undefined) next.delete(key);
      else next.set(key, value);
    }
    return `/${type}s?${next}`;
  };
  const facet = (heading: string, key: string, values: readonly Facet[]) =>
    values.length === 0 ? null : (
      <>
        <h2>{heading}</h2>
        <ul class="tags">
          {values.map(({ name, count }) => {
            const on = query.get(key) === name;
            return (
              <li>
                <a
                  class="tag"
                  href={withQuery({ [key]: on ? undefined : name })}
                  aria-current={on ? "true" : undefined}
                >
                  {name} <span class="muted">{count}</span>
                </a>
              </li>
            );
          })}
        </ul>
      </>
    );
  const filter = query.get("filter");
  return (
    <Page title={title} shell={shell}>
      <h1>{title}</h1>
      <div class="two left">
        <aside class="facets">
          {facet("Tasks", "pipeline_tag", facets.tasks)}
          {facet("Libraries", "library", facets.libraries)}
          {facets.tasks.length + facets.libraries.length === 0 ? (
            <p class="muted small">Filters appear once cards name tasks and libraries.</p>
          ) : null}
        </aside>
        <div>
          <form class="row" action={`/${type}s`}>
            {[...query]
              .filter(([key]) => !["search", "sort", "cursor"].includes(key))
              .map(([key, value]) => (
                <input type="hidden" name={key} value={value} />
              ))}
            <input
              class="grow"
              type="search"
              name="search"
              value={query.get("search") ?? ""}
              placeholder={`Search ${type}s`}
              aria-label={`Search ${type}s`}
            />
            <select name="sort" aria-label="Order">
              {SORT_NAMES.map((name) => (
                <option value={name} selected={name === sort}>
                  {SORT_LABELS[name]}
                </option>
              ))}
            </select>
            <button type="submit">Show</button>
          </form>
          {filter === null ? null : (
            <p>
              Tag <span class="tag">{filter}</span> <a href={withQuery({ filter: undefined })}>remove</a>
            </p>
          )}
          <p class="muted">
            {total} {total === 1 ? type : `${type}s`}
          </p>
          <Repos repos={repos} empty={`No ${type} matches.`} />
          <Pager
            previous={offset > 0 ? withQuery({ cursor: `${Math.max(0, offset - pageSize)}` }) : undefined}
            next={offset + repos.length < total ? withQuery({ cursor: `${offset + pageSize}` }) : undefined}
          />
        </div>
      </div>
    </Page>
  );
}

export function UserPage({
  shell,
  name,
  models,
  datasets,
}: {
  shell: Shell;
  name: string;
  models: readonly Repo[];
  datasets: readonly Repo[];
}) {
  return (
    <Page title={name} shell={shell}>
      <h1>{name}</h1>
      <h2>Models</h2>
      <Repos repos={models} empty="No models." />
      <h2>Datasets</h2>
      <Repos repos={datasets} empty="No datasets." />
    </Page>
  );
}
