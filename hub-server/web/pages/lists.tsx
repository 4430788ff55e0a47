// The lists of models, datasets and spaces: search, filters, order, pages. Every choice is in the address.
import type { Child } from "hono/jsx";
import { plural, type RepoType } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import type { Facet, Facets } from "../../services/facets.ts";
import { Icon } from "../components/icons.tsx";
import { Pager, RepoCard } from "../components/repo.tsx";
import { counted, grouped, words } from "../format.ts";
import { Page, type Shell } from "../layout.tsx";

const SORT_LABELS = {
  relevance: "Best match",
  lastModified: "Recently updated",
  trendingScore: "Trending",
  downloads: "Most downloads",
  likes: "Most likes",
  createdAt: "Newest",
  num_parameters: "Most parameters",
  mainSize: "Largest",
  id: "Name",
} as const;
type SortName = keyof typeof SORT_LABELS;

const isSort = (name: string): name is SortName => Object.hasOwn(SORT_LABELS, name);

/** Orders that a list can have; the first is the one that it has by itself. */
export const sortNames = (type: RepoType, searched: boolean): SortName[] =>
  Object.keys(SORT_LABELS)
    .filter(isSort)
    .filter((name) => {
      if (name === "relevance") return searched;
      if (name === "num_parameters") return type === "model";
      return name !== "downloads" || type !== "space";
    });

export interface ListProps {
  shell: Shell;
  type: RepoType;
  repos: readonly Repo[];
  total: number;
  /** How many of the other type the same search finds. */
  others: number;
  facets: Facets;
  query: URLSearchParams;
  sort: SortName;
  offset: number;
  pageSize: number;
}

const other = (type: RepoType): RepoType => (type === "model" ? "dataset" : "model");
const TITLES: Readonly<Record<RepoType, string>> = { model: "Models", dataset: "Datasets", space: "Spaces" };
const title = (type: RepoType): string => TITLES[type];

/** Keys of the address that narrow the list, with the words for them. */
const FILTERS: Readonly<Record<string, string>> = {
  pipeline_tag: "Task",
  library: "Library",
  sdk: "SDK",
  author: "By",
  filter: "Tag",
  apps: "Runs in",
  num_parameters: "Parameters",
  models: "Uses",
  datasets: "Uses",
  gated: "Gated",
};

/** A value of a filter, as it stands in the address. */
interface Choice {
  key: string;
  value: string;
}

const PREFIXES: Readonly<Record<string, string>> = {
  "license:": "License",
  "task_categories:": "Task",
  "dataset:": "Trained on",
  "base_model:": "Made from",
};

function describe({ key, value }: Choice): { label: string; text: string } {
  const prefix = key === "filter" ? Object.keys(PREFIXES).find((start) => value.startsWith(start)) : undefined;
  const label = prefix === undefined ? FILTERS[key] : PREFIXES[prefix];
  const text = value.slice(prefix?.length ?? 0);
  return { label: label ?? key, text: label === "Task" ? words(text) : text };
}

/** The address of the list with one choice taken or dropped, from its first page. */
function toggled(type: RepoType, query: URLSearchParams, { key, value }: Choice): string {
  const next = new URLSearchParams(query);
  next.delete("cursor");
  if (next.getAll(key).includes(value)) next.delete(key, value);
  else if (key === "filter") next.append(key, value);
  else next.set(key, value);
  return `/${plural(type)}?${next}`;
}

