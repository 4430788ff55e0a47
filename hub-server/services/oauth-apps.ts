// Apps that ask for users by OAuth: made in settings, by registering themselves, or built in. And where they may send a user back to.
import { randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { and, count, desc, eq, inArray, isNull, lt, ne, notExists, type SQL, sql } from "drizzle-orm";
import type { Context } from "../context.ts";
import type { Tx } from "../db/client.ts";
import { oauthApps, oauthGrants, oauthTokens } from "../db/schema/oauth.ts";
import { tokens } from "../db/schema.ts";
import { badRequest, ServiceError } from "../errors.ts";
import { requireOwnProfile } from "./profiles.ts";
import { OAUTH_SCOPES } from "./scopes.ts";
import { sha256 } from "./users.ts";

export type App = typeof oauthApps.$inferSelect;

/** A refusal as OAuth words it: a short code for programs and a sentence. */
export class OAuthRefusal extends ServiceError {
  readonly oauthCode: string;

  constructor(oauthCode: string, message: string, status = 400) {
    super(status, message, { code: oauthCode.toUpperCase() });
    this.oauthCode = oauthCode;
  }
}

/** `hf auth login` says that it is this one, at every hub. */
export const CLI_APP = "26be6b09-91c5-47da-9861-d2d2bb7a7e36";
const CLI_SCOPES = [
  "openid",
  "profile",
  "email",
  "read-memberships",
  "read-repos",
  "gated-repos",
  "manage-repos",
  "write-discussions",
  "write-collections",
  "webhooks",
];

/** An app by its client id. */
export async function findApp({ db }: Pick<Context, "db">, id: string): Promise<App | undefined> {
  const [row] = await db.select().from(oauthApps).where(eq(oauthApps.id, id));
  if (row !== undefined || id !== CLI_APP) return row;
  const own = { id, name: "hf command line", redirectUris: [], scopes: CLI_SCOPES };
  await db.insert(oauthApps).values(own).onConflictDoNothing();
  return findApp({ db }, id);
}

export async function requireApp(ctx: Pick<Context, "db">, id: string): Promise<App> {
  const app = id === "" ? undefined : await findApp(ctx, id);
  if (app === undefined) throw new OAuthRefusal("invalid_client", "There is no such app.");
  return app;
}

/** A client with a secret has to show it; one without is known by PKCE alone. */
export function requireSecret({ secretHash }: App, secret: string | undefined): void {
  if (secretHash === null) return;
  const [given, right] = [Buffer.from(sha256(secret ?? "")), Buffer.from(secretHash)];
  if (!timingSafeEqual(given, right)) throw new OAuthRefusal("invalid_client", "The client's secret is wrong.", 401);
}

/** Scopes that were asked for, each known and allowed to the app; without any, who the user is. */
export function readScopes(
  app: App,
  text: string | undefined,
  fallback: readonly string[] = ["openid", "profile"],
): string[] {
  const asked = [...new Set((text ?? "").split(/[\s,]+/).filter(Boolean))];
  const scopes = asked.length === 0 ? fallback.filter((scope) => app.scopes.includes(scope)) : asked;
  for (const scope of scopes) {
    if (OAUTH_SCOPES[scope] === undefined) throw new OAuthRefusal("invalid_scope", `There is no scope "${scope}".`);
    if (!app.scopes.includes(scope)) throw new OAuthRefusal("invalid_scope", `${app.name} may not ask for "${scope}".`);
  }
  return scopes;
}

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
/** Addresses that a browser would run or read in place of going there. */
const NO_SCHEME = new Set(["javascript:", "data:", "vbscript:", "file:", "blob:", "about:", "ws:", "wss:", "ftp:"]);

/** Why an address may not be one to send users back to. */
export function invalidRedirect(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || text.length > 1000) return "it is no address";
  if (NO_SCHEME.has(url.protocol)) return `${url.protocol} is not allowed`;
  if (url.protocol === "http:" && !LOOPBACK.has(url.hostname)) return "http is for this machine alone; use https";
  if (url.hash !== "" || text.includes("#")) return "it has a fragment";
  if (url.username !== "" || url.password !== "") return "it holds credentials";
  // The page of consent allows its host in a header, where these would begin something else.
  if (/[;,]/.test(url.host)) return "its host is none";
  return text.includes("*") ? "it has a wildcard" : undefined;
}

/** Exactly one of the app's addresses; programs on this machine listen on any port. */
export function isRedirectOf(app: App, text: string): boolean {
  if (app.redirectUris.includes(text)) return true;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" || !LOOPBACK.has(url.hostname) || invalidRedirect(text) !== undefined) return false;
  const portless = (value: URL) => `${value.hostname}${value.pathname}${value.search}`;
  return app.redirectUris.some((own) => {
    const known = new URL(own);
    return known.protocol === "http:" && LOOPBACK.has(known.hostname) && portless(known) === portless(url);
  });
}

export interface AppInput {
  name: string;
  homepage?: string | undefined;
  redirectUris: readonly string[];
  scopes?: readonly string[] | undefined;
  /** With a secret: for apps that run on a server. */
  confidential: boolean;
}

