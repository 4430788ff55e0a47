// Who may do what at the content-addressed store: tokens for one repository and a time, and links to some bytes of one xorb.
// Both authorise themselves, so that any process answers them.
import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context, Deps } from "../context.ts";
import { forbidden, ServiceError } from "../errors.ts";
import { mayAccess, type Repo, requireAccess } from "./access.ts";
import { bearerOf } from "./bearers.ts";
import { requirePush } from "./pushes.ts";

/** Beyond what is told: hf_xet gives an upload up for one 401, and the clock of its machine may be slow. */
const SLACK_SECONDS = 10 * 60;
const LINK_SECONDS = 2 * 3600;

type Signing = Pick<Deps, "signingKey">;

const grantSchema = z.object({
  scope: z.enum(["read", "write"]),
  repoId: z.string(),
  /** Undefined is an anonymous reader. */
  userId: z.string().optional(),
  /** The token that asked. */
  by: z.string().optional(),
  /** Whether files of the repository may be read. */
  content: z.boolean(),
  /** Seconds since 1970. */
  expires: z.number(),
});

/** What a token of the store allows, in one repository. */
export type XetGrant = z.infer<typeof grantSchema>;

/** The kinds of signed things differ in their first word, so that none passes for another. */
const sign = ({ signingKey }: Signing, kind: "xet-token" | "xet-link", text: string): string =>
  createHmac("sha256", signingKey).update(`${kind} ${text}`).digest("base64url");

function isSigned(deps: Signing, kind: "xet-token" | "xet-link", text: string, signature: string): boolean {
  const [given, right] = [Buffer.from(signature), Buffer.from(sign(deps, kind, text))];
  return given.length === right.length && timingSafeEqual(given, right);
}

export function writeXetToken(deps: Signing, grant: XetGrant): string {
  const text = Buffer.from(JSON.stringify(grant)).toString("base64url");
  return `${text}.${sign(deps, "xet-token", text)}`;
}

export interface XetToken {
  repo: Repo;
  accessToken: string;
  /** Seconds since 1970. */
  expires: number;
}

/** A token for a repository, if the caller may read its contents, or may push to the revision or propose what comes. */
export async function issueXetToken(
  ctx: Context,
  id: RepoId,
  scope: XetGrant["scope"],
  { revision, createPr = false }: { revision: string; createPr?: boolean },
): Promise<XetToken> {
  const isRead = scope === "read";
  const repo = isRead ? await requireAccess(ctx, "content", id) : await requirePush(ctx, id, revision, { createPr });
  const content = isRead || (await mayAccess(ctx, "content", repo));
  const expires = Math.floor(Date.now() / 1000) + ctx.transfers.xetTokenSeconds;
  const grant = { scope, repoId: repo.id, ...bearerOf(ctx), content, expires: expires + SLACK_SECONDS };
  return { repo, accessToken: writeXetToken(ctx, grant), expires };
}

/** What the token of a request allows; 401 sends the client for a new one, 403 says that no new one would do. */
export function readXetToken(deps: Signing, authorization: string | undefined, scope: XetGrant["scope"]): XetGrant {
  const [, token = ""] = /^bearer (.+)$/i.exec(authorization ?? "") ?? [];
  const [text = "", signature = ""] = token.split(".");
  if (token === "" || !isSigned(deps, "xet-token", text, signature)) throw noToken("There is no valid token with it.");
  const grant = grantSchema.parse(JSON.parse(Buffer.from(text, "base64url").toString("utf8")));
  if (grant.expires <= Date.now() / 1000) throw noToken("The token has expired.");
  if (scope === "write" && grant.scope !== "write") throw forbidden("The token was made for reading.");
  return grant;
}

const noToken = (message: string) =>
  new ServiceError(401, message, {
    code: "INVALID_TOKEN",
    hint: "Ask the repository for one: xet-read-token or xet-write-token.",
  });

/** Bytes [start, end) of a xorb. */
export interface XorbRange {
  xorb: string;
  start: number;
  end: number;
}

const linkText = ({ xorb, start, end }: XorbRange, expires: number): string => `${xorb} ${start}-${end} ${expires}`;

/** Query of a link to some bytes of a xorb. Each range has a link of its own: clients tell them apart by their address. */
export function xorbLink(deps: Signing, range: XorbRange): string {
  const expires = Math.floor(Date.now() / 1000) + LINK_SECONDS;
  const signature = sign(deps, "xet-link", linkText(range, expires));
  return new URLSearchParams({ range: `${range.start}-${range.end}`, expires: `${expires}`, signature }).toString();
}

/** What a link allows. A refusal is 403: clients then ask for the plan of the file again. */
export function readXorbLink(deps: Signing, xorb: string, params: URLSearchParams): XorbRange {
  const [, start, end] = /^(\d{1,10})-(\d{1,10})$/.exec(params.get("range") ?? "") ?? [];
  const range = { xorb, start: Number(start), end: Number(end) };
  const expires = Number(params.get("expires"));
  if (!isSigned(deps, "xet-link", linkText(range, expires), params.get("signature") ?? ""))
    throw forbidden("The link's signature is wrong.");
  if (expires <= Date.now() / 1000) throw forbidden("The link has expired; ask for a new one.");
  return range;
}
