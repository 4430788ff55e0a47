// modelServer: models loaded, an app over them, a port where one is asked for, and all of it given back.
// Holds no routes. pipeline() is handed in: it stands above this folder.
import type { Hono } from "hono";
import { z } from "zod";
import { AbrazoError } from "../../src/errors.ts";
import { DEVICES } from "../../src/tensor/index.ts";
import { count, ONNX_DTYPES, parseOptions } from "../options.ts";
import { createModelApp } from "./app.ts";
import { limitsSchema } from "./limits.ts";
import { type Listening, listen } from "./listen.ts";
import { loadModels, type OpenPipeline } from "./models.ts";
import { Tickets } from "./tickets.ts";

const name = z.string().min(1);

const sourceSchema = z.union([
  name,
  z.strictObject({
    /** A folder, or a repository as namespace/name. */
    model: name,
    /** Its name in requests; the repository's, or the last part of the folder, when absent. */
    id: name.optional(),
    /** What it does; what its config was saved for when absent. */
    task: name.optional(),
    revision: name.optional(),
    /** Adapters of LoRA by their names in requests: folders, or repositories as namespace/name or namespace/name@revision. */
    adapters: z.record(name, name).optional(),
  }),
]);

const serverSchema = z.strictObject({
  ...limitsSchema.shape,
  /** What is served. */
  models: z.array(sourceSchema).min(1),
  /** Who calls must send this as a bearer token; nobody must when absent. */
  apiKey: name.optional(),
  /** Origins whose pages may call, or "*"; none when absent. */
  cors: z.union([name, z.array(name).min(1)]).optional(),
  /** Inputs of requests that run together at most, and texts that grow together; 32 when absent. */
  batchSize: count.optional(),
  /** Computes each model in a thread of its own, or in so many: the server answers others meanwhile. In its own thread when absent. */
  worker: z
    .union([z.boolean(), z.strictObject({ count: count.optional() })], "expected true, false or { count: 1, 2, … }")
    .optional(),
  device: z.enum(DEVICES).optional(),
  dtype: z.enum(ONNX_DTYPES).optional(),
  threads: count.optional(),
  token: name.optional(),
  endpoint: name.optional(),
  cacheDir: name.optional(),
  localFilesOnly: z.boolean().optional(),
});

/** Which models are served, where they run, who may call, and how much. */
export type ModelServerOptions = z.input<typeof serverSchema>;

/** A model of a server. */
export interface ServedModelInfo {
  id: string;
  task: string;
  /** Names of its adapters. */
  adapters: readonly string[];
  /** Requests so far, and calls of the pipeline that they took: fewer, where several were answered together. */
  requests: number;
  runs: number;
}

/** Models behind HTTP. */
export interface ModelServer {
  /** The routes, to be called as they are or mounted in another app. */
  readonly app: Hono;
  readonly models: readonly ServedModelInfo[];
  /** Listens; on 127.0.0.1 and any free port unless told otherwise. */
  listen(options?: { port?: number | undefined; host?: string | undefined }): Promise<{ url: string }>;
  /**
   * Takes no more requests, waits for those on their way, and gives ports and memory back. What runs longer than `grace`
   * milliseconds, 30 000 when absent, is ended.
   */
  close(options?: { grace?: number }): Promise<void>;
}

const GRACE = 30_000;

export async function startModelServer(open: OpenPipeline, given: ModelServerOptions): Promise<ModelServer> {
  const { models: sources, apiKey, cors, ...options } = parseOptions("modelServer()", serverSchema, given);
  const { maxBodyBytes, maxInputs, maxTextLength, maxNewTokens, maxSequences, maxQueue, timeout, ...where } = options;
  const limits = { maxBodyBytes, maxInputs, maxTextLength, maxNewTokens, maxSequences, maxQueue, timeout };
  const models = await loadModels(
    open,
    sources.map((source) => (typeof source === "string" ? { model: source } : source)),
    { ...where, limits },
  );
  const tickets = new Tickets();
  const listening: Listening[] = [];
  let closed: Promise<void> | undefined;
  const close = async (grace: number) => {
    await tickets.stop(grace);
    for (const each of listening) await each.close();
    for (const model of models.values()) await model.dispose();
  };
  const app = createModelApp({ models, tickets, limits, apiKey, cors });
  return {
    app,
    get models() {
      return [...models.values()].map(({ id, task, adapters, counts }) => ({ id, task, adapters, ...counts }));
    },
    listen: async ({ port = 0, host = "127.0.0.1" } = {}) => {
      if (closed !== undefined) throw closedError();
      const made = await listen(app, host, port);
      listening.push(made);
      return { url: made.url };
    },
    close: ({ grace = GRACE } = {}) => {
      closed ??= close(grace);
      return closed;
    },
  };
}

function closedError(): AbrazoError {
  return new AbrazoError({
    code: "SERVER_CLOSED",
    message: "This server of models was closed.",
    hint: "Make a new one with modelServer().",
  });
}
