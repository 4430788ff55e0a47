// OAuth 2: what a user grants an app, and the codes and tokens that come of it. Every secret is random and kept as a hash.
// Apps are in oauth-apps.ts, codes of devices in oauth-devices.ts, who the user is in oidc.ts.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { and, desc, eq, inArray, isNull, lt, notExists, sql } from "drizzle-orm";
import type { Actor, Context } from "../context.ts";
import type { Db, Tx } from "../db/client.ts";
import { oauthApps, oauthCodes, oauthGrants, oauthRefreshTokens, oauthTokens } from "../db/schema/oauth.ts";
import { webhooks } from "../db/schema/webhooks.ts";
import { tokens } from "../db/schema.ts";
import { unauthorized } from "../errors.ts";
import {
  type App,
  endGrants,
  findApp,
  isRedirectOf,
  OAuthRefusal,
  readScopes,
  requireApp,
  requireSecret,
} from "./oauth-apps.ts";
import { orgsOf } from "./organizations.ts";
import { scopesOfOAuth } from "./scopes.ts";
import { issueToken, sha256 } from "./users.ts";

const CODE_SECONDS = 300;
export const ACCESS_SECONDS = 8 * 3600;
const REFRESH_DAYS = 30;

export const later = (seconds: number): Date => new Date(Date.now() + seconds * 1000);
export const newSecret = (): string => randomBytes(32).toString("base64url");

/** What an app asks a user's browser for. */
export interface AuthorizeInput {
  clientId: string;
  redirectUri: string;
  responseType: string;
  scope: string | undefined;
  state: string | undefined;
  challenge: string | undefined;
  challengeMethod: string | undefined;
  nonce: string | undefined;
}

export interface AuthorizeRequest {
  app: App;
  scopes: string[];
  redirectUri: string;
  state: string | undefined;
  challenge: string;
  nonce: string | undefined;
}

/**
 * Where a browser goes back to with an answer. Only an address that is the app's own is ever given: a wrong client or
 * address is an error to show, never one to be sent to.
 */
export async function redirectOf(ctx: Context, { clientId, redirectUri }: AuthorizeInput): Promise<App> {
  const app = await findApp(ctx, clientId);
  if (app === undefined) throw new OAuthRefusal("invalid_client", "There is no app with this client id.");
  if (!isRedirectOf(app, redirectUri))
    throw new OAuthRefusal("invalid_redirect_uri", `${app.name} may not send you to the address that it named.`);
  return app;
}

/** The rest of a request, of which the app is told what is wrong. */
export function readAuthorize(app: App, input: AuthorizeInput): AuthorizeRequest {
  if (input.responseType !== "code")
    throw new OAuthRefusal("unsupported_response_type", 'The response_type has to be "code".');
  if (input.challengeMethod !== "S256" || !/^[A-Za-z0-9_-]{43}$/.test(input.challenge ?? ""))
    throw new OAuthRefusal("invalid_request", "A code_challenge of the method S256 is needed (PKCE).");
  if ((input.state?.length ?? 0) > 4000 || (input.nonce?.length ?? 0) > 500)
    throw new OAuthRefusal("invalid_request", "The state or the nonce is too long.");
  return {
    app,
    scopes: readScopes(app, input.scope),
    redirectUri: input.redirectUri,
    state: input.state,
    challenge: input.challenge ?? "",
    nonce: input.nonce,
  };
}

/** The app's address with an answer in its query. */
export function answerUrl(redirectUri: string, answer: Readonly<Record<string, string | undefined>>): string {
  const url = new URL(redirectUri);
  for (const [name, value] of Object.entries(answer)) if (value !== undefined) url.searchParams.set(name, value);
  return url.href;
}

/** Of the organizations that a form names, those of the caller. */
export async function ownOrgs(ctx: Context, ids: readonly string[]): Promise<string[]> {
  const { actor } = ctx;
  if (actor === undefined || ids.length === 0) return [];
  return (await orgsOf(ctx, actor.id)).map(({ org }) => org.id).filter((id) => ids.includes(id));
}

/** Whether a person sits there: no token says yes to another one. */
export const isSession = ({ tokenId, limits }: Actor): boolean => tokenId === undefined && limits === undefined;

/** The caller says yes: a code that the app exchanges once, soon. */
export async function grantCode(ctx: Context, request: AuthorizeRequest, orgIds: readonly string[]): Promise<string> {
  const { actor, db } = ctx;
  if (actor === undefined || !isSession(actor)) throw unauthorized();
  const code = newSecret();
  await db.delete(oauthCodes).where(lt(oauthCodes.expiresAt, later(-3600)));
  await db.insert(oauthCodes).values({
    hash: sha256(code),
    appId: request.app.id,
    userId: actor.id,
    scopes: request.scopes,
    orgIds: await ownOrgs(ctx, orgIds),
    redirectUri: request.redirectUri,
    challenge: request.challenge,
    nonce: request.nonce ?? null,
    expiresAt: later(CODE_SECONDS),
  });
  return code;
}

