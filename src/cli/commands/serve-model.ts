// abrazo serve-model: models behind HTTP in the foreground, until it is interrupted.
import { defineCommand, HUB_FLAGS, UsageError } from "../command.ts";

export const serveModel = defineCommand({
  name: "serve-model",
  summary: "Serve models over HTTP, as Hugging Face's Inference API and as OpenAI's.",
  args: [{ name: "MODEL", summary: "Folders, or repositories as NS/NAME", rest: true }],
  flags: {
    ...HUB_FLAGS,
    task: { type: "string", value: "TASK", summary: "What the models do; what each was saved for when left out" },
    port: { type: "number", whole: true, least: 0, most: 65_535, summary: "Port; 8000 when left out, 0 for any" },
    host: { type: "string", value: "ADDRESS", summary: "Address to listen on; 127.0.0.1 when left out" },
    device: { type: "string", value: "cpu|webgpu|cuda|auto", summary: "Where to run; cpu when left out" },
    dtype: {
      type: "string",
      value: "fp32|q8|q4",
      summary: "Weights in 8 or 4 bits, made as they load; fp32 when left out",
    },
    "api-key": { type: "string", value: "KEY", summary: "Ask callers for this bearer token; else ABRAZO_API_KEY" },
    cors: { type: "string", value: "ORIGIN", summary: "Let pages of this origin call; none when left out" },
    "batch-size": {
      type: "number",
      whole: true,
      least: 1,
      summary: "Inputs that run, and texts that grow, together at most; 32 when left out",
    },
    workers: {
      type: "number",
      whole: true,
      least: 0,
      summary: "Threads for each model; 1 when left out (of several on a GPU none), 0 computes in the server's own",
    },
    adapter: {
      ...{ type: "string", many: true, value: "NAME=DIR|NS/NAME" },
      summary: "A LoRA adapter of the model, by its name in requests; may be given again",
    },
  },
  examples: [
    "abrazo serve-model ./my-model",
    "abrazo serve-model ana/mood ana/stories --port 8080",
    "abrazo serve-model ana/nli --task zero-shot-classification --device auto",
    "abrazo serve-model ana/stories --adapter poems=./poems --adapter news=ana/news",
  ],
  run: async ({ args, flags, ui }) => {
    const { chooseDevice } = await import("./train/inputs.ts");
    const { modelServer } = await import("../../../pipelines/index.ts");
    const { DEVICES } = await import("../../tensor/index.ts");
    const { host = "127.0.0.1", port = 8000, endpoint, token, cors, task } = flags;
    const apiKey = flags["api-key"] ?? process.env["ABRAZO_API_KEY"];
    const chosen = chooseDevice(flags.device);
    const dtype = flags.dtype as "q8" | undefined; // safe because modelServer() refuses what is none
    // A model that computes would keep the server from answering anybody else: it gets a thread of its own unless told otherwise. Several
    // cannot have one where they may all use WebGPU.
    const isAlone = args.length === 1 || chosen === undefined || chosen === "cpu";
    const { workers = isAlone ? 1 : 0 } = flags;
    const adapters = adaptersOf(flags.adapter ?? [], args.length);
    const server = await modelServer({
      ...{ models: args.map((model) => ({ model, task, adapters })), worker: workers > 0 && { count: workers } },
      ...{ device: DEVICES.find((name) => name === chosen) },
      ...{ dtype, apiKey, cors, batchSize: flags["batch-size"], endpoint, token },
    });
    const stopped = new Promise<void>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
    });
    try {
      const { url } = await server.listen({ port, host });
      const models = server.models.map(({ id, task: of, adapters: names }) => ({
        ...{ id, task: of },
        ...(names.length > 0 && { adapters: names }),
      }));
      const lines = models.map(
        ({ id, task: of, adapters: names = [] }) =>
          `  ${[`${id}  ${of}`, ...names.map((name) => `+ ${name}`)].join("  ")}`,
      );
      ui.result({ url, models }, [`Models listening on ${url}`, ...lines].join("\n"));
      if (apiKey === undefined && !LOOPBACK.test(host))
        ui.note("Anybody who reaches this address may call: there is no --api-key.");
      await stopped;
      ui.note("Stopping …");
    } finally {
      await server.close();
    }
  },
});

const LOOPBACK = /^(127\.|localhost$|::1$)/;

/** NAME=PLACE, each name once. */
function adaptersOf(words: readonly string[], models: number): Record<string, string> | undefined {
  if (words.length === 0) return undefined;
  if (models > 1) throw usage("--adapter goes with one MODEL, and there are several.");
  const rows = words.map((word) => {
    const [, name, place] = /^([^=]+)=(.+)$/.exec(word) ?? [];
    if (name === undefined || place === undefined)
      throw usage(`--adapter takes NAME=DIR or NAME=NS/NAME, not "${word}".`);
    return [name, place] as const;
  });
  const twice = rows.find(([name], at) => rows.findIndex(([other]) => other === name) !== at);
  if (twice !== undefined) throw usage(`Two adapters are called "${twice[0]}".`);
  return Object.fromEntries(rows);
}

const usage = (message: string): UsageError =>
  new UsageError({ code: "USAGE", message, hint: "See abrazo serve-model --help." });
