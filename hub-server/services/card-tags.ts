// What a card and the names of the files say of a repository: tags, and which repositories it names.
// Reads no files.
import { invalidName, type RepoType } from "../../src/hub/repo-id.ts";
import type { LINK_KINDS } from "../db/schema/repos.ts";

/** What the index is made from, read off the head of main. */
export interface Described {
  type: RepoType;
  card: Readonly<Record<string, unknown>>;
  config: Readonly<Record<string, unknown>>;
  paths: readonly string[];
  readme: string;
  task: string | undefined;
  library: string | undefined;
  sdk: string | undefined;
}

/** More tags than this are no description. */
const MOST_TAGS = 500;
const MOST_LINKS = 100;

export const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;
/** One string or a list of them, as YAML authors write either; a number, such as a tag 2024, is its digits. */
export const list = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).flatMap((item) =>
    typeof item === "string" && item !== "" ? [item] : typeof item === "number" ? [`${item}`] : [],
  );

/** Fields of a card whose values become tags with the field's name before them. */
const DATASET_FIELDS = [
  "task_categories",
  "task_ids",
  "annotations_creators",
  "language_creators",
  "language",
  "multilinguality",
  "size_categories",
  "source_datasets",
  "license",
] as const;

/** Tags by the endings of files. */
const MODEL_FORMATS: Readonly<Record<string, RegExp>> = {
  pytorch: /(^|\/)pytorch_model[^/]*\.bin$/,
  tf: /(^|\/)tf_model[^/]*\.h5$/,
  jax: /(^|\/)flax_model[^/]*\.msgpack$/,
  safetensors: /\.safetensors$/,
  onnx: /\.onnx$/,
  gguf: /\.gguf$/,
  openvino: /(^|\/)openvino_model[^/]*\.xml$/,
  coreml: /\.mlmodel$|\.mlpackage\//,
  tensorboard: /(^|\/)events\.out\.tfevents/,
};
const DATASET_FORMATS: Readonly<Record<string, RegExp>> = {
  csv: /\.(csv|tsv)(\.\w+)?$/,
  json: /\.jsonl?(\.\w+)?$/,
  parquet: /\.parquet$/,
  arrow: /\.arrow$/,
  text: /\.txt(\.\w+)?$/,
  webdataset: /\.tar$/,
};

const formatsOf = (formats: Readonly<Record<string, RegExp>>, paths: readonly string[]): string[] =>
  Object.keys(formats).filter((name) => paths.some((path) => formats[name]?.test(path) === true));

const prefixed = (prefix: string, value: unknown): string[] => list(value).map((item) => `${prefix}:${item}`);

const TAGS: Readonly<Record<RepoType, (described: Described) => (string | undefined)[]>> = {
  model: ({ card, config, paths, task, library, readme }) => [
    library,
    ...formatsOf(MODEL_FORMATS, paths),
    text(config["model_type"]),
    task,
    ...list(card["tags"]),
    ...list(card["language"]),
    ...prefixed("dataset", card["datasets"]),
    ...papersIn(readme),
    ...baseModels(card, paths, config).flatMap(({ target, relation }) => [
      `base_model:${target}`,
      `base_model:${relation}:${target}`,
    ]),
    ...prefixed("license", card["license"]),
  ],
  dataset: ({ card, paths, readme }) => [
    ...DATASET_FIELDS.flatMap((field) => prefixed(field, card[field])),
    ...formatsOf(DATASET_FORMATS, paths).map((format) => `format:${format}`),
    // What others are measured on says so in this file.
    paths.includes("eval.yaml") ? "benchmark:official" : undefined,
    ...papersIn(readme),
    ...list(card["tags"]),
  ],
  space: ({ card, sdk, readme }) => [
    sdk,
    ...list(card["tags"]),
    ...list(card["language"]),
    ...papersIn(readme),
    ...prefixed("license", card["license"]),
  ],
};

export function tagsOf(described: Described): string[] {
  const tags = TAGS[described.type](described).filter((tag) => tag !== undefined);
  return [...new Set(tags)].slice(0, MOST_TAGS);
}

/** Papers that a card links. */
function papersIn(readme: string): string[] {
  const ids = readme.matchAll(/arxiv\.org\/(?:abs|pdf)\/(\d{4}\.\d{4,5})/g);
  return [...new Set([...ids].map((match) => `arxiv:${match[1]}`))].slice(0, 20);
}

const RELATIONS = ["adapter", "merge", "quantized", "finetune"] as const;
export type BaseRelation = (typeof RELATIONS)[number];

/** Base models with how this one comes from them: as the card says, else as its files show. */
export function baseModels(
  card: Readonly<Record<string, unknown>>,
  paths: readonly string[],
  config: Readonly<Record<string, unknown>>,
): { target: string; relation: BaseRelation }[] {
  const named = list(card["base_model"]);
  const targets = [...new Set(named.length > 0 ? named : adapted(config))].slice(0, MOST_LINKS);
  const said = RELATIONS.find((relation) => relation === card["base_model_relation"]);
  const relation = said ?? shownRelation(targets.length, paths, config);
  return targets.map((target) => ({ target, relation }));
}

/** The model that an adapter was trained on, unless that was a folder of somebody's machine. */
function adapted({ peft }: Readonly<Record<string, unknown>>): string[] {
  const base =
    typeof peft === "object" && peft !== null && "base_model_name_or_path" in peft && peft.base_model_name_or_path;
  return typeof base === "string" && isId(base) ? [base] : [];
}

function shownRelation(
  bases: number,
  paths: readonly string[],
  config: Readonly<Record<string, unknown>>,
): BaseRelation {
  if (paths.includes("adapter_config.json")) return "adapter";
  if (bases > 1) return "merge";
  return config["quantization_config"] !== undefined || paths.some((path) => path.endsWith(".gguf"))
    ? "quantized"
    : "finetune";
}

export interface Link {
  kind: (typeof LINK_KINDS)[number];
  target: string;
  relation: string | null;
}

/** Repositories that the card names, as far as they could be some. */
export function linksOf({ type, card, paths, config }: Described): Link[] {
  const named = (kind: Link["kind"], field: string): Link[] =>
    list(card[field]).map((target) => ({ kind, target, relation: null }));
  const links: Link[] =
    type === "model"
      ? [
          ...baseModels(card, paths, config).map((base): Link => ({ kind: "base_model", ...base })),
          ...named("dataset", "datasets"),
        ]
      : type === "space"
        ? [...named("model", "models"), ...named("dataset", "datasets")]
        : [];
  const unique = new Map(
    links.filter(({ target }) => isId(target)).map((link) => [`${link.kind} ${link.target}`, link]),
  );
  return [...unique.values()].slice(0, 3 * MOST_LINKS);
}

function isId(target: string): boolean {
  const [namespace = "", name = "", ...more] = target.split("/");
  return more.length === 0 && invalidName(namespace) === undefined && invalidName(name) === undefined;
}
