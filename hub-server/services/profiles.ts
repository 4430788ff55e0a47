// What pages and clients show of users and organizations: numbers, people who follow, pictures, what they say about themselves.
import { createHash } from "node:crypto";
import { and, count, desc, eq } from "drizzle-orm";
import type { RepoType } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { follows, likes, profiles, type Socials } from "../db/schema/accounts.ts";
import { collections, collectionUpvotes } from "../db/schema/collections.ts";
import { discussions } from "../db/schema/discussions.ts";
import { orgMembers } from "../db/schema/organizations.ts";
import { repos, users } from "../db/schema.ts";
import { badRequest, forbidden, ServiceError } from "../errors.ts";
import { requireWriter, visible } from "./access.ts";
import { type Account, findUser } from "./users.ts";

const accountNotFound = (name: string) =>
  new ServiceError(404, `There is no user "${name}".`, { code: "USER_NOT_FOUND" });

/** A user or a service account. */
export async function getUser(ctx: Pick<Context, "db">, name: string): Promise<Account> {
  const user = await findUser(ctx, name);
  if (user === undefined || user.kind === "org") throw accountNotFound(name);
  return user;
}

/** A user, a service account or an organization. */
export async function getAccount(ctx: Pick<Context, "db">, name: string): Promise<Account> {
  const account = await findUser(ctx, name);
  if (account === undefined) throw accountNotFound(name);
  return account;
}

export interface Overview {
  repos: Record<RepoType, number>;
  discussions: number;
  upvotes: number;
  likes: number;
  following: number;
  followers: number;
  members: number;
  isFollowing: boolean;
}

/** Numbers of what the caller may see. */
export async function overviewOf(ctx: Context, account: Account): Promise<Overview> {
  const { db, actor } = ctx;
  const byType = await db
    .select({ type: repos.type, value: count() })
    .from(repos)
    .where(and(eq(repos.ownerId, account.id), visible(ctx)))
    .groupBy(repos.type);
  const numbers = (type: RepoType) => byType.find((row) => row.type === type)?.value ?? 0;
  const one = async (query: Promise<{ value: number }[]>) => (await query)[0]?.value ?? 0;
  const value = { value: count() };
  const opened = db
    .select(value)
    .from(discussions)
    .innerJoin(repos, eq(repos.id, discussions.repoId))
    .where(and(eq(discussions.authorId, account.id), visible(ctx)));
  const upvoted = db
    .select(value)
    .from(collectionUpvotes)
    .innerJoin(collections, eq(collections.id, collectionUpvotes.collectionId))
    .where(and(eq(collections.ownerId, account.id), eq(collections.isPrivate, false)));
  const own = and(eq(follows.followerId, actor?.id ?? account.id), eq(follows.followedId, account.id));
  return {
    repos: { model: numbers("model"), dataset: numbers("dataset"), space: numbers("space") },
    discussions: await one(opened),
    upvotes: await one(upvoted),
    likes: await one(
      db
        .select(value)
        .from(likes)
        .innerJoin(repos, eq(repos.id, likes.repoId))
        .where(and(eq(likes.userId, account.id), visible(ctx))),
    ),
    following: await one(db.select(value).from(follows).where(eq(follows.followerId, account.id))),
    followers: await one(db.select(value).from(follows).where(eq(follows.followedId, account.id))),
    members: await one(db.select(value).from(orgMembers).where(eq(orgMembers.orgId, account.id))),
    isFollowing: actor !== undefined && (await one(db.select(value).from(follows).where(own))) > 0,
  };
}

interface Slice {
  limit: number;
  offset: number;
}

/** Who follows an account, the newest first; one more than the page. */
export const followersOf = ({ db }: Pick<Context, "db">, id: string, { limit, offset }: Slice): Promise<Account[]> =>
  db
    .select({ user: users })
    .from(follows)
    .innerJoin(users, eq(users.id, follows.followerId))
    .where(eq(follows.followedId, id))
    .orderBy(desc(follows.createdAt), users.id)
    .limit(limit + 1)
    .offset(offset)
    .then((rows) => rows.map(({ user }) => user));

export const followingOf = ({ db }: Pick<Context, "db">, id: string, { limit, offset }: Slice): Promise<Account[]> =>
  db
    .select({ user: users })
    .from(follows)
    .innerJoin(users, eq(users.id, follows.followedId))
    .where(eq(follows.followerId, id))
    .orderBy(desc(follows.createdAt), users.id)
    .limit(limit + 1)
    .offset(offset)
    .then((rows) => rows.map(({ user }) => user));

export async function setFollowing(ctx: Context, name: string, follow: boolean): Promise<void> {
  const actor = requireWriter(ctx, "discussion.write");
  const account = await getAccount(ctx, name);
  if (account.id === actor.id) throw badRequest("Nobody follows themselves.");
  const row = { followerId: actor.id, followedId: account.id };
  if (follow) await ctx.db.insert(follows).values(row).onConflictDoNothing();
  else
    await ctx.db
      .delete(follows)
      .where(and(eq(follows.followerId, row.followerId), eq(follows.followedId, row.followedId)));
}

