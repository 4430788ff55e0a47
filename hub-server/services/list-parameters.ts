// What lists of repositories can be asked for: the filters and the orders that clients' sources name, one row each.
// Queries, the API's document, the pages and the tests are made from these tables. Runs no queries.
import { and, arrayContains, asc, desc, eq, inArray, isNotNull, isNull, type SQL, sql } from "drizzle-orm";
import { suggestion } from "../../src/errors.ts";
import { REPO_TYPES, type RepoType } from "../../src/hub/repo-id.ts";
import { repoIndex, repoLinks } from "../db/schema/repos.ts";
import { repos } from "../db/schema.ts";
import { badRequest } from "../errors.ts";
import { searchQuery } from "./search-text.ts";

export interface ListFilter {
  types: readonly RepoType[];
  summary: string;
  /** What it asks of a repository; undefined when it asks nothing. */
  where(values: readonly string[], type: RepoType): SQL | undefined;
}

const ALL = REPO_TYPES;
const NOTHING = sql`false`;

/** "true", "True" and "1" as clients of all ages write it. */
export function booleanOf(name: string, value: string): boolean {
  if (["true", "True", "1"].includes(value)) return true;
  if (["false", "False", "0"].includes(value)) return false;
  throw badRequest(`"${value}" is neither true nor false, as ${name} must be.`);
}

const split = (values: readonly string[]): string[] =>
  values.flatMap((value) => value.split(",")).filter((value) => value !== "");

/** Prefixes that clients write before tags that stand without one. */
const BARE: Readonly<Record<RepoType, readonly string[]>> = {
  model: ["language:", "library:", "pipeline_tag:", "other:"],
  dataset: ["other:"],
  space: ["language:", "sdk:", "other:"],
};

/** A tag as it is stored. */
function storedTag(tag: string, type: RepoType): string {
  const prefix = BARE[type].find((start) => tag.startsWith(start));
  return prefix === undefined ? tag : tag.slice(prefix.length);
}

const hasTags = (tags: readonly string[]): SQL | undefined =>
  tags.length === 0 ? undefined : arrayContains(repos.tags, [...tags]);

/** Both the column, for what is common, and the index of tags, for what is rare. */
const isTagged = (
  column: typeof repos.pipelineTag | typeof repos.libraryName | typeof repos.sdk,
  value: string,
): SQL | undefined => and(eq(column, value), hasTags([value]));

/** Applications that run models on one's own machine, by what they can load. */
const APPS: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    [
      "llama.cpp",
      "ollama",
      "lmstudio",
      "jan",
      "node-llama-cpp",
      "jellybox",
      "msty",
      "docker-model-runner",
      "lemonade",
      "gpt4all",
      "koboldcpp",
    ].map((app) => [app, ["gguf"]]),
  ),
  "mlx-lm": ["mlx"],
  "transformers.js": ["transformers.js"],
  vllm: ["transformers", "text-generation", "safetensors"],
  sglang: ["transformers", "text-generation", "safetensors"],
  tgi: ["transformers", "text-generation", "safetensors"],
  diffusionbee: ["diffusers"],
  "draw-things": ["diffusers"],
  comfyui: ["diffusers"],
  invoke: ["diffusers"],
};

function runsIn(values: readonly string[]): SQL | undefined {
  const each = split(values).map((app) => {
    const tags = Object.hasOwn(APPS, app) ? APPS[app] : undefined;
    return tags === undefined ? NOTHING : (hasTags(tags) ?? NOTHING);
  });
  return and(...each);
}

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6, B: 1e9, T: 1e12 };

/** "min:6B,max:128B", either side alone, or a number of its own. */
function parameterRange(values: readonly string[]): SQL | undefined {
  const stored = sql`coalesce(${repos.parameters}, 0)`;
  return and(
    isNotNull(repos.parameters),
    ...split(values).map((part) => {
      const match = /^(?:(min|max):)?(\d+(?:\.\d+)?)([KMBT]?)$/i.exec(part.trim());
      const unit = UNITS[(match?.[3] ?? "").toUpperCase()];
      if (match === null || unit === undefined)
        throw badRequest(`"${part}" is no number of parameters.`, 'Write for example "min:6B,max:128B".');
      const bound = Math.min(Math.round(Number(match[2]) * unit), Number.MAX_SAFE_INTEGER);
      if (match[1] === undefined) return sql`${stored} = ${bound}::bigint`;
      return match[1].toLowerCase() === "min" ? sql`${stored} >= ${bound}::bigint` : sql`${stored} <= ${bound}::bigint`;
    }),
  );
}

