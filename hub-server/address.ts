// Where a request comes from.
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";

/** The caller's address. A proxy on this machine says whom it speaks for, nobody else may. */
export function addressOf(c: Context): string {
  const { address = "" } = getConnInfo(c).remote;
  const own = address.replace(/^::ffff:/, "");
  const forwarded = /^127\.|^::1$/.test(own) ? c.req.header("x-forwarded-for")?.split(",").at(-1)?.trim() : undefined;
  return forwarded !== undefined && /^[0-9a-f.:]{2,45}$/i.test(forwarded) ? forwarded : own;
}
