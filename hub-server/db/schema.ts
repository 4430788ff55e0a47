// The schema: users, repositories, versions, contents, evaluations. Versions use git's own object ids. Further areas are in schema/.
// Holds no queries.
import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  customType,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { REPO_TYPES } from "../../src/hub/repo-id.ts";

export const bytea = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });
export const now = (name: string) => timestamp(name, { withTimezone: true, precision: 3 }).notNull().defaultNow();

export const users = pgTable(
  "users",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    name: text("name").notNull(),
    /** Organizations share the names of users, and own repositories as they do. Of the three, users alone log in. */
    kind: text("kind", { enum: ["user", "org", "service"] })
      .notNull()
      .default("user"),
    fullName: text("full_name"),
    email: text("email"),
    details: text("details"),
    passwordHash: text("password_hash"),
    admin: boolean("admin").notNull().default(false),
    createdAt: now("created_at"),
  },
  (table) => [
    uniqueIndex("users_name").on(sql`lower(${table.name})`),
    // By the beginnings of names, whatever the database's collation.
    index("users_name_start").on(table.kind, sql`lower(${table.name}) text_pattern_ops`),
    index("users_full_name_start").on(table.kind, sql`lower(${table.fullName}) text_pattern_ops`),
  ],
);

/** What a fine-grained token allows, beyond what everybody may. */
export interface TokenScopes {
  canReadGatedRepos: boolean;
  /** Permissions wherever the user has the right. */
  global: string[];
  /** Permissions for what lies under a user or an organization, or for one repository, by their ids. */
  scoped: { kind: "owner" | "repo"; id: string; permissions: string[] }[];
}

/** Access tokens; only their SHA-256 is kept. */
export const tokens = pgTable(
  "tokens",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    role: text("role", { enum: ["read", "write", "fineGrained"] }).notNull(),
    /** Of the role fineGrained. */
    scopes: jsonb("scopes").$type<TokenScopes>(),
    expiresAt: timestamp("expires_at", { withTimezone: true, precision: 3 }),
    hash: text("hash").notNull(),
    /** The last four characters, so that people recognise their token. */
    ending: text("ending").notNull(),
    createdAt: now("created_at"),
    lastUsedAt: timestamp("last_used_at", { withTimezone: true, precision: 3 }),
  },
  (table) => [uniqueIndex("tokens_hash").on(table.hash), index("tokens_user").on(table.userId)],
);

/** Browser sessions; only the SHA-256 of the cookie is kept. */
export const sessions = pgTable("sessions", {
  hash: text("hash").primaryKey(),
  userId: uuid("user_id")
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  expiresAt: timestamp("expires_at", { withTimezone: true, precision: 3 }).notNull(),
});

/** Small facts of this hub, e.g. the key that signs upload links. */
export const settings = pgTable("settings", { key: text("key").primaryKey(), value: text("value").notNull() });

export const repos = pgTable(
  "repos",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    type: text("type", { enum: REPO_TYPES }).notNull(),
    namespace: text("namespace").notNull(),
    name: text("name").notNull(),
    ownerId: uuid("owner_id")
      .notNull()
      .references(() => users.id),
    isPrivate: boolean("is_private").notNull().default(false),
    /** Who wants the content has to ask: let in at once, or by the owner. */
    gated: text("gated", { enum: ["auto", "manual"] }),
    isDisabled: boolean("is_disabled").notNull().default(false),
    likes: integer("likes").notNull().default(0),
    /** What runs a space. */
    sdk: text("sdk"),
    /** Of the last 30 days. */
    downloads: integer("downloads").notNull().default(0),
    downloadsAllTime: bigint("downloads_all_time", { mode: "number" }).notNull().default(0),
    /** What happened in the last week, by services/downloads.ts. */
    trendingScore: integer("trending_score").notNull().default(0),
    likes30d: integer("likes_30d").notNull().default(0),
    discussionsDisabled: boolean("discussions_disabled").notNull().default(false),
    createdAt: now("created_at"),
    updatedAt: now("updated_at"),
    /** What the indexer read off the head of main. */
    indexedCommit: text("indexed_commit"),
    cardData: jsonb("card_data").$type<Record<string, unknown>>(),
    tags: text("tags").array().notNull().default(sql`'{}'::text[]`),
    pipelineTag: text("pipeline_tag"),
    libraryName: text("library_name"),
    parameters: bigint("parameters", { mode: "number" }),
    /** Parameters by dtype tag. */
    safetensors: jsonb("safetensors").$type<Record<string, number>>(),
    config: jsonb("config").$type<Record<string, unknown>>(),
    /** Bytes of the files at the head of main. */
    mainSize: bigint("main_size", { mode: "number" }).notNull().default(0),
    /** Bytes of these and of all large files of the history. */
    usedStorage: bigint("used_storage", { mode: "number" }).notNull().default(0),
  },
  (table) => [
    uniqueIndex("repos_id").on(table.type, sql`lower(${table.namespace})`, sql`lower(${table.name})`),
    index("repos_owner").on(table.ownerId, table.type),
    index("repos_tags").using("gin", table.tags),
    index("repos_gated").on(table.type, table.id).where(sql`${table.gated} is not null`),
    // One for each order of lists: who may see what is settled first, so that a page is a piece of an index.
    index("repos_by_updated").on(table.type, table.isPrivate, table.updatedAt, table.id),
    index("repos_by_created").on(table.type, table.isPrivate, table.createdAt, table.id),
    index("repos_by_downloads").on(table.type, table.isPrivate, table.downloads, table.id),
    index("repos_by_likes").on(table.type, table.isPrivate, table.likes, table.id),
    index("repos_by_likes_30d").on(table.type, table.isPrivate, table.likes30d, table.id),
    index("repos_by_trending").on(table.type, table.isPrivate, table.trendingScore, table.id),
    index("repos_by_size").on(table.type, table.isPrivate, table.mainSize, table.id),
    index("repos_by_parameters").on(table.type, table.isPrivate, sql`coalesce(${table.parameters}, 0)`, table.id),
    index("repos_by_name").on(
      table.type,
      table.isPrivate,
      sql`lower(${table.namespace} || '/' || ${table.name})`,
      table.id,
    ),
  ],
);