/** Spaces whose card names any of these. */
function names(kind: "model" | "dataset", values: readonly string[]): SQL | undefined {
  const targets = split(values).map((value) => value.toLowerCase());
  if (targets.length === 0) return undefined;
  return sql`${repos.id} in (select ${repoLinks.repoId} from ${repoLinks} where ${eq(repoLinks.kind, kind)} and ${inArray(sql`lower(${repoLinks.target})`, targets)})`;
}

/** The words that are searched for, as Postgres reads them. */
export function searchOf(values: readonly string[] = []): string | undefined {
  if (values.some((value) => value.includes("\0"))) throw badRequest("The words to search for hold a NUL.");
  return searchQuery(values.join(" "));
}

function isFound(values: readonly string[], type: RepoType): SQL | undefined {
  const query = searchOf(values);
  if (query === undefined) return values.some((value) => value.trim() !== "") ? NOTHING : undefined;
  return sql`${repos.id} in (select ${repoIndex.repoId} from ${repoIndex} where ${eq(repoIndex.type, type)} and ${repoIndex.document} @@ ${query}::tsquery)`;
}

export const LIST_FILTERS = {
  search: {
    types: ALL,
    summary:
      "Words, or beginnings of them, of the name, title, tags and card; all must be there. Of the name any part of a word.",
    where: isFound,
  },
  author: {
    types: ALL,
    summary: "The user or organization that owns it; one of them where several are given",
    where: (values) => {
      const owners = split(values).map((value) => value.toLowerCase());
      return owners.length === 0 ? undefined : inArray(sql`lower(${repos.namespace})`, owners);
    },
  },
  filter: {
    types: ALL,
    summary:
      'Tags, all of which it must have: "gguf", "language:en", "license:mit", "dataset:ns/name", "base_model:ns/name"',
    where: (values, type) => hasTags(split(values).map((tag) => storedTag(tag, type))),
  },
  pipeline_tag: {
    types: ["model"],
    summary: "The task of a model",
    where: ([value = ""]) => (value === "" ? undefined : isTagged(repos.pipelineTag, value)),
  },
  library: {
    types: ["model"],
    summary: "The library that loads a model",
    where: (values) => and(...split(values).map((value) => isTagged(repos.libraryName, value))),
  },
  sdk: {
    types: ["space"],
    summary: "What a space is written for: gradio, docker, static, streamlit",
    where: ([value = ""]) => (value === "" ? undefined : isTagged(repos.sdk, value)),
  },
  apps: {
    types: ["model"],
    summary: `Applications that can load it, all of them: ${Object.keys(APPS).join(", ")}`,
    where: runsIn,
  },
  gated: {
    types: ["model", "dataset"],
    summary: "true: only those whose content has to be asked for; false: only the others",
    where: ([value = ""]) => {
      if (value === "") return undefined;
      return booleanOf("gated", value) ? isNotNull(repos.gated) : isNull(repos.gated);
    },
  },
  num_parameters: {
    types: ["model"],
    summary: 'How many parameters it has, for example "min:6B,max:128B"',
    where: parameterRange,
  },
  inference: {
    types: ["model"],
    summary: "Models that a provider serves: this hub knows of none, so nothing is found",
    where: ([value = ""]) => (value === "" ? undefined : NOTHING),
  },
  inference_provider: {
    types: ["model"],
    summary: "Models that this provider serves: this hub knows of none, so nothing is found",
    where: ([value = ""]) => (value === "" ? undefined : NOTHING),
  },
  models: {
    types: ["space"],
    summary: "Spaces whose card names one of these models",
    where: (values) => names("model", values),
  },
  datasets: {
    types: ["space"],
    summary: "Spaces whose card names one of these datasets",
    where: (values) => names("dataset", values),
  },
  linked: {
    types: ["space"],
    summary: "true: only spaces whose card names a model or a dataset",
    where: ([value = ""]) =>
      value === "" || !booleanOf("linked", value)
        ? undefined
        : sql`${repos.id} in (select ${repoLinks.repoId} from ${repoLinks})`,
  },
} as const satisfies Record<string, ListFilter>;

export type FilterName = keyof typeof LIST_FILTERS;
export type ListFilters = Partial<Record<FilterName, readonly string[]>>;

