// The Range header of places that know no empty files and no multiple ranges.
import type { Context as HonoContext } from "hono";
import { ServiceError } from "../errors.ts";
import type { HubEnv } from "./route.ts";

/**
 * The bytes [start, end) that a request asks for; undefined is all, also where the header is of a form that nobody sends.
 *
 * @throws 416 for a range that begins at the end or beyond it; one that only ends there is cut
 */
export function rangeOf(c: HonoContext<HubEnv>, size: number): { start: number; end: number } | undefined {
  const [, from = "", to = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(c.req.header("range") ?? "") ?? [];
  if (from === "" && to === "") return undefined;
  const start = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === "" || to === "" ? size : Math.min(size, Number(to) + 1);
  if (start < end) return { start, end };
  throw new ServiceError(416, `There are ${size} bytes.`, {
    code: "RANGE",
    headers: { "Content-Range": `bytes */${size}` },
  });
}
