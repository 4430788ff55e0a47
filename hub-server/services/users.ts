// Users, their passwords, tokens and browser sessions.
// Does not know what a token's scopes mean: scopes.ts does.
import { createHash, randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";
import { and, count, desc, eq, isNull, lt, sql } from "drizzle-orm";
import { invalidName } from "../../src/hub/repo-id.ts";
import type { Actor, Context, Deps } from "../context.ts";
import type { Db, Tx } from "../db/client.ts";
import { prepared } from "../db/prepared.ts";
import { oauthApps, oauthGrants, oauthTokens } from "../db/schema/oauth.ts";
import { sessions, type TokenScopes, tokens, users } from "../db/schema.ts";
import { badRequest, forbidden, ServiceError, unauthorized } from "../errors.ts";

type Database = Pick<Deps, "db">;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const TOKEN = /^hf_[A-Za-z0-9]{34,}$/;
const SESSION_MS = 30 * 86_400_000;

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** "hf_" and 34 letters and digits, each drawn evenly. */
export function newToken(): string {
  let out = "hf_";
  while (out.length < 37) {
    for (const byte of randomBytes(64)) if (byte < 248 && out.length < 37) out += ALPHABET[byte % 62];
  }
  return out;
}

/** First words of addresses, of this hub and of clients: pages of models have nothing in front of a name. */
const RESERVED = new Set(
  `about activate admin api assets blog buckets cas chat collections compat datasets device docs download favicon.ico
   health join jobs kernels learn login logout me models new notifications oauth organizations papers posts pricing
   raw resolve robots.txt search settings setup spaces static support tasks tokens users webhooks`.split(/\s+/),
);

/** Why a name may not be a user's or an organization's; undefined when it may. */
export function invalidOwner(name: string): string | undefined {
  if (RESERVED.has(name.toLowerCase()) || name.startsWith("_")) return "it is reserved";
  return invalidName(name);
}

export async function createUser(
  { db }: { db: Db | Tx },
  { name, password, admin = false }: { name: string; password?: string | undefined; admin?: boolean },
): Promise<{ id: string; name: string }> {
  const reason = invalidOwner(name);
  if (reason !== undefined) throw badRequest(`"${name}" is no user name: ${reason}.`);
  if (password !== undefined && password.length < 8)
    throw badRequest("The password is too short: it needs 8 characters.");
  const passwordHash = password === undefined ? null : await hash(password);
  const [made] = await db
    .insert(users)
    .values({ name, passwordHash, admin })
    .onConflictDoNothing()
    .returning({ id: users.id, name: users.name });
  // Users and organizations share their names.
  if (made === undefined) throw new ServiceError(409, `The name "${name}" is taken already.`, { code: "USER_EXISTS" });
  return made;
}

/** The administrator of an empty hub; undefined when there is a user already, also one made at the same moment. */
export async function createFirstUser(
  { db }: Database,
  user: { name: string; password: string },
): Promise<{ id: string; name: string } | undefined> {
  return db.transaction(async (tx) => {
    // Also against other processes on the same database, and other ways of making a user.
    await tx.execute(sql`lock table ${users} in share row exclusive mode`);
    return (await userCount({ db: tx })) > 0 ? undefined : createUser({ db: tx }, { ...user, admin: true });
  });
}

export async function userCount({ db }: { db: Db | Tx }): Promise<number> {
  const [row] = await db.select({ value: count() }).from(users).where(eq(users.kind, "user"));
  return row?.value ?? 0;
}

export type Account = Omit<typeof users.$inferSelect, "passwordHash">;

const userByName = prepared((db) =>
  db
    .select()
    .from(users)
    .where(eq(sql`lower(${users.name})`, sql.placeholder("name"))),
);

/** A user, an organization or a service account by its name. */
export async function findUser({ db }: { db: Db | Tx }, name: string): Promise<Account | undefined> {
  const [found] = await userByName(db, { name: name.toLowerCase() });
  if (found === undefined) return undefined;
  const { passwordHash: _, ...account } = found;
  return account;
}

export interface NewToken {
  name: string;
  role?: "read" | "write" | "fineGrained";
  /** Of the role fineGrained. */
  scopes?: TokenScopes | undefined;
  expiresAt?: Date | undefined;
  /** One that exists; a new one is drawn when left out. */
  token?: string | undefined;
}

/** Makes a token for a user, or takes a given one; it is shown once and kept as a hash. */
export async function issueToken(
  { db }: { db: Db | Tx },
  userId: string,
  { name, role = "write", scopes, expiresAt, token = newToken() }: NewToken,
): Promise<{ id: string; token: string }> {
  if (!TOKEN.test(token)) throw badRequest('A token needs the form "hf_" and at least 34 letters and digits.');
  if ((role === "fineGrained") !== (scopes !== undefined))
    throw badRequest(`A token of the role ${role} ${role === "fineGrained" ? "needs" : "has no"} permissions.`);
  const [made] = await db
    .insert(tokens)
    .values({ userId, name, role, scopes, expiresAt, hash: sha256(token), ending: token.slice(-4) })
    .returning({ id: tokens.id });
  return { id: made?.id ?? "", token };
}

export const createToken = async (at: { db: Db | Tx }, userId: string, token: NewToken): Promise<string> =>
  (await issueToken(at, userId, token)).token;

/** The token that a user begins with. Clients keep tokens by their names, so no two users' have the same. */
export const createFirstToken = (at: { db: Db | Tx }, { id, name }: { id: string; name: string }, token?: string) =>
  createToken(at, id, { name: `${name}-first`, token });

/** The caller's own tokens; those of apps are listed with the apps. */
export async function listTokens({ db, actor }: Pick<Context, "db" | "actor">) {
  if (actor === undefined) throw unauthorized();
  const { id, name, role, scopes, ending, createdAt, expiresAt, lastUsedAt } = tokens;
  return db
    .select({ id, name, role, scopes, ending, createdAt, expiresAt, lastUsedAt })
    .from(tokens)
    .leftJoin(oauthTokens, eq(oauthTokens.tokenId, tokens.id))
    .where(and(eq(tokens.userId, actor.id), isNull(oauthTokens.grantId)))
    .orderBy(desc(createdAt));
}

export async function revokeToken({ db, actor }: Pick<Context, "db" | "actor">, id: string): Promise<void> {
  if (actor === undefined) throw unauthorized();
  // Whoever found a token may end that one, and with one that only reads no other.
  if (actor.role !== "write" && actor.tokenId !== id)
    throw forbidden("This token may only read. Use one with the role write.");
  await db.delete(tokens).where(and(eq(sql`${tokens.id}::text`, id), eq(tokens.userId, actor.id)));
}

const tokenByHash = prepared((db) =>
  db
    .select({
      token: tokens,
      user: users,
      app: { id: oauthApps.id, name: oauthApps.name },
      grant: { id: oauthGrants.id, scopes: oauthGrants.scopes },
    })
    .from(tokens)
    .innerJoin(users, eq(users.id, tokens.userId))
    .leftJoin(oauthTokens, eq(oauthTokens.tokenId, tokens.id))
    .leftJoin(oauthGrants, eq(oauthGrants.id, oauthTokens.grantId))
    .leftJoin(oauthApps, eq(oauthApps.id, oauthGrants.appId))
    .where(eq(tokens.hash, sql.placeholder("hash"))),
);

/** Who a bearer token belongs to; an unknown or expired one is refused, not taken for an anonymous caller. */
export async function actorOfToken({ db }: Database, token: string): Promise<Actor> {
  const [row] = await tokenByHash(db, { hash: sha256(token) });
  const now = Date.now();
  if (row === undefined || (row.token.expiresAt !== null && row.token.expiresAt.getTime() <= now)) {
    throw new ServiceError(401, "Invalid credentials in Authorization header", { code: "INVALID_TOKEN" });
  }
  const stale = row.token.lastUsedAt === null || now - row.token.lastUsedAt.getTime() > 60_000;
  if (stale) await db.update(tokens).set({ lastUsedAt: new Date() }).where(eq(tokens.id, row.token.id));
  const { id, name, admin } = row.user;
  const limited = row.token.role === "fineGrained";
  return {
    id,
    name,
    admin: admin && !limited,
    role: row.token.role,
    credential: { name: row.token.name, createdAt: row.token.createdAt },
    tokenId: row.token.id,
    limits: limited
      ? {
          ...(row.token.scopes ?? NO_SCOPES),
          app: row.app && row.grant ? { ...row.app, grantId: row.grant.id, scopes: row.grant.scopes } : undefined,
        }
      : undefined,
  };
}
const NO_SCOPES: TokenScopes = { canReadGatedRepos: false, global: [], scoped: [] };

/** Checks a password; the time taken is the same whether the user exists or not. */
export async function checkPassword(
  { db }: Database,
  name: string,
  password: string,
): Promise<{ id: string; name: string }> {
  const [user] = await userByName(db, { name: name.toLowerCase() });
  const known = user?.passwordHash ?? (await dummyHash());
  const right = await verify(known, password);
  // Organizations and service accounts never log in.
  if (!right || user?.passwordHash == null || user.kind !== "user") throw unauthorized();
  return { id: user.id, name: user.name };
}

let dummy: Promise<string> | undefined;
function dummyHash(): Promise<string> {
  dummy ??= hash(randomBytes(16).toString("hex"));
  return dummy;
}

/** Starts a browser session and returns the cookie's value. Those that are over go. */
export async function createSession({ db }: Database, userId: string): Promise<string> {
  const cookie = randomBytes(32).toString("base64url");
  const expiresAt = new Date(Date.now() + SESSION_MS);
  await db.delete(sessions).where(lt(sessions.expiresAt, new Date()));
  await db.insert(sessions).values({ hash: sha256(cookie), userId, expiresAt });
  return cookie;
}

const sessionByHash = prepared((db) =>
  db
    .select({ user: users, session: sessions })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(eq(sessions.hash, sql.placeholder("hash"))),
);

export async function actorOfSession({ db }: Database, cookie: string): Promise<Actor | undefined> {
  const [row] = await sessionByHash(db, { hash: sha256(cookie) });
  if (row === undefined || row.session.expiresAt.getTime() <= Date.now()) return undefined;
  const { id, name, admin } = row.user;
  const createdAt = new Date(row.session.expiresAt.getTime() - SESSION_MS);
  return { id, name, admin, role: "write", credential: { name: "browser session", createdAt } };
}

export async function endSession({ db }: Database, cookie: string): Promise<void> {
  await db.delete(sessions).where(eq(sessions.hash, sha256(cookie)));
}
