// Whether a request is sent again, and after how long.
// Sends nothing, and knows no route.

/** Answers of a hub that is busy or behind a gateway that lost it. */
const PASSING = new Set([408, 500, 502, 503, 504]);
const FEW = 3;
const MANY = 6;
/** A limit that is lifted later than this is told to the user instead. */
const LONGEST_MS = 120_000;
const CUT = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "ETIMEDOUT"]);

/**
 * Milliseconds until a refused request is sent again, or undefined when it is not. A limit (429) was refused before
 * anything was done, and so was what waits for another part of the same upload: all may be sent again; what else fails
 * in passing only where twice is the same as once.
 */
export function waitAfterAnswer(
  { status, headers }: Pick<Response, "status" | "headers">,
  tries: number,
  isRepeatable: boolean,
): number | undefined {
  const told = toldWait(headers);
  if (status === 429 || headers.get("x-error-code") === "UPLOAD_BUSY")
    return tries < MANY ? within(told ?? backoff(tries, 1000)) : undefined;
  if (!PASSING.has(status) || !isRepeatable || tries >= FEW) return undefined;
  return within(told ?? backoff(tries, 250));
}

/** The same after a connection that broke; a host that is not there stays so. */
export function waitAfterCut(cause: unknown, tries: number, isRepeatable: boolean): number | undefined {
  return isRepeatable && tries < FEW && CUT.has(codeOf(cause) ?? "") ? backoff(tries, 250) : undefined;
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return "code" in error && typeof error.code === "string" ? error.code : codeOf(error.cause);
}

const within = (milliseconds: number): number | undefined => (milliseconds > LONGEST_MS ? undefined : milliseconds);

/** 1, 2, 4 … times a unit, spread so that many clients do not come back at once. */
const backoff = (tries: number, unit: number): number => unit * 2 ** tries * (0.75 + Math.random() / 2);

/** `Retry-After: 30`, or the `t` of `ratelimit: "api";r=0;t=55`. */
export function toldWait(headers: Headers): number | undefined {
  const after = /^\s*(\d+)\s*$/.exec(headers.get("retry-after") ?? "")?.[1];
  const window = /;\s*t=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1];
  const seconds = after ?? window;
  return seconds === undefined ? undefined : 1000 * Number(seconds);
}
