// Tokens with limits: what a form or a body asks for, checked and turned to ids; and back to names for people.
// Does not know how a token is kept: users.ts does.
import { and, eq, inArray } from "drizzle-orm";
import { suggestion } from "../../src/errors.ts";
import { parseRepoId, type RepoType } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { repos, type TokenScopes, users } from "../db/schema.ts";
import { badRequest, forbidden, unauthorized } from "../errors.ts";
import { requireAccess, requireWriter, roleIn } from "./access.ts";
import { isPermission, PERMISSIONS } from "./scopes.ts";
import { findUser, issueToken } from "./users.ts";
import { wireId } from "./wire-ids.ts";

/** As the Hub writes them: entities by their names. */
export interface NamedScopes {
  canReadGatedRepos: boolean;
  global: readonly string[];
  scoped: readonly { entity: { type: "user" | "org" | RepoType; name: string }; permissions: readonly string[] }[];
}

/** Entities that one token may name. */
const MOST_ENTITIES = 100;
/** What a token may do everywhere is little: the rest is for a place. */
const GLOBAL = ["discussion.write", "user.webhooks.read", "user.webhooks.write"];

/** Limits by ids, of entities that the caller belongs to or sees. */
export async function resolveScopes(ctx: Context, named: NamedScopes): Promise<TokenScopes> {
  if (named.scoped.length > MOST_ENTITIES) throw badRequest(`A token names at most ${MOST_ENTITIES} entities.`);
  for (const name of [...named.global, ...named.scoped.flatMap(({ permissions }) => permissions)]) {
    if (!isPermission(name))
      throw badRequest(`"${name}" is no permission.`, suggestion(name, Object.keys(PERMISSIONS)) ?? undefined);
  }
  for (const name of named.global) {
    if (!GLOBAL.includes(name)) throw badRequest(`"${name}" is given for an entity, not everywhere.`);
  }
  const scoped: TokenScopes["scoped"] = [];
  for (const { entity, permissions } of named.scoped)
    scoped.push({ ...(await placeOf(ctx, entity)), permissions: [...permissions] });
  return { canReadGatedRepos: named.canReadGatedRepos, global: [...named.global], scoped };
}

async function placeOf(
  ctx: Context,
  { type, name }: NamedScopes["scoped"][number]["entity"],
): Promise<{ kind: "owner" | "repo"; id: string }> {
  const { actor } = ctx;
  if (actor === undefined) throw unauthorized();
  if (type === "user" || type === "org") {
    const owner = await findUser(ctx, name);
    const own = owner !== undefined && (owner.id === actor.id || (await roleIn(ctx, owner.id)) !== undefined);
    if (owner === undefined || !own) throw badRequest(`"${name}" is neither you nor an organization of yours.`);
    return { kind: "owner", id: owner.id };
  }
  return { kind: "repo", id: (await requireAccess(ctx, "read", parseRepoId(name, type))).id };
}

export interface ScopedName {
  entity: { _id: string; type: string; name: string };
  permissions: string[];
}

/** Limits as whoami tells them; entities that are gone are left out. */
export async function nameScopes({ db }: Pick<Context, "db">, { canReadGatedRepos, global, scoped }: TokenScopes) {
  const idsOf = (kind: "owner" | "repo") => scoped.filter((scope) => scope.kind === kind).map(({ id }) => id);
  const [owners, single] = [idsOf("owner"), idsOf("repo")];
  const { id, name, kind } = users;
  const ownerRows =
    owners.length === 0 ? [] : await db.select({ id, name, kind }).from(users).where(inArray(id, owners));
  const repoRows = single.length === 0 ? [] : await db.select().from(repos).where(inArray(repos.id, single));
  const entities = new Map<string, ScopedName["entity"]>();
  for (const row of ownerRows)
    entities.set(row.id, { _id: wireId(row.id), type: row.kind === "org" ? "org" : "user", name: row.name });
  for (const row of repoRows)
    entities.set(row.id, { _id: wireId(row.id), type: row.type, name: `${row.namespace}/${row.name}` });
  const list = scoped.flatMap((scope): ScopedName[] => {
    const entity = entities.get(scope.id);
    return entity === undefined ? [] : [{ entity, permissions: scope.permissions }];
  });
  return { canReadGatedRepos, global, scoped: list };
}

export interface TokenInput {
  name: string;
  role: "read" | "write" | "fineGrained";
  scopes?: NamedScopes | undefined;
  expiresAt?: Date | undefined;
}

/** Makes a token for the caller. One that is made with another token ends no later than that one. */
export async function makeOwnToken(ctx: Context, { name, role, scopes, expiresAt }: TokenInput) {
  const { actor } = ctx;
  if (actor === undefined) throw unauthorized();
  if (actor.limits !== undefined) throw forbidden("A token with limits makes no tokens.");
  requireWriter(ctx, "repo.write");
  const latest = await expiryOf(ctx);
  if (expiresAt !== undefined && !(expiresAt.getTime() > Date.now()))
    throw badRequest("The token would have expired already.");
  const until = latest !== undefined && (expiresAt === undefined || expiresAt > latest) ? latest : expiresAt;
  return issueToken(ctx, actor.id, {
    name: name.trim().slice(0, 80) || "token",
    role,
    scopes: scopes && (await resolveScopes(ctx, scopes)),
    expiresAt: until,
  });
}

async function expiryOf({ db, actor }: Context): Promise<Date | undefined> {
  if (actor?.tokenId === undefined) return undefined;
  const own = await db.query.tokens.findFirst({
    where: (table) => and(eq(table.id, actor.tokenId ?? ""), eq(table.userId, actor.id)),
  });
  return own?.expiresAt ?? undefined;
}