export function RepoList(props: ListProps) {
  const { shell, type, repos, total, others, query, sort, offset, pageSize } = props;
  const search = query.get("search") ?? "";
  const chosen = Object.keys(FILTERS).flatMap((key) => query.getAll(key).map((value): Choice => ({ key, value })));
  const at = (cursor: number) => {
    const next = new URLSearchParams(query);
    if (cursor > 0) next.set("cursor", `${cursor}`);
    else next.delete("cursor");
    return `/${plural(type)}?${next}`;
  };
  const narrowed = chosen.length > 0 || search !== "";
  return (
    <Page title={title(type)} shell={{ ...shell, search }}>
      <div class="row heading-row">
        <h1>
          {title(type)} <span class="count">{counted(total)}</span>
        </h1>
        {search === "" ? null : (
          <a href={`/${plural(other(type))}?${new URLSearchParams({ search })}`}>
            {title(other(type))} <span class="count">{counted(others)}</span>
          </a>
        )}
      </div>
      <div class="list">
        <Filters {...props} />
        <div>
          <ListForm type={type} query={query} sort={sort} />
          {chosen.length === 0 ? null : (
            <ul class="tags chosen" aria-label="Chosen filters">
              {chosen.map((choice) => {
                const { label, text } = describe(choice);
                return (
                  <li>
                    <a class="tag" href={toggled(type, query, choice)} aria-label={`Drop the filter ${label}: ${text}`}>
                      <span class="muted">{label}</span> <bdi>{text}</bdi>
                      <Icon name="close" />
                    </a>
                  </li>
                );
              })}
            </ul>
          )}
          {repos.length === 0 ? (
            <Nothing type={type} narrowed={narrowed} />
          ) : (
            <ul class="cards">
              {repos.map((repo) => (
                <RepoCard repo={repo} />
              ))}
            </ul>
          )}
          <Pager
            previous={offset > 0 ? at(offset - pageSize) : undefined}
            next={offset + repos.length < total ? at(offset + pageSize) : undefined}
          >
            {repos.length === 0
              ? null
              : `${grouped(offset + 1)} to ${grouped(offset + repos.length)} of ${counted(total)}`}
          </Pager>
        </div>
      </div>
    </Page>
  );
}

const Nothing = ({ type, narrowed }: { type: RepoType; narrowed: boolean }) => (
  <p class="blank">
    {narrowed ? (
      <>
        No {type} matches. <a href={`/${plural(type)}`}>Show all {plural(type)}</a>
      </>
    ) : (
      `No ${plural(type)} here yet.`
    )}
  </p>
);

/** Words to search for and the order; filters that are chosen stay. */
const ListForm = ({ type, query, sort }: { type: RepoType; query: URLSearchParams; sort: SortName }) => (
  <form class="list-form" action={`/${plural(type)}`}>
    {[...query]
      .filter(([key]) => key in FILTERS)
      .map(([key, value]) => (
        <input type="hidden" name={key} value={value} />
      ))}
    <input
      type="search"
      name="search"
      value={query.get("search") ?? ""}
      placeholder={`Search ${plural(type)}`}
      aria-label={`Search ${plural(type)}`}
    />
    <select name="sort" aria-label="Order">
      {sortNames(type, (query.get("search") ?? "").trim() !== "").map((name) => (
        <option value={name} selected={name === sort}>
          {SORT_LABELS[name]}
        </option>
      ))}
    </select>
    <button type="submit">Show</button>
  </form>
);

function Filters({ type, facets, query, total }: ListProps) {
  const group = (heading: string, key: string, values: readonly Facet[], prefix = ""): Child =>
    values.length === 0 ? null : (
      <section>
        <h2>{heading}</h2>
        <ul class="tags">
          {values.map(({ name, count }) => {
            const choice = { key, value: `${prefix}${name}` };
            const on = query.getAll(key).includes(choice.value);
            return (
              <li>
                <a class="tag" href={toggled(type, query, choice)} aria-current={on ? "true" : undefined}>
                  <bdi>{heading === "Tasks" ? words(name) : name}</bdi> <span class="muted">{grouped(count)}</span>
                </a>
              </li>
            );
          })}
        </ul>
      </section>
    );
  const tasks =
    type === "model"
      ? group("Tasks", "pipeline_tag", facets.tasks)
      : group("Tasks", "filter", facets.tasks, "task_categories:");
  const any = Object.values(facets).some((values: readonly Facet[]) => values.length > 0) || total === 0;
  return (
    <aside class="facets" aria-label="Filters">
      {tasks}
      {group("Libraries", "library", facets.libraries)}
      {group("SDKs", "sdk", facets.sdks)}
      {group("Licenses", "filter", facets.licenses, "license:")}
      {group("Trained on", "filter", facets.datasets, "dataset:")}
      {any ? null : <p class="muted small">Filters appear once cards say what is here.</p>}
    </aside>
  );
}