/** Names a repository had before: they lead to it until somebody takes them. */
export const redirects = pgTable(
  "redirects",
  {
    type: text("type", { enum: REPO_TYPES }).notNull(),
    /** lower-case "namespace/name" */
    from: text("from_id").notNull(),
    repoId: uuid("repo_id")
      .notNull()
      .references(() => repos.id, { onDelete: "cascade" }),
  },
  (table) => [primaryKey({ columns: [table.type, table.from] })],
);

export const refs = pgTable(
  "refs",
  {
    repoId: uuid("repo_id")
      .notNull()
      .references(() => repos.id, { onDelete: "cascade" }),
    /** Full name, e.g. "refs/heads/main". */
    name: text("name").notNull(),
    commitId: text("commit_id").notNull(),
  },
  (table) => [primaryKey({ columns: [table.repoId, table.name] })],
);

export const commits = pgTable(
  "commits",
  {
    repoId: uuid("repo_id")
      .notNull()
      .references(() => repos.id, { onDelete: "cascade" }),
    id: text("id").notNull(),
    treeId: text("tree_id").notNull(),
    parents: text("parents").array().notNull(),
    authorName: text("author_name").notNull(),
    authorEmail: text("author_email").notNull(),
    /** Seconds since 1970, as in the commit object. */
    time: bigint("time", { mode: "number" }).notNull(),
    message: text("message").notNull(),
    /** The object as git sent it, where the columns would give another one: a committer apart, a time zone, a signature. */
    raw: bytea("raw"),
  },
  (table) => [primaryKey({ columns: [table.repoId, table.id] })],
);

export interface StoredEntry {
  name: string;
  kind: "file" | "directory";
  id: string;
  /** git's mode where it is not that of a plain file or folder. */
  mode?: "100755" | "120000";
}

/** Folders by git's tree id; the same folder of two repositories is one row. */
export const trees = pgTable("trees", {
  id: text("id").primaryKey(),
  entries: jsonb("entries").$type<StoredEntry[]>().notNull(),
});

/** File contents by git's blob id: small ones in the row, large ones in the blob store under their SHA-256. */
export const contents = pgTable("contents", {
  id: text("id").primaryKey(),
  /** Bytes of the file, of the LFS object for a pointer. */
  size: bigint("size", { mode: "number" }).notNull(),
  bytes: bytea("bytes"),
  sha256: text("sha256"),
  isLfs: boolean("is_lfs").notNull(),
});

/** Large objects that were uploaded to a repository: only these may its commits name. */
export const lfsObjects = pgTable(
  "lfs_objects",
  {
    repoId: uuid("repo_id")
      .notNull()
      .references(() => repos.id, { onDelete: "cascade" }),
    sha256: text("sha256").notNull(),
    size: bigint("size", { mode: "number" }).notNull(),
    createdAt: now("created_at"),
  },
  (table) => [primaryKey({ columns: [table.repoId, table.sha256] })],
);

export const evaluations = pgTable(
  "evaluations",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    repoId: uuid("repo_id")
      .notNull()
      .references(() => repos.id, { onDelete: "cascade" }),
    commitId: text("commit_id").notNull(),
    dataset: text("dataset").notNull(),
    datasetRevision: text("dataset_revision"),
    split: text("split").notNull(),
    metric: text("metric").notNull(),
    /** The words for the metric, where its source has some. */
    metricName: text("metric_name"),
    slice: text("slice"),
    value: doublePrecision("value").notNull(),
    low: doublePrecision("low"),
    high: doublePrecision("high"),
    count: integer("count"),
    /** The file that says it. */
    filename: text("filename"),
  },
  (table) => [
    index("evaluations_commit").on(table.repoId, table.commitId),
    index("evaluations_dataset").on(sql`lower(${table.dataset})`),
  ],
);
