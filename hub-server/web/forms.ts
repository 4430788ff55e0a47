// What routes of pages read off forms and addresses.
// Holds no routes.
import type { C } from "./respond.tsx";

/** Only paths of this hub: a login must not lead elsewhere. Browsers leave tabs and line ends out of addresses. */
export const safeNext = (value: unknown): string =>
  typeof value === "string" && /^\/(?![/\\])\P{Cc}*$/u.test(value) ? value : "/";

export const field = (form: FormData, name: string): string => {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
};

export const fields = (form: FormData, name: string): string[] =>
  form.getAll(name).filter((value) => typeof value === "string");

/** To the login and back here, the query included. */
export function toLogin(c: C): Response {
  const { pathname, search } = new URL(c.req.url);
  return c.redirect(`/login?next=${encodeURIComponent(`${pathname}${search}`)}`, 303);
}
