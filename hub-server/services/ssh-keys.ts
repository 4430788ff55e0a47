// Public keys by which users are known to git over SSH. Proves nothing: that the other side has the private key is ssh's to show.
import { createHash } from "node:crypto";
import { and, asc, eq, isNull, lt, or, sql } from "drizzle-orm";
import type { Actor, Context, Deps } from "../context.ts";
import { sshKeys } from "../db/schema/ssh.ts";
import { users } from "../db/schema.ts";
import { badRequest, forbidden, ServiceError, unauthorized } from "../errors.ts";
import { requireWriter } from "./access.ts";

/** Kinds of keys that the server can check. Those of hardware ("sk-…") are not among them. */
const TYPES = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];
const LEAST_RSA_BITS = 2048;
const MOST_BYTES = 4096;
const MOST_KEYS = 50;
const MOST_TITLE = 100;
/** The time of use is noted once in so long. */
const NOTED_MS = 60_000;

export interface PublicKey {
  type: string;
  /** The key as SSH sends it, in base64. */
  key: string;
  fingerprint: string;
  comment: string;
}

export const fingerprintOf = (key: Uint8Array): string =>
  `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;

/**
 * A line of a file like id_ed25519.pub: kind, key and what its owner calls it.
 *
 * @throws ServiceError 400 for what is none, with what is wrong with it
 */
export function parsePublicKey(line: string): PublicKey {
  const text = line.trim();
  if (/^-----BEGIN .*PRIVATE KEY-----/.test(text))
    throw badKey(
      "That is a private key, which nobody but you should have.",
      "Give the line of the file that ends in .pub, and make a new key.",
    );
  if (text.includes("\n")) throw badKey("That is more than one line.", "Add one key at a time.");
  const [type = "", key = "", ...comment] = text.split(/\s+/);
  if (!TYPES.includes(type))
    throw badKey(
      `"${type.slice(0, 40)}" is no kind of key that is known here.`,
      `Known are ${TYPES.join(", ")}. ssh-keygen -t ed25519 makes one.`,
    );
  const bytes = Buffer.from(key, "base64");
  if (bytes.length > MOST_BYTES || bytes.toString("base64").replace(/=+$/, "") !== key.replace(/=+$/, ""))
    throw badKey("The key is cut off or damaged.", "Copy the whole line of the file that ends in .pub.");
  const fields = fieldsOf(bytes);
  const [name, ...rest] = fields ?? [];
  if (name?.toString("latin1") !== type || rest.length === 0)
    throw badKey("The key is cut off or damaged.", "Copy the whole line of the file that ends in .pub.");
  if (type === "ssh-rsa" && bitsOf(rest[1]) < LEAST_RSA_BITS)
    throw badKey(
      `The RSA key has ${bitsOf(rest[1])} bits; ${LEAST_RSA_BITS} are the least.`,
      "Make one with ssh-keygen -t ed25519.",
    );
  if (type === "ssh-ed25519" && rest[0]?.length !== 32) throw badKey("The key is cut off or damaged.", undefined);
  return { type, key: bytes.toString("base64"), fingerprint: fingerprintOf(bytes), comment: comment.join(" ") };
}

const badKey = (message: string, hint: string | undefined) =>
  new ServiceError(400, message, { code: "INVALID_SSH_KEY", ...(hint !== undefined && { hint }) });

/** Its parts, each behind four bytes of length; undefined where they do not add up. */
function fieldsOf(bytes: Buffer): Buffer[] | undefined {
  const fields: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) return undefined;
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return undefined;
    fields.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

/** Bits of a whole number, highest byte first. */
function bitsOf(number: Buffer | undefined): number {
  const digits = number?.toString("hex").replace(/^0+/, "") ?? "";
  return digits === "" ? 0 : (digits.length - 1) * 4 + Number.parseInt(digits[0] ?? "0", 16).toString(2).length;
}

export type SshKey = Pick<
  typeof sshKeys.$inferSelect,
  "id" | "title" | "type" | "key" | "fingerprint" | "createdAt" | "lastUsedAt"
>;

const SHOWN = {
  id: sshKeys.id,
  title: sshKeys.title,
  type: sshKeys.type,
  key: sshKeys.key,
  fingerprint: sshKeys.fingerprint,
  createdAt: sshKeys.createdAt,
  lastUsedAt: sshKeys.lastUsedAt,
};

/** Who may have to do with keys: the user, by a session or a token that may write everywhere. */
function owner({ actor }: Pick<Context, "actor">): Actor {
  if (actor === undefined) throw unauthorized();
  if (actor.limits !== undefined) throw forbidden("A token with limits has nothing to do with SSH keys.");
  return actor;
}

export async function listSshKeys(ctx: Pick<Context, "db" | "actor">): Promise<SshKey[]> {
  const { id } = owner(ctx);
  return ctx.db
    .select(SHOWN)
    .from(sshKeys)
    .where(eq(sshKeys.userId, id))
    .orderBy(asc(sshKeys.createdAt), asc(sshKeys.id));
}

/** @throws ServiceError 409 for a key that somebody has already: it could not be told who comes with it */
export async function addSshKey(
  ctx: Context,
  { title, key: line }: { title?: string | undefined; key: string },
): Promise<SshKey> {
  const { id } = owner(ctx);
  requireWriter(ctx, "repo.write");
  const { type, key, fingerprint, comment } = parsePublicKey(line);
  const name = (title?.trim() || comment || fingerprint).slice(0, MOST_TITLE);
  return ctx.db.transaction(async (tx) => {
    // One after the other for one user, so that the limit holds.
    await tx.select({ id: users.id }).from(users).where(eq(users.id, id)).for("update");
    const [have] = await tx.select({ count: sql<number>`count(*)::int` }).from(sshKeys).where(eq(sshKeys.userId, id));
    if ((have?.count ?? 0) >= MOST_KEYS)
      throw badRequest(`A user has at most ${MOST_KEYS} SSH keys; remove one first.`);
    const [made] = await tx
      .insert(sshKeys)
      .values({ userId: id, title: name, type, key, fingerprint })
      .onConflictDoNothing()
      .returning(SHOWN);
    if (made === undefined)
      throw new ServiceError(409, `The key ${fingerprint} is somebody's already.`, {
        code: "SSH_KEY_EXISTS",
        hint: "Each key is one user's. Make another with ssh-keygen -t ed25519.",
      });
    return made;
  });
}