/** Apps of one owner, and addresses of one app. */
const MOST_APPS = 50;
const MOST_REDIRECTS = 20;
/** Apps that registered themselves. */
const MOST_REGISTERED = 10_000;
const UNUSED_DAYS = 30;

function checked({ name, homepage, redirectUris, scopes, confidential }: AppInput) {
  const wrong = (message: string) => new OAuthRefusal("invalid_client_metadata", message);
  if (redirectUris.length > MOST_REDIRECTS) throw wrong(`An app has at most ${MOST_REDIRECTS} redirect addresses.`);
  for (const uri of redirectUris) {
    const reason = invalidRedirect(uri);
    if (reason !== undefined) throw new OAuthRefusal("invalid_redirect_uri", `"${uri}" may not be used: ${reason}.`);
  }
  const unknown = (scopes ?? []).find((scope) => OAUTH_SCOPES[scope] === undefined);
  if (unknown !== undefined) throw wrong(`There is no scope "${unknown}".`);
  if (homepage !== undefined && !/^https?:\/\//.test(homepage)) throw wrong("The homepage is no web address.");
  const secret = confidential ? randomBytes(32).toString("base64url") : undefined;
  return {
    secret,
    values: {
      id: randomUUID(),
      // Names stand in sentences that ask for trust: one line, no marks that turn the text around.
      name:
        name
          .replace(/[\p{C}\s]+/gu, " ")
          .trim()
          .slice(0, 80) || "app",
      homepage: homepage ?? null,
      redirectUris: [...redirectUris],
      scopes: [...(scopes ?? Object.keys(OAUTH_SCOPES))],
      secretHash: secret === undefined ? null : sha256(secret),
    },
  };
}

/** Makes an app of the caller's; its secret is shown once. */
export async function createApp(ctx: Context, input: AppInput): Promise<{ app: App; secret: string | undefined }> {
  const { id: ownerId } = requireOwnProfile(ctx);
  const [own] = await ctx.db.select({ value: count() }).from(oauthApps).where(eq(oauthApps.ownerId, ownerId));
  if ((own?.value ?? 0) >= MOST_APPS) throw badRequest(`You have ${MOST_APPS} apps already.`);
  if (input.redirectUris.length === 0) throw badRequest("An app needs an address to send users back to.");
  const { values, secret } = checked(input);
  const [app] = await ctx.db
    .insert(oauthApps)
    .values({ ...values, ownerId })
    .returning();
  if (app === undefined) throw new Error("internal: the app was not made");
  return { app, secret };
}

/** An app registers itself: nobody vouches for it. Those that nobody used for a while make room. */
export async function registerApp(
  { db }: Pick<Context, "db">,
  input: AppInput,
): Promise<{ app: App; secret: string | undefined }> {
  const { values, secret } = checked(input);
  const granted = db.select({ one: sql`1` }).from(oauthGrants).where(eq(oauthGrants.appId, oauthApps.id));
  const old = new Date(Date.now() - UNUSED_DAYS * 86_400_000);
  await db
    .delete(oauthApps)
    .where(and(isNull(oauthApps.ownerId), ne(oauthApps.id, CLI_APP), lt(oauthApps.createdAt, old), notExists(granted)));
  const [all] = await db.select({ value: count() }).from(oauthApps).where(isNull(oauthApps.ownerId));
  if ((all?.value ?? 0) >= MOST_REGISTERED)
    throw new OAuthRefusal("temporarily_unavailable", "Too many apps have registered themselves here.", 503);
  const [app] = await db.insert(oauthApps).values(values).returning();
  if (app === undefined) throw new Error("internal: the app was not made");
  return { app, secret };
}

export async function listApps(ctx: Context): Promise<App[]> {
  const { id } = requireOwnProfile(ctx);
  return ctx.db.select().from(oauthApps).where(eq(oauthApps.ownerId, id)).orderBy(desc(oauthApps.createdAt));
}

/** Deletes an app of the caller's; what users granted it ends. */
export async function deleteApp(ctx: Context, id: string): Promise<void> {
  const owner = requireOwnProfile(ctx);
  const own = and(eq(oauthApps.id, id), eq(oauthApps.ownerId, owner.id));
  await ctx.db.transaction(async (tx) => {
    const [app] = await tx.select({ id: oauthApps.id }).from(oauthApps).where(own).for("update");
    if (app === undefined) return;
    await endGrants(tx, eq(oauthGrants.appId, app.id));
    await tx.delete(oauthApps).where(own);
  });
}

/** Ends grants with their access tokens. They are locked first, so that no refresh makes a token that outlives its grant. */
export async function endGrants(tx: Tx, which: SQL | undefined): Promise<void> {
  const grants = await tx.select({ id: oauthGrants.id }).from(oauthGrants).where(which).for("update");
  if (grants.length === 0) return;
  const ids = grants.map((grant) => grant.id);
  const theirs = tx.select({ id: oauthTokens.tokenId }).from(oauthTokens).where(inArray(oauthTokens.grantId, ids));
  await tx.delete(tokens).where(inArray(tokens.id, theirs));
  await tx.delete(oauthGrants).where(inArray(oauthGrants.id, ids));
}
