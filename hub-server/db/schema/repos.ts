// What is derived of repositories: the words to find them by, facts of their files, what they are made from, downloads.
import { sql } from "drizzle-orm";
import { customType, date, index, integer, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { REPO_TYPES } from "../../../src/hub/repo-id.ts";
import { repos } from "../schema.ts";

/** Words with places and weights, as Postgres writes them: "'mood':1A 'tiny':9B". */
export const tsvector = customType<{ data: string }>({ dataType: () => "tsvector" });

const repoId = () =>
  uuid("repo_id")
    .notNull()
    .references(() => repos.id, { onDelete: "cascade" });

/** Facts of the head of main that lists and info show, and that nothing is searched by. */
export interface RepoFacts {
  maskToken?: string;
  /** Special tokens and chat template of the tokenizer. */
  tokenizerConfig?: Record<string, unknown>;
  quantizationConfig?: Record<string, unknown>;
  transformersInfo?: { auto_model: string; pipeline_tag?: string; processor?: string };
  /** What a GGUF file says of the model; its elements are all in the total. */
  gguf?: {
    total: number;
    architecture?: string;
    context_length?: number;
    chat_template?: string;
    bos_token?: string;
    eos_token?: string;
  };
  description?: string;
  citation?: string;
  /** Entries of .eval_results/*.yaml with the names of their files; what is not well-formed has an error. */
  evalResults?: { filename: string; data?: Record<string, unknown>; error?: string }[];
}

export const repoIndex = pgTable(
  "repo_index",
  {
    repoId: uuid("repo_id")
      .primaryKey()
      .references(() => repos.id, { onDelete: "cascade" }),
    /** The repository's, which never changes: each type is searched by itself. */
    type: text("type", { enum: REPO_TYPES }).notNull(),
    /** Which rules wrote the row: those of an older version are written again. */
    version: integer("version").notNull(),
    /** Of the name alone: its words, and their endings. */
    names: tsvector("names").notNull(),
    document: tsvector("document").notNull(),
    facts: jsonb("facts").$type<RepoFacts>().notNull(),
  },
  (table) => [
    ...REPO_TYPES.flatMap((type) => [
      index(`repo_index_names_${type}`)
        .using("gin", table.names)
        .where(sql`${table.type} = ${sql.raw(`'${type}'`)}`),
      index(`repo_index_document_${type}`)
        .using("gin", table.document)
        .where(sql`${table.type} = ${sql.raw(`'${type}'`)}`),
    ]),
  ],
);

export const LINK_KINDS = ["base_model", "model", "dataset"] as const;

/** What a card names: base models and datasets of a model, models and datasets of a space. */
export const repoLinks = pgTable(
  "repo_links",
  {
    repoId: repoId(),
    kind: text("kind", { enum: LINK_KINDS }).notNull(),
    /** "namespace/name" as the card writes it. */
    target: text("target").notNull(),
    /** How a model comes from its base: finetune, adapter, quantized, merge. */
    relation: text("relation"),
  },
  (table) => [
    primaryKey({ columns: [table.repoId, table.kind, table.target] }),
    index("repo_links_target").on(table.kind, sql`lower(${table.target})`),
  ],
);

export const repoDownloads = pgTable(
  "repo_downloads",
  { repoId: repoId(), day: date("day", { mode: "string" }).notNull(), count: integer("count").notNull() },
  (table) => [primaryKey({ columns: [table.repoId, table.day] }), index("repo_downloads_day").on(table.day)],
);

/** Who downloaded in which minute, for some minutes: nobody counts twice, whichever server process they come to. */
export const downloadMarks = pgTable(
  "download_marks",
  {
    repoId: repoId(),
    /** A digest of user or address that changes with every minute. */
    visitor: text("visitor").notNull(),
    /** Minutes since 1970. */
    minute: integer("minute").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.repoId, table.minute, table.visitor] }),
    index("download_marks_minute").on(table.minute),
  ],
);
