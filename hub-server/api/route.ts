// A route is a declaration: operation, method, path, who may call it, what the body is, and a short handler.
// Tests, the OpenAPI document and the scoreboard read the same declarations.
import type { Context as HonoContext } from "hono";
import { routePath } from "hono/route";
import type { z } from "zod";
import { plural, REPO_TYPES, type RepoId, type RepoType } from "../../src/hub/repo-id.ts";
import { networkOf } from "../address.ts";
import type { Actor, Context } from "../context.ts";
import { badRequest, forbidden, repoNotFound, ServiceError, unauthorized } from "../errors.ts";
import { type Permission, permits } from "../services/scopes.ts";
import { hasMoreValues } from "./json-values.ts";
import { bodyOf } from "./node-server.ts";

export interface HubEnv {
  Variables: {
    ctx: Context;
    requestId: string;
    /** Headers of every answer; set for handlers by the application. */
    common: Readonly<Record<string, string>>;
  };
}

export interface Route {
  /** A name of our own, the same for ever. */
  operation: string;
  /**
   * Operations of Hugging Face's list that this route answers, as "METHOD /api/models/{namespace}/{repo}/refs". Each is tested by
   * an `operation("…")` of its own, which changes or reads real state and sees the effect by another way.
   */
  answers?: readonly string[];
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Hono's path; a trailing * takes the rest, slashes included. */
  path: string;
  /** public: anybody · read to manage: as the repository allows (services/access.ts) · user: any signed-in caller · link: a signed link. */
  access: "public" | "read" | "content" | "contribute" | "write" | "manage" | "user" | "link";
  /**
   * What a token with limits needs for a route of access "user"; "any" is none, also for one that only reads. Without it
   * tokens with limits are refused, as nothing else says what they may do there. Services check the place.
   */
  scope?: Permission | "any";
  summary: string;
  body?: z.ZodType;
  /** Parameters of the query by name, for the OpenAPI document and for whoever reads the declaration. */
  query?: Readonly<Record<string, string>>;
  handle(c: HonoContext<HubEnv>, ctx: Context): Promise<Response> | Response;
}

/** How the names of operations on each type end that have a route of their own, outside of /api. */
export const TYPE_SUFFIX: Readonly<Record<RepoType, string>> = { model: "", dataset: "Dataset", space: "Space" };

export const defineRoute = (route: Route): Route => route;

/** The rows of Hugging Face's list for one address under each type of repository, for a route's `answers`. */
export const ofEach = (method: string, rest: string): string[] =>
  REPO_TYPES.map((type) => `${method} /api/${plural(type)}/{namespace}/{repo}/${rest}`);

/** Refuses who may not call a route of signed-in callers; routes of repositories ask services/access.ts. */
export function requireCaller({ access, scope, operation, method }: Route, actor: Actor | undefined): void {
  if (access !== "user") return;
  if (actor === undefined) throw unauthorized();
  if (scope === "any") return;
  if (actor.limits === undefined) {
    if (method === "GET" || actor.role === "write") return;
    throw forbidden("This token may only read. Use one with the role write.");
  }
  if (scope === undefined)
    throw forbidden(`A token with limits may not call ${operation}; use one with the role write.`);
  if (!permits(actor.limits, scope)) throw forbidden(`This token has no permission "${scope}".`);
}

/** Whose share something counts to: a user's, and anybody else's by where they are. */
export function callerOf(c: HonoContext<HubEnv>): string {
  const { actor } = c.get("ctx");
  return actor === undefined ? networkOf(c) : `user ${actor.id}`;
}

/** "true", "True" and "1", as clients of all ages write it; everything else is no. */
export const isTrue = (value: unknown): boolean => value === true || ["true", "True", "1"].includes(String(value));

const MIB = 1024 * 1024;

/** How much a JSON body may hold: bytes, and values in all its lists and objects. */
export interface JsonLimit {
  bytes: number;
  values: number;
}

const USUAL: JsonLimit = { bytes: MIB, values: 10_000 };
/** Texts of a megabyte, such as cards and comments, with their letters escaped; and two thousand paths of the longest. */
export const LONG_TEXTS: JsonLimit = { bytes: 8 * MIB, values: 10_000 };
/** A list of ten thousand files with a sample of each, or a hundred small ones. */
export const MANY_FILES: JsonLimit = { bytes: 32 * MIB, values: 200_000 };
/** The ten thousand parts of a large file. */
export const MANY_PARTS: JsonLimit = { bytes: 4 * MIB, values: 50_000 };
/** Faults of a body that are told, and letters of what is told. */
const MOST_FAULTS = 3;
const MOST_TOLD = 500;