export const FILTER_NAMES = Object.keys(LIST_FILTERS).filter((name): name is FilterName =>
  Object.hasOwn(LIST_FILTERS, name),
);

/** What all filters together ask. */
export function filtered(type: RepoType, filters: ListFilters): SQL | undefined {
  return and(
    ...FILTER_NAMES.map((name) => {
      const filter: ListFilter = LIST_FILTERS[name];
      const values = filters[name] ?? [];
      return values.length === 0 || !filter.types.includes(type) ? undefined : filter.where(values, type);
    }),
  );
}

export interface ListSort {
  types: readonly RepoType[];
  key: SQL;
  /** What a place in this order is, as Postgres writes and reads it. */
  cast: "timestamptz" | "bigint" | "text" | "float8";
  /** Names begin with a; everything else with the most. */
  ascending?: boolean;
}

const byId: ListSort = {
  types: ALL,
  key: sql`lower(${repos.namespace} || '/' || ${repos.name})`,
  cast: "text",
  ascending: true,
};

export const LIST_SORTS = {
  lastModified: { types: ALL, key: sql`${repos.updatedAt}`, cast: "timestamptz" },
  createdAt: { types: ALL, key: sql`${repos.createdAt}`, cast: "timestamptz" },
  downloads: { types: ALL, key: sql`${repos.downloads}`, cast: "bigint" },
  likes: { types: ALL, key: sql`${repos.likes}`, cast: "bigint" },
  likes30d: { types: ALL, key: sql`${repos.likes30d}`, cast: "bigint" },
  trendingScore: { types: ALL, key: sql`${repos.trendingScore}`, cast: "bigint" },
  mainSize: { types: ALL, key: sql`${repos.mainSize}`, cast: "bigint" },
  num_parameters: { types: ["model"], key: sql`coalesce(${repos.parameters}, 0)`, cast: "bigint" },
  id: byId,
} as const satisfies Record<string, ListSort>;

export type SortName = keyof typeof LIST_SORTS;
export const SORT_NAMES = Object.keys(LIST_SORTS).filter((name): name is SortName => Object.hasOwn(LIST_SORTS, name));

/** Names of older clients for orders. */
const SORT_ALIASES: Readonly<Record<string, SortName>> = {
  modified: "lastModified",
  last_modified: "lastModified",
  created_at: "createdAt",
  trending_score: "trendingScore",
  trending: "trendingScore",
  name: "id",
};

export function sortOf(name: string, type: RepoType): SortName {
  const found = SORT_NAMES.find((candidate) => candidate === (SORT_ALIASES[name] ?? name));
  const sort: ListSort | undefined = found && LIST_SORTS[found];
  if (found !== undefined && sort?.types.includes(type) === true) return found;
  const known = SORT_NAMES.filter((candidate) => {
    const row: ListSort = LIST_SORTS[candidate];
    return row.types.includes(type);
  });
  throw badRequest(`Lists of ${type}s cannot be sorted by "${name}".`, suggestion(name, known));
}

/** What the direction of a list makes of its order, with ids to tell equals apart. */
export function orderBy({ key }: Pick<ListSort, "key">, ascending: boolean): SQL {
  const way = ascending ? asc : desc;
  return sql`${way(key)}, ${way(repos.id)}`;
}

/** Parameters of lists that choose no repositories, with words for the API's document. */
export const LIST_CONTROLS: Readonly<Record<string, string>> = {
  sort: `The order: ${SORT_NAMES.join(", ")}. Without one, the latest first, and what is searched for by how well it fits.`,
  direction: "-1: from the most; 1: from the least",
  limit: "Repositories on a page, up to 1000",
  cursor: "Where a page begins, as the Link header of the one before gives it",
  expand: "A field to give instead of the usual ones; may be given several times, as expand[], or with commas",
  full: "true: also the files, the commit and the card",
  cardData: "true: also the front matter of the card",
  config: "true: also what config.json says of the architecture",
};

/** Names and words of everything that lists of a type take. */
export function listQuery(type: RepoType): Record<string, string> {
  const filters = FILTER_NAMES.flatMap((name) => {
    const filter: ListFilter = LIST_FILTERS[name];
    return filter.types.includes(type) ? [[name, filter.summary] as const] : [];
  });
  return { ...Object.fromEntries(filters), ...LIST_CONTROLS };
}
