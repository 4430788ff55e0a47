// What clients are told of a repository: one row for each field, when it is told, and what has to be read for it.
// Info, lists and `expand` are made from this table. Fields that would not be true here have no row.
import { fullName, type RepoType } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { Repo } from "./access.ts";
import { type Loaded, load, type Source } from "./repo-details.ts";
import { wireId } from "./wire-ids.ts";

interface Field {
  types: readonly RepoType[];
  /** always: in lists and info · info: in info, and in lists that ask for all or for this · asked: by `expand` alone. */
  told: "always" | "info" | "asked";
  /** What is read for all repositories of a page at once. */
  needs?: Source;
  /** Told from the card or the configuration, which rows of lists do not have by themselves. */
  large?: true;
  /** undefined leaves the field out. */
  value(repo: Repo, loaded: Loaded): unknown;
}

const ALL = ["model", "dataset", "space"] as const;
const FILES = ["model", "dataset"] as const;
const MODEL = ["model"] as const;
const DATASET = ["dataset"] as const;
const SPACE = ["space"] as const;

const card = (name: string) => (repo: Repo) => repo.cardData?.[name];
const orLeftOut = <Value>(value: Value | null): Value | undefined => value ?? undefined;

/** What config.json says of the architecture, and the tokenizer's part. */
function configOf({ config }: Repo, { facts }: Loaded, id: string): unknown {
  const { architectures, model_type, auto_map, peft } = config ?? {};
  const { tokenizerConfig, quantizationConfig } = facts.get(id) ?? {};
  const all = {
    architectures,
    model_type,
    auto_map,
    peft,
    tokenizer_config: tokenizerConfig,
    quantization_config: quantizationConfig,
  };
  const said = Object.entries(all).filter(([, value]) => value !== undefined);
  return said.length === 0 ? undefined : Object.fromEntries(said);
}

export const REPO_FIELDS = {
  author: { types: ALL, told: "always", value: (repo) => repo.namespace },
  private: { types: ALL, told: "always", value: (repo) => repo.isPrivate },
  gated: { types: FILES, told: "always", value: (repo) => repo.gated ?? false },
  disabled: { types: ALL, told: "always", value: (repo) => repo.isDisabled },
  downloads: { types: FILES, told: "always", value: (repo) => repo.downloads },
  downloadsAllTime: { types: FILES, told: "asked", value: (repo) => repo.downloadsAllTime },
  likes: { types: ALL, told: "always", value: (repo) => repo.likes },
  trendingScore: { types: ALL, told: "always", value: (repo) => repo.trendingScore },
  tags: { types: ALL, told: "always", value: (repo) => repo.tags },
  pipeline_tag: { types: MODEL, told: "always", value: (repo) => orLeftOut(repo.pipelineTag) },
  library_name: { types: MODEL, told: "always", value: (repo) => orLeftOut(repo.libraryName) },
  // Clients before the batch said it asked for this.
  xetEnabled: { types: ALL, told: "asked", value: () => true },
  sdk: { types: SPACE, told: "always", value: (repo) => orLeftOut(repo.sdk) },
  createdAt: { types: ALL, told: "always", value: (repo) => repo.createdAt.toISOString() },
  lastModified: { types: ALL, told: "always", value: (repo) => repo.updatedAt.toISOString() },
  sha: { types: ALL, told: "info", needs: "heads", value: (repo, { heads }) => heads.get(repo.id)?.id ?? null },
  siblings: { types: ALL, told: "info", needs: "files", value: (repo, { siblings }) => siblings.get(repo.id) ?? [] },
  cardData: { types: ALL, told: "info", large: true, value: (repo) => orLeftOut(repo.cardData) },
  config: {
    types: MODEL,
    told: "info",
    needs: "facts",
    large: true,
    value: (repo, loaded) => configOf(repo, loaded, repo.id),
  },
  safetensors: {
    types: MODEL,
    told: "info",
    value: ({ safetensors, parameters }) =>
      safetensors === null ? undefined : { parameters: safetensors, total: parameters },
  },
  transformersInfo: {
    types: MODEL,
    told: "info",
    needs: "facts",
    value: ({ id }, { facts }) => facts.get(id)?.transformersInfo,
  },
  gguf: { types: MODEL, told: "info", needs: "facts", value: ({ id }, { facts }) => facts.get(id)?.gguf },
  mask_token: { types: MODEL, told: "info", needs: "facts", value: ({ id }, { facts }) => facts.get(id)?.maskToken },
  widgetData: { types: MODEL, told: "info", large: true, value: card("widget") },
  "model-index": { types: MODEL, told: "info", large: true, value: card("model-index") },
  spaces: { types: MODEL, told: "info", needs: "spaces", value: ({ id }, { spaces }) => spaces.get(id) ?? [] },
  models: { types: SPACE, told: "info", needs: "links", value: ({ id }, { links }) => links.get(`model ${id}`) ?? [] },
  datasets: {
    types: SPACE,
    told: "info",
    needs: "links",
    value: ({ id }, { links }) => links.get(`dataset ${id}`) ?? [],
  },
  usedStorage: { types: ALL, told: "info", value: (repo) => repo.usedStorage },
  description: {
    types: DATASET,
    told: "info",
    needs: "facts",
    value: ({ id }, { facts }) => facts.get(id)?.description,
  },
  citation: { types: DATASET, told: "info", needs: "facts", value: ({ id }, { facts }) => facts.get(id)?.citation },
  paperswithcode_id: { types: DATASET, told: "info", large: true, value: card("paperswithcode_id") },
  mainSize: { types: DATASET, told: "asked", value: (repo) => repo.mainSize },
  baseModels: {
    types: MODEL,
    told: "asked",
    needs: "links",
    value: ({ id }, { links }) => links.get(`base_model ${id}`) ?? [],
  },
  resourceGroup: { types: ALL, told: "asked", needs: "groups", value: ({ id }, { groups }) => groups.get(id) },
  childrenModelCount: {
    types: MODEL,
    told: "asked",
    needs: "children",
    value: ({ id }, { children }) => children.get(id) ?? 0,
  },
  evalResults: {
    types: MODEL,
    told: "asked",
    needs: "facts",
    value: ({ id }, { facts }) => facts.get(id)?.evalResults ?? [],
  },
  /** No provider serves models of this hub. Clients say so where this is left out, and trip over an empty list. */
  inferenceProviderMapping: { types: MODEL, told: "asked", value: () => undefined },
  /** Spaces are kept here, not run. */
  runtime: {
    types: SPACE,
    told: "info",
    value: () => ({ stage: "STOPPED", hardware: { current: null, requested: null }, gcTimeout: null }),
  },
} as const satisfies Record<string, Field>;

