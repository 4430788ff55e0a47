// Programs without a browser: a code on their screen that the user types in another place, while the program asks whether they did.
import { randomInt } from "node:crypto";
import { and, eq, gt, lt } from "drizzle-orm";
import type { Context } from "../context.ts";
import { oauthApps, oauthDeviceCodes } from "../db/schema/oauth.ts";
import { ServiceError, unauthorized } from "../errors.ts";
import { Attempts } from "./attempts.ts";
import { type Granted, isSession, later, makeGrant, newSecret, ownOrgs } from "./oauth.ts";
import { type App, OAuthRefusal, readScopes, requireApp, requireSecret } from "./oauth-apps.ts";
import { sha256 } from "./users.ts";

export const DEVICE_SECONDS = 900;
export const INTERVAL_SECONDS = 5;
/** Letters that are not taken for others, and make no words. */
const LETTERS = "BCDFGHJKLMNPQRSTVWXZ";

/** Codes that one user may try to type. Twenty letters eight times are too many to guess even without. */
const typed = new Attempts(20, 600);

export interface DeviceCode {
  deviceCode: string;
  /** "BCDF-GHJK" */
  userCode: string;
}

/** A program asks: a secret for itself, and a code to show. */
export async function startDevice(ctx: Context, clientId: string, scope: string | undefined): Promise<DeviceCode> {
  const app = await requireApp(ctx, clientId);
  const scopes = readScopes(app, scope, app.scopes);
  const deviceCode = newSecret();
  const letters = Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join("");
  await ctx.db.delete(oauthDeviceCodes).where(lt(oauthDeviceCodes.expiresAt, new Date()));
  await ctx.db.insert(oauthDeviceCodes).values({
    hash: sha256(deviceCode),
    userCode: letters,
    appId: app.id,
    scopes,
    orgIds: [],
    interval: INTERVAL_SECONDS,
    expiresAt: later(DEVICE_SECONDS),
  });
  return { deviceCode, userCode: `${letters.slice(0, 4)}-${letters.slice(4)}` };
}

export interface WaitingDevice {
  app: App;
  scopes: string[];
}

const plainCode = (text: string): string =>
  text
    .toUpperCase()
    .replace(/[^A-Z]/g, "")
    .slice(0, 20);

/** What waits under a code that the caller typed. */
export async function findDevice({ db, actor }: Context, userCode: string): Promise<WaitingDevice> {
  if (actor === undefined) throw unauthorized();
  typed.count(actor.id);
  const [row] = await db
    .select({ app: oauthApps, scopes: oauthDeviceCodes.scopes })
    .from(oauthDeviceCodes)
    .innerJoin(oauthApps, eq(oauthApps.id, oauthDeviceCodes.appId))
    .where(waits(userCode));
  if (row === undefined) throw noSuchCode();
  return row;
}

const noSuchCode = () =>
  new ServiceError(404, "No program waits for this code. It may have expired: let the program show another one.", {
    code: "NO_DEVICE",
  });

const waits = (userCode: string) =>
  and(
    eq(oauthDeviceCodes.userCode, plainCode(userCode)),
    eq(oauthDeviceCodes.status, "pending"),
    gt(oauthDeviceCodes.expiresAt, new Date()),
  );

/** The caller's word, from a browser session alone: a token must not make another one for itself. */
export async function decideDevice(ctx: Context, userCode: string, yes: boolean, orgIds: readonly string[]) {
  const { actor, db } = ctx;
  if (actor === undefined || !isSession(actor)) throw unauthorized();
  typed.count(actor.id);
  const set = yes
    ? { status: "approved" as const, userId: actor.id, orgIds: await ownOrgs(ctx, orgIds) }
    : { status: "denied" as const };
  const changed = await db.update(oauthDeviceCodes).set(set).where(waits(userCode)).returning();
  if (changed.length === 0) throw noSuchCode();
}

/** The program asks whether the user has said something. Asking too often makes it wait longer. */
export async function pollDevice(
  ctx: Context,
  { clientId, secret, deviceCode }: { clientId: string; secret: string | undefined; deviceCode: string },
): Promise<Granted> {
  const app = await requireApp(ctx, clientId);
  requireSecret(app, secret);
  const own = and(eq(oauthDeviceCodes.hash, sha256(deviceCode)), eq(oauthDeviceCodes.appId, app.id));
  const result = await ctx.db.transaction(async (tx): Promise<Granted | OAuthRefusal> => {
    const [row] = await tx.select().from(oauthDeviceCodes).where(own).for("update");
    if (row === undefined) return new OAuthRefusal("invalid_grant", "There is no such device code.");
    if (row.expiresAt.getTime() < Date.now()) return new OAuthRefusal("expired_token", "The code has expired.");
    // A little early is in time: clocks and networks are no better.
    const early = row.polledAt !== null && Date.now() - row.polledAt.getTime() < row.interval * 1000 - 500;
    if (row.status === "pending") {
      const interval = early ? Math.min(60, row.interval + 5) : row.interval;
      await tx.update(oauthDeviceCodes).set({ polledAt: new Date(), interval }).where(own);
      if (early) return new OAuthRefusal("slow_down", `Ask every ${interval} seconds.`);
      return new OAuthRefusal("authorization_pending", "The user has not confirmed yet.");
    }
    await tx.delete(oauthDeviceCodes).where(own);
    if (row.status === "denied" || row.userId === null)
      return new OAuthRefusal("access_denied", "The user has declined.");
    return makeGrant(tx, app, { userId: row.userId, scopes: row.scopes, orgIds: row.orgIds });
  });
  if (result instanceof OAuthRefusal) throw result;
  return result;
}
