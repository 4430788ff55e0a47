// Users, their passwords, tokens and browser sessions.
import { createHash, randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";
import { and, count, desc, eq, gt, sql } from "drizzle-orm";
import { invalidName } from "../../src/hub/repo-id.ts";
import type { Actor, Context, Deps } from "../context.ts";
import type { Db, Tx } from "../db/client.ts";
import { sessions, tokens, users } from "../db/schema.ts";
import { badRequest, ServiceError, unauthorized } from "../errors.ts";

type Database = Pick<Deps, "db">;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const TOKEN = /^hf_[A-Za-z0-9]{34,}$/;
const SESSION_DAYS = 30;

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** "hf_" and 34 letters and digits, each drawn evenly. */
export function newToken(): string {
  let out = "hf_";
  while (out.length < 37) {
    for (const byte of randomBytes(64)) if (byte < 248 && out.length < 37) out += ALPHABET[byte % 62];
  }
  return out;
}

/** Names that routes of the pages and the API take. */
const RESERVED = new Set([
  "api",
  "models",
  "datasets",
  "spaces",
  "login",
  "logout",
  "join",
  "settings",
  "new",
  "setup",
  "assets",
  "docs",
  "compat",
  "search",
  "collections",
  "organizations",
]);

export async function createUser(
  { db }: { db: Db | Tx },
  { name, password, admin = false }: { name: string; password?: string | undefined; admin?: boolean },
): Promise<{ id: string; name: string }> {
  const reason = invalidName(name) ?? (RESERVED.has(name.toLowerCase()) ? "it is reserved" : undefined);
  if (reason !== undefined) throw badRequest(`"${name}" is no user name: ${reason}.`);
  if (password !== undefined && password.length < 8)
    throw badRequest("The password is too short: it needs 8 characters.");
  const passwordHash = password === undefined ? null : await hash(password);
  const [made] = await db
    .insert(users)
    .values({ name, passwordHash, admin })
    .onConflictDoNothing()
    .returning({ id: users.id, name: users.name });
  if (made === undefined) throw new ServiceError(409, `The user "${name}" exists already.`, { code: "USER_EXISTS" });
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
  const [row] = await db.select({ value: count() }).from(users);
  return row?.value ?? 0;
}

export async function findUser(
  { db }: Database,
  name: string,
): Promise<{ id: string; name: string; admin: boolean } | undefined> {
  const [user] = await db
    .select()
    .from(users)
    .where(eq(sql`lower(${users.name})`, name.toLowerCase()));
  return user && { id: user.id, name: user.name, admin: user.admin };
}

/** Makes a token for a user, or takes a given one; it is shown once and kept as a hash. */
export async function createToken(
  { db }: Database,
  userId: string,
  { name, role = "write", token = newToken() }: { name: string; role?: "read" | "write"; token?: string | undefined },
): Promise<string> {
  if (!TOKEN.test(token)) throw badRequest('A token needs the form "hf_" and at least 34 letters and digits.');
  await db.insert(tokens).values({ userId, name, role, hash: sha256(token), ending: token.slice(-4) });
  return token;
}

export async function listTokens({ db, actor }: Context) {
  if (actor === undefined) throw unauthorized();
  const { id, name, role, ending, createdAt, lastUsedAt } = tokens;
  return db
    .select({ id, name, role, ending, createdAt, lastUsedAt })
    .from(tokens)
    .where(eq(tokens.userId, actor.id))
    .orderBy(desc(createdAt));
}

export async function revokeToken({ db, actor }: Context, id: string): Promise<void> {
  if (actor === undefined) throw unauthorized();
  await db.delete(tokens).where(and(eq(tokens.id, id), eq(tokens.userId, actor.id)));
}

/** Who a bearer token belongs to; an unknown one is refused, not taken for an anonymous caller. */
export async function actorOfToken({ db }: Database, token: string): Promise<Actor> {
  const [row] = await db
    .select({ token: tokens, user: users })
    .from(tokens)
    .innerJoin(users, eq(users.id, tokens.userId))
    .where(eq(tokens.hash, sha256(token)));
  if (row === undefined) {
    throw new ServiceError(401, "Invalid credentials in Authorization header", { code: "INVALID_TOKEN" });
  }
  const stale = row.token.lastUsedAt === null || Date.now() - row.token.lastUsedAt.getTime() > 60_000;
  if (stale) await db.update(tokens).set({ lastUsedAt: new Date() }).where(eq(tokens.id, row.token.id));
  const { id, name, admin } = row.user;
  return {
    id,
    name,
    admin,
    role: row.token.role,
    credential: { name: row.token.name, createdAt: row.token.createdAt },
  };
}

/** Checks a password; the time taken is the same whether the user exists or not. */
export async function checkPassword(
  { db }: Database,
  name: string,
  password: string,
): Promise<{ id: string; name: string }> {
  const [user] = await db
    .select()
    .from(users)
    .where(eq(sql`lower(${users.name})`, name.toLowerCase()));
  const known = user?.passwordHash ?? (await dummyHash());
  const right = await verify(known, password);
  if (!right || user?.passwordHash == null) throw unauthorized();
  return { id: user.id, name: user.name };
}

let dummy: Promise<string> | undefined;
function dummyHash(): Promise<string> {
  dummy ??= hash(randomBytes(16).toString("hex"));
  return dummy;
}

/** Starts a browser session and returns the cookie's value. */
export async function createSession({ db }: Database, userId: string): Promise<string> {
  const cookie = randomBytes(32).toString("base64url");
  const expiresAt = new Date(Date.now() + SESSION_DAYS * 86_400_000);
  await db.insert(sessions).values({ hash: sha256(cookie), userId, expiresAt });
  return cookie;
}

export async function actorOfSession({ db }: Database, cookie: string): Promise<Actor | undefined> {
  const [row] = await db
    .select({ user: users, session: sessions })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(and(eq(sessions.hash, sha256(cookie)), gt(sessions.expiresAt, new Date())));
  if (row === undefined) return undefined;
  const { id, name, admin } = row.user;
  return { id, name, admin, role: "write", credential: { name: "browser session", createdAt: row.session.expiresAt } };
}

export async function endSession({ db }: Database, cookie: string): Promise<void> {
  await db.delete(sessions).where(eq(sessions.hash, sha256(cookie)));
}
