// Pages of lists: how many, from where, and the Link to the next one.
import type { Context as HonoContext } from "hono";
import { badRequest } from "../errors.ts";
import { type HubEnv, originOf } from "./route.ts";

export interface PageAsked {
  limit: number;
  offset: number;
}

/** The page that a query asks for; more than the most is the most. */
export function pageOf(c: HonoContext<HubEnv>, { fallback = 100, most = 1000 } = {}): PageAsked {
  const whole = (name: string, value: string | undefined, otherwise: number): number => {
    const number = Number(value ?? otherwise);
    if (!Number.isSafeInteger(number) || number < 0) throw badRequest(`${name} is no whole number: "${value}".`);
    return number;
  };
  const limit = Math.min(Math.max(1, whole("limit", c.req.query("limit"), fallback)), most);
  return { limit, offset: Math.min(whole("cursor", c.req.query("cursor"), 0), 1e9) };
}

/** How many rows a query asks for; what is no number is the usual one. */
export const limitOf = (c: HonoContext<HubEnv>, usual: number, most = usual): number =>
  Math.min(Math.max(1, Math.floor(Number(c.req.query("limit"))) || usual), most);

/** The Link to the next page: everything else that was asked stays. */
export function nextLink(c: HonoContext<HubEnv>, value: string, parameter = "cursor"): string {
  const next = new URL(c.req.url);
  next.searchParams.set(parameter, value);
  return `<${originOf(c)}${next.pathname}${next.search}>; rel="next"`;
}

/**
 * One page as JSON. The list has one row more than the page where there is a next one.
 */
export function pageResponse<Row>(
  c: HonoContext<HubEnv>,
  { limit, offset }: PageAsked,
  rows: readonly Row[],
  wire: (row: Row) => unknown,
): Response {
  const headers: Record<string, string> = {};
  if (rows.length > limit) headers["Link"] = nextLink(c, `${offset + limit}`);
  return c.json(rows.slice(0, limit).map(wire), 200, headers);
}
