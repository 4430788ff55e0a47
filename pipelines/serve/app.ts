// createModelApp: every mount in one list.
// Holds no handlers and loads nothing.
import { createHash, timingSafeEqual } from "node:crypto";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { chat, complete } from "./completions.ts";
import { embed } from "./embeddings.ts";
import { asRequestError, badRequest, RequestError, tooLarge, unauthorized } from "./errors.ts";
import { infer } from "./inference-routes.ts";
import type { Limits } from "./limits.ts";
import type { ServedModel } from "./models.ts";
import { type Chosen, failure, listedNames, type Models, modelOf, oneModel } from "./openai.ts";
import type { Tickets } from "./tickets.ts";

export interface AppOptions {
  models: ReadonlyMap<string, ServedModel>;
  tickets: Tickets;
  limits: Limits;
  apiKey: string | undefined;
  /** Origins whose pages may call; none when absent. */
  cors: string | string[] | undefined;
}

/** What the OpenAI API answers, below /v1 and below one model's own /v1. */
const OPENAI: Readonly<Record<string, (c: Context, models: Models, tickets: Tickets) => Promise<Response>>> = {
  "/v1/completions": complete,
  "/v1/chat/completions": chat,
  "/v1/embeddings": embed,
};

export function createModelApp({ models, tickets, limits, apiKey, cors: origin }: AppOptions): Hono {
  const app = new Hono();
  const { listed, all } = listedNames(models);
  const created = Math.floor(Date.now() / 1000);
  if (origin !== undefined) app.use(cors({ origin, allowMethods: ["GET", "POST"] }));
  app.get("/health", (c) => {
    const status = tickets.isStopping ? "stopping" : "ok";
    return c.json({ status, models: models.size }, tickets.isStopping ? 503 : 200);
  });
  if (apiKey !== undefined) app.use(keyed(apiKey));
  app.use(bodyLimit({ maxSize: limits.maxBodyBytes, onError: tooLong(limits.maxBodyBytes) }));

  const shown = (id: string, { model, adapter }: Chosen) => ({
    ...{ id, object: "model", created, owned_by: "abrazo" },
    ...(adapter === undefined ? {} : { parent: model.id }),
  });
  app.get("/v1/models", (c) => c.json({ object: "list", data: [...listed].map(([id, chosen]) => shown(id, chosen)) }));
  app.get("/v1/models/:id{.+}", (c) => {
    const id = pathAfter(c, "/v1/models/");
    return c.json(shown(id, all.get(id)));
  });
  for (const [path, answer] of Object.entries(OPENAI)) app.post(path, (c) => answer(c, all, tickets));

  app.post("/models/:id{.+}", (c) => underModel(c, models, tickets));
  app.post("/pipeline/:task/:id{.+}", (c) => {
    const task = c.req.param("task");
    return infer(c, modelOf(models, pathAfter(c, `/pipeline/${task}/`)), tickets, task);
  });
  const [only] = models.values();
  // A server of one model is an endpoint of it, as those that Hugging Face rents out are.
  if (only !== undefined && models.size === 1) app.post("/", (c) => infer(c, only, tickets));

  app.notFound((c) =>
    errorResponse(
      c,
      new RequestError(404, { code: "NOT_FOUND", message: `There is no ${c.req.method} ${c.req.path}.` }),
    ),
  );
  app.onError((error, c) => errorResponse(c, error));
  return app;
}

/** /models/{id}, and what may stand behind it: /v1/…, or /pipeline/{task}. */
function underModel(c: Context, models: AppOptions["models"], tickets: Tickets): Promise<Response> {
  const rest = pathAfter(c, "/models/");
  const own = Object.entries(OPENAI).find(([path]) => rest.endsWith(path));
  if (own !== undefined) {
    const [path, answer] = own;
    return answer(c, oneModel(modelOf(models, rest.slice(0, -path.length))), tickets);
  }
  const [, id = rest, task] = /^(.+)\/pipeline\/([^/]+)$/.exec(rest) ?? [];
  return infer(c, modelOf(models, id), tickets, task);
}

/** The rest of the path; slashes of names come plain and encoded. */
function pathAfter(c: Context, start: string): string {
  const raw = new URL(c.req.url).pathname.slice(start.length);
  try {
    return decodeURIComponent(raw);
  } catch {
    throw badRequest(`"${raw}" is not properly percent-encoded.`);
  }
}

/** Asks for the key; equal lengths of hashes tell nothing of how much of a wrong one is right. */
function keyed(apiKey: string) {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const wanted = digest(apiKey);
  return async (c: Context, next: () => Promise<void>) => {
    const [, given] = /^bearer +(.+)$/i.exec(c.req.header("authorization") ?? "") ?? [];
    if (given === undefined || !timingSafeEqual(digest(given.trim()), wanted)) throw unauthorized();
    await next();
  };
}

function tooLong(bytes: number) {
  return (): never => {
    throw tooLarge(`The body has more than ${bytes} bytes.`);
  };
}

function errorResponse(c: Context, error: unknown): Response {
  const isOpenAi = c.req.path.includes("/v1/");
  const known = asRequestError(error);
  const wire = isOpenAi
    ? failure(known)
    : { status: known.status, headers: known.headers, body: { error: known.text } };
  for (const [name, value] of Object.entries(wire.headers)) c.header(name, value);
  c.header("Content-Type", "application/json");
  return c.body(JSON.stringify(wire.body), { status: wire.status as 400 }); // safe because every status here is one with a body
}
