// Who stands behind what the hub signed: tokens and links hold for a time, but no longer than the access that they were made of.
// Signs nothing.
import { eq } from "drizzle-orm";
import type { Actor, Context, Deps } from "../context.ts";
import { repos, tokens, users } from "../db/schema.ts";
import { forbidden } from "../errors.ts";
import { mayAccess } from "./access.ts";

/** Who asked for something signed, as it is written into it; nothing of an anonymous caller. */
export interface Bearer {
  userId?: string | undefined;
  /** The token that asked; a browser's session has none. */
  by?: string | undefined;
}

export const bearerOf = ({ actor }: Pick<Context, "actor">): Bearer => ({
  ...(actor && { userId: actor.id }),
  ...(actor?.tokenId !== undefined && { by: actor.tokenId }),
});

/**
 * Refuses what was made of an access that is over: the user may no longer read the repository's files, or send it some, or the token
 * that asked is gone.
 *
 * @param address where it is used
 */
export async function requireStillAllowed(
  ctx: Context,
  { scope, repoId, userId, by }: Bearer & { scope: "read" | "write"; repoId: string },
  address: string,
): Promise<void> {
  const [repo] = await ctx.db.select().from(repos).where(eq(repos.id, repoId));
  const [user] = userId === undefined ? [] : await ctx.db.select().from(users).where(eq(users.id, userId));
  const known = userId === undefined || (user !== undefined && (await isAlive(ctx, by)));
  const actor: Actor | undefined = user && {
    id: user.id,
    name: user.name,
    admin: user.admin,
    role: "write",
    credential: { name: "signed", createdAt: new Date(0) },
    tokenId: by,
    address,
  };
  const action = scope === "read" ? "content" : "contribute";
  if (repo === undefined || !known || !(await mayAccess({ ...ctx, actor }, action, repo)))
    throw forbidden("The access that this was made for has ended.");
}

/** Whether the token that asked for another is still one; a browser's session has none. */
export async function isAlive({ db }: Pick<Deps, "db">, tokenId: string | undefined): Promise<boolean> {
  if (tokenId === undefined) return true;
  const [row] = await db.select({ expiresAt: tokens.expiresAt }).from(tokens).where(eq(tokens.id, tokenId));
  return row !== undefined && (row.expiresAt === null || row.expiresAt.getTime() > Date.now());
}
