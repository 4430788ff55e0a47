// How many calls of the API one caller may make in a while: a fixed window, told in headers that clients wait by.
// Kept in this process alone: several processes allow each their own. Knows no routes.
import { AbrazoError } from "../src/errors.ts";
import { ServiceError } from "./errors.ts";

export interface RateLimit {
  /** Calls that a caller may make within the window. */
  requests: number;
  /** The window's length. */
  seconds: number;
}

/** Callers that are told apart in one window; those beyond share what one may. */
const MOST_CALLERS = 100_000;
const OTHERS = "others";

/** Counts a call; gives the headers that tell how many are left, or throws a 429 that says when to come again. */
export function rateLimiter(
  { requests, seconds }: RateLimit,
  now: () => number = Date.now,
): (caller: string) => Record<string, string> {
  const calls = new Map<string, number>();
  let window = 0;
  return (caller) => {
    const time = now() / 1000;
    const current = Math.floor(time / seconds);
    if (current !== window) calls.clear();
    window = current;
    const key = calls.has(caller) || calls.size < MOST_CALLERS ? caller : OTHERS;
    const made = (calls.get(key) ?? 0) + 1;
    calls.set(key, made);
    const wait = Math.max(1, Math.ceil((current + 1) * seconds - time));
    const headers = {
      RateLimit: `"api";r=${Math.max(0, requests - made)};t=${wait}`,
      "RateLimit-Policy": `"fixed window";"api";q=${requests};w=${seconds}`,
    };
    if (made <= requests) return headers;
    throw new ServiceError(429, `More than ${requests} calls in ${seconds} seconds.`, {
      code: "RATE_LIMITED",
      hint: `Try again in ${wait} seconds.`,
      headers: { ...headers, "Retry-After": `${wait}` },
    });
  };
}

/** "1000/300" is a thousand calls in five minutes; empty is no limit. */
export function parseRateLimit(text: string): RateLimit | undefined {
  if (text === "") return undefined;
  const [, requests, seconds] = /^([1-9]\d{0,8})\/([1-9]\d{0,5})$/.exec(text) ?? [];
  if (requests !== undefined && seconds !== undefined) return { requests: Number(requests), seconds: Number(seconds) };
  throw new AbrazoError({
    code: "BAD_RATE_LIMIT",
    message: `"${text}" is no rate limit.`,
    hint: 'Write calls and seconds, as "1000/300" for a thousand calls in five minutes.',
    data: { text },
  });
}
