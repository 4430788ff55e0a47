// Public keys by which a user is known to git over SSH. Routes of an Abrazo hub; huggingface.co has a page for them.
import { z } from "zod";
import { type HubAccess, requestJson, requestText } from "./request.ts";

const keySchema = z.looseObject({
  id: z.string(),
  title: z.string(),
  /** Kind and key, as in a file that ends in .pub. */
  key: z.string(),
  /** As ssh-keygen shows it: "SHA256:…". */
  fingerprint: z.string(),
  createdAt: z.string(),
  lastUsedAt: z.string().nullable(),
});
/** A public key of the caller. */
export type SshKey = z.infer<typeof keySchema>;

/**
 * Keys of the caller, the oldest first.
 *
 * @example needs a hub
 * ```ts
 * await listSshKeys({ endpoint: "http://127.0.0.1:7860", token: "hf_…" });
 * // [{ id: "…", title: "ana@laptop", fingerprint: "SHA256:…", … }]
 * ```
 */
export async function listSshKeys(access: HubAccess): Promise<SshKey[]> {
  return (await requestJson(access, "/api/settings/ssh-keys", z.array(keySchema))).value;
}

/**
 * Adds a key: whoever has its private half speaks for the caller over SSH.
 *
 * @param key a line like `ssh-ed25519 AAAA… ana@laptop`, of a file that ends in .pub
 * @param title what to call it; its own comment when left out
 *
 * @example needs a hub
 * ```ts
 * await addSshKey({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, "ssh-ed25519 AAAA… ana@laptop");
 * ```
 */
export async function addSshKey(access: HubAccess, key: string, title?: string): Promise<SshKey> {
  const json = { key, ...(title !== undefined && { title }) };
  return (await requestJson(access, "/api/settings/ssh-keys", keySchema, { method: "POST", json })).value;
}

/**
 * Removes a key of the caller.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * for (const { id } of await listSshKeys(access)) await removeSshKey(access, id);
 * ```
 */
export async function removeSshKey(access: HubAccess, id: string): Promise<void> {
  await requestText(access, `/api/settings/ssh-keys/${encodeURIComponent(id)}`, { method: "DELETE" });
}
