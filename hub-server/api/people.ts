// Users and organizations as clients read them. Knows no routes.
import type { Context as HonoContext } from "hono";
import type { Account } from "../services/users.ts";
import { wireId } from "../services/wire-ids.ts";
import { type HubEnv, originOf } from "./route.ts";

/** Where an account's picture is. */
export const avatarUrl = (c: HonoContext<HubEnv>, { name }: Pick<Account, "name">): string =>
  `${originOf(c)}/api/avatars/${name}/picture`;

/** A user in lists: of followers, members, likers. */
export const wireUser = (c: HonoContext<HubEnv>, account: Account) => ({
  _id: wireId(account.id),
  user: account.name,
  fullname: account.fullName ?? account.name,
  avatarUrl: avatarUrl(c, account),
  isPro: false,
  type: account.kind === "org" ? "org" : "user",
});

/** An organization among those of a user. */
export const wireOrg = (c: HonoContext<HubEnv>, account: Account) => ({
  id: wireId(account.id),
  type: "org",
  name: account.name,
  fullname: account.fullName ?? account.name,
  avatarUrl: avatarUrl(c, account),
  isEnterprise: false,
});

/** The address of a picture as JSON; where an image is expected, the way to it. */
export function avatarResponse(c: HonoContext<HubEnv>, account: Pick<Account, "name">): Response {
  const url = avatarUrl(c, account);
  const shown = c.req.header("sec-fetch-dest") === "image" || ["1", "true"].includes(c.req.query("redirect") ?? "");
  return shown ? c.redirect(url, 302) : c.json({ avatarUrl: url });
}