export interface Granted {
  grantId: string;
  appId: string;
  userId: string;
  scopes: string[];
  nonce: string | undefined;
  accessToken: string;
  refreshToken: string;
}

export interface ExchangeInput {
  code: string;
  redirectUri: string;
  verifier: string;
  /** Clients that name themselves have to be the right one; browsers name none. */
  clientId: string | undefined;
  secret: string | undefined;
}

const invalidGrant = (message: string) => new OAuthRefusal("invalid_grant", message);

/** A code for tokens. One that comes a second time was stolen, before or after: what came of it ends. */
export async function exchangeCode({ db }: Context, input: ExchangeInput): Promise<Granted> {
  const hash = sha256(input.code);
  const [row] = await db
    .select({ code: oauthCodes, app: oauthApps })
    .from(oauthCodes)
    .innerJoin(oauthApps, eq(oauthApps.id, oauthCodes.appId))
    .where(eq(oauthCodes.hash, hash));
  if (row === undefined) throw invalidGrant("There is no such code.");
  const { code, app } = row;
  if (input.clientId !== undefined && input.clientId !== app.id) throw invalidGrant("The code is another app's.");
  requireSecret(app, input.secret);
  if (code.usedAt !== null) {
    if (code.grantId !== null) await revokeGrant(db, code.grantId);
    throw invalidGrant("The code was used already.");
  }
  if (code.expiresAt.getTime() < Date.now()) throw invalidGrant("The code has expired.");
  if (code.redirectUri !== input.redirectUri) throw invalidGrant("The redirect_uri is not the one of the request.");
  if (!isVerifier(input.verifier, code.challenge)) throw invalidGrant("The code_verifier is wrong.");
  return db.transaction(async (tx) => {
    const unused = and(eq(oauthCodes.hash, hash), isNull(oauthCodes.usedAt));
    const taken = await tx.update(oauthCodes).set({ usedAt: new Date() }).where(unused).returning();
    if (taken.length === 0) throw invalidGrant("The code was used already.");
    const granted = await makeGrant(tx, app, code);
    await tx.update(oauthCodes).set({ grantId: granted.grantId }).where(eq(oauthCodes.hash, hash));
    return { ...granted, nonce: code.nonce ?? undefined };
  });
}

function isVerifier(verifier: string, challenge: string): boolean {
  if (!/^[A-Za-z0-9._~-]{43,128}$/.test(verifier)) return false;
  const [given, right] = [createHash("sha256").update(verifier).digest(), Buffer.from(challenge, "base64url")];
  return given.length === right.length && timingSafeEqual(given, right);
}

/** What a user granted, with the first tokens. */
export async function makeGrant(
  tx: Tx,
  app: App,
  { userId, scopes, orgIds }: { userId: string; scopes: string[]; orgIds: string[] },
): Promise<Granted> {
  const [grant] = await tx.insert(oauthGrants).values({ appId: app.id, userId, scopes, orgIds }).returning();
  if (grant === undefined) throw new Error("internal: the grant was not made");
  return { ...(await issueFor(tx, app, grant)), nonce: undefined };
}

type Grant = typeof oauthGrants.$inferSelect;

async function issueFor(tx: Tx, app: App, grant: Grant): Promise<Omit<Granted, "nonce">> {
  const { id: grantId, userId, scopes, orgIds } = grant;
  const limits = scopesOfOAuth(scopes, { userId, orgIds });
  const token = { name: app.name, role: "fineGrained" as const, scopes: limits, expiresAt: later(ACCESS_SECONDS) };
  const access = await issueToken({ db: tx }, userId, token);
  await tx.insert(oauthTokens).values({ tokenId: access.id, grantId });
  const refreshToken = newSecret();
  const expiresAt = later(REFRESH_DAYS * 86_400);
  await tx.insert(oauthRefreshTokens).values({ hash: sha256(refreshToken), grantId, expiresAt });
  return { grantId, appId: app.id, userId, scopes, accessToken: access.token, refreshToken };
}