export type FieldName = keyof typeof REPO_FIELDS;
export const FIELD_NAMES = Object.keys(REPO_FIELDS).filter((name): name is FieldName =>
  Object.hasOwn(REPO_FIELDS, name),
);

export interface Told {
  /** Only these; names that nobody knows are ignored, as new clients ask old hubs. */
  expand?: readonly string[] | undefined;
  /** Everything that info tells, or in addition these. */
  more?: "info" | readonly FieldName[];
  /** Files with sizes and ids. */
  blobs?: boolean;
}

function chosen(type: RepoType, { expand, more = [] }: Told): FieldName[] {
  return FIELD_NAMES.filter((name) => {
    const { types, told }: Field = REPO_FIELDS[name];
    if (!types.includes(type)) return false;
    if (expand !== undefined) return expand.includes(name);
    return told === "always" || (more === "info" ? told === "info" : more.includes(name));
  });
}

/** Whether what is asked for needs the names of all files: a page of such is a short one. */
export const needsFiles = (type: RepoType, told: Told): boolean => chosen(type, told).includes("siblings");

/** Whether what is asked for is told from whole rows. */
export const needsWhole = (type: RepoType, told: Told): boolean =>
  chosen(type, told).some((name) => {
    const { large }: Field = REPO_FIELDS[name];
    return large === true;
  });

/** Repositories of one type as clients read them. `at` is the commit of a repository where it is not the head of main. */
export async function describeRepos(
  ctx: Context,
  type: RepoType,
  rows: readonly Repo[],
  told: Told,
  at?: { id: string; treeId: string } | undefined,
): Promise<Record<string, unknown>[]> {
  const names = chosen(type, told);
  const sources = names.flatMap((name): Source[] => {
    const { needs }: Field = REPO_FIELDS[name];
    return needs === undefined ? [] : [needs];
  });
  const loaded = await load(ctx, rows, new Set(sources), { blobs: told.blobs ?? false, at });
  return rows.map((repo) => {
    const fields = names.flatMap((name) => {
      const field: Field = REPO_FIELDS[name];
      const value = field.value(repo, loaded);
      return value === undefined ? [] : [[name, value] as const];
    });
    const named = type === "model" && told.expand === undefined ? { modelId: fullName(repo) } : {};
    return { _id: wireId(repo.id), id: fullName(repo), ...named, ...Object.fromEntries(fields) };
  });
}
