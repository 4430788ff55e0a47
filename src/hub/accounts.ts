// Tokens of the caller, and organizations with their members. Routes of an Abrazo hub; huggingface.co has pages for most of them.
// Keeps no token: that is credentials.ts.
import { z } from "zod";
import { pagesOf, takeOf } from "./client.ts";
import { type HubAccess, requestJson, requestText } from "./request.ts";

const tokenSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  role: z.string(),
  createdAt: z.string().nullish(),
  expiresAt: z.string().nullish(),
  lastUsedAt: z.string().nullish(),
});
/** A token without its value. */
export type AccessToken = z.infer<typeof tokenSchema>;

/**
 * Tokens of the caller.
 *
 * @example needs a hub
 * ```ts
 * await listTokens({ endpoint: "http://127.0.0.1:7860", token: "hf_…" });
 * // [{ id: "…", name: "laptop", role: "write", lastUsedAt: "2026-05-01T10:00:00.000Z", … }]
 * ```
 */
export async function listTokens(access: HubAccess): Promise<AccessToken[]> {
  return (await requestJson(access, "/api/settings/tokens", z.array(tokenSchema))).value;
}

/** What a token may do and until when. */
export interface TokenOptions {
  role?: "read" | "write" | "fineGrained" | undefined;
  /** Of a fine-grained token: what it may do everywhere, and what with one user, organization or repository. */
  fineGrained?:
    | {
        global?: readonly string[] | undefined;
        scoped?: readonly { entity: { type: string; name: string }; permissions: readonly string[] }[] | undefined;
      }
    | undefined;
  expiresAt?: Date | undefined;
}

const madeSchema = z.looseObject({ id: z.string().optional(), token: z.string() });

/**
 * Makes a token. Its value is given this once.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * const scope = { entity: { type: "model", name: "ana/mood" }, permissions: ["repo.write"] };
 * const { token } = await createToken(access, "ci", { role: "fineGrained", fineGrained: { scoped: [scope] } });
 * ```
 */
export async function createToken(
  access: HubAccess,
  name: string,
  { role = "read", fineGrained, expiresAt }: TokenOptions = {},
): Promise<{ token: string; id?: string | undefined }> {
  const json = {
    name,
    role,
    ...(fineGrained !== undefined && { fineGrained }),
    ...(expiresAt !== undefined && { expiresAt: expiresAt.toISOString() }),
  };
  return (await requestJson(access, "/api/settings/tokens", madeSchema, { method: "POST", json })).value;
}

/**
 * Revokes a token of the caller by its id.
 *
 * @example needs a hub
 * ```ts
 * await revokeToken({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, "0a1b…"); // undefined
 * ```
 */
export async function revokeToken(access: HubAccess, id: string): Promise<void> {
  await requestText(access, `/api/settings/tokens/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/** What a member may do: read, make own repositories, change all, manage. */
export type OrganizationRole = "read" | "contributor" | "write" | "admin";

const orgPath = (name: string, rest = ""): string => `/api/organizations/${encodeURIComponent(name)}${rest}`;

/**
 * Makes an organization, of which the caller is the first administrator.
 *
 * @example needs a hub
 * ```ts
 * await createOrganization({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, "team", { fullname: "The Team" });
 * ```
 */
export async function createOrganization(
  access: HubAccess,
  name: string,
  { fullname }: { fullname?: string | undefined } = {},
): Promise<void> {
  const json = { name, ...(fullname !== undefined && { fullname }) };
  await requestText(access, "/api/organizations", { method: "POST", json });
}

const memberSchema = z.looseObject({
  user: z.string(),
  fullname: z.string().nullish(),
  role: z.string().optional(),
});
/** Who belongs to an organization; `role` is told to members. */
export type OrganizationMember = z.infer<typeof memberSchema>;

/**
 * Members of an organization.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * await listOrganizationMembers(access, "team"); // [{ user: "ana", fullname: "Ana", role: "admin", … }]
 * ```
 */
export function listOrganizationMembers(access: HubAccess, name: string): Promise<OrganizationMember[]> {
  return takeOf(pagesOf(access, orgPath(name, "/members"), memberSchema));
}

/**
 * Takes a user into an organization.
 *
 * @example needs a hub
 * ```ts
 * await addOrganizationMember({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, "team", "bob", "write");
 * ```
 */
export async function addOrganizationMember(
  access: HubAccess,
  name: string,
  user: string,
  role: OrganizationRole = "read",
): Promise<void> {
  await requestText(access, orgPath(name, "/members"), { method: "POST", json: { user, role } });
}

/**
 * Changes what a member may do.
 *
 * @example needs a hub
 * ```ts
 * await setOrganizationRole({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, "team", "bob", "admin");
 * ```
 */
export async function setOrganizationRole(
  access: HubAccess,
  name: string,
  user: string,
  role: OrganizationRole,
): Promise<void> {
  const path = orgPath(name, `/members/${encodeURIComponent(user)}/role`);
  await requestText(access, path, { method: "PUT", json: { role }, isRepeatable: true });
}

/**
 * Takes a member out of an organization.
 *
 * @example needs a hub
 * ```ts
 * await removeOrganizationMember({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, "team", "bob");
 * ```
 */
export async function removeOrganizationMember(access: HubAccess, name: string, user: string): Promise<void> {
  await requestText(access, orgPath(name, `/members/${encodeURIComponent(user)}`), { method: "DELETE" });
}
