// Webhooks of the caller.
import type { Context as HonoContext } from "hono";
import { z } from "zod";
import { WEBHOOK_DOMAINS } from "../db/schema/webhooks.ts";
import { badRequest, ServiceError } from "../errors.ts";
import {
  createWebhook,
  deleteWebhook,
  getWebhook,
  listDeliveries,
  listWebhooks,
  replay,
  toggleWebhook,
  updateWebhook,
  WATCHED_TYPES,
  type Webhook,
} from "../services/webhooks.ts";
import { defineRoute, type HubEnv, jsonBody, originOf } from "./route.ts";

const BASE = "/api/settings/webhooks";
const ONE = `${BASE}/:webhookId`;

const inputSchema = z.object({
  watched: z
    .array(z.object({ type: z.enum(WATCHED_TYPES), name: z.string().min(1).max(200) }))
    .max(100)
    .optional(),
  url: z.string().max(2000).nullish(),
  // Printable ASCII: it travels as a header.
  secret: z
    .string()
    .regex(/^[\x20-\x7e]{0,256}$/, "it has up to 256 letters of ASCII")
    .nullish(),
  domains: z.array(z.enum(WEBHOOK_DOMAINS)).min(1).max(10).optional(),
  job: z.unknown().optional(),
  jobSourceId: z.unknown().optional(),
});

async function inputOf(c: HonoContext<HubEnv>) {
  const { url, secret, watched, domains, job, jobSourceId } = await jsonBody(c, inputSchema);
  if (job != null || jobSourceId != null)
    throw new ServiceError(501, "This hub runs no jobs; a webhook needs a url.", { code: "NOT_IMPLEMENTED" });
  return { url: url ?? undefined, secret: secret ?? undefined, watched, domains };
}

const wire = ({ secret, lastTriggerAt, ...webhook }: Webhook) => ({
  ...webhook,
  ...(secret !== null && { secret }),
  ...(lastTriggerAt !== null && { lastTriggerAt: lastTriggerAt.toISOString() }),
});

const idOf = (c: HonoContext<HubEnv>): string => c.req.param("webhookId") ?? "";

const list = defineRoute({
  operation: "listWebhooks",
  answers: ["GET /api/settings/webhooks"],
  method: "GET",
  path: BASE,
  access: "user",
  scope: "user.webhooks.read",
  summary: "Webhooks of the caller",
  handle: async (c, ctx) => c.json((await listWebhooks(ctx)).map(wire)),
});

const create = defineRoute({
  operation: "createWebhook",
  answers: ["POST /api/settings/webhooks"],
  method: "POST",
  path: BASE,
  access: "user",
  scope: "user.webhooks.write",
  summary: "Have an address told what happens to repositories",
  body: inputSchema,
  handle: async (c, ctx) => c.json({ webhook: wire(await createWebhook(ctx, await inputOf(c), originOf(c))) }),
});

const get = defineRoute({
  operation: "getWebhook",
  answers: ["GET /api/settings/webhooks/{webhookId}"],
  method: "GET",
  path: ONE,
  access: "user",
  scope: "user.webhooks.read",
  summary: "One webhook",
  handle: async (c, ctx) => c.json({ webhook: wire(await getWebhook(ctx, idOf(c))) }),
});

const update = defineRoute({
  operation: "updateWebhook",
  answers: ["POST /api/settings/webhooks/{webhookId}"],
  method: "POST",
  path: ONE,
  access: "user",
  scope: "user.webhooks.write",
  summary: "Change a webhook; what is left out stays",
  body: inputSchema,
  handle: async (c, ctx) => c.json({ webhook: wire(await updateWebhook(ctx, idOf(c), await inputOf(c), originOf(c))) }),
});

const remove = defineRoute({
  operation: "deleteWebhook",
  answers: ["DELETE /api/settings/webhooks/{webhookId}"],
  method: "DELETE",
  path: ONE,
  access: "user",
  scope: "user.webhooks.write",
  summary: "Delete a webhook with its log",
  handle: async (c, ctx) => {
    await deleteWebhook(ctx, idOf(c));
    return c.json({});
  },
});

const toggle = defineRoute({
  operation: "toggleWebhook",
  answers: ["POST /api/settings/webhooks/{webhookId}/{action}"],
  method: "POST",
  path: `${ONE}/:action`,
  access: "user",
  scope: "user.webhooks.write",
  summary: "Switch a webhook on or off",
  handle: async (c, ctx) => {
    const action = c.req.param("action");
    if (action !== "enable" && action !== "disable") throw badRequest(`"${action}" is not enable or disable.`);
    return c.json({ webhook: wire(await toggleWebhook(ctx, idOf(c), action === "enable")) });
  },
});

const logs = defineRoute({
  operation: "listWebhookLogs",
  method: "GET",
  path: `${ONE}/logs`,
  access: "user",
  scope: "user.webhooks.read",
  summary: "What a webhook was told lately, and what its receiver answered",
  handle: async (c, ctx) => {
    const rows = await listDeliveries(ctx, idOf(c));
    return c.json(
      rows.map(({ id, state, attempts, status, answer, payload, createdAt, finishedAt }) => ({
        id,
        state,
        attempts,
        status,
        answer,
        payload,
        createdAt: createdAt.toISOString(),
        finishedAt: finishedAt?.toISOString() ?? null,
      })),
    );
  },
});

const again = defineRoute({
  operation: "replayWebhook",
  answers: ["POST /api/settings/webhooks/{webhookId}/replay/{logId}"],
  method: "POST",
  path: `${ONE}/replay/:logId`,
  access: "user",
  scope: "user.webhooks.write",
  summary: "Send an entry of the log again",
  handle: async (c, ctx) => c.json({ status: await replay(ctx, idOf(c), c.req.param("logId") ?? "") }),
});

export const webhookRoutes = [list, create, logs, toggle, again, get, update, remove];
