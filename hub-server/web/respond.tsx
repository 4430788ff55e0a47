// What every page is sent with, and the page for an error.
// Holds no routes.
import type { Context as HonoContext } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { plural, REPO_TYPES, type RepoId, type RepoType, repoPath } from "../../src/hub/repo-id.ts";
import { type HubEnv, originOf } from "../api/route.ts";
import type { Actor } from "../context.ts";
import { asServiceError, errorResponse } from "../error-response.ts";
import { type ServiceError, unauthorized } from "../errors.ts";
import type { Shell } from "./layout.tsx";
import { ErrorPage, type ErrorWords } from "./pages/error.tsx";
import type { Addresses } from "./usage.ts";

export type C = HonoContext<HubEnv>;

/** Nothing runs or loads but what this hub serves itself. */
const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** A page with its doctype: without one, browsers fall back to the layout rules of the nineties. */
export function html(
  c: C,
  page: { toString(): string },
  status: ContentfulStatusCode = 200,
  headers: Record<string, string> = {},
): Response | Promise<Response> {
  return c.html(`<!doctype html>${page}`, status, { ...PAGE_HEADERS, ...headers });
}

export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy": POLICY,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "same-origin",
  // What a page shows depends on who asks.
  "Cache-Control": "private, no-cache",
};

export const shellOf = (c: C): Shell => ({ actor: c.get("ctx").actor, path: new URL(c.req.url).pathname });

/** Where this hub is reached, from the host that the client used. */
export function addressesOf(c: C): Addresses {
  const [origin, { served }] = [originOf(c), c.get("ctx").ssh];
  if (served === undefined) return { origin, ssh: undefined };
  return { origin, ssh: `ssh://git@${new URL(origin).hostname}${served.port === 22 ? "" : `:${served.port}`}` };
}

export const idOf = (c: C, type: RepoType): RepoId => ({
  type,
  namespace: c.req.param("namespace") ?? "",
  name: c.req.param("name") ?? "",
});

export function signedIn(c: C): Actor {
  const { actor } = c.get("ctx");
  if (actor === undefined) throw unauthorized();
  return actor;
}

/** The number of a page in an address, from 0. */
export function pageNumber(text: string | undefined): number {
  const number = Math.floor(Number(text ?? 0));
  return Number.isSafeInteger(number) && number > 0 ? Math.min(number, 1_000_000) : 0;
}

/** Programs that do not ask for a page get the error as the API tells it. */
export function errorPage(c: C, thrown: unknown): Response | Promise<Response> {
  if (c.req.header("accept")?.includes("text/html") !== true) return errorResponse(thrown, c.get("requestId"));
  const error = asServiceError(thrown, c.get("requestId"));
  const shell = shellOf(c);
  if (error.status === 401) return c.redirect(`/login?next=${encodeURIComponent(shell.path)}`, 303);
  const words = wordsFor(error, shell.path, c.get("requestId"));
  // safe because services give statuses of errors alone, and those carry a body
  const status = error.status as ContentfulStatusCode;
  return html(c, <ErrorPage shell={shell} status={error.status} words={words} />, status);
}

const TITLES: Readonly<Record<number, string>> = {
  403: "Not allowed",
  404: "Not found",
  409: "Taken already",
  413: "Too large",
  500: "Something broke here",
  503: "Not at this moment",
};

function wordsFor(error: ServiceError, path: string, requestId: string): ErrorWords {
  const title = TITLES[error.status] ?? "That did not work";
  const repo = repoIn(path);
  const revision = error.data["revision"];
  const entry = error.data["path"];
  if (error.wireCode === "RepoNotFound")
    return { title, message: "There is no such repository, or you may not see it." };
  if (error.wireCode === "GatedRepo" && repo !== undefined)
    return { title, message: error.message, back: { href: `${repoPath(repo)}/access`, label: "Access" } };
  if (error.wireCode === "RevisionNotFound" && repo !== undefined) {
    const message = `${repo.namespace}/${repo.name} has no branch, tag or commit “${revision}”.`;
    return { title, message, back: { href: repoPath(repo), label: `Go to ${repo.name}` } };
  }
  if (error.wireCode === "EntryNotFound" && repo !== undefined) {
    const message = `There is no file or folder “${entry}” in this version.`;
    return { title, message, back: { href: `${repoPath(repo)}/tree/main`, label: "All files" } };
  }
  if (error.status === 500)
    return { title, message: "The error is in the server's log.", hint: `Request ${requestId}` };
  return { title, message: error.message, hint: error.hint };
}

/** The repository that an address is about. */
function repoIn(path: string): RepoId | undefined {
  const parts = path.split("/").slice(1);
  const type = REPO_TYPES.find((candidate) => plural(candidate) === parts[0]);
  const [namespace, name] = type === undefined ? parts : parts.slice(1);
  return namespace === undefined || name === undefined ? undefined : { type: type ?? "model", namespace, name };
}
