// Calls about repositories, as a user and as others.
import { eq } from "drizzle-orm";
import { expect } from "vitest";
import { orgMembers } from "../../hub-server/db/schema/organizations.ts";
import { users } from "../../hub-server/db/schema.ts";
import type { TestHub } from "./hub.ts";

/** A file that a new repository begins with. */
export const base64 = (path: string, content: string) => ({
  path,
  content: Buffer.from(content).toString("base64"),
  encoding: "base64",
});

/** The status and the code of an answer. */
export const outcome = async (response: Promise<Response>) => {
  const { status, headers } = await response;
  return [status, headers.get("x-error-code")];
};

/** @param maker the token of who makes repositories where no other is given */
export function repoCalls(hub: () => TestHub, maker: () => string) {
  const call = (path: string, token?: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${hub().url}${path}`, {
      ...init,
      headers: { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    });
  const send = (method: string, path: string, token: string | undefined, body: unknown): Promise<Response> =>
    call(path, token, { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  const create = (name: string, more: object = {}, token = maker()) =>
    send("POST", "/api/repos/create", token, { name, ...more });

  async function info(path: string, token?: string): Promise<Record<string, unknown>> {
    const response = await call(path, token);
    expect([path, response.status]).toEqual([path, 200]);
    return response.json();
  }

  async function organization(
    name: string,
    members: Readonly<Record<string, "read" | "contributor" | "write" | "admin">>,
  ) {
    const { db } = hub().deps;
    const [org] = await db.insert(users).values({ name, kind: "org" }).returning({ id: users.id });
    for (const [member, role] of Object.entries(members)) {
      const [user] = await db.select({ id: users.id }).from(users).where(eq(users.name, member));
      await db.insert(orgMembers).values({ orgId: org?.id ?? "", userId: user?.id ?? "", role });
    }
  }

  return { call, send, create, info, organization };
}
