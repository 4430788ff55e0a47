// Gated repositories: who asked for the content, and what their owners decide.
// The gate itself is in access.ts, the questions are in gate-form.ts.
import { and, asc, between, eq, gt, ilike, lt, ne, or } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { accessRequests, type RequestStatus } from "../db/schema/gates.ts";
import { users } from "../db/schema.ts";
import { badRequest, ServiceError, unauthorized } from "../errors.ts";
import { type Repo, requireAccess } from "./access.ts";
import { record } from "./audit.ts";
import { gateForm, readAnswers } from "./gate-form.ts";
import { containing } from "./like-pattern.ts";
import { type Account, findUser } from "./users.ts";
import { uuidRange } from "./wire-ids.ts";

export type AccessRequest = typeof accessRequests.$inferSelect;

const requestNotFound = () =>
  new ServiceError(404, "No access request found matching your criteria", { code: "REQUEST_NOT_FOUND" });
const userNotFound = () => new ServiceError(404, "User not found", { code: "USER_NOT_FOUND" });

/** What the caller has asked of a repository. */
export async function ownRequest({ db, actor }: Context, repo: Repo): Promise<AccessRequest | undefined> {
  if (actor === undefined) return undefined;
  const [row] = await db
    .select()
    .from(accessRequests)
    .where(and(eq(accessRequests.repoId, repo.id), eq(accessRequests.userId, actor.id)));
  return row;
}

/** Asks for the content. Where that is decided by nobody, it is there at once; a rejection stays one. */
export async function askAccess(
  ctx: Context,
  id: RepoId,
  given: Readonly<Record<string, unknown>>,
): Promise<{ repo: Repo; status: RequestStatus }> {
  const repo = await requireAccess(ctx, "contribute", id);
  const { actor } = ctx;
  if (actor === undefined) throw unauthorized();
  if (repo.gated === null) throw badRequest(`${repo.namespace}/${repo.name} is not gated.`);
  const before = await ownRequest(ctx, repo);
  if (before !== undefined && before.status !== "reset") return { repo, status: before.status };
  const fields = readAnswers(gateForm(repo.cardData), given);
  const status = repo.gated === "auto" ? "accepted" : "pending";
  const row = { status, fields, sharesEmail: true, reason: null, createdAt: new Date(), reviewedAt: null } as const;
  await ctx.db
    .insert(accessRequests)
    .values({ repoId: repo.id, userId: actor.id, ...row })
    .onConflictDoUpdate({
      target: [accessRequests.repoId, accessRequests.userId],
      set: row,
      setWhere: eq(accessRequests.status, "reset"),
    });
  return { repo, status };
}

/** Takes the caller's own request back, while it waits. */
export async function withdrawRequest(ctx: Context, id: RepoId): Promise<void> {
  const repo = await requireAccess(ctx, "contribute", id);
  const { actor } = ctx;
  if (actor === undefined) throw unauthorized();
  const mine = and(eq(accessRequests.repoId, repo.id), eq(accessRequests.userId, actor.id));
  const gone = await ctx.db
    .delete(accessRequests)
    .where(and(mine, eq(accessRequests.status, "pending")))
    .returning({ userId: accessRequests.userId });
  if (gone.length > 0) return;
  throw new ServiceError(404, "No pending access request found for this repo and this user", {
    code: "REQUEST_NOT_FOUND",
  });
}

export interface ListedRequest {
  request: AccessRequest;
  user: Account;
  /** Who let the user in. */
  granter: Account | null;
}

export interface RequestQuery {
  limit: number;
  offset: number;
  after?: Date | undefined;
  before?: Date | undefined;
  search?: string | undefined;
}

/** Requests of one status, the oldest first; one more than the page. */
export async function listRequests(
  ctx: Context,
  id: RepoId,
  status: RequestStatus | undefined,
  { limit, offset, after, before, search = "" }: RequestQuery,
): Promise<ListedRequest[]> {
  const repo = await requireAccess(ctx, "write", id);
  const granter = alias(users, "granter");
  const pattern = containing(search);
  return ctx.db
    .select({ request: accessRequests, user: users, granter })
    .from(accessRequests)
    .innerJoin(users, eq(users.id, accessRequests.userId))
    .leftJoin(granter, eq(granter.id, accessRequests.grantedBy))
    .where(
      and(
        eq(accessRequests.repoId, repo.id),
        status === undefined ? undefined : eq(accessRequests.status, status),
        after === undefined ? undefined : gt(accessRequests.createdAt, after),
        before === undefined ? undefined : lt(accessRequests.createdAt, before),
        or(ilike(users.name, pattern), ilike(users.fullName, pattern)),
      ),
    )
    .orderBy(asc(accessRequests.createdAt), users.id)
    .limit(limit + 1)
    .offset(offset);
}

/** Whom a decision is about: a name, or the id that clients know. */
export interface WhoAsked {
  user?: string | undefined;
  userId?: string | undefined;
}

async function asked({ db }: Pick<Context, "db">, { user, userId }: WhoAsked): Promise<Account | undefined> {
  if ((user === undefined) === (userId === undefined))
    throw badRequest("Either userId or user must be provided, but not both");
  if (user !== undefined) return findUser({ db }, user);
  const range = uuidRange(userId ?? "");
  if (range === undefined) return undefined;
  const [row] = await db
    .select({ name: users.name })
    .from(users)
    .where(between(users.id, ...range));
  return row && findUser({ db }, row.name);
}

