// What the repositories of an owner take up.
import { and, desc, eq, type SQL, sql } from "drizzle-orm";
import type { Context } from "../context.ts";
import { repos } from "../db/schema.ts";
import { badRequest, forbidden, unauthorized } from "../errors.ts";
import { type Repo, roleIn, visible } from "./access.ts";
import { findUser } from "./users.ts";

const PAGE = 500;

interface OwnerStorage {
  /** The largest first. */
  repos: Repo[];
  next: string | undefined;
  /** Bytes of all repositories of the owner. */
  total: number;
}

export async function storageOfUser(ctx: Context, cursor: string | undefined): Promise<OwnerStorage> {
  if (ctx.actor === undefined) throw unauthorized();
  return storageOf(ctx, ctx.actor.id, cursor);
}

export async function storageOfOrganization(
  ctx: Context,
  name: string,
  cursor: string | undefined,
): Promise<OwnerStorage> {
  const owner = await findUser(ctx, name);
  const member = owner?.kind === "org" && (ctx.actor?.admin === true || (await roleIn(ctx, owner.id)) !== undefined);
  if (!member) throw forbidden(`Only members of an organization see what it keeps, and you are none of "${name}".`);
  return storageOf(ctx, owner.id, cursor);
}

async function storageOf(ctx: Context, ownerId: string, cursor: string | undefined): Promise<OwnerStorage> {
  const owned = and(eq(repos.ownerId, ownerId), visible(ctx));
  const rows = await ctx.db
    .select()
    .from(repos)
    .where(and(owned, after(cursor)))
    .orderBy(desc(repos.usedStorage), desc(repos.id))
    .limit(PAGE + 1);
  const [sum] = await ctx.db
    .select({ value: sql<string>`coalesce(sum(${repos.usedStorage}), 0)` })
    .from(repos)
    .where(owned);
  const page = rows.slice(0, PAGE);
  const last = page.at(-1);
  const next = rows.length > PAGE && last !== undefined ? `${last.usedStorage}.${last.id}` : undefined;
  return { repos: page, next, total: Number(sum?.value ?? 0) };
}

function after(cursor: string | undefined): SQL | undefined {
  if (cursor === undefined) return undefined;
  const match = /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(cursor);
  if (match === null) throw badRequest(`"${cursor}" is no place in this list.`, "Take it from the Link header.");
  return sql`(${repos.usedStorage}, ${repos.id}) < (${match[1]}::bigint, ${match[2]}::uuid)`;
}
