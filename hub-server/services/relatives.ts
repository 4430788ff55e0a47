// What a repository comes from and what came from it: base models, datasets, and models made of it.
// Names are links only where the caller would find something.
import { fullName, invalidName, type RepoId, type RepoType } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Repo } from "./access.ts";
import { countRepos, visibleRepos } from "./list-repos.ts";

export interface Relative {
  name: string;
  /** Undefined when this hub has no such repository that the caller may see. */
  id: RepoId | undefined;
}

export interface Relatives {
  /** Base models of a model, models of a space. */
  bases: Relative[];
  datasets: Relative[];
  /** The tag that models made of this repository carry, and how many of them there are. */
  made: { tag: string; count: number };
  /** How many spaces name this repository, and the query of the list that shows them. */
  spaces: { query: string; count: number };
}

const MOST_NAMES = 12;

export async function relativesOf(ctx: Context, repo: Repo): Promise<Relatives> {
  const own = fullName(repo);
  const card = repo.cardData ?? {};
  // A model that was trained further in place names itself.
  const bases = namesIn(card[repo.type === "space" ? "models" : "base_model"]).filter((name) => name !== own);
  const datasets = repo.type === "dataset" ? [] : namesIn(card["datasets"]);
  const known = await visibleRepos(ctx, [...idsOf("model", bases), ...idsOf("dataset", datasets)]);
  const relative =
    (type: RepoType) =>
    (name: string): Relative => ({ name, id: known.find((id) => id.type === type && fullName(id) === name) });
  const tag = `${repo.type === "model" ? "base_model" : "dataset"}:${own}`;
  const total = repo.type === "space" ? 0 : await countRepos(ctx, { type: "model", filters: { filter: [tag] } });
  const uses = repo.type === "model" ? "models" : "datasets";
  const spaces = repo.type === "space" ? 0 : await countRepos(ctx, { type: "space", filters: { [uses]: [own] } });
  const itself = repo.type === "model" && repo.tags.includes(tag) ? 1 : 0;
  return {
    bases: bases.map(relative("model")),
    datasets: datasets.map(relative("dataset")),
    made: { tag, count: total - itself },
    spaces: { query: `${new URLSearchParams({ [uses]: own })}`, count: spaces },
  };
}

function namesIn(value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return [...new Set(list.filter((item) => typeof item === "string"))].slice(0, MOST_NAMES);
}

function idsOf(type: RepoType, names: readonly string[]): RepoId[] {
  return names.flatMap((full) => {
    const [namespace = "", name = "", ...more] = full.split("/");
    const wrong = more.length > 0 || invalidName(namespace) !== undefined || invalidName(name) !== undefined;
    return wrong ? [] : [{ type, namespace, name }];
  });
}
