// OAuth 2: apps, what users granted them, codes and refresh tokens. Secrets are kept as SHA-256 alone.
import { index, integer, pgTable, text, timestamp, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { now, tokens, users } from "../schema.ts";

const expires = () => timestamp("expires_at", { withTimezone: true, precision: 3 }).notNull();
const user = () =>
  uuid("user_id")
    .notNull()
    .references(() => users.id, { onDelete: "cascade" });
const app = () =>
  text("app_id")
    .notNull()
    .references(() => oauthApps.id, { onDelete: "cascade" });

export const oauthApps = pgTable("oauth_apps", {
  /** The client id. */
  id: text("id").primaryKey(),
  name: text("name").notNull(),
  /** Who made it in their settings; null: it registered itself, or is built in. */
  ownerId: uuid("owner_id").references(() => users.id, { onDelete: "cascade" }),
  /** Null: a public client, which PKCE alone protects. */
  secretHash: text("secret_hash"),
  homepage: text("homepage"),
  redirectUris: text("redirect_uris").array().notNull(),
  /** What it may ask for at most. */
  scopes: text("scopes").array().notNull(),
  createdAt: now("created_at"),
});

/** A user's yes to an app: its tokens live and end with it. */
export const oauthGrants = pgTable(
  "oauth_grants",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    appId: app(),
    userId: user(),
    scopes: text("scopes").array().notNull(),
    /** Organizations that the yes holds for, besides the user. */
    orgIds: uuid("org_ids").array().notNull(),
    createdAt: now("created_at"),
  },
  (table) => [index("oauth_grants_user").on(table.userId), index("oauth_grants_app").on(table.appId)],
);

/** Access tokens of a grant. */
export const oauthTokens = pgTable(
  "oauth_tokens",
  {
    tokenId: uuid("token_id")
      .primaryKey()
      .references(() => tokens.id, { onDelete: "cascade" }),
    grantId: uuid("grant_id")
      .notNull()
      .references(() => oauthGrants.id, { onDelete: "cascade" }),
  },
  (table) => [index("oauth_tokens_grant").on(table.grantId)],
);

export const oauthRefreshTokens = pgTable(
  "oauth_refresh_tokens",
  {
    hash: text("hash").primaryKey(),
    grantId: uuid("grant_id")
      .notNull()
      .references(() => oauthGrants.id, { onDelete: "cascade" }),
    /** A used one that comes again was stolen. */
    usedAt: timestamp("used_at", { withTimezone: true, precision: 3 }),
    expiresAt: expires(),
  },
  (table) => [index("oauth_refresh_tokens_grant").on(table.grantId)],
);

export const oauthCodes = pgTable("oauth_codes", {
  hash: text("hash").primaryKey(),
  appId: app(),
  userId: user(),
  scopes: text("scopes").array().notNull(),
  orgIds: uuid("org_ids").array().notNull(),
  redirectUri: text("redirect_uri").notNull(),
  /** Of PKCE, S256. */
  challenge: text("challenge").notNull(),
  nonce: text("nonce"),
  expiresAt: expires(),
  /** What came of it; a code that comes again ends this. */
  grantId: uuid("grant_id").references(() => oauthGrants.id, { onDelete: "set null" }),
  usedAt: timestamp("used_at", { withTimezone: true, precision: 3 }),
});

export const oauthDeviceCodes = pgTable(
  "oauth_device_codes",
  {
    hash: text("hash").primaryKey(),
    /** What the user types, without its dash. */
    userCode: text("user_code").notNull(),
    appId: app(),
    scopes: text("scopes").array().notNull(),
    status: text("status", { enum: ["pending", "approved", "denied"] })
      .notNull()
      .default("pending"),
    userId: uuid("user_id").references(() => users.id, { onDelete: "cascade" }),
    orgIds: uuid("org_ids").array().notNull(),
    /** Seconds between two questions of the device. */
    interval: integer("interval").notNull(),
    polledAt: timestamp("polled_at", { withTimezone: true, precision: 3 }),
    expiresAt: expires(),
  },
  (table) => [uniqueIndex("oauth_device_codes_user").on(table.userCode)],
);
