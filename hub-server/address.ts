// Where a request comes from.
import { isIP } from "node:net";
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";

/** The caller's address. A proxy on this machine says whom it speaks for, nobody else may. */
export function addressOf(c: Context): string {
  const own = plain(getConnInfo(c).remote.address ?? "");
  if (!/^127\.|^::1$/.test(own)) return own;
  const forwarded = plain(c.req.header("x-forwarded-for")?.split(",").at(-1)?.trim() ?? "");
  return isIP(forwarded) === 0 ? own : forwarded;
}

/** Whose share something counts to: who has one address of IPv6 has a network of 64 bits of them. */
export function networkOf(c: Context): string {
  const address = addressOf(c);
  if (isIP(address) !== 6) return address;
  // The parser writes every spelling of an address in one way.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const [before, after] = [head, tail ?? ""].map((part) => part.split(":").filter(Boolean));
  const zeros = Array.from({ length: 8 - (before?.length ?? 0) - (after?.length ?? 0) }, () => "0");
  return [...(before ?? []), ...zeros, ...(after ?? [])].slice(0, 4).join(":");
}

/** Without what some write around it: the brackets and ports of proxies, the interface it came by, and IPv4's place in IPv6. */
const plain = (text: string): string =>
  text
    .replace(/^\[(.*)\](:\d+)?$|^([\d.]+):\d+$/, "$1$3")
    .replace(/%.*$/, "")
    .replace(/^::ffff:(?=[\d.]+$)/i, "");