/** A refresh token for new tokens; it is used up. One that comes again was stolen: the grant ends. */
export async function refresh(
  ctx: Context,
  {
    refreshToken,
    clientId,
    secret,
  }: { refreshToken: string; clientId: string | undefined; secret: string | undefined },
): Promise<Granted> {
  const { db } = ctx;
  const hash = sha256(refreshToken);
  const [row] = await db
    .select({ old: oauthRefreshTokens, grant: oauthGrants })
    .from(oauthRefreshTokens)
    .innerJoin(oauthGrants, eq(oauthGrants.id, oauthRefreshTokens.grantId))
    .where(eq(oauthRefreshTokens.hash, hash));
  if (row === undefined) throw invalidGrant("There is no such refresh token.");
  const app = await requireApp(ctx, row.grant.appId);
  if (clientId !== undefined && clientId !== app.id) throw invalidGrant("The refresh token is another app's.");
  requireSecret(app, secret);
  const reused = async () => {
    await revokeGrant(db, row.grant.id);
    return invalidGrant("The refresh token was used already; log in again.");
  };
  if (row.old.usedAt !== null) throw await reused();
  if (row.old.expiresAt.getTime() < Date.now()) throw invalidGrant("The refresh token has expired; log in again.");
  const granted = await db.transaction(async (tx) => {
    // Who ends the grant meanwhile waits, or has ended it: nothing is issued for one that is gone.
    const [alive] = await tx.select().from(oauthGrants).where(eq(oauthGrants.id, row.grant.id)).for("update");
    if (alive === undefined) return undefined;
    const unused = and(eq(oauthRefreshTokens.hash, hash), isNull(oauthRefreshTokens.usedAt));
    const taken = await tx.update(oauthRefreshTokens).set({ usedAt: new Date() }).where(unused).returning();
    if (taken.length === 0) return undefined;
    await endTokens(tx, row.grant.id);
    return { ...(await issueFor(tx, app, row.grant)), nonce: undefined };
  });
  if (granted === undefined) throw await reused();
  return granted;
}

/** Ends the access tokens of a grant. */
async function endTokens(tx: Tx, grantId: string): Promise<void> {
  const own = tx.select({ id: oauthTokens.tokenId }).from(oauthTokens).where(eq(oauthTokens.grantId, grantId));
  await tx.delete(tokens).where(inArray(tokens.id, own));
}

const revokeGrant = (db: Db, grantId: string): Promise<void> =>
  db.transaction((tx) => endGrants(tx, eq(oauthGrants.id, grantId)));

/** Ends what a token belongs to, whichever of the two it is; an unknown one is as good as ended. */
export async function revokeByToken({ db }: Context, token: string): Promise<void> {
  const hash = sha256(token);
  const [refreshed] = await db.select().from(oauthRefreshTokens).where(eq(oauthRefreshTokens.hash, hash));
  const [access] = await db
    .select({ grantId: oauthTokens.grantId })
    .from(tokens)
    .innerJoin(oauthTokens, eq(oauthTokens.tokenId, tokens.id))
    .where(eq(tokens.hash, hash));
  const grantId = refreshed?.grantId ?? access?.grantId;
  if (grantId !== undefined) await revokeGrant(db, grantId);
}

/** What the caller granted, the newest first. */
export async function listGrants({ db, actor }: Context): Promise<{ grant: Grant; app: App }[]> {
  if (actor === undefined) throw unauthorized();
  return db
    .select({ grant: oauthGrants, app: oauthApps })
    .from(oauthGrants)
    .innerJoin(oauthApps, eq(oauthApps.id, oauthGrants.appId))
    .where(eq(oauthGrants.userId, actor.id))
    .orderBy(desc(oauthGrants.createdAt))
    .limit(200);
}

/** Ends a grant of the caller's. */
export async function endGrant(ctx: Context, id: string): Promise<void> {
  const own = (await listGrants(ctx)).find(({ grant }) => grant.id === id);
  if (own !== undefined) await revokeGrant(ctx.db, own.grant.id);
}

/**
 * Forgets tokens of apps that are over, and grants that no token is left of: nobody can go on with them. Those whose apps are told by
 * webhooks stay where their users see and end them.
 */
export async function forgetExpired({ db }: Pick<Context, "db">): Promise<void> {
  const now = new Date();
  await db.transaction(async (tx) => {
    const ofApps = tx.select({ id: oauthTokens.tokenId }).from(oauthTokens);
    await tx.delete(tokens).where(and(lt(tokens.expiresAt, now), inArray(tokens.id, ofApps)));
    await tx.delete(oauthRefreshTokens).where(lt(oauthRefreshTokens.expiresAt, now));
    const left = (table: typeof oauthTokens | typeof oauthRefreshTokens | typeof webhooks) =>
      tx.select({ one: sql`1` }).from(table).where(eq(table.grantId, oauthGrants.id));
    const over = [oauthTokens, oauthRefreshTokens, webhooks].map((table) => notExists(left(table)));
    await tx.delete(oauthGrants).where(and(...over));
  });
}
