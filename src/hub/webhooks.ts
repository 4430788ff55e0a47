// Webhooks of the caller: what a hub calls when something happens.
// Receives none.
import { z } from "zod";
import { type HubAccess, requestJson, requestText } from "./request.ts";

const watchedSchema = z.looseObject({ type: z.string(), name: z.string() });
const webhookSchema = z.looseObject({
  id: z.string(),
  url: z.string().nullish(),
  watched: z.array(watchedSchema).default([]),
  domains: z.array(z.string()).default([]),
  disabled: z.union([z.boolean(), z.string()]).default(false),
});
/** A webhook: where it calls, and what it watches. */
export type Webhook = z.infer<typeof webhookSchema>;

const oneSchema = z.looseObject({ webhook: webhookSchema });
const webhooksPath = (id?: string, action = ""): string =>
  `/api/settings/webhooks${id === undefined ? "" : `/${encodeURIComponent(id)}`}${action}`;

/**
 * Webhooks of the caller.
 *
 * @example needs a hub
 * ```ts
 * await listWebhooks({ endpoint: "http://127.0.0.1:7860", token: "hf_…" });
 * // [{ id: "65f0…", url: "https://ci.example.org/hub", watched: [{ type: "user", name: "ana" }], … }]
 * ```
 */
export async function listWebhooks(access: HubAccess): Promise<Webhook[]> {
  return (await requestJson(access, webhooksPath(), z.array(webhookSchema))).value;
}

/** What a webhook is called for. */
export interface WebhookOptions {
  /** Users, organizations and repositories that are watched. */
  watched: readonly { type: "user" | "org" | "model" | "dataset" | "space"; name: string }[];
  /** Kinds of events; both where left out. */
  domains?: readonly ("repo" | "discussion")[] | undefined;
  /** Sent along, so that the receiver knows who calls. */
  secret?: string | undefined;
}

/**
 * Makes a webhook.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: "hf_…" };
 * const { id } = await createWebhook(access, "https://ci.example.org/hub", { watched: [{ type: "user", name: "ana" }] });
 * ```
 */
export async function createWebhook(
  access: HubAccess,
  url: string,
  { watched, domains = ["repo", "discussion"], secret }: WebhookOptions,
): Promise<Webhook> {
  const json = { url, watched, domains, ...(secret !== undefined && { secret }) };
  return (await requestJson(access, webhooksPath(), oneSchema, { method: "POST", json })).value.webhook;
}

/**
 * Deletes a webhook.
 *
 * @example needs a hub
 * ```ts
 * await deleteWebhook({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, "65f0…"); // undefined
 * ```
 */
export async function deleteWebhook(access: HubAccess, id: string): Promise<void> {
  await requestText(access, webhooksPath(id), { method: "DELETE" });
}

/**
 * Switches a webhook on, also one that was switched off for its failures, or off.
 *
 * @example needs a hub
 * ```ts
 * await setWebhookEnabled({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, "65f0…", false); // { id: "65f0…", disabled: true, … }
 * ```
 */
export async function setWebhookEnabled(access: HubAccess, id: string, isEnabled: boolean): Promise<Webhook> {
  const path = webhooksPath(id, isEnabled ? "/enable" : "/disable");
  return (await requestJson(access, path, oneSchema, { method: "POST", isRepeatable: true })).value.webhook;
}

const deliverySchema = z.looseObject({
  id: z.string(),
  state: z.string(),
  attempts: z.number(),
  status: z.number().nullish(),
  answer: z.string().nullish(),
  payload: z.looseObject({ event: z.looseObject({ action: z.string(), scope: z.string() }).optional() }),
  createdAt: z.string(),
});
/** What a webhook was told, and what its receiver answered. */
export type WebhookDelivery = z.infer<typeof deliverySchema>;

/**
 * What a webhook was told lately, the newest first. A route of an Abrazo hub.
 *
 * @example needs a hub
 * ```ts
 * await listWebhookDeliveries({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, "65f0…");
 * // [{ id: "66a1…", state: "delivered", status: 200, payload: { event: { action: "update", scope: "repo.content" }, … }, … }]
 * ```
 */
export async function listWebhookDeliveries(access: HubAccess, id: string): Promise<WebhookDelivery[]> {
  return (await requestJson(access, webhooksPath(id, "/logs"), z.array(deliverySchema))).value;
}

const replayedSchema = z.looseObject({ status: z.number().optional() });

/**
 * Sends again what a webhook was told. Returns the status that its receiver answered with.
 *
 * @example needs a hub
 * ```ts
 * await replayWebhook({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }, "65f0…", "66a1…"); // 200
 * ```
 */
export async function replayWebhook(access: HubAccess, id: string, delivery: string): Promise<number | undefined> {
  const path = webhooksPath(id, `/replay/${encodeURIComponent(delivery)}`);
  return (await requestJson(access, path, replayedSchema, { method: "POST" })).value.status;
}
