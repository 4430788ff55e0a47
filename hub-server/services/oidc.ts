// OpenID Connect: who the user of a grant is, as claims, and as a signed token. The key is made at the first start and kept.
import { createPublicKey, generateKeyPair, type JsonWebKey, randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { eq } from "drizzle-orm";
import { sign } from "hono/jwt";
import { z } from "zod";
import type { Context } from "../context.ts";
import type { Db } from "../db/client.ts";
import { profiles } from "../db/schema/accounts.ts";
import { settings } from "../db/schema.ts";
import { forbidden, unauthorized } from "../errors.ts";
import { ACCESS_SECONDS, type Granted } from "./oauth.ts";
import { orgsOf } from "./organizations.ts";
import { getUser } from "./profiles.ts";
import { permits } from "./scopes.ts";
import { wireId } from "./wire-ids.ts";

const keySchema = z.looseObject({ kty: z.literal("RSA"), kid: z.string(), d: z.string() });
type SigningKey = z.infer<typeof keySchema> & JsonWebKey;

/** The private key, the same on every process. */
async function oidcKey(db: Db): Promise<SigningKey> {
  const read = async () => (await db.select().from(settings).where(eq(settings.key, "oidc_key")))[0];
  let row = await read();
  if (row === undefined) {
    const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
    const value = JSON.stringify({ ...privateKey.export({ format: "jwk" }), kid: randomUUID(), alg: "RS256" });
    await db.insert(settings).values({ key: "oidc_key", value }).onConflictDoNothing();
    row = await read();
  }
  return keySchema.parse(JSON.parse(row?.value ?? "null"));
}

/** The public half, for whoever checks an id_token. */
export async function publicKeys({ db }: Pick<Context, "db">): Promise<{ keys: Record<string, unknown>[] }> {
  const key = await oidcKey(db);
  const open = createPublicKey({ key, format: "jwk" }).export({ format: "jwk" });
  return { keys: [{ ...open, kid: key.kid, alg: "RS256", use: "sig" }] };
}

/** Who granted, signed; undefined where openid was not asked for. */
export async function idToken(ctx: Context, origin: string, granted: Granted): Promise<string | undefined> {
  if (!granted.scopes.includes("openid")) return undefined;
  const [user] = await ctx.db.query.users.findMany({ where: (table) => eq(table.id, granted.userId), limit: 1 });
  if (user === undefined) return undefined;
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: origin,
    sub: wireId(user.id),
    aud: granted.appId,
    iat: now,
    exp: now + ACCESS_SECONDS,
    ...(granted.nonce !== undefined && { nonce: granted.nonce }),
    ...(granted.scopes.includes("profile") && { name: user.fullName ?? user.name, preferred_username: user.name }),
    ...(granted.scopes.includes("email") && user.email !== null && { email: user.email, email_verified: false }),
  };
  return sign(claims, await oidcKey(ctx.db), "RS256");
}

/** What an app is told about the user, by its scopes. Tokens that users made by themselves tell nothing here. */
export async function userInfo(ctx: Context, origin: string): Promise<Record<string, unknown>> {
  const { actor } = ctx;
  if (actor === undefined) throw unauthorized();
  const scopes = actor.limits?.app?.scopes;
  if (scopes === undefined || !scopes.includes("openid"))
    throw forbidden('Only tokens of apps with the scope "openid" are told who the user is.');
  const user = await getUser(ctx, actor.name);
  const picture = (name: string) => `${origin}/api/avatars/${name}/picture`;
  const [more] = await ctx.db.select({ website: profiles.website }).from(profiles).where(eq(profiles.userId, user.id));
  const orgs = (await orgsOf(ctx, user.id)).filter(({ org }) => permits(actor.limits, "org.read", { ownerId: org.id }));
  return {
    sub: wireId(user.id),
    ...(scopes.includes("profile") && {
      name: user.fullName ?? user.name,
      preferred_username: user.name,
      profile: `${origin}/${user.name}`,
      picture: picture(user.name),
      ...(more?.website != null && { website: more.website }),
    }),
    ...(scopes.includes("email") && user.email !== null && { email: user.email, email_verified: false }),
    isPro: false,
    orgs: orgs.map(({ org, role }) => ({
      sub: wireId(org.id),
      name: org.fullName ?? org.name,
      preferred_username: org.name,
      picture: picture(org.name),
      isEnterprise: false,
      canPay: false,
      roleInOrg: role,
      pendingSSO: false,
      missingMFA: false,
      securityRestrictions: [],
    })),
  };
}
