// An error → what clients of the API read: status, headers, one sentence as JSON. What nobody expected is logged.
// Knows no routes.
import { AbrazoError } from "../src/errors.ts";
import { log } from "../src/log.ts";
import { databaseTrouble } from "./db/away.ts";
import { inWords, withStack } from "./db/in-words.ts";
import { badRequest, ServiceError } from "./errors.ts";
import { asStorageError, diskFull } from "./storage/disk-full.ts";

/** Letters of a header; clients take no answer whose headers are longer than some 16 KiB, and an error may repeat what they sent. */
const MOST_LETTERS = 1000;

/** Header values are one line of Latin-1. */
export const headerSafe = (text: string): string => text.slice(0, MOST_LETTERS).replace(/[^\x20-\x7e]+/g, " ");

/** Postgres's codes for text that it cannot hold: a NUL, or bytes that are no Unicode. */
const NO_TEXT = new Set(["22021", "22P05"]);

/** Its codes for what another call did at the same moment: a row with the same key, one that is gone, two that wait for each other. */
const MEANWHILE = new Set(["23505", "23503", "40P01"]);

/** The code with which the database refused a statement. */
function databaseCode(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

/** Whether the caller went away in the middle of its body: nobody reads the answer, and nothing is wrong here. */
const isCutOff = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ECONNRESET" && error.message === "aborted";

/** What to tell whoever asked. An error that nobody expected is logged under the request's id, and told without details. */
export function asServiceError(error: unknown, requestId: string | undefined): ServiceError {
  const known = asStorageError(error);
  if (known instanceof ServiceError) return known;
  if (isCutOff(error)) return badRequest("The request was cut off before its end.");
  if (NO_TEXT.has(databaseCode(error)))
    return badRequest("The request is not allowed: it holds a NUL or broken Unicode.");
  const trouble = databaseTrouble(error);
  if (trouble !== undefined) log.warn(`request ${requestId}: the database is ${trouble}: ${inWords(error)}`);
  if (trouble === "full") return diskFull();
  if (trouble === "away")
    return new ServiceError(503, "The hub's database cannot be reached at the moment.", {
      code: "DATABASE_AWAY",
      hint: "Try again in a few seconds.",
      headers: { "Retry-After": "2" },
    });
  const details = `request ${requestId}: ${withStack(error)}`;
  if (MEANWHILE.has(databaseCode(error))) {
    log.warn(details);
    return new ServiceError(409, "Somebody changed the same thing at this moment.", {
      code: "CHANGED_MEANWHILE",
      hint: "Look at it again, and try again if that is still wanted.",
    });
  }
  log.error(details);
  const message =
    error instanceof AbrazoError
      ? error.message
      : "Internal error; the server's log has the details under this request id.";
  return new ServiceError(500, message, { code: "INTERNAL" });
}

export function errorResponse(error: unknown, requestId: string | undefined): Response {
  const { status, message, hint, code, wireCode, headers: own } = asServiceError(error, requestId);
  const text = hint === undefined ? message : `${message} ${hint}`;
  const headers = {
    "Content-Type": "application/json",
    ...(requestId !== undefined && { "X-Request-Id": requestId }),
    ...own,
    "X-Error-Message": headerSafe(text),
    "X-Error-Code": wireCode ?? code,
  };
  return new Response(JSON.stringify({ error: text }), { status, headers });
}
