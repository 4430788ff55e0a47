// What is wrong with the front matter of a card, in sentences: asked by clients before they commit one.
// Stores nothing.
import { z } from "zod";
import type { RepoType } from "../../src/hub/repo-id.ts";
import { FRONT_MATTER, readYaml } from "./front-matter.ts";

export interface CardCheck {
  /** These keep the card from being committed by clients that ask. */
  errors: string[];
  warnings: string[];
}

const text = z.string("must be a string");
const texts = z.union([text, z.array(text)], "must be a string or a list of strings");

const shared = {
  license: texts.nullish(),
  language: texts.nullish(),
  tags: z.array(text, "must be a list of strings").nullish(),
};
const results = z.array(
  z.looseObject({
    task: z.looseObject({ type: text }, "must be a mapping with a type"),
    dataset: z.looseObject({ type: text, name: text }, "must be a mapping with a type and a name"),
    metrics: z.array(
      z.looseObject({ type: text, value: z.custom((value) => value != null, "is missing") }),
      "must be a list",
    ),
  }),
  "must be a list",
);
const schemas: Readonly<Record<RepoType, z.ZodType>> = {
  model: z.looseObject({
    ...shared,
    pipeline_tag: text.nullish(),
    library_name: text.nullish(),
    datasets: texts.nullish(),
    base_model: texts.nullish(),
    "model-index": z.array(z.looseObject({ name: text, results }), "must be a list").nullish(),
  }),
  dataset: z.looseObject({ ...shared, pretty_name: text.nullish(), task_categories: texts.nullish() }),
  space: z.looseObject({ ...shared, title: text.nullish(), sdk: text.nullish(), models: texts.nullish() }),
};

/** Checks a whole README.md: its YAML, and the types of the fields that the hub reads. */
export function checkCard(readme: string, type: RepoType): CardCheck {
  const yaml = FRONT_MATTER.exec(readme)?.[1];
  if (yaml === undefined) return { errors: [], warnings: ["empty or missing yaml metadata in repo card"] };
  const read = readYaml(yaml);
  if ("errors" in read) return { errors: few(read.errors), warnings: [] };
  const { value } = read;
  if (value === null) return { errors: [], warnings: ["empty or missing yaml metadata in repo card"] };
  if (typeof value !== "object" || Array.isArray(value))
    return { errors: ["The metadata is no mapping."], warnings: [] };
  const result = schemas[type].safeParse(value);
  const errors = result.error?.issues.map(({ path, message }) => `"${path.join(".")}" ${message}`) ?? [];
  return { errors: few(errors), warnings: [] };
}

/** Who mends these sees the next ones. */
const MOST_ERRORS = 100;

function few(errors: readonly string[]): string[] {
  const more = errors.length - MOST_ERRORS;
  return more > 0 ? [...errors.slice(0, MOST_ERRORS), `${more} more errors.`] : [...errors];
}
