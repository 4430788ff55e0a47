// Locks of git-lfs over HTTP: lock, list, ask before a push, unlock.
import type { Context as HonoContext } from "hono";
import { z } from "zod";
import { plural, REPO_TYPES, type RepoType } from "../../src/hub/repo-id.ts";
import { asServiceError } from "../error-response.ts";
import { createLock, deleteLock, type Lock, LockExists, listLocks } from "../services/lfs-locks.ts";
import { defineRoute, type HubEnv, jsonBody, type Route, repoOf, TYPE_SUFFIX } from "./route.ts";

const MEDIA = { "Content-Type": "application/vnd.git-lfs+json" };

const refSchema = z.object({ name: z.string() }).nullish();
const createSchema = z.object({ path: z.string().max(4096), ref: refSchema });
const verifySchema = z.object({ cursor: z.string().nullish(), limit: z.number().int().nullish(), ref: refSchema });
const unlockSchema = z.object({ force: z.boolean().nullish(), ref: refSchema });

const wire = ({ id, path, lockedAt, owner }: Lock) => ({
  id,
  path,
  locked_at: lockedAt.toISOString(),
  owner: { name: owner },
});

/** git-lfs reads what went wrong from "message". */
async function inLfsWords(
  c: HonoContext<HubEnv>,
  answer: () => Promise<{ status?: 200 | 201; body: unknown }>,
): Promise<Response> {
  try {
    const { status = 200, body } = await answer();
    return c.body(JSON.stringify(body), status, MEDIA);
  } catch (error) {
    const { status, message, hint, code, wireCode, headers } = asServiceError(error, c.get("requestId"));
    const text = hint === undefined ? message : `${message} ${hint}`;
    const body = { ...(error instanceof LockExists && { lock: wire(error.lock) }), message: text };
    const told = { ...MEDIA, "X-Request-Id": c.get("requestId"), "X-Error-Code": wireCode ?? code, ...headers };
    return new Response(JSON.stringify(body), { status, headers: told });
  }
}

const numberOf = (text: string | null | undefined): number | undefined => {
  const value = Number(text ?? "");
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
};

function routesOf(type: RepoType): Route[] {
  const base = `${type === "model" ? "" : `/${plural(type)}`}/:namespace/:name/info/lfs/locks`;
  const idOf = (c: HonoContext<HubEnv>) => ({ ...repoOf(c), type });

  const create = defineRoute({
    operation: `lfsLock${TYPE_SUFFIX[type]}`,
    method: "POST",
    path: base,
    access: "write",
    summary: "Lock a file",
    body: createSchema,
    handle: (c, ctx) =>
      inLfsWords(c, async () => {
        const { path } = await jsonBody(c, createSchema);
        return { status: 201, body: { lock: wire(await createLock(ctx, idOf(c), path)) } };
      }),
  });

  const list = defineRoute({
    operation: `lfsLocks${TYPE_SUFFIX[type]}`,
    method: "GET",
    path: base,
    access: "content",
    summary: "Files that are locked",
    query: { path: "of one file", id: "of one lock", cursor: "next_cursor of the page before", limit: "at most 100" },
    handle: (c, ctx) =>
      inLfsWords(c, async () => {
        const { path, id, cursor, limit } = c.req.query();
        const query = { path, id, offset: numberOf(cursor), limit: numberOf(limit) };
        const { locks, next } = await listLocks(ctx, idOf(c), "content", query);
        return { body: { locks: locks.map(wire), ...(next !== undefined && { next_cursor: `${next}` }) } };
      }),
  });

  const verify = defineRoute({
    operation: `lfsVerifyLocks${TYPE_SUFFIX[type]}`,
    method: "POST",
    path: `${base}/verify`,
    access: "contribute",
    summary: "Locks of the caller and of others, asked before a push",
    body: verifySchema,
    handle: (c, ctx) =>
      inLfsWords(c, async () => {
        const { cursor, limit } = await jsonBody(c, verifySchema);
        const query = { offset: numberOf(cursor), limit: limit ?? undefined };
        const { locks, next } = await listLocks(ctx, idOf(c), "contribute", query);
        const side = (ours: boolean) => locks.filter((lock) => lock.ours === ours).map(wire);
        return {
          body: { ours: side(true), theirs: side(false), ...(next !== undefined && { next_cursor: `${next}` }) },
        };
      }),
  });

  const unlock = defineRoute({
    operation: `lfsUnlock${TYPE_SUFFIX[type]}`,
    method: "POST",
    path: `${base}/:lock/unlock`,
    access: "write",
    summary: "Unlock a file; by force also somebody else's",
    body: unlockSchema,
    handle: (c, ctx) =>
      inLfsWords(c, async () => {
        const { force } = await jsonBody(c, unlockSchema);
        return { body: { lock: wire(await deleteLock(ctx, idOf(c), c.req.param("lock") ?? "", force === true)) } };
      }),
  });

  return [create, list, verify, unlock];
}

export const lockRoutes: Route[] = REPO_TYPES.flatMap(routesOf);