export async function socialsOf({ db }: Pick<Context, "db">, id: string): Promise<Socials> {
  const [row] = await db.select({ socials: profiles.socials }).from(profiles).where(eq(profiles.userId, id));
  return row?.socials ?? {};
}

export interface ProfileInput {
  fullName?: string | undefined;
  email?: string | undefined;
  details?: string | undefined;
  website?: string | undefined;
  socials?: Socials | undefined;
}

/** Changes what an account says about itself; an empty text takes it away. Who may do so is the caller's matter. */
export async function updateProfile({ db }: Pick<Context, "db">, id: string, input: ProfileInput): Promise<void> {
  const { fullName, email, details, website, socials } = input;
  const text = (value: string) => value.trim() || null;
  const own = {
    ...(fullName !== undefined && { fullName: text(fullName) }),
    ...(email !== undefined && { email: text(email) }),
    ...(details !== undefined && { details: text(details) }),
  };
  const more = {
    ...(website !== undefined && { website: text(website) }),
    ...(socials !== undefined && { socials: Object.fromEntries(Object.entries(socials).filter(([, value]) => value)) }),
  };
  await db.transaction(async (tx) => {
    if (Object.keys(own).length > 0) await tx.update(users).set(own).where(eq(users.id, id));
    if (Object.keys(more).length > 0)
      await tx
        .insert(profiles)
        .values({ userId: id, ...more })
        .onConflictDoUpdate({ target: profiles.userId, set: more });
  });
}

/** The account whose profile the caller changes: their own. Tokens with limits change none. */
export function requireOwnProfile(ctx: Context): { id: string; name: string } {
  if (ctx.actor?.limits !== undefined) throw forbidden("A token with limits changes no profile.");
  return requireWriter(ctx, "repo.write");
}

export interface Picture {
  type: "image/png" | "image/jpeg" | "image/webp" | "image/svg+xml";
  bytes: Uint8Array<ArrayBuffer>;
  etag: string;
}

/** Bytes of an uploaded picture. */
const PICTURE_LIMIT = 1024 * 1024;

/** The kind of a picture by its first bytes; undefined for whatever else. No SVG: it may hold scripts. */
function pictureType(bytes: Uint8Array): Picture["type"] | undefined {
  const starts = (...signature: number[]) => signature.every((byte, index) => bytes[index] === byte);
  if (starts(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return "image/png";
  if (starts(0xff, 0xd8, 0xff)) return "image/jpeg";
  const isWebp = starts(0x52, 0x49, 0x46, 0x46) && Buffer.from(bytes.subarray(8, 12)).toString("latin1") === "WEBP";
  return isWebp ? "image/webp" : undefined;
}

export async function setAvatar({ db }: Pick<Context, "db">, id: string, bytes: Uint8Array): Promise<void> {
  if (bytes.length > PICTURE_LIMIT) throw badRequest(`The picture has more than ${PICTURE_LIMIT} bytes.`);
  if (pictureType(bytes) === undefined) throw badRequest("The picture is none of PNG, JPEG and WebP.");
  await db
    .insert(profiles)
    .values({ userId: id, avatar: bytes })
    .onConflictDoUpdate({ target: profiles.userId, set: { avatar: bytes } });
}

/** The uploaded picture, or one of a letter. */
export async function avatarOf({ db }: Pick<Context, "db">, account: Account): Promise<Picture> {
  const [row] = await db.select({ avatar: profiles.avatar }).from(profiles).where(eq(profiles.userId, account.id));
  const uploaded = row?.avatar == null ? undefined : new Uint8Array(row.avatar);
  const type = uploaded && pictureType(uploaded);
  const bytes = uploaded !== undefined && type !== undefined ? uploaded : new Uint8Array(Buffer.from(letter(account)));
  const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
  return { type: type ?? "image/svg+xml", bytes, etag };
}

const COLOURS = ["#b4472f", "#8a6116", "#3f7a3a", "#1f7a80", "#3e62ad", "#7d4aa3"] as const;

/** A letter on a colour of the name's own. Names are letters, digits, "-", "_" and "." alone. */
function letter({ name }: Account): string {
  const sum = [...name].reduce((total, char) => (total * 31 + (char.codePointAt(0) ?? 0)) % COLOURS.length, 0);
  const first = /^[A-Za-z0-9]/.exec(name)?.[0]?.toUpperCase() ?? "";
  const text = `<text x="32" y="43" font-family="sans-serif" font-size="32" fill="#fff" text-anchor="middle">${first}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" fill="${COLOURS[sum]}"/>${text}</svg>`;
}
