// Home, what a search found, and the page of a user.
import { plural, type RepoType } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import { RepoCard, Snippet } from "../components/repo.tsx";
import { counted } from "../format.ts";
import { Avatar, Page, type Shell } from "../layout.tsx";
import { connectUsage } from "../usage.ts";

export interface Found {
  repos: readonly Repo[];
  total: number;
}

const TITLES: Readonly<Record<RepoType, string>> = { model: "Models", dataset: "Datasets", space: "Spaces" };

/** A heading with the number of all, the first of them, and the way to the rest. */
export function Shelf({ type, found, all, empty }: { type: RepoType; found: Found; all: string; empty: string }) {
  return (
    <section class="shelf" aria-labelledby={plural(type)}>
      <h2 id={plural(type)}>
        {TITLES[type]} <span class="count">{counted(found.total)}</span>
      </h2>
      {found.total === 0 ? (
        <p class="blank">{empty}</p>
      ) : (
        <ul class="cards">
          {found.repos.map((repo) => (
            <RepoCard repo={repo} />
          ))}
        </ul>
      )}
      {found.total > found.repos.length ? (
        <p>
          <a href={all}>
            All {counted(found.total)} {plural(type)}
          </a>
        </p>
      ) : null}
    </section>
  );
}

export function Home({
  shell,
  models,
  datasets,
  origin,
  unclaimed,
}: {
  shell: Shell;
  models: Found;
  datasets: Found;
  origin: string;
  /** No user was made yet. */
  unclaimed: boolean;
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
      {unclaimed ? (
        <p class="note">
          This hub has no user yet. Open the set-up link that <code>abrazo serve</code> printed when it started.
        </p>
      ) : null}
      <div class="halves">
        <Shelf
          type="model"
          found={models}
          all="/models"
          empty="No models yet. The first one that is pushed shows here."
        />
        <Shelf
          type="dataset"
          found={datasets}
          all="/datasets"
          empty="No datasets yet. The first one that is pushed shows here."
        />
      </div>
      <section class="connect" aria-labelledby="connect">
        <h2 id="connect">Point your tools here</h2>
        <div class="thirds">
          {connectUsage(origin).map((snippet) => (
            <Snippet {...snippet} />
          ))}
        </div>
      </section>
    </Page>
  );
}

export function SearchPage({
  shell,
  search,
  models,
  datasets,
  spaces,
}: {
  shell: Shell;
  search: string;
  models: Found;
  datasets: Found;
  spaces: Found;
}) {
  const all = (type: RepoType) => `/${plural(type)}?${new URLSearchParams({ search })}`;
  return (
    <Page title={`Search: ${search}`} shell={{ ...shell, search }}>
      <h1>
        Results for “<bdi>{search}</bdi>”
      </h1>
      <div class="halves">
        <Shelf
          type="model"
          found={models}
          all={all("model")}
          empty="No model has these words in its name, tags or card."
        />
        <Shelf
          type="dataset"
          found={datasets}
          all={all("dataset")}
          empty="No dataset has these words in its name, tags or card."
        />
        {spaces.total === 0 ? null : <Shelf type="space" found={spaces} all={all("space")} empty="" />}
      </div>
    </Page>
  );
}

export function UserPage({
  shell,
  name,
  models,
  datasets,
  spaces,
}: {
  shell: Shell;
  name: string;
  models: Found;
  datasets: Found;
  spaces: Found;
}) {
  const own = shell.actor?.name === name;
  const all = (type: RepoType) => `/${plural(type)}?${new URLSearchParams({ author: name })}`;
  return (
    <Page title={name} shell={shell}>
      <div class="row person">
        <Avatar name={name} />
        <h1>{name}</h1>
        <span class="grow" />
        {own ? (
          <a class="button quiet" href="/new">
            New repository
          </a>
        ) : null}
      </div>
      <div class="halves">
        <Shelf type="model" found={models} all={all("model")} empty="No models." />
        <Shelf type="dataset" found={datasets} all={all("dataset")} empty="No datasets." />
        {spaces.total === 0 ? null : <Shelf type="space" found={spaces} all={all("space")} empty="" />}
      </div>
    </Page>
  );
}