export interface Decision {
  status: RequestStatus;
  /** Shown to the user. */
  reason?: string | undefined;
}

/** Decides about a request; one that has the status already is as good as none. */
export async function decide(ctx: Context, id: RepoId, who: WhoAsked, decision: Decision): Promise<void> {
  const repo = await requireAccess(ctx, "write", id);
  const user = await asked(ctx, who);
  if (user === undefined) throw userNotFound();
  if (!(await setStatus(ctx, repo, user, decision))) throw requestNotFound();
}

/** Whether there was a request of another status. */
async function setStatus(ctx: Context, repo: Repo, user: Account, { status, reason }: Decision): Promise<boolean> {
  return ctx.db.transaction(async (tx) => {
    const one = and(eq(accessRequests.repoId, repo.id), eq(accessRequests.userId, user.id));
    const [before] = await tx.select().from(accessRequests).where(one).for("update");
    if (before === undefined || before.status === status) return false;
    await tx
      .update(accessRequests)
      .set({
        status,
        reason: reason ?? null,
        reviewedAt: status === "pending" ? null : new Date(),
        grantedBy: status === "accepted" ? (ctx.actor?.id ?? null) : null,
      })
      .where(one);
    const target = `${repo.type} ${repo.namespace}/${repo.name}`;
    const change = { action: "repo.access", target, data: { user: user.name, from: before.status, to: status } };
    await record(tx, ctx, { orgId: repo.ownerId, ...change });
    return true;
  });
}

export interface Outcome extends WhoAsked {
  ok: boolean;
  error?: "user_not_found" | "request_not_found";
}

/** One decision about many, in their order. One that has the status already is fine. */
export async function decideAll(
  ctx: Context,
  id: RepoId,
  requests: readonly WhoAsked[],
  decision: Decision,
): Promise<Outcome[]> {
  const repo = await requireAccess(ctx, "write", id);
  const out: Outcome[] = [];
  for (const who of requests) {
    const user = await asked(ctx, who);
    if (user === undefined) out.push({ ...who, ok: false, error: "user_not_found" });
    else if (await setStatus(ctx, repo, user, decision)) out.push({ ...who, ok: true });
    else {
      const one = and(eq(accessRequests.repoId, repo.id), eq(accessRequests.userId, user.id));
      const [known] = await ctx.db.select().from(accessRequests).where(one);
      out.push(known === undefined ? { ...who, ok: false, error: "request_not_found" } : { ...who, ok: true });
    }
  }
  return out;
}

/** Lets a user in who has not asked. Their address is not shown: they never agreed to that. */
export async function grantAccess(ctx: Context, id: RepoId, who: WhoAsked): Promise<void> {
  const repo = await requireAccess(ctx, "write", id);
  if (repo.gated === null) throw badRequest(`${repo.namespace}/${repo.name} is not gated.`);
  const user = await asked(ctx, who);
  if (user === undefined || user.kind === "org") throw userNotFound();
  const there = () => badRequest("That user already has access to the repo");
  if (repo.ownerId === user.id) throw there();
  await ctx.db.transaction(async (tx) => {
    const set = { status: "accepted", reason: null, reviewedAt: new Date(), grantedBy: ctx.actor?.id ?? null } as const;
    const granted = await tx
      .insert(accessRequests)
      .values({ repoId: repo.id, userId: user.id, sharesEmail: false, ...set })
      .onConflictDoUpdate({
        target: [accessRequests.repoId, accessRequests.userId],
        set,
        setWhere: ne(accessRequests.status, "accepted"),
      })
      .returning({ userId: accessRequests.userId });
    if (granted.length === 0) throw there();
    const target = `${repo.type} ${repo.namespace}/${repo.name}`;
    await record(tx, ctx, { orgId: repo.ownerId, action: "repo.access.grant", target, data: { user: user.name } });
  });
}

/** Rows of a report. */
const MOST_ROWS = 100_000;

/** Everybody who asked or was let in, as a table that spreadsheets open. */
export async function accessReport(ctx: Context, id: RepoId): Promise<string> {
  const rows = await listRequests(ctx, id, undefined, { limit: MOST_ROWS, offset: 0 });
  const questions = [...new Set(rows.flatMap(({ request }) => Object.keys(request.fields ?? {})))];
  const lines = rows.map(({ request, user }) => [
    user.name,
    user.fullName ?? "",
    request.sharesEmail ? (user.email ?? "") : "",
    request.status,
    request.createdAt.toISOString(),
    request.reviewedAt?.toISOString() ?? "",
    ...questions.map((question) => request.fields?.[question] ?? ""),
  ]);
  const header = ["username", "fullname", "email", "status", "requested at", "reviewed at", ...questions];
  return [header, ...lines].map((line) => `${line.map(cell).join(",")}\r\n`).join("");
}

/** A cell in quotes. What a spreadsheet would take for a formula gets a mark in front: answers come from strangers. */
const cell = (text: string): string => `"${text.replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;