export async function removeSshKey(ctx: Context, keyId: string): Promise<void> {
  const { id } = owner(ctx);
  requireWriter(ctx, "repo.write");
  const gone = await ctx.db
    .delete(sshKeys)
    .where(and(eq(sql`${sshKeys.id}::text`, keyId), eq(sshKeys.userId, id)))
    .returning({ id: sshKeys.id });
  if (gone.length === 0)
    throw new ServiceError(404, "There is no such SSH key of yours.", { code: "SSH_KEY_NOT_FOUND" });
}

/** Whose a key is; undefined where nobody has it. That whoever comes with it has its private half is not known here. */
export async function actorOfSshKey(
  { db }: Pick<Deps, "db">,
  key: Uint8Array,
  address: string,
): Promise<Actor | undefined> {
  const [found] = await db
    .select({ id: users.id, name: users.name, keyId: sshKeys.id, title: sshKeys.title, createdAt: sshKeys.createdAt })
    .from(sshKeys)
    .innerJoin(users, eq(users.id, sshKeys.userId))
    .where(eq(sshKeys.key, Buffer.from(key).toString("base64")));
  if (found === undefined) return undefined;
  const { id, name, keyId, title, createdAt } = found;
  return { id, name, admin: false, role: "write", credential: { name: title, createdAt }, sshKeyId: keyId, address };
}

/** Notes that a key is used. */
export async function noteSshKey({ db }: Pick<Deps, "db">, id: string): Promise<void> {
  const before = new Date(Date.now() - NOTED_MS);
  await db
    .update(sshKeys)
    .set({ lastUsedAt: new Date() })
    .where(and(eq(sshKeys.id, id), or(isNull(sshKeys.lastUsedAt), lt(sshKeys.lastUsedAt, before))));
}

/** Whether a key is there still; who did not come with one needs none. */
export async function hasSshKey({ db }: Pick<Deps, "db">, id: string | undefined): Promise<boolean> {
  if (id === undefined) return true;
  return (await db.select({ id: sshKeys.id }).from(sshKeys).where(eq(sshKeys.id, id))).length > 0;
}
