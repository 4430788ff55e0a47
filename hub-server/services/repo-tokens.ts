// Tokens that read one repository for a while, or send it large files: signed, so that nothing of them is kept. They end with the
// credential that asked for them.
import { createHmac, timingSafeEqual } from "node:crypto";
import { eq } from "drizzle-orm";
import { z } from "zod";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Actor, Context, Deps } from "../context.ts";
import { users } from "../db/schema.ts";
import { ServiceError } from "../errors.ts";
import { requireAccess } from "./access.ts";
import { isAlive } from "./bearers.ts";
import { hasSshKey } from "./ssh-keys.ts";

/** Seconds that one holds, at most and when nothing else is said. */
export const LONGEST = 3600;

const payloadSchema = z.strictObject({
  /** The user; without one, the token reads what anybody may. */
  sub: z.uuid().optional(),
  /** The token that asked. */
  by: z.uuid().optional(),
  /** The SSH key that asked. */
  key: z.uuid().optional(),
  /** Whether it may write, too. */
  write: z.boolean().optional(),
  repo: z.uuid(),
  gated: z.boolean(),
  iat: z.int(),
  exp: z.int(),
});

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const HEADER = encode({ alg: "HS256", typ: "JWT" });

/** The key of these tokens alone: what else the hub signs cannot be taken for one. */
function sign({ signingKey }: Pick<Deps, "signingKey">, text: string): Buffer {
  const key = createHmac("sha256", signingKey).update("tokens of repositories").digest();
  return createHmac("sha256", key).update(text).digest();
}

export interface RepoToken {
  token: string;
  expiresAt: Date;
}

export async function makeRepoToken(
  ctx: Context,
  id: RepoId,
  seconds: number,
  { write = false }: { write?: boolean } = {},
): Promise<RepoToken> {
  const repo = await requireAccess(ctx, write ? "contribute" : "content", id);
  const { actor } = ctx;
  const iat = Math.floor(Date.now() / 1000);
  // One of these asks for no longer one: it would renew itself for ever.
  const exp = Math.min(iat + seconds, (actor?.until?.getTime() ?? Number.POSITIVE_INFINITY) / 1000);
  const who = {
    ...(actor && { sub: actor.id }),
    ...(actor?.tokenId !== undefined && { by: actor.tokenId }),
    ...(actor?.sshKeyId !== undefined && { key: actor.sshKeyId }),
  };
  const may = { repo: repo.id, gated: repo.gated !== null, ...(write && { write }) };
  const text = `${HEADER}.${encode({ ...who, ...may, iat, exp })}`;
  return { token: `${text}.${sign(ctx, text).toString("base64url")}`, expiresAt: new Date(exp * 1000) };
}

/** Whether a credential has the form of one of these. */
export const isRepoToken = (credential: string): boolean => credential.startsWith(`${HEADER}.`);

const invalid = () => new ServiceError(401, "Invalid credentials in Authorization header", { code: "INVALID_TOKEN" });

/** Who one of these tokens speaks for: its user, with no more than this repository. */
export async function actorOfRepoToken(
  deps: Pick<Deps, "db" | "signingKey">,
  token: string,
): Promise<Actor | undefined> {
  const [, body = "", signature = "", ...more] = token.split(".");
  const [given, right] = [Buffer.from(signature, "base64url"), sign(deps, `${HEADER}.${body}`)];
  if (more.length > 0 || given.length !== right.length || !timingSafeEqual(given, right)) throw invalid();
  // What we signed is JSON.
  const parsed = payloadSchema.safeParse(JSON.parse(Buffer.from(body, "base64url").toString("utf8")));
  const now = Date.now() / 1000;
  if (!parsed.success || parsed.data.exp <= now) throw invalid();
  const { sub, by, key, write, repo, gated, iat, exp } = parsed.data;
  if (sub === undefined) return undefined;
  const [user] = await deps.db.select({ id: users.id, name: users.name }).from(users).where(eq(users.id, sub));
  if (user === undefined || !(await isAlive(deps, by)) || !(await hasSshKey(deps, key))) throw invalid();
  return {
    ...user,
    admin: false,
    role: "fineGrained",
    credential: { name: "token of a repository", createdAt: new Date(iat * 1000) },
    until: new Date(exp * 1000),
    ...(by !== undefined && { tokenId: by }),
    ...(key !== undefined && { sshKeyId: key }),
    limits: {
      canReadGatedRepos: gated,
      global: [],
      scoped: [{ kind: "repo", id: repo, permissions: [write === true ? "repo.write" : "repo.content.read"] }],
      app: undefined,
    },
  };
}