/** Bytes that are read of a body beyond its limit: a client that is still sending does not see an answer. */
const MOST_UNWANTED = 64 * 1024 * 1024;

/**
 * The chunks of a body, up to a limit: a caller cannot fill the memory. What goes beyond is read and thrown away for a while.
 *
 * @throws ServiceError 413 `BODY_TOO_LARGE`
 */
export async function* limited(body: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let received = 0;
  for await (const chunk of body) {
    received += chunk.length;
    if (received <= limit) yield chunk;
    else if (received > limit + MOST_UNWANTED) break;
  }
  if (received <= limit) return;
  throw new ServiceError(413, `The body has more than ${limit} bytes.`, {
    code: "BODY_TOO_LARGE",
    hint: "Send large files by LFS, and many files in several commits.",
    data: { limit },
  });
}

/** A body at once, up to a limit. */
export async function wholeBody(c: HonoContext<HubEnv>, limit: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of limited(bodyOf(c), limit)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * Parses a JSON body against a schema.
 *
 * @throws ServiceError 413 `BODY_TOO_LARGE` or `BODY_TOO_MANY` beyond the limit, 400 with the first faults of one that does not fit
 */
export async function jsonBody<Schema extends z.ZodType>(
  c: HonoContext<HubEnv>,
  schema: Schema,
  { bytes, values }: JsonLimit = USUAL,
): Promise<z.infer<Schema>> {
  const body = await wholeBody(c, bytes);
  // Before any of them is made: each would be checked, and every fault noted.
  if (hasMoreValues(body, values)) {
    throw new ServiceError(413, `The body has more than ${values} values.`, {
      code: "BODY_TOO_MANY",
      hint: "Send them in several calls.",
      data: { limit: values },
    });
  }
  let value: unknown;
  try {
    value = body.length === 0 ? {} : JSON.parse(body.toString("utf8"));
  } catch {
    throw badRequest("The body is no JSON.");
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.slice(0, MOST_FAULTS);
  const told = faults.map(({ path, message }) => `${path.join(".") || "the whole"}: ${message}`).join("; ");
  throw badRequest(`The body is not as expected: ${told.slice(0, MOST_TOLD)}`);
}

/** The repository that a path names. */
export function repoOf(c: HonoContext<HubEnv>): RepoId {
  const type = REPO_TYPES.find((candidate) => plural(candidate) === (c.req.param("type") ?? "models"));
  const [namespace, name] = [c.req.param("namespace"), c.req.param("name")];
  if (type === undefined || namespace === undefined || name === undefined) throw repoNotFound();
  return { type, namespace, name: name.replace(/\.git$/, "") };
}

/**
 * Splits what stands where the route has its star into revision and path. The raw path is cut first and decoded after,
 * because clients send revisions both encoded ("refs%2Fpr%2F1") and plain ("refs/pr/1").
 */
export function splitRevision(c: HonoContext<HubEnv>): { revision: string; path: string } {
  // By its place, not by the word before it: an owner or a repository may be called by that word, too.
  const raw = oneSlash(new URL(c.req.url).pathname).split("/");
  const segments = raw.slice(routePath(c).split("/").indexOf("*"));
  const take = segments[0] === "refs" ? 3 : 1;
  return { revision: decode(segments.slice(0, take).join("/")), path: decode(segments.slice(take).join("/")) };
}

/** Clients whose endpoint ends in a slash ask for "//datasets/…". */
export const oneSlash = (path: string): string => path.replace(/^\/{2,}/, "/");

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badRequest(`"${text}" is not properly percent-encoded.`);
  }
}

/** Where the client reaches us: links are built from the host it used. */
export function originOf(c: HonoContext<HubEnv>): string {
  const url = new URL(c.req.url);
  const told = c.req.header("x-forwarded-proto")?.split(",")[0]?.trim().toLowerCase();
  const protocol = told === "http" || told === "https" ? `${told}:` : url.protocol;
  return `${protocol}//${c.req.header("host") ?? url.host}`;
}
